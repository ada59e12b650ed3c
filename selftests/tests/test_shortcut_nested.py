# SPDX-License-Identifier: GPL-2.0
"""Packets within packets within packets: no shortcut recurses on one stack,
and the outcome is the same.
"""

import pytest

from lib import build, topo
from lib.bench import DEV, MAC, inner
from lib.inject import send_frames
from lib.shortcut import (                      # noqa: F401
    LAST, Lane, both, fabric, growth, rest, seen, underlay)
from lib.underlay import V4, V6

MTU = 65000
DEEP = 25


def nested(lane, depth, frame, **fields):
    """An underlay frame with that many VXLAN headers around a frame."""
    ends = lane.net.address(lane.far), lane.net.address(lane.near)
    for _ in range(depth - 1):
        frame = build.vxlan_frame(MAC, "02:00:00:00:aa:01", *ends,
                                  build.vxlan(100, frame), **fields)
    return lane.outer(frame, **fields)


@pytest.mark.parametrize("depth, count", ((2, 5), (DEEP, 40), (400, 3)))
def test_received(fabric, underlay, depth, count):
    """Each device is its own lower device: it takes the headers off one by
    one. The frame within comes out, through every level.
    """
    def scenario():
        with Lane(fabric, underlay) as lane:
            lane.untapped()
            frames = [inner(4 + 2 * (n % 2), sport=n) for n in range(count)]
            with growth((lane.ns, "eth0", DEV)) as moved:
                lane.device.clear()
                lane.peer.send(*[nested(lane, depth, f) for f in frames])
                came = lane.device.wait_count(
                    lambda p: p.raw in frames, count)
                fabric.settle()
            assert [p.raw for p in came] == frames
            return {key: value for key, value in moved.items()
                    if "Icmp" not in key[1]}

    moved = both(scenario)
    assert moved["host1", f"{DEV}.rx_packets"] == depth * count


def test_marks_within(fabric, underlay):
    """Congestion marks go from header to header, or it ends where they may
    not.
    """
    def scenario():
        with Lane(fabric, underlay) as lane:
            lane.untapped()
            marked = nested(lane, DEEP, inner(4, tos=2), tos=2)
            lane.peer.send(marked, nested(lane, DEEP, inner(4, tos=0), tos=3),
                           nested(lane, DEEP, inner(6, tos=1), tos=3))
            lane.device.wait_for(lambda p: p.raw == inner(6, tos=3))
            return [p.raw for p in lane.device.packets(sent=False)]

    assert inner(4, tos=2) in both(scenario)


LEVELS = [f"n{level}" for level in range(2)]


def test_sent(fabric, underlay):
    """Devices upon devices, as many as the core lets pass: each adds its
    headers and counts its packet.
    """
    def scenario():
        near = fabric.host[1]
        with Lane(fabric, underlay) as lane:
            lane.also = list(reversed(LEVELS))
            pile_up(near, underlay, LEVELS)
            rest(fabric)
            found = []
            with growth((near.ns, "eth0", DEV, *LEVELS)) as moved:
                for name in LEVELS:
                    lane.wire.clear()
                    send_frames(near.ns, name, inner(4))
                    lane.tenant.send(LAST)
                    lane.wire.wait_for(lambda p: p.sent and LAST in p.raw)
                    found.append(alike(lane.wire.packets(
                        lambda p: p.outer and LAST not in p.raw, sent=True)))
            return found, {key: value for key, value in moved.items()
                           if "Icmp" not in key[1] and "In" not in key[1]
                           and "rx_" not in key[1]}

    found, moved = both(scenario)
    counts = [raw[3] if underlay is V4 else raw.count(b"\x08\0\0\0")
              for raw, in found]
    assert counts == [2, 3]
    assert moved["host1", f"{DEV}.tx_packets"] == 2 * len(LEVELS)
    assert moved["host1", f"{LEVELS[0]}.tx_packets"] == len(LEVELS)


def alike(packets):
    """The headers within have idents of their own, too."""
    return [raw if packet.eth.ip.version == 6 else
            (len(raw), raw[:56], raw[-47:], raw.count(b"\x08\0\0\0"))
            for packet, raw in zip(packets, seen(packets))]


def pile_up(near, net, names):
    """Each sends to an address that the one before leads to."""
    below = DEV
    for level, name in enumerate(names):
        here, there = (f"10.9.{level}.{end}" if net is V4 else
                       f"fd09:{level:x}::{end}" for end in (1, 2))
        near.ns.ip(
            f"addr add {here}/{24 if net is V4 else 64} dev {below} "
            + ("nodad" if net is V6 else ""),
            f"neigh add {there} lladdr 02:00:00:00:bb:01 dev {below} "
            "nud permanent",
            f"link add {name} address 02:00:00:00:c1:0{level} "
            f"type {topo.kind()} id {200 + level} dstport 4789 "
            f"remote {there} local {here}",
            f"link set {name} up")
        below = name
