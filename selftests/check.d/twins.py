# SPDX-License-Identifier: GPL-2.0
"""The twin run (../conformance) as a job: one machine for each kernel."""

import os
import sys
from collections import Counter

from guests import Guest

sys.path.append(os.path.join(os.path.dirname(__file__), "../conformance"))

import report               # noqa: E402


class TwinGuest(Guest):
    """Cases instead of tests; keeps what was said of each.

    A case that fails is a result of its own, all others of a module are one.
    """

    def __init__(self, check, kernel, cases=()):
        super().__init__(check, kernel, "twin", [])
        self.cases = list(cases)        # expressions of names; none: all
        self.twins = []
        self.good = Counter()           # cases by module
        self.seconds = Counter()

    def end_event(self, event):
        super().end_event(event)
        self.twins.append(event["twin"])

    def add(self, test, outcome, seconds=0.0, text=""):
        if outcome == "failed" or "::" not in test:
            super().add(test, outcome, seconds, text)
            return
        self.done.add(test)
        self.good[test.split("::")[0]] += 1
        self.seconds[test.split("::")[0]] += seconds

    def give_up(self, tests):
        if tests:
            self.add("conformance::(cases)", "failed", 0, f"{len(tests)} cases "
                     "were not run: the machine had died")

    def run(self, job):
        super().run(job)
        for module, count in self.good.items():
            self.check.results.add(self.kernel.name,
                                   f"{module}::({count} cases)", "passed",
                                   self.seconds[module], "", self.out)

    def argv(self):
        with open(f"{self.share}/done", "w", encoding="utf-8") as file:
            file.write("\n".join(self.done))
        chosen = [word for case in self.cases for word in ("-k", case)]
        return [f"{self.check.machines}/run", self.kernel.machine,
                "--share", self.share, "--out", self.out,
                "--timeout", str(self.check.limit), "--",
                "env", f"VXLAN_SLOW={self.kernel.slow}",
                "python3", "selftests/conformance/twin.py", "--report",
                "--modules", "modules", "--done", "done", *chosen]


def verdicts(guests):
    """{kernel: results}"""
    return {guest.kernel.name: guest.twins for guest in guests}


def judge_all(check, guests, compare_table=True):
    """What only all kernels together can tell."""
    kernels = verdicts(guests)
    gates = [("list of differences",
              report.problems_of_list() + report.gone(kernels))]
    if compare_table:
        gates.append(("conformance.rst", report.out_of_date(kernels)))
    for name, problems in gates:
        check.results.add("twin", name, "failed" if problems else "passed", 0,
                          "\n".join(problems), check.out)
