# SPDX-License-Identifier: GPL-2.0
"""Entries that point to a nexthop group: to which VTEPs frames go.

The drivers share the list of a nexthop's users, so each runs alone.
"""

from lib import fdb as table
from lib import nexthop

from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

ROW = "1.3 nexthop"
FLOWS = [f.build.udp_frame(f.BOB, f.ALICE, *f.TENANT[4], sport=n)
         for n in range(2000, 2064)]


def _prepared(members):
    """Nexthops 1, 2, ... and group 10, to which Bob's address points."""
    def before(cable):
        hops = nexthop.Nexthops(cable.ns)
        hops.clear()
        for number, via in enumerate(members, 1):
            hops.add(number, via)
        hops.group(10, *range(1, len(members) + 1))
        nexthop.add(table.Fdb(cable.ns, DEV), f.BOB, 10)
        cable.forget_events()
    return before


def _change(change):
    def during(cable):
        change(nexthop.Nexthops(cable.ns))
    return during


def _to(cable):
    """How many different destinations flows of their own have."""
    cable.tap.clear()
    cable.send(*FLOWS, *FLOWS)
    found = [p.raw[30:34] if p.raw[12:14] == b"\x08\0" else p.raw[38:54]
             for p in cable.wire()]
    half = len(FLOWS)
    nexthop.Nexthops(cable.ns).clear()
    return {"destinations": sorted(one.hex() for one in set(found)),
            "again": found[:half] == found[half:], "sent": len(found)}


def _clear(cable):
    nexthop.Nexthops(cable.ns).clear()
    return {}


def _cases():
    for net in (4, 6):
        for count in (1, 2, 3):
            yield scene(f"nexthop/group-{count}/v{net}", ROW, net,
                        before=_prepared(f.FAR[net][:count]), after=_to,
                        alone=True)
        one = f.FAR[net][:1]
        yield scene(f"nexthop/bytes/v{net}", ROW, net, alone=True,
                    before=_prepared(one), after=_clear,
                    tx=[f.udp(4), f.udp(6), f.other(), f.arp(f.BOB)])
        yield scene(f"nexthop/options/v{net}", ROW, net,
                    {"TTL": 9, "TOS": 0xb8}, alone=True, after=_clear,
                    before=_prepared(one), tx=[f.udp(4)])
        for name, change in (
                ("changed", lambda h, to=f.FAR[net][2]: h.change(1, to)),
                ("member-gone", lambda h: h.delete(1)),
                ("regrouped", lambda h: h.regroup(10, 2)),
                ("group-gone", lambda h: h.delete(10))):
            yield scene(f"nexthop/{name}/v{net}", ROW, net, alone=True,
                        during=_change(change),
                        before=_prepared(f.FAR[net][:2]), after=_to)
        yield scene(f"nexthop/beside-flood/v{net}", ROW, net, alone=True,
                    remote=f.FAR[net][2], before=_prepared(one),
                    after=_clear, tx=[f.udp(4), f.udp(4, f.CAROL), f.arp()])
        for place, number in (("same", 0), ("other", 1)):
            yield scene(f"nexthop/learning/{place}/v{net}", ROW, net,
                        alone=True, before=_prepared(one), after=_clear,
                        rx=[f.outer(net, f.udp(4, f.ALICE, f.BOB),
                                    src=f.FAR[net][number])])
        yield scene(f"nexthop/unreachable/v{net}", ROW, net, {"LINK": None},
                    alone=True, before=_prepared([f.UNREACHABLE[net]]),
                    after=_clear, tx=[f.udp(4)])
        yield scene(f"nexthop/own-address/v{net}", ROW, net, alone=True,
                    before=_prepared([f.NEAR[net]]), after=_clear,
                    tx=[f.udp(4)])


CASES = list(_cases())
