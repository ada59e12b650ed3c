# SPDX-License-Identifier: GPL-2.0
"""Bytes for each FDB entry and each VTEP, its share of everything included.

What the kernel holds more than without the table: objects, hash buckets, what
there is for each possible processor.
"""

import struct
import time

from case import Case
from cases_table import NEVER, freed
from lib import nl
from lib import nldefs as d
from lib.memory import used
from load import Load
from pktgen import Pktgen, Stream
from rig import DEV, OTHER, Rig, mac

PATIENCE = 100          # attempts, when per-CPU memory is not there at once


def entries(rig, ns):
    """How many the table in ns has; they are all of one size."""
    ns.rtnl.send(d.RTM_GETNEIGH, d.NLM_F_DUMP, nl.ndmsg(ns.rtnl.index(DEV)))
    count = 0
    while True:
        part = ns.rtnl.receive()
        size, kind = struct.unpack_from("=IH", part)
        if kind == d.NLMSG_DONE:
            return count
        count += len(part) // size


class Memory(Case):
    """Devices that live for one run()."""

    unit, counts, memory, rounds = "bytes", False, True, 1

    def __init__(self, name, count):
        super().__init__(name)
        self.count, self.kind, self.rig = count, None, None

    def begin(self, kind):
        self.kind = kind

    def end(self):
        pass

    def run(self):
        self.rig = Rig(self.kind, cable=True, options={"AGEING": NEVER})
        try:
            self.rig.up()
            return {name: [value] for name, value in self.measure().items()}
        finally:
            self.rig.delete()

    def measure(self):
        """{suffix: bytes for each}"""
        raise NotImplementedError

    def send(self, ns, **stream):
        with Pktgen(ns, DEV, Stream(in_turn=True, **stream)) as generator:
            generator.run(self.count)

    def use(self, ns):
        """A packet to each MAC."""
        self.send(ns, base=mac(0).hex(":"), macs=self.count)

    def add(self, vteps):
        """Entries for MACs behind so many VTEPs."""
        load = Load(self.rig, self.count, vteps)
        for _ in range(PATIENCE):
            try:
                return load.replace(0)
            except nl.NlError as error:
                if error.name not in ("ENOMEM", "ENOBUFS"):
                    raise
            time.sleep(0.1)
        raise RuntimeError(f"{self.name}: no memory")


class Entries(Memory):
    """MACs that were learned from one VTEP, or added behind a hundred."""

    def measure(self):
        return {**self.learned(), **self.added()}

    def learned(self):
        there = self.rig.there
        self.rig.here.rtnl.neigh(
            d.RTM_NEWNEIGH, DEV, [(d.NDA_LLADDR, mac(1 << 32)),
                                  (d.NDA_DST, nl.ip(OTHER[4]))],
            d.NUD_PERMANENT, nl_flags=d.NLM_F_CREATE)
        before = used()
        for _ in range(PATIENCE):
            self.send(self.rig.here, base=mac(1 << 32).hex(":"),
                      source=mac(0).hex(":"), source_macs=self.count)
            count = entries(self.rig, there)
            if count >= self.count:
                break
        found = {"learned": (used() - before) / count}
        self.use(there)
        found["learned-used"] = (used() - before) / count
        return found

    def added(self):
        here, before = self.rig.here, used()
        self.add(100)
        found = {"added": (used() - before) / self.count}
        self.use(here)
        found["added-used"] = (used() - before) / self.count
        return found


class Vteps(Memory):
    """As many MACs behind as many VTEPs, less the MACs behind one VTEP."""

    def measure(self):
        rtnl = self.rig.here.rtnl
        self.behind(1)                  # all is warm
        rtnl.neigh(d.RTM_DELNEIGH, DEV, nl_flags=d.NLM_F_BULK)
        freed(self.rig.here)
        alone = self.behind(1)
        rtnl.neigh(d.RTM_DELNEIGH, DEV, nl_flags=d.NLM_F_BULK)
        freed(self.rig.here)
        many = self.behind(self.count)
        return {name: (many[name] - alone[name]) / self.count for name in many}

    def behind(self, vteps):
        before = used()
        self.add(vteps)
        found = {"": used() - before}
        self.use(self.rig.here)
        found["used"] = used() - before
        return found


def cases(quick):
    count = 20000 if quick else 100000
    yield Entries(f"memory/{count}-macs", count)
    yield Vteps("memory/10000-vteps", 10000)
