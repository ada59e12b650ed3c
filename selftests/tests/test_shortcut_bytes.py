# SPDX-License-Identifier: GPL-2.0
"""Shortcuts do not show on the wire: outer packets byte for byte."""

import struct
import time

import pytest

from lib import build
from lib.bench import ALICE, BOB, IP, inner, not_ip
from lib.gso import UDP_SEGMENTS, Unfinished, tcp, udp
from lib.shortcut import (                      # noqa: F401
    LAST, PORT, Lane, able, both, fabric, seen, set_to, underlay)
from lib.underlay import V4, V6
from lib.wire import TCP

MTU = 1600
#: ip-link words, for both protocols or for one of them.
OPTIONS = ("", "ttl 5", "ttl inherit", "tos 0xb8", "tos inherit", "gbp")
OPTIONS_OF = {
    V4: ("udpcsum", "df set", "df inherit"),
    V6: ("udp6zerocsumtx", "flowlabel 0x12345")}
CASES = [pytest.param(net, words, id=f"{net}-{words or 'plain'}")
         for net in (V4, V6) for words in OPTIONS + OPTIONS_OF[net]]


def tagged(frame, *tags):
    """With VLAN tags, which are in the packet."""
    return frame[:12] + b"".join(
        struct.pack("!HH", kind, tci) for kind, tci in tags) + frame[12:]


def fragments(version):
    """The first of a datagram and a later one."""
    if version == 4:
        return [inner(4, frag=frag) for frag in (0x2000, 0x20b9, 0x00b9)]
    data = build.udp(*IP[6], 1234, 5678, bytes(64))
    return [build.ip_frame(BOB, ALICE, build.ipv6(
        *IP[6], 44, struct.pack("!BBHI", 17, 0, field, 7) + data))
        for field in (1, 0x5c9, 0x5c8)]


def segment(version, flags):
    """A finished TCP segment."""
    head = struct.pack("!HHIIBBHHH", 1, 2, 3, 4, 0x50, flags, 99, 0, 0)
    return build.ip_frame(BOB, ALICE, build.ip(*IP[version], TCP, head))


def addressed(frame, dst):
    return build.mac_bytes(dst) + frame[6:]


def frames(net):
    """One of every kind."""
    room = MTU - net.overhead - 28
    found = [inner(v, tos=0x28 | ecn) for v in (4, 6) for ecn in range(4)]
    found += [inner(4, frag=0x4000), inner(4, ident=77), inner(4, ttl=1),
              inner(6, label=0x54321, ttl=9)]
    found += fragments(4) + fragments(6)
    found += [segment(v, flags) for v in (4, 6) for flags in (2, 0x10, 0x11)]
    found += [tagged(inner(v, tos=3), (0x8100, 5)) for v in (4, 6)]
    found += [tagged(inner(4), (0x88a8, 6), (0x8100, 7)), not_ip(),
              tagged(not_ip(), (0x8100, 8)), not_ip(size=0), not_ip(size=1),
              build.arp_request(ALICE, IP[4][0], IP[4][1])]
    found += [inner(4, payload=bytes(size)) for size in
              (0, 1, 17, 18, 1000, room - 14)]
    found += [inner(6, payload=bytes(room - 34))]
    found += [addressed(inner(4), dst) for dst in (
        "ff:ff:ff:ff:ff:ff", "01:00:5e:01:02:03", "33:33:00:00:00:05")]
    found += [build.ip_frame(BOB, ALICE, build.ip(*IP[v], proto, bytes(24)))
              for v in (4, 6) for proto in (1, 58, 132, 200)]
    found += [build.ip_frame(BOB, ALICE, build.ipv4(
        *IP[4], 17, bytes(24), options=b"\x94\x04\0\0"))]
    found += broken()
    return found


def broken():
    """What calls itself IP and is not, or not whole."""
    good = inner(4)
    return [good[:14], good[:20], good[:34], good[:38],
            good[:14] + b"\x55" + good[15:], good[:14] + b"\x42" + good[15:],
            inner(4, length=2000), inner(6, length=2000), inner(6)[:30]]


