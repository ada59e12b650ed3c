# SPDX-License-Identifier: GPL-2.0
"""Requests about the forwarding table."""

import time

from case import Case
from lib import nldefs as d
from rig import DEV, Rig, mac


class Table(Case):
    """Requests about the table; step(case): what is timed."""

    unit = "ns/entry"

    def __init__(self, name, count, step, before=None, after=None, vteps=100):
        super().__init__(name)
        self.count, self.vteps = count, vteps
        self.step, self.before, self.after = step, before, after
        self.rig = None

    def begin(self, kind):
        self.rig = Rig(kind)
        self.rig.up()

    def run(self):
        if self.before:
            self.before(self)
        start = time.perf_counter_ns()
        self.step(self)
        spent = time.perf_counter_ns() - start
        if self.after:
            self.after(self)
        return [spent / self.count]

    def end(self):
        self.rig.delete()


def add(case):
    case.rig.entries(case.count, case.vteps)


def replace_all(case):
    case.rig.entries(case.count, case.vteps - 1,
                     flags=d.NLM_F_CREATE | d.NLM_F_REPLACE)


def dump(case):
    if case.rig.dump() < case.count * 40:
        raise RuntimeError(f"{case.name}: entries are missing")


def flush(case):
    rtnl = case.rig.here.rtnl
    rtnl.neigh(d.RTM_DELNEIGH, DEV, nl_flags=d.NLM_F_BULK)


def delete(case):
    case.rig.batch(d.RTM_DELNEIGH, 0, (
        [(d.NDA_LLADDR, mac(n))] for n in range(case.count)))


def cases(quick):
    count = 20000 if quick else 100000
    yield Table(f"fdb/add/{count}", count, add, after=flush)
    yield Table(f"fdb/replace/{count}", count, replace_all, add, flush)
    yield Table(f"fdb/dump/{count}", count, dump, add, flush)
    yield Table(f"fdb/delete/{count}", count, delete, add)
    yield Table(f"fdb/flush/{count}", count, flush, add)
