# SPDX-License-Identifier: GPL-2.0
"""Those who give instructions to packets of an external device and read what
they tell, one by one: BPF in tc and in routes, Open vSwitch. And what an ICMP
error does to them.

    host 1: vx0 external ---- eth0 ---- fabric ---- eth0 :host 2 (no VXLAN)
"""

import errno
import socket
import struct
import subprocess

import pytest

from lib import bpf, build, instruct, nl
from lib.bench import ALICE, BOB, DEV, IP, inner, not_ip, wired
from lib.capture import Capture
from lib.chain import route_mtu
from lib.counters import delta
from lib.genl import Genl
from lib.inject import Injector
from lib.shortcut import set_to
from lib.topo import kind
from lib.underlay import V4, V6
from lib.wait import eventually
from lib.wire import ICMP, ICMPV6, UDP

OWN = {4: "192.168.50.1", 6: "fd50::1"}
NEXT = {4: "192.168.50.2", 6: "fd50::2"}
VERSION = pytest.mark.parametrize("version", (4, 6), ids=("in4", "in6"))


@pytest.fixture(scope="module")
def fabric():
    with wired(mtu=1500) as made:
        made.host[1].ns.sysctl("ipv4/icmp_ratelimit", 0)
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


class Bench:
    """vx0 on host 1, dum0 whose packets get instructions, host 2."""

    def __init__(self, fabric, net, options=""):
        self.fabric, self.net = fabric, net
        self.near, self.far = fabric.host[1], fabric.host[2]
        self.ns = self.near.ns
        self.ns.ip(f"link add {DEV} type {kind()} external dstport 4789 "
                   f"nolearning udp6zerocsumrx {options}",
                   f"link set {DEV} up", "link add dum0 type dummy",
                   "link set dum0 up")
        for name in (DEV, "dum0"):
            instruct.clsact(self.ns, name)
        self.device, self.wire = Capture(self.ns, DEV), Capture(self.ns, "eth0")
        self.peer, self.tenant = Injector(self.far.ns), \
            Injector(self.ns, "dum0")

    def end(self, host):
        return self.net.address(host)

    def outer(self, frame, vni, **fields):
        """A frame of host 2, encapsulated."""
        return build.vxlan_frame(
            self.near.mac, self.far.mac, self.end(self.far),
            self.end(self.near), build.vxlan(vni, frame, **fields))

    def sent(self, count=1):
        return self.wire.wait_count(lambda p: p.sent and p.outer, count)

    def delete(self):
        for one in (self.device, self.wire, self.peer, self.tenant):
            one.close()
        for name in (DEV, "dum0"):
            self.ns.rtnl.dellink(name)
        # what the core has learned of paths
        for version in "46":
            self.ns(f"ip -{version} route flush cache")


@pytest.fixture(name="make")
def _make(fabric, net):
    made = []

    def make(options=""):
        made.append(Bench(fabric, net, options))
        return made[-1]
    yield make
    for bench in made:
        bench.delete()


# -- BPF ----------------------------------------------------------------------

def six(net):
    return bpf.IPV6 if net is V6 else 0


def test_bpf_sends(make, net):
    """bpf_skb_set_tunnel_key(): VNI, remote, TOS, TTL, label, checksum, DF."""
    bench = make()
    index = bench.ns.rtnl.index(DEV)
    for flags in (0, bpf.ZERO_CSUM, bpf.DONT_FRAGMENT):
        bench.wire.clear()
        with bpf.Program(bpf.set_key(bpf.key(
                0x123456, bench.end(bench.far), tos=0x20, ttl=77,
                label=0x54321 if net is V6 else 0), flags | six(net))
                + bpf.redirect(index)) as program:
            instruct.attach(bench.ns, "dum0", instruct.EGRESS,
                            match=program.match())
            bench.tenant.send(inner())
            packet, = bench.sent()
            instruct.detach(bench.ns, "dum0", instruct.EGRESS)
        outer = packet.outer
        assert (outer.vni, outer.dst, outer.src, outer.tos, outer.ttl) == (
            0x123456, bench.end(bench.far), bench.end(bench.near), 0x20, 77)
        assert outer.inner == inner() and outer.dport == 4789
        assert bool(outer.udp_csum) == (flags != bpf.ZERO_CSUM)
        if net is V6:
            label = int.from_bytes(packet.raw[14:18], "big") & 0xfffff
            assert label == 0x54321
        else:
            assert outer.df == (flags == bpf.DONT_FRAGMENT)


