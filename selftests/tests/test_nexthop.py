# SPDX-License-Identifier: GPL-2.0
"""Entries that point to a group of VTEPs: `bridge fdb add MAC dev vx0 nhid N`,
where N is an fdb group made by `ip nexthop`.

    host 1: vx0 -- eth0 ---- fabric ---- hosts 2, 3, 4: nexthops 2, 3, 4
"""

import json
import threading
from contextlib import closing

import pytest

from lib import build, nl, wire
from lib import fdb as f
from lib import nexthop as nh
from lib import nldefs as d
from lib.bench import BOB, DEV, Bench, inner, wired
from lib.fdb import ZERO, Fdb, refusal
from lib.inject import Injector
from lib.nexthop import Nexthops
from lib.topo import DEFAULTS, kind
from lib.transfer import Flood
from lib.underlay import V4, V6
from lib.wait import eventually

NEW, DEL = d.RTM_NEWNEIGH, d.RTM_DELNEIGH
MAC, OTHER = f.mac(1), f.mac(2)
#: Groups: all are VTEPs of the underlay; UNKNOWN does not exist.
GROUP, SECOND, UNKNOWN = 10, 11, 99
#: With them it cannot be done: a VTEP alone, routes, the other family.
SINGLE, ROUTES, FOREIGN = 2, 20, 30
FLOWS = range(5000, 5064)


@pytest.fixture(scope="module")
def fabric():
    with wired(hosts=4) as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


@pytest.fixture(name="bench")
def _bench(fabric, net):
    """vx0 on host 1 without a default destination."""
    made = Bench(fabric, net, to="")
    yield made
    made.delete()


@pytest.fixture(name="nexthops")
def _nexthops(bench):
    """Hosts 2, 3, 4 as nexthops of those numbers; GROUP has all of them."""
    made = Nexthops(bench.ns)
    for number in (2, 3, 4):
        made.add(number, bench.net.address(number))
    made.group(GROUP, 2, 3, 4)
    made.group(SECOND, 3, 4)
    yield made
    made.clear()


@pytest.fixture(name="unfit")
def _unfit(bench, nexthops):
    """Nexthops that are of no use: ROUTES and FOREIGN."""
    other = V6 if bench.net is V4 else V4
    nexthops.add(21, bench.net.address(2), lower="eth0")
    nexthops.group(ROUTES, 21, fdb=False)
    nexthops.add(31, other.address(2))
    nexthops.group(FOREIGN, 31)
    return nexthops


@pytest.fixture(name="fdb")
def _fdb(bench, nexthops):
    return Fdb(bench.ns, DEV)


@pytest.fixture(name="monitor")
def _monitor(bench, fdb):
    with closing(nl.Monitor(bench.ns, (d.RTNLGRP_NEIGH,))) as made:
        yield made


def told(monitor):
    """(type, MAC, group) of the messages about entries, since last asked.

    Older kernels add one of their own to a request, without NDA_CACHEINFO.
    """
    found = [(e["type"], e["mac"], e["nh_id"]) for e in monitor.events()
             if e["family"] == d.AF_BRIDGE and e["cacheinfo"]]
    monitor.seen = []
    return found


def flows(dst=MAC, version=4):
    """Frames of as many flows, to one MAC."""
    return [inner(version, dst=dst, sport=port) for port in FLOWS]


def ways(bench, frames=None):
    """{frame: number of the host to which it went}."""
    hosts = {bench.net.address(host): host.number
             for host in bench.fabric.hosts}
    return {o.inner: hosts[o.dst] for o in bench.send(*(frames or flows()))}


# -- the entry and what is said of it --------------------------------------

@pytest.mark.parametrize("state", [f.PERMANENT, f.STATIC, d.NUD_PERMANENT],
                         ids=["permanent", "static", "permanent-only"])
def test_nexthop_entry(fdb, monitor, state):
    """Dump, get and notification tell the group and no destination."""
    nh.add(fdb, MAC, GROUP, state=state)
    (event,) = [e for e in monitor.events() if e["cacheinfo"]]
    (entry,) = nh.entries(fdb)
    answer = fdb.get(MAC)
    for said in (event, entry, answer):
        assert (said["mac"], said["nh_id"]) == (MAC, GROUP)
        assert (said["family"], said["ifindex"]) == (d.AF_BRIDGE, fdb.index)
        assert (said["state"], said["flags"]) == (state, d.NTF_SELF)
        assert set(said["attrs"]) == {d.NDA_LLADDR, d.NDA_NH_ID,
                                      d.NDA_CACHEINFO}
    assert event["type"] == NEW
    monitor.seen = []
    fdb.delete(MAC)
    assert told(monitor) == [(DEL, MAC, GROUP)]
    assert not nh.entries(fdb)


