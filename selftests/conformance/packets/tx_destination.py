# SPDX-License-Identifier: GPL-2.0
"""Where a frame goes: the entry of its destination, the flood list, nowhere."""

from lib import build
from lib.fdb import DYNAMIC, STATIC, ZERO, Fdb

from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

ROW = "1.6 tx"
#: One of each kind of destination address.
TO = {
    "unicast": f.udp(4, f.BOB),
    "stranger": f.udp(4, f.CAROL),
    "broadcast": f.udp(4, build.BROADCAST),
    "multicast": f.udp(4, f.GROUP_MAC),
    "arp": f.arp(),
    "not-ip": f.other(),
}


def _flood(net, count):
    return [(ZERO, address, {}) for address in f.FAR[net][:count]]


def _tables(net):
    """[(name, default remote, FDB)]"""
    first, second, third = f.FAR[net]
    return [
        ("empty", None, []),
        ("default", first, []),
        ("group", f.GROUP[net], []),
        ("known", None, [(f.BOB, second, {})]),
        ("known-static", None, [(f.BOB, second, {"state": STATIC})]),
        ("known-dynamic", None, [(f.BOB, second, {"state": DYNAMIC})]),
        ("known-beside-default", first, [(f.BOB, second, {})]),
        ("known-beside-group", f.GROUP[net], [(f.BOB, second, {})]),
        ("flood-1", None, _flood(net, 1)),
        ("flood-2", None, _flood(net, 2)),
        ("flood-3", None, _flood(net, 3)),
        ("flood-beside-default", first, [(ZERO, second, {}),
                                         (ZERO, third, {})]),
        ("flood-of-groups", f.GROUP[net], [(ZERO, second, {})]),
        ("multicast-entry", first, [(f.GROUP_MAC, second, {})]),
        ("multicast-entry-2", first, [(f.GROUP_MAC, second, {}),
                                      (f.GROUP_MAC, third, {})]),
        ("broadcast-entry", first, [(build.BROADCAST, third, {})]),
        ("black-hole-default", f.ANY[net], []),
        ("black-hole-entry", first, [(f.BOB, f.ANY[net], {})]),
        ("black-hole-in-flood", None, [(ZERO, f.ANY[net], {}),
                                       (ZERO, second, {})]),
        ("black-hole-last", None, [(ZERO, second, {}),
                                   (ZERO, f.ANY[net], {})]),
    ]


def _destinations():
    for net in (4, 6):
        for table, remote, fdb in _tables(net):
            for name, frame in TO.items():
                if net == 6 and name in ("arp", "not-ip"):
                    continue
                yield scene(f"tx/to/v{net}/{table}/{name}", ROW, net,
                            remote=remote, fdb=fdb, tx=[frame])


def _order():
    """Which of the remotes gets the first copy."""
    for net in (4, 6):
        yield scene(f"tx/order/v{net}", ROW, net, fdb=_flood(net, 3),
                    tx=[TO["broadcast"]], in_order=True)


def _overrides():
    """Port, VNI and interface of an entry in place of the device's."""
    for net in (4, 6):
        to = f.FAR[net][0]
        for name, dst, words in (
                ("port", to, {"port": 4789}),
                ("same-port", to, {"port": f.PORT}),
                ("vni", to, {"vni": 0xabcdef}),
                ("vni-0", to, {"vni": 0}),
                ("same-vni", to, {"vni": f.VNI}),
                ("port-vni", to, {"port": 1, "vni": 7}),
                ("via", to, {"via": "eth0"}),
                ("via-group", f.GROUP[net], {"via": "eth0"}),
                ("routed", f.ROUTED[net], {})):
            yield scene(f"tx/entry/v{net}/{name}", "1.3 defaults", net,
                        fdb=[(f.BOB, dst, words)], tx=[TO["unicast"]])
        yield scene(f"tx/entry/v{net}/flood-ports", "1.3 defaults", net,
                    fdb=[(ZERO, to, {}), (ZERO, to, {"port": 4789}),
                         (ZERO, to, {"vni": 5}),
                         (ZERO, f.FAR[net][1], {"via": "eth0"})],
                    tx=[TO["broadcast"]])
    yield scene("tx/entry/v6/link-local", "1.3 defaults", 6, {
        "LOCAL6": f.NEAR_LINK_LOCAL},
        fdb=[(f.BOB, f.FAR_LINK_LOCAL, {"via": "eth0"})],
        tx=[TO["unicast"]])


def _changed(name, action, then=(), **words):
    """Frames before and after something is changed."""
    frames = [TO["unicast"], TO["broadcast"]]

    def during(cable):
        action(cable)
        cable.send(*(then or frames))
    return scene(f"tx/changed/{name}", "1.3 flags", 4, tx=frames,
                 during=during, **words)


def _changes():
    first, second, third = f.FAR[4]

    def table(cable):
        return Fdb(cable.ns, DEV)

    known = [(f.BOB, first, {}), (ZERO, first, {}), (ZERO, second, {})]
    yield _changed("replace", lambda c: table(c).replace(f.BOB, third),
                   fdb=known)
    yield _changed("replace-port", lambda c: table(c).replace(
        f.BOB, first, port=99), fdb=known)
    yield _changed("delete", lambda c: table(c).delete(f.BOB), fdb=known)
    yield _changed("delete-one", lambda c: table(c).delete(ZERO, first),
                   fdb=known)
    yield _changed("delete-flood", lambda c: table(c).delete(ZERO),
                   fdb=known)
    yield _changed("append", lambda c: table(c).append(ZERO, third),
                   fdb=known)
    yield _changed("append-again", lambda c: table(c).append(ZERO, first),
                   fdb=known)
    yield _changed("append-unicast", lambda c: table(c).append(f.BOB, third),
                   fdb=known)
    yield _changed("remote", lambda c: c.change_device(GROUP=third),
                   remote=first)
    yield _changed("ttl", lambda c: c.change_device(TTL=9), remote=first)
    yield _changed("tos", lambda c: c.change_device(TOS=0x20), remote=first)
    yield _changed("df", lambda c: c.change_device(DF=1), remote=first)
    yield _changed("local", lambda c: c.change_device(LOCAL="10.0.0.9"),
                   remote=first)
    yield _changed("down-up", lambda c: (
        c.ns.rtnl.setlink(DEV, up=False), c.ns.rtnl.setlink(DEV, up=True)),
        fdb=[*known, (f.CAROL, third, {"state": DYNAMIC})])


CASES = [*_destinations(), *_order(), *_overrides(), *_changes()]
