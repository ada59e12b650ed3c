# SPDX-License-Identifier: GPL-2.0
"""ECN through the tunnel, RFC 6040: the whole table, both ways."""

import itertools

import pytest

from lib.bench import benches, inner, not_ip, wired
from lib.ecn import CE, LEAVES, NOT_ECT, PASS, VALUES
from lib.underlay import V4, V6
from lib.wire import parse_ether

DSCP = 0x28


@pytest.fixture(scope="module", params=(V4, V6), ids=repr)
def underlay(request):
    return request.param


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture
def bench(fabric, underlay):
    with benches(fabric, underlay) as make:
        yield make


def tagged(frame):
    return frame[:12] + b"\x81\x00\x00\x05" + frame[12:]


def plain(frame):
    return frame


SHAPES = pytest.mark.parametrize("shape", (plain, tagged))
INNER = pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))


@SHAPES
@INNER
@pytest.mark.parametrize("options, dscp", (
    ("", 0), ("tos 0xb8", 0xb8), ("tos 0xbb", 0xb8), ("tos inherit", DSCP)))
def test_ecn_sent(bench, version, options, dscp, shape):
    """All four values are copied to the outer header, CE too; the DS field
    is the configured one.
    """
    made = bench(options)
    frames = [shape(inner(version, tos=DSCP | ecn)) for ecn in VALUES]
    for ecn, frame, outer in zip(VALUES, frames, made.send(*frames)):
        assert outer.inner == frame
        assert outer.tos == dscp | ecn, f"inner {ecn}"


def test_ecn_sent_not_ip(bench):
    """What has no ECN field says Not-ECT."""
    outer, = bench("tos 0xbb").send(not_ip())
    assert outer.tos == 0xb8


@SHAPES
@INNER
def test_ecn_received(bench, version, shape):
    """A congestion mark of the underlay reaches the inner header, and only
    that; checksums stay right.
    """
    made = bench()
    came = made.receive(*[
        made.outer(shape(inner(version, tos=DSCP | i)), tos=0x40 | o)
        for i, o in PASS])
    for (i, o), packet in zip(PASS, came):
        expected = shape(inner(version, tos=DSCP | LEAVES[i, o]))
        assert packet.raw == expected, f"inner {i}, outer {o}"
        assert parse_ether(packet.raw).ip.header_ok


@SHAPES
@INNER
def test_ecn_refused(bench, version, shape):
    """CE on a packet that is Not-ECT: dropped and counted."""
    made = bench()
    bad = shape(inner(version, tos=NOT_ECT))
    other = made.refuse(*[made.outer(bad, tos=CE)] * 3, name="rx_ecn",
                        growth=3)
    assert other == {"rx_errors": 3, "rx_frame_errors": 3}


def test_ecn_received_not_ip(bench):
    """What has no ECN field is never dropped for it."""
    made = bench()
    came = made.receive(*[made.outer(not_ip(), tos=o) for o in VALUES])
    assert [p.raw for p in came] == [not_ip()] * 4


def test_ecn_product():
    """The table has every pair."""
    assert set(LEAVES) == set(itertools.product(VALUES, VALUES))