def test_nexthop_bridge_command(bench, fdb):
    """As people type it."""
    bench.ns.bridge(f"fdb add {MAC} dev {DEV} nhid {GROUP}")
    shown = [e for e in json.loads(bench.ns.bridge(f"-j fdb show dev {DEV}"))
             if e["mac"] == MAC]
    assert [e.get("nhid", e.get("nh_id")) for e in shown] == [GROUP], shown
    bench.ns.bridge(f"fdb replace {MAC} dev {DEV} nhid {SECOND} static")
    assert f"nhid {SECOND}" in bench.ns.bridge(f"fdb get {MAC} dev {DEV} self")
    bench.ns.bridge(f"fdb del {MAC} dev {DEV} nhid {SECOND}")
    assert not nh.entries(fdb)


def test_nexthop_flags(fdb):
    """extern_learn, as routing daemons say it."""
    flags = d.NTF_SELF | d.NTF_EXT_LEARNED
    nh.add(fdb, MAC, GROUP, flags=flags, state=f.STATIC)
    assert [e["flags"] for e in nh.entries(fdb)] == [flags]


def test_nexthop_limit(fabric, net):
    """maxaddress counts such entries, too."""
    bench = Bench(fabric, net, "maxaddress 2", to="")
    nexthops = Nexthops(bench.ns)
    try:
        nexthops.add(2, net.address(2))
        nexthops.group(GROUP, 2)
        fdb = Fdb(bench.ns, DEV)
        nh.add(fdb, MAC, GROUP)
        fdb.add(OTHER, net.address(2))
        assert refusal(nh.add, fdb, f.mac(3), GROUP) == "ENOSPC"
        fdb.delete(OTHER)
        nh.add(fdb, f.mac(3), GROUP)
    finally:
        nexthops.clear()
        bench.delete()


def test_nexthop_down(bench, fdb):
    """They are configuration: they stay when the device is set down."""
    nh.add(fdb, MAC, GROUP)
    nh.add(fdb, OTHER, GROUP, state=f.STATIC)
    bench.ns.rtnl.setlink(DEV, up=False)
    assert sorted(e["mac"] for e in nh.entries(fdb)) == [MAC, OTHER]


# -- refused ---------------------------------------------------------------

@pytest.mark.parametrize("nhid,state,words,error", [
    (UNKNOWN, f.PERMANENT, {}, "EINVAL"),
    (SINGLE, f.PERMANENT, {}, "EINVAL"),
    (ROUTES, f.PERMANENT, {}, "EINVAL"),
    (FOREIGN, f.PERMANENT, {}, "EAFNOSUPPORT"),
    (GROUP, f.DYNAMIC, {}, "EINVAL"),
    (GROUP, f.PERMANENT, {"port": 4790}, "EINVAL"),
    (GROUP, f.PERMANENT, {"port": 4789}, "EINVAL"),
    (GROUP, f.PERMANENT, {"vni": 7}, "EINVAL"),
    (GROUP, f.PERMANENT, {"via": True}, "EINVAL"),
    (GROUP, f.PERMANENT, {"dst": True}, "EINVAL"),
], ids=["unknown", "single", "routes", "family", "dynamic", "port",
        "own-port", "vni", "via", "dst"])
def test_nexthop_refused(bench, fdb, unfit, monitor, nhid, state, words,
                         error):
    """With a sentence, and without an entry or a message."""
    words = dict(words)
    dst = bench.net.address(2) if words.pop("dst", None) else None
    if "via" in words:
        words["via"] = bench.ns.rtnl.index("eth0")
    for nl_flags in (f.ADD, f.REPLACE, f.APPEND):
        with pytest.raises(nl.NlError) as caught:
            fdb.change(MAC, dst, nl_flags, state, nhid=nhid, **words)
        assert f.ERRNO[caught.value.errno] == error
        assert caught.value.msg, "a refusal says why"
    assert not [e for e in fdb.ns.rtnl.fdb(DEV) if e["mac"] == MAC]
    assert not told(monitor)


