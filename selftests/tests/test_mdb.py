# SPDX-License-Identifier: GPL-2.0
"""The multicast database: which remotes get the frames of a group.

    host 1: vx0 -- eth0 ---- fabric ---- eth0 :host 2 (no VXLAN there)

(test_mdb_table: requests, dumps and notifications without packets.)
"""

import pytest

from lib import build, links, wire, mdb as m
from lib.bench import ALICE, DEV, IP, benches, wired
from lib.capture import Capture
from lib.inject import Injector
from lib.mdb import EXCLUDE, INCLUDE, Mdb
from lib.transfer import Flood
from lib.underlay import V4, V6

pytestmark = m.needs_mdb

#: Groups and sources of the overlay, by IP version.
GROUP = {4: "239.1.1.1", 6: "ff0e::1:1"}
OTHER = {4: "239.1.1.2", 6: "ff0e::1:2"}
LOCAL = {4: "224.0.0.251", 6: "ff02::fb"}
SOURCE = {4: IP[4][0], 6: IP[6][0]}
STRANGER = {4: "192.168.100.77", 6: "fd01::77"}
ALL = {4: "0.0.0.0", 6: "::"}
#: VTEPs on the underlay.
FAR = {V4: [f"10.0.0.{n}" for n in (2, 12, 13)],
       V6: [f"fd00::{n}" for n in (2, 12, 13)]}
#: UDP ports that VTEPs listen to.
PORTS = (4789, 8472)
DEFAULT = {V4: "10.0.0.19", V6: "fd00::19"}


def group_mac(group):
    if ":" in group:
        tail = build.ip_bytes(group)[-4:]
        return "33:33:" + tail.hex(":")
    tail = build.ip_bytes(group)
    return f"01:00:5e:{tail[1] & 127:02x}:{tail[2]:02x}:{tail[3]:02x}"


def to_group(group, source=None, mac=None, payload=b"group"):
    """A datagram to a group of the overlay."""
    version = 6 if ":" in group else 4
    return build.udp_frame(mac or group_mac(group), ALICE,
                           source or SOURCE[version], group, payload=payload)


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        ns = made.host[1].ns
        far = made.host[2].mac
        ns.ip(*[f"neigh replace {address} lladdr {far} dev eth0 nud permanent"
                for net in (V4, V6) for address in (*FAR[net], DEFAULT[net])])
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


@pytest.fixture(name="bench")
def _bench(fabric, net):
    """vx0, whose flood list leads to DEFAULT."""
    with benches(fabric, net) as make:
        made = make(to=f"remote {DEFAULT[net]}")
        made.mdb = Mdb(made.ns, DEV)
        yield made


@pytest.fixture(params=(4, 6), name="version")
def _version(request):
    """IP version of the overlay."""
    return request.param


def goes_to(bench, frame):
    """{(destination, VNI, port)} of the copies, by a marker sent behind."""
    marker = build.ether("02:00:00:00:ff:01", ALICE, 0x88b6, b"marker" * 8)
    bench.wire.clear()
    bench.tenant.send(frame, marker)
    bench.wire.wait_for(lambda p: p.sent and p.outer
                        and p.outer.inner == marker, what="marker")
    copies = [wire.parse(p.raw, port) for port in PORTS
              for p in bench.wire.packets(sent=True)]
    found = [(o.dst, o.vni, o.dport) for o in copies
             if o and o.inner == frame]
    assert len(found) == len(set(found)), "one copy each"
    return set(found)


def expected(bench, *remotes):
    return {(remote, bench.vni, 4789) for remote in remotes}


# -- the order of lookups ----------------------------------------------------

def test_mdb_without_entries(bench, version):
    """Nobody has asked for anything: flooded."""
    assert goes_to(bench, to_group(GROUP[version])) == expected(
        bench, DEFAULT[bench.net])


