# SPDX-License-Identifier: GPL-2.0
"""Flows 1 to 4: one segment over three hosts, and a second beside it."""

import time

from lib import capture, topo, wire
from lib.topo import wait_learned
from lib.underlay import V4
from lib.wait import eventually

FILE = "flows-1-4"
PICTURE = """
     VM1   VM4      VM2   VM5      VM3        VM1 is 192.168.100.1, and so on
      |     |        |     |        |
    br100 br200    br100 br200    br100       a Linux bridge for each VNI
    vx100 vx200    vx100 vx200    vx100       VXLAN devices: VNI 100, VNI 200
    +---------+    +---------+    +-----+
    |  host1  |    |  host2  |    |host3|     VTEPs 10.0.0.1, 10.0.0.2, 10.0.0.3
    +----+----+    +----+----+    +--+--+
         |              |            |
    -----+--------------+------------+-----   the underlay: plain Ethernet and IP
"""


def play(story):
    with topo.Fabric(hosts=3) as fabric:
        Segment(story, fabric).play()
        capture.close_all()


def arp(op):
    """Matches an encapsulated ARP query (1) or reply (2)."""
    def match(packet):
        frame = packet.outer and packet.outer.frame
        return bool(frame and frame.arp and frame.arp[0] == op)
    return match


def icmp(kind):
    """Matches an encapsulated ICMP packet of this type."""
    def match(packet):
        ip = packet.outer and packet.outer.frame and packet.outer.frame.ip
        return bool(ip and ip.proto == wire.ICMP and ip.payload[0] == kind)
    return match


def to_group(packet):
    return bool(packet.outer and packet.outer.dst == V4.group)


def sent(found, match):
    """[(host number, packet)] of what the hosts sent."""
    return [(host.number, packet) for host, packets in found.items()
            for packet in packets if packet.sent and match(packet)]


def records(found, record):
    """Numbers of the hosts that sent such a membership record."""
    return [number for number, _ in sent(found, lambda p: any(
        (r.group, r.record) == (V4.group, record) for r in p.reports))]


