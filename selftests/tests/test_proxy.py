# SPDX-License-Identifier: GPL-2.0
"""Frames that the device answers or routes itself: `proxy` (ARP, ND) and `rsc`.

The test is the control plane: it makes the neighbour entries of vx0 and reads
what comes out of the device and what leaves the host.
"""

import struct

import pytest

from lib import build
from lib.bench import ALICE, BOB, DEV, benches, inner, not_ip, wired
from lib.underlay import V4, V6
from lib.wire import csum, ip_bytes, mac_bytes, pseudo

ROUTER = "02:00:00:00:ee:01"
ASKER = {4: "192.168.100.1", 6: "fd01::1"}
TARGET = {4: "192.168.100.2", 6: "fd01::2"}
STRANGER = {4: "192.168.100.77", 6: "fd01::77"}
SOLICITED = "ff02::1:ff00:2"


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="make")
def _make(fabric, request):
    with benches(fabric, request.param) as made:
        yield made


@pytest.fixture(params=(4, 6), ids=("arp", "nd"), name="version")
def _version(request):
    """IP version of the overlay."""
    return request.param


def proxy(make, options="proxy", known=True):
    """vx0 with proxy, whose host knows that TARGET is BOB."""
    bench = make(options)
    if known:
        for address in TARGET.values():
            bench.ns.ip(f"neigh replace {address} lladdr {BOB} dev {DEV} "
                        "nud permanent")
    return bench


def icmp6(src, dst, kind, flags, target, options=b"", code=0):
    """A neighbour solicitation (135) or advertisement (136)."""
    body = struct.pack("!BBHI", kind, code, 0, flags) + ip_bytes(target) + options
    check = csum(pseudo(ip_bytes(src), ip_bytes(dst), 58, len(body)) + body)
    body = body[:2] + struct.pack("!H", check) + body[4:]
    return build.ipv6(src, dst, 58, body, ttl=255)


def solicitation(target=TARGET[6], mac=ALICE, option=True, code=0,
                 dst=SOLICITED):
    """Alice asks for an IPv6 address."""
    options = b"\1\1" + mac_bytes(mac) if option else b""
    return build.ip_frame("33:33:ff:00:00:02", ALICE, icmp6(
        ASKER[6], dst, 135, 0, target, options, code))


def question(version, target=None):
    """Alice asks for an address."""
    if version == 4:
        return build.arp_request(ALICE, ASKER[4], target or TARGET[4])
    return solicitation(target or TARGET[6])


def answer(version, router=False):
    """What Bob would say."""
    if version == 4:
        return build.ether(ALICE, BOB, 0x0806, build.arp(
            2, BOB, TARGET[4], ALICE, ASKER[4]))
    flags = 0x60000000 | (0x80000000 if router else 0)
    return build.ip_frame(ALICE, BOB, icmp6(
        TARGET[6], ASKER[6], 136, flags, TARGET[6], b"\2\1" + mac_bytes(BOB)))


def came_up(bench, frame, count):
    """The frame is sent -> what the device hands up; nothing must leave."""
    bench.device.clear()
    bench.wire.clear()
    bench.tenant.send(frame)
    found = bench.device.wait_count(lambda p: not p.sent, count) if count else []
    assert not bench.wire.packets(lambda p: p.sent and p.outer)
    return [p.raw for p in found]


def test_proxy_answers(make, version):
    """The answer, byte by byte; the question does not leave."""
    bench = proxy(make)
    with bench.moved() as moved:
        assert came_up(bench, question(version), 1) == [answer(version)]
        moved.wait_for("S:proxy_answered", 1)
    assert moved == {"S:proxy_answered": 1}


def test_proxy_router(make):
    """An FDB entry with `router` makes the advertisement one of a router."""
    bench = proxy(make)
    bench.ns.bridge(f"fdb add {BOB} dev {DEV} dst {make.net.address(bench.far)} "
                    "router self")
    assert came_up(bench, question(6), 1) == [answer(6, router=True)]