def test_mdb_group(bench, version):
    """(*, G): its remotes get a copy each; other groups go on flooding."""
    one, two, three = FAR[bench.net]
    for remote in (one, two, three):
        bench.mdb.add(GROUP[version], remote)
    assert goes_to(bench, to_group(GROUP[version])) == expected(
        bench, one, two, three)
    assert goes_to(bench, to_group(OTHER[version])) == expected(
        bench, DEFAULT[bench.net])


def test_mdb_source_before_group(bench, version):
    """(S, G) comes before (*, G), which comes before all groups."""
    one, two, three = FAR[bench.net]
    bench.mdb.add(GROUP[version], one, source=SOURCE[version])
    bench.mdb.add(GROUP[version], two)
    bench.mdb.add(ALL[version], three)
    assert goes_to(bench, to_group(GROUP[version])) == expected(bench, one)
    assert goes_to(bench, to_group(
        GROUP[version], STRANGER[version])) == expected(bench, two)
    assert goes_to(bench, to_group(OTHER[version])) == expected(bench, three)
    bench.mdb.delete(GROUP[version], one, source=SOURCE[version])
    assert goes_to(bench, to_group(GROUP[version])) == expected(bench, two)
    bench.mdb.delete(GROUP[version], two)
    assert goes_to(bench, to_group(GROUP[version])) == expected(bench, three)
    bench.mdb.delete(ALL[version], three)
    assert goes_to(bench, to_group(GROUP[version])) == expected(
        bench, DEFAULT[bench.net])


def test_mdb_all_groups_but_local(bench, version):
    """Groups of the link are flooded unless they are named themselves."""
    one = FAR[bench.net][0]
    bench.mdb.add(ALL[version], one)
    assert goes_to(bench, to_group(LOCAL[version])) == expected(
        bench, DEFAULT[bench.net])
    assert goes_to(bench, to_group(GROUP[version])) == expected(bench, one)


def test_mdb_all_groups_of_one_family(bench, version):
    """0.0.0.0 says nothing of IPv6, :: nothing of IPv4."""
    bench.mdb.add(ALL[version], FAR[bench.net][0])
    other = GROUP[10 - version]
    assert goes_to(bench, to_group(other)) == expected(
        bench, DEFAULT[bench.net])


def test_mdb_not_for_other_frames(bench, version):
    """Broadcast, unicast and frames that are not IP do not ask the MDB."""
    for group in (GROUP[version], ALL[version]):
        bench.mdb.add(group, FAR[bench.net][0])
    where = expected(bench, DEFAULT[bench.net])
    group = GROUP[version]
    for frame in (to_group(group, mac=build.BROADCAST),
                  to_group(group, mac="02:00:00:00:dd:01"),
                  build.ether(group_mac(group), ALICE, 0x88b6, bytes(46)),
                  build.arp_request(ALICE, "192.168.1.1", "192.168.1.2")):
        assert goes_to(bench, frame) == where


def test_mdb_behind_a_tag(bench, version):
    """What stands behind a VLAN tag is not looked at (as in the kernel)."""
    bench.mdb.add(ALL[version], FAR[bench.net][0])
    frame = to_group(GROUP[version])
    tagged = frame[:12] + b"\x81\0\0\5" + frame[12:]
    assert goes_to(bench, tagged) == expected(bench, DEFAULT[bench.net])


def test_mdb_unicast_address_in_group_frame(bench):
    """A unicast IP address in a multicast frame: only "all groups" fits."""
    bench.mdb.add(ALL[4], FAR[bench.net][0])
    frame = to_group("192.0.2.7", mac=group_mac(GROUP[4]))
    assert goes_to(bench, frame) == expected(bench, FAR[bench.net][0])


# -- filters -----------------------------------------------------------------

