# SPDX-License-Identifier: GPL-2.0
"""MTU: of the device, of the path, and what senders behind it are told."""

import errno
import socket

import pytest

from lib import build, counters
from lib import nldefs as d
from lib.bench import ALICE, Bench, benches, inner, wired
from lib.chain import VM, Chain, route_mtu
from lib.inject import ping, send_frames
from lib.nl import NlError, u32
from lib.transfer import transfer
from lib.underlay import V4, V6
from lib.wait import eventually
from lib.wire import ICMP, ICMPV6, UDP, parse_ether

SMALL = 1400
INNER = pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
#: Bytes of IP and ICMP headers around a ping's data.
PING = {4: 28, 6: 48}


@pytest.fixture(scope="module", params=(V4, V6), ids=repr)
def underlay(request):
    return request.param


@pytest.fixture(scope="module")
def fabric():
    with wired(mtu=1500) as made:
        yield made


@pytest.fixture
def bench(fabric, underlay):
    with benches(fabric, underlay) as make:
        yield make


@pytest.fixture
def chain(underlay):
    with Chain(underlay, SMALL, "df set" if underlay is V4 else "") as made:
        yield made


# -- of the device ----------------------------------------------------------

def set_mtu(made, mtu):
    made.ns.rtnl.setlink(made.name, extra=[(d.IFLA_MTU, u32(mtu))])


def test_mtu_with_lower(bench, underlay):
    """1450 or 1430 with a lower device of 1500, and no more."""
    made = bench()
    most = 1500 - underlay.overhead
    assert made.ns.rtnl.link("vx0")["mtu"] == most
    for mtu in (most + 1, 1500, 65535, 67, 0):
        with pytest.raises(NlError) as refused:
            set_mtu(made, mtu)
        assert refused.value.name == "EINVAL", mtu
        assert made.ns.rtnl.link("vx0")["mtu"] == most
    for mtu in (most - 1, 1280, most):
        set_mtu(made, mtu)
        assert made.ns.rtnl.link("vx0")["mtu"] == mtu


def test_mtu_without_lower(bench):
    """1500 without a lower device, and whatever is asked for."""
    made = bench(lower="")
    assert made.ns.rtnl.link("vx0")["mtu"] == 1500
    for mtu in (68, 9000, 65535):
        set_mtu(made, mtu)
        assert made.ns.rtnl.link("vx0")["mtu"] == mtu


def test_mtu_fills_the_wire(bench, underlay):
    """The largest inner packet makes an underlay packet of just the MTU."""
    made = bench()
    room = 1500 - underlay.overhead - 28
    outer, = made.send(inner(payload=bytes(room), frag=0x4000))
    outer.check()
    assert len(outer.eth.payload) == 1500


def outer_udp(packet):
    """What the tunnel sends, fragments too; the host has reports to send."""
    return packet.sent and packet.eth.ip and packet.eth.ip.proto == UDP


def test_mtu_fragmented(bench, underlay):
    """DF unset: what does not fit is fragmented outside, and put together
    again on the way in.
    """
    if underlay is V6:
        pytest.skip("IPv6 packets are not fragmented on their way")
    made = bench(lower="")
    frame = inner(payload=bytes(1472))
    made.wire.clear()
    made.tenant.send(frame)
    parts = made.wire.wait_count(outer_udp, 2)
    assert all(len(p.eth.payload) <= 1500 for p in parts)
    assert all(p.eth.ip.fragment for p in parts)
    came, = made.receive(*mirrored(parts), count=1)
    assert came.raw == frame


def test_mtu_not_fragmented(bench, underlay):
    """DF set, or IPv6: what does not fit is dropped and counted."""
    made = bench("df set" if underlay is V4 else "", lower="")
    room = 1500 - underlay.overhead - 28
    with made.moved() as moved:
        made.tenant.send(inner(payload=bytes(room + 1)))
        moved.wait_for("S:tx_too_big", 1)
    assert moved == {"S:tx_too_big": 1, "tx_dropped": 1}
    assert not made.wire.packets(outer_udp)
    assert made.send(inner(payload=bytes(room)))


