# SPDX-License-Identifier: GPL-2.0
"""Flow 4: once learned, nothing more goes to the group; after ageing, once."""

from lib import wire
from lib.topo import kind, wait_learned
from lib.wait import eventually


def inner_icmp(kind_of_icmp):
    """Matches encapsulated ICMP packets of a type."""
    def match(outer):
        ip = outer.frame.ip
        return ip and ip.proto == wire.ICMP and ip.payload[0] == kind_of_icmp
    return match


def prime(fabric, underlay, vms):
    """One ping, after which VTEP1 and VTEP2 know both VMs."""
    vms[1].ping(vms[2])
    wait_learned(fabric.host[1], vms[2], fabric.host[2], underlay)
    wait_learned(fabric.host[2], vms[1], fabric.host[1], underlay)


def test_flow04_hundred_pings(fabric, underlay, vms):
    """100 pings are 100 packets each way between two VTEPs, none to the
    group, none to VTEP3.
    """
    host1, host2, host3 = fabric.hosts
    prime(fabric, underlay, vms)
    fabric.settle()
    wires = {host: host.capture() for host in fabric.hosts}
    vms[1].ping(vms[2], 100)
    fabric.settle()

    for cap in wires.values():
        assert not cap.outers(match=lambda o: o.dst == underlay.group)
    assert not wires[host3].outers()
    requests = wires[host1].outers(sent=True, match=inner_icmp(8))
    replies = wires[host2].outers(sent=True, match=inner_icmp(0))
    assert (len(requests), len(replies)) == (100, 100)
    for outer in requests:
        underlay.check(outer, 100, host1, host2)
        assert (outer.frame.src, outer.frame.dst) == (vms[1].mac, vms[2].mac)
        assert outer.frame.ip.ttl == 64 and outer.frame.ip.payload_ok
    for outer in replies:
        underlay.check(outer, 100, host2, host1)
    assert len({o.sport for o in requests}) == 1, "one flow, one source port"


def test_flow04_after_ageing(fabric, underlay, vms):
    """When VM2's entry has aged away, one packet goes to the group."""
    host1, host2, _ = fabric.hosts
    vms[1].know(vms[2])
    vms[2].know(vms[1])
    prime(fabric, underlay, vms)
    set_ageing = f"link set vx100 type {kind()} ageing"
    try:
        host1.ns.ip(f"{set_ageing} 1")
        eventually(lambda: vms[2].mac not in host1.fdb(), 15,
                   what="VM2 aged away at VTEP1")
    finally:
        host1.ns.ip(f"{set_ageing} 300")
    assert host1.fdb()["00:00:00:00:00:00"] == [underlay.group]
    assert vms[1].mac in host2.fdb(), "only VTEP1's ageing was shortened"

    wires = {host: host.capture() for host in fabric.hosts}
    vms[1].ping(vms[2], 5)
    fabric.settle()
    flooded = wires[host1].outers(
        sent=True, match=lambda o: o.dst == underlay.group)
    assert len(flooded) == 1
    underlay.check(flooded[0], 100, host1, underlay.group)
    assert flooded[0].frame.dst == vms[2].mac
    unicast = wires[host1].outers(sent=True, match=inner_icmp(8))[1:]
    assert len(unicast) == 4
    for outer in unicast:
        underlay.check(outer, 100, host1, host2)
    assert len(wires[fabric.host[3]].outers()) == 1
    wait_learned(host1, vms[2], host2, underlay)
