# SPDX-License-Identifier: GPL-2.0
"""The source port tells the flow, with a short hash too: one port for a flow,
as many ports as before for many flows, and a secret in it.
"""

import collections
import struct

import pytest

from lib import build, counters, links, modules, topo
from lib.bench import ALICE, BOB, DEV, IP, Bench, inner, not_ip
from lib.gso import Unfinished, tcp
from lib.inject import send_frames
from lib.shortcut import (                      # noqa: F401
    both, calm_wired, fabric, set_to, underlay)
from lib.underlay import V4, V6
from lib.wire import TCP

FLOWS = 1000
ON = pytest.mark.parametrize("on", (False, True), ids=("off", "on"))


@pytest.fixture
def bench(fabric, underlay):
    made = Bench(fabric, underlay, "srcport 20000 60000")
    yield made
    made.delete()


def ports(bench, frames):
    """The source port of each, in order."""
    bench.wire.clear()
    bench.tenant.send(*frames)
    return [p.outer.sport for p in bench.wire.wait_count(
        lambda p: p.sent and p.outer, len(frames))]


def flows(count, version=4):
    """So many flows, which differ in one port."""
    return [inner(version, sport=n + 1) for n in range(count)]


@ON
@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_one_port_a_flow(bench, version, on):
    """Nothing but addresses, protocol and ports counts."""
    with set_to(on):
        for sport in 1, 2, 3:
            same = [inner(version, sport=sport, **fields) for fields in (
                {}, {"tos": 7}, {"ttl": 3}, {"payload": bytes(900)})]
            assert len(set(ports(bench, same))) == 1


@ON
@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_all_of_a_connection(bench, version, on):
    """Opening, data, large segments and end of a connection are one flow."""
    with set_to(on), Unfinished(bench.ns, DEV) as out:
        bench.wire.clear()
        out.send(tcp(version, 0, flags=2), tcp(version, 10),
                 tcp(version, 5000, 1000), tcp(version, 0, flags=0x11))
        packets = bench.wire.wait_count(lambda p: p.sent and p.outer, 8)
        assert len({p.outer.sport for p in packets}) == 1


@ON
def test_options_do_not_count(bench, on):
    """A packet of a flow with IPv4 options goes where the others go."""
    with set_to(on):
        assert len(set(ports(bench, [inner(4), inner(4, options=bytes(4)),
                                     inner(4, options=bytes(40))]))) == 1


@ON
@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_ports_behind_the_head(underlay, version, on):
    """A packet of which only the Ethernet header is linear goes where the
    small packets of its flow go: 5,000 bytes, so that the core leaves the rest
    in pages.
    """
    size, small = 5000, inner(version)
    large = inner(version, payload=bytes(size))
    with calm_wired(mtu=9000) as fabric, set_to(on):
        made = Bench(fabric, underlay, "srcport 20000 60000")
        with Unfinished(made.ns, DEV) as out:
            out.send(struct.pack("=BBHHHH", 0, 0, 14, 0, 0, 0) + large,
                     struct.pack("=BBHHHH", 0, 0, 0, 0, 0, 0) + small)
            came = made.wire.wait_count(lambda p: p.sent and p.outer, 2)
        made.delete()
    assert len({p.outer.sport for p in came}) == 1
    assert max(len(p.raw) for p in came) > size


def fragments(version, ident=7):
    """The first fragment, a later one, and the last."""
    data = build.udp(*IP[version], 1234, 5678, bytes(64))
    if version == 4:
        return [build.ip_frame(BOB, ALICE, build.ipv4(
            *IP[4], 17, data if not field & 0x1fff else bytes(72),
            frag=field, ident=ident)) for field in (0x2000, 0x20b9, 0x00c2)]
    return [build.ip_frame(BOB, ALICE, build.ipv6(
        *IP[6], 44, struct.pack("!BBHI", 17, 0, field, ident)
        + (data if field == 1 else bytes(72)))) for field in (1, 0x5c9, 0x610)]


@ON
@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_fragments_together(bench, version, on):
    """The fragments of a datagram go one way: by addresses only, whatever
    ports the first one tells.
    """
    with set_to(on):
        assert len(set(ports(bench, fragments(version)))) == 1
        assert len(set(ports(bench, [
            frame for ident in range(5)
            for frame in fragments(version, ident)]))) == 1