def test_bpf_local(make, net):
    """The source address, where the kernel's key has one (since 6.0)."""
    bench = make()
    second = "10.0.0.77" if net is V4 else "fd00::77"
    bench.ns.ip(f"addr add {second}/{32 if net is V4 else 128} dev eth0 "
                f"{'' if net is V4 else 'nodad'}")
    try:
        with bpf.Program(bpf.set_key(bpf.key(
                5, bench.end(bench.far), second), six(net))
                + bpf.redirect(bench.ns.rtnl.index(DEV))) as program:
            instruct.attach(bench.ns, "dum0", instruct.EGRESS,
                            match=program.match())
            bench.tenant.send(inner())
            packet, = bench.sent()
        assert packet.outer.src == second
        packet.outer.check()
    finally:
        bench.ns.ip(f"addr del {second}/{32 if net is V4 else 128} dev eth0")


@pytest.mark.parametrize("policy", (1, 0x8ffff, 0x400001), ids=hex)
def test_bpf_policy(make, net, policy):
    """bpf_skb_set_tunnel_opt(): struct vxlan_metadata is the group policy."""
    bench = make("gbp")
    with bpf.Program(bpf.set_key(bpf.key(9, bench.end(bench.far)), six(net))
                     + bpf.set_options(struct.pack("<I", policy))
                     + bpf.redirect(bench.ns.rtnl.index(DEV))) as program:
        instruct.attach(bench.ns, "dum0", instruct.EGRESS,
                        match=program.match())
        bench.tenant.send(inner())
        packet, = bench.sent()
    assert packet.outer.vni == 9 and packet.outer.flags == 0x88
    assert packet.outer.rsvd1 == policy


def test_bpf_policy_zero(make, net):
    """A policy of zero, of which the header then says nothing."""
    bench = make("gbp")
    with bpf.Program(bpf.set_key(bpf.key(9, bench.end(bench.far)), six(net))
                     + bpf.set_options(bytes(4))
                     + bpf.redirect(bench.ns.rtnl.index(DEV))) as program:
        instruct.attach(bench.ns, "dum0", instruct.EGRESS,
                        match=program.match())
        bench.tenant.send(inner())
        packet, = bench.sent()
    assert (packet.outer.vni, packet.outer.flags, packet.outer.rsvd1) == (
        9, 0x08, 0)


def told(box):
    """(result, VNI, remote, TOS, TTL, local, policy result, policy)."""
    raw = box.read()
    options, opt_result, result = struct.unpack_from("<I4xiI", raw)
    vni, remote, tos, ttl, local = struct.unpack_from("<I16sBB6x16s", raw, 20)
    return {"result": result, "vni": vni, "remote": remote, "tos": tos,
            "ttl": ttl, "local": local, "options": options,
            "opt_result": opt_result}


def address(net, text):
    """As struct bpf_tunnel_key has it."""
    raw = nl.ip(text)
    return raw[::-1] + bytes(12) if net is V4 else raw


@pytest.mark.parametrize("policy", (None, 0x1234, 0x81234), ids=str)
def test_bpf_reads(make, net, policy):
    """bpf_skb_get_tunnel_key() and _opt() of a received packet."""
    bench = make("gbp")
    with bpf.Array(64) as box, bpf.Program(bpf.report(
            box, six(net), options=True)) as program:
        instruct.attach(bench.ns, DEV, instruct.INGRESS,
                        match=program.match())
        words = {} if policy is None else {"flags": 0x88, "rsvd1": policy}
        bench.peer.send(bench.outer(inner(), 0xabcdef, **words))
        bench.device.wait_for(lambda p: p.raw == inner())
        eventually(lambda: told(box)["vni"], what="a report")
        found = told(box)
    assert found["result"] == 0 and found["vni"] == 0xabcdef
    assert found["remote"] == address(net, bench.end(bench.far))
    assert found["local"] == address(net, bench.end(bench.near))
    assert found["ttl"] == 64
    if policy is None:
        assert found["opt_result"] == -errno.ENOENT
    else:
        assert (found["opt_result"], found["options"]) == (4, policy)


