# SPDX-License-Identifier: GPL-2.0
"""External mode ("collect metadata"): each packet brings its VNI and remote
along, from a route, tc or a bridge, and tells them when it comes in.

    host 1: vx0 external ---- eth0 ---- fabric ---- eth0 :host 2 (no VXLAN)
"""

import json
import socket
from contextlib import contextmanager

import pytest

from lib import build
from lib.bench import ALICE, BOB, DEV, benches, inner, wired
from lib.capture import Capture
from lib.counters import delta
from lib.inject import Injector
from lib.topo import kind
from lib.underlay import V4, V6

ZERO = "00:00:00:00:00:00"
ROUTER = "02:00:00:00:cc:01"
VNIS = (0, 1, 1010, 0xffffff)
OWN, NEXT = "192.168.50.1", "192.168.50.2"


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


class Bench:
    """vx0 on host 1, host 2 the other end; as lib.bench, without defaults."""

    def __init__(self, fabric, net, options="nolearning"):
        self.fabric, self.net = fabric, net
        self.near, self.far = fabric.host[1], fabric.host[2]
        self.ns = self.near.ns
        self.ns.ip(f"link add {DEV} type {kind()} external dstport 4789 "
                   f"udp6zerocsumrx {options}",
                   f"link set {DEV} up")
        self.device, self.wire = Capture(self.ns, DEV), Capture(self.ns, "eth0")
        self.peer, self.tenant = Injector(self.far.ns), Injector(self.ns, DEV)

    def outer(self, frame, vni, net=None, **fields):
        net = net or self.net
        return build.vxlan_frame(
            self.near.mac, self.far.mac, net.address(self.far),
            net.address(self.near), build.vxlan(vni, frame, **fields))

    def sent(self, match=lambda o: True, count=1):
        """What left eth0 encapsulated."""
        return [p.outer for p in self.wire.wait_count(
            lambda p: p.sent and p.outer and match(p.outer), count)]

    def delete(self):
        for one in (self.device, self.wire, self.peer, self.tenant):
            one.close()
        self.ns.rtnl.dellink(DEV)


@pytest.fixture(name="bench")
def _bench(fabric, net):
    made = Bench(fabric, net)
    yield made
    made.delete()


def datagram(ns, to=NEXT, mark=0):
    """A UDP datagram of the host itself."""
    with ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        if mark:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        sock.sendto(b"external", (to, 9))


def routed(bench, words):
    """A route whose packets carry instructions."""
    bench.ns.ip(f"addr replace {OWN}/32 dev {DEV}",
                f"neigh replace {NEXT} lladdr {BOB} dev {DEV} nud permanent",
                f"route replace {NEXT}/32 {words} dev {DEV}")


# -- in ----------------------------------------------------------------------

def test_external_every_vni(bench):
    """One device takes all VNIs; the frames come out unchanged."""
    for vni in VNIS:
        bench.device.clear()
        bench.peer.send(bench.outer(inner(), vni))
        came, = bench.device.wait_count(lambda p: not p.sent, 1)
        assert came.raw == inner()
    assert not bench.near.fdb(DEV), "nolearning"


def test_external_described(bench, net):
    """tc sees VNI, addresses and ports of the packet it came in."""
    ns = bench.ns
    ns.run(f"tc qdisc add dev {DEV} ingress")
    for number, vni in enumerate((77, 78), 1):
        ns.run(f"tc filter add dev {DEV} ingress pref {number} protocol all "
               f"flower enc_key_id {vni} "
               f"enc_src_ip {net.address(bench.far)} "
               f"enc_dst_ip {net.address(bench.near)} enc_dst_port 4789 "
               "action drop")
    bench.peer.send(*[bench.outer(inner(), 77)] * 3, bench.outer(inner(), 78),
                    bench.outer(inner(), 79))
    bench.device.wait_count(lambda p: not p.sent, 5)
    shown = json.loads(ns.run(
        f"tc -s -j filter show dev {DEV} ingress"))
    hits = [f["options"]["actions"][0]["stats"]["packets"]
            for f in shown if "options" in f]
    assert hits == [3, 1]


