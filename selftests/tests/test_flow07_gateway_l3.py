# SPDX-License-Identifier: GPL-2.0
"""Flow 7: two VXLAN segments meet in a gateway that routes and filters.

    VXLAN-A 192.168.1.0/24          VXLAN-B 192.168.2.0/24
      vma .10 ------- .1 gateway .1 ------- .20 vmb
                          | 203.0.113.1
                      outside 203.0.113.9

(a) all on host1, (b) gateway beside vma on host1 and vmb on host2,
(c) vma on host1, vmb on host2, and host3 itself routes between its VXLAN
devices, which are no bridge ports there.
"""

import errno
import shutil
from dataclasses import dataclass

import pytest

from lib import topo, wire
from lib.capture import Capture
from lib.inject import connect, listener
from lib.netns import Netns, delete_all
from lib.underlay import V4

A, B = 100, 200
GROUPS = {A: V4.group, B: V4.other_group}
OUTSIDE = "203.0.113.9"
RULES = """
table inet gateway {
    chain forward {
        type filter hook forward priority 0; policy drop;
        meta l4proto icmp accept
        tcp dport 8080 accept
        tcp sport 8080 accept
        tcp dport 8081 reject with icmpx type admin-prohibited
    }
}
"""


@dataclass
class Site:
    """The network of one case. hosts: of vma, the gateway and vmb."""
    fabric: topo.Fabric
    vma: topo.VM
    vmb: topo.VM
    gateway: Netns
    dev: dict           # VNI: interface of the gateway
    mac: dict           # VNI: its address
    outside: Netns
    hosts: tuple

    def legs(self, back=False):
        """The underlay hops (VNI, from, to) of a packet vma -> vmb."""
        on_a, on_gw, on_b = self.hosts
        hops = [(A, on_a, on_gw), (B, on_gw, on_b)]
        if back:
            hops = [(vni, to, start) for vni, start, to in reversed(hops)]
        return [hop for hop in hops if hop[1] is not hop[2]]


def vm_gateway(host):
    """A gateway in a VM on the bridges of a host."""
    vm = topo.VM(host, 1)
    legs = {A: vm.add_leg(A, "192.168.1.1/24"),
            B: vm.add_leg(B, "192.168.2.1/24")}
    return vm.ns, legs, dict(zip(legs, vm.macs))


def host_gateway(host):
    """The host as gateway: addresses on the VXLAN devices themselves."""
    for net, vni in enumerate((A, B), 1):
        host.add_vxlan(vni, V4.options(host, GROUPS[vni]), bridge=False)
        host.ns.ip(f"addr add 192.168.{net}.1/24 dev vx{vni}")
    dev = {A: f"vx{A}", B: f"vx{B}"}
    return host.ns, dev, {v: host.ns.rtnl.link(dev[v])["mac"] for v in dev}


def add_outside(gateway):
    """A plain host behind the gateway's uplink."""
    outside = Netns("outside")
    gateway.ip(f"link add uplink type veth peer name eth0 netns {outside.name}",
               "link set uplink up", "addr add 203.0.113.1/24 dev uplink")
    outside.ip("link set eth0 up", f"addr add {OUTSIDE}/24 dev eth0",
               "route add 192.168.0.0/16 via 203.0.113.1")
    return outside


def build_site(fabric, on_a, on_gw, on_b):
    hosts = [fabric.host[n] for n in (on_a, on_gw, on_b)]
    for host in {hosts[0], hosts[2]}:
        for vni, group in GROUPS.items():
            host.add_vxlan(vni, V4.options(host, group))
    vma = hosts[0].add_vm(10, A, "192.168.1.10/24")
    vmb = hosts[2].add_vm(20, B, "192.168.2.20/24")
    for net, vm in enumerate((vma, vmb), 1):
        vm.ns.ip(f"route add default via 192.168.{net}.1")
    make = vm_gateway if hosts[1] in (hosts[0], hosts[2]) else host_gateway
    gateway, dev, mac = make(hosts[1])
    gateway.sysctl("ipv4/ip_forward", 1)
    fabric.settle()
    return Site(fabric, vma, vmb, gateway, dev, mac, add_outside(gateway),
                tuple(hosts))


@pytest.fixture(scope="module", params=[(1, 1, 1), (1, 1, 2), (1, 3, 2)],
                ids=["a-one-host", "b-gateway-with-vma", "c-three-hosts"])
def site(request):
    with topo.Fabric(hosts=3) as fabric:
        made = build_site(fabric, *request.param)
        try:
            yield made
        finally:
            delete_all([made.outside])


