# SPDX-License-Identifier: GPL-2.0
"""Flow 9: no group, but a remote VTEP, or a list of them.

    VM1 -- VTEP1      VTEP2 -- VM2      VTEP3 -- VM3      VTEP4 -- VM4
"""

import pytest

from lib import build, inject
from lib.fdb import GROUP_MAC, ZERO, Fdb
from lib.topo import Fabric, kind, wait_learned
from lib.underlay import V4, V6
from lib.wait import eventually

UNKNOWN = "02:00:00:ee:ee:01"


@pytest.fixture(scope="module", params=[V4, V6], ids=repr)
def underlay(request):
    return request.param


@pytest.fixture(scope="module")
def four(underlay):
    """Four hosts whose vx100 floods to the three others; VMs 1 to 4."""
    with Fabric(hosts=4) as fabric:
        for host in fabric.hosts:
            host.add_vxlan(100, f"local {underlay.address(host)} dev eth0")
            host.ns.bridge(*[
                f"fdb append {ZERO} dev vx100 dst {underlay.address(other)}"
                for other in fabric.hosts if other is not host])
        for number, host in fabric.host.items():
            host.add_vm(number)
        for vm in fabric.vms:
            vm.wait_ready()
        fabric.settle()
        yield fabric


@pytest.fixture
def vms(four):
    """{number: VM}, when nobody has learned anything yet."""
    four.forget()
    return dict(enumerate(four.vms, 1))


def copies(cap, underlay, host, inner):
    """Sorted destinations of the packets with that inner frame, checked."""
    found = cap.outers(sent=True, match=lambda o: o.inner == inner)
    for outer in found:
        peer = next(h for h in host.fabric.hosts
                    if underlay.address(h) == outer.dst)
        underlay.check(outer, 100, host, peer)
    return sorted(outer.dst for outer in found)


def to_all(underlay, fabric, but=1):
    return [underlay.address(host) for number, host in fabric.host.items()
            if number != but]


def delivered(vm_captures, inner):
    """{VM: copies of the frame that it got}."""
    return {vm: len(cap.packets(lambda p: p.raw == inner, sent=False))
            for vm, cap in vm_captures.items()}


def test_flow09_remote(underlay):
    """Two VTEPs that name each other with `remote`: the ARP query is one
    unicast packet, and VM1 and VM2 talk.
    """
    with Fabric(hosts=2) as fabric:
        host1, host2 = fabric.hosts
        for host, peer in ((host1, host2), (host2, host1)):
            host.add_vxlan(100, f"remote {underlay.address(peer)} "
                                f"local {underlay.address(host)} dev eth0")
            assert host.fdb()[ZERO] == [underlay.address(peer)]
        vm1, vm2 = host1.add_vm(1), host2.add_vm(2)
        for vm in (vm1, vm2):
            vm.wait_ready()
        fabric.settle()
        assert not set(underlay.members(host1.ns)) & {underlay.group}

        with host1.capture() as cap:
            vm1.ping(vm2, 3)
            fabric.settle()
            outers = cap.outers(sent=True)
            answers = cap.outers(sent=False)
        for outer in outers:
            underlay.check(outer, 100, host1, host2)
        for outer in answers:
            underlay.check(outer, 100, host2, host1)
        queries = [o for o in outers if o.frame.dst == build.BROADCAST]
        assert [query.frame.src for query in queries] == [vm1.mac]
        assert len([o for o in outers if o.frame.ip
                    and o.frame.dst == vm2.mac]) == 3
        wait_learned(host1, vm2, host2, underlay)
        wait_learned(host2, vm1, host1, underlay)
        vm1.ping(vm2.ipv6, 2)


def bum_frame(vm, dst):
    """A frame of a VM that must be flooded."""
    return build.udp_frame(dst, vm.mac, vm.ip, "192.168.100.255")


@pytest.mark.parametrize("dst", [build.BROADCAST, GROUP_MAC, UNKNOWN],
                         ids=["broadcast", "multicast", "unknown"])