@pytest.mark.parametrize("option, expected", [
    (True, ROUTER), (False, ALICE)], ids=["option", "sender"])
def test_proxy_answers_whom(make, option, expected):
    """To the MAC address of the option, else to the sender of the frame."""
    bench = proxy(make)
    raw, = came_up(bench, solicitation(mac=ROUTER, option=option), 1)
    assert raw[:6] == mac_bytes(expected)


def silent(make, frames, options="proxy", known=True, prepare=()):
    """Frames that are neither answered nor sent, but counted."""
    bench = proxy(make, options, known)
    bench.ns.ip(*prepare) if prepare else None
    with bench.moved() as moved:
        for number, frame in enumerate(frames, 1):
            assert came_up(bench, frame, 0) == []
            moved.wait_for("S:tx_proxy_silent", number)
        assert not bench.device.packets(lambda p: not p.sent)
    assert moved == {"S:tx_proxy_silent": len(frames)}
    return bench


def test_proxy_unknown(make, version):
    """Nobody knows: no answer, and the question does not leave either."""
    silent(make, [question(version, STRANGER[version])])


def test_proxy_unreachable(make, version):
    """A neighbour entry that is not valid is no answer."""
    silent(make, [question(version)], known=False, prepare=[
        f"neigh replace {address} lladdr {BOB} dev {DEV} nud stale"
        for address in TARGET.values()])


def test_proxy_this_side(make, version):
    """A station whose remote is the zero address answers itself."""
    bench = proxy(make)
    zero = "0.0.0.0" if make.net is V4 else "::"
    bench.ns.bridge(f"fdb add {BOB} dev {DEV} dst {zero} self")
    assert came_up(bench, question(version), 0) == []
    assert not bench.device.packets(lambda p: not p.sent)


def test_proxy_other_arp(make):
    """Answers, gratuitous and malformed ARP end here."""
    odd = bytearray(build.arp_request(ALICE, ASKER[4], TARGET[4]))
    odd[18] = 8     # hardware address length
    silent(make, [
        build.ether(BOB, ALICE, 0x0806, build.arp(2, ALICE, ASKER[4], BOB,
                                                  TARGET[4])),
        build.arp_request(ALICE, ASKER[4], ASKER[4]),
        build.arp_request(ALICE, ASKER[4], "127.0.0.1"),
        build.arp_request(ALICE, ASKER[4], "224.0.0.5"), bytes(odd)])


def test_proxy_short_arp(make):
    """A question that is cut off is dropped for that."""
    bench = proxy(make)
    with bench.moved() as moved:
        bench.tenant.send(build.arp_request(ALICE, ASKER[4], TARGET[4])[:40])
        moved.wait_for("S:tx_inner_short", 1)
    assert moved == {"S:tx_inner_short": 1, "tx_dropped": 1}


def test_proxy_malformed_nd(make):
    """Options without an end are no reason to answer."""
    bad = build.ip_frame("33:33:ff:00:00:02", ALICE, icmp6(
        ASKER[6], SOLICITED, 135, 0, TARGET[6], b"\1\0" + bytes(6)))
    long = build.ip_frame("33:33:ff:00:00:02", ALICE, icmp6(
        ASKER[6], SOLICITED, 135, 0, TARGET[6], b"\1\7" + bytes(6)))
    silent(make, [bad, long, solicitation("ff02::1")])


def test_proxy_hop_limit(make):
    """A solicitation that came through a router is none (RFC 4861 7.1.1)."""
    frame = bytearray(solicitation())
    frame[14 + 7] = 254
    silent(make, [bytes(frame)])


def test_proxy_padding(make):
    """What stands behind the packet is no option."""
    bench = proxy(make)
    assert came_up(bench, solicitation() + bytes(20), 1) == [answer(6)]


def probe(mac):
    """Is TARGET taken? Who asks has no address yet."""
    return build.ip_frame("33:33:ff:00:00:02", mac, icmp6(
        "::", SOLICITED, 135, 0, TARGET[6]))


