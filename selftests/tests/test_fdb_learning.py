# SPDX-License-Identifier: GPL-2.0
"""What the forwarding table learns from received frames and how it forgets.

    host2, host3 ---- encapsulated frames, VNI 77 ----> host1, device vx0
"""

import time
from types import SimpleNamespace

import pytest

from lib import build, counters, inject
from lib import fdb as f
from lib import nldefs as d
from lib.capture import Capture
from lib.fdb import ZERO, Fdb
from lib.topo import DEFAULTS, kind
from lib.wait import eventually, scaled

A, B, C = f.mac(0xa), f.mac(0xb), f.mac(0xc)
VNI = 77


def send(fabric, number, *macs, vni=VNI):
    """Host `number` sends one broadcast frame of each MAC to host 1."""
    for mac in macs:
        frame = build.udp_frame(build.BROADCAST, mac, "192.0.2.1",
                                "192.0.2.255")
        inject.send_udp(fabric.host[number].ns, fabric.host[1].ip4, 4789,
                        build.vxlan(vni, frame))


@pytest.fixture
def vtep(fabric):
    """vtep("ip link words") makes vx0 on host 1, up: .ns .fdb."""
    host = fabric.host[1]
    made = []

    def make(words="", vni=VNI, name="vx0"):
        host.ns.ip(f"link add {name} type {kind()} id {vni} local {host.ip4} "
                   f"{DEFAULTS} {words}", f"link set {name} up")
        made.append(name)
        return SimpleNamespace(ns=host.ns, name=name,
                               fdb=Fdb(host.ns, name))

    yield make
    for name in made:
        host.ns.rtnl.dellink(name)


def wait_behind(fabric, table, mac, number):
    """The MAC is behind that host, and only there."""
    address = fabric.host[number].ip4
    eventually(lambda: table.dsts(mac) == [address],
               what=f"{mac} behind host{number}: {table.dsts(mac)}")


def came(cap, mac):
    """Frames of a MAC that the device has delivered."""
    raw = bytes.fromhex(mac.replace(":", ""))
    return [p for p in cap.packets(sent=False) if p.raw[6:12] == raw]


def test_fdb_learned(fabric, vtep):
    """A frame's source is reachable behind the VTEP that sent it; that costs
    one entry, however many frames come.
    """
    dev = vtep()
    with counters.delta(dev.ns, "vx0") as moved:
        for _ in range(3):
            send(fabric, 2, A)
        send(fabric, 3, B)
        moved.wait_for("rx_packets", 4)
    assert moved["S:fdb_learned"] == 2
    for mac, number in ((A, 2), (B, 3)):
        (entry,) = dev.fdb.entries(mac)
        assert entry["dst"] == fabric.host[number].ip4
        assert (entry["state"], entry["flags"]) == (d.NUD_REACHABLE,
                                                    d.NTF_SELF)
        assert (entry["port"], entry["vni"], entry["via"]) == (None,) * 3
    assert len(dev.fdb.entries()) == 2


def test_fdb_nolearning(fabric, vtep):
    """nolearning: frames are delivered, nothing is learned."""
    dev = vtep("nolearning")
    with counters.delta(dev.ns, "vx0") as moved:
        send(fabric, 2, A)
        moved.wait_for("rx_packets", 1)
    assert not dev.fdb.entries()
    assert moved["S:fdb_learned"] == 0


def test_fdb_moves(fabric, vtep):
    """A dynamic entry follows the frames; it stays one entry."""
    dev = vtep()
    with counters.delta(dev.ns, "vx0") as moved:
        for number in (2, 3, 2):
            send(fabric, number, A)
            wait_behind(fabric, dev.fdb, A, number)
    assert (moved["S:fdb_learned"], moved["S:fdb_moved"]) == (1, 2)


@pytest.mark.parametrize("state", [f.STATIC, f.PERMANENT],
                         ids=["static", "permanent"])
def test_fdb_static_stays(fabric, vtep, state):
    """A configured MAC that appears behind another VTEP: the frame is
    dropped and counted, the entry is as it was. From the right VTEP it
    passes.
    """
    dev = vtep()
    dev.fdb.add(A, fabric.host[2].ip4, state)
    before = dev.fdb.snapshot()
    with Capture(dev.ns, "vx0") as cap, \
            counters.delta(dev.ns, "vx0") as moved:
        send(fabric, 3, A, A)
        moved.wait_for("rx_dropped", 2)
        assert not came(cap, A)
        send(fabric, 2, A)
        eventually(lambda: len(came(cap, A)) == 1)
    assert moved["S:rx_static_entry"] == 2
    assert moved["rx_packets"] == 1
    assert moved["S:fdb_moved"] == moved["S:fdb_learned"] == 0
    assert dev.fdb.snapshot() == before


def test_fdb_dynamic_moves(fabric, vtep):
    """A MAC configured as dynamic may move."""
    dev = vtep()
    dev.fdb.add(A, fabric.host[2].ip4, f.DYNAMIC)
    send(fabric, 3, A)
    wait_behind(fabric, dev.fdb, A, 3)
    assert dev.fdb.state(A) == f.DYNAMIC


