# SPDX-License-Identifier: GPL-2.0
"""Requests about the forwarding table, and what becomes of a large one."""

import errno
import time

from case import Case
from lib import nl
from lib import nldefs as d
from lib.linkattr import data
from load import Load
from rig import DEV, Rig

VTEPS = 100
#: From here on a second dump by a driver that takes quadratic time is too many.
LARGE = 1000000
NEVER, AT_ONCE = 1000000, 1     # seconds until an entry is old


def timed(step):
    start = time.perf_counter_ns()
    step()
    return time.perf_counter_ns() - start


def freed(ns):
    """Wait until all is freed that RCU defers: the end of a link does."""
    ns.rtnl.newlink("barrier", "dummy")
    ns.rtnl.dellink("barrier")


class Table(Case):
    """Devices under test that live for one run(), with a table of `count`."""

    unit, rounds = "ns/entry", 3

    def __init__(self, name, count):
        super().__init__(name)
        self.count, self.kind = count, None
        self.rig = self.load = None

    def begin(self, kind):
        self.kind = kind

    def end(self):
        pass

    def run(self):
        self.rig = Rig(self.kind, options={"AGEING": NEVER})
        try:
            self.rig.up()
            self.load = Load(self.rig, self.count, VTEPS)
            spent = self.measure()
            return {name: [value / self.count] for name, value in spent.items()
                    if value}
        finally:
            self.rig.delete()

    def measure(self):
        """{suffix: nanoseconds for all entries}"""
        raise NotImplementedError

    def and_freed(self, spent):
        """The time of a request, and the time until RCU is done with it."""
        if self.counting:       # it would count instructions of doing nothing
            return {"": spent}
        return {"": spent,
                "freed": spent + timed(lambda: freed(self.rig.here))}


class Requests(Table):
    """Each entry is asked for once; then the whole table."""

    def __init__(self, name, count):
        super().__init__(name, count)
        self.dumped = False

    def measure(self):
        load = self.load
        return {"add": load.add(), "get": load.get(),
                "replace": load.replace(), "dump": self.dump(),
                "delete": load.delete()}

    def dump(self):
        if self.count >= LARGE and self.dumped and self.kind == "vxlan":
            return None
        self.dumped = True
        size = 0

        def step():
            nonlocal size
            size = self.rig.dump()
        spent = timed(step)
        if size < self.count * 40:
            raise RuntimeError(f"{self.name}: entries are missing")
        return spent


class Flush(Table):
    """All go by one request; and the memory is free again."""

    def measure(self):
        self.load.add()
        rtnl = self.rig.here.rtnl
        try:
            spent = timed(lambda: rtnl.neigh(d.RTM_DELNEIGH, DEV,
                                             nl_flags=d.NLM_F_BULK))
        except nl.NlError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            return {}           # Linux 6.1 has no such request
        return self.and_freed(spent)


class Down(Table):
    """The device goes down and forgets what it has learned."""

    def measure(self):
        self.load.add(d.NUD_REACHABLE)
        spent = timed(lambda: self.rig.up(False))
        return self.and_freed(spent)


class Delete(Table):
    """The device is deleted, which waits until its memory is free."""

    def measure(self):
        self.load.add()
        return {"": timed(lambda: self.rig.here.rtnl.dellink(DEV))}


class Age(Table):
    """All entries are old at once."""

    def measure(self):
        self.load.add(d.NUD_REACHABLE)
        time.sleep(AT_ONCE + 0.2)
        return {"": timed(self.age)}

    def age(self):
        self.rig.here.rtnl.changelink(DEV, self.kind, data(AGEING=AT_ONCE))
        while self.load.has(self.count - 1) or \
                self.rig.dump() > self.count:       # less than a byte for each
            time.sleep(0.005)


def cases(quick):
    for count in (10000, 100000) if quick else (10000, 100000, LARGE):
        yield Requests(f"fdb/{count}", count)
    for count in (100000,) if quick else (100000, LARGE):
        yield Flush(f"fdb/{count}/flush", count)
        yield Down(f"fdb/{count}/down", count).having(quick=False)
        yield Age(f"fdb/{count}/age", count).having(counts=False)
        yield Delete(f"fdb/{count}/link-del", count)