def mirrored(packets):
    """The same packets as if host 2 had sent them."""
    for p in packets:
        raw = bytearray(p.raw)
        raw[:12] = raw[6:12] + raw[:6]
        at, size = (26, 4) if p.eth.ip.version == 4 else (22, 16)
        raw[at:at + 2 * size] = (raw[at + size:at + 2 * size]
                                 + raw[at:at + size])
        yield bytes(raw)


# -- what a VM is told -------------------------------------------------------

def big(version, size, **fields):
    """An inner UDP packet of that size, not to be fragmented."""
    if version == 4:
        fields.setdefault("frag", 0x4000)
    header = 28 if version == 4 else 48
    return inner(version, payload=bytes(size - header), **fields)


def too_big(version):
    """Matches the error that tells a sender of a smaller MTU."""
    def match(p):
        ip = p.eth.ip
        if p.sent or not ip:
            return False
        if version == 4:
            return ip.proto == ICMP and ip.payload[:2] == b"\x03\x04"
        return ip.proto == ICMPV6 and ip.payload[:1] == b"\x02"
    return match


def told(packet):
    """The MTU in that error, after a look at the rest of it."""
    ip = packet.eth.ip
    assert ip.header_ok and ip.payload_ok
    at, size = (6, 2) if ip.version == 4 else (4, 4)
    return int.from_bytes(ip.payload[at:at + size], "big")


@INNER
def test_mtu_vm_is_told(chain, underlay, version):
    """A packet that exceeds the route's MTU comes back to its sender as
    "fragmentation needed" / "packet too big", with the right number and its
    own beginning; one byte less passes.
    """
    most = SMALL - underlay.overhead
    frame = big(version, most + 1, dst="02:00:00:00:aa:01",
                src="02:00:00:00:bb:01")
    vm = chain.vms[1]
    seen, far = chain.capture(vm), chain.capture(chain.vms[0])
    with counters.delta(chain.hosts[1], "vx0") as moved:
        send_frames(vm, "eth0", frame)
        error = seen.wait_for(too_big(version))
        moved.wait_for("S:tx_too_big", 1)
    assert told(error) == most
    assert error.eth.dst == "02:00:00:00:bb:01"
    sender = parse_ether(frame).ip
    assert (error.eth.ip.src, error.eth.ip.dst) == (sender.dst, sender.src)
    quoted = error.eth.ip.payload[8:]
    assert quoted == frame[14:14 + len(quoted)] and len(quoted) >= 500
    good = big(version, most, dst="02:00:00:00:aa:01",
               src="02:00:00:00:bb:01")
    send_frames(vm, "eth0", good)
    assert far.wait_for(lambda p: p.raw in (frame, good)).raw == good


@INNER
def test_mtu_vm_adapts(chain, underlay, version):
    """The VM's kernel takes the error for true: the path MTU is right and a
    packet of that size passes; IPv6 then sends larger ones in fragments.
    """
    most = SMALL - underlay.overhead
    vm, other = chain.vms[1], VM[version][0]
    ping(vm, other, size=1500 - PING[version], df=True, timeout=0.2)
    assert eventually(lambda: route_mtu(vm, other) == most)
    assert ping(vm, other, size=most - PING[version], df=True) == 1
    if version == 4:
        assert ping(vm, other, size=most + 1 - PING[4], df=True,
                    timeout=0.2) == 0
    else:   # what is asked arrives; the answer may be too large itself
        with counters.delta(chain.vms[0]) as moved:
            ping(vm, other, size=1500 - PING[6], timeout=0.2)
            moved.wait_for("Icmp6InEchos", 1)


# -- what an underlay router says ----------------------------------------------

@INNER
def test_mtu_router_in_the_middle(chain, underlay, version):
    """The smaller link is behind a router: its ICMP error lowers the path
    MTU of the VTEP, which then tells the VM.
    """
    left, vm, other = chain.hosts[0], chain.vms[0], VM[version][1]
    most = SMALL - underlay.overhead
    assert route_mtu(left, chain.end(1)) is None

    def lowered():
        ping(vm, other, size=1500 - underlay.overhead - PING[version],
             df=True, timeout=0.2)
        return route_mtu(left, chain.end(1)) == SMALL

    assert eventually(lowered, what="path MTU of the VTEP")
    eventually(lambda: ping(vm, other, df=True, timeout=0.2,
                            size=most - PING[version]) == 1)
    ping(vm, other, size=most + 1 - PING[version], df=True, timeout=0.2)
    assert eventually(lambda: route_mtu(vm, other) == most)


