# SPDX-License-Identifier: GPL-2.0
"""Shortcuts do not show in what is received: the same frames, in order, for
the stack, a bridge, and a device that is moved or set down.
"""

import struct

import pytest

from lib import build, links
from lib.bench import DEV, IP, MAC, inner, not_ip
from lib.capture import Capture
from lib.shortcut import (                      # noqa: F401
    LAST, Lane, Toggling, both, fabric, growth, underlay)
from lib.wait import scaled

PORT = 5678


def classes():
    """Frames of every class of flows, many of each, mixed."""
    found = []
    for n in range(12):
        for version in (4, 6):
            found += [inner(version, sport=7, payload=bytes([n] * 30)),
                      inner(version, sport=n + 1, tos=n % 3),
                      segment(version, n), echo(version, n)]
        found += [inner(4, frag=0x2000, ident=n), not_ip(size=46 + n),
                  inner(4, frag=0x00b9, ident=n),
                  inner(4, dst=build.BROADCAST, sport=n),
                  inner(4, sport=n)[:12] + b"\x81\0\0\x05"
                  + inner(4, sport=n)[12:],
                  build.arp_request("02:00:00:00:aa:01", *IP[4])]
    return found


def segment(version, number):
    head = struct.pack("!HHIIBBHHH", 1, 2, number * 10, 4, 0x50, 16, 99, 0, 0)
    data = head + bytes(10)
    ends = map(build.ip_bytes, IP[version])
    total = build.csum(build.pseudo(*ends, 6, len(data)) + data)
    return build.ip_frame("02:00:00:00:bb:01", "02:00:00:00:aa:01", build.ip(
        *IP[version], 6, data[:16] + struct.pack("!H", total) + data[18:],
        **({"ident": number} if version == 4 else {})))


def echo(version, number):
    data = struct.pack("!BBHHH", 8, 0, 0, 1, number)
    return build.ip_frame("02:00:00:00:bb:01", "02:00:00:00:aa:01", build.ip(
        *IP[version], 1, data))


def is_segment(raw):
    kind, v4, v6 = raw[12:14], raw[23:24], raw[20:21]
    return (kind, v4) == (b"\x08\0", b"\x06") or \
        (kind, v6) == (b"\x86\xdd", b"\x06")


def came(lane, frames, capture=None, **fields):
    """Frames as they come out: of TCP the bytes, of all else the frames."""
    capture = capture or lane.device
    capture.clear()
    for frame in frames:
        lane.peer.send(lane.outer(frame, **fields))
    lane.peer.send(lane.outer(LAST))
    capture.wait_for(lambda p: p.raw == LAST)
    return [p.raw for p in capture.packets(sent=False) if p.raw != LAST]


def ways(raws):
    """What has to keep its order: each class by itself."""
    found = {}
    for raw in raws:
        found.setdefault(raw[12:14] + raw[20:24] + raw[34:38], []).append(raw)
    return found


@pytest.mark.parametrize("tapped", (False, True), ids=("alone", "tapped"))
@pytest.mark.parametrize("fields", ({}, {"check": "good"}, {"tos": 2}),
                         ids=("plain", "csum", "ect"))
def test_frames(fabric, underlay, tapped, fields):
    """Every class of frames; each flow keeps its order."""
    sent = [f for f in classes() if not is_segment(f)]

    def scenario():
        with Lane(fabric, underlay) as lane:
            if not tapped:
                lane.untapped()
            with growth((lane.ns, "eth0", DEV)) as moved:
                found = came(lane, sent, **fields)
                fabric.settle()
            assert sorted(found) == sorted(sent)
            return ways(found), {key: value for key, value in moved.items()
                                 if "Icmp" not in key[1]}

    found, _ = both(scenario)
    assert found == ways(sent)


def test_segments_in_order(fabric, underlay):
    """Segments of a TCP flow, merged or not, among all others."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            found = came(lane.untapped(), classes())
            return [b"".join(raw[at:] for raw in found if is_segment(raw)
                             and raw[12:14] == kind)
                    for at, kind in ((54, b"\x08\0"), (74, b"\x86\xdd"))]

    assert both(scenario) == [bytes(120)] * 2


def test_while_toggled(fabric, underlay):
    """Nothing is lost, doubled or overtaken within a flow."""
    sent = [f for f in classes() if not is_segment(f)] * 4
    with Lane(fabric, underlay) as lane:
        lane.untapped()
        with Toggling(0.001):
            found = came(lane, sent)
    assert ways(found) == ways(sent)


def test_through_a_bridge(fabric, underlay):
    """Frames that a bridge forwards and one that is for the bridge itself;
    stations are learned where they are.
    """
    sent = [f for f in classes() if not is_segment(f)]

    def scenario():
        with Lane(fabric, underlay) as lane:
            ns = lane.ns
            links.add_bridge(ns, "br0", MAC)
            ns.ip("link add port0 type veth peer name port1",
                  "link set port0 up", "link set port1 up")
            lane.also = ["port0", "br0"]
            for port in DEV, "port0":
                links.set_port(ns, port, "br0")
            with Capture(ns, "port1") as tap:
                found = came(lane.untapped(), sent, tap)
            return ways(found), lane.near.fdb(DEV)

    found, learned = both(scenario)
    assert found == ways(sent)
    assert learned["02:00:00:00:aa:01"] == [underlay.address(2)]


def test_for_the_stack(fabric, underlay):
    """Datagrams for an address of the device reach a socket; replies leave."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            links.add_address(lane.ns, DEV, f"{IP[4][1]}/24")
            lane.untapped()
            with lane.ns.socket(2, 2) as sock:
                sock.bind((IP[4][1], PORT))
                sock.settimeout(scaled(5))
                got = []
                for n in range(20):
                    lane.peer.send(lane.outer(inner(
                        4, dst=MAC, payload=bytes([n] * (n + 1)), tos=n % 3)))
                    got.append(sock.recvfrom(100))
                return got

    assert len(both(scenario)) == 20


def test_down_and_moved(fabric, underlay):
    """A device that is down receives nothing; in another namespace it does."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            first = came(lane.untapped(), [inner(4)] * 3)
            lane.ns.ip(f"link set {DEV} down")
            with growth((lane.ns, DEV)) as moved:
                lane.peer.send(lane.outer(inner(4)))
                fabric.settle()
            lane.ns.ip(f"link set {DEV} up")
            again = came(lane.untapped(), [inner(4)] * 3)
            return first, {key: value for key, value in moved.items()
                           if DEV in key[1]}, again

    first, moved, again = both(scenario)
    assert first == again == [inner(4)] * 3 and not moved