# -- out ----------------------------------------------------------------------

def test_external_route(bench, net):
    """`ip route ... encap`: VNI, remote, TTL, TOS of the route."""
    family = "ip" if net is V4 else "ip6"
    limit = "ttl" if net is V4 else "hoplimit"
    tos = "tos" if net is V4 else "tc"
    routed(bench, f"encap {family} id 4711 dst {net.address(bench.far)} "
                  f"{limit} 33 {tos} 0x20")
    datagram(bench.ns)
    outer, = bench.sent()
    assert (outer.vni, outer.dst, outer.ttl, outer.tos) == (
        4711, net.address(bench.far), 33, 0x20)
    assert outer.dport == 4789
    assert b"external" in outer.inner and outer.inner[:6] == bytes.fromhex(
        BOB.replace(":", ""))


def test_external_route_changed(bench, net):
    """A cached route does not outlive the instructions."""
    family = "ip" if net is V4 else "ip6"
    for vni in (1, 2, 0xffffff):
        bench.wire.clear()
        routed(bench, f"encap {family} id {vni} dst {net.address(bench.far)}")
        for _ in range(3):
            datagram(bench.ns)
        assert [o.vni for o in bench.sent(count=3)] == [vni] * 3


def test_external_both_families(fabric):
    """One device sends and receives over IPv4 and IPv6."""
    bench = Bench(fabric, V4)
    try:
        for net in (V4, V6):
            family = "ip" if net is V4 else "ip6"
            bench.wire.clear()
            bench.device.clear()
            routed(bench, f"encap {family} id 5 dst {net.address(bench.far)}")
            datagram(bench.ns)
            outer, = bench.sent()
            assert outer.dst == net.address(bench.far)
            bench.peer.send(bench.outer(inner(), 5, net))
            bench.device.wait_for(lambda p: p.raw == inner())
    finally:
        bench.delete()


def test_external_tc(bench, net):
    """tc tunnel_key: all that the action says."""
    ns = bench.ns
    ns.ip("link add dum0 type dummy", "link set dum0 up")
    try:
        ns.run("tc qdisc add dev dum0 clsact")
        ns.run("tc filter add dev dum0 egress matchall action tunnel_key set "
               f"src_ip {net.address(bench.near)} "
               f"dst_ip {net.address(bench.far)} id 99 dst_port 4790 ttl 9 "
               f"tos 0x10 nocsum action mirred egress redirect dev {DEV}")
        with Injector(ns, "dum0") as injector:
            injector.send(inner())
        outer = bench.wire.wait_for(
            lambda p: p.sent and inner() in p.raw).raw
    finally:
        ns.ip("link del dum0")
    head = outer[14:]
    udp = head[20:] if net is V4 else head[40:]
    assert int.from_bytes(udp[2:4]) == 4790
    assert int.from_bytes(udp[6:8]) == 0, "nocsum"
    assert udp[8:16] == build.vxlan(99)
    assert (head[8] if net is V4 else head[7]) == 9


def test_external_no_instructions(bench):
    """A frame without: dropped and counted."""
    with delta(bench.ns, DEV) as moved:
        bench.tenant.send(inner())
        moved.wait_for("S:tx_no_tunnel_info", 1)
    assert moved["S:tx_no_tunnel_info"] == 1


# -- a bridge: one device for all VLANs ---------------------------------------