def test_flow09_flood_once_to_each(four, vms, underlay, dst):
    """A BUM frame goes once to each of the three VTEPs, bit-identical, and
    once to each VM; nobody sends it on.
    """
    host1 = four.host[1]
    wires = {host: host.capture() for host in four.hosts}
    inside = {vm: vm.capture() for vm in vms.values()}
    frame = bum_frame(vms[1], dst)
    vms[1].send(frame)
    four.settle()
    assert copies(wires[host1], underlay, host1, frame) == to_all(underlay,
                                                                  four)
    assert len({o.sport for o in wires[host1].outers(sent=True)}) == 1, \
        "one flow, one source port"
    for number in (2, 3, 4):
        host = four.host[number]
        assert not wires[host].outers(sent=True), "sent on"
        assert len(wires[host].outers(sent=False)) == 1
        eventually(lambda h=host: h.fdb().get(vms[1].mac)
                   == [underlay.address(1)])
    eventually(lambda: delivered(inside, frame) == {
        vms[1]: 0, vms[2]: 1, vms[3]: 1, vms[4]: 1},
        what=f"delivered: {delivered(inside, frame)}")


def test_flow09_known_unicast_to_one(four, vms, underlay):
    """Once VM2 is known, frames to it go to VTEP2 alone."""
    host1, host2 = four.host[1], four.host[2]
    vms[1].ping(vms[2])
    wait_learned(host1, vms[2], host2, underlay)
    four.settle()
    wires = {host: host.capture() for host in four.hosts}
    vms[1].ping(vms[2], 10)
    four.settle()
    requests = wires[host1].outers(sent=True)
    assert len(requests) == 10
    for outer in requests:
        underlay.check(outer, 100, host1, host2)
        assert outer.frame.dst == vms[2].mac
    for outer in wires[host2].outers(sent=True):
        underlay.check(outer, 100, host2, host1)
    for number in (3, 4):
        assert not wires[four.host[number]].outers()


def test_flow09_all_pairs(four, vms):
    """Every VM reaches every other one, over IPv4 and IPv6."""
    for vm in vms.values():
        for other in vms.values():
            if vm is not other:
                vm.ping(other)
                vm.ping(other.ipv6)


def test_flow09_list_changes(four, vms, underlay):
    """The next frame goes to those that are in the list then: a remote
    twice is a remote once, one taken out gets nothing.
    """
    host1 = four.host[1]
    table = Fdb(host1.ns, "vx100")
    out, kept = underlay.address(3), [underlay.address(n) for n in (2, 4)]
    frame = bum_frame(vms[1], build.BROADCAST)

    def flooded():
        with host1.capture() as cap:
            vms[1].send(frame)
            four.settle()
            return copies(cap, underlay, host1, frame)

    table.append(ZERO, out)
    assert flooded() == to_all(underlay, four)
    table.delete(ZERO, out)
    assert flooded() == kept
    table.append(ZERO, out)
    assert flooded() == sorted(kept + [out])
    table.delete(ZERO)
    assert flooded() == []
    for dst in to_all(underlay, four):
        table.append(ZERO, dst)
    assert flooded() == to_all(underlay, four)


def test_flow09_multicast_entry(four, vms, underlay):
    """An entry for one multicast MAC: its frames go to its remotes only."""
    host1 = four.host[1]
    table = Fdb(host1.ns, "vx100")
    for number in (4, 2):
        table.append(GROUP_MAC, underlay.address(number))
    try:
        with host1.capture() as cap:
            for dst in (GROUP_MAC, build.BROADCAST):
                vms[1].send(bum_frame(vms[1], dst))
            four.settle()
            assert copies(cap, underlay, host1, bum_frame(
                vms[1], GROUP_MAC)) == [underlay.address(2),
                                        underlay.address(4)]
            assert copies(cap, underlay, host1, bum_frame(
                vms[1], build.BROADCAST)) == to_all(underlay, four)
    finally:
        table.delete(GROUP_MAC)


def test_flow09_remote_and_list(underlay):
    """`remote` is the first of the list; another `remote` takes its place.
    """
    with Fabric(hosts=4) as fabric:
        host1 = fabric.host[1]
        address = underlay.address
        host1.add_vxlan(100, f"remote {address(2)} local {address(1)}",
                        bridge=False)
        table = Fdb(host1.ns, "vx100")
        table.append(ZERO, address(3))
        frame = build.udp_frame(build.BROADCAST, "02:00:00:01:01:01",
                                "192.0.2.1", "192.0.2.255")

        def flooded():
            with host1.capture() as cap:
                inject.send_frames(host1.ns, "vx100", frame)
                fabric.settle()
                return copies(cap, underlay, host1, frame)

        assert flooded() == [address(2), address(3)]
        host1.ns.ip(f"link set vx100 type {kind()} remote {address(4)}")
        assert flooded() == [address(3), address(4)]
