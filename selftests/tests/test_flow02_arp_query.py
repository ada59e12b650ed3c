# SPDX-License-Identifier: GPL-2.0
"""Flow 2: a broadcast of a VM reaches the VMs of its VNI on all hosts.

    vm1 (vm4)     vm2 (vm5)      vm3        vm1-3: VNI 100, vm4-5: VNI 200
      host1         host2       host3
        `-- 239.119.1.1 --'------'
"""

from lib import build
from lib.topo import wait_learned


def test_flow02_query_goes_to_the_group(fabric, underlay, vms):
    """VM1's query leaves VTEP1 once, to the group; all VMs of VNI 100 get it
    byte for byte, and VTEP2 and VTEP3 learn VM1 behind VTEP1.
    """
    query = build.arp_request(vms[1].mac, vms[1].ip, vms[2].ip)
    wires = {host: host.capture() for host in fabric.hosts}
    seen = {number: vm.capture() for number, vm in vms.items()}

    vms[1].send(query)
    for number in (2, 3):
        seen[number].wait_for(lambda p: p.raw == query and not p.sent)
    fabric.settle()

    sent = wires[fabric.host[1]].outers(sent=True)
    assert len(sent) == 1
    underlay.check(sent[0], 100, fabric.host[1], underlay.group)
    assert sent[0].inner == query
    for number in (2, 3):
        host = fabric.host[number]
        wait_learned(host, vms[1], fabric.host[1], underlay)
        flooded = wires[host].outers(match=lambda o: o.dst == underlay.group)
        assert [o.inner for o in flooded] == [query], f"{host} floods on"
        assert len(seen[number].packets(lambda p: p.raw == query)) == 1
    assert vms[1].mac not in fabric.host[1].fdb()


def test_flow02_query_stays_in_its_vni(fabric, underlay, vms):
    """VMs of VNI 200 see nothing of VNI 100, though both share the group."""
    query = build.arp_request(vms[1].mac, vms[1].ip, vms[2].ip)
    strangers = [vms[4].capture(), vms[5].capture()]
    friend = vms[2].capture()
    vms[1].send(query)
    friend.wait_for(lambda p: p.raw == query)

    other = build.arp_request(vms[4].mac, vms[4].ip, vms[5].ip)
    wire = fabric.host[1].capture()
    vms[4].send(other)      # later on the same way: what it overtook is lost
    strangers[1].wait_for(lambda p: p.raw == other)
    fabric.settle()
    for cap in strangers:
        assert not cap.packets(lambda p: p.eth.src == vms[1].mac)
    assert not friend.packets(lambda p: p.eth.src == vms[4].mac)
    flooded = wire.outers(sent=True, match=lambda o: o.inner == other)
    assert len(flooded) == 1
    underlay.check(flooded[0], 200, fabric.host[1], underlay.group)
    for number in (2, 3):
        host = fabric.host[number]
        assert vms[1].mac not in host.fdb("vx200")
        assert vms[4].mac not in host.fdb("vx100")
