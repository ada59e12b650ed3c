# SPDX-License-Identifier: GPL-2.0
"""`make check`: which jobs there are, and in which order (see ../check)."""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass

from console import Console, clock
from files import Times, matching_files, mention, wanted_functions
from guests import Guest, make_share
from jobs import JobFailed, Scheduler
from results import Results
from twins import TwinGuest, judge_all

TREE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.append(os.path.join(TREE, "selftests/bench"))

import counts                                           # noqa: E402

CACHE = os.environ.get("VXLAN_CACHE", "/var/cache/vxlan")


@dataclass(frozen=True)
class Kernel:
    """A kernel the tests run on. slow: factor of deadlines."""
    name: str
    machine: str
    needs: str              # what `prepare` makes for it
    slow: int
    test_limit: int         # seconds for one test


KERNELS = [
    Kernel("6.1", "6.1-cloud-amd64", "stock:6.1-cloud-amd64", 10, 300),
    Kernel("6.12", "6.12-cloud-amd64", "stock:6.12-cloud-amd64", 10, 300),
    Kernel("7.3", "7.3-cloud-amd64", "stock:7.3-cloud-amd64", 10, 300),
    Kernel("debug", "uml-debug-7.3", "uml:debug-7.3", 3, 600),
]
#: Debian's kernels for which tools/static builds.
TARGETS = [f"{kernel}-{flavour}" for kernel in ("6.1", "6.12", "7.3")
           for flavour in ("amd64", "cloud-amd64")] + ["7.3-rt-amd64"]
PARTS = 2           # the tests of a kernel are spread over so many machines


