# SPDX-License-Identifier: GPL-2.0
"""What the proxy takes for a question, whom it knows, and what it answers;
what the short circuit takes for a packet to a router.
"""

import struct

from lib import build
from lib import nldefs as d
from lib.fdb import PERMANENT, Fdb
from lib.wire import csum, pseudo

from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

KNOWN = [(f.TENANT[4][1], f.BOB), (f.TENANT[6][1], f.BOB)]
STATES = {"incomplete": d.NUD_INCOMPLETE, "reachable": d.NUD_REACHABLE,
          "stale": d.NUD_STALE, "failed": d.NUD_FAILED, "noarp": d.NUD_NOARP,
          "permanent": d.NUD_PERMANENT}


def question(kind=1, proto=0x0800, hln=6, pln=4, op=1, sender=None,
             target=None, dst=build.BROADCAST, rest=b""):
    """An ARP frame, any field of which may be wrong."""
    return build.ether(dst, f.ALICE, 0x0806, struct.pack(
        "!HHBBH", kind, proto, hln, pln, op) + build.mac_bytes(f.ALICE)
        + build.ip_bytes(sender or f.TENANT[4][0]) + bytes(6)
        + build.ip_bytes(target or f.TENANT[4][1]) + rest)


def solicitation(options=None, kind=135, code=0, ttl=255, src=None, dst=None,
                 target=None, check=None, to="33:33:ff:00:00:02", length=None,
                 proto=58, tos=0):
    """A neighbour solicitation, the same."""
    src, dst = src or f.TENANT[6][0], dst or "ff02::1:ff00:2"
    body = struct.pack("!BBHI", kind, code, 0, 0) + build.ip_bytes(
        target or f.TENANT[6][1])
    body += b"\1\1" + build.mac_bytes(f.ALICE) if options is None else options
    right = csum(pseudo(build.ip_bytes(src), build.ip_bytes(dst), 58,
                        len(body)) + body)
    body = body[:2] + struct.pack("!H", right if check is None else check) \
        + body[4:]
    return build.ip_frame(to, f.ALICE, build.ipv6(
        src, dst, proto, body, ttl=ttl, length=length, tos=tos))


CAROLS = b"\1\1" + build.mac_bytes(f.CAROL)
ARP = {
    "ieee802": question(kind=6), "other-hardware": question(kind=7),
    "other-protocol": question(proto=0x86dd), "long-mac": question(hln=8),
    "long-ip": question(pln=16), "op-0": question(op=0),
    "rarp": question(op=3), "inverse": question(op=8),
    "from-zero": question(sender="0.0.0.0"),
    "from-target": question(sender=f.TENANT[4][1]),
    "to-broadcast-ip": question(target="255.255.255.255"),
    "to-zero": question(target="0.0.0.0"),
    "to-carol": question(dst=f.CAROL), "to-own": question(dst=f.OWN),
    "padded": question(rest=bytes(18)), "long": question(rest=bytes(500)),
    "tagged": f.tagged(question(), (5,)), "header-only": question()[:22],
    "one-short": question()[:41],
}
ND = {
    "no-option": solicitation(b""), "target-option": solicitation(
        b"\2\1" + build.mac_bytes(f.ALICE)),
    "of-carol": solicitation(CAROLS),
    "behind-nonce": solicitation(b"\x0e\1abcdef" + CAROLS),
    "long-option": solicitation(b"\1\2" + build.mac_bytes(f.CAROL)
                                + bytes(8)),
    "zero-option": solicitation(b"\1\0" + bytes(6)),
    "torn-option": solicitation(b"\1\2" + bytes(6)),
    "half-option": solicitation(b"\1\1"),
    "code": solicitation(code=1), "advertisement": solicitation(kind=136),
    "router": solicitation(kind=133), "redirect": solicitation(kind=137),
    "unicast": solicitation(dst=f.TENANT[6][1], to=f.BOB),
    "loopback": solicitation(dst="::1"),
    "group-target": solicitation(target="ff02::2"),
    "unknown": solicitation(target="fd01::9"),
    "class": solicitation(tos=0xb8), "tagged": f.tagged(
        solicitation(), (5,)),
    "hop-by-hop": solicitation(proto=0),
    "short": solicitation()[:14 + 40 + 20],
}
#: RFC 4861 says what to do; the kernel's driver does not.
OTHERWISE = {
    "probe": solicitation(b"", src="::"), "hops": solicitation(ttl=254),
    "probe-of-bob": solicitation(b"", src="::")[:6] + build.mac_bytes(f.BOB)
    + solicitation(b"", src="::")[12:],
}


