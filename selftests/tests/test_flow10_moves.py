# SPDX-License-Identifier: GPL-2.0
"""Flow 10: a VM moves to a VTEP behind another next hop, and traffic follows
at its first frame; and many flows to one VTEP use both of two equal routes.

                  .--- eth0 --- routerA ---.
    VM1 -- VTEP1 <                          >--- VTEP2, VTEP3 -- VM2
                  '--- eth1 --- routerB ---'
"""

import pytest

from lib import build, capture, ethtool, inject
from lib import fdb as f
from lib.fdb import ZERO, Fdb
from lib.netns import Netns, delete_all
from lib.topo import Host
from lib.underlay import V4, V6
from lib.wait import eventually

#: Router -> uplink of host 1.
UPLINK = {"A": "eth0", "B": "eth1"}
ROUTER_MAC = {"A": "02:00:00:0a:00:01", "B": "02:00:00:0b:00:01"}
#: Which router the VTEPs 2 and 3 are behind, unless a test says otherwise.
BEHIND = {2: "A", 3: "B"}
SENDER = "02:00:00:01:01:01"
MOVER = "02:00:00:77:77:01"


class Routed:
    """Three VTEPs with the routers A and B between 1 and the others.

    Networks: 1 between host 1 and A, 3 between host 1 and B, 2 beyond the
    routers, 9 the VTEP address of host 1.
    """

    def __init__(self, underlay):
        self.v6 = underlay.version == 6
        self.vms = []
        self.router = {name: Netns(f"router{name}") for name in "AB"}
        self.far = Netns("far")
        self.host = {n: Host(self, n) for n in (1, 2, 3)}
        try:
            self.wire()
            self.address_all()
            self.route_all()
            self.add_devices()
        except BaseException:
            self.delete()
            raise

    def at(self, net, number):
        return f"fd0{net}::{number:x}" if self.v6 else f"10.{net}.0.{number}"

    def vtep(self, number):
        """Address of a VTEP."""
        return self.at(9 if number == 1 else 2, number)

    def wire(self):
        host1 = self.host[1].ns
        for name, router in self.router.items():
            router.ip(f"link add eth0 mtu 1600 address {ROUTER_MAC[name]} type "
                      f"veth peer name {UPLINK[name]} mtu 1600 netns "
                      f"{host1.name}", "link set eth0 up")
            host1.ip(f"link set {UPLINK[name]} up")
            ethtool.offload(host1, UPLINK[name])
            self.join_far(router, f"r{name}", "eth1")
        for number in (2, 3):
            self.join_far(self.host[number].ns, f"h{number}", "eth0")

    def join_far(self, ns, port, dev):
        """One more port of the bridge beyond the routers."""
        if port == "rA":
            self.far.ip("link add br0 type bridge stp_state 0 forward_delay 0 "
                        "mcast_snooping 0", "link set br0 up")
        self.far.ip(f"link add {port} mtu 1600 type veth peer name {dev} mtu "
                    f"1600 netns {ns.name}", f"link set {port} master br0 up")
        ns.ip(f"link set {dev} up")

    def address_all(self):
        length, flags = ("64", "nodad") if self.v6 else ("24", "")

        def address(net, number, dev):
            line = f"addr add {self.at(net, number)}/{length} dev {dev} {flags}"
            # without a link-local address no neighbour is ever probed
            local = f"addr add fe80::{net}:{number:x}/64 dev {dev} nodad"
            return [line, local] if self.v6 else [line]

        for net, (name, number) in zip((1, 3), (("A", 252), ("B", 253))):
            self.router[name].ip(*address(net, 254, "eth0"),
                                 *address(2, number, "eth1"))
            self.host[1].ns.ip(*address(net, 1, UPLINK[name]))
            family = "ipv6/conf/all/forwarding" if self.v6 else \
                "ipv4/ip_forward"
            self.router[name].sysctl(family, 1)
        self.host[1].ns.ip(f"addr add {self.vtep(1)}/"
                           f"{128 if self.v6 else 32} dev lo")
        for number in (2, 3):
            self.host[number].ns.ip(*address(2, number, "eth0"))

    def hop(self, name):
        """`ip route` words: the next hop of host 1 to that router."""
        net = {"A": 1, "B": 3}[name]
        return f"via {self.at(net, 254)} dev {UPLINK[name]}"

    def route(self, number, names):
        """Host 1 reaches a VTEP through these routers."""
        hops = self.hop(names) if len(names) == 1 else " ".join(
            f"nexthop {self.hop(name)}" for name in names)
        # IPv6 joins a single new hop to the old ones: begin anew
        host1 = self.host[1].ns
        host1.run(f"ip route del {self.vtep(number)}", check=False)
        host1.ip(f"route add {self.vtep(number)} {hops}")

    def route_all(self):
        for number, name in BEHIND.items():
            self.route(number, name)
            gateway = self.at(2, {"A": 252, "B": 253}[name])
            self.host[number].ns.ip(f"route add {self.vtep(1)} via {gateway}")
        for name in self.router:
            net = {"A": 1, "B": 3}[name]
            self.router[name].ip(f"route add {self.vtep(1)} via "
                                 f"{self.at(net, 1)} dev eth0")
            answered = inject.ping(self.host[1].ns, self.at(net, 254))
            assert answered == 1, f"router {name} does not answer"

    def add_devices(self):
        """vx100 everywhere, with the others in its flood list."""
        for number, host in self.host.items():
            host.add_vxlan(100, f"local {self.vtep(number)}")
            host.ns.bridge(*[f"fdb append {ZERO} dev vx100 dst "
                             f"{self.vtep(other)}"
                             for other in self.host if other != number])

    def delete(self):
        delete_all([vm.ns for vm in self.vms] + [self.far]
                   + [host.ns for host in self.host.values()]
                   + list(self.router.values()))


