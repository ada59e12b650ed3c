# SPDX-License-Identifier: GPL-2.0
"""`make bench`: the costs of both drivers on each machine (see run)."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.append(os.path.join(HERE, "../check.d"))

import report                                   # noqa: E402
from guests import make_share                   # noqa: E402
from jobs import JobFailed                      # noqa: E402
from main import Check, Kernel, TREE, give_to   # noqa: E402

#: What is measured where. Instructions are counted by the emulator, which is
#: slow but always says the same; time is taken at native speed.
MACHINES = [
    Kernel("time-7.3", "uml-perf-7.3", "uml:perf-7.3", 1, 0),
    Kernel("instructions-7.3", "7.3-cloud-amd64", "stock:7.3-cloud-amd64", 1,
           0),
    Kernel("instructions-6.1", "6.1-cloud-amd64", "stock:6.1-cloud-amd64", 1,
           0),
]


class Bench(Check):
    """Builds and machines as in `make check`, one machine at a time."""

    name = "bench"

    def __init__(self):
        super().__init__()
        self.quick = bool(os.environ.get("QUICK"))
        self.kernels = MACHINES[:1] if self.quick else MACHINES
        self.everything = False
        self.measured = {}

    def plan(self):
        prepared = self.plan_prepare()
        plugin = self.plan_plugin(prepared)
        last = []
        for kernel in self.kernels:
            built = self.plan_modules(kernel, prepared, ["vtep"])
            # after each other: two at a time would disturb each other
            last = [self.jobs.add(
                "measure", kernel.name,
                lambda job, kernel=kernel: self.measure(job, kernel),
                [*built, plugin, prepared[kernel.needs], *last],
                self.gate_lost("measure", kernel.name))]
        if not self.quick and not self.expression:
            self.jobs.add("write", "tables", self.write, last)

    def measure(self, job, kernel):
        share = f"{self.scratch}/share-{kernel.name}"
        make_share(TREE, share, f"{self.scratch}/{kernel.machine}",
                   f"{self.scratch}/iproute2/link_vtep.so")
        out = f"{self.out}/{kernel.name}"
        os.makedirs(out)
        native = kernel.machine.startswith("uml")
        argv = [f"{self.machines}/run", kernel.machine, "--share", share,
                "--out", out, "--timeout", "3600",
                *(() if native else ("--icount", "yes", "--mem", "3072")), "--",
                "python3", "selftests/bench/guest.py", "--module",
                "modules/vtep.ko", "-k", self.expression or ".",
                *(() if native else ("--rounds", "1", "--counts"))]
        if self.quick:
            argv.append("--quick")
        if self.jobs.command(job, argv, self.log(kernel.name)):
            raise JobFailed(f"see {self.log(kernel.name)}")
        with open(f"{out}/bench.json", encoding="utf-8") as file:
            self.measured[kernel.name] = json.load(file)
        self.results.add("measure", kernel.name, "passed", job.seconds, "", out)
        self.say_done(job, f"{len(self.measured[kernel.name]['cases'])} cases")

    def write(self, job):
        for path in report.write(self.measured, _commit()):
            give_to(path)
        self.say_done(job, "Documentation/performance/")

    def finish(self):
        for name, measured in self.measured.items():
            self.console.plain(f"\n{name} ({measured['release']})")
            self.console.plain(report.text(measured))
        self.console.plain()
        return super().finish()


def _commit():
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", TREE, "describe", "--always",
         "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(Bench().run())