def test_nexthop_short_attribute(fdb):
    """An id of two bytes is none."""
    attrs = [(d.NDA_LLADDR, nl.mac(MAC)), (d.NDA_NH_ID, nl.u16(GROUP))]
    assert refusal(fdb.ns.rtnl.neigh, NEW, fdb.index, attrs, f.PERMANENT,
                   nl_flags=f.ADD) == "EINVAL"
    assert not nh.entries(fdb)


@pytest.mark.parametrize("nl_flags,error", [
    (f.ADD, "EEXIST"), (0, "EOPNOTSUPP"), (d.NLM_F_CREATE, "EOPNOTSUPP"),
    (f.REPLACE, "EOPNOTSUPP"), (f.APPEND, "EOPNOTSUPP"),
], ids=["add", "bare", "create", "replace", "append"])
@pytest.mark.parametrize("mac", [MAC, ZERO], ids=["unicast", "zero"])
def test_nexthop_for_a_destination(bench, fdb, monitor, mac, nl_flags, error):
    """An entry with a destination does not become one with a group."""
    fdb.add(mac, bench.net.address(2))
    told(monitor)
    before = fdb.snapshot()
    assert refusal(nh.add, fdb, mac, GROUP, nl_flags) == error
    assert fdb.snapshot() == before
    assert not told(monitor)


@pytest.mark.parametrize("nhid,nl_flags,state,error", [
    (SECOND, f.ADD, f.PERMANENT, "EEXIST"),
    (SECOND, f.APPEND, f.PERMANENT, "EOPNOTSUPP"),
    (GROUP, f.APPEND, f.PERMANENT, "EOPNOTSUPP"),
    (GROUP, f.REPLACE, f.DYNAMIC, "EINVAL"),
    (UNKNOWN, f.REPLACE, f.PERMANENT, "EINVAL"),
    (SINGLE, f.REPLACE, f.PERMANENT, "EINVAL"),
    (ROUTES, f.REPLACE, f.PERMANENT, "EINVAL"),
    (FOREIGN, f.REPLACE, f.PERMANENT, "EAFNOSUPPORT"),
    # a change that fails leaves the state alone as well
    (UNKNOWN, f.REPLACE, f.STATIC, "EINVAL"),
    (FOREIGN, f.REPLACE, f.STATIC, "EAFNOSUPPORT"),
], ids=["add", "append", "append-same", "dynamic", "unknown", "single",
        "routes", "family", "unknown-and-state", "family-and-state"])
def test_nexthop_change_refused(fdb, unfit, monitor, nhid, nl_flags, state,
                                error):
    """The entry is what it was, and nothing is told."""
    nh.add(fdb, MAC, GROUP)
    told(monitor)
    before = fdb.snapshot()
    assert refusal(nh.add, fdb, MAC, nhid, nl_flags, state) == error
    assert fdb.snapshot() == before
    assert not told(monitor)


def test_nexthop_not_dynamic_later(bench, fdb, monitor):
    """A request without a group cannot make it dynamic either."""
    nh.add(fdb, MAC, GROUP)
    told(monitor)
    before = fdb.snapshot()
    assert refusal(fdb.change, MAC, bench.net.address(2), 0,
                   f.DYNAMIC) == "EOPNOTSUPP"
    assert fdb.snapshot() == before
    assert not told(monitor)


def test_nexthop_replaced_by_remote(bench, fdb, monitor):
    """Who replaces a group by a remote gets what was asked for."""
    nh.add(fdb, MAC, GROUP)
    told(monitor)
    fdb.change(MAC, bench.net.address(2), f.REPLACE)
    assert fdb.dsts(MAC) == [bench.net.address(2)]
    assert len(told(monitor)) == 1


@pytest.mark.parametrize("mac,nl_flags", [
    (MAC, f.APPEND), (ZERO, f.APPEND), (ZERO, f.REPLACE)],
    ids=["unicast-append", "zero-append", "zero-replace"])
