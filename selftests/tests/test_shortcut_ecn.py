# SPDX-License-Identifier: GPL-2.0
"""Shortcuts do not show in the fields that both headers have: all of ECN on
receipt, DS field, ECN and TTL as they are copied on the way out.
"""

import pytest

from lib.bench import DEV, inner, not_ip
from lib.ecn import LEAVES, VALUES
from lib.shortcut import (                      # noqa: F401
    LAST, NOISE, Lane, both, fabric, growth, rest, seen, underlay)
from lib.wire import parse_ether

DSCP, OUTER_DSCP, TTL = 0x28, 0x40, 33
INNER = pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))


def tagged(frame):
    return frame[:12] + b"\x81\x00\x00\x05" + frame[12:]


def plain(frame):
    return frame


SHAPES = pytest.mark.parametrize("shape", (plain, tagged))


def received(fabric, net, pairs, tapped, **fields):
    """Pairs (frame, outer DS field) come in -> frames that leave vx0, and
    what grows.
    """
    with Lane(fabric, net) as lane:
        if not tapped:
            lane.untapped()
        rest(fabric)
        with growth((lane.ns, "eth0", DEV), but=NOISE) as moved:
            lane.peer.send(*[lane.outer(frame, tos=tos, **fields)
                             for frame, tos in pairs], lane.outer(LAST))
            lane.device.wait_for(lambda p: p.raw == LAST)
            fabric.settle()
        return [p.raw for p in lane.device.packets(sent=False)
                if p.raw != LAST], dict(moved)


@pytest.mark.parametrize("tapped", (False, True), ids=("alone", "tapped"))
@SHAPES
@INNER
def test_received(fabric, underlay, version, shape, tapped):
    """Inner x outer: the same packets are marked, dropped and counted, and
    they are those of the table.
    """
    def frame(ecn, number):
        return shape(inner(version, tos=DSCP | ecn, sport=number + 1))

    table = list(enumerate(LEAVES.items()))
    came, moved = both(received, fabric, underlay, [
        (frame(i, n), OUTER_DSCP | o) for n, ((i, o), _) in table], tapped)
    assert came == [frame(out, n) for n, (_, out) in table if out is not None]
    assert all(parse_ether(raw).ip.header_ok for raw in came)
    for name, count in (("S.rx_ecn", 1), ("rx_errors", 1),
                        ("rx_frame_errors", 1), ("rx_packets", 16)):
        assert moved["host1", f"{DEV}.{name}"] == count, name


@INNER
def test_received_of_one_flow(fabric, underlay, version):
    """Packets of one flow, back to back, that differ in nothing but marks,
    with a checksum around them.
    """
    frames = [inner(version, tos=DSCP | i) for i, _ in LEAVES]
    came, moved = both(received, fabric, underlay, [
        (frame, OUTER_DSCP | o) for frame, (_, o) in zip(frames, LEAVES)] * 3,
        False, check="good")
    assert came == [inner(version, tos=DSCP | out) for out in LEAVES.values()
                    if out is not None] * 3
    assert moved["host1", f"{DEV}.S.rx_ecn"] == 3


def test_received_not_ip(fabric, underlay):
    """What has no ECN field, or only a part of one, goes up as it is or is
    refused in both cases.
    """
    short = [inner(v)[:14 + n] for v in (4, 6) for n in (1, 2, 19, 39)]
    frames = [not_ip(), tagged(not_ip()), *short]
    came, _ = both(received, fabric, underlay, [
        (frame, tos) for frame in frames for tos in VALUES], False)
    assert came[:8] == [not_ip()] * 4 + [tagged(not_ip())] * 4


#: Words of ip-link -> DS field and TTL of the outer header; None: the inner's.
FIELDS = {
    "tos inherit ttl inherit": (None, None),
    "tos inherit ttl 7": (None, 7),
    "tos 0xbb ttl inherit": (0xb8, None),
    "tos 0xb8 ttl 255": (0xb8, 255),
    "tos 0x3 ttl 1": (0, 1)}


@SHAPES
@INNER
@pytest.mark.parametrize("words", FIELDS)
def test_sent(fabric, underlay, version, shape, words):
    """What is copied and what is set, for all values of ECN."""
    frames = [shape(inner(version, tos=DSCP | ecn, ttl=TTL + ecn))
              for ecn in VALUES]

    def scenario():
        with Lane(fabric, underlay, words) as lane:
            packets = lane.burst(*frames, not_ip())
            return seen(packets), [(p.outer.inner, p.outer.tos, p.outer.ttl)
                                   for p in packets]

    _, told = both(scenario)
    tos, ttl = FIELDS[words]
    assert told[:-1] == [
        (frame, (DSCP if tos is None else tos) | ecn,
         TTL + ecn if ttl is None else ttl)
        for ecn, frame in zip(VALUES, frames)]
    assert told[-1][0] == not_ip() and told[-1][1] == (tos or 0)
