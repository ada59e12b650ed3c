# SPDX-License-Identifier: GPL-2.0
"""Shortcuts follow the routes: from the next packet on they go where a change
of route, address, device or configuration says.
"""

import collections
import os
from contextlib import contextmanager

import pytest

from lib import links, topo
from lib.bench import DEV, inner
from lib.capture import Capture
from lib.inject import send_frames
from lib.shortcut import (                      # noqa: F401
    Lane, both, calm_wired, growth, seen, set_to, underlay)
from lib.underlay import V4, V6

UPLINKS = ("eth0", "eth1")


@pytest.fixture(scope="module")
def fabric():
    """Host 1 and host 2 have a second cable between them."""
    with calm_wired() as made:
        near, far = made.host[1], made.host[2]
        links.add_veth(near.ns, "eth1", far.ns, "eth1", "02:00:00:02:00:02")
        for number, host in ((1, near), (2, far)):
            for address in (f"10.1.0.{number}/24", f"fd11::{number}/64"):
                links.add_address(host.ns, "eth1", address)
        near.ns.ip("neigh add 10.1.0.2 lladdr 02:00:00:02:00:02 dev eth1 "
                   "nud permanent", "neigh add fd11::2 lladdr "
                   "02:00:00:02:00:02 dev eth1 nud permanent")
        yield made


@pytest.fixture(autouse=True)
def _mended(fabric):
    """Addresses and neighbours that went with a link are there again."""
    yield
    fabric.host[1].ns.ip(
        "addr replace fd00::1/64 dev eth0 nodad",
        "addr replace fd11::1/64 dev eth1 nodad", *[
            f"neigh replace {to} lladdr {mac} dev {dev} nud permanent"
            for dev, mac, ends in (
                ("eth0", fabric.host[2].mac, ("10.0.0.2", "fd00::2")),
                ("eth1", "02:00:00:02:00:02", ("10.1.0.2", "fd11::2")))
            for to in ends])


def words(net):
    """Far address, its length, its two gateways."""
    if net is V4:
        return "203.0.113.9", 32, ("10.0.0.2", "10.1.0.2")
    return "2001:db8::9", 128, ("fd00::2", "fd11::2")


def dash(net):
    return f"-{net.version}"


@contextmanager
def two_uplinks(fabric, net, options="", local=True, **kwargs):
    """A Lane to an address behind gateways -> (lane, step): step(lines...)
    changes something, then tells what leaves where.
    """
    far, _, gateways = words(net)
    ns = fabric.host[1].ns
    ns.ip(f"route replace {far} via {gateways[0]} dev eth0")
    lane = Lane(fabric, net, options, to=f"remote {far}", lower="", **kwargs)
    taps = [Capture(ns, dev) for dev in UPLINKS]

    def step(*lines):
        if lines:
            ns.ip(*lines)
        for tap in taps:
            tap.clear()
        # What is lost is lost at once: sending ends when it is done.
        lane.tenant.send(*[inner(4 + 2 * (n % 2), sport=n)
                           for n in range(4)])
        return [seen(tap.packets(lambda p: p.outer, sent=True))
                for tap in taps]

    try:
        yield lane, step
    finally:
        for tap in taps:
            tap.close()
        lane.delete()
        ns.run(f"ip {dash(net)} route flush {far}")


def places(found):
    """Packets on each uplink."""
    return tuple(map(len, found))


def test_flips(fabric, underlay):
    """To another uplink and back, by replacing, by metric, by deleting."""
    far, _, (one, two) = words(underlay)

    def scenario():
        with two_uplinks(fabric, underlay) as (_, step):
            return [step(),
                    step(f"route replace {far} via {two} dev eth1"),
                    step(f"route replace {far} via {one} dev eth0"),
                    step(f"route add {far} via {two} dev eth1 metric 5"),
                    step(f"route del {far} via {one} dev eth0"),
                    step(f"route replace {far} via {one} dev eth0 metric 5")]

    found = list(map(places, both(scenario)))
    assert found[:3] == [(4, 0), (0, 4), (4, 0)]
    assert found[4:] == [(0, 4), (4, 0)]


