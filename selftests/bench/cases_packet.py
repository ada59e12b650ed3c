# SPDX-License-Identifier: GPL-2.0
"""What packets cost, sent and received."""

from dataclasses import replace

from case import Case
from pktgen import Pktgen, Stream
from rig import DEV, LOWER, PORT, Plan, Rig, mac

#: Packets of one piece: some of its length fall between two interruptions by
#: whatever else the host does, and PIECES of them one after the other. Few,
#: as the generator takes a fifth of a second to start.
PIECE, PIECES = 5000, 2
#: Packets before the only piece whose instructions are counted.
WARM = 100
BASE = mac(0).hex(":")
ONE = Stream(base=BASE)
CABLE = {"cable": True}
V6 = {"version": 6}


class Packets(Case):
    """Packets into a device of `here`.

    entries: (MACs, VTEPs) in the table. flood: so many remotes, and the cost
    of a copy. hook: for nft. passing: whether the receiver takes them.
    """

    pieces = PIECES
    processors = 1
    warm = 0            # packets before it: the first to a remote is dear

    def __init__(self, name, stream=ONE, floor="floor/tx", entries=(1, 1),
                 flood=0, hook=None, dev=DEV, passing=True, **plan):
        super().__init__(name)
        self.stream, self.floor, self.entries = stream, floor, entries
        self.flood, self.hook, self.dev = flood, hook, dev
        self.passing, self.plan = passing, plan
        self.piece = max(20, PIECE // flood) if flood else PIECE
        self.unit = "ns/copy" if flood else "ns/packet"
        self.rig = None

    def begin(self, kind):
        self.rig = rig = Rig(kind, **self.plan)
        if self.hook:
            rig.here(["nft", self.hook])
        if rig.plan.bridge:
            rig.known(rig.here, rig.plan.bridge)
        if rig.plan.far:
            rig.known(rig.there, PORT)
        if not kind:
            return
        if self.flood:
            rig.flood(self.flood)
        else:
            rig.entries(*self.entries)

    def run(self):
        self.rig.up()
        try:
            with Pktgen(self.rig.here, self.dev, self.stream,
                        self.processors) as generator:
                self.prepare(generator)
                before = self.passed()
                found = [self.one(generator, number)
                         for number in range(self.pieces)]
                self.check(before, self.passed())
        finally:
            self.rig.up(False)
        return [each / max(1, self.flood) for each in found]

    def prepare(self, generator):
        """Before what is measured."""
        warm = max(self.warm, WARM if self.counting and not self.flood else 0)
        if warm:
            generator.run(warm)

    def one(self, generator, _):
        return generator.run(self.piece)

    # ---- it is measured what is meant to be

    def passed(self):
        receives = self.rig.there and self.rig.kind and self.passing
        return (self.rig.sent(), self.rig.received() if receives else None)

    def check(self, before, after):
        sent = self.piece * self.pieces * self.processors
        wanted = (sent * max(1, self.flood), sent)
        for was, now, least in zip(before, after, wanted):
            if now is not None and now - was < least:
                raise RuntimeError(f"{self.name}: {now - was} of {least} "
                                   "packets came through")

    def end(self):
        self.rig.delete()


class Floor(Packets):
    """The same packets without a tunnel, straight to the lower device."""

    quick = False       # unless a case needs it

    def __init__(self, name, stream=ONE, **options):
        super().__init__(name, stream, "", dev=options.pop("dev", LOWER),
                         **options)


class Learning(Packets):
    """The receiver knows so many sources; it sees these, or new ones."""

    def __init__(self, name, count, fresh=False, **options):
        super().__init__(name, floor="floor/cable", **CABLE, **options)
        self.count, self.fresh = count, fresh

    def sources(self, first, count, in_turn):
        return replace(self.stream, source=mac(first, 0x020001000000).hex(":"),
                       source_macs=count, in_turn=in_turn)

    def prepare(self, generator):
        generator.set(self.sources(0, self.count, True))
        generator.run(self.count)
        generator.set(self.sources(0, self.count, False))

    def one(self, generator, number):
        if self.fresh:
            first = self.count + number * self.piece
            generator.set(self.sources(first, self.piece, True))
        return generator.run(self.piece)


# ---- the cases

def floors():
    yield Floor("floor/tx")
    yield Floor("floor/tx/1450", replace(ONE, size=1450))
    yield Floor("floor/tx/1000-flows", replace(ONE, flows=1000))
    yield Floor("floor/tx/hash", replace(ONE, mode="queue_xmit"), hashed=LOWER)
    yield Floor("floor/tx/fq_codel", replace(
        ONE, mode="queue_xmit", flows=1000), qdisc=True)
    yield Floor("floor/tx/bridge", replace(ONE, mode="netif_receive"),
                dev=PORT, bridge=LOWER)
    yield Floor("floor/cable", **CABLE)
    yield Floor("floor/cable/1450", replace(ONE, size=1450), **CABLE)
    yield Floor("floor/cable/1000-flows", replace(ONE, flows=1000), **CABLE)
    yield Floor("floor/cable/bridge", **CABLE, far=LOWER)


FAMILIES = (("v4", {}), ("v4/csum", {"options": {"UDP_CSUM": 1}}), ("v6", V6),
            ("v6/zero", {**V6, "options": {"UDP_ZERO_CSUM6_TX": 1,
                                           "UDP_ZERO_CSUM6_RX": 1}}))


def transmission():
    """One destination; sizes, checksums, families, flows, hashes, hooks."""
    for label, plan in FAMILIES:
        main = "/" not in label
        peers = ("geneve",) if main else ()
        yield Packets(f"tx/{label}/64", **plan).having(peers=peers, quick=main)
        yield Packets(f"tx/{label}/1450", replace(ONE, size=1450),
                      "floor/tx/1450", **plan).having(quick=False)
        yield Packets(f"tx/{label}/1000-flows", replace(ONE, flows=1000),
                      "floor/tx/1000-flows", **plan).having(quick=main)
        yield Packets(f"tx/{label}/hash", replace(ONE, mode="queue_xmit"),
                      "floor/tx/hash", hashed=DEV, **plan).having(quick=main)
    for label, table, plan in (("v4", "ip", {}), ("v6", "ip6", V6)):
        yield Packets(f"tx/{label}/netfilter", hook=(
            f"add table {table} t; add chain {table} t c "
            "{ type filter hook output priority 0; }"), **plan)


def underlays():
    """More than one device below, or more than one queue."""
    many = replace(ONE, flows=1000)
    for label, plan in (("v4", {}), ("v6", V6)):
        main = label == "v4"
        yield Packets(f"tx/{label}/fq_codel", many, "floor/tx/fq_codel",
                      qdisc=True, **plan).having(quick=main)
        yield Packets(f"tx/{label}/two-routes", many, "floor/tx/1000-flows",
                      entries=(1, 2), paths=2, **plan).having(quick=main)


def bridges():
    yield Packets("bridge/to-tunnel", replace(ONE, mode="netif_receive"),
                  "floor/tx/bridge", dev=PORT, bridge=DEV)
    yield Packets("bridge/from-tunnel", floor="floor/cable/bridge", far=DEV,
                  **CABLE)


def floods():
    for count in (1, 8, 64, 256):
        yield Packets(f"flood/{count}", Stream(base="ff:ff:ff:ff:ff:ff"),
                      flood=count).having(warm=2)
    yield Packets("flood/v6/64", Stream(base="ff:ff:ff:ff:ff:ff"), flood=64,
                  **V6).having(warm=2, quick=False)


def reception():
    """Through a cable: what is sent is received at once."""
    still = {"receiver": {"LEARNING": 0}}
    for label, plan in FAMILIES:
        main = "/" not in label
        plan = {**CABLE, **plan, **still}
        peers = ("geneve",) if main else ()
        yield Packets(f"tx+rx/{label}/64", floor="floor/cable",
                      **plan).having(peers=peers, quick=main)
        yield Packets(f"tx+rx/{label}/1450", replace(ONE, size=1450),
                      "floor/cable/1450", **plan).having(quick=False)
        yield Packets(f"tx+rx/{label}/1000-flows", replace(ONE, flows=1000),
                      "floor/cable/1000-flows", **plan).having(quick=False)
        if main:
            plan["receiver"] = {"ID": 101}
            yield Packets(f"tx+rx/{label}/unknown-vni", floor="floor/cable",
                          passing=False, **plan)


def learning(largest):
    for label, plan in (("v4", {}), ("v6", V6)):
        yield Packets(f"tx+rx/{label}/learning", floor="floor/cable", **CABLE,
                      **plan).having(quick=label == "v4")
    for count in (1000, 10000, 100000):
        quick = count == largest
        yield Learning(f"learning/known/{count}", count).having(quick=quick)
        yield Learning(f"learning/new/{count}", count, True).having(quick=quick)


def destinations(largest):
    """A MAC at random out of so many behind so many VTEPs."""
    for count in (1000, 10000, 100000, 1000000):
        for vteps in (1, 100, 10000):
            if count <= largest and vteps <= count:
                yield Packets(
                    f"random/{count}-macs/{vteps}-vteps",
                    Stream(base=BASE, macs=count), entries=(count, vteps)
                ).having(quick=vteps == 100 and count > 1000,
                         warm=5 * vteps if vteps > 1 else 0)


def processors():
    """Two at a time, each sending and receiving, through one device."""
    two = {"smp": True, "processors": 2, "quick": False}
    yield Floor("floor/two-cpus", **CABLE).having(**two)
    for label, plan in (("v4", {}), ("v6", V6)):
        for flows in (1, 1000):
            yield Packets(f"two-cpus/{label}/{flows}-flows", replace(
                ONE, flows=flows), "floor/two-cpus", **CABLE,
                **plan).having(**two)


def cases(quick):
    yield from floors()
    yield from transmission()
    yield from underlays()
    yield from bridges()
    yield from reception()
    yield from learning(10000 if quick else 100000)
    yield from floods()
    yield from destinations(100000 if quick else 1000000)
    yield from processors()
