# SPDX-License-Identifier: GPL-2.0
"""Flow 3: the answer to a query goes to one VTEP only."""

from lib import build, wire
from lib.topo import wait_learned


def test_flow03_reply_is_unicast(fabric, underlay, vms):
    """VM2's answer is one packet VTEP2 -> VTEP1; VTEP3 sees nothing of it;
    VTEP1 learns VM2.
    """
    host1, host2, host3 = fabric.hosts
    wires = {host: host.capture() for host in fabric.hosts}
    asker, bystander = vms[1].capture(), vms[3].capture()
    reply = build.ether(vms[1].mac, vms[2].mac, wire.ETH_ARP, build.arp(
        2, vms[2].mac, vms[2].ip, vms[1].mac, vms[1].ip))

    vms[1].send(build.arp_request(vms[1].mac, vms[1].ip, vms[2].ip))
    asker.wait_for(lambda p: p.raw == reply and not p.sent)
    fabric.settle()

    sent = wires[host2].outers(sent=True)
    assert len(sent) == 1
    underlay.check(sent[0], 100, host2, host1)
    assert sent[0].inner == reply
    assert [o.inner for o in wires[host1].outers(sent=False)] == [reply]
    assert len(asker.packets(lambda p: p.raw == reply)) == 1

    at_host3 = wires[host3].outers()
    assert [o.dst for o in at_host3] == [underlay.group], "more than the query"
    assert not bystander.packets(lambda p: p.eth.src == vms[2].mac)
    wait_learned(host1, vms[2], host2, underlay)
    assert vms[2].mac not in host3.fdb()
    assert vms[2].mac not in host2.fdb()