def test_nexthop_keeps_its_group(bench, fdb, mac, nl_flags):
    """A destination does not join a group."""
    nh.add(fdb, mac, GROUP)
    before = fdb.snapshot()
    refusal(fdb.change, mac, bench.net.address(2), nl_flags)
    assert fdb.snapshot() == before
    fdb.delete(mac, bench.net.address(2))
    assert fdb.snapshot() == before, "no such remote: nothing happens"


def test_nexthop_replaced(fdb, monitor):
    """One group by another: one message; by itself: none."""
    nh.add(fdb, MAC, GROUP)
    told(monitor)
    nh.replace(fdb, MAC, SECOND)
    assert told(monitor) == [(NEW, MAC, SECOND)]
    nh.replace(fdb, MAC, SECOND)
    assert not told(monitor)
    assert nh.groups(fdb, MAC) == [SECOND]
    nh.replace(fdb, MAC, SECOND, f.STATIC)
    assert told(monitor) == [(NEW, MAC, SECOND)]
    nh.replace(fdb, OTHER, GROUP)
    assert told(monitor) == [(NEW, OTHER, GROUP)], "replace may create"


def test_nexthop_group_freed(fdb, nexthops):
    """A group that an entry has left can go without it."""
    nh.add(fdb, MAC, GROUP)
    nh.replace(fdb, MAC, SECOND)
    nexthops.delete(GROUP)
    assert nh.groups(fdb, MAC) == [SECOND]


# -- packets ---------------------------------------------------------------

def test_nexthop_spread(bench, fdb):
    """Every VTEP of the group gets some flows, a flow has always the same;
    each frame is sent once, with the device's VNI and port.
    """
    nh.add(fdb, MAC, GROUP)
    frames = flows() + flows(version=6)
    first = ways(bench, frames)
    assert set(first.values()) == {2, 3, 4}
    assert ways(bench, frames) == first
    packets = [p for p in bench.wire.packets(sent=True) if p.outer]
    assert len(packets) == len(frames)
    for packet in packets:
        bench.net.check(packet.outer, bench.vni, bench.near,
                        bench.fabric.host[first[packet.outer.inner]])


def test_nexthop_counted(bench, fdb):
    """The same packets and bytes as with a destination of one's own."""
    nh.add(fdb, MAC, GROUP)
    fdb.add(OTHER, bench.net.address(2))
    with bench.moved() as moved:
        bench.send(*flows())
    with bench.moved() as plain:
        bench.send(*flows(OTHER))
    assert moved["tx_packets"] == len(FLOWS)
    assert moved == plain


def test_nexthop_flood_entry(bench, fdb):
    """The zero MAC may point to a group: one of its VTEPs gets the frame."""
    nh.add(fdb, ZERO, GROUP)
    frames = flows(dst=build.BROADCAST)
    assert set(ways(bench, frames).values()) == {2, 3, 4}
    assert len([p for p in bench.wire.packets(sent=True) if p.outer]) == len(
        frames)


def test_nexthop_members_change(bench, fdb, nexthops, monitor):
    """Frames follow the group at once; the entry is not touched."""
    nh.add(fdb, MAC, GROUP)
    told(monitor)
    assert set(ways(bench).values()) == {2, 3, 4}
    nexthops.regroup(GROUP, 3)
    assert set(ways(bench).values()) == {3}
    nexthops.regroup(GROUP, 2, 4)
    assert set(ways(bench).values()) == {2, 4}
    nexthops.delete(4)
    assert set(ways(bench).values()) == {2}
    nexthops.change(2, bench.net.address(3))
    assert set(ways(bench).values()) == {3}
    assert not told(monitor)
    assert nh.groups(fdb, MAC) == [GROUP]


def test_nexthop_family_changes(bench, fdb, unfit):
    """A group whose VTEPs become those of the other family: what the device
    cannot send is dropped and counted, until they are reachable again.
    """
    nh.add(fdb, MAC, SECOND)
    unfit.regroup(SECOND, 31)
    with bench.moved() as moved:
        bench.tenant.send(*flows())
        eventually(lambda: sum(moved.now()[name] for name in (
            "tx_dropped", "tx_errors")) == len(FLOWS))
    assert moved["tx_packets"] == 0
    unfit.regroup(SECOND, 3)
    assert set(ways(bench).values()) == {3}


