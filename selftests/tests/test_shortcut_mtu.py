# SPDX-License-Identifier: GPL-2.0
"""Shortcuts respect the MTU: what is too big is fragmented or refused, and its
sender told, as without them; also when the MTU changes in mid-stream.
"""

import struct

import pytest

from lib import build
from lib.bench import DEV, inner
from lib.gso import Unfinished, tcp
from lib.shortcut import (                      # noqa: F401
    LAST, Lane, both, fabric, growth, seen, underlay)
from lib.underlay import V4, V6

MTU = 1600
#: To the payload of an inner datagram from the length of the outer packet.
HEADERS = {(V4, 4): 78, (V4, 6): 98, (V6, 4): 98, (V6, 6): 118}


def around(net, mtu):
    """Datagrams that just fit and that just do not, of both families."""
    return [inner(v, payload=bytes(mtu - HEADERS[net, v] + more), **fields)
            for v, fields in ((4, {}), (4, {"frag": 0x4000}), (6, {}))
            for more in (-1, 0, 1, 2, 100)]


def outcome(lane, frames):
    """Frames -> what left, what came back, what was counted."""
    lane.device.clear()
    lane.wire.clear()
    with growth((lane.ns, "eth0", DEV)) as moved:
        lane.tenant.send(*frames, LAST)
        lane.wire.wait_for(lambda p: p.sent and LAST in p.raw)
    return (seen(lane.wire.packets(
                lambda p: p.eth.ip and LAST not in p.raw and not p.reports,
                sent=True)),
            seen(lane.device.packets(sent=False)),
            {key: value for key, value in moved.items()
             if key[1].startswith((DEV, "Ip.Frag", "Ip6Frag", "Ip.Out",
                                   "IpExt.Out", "Ip6Out"))})


def step(lane, mtu, lines, frames=None):
    lane.ns.ip(*lines)
    return outcome(lane, frames or around(lane.net, mtu))


OPTIONS = {V4: ("", "df set", "df inherit", "udpcsum"), V6: ("",)}


@pytest.mark.parametrize("net, options", [
    pytest.param(net, words, id=f"{net}-{words or 'plain'}")
    for net in (V4, V6) for words in OPTIONS[net]])
def test_lowered_in_midstream(fabric, net, options):
    """The MTU of the uplink falls and rises again."""
    def scenario():
        # The device's own MTU must not be what decides.
        with Lane(fabric, net, options) as lane:
            try:
                return [step(lane, 1500, (
                        f"link set vx0 mtu {MTU - net.overhead}",)),
                        step(lane, 1400, ("link set eth0 mtu 1400",)),
                        step(lane, 1300, ("link set eth0 mtu 1300",)),
                        step(lane, 1500, (f"link set eth0 mtu {MTU}",))]
            finally:
                lane.ns.ip(f"link set eth0 mtu {MTU}")

    first, lower, _, last = both(scenario)
    assert max(map(len, lower[0])) == 1414
    assert first[0] == last[0]


@pytest.mark.parametrize("lock", ("", "lock "))
def test_of_a_route(fabric, underlay, lock):
    """The MTU of a route, locked or not."""
    to, bits = underlay.address(2), 32 if underlay is V4 else 128
    ns = fabric.host[1].ns

    def scenario():
        with Lane(fabric, underlay) as lane:
            before = outcome(lane, around(underlay, 1300))
            try:
                found = step(lane, 1300, (
                    f"route add {to}/{bits} dev eth0 mtu {lock}1300",))
            finally:
                ns.ip(f"route del {to}/{bits}")
            return before, found, outcome(lane, around(underlay, 1300))

    before, found, after = both(scenario)
    assert before[0] == after[0] != found[0]
    assert max(map(len, found[0])) <= 1314


@pytest.mark.parametrize("options", ("", "df set"), ids=("plain", "df"))
def test_locked_without_a_value(fabric, options):
    """"mtu lock 0" behind a gateway: IPv4 takes it for 576."""
    ns, far = fabric.host[1].ns, "203.0.113.9"

    def scenario():
        ns.ip(f"route add {far}/32 via 10.0.0.2 dev eth0 mtu lock 0")
        try:
            with Lane(fabric, V4, options, to=f"remote {far}") as lane:
                return outcome(lane, around(V4, 576))
        finally:
            ns.ip(f"route del {far}/32")

    left, _, moved = both(scenario)
    assert max(map(len, left)) == 14 + 576
    assert moved[ns.label, "Ip.FragCreates"] > 0


def test_told_by_a_router(fabric, underlay):
    """The underlay says "too big" in mid-stream; the next one fits."""
    def scenario():
        with Lane(fabric, underlay, "df set" if underlay is V4 else "") \
                as lane:
            sent = lane.burst(inner(4, payload=bytes(1400)))[0]
            lane.peer.send(too_big(lane, sent, 1350))
            fabric.settle()
            found = outcome(lane, around(underlay, 1350))
            lane.ns.run("ip route flush cache")
            lane.ns.run("ip -6 route flush cache")
            return found

    left, _, _ = both(scenario)
    assert max(map(len, left)) <= 1364


def too_big(lane, sent, mtu):
    """The ICMP error of a router for a packet that was sent."""
    packet = sent.raw[14:]
    ends = lane.net.address(lane.far), lane.net.address(lane.near)
    if lane.net is V4:
        data = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + packet[:548]
        data = data[:2] + struct.pack("!H", build.csum(data)) + data[4:]
        proto = 1
    else:
        data = struct.pack("!BBHI", 2, 0, 0, mtu) + packet[:1200]
        total = build.csum(build.pseudo(*map(build.ip_bytes, ends), 58,
                                        len(data)) + data)
        data = data[:2] + struct.pack("!H", total) + data[4:]
        proto = 58
    return build.ip_frame(lane.near.mac, lane.far.mac,
                          build.ip(*ends, proto, data))


def test_large_segments(fabric, underlay):
    """Segments that fit once cut, and those that do not even then."""
    def scenario():
        with Lane(fabric, underlay) as lane, \
                Unfinished(lane.ns, DEV) as out:
            found = []
            for mss in (1000, 1400, 1600):
                lane.wire.clear()
                lane.device.clear()
                out.send(*[tcp(v, 4000, mss, **({"frag": df} if v == 4
                                                else {}))
                           for v, df in ((4, 0), (4, 0x4000), (6, 0))])
                lane.tenant.send(LAST)
                lane.wire.wait_for(lambda p: p.sent and LAST in p.raw)
                found.append((
                    seen(lane.wire.packets(
                        lambda p: p.eth.ip and not p.reports, sent=True)),
                    seen(lane.device.packets(sent=False))))
            return found

    assert len(both(scenario)[0][0]) >= 12


def test_fragments_are_told_apart(fabric):
    """The fragments of two packets to one host are never mixed up."""
    def scenario():
        with Lane(fabric, V4) as lane:
            lane.ns.ip("link set vx0 mtu 1550", "link set eth0 mtu 1000")
            try:
                packets = lane.burst(*[inner(4, payload=bytes(1400))] * 20)
            finally:
                lane.ns.ip(f"link set eth0 mtu {MTU}")
            groups = {}
            for packet in packets:
                ip = packet.eth.ip
                groups.setdefault(ip.ident, []).append(ip.offset)
            assert len(groups) == 20
            return list(groups.values())

    assert both(scenario) == [[0, 976]] * 20
