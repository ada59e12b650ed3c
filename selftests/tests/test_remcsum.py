# SPDX-License-Identifier: GPL-2.0
"""Remote checksum offload: the sender leaves the inner checksum unfinished and
says where it is; the receiver finishes it.

    host 1: vx0 ---- eth0 ---- fabric ---- eth0 :host 2 (no VXLAN, or vx0)
"""

import socket
import struct

import pytest

from lib import build, counters, ethtool, features, gro, nl, topo
from lib import nldefs as d
from lib.bench import ALICE, BOB, DEV, IP, MAC, wired
from lib.capture import Capture
from lib.inject import Injector
from lib.linkattr import change, data, names, resolve
from lib.pair import Pair
from lib.underlay import V4, V6
from lib.wait import eventually
from lib.wire import TCP, UDP, csum, ip_bytes, pseudo

FLAG = 0x200000             # in the 24 bits behind the flags
FIELD = {UDP: 6, TCP: 16}
VNI = 100
ON, WHOLE = {"REMCSUM_RX": 1}, {"REMCSUM_RX": 1, "REMCSUM_NOPARTIAL": True}
INNER = pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
PROTO = pytest.mark.parametrize("proto", (UDP, TCP), ids=("udp", "tcp"))
WAYS = pytest.mark.parametrize("way", (ON, WHOLE), ids=("partial", "whole"))


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(scope="module")
def able():
    """An underlay with all the offloads that veth has."""
    with wired(1500, offloads=True) as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


