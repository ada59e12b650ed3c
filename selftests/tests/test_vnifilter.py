# SPDX-License-Identifier: GPL-2.0
"""VNI filter: an external device receives the VNIs it is told, each with a
group and statistics of its own.

    host 1: vx0 external vnifilter ---- eth0 ---- eth0 :host 2 (no VXLAN)
"""

import errno
import json
import socket
import struct
import threading

import pytest

from lib import build, nl, topo
from lib import nldefs as d
from lib.bench import ALICE, BOB, inner, wired
from lib.capture import Capture
from lib.counters import delta, ethtool_stats
from lib.failslab import FailingRtnl, needs_failslab
from lib.fdb import ERRNO
from lib.inject import Injector
from lib.linkattr import data, names
from lib.mdb import INCLUDE, Mdb, needs_mdb
from lib.nl import ip, pack_attrs, u8, u32
from lib.underlay import V4, V6
from lib.vnifilter import (END, ENTRY, GROUP, GROUP6, START, Filter, entry,
                           parse_tunnel, told, tunnel_msg)
from lib.wait import eventually
from lib.wire import TO_EX, TO_IN

pytestmark = pytest.mark.skipif(
    topo.kind() != "vxlan",
    reason="RTM_NEWTUNNEL belongs to the driver of kind vxlan")

CAROL = "02:00:00:00:cc:01"
ZERO = "00:00:00:00:00:00"
DEV = "vx0"
HIGHEST = 0xffffff


@pytest.fixture(scope="module")
def fabric():
    with wired(hosts=2) as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


class Bench:
    """vx0 on host 1 with a filter, captures and a sender on host 2."""

    def __init__(self, fabric, net):
        self.fabric, self.net = fabric, net
        self.near, self.far = fabric.host[1], fabric.host[2]
        self.ns = self.near.ns
        self.made = []
        self.filter = self.make(DEV)
        self.device, self.wire = Capture(self.ns, DEV), Capture(self.ns,
                                                                "eth0")
        self.peer = Injector(self.far.ns)

    def make(self, name, options="", up=True):
        """A device of this kind, and its filter."""
        self.ns.ip(f"link add {name} type vxlan external vnifilter "
                   f"dstport 4789 udp6zerocsumrx nolearning "
                   f"local {self.net.address(self.near)} dev eth0 {options}")
        self.made.append(name)
        if up:
            self.ns.ip(f"link set {name} up")
        return Filter(self.ns, name)

    def outer(self, vni, frame=None, **fields):
        return build.vxlan_frame(
            self.near.mac, self.far.mac, self.net.address(self.far),
            self.net.address(self.near),
            build.vxlan(vni, frame or inner(payload=b"%d" % vni), **fields))

    def heard(self, *vnis, accepted):
        """Packets of these VNIs come; the device hands up those accepted."""
        self.device.clear()
        self.peer.send(*[self.outer(vni) for vni in vnis])
        came = self.device.wait_count(lambda p: not p.sent, len(accepted)) \
            if accepted else []
        self.fabric.settle()
        came = self.device.packets(lambda p: not p.sent)
        assert [p.raw for p in came] == [
            inner(payload=b"%d" % vni) for vni in accepted]

    def remotes(self, name=DEV):
        """{VNI: destinations of its default entry}"""
        found = {}
        for one in self.ns.rtnl.fdb(name):
            if one["mac"] == ZERO:
                found.setdefault(one["src_vni"] or 0, []).append(one["dst"])
        return found

    def members(self):
        """Groups of the tests that eth0 has joined."""
        prefix = "239." if self.net is V4 else "ff05::"
        return {group for group in self.net.members(self.ns)
                if group.startswith(prefix)}

    def delete(self):
        for one in (self.device, self.wire, self.peer):
            one.close()
        left = {link["name"] for link in self.ns.rtnl.links()}
        for name in self.made:
            if name in left:
                self.ns.rtnl.dellink(name)
        assert not self.members()


@pytest.fixture(name="bench")
def _bench(fabric, net):
    made = Bench(fabric, net)
    yield made
    made.delete()


@pytest.fixture(name="four")
def _four(fabric):
    """Where the underlay makes no difference."""
    made = Bench(fabric, V4)
    yield made
    made.delete()


def group_of(net, number):
    """One of 65,536 groups."""
    return f"239.7.{number >> 8}.{number & 255}" if net is V4 \
        else f"ff05::7:{number:x}"


# -- the attribute ------------------------------------------------------------

def test_filter_attribute(four):
    """Shown by a device that has one, and by no other; fixed."""
    ns = four.ns
    assert names(ns, DEV)["VNIFILTER"] == b"\1"
    ns.rtnl.changelink(DEV, "vxlan", data(VNIFILTER=1))
    for base in (data(COLLECT_METADATA=1, VNIFILTER=0, PORT=1),
                 data(ID=5, VNIFILTER=0, PORT=1)):
        ns.rtnl.newlink("vx9", "vxlan", base)
        assert "VNIFILTER" not in names(ns, "vx9")
        with pytest.raises(nl.NlError) as error:
            ns.rtnl.changelink("vx9", "vxlan", data(VNIFILTER=1))
        assert error.value.errno == errno.EOPNOTSUPP
        assert "Cannot change VNI filter" in error.value.msg
        ns.rtnl.dellink("vx9")
    shown, = json.loads(ns.run(f"ip -d -j link show {DEV}"))
    assert shown["linkinfo"]["info_data"]["vnifilter"] is True


