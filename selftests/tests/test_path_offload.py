# SPDX-License-Identifier: GPL-2.0
"""Segmentation and aggregation: large packets cross whole where the underlay
allows, are cut rightly where it does not, and are put together on receipt.
"""

import socket
import struct
from contextlib import contextmanager

import pytest

from lib import build, counters, ethtool, features
from lib.bench import ALICE, IP, wired
from lib.inject import send_frames
from lib.pair import Pair
from lib.underlay import V4, V6
from lib.wait import eventually, scaled
from lib.wire import TCP, UDP

SIZE = 1 << 20
MTU = 1500
UDP_SEGMENT = 103
INNER = pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
CSUM = pytest.mark.parametrize("csum", (False, True), ids=("nocsum", "csum"))


@pytest.fixture(scope="module", params=(V4, V6), ids=repr)
def underlay(request):
    return request.param


@pytest.fixture(scope="module")
def plain():
    """An underlay whose captures are what a wire sees."""
    with wired(MTU) as fabric:
        yield fabric


@pytest.fixture(scope="module")
def able():
    """An underlay with all the offloads that veth has."""
    with wired(MTU, offloads=True) as fabric:
        yield fabric


def options(net, csum):
    """UDP checksums or none, for both protocols."""
    if net is V4:
        return "udpcsum" if csum else "noudpcsum"
    return "noudp6zerocsumtx" if csum else "udp6zerocsumtx udp6zerocsumrx"


def data_packets(capture, proto=TCP, **kwargs):
    """Encapsulated packets with inner data."""
    return [o for o in capture.outers(**kwargs)
            if o.frame.ip and o.frame.ip.proto == proto
            and len(o.frame.ip.payload) > 100]


@CSUM
@INNER
def test_gso_crosses_whole(able, underlay, version, csum):
    """TCP segments of many times the MTU leave and arrive as one packet.

    How large TCP makes them depends on the pace of the transfer, so a slow
    start is given another try; what is asked of the packets is not.
    """
    with Pair(able, underlay, options(underlay, csum)) as pair:
        captures = pair.hosts[0].capture(), pair.hosts[1].capture()
        for _ in range(6):
            for capture in captures:
                capture.clear()
            pair.transfer(version, size=SIZE)
            sent, got = (data_packets(capture, sent=way)
                         for capture, way in zip(captures, (True, False)))
            if max(len(o.inner) for o in sent) > 20 * MTU:
                break
        for outers in sent, got:
            sizes = [len(o.inner) for o in outers]
            assert max(sizes) > 20 * MTU
            assert len(sizes) < SIZE / MTU / 4
            assert {(o.vni, o.flags, o.rsvd1, o.rsvd2) for o in outers} == \
                {(100, 8, 0, 0)}


