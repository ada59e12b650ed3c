# SPDX-License-Identifier: GPL-2.0
"""A bridge with one external device for all VLANs: "bridge vlan tunnel_info".
VLAN 10 is VNI 1010, VLAN 20 is VNI 1020.
"""

from lib import build
from lib import nldefs as d
from lib.fdb import DYNAMIC, STATIC, ZERO, Fdb

from packets.external import EXTERNAL
from packets.rig import external as x
from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

ROW = "1.6 metadata users"


def bridged(name, row=ROW, net=4, device=(), fdb=(), before=None, frames=(),
            during=None, lines=(), vlans=None, tunnel=True, **words):
    """A case with a bridge; frames: of the station, with their tags."""
    six = "6" if net == 6 else ""
    return scene(f"vlan-tunnel/{name}/v{net}", row, net, {
        **EXTERNAL, "LOCAL" + six: f.NEAR[net], **dict(device)}, fdb=fdb,
        bridge="own", before=x.combined(
            x.bridged(*lines, vlans=vlans, tunnel=tunnel), before,
            lambda c: c.forget_events()),
        during=x.combined(x.trunk(*frames) if frames else None, during),
        after=x.stations, **words)


def tagged(frame, vlan=10):
    return f.tagged(frame, (vlan,))


def to(mac, dst, vni=1010, **words):
    """An entry of a VNI."""
    return (mac, dst, {"src_vni": vni, **words})


def _out():
    """The VLAN becomes the VNI; the table of that VNI knows the rest."""
    for net in (4, 6):
        far = f.FAR[net]
        for name, fdb in (
                ("nobody", []), ("unicast", [to(f.BOB, far[0])]),
                ("other-vni", [to(f.BOB, far[0], vni=1020)]),
                ("default", [to(ZERO, far[0])]),
                ("vni-0", [to(f.BOB, far[0], vni=0)]),
                ("vni-0-default", [to(ZERO, far[0], vni=0)]),
                ("another-vni", [(f.BOB, far[0], {
                    "src_vni": 1010, "vni": 77})]),
                ("another-vni-0", [(f.BOB, far[0], {
                    "src_vni": 1010, "vni": 0})]),
                ("port", [to(f.BOB, far[0], port=4789)]),
                ("via", [to(f.BOB, far[0], via="eth0")]),
                ("black-hole", [to(f.BOB, f.ANY[net])]),
                ("here", [to(f.BOB, f.NEAR[net])]),
                ("several", [to(ZERO, far[0]), to(ZERO, far[1]),
                             to(f.BOB, far[2])]),
                ("two-vlans", [to(f.BOB, far[0]),
                               to(f.BOB, far[1], vni=1020)])):
            yield bridged(f"out/{name}", "1.6 tx", net, fdb=fdb, mib=True,
                          frames=[tagged(f.udp(4)), tagged(f.udp(4), 20)])
        for name, frame in (
                ("arp", f.arp()), ("group", f.udp(4, f.GROUP_MAC)),
                ("not-ip", f.other()), ("udp6", f.udp(6)),
                ("inner-tag", f.tagged(f.udp(4), (99,)))):
            yield bridged(f"frame/{name}", "1.6 tx", net,
                          fdb=[to(ZERO, far[0])], frames=[tagged(frame)])
        yield bridged("out/no-vlan", "1.6 tx", net, fdb=[to(ZERO, far[0])],
                      frames=[f.udp(4), tagged(f.udp(4), 30)])
        yield bridged("out/no-tunnel", "1.6 tx", net, tunnel=False,
                      fdb=[to(ZERO, far[0])], frames=[tagged(f.udp(4))])
        yield bridged("out/mark", "1.6 tx", net, fdb=[to(ZERO, far[0])],
                      device={"GBP": True}, during=lambda c: c.send(
                          tagged(f.udp(4)), name=x.STATION, mark=9))


def _configured():
    """The outer headers are as the device is configured."""
    for net in (4, 6):
        fdb = [to(ZERO, f.FAR[net][0])]
        for name, device in (
                ("ttl", {"TTL": 9}), ("ttl-inherit", {"TTL_INHERIT": True}),
                ("tos", {"TOS": 0x20}), ("tos-inherit", {"TOS": 1}),
                ("df", {"DF": 1}), ("df-inherit", {"DF": 2}),
                ("no-csum", {"UDP_CSUM": 0}),
                ("no-csum6", {"UDP_ZERO_CSUM6_TX": 1}),
                ("port", {"PORT": 4789}),
                ("ports", {"PORT_RANGE": (3000, 3000)}),
                ("id", {"ID": 5}), ("gbp", {"GBP": True}),
                ("no-local", {"LOCAL": None, "LOCAL6": f.ANY[net]
                              if net == 6 else None})):
            yield bridged(f"device/{name}", "1.6 outer", net, device, fdb,
                          frames=[tagged(f.udp(4, tos=0x48, ttl=17)),
                                  tagged(f.udp(4, frag=0x4000, ttl=18)),
                                  tagged(f.udp(6, ttl=19))])
        if net == 6:
            yield bridged("device/label", "1.2 LABEL", 6, {"LABEL": 0x777},
                          fdb, frames=[tagged(f.udp(6))])
            yield bridged("device/label-inherit", "1.2 LABEL_POLICY", 6, {
                "LABEL_POLICY": 1}, fdb, kernels=("6.12", "7.3"),
                frames=[tagged(f.udp(6, label=0x12345)), tagged(f.udp(4))])
        for mark in range(4):
            yield bridged(f"ecn/{mark}", "1.6 ECN", net, fdb=fdb, frames=[
                tagged(f.udp(4, tos=mark))])