class Segment:
    def __init__(self, story, fabric):
        self.story, self.fabric = story, fabric
        self.hosts = fabric.hosts
        self.wires = {host: host.capture() for host in self.hosts}
        self.vms = {}

    def play(self):
        self.initialisation()
        self.query_and_reply()
        self.steady_state()
        self.ageing()
        self.end()

    def found(self, comment):
        """What was on the wire since the last time."""
        self.fabric.settle()
        return self.story.keep(self.wires, FILE, comment)

    # ---- flow 1

    def initialisation(self):
        story = self.story
        story.title("Flow 1", "initialisation")
        story.picture(PICTURE)
        for host in self.hosts:
            host.add_vxlan(100, V4.options(host))
        story.command("host1", "type vxlan id 100")
        story.tell(f"""The same on host2 and host3. A frame for everybody (a
            broadcast) must reach all hosts of the segment: it is sent to the
            multicast group {V4.group}. So each VTEP joins that group as soon as
            its device comes up, and tells the network by IGMP (twice, since a
            packet may be lost):""")
        eventually(lambda: all(V4.group in V4.members(h.ns)
                               for h in self.hosts))
        for host, capture in self.wires.items():
            capture.wait_for(lambda p: p.sent and any(
                r.group == V4.group for r in p.reports), 10)
        found = self.found("a VTEP joins the group")
        story.show(found, lambda p: any(r.group == V4.group
                                        for r in p.reports), 6)
        story.expect("each of the three hosts reports that it joins "
                     f"{V4.group}", set(records(found, wire.TO_EX)) == {1, 2, 3})
        print()
        story.fdb(self.hosts[0], "vx100", [])
        story.tell("""The address of zeros stands for every MAC address that is
            not known: to the group. Nothing else is known yet.""")
        story.tell("""Beside it host1 and host2 get a second segment, VNI 200,
            with VM4 and VM5. It uses the same group.""")
        self.second_segment()

    def second_segment(self):
        self.vms = {number: self.fabric.host[on].add_vm(number, 100)
                    for number, on in ((1, 1), (2, 2), (3, 3))}
        for vm in self.vms.values():
            vm.wait_ready()
        # IGMPv3 says everything twice, the second time up to two seconds later
        time.sleep(3)
        self.found("the VMs start")
        for host in self.hosts[:2]:
            host.add_vxlan(200, V4.options(host))
        others = {number: self.fabric.host[on].add_vm(number, 200)
                  for number, on in ((4, 1), (5, 2))}
        for vm in others.values():
            vm.wait_ready()
        found = self.found("a second segment with the same group")
        self.story.expect(
            "host1 and host2 are in the group already: no new report",
            not [n for n in records(found, wire.TO_EX)])
        self.vms.update(others)
        self.fabric.forget()
        self.found("before the first ping")

    # ---- flows 2 and 3

    def query_and_reply(self):
        story, vms = self.story, self.vms
        story.title("Flow 2", "ARP query")
        story.tell(f"""VM1 pings VM2, {vms[2].ip}. It does not know VM2's MAC
            address, so it asks everybody with a broadcast. host1 sends the
            question once, to the group:""")
        strangers = [vms[4].capture(), vms[5].capture()]
        vms[1].ping(vms[2])
        wait_learned(self.hosts[0], vms[2], self.hosts[1], V4)
        found = self.found("VM1 pings VM2 for the first time")
        story.show(found, arp(1))
        queries = sent(found, arp(1))
        story.expect("one packet from host1 to the group, VNI 100",
                     [(n, p.outer.dst, p.outer.vni) for n, p in queries]
                     == [(1, V4.group, 100)])
        story.expect("no VM of VNI 200 got anything", not any(
            cap.packets(lambda p: p.eth.arp) for cap in strangers))
        for host in self.hosts[1:]:
            wait_learned(host, vms[1], self.hosts[0], V4)
        story.expect("host2 and host3 learned from it that VM1 is behind "
                     "10.0.0.1", True)
        print()
        story.fdb(self.hosts[2], "vx100", vms.values())
        self.reply(found)

    def reply(self, found):
        story, vms = self.story, self.vms
        story.title("Flow 3", "ARP reply")
        story.tell("""VM2 answers VM1. host2 has just learned where VM1 lives, so
            the answer goes to that one host and to nobody else:""")
        story.show(found, arp(2))
        replies = sent(found, arp(2))
        story.expect("one packet from host2 to host1, 10.0.0.1",
                     [(n, p.outer.dst) for n, p in replies] == [(2, "10.0.0.1")])
        story.expect("host3 sees nothing of it",
                     not any(map(arp(2), found[self.hosts[2]])))
        story.expect("host1 learned from it that VM2 is behind 10.0.0.2",
                     self.hosts[0].fdb()[vms[2].mac] == ["10.0.0.2"])
        print()
        story.fdb(self.hosts[0], "vx100", vms.values())

    # ---- flow 4

    def steady_state(self):
        story, vms = self.story, self.vms
        story.title("Flow 4", "steady state")
        story.tell("""VM1 sends 100 pings to VM2. Both hosts know all they need.
            (The UDP source port stands for the two that talk: it lets a network
            with several paths spread the load without reordering a flow.)""")
        self.fabric.settle()
        for capture in self.wires.values():
            capture.clear()
        vms[1].ping(vms[2], 100)
        found = self.found("100 pings")
        story.show(found, lambda p: icmp(8)(p) or icmp(0)(p), 2)
        there, back = sent(found, icmp(8)), sent(found, icmp(0))
        story.expect(f"{len(there)} requests host1 -> host2 and {len(back)} "
                     "replies host2 -> host1",
                     {(n, p.outer.dst) for n, p in there} == {(1, "10.0.0.2")}
                     and {(n, p.outer.dst) for n, p in back}
                     == {(2, "10.0.0.1")} and len(there) == len(back) == 100)
        story.expect("none of them to the group",
                     not sent(found, to_group))
        story.expect("host3 sees nothing",
                     not [p for p in found[self.hosts[2]] if p.outer])

    def ageing(self):
        story, vms, host = self.story, self.vms, self.hosts[0]
        print()
        story.tell("""What is learned is forgotten when nothing was heard for 300
            seconds. We make it one second on host1 and wait:""")
        vms[1].know(vms[2])
        vms[2].know(vms[1])
        ageing = f"link set vx100 type {topo.kind()} ageing"
        host.ns.ip(f"{ageing} 1")
        story.command("host1", "ageing 1")
        eventually(lambda: vms[2].mac not in host.fdb(), 30,
                   what="VM2 is forgotten")
        host.ns.ip(f"{ageing} 300")
        story.fdb(host, "vx100", vms.values())
        self.found("VM2 is forgotten")
        vms[1].ping(vms[2], 5)
        wait_learned(host, vms[2], self.hosts[1], V4)
        found = self.found("5 pings after VM2 was forgotten")
        story.tell("Five more pings from VM1 to VM2:")
        story.show(found, icmp(8), 2)
        story.expect("the first goes to the group, the other four to host2 only",
                     [p.outer.dst for _, p in sent(found, icmp(8))]
                     == [V4.group] + ["10.0.0.2"] * 4)
        story.expect("host1 has learned VM2 again",
                     host.fdb()[vms[2].mac] == ["10.0.0.2"])

    # ---- the other end of flow 1

    def end(self):
        story, host = self.story, self.hosts[0]
        story.title("Flow 1", "the end of it")
        story.tell("""host1 has two devices with the same group. First vx200 goes
            down, then vx100:""")
        host.ns.ip("link set vx200 down")
        self.wires[host].quiet(0.5, lambda p: any(
            r.record == wire.TO_IN for r in p.reports))
        first = self.found("vx200 down, vx100 still up")
        host.ns.ip("link set vx100 down")
        self.wires[host].wait_for(lambda p: p.sent and any(
            r.record == wire.TO_IN for r in p.reports), 10)
        found = self.found("vx100 down: the last user of the group")
        story.show(found, lambda p: any(r.group == V4.group
                                        for r in p.reports), 1)
        story.expect("host1 leaves the group with the last of them, not before",
                     not records(first, wire.TO_IN)
                     and set(records(found, wire.TO_IN)) == {1})
