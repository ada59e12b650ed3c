# SPDX-License-Identifier: GPL-2.0
"""`make conformance`: the twin run on all kernels, and its table (see run)."""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), "../check.d"))

import report                           # noqa: E402
import twins                            # noqa: E402
from main import Check, give_to         # noqa: E402


#: Cases that need what the stock kernels are built without.
ONLY_DEBUG = ("^switchdev/", "^ports/")


class Conformance(Check):
    """The jobs of `make check` that the twin run needs, and no others."""

    name = "conformance"

    def __init__(self):
        super().__init__()
        self.whole = self.everything
        self.everything = False         # nothing but what is asked for

    def plan(self):
        prepared = self.plan_prepare()
        built = {k: self.plan_modules(k, prepared, ("vxlan", "vtep"))
                 for k in self.kernels}
        for kernel in self.kernels:
            built[kernel] += self.plan_test_modules(kernel, prepared)
        plugin = self.plan_plugin(prepared)
        jobs = self.plan_twins(built, plugin, prepared, self.cases)
        if self.whole:
            self.jobs.add("twin", "table", self.write_table, jobs,
                          self.gate_lost("twin", "table"))

    def cases(self, kernel):
        """The debug kernel is for what the others do not have; all the rest on
        it is for `make check`.
        """
        if self.expression:
            return self.expression.split()
        return ONLY_DEBUG if kernel.name == report.DEBUG else ()

    def write_table(self, job):
        """If it would not be a table of mistakes."""
        twins.judge_all(self, self.twin_guests, compare_table=False)
        if self.results.count("failed"):
            self.console.say("conformance.rst is left as it is")
            return
        with open(report.TABLE, "w", encoding="utf-8") as file:
            file.write(report.table(twins.verdicts(self.twin_guests)))
        give_to(report.TABLE)
        self.say_done(job, "Documentation/conformance.rst")

    def finish(self):
        self.console.plain()
        for kernel, results in twins.verdicts(self.twin_guests).items():
            self.console.plain(f"Linux {kernel}: {report.summary(results)}")
        return super().finish()


if __name__ == "__main__":
    sys.exit(Conformance().run())