def test_bpf_route(make, net):
    """A route with a program ("encap bpf xmit") gives the instructions."""
    bench = make()
    ns = bench.ns
    with bpf.Program(bpf.set_key(bpf.key(77, bench.end(bench.far)), six(net))
                     + bpf.end(0), bpf.LWT_XMIT) as program:
        ns.ip(f"neigh replace {NEXT[4]} lladdr {BOB} dev {DEV} nud permanent")
        number, attrs = program.encap()
        instruct.route(ns, f"{NEXT[4]}/32", DEV, encap=(number, attrs))
        with ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"bpf", (NEXT[4], 9))
        packet, = bench.sent()
    assert packet.outer.vni == 77
    assert packet.outer.dst == bench.end(bench.far)
    assert packet.outer.inner[:6] == nl.mac(BOB)


# -- Open vSwitch: what would a packet get? -----------------------------------

HAS_OVS = subprocess.run(["modinfo", "openvswitch"], capture_output=True,
                         check=False).returncode == 0
NEW, DEL, EXECUTE = 1, 2, 3


def ovs(ns, genl, actions_of, frame=None):
    """A datapath with vx0 as a port; a packet that the actions get."""
    path, port, packet = (genl.family(name) for name in (
        "ovs_datapath", "ovs_vport", "ovs_packet"))
    genl.request(path, NEW, struct.pack("=i", 0), [
        (1, nl.text("ovs0")), (2, nl.u32(0)), (5, nl.u32(0))])
    index = struct.pack("=i", ns.rtnl.index("ovs0"))
    try:
        genl.request(port, NEW, index, [
            (2, nl.u32(1)), (3, nl.text(DEV)), (1, nl.u32(5)),
            (5, nl.u32(0))])
        # What goes to user space arrives before the ack.
        heard = genl.request(packet, EXECUTE, index, [
            (1, frame or inner()), (2, [(3, nl.u32(0)),
                               (4, nl.mac(BOB) + nl.mac(ALICE))]),
            (3, actions_of(genl.pid))])
        return nl.parse_attrs(heard[8:])
    finally:
        genl.request(path, DEL, index, [(1, nl.text("ovs0"))])


def tunnel(net, bench, vni, port):
    """The action that sets instructions."""
    places = (1, 2) if net is V4 else (12, 13)
    key = [(0, struct.pack("!Q", vni)),
           (places[1], nl.ip(bench.end(bench.far))),
           (4, nl.u8(64)), (10, nl.be16(port))]
    return (3, [(16, key)])


@pytest.mark.skipif(not HAS_OVS, reason="no openvswitch module here")
@pytest.mark.parametrize("port", (4789, 4790))
def test_ovs_egress(make, net, port):
    """ndo_fill_metadata_dst: an upcall with the tunnel's key, whose source
    address and ports the device has filled in.
    """
    bench = make("srcport 3000 3001")
    subprocess.run(["modprobe", "openvswitch"], check=True)
    genl = Genl(bench.ns)
    try:
        heard = ovs(bench.ns, genl, lambda pid: [
            tunnel(net, bench, 0xabcd, port),
            (2, [(1, nl.u32(pid)), (3, nl.u32(5))])])
    finally:
        genl.close()
    key = nl.parse_attrs(heard[5])
    assert struct.unpack("!Q", key[0])[0] == 0xabcd
    source, target = (1, 2) if net is V4 else (12, 13)
    assert key[source] == nl.ip(bench.end(bench.near))
    assert key[target] == nl.ip(bench.end(bench.far))
    assert int.from_bytes(key[9], "big") in (3000, 3001)
    assert int.from_bytes(key[10], "big") == port


FRAMES = pytest.mark.parametrize("frame", (
    inner(), inner(6), build.ip_frame(BOB, ALICE, build.ip(
        OWN[4], NEXT[4], ICMP, bytes(8))),
    inner(frag=0x2000), inner(6, label=7), not_ip()),
    ids=("udp4", "udp6", "icmp", "fragment", "label", "not-ip"))
#: The action that puts a VLAN tag on, beside the packet for the time being.
TAGS = {"no-tag": [], "tag": [(4, bytes.fromhex("81001064"))],
        "two-tags": [(4, bytes.fromhex("81001064")),
                     (4, bytes.fromhex("88a810c8"))]}


