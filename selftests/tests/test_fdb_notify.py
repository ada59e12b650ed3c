# SPDX-License-Identifier: GPL-2.0
"""What listeners of RTNLGRP_NEIGH (`bridge monitor fdb`) are told, and when.

Kernels before 6.13 add a message of their own to each request that succeeded;
it has no destination, so told() leaves it out.
"""

import time
from contextlib import closing

import pytest

from lib import build, inject, nl
from lib import fdb as f
from lib import nldefs as d
from lib.fdb import GROUP_MAC, ZERO, Fdb, fdb, fdb_host  # noqa: F401
from lib.topo import DEFAULTS, kind
from lib.wait import eventually, scaled

MAC = f.mac(1)
ONE, TWO, THREE = "10.0.0.1", "10.0.0.2", "10.0.0.3"
NEW, DEL = d.RTM_NEWNEIGH, d.RTM_DELNEIGH


@pytest.fixture
def monitor(fdb_host, fdb):
    """Listens from now on: the device is there and empty."""
    with closing(nl.Monitor(fdb_host, (d.RTNLGRP_NEIGH,))) as made:
        yield made


def told(monitor):
    """(type, MAC, destination) of the driver's messages since last asked."""
    found = [(e["type"], e["mac"], e["dst"]) for e in monitor.events()
             if e["dst"] and e["family"] == d.AF_BRIDGE]
    monitor.seen = []
    return found


def test_fdb_notify_unicast(fdb, monitor):
    """One message for each change, none for a request that changes nothing.
    """
    fdb.add(MAC, ONE)
    assert told(monitor) == [(NEW, MAC, ONE)]
    fdb.change(MAC, ONE, d.NLM_F_CREATE)
    fdb.append(MAC, TWO)
    fdb.replace(MAC, ONE)
    assert not told(monitor)
    fdb.replace(MAC, TWO)
    assert told(monitor) == [(NEW, MAC, TWO)]
    fdb.change(MAC, TWO, 0, state=f.STATIC)
    assert told(monitor) == [(NEW, MAC, TWO)]
    fdb.delete(MAC, ONE)
    assert not told(monitor), "no such remote: nothing happened"
    fdb.delete(MAC)
    assert told(monitor) == [(DEL, MAC, TWO)]


@pytest.mark.parametrize("mac", [ZERO, GROUP_MAC], ids=["zero", "multicast"])
def test_fdb_notify_flood(fdb, monitor, mac):
    """Each remote is told of; a whole entry's in the order of the list."""
    for dst in (ONE, TWO, THREE, TWO):
        fdb.append(mac, dst)
    assert told(monitor) == [(NEW, mac, dst) for dst in (ONE, TWO, THREE)]
    fdb.delete(mac, TWO)
    assert told(monitor) == [(DEL, mac, TWO)]
    fdb.delete(mac)
    assert told(monitor) == [(DEL, mac, ONE), (DEL, mac, THREE)]


def test_fdb_notify_content(fdb, monitor):
    """A notification says what the dump says."""
    via = fdb.ns.rtnl.index("eth0")
    fdb.add(MAC, ONE, f.STATIC, port=99, vni=7, via=via)
    (event,) = [e for e in monitor.events() if e["dst"]]
    (entry,) = fdb.entries(MAC)
    for key in ("family", "ifindex", "state", "flags", "port", "vni", "via"):
        assert event[key] == entry[key], key
    assert set(event["attrs"]) == set(entry["attrs"]) == {
        d.NDA_LLADDR, d.NDA_DST, d.NDA_PORT, d.NDA_VNI, d.NDA_IFINDEX,
        d.NDA_CACHEINFO}
    monitor.seen = []
    fdb.delete(MAC)
    (event,) = [e for e in monitor.events() if e["dst"]]
    assert (event["type"], event["state"], event["port"], event["vni"]) == (
        DEL, f.STATIC, 99, 7)


def test_fdb_notify_flush(fdb, monitor):
    """A flush tells of every entry it takes out."""
    macs = [f.mac(number) for number in range(50)]
    fdb.add_many([(mac, ONE) for mac in macs])
    fdb.append(ZERO, TWO)
    fdb.append(ZERO, THREE)
    told(monitor)
    fdb.flush()
    assert sorted(told(monitor)) == sorted(
        [(DEL, mac, ONE) for mac in macs]
        + [(DEL, ZERO, TWO), (DEL, ZERO, THREE)])


def test_fdb_notify_device(fdb_host):
    """The default entry is told of at creation; at the end all entries are
    gone before the device is.
    """
    groups = (d.RTNLGRP_NEIGH, d.RTNLGRP_LINK)
    with closing(nl.Monitor(fdb_host, groups)) as monitor:
        fdb_host.ip(f"link add vx0 type {kind()} id 100 remote {ONE} "
                    f"{DEFAULTS}")
        (event,) = [e for e in monitor.events() if e.get("dst")]
        assert (event["type"], event["mac"], event["dst"]) == (NEW, ZERO, ONE)
        assert event["state"] == d.NUD_PERMANENT | d.NUD_REACHABLE
        assert event["flags"] == d.NTF_SELF

        Fdb(fdb_host).add(MAC, TWO)
        monitor.events()
        monitor.seen = []
        fdb_host.rtnl.dellink("vx0")
        events = [(e["type"], e.get("mac")) for e in monitor.events()
                  if e["type"] == d.RTM_DELLINK or e.get("dst")]
    assert sorted(events[:2]) == sorted([(DEL, ZERO), (DEL, MAC)])
    assert [kind for kind, _ in events[2:]] == [d.RTM_DELLINK]