def inner_ip(outer):
    return outer.frame.ip is not None


def check_leg(site, wires, leg, kind, count):
    """One hop on the underlay: count echo packets with the right bytes."""
    vni, start, end = leg
    request = kind == 8
    towards_gw = (vni == A) == request
    vm = site.vma if vni == A else site.vmb
    macs = [vm.mac, site.mac[vni]] if towards_gw else [site.mac[vni], vm.mac]
    found = wires[start].outers(sent=True, match=lambda o: (
        o.vni == vni and inner_ip(o) and o.frame.ip.payload[0] == kind))
    assert len(found) == count
    for outer in found:
        V4.check(outer, vni, start, end)
        inner = outer.frame
        assert [inner.src, inner.dst] == macs
        assert inner.ip.ttl == (64 if towards_gw else 63)
        assert inner.ip.header_ok and inner.ip.payload_ok
        addresses = [site.vma.ip, site.vmb.ip]
        assert [inner.ip.src, inner.ip.dst] == (
            addresses if request else addresses[::-1])


def test_flow07_routed(site):
    """Pings between the segments cross the underlay where the hosts differ,
    with the VNI of that side and a TTL lowered by the gateway.
    """
    site.vma.ping(site.vmb)
    site.fabric.settle()
    wires = {host: host.capture() for host in site.fabric.hosts}
    arrived = site.vmb.capture()
    site.vma.ping(site.vmb, 5)
    site.fabric.settle()

    for leg in site.legs():
        check_leg(site, wires, leg, 8, 5)
    for leg in site.legs(back=True):
        check_leg(site, wires, leg, 0, 5)
    sent = [o for cap in wires.values()
            for o in cap.outers(sent=True, match=inner_ip)]
    assert len(sent) == 10 * len(site.legs())
    ttls = {p.eth.ip.ttl for p in arrived.packets(sent=False)
            if p.eth.ip and p.eth.ip.proto == wire.ICMP}
    assert ttls == {63}, "the gateway routes, it does not bridge"


def test_flow07_uplink(site):
    """A VM reaches a host beyond the gateway's plain uplink, where packets
    have no trace of VXLAN.
    """
    beyond = Capture(site.outside, "eth0")
    wires = {host: host.capture() for host in site.fabric.hosts}
    site.vma.ping(OUTSIDE, 3)
    site.fabric.settle()
    echos = [p.eth for p in beyond.packets(sent=False)
             if p.eth.ip and p.eth.ip.proto == wire.ICMP]
    assert len(echos) == 3
    for eth in echos:
        assert (eth.ip.src, eth.ip.dst) == (site.vma.ip, OUTSIDE)
        assert eth.ip.ttl == 63
        assert len(eth.raw) == 14 + 20 + 8 + 56
    vnis = {o.vni for cap in wires.values()
            for o in cap.outers(match=inner_ip)}
    assert vnis == {leg[0] for leg in site.legs() if leg[0] == A}


def syns(cap, port):
    """Encapsulated segments to a TCP port that left here."""
    return cap.outers(sent=True, match=lambda o: (
        inner_ip(o) and o.frame.ip.proto == wire.TCP
        and o.frame.ip.payload[2:4] == port.to_bytes(2, "big")))


@pytest.mark.skipif(not shutil.which("nft"), reason="no nft(8) here")
def test_flow07_firewall(site):
    """The gateway's firewall lets port 8080 pass and refuses port 8081."""
    address = site.vmb.ip
    with listener(site.vmb.ns, address, 8080), \
            listener(site.vmb.ns, address, 8081):
        connect(site.vma.ns, address, 8081).close()     # without the rules
        site.gateway.run("nft -f -", stdin=RULES)
        try:
            wires = {host: host.capture() for host in site.fabric.hosts}
            arrived = site.vmb.capture()
            connect(site.vma.ns, address, 8080).close()
            with pytest.raises(OSError) as refused:
                connect(site.vma.ns, address, 8081)
            site.fabric.settle()
        finally:
            site.gateway.run("nft delete table inet gateway")
    assert refused.value.errno == errno.EHOSTUNREACH
    for vni, start, _ in site.legs():
        assert len(syns(wires[start], 8081)) == (1 if vni == A else 0)
        passed = syns(wires[start], 8080)
        assert passed and all(o.frame.ip.payload_ok for o in passed)
    new = arrived.packets(lambda p: p.eth.ip and p.eth.ip.proto == wire.TCP,
                          sent=False)
    ports = {int.from_bytes(p.eth.ip.payload[2:4], "big") for p in new}
    assert ports == {8080}