@pytest.mark.skipif(not HAS_OVS, reason="no openvswitch module here")
@pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS)
@FRAMES
def test_ovs_port(make, net, frame, tags):
    """The source port that is told is the one that is sent from."""
    bench = make()
    subprocess.run(["modprobe", "openvswitch"], check=True)

    def ask():
        genl = Genl(bench.ns)
        bench.wire.clear()
        try:
            heard = ovs(bench.ns, genl, lambda pid: [
                tunnel(net, bench, 0xabcd, 4789), *tags,
                (2, [(1, nl.u32(pid)), (3, nl.u32(5))]), (1, nl.u32(5))],
                frame)
        finally:
            genl.close()
        return heard

    for on in (True, False):
        with set_to(on):
            heard = ask()
        packet, = bench.sent()
        pushed = b"".join(tag for _, tag in reversed(tags))
        # The CFI bit tells Open vSwitch that there is a tag.
        assert packet.outer.inner == frame[:12] + pushed.replace(
            b"\x10", b"\0") + frame[12:]
        assert packet.outer.sport == int.from_bytes(
            nl.parse_attrs(heard[5])[9], "big")


@pytest.mark.skipif(not HAS_OVS, reason="no openvswitch module here")
def test_ovs_asks_without_ethernet(make, net):
    """The Ethernet header is taken off, the device is asked, the IPv4 header
    changed: that one, and not what is 14 bytes behind it.
    """
    bench = make()
    subprocess.run(["modprobe", "openvswitch"], check=True)
    data = bytes(range(64))     # more than the header that is not there
    key = nl.ip(IP[4][0]) + nl.ip(IP[4][1]) + bytes((UDP, 0, 9, 0))
    genl = Genl(bench.ns)
    try:
        heard = ovs(bench.ns, genl, lambda pid: [
            tunnel(net, bench, 0xabcd, 4789), (15, b""),
            (2, [(1, nl.u32(pid)), (3, nl.u32(5))]), (3, [(7, key)]),
            (2, [(1, nl.u32(pid))])], inner(payload=data))
    finally:
        genl.close()
    assert heard[1] == inner(ttl=9, payload=data)[14:]


@pytest.mark.skipif(not HAS_OVS, reason="no openvswitch module here")
def test_ovs_sends(make, net):
    """A flow's actions: set the tunnel, output to the device."""
    bench = make()
    subprocess.run(["modprobe", "openvswitch"], check=True)
    genl = Genl(bench.ns)
    try:
        ovs(bench.ns, genl, lambda pid: [
            tunnel(net, bench, 0xabcd, 4789), (1, nl.u32(5)),
            (2, [(1, nl.u32(pid))])])
    finally:
        genl.close()
    packet, = bench.sent()
    assert (packet.outer.vni, packet.outer.dst, packet.outer.inner) == (
        0xabcd, bench.end(bench.far), inner())


@pytest.mark.skipif(not HAS_OVS, reason="no openvswitch module here")
def test_ovs_no_route(make, net):
    """Where no route leads the upcall has no tunnel's key."""
    bench = make()
    subprocess.run(["modprobe", "openvswitch"], check=True)
    genl = Genl(bench.ns)
    far = "203.0.113.1" if net is V4 else "2001:db8::1"
    places = 2 if net is V4 else 13
    try:
        heard = ovs(bench.ns, genl, lambda pid: [
            (3, [(16, [(0, struct.pack("!Q", 1)), (places, nl.ip(far)),
                       (4, nl.u8(64))])]),
            (2, [(1, nl.u32(pid)), (3, nl.u32(5))])])
    finally:
        genl.close()
    assert 5 not in heard and heard[1] == inner()


# -- ICMP errors about the outer packet ---------------------------------------

def sender(ns, version):
    """A socket that is told when a packet does not fit the path."""
    sock = ns.socket(socket.AF_INET if version == 4 else socket.AF_INET6,
                     socket.SOCK_DGRAM)
    if version == 4:
        sock.setsockopt(socket.IPPROTO_IP, 10, 2)       # IP_PMTUDISC_DO
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, 23, 2)
        sock.setsockopt(socket.IPPROTO_IPV6, 62, 1)     # DONTFRAG
    sock.connect((NEXT[version], 9))
    return sock


def too_big(bench, quoted, mtu):
    """Host 2 says that a packet of host 1 was too big for somebody."""
    ends = bench.end(bench.far), bench.end(bench.near)
    if bench.net is V4:
        body = b"\x03\x04\0\0\0\0" + mtu.to_bytes(2, "big") + quoted[:500]
        check = build.csum(body)
        proto = ICMP
    else:
        body = b"\x02\0\0\0" + mtu.to_bytes(4, "big") + quoted[:1200]
        check = build.csum(build.pseudo(
            *map(build.ip_bytes, ends), ICMPV6, len(body)) + body)
        proto = ICMPV6
    body = body[:2] + check.to_bytes(2, "big") + body[4:]
    return build.ip_frame(bench.near.mac, bench.far.mac,
                          build.ip(*ends, proto, body))


