# SPDX-License-Identifier: GPL-2.0
"""Shortcuts do not pass by IPsec: from the moment on when there is a policy no
packet leaves in the clear.
"""

import pytest

from lib.bench import DEV, inner
from lib.counters import link_stats
from lib.shortcut import (                      # noqa: F401
    Lane, both, fabric, underlay)

ESP = 50


def batch():
    return [inner(4 + 2 * (n % 2), sport=100 + n) for n in range(4)]


def kinds(lane):
    """(protocol, length) of what left; the ends of bursts, too."""
    return [(p.eth.ip.proto, len(p.raw)) for p in lane.wire.packets(
        lambda p: p.eth.ip and not p.reports, sent=True)]


def in_midstream(fabric, net, *lines, undo):
    """Frames before, with and after a policy -> what left with it."""
    ends = f"src {net.address(1)} dst {net.address(2)}"
    with Lane(fabric, net) as lane:
        before = lane.through(*batch())
        lost = link_stats(lane.ns, DEV)
        lane.wire.clear()
        lane.ns.ip(*[line.format(ends=ends) for line in lines])
        try:
            lane.tenant.send(*batch())
            found = kinds(lane)
            now = link_stats(lane.ns, DEV)
        finally:
            lane.ns.ip(*[line.format(ends=ends) for line in undo])
        assert lane.through(*batch()) == before and len(before) == 4
        return found, {name: now[name] - lost[name] for name in now}


def test_block(fabric, underlay):
    """A policy that blocks."""
    found, lost = both(in_midstream, fabric, underlay,
                       "xfrm policy add {ends} dir out action block",
                       undo=["xfrm policy del {ends} dir out"])
    assert found == [] and lost["tx_packets"] == 0


@pytest.mark.parametrize("mode", ("transport", "tunnel"))
def test_encrypted(fabric, underlay, mode):
    """A policy that encrypts: as many packets as before, all of them ESP."""
    found, lost = both(
        in_midstream, fabric, underlay,
        f"xfrm state add {{ends}} proto esp spi 7 reqid 7 mode {mode} "
        "enc ecb(cipher_null) \"\" auth hmac(sha1) 0x1234567890123456789012"
        "345678901234567890",
        f"xfrm policy add {{ends}} dir out tmpl {{ends}} proto esp reqid 7 "
        f"mode {mode}",
        undo=["xfrm policy del {ends} dir out",
              "xfrm state del {ends} proto esp spi 7"])
    assert [proto for proto, _ in found] == [ESP] * 4
    assert lost["tx_packets"] == 4


def test_of_the_port(fabric, underlay):
    """A policy for the port of VXLAN only."""
    found, _ = both(
        in_midstream, fabric, underlay,
        "xfrm policy add {ends} proto udp dport 4789 dir out action block",
        undo=["xfrm policy del {ends} proto udp dport 4789 dir out"])
    assert found == []


def test_received(fabric, underlay):
    """A policy that wants ESP on receipt: nothing comes in in the clear."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            lane.receive(lane.outer(inner(4)))
            ends = f"src {underlay.address(2)} dst {underlay.address(1)}"
            lane.ns.ip(f"xfrm policy add {ends} dir in tmpl {ends} "
                       "proto esp reqid 7 mode transport")
            lane.device.clear()
            lane.peer.send(*[lane.outer(inner(v)) for v in (4, 6)])
            fabric.settle()
            came = len(lane.device.packets(sent=False))
            lane.ns.ip(f"xfrm policy del {ends} dir in")
            lane.receive(lane.outer(inner(4)))
            return came

    assert both(scenario) == 0