@contextmanager
def bridge_above(bench):
    """vx0 in br0 with VLAN 10 <-> VNI 1010 and 20 <-> 1020; port1 is at the
    other end of a trunk.
    """
    ns = bench.ns
    ns.ip("link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0",
          "link add port0 type veth peer name port1",
          f"link set {DEV} master br0", "link set port0 master br0",
          "link set br0 up", "link set port0 up", "link set port1 up")
    ns.bridge(f"link set dev {DEV} vlan_tunnel on neigh_suppress off "
              "learning off")
    for vlan in (10, 20):
        ns.bridge(f"vlan add dev {DEV} vid {vlan}",
                  f"vlan add dev {DEV} vid {vlan} tunnel_info id {1000 + vlan}",
                  f"vlan add dev port0 vid {vlan}")
    try:
        yield bench
    finally:
        ns.ip("link del br0", "link del port0")


@pytest.fixture(name="bridged")
def _bridged(bench):
    with bridge_above(bench):
        yield bench


def tagged(vlan, frame):
    return frame[:12] + b"\x81\x00" + vlan.to_bytes(2) + frame[12:]


def test_external_bridge_out(bridged, net):
    """The VLAN becomes the VNI, the FDB of that VNI knows the remotes."""
    ns = bridged.ns
    far = net.address(bridged.far)
    ns.bridge(f"fdb append {ZERO} dev {DEV} dst {far} src_vni 1010",
              f"fdb append {ZERO} dev {DEV} dst {far} src_vni 1020 vni 77",
              f"fdb add {BOB} dev {DEV} dst {far} src_vni 1010 vni 1011")
    with Injector(ns, "port1") as trunk:
        trunk.send(tagged(10, inner(dst=build.BROADCAST)),
                   tagged(20, inner(dst=build.BROADCAST)),
                   tagged(10, inner()))
    assert [o.vni for o in bridged.sent(count=3)] == [1010, 77, 1011]
    assert [o.inner for o in bridged.sent(count=3)] == [
        inner(dst=build.BROADCAST), inner(dst=build.BROADCAST), inner()]


def test_external_bridge_in(bridged):
    """The VNI becomes the VLAN; a VNI without one stays outside."""
    with Capture(bridged.ns, "port1") as trunk:
        bridged.peer.send(bridged.outer(inner(dst=build.BROADCAST), 1010),
                          bridged.outer(inner(dst=build.BROADCAST), 1030),
                          bridged.outer(inner(dst=build.BROADCAST), 1020))
        came = trunk.wait_count(lambda p: not p.sent, 2)
        assert [p.raw for p in came] == [
            tagged(10, inner(dst=build.BROADCAST)),
            tagged(20, inner(dst=build.BROADCAST))]


def test_external_bridge_too_big(bridged, net):
    """The error for a frame that does not fit reaches the VLAN it came from."""
    ns, far = bridged.ns, net.address(bridged.far)
    ns.bridge(f"fdb append {ZERO} dev {DEV} dst {far} src_vni 1010")
    ns.ip(f"link set {DEV} mtu 3000", "link set port0 mtu 3000",
          "link set port1 mtu 3000")
    with Injector(ns, "port1") as trunk, Capture(ns, "port1") as seen:
        trunk.send(tagged(10, inner(payload=bytes(1700), frag=0x4000)))
        error = seen.wait_for(lambda p: not p.sent).raw
    assert error[:18] == tagged(10, inner(dst=ALICE, src=BOB))[:18]
    assert error[18 + 9] == 1 and error[18 + 20:18 + 22] == b"\3\4", \
        "no fragmentation needed"


def test_external_fdb(bench, net):
    """One MAC in two VNIs: two entries, each with its NDA_SRC_VNI."""
    ns = bench.ns
    dst = {5: net.address(bench.far), 6: net.address(bench.near)}
    for vni in dst:
        ns.bridge(f"fdb add {BOB} dev {DEV} dst {dst[vni]} src_vni {vni}")
    shown = json.loads(ns.run(f"bridge -j fdb show dev {DEV}"))
    assert {e["src_vni"]: e["dst"] for e in shown} == dst and len(shown) == 2
    ns.bridge(f"fdb del {BOB} dev {DEV} dst {dst[5]} src_vni 5")
    shown = json.loads(ns.run(f"bridge -j fdb show dev {DEV}"))
    assert [(e["src_vni"], e["dst"]) for e in shown] == [(6, dst[6])]


