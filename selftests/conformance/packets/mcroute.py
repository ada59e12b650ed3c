# SPDX-License-Identifier: GPL-2.0
"""`mcroute`: where packets to a group leave when the host routes multicast."""

import socket
import struct

from packets.rig import frames as f
from packets.rig import shape
from packets.rig.scene import scene

INIT, ADD_VIF, ADD_MFC = 200, 202, 204
USE_IFINDEX = 8
OTHER = "out1"


def _router(ns, net, out):
    """A routing daemon's socket: from us to the group, eth0 to `out`."""
    vifs = [ns.rtnl.index(name) for name in ("eth0", OTHER)]
    six = net == 6
    level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
    sock = ns.socket(socket.AF_INET6 if six else socket.AF_INET,
                     socket.SOCK_RAW,
                     socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_IGMP)
    sock.setsockopt(level, INIT, 1)
    for number, index in enumerate(vifs):
        sock.setsockopt(level, ADD_VIF, struct.pack(
            "=HBBHxxI", number, 0, 1, index, 0) if six else struct.pack(
            "=HBBII4s", number, USE_IFINDEX, 1, 0, index, bytes(4)))
    own, group = map(f.build.ip_bytes, (f.NEAR[net], f.GROUP[net]))
    if six:
        route = b"".join(struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, raw, 0)
                         for raw in (own, group)) + struct.pack(
            "=Hxx32s", 0, bytes([sum(1 << n for n in out)]) + bytes(31))
    else:
        route = struct.pack("=4s4sH32sxxIIIi", own, group, 0, bytes(
            n in out for n in range(32)), 0, 0, 0, 0)
    if out is not None:
        sock.setsockopt(level, ADD_MFC, route)
    return sock


def case(name, net, attrs, out):
    """One frame goes to the group; out: interfaces of the route, by number."""
    open_now = []

    def before(cable):
        cable.ns.ip(f"link add {OTHER} address {f.FAR_MAC} type dummy",
                    f"link set {OTHER} up")
        open_now.append(_router(cable.ns, net, out))

    def after(cable):
        open_now.pop().close()
        sent = cable.tap.packets(lambda p: p.dev == OTHER,
                                 sent=True)
        cable.delete(OTHER)
        return {"elsewhere": shape.packets(sent)}
    return scene(f"mcroute/{name}/v{net}", "1.2 MC_ROUTE", net,
                 {"TTL": 9, **attrs}, f.GROUP[net], tx=[f.udp(4)],
                 before=before, after=after, kernels=("7.3",))


def _cases():
    for net in (4, 6):
        for name, attrs in (("off", {"MC_ROUTE": 0}), ("on", {"MC_ROUTE": 1}),
                            ("ttl-1", {"MC_ROUTE": 1, "TTL": 1})):
            for where, out in (("there", (1,)), ("both", (0, 1)),
                               ("nowhere", ())):
                yield case(f"{name}/{where}", net, attrs, out)


CASES = list(_cases())