def _sizes():
    """Too big for the path: the station is told, in its VLAN."""
    for net in (4, 6):
        fdb = [to(ZERO, f.FAR[net][0]), to(f.BOB, f.NARROW[net])]
        room = 1500 - f.OVERHEAD[net]
        for name, frames in (
                ("fits", [f.sized(4, room, f.CAROL, frag=0x4000),
                          f.sized(6, room, f.CAROL)]),
                ("too-big", [f.sized(4, room + 1, f.CAROL, frag=0x4000)]),
                ("too-big-6", [f.sized(6, room + 1, f.CAROL)]),
                ("no-df", [f.sized(4, room + 1, f.CAROL)]),
                ("narrow", [f.sized(4, 1300, frag=0x4000)]),
                ("narrow-6", [f.sized(6, 1300)]),
                ("not-ip", [f.other(1600, f.CAROL)])):
            for learning in (0, 1):
                yield bridged(f"size/{name}/{learning}", "1.6 PMTU", net,
                              {"LEARNING": learning}, fdb, mtu=3000,
                              frames=[tagged(frame) for frame in frames])


def _in():
    """The VNI becomes the VLAN."""
    for net in (4, 6):
        for name, vnis in (("10", (1010,)), ("20", (1020,)),
                           ("both", (1010, 1020)), ("unknown", (1030,)),
                           ("zero", (0,))):
            yield bridged(f"in/{name}", "1.6 rx", net, rx=[
                f.outer(net, f.udp(4, build.BROADCAST), vni=vni)
                for vni in vnis])
        yield bridged("in/tagged-inside", "1.6 rx", net, rx=[
            f.outer(net, f.tagged(f.udp(4, build.BROADCAST), (99,)),
                    vni=1010)])
        yield bridged("in/no-tunnel", "1.6 rx", net, tunnel=False, rx=[
            f.outer(net, f.udp(4, build.BROADCAST), vni=1010)])
        yield bridged("in/answer", "1.3 learning", net, rx=[
            f.outer(net, f.udp(4, build.BROADCAST, f.BOB), vni=1010),
            f.outer(net, f.udp(4, build.BROADCAST, f.BOB), vni=1020,
                    src=f.FAR[net][1])], one_by_one=True,
            during=x.trunk(tagged(f.udp(4)), tagged(f.udp(4), 20)))


def _learning():
    """An entry belongs to the VNI of the packet."""
    row = "1.3 learning"
    for net in (4, 6):
        far = f.FAR[net]
        frame = f.udp(4, build.BROADCAST, f.BOB)
        moves = [f.outer(net, frame, vni=1010, src=far[0]),
                 f.outer(net, frame, vni=1010, src=far[1])]
        yield bridged("learn/moved", row, net, rx=moves, one_by_one=True)
        yield bridged("learn/other-vni", row, net, rx=[
            moves[0], f.outer(net, frame, vni=1020, src=far[1])],
            one_by_one=True)
        for name, state in (("static", STATIC), ("dynamic", DYNAMIC),
                            ("permanent", d.NUD_PERMANENT)):
            for vni in (1010, 1020, 0):
                yield bridged(
                    f"learn/{name}-of-{vni}", row, net,
                    fdb=[to(f.BOB, far[1], vni=vni, state=state)],
                    rx=[moves[0]])
        yield bridged("learn/off", row, net, {"LEARNING": 0}, rx=moves)
        yield bridged("learn/limit", "1.2 LIMIT", net, {"LIMIT": 1}, rx=[
            moves[0], f.outer(net, frame, vni=1020)], one_by_one=True)
        other = 10 - net
        yield bridged("learn/other-family", row, net, rx=[
            f.outer(other, frame, vni=1010)], one_by_one=True,
            during=x.trunk(tagged(f.udp(4))))
        yield bridged("learn/unknown-vlan", row, net, rx=[
            f.outer(net, frame, vni=1030)])
        yield bridged("ageing", "1.3 ageing", net, rx=[moves[0], f.outer(
            net, frame, vni=1020)], one_by_one=True, during=_age)
        yield bridged("learn/gbp-no-learning", "1.6 GBP", net, {"GBP": True},
                      rx=[f.outer(net, frame, vni=1010, hdr={
                          "flags": 0x88, "rsvd1": 0x400005})])


