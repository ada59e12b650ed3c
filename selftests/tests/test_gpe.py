# SPDX-License-Identifier: GPL-2.0
"""Generic protocol extension: packets without an Ethernet header, of the
protocol that the header names.

    host 1: gpe0 ---- eth0 ---- fabric ---- eth0 :host 2 (gpe0, or bytes)
"""

import errno
import json
import socket
import struct

import pytest

from lib import build, counters, gro, nl, topo
from lib import nldefs as d
from lib.bench import ALICE, BOB, IP, wired
from lib.capture import Capture
from lib.inject import Injector, ping
from lib.linkattr import change, data, names
from lib.trace import Drops
from lib.transfer import transfer
from lib.underlay import V4, V6
from lib.vnifilter import Filter, entry
from lib.wait import eventually
from lib.wire import TCP, UDP, csum, ip_bytes, parse, parse_ip, pseudo

DEV, PORT, VNI = "gpe0", 4790, 4711
GPE = {"COLLECT_METADATA": 1, "GPE": True, "LEARNING": 0}
IPV4, IPV6, ETHER, NSH, MPLS = range(1, 6)
LABELLED = bytes.fromhex("000641ff") + bytes(40)
SERVICE = bytes.fromhex("0fc20201000123ff") + bytes(40)


def datagram(version, payload=b"from afar", **fields):
    """An IP packet from the second address to the first."""
    own, other = IP[version]
    return build.ip(other, own, UDP, build.udp(other, own, 1009, 4242,
                                               payload), **fields)


#: Number, EtherType and bytes of each payload.
PAYLOADS = {
    "ip4": (IPV4, 0x0800, datagram(4)), "ip6": (IPV6, 0x86dd, datagram(6)),
    "ether": (ETHER, 0x6558, build.udp_frame(BOB, ALICE, *IP[4])),
    "nsh": (NSH, 0x894f, SERVICE), "mpls": (MPLS, 0x8847, LABELLED)}
INSIDE = pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
INNER = pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(scope="module")
def able():
    """An underlay with all the offloads that veth has."""
    with wired(1600, offloads=True) as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


class Side:
    """gpe0 on a host, and routes through it to the other one."""

    def __init__(self, fabric, net, number=1, words="", routes=True, **attrs):
        self.net = net
        self.near, self.far = fabric.host[number], fabric.host[3 - number]
        self.ns = self.near.ns
        self.ns.rtnl.newlink(DEV, topo.kind(), data(
            **{**GPE, "UDP_ZERO_CSUM6_RX": 1, **attrs}), up=True)
        self.near.vxlans.append(DEV)
        self.device, self.wire = Capture(self.ns, DEV), Capture(self.ns, "eth0")
        self.peer = Injector(self.far.ns)
        for version in (4, 6) if routes else ():
            self.route(version, number, words)

    def route(self, version, number, words):
        """The other host's tenant address, with instructions."""
        own, other = IP[version] if number == 1 else IP[version][::-1]
        size, nodad = (32, "") if version == 4 else (128, "nodad")
        family = "ip" if self.net is V4 else "ip6"
        self.ns.ip(f"addr add {own}/{size} dev {DEV} {nodad}",
                   f"route replace {other}/{size} encap {family} id {VNI} "
                   f"dst {self.net.address(self.far)} {words} dev {DEV}")

    def outer(self, number, inner, flags=0x0c, vni=VNI, rsvd2=0, middle=0,
              **fields):
        return build.vxlan_frame(
            self.near.mac, self.far.mac, self.net.address(self.far),
            self.net.address(self.near), build.vxlan(
                vni, inner, flags, middle << 8 | number, rsvd2), dport=PORT,
            **fields)

    def sent(self, count=1, match=lambda o: True):
        """What left eth0 for the port of the extension."""
        def ours(packet):
            outer = parse(packet.raw, PORT)
            return packet.sent and outer and match(outer)
        return [parse(p.raw, PORT) for p in self.wire.wait_count(ours, count)]

    def receive(self, *outers):
        self.device.clear()
        self.peer.send(*outers)
        return [p.raw for p in self.device.wait_count(
            lambda p: not p.sent, len(outers))]

    def refuse(self, name, *outers):
        """Dropped and counted, under that name; a good one passes."""
        good = PAYLOADS["ip4"][2]
        with counters.delta(self.ns, DEV) as moved:
            self.device.clear()
            self.peer.send(*outers, self.outer(IPV4, good))
            self.device.wait_count(lambda p: not p.sent, 1)
            moved.wait_for(f"S:{name}", len(outers))
        assert [p.raw for p in self.device.packets(sent=False)] == [good]
        named = {key: n for key, n in moved.items() if key.startswith("S:")}
        assert named == {f"S:{name}": len(outers)}
        assert moved["rx_packets"] == 1
        return moved

    def delete(self):
        for one in (self.device, self.wire, self.peer):
            one.close()
        self.near.vxlans.remove(DEV)
        self.ns.rtnl.dellink(DEV)