# -- reception ----------------------------------------------------------------

def test_filter_empty(bench):
    """Nothing is received, and that is counted."""
    with delta(bench.ns, DEV) as moved:
        bench.heard(0, 1, 100, HIGHEST, accepted=[])
        moved.wait_for("S:netns_rx_unknown_vni", 4)
    assert moved["S:netns_rx_unknown_vni"] == 4
    assert "rx_packets" not in moved


def test_filter_receives(bench):
    """What is in comes through, what is not does not."""
    bench.filter.add(entry(0, 1), entry(100, 102), entry(HIGHEST))
    bench.heard(0, 1, 2, 99, 100, 101, 102, 103, HIGHEST - 1, HIGHEST,
                accepted=[0, 1, 100, 101, 102, HIGHEST])
    bench.filter.delete(entry(101), entry(0, 1))
    bench.heard(0, 1, 100, 101, 102, accepted=[100, 102])
    bench.filter.add(entry(101))
    bench.heard(100, 101, 102, accepted=[100, 101, 102])


def test_filter_described(four):
    """The VNI becomes the packet's description, as in external mode."""
    ns = four.ns
    four.filter.add(entry(77, 78))
    ns.run(f"tc qdisc add dev {DEV} ingress")
    ns.run(f"tc filter add dev {DEV} ingress protocol all flower "
           "enc_key_id 78 action drop")
    four.heard(77, 78, accepted=[77, 78])
    shown = json.loads(ns.run(f"tc -s -j filter show dev {DEV} ingress"))
    assert [f["options"]["actions"][0]["stats"]["packets"]
            for f in shown if "options" in f] == [1]


def test_filter_down_and_up(bench):
    """Changes while the device is down count when it is up again."""
    bench.filter.add(entry(10, 12))
    bench.ns.ip(f"link set {DEV} down")
    bench.filter.delete(entry(11))
    bench.filter.add(entry(20))
    bench.heard(10, 20, accepted=[])
    bench.ns.ip(f"link set {DEV} up")
    bench.heard(10, 11, 12, 20, accepted=[10, 12, 20])


def test_filter_two_devices(bench):
    """Two devices share a port, each with VNIs of its own."""
    second = bench.make("vx1")
    bench.filter.add(entry(10, 12))
    second.add(entry(20, 22))
    with Capture(bench.ns, "vx1") as other:
        bench.heard(10, 20, 12, 22, 30, accepted=[10, 12])
        assert [p.raw for p in other.packets(lambda p: not p.sent)] == [
            inner(payload=b"20"), inner(payload=b"22")]
    bench.ns.ip("link del vx1")
    bench.filter.add(entry(20, 22))
    bench.heard(10, 20, accepted=[10, 20])


# -- whose VNI? ---------------------------------------------------------------

def refused(call, *args):
    with pytest.raises(nl.NlError) as error:
        call(*args)
    return error.value


@pytest.mark.parametrize("up", (False, True), ids=("down", "up"))
def test_filter_vni_in_use(four, up):
    """A range of which one VNI is taken leaves nothing behind."""
    second = four.make("vx1", up=up)
    second.add(entry(15, group="239.7.0.1"))
    monitor = nl.Monitor(four.ns, (d.RTNLGRP_TUNNEL,))
    joined = four.members()
    for entries in ([entry(15)], [entry(10, 15)], [entry(15, 20)],
                    [entry(10, 20, "239.7.0.2")],
                    [entry(1, 5, "239.7.0.3"), entry(15)]):
        error = refused(four.filter.add, *entries)
        assert (error.name, error.msg) == ("EEXIST",
                                           "VNI in use by another device")
        assert error.offset is not None
        assert four.filter.ranges() == []
        assert four.remotes() == {}
        assert four.members() == joined
    assert told(monitor) == []
    monitor.close()
    second.delete(entry(15))
    four.filter.add(entry(10, 20))
    assert refused(second.add, entry(15)).name == "EEXIST"


def test_filter_vni_of_new_device(four):
    """A device whose own VNI is in a filter is refused."""
    four.filter.add(entry(10, 12))
    attrs = {"COLLECT_METADATA": 1, "VNIFILTER": 1, "PORT": 4789,
             "UDP_ZERO_CSUM6_RX": 1}
    error = refused(four.ns.rtnl.newlink, "vx1", "vxlan",
                    data(ID=11, **attrs))
    assert error.name == "EEXIST" and "already exists" in error.msg
    four.ns.rtnl.newlink("vx1", "vxlan", data(ID=13, **attrs))
    four.made.append("vx1")