@pytest.mark.parametrize("kind", ("blackhole", "unreachable", "prohibit"))
def test_refused(fabric, underlay, kind):
    """No packet goes where a route says no; then there is one again."""
    far, _, (one, _) = words(underlay)

    def scenario():
        with two_uplinks(fabric, underlay) as (lane, step):
            found = [step(f"route del {far}",
                          f"route add {kind} {far} metric 1024")]
            counts = lane.counters()
            found.append(step(f"route del {kind} {far}",
                              f"route add {far} via {one} dev eth0"))
            return found, counts

    found, counts = both(scenario)
    assert list(map(places, found)) == [(0, 0), (4, 0)]
    assert counts["tx_no_route"] == 4


def test_uplink_down_and_up(fabric, underlay):
    """Routes of an uplink that goes down are gone; another one takes over."""
    far, _, (one, two) = words(underlay)

    def scenario():
        with two_uplinks(fabric, underlay) as (_, step):
            return [step(f"route replace {far} via {two} dev eth1"),
                    step("link set eth1 down"), step("link set eth1 up"),
                    restored(step)]

    def restored(step):
        """IPv6 addresses and permanent neighbours went with the link."""
        ns = fabric.host[1].ns
        if underlay is V6:
            ns.ip("addr replace fd11::1/64 dev eth1 nodad")
        ns.ip(f"neigh replace {two} lladdr 02:00:00:02:00:02 dev eth1 "
              "nud permanent")
        return step(f"route replace {far} via {two} dev eth1")

    found = both(scenario)
    assert places(found[0]) == (0, 4) and sum(places(found[1])) == 0
    assert places(found[3]) == (0, 4)


def test_lower_device_down_and_up(fabric, underlay):
    """The tunnel's own lower device, whose address comes and goes.

    On one processor: what a cached route survives is the affair of each. And
    without an IPv6 address of the tunnel, for all cached routes end some time
    after a new one has come.
    """
    def scenario():
        local = f"{'10.1.0' if underlay is V4 else 'fd11:'}"
        ends = [f"{local}.{n}" if underlay is V4 else f"{local}:{n}"
                for n in (1, 2)]
        extra = "10.1.0.9/24" if underlay is V4 else "fd11::9/64"
        ns = fabric.host[1].ns
        ns.ip(f"link add v1 type {topo.kind()} id 9 dstport 4789 "
              f"remote {ends[1]} dev eth1", "link set v1 addrgenmode none",
              "link set v1 up")
        found = []
        try:
            for change in (lambda: None,
                           lambda: ns.ip("link set eth1 mtu 1400"),
                           lambda: add_settled(ns, "eth1", extra, underlay),
                           lambda: ns.ip(f"addr del {extra} dev eth1")):
                change()
                with Capture(ns, "eth1") as tap:
                    send_frames(ns, "v1", inner(4), inner(6))
                    found.append([(p.outer.src, p.outer.dst, p.outer.inner)
                                  for p in tap.packets(
                                      lambda p: p.outer, sent=True)])
            return found
        finally:
            ns.ip("link set eth1 mtu 1500", "link del v1")

    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        found = both(scenario)
    finally:
        os.sched_setaffinity(0, allowed)
    assert all(len(one) == 2 for one in found)


def add_settled(ns, dev, address, net):
    links.add_address(ns, dev, address)
    if net is V6:
        links.settle_address(ns, address)