class Check:
    name, verb = "check", "checking"

    def __init__(self):
        self.expression = os.environ.get("T", "").strip()
        self.kernels = chosen_kernels(os.environ.get("K", ""))
        self.files = matching_files(self.expression)
        self.everything = not self.expression and not os.environ.get("K")
        self.out = os.path.abspath(os.path.join(
            os.environ.get("VXLAN_OUT") or f"{TREE}/out", self.name))
        self.machines = os.path.join(TREE, "selftests/machines")
        self.limit = 900 if self.expression else 3600
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)
        self.scratch = tempfile.mkdtemp(prefix=f"vxlan-{self.name}.",
                                        dir="/var/tmp")
        self.console = Console(f"{self.out}/{self.name}.log")
        self.results = Results(self.console, self.out)
        self.results.show_all = bool(self.expression)
        self.jobs = Scheduler(self.console, workers())
        self.times = Times(f"{CACHE}/test-times.json")
        self.interrupt = 0
        self.twin_guests = []

    # ---- jobs

    def plan(self):
        """In the order in which they are started when they can be."""
        prepared = self.plan_prepare()
        names = ["vxlan"]
        if not self.expression or mention(self.files, "VXLAN_VTEP_KO"):
            names.append("vtep")
        built = {k: self.plan_modules(k, prepared, names)
                 for k in self.kernels}
        if not self.expression or any(
                mention(self.files, f"VXLAN_{name}_KO")
                for name in ("SWITCHDEV", "ABI", "IMPORT")):
            for kernel in self.kernels:
                built[kernel] += self.plan_test_modules(kernel, prepared)
        plugin = self.plan_plugin(prepared)
        if self.everything:
            needs = [prepared[f"headers:{target}"] for target in TARGETS]
            self.jobs.add("static", "checks", self.static, needs,
                          self.gate_lost("static", "tools/static"))
        for guest in self.guests():
            kernel = guest.kernel
            needs = [*built[kernel], plugin, prepared[kernel.needs]]
            self.jobs.add("test", f"{kernel.name}/{guest.part}", guest.run,
                          needs, self.guest_lost(guest))
        if not self.expression:
            jobs = self.plan_twins(built, plugin, prepared)
        if self.everything:
            self.jobs.add("twin", "result", self.judge_twins, jobs,
                          self.gate_lost("twin", "result"))
            self.plan_counts(built, plugin, prepared)
            self.jobs.add("planted", "bugs", self.planted,
                          [prepared["uml:debug-7.3"]],
                          self.gate_lost("planted", "machines/selftest"))

    def plan_prepare(self):
        items = [k.needs for k in reversed(self.kernels)]
        items += [f"headers:{k.machine}" for k in self.kernels
                  if not k.machine.startswith("uml")]
        first = []
        if self.everything:
            items += [f"headers:{target}" for target in TARGETS]
            first = [self.jobs.add("prepare", "tools", self.prepare)]
        return {item: self.jobs.add("prepare", item, self.prepare, first)
                for item in dict.fromkeys(items)}

    def plan_modules(self, kernel, prepared, names, tree=TREE):
        """The driver for a machine, under these names, or what else is in a
        folder.
        """
        need = prepared.get(f"headers:{kernel.machine}",
                            prepared[kernel.needs])
        return [self.plan_build(kernel.machine, name, need, tree)
                for name in names]

    def plan_test_modules(self, kernel, prepared):
        """All of selftests/modules: one build makes them."""
        return self.plan_modules(kernel, prepared, ["vtep_switchdev_test"],
                                 f"{TREE}/selftests/modules")

    def plan_build(self, target, name, need, tree=TREE):
        def build(job):
            self.build(job, target, name, tree)
        return self.jobs.add("build", f"{target} {name}.ko", build, [need],
                             self.gate_lost("build", f"{target} {name}.ko"))

    def plan_plugin(self, prepared):
        return self.jobs.add("build", "link_vtep.so", self.build_plugin,
                             [prepared[self.kernels[0].needs]],
                             self.gate_lost("build", "link_vtep.so"))

    def plan_twins(self, built, plugin, prepared, cases=lambda _: ()):
        """The kernel's own driver and ours compared, on each kernel; cases of
        a kernel: expressions of names.
        """
        self.twin_guests = [TwinGuest(self, kernel, cases(kernel))
                            for kernel in self.kernels]
        return [self.jobs.add(
            "twin", guest.kernel.name, guest.run,
            [*built[guest.kernel], plugin, prepared[guest.kernel.needs]],
            self.gate_lost("twin", guest.kernel.name))
            for guest in self.twin_guests]

    def plan_counts(self, built, plugin, prepared):
        """Instructions in a packet, on some of the kernels."""
        return [self.jobs.add(
            "counts", kernel.name,
            lambda job, kernel=kernel: self.compare_counts(job, kernel),
            [*built[kernel], plugin, prepared[kernel.needs]],
            self.gate_lost("counts", kernel.name))
            for kernel in self.kernels if kernel.name in counts.KERNELS]

    def judge_twins(self, _):
        judge_all(self, self.twin_guests)

    def guests(self):
        """The longest first."""
        parts = 1 if self.expression else PARTS
        made = []
        for kernel in self.kernels:
            for number, (seconds, part) in enumerate(
                    self.times.split(kernel.name, self.files, parts), 1):
                made.append((seconds, Guest(self, kernel, number, part)))
        made.sort(key=lambda pair: -pair[0])
        return [guest for _, guest in made]

    # ---- what they do

    def prepare(self, job):
        """Twice if need be: the archive may be out of reach for a moment."""
        log = self.log(f"prepare-{job.name}")
        argv = [f"{self.machines}/prepare", job.name]
        status = self.jobs.command(job, argv, log)
        if status and not self.jobs.processes.stopped:
            self.console.say(f"{job}: {last_line(log)}; once more")
            status = self.jobs.command(job, argv, log)
        if status:
            raise JobFailed(f"status {status}: {last_line(log)} ({log})")
        if job.seconds > 5:
            self.say_done(job, "done")

    def build(self, job, target, name, tree):
        """A warning fails the gate, but what was built can be used."""
        log = self.log(f"build-{target}-{name}")
        argv = [f"{self.machines}/build-module", target,
                f"{self.scratch}/{target}", f"NAME={name}"]
        outcome, env = "passed", {**os.environ, "VXLAN_TREE": tree}
        if self.jobs.command(job, [*argv, "W=1e"], log, env):
            outcome, again = "failed", log.replace(".log", "-again.log")
            if self.jobs.command(job, argv, again, env):
                raise JobFailed(f"{first_error(log)} ({log})")
        self.results.add("build", job.name, outcome, job.seconds,
                         first_error(log) if outcome == "failed" else "", log)
        self.say_done(job, "ok" if outcome == "passed" else "warnings")

    def build_plugin(self, job):
        log = self.log("build-link_vtep")
        folder = f"{self.scratch}/iproute2"
        shutil.copytree(f"{TREE}/iproute2", folder)
        status = self.jobs.command(job, ["make", "-C", folder], log)
        if status:
            raise JobFailed(f"status {status}: {first_error(log)} ({log})")
        self.results.add("build", job.name, "passed", job.seconds, "", log)
        self.say_done(job, "ok")

    def share(self, guest):
        """The folder that a machine gets."""
        folder = f"{self.scratch}/share-{guest.kernel.name}-{guest.part}"
        make_share(TREE, folder, f"{self.scratch}/{guest.kernel.machine}",
                   f"{self.scratch}/iproute2/link_vtep.so")
        return folder

    def count(self, job, kernel):
        """What guest.py has measured of the key cases."""
        name = f"counts-{kernel.name}"
        share = f"{self.scratch}/share-{name}"
        make_share(TREE, share, f"{self.scratch}/{kernel.machine}",
                   f"{self.scratch}/iproute2/link_vtep.so")
        out, log = f"{self.out}/{name}", self.log(name)
        os.makedirs(out)
        run, guest = counts.options()
        status = self.jobs.command(job, [
            f"{self.machines}/run", kernel.machine, *run, "--share", share,
            "--out", out, "--timeout", "900", "--", "python3",
            "selftests/bench/guest.py", "--module", "modules/vtep.ko",
            *guest], log)
        if status:
            raise JobFailed(f"status {status}: {last_line(log)} ({log})")
        with open(f"{out}/bench.json", encoding="utf-8") as file:
            return json.load(file)

    def compare_counts(self, job, kernel):
        found, remark = counts.compare(kernel.name, self.count(job, kernel))
        if remark:
            self.results.note(remark)
        for case, wrong in found:
            self.results.add("counts", f"{kernel.name}: {case}",
                             "failed" if wrong else "passed", 0, wrong,
                             self.log(f"counts-{kernel.name}"))
        self.say_done(job, f"{sum(not wrong for _, wrong in found)} of "
                      f"{len(found)} as recorded")

    def static(self, job):
        """tools/static prints a line for each of its checks."""
        log = self.log("static")
        self.gates(job, "static", [f"{TREE}/tools/static", *TARGETS])

    def planted(self, job):
        """So does machines/selftest, which plants bugs."""
        self.gates(job, "planted", [f"{self.machines}/selftest"])

    def gates(self, job, group, argv):
        """A command that prints `ok NAME` and `FAIL NAME`, then why."""
        log = self.log(group)
        status = self.jobs.command(job, argv, log)
        with open(log, encoding="utf-8", errors="replace") as file:
            blocks = re.split(r"^(ok|not ok|FAIL)\b *", file.read(), flags=re.M)
        found = [self.results.add(
            group, text.split("\n")[0].strip(),
            "passed" if word == "ok" else "failed", 0.0,
            text.partition("\n")[2] if word != "ok" else "", log)
            for word, text in zip(blocks[1::2], blocks[2::2])]
        failed = self.results.count("failed", found)
        if not found or status and not failed:
            raise JobFailed(f"status {status}: {last_line(log)} ({log})")
        self.say_done(job, f"{len(found) - failed} ok, {failed} failed")

    # ---- what cannot be done is not forgotten

    def gate_lost(self, group, name):
        def lost(reason):
            self.results.add(group, name, "failed", 0, reason, self.out)
        return lost

    def guest_lost(self, guest):
        """No machine: each of its test functions has failed."""
        def lost(reason):
            if guest.collected:
                return
            for file in guest.files:
                for test in (wanted_functions(file, self.expression)
                             or ["(its tests)"]):
                    self.results.add(
                        guest.kernel.name, f"{os.path.basename(file)}::{test}",
                        "failed", 0, reason, guest.out or self.out)
        return lost

    def say_done(self, job, text):
        self.console.say(f"{job}: {text}, {clock(job.seconds)}")

    def log(self, name):
        return f"{self.out}/{re.sub(r'[^A-Za-z0-9.]+', '-', name)}.log"

    # ---- start and end

    def run(self):
        signal.signal(signal.SIGINT, self.interrupted)
        signal.signal(signal.SIGTERM, self.interrupted)
        say = self.console.say
        say(f"{self.verb} {TREE}; logs are in {self.out}")
        if self.expression:
            say(f"tests that match '{self.expression}' on "
                + ", ".join(k.name for k in self.kernels))
        self.plan()
        self.jobs.run()
        return self.finish()

    def interrupted(self, number, _):
        self.console.say("interrupted, ending what runs")
        self.interrupt = number
        self.jobs.stop()

    def finish(self):
        """The report; the exit status."""
        if self.interrupt:
            self.results.add("check", "not finished: interrupted", "failed", 0,
                             "", self.out)
        elif self.expression and not self.results.all_tests():
            self.results.add("check", f"no test matches '{self.expression}'",
                             "failed", 0, "", self.out)
        self.results.save()
        if self.everything and not self.interrupt:
            self.times.save(self.results.all)
        shutil.rmtree(self.scratch, ignore_errors=True)
        give_to_caller(os.path.dirname(self.out))
        self.results.summary([k.name for k in self.kernels], self.jobs.jobs,
                             self.console.age())
        if self.interrupt:
            return 128 + self.interrupt
        good = self.results.count("passed") and not self.results.count("failed")
        return 0 if good else 1


def chosen_kernels(text):
    """The kernels that $K names, all without it."""
    names = text.replace(",", " ").split()
    unknown = set(names) - {k.name for k in KERNELS}
    if unknown:
        sys.exit(f"check: no kernel '{unknown.pop()}'; K is one or more of "
                 + ", ".join(k.name for k in KERNELS))
    return [k for k in KERNELS if not names or k.name in names]


def workers():
    """Machines at a time: a processor and 3 GB of memory for each."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count(), memory // (3 << 30)))


def grep(path, pattern):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.rstrip() for line in file if re.search(pattern, line)]


def last_line(path):
    return (grep(path, r"\S") or ["(no output)"])[-1].strip()[:150]


def first_error(path):
    return (grep(path, r"\berror\b|\*\*\*") or [last_line(path)])[0][:150]


def give_to_caller(folder):
    """What root wrote into the tree belongs to who called sudo."""
    for top, _, files in os.walk(folder):
        for path in (top, *(os.path.join(top, name) for name in files)):
            give_to(path)


def give_to(path):
    """The same for one file."""
    if os.environ.get("SUDO_UID"):
        os.chown(path, int(os.environ["SUDO_UID"]),
                 int(os.environ["SUDO_GID"]), follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(Check().run())