# -- groups -------------------------------------------------------------------

def record(kind, group):
    return lambda p: any(r.record == kind and r.group == group
                         for r in p.reports)


def test_filter_groups(bench):
    """The first VNI of a group joins it, the last one leaves it."""
    net = bench.net
    one, two = group_of(net, 1), group_of(net, 2)
    with bench.near.capture("eth0") as cap:
        bench.filter.add(entry(10, 12, one))
        packet = cap.wait_for(record(TO_EX, one))
        net.check_report(packet.reports[0])
        bench.filter.delete(entry(10, 11))
        bench.filter.add(entry(20, group=two))
        cap.wait_for(record(TO_EX, two))
        assert not cap.packets(record(TO_IN, one))
        bench.filter.delete(entry(12))
        packet = cap.wait_for(record(TO_IN, one))
        net.check_report(packet.reports[0])
    assert bench.members() == {two}
    assert net.members(bench.ns)[two] == 1


def test_filter_groups_up_and_down(bench):
    """Joined while the device is up, and only then."""
    one, two = group_of(bench.net, 1), group_of(bench.net, 2)
    bench.ns.ip(f"link set {DEV} down")
    bench.filter.add(entry(10, 12, one), entry(20, group=two))
    assert bench.members() == set()
    bench.ns.ip(f"link set {DEV} up")
    assert bench.members() == {one, two}
    bench.filter.add(entry(20))
    assert bench.members() == {one}
    bench.ns.ip(f"link set {DEV} down")
    assert bench.members() == set()


def test_filter_group_replaced(bench):
    """Another group takes the place of the former one, everywhere."""
    net = bench.net
    one, two = group_of(net, 1), group_of(net, 2)
    bench.filter.add(entry(10, 11, one))
    assert bench.remotes() == {10: [one], 11: [one]}
    with bench.near.capture("eth0") as cap:
        bench.filter.add(entry(10, 11, two))
        cap.wait_for(record(TO_EX, two))
        cap.wait_for(record(TO_IN, one))
    assert bench.remotes() == {10: [two], 11: [two]}
    assert bench.members() == {two}
    assert bench.filter.ranges() == [(10, 11, two)]
    bench.filter.add(entry(11, group=net.address(bench.far)))
    assert bench.remotes() == {10: [two], 11: [net.address(bench.far)]}
    bench.filter.add(entry(10, 11))
    assert bench.remotes() == {} and bench.members() == set()


def test_filter_default_group(bench):
    """VNIs without a group follow the device, whatever it is told."""
    net = bench.net
    one, two, own = (group_of(net, n) for n in (1, 2, 3))
    name = "GROUP" if net is V4 else "GROUP6"
    bench.filter.add(entry(10, 11), entry(12, group=own))
    assert bench.remotes() == {12: [own]}
    for group in (one, two, net.address(bench.far), one):
        bench.ns.rtnl.changelink(DEV, "vxlan", data(**{name: group}))
        assert bench.remotes() == {0: [group], 10: [group], 11: [group],
                                   12: [own]}
        assert bench.members() == {own} | {one, two} & {group}
    bench.filter.add(entry(12))
    assert bench.remotes()[12] == [one]
    bench.filter.add(entry(11, group=own))
    assert bench.remotes() == {0: [one], 10: [one], 11: [own], 12: [one]}
    any_address = "0.0.0.0" if net is V4 else "::"
    bench.ns.rtnl.changelink(DEV, "vxlan", data(**{name: any_address}))
    assert bench.remotes() == {11: [own]}


def test_filter_default_group_refused(four):
    """A change that fails for one VNI changes nothing for the others."""
    ns = four.ns
    ns.ip("link add dum0 type dummy", "link set dum0 mtu 60 up")
    try:
        four.filter.add(entry(10), entry(11, group="239.7.0.1"),
                        entry(12, group="10.0.0.2"))
        ns.rtnl.changelink(DEV, "vxlan", data(GROUP="10.0.0.9"))
        before = (four.remotes(), four.members(), four.filter.ranges())
        error = refused(ns.rtnl.changelink, DEV, "vxlan",
                        data(GROUP="10.0.0.8",
                             LINK=ns.rtnl.index("dum0")))
        assert error.msg
        assert before == (four.remotes(), four.members(),
                          four.filter.ranges())
        four.heard(10, 11, accepted=[10, 11])
    finally:
        ns.ip("link del dum0")


# -- transmission -------------------------------------------------------------

@pytest.fixture(name="bridged")
def _bridged(four):
    """vx0 in br0, VLAN 10 <-> VNI 1010 and 20 <-> 1020; port1 is a trunk."""
    ns = four.ns
    ns.ip("link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0",
          "link add port0 type veth peer name port1",
          f"link set {DEV} master br0", "link set port0 master br0",
          "link set br0 up", "link set port0 up", "link set port1 up")
    ns.bridge(f"link set dev {DEV} vlan_tunnel on neigh_suppress off "
              "learning off")
    for vlan in (10, 20):
        ns.bridge(f"vlan add dev {DEV} vid {vlan}",
                  f"vlan add dev {DEV} vid {vlan} tunnel_info id {1000 + vlan}",
                  f"vlan add dev port0 vid {vlan}")
    yield four
    ns.ip("link del br0", "link del port0")