def test_source_address(fabric, underlay):
    """Without a local address the route's is used, also when it changes."""
    def scenario():
        far, _, (one, two) = words(underlay)
        ns, found = fabric.host[1].ns, []
        extra = "10.0.0.99/32" if underlay is V4 else "fd00::99/128"
        add_settled(ns, "eth0", extra, underlay)
        ns.ip(f"link add v1 type {topo.kind()} id 9 dstport 4789 remote {far}",
              "link set v1 up")
        try:
            for line in (f"route replace {far} via {one} dev eth0",
                         f"route replace {far} via {one} dev eth0 src "
                         + extra.split("/", maxsplit=1)[0],
                         f"route replace {far} via {two} dev eth1",
                         f"route replace {far} via {one} dev eth0"):
                ns.ip(line)
                with Capture(ns, "") as tap:
                    send_frames(ns, "v1", inner(4))
                    found += [(p.dev, p.outer.src) for p in tap.packets(
                        lambda p: p.outer and p.dev in UPLINKS, sent=True)]
            return found
        finally:
            ns.ip("link del v1", f"addr del {extra} dev eth0")
            ns.run(f"ip {dash(underlay)} route flush {far}")

    found = both(scenario)
    assert [dev for dev, _ in found] == ["eth0", "eth0", "eth1", "eth0"]
    assert len({src for _, src in found}) >= 2


def test_configuration(fabric, underlay):
    """Changes of the device count from the next packet on."""
    changes = ["ttl 9", "tos 0x20", "ttl inherit", "ttl 0 tos 0"]
    changes += ["df set", "df unset", "udpcsum"] if underlay is V4 else \
        ["flowlabel 0x777", "udp6zerocsumtx", "flowlabel 0"]

    def scenario():
        ns = fabric.host[1].ns
        with Lane(fabric, underlay) as lane:
            found = [lane.through(inner(4), inner(6))]
            for change in changes:
                ns.run(f"ip link set {DEV} type {topo.kind()} id 100 {change}",
                       check=False)
                found.append(lane.through(inner(4), inner(6)))
            local = "10.1.0.1" if underlay is V4 else "fd11::1"
            ns.run(f"ip link set {DEV} type {topo.kind()} id 100 local {local}",
                   check=False)
            found.append(lane.through(inner(4), inner(6)))
            return found

    found = both(scenario)
    assert all(len(one) == 2 for one in found)
    assert len({one[0] for one in found}) > 4


def test_rule_by_mark(fabric, underlay):
    """The mark of a packet chooses the table."""
    far, _, (_, two) = words(underlay)
    def scenario():
        with two_uplinks(fabric, underlay) as (lane, step):
            ns, found = lane.ns, [step()]
            ns.run(f"tc qdisc add dev {DEV} clsact")
            ns.run(f"tc filter add dev {DEV} egress protocol ip "
                   "matchall action skbedit mark 77")
            found.append(step(f"route add {far} via {two} dev eth1 table 77"))
            ns.run(f"ip {dash(underlay)} rule add fwmark 77 table 77")
            found.append(step())
            ns.run(f"ip {dash(underlay)} rule del fwmark 77 table 77")
            found.append(step())
            ns.run(f"ip {dash(underlay)} route flush table 77")
            return found

    assert list(map(places, both(scenario))) == [
        (4, 0), (4, 0), (2, 2), (4, 0)]


@pytest.mark.parametrize("policy", (0, 1))
def test_multipath(fabric, underlay, policy):
    """Two uplinks of equal cost share the flows as before, if ports count."""
    far, _, (one, two) = words(underlay)
    ns = fabric.host[1].ns
    key = f"ipv{underlay.version}/fib_multipath_hash_policy"

    def scenario():
        ns.run(f"ip route replace {far} nexthop via {one} dev eth0 "
               f"nexthop via {two} dev eth1")
        ns.ip(f"link add v1 type {topo.kind()} id 9 dstport 4789 remote {far}",
              "link set v1 up")
        try:
            frames = [inner(4, sport=n + 1) for n in range(300)]
            with Capture(ns, "") as tap:
                send_frames(ns, "v1", *frames, *frames)
                sent = tap.packets(lambda p: p.outer and p.dev in UPLINKS,
                                   sent=True)
            ways = collections.defaultdict(set)
            for packet in sent:
                ways[packet.outer.sport].add(packet.dev)
            assert all(len(devs) == 1 for devs in ways.values())
            counts = collections.Counter(p.dev for p in sent)
            return [counts[dev] for dev in UPLINKS]
        finally:
            ns.ip("link del v1", f"route del {far}")

    before = ns.sysctl(key)
    ns.sysctl(key, policy)
    try:
        for on in (False, True):
            with set_to(on):
                counts = scenario()
            assert sum(counts) == 600
            if policy:      # 300 each, with a deviation of 17
                assert min(counts) > 200
            else:
                assert min(counts) == 0
    finally:
        ns.sysctl(key, before)


