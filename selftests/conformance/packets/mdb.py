# SPDX-License-Identifier: GPL-2.0
"""Where the frames of a multicast group go: the multicast database."""

from lib import build
from lib.fdb import ZERO
from lib.mdb import EXCLUDE, INCLUDE, Mdb

from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

ROW = "1.4 MDB"
KERNELS = ("6.12", "7.3")
#: Groups of the tenants, by IP version.
G = {4: "239.1.1.1", 6: "ff0e::101:101"}
OTHER = {4: "239.9.9.9", 6: "ff0e::909:909"}
LOCAL = {4: "224.0.0.251", 6: "ff02::fb"}
ALL = {4: "0.0.0.0", 6: "::"}
S = {4: f.TENANT[4][0], 6: f.TENANT[6][0]}
T = {4: "192.168.100.9", 6: "fd01::9"}


def to(group, source=None, mac=None, **words):
    """A frame to a group."""
    version = 6 if ":" in group else 4
    tail = build.ip_bytes(group)[-4:]
    own = "33:33:" + tail.hex(":") if version == 6 else \
        f"01:00:5e:{tail[1] & 127:02x}:{tail[2]:02x}:{tail[3]:02x}"
    return build.udp_frame(mac or own, f.ALICE, source or S[version], group,
                           payload=b"group", **words)


#: What a tenant sends: one of each kind.
FRAMES = [
    frame for v in (4, 6) for frame in (
        to(G[v]), to(G[v], T[v]), to(OTHER[v]), to(LOCAL[v]),
        to(G[v], mac=build.BROADCAST), to(G[v], mac=f.BOB),
        to("192.0.2.9" if v == 4 else "2001:db8::9",
           mac="01:00:5e:00:02:09"), to(ALL[v], mac=f.GROUP_MAC),
        f.tagged(to(G[v]), (5,)))
] + [f.other(dst=f.GROUP_MAC), f.arp(), build.ether(
    f.GROUP_MAC, f.ALICE, 0x0800, to(G[4])[14:33])]


def _tables(net):
    """{name: entries, each (group, destination, words)}"""
    one, two, three = f.FAR[net]
    found = {}
    for v in (4, 6):
        found |= {
            f"group{v}": [(G[v], one, {})],
            f"group{v}-3": [(G[v], far, {}) for far in f.FAR[net]],
            f"source{v}": [(G[v], one, {"source": S[v]})],
            f"all{v}": [(ALL[v], one, {})],
            f"local{v}": [(LOCAL[v] if v == 6 else OTHER[v], one, {}),
                          (ALL[v], two, {})],
            f"each{v}": [(G[v], one, {"source": S[v]}), (G[v], two, {}),
                         (ALL[v], three, {})],
            f"exclude{v}": [(G[v], one, {"mode": EXCLUDE,
                                         "sources": [S[v]]})],
            f"exclude{v}-beside": [(G[v], one, {
                "mode": EXCLUDE, "sources": [S[v]]}), (G[v], two, {})],
            f"include{v}": [(G[v], one, {"mode": INCLUDE,
                                         "sources": [S[v]]})],
            f"include{v}-beside": [(G[v], one, {
                "mode": INCLUDE, "sources": [S[v]]}), (G[v], two, {})],
            f"both{v}": [(G[v], one, {"mode": INCLUDE, "sources": [S[v]]}),
                         (G[v], two, {"mode": EXCLUDE, "sources": [S[v]]})],
            f"exclude-nobody{v}": [(G[v], one, {"mode": EXCLUDE,
                                                "sources": []})],
        }
    return found | {
        "port": [(G[4], one, {"port": 4789})],
        "vni": [(G[4], one, {"vni": 0xabcdef})],
        "vni-0": [(G[4], one, {"vni": 0})],
        "port-0": [(G[4], one, {"port": 0})],
        "mixed": [(G[4], one, {"port": 4789}), (G[4], two, {"vni": 5}),
                  (G[4], three, {})],
        "other-src-vni": [(G[4], one, {"src_vni": f.VNI + 1})],
        "src-vni": [(G[4], one, {"src_vni": f.VNI})],
        "src-vni-vni-0": [(G[4], one, {"src_vni": f.VNI, "vni": 0})],
        "via": [(G[4], one, {"via": "eth0"})],
        "to-group": [(G[4], f.GROUP[net], {"via": "eth0"})],
        "black-hole": [(G[4], f.ANY[net], {})],
        "black-hole-beside": [(G[4], f.ANY[net], {}), (G[4], two, {})],
        "nowhere": [(G[4], f.NOWHERE[net], {})],
        "unreachable": [(G[4], f.UNREACHABLE[net], {}), (G[4], two, {})],
        "routed": [(G[4], f.ROUTED[net], {})],
        "other-family": [(G[4], f.FAR[10 - net][0], {}), (G[4], two, {})],
    }


def _fill(entries):
    def before(cable):
        table = Mdb(cable.ns, DEV)
        for group, dst, words in entries:
            rest = dict(words)
            if "via" in rest:
                rest["via"] = cable.ns.rtnl.index(rest["via"])
            table.add(group, dst, **rest)
    return before


def _lookups():
    for net in (4, 6):
        for name, entries in _tables(net).items():
            for remote in ((None, f.FAR[net][2]) if net == 4 else (None,)):
                yield scene(
                    f"mdb/{name}/{'flood' if remote else 'no-flood'}/v{net}",
                    ROW, net, remote=remote, before=_fill(entries),
                    tx=FRAMES, kernels=KERNELS)


def _beside_fdb():
    """An entry of the group's MAC, the proxy, misses: who comes first?"""
    one, two, _ = f.FAR[4]
    entries = [(G[4], one, {}), (ALL[4], one, {})]
    for name, words in {
            "mac-entry": {"fdb": [(f.GROUP_MAC, two, {})]},
            "flood-list": {"fdb": [(ZERO, two, {}), (ZERO, f.FAR[4][2], {})]},
            "l2miss": {"device": {"L2MISS": 1}},
            "proxy": {"device": {"PROXY": 1, "L3MISS": 1}},
            "ttl-tos": {"device": {"TTL": 7, "TOS": 1}},
            "gbp": {"device": {"GBP": True}}}.items():
        yield scene(f"mdb/beside/{name}", ROW, 4, before=_fill(entries),
                    tx=FRAMES, kernels=KERNELS, **words)


def _changes():
    one, two, three = f.FAR[4]

    def changed(name, action):
        def during(cable):
            action(Mdb(cable.ns, DEV), cable)
            cable.send(*FRAMES[:4])
        return scene(f"mdb/changed/{name}", ROW, 4, before=_fill([
            (G[4], one, {}), (G[4], two, {"mode": EXCLUDE,
                                          "sources": [S[4]]})]),
            tx=FRAMES[:4], during=during, kernels=KERNELS)
    yield changed("add", lambda t, _: t.add(G[4], three))
    yield changed("delete", lambda t, _: t.delete(G[4], one))
    yield changed("flush", lambda t, _: t.flush())
    yield changed("flush-dst", lambda t, _: t.flush(dst=two))
    yield changed("replace-port", lambda t, _: t.replace(G[4], one, port=99))
    yield changed("replace-filter", lambda t, _: t.replace(
        G[4], two, mode=INCLUDE, sources=[T[4]]))
    yield changed("down-up", lambda _, c: (
        c.ns.rtnl.setlink(DEV, up=False), c.ns.rtnl.setlink(DEV, up=True)))
    yield changed("remote", lambda _, c: c.change_device(GROUP=three))


CASES = [*_lookups(), *_beside_fdb(), *_changes()]
