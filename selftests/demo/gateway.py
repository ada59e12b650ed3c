# SPDX-License-Identifier: GPL-2.0
"""Flow 7: two segments, and a host that routes between them with a firewall."""

from lib import capture, topo, wire
from lib.capture import Capture
from lib.inject import connect, listener
from lib.netns import delete_all
from segment import icmp, sent
from test_flow07_gateway_l3 import A, B, OUTSIDE, RULES, build_site

FILE = "flow-7"
PICTURE = """
    VM10 192.168.1.10                             VM20 192.168.2.20
       |                                             |
     br100                                         br200
     vx100              vx100    vx200             vx200
    +-------+          +---------------+          +-------+
    | host1 |          | host3 routes  +---+      | host2 |
    +---+---+          +-------+-------+   |      +---+---+
        |                      |           |          |
    ----+----------------------+---------- | ---------+----   the underlay
                                           |
                       203.0.113.0/24 -----+------ 203.0.113.9, no VXLAN here
"""


def play(story):
    with topo.Fabric(hosts=3) as fabric:
        site = build_site(fabric, 1, 3, 2)
        try:
            Gateway(story, site).play()
            capture.close_all()
        finally:
            delete_all([site.outside])


def tcp_to(port):
    """Matches an encapsulated TCP segment to this port."""
    def match(packet):
        ip = packet.outer and packet.outer.frame and packet.outer.frame.ip
        return bool(ip and ip.proto == wire.TCP
                    and int.from_bytes(ip.payload[2:4], "big") == port)
    return match


def path(found, match):
    """[(host that sent it, VNI, TTL in it)] in the order of time."""
    packets = sorted(sent(found, match), key=lambda pair: pair[1].time)
    return [(n, p.outer.vni, p.outer.frame.ip.ttl) for n, p in packets]


class Gateway:
    def __init__(self, story, site):
        self.story, self.site = story, site
        self.wires = {host: host.capture() for host in site.fabric.hosts}

    def found(self, comment):
        self.site.fabric.settle()
        return self.story.keep(self.wires, FILE, comment)

    def play(self):
        self.begin()
        self.routed()
        self.uplink()
        self.firewall()

    def begin(self):
        story = self.story
        story.title("Flow 7", "a gateway, layer 3")
        story.picture(PICTURE)
        story.tell("""Two segments with an IP network each: VNI 100 is
            192.168.1.0/24 and VNI 200 is 192.168.2.0/24. host3 has an address in
            both, on its VXLAN devices themselves, and routes:""")
        story.command("host3", "addr add 192.168")
        self.found("the VMs start")

    def routed(self):
        story, site = self.story, self.site
        site.vma.ping(site.vmb)
        found = self.found("the first ping, with its ARP queries")
        site.vma.ping(site.vmb)
        found = self.found("VM10 pings VM20 through the gateway")
        story.tell("""VM10 pings VM20. The request crosses the underlay twice: to
            the gateway in VNI 100, from it in VNI 200, with a TTL that is one
            less; the reply comes back the same way:""")
        story.show(found, lambda p: icmp(8)(p) or icmp(0)(p), 4)
        story.expect("the request: host1 in VNI 100 with TTL 64, then host3 in "
                     "VNI 200 with TTL 63",
                     path(found, icmp(8)) == [(1, A, 64), (3, B, 63)])
        story.expect("the reply: host2 in VNI 200 with TTL 64, then host3 in "
                     "VNI 100 with TTL 63",
                     path(found, icmp(0)) == [(2, B, 64), (3, A, 63)])
        print()
        vms = (site.vma, site.vmb)
        story.fdb(site.fabric.host[3], site.dev[A], vms)
        story.fdb(site.fabric.host[3], site.dev[B], vms)

    def uplink(self):
        story, site = self.story, self.site
        beyond = Capture(site.outside, "eth0")
        site.vma.ping(OUTSIDE)
        found = self.found(f"VM10 pings {OUTSIDE} beyond the uplink")
        story.tell(f"""VM10 pings {OUTSIDE}, which is beyond the gateway's uplink
            and knows nothing of VXLAN:""")
        story.show(found, icmp(8), 2)
        echos = [p for p in beyond.packets(sent=False)
                 if p.eth.ip and p.eth.ip.proto == wire.ICMP]
        story.expect("VXLAN from host1 to the gateway only",
                     path(found, icmp(8)) == [(1, A, 64)])
        story.expect("at its end it is a plain packet from 192.168.1.10",
                     [(p.eth.ip.src, p.outer) for p in echos]
                     == [(site.vma.ip, None)])
        beyond.close()

    def firewall(self):
        story, site = self.story, self.site
        address = site.vmb.ip
        print()
        story.tell("""Now host3 gets firewall rules (nftables): TCP to port 8080
            may pass, TCP to port 8081 is refused. VM10 tries both at VM20:""")
        site.gateway.run("nft -f -", stdin=RULES)
        with listener(site.vmb.ns, address, 8080), \
                listener(site.vmb.ns, address, 8081):
            allowed = self.try_port(8080)
            refused = self.try_port(8081)
        found = self.found("TCP to ports 8080 and 8081 through a firewall")
        story.show(found, tcp_to(8080), 2)
        story.show(found, tcp_to(8081), 2)
        story.expect("port 8080 is connected",
                     allowed == "connected" and (3, B) in {
                         hop[:2] for hop in path(found, tcp_to(8080))})
        story.expect("port 8081 is refused by host3: its SYN never appears in "
                     "VNI 200", refused != "connected" and [
                         hop[:2] for hop in path(found, tcp_to(8081))]
                     == [(1, A)])

    def try_port(self, port):
        try:
            connect(self.site.vma.ns, self.site.vmb.ip, port).close()
        except OSError as error:
            return str(error)
        return "connected"