def _age(cable):
    cable.change_device(AGEING=1)
    gone = set()

    def both(event):
        if event["type"] == d.RTM_DELNEIGH and event["src_vni"]:
            gone.add(event["src_vni"])
        return gone == {1010, 1020}
    cable.monitor.wait_for(both)
    # Which one goes first is of no interest.
    cable.monitor.seen.sort(key=lambda e: (e["type"], e.get("src_vni") or 0))


def _proxy():
    """Who knows a neighbour answers in the VLAN that asked."""
    row = "1.2 PROXY"
    for net in (4, 6):
        known = [(f.TENANT[4][1], f.BOB), (f.TENANT[6][1], f.BOB)]
        for name, fdb in (
                ("entry", [to(f.BOB, f.FAR[net][0])]), ("none", []),
                ("here", [to(f.BOB, f.ANY[net])]),
                ("here-in-other", [to(f.BOB, f.ANY[net], vni=1020)]),
                ("default-only", [to(ZERO, f.FAR[net][0])])):
            for what, frame in (("arp", f.arp()), ("ns", f.solicitation())):
                yield bridged(f"proxy/{name}/{what}", row, net, {
                    "PROXY": 1, "L3MISS": 1}, fdb, before=_know(known),
                    frames=[tagged(frame)])
        yield bridged("proxy/unknown", row, net, {"PROXY": 1, "L3MISS": 1},
                      [to(ZERO, f.FAR[net][0])],
                      frames=[tagged(f.arp()), tagged(f.solicitation())])
        yield bridged("l2miss", "1.2 L2MISS", net, {"L2MISS": 1},
                      frames=[tagged(f.udp(4)), tagged(f.arp())])


def _know(known, router=None):
    def before(cable):
        for address, mac in known:
            cable.know(address, mac)
        if router:
            Fdb(cable.ns, DEV).change(
                router[0], router[1], d.NLM_F_CREATE, d.NUD_PERMANENT,
                d.NTF_SELF | d.NTF_ROUTER, src_vni=router[2])
    return before


def _short_circuit():
    """The router of a VNI; stations behind it here and there."""
    row = "1.2 RSC"
    known = [(f.TENANT[4][1], f.BOB), (f.TENANT[6][1], f.BOB)]
    for net in (4, 6):
        far = f.FAR[net]
        frames = [tagged(f.udp(4, f.CAROL)), tagged(f.udp(6, f.CAROL))]
        for name, fdb, vni, neighbours in (
                ("known", [to(f.BOB, far[1])], 1010, known),
                ("unknown", [to(f.BOB, far[1])], 1010, []),
                ("here", [to(f.BOB, f.ANY[net])], 1010, known),
                ("here-by-default", [to(ZERO, f.ANY[net])], 1010, known),
                ("here-in-other", [to(f.BOB, f.ANY[net], vni=1020)], 1010,
                 known),
                ("no-entry", [], 1010, known),
                ("router-of-other", [to(f.BOB, far[1])], 1020, known)):
            for l3miss in (0, 1):
                yield bridged(
                    f"rsc/{name}/{l3miss}", row, net,
                    {"RSC": 1, "L3MISS": l3miss}, fdb,
                    before=_know(neighbours, (f.CAROL, far[0], vni)),
                    frames=frames)


def _backup():
    """The bridge names a nexthop group: the port to a station is down."""
    def before(net, six, port=None):
        def make(cable):
            dst = f.FAR[6 if six else 4]
            cable.ns.ip(*[
                f"nexthop replace id {n} via {dst[n]} fdb" for n in (1, 2)],
                "nexthop replace id 10 group 1/2 fdb",
                "nexthop replace id 11 group 1 fdb",
                "link add down0 type dummy", "link set down0 master br0",
                "link set down0 up")
            cable.ns.bridge("vlan add dev down0 vid 10",
                            f"fdb replace {f.BOB} dev down0 master static "
                            "vlan 10",
                            f"link set dev down0 backup_port {DEV}")
            _backup_nexthop(cable, 11)
            cable.ns.ip("link set down0 down")
            cable.forget_events()
        return make

    def after(cable):
        cable.delete("down0")
        cable.ns.ip("nexthop flush")
    for net in (4, 6):
        for six in (False, True):
            yield bridged(f"backup/{'group6' if six else 'group4'}",
                          "1.3 nexthop", net, before=before(net, six),
                          frames=[tagged(f.udp(4))], during=after,
                          kernels=("6.12", "7.3"))


def _backup_nexthop(cable, number):
    """IFLA_BRPORT_BACKUP_NHID, which older tools do not know."""
    index = cable.ns.rtnl.index("down0")
    cable.ns.rtnl.request(d.RTM_SETLINK, 0, x.nl.ifinfomsg(index, family=7),
                          [(12, [(44, x.nl.u32(number))])])


CASES = [*_out(), *_configured(), *_sizes(), *_in(), *_learning(), *_proxy(),
         *_short_circuit(), *_backup()]
