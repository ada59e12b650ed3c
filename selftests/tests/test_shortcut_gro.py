# SPDX-License-Identifier: GPL-2.0
"""Shortcuts do not hinder aggregation: what could be merged on receipt is."""

import pytest

from lib.bench import DEV
from lib.gro import merging
from lib.gso import Unfinished, tcp, udp
from lib.shortcut import (                      # noqa: F401
    LAST, Lane, fabric, reverse, set_to, underlay)
from lib.underlay import V4
from lib.wire import TCP, UDP

PARTS = 20
MSS = 1000


def burst(fabric, net, packets, options):
    """Large segments, cut on the way -> frames that came out, device count.

    Frames as (protocol, bytes within), of the inner data only.
    """
    with Lane(fabric, net, options) as near, \
            Lane(reverse(fabric), net, options) as far, \
            Unfinished(near.ns, DEV) as out:
        near.untapped().device.close()
        far.untapped()
        before = far.ns.rtnl.link(DEV)["stats"]["rx_packets"]
        out.send(*packets)
        near.tenant.send(LAST)
        far.device.wait_for(lambda p: p.raw == LAST)
        fabric.settle()
        assert all(p.csum_unfilled or p.eth.ip.payload_ok
                   for p in far.device.packets(sent=False)
                   if p.eth.ip and p.eth.ip.proto == TCP)
        got = [p.eth.ip for p in far.device.packets(sent=False)
               if p.eth.ip and p.eth.ip.proto in (TCP, UDP)]
        after = far.ns.rtnl.link(DEV)["stats"]["rx_packets"]
        return ([(ip.proto, len(ip.payload)) for ip in got],
                after - before)


def options(net, csum):
    if net is V4:
        return "udpcsum" if csum else "noudpcsum"
    return "noudp6zerocsumtx" if csum else "udp6zerocsumtx udp6zerocsumrx"


def size(frames, head):
    return sum(length - head for _, length in frames)


@pytest.mark.parametrize("csum", (False, True), ids=("nocsum", "csum"))
@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_after_decapsulation(fabric, underlay, version, csum):
    """Segments of a TCP flow that come one by one are merged behind the
    device.
    """
    packets = [tcp(version, PARTS * MSS, MSS, seq=1000 + n * PARTS * MSS)
               for n in range(2)]
    found = {}
    for on in (False, True):
        with set_to(on):
            found[on] = burst(fabric, underlay, packets,
                              options(underlay, csum))
    for frames, came in found.values():
        assert size(frames, 20) == 2 * PARTS * MSS
        assert came == 2 * PARTS + 1
    assert len(found[False][0]) <= PARTS, "nothing was merged"
    assert len(found[True][0]) <= len(found[False][0])


@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_before_decapsulation(fabric, underlay, version):
    """Underlay packets that the card merges stay merged."""
    packets = [tcp(version, PARTS * MSS, MSS)]
    found = {}
    for on in (False, True):
        with set_to(on), merging(fabric, fabric.host[2]):
            found[on] = burst(fabric, underlay, packets,
                              options(underlay, True))
    for frames, _ in found.values():
        assert size(frames, 20) == PARTS * MSS
    assert found[False][1] <= PARTS // 2, "nothing was merged"
    assert found[True][1] <= found[False][1]
    assert len(found[True][0]) <= len(found[False][0])


@pytest.mark.kernels("6.12", "7.3", "debug")
@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_datagrams(fabric, underlay, version):
    """Datagrams are no more and no fewer."""
    packets = [udp(version, PARTS * MSS, MSS)]
    found = {}
    for on in (False, True):
        with set_to(on):
            found[on] = burst(fabric, underlay, packets,
                              options(underlay, True))
    assert found[True] == found[False]
    assert size(found[True][0], 8) == PARTS * MSS