def test_through_a_vrf(fabric, underlay):
    """A lower device that is enslaved to a VRF, in mid-stream."""
    def scenario():
        ns = fabric.host[1].ns
        with Lane(fabric, underlay) as lane:
            found = [lane.through(inner(4), inner(6))]
            ns.ip("link add red type vrf table 50", "link set red up",
                  "link set eth0 master red")
            to, tap = underlay.address(2), lane.wire
            try:
                if underlay is V6:
                    ns.run("ip addr replace fd00::1/64 dev eth0 nodad")
                ns.ip(f"neigh replace {to} lladdr {lane.far.mac} dev eth0 "
                      "nud permanent")
                tap.clear()
                lane.tenant.send(inner(4), inner(6))
                found.append(seen(tap.packets(lambda p: p.outer, sent=True)))
                counts = {key: value for key, value in
                          lane.counters().items() if value}
            finally:
                ns.ip("link del red")
                if underlay is V6:
                    ns.run("ip addr replace fd00::1/64 dev eth0 nodad")
                ns.ip(f"neigh replace {to} lladdr {lane.far.mac} dev eth0 "
                      "nud permanent")
            found.append(lane.through(inner(4), inner(6)))
            return found, counts

    found, _ = both(scenario)
    assert len(found[0]) == len(found[2]) == 2 and found[0] == found[2]


def test_ipv6_disabled(fabric):
    """IPv6 is disabled on the uplink, then enabled again."""
    def scenario():
        ns = fabric.host[1].ns
        with Lane(fabric, V6) as lane:
            found = [len(lane.through(inner(4)))]
            ns.sysctl("ipv6/conf/eth0/disable_ipv6", 1)
            lane.wire.clear()
            lane.tenant.send(inner(4))
            found.append(len(lane.wire.outers(sent=True)))
            ns.sysctl("ipv6/conf/eth0/disable_ipv6", 0)
            ns.ip("addr replace fd00::1/64 dev eth0 nodad",
                  f"neigh replace fd00::2 lladdr {lane.far.mac} dev eth0 "
                  "nud permanent")
            found.append(len(lane.through(inner(4))))
            return found

    assert both(scenario) == [1, 0, 1]


def test_ipv6_disabled_under_a_nexthop(fabric):
    """The same where the route stays: it is a nexthop object's, the address
    is another device's, and no neighbour needs to be known.
    """
    far, ns = words(V6)[0], fabric.host[1].ns

    def disabled(value):
        ns.sysctl("ipv6/conf/eth0/disable_ipv6", value)

    def scenario():
        ns.ip("link set eth0 arp off", "addr add fd00::1/128 dev lo",
              "nexthop add id 9 via fd00::2 dev eth0",
              f"route add {far}/128 nhid 9")
        try:
            with Lane(fabric, V6, to=f"remote {far}") as lane:
                found = [lane.through(inner(4))]
                disabled(1)
                assert "nhid 9" in ns.run(f"ip -6 route show {far}")
                lane.wire.clear()
                with growth((ns, "eth0", DEV)) as moved:
                    lane.tenant.send(*[inner(4)] * 3)
                found.append(seen(lane.wire.packets(
                    lambda p: p.outer, sent=True)))
                disabled(0)
                found.append(lane.through(inner(4)))
                return found, {key: value for key, value in moved.items()
                               if key[1].startswith((DEV, "Ip6Out"))}
        finally:
            disabled(0)
            ns.ip("nexthop del id 9", "addr del fd00::1/128 dev lo",
                  "link set eth0 arp on",
                  "addr replace fd00::1/64 dev eth0 nodad")

    found, moved = both(scenario)
    assert list(map(len, found)) == [1, 0, 1] and found[0] == found[2]
    assert moved[ns.label, "Ip6OutDiscards"] == 3