@pytest.fixture(scope="module", params=[V4, V6], ids=repr)
def net(request):
    made = Routed(request.param)
    yield made
    capture.close_all()
    made.delete()


@pytest.fixture
def table(net):
    """FDB of VTEP1 without unicast entries, before and after."""
    found = Fdb(net.host[1].ns, "vx100")

    def empty():
        for mac in set(found.macs()) - {ZERO}:
            found.delete(mac)

    empty()
    yield found
    empty()


@pytest.fixture
def uplinks(net):
    """{router: Capture at host 1's end}."""
    return {name: net.host[1].capture(dev) for name, dev in UPLINK.items()}


def behind(net, table, mac, number):
    """Wait until VTEP1 has the MAC behind that VTEP, once."""
    eventually(lambda: table.dsts(mac) == [net.vtep(number)],
               what=f"{mac} behind VTEP{number}: {table.dsts(mac)}")


def sent_to(uplinks, mac):
    """{router: packets sent that way with that inner destination}."""
    return {name: cap.outers(sent=True, match=lambda o: o.frame.dst == mac)
            for name, cap in uplinks.items()}


def check_way(net, uplinks, mac, number, count):
    """VTEP1 has sent so many frames for a MAC, all by the route to that VTEP.
    """
    way = BEHIND[number]
    eventually(lambda: len(sent_to(uplinks, mac)[way]) >= count)
    sent = sent_to(uplinks, mac)
    assert {name: len(found) for name, found in sent.items()} == {
        name: count if name == way else 0 for name in UPLINK}
    for outer in sent[way]:
        outer.check()
        assert (outer.src, outer.dst) == (net.vtep(1), net.vtep(number))
        assert outer.eth.dst == ROUTER_MAC[way], "gateway of another VTEP"
        assert outer.vni == 100
    for cap in uplinks.values():
        cap.clear()


def test_flow10_vm_moves(net, table, uplinks):
    """VM2 leaves VTEP2 for VTEP3 and comes back; VM1's pings reach it by the
    route of the VTEP where it is, without one loss after its first frame.
    """
    if not net.vms:
        net.host[1].add_vm(1)
        net.host[2].add_vm(2)
    vm1, vm2 = net.vms
    vm1.know(vm2)
    vm2.know(vm1)
    vm2.send(build.arp_request(vm2.mac, vm2.ip, vm2.ip))
    behind(net, table, vm2.mac, 2)
    for here, there in ((2, 3), (3, 2)):
        for cap in uplinks.values():
            cap.clear()
        vm1.ping(vm2, 5)
        check_way(net, uplinks, vm2.mac, here, 5)

        port = "tap2.0"
        net.host[here].ns.ip(f"link set {port} netns "
                             f"{net.host[there].ns.name}")
        net.host[there].ns.ip(f"link set {port} master br100 up")
        vm2.send(build.arp_request(vm2.mac, vm2.ip, vm2.ip))
        behind(net, table, vm2.mac, there)
        for cap in uplinks.values():
            cap.clear()
        vm1.ping(vm2, 5)
        check_way(net, uplinks, vm2.mac, there, 5)


