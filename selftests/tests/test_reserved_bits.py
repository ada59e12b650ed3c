# SPDX-License-Identifier: GPL-2.0
"""`reserved_bits MASK`: a packet with one of these header bits is dropped, the
other bits that VXLAN does not use may be anything.
"""

import pytest

from lib import build
from lib.bench import benches, inner, wired
from lib.underlay import V4, V6

#: Bits of the header's 64, by what they are.
BITS = {"flag": 1 << 56, "word-0": 1 << 40, "low": 1, "remcsum": 1 << 53}
#: All that plain VXLAN does not use.
ALL = 0xf7ffffff000000ff


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="make")
def _make(fabric, request):
    with benches(fabric, request.param) as made:
        yield made


def packet(bench, bit):
    """A VXLAN packet whose header also has that bit."""
    head = int.from_bytes(build.vxlan(bench.vni, b"")) | bit
    return bench.outer(None, header=head.to_bytes(8) + inner())


@pytest.mark.parametrize("name", BITS)
def test_reserved_bit_allowed(make, name):
    """It is let through, the others are not."""
    bench = make(f"reserved_bits {ALL & ~BITS[name]:#x}")
    came, = bench.receive(packet(bench, BITS[name]))
    assert came.raw == inner()
    for other in BITS.values():
        if other != BITS[name]:
            bench.refuse(packet(bench, other), name="rx_reserved_bits")


def test_reserved_none(make):
    """Mask 0: every bit may be set."""
    bench = make("reserved_bits 0x0")
    for bit in (ALL, *BITS.values()):
        came, = bench.receive(packet(bench, bit))
        assert came.raw == inner()
    assert bench.counters()["rx_reserved_bits"] == 0
