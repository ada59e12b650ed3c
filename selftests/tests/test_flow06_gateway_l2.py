# SPDX-License-Identifier: GPL-2.0
"""Flow 6: a gateway at layer 2. A bridge joins VNI 100 and a plain Ethernet
port; a host outside, which knows nothing of VXLAN, talks to VM2.

    outside -- port0 br100 vx100 :host1 ---- host2: vx100 br100 -- vm2
"""

import pytest

from lib import build
from lib.bench import wired
from lib.inject import ping, send_frames
from lib.links import add_veth
from lib.netns import Netns
from lib.topo import wait_learned
from lib.underlay import V4, V6

MAC = "02:00:00:00:ee:01"
IP4, IP6 = "192.168.100.99", "fd01::99"
VLAN = 10


@pytest.fixture(scope="module", params=(V4, V6), ids=repr)
def underlay(request):
    return request.param


@pytest.fixture(scope="module")
def gateway(underlay):
    """(fabric, vm2, outside): host 1 is the gateway."""
    with wired() as fabric:
        for near, far in ((1, 2), (2, 1)):
            host = fabric.host[near]
            host.add_vxlan(100, f"local {underlay.address(near)} "
                                f"remote {underlay.address(far)} dev eth0")
        vm = fabric.host[2].add_vm(2)
        outside = Netns("outside")
        try:
            add_veth(fabric.host[1].ns, "port0", outside, "eth0", mac=MAC)
            fabric.host[1].ns.ip("link set port0 master br100")
            yield fabric, vm, outside
        finally:
            outside.delete()


def address(ns, dev):
    ns.ip(f"addr add {IP4}/24 dev {dev}", f"addr add {IP6}/64 dev {dev} nodad")


def tagged(frame, vlan=VLAN):
    return frame[:12] + b"\x81\x00" + vlan.to_bytes(2, "big") + frame[12:]


def talk(gateway, underlay, shape_outside, shape_inside):
    """A frame in each direction: bytes outside, on the underlay, at VM2."""
    fabric, vm, outside = gateway
    near, far = fabric.host[1], fabric.host[2]
    fabric.forget()
    query = build.arp_request(MAC, IP4, vm.ip)
    wire = near.capture()
    port, leg = near.capture("port0"), vm.capture()
    send_frames(outside, "eth0", shape_outside(query))
    leg.wait_for(lambda p: p.raw == shape_inside(query) and not p.sent)
    # the host outside also reports its IPv6 groups when it likes
    sent, = wire.outers(sent=True, match=lambda o: o.frame.arp is not None)
    underlay.check(sent, 100, near, far)
    assert sent.inner == shape_inside(query)
    assert far.fdb()[MAC] == [underlay.address(near)]

    answer = build.udp_frame(MAC, vm.mac, vm.ip, IP4, payload=b"answer")
    vm.send(shape_inside(answer))
    port.wait_for(lambda p: p.raw == shape_outside(answer) and p.sent)
    back, = wire.outers(match=lambda o: o.eth.src == far.mac and
                        o.frame.src == vm.mac and o.inner != query and
                        o.frame.ip is not None and
                        o.frame.ip.version == 4)
    underlay.check(back, 100, far, near)
    assert back.inner == shape_inside(answer)
    wait_learned(near, vm, far, underlay)


def test_flow06_untagged(gateway, underlay):
    """The plain port is untagged: the same frames on both sides."""
    _, vm, outside = gateway
    talk(gateway, underlay, bytes, bytes)
    address(outside, "eth0")
    try:
        assert ping(outside, vm.ip, 3) == 3
        assert ping(outside, vm.ipv6, 3) == 3
        assert ping(vm.ns, IP4) == 1
    finally:
        outside.ip("addr flush dev eth0")


@pytest.fixture
def filtering(gateway):
    """The gateway's bridge knows VLAN 10; port0 is a trunk."""
    fabric, _, outside = gateway
    host = fabric.host[1]
    host.ns.ip("link set br100 type bridge vlan_filtering 1")
    host.ns.bridge("vlan del vid 1 dev port0", "vlan del vid 1 dev vx100",
                   f"vlan add vid {VLAN} dev port0")
    outside.ip(f"link add link eth0 eth0.{VLAN} type vlan id {VLAN}",
               f"link set eth0.{VLAN} up")
    address(outside, f"eth0.{VLAN}")
    yield host
    outside.ip(f"link del eth0.{VLAN}")
    host.ns.bridge("vlan add vid 1 dev port0 pvid untagged",
                   f"vlan del vid {VLAN} dev port0",
                   f"vlan del vid {VLAN} dev vx100",
                   "vlan add vid 1 dev vx100 pvid untagged")
    host.ns.ip("link set br100 type bridge vlan_filtering 0")


def test_flow06_tagged(gateway, underlay, filtering):
    """Tagged outside, VLAN 10 is VNI 100: no tag on the underlay."""
    _, vm, outside = gateway
    filtering.ns.bridge(f"vlan add vid {VLAN} dev vx100 pvid untagged")
    talk(gateway, underlay, tagged, bytes)
    assert ping(outside, vm.ip, 3) == 3
    assert ping(outside, vm.ipv6, 3) == 3
    other = tagged(build.arp_request(MAC, IP4, vm.ip), VLAN + 1)
    leg, wire = vm.capture(), filtering.capture()
    send_frames(outside, "eth0", other)
    assert ping(outside, vm.ip) == 1
    assert not leg.packets(lambda p: p.eth.arp and p.eth.vlans)
    assert not wire.outers(match=lambda o: o.inner[12:14] == b"\x81\x00")


def test_flow06_trunk(gateway, underlay, filtering):
    """Tagged on both sides: VM2 gets the tag, and uses it."""
    _, vm, outside = gateway
    filtering.ns.bridge(f"vlan add vid {VLAN} dev vx100")
    talk(gateway, underlay, tagged, tagged)
    vm.ns.ip("addr flush dev eth0",
             f"link add link eth0 eth0.{VLAN} type vlan id {VLAN}",
             f"link set eth0.{VLAN} up", f"addr add {vm.ip4} dev eth0.{VLAN}")
    try:
        assert ping(outside, vm.ip, 3) == 3
    finally:
        vm.ns.ip(f"link del eth0.{VLAN}", f"addr add {vm.ip4} dev eth0",
                 f"addr add {vm.ip6} dev eth0 nodad")