@CSUM
@INNER
def test_gso_segmented(plain, underlay, version, csum):
    """With the underlay's offloads off each segment is a packet of its own
    with all headers and checksums right.
    """
    with Pair(plain, underlay, options(underlay, csum)) as pair:
        wire = pair.hosts[0].capture()
        pair.transfer(version, size=SIZE // 4)
        outers = data_packets(wire, sent=True)
        assert len(outers) >= SIZE // 4 // MTU
        assert len({o.sport for o in outers}) == 1, "ports of one flow"
        for outer in outers:
            check_segment(outer, pair, csum)


def check_segment(outer, pair, csum):
    """One packet of a large segment."""
    assert len(outer.eth.payload) <= MTU
    assert (outer.udp_csum != 0) == csum
    if csum:
        outer.check()
    assert outer.udp_len == len(outer.ip.payload) == 16 + len(outer.inner)
    assert outer.ip.header_ok and not outer.ip.fragment
    assert (outer.vni, outer.flags, outer.rsvd1, outer.rsvd2) == \
        (100, 8, 0, 0)
    assert (outer.src, outer.dst) == tuple(
        pair.net.address(host) for host in pair.hosts)
    inner = outer.frame
    assert (inner.src, inner.dst) == tuple(pair.macs)
    assert inner.ip.header_ok and inner.ip.payload_ok, "inner checksum"
    assert inner.ip.length == len(inner.ip.payload)


@contextmanager
def aggregating(fabric):
    """Host 2 merges what comes in through its eth0."""
    far = fabric.host[2]
    ethtool.offload(far.ns, "eth0", True, ("gro",))
    features.all_tso(fabric.ns, "h2", False)
    try:
        yield
    finally:
        features.all_tso(fabric.ns, "h2", True)
        ethtool.offload(far.ns, "eth0", False, ("gro",))


@INNER
def test_gro_from_the_wire(plain, underlay, version):
    """Packets of one flow are merged before they are decapsulated: the
    device counts far fewer than the wire.
    """
    with Pair(plain, underlay) as pair, aggregating(plain):
        wire = pair.hosts[0].capture()
        with counters.delta(pair.hosts[1].ns, "vx0") as moved:
            pair.transfer(version, size=SIZE)
        count = len(wire.outers(sent=True))
        assert count >= SIZE // MTU
        assert moved["rx_packets"] < count / 3
        assert moved["rx_bytes"] > SIZE


@INNER
def test_gro_after_decapsulation(plain, underlay, version):
    """Without aggregation below, the device merges by itself: it hands up
    frames larger than its MTU.
    """
    with Pair(plain, underlay) as pair:
        seen = pair.hosts[1].capture("vx0")
        with counters.delta(pair.hosts[1].ns, "vx0") as moved:
            pair.transfer(version, size=SIZE)
        frames = [p for p in seen.packets(sent=False)
                  if p.eth.ip and len(p.raw) > 100]
        assert max(len(p.raw) for p in frames) > 3 * MTU
        assert len(frames) < moved["rx_packets"] / 2


def test_gro_keeps_vnis_apart(plain, underlay):
    """The packets of two VNIs come in turn, with the same inner flow: what
    is merged is of one VNI.
    """
    with Pair(plain, underlay) as pair, \
            Pair(plain, underlay, vni=101, name="vx1") as other:
        for host in other.hosts:    # the addresses are those of vx0
            host.ns.ip("addr flush dev vx1")
        with aggregating(plain):
            segments = interleaved(pair)
            seen = [pair.hosts[1].capture(dev) for dev in ("vx0", "vx1")]
            send_frames(pair.hosts[0].ns, "eth0", *segments)
            for capture, mark in zip(seen, (b"a", b"b")):
                eventually(lambda c=capture, m=mark: received(c) == m * 8000)


def received(capture):
    """The TCP payload that came in so far."""
    return b"".join(p.eth.ip.payload[20:] for p in capture.packets(sent=False)
                    if p.eth.ip and p.eth.ip.proto == TCP)


def interleaved(pair):
    """Underlay packets with TCP segments of both VNIs in turn."""
    near, far = pair.hosts
    ends = pair.net.address(near), pair.net.address(far)
    packets = []
    for n in range(8):
        for vni, mark in ((100, b"a"), (101, b"b")):
            data = struct.pack("!HHIIBBHHH", 5, 6, 1 + n * 1000, 1, 0x50,
                               0x10, 512, 0, 0) + mark * 1000
            csum = build.csum(build.pseudo(
                *map(build.ip_bytes, (IP[4][0], IP[4][1])), TCP, len(data))
                + data)
            data = data[:16] + struct.pack("!H", csum) + data[18:]
            packets.append(build.vxlan_frame(
                far.mac, near.mac, *ends, build.vxlan(vni, build.ip_frame(
                    "02:00:00:00:77:01", ALICE,
                    build.ipv4(*IP[4], TCP, data, frag=0x4000)))))
    return packets


@pytest.mark.parametrize("whole", (True, False), ids=("whole", "segmented"))
@INNER
def test_gso_udp(request, underlay, version, whole):
    """UDP segmentation offload of the sender, through the tunnel."""
    fabric = request.getfixturevalue("able" if whole else "plain")
    count, part = 8, 1200
    sent = b"".join(bytes([n]) * part for n in range(count))
    with Pair(fabric, underlay, "noudpcsum") as pair:
        pair.know()
        wire = pair.hosts[0].capture()
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with pair.hosts[1].ns.socket(family, socket.SOCK_DGRAM) as server, \
                pair.hosts[0].ns.socket(family, socket.SOCK_DGRAM) as client:
            server.bind((IP[version][1], 7777))
            server.settimeout(scaled(5))
            client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, part)
            client.sendto(sent, (IP[version][1], 7777))
            got = [server.recv(65536) for _ in range(count)]
        assert got == [sent[n * part:(n + 1) * part] for n in range(count)]
        outers = eventually(lambda: data_packets(wire, UDP, sent=True))
        assert len(outers) == (1 if whole else count)
        for outer in outers if not whole else ():
            check_segment(outer, pair, underlay is V6)