def test_nexthop_replaced_group_carries(bench, fdb):
    """A replaced group takes all flows with it."""
    nh.add(fdb, MAC, GROUP)
    ways(bench)
    nh.replace(fdb, MAC, SECOND)
    assert set(ways(bench).values()) == {3, 4}


def test_nexthop_weights(bench, fdb, nexthops):
    """A VTEP of weight 200 gets more than one of weight 1."""
    nexthops.regroup(GROUP, (2, 200), 3)
    nh.add(fdb, MAC, GROUP)
    taken = list(ways(bench).values())
    assert taken.count(2) > len(taken) / 2


def test_nexthop_port(bench, fdb, nexthops):
    """`ip nexthop add ... fdb dstport` (newer kernels): that VTEP listens
    elsewhere.
    """
    try:
        nexthops.add(5, bench.net.address(2), port=5555)
    except nl.NlError as error:
        assert f.RELEASE < (7, 0), f"refused: {error}"
        pytest.skip(f"this kernel has no NHA_DST_PORT: {error}")
    nexthops.group(12, 5)
    nh.add(fdb, MAC, 12)
    bench.wire.clear()
    bench.tenant.send(inner(dst=MAC))
    packet = bench.wire.wait_for(
        lambda p: p.sent and wire.parse(p.raw, port=5555))
    outer = wire.parse(packet.raw, port=5555)
    assert (outer.dst, outer.inner) == (bench.net.address(2), inner(dst=MAC))
    assert outer.vni == bench.vni


# -- the end of groups -----------------------------------------------------

def last_member_goes(nexthops):
    nexthops.delete(2, 3, 4)


def group_goes(nexthops):
    nexthops.delete(GROUP)


@pytest.mark.parametrize("end", [group_goes, last_member_goes])
def test_nexthop_group_deleted(bench, fdb, nexthops, monitor, end):
    """Its entries go with it, and listeners are told; no other entry does.
    """
    many = [f.mac(n) for n in range(20)]
    for mac in many:
        nh.add(fdb, mac, GROUP)
    keep = f.mac(100)
    fdb.add(keep, bench.net.address(2))
    before = fdb.entries()
    told(monitor)
    end(nexthops)
    assert not nh.entries(fdb)
    assert [e["attrs"][d.NDA_DST] for e in fdb.entries()] == [
        e["attrs"][d.NDA_DST] for e in before]
    assert sorted(told(monitor)) == sorted((DEL, mac, GROUP) for mac in many)
    with bench.moved() as moved:
        bench.tenant.send(inner(dst=MAC))
        moved.wait_for("tx_dropped", 1)
    fdb.add(MAC, bench.net.address(3))
    assert set(ways(bench).values()) == {3}


def test_nexthop_two_devices(fabric, bench, fdb, nexthops, monitor):
    """Two devices share a group; one goes with its entries, then the group
    with those of the other.
    """
    second = Bench(fabric, bench.net, vni=101, to="", name="vx1")
    try:
        table = Fdb(bench.ns, "vx1")
        for one in (fdb, table):
            nh.add(one, MAC, GROUP)
            nh.add(one, OTHER, GROUP)
        assert ways(bench)
        assert ways(second) == ways(bench), "both hash the inner flow"
        told(monitor)
    finally:
        second.delete()
    assert sorted(told(monitor)) == [(DEL, MAC, GROUP), (DEL, OTHER, GROUP)]
    assert nh.groups(fdb, MAC) == [GROUP]
    assert set(ways(bench).values()) == {2, 3, 4}
    group_goes(nexthops)
    assert not nh.entries(fdb)


def test_nexthop_two_devices_group_goes(fabric, bench, fdb, nexthops,
                                        monitor):
    """The group goes first: the entries of both devices do."""
    second = Bench(fabric, bench.net, vni=101, to="", name="vx1")
    try:
        table = Fdb(bench.ns, "vx1")
        nh.add(fdb, MAC, GROUP)
        nh.add(table, OTHER, GROUP)
        nh.add(table, MAC, SECOND)
        told(monitor)
        group_goes(nexthops)
        assert sorted(told(monitor)) == [(DEL, MAC, GROUP),
                                         (DEL, OTHER, GROUP)]
        assert not nh.entries(fdb)
        assert [e["nh_id"] for e in nh.entries(table)] == [SECOND]
    finally:
        second.delete()