def test_mtu_forged_error(chain, underlay):
    """An error that quotes a VNI we do not have is none of ours: it is counted
    as an error. One that quotes ours lowers the path MTU.

    What else the core does with the first one is its own affair: recent kernels
    lower the path MTU also for an error that no socket wants.
    """
    left = chain.hosts[0]
    assert ping(chain.vms[0], VM[4][1]) == 1
    received, refused = (("Icmp.InMsgs", "Icmp.InErrors") if underlay is V4
                         else ("Icmp6InMsgs", "Icmp6InErrors"))
    for vni, believed in ((101, False), (100, True)):
        quoted = build.udp(chain.end(0), chain.end(1), 50000, 4789,
                           build.vxlan(vni, big(4, 1450)), 0)
        with counters.delta(left) as moved:
            send_error(chain, quoted)
            moved.wait_for(received, 1)
            if not believed:
                moved.wait_for(refused, 1)
        if believed:
            assert route_mtu(left, chain.end(1)) == 1300


def send_error(chain, quoted):
    """The router tells the left VTEP that 1300 bytes are the most."""
    ends = chain.end(0), chain.end(1)
    packet = build.ip(*ends, UDP, quoted)
    if chain.net is V4:
        family, proto = socket.AF_INET, socket.IPPROTO_ICMP
        body = b"\x03\x04\0\0\0\0" + (1300).to_bytes(2, "big") + packet[:500]
        body = body[:2] + build.csum(body).to_bytes(2, "big") + body[4:]
    else:
        family, proto = socket.AF_INET6, socket.IPPROTO_ICMPV6
        body = b"\x02\0\0\0" + (1300).to_bytes(4, "big") + packet[:1200]
    with chain.router.socket(family, socket.SOCK_RAW, proto) as sock:
        sock.sendto(body, (ends[0], 0))


@INNER
def test_mtu_transfer(chain, version):
    """TCP gets through the smaller link, both ways."""
    transfer(chain.vms[0], chain.vms[1], VM[version][1], 200_000)
    transfer(chain.vms[1], chain.vms[0], VM[version][0], 200_000)
    assert route_mtu(chain.hosts[0], chain.end(1)) == SMALL


# -- a sender on the VTEP itself -----------------------------------------------

def test_mtu_routed_sender(fabric, underlay):
    """A sender that reaches the device by a route gets a route exception."""
    made = Bench(fabric, underlay, lower="")
    try:
        made.ns.ip("addr add 192.168.100.1/24 dev vx0",
                   "neigh add 192.168.100.2 lladdr 02:00:00:00:bb:01 dev vx0 "
                   "nud permanent")
        with made.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IP, 10, 2)   # IP_PMTUDISC_DO
            sock.connect(("192.168.100.2", 9))
            sock.send(bytes(1472))
            with pytest.raises(OSError) as error:
                sock.send(bytes(1472))
            assert error.value.errno == errno.EMSGSIZE
            sock.send(bytes(1500 - underlay.overhead - 28))
        assert route_mtu(made.ns, "192.168.100.2") == 1500 - underlay.overhead
    finally:
        made.delete()


def test_mtu_broadcast_is_not_answered(bench, underlay):
    """No error is sent about a packet to a group or broadcast address."""
    made = bench(lower="")
    made.ns.ip("link add br0 type bridge", "link set vx0 master br0")
    try:
        frame = build.udp_frame("01:00:5e:01:01:01", ALICE, "192.168.100.1",
                                "239.1.1.1", payload=bytes(1472), frag=0x4000)
        made.send(inner())
        made.tenant.send(frame)
        made.send(inner())      # an answer to the former would be here now
        assert not made.device.packets(too_big(4))
    finally:
        made.ns.ip("link del br0")
