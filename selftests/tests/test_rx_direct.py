# SPDX-License-Identifier: GPL-2.0
"""The straight way up of received frames cannot be told from the other one:
same frames, same order, same merging, same hooks, however deep tunnels nest.

Frames come in batches (lib/batch.py), so that some are waiting to be merged
when the next ones arrive.
"""

import ctypes
import os
import socket
import struct
import threading

import pytest

from lib import build, counters, features, links, topo
from lib.batch import (DEV, FAR, HERE, MAC, THERE, Batch, parameter,
                       restored, shortcut, tcp, udp)
from lib.capture import Capture
from lib.wire import TCP, UDP

UDP_GRO, SO_ATTACH_FILTER = 104, 26
DATA = 400
VERSIONS = pytest.mark.parametrize("version", (4, 6), ids=("v4", "v6"))
BOTH = (True, False)


@pytest.fixture(autouse=True)
def _restored():
    with restored():
        yield


@pytest.fixture
def batch(namespaces):
    with Batch(namespaces) as made:
        yield made


def numbered(number, size=DATA):
    """Data that tells its number, and is as long as all other."""
    return struct.pack("!I", number) * (size // 4)


def fragment(number, offset=185):
    """A last fragment of the flow of udp(), with its number."""
    return build.ip_frame(MAC, FAR, build.ipv4(
        THERE[4], HERE[4], UDP, numbered(number, DATA + 8), ident=number,
        frag=offset))


def numbers(frames, proto=None):
    """The numbers in frames, merged or not, in their order."""
    found = []
    for raw in frames:
        packet = raw[14:]
        if packet[0] >> 4 == 4:
            kind, start = packet[9], 20 + (8 if packet[9] == UDP else 0)
            end = struct.unpack_from("!H", packet, 2)[0]
        else:
            kind, start = packet[6], 40 + (8 if packet[6] == UDP else 0)
            end = 40 + struct.unpack_from("!H", packet, 4)[0]
        start += 20 if kind == TCP else 0
        if proto in (None, kind):
            found += [struct.unpack_from("!I", packet, at)[0]
                      for at in range(start, end, DATA)]
    return found


def outcome(batch, frames):
    """What comes up, by both ways."""
    found = []
    for on in BOTH:
        shortcut(on)
        batch.send(*frames)
        found.append(batch.received())
    return found


@pytest.mark.parametrize("tapped", (False, True), ids=("", "tapped"))
def test_fragments_keep_their_place(batch, tapped):
    """Fragments wait, datagrams of the same flow do not pass them.

    Tapped: a socket holds a copy of each underlay packet.
    """
    if tapped:
        features.switch(batch.far, "eth0", False, "tx-scatter-gather")
        Capture(batch.ns, "eth0")
    frames = [udp(4, numbered(n)) if n % 4 else fragment(n)
              for n in range(40)]
    for on in BOTH:
        shortcut(on)
        batch.send(*frames)
        assert numbers(batch.received()) == list(range(40))


def tap_odd(ns):
    """A socket that gets a copy of the underlay packets with odd numbers.

    Their headers: 14 + 20 + 8 outer, 8 VXLAN, 14 + 20 + 20 inner, then the
    number, of which the last byte is asked for.
    """
    sock = ns.socket(socket.AF_PACKET, socket.SOCK_RAW)
    code = [(0x30, 0, 0, 104 + 3), (0x45, 0, 1, 1), (6, 0, 0, 65535),
            (6, 0, 0, 0)]
    raw = ctypes.create_string_buffer(
        b"".join(struct.pack("=HBBI", *each) for each in code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack(
        "HP", len(code), ctypes.addressof(raw)))
    sock.bind(("eth0", 3))
    return sock


def test_shared_packets_keep_their_place(batch):
    """Every other segment is shared with a socket and cannot be written to.

    Not in fragments of memory, for pulling headers out of them copies.
    """
    features.switch(batch.far, "eth0", False, "tx-scatter-gather")
    frames = [tcp(4, 1000 + DATA * n, numbered(n)) for n in range(30)]
    with tap_odd(batch.ns) as tap:
        for on in BOTH:
            shortcut(on)
            batch.send(*frames)
            assert numbers(batch.received()) == list(range(30))
        assert tap.recv(2048)[107] & 1


@VERSIONS
def test_mixed_protocols(batch, version):
    """TCP and UDP in one batch: each in its order, all there."""
    frames = [tcp(version, 1000 + 2 * DATA * n, numbered(n)) if n % 3 else
              udp(version, numbered(n)) for n in range(45)]
    for on in BOTH:
        shortcut(on)
        batch.send(*frames)
        got = batch.received()
        assert numbers(got, TCP) == [n for n in range(45) if n % 3]
        assert numbers(got, UDP) == [n for n in range(45) if not n % 3]


class Meanwhile:
    """Does something over and over while a test goes on."""

    def __init__(self, act):
        self.act, self.over, self.times = act, False, 0
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.over:
            self.act(self.times)
            self.times += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        assert self.times > 20


def check_steady(batch, every=5, rounds=60):
    """Datagrams of one flow, some of them fragments, arrive in order."""
    for _ in range(rounds):
        batch.send(*[udp(4, numbered(n)) if n % every else fragment(n)
                     for n in range(50)])
        assert numbers(batch.received()) == list(range(50))


def test_order_while_it_toggles(batch):
    """The parameter changes in the middle of packets."""
    fd = os.open(parameter(), os.O_WRONLY)
    try:
        with Meanwhile(lambda n: os.pwrite(fd, b"NY"[n & 1:][:1], 0)):
            check_steady(batch)
    finally:
        os.close(fd)


def gro_socket(ns, version=4, port=5678):
    sock = ns.socket(socket.AF_INET if version == 4 else socket.AF_INET6,
                     socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    sock.bind((HERE[version], port))
    return sock


def test_order_while_a_socket_comes_and_goes(batch):
    """A socket of that port opens and closes meanwhile: the datagrams could be
    merged for it, and then not. It does not ask for it: what the core holds
    for one that does is passed by others when it closes, by any way up.
    """
    def act(_):
        with batch.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((HERE[4], 5678))

    with Meanwhile(act):
        check_steady(batch)


def sizes(frames):
    return [len(raw) for raw in frames]


@VERSIONS
def test_tcp_is_merged(batch, version):
    """Segments become one packet, whatever the parameter says."""
    frames = [tcp(version, 1000 + DATA * n, numbered(n)) for n in range(20)]
    direct, queued = outcome(batch, frames)
    assert direct == queued
    assert len(direct) < 5
    assert numbers(direct) == list(range(20))


@VERSIONS
@pytest.mark.parametrize("who", ("nobody", "socket", "rx-udp-gro-forwarding",
                                 "rx-gro-list"))
def test_udp_is_merged_for_who_wants_it(batch, version, who):
    """For a socket or by the device; for others each arrives as it is."""
    sock = None
    if who == "socket":
        sock = gro_socket(batch.ns, version)
    elif who != "nobody":
        features.switch(batch.ns, DEV, True, who)
    frames = [udp(version, numbered(n)) for n in range(20)]
    direct, queued = outcome(batch, frames)
    assert sizes(direct) == sizes(queued)
    assert direct == queued
    if who == "nobody":
        assert direct == frames
    elif who == "rx-gro-list":  # a list of packets: a capture shows the first
        assert len(direct) < 20
    else:
        assert len(direct) < 5 and numbers(direct) == list(range(20))
    if sock:
        sock.close()


def all_kinds():
    """One frame of each kind that matters, of one size with padding."""
    return [
        build.arp_request(FAR, THERE[4], HERE[4], dst_mac=MAC),
        udp(4, numbered(1)), udp(6, numbered(2)),
        tcp(4, 1, numbered(3)), tcp(6, 1, numbered(4)),
        udp(4, numbered(5), options=bytes(4), ihl=5),
        fragment(6),
        build.ether(MAC, FAR, 0x0800, udp(4, numbered(7))[14:], vlan=5),
        build.ether(MAC, FAR, 0x88b7, numbered(8)),
        build.ip_frame(MAC, FAR, build.ipv4(THERE[4], HERE[4], 47,
                                            bytes(4) + numbered(9))),
        build.ip_frame(MAC, FAR, build.ipv4(THERE[4], HERE[4], UDP, b"\0")),
        build.ip_frame(MAC, FAR, build.ipv6(THERE[6], HERE[6], UDP, b"\0")),
        udp(4, numbered(10), dport=9999),
    ]


def test_same_frames_and_counters(batch):
    """Kind by kind and alone: bytes, interface and protocol counters."""
    seen = []
    for on in BOTH:
        shortcut(on)
        before = counters.snmp(batch.ns)
        with counters.delta(batch.ns, DEV) as moved:
            got = []
            for frame in all_kinds():
                batch.send(frame)
                got += batch.received()
        after = counters.snmp(batch.ns)
        mib = {key: after[key] - before[key] for key in after
               if key.startswith(("Udp", "Tcp", "Ip.Reasm", "Ip.InHdr"))}
        seen.append((got, {key: value for key, value in moved.items()
                           if key.startswith(("rx", "multicast"))}, mib))
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] == seen[1][1]
    assert seen[0][2] == seen[1][2]
    assert len(seen[0][0]) == len(all_kinds())


def test_hooks_see_the_same(batch):
    """tc ingress and nftables prerouting count the same packets."""
    batch.ns.run("nft -f -", stdin="""
        table inet seen {
            counter n_udp {}
            counter n_tcp {}
            chain pre {
                type filter hook prerouting priority 0
                iifname "vx0" meta l4proto udp counter name n_udp
                iifname "vx0" meta l4proto tcp counter name n_tcp
            }
        }
        table netdev seen {
            counter n_all {}
            chain in {
                type filter hook ingress device vx0 priority 0
                counter name n_all
            }
        }""")
    frames = [tcp(4, 1000 + 2 * DATA * n, numbered(n)) if n % 3 else
              udp(4, numbered(n)) for n in range(30)]
    seen = []
    for on in BOTH:
        shortcut(on)
        batch.ns.run("nft reset counters")
        batch.send(*frames)
        batch.received()
        seen.append(batch.ns.run("nft list counters"))
    assert seen[0] == seen[1]
    assert "packets 10 " in seen[0] and "packets 20 " in seen[0]


@pytest.mark.parametrize("whole", (False, True), ids=("", "whole"))
def test_bridge_forwards_the_same(batch, whole):
    """Through a bridge to another port: same frames in the same order.

    whole: the socket gets one large packet that UDP takes apart, and segments
    that are still to come must not go along with one that goes up.
    """
    features.switch(batch.far, "eth0", whole, "tx-udp-segmentation")
    links.add_bridge(batch.ns, "br0")
    links.add_veth(batch.ns, "leg", batch.far, "leg")
    links.set_port(batch.ns, DEV, "br0")
    links.set_port(batch.ns, "leg", "br0")
    other = "02:00:00:00:dd:01"
    frames = [build.udp_frame(other, FAR, THERE[4], "192.168.100.9", 1, 2,
                              numbered(n)) for n in range(20)]
    cap = Capture(batch.far, "leg")
    found = []
    for on in BOTH:
        shortcut(on)
        batch.send(*frames)
        got = cap.wait_count(lambda p: p.raw[:6] == frames[0][:6], 20)
        batch.received()
        assert not [p for p in cap.packets() if p.raw[:6] != frames[0][:6]
                    and b"\x12\xb5" in p.raw[36:38]], "underlay packets"
        found.append([p.raw for p in got])
        cap.clear()
    assert found[0] == found[1] == frames


DEPTH = 25


def mac(level):
    return f"02:00:00:00:ee:{level:02x}"


class Nest:
    """Tunnels in tunnels, each in a namespace of its own.

    A device hands up into a namespace without any UDP socket, where a macvlan
    device takes the frames on to the namespace of the next tunnel, all within
    one call: nothing but the driver keeps them from nesting on one stack.
    """

    def __init__(self, batch, namespaces):
        self.batch, middle = batch, namespaces("mid")
        home, kind = batch.ns, topo.kind()
        for level in range(1, DEPTH + 1):
            name = f"n{level}"
            home.ip(f"link add {name} address {mac(level)} type {kind} "
                    f"id {1000 + level} dstport 4790",
                    f"link set {name} netns {middle.name}")
            middle.ip(f"link set {name} up")
            if level == DEPTH:
                break
            home = namespaces(f"n{level}")
            middle.ip(f"link add link {name} name m{level} type macvlan "
                      f"mode bridge", f"link set m{level} netns {home.name}")
            home.ip(f"link set m{level} address 02:00:00:00:ef:{level:02x} up",
                    f"addr add 10.1.{level}.1/24 dev m{level}",
                    "link set lo up")
        self.middle = middle

    def frame(self):
        """The innermost first."""
        inner = build.udp_frame(mac(DEPTH), FAR, THERE[4], HERE[4], 1, 2,
                                b"innermost")
        for level in range(DEPTH - 1, 0, -1):
            inner = build.vxlan_frame(
                f"02:00:00:00:ef:{level:02x}", FAR, f"10.1.{level}.2",
                f"10.1.{level}.1", build.vxlan(1001 + level, inner),
                dport=4790)
        return build.vxlan(1001, inner)


def test_nested_tunnels(batch, namespaces):
    """25 VXLAN headers: the stack does not grow with them."""
    nest = Nest(batch, namespaces)
    cap = Capture(nest.middle, f"n{DEPTH}")
    with batch.far.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("10.0.0.1", 4790))
        found = []
        for on in BOTH:
            shortcut(on)
            sock.send(nest.frame())
            got = cap.wait_for(lambda p: b"innermost" in p.raw)
            found.append(got.raw)
            cap.clear()
    assert found[0] == found[1]
    for level in range(1, DEPTH + 1):
        assert counters.link_stats(nest.middle, f"n{level}")[
            "rx_packets"] == 2