def test_nexthop_device_deleted(fabric, net):
    """A device that goes gives its groups back."""
    bench = Bench(fabric, net, to="")
    nexthops = Nexthops(bench.ns)
    nexthops.add(2, net.address(2))
    nexthops.group(GROUP, 2)
    try:
        for number in range(50):
            nh.add(Fdb(bench.ns, DEV), f.mac(number), GROUP)
        ways(bench)
    finally:
        bench.delete()
        nexthops.delete(GROUP, 2)
    assert not nexthops.ids()


def test_nexthop_namespace_ends(namespaces, net):
    """Everything at once: device, entries, groups (see test_zz_leaks)."""
    for number in range(3):
        ns = namespaces(f"end{number}")
        ns.ip(f"link add {DEV} type {kind()} id 5 "
              f"local {net.address(1)} {DEFAULTS}", f"link set {DEV} up")
        nexthops = Nexthops(ns)
        nexthops.add(2, net.address(2))
        nexthops.group(GROUP, 2)
        for mac in (MAC, OTHER):
            nh.add(Fdb(ns, DEV), mac, GROUP)
        ns.delete()


def test_nexthop_moved_device(namespaces, net):
    """A device in another namespace takes groups of its underlay's; their
    end is told where the device is.
    """
    home, away = namespaces("home"), namespaces("away")
    home.ip(f"link add {DEV} type {kind()} id 5 local {net.address(1)} "
            f"{DEFAULTS}", f"link set {DEV} netns {away.name}")
    for ns, group in ((home, GROUP), (away, SECOND)):
        nexthops = Nexthops(ns)
        nexthops.add(2, net.address(2))
        nexthops.group(group, 2)
    fdb = Fdb(away, DEV)
    with closing(nl.Monitor(away, (d.RTNLGRP_NEIGH,))) as there, \
            closing(nl.Monitor(home, (d.RTNLGRP_NEIGH,))) as here:
        nh.add(fdb, MAC, GROUP)
        assert refusal(nh.add, fdb, OTHER, SECOND) == "EINVAL"
        (entry,) = nh.entries(fdb)
        assert d.NDA_LINK_NETNSID in entry["attrs"]
        told(there)
        Nexthops(home).delete(GROUP)
        assert not nh.entries(fdb)
        assert told(there) == [(DEL, MAC, GROUP)]
        assert not told(here)


# -- beside the rest of the table ------------------------------------------

def test_nexthop_not_learned_over(bench, fdb):
    """A frame from such a MAC out of a VTEP that is not of the group is
    dropped and counted; the entry stays. Without learning it passes.
    """
    nh.add(fdb, MAC, SECOND)
    before = fdb.snapshot()
    stranger = bench.outer(inner(dst=BOB, src=MAC), dst=bench.net.address(1))
    known = bench.outer(inner(dst=BOB, src=OTHER))
    with bench.moved() as moved:
        bench.device.clear()
        bench.peer.send(stranger, known)
        bench.device.wait_count(lambda p: not p.sent, 1)
    came = [p.raw for p in bench.device.packets(sent=False)]
    assert came == [inner(dst=BOB, src=OTHER)]
    assert moved["S:rx_static_entry"] == 1
    assert [e for e in fdb.snapshot() if e in before] == before

    bench.ns.ip(f"link set {DEV} type {kind()} nolearning")
    assert bench.receive(stranger)[0].raw == inner(dst=BOB, src=MAC)
    assert nh.groups(fdb, MAC) == [SECOND]


def test_nexthop_members_pass(bench, fdb):
    """A frame from such a MAC out of a VTEP of the group is delivered."""
    nh.add(fdb, MAC, SECOND)
    before = fdb.snapshot()
    for number in (3, 4):
        frame = inner(dst=BOB, src=MAC)
        (packet,) = bench.receive(bench.outer(
            frame, src=bench.net.address(number)))
        assert packet.raw == frame
    assert fdb.snapshot() == before


@pytest.mark.skipif(not f.FULL_FLUSH,
                    reason="this kernel's core filters a flush by state only")