def tagged(vlan, frame):
    return frame[:12] + b"\x81\x00" + vlan.to_bytes(2) + frame[12:]


def test_filter_floods_to_group(bridged):
    """BUM frames of a VNI go to its group, byte by byte."""
    one, two = group_of(V4, 1), group_of(V4, 2)
    bridged.filter.add(entry(1010, group=one), entry(1020, group=two))
    flood = inner(dst=build.BROADCAST)
    with Injector(bridged.ns, "port1") as trunk:
        trunk.send(tagged(10, flood), tagged(20, flood))
        sent = [p.outer for p in bridged.wire.wait_count(
            lambda p: p.sent and p.outer, 2)]
    for outer, vni, group in zip(sent, (1010, 1020), (one, two)):
        V4.check(outer, vni, bridged.near, group)
        assert outer.inner == flood


# -- statistics ---------------------------------------------------------------

NOTHING = dict.fromkeys(("rx_bytes", "rx_packets", "rx_drops", "rx_errors",
                         "tx_bytes", "tx_packets", "tx_drops", "tx_errors"),
                        0)


def test_filter_stats_rx(bench):
    """Bytes and packets of each VNI, errors and drops too."""
    bench.filter.add(entry(10, 12))
    frames = [inner(payload=bytes(size)) for size in (0, 1, 999)]
    bench.device.clear()
    bench.peer.send(*[bench.outer(10, frame) for frame in frames],
                    bench.outer(11, frames[0]))
    bench.device.wait_count(lambda p: not p.sent, 4)
    stats = bench.filter.stats()
    # as the device counts: without the Ethernet header
    assert stats[10] == {**NOTHING, "rx_packets": 3,
                         "rx_bytes": sum(len(f) - 14 for f in frames)}
    assert stats[11] == {**NOTHING, "rx_packets": 1,
                         "rx_bytes": len(frames[0]) - 14}
    assert stats[12] == NOTHING
    device = bench.ns.rtnl.link(DEV)["stats"]
    assert device["rx_bytes"] == stats[10]["rx_bytes"] + \
        stats[11]["rx_bytes"]

    own = bench.ns.rtnl.link(DEV)["mac"]
    with delta(bench.ns, DEV) as moved:
        bench.peer.send(
            bench.outer(12, inner(), flags=0x88),       # reserved bit
            bench.outer(12, inner(src=build.BROADCAST)),
            bench.outer(12, inner(src=own)),            # its own address
            bench.outer(12, inner()[:10]))
        moved.wait_for("S:rx_inner_short", 1)
    assert bench.filter.stats()[12] == {**NOTHING, "rx_errors": 3,
                                        "rx_drops": 1}


def test_filter_stats_tx(bridged):
    """What is sent is counted under the VNI it has on the wire."""
    far = V4.address(bridged.far)
    bridged.filter.add(entry(1010, group=far), entry(1020), entry(77))
    frames = [inner(payload=bytes(size), dst=build.BROADCAST)
              for size in (0, 7, 800)]
    with Injector(bridged.ns, "port1") as trunk:
        trunk.send(*[tagged(10, frame) for frame in frames])
        bridged.wire.wait_count(lambda p: p.sent and p.outer, 3)
        stats = bridged.filter.stats()
        assert stats[1010] == {**NOTHING, "tx_packets": 3,
                               "tx_bytes": sum(map(len, frames))}
        assert stats[1020] == stats[77] == NOTHING

        bridged.ns.bridge(
            f"fdb add {BOB} dev {DEV} dst {far} src_vni 1010 vni 77",
            f"fdb add {CAROL} dev {DEV} dst 203.0.113.9 src_vni 1010")
        with delta(bridged.ns, DEV) as moved:
            trunk.send(tagged(10, inner()), tagged(20, inner()),
                       tagged(10, inner(dst=CAROL)))
            moved.wait_for("S:tx_no_route", 1)
            moved.wait_for("S:tx_no_destination", 1)
    stats = bridged.filter.stats()
    assert stats[77] == {**NOTHING, "tx_packets": 1, "tx_bytes": len(inner())}
    assert stats[1020] == {**NOTHING, "tx_drops": 1}
    assert stats[1010] == {**NOTHING, "tx_packets": 3, "tx_errors": 1,
                           "tx_bytes": sum(map(len, frames))}


def test_filter_stats_begin_again(four):
    """A VNI that was taken out comes back with zeros."""
    four.filter.add(entry(10))
    four.heard(10, 10, accepted=[10, 10])
    assert four.filter.stats()[10]["rx_packets"] == 2
    four.filter.add(entry(10, group="239.7.0.1"))
    assert four.filter.stats()[10]["rx_packets"] == 2, "a change of group"
    four.filter.delete(entry(10))
    four.filter.add(entry(10))
    assert four.filter.stats() == {10: NOTHING}


