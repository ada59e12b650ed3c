# SPDX-License-Identifier: GPL-2.0
"""What is measured, each case with each driver by turns.

A case is made (make(kind): builds its rig), measured in small pieces
(run(): nanoseconds for each packet or entry, of each piece) and ended (end()).
"""

import time
from copy import copy
from dataclasses import replace

from lib import nldefs as d
from pktgen import Pktgen, Stream
from rig import DEV, LOWER, Rig, mac

#: Packets of one piece: some of its length fall between two interruptions by
#: whatever else the host does, and PIECES of them one after the other.
PIECE, PIECES = 3000, 5


class Packets:
    """Packets through a device. floor: the case without a tunnel."""

    unit = "ns/packet"
    dev, pieces = DEV, PIECES

    def __init__(self, name, stream=Stream(), floor="floor/tx", entries=None,
                 flood=0, hook=None, piece=PIECE, warm=PIECE, **rig):
        self.name, self.stream, self.floor = name, stream, floor
        self.entries, self.flood, self.hook = entries, flood, hook
        self.piece, self.warm, self.options = piece, warm, rig
        self.rig = None

    def make(self, kind):
        made = copy(self)
        made.rig = rig = Rig(kind, **self.options)
        if self.hook:
            rig.here(["nft", self.hook])
        if self.flood:
            rig.flood(self.flood)
        if self.entries:
            rig.entries(*self.entries)
        return made

    def run(self):
        self.rig.up()
        try:
            with Pktgen(self.rig.here, self.dev, self.stream) as generator:
                generator.run(self.warm)
                return [generator.run(self.piece) for _ in range(self.pieces)]
        finally:
            self.rig.up(False)

    def end(self):
        self.rig.delete()


class Floor(Packets):
    """The same packets straight to the lower device."""

    dev = LOWER


class Table:
    """Requests about the table; step(rig, count): what is timed."""

    unit, floor = "ns/entry", ""

    def __init__(self, name, count, step, before=None, after=None, vteps=100):
        self.name, self.count, self.vteps = name, count, vteps
        self.step, self.before, self.after = step, before, after
        self.rig = None

    def make(self, kind):
        made = copy(self)
        made.rig = Rig(kind)
        made.rig.up()
        return made

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


# ---- steps of table cases

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


# ---- the table

V6 = {"version": 6}
CABLE = {"cable": True}
BASE = mac(0).hex(":")


def transmission():
    """One destination; sizes, checksums, families, flows, hooks."""
    one = Stream(base=BASE)
    for label, options in (("v4", {}), ("v4/csum", {"UDP_CSUM": 1}), (
            "v6", V6), ("v6/zero", {**V6, "UDP_ZERO_CSUM6_TX": 1})):
        for size in (64, 1450):
            yield Packets(f"tx/{label}/{size}", replace(one, size=size),
                          "floor/tx" if size == 64 else "floor/tx/1450",
                          entries=(1,), **options)
        yield Packets(f"tx/{label}/1000-flows", replace(one, flows=1000),
                      entries=(1,), **options)
    yield Packets("tx/v4/netfilter", one, entries=(1,), hook=(
        "add table ip t; add chain ip t c "
        "{ type filter hook output priority 0; }"))


def floods():
    for count in (1, 8, 64, 256):
        yield Packets(f"flood/{count}", Stream(base="ff:ff:ff:ff:ff:ff"),
                      flood=count, piece=max(20, PIECE // count))


def tables(largest):
    for count in (1000, 10000, 100000, 1000000):
        if count <= largest:
            yield Packets(f"tx/{count}-macs", Stream(base=BASE, macs=count),
                          entries=(count, 100), warm=2 * count)


def reception():
    """Through a cable: what is sent is received at once."""
    one = Stream(base=BASE)
    for label, options in (("v4", {}), ("v6", V6)):
        for size in (64, 1450):
            yield Packets(f"tx+rx/{label}/{size}", replace(one, size=size),
                          "floor/cable", entries=(1,), **CABLE, **options,
                          receiver={"LEARNING": 0})
        yield Packets(f"tx+rx/{label}/learning", one, "floor/cable",
                      entries=(1,), **CABLE, **options)
    yield Packets("tx+rx/unknown-vni", one, "floor/cable", entries=(1,),
                  **CABLE, receiver={"ID": 101})
    for count in (1000, 100000):
        yield Packets(f"tx+rx/learning/{count}-sources", replace(
            one, source_macs=count), "floor/cable", entries=(1,), **CABLE,
            warm=5 * count)


def requests(count):
    yield Table(f"fdb/add/{count}", count, add, after=flush)
    yield Table(f"fdb/replace/{count}", count, replace_all, add, flush)
    yield Table(f"fdb/dump/{count}", count, dump, add, flush)
    yield Table(f"fdb/delete/{count}", count, delete, add)
    yield Table(f"fdb/flush/{count}", count, flush, add)


def cases(quick):
    """All of them, floors first."""
    one = Stream(base=BASE)
    yield Floor("floor/tx", one, "")
    yield Floor("floor/tx/1450", replace(one, size=1450), "")
    yield Floor("floor/cable", one, "", **CABLE)
    yield from transmission()
    yield from reception()
    yield from floods()
    yield from tables(100000 if quick else 1000000)
    yield from requests(20000 if quick else 100000)