def test_fdb_notify_default_changes(fdb_host):
    """Another remote: the new one is told of before the old one goes."""
    fdb_host.ip(f"link add vx0 type {kind()} id 100 remote {ONE} {DEFAULTS}")
    try:
        with closing(nl.Monitor(fdb_host, (d.RTNLGRP_NEIGH,))) as monitor:
            fdb_host.ip(f"link set vx0 type {kind()} remote {TWO}")
            assert told(monitor) == [(NEW, ZERO, TWO), (DEL, ZERO, ONE)]
        assert Fdb(fdb_host).dsts(ZERO) == [TWO]
    finally:
        fdb_host.rtnl.dellink("vx0")


def test_fdb_notify_down(fdb, monitor):
    """Down: dynamic entries go and are told of, others stay."""
    fdb.add(f.mac(1), ONE, f.DYNAMIC)
    fdb.add(f.mac(2), ONE, f.STATIC)
    fdb.add(f.mac(3), ONE, f.PERMANENT)
    told(monitor)
    fdb.ns.rtnl.setlink("vx0", up=False)
    assert told(monitor) == [(DEL, f.mac(1), ONE)]
    assert sorted(fdb.macs()) == [f.mac(2), f.mac(3)]


def test_fdb_notify_other_namespace(namespaces, fdb_host):
    """A device that was moved: told in its new namespace, with the id of the
    underlay's.
    """
    home, away = namespaces("home"), namespaces("away")
    home.ip(f"link add vx0 type {kind()} id 100 {DEFAULTS}",
            f"link set vx0 netns {away.name}")
    with closing(nl.Monitor(home, (d.RTNLGRP_NEIGH,))) as here, \
            closing(nl.Monitor(away, (d.RTNLGRP_NEIGH,))) as there:
        table = Fdb(away)
        table.add(MAC, ONE)
        (event,) = [e for e in there.events() if e["dst"]]
        assert not [e for e in here.events() if e["dst"]]
    assert event["mac"] == MAC
    (entry,) = table.entries(MAC)
    number = entry["attrs"][d.NDA_LINK_NETNSID]
    assert event["attrs"][d.NDA_LINK_NETNSID] == number
    link = away.rtnl.link("vx0")
    assert link["attrs"][d.IFLA_LINK_NETNSID] == number


def test_fdb_notify_learned_moved_aged(fabric):
    """Learned: NEW, reachable. Moved: NEW with the new VTEP. Aged: DEL,
    stale. The refresh by further frames is not told.
    """
    host = fabric.host[1]
    host.ns.ip(f"link add vx0 type {kind()} id 77 local {host.ip4} {DEFAULTS} "
               f"ageing 2", "link set vx0 up")
    frame = build.udp_frame(build.BROADCAST, MAC, "192.0.2.1", "192.0.2.255")
    try:
        with closing(nl.Monitor(host.ns, (d.RTNLGRP_NEIGH,))) as monitor:
            for number in (2, 2, 3):
                other = fabric.host[number]
                inject.send_udp(other.ns, host.ip4, 4789,
                                build.vxlan(77, frame))
                eventually(lambda ip=other.ip4: Fdb(host.ns).dsts(MAC) == [ip],
                           what=f"{MAC} behind {other}")
            eventually(lambda: not Fdb(host.ns).dsts(MAC), 20,
                       what=f"{MAC} aged away")
            events = [e for e in monitor.events() if e["mac"] == MAC]
    finally:
        host.ns.rtnl.dellink("vx0")
    assert [(e["type"], e["dst"], e["state"]) for e in events] == [
        (NEW, fabric.host[2].ip4, d.NUD_REACHABLE),
        (NEW, fabric.host[3].ip4, d.NUD_REACHABLE),
        (DEL, fabric.host[3].ip4, d.NUD_STALE)]
    assert {e["flags"] for e in events} == {d.NTF_SELF}


def test_fdb_notify_command(fdb_host, fdb):
    """`bridge monitor fdb` shows an entry come and go."""
    with fdb_host.popen("bridge -t monitor fdb", stdout=-1) as watch:
        time.sleep(scaled(0.3))
        fdb.add(MAC, ONE)
        fdb.delete(MAC)
        time.sleep(scaled(0.2))
        watch.terminate()
        lines = [line for line in watch.stdout.read().splitlines()
                 if MAC in line and ONE in line]
    fdb_host.children.remove(watch)
    assert len(lines) == 2
    assert not lines[0].startswith("Deleted") and "permanent" in lines[0]
    assert lines[1].startswith("Deleted")