def test_fdb_ages_by_reception(fabric, vtep):
    """The MAC we only send to ages; the one that sends to us stays."""
    dev = vtep("ageing 5")
    send(fabric, 2, A, B)
    wait_behind(fabric, dev.fdb, A, 2)
    wait_behind(fabric, dev.fdb, B, 2)
    dev.fdb.add(C, fabric.host[3].ip4, f.DYNAMIC)
    begin = heard = time.monotonic()
    with counters.delta(dev.ns, "vx0") as moved, \
            inject.Injector(dev.ns, "vx0") as out:
        while {A, C} & set(dev.fdb.macs()):
            assert time.monotonic() < begin + scaled(30)
            assert B in dev.fdb.macs() or time.monotonic() > heard + 4
            send(fabric, 2, B)
            heard = time.monotonic()
            out.send(*[build.udp_frame(mac, "02:00:00:00:00:99", "192.0.2.9",
                                       "192.0.2.1") for mac in (A, C)])
            time.sleep(0.5)
    assert time.monotonic() - begin > 4, "aged too early"
    assert dev.fdb.macs() == [B]
    assert moved["S:fdb_aged"] >= 2


def test_fdb_used_and_updated(fabric, vtep):
    """`bridge -s fdb`: used is the last transmission, updated the last
    reception.
    """
    dev = vtep()
    send(fabric, 2, A)
    wait_behind(fabric, dev.fdb, A, 2)
    time.sleep(1.2)

    def ages():
        _, used, updated, _ = dev.fdb.entries(A)[0]["cacheinfo"]
        return used, updated

    assert min(ages()) >= 100, "hundredths of a second"
    frame = build.udp_frame(A, "02:00:00:00:00:99", "192.0.2.9", "192.0.2.1")
    inject.send_frames(dev.ns, "vx0", frame)
    used, updated = ages()
    assert used < updated, "only sent"
    time.sleep(0.2)
    send(fabric, 2, A)
    eventually(lambda: ages()[1] < ages()[0], what="only received")


def test_fdb_does_not_age(fabric, vtep):
    """Permanent, static and externally learned entries stay; the interval
    can be changed while entries wait.
    """
    dev = vtep("ageing 300")
    keep = {f.mac(1): (f.PERMANENT, d.NTF_SELF),
            f.mac(2): (f.STATIC, d.NTF_SELF),
            f.mac(3): (f.DYNAMIC, d.NTF_SELF | d.NTF_EXT_LEARNED)}
    for mac, (state, flags) in keep.items():
        dev.fdb.change(mac, fabric.host[2].ip4, f.ADD, state, flags)
    dev.fdb.append(ZERO, fabric.host[2].ip4, f.STATIC)
    send(fabric, 2, A)
    wait_behind(fabric, dev.fdb, A, 2)
    dev.ns.ip(f"link set vx0 type {kind()} ageing 1")
    eventually(lambda: not dev.fdb.dsts(A), 20, what="A aged away")
    time.sleep(2.1)
    assert set(dev.fdb.macs()) == {*keep, ZERO}


def test_fdb_limit(fabric, vtep):
    """maxaddress: what does not fit is delivered but not learned."""
    dev = vtep("maxaddress 2")
    with counters.delta(dev.ns, "vx0") as moved:
        send(fabric, 2, A, B, C, C)
        moved.wait_for("rx_packets", 4)
    assert sorted(dev.fdb.macs()) == [A, B]
    assert moved["S:fdb_learned"] == 2
    assert moved["S:fdb_limit"] == 2
    dev.fdb.delete(A)
    send(fabric, 2, C)
    wait_behind(fabric, dev.fdb, C, 2)
    send(fabric, 3, B)
    wait_behind(fabric, dev.fdb, B, 3)
    assert sorted(dev.fdb.macs()) == [B, C], "a move needs no room"


def test_fdb_down(fabric, vtep):
    """Down: what was learned or is dynamic goes, what is permanent, static
    or the default stays; up again: learns again.
    """
    dev = vtep(f"remote {fabric.host[3].ip4}")
    for mac, state in ((f.mac(1), f.PERMANENT), (f.mac(2), f.STATIC),
                       (f.mac(3), f.DYNAMIC)):
        dev.fdb.add(mac, fabric.host[2].ip4, state)
    send(fabric, 2, A)
    wait_behind(fabric, dev.fdb, A, 2)
    dev.ns.rtnl.setlink("vx0", up=False)
    assert sorted(dev.fdb.macs()) == [ZERO, f.mac(1), f.mac(2)]
    send(fabric, 2, A)
    assert not dev.fdb.dsts(A)
    dev.ns.rtnl.setlink("vx0", up=True)
    send(fabric, 2, A)
    wait_behind(fabric, dev.fdb, A, 2)
    assert sorted(dev.fdb.macs()) == [ZERO, f.mac(1), f.mac(2), A]


def test_fdb_same_mac_on_two_devices(fabric, vtep):
    """Two VNIs may have the same MAC behind different VTEPs."""
    one, two = vtep(), vtep(vni=78, name="vx1")
    send(fabric, 2, A)
    send(fabric, 3, A, vni=78)
    wait_behind(fabric, one.fdb, A, 2)
    wait_behind(fabric, two.fdb, A, 3)
    one.fdb.delete(A)
    assert not one.fdb.dsts(A)
    assert two.fdb.dsts(A) == [fabric.host[3].ip4]


def test_fdb_not_learned_from_itself(fabric, vtep):
    """The device's own MAC as source is neither delivered nor learned."""
    dev = vtep()
    own = dev.ns.rtnl.link("vx0")["mac"]
    with counters.delta(dev.ns, "vx0") as moved:
        send(fabric, 2, own)
        moved.wait_for("S:rx_own_mac", 1)
    assert moved["rx_packets"] == 0
    assert not dev.fdb.entries()