@pytest.mark.parametrize("name, make", (
    ("udp4", lambda n: inner(4, sport=n)),
    ("udp6", lambda n: inner(6, sport=n)),
    ("dport", lambda n: inner(4, dport=n)),
    ("tcp4", lambda n: build.ip_frame(BOB, ALICE, build.ip(
        *IP[4], TCP, struct.pack("!HHIIBBHHH", n, 2, 3, 4, 0x50, 16, 9, 0,
                                 0)))),
    ("address4", lambda n: build.ip_frame(BOB, ALICE, build.ipv4(
        f"10.{n >> 8}.{n & 255}.1", IP[4][1], 17, bytes(20), frag=0x2000))),
    ("address6", lambda n: build.ip_frame(BOB, ALICE, build.ipv6(
        f"fd0a::{n:x}", IP[6][1], 132, bytes(20)))),
    ("macs", lambda n: not_ip(src=f"02:00:00:01:{n >> 8:02x}:{n & 255:02x}")),
    ("tagged", lambda n: inner(4, sport=n)[:12] + b"\x81\0\0\x05"
     + inner(4, sport=n)[12:]),
))
def test_spread(bench, underlay, name, make):
    """A thousand flows have nearly as many ports as chance would give them,
    evenly over the range, with shortcuts no less than without.
    """
    found = {}
    for on in (False, True):
        with set_to(on):
            found[on] = ports(bench, [make(n + 1) for n in range(FLOWS)])
    for got in found.values():
        assert len(set(got)) > 0.95 * FLOWS, name
        assert all(20000 <= port <= 60000 for port in got)
        parts = collections.Counter((port - 20000) * 8 // 40001
                                    for port in got)
        # 125 each, with a deviation of 10.5.
        assert len(parts) == 8 and min(parts.values()) > 60
        assert max(parts.values()) < 190


@pytest.fixture(name="queues")
def _queues(fabric, underlay):
    """A device vq over a lower device of four queues."""
    far, ns = fabric.host[2], fabric.host[1].ns
    local, to = {V4: ("10.7.0.1/24", "10.7.0.2"),
                 V6: ("fd07::1/64", "fd07::2")}[underlay]
    ns.ip("link add q0 numtxqueues 4 numrxqueues 4 type veth peer name "
          "q1 numtxqueues 4 numrxqueues 4", "link set q0 up", "link set q1 up")
    ns.run("tc qdisc replace dev q0 root mq")
    try:
        links.add_address(ns, "q0", local)
        ns.ip(f"neigh add {to} lladdr {far.mac} dev q0 nud permanent",
              f"link add vq type vxlan id 9 dstport 4789 remote {to} "
              f"local {local.split('/')[0]} dev q0", "link set vq up")
        yield ns
    finally:
        ns.ip("link del q0")


def shares(ns, frames):
    """Packets that each queue of q0 gets of these frames."""
    before = counters.queues(ns, "q0")
    send_frames(ns, "vq", *frames)
    counts = [now - then for now, then in
              zip(counters.queues(ns, "q0"), before, strict=True)]
    assert len(frames) <= sum(counts) < len(frames) + 10 and len(counts) == 4
    return counts


@ON
def test_spread_over_queues(queues, on):
    """The queues of a lower device share the flows evenly."""
    with set_to(on):
        counts = shares(queues, flows(FLOWS))
    assert min(counts) > 170 and max(counts) < 330          # 250 +- 14


def test_spread_of_neighbours(queues):
    """Ports that follow one another are spread by each key of the hash, and
    each pair of addresses makes another one.
    """
    for host in range(200):
        made = [build.ip_frame(BOB, ALICE, build.ipv4(
            f"10.1.2.{host}", IP[4][1], 17, struct.pack(
                "!HHHH", port, 9, 8, 0))) for port in range(1000, 1128)]
        counts = shares(queues, made)
        assert min(counts) > 5 and max(counts) < 59, host   # 32 +- 4.9


def test_both_ways_alike(fabric, underlay):
    """The port does not depend on the way a packet came: a tenant's and one
    that a bridge forwards.
    """
    def scenario():
        bench = Bench(fabric, underlay, "srcport 20000 60000")
        try:
            first = ports(bench, flows(50))
            assert ports(bench, flows(50)) == first
            ns = bench.ns
            links.add_bridge(ns, "br0")
            links.set_port(ns, DEV, "br0")
            ns.ip("link add port0 master br0 type veth peer name port1",
                  "link set port0 up", "link set port1 up")
            bench.wire.clear()
            send_frames(ns, "port1", *flows(50))
            again = [p.outer.sport for p in bench.wire.wait_count(
                lambda p: p.sent and p.outer and p.outer.inner in flows(50),
                50)]
            return again == first
        finally:
            bench.delete()
            fabric.host[1].ns.ip("link del port0", "link del br0")

    assert both(scenario)


def times_alike(one, other):
    return sum(a == b for a, b in zip(one, other))


def test_keyed(fabric, underlay):
    """Nobody can tell the port from the packet: a flow keeps its port as long
    as the module is there, in a new device too, and has another one when it
    is loaded anew.
    """
    kind, frames = topo.kind(), flows(25, 4) + flows(25, 6)
    file = modules.path(kind)

    def once():
        bench = Bench(fabric, underlay, "srcport 20000 60000")
        try:
            found = ports(bench, frames)
            ports(bench, flows(200))
            assert ports(bench, frames) == found
            return found
        finally:
            bench.delete()

    with set_to(True):
        before = once()
        assert once() == before
    modules.unload(kind)
    modules.load(file)
    with set_to(True):
        after = once()
    # One in 40,000 meets by chance, and two of 50 once in a million loads.
    assert times_alike(before, after) < 2
