# SPDX-License-Identifier: GPL-2.0
"""Local bypass: frames to an address of the same host go from device to device
without encapsulation; with `nolocalbypass` they are sent to that address.

    host 1: vx0 (VNI 100) -- remote is host 1 itself -- vx1 (VNI 100, port 4790)
"""

import fcntl
import socket
import struct
import termios

import pytest

from lib import build
from lib.bench import ALICE, BOB, DEV, benches, inner, wired
from lib.capture import Capture
from lib.counters import delta
from lib.inject import Injector
from lib.topo import kind
from lib.underlay import V4, V6
from lib.wait import eventually
from lib.wire import csum, ip_bytes, pseudo

OTHER = "vx1"


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


@pytest.fixture(name="make")
def _make(fabric, net):
    with benches(fabric, net) as made:
        yield made


@pytest.fixture(name="other")
def _other(fabric, net):
    """vx1, another VTEP of the same host and VNI, at port 4790."""
    ns = fabric.host[1].ns
    ns.ip(f"link add {OTHER} type {kind()} id 100 dstport 4790 "
          f"local {net.address(fabric.host[1])} udpcsum", f"link set {OTHER} up")
    yield ns
    ns.rtnl.dellink(OTHER)


def here(make, options=""):
    """vx0, whose default destination is vx1: host 1, port 4790."""
    bench = make(options, to="")
    bench.ns.bridge(f"fdb append 00:00:00:00:00:00 dev {DEV} "
                    f"dst {make.net.address(bench.near)} port 4790")
    return bench


def handed(bench, frame):
    """vx0 sends the frame -> what vx1 hands up, what the host sent to itself."""
    up, loop = Capture(bench.ns, OTHER), Capture(bench.ns, "lo")
    bench.tenant.send(frame)
    came = up.wait_count(lambda p: not p.sent, 1, what="frame at vx1")
    return [p.raw for p in came], [p.raw for p in loop.packets()]


@pytest.mark.parametrize("frame", [
    inner(), inner(6), inner(payload=bytes(1400)),
    inner(dst="ff:ff:ff:ff:ff:ff"), build.ether(BOB, ALICE, 0x88b6, bytes(46))],
    ids=["ip", "ip6", "big", "broadcast", "other"])
def test_bypass(make, other, frame):
    """The frame comes out as it went in; nothing is sent; both count."""
    bench = here(make)
    with delta(other, OTHER) as received, bench.moved() as sent:
        up, loop = handed(bench, frame)
    assert up == [frame]
    assert not loop, "it was encapsulated"
    assert not bench.wire.packets(lambda p: p.sent and p.outer)
    assert (sent["tx_packets"], sent["tx_bytes"]) == (1, len(frame))
    assert received["rx_packets"] == 1


def test_bypass_learns(make, net, other):
    """Its sender is learned behind the loopback address."""
    bench = here(make)
    handed(bench, inner())
    assert bench.near.fdb(OTHER)[ALICE] == ["127.0.0.1" if net is V4 else "::1"]


def test_bypass_answer(make, net, other):
    """The answer comes up at the device that sent, not where it is sent."""
    bench = here(make)
    handed(bench, inner())
    back = inner(dst=ALICE, src=BOB)
    with Injector(bench.ns, OTHER) as tenant:
        bench.device.clear()
        tenant.send(back)
        came = bench.device.wait_for(lambda p: not p.sent)
    assert came.raw == back


def test_bypass_two_senders(make, net, other):
    """What reception merges keeps the accounts of its senders right: nobody's
    buffer is charged for ever, and no reference is lost.
    """
    bench = here(make)
    first, second = Injector(bench.ns, DEV), Injector(bench.ns, DEV)
    second.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    up = Capture(bench.ns, OTHER)
    for number in range(20):
        for sender in (first, second):
            sender.send(segment(number * 2 + (sender is second)))
    up.wait_for(lambda p: not p.sent)
    eventually(lambda: all(unsent(s.sock) == 0 for s in (first, second)),
               what="send buffers empty")
    first.close()
    second.close()


def unsent(sock):
    """Bytes that the socket still has to account for."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def segment(number):
    """One of a TCP flow's segments, in order: they can be merged."""
    body = struct.pack("!HHIIBBHHH", 1000, 2000, 1 + 1000 * number, 1, 5 << 4,
                       0x10, 1000, 0, 0) + bytes(1000)
    ends = ip_bytes("192.168.100.1"), ip_bytes("192.168.100.2")
    check = csum(pseudo(*ends, 6, len(body)) + body)
    body = body[:16] + struct.pack("!H", check) + body[18:]
    return build.ip_frame(BOB, ALICE, build.ipv4(
        "192.168.100.1", "192.168.100.2", 6, body, frag=0x4000))


def test_bypass_off(make, net, other):
    """`nolocalbypass`: the same frame is encapsulated and sent to the host."""
    bench = here(make, "nolocalbypass")
    up, loop = handed(bench, inner())
    assert up == [inner()]
    outers = [raw for raw in loop if inner() in raw]
    assert outers, "nothing was sent"
    assert bench.near.fdb(OTHER)[ALICE] == [net.address(bench.near)]


def test_bypass_changed(make, other):
    """It can be switched while the device is up."""
    bench = here(make)
    for words, sends in (("nolocalbypass", True), ("localbypass", False)):
        bench.ns.ip(f"link set {DEV} type {kind()} {words}")
        up, loop = handed(bench, inner())
        assert up == [inner()]
        assert bool([raw for raw in loop if inner() in raw]) == sends


@pytest.mark.parametrize("words", ["vni 101 port 4790", "port 4791"])
def test_bypass_nobody(make, net, other, words):
    """No device here has that VNI and port: dropped and counted."""
    bench = make("", to="")
    bench.ns.bridge(f"fdb append 00:00:00:00:00:00 dev {DEV} "
                    f"dst {net.address(bench.near)} {words}")
    loop = Capture(bench.ns, "lo")
    with bench.moved() as moved:
        bench.tenant.send(inner())
        moved.wait_for("S:tx_no_local_vni", 1)
    assert moved == {"S:tx_no_local_vni": 1, "tx_errors": 1}
    assert not loop.packets()


def test_bypass_own_mac(make, other):
    """The receiver's rules hold: no frame from its own address."""
    bench = here(make)
    mac = other.rtnl.link(OTHER)["mac"]
    with delta(other, OTHER) as moved:
        bench.tenant.send(inner(src=mac))
        moved.wait_for("S:rx_own_mac", 1)
    assert moved["rx_packets"] == 0


def test_bypass_down(make, other):
    """Who is down receives nothing: it is as if it were not there."""
    bench = here(make)
    other.ip(f"link set {OTHER} down")
    with bench.moved() as moved:
        bench.tenant.send(inner())
        moved.wait_for("S:tx_no_local_vni", 1)