def test_external_flood_both(bridged):
    """Remotes of both families in one flood list; the device's own address is
    of one of them.
    """
    ns, far = bridged.ns, bridged.far
    ns.bridge(f"fdb append {ZERO} dev {DEV} dst {far.ip4} src_vni 1010",
              f"fdb append {ZERO} dev {DEV} dst {far.ip6} src_vni 1010")
    with Injector(ns, "port1") as trunk:
        trunk.send(tagged(10, inner(dst=build.BROADCAST)))
    sent = bridged.sent(count=2)
    assert sorted((o.src, o.dst, o.vni) for o in sent) == [
        (bridged.near.ip4, far.ip4, 1010), (bridged.near.ip6, far.ip6, 1010)]
    for outer in sent:
        outer.check()


def test_external_nexthop(bridged, net):
    """A nexthop group of any family in the table of an external device."""
    ns, far = bridged.ns, net.address(bridged.far)
    ns.ip(f"nexthop add id 1 via {far} fdb", "nexthop add id 10 group 1 fdb")
    try:
        ns.bridge(f"fdb add {BOB} dev {DEV} nhid 10 src_vni 1020")
        with Injector(ns, "port1") as trunk:
            trunk.send(tagged(20, inner()))
        outer, = bridged.sent()
        assert (outer.src, outer.dst, outer.vni) == (
            net.address(bridged.near), far, 1020)
    finally:
        ns.ip("nexthop flush")


def test_external_routed_back(fabric, net):
    """A station on this side, by the short circuit: the frame that turns back
    reaches the VLAN of its VNI.
    """
    bench = Bench(fabric, net, "nolearning rsc")
    ns = bench.ns
    try:
        with bridge_above(bench):
            ns.ip(f"neigh replace 192.168.100.2 lladdr {BOB} dev {DEV} "
                  "nud permanent")
            ns.bridge(f"fdb add {ROUTER} dev {DEV} dst "
                      f"{net.address(bench.far)} src_vni 1010 router",
                      f"fdb add {BOB} dev {DEV} dst "
                      f"{'0.0.0.0' if net is V4 else '::'} src_vni 1010")
            with Injector(ns, "port1") as trunk, Capture(ns, "port1") as seen:
                trunk.send(tagged(10, inner(dst=ROUTER)))
                came = seen.wait_for(lambda p: not p.sent).raw
            assert came == tagged(10, inner(dst=BOB, src=ROUTER))
            assert not bench.wire.packets(lambda p: p.sent and p.outer)
    finally:
        bench.delete()


def test_external_two_devices(fabric):
    """Two devices of one port, over IPv4 and IPv6: the last one that came up
    gets all packets, and when it goes the first one does.
    """
    bench = Bench(fabric, V4, f"nolearning local {fabric.host[1].ip4}")
    ns = bench.ns
    ns.ip(f"link add vx1 type {kind()} external dstport 4789 udp6zerocsumrx "
          f"nolearning local {fabric.host[1].ip6}")
    second = Capture(ns, "vx1")

    def arrive(who, other):
        for net in (V4, V6):
            for one in (who, other):
                one.clear()
            bench.peer.send(bench.outer(inner(), 7, net))
            who.wait_for(lambda p: p.raw == inner())
            assert not other.packets(sent=False)
    try:
        arrive(bench.device, second)
        ns.rtnl.setlink("vx1", up=True)
        arrive(second, bench.device)
        ns.rtnl.setlink(DEV, up=False)
        arrive(second, bench.device)
        ns.rtnl.setlink(DEV, up=True)
        arrive(bench.device, second)
        ns.rtnl.setlink(DEV, up=False)
        ns.rtnl.setlink(DEV, up=True)
        ns.rtnl.setlink("vx1", up=False)
        arrive(bench.device, second)
        ns.rtnl.setlink("vx1", up=True)
        ns.rtnl.dellink("vx1")
        arrive(bench.device, second)
    finally:
        second.close()
        bench.delete()


