# SPDX-License-Identifier: GPL-2.0
"""The selftests in a machine: what it is given, and what comes back."""

import json
import os
import re
import shutil
import subprocess
import threading
import time

from jobs import JobFailed

#: Starts pytest; its words go to a file, those of vxlan_report to us.
COMMAND = """
exec 5>&1
export VXLAN_REPORT_FD=5 PYTHONPATH=$PWD/selftests/check.d
export VXLAN_KO=$PWD/modules/vxlan.ko VXLAN_VTEP_KO=$PWD/modules/vtep.ko
export VXLAN_SWITCHDEV_KO=$PWD/modules/vtep_switchdev_test.ko
export VXLAN_ABI_KO=$PWD/modules/vtep_abi_test.ko
export VXLAN_IMPORT_KO=$PWD/modules/vtep_import_test.ko
export IP_LIB_DIR=$PWD/iproute2 VXLAN_DONE=$PWD/done
cd selftests/tests
exec python3 -m pytest -p vxlan_report --continue-on-collection-errors \\
    "$@" >"$OUT/pytest.log" 2>&1
"""
MARK = "@vxlan "    # before what vxlan_report says
PATIENCE = 120      # seconds without a word beyond what a test may take
RESTARTS = 3
LAST_WORDS = 40     # lines
HUNG = (124, 130)   # status of a machine that had to be ended


def make_share(tree, folder, modules, plugin):
    """What a machine gets: the tree, and what was built from it."""
    for path in _files(tree):
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(tree, path), target)
    shutil.copytree(modules, f"{folder}/modules")
    shutil.copy2(plugin, f"{folder}/iproute2/")


def _files(tree):
    """Files that git does not ignore; without git, all."""
    git = ["git", "-c", "safe.directory=*", "-C", tree, "ls-files", "-z",
           "-c", "-o", "--exclude-standard"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=True)
        names = done.stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [os.path.relpath(os.path.join(top, name), tree)
                 for top, _, files in os.walk(tree) for name in files]
    return [n for n in names if n and os.path.isfile(os.path.join(tree, n))]