def test_proxy_probe(make):
    """The answer goes to all nodes, and says that nobody asked for it."""
    bench = proxy(make)
    assert came_up(bench, probe(ALICE), 1) == [build.ip_frame(
        "33:33:00:00:00:01", BOB, icmp6(
            TARGET[6], "ff02::1", 136, 0x20000000, TARGET[6],
            b"\2\1" + mac_bytes(BOB)))]


def test_proxy_own_probe(make):
    """Nobody is told that another one has what is its own."""
    silent(make, [probe(BOB)])


def test_proxy_rest_goes_out(make):
    """All that is no question is sent as ever."""
    bench = proxy(make)
    other = solicitation(code=1)
    frames = [inner(), inner(6), not_ip(), other, solicitation()[:60]]
    assert [o.inner for o in bench.send(*frames)] == frames


def test_proxy_off(make, version):
    """Without it questions are sent."""
    bench = proxy(make, "noproxy")
    outer, = bench.send(question(version))
    assert outer.inner == question(version)


# -- route short circuit ----------------------------------------------------

def routed(make, options="rsc", flags="router"):
    """vx0 with an entry for the ROUTER; the host knows that TARGET is BOB."""
    bench = proxy(make, options)
    bench.ns.bridge(f"fdb add {ROUTER} dev {DEV} "
                    f"dst {make.net.address(bench.far)} {flags} self")
    return bench


@pytest.mark.parametrize("version", [4, 6])
def test_rsc(make, version):
    """As if the router had forwarded it: from its MAC address to Bob's."""
    bench = routed(make)
    bench.tenant.send(inner(version, dst=ROUTER))
    outer = bench.wire.wait_for(lambda p: p.sent and p.outer).outer
    assert outer.inner == inner(version, dst=BOB, src=ROUTER)


@pytest.mark.parametrize("case", ["not-router", "off", "unknown", "not-ip",
                                  "same"])
def test_rsc_not(make, case):
    """What stays as it was."""
    bench = routed(make, "" if case == "off" else "rsc",
                   "" if case == "not-router" else "router")
    frame = inner(dst=ROUTER)
    if case == "unknown":
        bench.ns.ip(f"neigh del {TARGET[4]} dev {DEV}")
    elif case == "not-ip":
        frame = not_ip(dst=ROUTER)
    elif case == "same":
        bench.ns.ip(f"neigh replace {TARGET[4]} lladdr {ROUTER} dev {DEV} "
                    "nud permanent")
    outer, = bench.send(frame)
    assert outer.inner == frame


@pytest.mark.parametrize("state", ["incomplete", "failed"])
def test_rsc_unresolved(make, state):
    """A neighbour without an address yet: the router does it."""
    bench = routed(make)
    bench.ns.ip(f"neigh del {TARGET[4]} dev {DEV}",
                f"neigh add {TARGET[4]} dev {DEV} nud {state}")
    outer, = bench.send(inner(dst=ROUTER))
    assert outer.inner == inner(dst=ROUTER)


def test_rsc_this_side(make):
    """Bob is on this side: the frame comes back, nothing is sent or learned."""
    bench = routed(make)
    zero = "0.0.0.0" if make.net is V4 else "::"
    bench.ns.bridge(f"fdb add {BOB} dev {DEV} dst {zero} self")
    known = bench.near.fdb(DEV)
    assert came_up(bench, inner(dst=ROUTER), 1) == [inner(dst=BOB, src=ROUTER)]
    assert bench.near.fdb(DEV) == known


def test_rsc_shared_packet(make):
    """Whoever else holds the packet sees it unchanged."""
    bench = routed(make)
    bench.device.clear()
    bench.tenant.send(inner(dst=ROUTER))
    seen = bench.device.wait_for(lambda p: p.sent)
    assert seen.raw == inner(dst=ROUTER)