def test_mdb_exclude(bench, version):
    """Who keeps a source out gets what all others send."""
    one, two, _ = FAR[bench.net]
    bench.mdb.add(GROUP[version], one, mode=EXCLUDE,
                  sources=[SOURCE[version]])
    bench.mdb.add(GROUP[version], two)
    assert goes_to(bench, to_group(GROUP[version], STRANGER[version])) == \
        expected(bench, one, two)
    with bench.moved() as moved:
        assert goes_to(bench, to_group(GROUP[version])) == set()
    assert moved["S:tx_mdb_no_remote"] == 1 and moved["tx_dropped"] == 1


def test_mdb_include(bench, version):
    """Who lets a source in gets nothing else."""
    one, two, _ = FAR[bench.net]
    bench.mdb.add(GROUP[version], one, mode=INCLUDE,
                  sources=[SOURCE[version]])
    assert goes_to(bench, to_group(GROUP[version])) == expected(bench, one)
    with bench.moved() as moved:
        assert goes_to(bench, to_group(
            GROUP[version], STRANGER[version])) == set()
    assert moved["S:tx_mdb_no_remote"] == 1
    bench.mdb.add(GROUP[version], two)
    assert goes_to(bench, to_group(GROUP[version], STRANGER[version])) == \
        expected(bench, two)


def test_mdb_filters_of_two(bench, version):
    """One keeps out what the other one lets in."""
    one, two, _ = FAR[bench.net]
    bench.mdb.add(GROUP[version], one, mode=EXCLUDE,
                  sources=[SOURCE[version]])
    bench.mdb.add(GROUP[version], two, mode=INCLUDE,
                  sources=[SOURCE[version]])
    assert goes_to(bench, to_group(GROUP[version])) == expected(bench, two)
    assert goes_to(bench, to_group(GROUP[version], STRANGER[version])) == \
        expected(bench, one)


def test_mdb_filter_replaced(bench, version):
    """Another filter mode, other sources, none."""
    one, group = FAR[bench.net][0], GROUP[version]
    known, strange = to_group(group), to_group(group, STRANGER[version])
    where = expected(bench, one)
    bench.mdb.add(group, one, mode=EXCLUDE, sources=[SOURCE[version]])
    bench.mdb.replace(group, one, mode=INCLUDE, sources=[SOURCE[version]])
    assert (goes_to(bench, known), goes_to(bench, strange)) == (where, set())
    bench.mdb.replace(group, one, mode=INCLUDE, sources=[STRANGER[version]])
    assert (goes_to(bench, known), goes_to(bench, strange)) == (set(), where)
    bench.mdb.replace(group, one, mode=EXCLUDE, sources=[])
    assert (goes_to(bench, known), goes_to(bench, strange)) == (where, where)
    bench.mdb.delete(group, one)
    assert bench.mdb.dump() == []


# -- remotes -----------------------------------------------------------------

def test_mdb_remote_port_and_vni(bench):
    one, two, three = FAR[bench.net]
    bench.mdb.add(GROUP[4], one, port=8472)
    bench.mdb.add(GROUP[4], two, vni=0xabcdef)
    bench.mdb.add(GROUP[4], three, port=0, vni=0)
    assert goes_to(bench, to_group(GROUP[4])) == {
        (one, bench.vni, 8472), (two, 0xabcdef, 4789),
        (three, bench.vni, 4789)}


def test_mdb_remote_replaced(bench):
    """The same address with another port and VNI, then as at first."""
    one, group = FAR[bench.net][0], GROUP[4]
    bench.mdb.add(group, one)
    bench.mdb.replace(group, one, port=8472, vni=7)
    assert goes_to(bench, to_group(group)) == {(one, 7, 8472)}
    bench.mdb.replace(group, one)
    assert goes_to(bench, to_group(group)) == expected(bench, one)