class Side:
    """vx0 on host 1, made of attributes; host 2 is bytes."""

    def __init__(self, fabric, net, **attrs):
        self.net = net
        self.near, self.far = fabric.host[1], fabric.host[2]
        self.ns = self.near.ns
        six = "6" if net is V6 else ""
        said = data(**{"ID": VNI, "PORT": 4789, "LINK": "eth0", "UDP_CSUM": 1,
                       "GROUP" + six: net.address(self.far),
                       "LOCAL" + six: net.address(self.near), **attrs})
        self.ns.rtnl.newlink(DEV, topo.kind(), resolve(self.ns, said),
                             [(d.IFLA_ADDRESS, nl.mac(MAC))], up=True)
        self.near.vxlans.append(DEV)
        for version in (4, 6):
            own, other = IP[version]
            length = "24" if version == 4 else "64 nodad"
            self.ns.ip(f"addr add {own}/{length} dev {DEV}",
                       f"neigh replace {other} lladdr {BOB} dev {DEV} "
                       "nud permanent")
        self.device, self.wire = Capture(self.ns, DEV), Capture(self.ns, "eth0")
        self.peer = Injector(self.far.ns)

    def datagram(self, version, payload=b"unfinished"):
        """The host itself sends to Bob."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with self.ns.socket(family, socket.SOCK_DGRAM) as sock:
            sock.sendto(payload, (IP[version][1], 4321))

    def sent(self, proto=UDP, count=1):
        """What left eth0."""
        return [p.outer for p in self.wire.wait_count(
            lambda p: p.sent and p.outer and p.outer.frame.ip
            and p.outer.frame.ip.proto == proto, count)]

    def outer(self, frame, start, proto, flag=FLAG, low=None, **fields):
        """A packet from host 2 that says where the checksum is."""
        if low is None:
            low = start // 2 | (0x80 if proto == UDP else 0)
        return build.vxlan_frame(
            self.near.mac, self.far.mac, self.net.address(self.far),
            self.net.address(self.near), build.vxlan(
                VNI, frame, rsvd1=flag, rsvd2=low),
            **{"check": "good", **fields})

    def receive(self, *outers):
        self.device.clear()
        self.peer.send(*outers)
        return [p.raw for p in self.device.wait_count(
            lambda p: not p.sent, len(outers))]

    def delete(self):
        for one in (self.device, self.wire, self.peer):
            one.close()
        self.near.vxlans.remove(DEV)
        self.ns.rtnl.dellink(DEV)


@pytest.fixture(name="make")
def _make(fabric, net):
    made = []

    def make(**attrs):
        made.append(Side(fabric, net, **attrs))
        return made[-1]
    yield make
    for one in made:
        one.delete()


def segment(version, proto, payload=b"abcdefgh", seq=1, finished=False,
            dst=MAC, tags=b""):
    """A frame of Bob's and where its transport header begins.

    Its checksum covers the pseudo header only, unless it is finished.
    """
    ends = ip_bytes(IP[version][1]), ip_bytes(IP[version][0])
    head = (struct.pack("!HHIIBBHHH", 7, 8, seq, 1, 0x50, 0x10, 512, 0, 0)
            if proto == TCP else struct.pack("!HHHH", 7, 8,
                                             8 + len(payload), 0))
    body = head + payload
    before = pseudo(*ends, proto, len(body))
    check = csum(before + body) if finished else ~csum(before) & 0xffff
    at = FIELD[proto]
    body = body[:at] + struct.pack("!H", check) + body[at + 2:]
    words = {"frag": 0x4000} if version == 4 else {}
    frame = build.ip_frame(dst, BOB, build.ip(
        IP[version][1], IP[version][0], proto, body, **words))
    frame = frame[:12] + tags + frame[12:]
    return frame, len(frame) - len(body)


def unfinished(ip):
    """The checksum of a packet is that of its pseudo header."""
    at = FIELD[ip.proto]
    found = struct.unpack_from("!H", ip.payload, at)[0]
    return found == ~csum(pseudo(ip_bytes(ip.src), ip_bytes(ip.dst), ip.proto,
                                 len(ip.payload))) & 0xffff


def tells(outer, version, proto):
    """The header says where the checksum is, and nothing else."""
    start = 14 + (20 if version == 4 else 40)
    low = start // 2 | (0x80 if proto == UDP else 0)
    return (outer.flags, outer.rsvd1, outer.rsvd2) == (8, FLAG, low)


@pytest.mark.parametrize("way", ({}, ON, WHOLE),
                         ids=("off", "partial", "whole"))
def test_remcsum_dumped(make, way):
    """What was asked for is shown, and which bits are not reserved then; the
    same again is no change."""
    side = make(**way)
    told = names(side.ns)
    assert told["REMCSUM_RX"] == (b"\1" if way else b"\0")
    assert ("REMCSUM_NOPARTIAL" in told) == (way is WHOLE)
    assert told["RESERVED_BITS"].hex() == (
        "f7dfffff00000000" if way else "f7ffffff000000ff")
    change(side.ns, data(**way, AGEING=99))
    assert names(side.ns) == {**told, "AGEING": nl.u32(99)}


# -- out ----------------------------------------------------------------------

@INNER
def test_remcsum_out(make, version):
    """A datagram of the host leaves with its checksum unfinished; the outer
    checksum covers all of it."""
    side = make(REMCSUM_TX=1)
    side.datagram(version)
    outer, = side.sent()
    assert tells(outer, version, UDP)
    assert unfinished(outer.frame.ip) and not outer.frame.ip.payload_ok
    assert outer.udp_csum and outer.ip.payload_ok


@INNER
def test_remcsum_out_off(make, version):
    """Without: the checksum is finished and the header says nothing."""
    side = make()
    side.datagram(version)
    outer, = side.sent()
    assert (outer.flags, outer.rsvd1, outer.rsvd2) == (8, 0, 0)
    assert outer.frame.ip.payload_ok


@INNER
def test_remcsum_out_finished(make, version):
    """A frame that came with its checksum is not touched."""
    side = make(REMCSUM_TX=1)
    frame, _ = segment(version, UDP, finished=True, dst=BOB)
    with Injector(side.ns, DEV) as tenant:
        tenant.send(frame)
    outer, = side.sent()
    assert (outer.flags, outer.rsvd1, outer.rsvd2) == (8, 0, 0)
    assert outer.inner == frame


def test_remcsum_out_tagged(make):
    """Behind a VLAN tag the checksum begins four bytes later."""
    side = make(REMCSUM_TX=1)
    side.ns.ip(f"link add link {DEV} name vlan9 type vlan id 9",
               "link set vlan9 up", "addr add 192.168.9.1/24 dev vlan9",
               f"neigh replace 192.168.9.2 lladdr {BOB} dev vlan9 "
               "nud permanent")
    with side.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"tagged", ("192.168.9.2", 9))
    outer = side.wire.wait_for(
        lambda p: p.sent and p.outer and b"tagged" in p.raw).outer
    side.ns.ip("link del vlan9")
    assert (outer.rsvd1, outer.rsvd2) == (FLAG, 0x80 | (38 // 2))


@INNER
def test_remcsum_segmented(fabric, net, version):
    """Each segment of a large one tells of its own checksum."""
    words = "udpcsum remcsumtx remcsumrx"
    with Pair(fabric, net, words) as pair:
        wire = pair.hosts[0].capture()
        pair.transfer(version, size=1 << 18)
        outers = [o for o in wire.outers(sent=True) if o.frame.ip
                  and o.frame.ip.proto == TCP
                  and len(o.frame.ip.payload) > 100]
        assert len(outers) > 100
        for outer in outers:
            assert tells(outer, version, TCP)
            assert unfinished(outer.frame.ip)
            assert outer.udp_csum and outer.ip.payload_ok


@INNER
@pytest.mark.parametrize("fast", (False, True), ids=("wire", "offloads"))
def test_remcsum_pair(request, net, version, fast):
    """Both ends: what is sent is what arrives, whatever the underlay does."""
    fabric = request.getfixturevalue("able" if fast else "fabric")
    with Pair(fabric, net, "udpcsum remcsumtx remcsumrx") as pair:
        assert pair.ping(version)
        before = [counters.snmp(host.ns) for host in pair.hosts]
        pair.transfer(version)
        for host, was in zip(pair.hosts, before):
            now = counters.snmp(host.ns)
            for name in ("Tcp.InCsumErrors", "Udp.InCsumErrors",
                         "Udp6InCsumErrors"):
                assert now.get(name, 0) == was.get(name, 0)
            assert not counters.ethtool_stats(
                host.ns, DEV)["rx_remote_checksum"]


# -- in -----------------------------------------------------------------------

@INNER
@PROTO
def test_remcsum_in_whole(make, version, proto):
    """The checksum is finished when the frame comes out."""
    side = make(**WHOLE)
    frame, start = segment(version, proto)
    came, = side.receive(side.outer(frame, start, proto))
    assert came == segment(version, proto, finished=True)[0]


@INNER
@WAYS
def test_remcsum_in_socket(make, version, way):
    """A program gets the datagram, though its checksum was unfinished."""
    side = make(**way)
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with side.ns.socket(family, socket.SOCK_DGRAM) as server:
        server.bind((IP[version][0], 8))
        server.settimeout(5)
        frame, start = segment(version, UDP)
        side.peer.send(side.outer(frame, start, UDP))
        assert server.recv(100) == b"abcdefgh"
        side.peer.send(side.outer(segment(version, UDP, b"other")[0], 0, UDP,
                                  flag=0, low=0),
                       side.outer(frame, start, UDP))
        assert server.recv(100) == b"abcdefgh", "a wrong checksum came through"


@WAYS
@PROTO
def test_remcsum_in_tagged(make, proto, way):
    """Where the header says, also behind a tag."""
    side = make(**way)
    tag = b"\x81\0\0\x09"
    frame, start = segment(4, proto, tags=tag)
    assert start == 38
    came, = side.receive(side.outer(frame, start, proto))
    if way is WHOLE:    # a capture shows the tag beside the frame
        assert came.replace(tag, b"") == segment(4, proto, finished=True)[0]


@WAYS
def test_remcsum_in_plain(make, way):
    """Packets without the flag are as ever; the last byte is then free."""
    side = make(**way)
    frame, start = segment(4, UDP, finished=True)
    for low in (0, 0xff, start // 2):
        came, = side.receive(side.outer(frame, start, UDP, flag=0, low=low))
        assert came == frame


@WAYS
def test_remcsum_forwarded(make, way):
    """A bridge passes the frame on with its checksum finished."""
    side = make(**way)
    ns = side.ns
    ns.ip("link add br0 type bridge", f"link set {DEV} master br0",
          "link add p0 type veth peer name p1", "link set p0 master br0",
          "link set br0 up", "link set p0 up", "link set p1 up")
    ethtool.offload(ns, "p0")
    try:
        with Capture(ns, "p1") as seen:
            for proto in (UDP, TCP):
                frame, start = segment(4, proto, dst=build.BROADCAST)
                side.peer.send(side.outer(frame, start, proto))
                whole, _ = segment(4, proto, dst=build.BROADCAST,
                                   finished=True)
                seen.wait_for(lambda p, whole=whole: p.raw == whole)
    finally:
        ns.ip("link del br0", "link del p0")


@WAYS
def test_remcsum_shared(make, way):
    """Who listens to the underlay sees the packet as it came."""
    side = make(**way)
    side.wire.clear()
    frame, start = segment(4, TCP)
    packet = side.outer(frame, start, TCP)
    side.receive(packet)
    assert side.wire.wait_for(lambda p: not p.sent and p.outer).raw == packet


#: Where no checksum can be: VXLAN's last byte.
NONSENSE = {"destination": 0x80 | 1, "source": 3, "type": 6, "zero": 0,
            "ip": 10, "ip-end": 16, "beyond": 0x7f, "beyond-udp": 0xff,
            "at-end": 0x80 | 22}


@WAYS
@pytest.mark.parametrize("low", NONSENSE.values(), ids=NONSENSE)
def test_remcsum_nonsense(make, way, low):
    """A place in front of any transport header, or behind the end: dropped
    and counted, and nothing is written over."""
    side = make(**way)
    frame, start = segment(4, UDP)
    good = side.outer(frame, start, UDP)
    with counters.delta(side.ns, DEV) as moved:
        side.device.clear()
        side.peer.send(side.outer(frame, 0, UDP, low=low), good)
        side.device.wait_count(lambda p: not p.sent, 1)
        moved.wait_for("S:rx_remote_checksum", 1)
        assert len(side.device.packets(sent=False)) == 1
    assert moved["rx_frame_errors"] == moved["rx_errors"] == 1
    assert moved["rx_packets"] == 1


@WAYS
def test_remcsum_in_ip6_header(make, way):
    """The fixed part of an IPv6 header is longer."""
    side = make(**way)
    frame, start = segment(6, UDP, payload=bytes(100))
    with counters.delta(side.ns, DEV) as moved:
        side.device.clear()
        side.peer.send(side.outer(frame, 0, UDP, low=0x80 | 17),
                       side.outer(frame, 0, UDP, low=0x80 | 26),
                       side.outer(frame, start, UDP))
        side.device.wait_count(lambda p: not p.sent, 1)
        moved.wait_for("S:rx_remote_checksum", 2)
    assert moved["rx_packets"] == 1


def test_remcsum_nothing_learned(make):
    """Nor is anything learned from a packet that is dropped for it."""
    side = make(**ON)
    frame, _ = segment(4, UDP)
    with counters.delta(side.ns, DEV) as moved:
        side.peer.send(side.outer(frame, 0, UDP, low=0xff))
        moved.wait_for("S:rx_remote_checksum", 1)
    assert BOB not in side.near.fdb(DEV)


@pytest.mark.parametrize("attrs", ({}, {"REMCSUM_TX": 1},
                                   {"REMCSUM_NOPARTIAL": True}),
                         ids=("plain", "tx", "nopartial"))
def test_remcsum_in_off(make, attrs):
    """Who does not receive it takes the bits for reserved ones."""
    side = make(**attrs)
    frame, start = segment(4, UDP)
    with counters.delta(side.ns, DEV) as moved:
        side.peer.send(side.outer(frame, start, UDP),
                       side.outer(frame, start, UDP, flag=0))
        moved.wait_for("S:rx_reserved_bits", 2)
    assert moved["rx_packets"] == 0


def test_remcsum_reserved(make, net):
    """`reserved_bits` cannot have what is used; the rest is as it says."""
    for bits in ("0020000000000000", "0000000000000001", "0000000000000080"):
        with pytest.raises(nl.NlError) as caught:
            make(RESERVED_BITS=bytes.fromhex(bits), **ON)
        assert caught.value.name == "EINVAL"
        assert "overlap" in caught.value.msg
    side = make(RESERVED_BITS=bytes.fromhex("00000000000000ff"))
    frame, start = segment(4, UDP, finished=True)
    came, = side.receive(side.outer(frame, start, UDP, flag=FLAG, low=0))
    assert came == frame


def test_remcsum_socket_of_its_own(make):
    """Devices that differ in it cannot share a port."""
    side = make(**ON)
    for attrs in ({}, WHOLE):
        side.ns.rtnl.newlink("vx1", topo.kind(), data(
            ID=VNI + 1, PORT=4789, **attrs))
        if side.net is V4:
            with pytest.raises(nl.NlError) as caught:
                side.ns.rtnl.setlink("vx1", up=True)
            assert caught.value.name == "EADDRINUSE"
        side.ns.rtnl.dellink("vx1")


# -- aggregation ----------------------------------------------------------------

COUNT, SIZE = 16, 1000


def whole(side):
    """Before 7.3 packets over IPv4 are merged only if they must not be cut."""
    return {"frag": 0x4000} if side.net is V4 else {}


def stream(side, start_at=1, spoil=None, **fields):
    """Underlay packets with COUNT segments of one TCP stream."""
    fields = {**whole(side), **fields}
    packets = []
    for n in range(COUNT):
        frame, start = segment(4, TCP, bytes([n]) * SIZE,
                               start_at + n * SIZE, dst=ALICE)
        if n == spoil:
            frame = frame[:-1] + b"?"
        packets.append(side.outer(frame, start, TCP, **fields))
    return packets


def payload(packets):
    return b"".join(p.eth.ip.payload[20:] for p in packets
                    if p.eth.ip and p.eth.ip.proto == TCP)


WHOLE_STREAM = b"".join(bytes([n]) * SIZE for n in range(COUNT))


@pytest.fixture(name="merging")
def _merging(fabric):
    """Host 1 merges what comes in through its eth0."""
    with gro.merging(fabric, fabric.host[1]):
        yield


@WAYS
def test_remcsum_gro(make, merging, way):
    """Segments with unfinished checksums are merged before decapsulation."""
    side = make(**way)
    packets = stream(side)
    for _ in range(6):      # a poll may end in between
        side.device.clear()
        with counters.delta(side.ns, DEV) as moved:
            side.peer.send(*packets)
            eventually(lambda: payload(side.device.packets(
                sent=False)) == WHOLE_STREAM)
        if moved["rx_packets"] <= COUNT // 2:
            break
    assert moved["rx_packets"] <= COUNT // 2
    assert not moved["S:rx_remote_checksum"]


@WAYS
def test_remcsum_gro_forwarded(make, merging, way):
    """Merged and cut again by a bridge's port: each segment is right."""
    side = make(**way)
    ns = side.ns
    ns.ip("link add br0 type bridge", f"link set {DEV} master br0",
          "link add p0 type veth peer name p1", "link set p0 master br0",
          "link set br0 up", "link set p0 up", "link set p1 up")
    ethtool.offload(ns, "p0")
    features.all_tso(ns, "p0", False)
    try:
        with Capture(ns, "p1") as seen:
            side.peer.send(*stream(side))
            eventually(lambda: payload(seen.packets(
                sent=False)) == WHOLE_STREAM)
            for packet in seen.packets(sent=False):
                if packet.eth.ip and packet.eth.ip.proto == TCP:
                    assert len(packet.eth.ip.payload) == 20 + SIZE
                    assert packet.eth.ip.payload_ok
    finally:
        ns.ip("link del br0", "link del p0")