@pytest.mark.parametrize("net, options", CASES)
def test_every_frame(fabric, net, options):
    """One of each kind of frame, for each option that shapes the headers."""
    sent = frames(net)

    def scenario():
        with Lane(fabric, net, options) as lane:
            packets = lane.burst(*sent)
            assert {p.outer.sport for p in packets} == {PORT}
            return seen(packets)

    found = both(scenario)
    assert len(found) > len(sent) - len(broken())


def test_group(fabric, underlay):
    """To a multicast group."""
    def scenario():
        with Lane(fabric, underlay, to="group") as lane:
            return lane.through(*frames(underlay))

    assert len(both(scenario)) > 50


def test_replicated(fabric, underlay):
    """One copy for each remote, of other ports and VNIs too."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            to = underlay.address(lane.far)
            lane.ns.bridge(*[
                f"fdb append 00:00:00:00:00:00 dev vx0 dst {to} {words}"
                for words in ("port 4790", "vni 7", "port 9 vni 16777215")])
            return lane.through(*frames(underlay))

    assert len(both(scenario)) > 4 * 50


def unfinished(version, part):
    """Unfinished checksums and segments of many times the MTU."""
    other = b"\x81\x00\x00\x05"
    found = [tcp(version, 0, flags=2), tcp(version, 100),
             tcp(version, 100, tags=other), udp(version, 100),
             udp(version, 1, tos=1)]
    found += [tcp(version, size, part, tos=tos) for size, tos in (
        (part + 1, 0), (3 * part, 1), (7 * part + 9, 2), (40000, 3))]
    found += [tcp(version, 5000, part, tags=other),
              tcp(version, 5000, part, flags=0x98)]
    if UDP_SEGMENTS:
        found.append(udp(version, 5 * part + 3, part))
    return found


@pytest.mark.parametrize("csum", (False, True), ids=("nocsum", "csum"))
@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
@pytest.mark.parametrize("whole", (False, True), ids=("segmented", "whole"))
def test_unfinished(request, underlay, version, whole, csum):
    """Packets whose checksum is not filled in and large segments: cut as
    before where the underlay cannot do it, whole as before where it can.
    """
    made = request.getfixturevalue("able" if whole else "fabric")
    words = {V4: ("noudpcsum", "udpcsum"),
             V6: ("udp6zerocsumtx", "noudp6zerocsumtx")}[underlay][csum]

    def scenario():
        with Lane(made, underlay, words) as lane, \
                Unfinished(lane.ns, "vx0") as out:
            lane.wire.clear()
            out.send(*unfinished(version, 1200))
            lane.tenant.send(LAST)
            lane.wire.wait_for(lambda p: p.sent and LAST in p.raw)
            packets = lane.wire.packets(sent=True)
            return [(raw, p.csum_unfilled)
                    for raw, p in zip(seen(packets), packets)]

    found = both(scenario)
    largest = max(len(raw) for raw, _ in found)
    assert largest > 30000 if whole else largest <= MTU + 14


def test_idents_of_a_slow_sender(fabric):
    """One packet now and then takes one ident, not many in advance: they would
    come round before a lost fragment is forgotten.
    """
    def scenario():
        with Lane(fabric, V4) as lane:
            found = []
            for _ in range(20):
                found += [p.outer.ip.ident for p in lane.burst(inner(4))]
                time.sleep(0.02)
            return found
    with set_to(True):
        before = time.monotonic()
        found = scenario()
        jiffies = (time.monotonic() - before) * 250
    # the core adds at random, as many as jiffies have gone by
    assert (found[-1] - found[0]) % 65536 < 40 + jiffies, found


def test_idents(fabric):
    """Packets that may be fragmented have an ident of their own: no two are
    the same, even if shortcuts come and go, nor within a large segment.
    """
    def scenario(count):
        with Lane(fabric, V4) as lane, Unfinished(lane.ns, "vx0") as out:
            packets = lane.burst(*[inner(4)] * count)
            out.send(tcp(4, 20000, 1000))
            packets += lane.burst(*[inner(6)] * 5)
            assert all(not p.outer.df for p in packets)
            return [p.outer.ip.ident for p in packets]

    idents = []
    for on in (True, False, True):
        with set_to(on):
            idents += scenario(700)
    assert len(idents) > 2100
    assert len(set(idents)) == len(idents)
