# SPDX-License-Identifier: GPL-2.0
"""What a device with a VNI filter receives, sends and counts. The messages
that fill the filter have one owner, so the drivers run one after the other.
"""

from lib import build
from lib.fdb import ZERO
from lib.vnifilter import Filter, entry

from packets.rig import frames as f
from packets.rig.cable import BRIDGE, DEV
from packets.rig.scene import scene

ROW = "1.5 VNI filter"
EXTERNAL = {"ID": None, "COLLECT_METADATA": 1, "VNIFILTER": 1, "LEARNING": 0}
INNER = f.udp(4, f.ALICE, f.BOB)
FLOOD = f.udp(4, build.BROADCAST)


def _stats(on):
    """Counters of each VNI that are not zero."""
    return {"vnis": {str(vni): {key: value for key, value in said.items()
                                if value}
                     for vni, said in Filter(on.ns, DEV).stats().items()}}


def _filled(*entries, then=None):
    """The filter, before anything is sent."""
    def before(on):
        if entries:
            Filter(on.ns, DEV).add(*entries)
        if then:
            then(on)
    return before


def _scene(name, net, *entries, device=(), then=None, **words):
    return scene(f"vnifilter/{name}/v{net}", ROW, net,
                 {**EXTERNAL, **dict(device)},
                 before=_filled(*entries, then=then), after=_stats,
                 alone=True, **words)


def _outers(net, *vnis, **words):
    return [f.outer(net, INNER, vni=vni, **words) for vni in vnis]


def _receive():
    for net in (4, 6):
        yield _scene("rx/empty", net, rx=_outers(net, 0, 10, 0xffffff))
        yield _scene("rx/in", net, entry(10, 12), rx=_outers(net, 10, 11, 12))
        yield _scene("rx/out", net, entry(10, 12),
                     rx=_outers(net, 0, 9, 13, 0xffffff))
        yield _scene("rx/edge", net, entry(0, 1), entry(0xffffff),
                     rx=_outers(net, 0, 1, 2, 0xfffffe, 0xffffff))
        yield _scene("rx/removed", net, entry(10, 12), rx=_outers(
            net, 10, 11, 12), then=lambda on: Filter(on.ns, DEV).delete(
                entry(11)))
        yield _scene("rx/down", net, entry(10), rx=_outers(net, 10), up=False)
        yield _scene("rx/up-again", net, entry(10), rx=_outers(net, 10, 11),
                     then=lambda on: (on.ns.rtnl.setlink(DEV, up=False),
                                      on.ns.rtnl.setlink(DEV, up=True)))
        yield _scene("rx/learning", net, entry(10, 11),
                     device={"LEARNING": 1}, rx=_outers(net, 10, 11))
        yield _scene("rx/reserved", net, entry(10),
                     rx=_outers(net, 10, hdr={"flags": 0x88}))
        yield _scene("rx/no-flag", net, entry(10),
                     rx=_outers(net, 10, hdr={"flags": 0}))
        yield _scene("rx/ecn", net, entry(10), rx=_outers(net, 10, tos=3))
        yield _scene("rx/short", net, entry(10),
                     rx=[f.outer(net, INNER[:10], vni=10)])
        yield _scene("rx/own-mac", net, entry(10), rx=[f.outer(
            net, f.udp(4, f.BOB, f.OWN), vni=10)])
        yield _scene("rx/two-devices", net, entry(10), rx=_outers(
            net, 10, 20, 30), beside={"vx1": {}},
            then=lambda on: Filter(on.ns, "vx1").add(entry(20)))


def _vlans(on):
    """VLAN 10 and 11 of the bridge are VNI 10 and 11."""
    on.ns.ip(f"link set {BRIDGE} type bridge vlan_filtering 1 "
             "vlan_default_pvid 0")
    on.ns.bridge(f"link set dev {DEV} vlan_tunnel on learning off")
    for vlan in (10, 11):
        on.ns.bridge(f"vlan add dev {DEV} vid {vlan}",
                     f"vlan add dev {DEV} vid {vlan} tunnel_info id {vlan}",
                     f"vlan add dev {BRIDGE} vid {vlan} self")


def _send(*vlans, frame=FLOOD):
    """Frames of the host leave through the bridge."""
    return lambda on: on.send(*[f.tagged(frame, (vlan,)) for vlan in vlans],
                              name=BRIDGE)


def _transmit():
    for net in (4, 6):
        words = {"bridge": True, "then": _vlans}
        near, far = f.FAR[net][:2]
        yield _scene("tx/remote", net, entry(10, group=near),
                     entry(11, group=far), during=_send(10, 11, 10), **words)
        yield _scene("tx/group", net, entry(10, group=f.GROUP[net]),
                     during=_send(10), **words)
        yield _scene("tx/default", net, entry(10), entry(11, group=far),
                     remote=near, during=_send(10, 11), **words)
        yield _scene("tx/no-destination", net, entry(10),
                     during=_send(10), **words)
        yield _scene("tx/not-in-filter", net, entry(10),
                     during=_send(11), remote=near, **words)
        yield _scene("tx/other-vni", net, entry(10, 11),
                     fdb=[(ZERO, near, {"src_vni": 10, "vni": 11})],
                     during=_send(10), **words)
        yield _scene("tx/unreachable", net, entry(
            10, group=f.UNREACHABLE[net]), during=_send(10), **words)
        yield _scene("tx/two-remotes", net, entry(10, group=near),
                     fdb=[(ZERO, far, {"src_vni": 10})],
                     during=_send(10, 10), **words)


CASES = [*_receive(), *_transmit()]