def test_external_learning(fabric):
    """Learned under the VNI of the packet, answered to the same."""
    bench = Bench(fabric, V4, "learning")
    try:
        bench.peer.send(bench.outer(inner(), 31), bench.outer(inner(), 32))
        bench.device.wait_count(lambda p: not p.sent, 2)
        shown = json.loads(bench.ns.run(
            f"bridge -j fdb show dev {DEV}"))
        assert sorted((e["mac"], e["src_vni"], e["dst"]) for e in shown) == [
            (ALICE, vni, V4.address(bench.far)) for vni in (31, 32)]
        assert not any("vni" in e for e in shown)
    finally:
        bench.delete()


# -- group policy -------------------------------------------------------------

@pytest.fixture(name="make")
def _make(fabric, net):
    with benches(fabric, net) as made:
        yield made


MARKS = {1: (0x88, 0x000001), 0xffff: (0x88, 0x00ffff),
         0x400001: (0x88, 0x400001), 0x80001: (0x88, 0x080001),
         0x48ffff: (0x88, 0x48ffff)}


@pytest.mark.parametrize("mark", MARKS, ids=hex)
def test_gbp_out(make, mark):
    """The mark becomes the group policy of the header."""
    bench = make("gbp")
    bench.ns.ip(f"addr add {OWN}/24 dev {DEV}",
                f"neigh replace {NEXT} lladdr {BOB} dev {DEV} nud permanent")
    bench.wire.clear()
    datagram(bench.ns, mark=mark)
    outer = bench.wire.wait_for(lambda p: p.sent and p.outer).outer
    assert (outer.flags, outer.rsvd1) == MARKS[mark]


@pytest.mark.parametrize("mark", MARKS, ids=hex)
def test_gbp_in(make, mark):
    """The group policy becomes the mark; "don't learn" is honoured."""
    bench = make("gbp")
    ns = bench.ns
    ns.run(f"tc qdisc add dev {DEV} ingress")
    ns.run(f"tc filter add dev {DEV} ingress protocol all u32 "
           f"match mark {mark:#x} 0xffffffff action drop")
    flags, rsvd = MARKS[mark]
    bench.device.clear()
    bench.peer.send(bench.outer(None, header=build.vxlan(
        bench.vni, inner(), flags=flags, rsvd1=rsvd)))
    bench.device.wait_count(lambda p: not p.sent, 1)
    shown = ns.run(f"tc -s filter show dev {DEV} ingress")
    assert "Sent" in shown and "1 pkt" in shown.replace("pkts", "pkt")
    learned = ALICE in bench.near.fdb(DEV)
    assert learned == (not mark & 0x400000)


def test_gbp_without(make):
    """A packet without the G flag has no policy; other reserved bits drop."""
    bench = make("gbp")
    came, = bench.receive(bench.outer(inner()))
    assert came.raw == inner()
    bench.refuse(bench.outer(None, header=build.vxlan(
        bench.vni, inner(), flags=0x0c)), name="rx_reserved_bits")


def test_gbp_external(fabric):
    """In external mode the policy travels in the packet's description, and a
    mark is none.
    """
    bench = Bench(fabric, V4, "nolearning gbp")
    try:
        routed(bench, "encap ip id 8 dst 10.0.0.2 vxlan_opts 77")
        datagram(bench.ns)
        outer, = bench.sent()
        assert (outer.vni, outer.flags, outer.rsvd1) == (8, 0x88, 77)
        bench.wire.clear()
        routed(bench, "encap ip id 8 dst 10.0.0.2")
        datagram(bench.ns, mark=5)
        outer, = bench.sent()
        assert (outer.vni, outer.flags, outer.rsvd1) == (8, 0x08, 0)
    finally:
        bench.delete()