@WAYS
def test_remcsum_gro_datagrams(make, merging, way):
    """Datagrams are merged where the user wants that, and cut again: each is
    there, with a right checksum."""
    side = make(**way)
    ns = side.ns
    ns.ip("link add br0 type bridge", f"link set {DEV} master br0",
          "link add p0 type veth peer name p1", "link set p0 master br0",
          "link set br0 up", "link set p0 up", "link set p1 up")
    ethtool.offload(ns, "p0")
    features.all_tso(ns, "p0", False)
    features.switch(ns, "eth0", True, "rx-udp-gro-forwarding")

    def datagrams(seen):
        return [p.eth.ip for p in seen.packets(sent=False)
                if p.eth.ip and p.eth.ip.proto == UDP]
    try:
        with Capture(ns, "p1") as seen:
            packets = []
            for n in range(COUNT):
                frame, start = segment(4, UDP, bytes([n]) * SIZE,
                                       dst=build.BROADCAST)
                packets.append(side.outer(frame, start, UDP, **whole(side)))
            side.peer.send(*packets)
            eventually(lambda: len(datagrams(seen)) == COUNT)
            assert all(each.payload_ok for each in datagrams(seen))
    finally:
        features.switch(ns, "eth0", False, "rx-udp-gro-forwarding")
        ns.ip("link del br0", "link del p0")