def test_filter_stats_tool(four):
    """As bridge(8) shows them."""
    four.filter.add(entry(10))
    four.heard(10, accepted=[10])
    shown, = json.loads(four.ns.run(f"bridge -s -j vni show dev {DEV}"))
    assert shown["ifname"] == DEV
    one, = shown["vnis"]
    assert one["vni"] == 10
    assert one["stats"]["rx_packets" if "rx_packets" in one["stats"]
                        else "rx_pkts"] == 1


# -- notifications ------------------------------------------------------------

def test_filter_told(four):
    """One message for each VNI that is new, changed or gone; no others."""
    one, two = group_of(V4, 1), group_of(V4, 2)
    monitor = nl.Monitor(four.ns, (d.RTNLGRP_TUNNEL,))
    four.filter.add(entry(10, 11, one), entry(5))
    assert told(monitor) == [("new", 10, 10, one), ("new", 11, 11, one),
                             ("new", 5, 5, None)]
    four.filter.add(entry(5))
    assert told(monitor) == []
    four.filter.add(entry(11, 12, two))
    assert told(monitor) == [("new", 11, 11, two), ("new", 12, 12, two)]
    refused(four.filter.delete, entry(9, 10))
    refused(four.filter.add, entry(20), entry(0))
    assert told(monitor) == []
    four.filter.delete(entry(10, 11))
    assert told(monitor) == [("del", 10, 10, one), ("del", 11, 11, two)]
    index = four.filter.index
    four.ns.ip(f"link set {DEV} down", f"link set {DEV} up")
    assert told(monitor) == []
    four.ns.ip(f"link del {DEV}")
    assert told(monitor, index) == [("del", 5, 5, None),
                                    ("del", 12, 12, two)]
    monitor.close()


def test_filter_told_fdb(four):
    """The default entry of each VNI comes and goes with it."""
    one = group_of(V4, 1)
    monitor = nl.Monitor(four.ns, (d.RTNLGRP_NEIGH,))

    def heard():
        found = [(e["type"] == d.RTM_NEWNEIGH, e["src_vni"], e["dst"])
                 for e in monitor.events()
                 if e.get("ifindex") == four.filter.index
                 and e.get("mac") == ZERO]
        monitor.seen.clear()
        return found
    four.filter.add(entry(10, 11, one))
    assert heard() == [(True, 10, one), (True, 11, one)]
    four.filter.add(entry(11))
    assert heard() == [(False, 11, one)]
    four.filter.delete(entry(10, 11))
    assert heard() == [(False, 10, one)]
    monitor.close()


# -- dump ---------------------------------------------------------------------

def test_filter_dump_merges(four):
    """Neighbours with one group are a range; with statistics never."""
    one, two = group_of(V4, 1), group_of(V4, 2)
    four.filter.add(entry(1, 3, one), entry(4, 4, two), entry(5, 6, one),
                    entry(8, 9, one), entry(10, 11))
    assert four.filter.ranges() == [
        (1, 3, one), (4, 4, two), (5, 6, one), (8, 9, one), (10, 11, None)]
    assert sorted(four.filter.stats()) == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11]
    assert four.filter.dump(index=0) == four.filter.dump()


def parts(ns, index, flags=0):
    """The VNIs of a dump, part by part."""
    with nl.Rtnl(ns) as rtnl:
        rtnl.send(d.RTM_GETTUNNEL, d.NLM_F_DUMP, tunnel_msg(index, flags))
        while True:
            found, done = [], False
            for kind, _, _, body in nl.messages(rtnl.receive()):
                done = done or kind == d.NLMSG_DONE
                if kind == d.RTM_NEWTUNNEL:
                    found += parse_tunnel(body)[3]
            yield found
            if done:
                return


def fill(filter_, count, step=2, net=V4):
    """VNIs that do not merge."""
    vnis = list(range(1, 1 + step * count, step))
    for start in range(0, count, 1000):
        filter_.add(*[entry(vni, group=group_of(net, vni & 0xffff))
                      for vni in vnis[start:start + 1000]])
    return vnis


@pytest.mark.parametrize("flags", (0, 1), ids=("plain", "stats"))
def test_filter_dump_resumes(four, flags):
    """VNIs that stay are told once, whatever goes and comes meanwhile."""
    four.ns.ip(f"link set {DEV} down")
    vnis = fill(four.filter, 6000)
    gone, come = vnis[::7], [vni + 1 for vni in vnis[::7]]
    seen, count = [], 0
    for part in parts(four.ns, four.filter.index, flags):
        seen += [one[0] for one in part]
        if count < 7:
            four.filter.delete(*map(entry, gone[count::7]))
            four.filter.add(*map(entry, come[count::7]))
        count += 1
    assert len(seen) == len(set(seen)) and seen == sorted(seen)
    assert count > 3, "the dump came in one part"
    stayed = set(vnis) - set(gone)
    assert stayed <= set(seen) <= set(vnis) | set(come)