def _before(known=(), state=d.NUD_PERMANENT, flags=(), entries=()):
    def before(cable):
        for mac, dst, ndm_flags in entries:
            Fdb(cable.ns, DEV).change(mac, dst, d.NLM_F_CREATE, PERMANENT,
                                      d.NTF_SELF | ndm_flags)
        for address, mac in known:
            cable.know(address, mac, state=state)
        for name in flags:
            cable.ns.ip(f"link set {DEV} arp {name}")
        cable.forget_events()
    return before


def _questions():
    row = "1.6 proxy"
    for name, frame in {**ARP, **ND, **{
            f"otherwise-{name}": frame for name, frame in
            OTHERWISE.items()}}.items():
        for what, fdb in (("far", [(f.BOB, f.FAR[4][1], {})]), ("none", [])):
            yield scene(f"proxy/question/{name}/{what}", row, 4,
                        {"PROXY": 1, "L3MISS": 1}, f.FAR[4][0], fdb=fdb,
                        tx=[frame], before=_before(KNOWN))


def _answers():
    row = "1.6 proxy"
    for what, frame in (("arp", question()), ("ns", solicitation())):
        for name, state in STATES.items():
            yield scene(f"proxy/state/{name}/{what}", row, 4,
                        {"PROXY": 1, "L3MISS": 1}, f.FAR[4][0],
                        tx=[frame], before=_before(KNOWN, state))
        for net in (4, 6):
            for name, entries in (
                    ("router", [(f.BOB, f.FAR[net][0], d.NTF_ROUTER)]),
                    ("router-here", [(f.BOB, f.ANY[net], d.NTF_ROUTER)]),
                    ("flood", [("00:00:00:00:00:00", f.ANY[net], 0)]),
                    ("other", [(f.CAROL, f.ANY[net], 0)])):
                yield scene(f"proxy/entry/{name}/{what}/v{net}", row, net,
                            {"PROXY": 1}, tx=[frame],
                            before=_before(KNOWN, entries=entries))
        yield scene(f"proxy/noarp/{what}", row, 4, {"PROXY": 1},
                    f.FAR[4][0], tx=[frame],
                    before=_before(KNOWN, flags=("off",)))
        yield scene(f"proxy/bridge/{what}", row, 4, {"PROXY": 1},
                    f.FAR[4][0], tx=[frame], before=_before(KNOWN),
                    bridge=True)
        yield scene(f"proxy/miss/{what}", "1.3 miss", 4,
                    {"PROXY": 1, "L3MISS": 1}, tx=[frame])
        yield scene(f"proxy/miss-off/{what}", "1.3 miss", 4, {"PROXY": 1},
                    tx=[frame])


def _routed():
    row = "1.6 route short circuit"
    router = [(f.CAROL, f.FAR[4][0], d.NTF_ROUTER)]
    both = [f.udp(4, f.CAROL, ttl=9), f.udp(6, f.CAROL, ttl=9)]
    to = [(f.BOB, f.FAR[4][1], {})]
    for name, state in STATES.items():
        yield scene(f"rsc/state/{name}", row, 4, {"RSC": 1}, fdb=to, tx=both,
                    before=_before(KNOWN, state, entries=router))
    for name, frames in (
            ("options", [f.options4(f.CAROL)]),
            ("fragment", [f.fragment4(f.CAROL)]),
            ("hop-by-hop", [f.hop_by_hop(f.CAROL)]),
            ("tagged", [f.tagged(f.udp(4, f.CAROL), (5,))]),
            ("last-hop", [f.udp(4, f.CAROL, ttl=1)]),
            ("group", [f.udp(4, f.GROUP_MAC)]),
            ("several", both * 3)):
        yield scene(f"rsc/frame/{name}", row, 4, {"RSC": 1}, fdb=to,
                    tx=frames, before=_before(KNOWN, entries=router))
    for name, entries in (
            ("group", [(f.GROUP_MAC, f.FAR[4][0], d.NTF_ROUTER)]),
            ("zero", [("00:00:00:00:00:00", f.FAR[4][0], d.NTF_ROUTER)]),
            ("any", [(f.CAROL, "0.0.0.0", d.NTF_ROUTER)])):
        yield scene(f"rsc/router/{name}", row, 4, {"RSC": 1}, fdb=to,
                    tx=[*both, f.udp(4, f.GROUP_MAC)],
                    before=_before(KNOWN, entries=entries))
    yield scene("rsc/bridge/here", row, 4, {"RSC": 1},
                fdb=[(f.BOB, f.ANY[4], {})], tx=both, bridge=True,
                before=_before(KNOWN, entries=router))
    yield scene("rsc/l2miss", "1.3 miss", 4, {"RSC": 1, "L2MISS": 1},
                tx=both, before=_before(KNOWN, entries=router))
    yield scene("rsc/l3miss", "1.3 miss", 4, {"RSC": 1, "L3MISS": 1},
                tx=both, before=_before(entries=router))


CASES = [*_questions(), *_answers(), *_routed()]