def test_flow10_next_frame(net, table, uplinks):
    """One frame from the new place, and the next frame goes there: each of
    20 moves, at once.
    """
    host1 = net.host[1]
    hello = build.udp_frame(build.BROADCAST, MOVER, "192.0.2.7", "192.0.2.255")
    answer = build.udp_frame(MOVER, SENDER, "192.0.2.1", "192.0.2.7")
    with capture.Capture(host1.ns, "vx100") as inside, \
            inject.Injector(host1.ns, "vx100") as out:
        for number in (2, 3) * 10:
            inside.clear()
            inject.send_frames(net.host[number].ns, "vx100", hello)
            inside.wait_for(lambda p: p.raw == hello and not p.sent)
            out.send(answer)
            check_way(net, uplinks, MOVER, number, 1)
    assert table.dsts(MOVER) == [net.vtep(3)]


def send_flows(net, macs, rounds=3):
    """Each MAC and its UDP source port is a flow; some frames of each."""
    with inject.Injector(net.host[1].ns, "vx100") as out:
        for _ in range(rounds):
            out.send(*[build.udp_frame(
                mac, SENDER, "192.0.2.1", "192.0.2.7", sport=1000 + number)
                for number, mac in enumerate(macs)])


def flows(uplinks, count):
    """{inner frame: {(router, outer source port)}} of what was sent."""
    def sent():
        return {name: cap.outers(sent=True, match=lambda o: o.frame
                                 and o.frame.src == SENDER)
                for name, cap in uplinks.items()}

    eventually(lambda: sum(map(len, sent().values())) >= count, 10)
    found = {}
    for name, outers in sent().items():
        for outer in outers:
            assert outer.eth.dst == ROUTER_MAC[name]
            found.setdefault(outer.inner, set()).add((name, outer.sport))
    for cap in uplinks.values():
        cap.clear()
    return found


def shares(found):
    """{router: flows}; fails when a flow used two ways or source ports."""
    assert all(len(ways) == 1 for ways in found.values()), "a flow is split"
    names = [next(iter(ways))[0] for ways in found.values()]
    return {name: names.count(name) for name in UPLINK}


@pytest.fixture
def multipath(net):
    """VTEP2 behind both routers, hashed by ports; as before afterwards."""
    key = f"ipv{6 if net.v6 else 4}/fib_multipath_hash_policy"
    net.host[1].ns.sysctl(key, 1)
    net.route(2, "AB")
    yield
    net.route(2, BEHIND[2])


@pytest.mark.parametrize("macs", [256, 1], ids=["256-macs", "one-mac"])
def test_flow10_ecmp(net, table, uplinks, multipath, macs):
    """256 flows to MACs behind one VTEP (or to one MAC) use both uplinks,
    each flow one of them.
    """
    known = [f.mac(number) for number in range(macs)]
    table.add_many([(mac, net.vtep(2)) for mac in known])
    send_flows(net, known * (256 // macs))
    found = flows(uplinks, 3 * 256)
    assert len(found) == 256
    share = shares(found)
    assert min(share.values()) >= 64, f"no even spread: {share}"
    ports = {port for ways in found.values() for _, port in ways}
    assert len(ports) > 200, "source ports tell the flows apart"


def test_flow10_ecmp_comes_and_goes(net, table, uplinks, multipath):
    """The route loses a next hop and gets it back: the next frames know."""
    table.add(f.mac(1), net.vtep(2))
    flow_list = [f.mac(1)] * 64
    for names in ("AB", "A", "B", "AB", "B"):
        net.route(2, names)
        send_flows(net, flow_list, 2)
        share = shares(flows(uplinks, 2 * 64))
        assert {name for name in share if share[name]} == set(names), share