def test_filter_dump_device_goes(four):
    """A dump of all devices goes on when one of them is gone."""
    for name in ("vx1", "vx2"):
        four.make(name, up=False)
    four.ns.ip(f"link set {DEV} down")
    fill(four.filter, 8000)
    Filter(four.ns, "vx1").add(entry(500000, 500009))
    Filter(four.ns, "vx2").add(entry(600000, 600009))
    dump = parts(four.ns, 0)
    next(dump)
    four.ns.ip("link del vx1")
    rest = [one[0] for part in dump for one in part]
    assert 600000 in rest and 500000 not in rest


def test_filter_dump_next_device(four):
    """A dump that was in the middle of a device begins the next one at its
    lowest VNI."""
    four.make("vx1", up=False)
    assert four.ns.rtnl.index("vx1") == four.ns.rtnl.index(DEV) + 1
    four.ns.ip(f"link set {DEV} down")
    fill(four.filter, 8000)
    Filter(four.ns, "vx1").add(entry(10), entry(90000))
    seen = {}
    for index, vnis in four.filter.dump(index=0):
        seen.setdefault(index, []).extend(one[0] for one in vnis)
    assert seen[four.ns.rtnl.index("vx1")] == [10, 90000]
    assert len(seen[four.ns.rtnl.index(DEV)]) == 8000


# -- refused ------------------------------------------------------------------

