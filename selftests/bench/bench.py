# SPDX-License-Identifier: GPL-2.0
"""`make bench`: the costs of both drivers on each machine (see run)."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.append(os.path.join(HERE, "../check.d"))

import report                                   # noqa: E402
import sizes                                    # noqa: E402
from guests import make_share                   # noqa: E402
from jobs import JobFailed                      # noqa: E402
from main import (                              # noqa: E402
    KERNELS, TREE, Check, Kernel, counts, give_to, last_line)

@dataclass(frozen=True)
class Machine(Kernel):
    """guest: options of guest.py; run: of machines/run."""
    guest: tuple = ()
    run: tuple = ()


COUNTING = ("--icount", "yes", "--mem", "3072")
#: What is measured where. Instructions are counted by the emulator, which is
#: slow but always says the same; time is taken at native speed.
MACHINES = [
    Machine("time-7.3", "uml-perf-7.3", "uml:perf-7.3", 1, 0,
            ("--rounds", "4")),
    Machine("instructions-7.3", "7.3-cloud-amd64", "stock:7.3-cloud-amd64", 1,
            0, ("--rounds", "1", "--counts"), COUNTING),
    Machine("instructions-6.1", "6.1-cloud-amd64", "stock:6.1-cloud-amd64", 1,
            0, ("--rounds", "1", "--counts"), COUNTING),
    Machine("processors-7.3", "7.3-cloud-amd64", "stock:7.3-cloud-amd64", 1, 0,
            ("--rounds", "4", "--smp"), ("--smp", "2")),
    Machine("memory-2-cpus", "7.3-cloud-amd64", "stock:7.3-cloud-amd64", 1, 0,
            ("--rounds", "1", "--memory"), ("--smp", "2", "--mem", "3072")),
    Machine("memory-64-cpus", "7.3-cloud-amd64", "stock:7.3-cloud-amd64", 1, 0,
            ("--rounds", "1", "--memory"),
            ("--smp", "2", "--possible", "64", "--mem", "3072")),
]
QUICK = [
    Machine("time-7.3", "uml-perf-7.3", "uml:perf-7.3", 1, 0,
            ("--rounds", "4", "--quick")),
]
LIMIT = 3600        # seconds for a machine


class Bench(Check):
    """Builds and machines as in `make check`, one machine at a time."""

    name, verb = "bench", "measuring with"

    def __init__(self):
        super().__init__()
        self.quick = bool(os.environ.get("QUICK"))
        self.kernels = QUICK if self.quick else MACHINES
        # to Check it would be one of tests
        self.pattern, self.expression = self.expression, ""
        self.everything = False
        self.measured = {}

    def plan(self):
        prepared = self.plan_prepare()
        plugin = self.plan_plugin(prepared)
        built = self.plan_built(prepared)
        last = []
        if self.writes():
            last = [self.jobs.add("prepare", "plots", self.prepare)]
        for kernel in self.kernels:
            # after each other: two at a time would disturb each other
            last = [self.jobs.add(
                "measure", kernel.name,
                lambda job, kernel=kernel: self.measure(job, kernel),
                # and nothing is built meanwhile
                [*built, plugin, *prepared.values(), *last],
                self.gate_lost("measure", kernel.name))]
        if self.writes():
            self.jobs.add("write", "tables", self.write, last,
                          self.gate_lost("write", "tables"))

    def plan_built(self, prepared):
        """Our driver for each machine; VNI filters are of kind vxlan only."""
        machines = {kernel.machine: kernel for kernel in self.kernels}
        names = ["vtep", "vxlan"]
        return [job for kernel in machines.values()
                for job in self.plan_modules(kernel, prepared, names)]

    def writes(self):
        return not self.quick and not self.pattern

    def measure(self, job, kernel):
        share = f"{self.scratch}/share-{kernel.name}"
        make_share(TREE, share, f"{self.scratch}/{kernel.machine}",
                   f"{self.scratch}/iproute2/link_vtep.so")
        out = f"{self.out}/{kernel.name}"
        os.makedirs(out)
        argv = [f"{self.machines}/run", kernel.machine, *kernel.run,
                "--share", share, "--out", out, "--timeout", str(LIMIT), "--",
                "python3", "selftests/bench/guest.py", "--module",
                "modules/vtep.ko", *kernel.guest,
                *(("-k", self.pattern) if self.pattern else ())]
        self.console.say(f"{job}: the cases one after the other, their costs "
                         f"go to {self.log(kernel.name)}")
        status = self.jobs.command(job, argv, self.log(kernel.name))
        shutil.rmtree(share)
        if not os.path.exists(f"{out}/bench.json"):
            log = self.log(kernel.name)
            raise JobFailed(f"status {status}: {last_line(log)} ({log})")
        with open(f"{out}/bench.json", encoding="utf-8") as file:
            self.measured[kernel.name] = json.load(file)
        if "--counts" in kernel.guest:
            self.measured[kernel.name]["cases"] += self.sizes(kernel)
        self.judge(kernel.name, status, job.seconds)
        count = len(self.measured[kernel.name]["cases"])
        self.say_done(job, f"{count} results")

    def judge(self, name, status, seconds):
        """What could not be measured is a failure; so is a bad kernel log."""
        failed = self.measured[name]["failed"]
        if status and not failed:
            failed = {"kernel log": f"status {status}"}
        for case, why in failed.items():
            self.results.add("measure", f"{name}: {case}", "failed", 0, why,
                             self.log(name))
        if not failed:
            self.results.add("measure", name, "passed", seconds, "",
                             self.log(name))

    def sizes(self, kernel):
        """Of both modules: nothing of them needs a machine."""
        cache = os.environ.get("VXLAN_CACHE", "/var/cache/vxlan")
        found, _ = sizes.measure({
            "kernel": sizes.intree(f"{cache}/stock/{kernel.machine}",
                                   f"{self.out}/{kernel.name}"),
            "ours": f"{self.scratch}/{kernel.machine}/vtep.ko"})
        return [case for case in found
                if re.search(self.pattern or "", case["name"])]

    def write(self, job):
        for path in report.write(self.measured, _commit(), _machine()):
            give_to(path)
        self.say_done(job, "Documentation/performance/")

    def finish(self):
        measured = {name: each for name, each in self.measured.items()
                    if each["cases"]}
        for name, each in measured.items():
            self.console.plain(f"\n{report.title(name, each)}\n")
            self.console.plain(report.text(
                each, name.startswith("instructions")))
        if not measured and not self.interrupt:
            self.results.add("measure", "no case of that name", "failed", 0, "",
                             self.out)
        elif measured:
            self.console.plain(f"\n{report.goals(measured)}\n")
        return super().finish()


class Record(Bench):
    """`make counts`: what `make check` compares with."""

    def __init__(self):
        super().__init__()
        self.kernels = [kernel for kernel in KERNELS
                        if kernel.name in counts.KERNELS]

    def plan(self):
        prepared = self.plan_prepare()
        plugin = self.plan_plugin(prepared)
        measured = [self.jobs.add(
            "counts", kernel.name,
            lambda job, kernel=kernel: self.measure(job, kernel),
            [*self.plan_modules(kernel, prepared, ["vtep"]), plugin,
             prepared[kernel.needs]], self.gate_lost("counts", kernel.name))
            for kernel in self.kernels]
        self.jobs.add("write", "counts", self.write, measured)

    def measure(self, job, kernel):
        self.measured[kernel.name] = self.count(job, kernel)
        self.results.add("counts", kernel.name, "passed", job.seconds, "",
                         self.out)

    def write(self, job):
        for name, measured in self.measured.items():
            for case, change in counts.compare(name, measured)[0]:
                if change:
                    self.console.plain(f"  {name}: {case}: {change}")
        give_to(counts.record(self.measured))
        self.say_done(job, os.path.relpath(counts.PATH, TREE))

    def finish(self):
        return Check.finish(self)


def _commit():
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", TREE, "describe", "--always",
         "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _machine():
    """The processor of this host."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*: (.*)", file.read(), re.M)
    return {"model": model[1] if model else os.uname().machine,
            "processors": os.cpu_count()}


if __name__ == "__main__":
    sys.exit((Record if sys.argv[1:] == ["counts"] else Bench)().run())
