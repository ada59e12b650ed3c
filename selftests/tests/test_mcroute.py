# SPDX-License-Identifier: GPL-2.0
"""`mcroute`: multicast routing of the underlay decides where packets to the
group leave. Without it they leave through the device's own interface.

    host 1: vx0 -- eth0 (vif 0), out1 (vif 1)     a route (own, group): 0 -> 1
"""

import socket
import struct

import pytest

from lib.bench import benches, inner, wired
from lib.capture import Capture
from lib.linkattr import data, names
from lib.topo import kind
from lib.underlay import V4, V6

INIT, ADD_VIF, ADD_MFC = 200, 202, 204      # of both families
USE_IFINDEX = 8

pytestmark = pytest.mark.kernels("7.3", "debug")


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="make")
def _make(fabric, request):
    with benches(fabric, request.param) as made:
        yield made


def router(ns, net, own, indexes):
    """A routing daemon's socket: own address to the group, vif 0 to vif 1."""
    if net is V4:
        sock = ns.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
        level = socket.IPPROTO_IP
        vifs = [struct.pack("=HBBII4s", n, USE_IFINDEX, 1, 0, index, bytes(4))
                for n, index in enumerate(indexes)]
        route = struct.pack(
            "=4s4sH32sxxIIIi", socket.inet_pton(socket.AF_INET, own),
            socket.inet_pton(socket.AF_INET, net.group), 0,
            bytes((0, 1)) + bytes(30), 0, 0, 0, 0)
    else:
        sock = ns.socket(socket.AF_INET6, socket.SOCK_RAW,
                         socket.IPPROTO_ICMPV6)
        level = socket.IPPROTO_IPV6
        vifs = [struct.pack("=HBBHxxI", n, 0, 1, index, 0)
                for n, index in enumerate(indexes)]
        ends = [struct.pack("=HHI16sI", socket.AF_INET6, 0, 0,
                            socket.inet_pton(socket.AF_INET6, address), 0)
                for address in (own, net.group)]
        route = b"".join(ends) + struct.pack("=Hxx32s", 0,
                                             b"\2" + bytes(31))
    sock.setsockopt(level, INIT, 1)
    for vif in vifs:
        sock.setsockopt(level, ADD_VIF, vif)
    sock.setsockopt(level, ADD_MFC, route)
    return sock


@pytest.mark.parametrize("on", (False, True), ids=("off", "on"))
def test_mcroute(make, on):
    """With it a packet to the group leaves where the route says, else not."""
    net, bench = make.net, make("ttl 9", to="group")
    ns = bench.ns
    if on:
        ns.rtnl.changelink("vx0", kind(), data(MC_ROUTE=1))
    assert names(ns, "vx0")["MC_ROUTE"] == bytes([on])
    ns.ip("link add out1 type dummy", "link set out1 up")
    try:
        with router(ns, net, net.address(bench.near),
                    [ns.rtnl.index(name) for name in ("eth0", "out1")]), \
                Capture(ns, "out1") as other:
            frame = inner(dst="ff:ff:ff:ff:ff:ff")
            bench.wire.clear()
            bench.tenant.send(frame)
            where = other if on else bench.wire
            outer = where.wait_for(lambda p: p.sent and p.outer
                                   and p.outer.inner == frame).outer
            assert outer.vni == bench.vni
            elsewhere = bench.wire if on else other
            assert not elsewhere.packets(
                lambda p: p.sent and p.outer and p.outer.inner == frame)
    finally:
        ns.ip("link del out1")
