# SPDX-License-Identifier: GPL-2.0
"""Flow 5: VMs of one host talk through its bridge, others through VXLAN.

    vm1  vm6      vm2
      host1      host2
"""

import pytest

from lib import topo, wire


def inner_ip(outer):
    return outer.frame.ip is not None


@pytest.fixture(scope="module")
def neighbours(fabric, underlay):
    return topo.segment(fabric, underlay, 100, {1: 1, 6: 1, 2: 2})


def test_flow05_same_host(fabric, underlay, neighbours):
    """Two VMs on one host: after the broadcast query nothing at all is on
    the underlay.
    """
    vm1, vm6 = neighbours[1], neighbours[6]
    wires = [host.capture() for host in fabric.hosts]
    vm1.ping(vm6)
    fabric.settle()
    query = wires[0].outers(sent=True)
    assert [(o.dst, o.frame.type) for o in query] == [
        (underlay.group, wire.ETH_ARP)], "only the query is flooded"
    assert not wires[0].outers(sent=False)

    for cap in wires:
        cap.clear()
    vm1.ping(vm6, 20)
    vm6.ping(vm1, 20)
    fabric.settle()
    for cap in wires:
        assert not cap.outers()
    assert not {vm1.mac, vm6.mac} & set(fabric.host[1].fdb())


def test_flow05_two_hosts(fabric, underlay, neighbours):
    """Two VMs on two hosts: each packet is encapsulated, and once."""
    host1, host2, _ = fabric.hosts
    vm1, vm2 = neighbours[1], neighbours[2]
    vm1.ping(vm2)
    wires = {host: host.capture() for host in fabric.hosts}
    vm1.ping(vm2, 20)
    fabric.settle()
    requests = wires[host1].outers(sent=True, match=inner_ip)
    replies = wires[host2].outers(sent=True, match=inner_ip)
    assert (len(requests), len(replies)) == (20, 20)
    for request, reply in zip(requests, replies):
        underlay.check(request, 100, host1, host2)
        underlay.check(reply, 100, host2, host1)
    assert not wires[fabric.host[3]].outers(match=inner_ip)