def test_nexthop_flush(bench, fdb, monitor):
    """Flush by group takes the entries of that group."""
    nh.add(fdb, MAC, GROUP)
    nh.add(fdb, OTHER, SECOND)
    fdb.add(f.mac(3), bench.net.address(2))
    told(monitor)
    fdb.flush([(d.NDA_NH_ID, nl.u32(GROUP))])
    assert told(monitor) == [(DEL, MAC, GROUP)]
    assert [e["nh_id"] for e in nh.entries(fdb)] == [SECOND]
    assert fdb.macs() == [f.mac(3)]
    fdb.flush([(d.NDA_NH_ID, nl.u32(UNKNOWN))])
    assert len(fdb.snapshot()) == len(fdb.entries()) + 1


@pytest.mark.skipif(not f.FULL_FLUSH,
                    reason="this kernel's core filters a flush by state only")
@pytest.mark.parametrize("what", ["dst", "vni", "port"])
def test_nexthop_flush_remotes(bench, fdb, what):
    """Filters of remotes do not match an entry without any."""
    nh.add(fdb, MAC, GROUP)
    filters = {"dst": (d.NDA_DST, nl.ip(bench.net.address(2))),
               "vni": (d.NDA_VNI, nl.u32(bench.vni)),
               "port": (d.NDA_PORT, nl.be16(4789))}
    fdb.add(OTHER, bench.net.address(2))
    fdb.flush([filters[what]])
    assert not fdb.entries()
    assert nh.groups(fdb, MAC) == [GROUP]


def test_nexthop_flush_all(fdb):
    """A flush without filters takes them, too."""
    nh.add(fdb, MAC, GROUP)
    fdb.flush()
    assert not nh.entries(fdb)


def test_nexthop_dump_many(bench, fdb):
    """500 entries, each told once, among as many others."""
    for number in range(500):
        nh.add(fdb, f.mac(number), (GROUP, SECOND)[number % 2])
    fdb.add_many([(f.mac(n, 0xbb), bench.net.address(2)) for n in range(500)])
    found = [(e["mac"], e["nh_id"]) for e in nh.entries(fdb)]
    assert sorted(found) == [(f.mac(n), (GROUP, SECOND)[n % 2])
                             for n in range(500)]
    assert len(fdb.entries()) == 500


# -- under traffic ---------------------------------------------------------

def test_nexthop_under_traffic(bench, fdb, nexthops):
    """Groups and entries come, change and go while frames use them and
    others try to be learned over them.
    """
    strangers = [bench.outer(inner(src=mac)) for mac in (MAC, OTHER)]
    with Flood(bench.ns, DEV, flows()) as out, \
            Flood(bench.far.ns, "eth0", strangers) as back:
        for number in range(20):
            if fdb.dsts(MAC):   # learned while there was no group
                fdb.delete(MAC)
            else:
                nh.replace(fdb, MAC, GROUP)
            nexthops.regroup(GROUP, *((2, 3), (4,), (2, 3, 4))[number % 3])
            nexthops.change(2, bench.net.address(2 + number % 3))
            if number % 4 == 3:
                nexthops.delete(GROUP)
                nexthops.group(GROUP, 2, 3, 4)
            out.progress(20)
            back.progress(4)
    nexthops.change(2, bench.net.address(2))
    nexthops.regroup(GROUP, 2, 3, 4)
    if fdb.dsts(MAC):
        fdb.delete(MAC)
    nh.replace(fdb, MAC, GROUP)
    assert set(ways(bench).values()) == {2, 3, 4}


def test_nexthop_entry_and_group_race(bench, fdb, nexthops):
    """Entries are made while their group is deleted and made again: each
    request succeeds or is refused for the group, and none outlives it.
    """
    stop, odd = threading.Event(), []

    def churn():
        with nl.Rtnl(bench.ns) as rtnl:
            while not stop.is_set():
                for number in range(20):
                    why = refusal(
                        rtnl.neigh, NEW, fdb.index,
                        f.attrs(f.mac(number), nhid=GROUP), f.PERMANENT,
                        nl_flags=f.REPLACE)
                    if why not in (None, "EINVAL"):
                        odd.append(why)

    thread = threading.Thread(target=churn, daemon=True)
    thread.start()
    try:
        for _ in range(30):
            nexthops.delete(GROUP)
            nexthops.group(GROUP, 2, 3, 4)
            with Injector(bench.ns, DEV) as out:
                out.send(*flows()[:8])
    finally:
        stop.set()
        thread.join()
    assert not odd
    nexthops.delete(GROUP)
    assert not nh.entries(fdb)