@pytest.fixture(name="make")
def _make(fabric, net):
    made = []

    def make(number=1, **attrs):
        made.append(Side(attrs.pop("fabric", fabric), net, number, **attrs))
        return made[-1]
    yield make
    for one in made:
        one.delete()


# -- the device ------------------------------------------------------------------

def test_gpe_device(make):
    """Point to point, without a link layer address; port 4790."""
    side = make()
    link = side.ns.rtnl.link(DEV)
    shown, = json.loads(side.ns.ip(f"-d -j link show {DEV}"))
    assert shown["link_type"] == "none"
    assert {"POINTOPOINT", "NOARP", "MULTICAST"} <= set(shown["flags"])
    assert "BROADCAST" not in shown["flags"] and "address" not in shown
    assert link["data"][d.IFLA_VXLAN["GPE"]] == b""
    told = names(side.ns, DEV)
    assert told["PORT"] == nl.be16(PORT)
    assert told["RESERVED_BITS"].hex() == "c2ffff00000000ff"
    assert "gpe" in shown["linkinfo"]["info_data"]


@pytest.mark.parametrize("attrs,blame,sentence", [
    ({"COLLECT_METADATA": 0}, "GPE", "external"),
    ({"LEARNING": 1}, "LEARNING", "nolearning"),
    ({"LEARNING": None}, "GPE", "nolearning"),
    ({"GBP": True}, "GBP", "cannot be combined"),
    ({"PROXY": 1}, "PROXY", "cannot be combined"),
    ({"RSC": 1}, "RSC", "cannot be combined"),
    ({"L2MISS": 1}, "L2MISS", "cannot be combined"),
    ({"L3MISS": 1}, "L3MISS", "cannot be combined"),
    ({"REMCSUM_TX": 1}, "REMCSUM_TX", "cannot be combined"),
    ({"REMCSUM_RX": 1}, "REMCSUM_RX", "cannot be combined"),
    ({"REMCSUM_NOPARTIAL": True}, "REMCSUM_NOPARTIAL", "cannot be combined"),
    ({"TTL_INHERIT": True}, "GPE", "cannot be combined"),
    ({"RESERVED_BITS": bytes.fromhex("0400000000000000")}, "RESERVED_BITS",
     "overlap"),
    ({"RESERVED_BITS": bytes.fromhex("0000000100000000")}, "RESERVED_BITS",
     "overlap"),
    ({"RESERVED_BITS": bytes.fromhex("3000000000000000")}, "RESERVED_BITS",
     "overlap"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_gpe_refused(fabric, attrs, blame, sentence):
    """What cannot be together, and which attribute is to blame."""
    ns = fabric.host[1].ns
    said = {name: value for name, value in {**GPE, **attrs}.items()
            if value is not None}
    with pytest.raises(nl.NlError) as caught:
        ns.rtnl.newlink(DEV, topo.kind(), data(**said))
    assert caught.value.name == "EINVAL" and sentence in caught.value.msg
    number = struct.unpack_from("=H", ns.rtnl.sent, caught.value.offset + 2)[0]
    assert number == d.IFLA_VXLAN[blame]


def test_gpe_changed(make):
    """It stays what it is; learning cannot be turned on; the port given
    again, or as 0, is the one it has."""
    side = make()
    before = names(side.ns, DEV)
    for attrs, error in (({"LEARNING": 1}, errno.EINVAL),
                         ({"PORT": 4789}, errno.EOPNOTSUPP)):
        with pytest.raises(nl.NlError) as caught:
            change(side.ns, data(**attrs), name=DEV)
        assert caught.value.errno == error
    change(side.ns, data(GPE=True, PORT=0, LEARNING=0), name=DEV)
    change(side.ns, data(PORT=PORT), name=DEV)
    assert names(side.ns, DEV) == before


def test_gpe_not_changed_into(fabric):
    """An external device does not become one."""
    ns = fabric.host[1].ns
    ns.rtnl.newlink(DEV, topo.kind(), data(COLLECT_METADATA=1, LEARNING=0,
                                           PORT=PORT))
    with pytest.raises(nl.NlError) as caught:
        change(ns, data(GPE=True), name=DEV)
    ns.rtnl.dellink(DEV)
    assert caught.value.errno == errno.EOPNOTSUPP


@pytest.mark.parametrize("op", (d.RTM_NEWNEIGH, d.RTM_DELNEIGH))
def test_gpe_no_fdb(make, op):
    """No table to change; the address is no address."""
    side = make(routes=False)
    with pytest.raises(nl.NlError):
        side.ns.rtnl.neigh(op, DEV, [(d.NDA_LLADDR, nl.mac(BOB)),
                                     (d.NDA_DST, nl.ip("10.0.0.2"))],
                           d.NUD_PERMANENT, d.NTF_SELF,
                           d.NLM_F_CREATE if op == d.RTM_NEWNEIGH else 0)
    with pytest.raises(nl.NlError):
        side.ns.rtnl.setlink(DEV, extra=[(d.IFLA_ADDRESS, nl.mac(ALICE))])
    side.ns.ip("link add br0 type bridge")
    answer = side.ns.run(f"ip link set {DEV} master br0", check=False)
    side.ns.ip("link del br0")
    assert answer.returncode


def test_gpe_mtu(fabric, net):
    """36 or 56 bytes below the lower device, 14 less than Ethernet's."""
    ns = fabric.host[1].ns
    six = "6" if net is V6 else ""
    ns.rtnl.newlink(DEV, topo.kind(), data(
        **GPE, **{"LOCAL" + six: net.address(fabric.host[1]),
                  "LINK": ns.rtnl.index("eth0")}))
    limit = ns.rtnl.link("eth0")["mtu"] - (36 if net is V4 else 56)
    assert ns.rtnl.link(DEV)["mtu"] == limit
    with pytest.raises(nl.NlError):
        ns.rtnl.setlink(DEV, extra=[(d.IFLA_MTU, nl.u32(limit + 1))])
    ns.rtnl.dellink(DEV)


# -- in -----------------------------------------------------------------------

@INSIDE
def test_gpe_in(make, payload):
    """What follows the header goes up as the protocol that it names."""
    number, kind, inner = payload
    side = make(routes=False)
    with side.ns.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                        socket.htons(kind)) as listener:
        listener.bind((DEV, kind))
        listener.settimeout(5)
        for vni in (0, VNI, 0xffffff):
            came, = side.receive(side.outer(number, inner, vni=vni))
            assert came == inner
            data_, where = listener.recvfrom(2000)
            assert (data_, where[0], where[1]) == (inner, DEV, kind)


@INNER
def test_gpe_in_host(make, version):
    """The host's own sockets."""
    side = make()
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with side.ns.socket(family, socket.SOCK_DGRAM) as server:
        server.bind((IP[version][0], 4242))
        server.settimeout(5)
        side.peer.send(side.outer(version // 2 - 1, datagram(version)))
        assert server.recv(100) == b"from afar"


def test_gpe_in_described(make, net):
    """tc sees VNI and addresses."""
    side = make()
    side.ns.run(f"tc qdisc add dev {DEV} ingress")
    side.ns.run(f"tc filter add dev {DEV} ingress protocol all flower "
                f"enc_key_id 77 enc_src_ip {net.address(side.far)} "
                f"enc_dst_ip {net.address(side.near)} action drop")
    side.receive(side.outer(IPV4, datagram(4), vni=77),
                 side.outer(IPV4, datagram(4), vni=78))
    shown = json.loads(side.ns.run(f"tc -s -j filter show dev {DEV} ingress"))
    hits = [f["options"]["actions"][0]["stats"]["packets"]
            for f in shown if "options" in f]
    assert hits == [1]


FLAGS = {"no-next": 0x08, "version-1": 0x1c, "version-2": 0x2c,
         "version-3": 0x3c, "oam": 0x0d, "oam-no-next": 0x09}


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_gpe_in_header(make, flags):
    """Without a protocol, of another version, for the VTEP itself."""
    side = make()
    moved = side.refuse("rx_gpe_header",
                        side.outer(IPV4, datagram(4), flags))
    assert moved["rx_errors"] == moved["rx_frame_errors"] == 1


@pytest.mark.parametrize("number", (0, 6, 7, 0x7f, 0x80, 0xff))
def test_gpe_in_protocol(make, number):
    """One that nobody knows."""
    side = make()
    with Drops(topo.kind()) as drops:
        side.refuse("rx_gpe_protocol", side.outer(number, datagram(4)))
    drops.check("UNHANDLED_PROTO")


@pytest.mark.parametrize("words", (
    {"flags": 0x4c}, {"flags": 0x8c}, {"flags": 0x0e}, {"middle": 1},
    {"middle": 0x8000}, {"rsvd2": 1}), ids=str)
def test_gpe_in_reserved(make, words):
    """The bits that the extension leaves reserved."""
    side = make()
    side.refuse("rx_reserved_bits", side.outer(IPV4, datagram(4), **words))


@pytest.mark.parametrize("number,inner", [
    (IPV4, b""), (IPV4, b"\x45"), (IPV4, datagram(4)[:19]), (IPV6, b""),
    (IPV6, datagram(6)[:39])], ids=("4-0", "4-1", "4-19", "6-0", "6-39"))
def test_gpe_in_torn(make, number, inner):
    """An IP header that is cut off."""
    side = make()
    side.refuse("rx_inner_header", side.outer(number, inner))


def test_gpe_in_short(make):
    """Other protocols may be as short as they like."""
    side = make()
    for number in (ETHER, NSH, MPLS):
        came, = side.receive(side.outer(number, b"\1"))
        assert came == b"\1"


@INNER
def test_gpe_in_congestion(make, version):
    """RFC 6040: the outer mark comes in, or the packet does not."""
    side = make()
    number = version // 2 - 1
    side.refuse("rx_ecn", side.outer(number, datagram(version), tos=3))
    came, = side.receive(side.outer(number, datagram(version, tos=2), tos=3))
    assert parse_ip(came).tos == 3


def test_gpe_in_source(make):
    """There is no source address to look at: Ethernet inside is a payload."""
    side = make()
    frame = build.udp_frame(BOB, build.BROADCAST, *IP[4])
    came, = side.receive(side.outer(ETHER, frame))
    assert came == frame


# -- out ----------------------------------------------------------------------

@pytest.fixture(name="feed")
def _feed():
    """feed(side, words)(EtherType, payload): by tc, with instructions."""
    fed = []

    def feed(side, words=""):
        side.ns.ip("link add dum0 type dummy", "link set dum0 up")
        fed.append(side.ns)
        side.ns.run("tc qdisc add dev dum0 clsact")
        side.ns.run(
            "tc filter add dev dum0 egress matchall action tunnel_key set "
            f"src_ip {side.net.address(side.near)} "
            f"dst_ip {side.net.address(side.far)} id {VNI} {words} "
            f"action mirred egress redirect dev {DEV}")

        def send(kind, payload):
            with Injector(side.ns, "dum0") as injector:
                injector.send(build.ether(BOB, ALICE, kind, payload))
        return send
    yield feed
    for ns in fed:
        ns.ip("link del dum0")


@INSIDE
def test_gpe_out(make, feed, payload):
    """The header names the protocol of the packet; nothing in between."""
    number, kind, inner = payload
    side = make()
    feed(side)(kind, inner)
    outer, = side.sent(match=lambda o: o.inner == inner)
    assert (outer.flags, outer.rsvd1, outer.vni, outer.rsvd2) == (
        0x0c, number, VNI, 0)
    assert outer.dport == PORT and outer.ip.payload_ok


@pytest.mark.parametrize("kind", (0x0806, 0x88b6, 0x8848, 0x8100),
                         ids=("arp", "unknown", "mpls-multicast", "vlan"))
def test_gpe_out_protocol(make, feed, kind):
    """What has no number is dropped, with a name."""
    side = make()
    send = feed(side)
    with Drops(topo.kind()) as drops, counters.delta(side.ns, DEV) as moved:
        send(kind, bytes(46))
        moved.wait_for("S:tx_gpe_protocol", 1)
    assert moved["S:tx_gpe_protocol"] == moved["tx_errors"] == 1
    assert not moved["tx_packets"]
    drops.check("UNHANDLED_PROTO")


def test_gpe_out_protocol_of_a_vni(make, feed):
    """It is a loss of the VNI that the packet was for, and of no other."""
    side = make(VNIFILTER=1)
    vnis = Filter(side.ns, DEV)
    vnis.add(entry(VNI), entry(VNI + 1))
    send = feed(side)
    with counters.delta(side.ns, DEV) as moved:
        send(0x88b6, bytes(46))
        moved.wait_for("S:tx_gpe_protocol", 1)
    lost = {vni: {name: count for name, count in stats.items() if count}
            for vni, stats in vnis.stats().items()}
    assert lost == {VNI: {"tx_errors": 1}, VNI + 1: {}}


def test_gpe_out_no_instructions(make):
    """A packet without: dropped and counted."""
    side = make()
    with counters.delta(side.ns, DEV) as moved:
        with Injector(side.ns, DEV) as tenant:
            tenant.send(datagram(4))
        moved.wait_for("S:tx_no_tunnel_info", 1)
    assert moved["S:tx_no_tunnel_info"] == 1


@INNER
def test_gpe_out_route(make, net, version):
    """`ip route ... encap`: VNI, remote, TTL, TOS and DF of the route."""
    limit, tos = ("ttl", "tos") if net is V4 else ("hoplimit", "tc")
    side = make(words=f"{limit} 33 {tos} 0x20")
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with side.ns.socket(family, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"by route", (IP[version][1], 9))
    outer, = side.sent(match=lambda o: b"by route" in o.inner)
    assert (outer.vni, outer.dst, outer.ttl, outer.tos) == (
        VNI, net.address(side.far), 33, 0x20)
    inner = parse_ip(outer.inner)
    assert (inner.src, inner.dst) == IP[version] and inner.payload_ok


@INNER
@pytest.mark.parametrize("ecn", range(4))
def test_gpe_out_congestion(make, feed, version, ecn):
    """RFC 6040: the mark of the inner packet is the outer one's."""
    side = make()
    kind = 0x0800 if version == 4 else 0x86dd
    packet = datagram(version, tos=ecn)
    feed(side)(kind, packet)
    outer, = side.sent(match=lambda o: o.inner == packet)
    assert outer.tos & 3 == ecn


@INNER
def test_gpe_out_too_big(make, net, version):
    """The path carries 36 or 56 bytes less: the sender is told."""
    side = make(words="")
    ns, far = side.ns, net.address(side.far)
    size = 32 if net is V4 else 128
    ns.ip(f"route add {far}/{size} dev eth0 mtu 1400",
          f"link set {DEV} mtu 2000")
    try:
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        limit = 1400 - (36 if net is V4 else 56)
        with ns.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IP if version == 4 else
                            socket.IPPROTO_IPV6, 10 if version == 4 else 23,
                            2)
            sock.connect((IP[version][1], 9))
            head = 28 if version == 4 else 48

            def refused():
                try:
                    sock.send(bytes(limit + 1 - head))
                except OSError as error:
                    return error.errno == 90
                return False
            eventually(refused)
            side.wire.clear()
            sock.send(bytes(limit - head))
            outer, = side.sent(match=lambda o: len(o.inner) > 1000)
            assert len(outer.inner) == limit
    finally:
        ns.ip(f"route del {far}/{size} dev eth0")


# -- both ends ------------------------------------------------------------------

@INNER
@pytest.mark.parametrize("fast", (False, True), ids=("wire", "offloads"))
def test_gpe_pair(request, make, version, fast):
    """Ping and TCP through it, whatever the underlay does."""
    fabric = request.getfixturevalue("able" if fast else "fabric")
    near, far = make(1, fabric=fabric), make(2, fabric=fabric)
    assert ping(near.ns, IP[version][1])
    assert ping(far.ns, IP[version][0])
    transfer(near.ns, far.ns, IP[version][1])
    for side in near, far:
        named = counters.ethtool_stats(side.ns, DEV)
        assert not any(value for key, value in named.items()
                       if key.startswith("rx_"))


@INNER
def test_gpe_segmented(make, version):
    """Each segment of a large packet has a header of its own, and its
    checksums are right; offloads let it leave whole."""
    near, _ = make(1), make(2)
    transfer(near.ns, near.far.ns, IP[version][1], 1 << 18)
    outers = near.sent(100, lambda o: len(o.inner) > 1000)
    for outer in outers:
        assert (outer.flags, outer.rsvd1) == (0x0c, version // 2 - 1)
        assert len(outer.eth.payload) <= 1600
        assert outer.udp_len == len(outer.ip.payload) == 16 + len(outer.inner)
        inner = parse_ip(outer.inner)
        assert inner.header_ok and inner.payload_ok
        assert inner.length == len(inner.payload)


@INNER
def test_gpe_whole(able, make, version):
    """Where the underlay can, large packets cross as one."""
    near, _ = make(1, fabric=able), make(2, fabric=able)
    for _ in range(6):
        near.wire.clear()
        transfer(near.ns, near.far.ns, IP[version][1])
        sizes = [len(o.inner) for o in near.sent()]
        if max(sizes) > 16000:
            break
    assert max(sizes) > 16000


# -- aggregation ----------------------------------------------------------------

COUNT, SIZE = 16, 1000


def segments(version):
    """IP packets of one TCP stream."""
    own, other = IP[version]
    made = []
    for n in range(COUNT):
        body = struct.pack("!HHIIBBHHH", 1007, 1008, 1 + n * SIZE, 1, 0x50,
                           0x10, 512, 0, 0) + bytes([n]) * SIZE
        check = csum(pseudo(ip_bytes(other), ip_bytes(own), TCP, len(body))
                     + body)
        body = body[:16] + struct.pack("!H", check) + body[18:]
        words = {"frag": 0x4000} if version == 4 else {}
        made.append(build.ip(other, own, TCP, body, **words))
    return made


def stream(capture):
    """The payload that came in."""
    return b"".join(parse_ip(p.raw).payload[20:]
                    for p in capture.packets(sent=False)
                    if parse_ip(p.raw).proto == TCP)


@INNER
@pytest.mark.parametrize("framed", (False, True), ids=("ip", "ether"))
def test_gpe_gro(fabric, make, net, version, framed):
    """Packets are merged by the protocol that the header names."""
    side = make()
    number = ETHER if framed else version // 2 - 1
    # Before 7.3 packets over IPv4 are merged only if they must not be cut.
    words = {"frag": 0x4000} if net is V4 else {}
    packets = [side.outer(number, build.ip_frame(ALICE, BOB, packet)
                          if framed else packet, check="good", **words)
               for packet in segments(version)]
    with gro.merging(fabric, side.near):
        for _ in range(6):
            with counters.delta(side.ns, DEV) as moved:
                side.device.clear()
                side.peer.send(*packets)
                moved.wait_for("rx_packets", 1)
                eventually(lambda: sum(
                    len(p.raw) for p in side.device.packets(sent=False))
                    >= COUNT * SIZE)
            if moved["rx_packets"] <= COUNT // 2:
                break
    assert moved["rx_packets"] <= COUNT // 2
    if not framed:
        assert stream(side.device) == b"".join(
            bytes([n]) * SIZE for n in range(COUNT))


def test_gpe_gro_apart(fabric, make):
    """Not what differs in VNI or protocol; not what is malformed."""
    side = make()
    packets = []
    for four, six in zip(segments(4), segments(6)):
        packets += [side.outer(IPV4, four, check="good"),
                    side.outer(IPV6, six, check="good"),
                    side.outer(IPV4, four, vni=VNI + 1, check="good"),
                    side.outer(IPV4, four, flags=0x0d, check="good"),
                    side.outer(9, four, check="good")]
    with gro.merging(fabric, side.near), \
            counters.delta(side.ns, DEV) as moved:
        side.peer.send(*packets)
        eventually(lambda: len(stream(side.device)) >= 3 * COUNT * SIZE)
        moved.wait_for("S:rx_gpe_header", COUNT)
        moved.wait_for("S:rx_gpe_protocol", COUNT)
    assert len(stream(side.device)) == 3 * COUNT * SIZE
    assert moved["rx_packets"] >= 3


def test_gpe_gro_off(fabric, make):
    """Without aggregation below, the device merges by itself."""
    side = make()
    packets = [side.outer(IPV4, p, check="good") for p in segments(4)]
    side.peer.send(*packets)
    eventually(lambda: len(stream(side.device)) == COUNT * SIZE)
    assert stream(side.device) == b"".join(
        bytes([n]) * SIZE for n in range(COUNT))