#: Attributes, errno, part of the sentence, attribute in the entry (None: the
#: entry itself or nothing).
REFUSED = {
    "nothing": ([], "EINVAL", "no VNIs", None),
    "empty": ([(ENTRY, [])], "EINVAL", "neither", None),
    "zero": ([entry(0)], "EINVAL", "neither", None),
    "zeros": ([entry(0, 0)], "EINVAL", "neither", None),
    "inverted": ([entry(10, 9)], "EINVAL", "lower than the first", END),
    "inverted-zero": ([entry(1, 0)], "EINVAL", "lower than the first", END),
    "start": ([entry(1 << 24)], "ERANGE", "16777216", START),
    "end": ([entry(5, 1 << 24)], "ERANGE", "16777216", END),
    "all": ([entry(0, 0xffffffff)], "ERANGE", "16777216", END),
    "end-only": ([entry(end=0xffffffff)], "ERANGE", "16777216", END),
    "two-groups": ([(ENTRY, [
        (START, u32(9)), (GROUP, ip("239.7.0.1")),
        (GROUP6, ip("ff05::7:1"))])], "EINVAL", "IPv4 or IPv6", GROUP6),
    "start-length": ([(ENTRY, [(START, u8(9))])], "EINVAL", "", START),
    "group-length": ([(ENTRY, [(START, u32(9)), (GROUP, bytes(5))])],
                     "ERANGE", "", GROUP),
    "unknown": ([(ENTRY, [(START, u32(9)), (9, u32(1))])], "EINVAL", "", 9),
    "second": ([entry(20, 30, "239.7.0.1"), entry(5, 1 << 24)], "ERANGE",
               "16777216", END),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("op", (d.RTM_NEWTUNNEL, d.RTM_DELTUNNEL),
                         ids=("add", "del"))
def test_filter_refused(four, name, op):
    """With a sentence and the attribute; nothing has changed."""
    attrs, number, words, attribute = REFUSED[name]
    four.filter.add(entry(20, 35))
    before = four.filter.ranges(), four.remotes(), four.members()
    error = refused(four.filter.request, op, attrs)
    assert ERRNO[error.errno] == number
    assert error.msg and words in error.msg
    if attribute:
        raw = four.ns.rtnl.sent
        at = struct.unpack_from("=H", raw, error.offset + 2)[0]
        assert at & d.NLA_TYPE_MASK == attribute
    assert before == (four.filter.ranges(), four.remotes(), four.members())


def test_filter_refused_devices(four):
    """Only a device with a filter has one."""
    ns = four.ns
    ns.rtnl.newlink("vx8", "vxlan", data(COLLECT_METADATA=1, PORT=1))
    four.made.append("vx8")
    for dev, number, dump_number, words in (
            ("vx8", "EOPNOTSUPP", "EINVAL", "no VNI filter"),
            ("eth0", "EINVAL", "EINVAL", "not a vxlan device"),
            (9999, "ENODEV", "ENODEV", "does not exist")):
        index = dev if isinstance(dev, int) else ns.rtnl.index(dev)
        for op in (d.RTM_NEWTUNNEL, d.RTM_DELTUNNEL):
            error = refused(four.filter.request, op, [entry(5)], index)
            assert (ERRNO[error.errno], words in error.msg) == (number, True)
        assert refused(four.filter.dump, False, index).name == dump_number
    error = refused(four.filter.request, d.RTM_NEWTUNNEL, [entry(5)], 0)
    assert error.name == "ENODEV"


def test_filter_refused_missing(four):
    """A range of which one VNI is not there stays whole."""
    four.filter.add(entry(10, 14), entry(16, 20))
    for entries in ([entry(10, 15)], [entry(15)], [entry(12, 18)],
                    [entry(10), entry(15)], [entry(1, HIGHEST)]):
        error = refused(four.filter.delete, *entries)
        assert (error.name, error.msg) == ("ENOENT",
                                           "VNI is not in the filter")
        assert four.filter.ranges() == [(10, 14, None), (16, 20, None)]


def test_filter_refused_no_lower(four):
    """A group needs an interface to be joined on."""
    ns = four.ns
    ns.ip("link add vx7 type vxlan external vnifilter dstport 4999")
    four.made.append("vx7")
    other = Filter(ns, "vx7")
    other.add(entry(1, group="10.0.0.2"))
    error = refused(other.add, entry(1, 2, "239.7.0.1"))
    assert error.name == "EINVAL" and "interface required" in error.msg
    assert other.ranges() == [(1, 1, "10.0.0.2")]


def test_filter_group_keeps_lower(four):
    """The interface stays as long as a VNI has a group on it."""
    four.ns.ip(f"link set {DEV} down")
    four.filter.add(entry(5, group="239.7.0.1"))
    error = refused(four.ns.rtnl.changelink, DEV, "vxlan", data(LINK=0))
    assert error.name == "EINVAL" and "interface required" in error.msg
    four.filter.add(entry(5))
    four.ns.rtnl.changelink(DEV, "vxlan", data(LINK=0))
    assert "LINK" not in names(four.ns, DEV)


# -- many ---------------------------------------------------------------------

def test_filter_ten_thousand(four):
    """10,000 VNIs in one range: shown, received, gone."""
    four.filter.add(entry(1000, 10999, "239.7.0.1"))
    assert four.filter.ranges() == [(1000, 10999, "239.7.0.1")]
    assert len(four.remotes()) == 10000
    four.heard(999, 1000, 5555, 10999, 11000, accepted=[1000, 5555, 10999])
    four.filter.delete(entry(1000, 10999))
    assert four.filter.ranges() == [] and four.remotes() == {}


def test_filter_ten_thousand_groups(four):
    """10,000 VNIs with a group each: all joined, all left."""
    vnis = fill(four.filter, 10000, 1)
    assert len(four.members()) == 10000
    assert four.remotes() == {vni: [group_of(V4, vni)] for vni in vnis}
    four.heard(1, 9999, 10000, 10001, accepted=[1, 9999, 10000])
    four.ns.ip(f"link set {DEV} down")
    assert not four.members()


# -- its life -----------------------------------------------------------------

def test_filter_moved(four):
    """A device that has moved to another namespace is changed there."""
    ns, there = four.ns, four.far.ns
    four.filter.add(entry(10, group="239.7.0.1"))
    ns.ip(f"link set {DEV} netns {there.name} name moved")
    try:
        moved = Filter(there, "moved")
        assert moved.ranges() == [(10, 10, "239.7.0.1")]
        there.ip("link set moved up")
        moved.add(entry(11, group="239.7.0.2"))
        assert four.members() == {"239.7.0.1", "239.7.0.2"}
        with Capture(there, "moved") as cap:
            four.peer.send(four.outer(11))
            cap.wait_for(lambda p: p.raw == inner(payload=b"11"))
        second = four.make("vx1")
        assert refused(second.add, entry(11)).name == "EEXIST"
    finally:
        there.ip("link del moved")
    assert not four.members()


def test_filter_namespace_ends(namespaces):
    """Nothing is left of it, nor in the way of the next one."""
    for _ in range(2):
        ns = namespaces()
        ns.ip("link add d0 type dummy", "link set d0 up",
              f"link add {DEV} type vxlan external vnifilter dstport 4789 "
              "dev d0", f"link set {DEV} up")
        Filter(ns, DEV).add(entry(1, 500, "239.7.0.1"),
                            entry(600, 700, "ff05::7:1"))
        ns.delete()


def test_filter_lower_gone(four):
    """The device goes with its lower device, its VNIs are told gone."""
    ns = four.ns
    ns.ip("link add d0 type dummy", "link set d0 up",
          "link add vx5 type vxlan external vnifilter dstport 4800 dev d0",
          "link set vx5 up")
    Filter(ns, "vx5").add(entry(1, 3, "239.7.0.1"))
    monitor = nl.Monitor(ns, (d.RTNLGRP_TUNNEL,))
    ns.ip("link del d0")
    assert [one[:2] for one in told(monitor)] == [("del", 1), ("del", 2),
                                                  ("del", 3)]
    monitor.close()


def test_filter_under_traffic(four):
    """VNIs come and go, groups change, the device flaps, packets come in."""
    ns, stop = four.ns, threading.Event()
    frames = [four.outer(vni) for vni in range(1, 9)]
    sent = [0]

    def talk():
        with Injector(four.far.ns) as sender:
            while not stop.is_set():
                sender.send(*frames)
                sent[0] += len(frames)
    talker = threading.Thread(target=talk)
    talker.start()
    try:
        for turn in range(12):
            four.filter.add(entry(1, 6, group_of(V4, turn)))
            four.filter.add(entry(2, 8))
            four.filter.stats()
            if turn % 3 == 0:
                ns.ip(f"link set {DEV} down", f"link set {DEV} up")
            ns.rtnl.changelink(DEV, "vxlan", data(
                GROUP=group_of(V4, 100 + turn)))
            four.filter.delete(entry(1, 8))
    finally:
        stop.set()
        talker.join()
    assert sent[0] > 100
    four.filter.add(entry(3))
    four.fabric.settle()
    four.heard(2, 3, accepted=[3])


def test_filter_no_memory(four):
    """Whichever allocation fails: all of a request is done, or nothing."""
    needs_failslab()
    one, two = group_of(V4, 1), group_of(V4, 2)
    far = V4.address(four.far)
    four.filter.add(entry(10, 11, one))

    def state():
        return (four.filter.ranges(), four.remotes(), four.members())
    before = state()
    wanted = ([(10, 10, one), (11, 12, two), (13, 13, far)],
              {10: [one], 11: [two], 12: [two], 13: [far]}, {one, two})
    outcomes = set()
    with FailingRtnl(four.ns) as rtnl:
        rtnl.sock.settimeout(30)
        attrs = pack_attrs([entry(11, 12, two), entry(13, group=far)])
        for nth in range(1, 200):
            rtnl.nth = nth
            try:
                rtnl.request(d.RTM_NEWTUNNEL, 0,
                             tunnel_msg(four.filter.index), attrs)
                done = True
            except nl.NlError as error:
                assert error.errno in (errno.ENOMEM, errno.ENOBUFS), error
                done = False
            except OSError as error:    # of the socket: the answer is lost
                assert error.errno in (errno.ENOMEM, errno.ENOBUFS), error
                done = state() == wanted
            hit = rtnl.hit
            rtnl.nth = 0
            outcomes.add(done)
            if not done:
                assert state() == before, f"allocation {nth}"
                continue
            assert state() == wanted
            if not hit:
                break
            four.filter.delete(entry(12, 13))
            four.filter.add(entry(11, group=one))
            assert state() == before
        else:
            pytest.fail("there was no end of allocations")
    assert outcomes == {True, False}


def test_filter_counters_named(four):
    """VNIs that are not in the filter are the namespace's."""
    before = ethtool_stats(four.ns, DEV)["netns_rx_unknown_vni"]
    four.filter.add(entry(5))
    four.heard(4, 5, 6, accepted=[5])
    eventually(lambda: ethtool_stats(four.ns, DEV)["netns_rx_unknown_vni"]
               == before + 2, what="unknown VNIs counted")


def test_filter_refused_leaves_an_entry(four):
    """What somebody has put into the default entry of a VNI is as it was."""
    ns = four.ns
    four.make("vx9", up=False).add(entry(1011))
    ns.bridge(f"fdb append {ZERO} dev {DEV} dst 10.0.0.77 src_vni 1010 "
              "extern_learn")

    def show():
        return [(e["dst"], e["state"], e["flags"])
                for e in ns.rtnl.fdb(DEV) if e["mac"] == ZERO]
    before = show()
    refused(four.filter.add, entry(1010, group="10.0.0.9"), entry(1011))
    assert show() == before


# -- drops of a VNI ------------------------------------------------------------

@needs_mdb
def test_filter_stats_mdb(bridged):
    """Nobody wants the frame of a group: a drop of the VNI it came with."""
    bridged.filter.add(entry(1010), entry(1020))
    Mdb(bridged.ns, DEV).add("239.1.1.1", "10.0.0.2", src_vni=1010,
                             mode=INCLUDE, sources=["192.0.2.1"])
    ends = "192.0.2.9", "239.1.1.1"
    frame = build.ether("01:00:5e:01:01:01", ALICE, 0x800, build.ipv4(
        *ends, 17, build.udp(*ends, 9, 9, b"x")))
    with Injector(bridged.ns, "port1") as trunk, \
            delta(bridged.ns, DEV) as moved:
        trunk.send(tagged(10, frame))
        moved.wait_for("S:tx_mdb_no_remote", 1)
    assert bridged.filter.stats()[1010] == {**NOTHING, "tx_drops": 1}
    assert bridged.filter.stats()[1020] == NOTHING


def test_filter_stats_instructions(four):
    """A route's instructions that lead nowhere: a drop of the VNI they name."""
    four.filter.add(entry(77), entry(78))
    four.ns.ip(f"addr add 192.168.77.1/24 dev {DEV}",
               "route add 192.168.78.2/32 encap ip id 77 dst 0.0.0.0 "
               f"dev {DEV}",
               f"neigh replace 192.168.78.2 lladdr {BOB} dev {DEV} "
               "nud permanent")
    with delta(four.ns, DEV) as moved, \
            four.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("192.168.78.2", 9))
        moved.wait_for("S:tx_no_remote", 1)
    assert four.filter.stats() == {77: {**NOTHING, "tx_drops": 1},
                                   78: NOTHING}
