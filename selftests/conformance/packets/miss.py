# SPDX-License-Identifier: GPL-2.0
"""What the device asks for, answers and rewrites by itself: misses, the ARP
and ND proxy, the route short circuit.
"""

from lib import build
from lib import nldefs as d
from lib.fdb import Fdb, ZERO

from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

ALL = [f.udp(4), f.arp(), f.udp(4, f.GROUP_MAC), f.other(dst=f.CAROL),
       f.udp(4, f.build.ZERO_MAC)]


def _l2():
    row = "1.2 L2MISS"
    for net in (4, 6):
        for name, remote, fdb in (
                ("empty", None, []), ("default", f.FAR[net][0], []),
                ("flood", None, [(ZERO, f.FAR[net][1], {})]),
                ("known", None, [(f.BOB, f.FAR[net][0], {})]),
                ("black-hole", None, [(f.BOB, f.ANY[net], {})])):
            for on in (1, 0):
                yield scene(f"miss/l2/{name}/{on}/v{net}", row, net,
                            {"L2MISS": on}, remote, fdb=fdb, tx=ALL)
    yield scene("miss/l2/l3-only", row, 4, {"L3MISS": 1}, tx=ALL)


def _neighbours(*known, state=d.NUD_PERMANENT):
    def before(cable):
        for address, mac in known:
            cable.know(address, mac, state=state)
        cable.forget_events()
    return before


def _ask(op=1, target=f.TENANT[4][1], dst=build.BROADCAST, source=None):
    return build.ether(dst, f.ALICE, 0x0806, build.arp(
        op, f.ALICE, source or f.TENANT[4][0], build.ZERO_MAC, target))


QUESTIONS = {
    "request": _ask(), "unicast": _ask(dst=f.BOB), "reply": _ask(2),
    "gratuitous": _ask(target=f.TENANT[4][0]),
    "probe": _ask(source="0.0.0.0"), "unknown": _ask(
        target="192.168.100.9"),
    "loopback": _ask(target="127.0.0.1"),
    "group": _ask(target="239.1.1.1"), "short": _ask()[:30],
    "tagged": f.tagged(_ask(), (5,)), "solicitation": f.solicitation(),
    "udp": f.udp(4, build.BROADCAST), "echo6": build.ip_frame(
        f.BOB, f.ALICE, build.ipv6(*f.TENANT[6], 58, b"\x80\0" + bytes(30))),
}


def _proxy():
    row = "1.2 PROXY"
    known = [(f.TENANT[4][1], f.BOB), (f.TENANT[6][1], f.BOB)]
    for net in (4, 6):
        for name, frame in QUESTIONS.items():
            yield scene(f"proxy/{name}/v{net}", row, net,
                        {"PROXY": 1, "L3MISS": 1}, f.FAR[net][0],
                        fdb=[(f.BOB, f.FAR[net][1], {})], tx=[frame],
                        before=_neighbours(*known))
    for name, frame in (("arp", _ask()), ("ns", f.solicitation())):
        for what, device, fdb, before in (
                ("nobody", {"L3MISS": 0}, [], None),
                ("nobody-l3miss", {"L3MISS": 1}, [], None),
                ("no-entry", {}, [], _neighbours(*known)),
                ("here", {}, [(f.BOB, f.ANY[4], {})], _neighbours(*known)),
                ("stale", {}, [], _neighbours(*known, state=d.NUD_STALE)),
                ("router", {}, [], _router(f.BOB, known))):
            yield scene(f"proxy/{what}/{name}", row, 4,
                        {"PROXY": 1, **device}, f.FAR[4][0], fdb=fdb,
                        tx=[frame], before=before)


def _router(mac, known):
    """An entry of a router and neighbours."""
    def before(cable):
        Fdb(cable.ns, DEV).change(
            mac, f.FAR[4][0], d.NLM_F_CREATE, d.NUD_PERMANENT,
            d.NTF_SELF | d.NTF_ROUTER)
        _neighbours(*known)(cable)
    return before


def _short_circuit():
    row = "1.2 RSC"
    both = [f.udp(4, f.CAROL), f.udp(6, f.CAROL), f.other(dst=f.CAROL),
            f.arp(f.CAROL)]
    known = [(f.TENANT[4][1], f.BOB), (f.TENANT[6][1], f.BOB)]
    routers = [(f.TENANT[4][1], f.CAROL), (f.TENANT[6][1], f.CAROL)]
    to = [(f.BOB, f.FAR[4][1], {})]
    for name, device, neighbours, fdb in (
            ("known", {}, known, to), ("unknown", {}, [], to),
            ("unknown-l3miss", {"L3MISS": 1}, [], to),
            ("itself", {}, routers, to), ("no-entry", {}, known, []),
            ("here", {}, known, [(f.BOB, f.ANY[4], {})]),
            ("off", {"RSC": 0}, known, to)):
        yield scene(f"rsc/{name}", row, 4, {"RSC": 1, **device}, fdb=fdb,
                    tx=both, before=_router(f.CAROL, neighbours))
    yield scene("rsc/not-a-router", row, 4, {"RSC": 1}, fdb=[
        (f.CAROL, f.FAR[4][0], {}), *to], tx=both,
        before=_neighbours(*known))


CASES = [*_l2(), *_proxy(), *_short_circuit()]