@WAYS
def test_remcsum_gro_other_place(make, merging, way):
    """Merged, and the header names a place in the payload: dropped, or a card
    that segments would write there."""
    side = make(**way)
    packets = []
    for n in range(COUNT):
        frame, _ = segment(4, TCP, bytes([n]) * SIZE, 1 + n * SIZE,
                           finished=True)
        packets.append(side.outer(frame, 0, TCP, low=127, **whole(side)))
    with counters.delta(side.ns, DEV) as moved:
        side.peer.send(*packets)
        moved.wait_for("S:rx_remote_checksum", 1)
        assert not [p for p in side.device.packets(sent=False)
                    if len(p.raw) > 2 * SIZE]


@WAYS
def test_remcsum_gro_nonsense(make, merging, way):
    """Among packets to be merged: each is dropped and counted by itself."""
    side = make(**way)
    with counters.delta(side.ns, DEV) as moved:
        side.peer.send(*stream(side, low=1), *stream(side))
        eventually(lambda: payload(side.device.packets(
            sent=False)) == WHOLE_STREAM)
        moved.wait_for("S:rx_remote_checksum", COUNT)
    assert moved["S:rx_remote_checksum"] == COUNT


def test_remcsum_gro_places_apart(make, merging):
    """Packets that tell different places are not merged with each other: those
    with the right one come through."""
    side = make(**ON)
    right, wrong = stream(side), stream(side, low=0x80 | 17)
    side.device.clear()
    mixed = [p for pair in zip(right, wrong) for p in pair]
    with counters.delta(side.ns, DEV) as moved:
        side.peer.send(*mixed)
        moved.wait_for("S:rx_remote_checksum", 1)
        eventually(lambda: len(payload(side.device.packets(
            sent=False))) >= COUNT * SIZE)
