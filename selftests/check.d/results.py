# SPDX-License-Identifier: GPL-2.0
"""Results of tests and gates, and the words they are told in."""

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from console import clock

FLOWS = {
    1: "initialisation", 2: "ARP query", 3: "ARP reply", 4: "steady state",
    5: "same host", 6: "gateway, layer 2", 7: "gateway, layer 3",
    8: "IPv6 underlay", 9: "unicast", 10: "moves", 11: "wire compatibility",
    12: "refused input",
}
MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


@dataclass
class Result:
    """group: the kernel ("6.12", "debug") or a stage; where: its log."""
    group: str
    name: str
    outcome: str
    seconds: float = 0.0
    text: str = ""
    where: str = ""

    @property
    def flow(self):
        match = re.match(r"test_flow(\d+)", self.name)
        return int(match[1]) if match else None


class Results:
    def __init__(self, console, out):
        self.console, self.out = console, out
        self.all = []
        self.lock = threading.Lock()
        self.show_all = False       # a line for each, not for failures only
        self.notes = []             # what is no failure, but should be known

    def add(self, *args, **options):
        result = Result(*args, **options)
        with self.lock:
            self.all.append(result)
        if result.outcome == "failed" or self.show_all and "::" in result.name:
            self.console.say(f"{result.group}: {MARKS[result.outcome]}: "
                             f"{result.name}{_because(result)}")
        return result

    def note(self, text):
        with self.lock:
            self.notes.append(text)
        self.console.say(text)

    def of(self, group):
        return [r for r in self.all if r.group == group]

    def all_tests(self):
        return [r for r in self.all if "::" in r.name]

    def count(self, outcome, results=None):
        return sum(r.outcome == outcome
                   for r in (self.all if results is None else results))

    # ---- the end of the report

    def summary(self, kernels, jobs, total):
        """All tables; the counts are the very last line."""
        say = self.console.plain
        say()
        self._times(jobs, total)
        self._flows(kernels)
        self._groups()
        self._slowest()
        self._skipped()
        self._notes()
        self._failures()
        say(", ".join(f"{self.count(outcome)} {outcome}"
                      for outcome in ("passed", "failed", "skipped")))

    def _times(self, jobs, total):
        say = self.console.plain
        stages = list(dict.fromkeys(job.stage for job in jobs))
        say("Time           from      to    work")
        for stage in stages:
            did = [job for job in jobs if job.stage == stage and job.begin]
            if not did:
                continue
            begin = min(job.begin for job in did) - self.console.start
            end = max(job.end for job in did) - self.console.start
            say(f"  {stage:10} {clock(begin):>6}  {clock(end):>6}  "
                f"{clock(sum(job.seconds for job in did)):>6}")
        say(f"  {'all':10} {'0:00':>6}  {clock(total):>6}")
        say()

    def _flows(self, kernels):
        flows = sorted({r.flow for r in self.all if r.flow})
        for flow in flows:
            states = ", ".join(
                f"{kernel} {_state([r for r in self.of(kernel) if r.flow == flow])}"
                for kernel in kernels)
            self.console.plain(
                f"flow {flow:2} {FLOWS.get(flow, ''):19} {states}")
        if flows:
            self.console.plain()

    def _groups(self):
        say = self.console.plain
        say("                passed  failed  skipped")
        for group in dict.fromkeys(r.group for r in self.all):
            counts = [self.count(o, self.of(group)) for o in MARKS]
            say(f"  {group:12} {counts[0]:8}{counts[1]:8}{counts[2]:9}")
        say()

    def _slowest(self, number=8):
        tests = sorted(self.all_tests(), key=lambda r: -r.seconds)
        if len(tests) > number:
            self.console.plain("slowest tests")
            for r in tests[:number]:
                self.console.plain(f"  {r.seconds:6.1f} s  {r.group}: {r.name}")
            self.console.plain()

    def _skipped(self):
        why = Counter((r.text.strip(), r.group) for r in self.all
                      if r.outcome == "skipped")
        for (text, group), number in sorted(why.items()):
            self.console.plain(f"skipped: {group}: {number}: {text}")
        if why:
            self.console.plain()

    def _notes(self):
        for text in self.notes:
            self.console.plain(f"note: {text}")
        if self.notes:
            self.console.plain()

    def _failures(self):
        say = self.console.plain
        failed = [r for r in self.all if r.outcome == "failed"]
        for group in dict.fromkeys(r.group for r in failed):
            mine = [r for r in failed if r.group == group]
            for r in mine:
                say(f"FAILED {r.group}: {r.name}{_because(r)}")
            say("  in full: " + self.failures_file(group))
            say("  logs: " + ", ".join(dict.fromkeys(r.where for r in mine)))
            say()

    # ---- files

    def failures_file(self, group):
        return f"{self.out}/failures-{group}.log"

    def save(self):
        """For people, for programs, and for CI systems."""
        for group in {r.group for r in self.all if r.outcome == "failed"}:
            self.save_failures(group)
        with open(f"{self.out}/results.json", "w", encoding="utf-8") as file:
            json.dump([vars(r) for r in self.all], file, indent=1)
        self.save_junit()

    def save_failures(self, group):
        with open(self.failures_file(group), "w", encoding="utf-8") as file:
            for r in self.of(group):
                if r.outcome == "failed":
                    file.write(f"======== {r.name}\n{r.text}\n\n")

    def save_junit(self):
        with open(f"{self.out}/junit.xml", "w", encoding="utf-8") as file:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n')
            for group in dict.fromkeys(r.group for r in self.all):
                file.write(_suite(group, self.of(group)))
            file.write("</testsuites>\n")


def _state(results):
    """One word for the results of one flow on one kernel."""
    for outcome in ("failed", "passed", "skipped"):
        if any(r.outcome == outcome for r in results):
            return MARKS[outcome]
    return "-"


def _because(result):
    """Behind the name of a test: the essence of a failure or a skip."""
    if result.outcome == "passed" or not result.text.strip():
        return ""
    lines = result.text.strip().splitlines()
    errors = [line[1:].strip() for line in lines if re.match(r"E\s+\S", line)]
    return f": {(errors or lines)[0][:120]}"


def _suite(name, results):
    failed = sum(r.outcome == "failed" for r in results)
    skipped = sum(r.outcome == "skipped" for r in results)
    rows = [f"<testsuite name={quoteattr(name)} tests=\"{len(results)}\" "
            f'failures="{failed}" skipped="{skipped}">\n']
    for r in results:
        file, _, test = r.name.rpartition("::")
        text = escape("".join(c for c in r.text if c.isprintable() or c == "\n"))
        tag = {"failed": "failure", "skipped": "skipped"}.get(r.outcome)
        body = f"<{tag}>{text}</{tag}>" if tag else ""
        rows.append(f"<testcase classname={quoteattr(file)} "
                    f"name={quoteattr(test or r.name)} "
                    f'time="{r.seconds:.2f}">{body}</testcase>\n')
    return "".join(rows) + "</testsuite>\n"