def test_mdb_remote_interface(fabric):
    """Through another interface than that of the device."""
    with benches(fabric, V4) as make:
        bench, one = make(to="", lower=""), FAR[V4][0]
        links.add_veth(bench.ns, "side0", bench.far.ns, "side1")
        try:
            bench.ns.ip(f"neigh add {one} lladdr 02:00:00:00:51:de dev side0 "
                        "nud permanent")
            Mdb(bench.ns, DEV).add(GROUP[4], one,
                                   via=bench.ns.rtnl.index("side0"))
            frame = to_group(GROUP[4])
            with Capture(bench.ns, "side0") as side:
                bench.tenant.send(frame)
                found = side.wait_for(lambda p: p.sent and p.outer)
            assert found.outer.inner == frame and found.outer.dst == one
        finally:
            bench.ns.rtnl.dellink("side0")


def test_mdb_remote_nowhere(bench):
    """A remote 0.0.0.0 or :: is none; the others get theirs."""
    bench.mdb.add(GROUP[4], FAR[bench.net][0])
    bench.mdb.add(GROUP[4], "0.0.0.0" if bench.net is V4 else "::")
    with bench.moved() as moved:
        assert goes_to(bench, to_group(GROUP[4])) == expected(
            bench, FAR[bench.net][0])
    assert moved["S:tx_no_remote"] == 1


def test_mdb_remote_of_other_family(bench):
    """The device has no socket of that family; the others get theirs."""
    bench.mdb.add(GROUP[4], FAR[bench.net][0])
    bench.mdb.add(GROUP[4], FAR[V6 if bench.net is V4 else V4][0])
    with bench.moved() as moved:
        assert goes_to(bench, to_group(GROUP[4])) == expected(
            bench, FAR[bench.net][0])
    assert moved["S:tx_no_socket"] == 1


def test_mdb_many_remotes(bench):
    """One flow, one source port, a copy to each of 100."""
    far = bench.far.mac
    remotes = [f"10.0.0.{n}" if bench.net is V4 else f"fd00::{n:x}"
               for n in range(101, 201)]
    for remote in remotes:
        bench.mdb.add(GROUP[4], remote)
    bench.ns.ip(*[f"neigh replace {address} lladdr {far} dev eth0 "
                  "nud permanent" for address in remotes])
    assert goes_to(bench, to_group(GROUP[4])) == expected(bench, *remotes)
    ports = {o.sport for o in bench.wire.outers(sent=True)
             if o.inner == to_group(GROUP[4])}
    assert len(ports) == 1


def test_mdb_other_source_vni(bench):
    """Entries of another VNI lie there, and nobody asks for them."""
    bench.mdb.add(GROUP[4], FAR[bench.net][0], src_vni=bench.vni + 1)
    assert goes_to(bench, to_group(GROUP[4])) == expected(
        bench, DEFAULT[bench.net])
    assert len(bench.mdb.dump()) == 1


def test_mdb_stays_when_down(bench):
    """Set down and up the device has its MDB still."""
    bench.mdb.add(GROUP[4], FAR[bench.net][0])
    bench.ns.rtnl.setlink(DEV, up=False)
    bench.ns.rtnl.setlink(DEV, up=True)
    assert goes_to(bench, to_group(GROUP[4])) == expected(
        bench, FAR[bench.net][0])


def test_mdb_changes_under_traffic(fabric):
    """Entries, filters and remotes come and go under the frames: each frame
    is sent to those who wanted it at that moment or dropped by name.
    """
    with benches(fabric, V4) as make:
        bench = make(to="")
        table, group = Mdb(bench.ns, DEV), GROUP[4]
        one, two, three = FAR[V4]
        # One that is always there: no frame may miss the MDB.
        table.add(ALL[4], three)
        frames = [to_group(group), to_group(group, STRANGER[4])] * 8
        with bench.moved() as moved, Flood(bench.ns, DEV, frames) as flood:
            for turn in range(150):
                table.add(group, one)
                table.add(group, two, mode=EXCLUDE, sources=[SOURCE[4]])
                table.replace(group, one, mode=INCLUDE,
                              sources=[SOURCE[4], STRANGER[4]], vni=7)
                table.replace(group, two, mode=EXCLUDE, port=8472,
                              sources=[STRANGER[4]])
                if turn % 2:
                    table.flush(dst=one)
                    table.delete(group, two)
                else:
                    table.flush(vni=7)
                    table.flush(port=8472)
                assert [i["dst"] for i in table.dump()] == [three]
            flood.progress(len(frames))
        assert moved["S:tx_no_destination"] == 0, "a frame missed the MDB"
        assert moved["tx_packets"] > 0 and moved["tx_errors"] == 0
        assert moved["tx_packets"] + moved["S:tx_mdb_no_remote"] \
            >= flood.sent