class Guest:
    """Some test files on one kernel: a part of its tests, one boot or more."""

    def __init__(self, check, kernel, part, files):
        self.check, self.kernel, self.part = check, kernel, part
        self.files, self.share = files, None
        self.collected, self.done = [], set()
        self.current = None         # the test that runs
        self.second = set()         # tests that have a second go
        self.finished = False       # pytest said so
        self.spoke = time.monotonic()
        self.failed = 0
        self.splat = False          # the last kernel log had one
        self.out = ""

    # ---- what the machine says

    def collected_event(self, event):
        self.collected += [t for t in event["collected"]
                           if t not in self.collected]

    def start_event(self, event):
        self.current = event["start"]

    def end_event(self, event):
        self.current = None
        self.add(event["end"], event["outcome"], event["seconds"],
                 event["text"])

    def broken_event(self, event):
        self.add(event["broken"], "failed", 0, event["text"])

    def done_event(self, _):
        self.finished = True

    def add(self, test, outcome, seconds=0.0, text=""):
        if test in self.done:
            return
        self.done.add(test)
        self.failed += outcome == "failed"
        self.check.results.add(self.kernel.name, test, outcome, seconds, text,
                               self.out)

    def hear(self, job, line):
        self.spoke = time.monotonic()
        if not line.startswith(MARK):
            return
        try:
            event = json.loads(line[len(MARK):])
        except ValueError:      # the machine died while it spoke
            return
        for kind in ("collected", "start", "end", "broken", "done"):
            if kind in event:
                getattr(self, kind + "_event")(event)
                break
        left = len(self.missing())
        job.note = (f"({len(self.collected) - left} of {len(self.collected)}"
                    + (f", {self.failed} failed" if self.failed else "")
                    + (f", now {self.current}" if self.current else "") + ")")

    # ---- boots

    def run(self, job):
        """Until each test has a result, however often the machine dies."""
        self.share = self.check.share(self)
        for boot in range(1 + RESTARTS):
            self.finished, self.current = False, None
            status = self.boot(job, boot)
            if self.check.jobs.processes.stopped:
                return
            if self.finished:
                break
            self.machine_died(status)
            if not self.missing():
                break
            if boot < RESTARTS:
                self.check.console.say(
                    f"{self.kernel.name}: the machine died (status {status}); "
                    f"again with the {len(self.missing())} tests left")
        self.give_up(self.missing())
        if not self.collected and not (self.finished and
                                       self.check.expression):
            raise JobFailed(f"no test was run, see {self.out}")
        self.check.console.say(f"{job}: done {job.note}")

    def give_up(self, tests):
        for test in tests:
            self.add(test, "failed", 0, "not run: the machine had died")

    def missing(self):
        return [test for test in self.collected if test not in self.done]

    def machine_died(self, status):
        test, self.current = self.current, None
        if not test:
            return
        why = "hung" if status in HUNG else "died"
        if why == "hung" and test not in self.second and not self.splat:
            self.second.add(test)
            self.check.results.note(
                f"{self.kernel.name}: {test}: the machine hung without a word "
                f"of its kernel, so this test was run again"
                + self.last_words())
            return
        self.add(test, "failed", 0, f"the machine {why} during this test "
                 f"(status {status})" + self.last_words())

    def last_words(self):
        with open(f"{self.out}/machine.log", encoding="utf-8",
                  errors="replace") as file:
            lines = file.read().splitlines()[-LAST_WORDS:]
        return "".join(f"\n    | {line[:110]}" for line in lines)

    def boot(self, job, boot):
        """One machine; its status."""
        name = f"{self.kernel.name}-{self.part}" + (f"-again{boot}" if boot
                                                    else "")
        self.out = os.path.join(self.check.out, name)
        os.makedirs(self.out)
        self.spoke = time.monotonic()
        with open(f"{self.out}/machine.log", "w", encoding="utf-8") as log:
            child = self.check.jobs.processes.start(
                self.argv(), stdout=subprocess.PIPE, stderr=log)
            watch = threading.Thread(target=self.watch, args=(child,),
                                     daemon=True)
            watch.start()
            with open(f"{self.out}/output.log", "w", encoding="utf-8") as copy:
                for line in child.stdout:
                    copy.write(line)
                    self.hear(job, line)
            status = self.check.jobs.processes.finish(child)
        self.kernel_log(name)
        return status

    def argv(self):
        kernel = self.kernel
        with open(f"{self.share}/done", "w", encoding="utf-8") as file:
            file.write("\n".join(self.done))
        args = [os.path.basename(f) for f in self.files]
        if self.check.expression:
            args += ["-k", self.check.expression]
        env = [f"VXLAN_SLOW={kernel.slow}", f"VXLAN_KERNEL={kernel.name}",
               f"VXLAN_TEST_LIMIT={kernel.test_limit}"]
        return [f"{self.check.machines}/run", kernel.machine,
                "--module", f"{self.share}/modules/vxlan.ko",
                "--share", self.share, "--out", self.out,
                "--timeout", str(self.check.limit), "--",
                "env", *env, "bash", "-c", COMMAND, "tests", *args]

    def watch(self, child):
        """End a machine that has been silent for too long."""
        patience = self.kernel.test_limit + PATIENCE
        tick = time.monotonic()
        while child.poll() is None:
            time.sleep(2)
            late, tick = time.monotonic() - tick - 2, time.monotonic()
            if late > 10:       # all of us were held up
                self.spoke += late
            if tick - self.spoke > patience:
                self.check.console.say(f"{self.kernel.name}: silent for "
                                       f"{patience} s; ended")
                self.check.jobs.processes.end(child)
                return

    def kernel_log(self, name):
        """A splat is a failure of its own, whosever fault it is."""
        with open(f"{self.out}/machine.log", encoding="utf-8",
                  errors="replace") as file:
            log = file.read()
        found = re.search(r"^=+ kernel log of .*?: (.*)\n(.*)", log, re.M)
        test = f"kernel log of {name}"
        self.splat = bool(found)
        if found:
            self.add(test, "failed", 0, f"{found[1]}: {found[2]}\n\n{log}")
        else:
            self.add(test, "passed")
