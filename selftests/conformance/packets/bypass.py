# SPDX-License-Identifier: GPL-2.0
"""Frames to a VTEP of this host: which device is meant, and what it learns."""

from lib.fdb import ZERO

from packets.external import EXTERNAL
from packets.rig import frames as f
from packets.rig.scene import scene

ROW = "1.6 local bypass"


def _case(name, net, fdb, beside=None, device=(), tx=None, **words):
    return scene(f"local/which/{name}/v{net}", ROW, net,
                 {"LINK": None, **dict(device)}, fdb=fdb, tx=tx or [f.udp(4)],
                 beside=beside or {}, mib=True, **words)


def _cases():
    for net in (4, 6):
        to = [(f.BOB, f.NEAR[net], {"vni": 101})]
        other = 10 - net
        for name, attrs in (
                ("other-flags", {"GBP": True}),
                ("zero-csum", {"UDP_ZERO_CSUM6_RX": 1}),
                ("other-port", {"PORT": 4789}), ("other-vni", {"ID": 102}),
                ("other-family", {"LOCAL": None, "LOCAL6": None,
                                  ("LOCAL6" if other == 6 else "LOCAL"):
                                  f.NEAR[other]}),
                ("limit", {"LIMIT": 1}), ("no-learning", {"LEARNING": 0}),
                ("link", {"LINK": "eth0"}), ("no-bypass", {
                    "LOCALBYPASS": 0})):
            if attrs.keys() & {"GBP", "UDP_ZERO_CSUM6_RX"}:
                # One port cannot be opened twice.
                attrs = {**attrs, "PORT": 4789}
            yield _case(name, net, to, {"vx1": {"ID": 101, **attrs}},
                        kernels=("6.12", "7.3") if name == "no-bypass"
                        else ())
        yield _case("port-given", net, [(f.BOB, f.NEAR[net], {
            "vni": 101, "port": 4789})], {"vx1": {"ID": 101, "PORT": 4789}})
        yield _case("external", net, [(f.BOB, f.NEAR[net], {
            "vni": 101, "port": 4789})], {"vx1": {**EXTERNAL, "PORT": 4789}})
        yield _case("vni-0", net, [(f.BOB, f.NEAR[net], {"vni": 0})],
                    {"vx1": {"ID": 0}})
        yield _case("two", net, to, {"vx1": {"ID": 101}, "vx2": {"ID": 102}})
        yield _case("flood-two", net, [
            (ZERO, f.NEAR[net], {"vni": 101}),
            (ZERO, f.NEAR[net], {"vni": 102}), (ZERO, f.FAR[net][0], {})],
            {"vx1": {"ID": 101}, "vx2": {"ID": 102}}, tx=[f.arp()])
        for name in ("udp6", "arp", "not-ip", "vlan", "from-own", "from-zero",
                     "multicast4", "broadcast4", "large"):
            yield _case(f"frame-{name}", net, [*to, (ZERO, f.NEAR[net], {
                "vni": 101})], {"vx1": {"ID": 101}}, tx=[f.INNER[name]])
        yield _case("moved", net, [*to, (f.CAROL, f.NEAR[net], {"vni": 102})],
                    {"vx1": {"ID": 101}, "vx2": {"ID": 102}},
                    tx=[f.udp(4), f.udp(4, f.CAROL)])
        yield _case("default", net, [], {"vx1": {"ID": 101}},
                    remote=f.NEAR[net])
        yield _case("ttl-tos", net, to, {"vx1": {"ID": 101}},
                    {"TTL": 3, "TOS": 1}, [f.udp(4, tos=3, ttl=1)])
        yield _case("too-big", net, to, {"vx1": {"ID": 101}},
                    tx=[f.sized(4, 3000)], mtu=9000)
        yield _case("no-checksum", net, to, {"vx1": {"ID": 101}},
                    {"UDP_CSUM": 0, "UDP_ZERO_CSUM6_TX": 1})


CASES = list(_cases())