# -- several VNIs ------------------------------------------------------------

def test_mdb_vlan_tunnel(fabric):
    """One external device below a bridge: the VLAN's VNI chooses the entry."""
    ns = fabric.host[1].ns
    with benches(fabric, V4) as make:
        bench = make("external nolearning", vni=None, to="", lower="")
        ns.ip("link add br0 type bridge vlan_filtering 1 mcast_snooping 0",
              "link set br0 up", f"link set {DEV} master br0",
              f"link set {DEV} type bridge_slave vlan_tunnel on learning off",
              "link add p0 type veth peer name p1", "link set p0 master br0",
              "link set p0 up", "link set p1 up")
        try:
            ns.bridge(*[f"vlan add dev p0 vid {vid}" for vid in (10, 20)],
                      *[f"vlan add dev {DEV} vid {vid}" for vid in (10, 20)],
                      *[f"vlan add dev {DEV} vid {vid} tunnel_info id "
                        f"{1000 + vid}" for vid in (10, 20)])
            table = Mdb(ns, DEV)
            table.add(GROUP[4], FAR[V4][0], src_vni=1010)
            table.add(GROUP[4], FAR[V4][1], src_vni=1020, vni=2020)
            assert {(e["src_vni"], e.get("vni")) for e in table.dump()} == {
                (1010, None), (1020, 2020)}
            frame = to_group(GROUP[4])
            with Injector(ns, "p1") as port:
                bench.wire.clear()
                for vid in (10, 20):
                    port.send(frame[:12] + b"\x81\0\0" + bytes([vid])
                              + frame[12:])
                found = bench.wire.wait_count(
                    lambda p: p.sent and p.outer and p.outer.inner == frame,
                    2)
            assert {(p.outer.dst, p.outer.vni) for p in found} == {
                (FAR[V4][0], 1010), (FAR[V4][1], 2020)}
        finally:
            ns.ip("link del p0", "link del br0")


# -- by hand -----------------------------------------------------------------

def test_mdb_iproute2(bench):
    """As the user types it, and what is shown."""
    one, two, _ = FAR[bench.net]
    bench.ns.bridge(
        f"mdb add dev {DEV} port {DEV} grp 239.1.1.1 permanent dst {one}",
        f"mdb add dev {DEV} port {DEV} grp 239.1.1.1 permanent dst {two} "
        f"dst_port 4790 vni 200 filter_mode exclude source_list "
        f"192.168.100.1,192.168.100.77 proto zebra",
        f"mdb add dev {DEV} port {DEV} grp ff0e::1:1 src fd01::1 permanent "
        f"dst {one} via eth0")
    shown = bench.ns.run(f"bridge -d mdb show dev {DEV}")
    assert shown.count("grp 239.1.1.1") == 4
    assert "proto zebra" in shown and "dst_port 4790" in shown
    assert "blocked" in shown and "via eth0" in shown
    got = bench.ns.run(f"bridge -d mdb get dev {DEV} grp 239.1.1.1")
    assert f"dst {one}" in got and f"dst {two}" in got
    assert goes_to(bench, to_group(GROUP[4])) == set()
    bench.ns.bridge(f"mdb flush dev {DEV} proto zebra")
    assert goes_to(bench, to_group(GROUP[4])) == expected(bench, one)
    bench.ns.bridge(f"mdb flush dev {DEV}")
    assert bench.ns.run(f"bridge mdb show dev {DEV}").strip() == ""