@VERSION
def test_icmp_error_by_route(make, net, version):
    """The path of an external device gets smaller: the error quotes a packet
    with the VNI of a route, is taken for ours, and the next sender is told.
    """
    bench = make()
    ns, width = bench.ns, 32 if version == 4 else 128
    ns.ip(f"addr add {OWN[version]}/{width} dev {DEV} "
          f"{'nodad' if version == 6 else ''}",
          f"neigh replace {NEXT[version]} lladdr {BOB} dev {DEV} "
          "nud permanent")
    instruct.route(ns, f"{NEXT[version]}/{width}", DEV, id=77,
                   dst=bench.end(bench.far), flags=instruct.DONT_FRAGMENT)
    narrow = 1400
    room = narrow - net.overhead - (28 if version == 4 else 48)
    with sender(ns, version) as sock:
        sock.send(bytes(room + 1))
        packet, = bench.sent()
        assert packet.outer.vni == 77
        with delta(ns) as moved:
            bench.peer.send(too_big(bench, packet.raw[14:], narrow))
            moved.wait_for("Icmp.InMsgs" if net is V4 else "Icmp6InMsgs", 1)
            assert not moved["Icmp.InErrors"] and not moved["Icmp6InErrors"]
        assert route_mtu(ns, bench.end(bench.far)) == narrow
        bench.wire.clear()

        def refused():
            try:
                sock.send(bytes(room + 1))
            except OSError as error:
                return error.errno == errno.EMSGSIZE
            return False
        assert eventually(refused, what="the sender to be told")
        assert not bench.wire.packets(lambda p: p.sent and p.outer), \
            "sent all the same"
        assert route_mtu(ns, NEXT[version]) == narrow - net.overhead
        sock.send(bytes(room))
        packet, = bench.sent()
        assert len(packet.raw) == 14 + narrow


def test_icmp_error_by_bridge(make, net):
    """One device for all VLANs: the station behind the bridge is told, in its
    VLAN, once the path has got smaller.
    """
    bench = make()
    ns, far = bench.ns, bench.end(bench.far)
    ns.ip("link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0 "
          "stp_state 0 forward_delay 0 mcast_snooping 0",
          "link add port0 type veth peer name port1",
          f"link set {DEV} master br0", "link set port0 master br0",
          "link set br0 up", "link set port0 up", "link set port1 up")
    ns.bridge(f"link set dev {DEV} vlan_tunnel on learning off",
              f"vlan add dev {DEV} vid 10",
              f"vlan add dev {DEV} vid 10 tunnel_info id 1010",
              "vlan add dev port0 vid 10",
              f"fdb append 00:00:00:00:00:00 dev {DEV} dst {far} "
              "src_vni 1010")
    big = inner(payload=bytes(1300), frag=0x4000)
    tagged = big[:12] + b"\x81\0\0\x0a" + big[12:]
    try:
        with Injector(ns, "port1") as station, \
                Capture(ns, "port1") as seen:
            station.send(tagged)
            packet, = bench.sent()
            with delta(ns) as moved:
                bench.peer.send(too_big(bench, packet.raw[14:], 1320))
                moved.wait_for("Icmp.InMsgs" if net is V4
                               else "Icmp6InMsgs", 1)
            assert route_mtu(ns, far) == 1320

            def answer():
                station.send(tagged)
                return [p.raw for p in seen.packets(sent=False)
                        if p.raw[12:18] == b"\x81\0\0\x0a\x08\0"
                        and p.raw[18 + 9] == ICMP]
            error = eventually(answer, what="an answer")[0]
    finally:
        ns.ip("link del br0", "link del port0")
    assert error[:6] == nl.mac(ALICE)
    assert error[38:40] == b"\3\4"
    assert int.from_bytes(error[44:46], "big") == 1320 - net.overhead


def test_icmp_error_foreign(make, net):
    """Without the I flag a quoted packet is none of ours: an error of ICMP."""
    bench = make()
    ends = bench.end(bench.near), bench.end(bench.far)
    quoted = build.ip(*ends, 17, build.udp(
        *ends, 50000, 4789, build.vxlan(77, inner(), flags=0)))
    with delta(bench.ns) as moved:
        bench.peer.send(too_big(bench, quoted, 1300))
        moved.wait_for("Icmp.InErrors" if net is V4 else "Icmp6InErrors", 1)
