# SPDX-License-Identifier: GPL-2.0
"""The driver of a switch chip: it hears of every change of a forwarding
table, may refuse an addition, marks what it has taken and adds what the chip
has learned. The module in selftests/modules plays it; VXLAN_SWITCHDEV_KO is
its file.
"""

import errno
from contextlib import closing

import pytest

from lib import build, counters, nl
from lib import fdb as f
from lib import nexthop as nh
from lib import nldefs as d
from lib.bench import DEV, Bench, inner, wired
from lib.fdb import GROUP_MAC, ZERO, Fdb, fdb, fdb6, fdb_host  # noqa: F401
from lib.linkattr import create, data
from lib.nexthop import Nexthops
from lib.switchdev import VETO_ERROR, VETO_TEXT, Event, Switch
from lib.topo import DEFAULTS, kind
from lib.transfer import Flood
from lib.underlay import V4, V6
from lib.wait import eventually

#: Debian's cloud kernels, which the other machines run, have no switchdev.
pytestmark = pytest.mark.kernels("debug")

MAC, OTHER = f.mac(1), f.mac(2)
ONE, TWO, THREE = "10.0.0.1", "10.0.0.2", "10.0.0.3"
NEW, DEL = d.RTM_NEWNEIGH, d.RTM_DELNEIGH


@pytest.fixture(scope="module", name="loaded")
def _loaded():
    with Switch() as made:
        yield made


@pytest.fixture(name="switch")
def _switch(loaded):
    """Has heard nothing and takes everything."""
    loaded.clear()
    yield loaded
    loaded.veto(None)


@pytest.fixture(name="monitor")
def _monitor(fdb_host, fdb):
    with closing(nl.Monitor(fdb_host, (d.RTNLGRP_NEIGH,))) as made:
        yield made


@pytest.fixture(scope="module")
def fabric():
    with wired(hosts=3) as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="bench")
def _bench(fabric, request):
    """A device that learns, without a default destination."""
    made = Bench(fabric, request.param, to="")
    yield made
    made.delete()


def told(monitor):
    """(type, MAC, destination) of the driver's notifications."""
    found = [(e["type"], e["mac"], e["dst"]) for e in monitor.events()
             if e["dst"] and e["family"] == d.AF_BRIDGE]
    monitor.seen = []
    return found


def event(what, mac, dst, port=4789, remote_vni=100, via=0, offloaded=False,
          user=True):
    """An event about the device of VNI 100."""
    return Event(what, mac, 100, dst, port, remote_vni, via, offloaded, user)


def heard(switch, fdb):
    """The events in short: (what, MAC, destination)."""
    return [(e.what, e.mac, e.dst) for e in switch.events(fdb.index)]


def marked(fdb, mac):
    """Destinations of a MAC that are marked as offloaded."""
    return [e["dst"] for e in fdb.entries(mac)
            if e["flags"] & d.NTF_OFFLOADED]


# -- what is heard ---------------------------------------------------------

def test_switchdev_add(fdb, switch):
    """Every field of an addition and of a removal."""
    via = fdb.ns.rtnl.index("eth0")
    fdb.add(MAC, ONE)
    assert switch.events(fdb.index) == [event("add", MAC, ONE)]
    fdb.add(OTHER, TWO, f.DYNAMIC, port=4790, vni=0xffffff, via=via)
    words = {"port": 4790, "remote_vni": 0xffffff, "via": via}
    assert switch.events(fdb.index) == [event("add", OTHER, TWO, **words)]
    fdb.delete(OTHER)
    assert switch.events(fdb.index) == [event("del", OTHER, TWO, **words)]


def test_switchdev_ipv6(fdb6, switch):
    fdb6.add(MAC, "fd00::2")
    fdb6.delete(MAC)
    assert switch.events(fdb6.index) == [event("add", MAC, "fd00::2"),
                                         event("del", MAC, "fd00::2")]


def test_switchdev_replace(fdb, switch):
    """An addition with the new destination, nothing of the former one; what
    changes nothing is not heard of.
    """
    fdb.add(MAC, ONE)
    switch.clear()
    fdb.replace(MAC, TWO)
    assert switch.events(fdb.index) == [event("add", MAC, TWO)]
    fdb.replace(MAC, TWO)
    fdb.append(MAC, THREE)
    fdb.change(MAC, TWO, d.NLM_F_CREATE)
    fdb.delete(MAC, ONE)
    assert not switch.events(fdb.index)
    fdb.change(MAC, TWO, 0, f.STATIC)
    assert switch.events(fdb.index) == [event("add", MAC, TWO)]


@pytest.mark.parametrize("mac", [ZERO, GROUP_MAC], ids=["zero", "multicast"])
def test_switchdev_flood(fdb, switch, mac):
    """Each destination by itself, the whole entry in the list's order."""
    for dst in (ONE, TWO, THREE, TWO):
        fdb.append(mac, dst)
    assert heard(switch, fdb) == [("add", mac, dst)
                                  for dst in (ONE, TWO, THREE)]
    fdb.delete(mac, TWO)
    assert heard(switch, fdb) == [("del", mac, TWO)]
    fdb.delete(mac)
    assert heard(switch, fdb) == [("del", mac, ONE), ("del", mac, THREE)]


def test_switchdev_state_only(fdb, switch):
    """A request that changes no destination is offered with the one there is,
    whatever destination it names.
    """
    fdb.add(MAC, ONE, f.DYNAMIC)
    fdb.append(ZERO, ONE, f.DYNAMIC)
    heard(switch, fdb)
    fdb.append(MAC, TWO, f.STATIC)
    fdb.change(ZERO, TWO, d.NLM_F_CREATE, f.STATIC)
    assert (fdb.dsts(MAC), fdb.dsts(ZERO)) == ([ONE], [ONE])
    assert heard(switch, fdb) == [("add", MAC, ONE), ("add", ZERO, ONE)]


def test_switchdev_flush(fdb, switch):
    """Every entry that a flush takes out."""
    macs = [f.mac(n) for n in range(50)]
    fdb.add_many([(mac, ONE) for mac in macs])
    switch.clear()
    fdb.flush()
    assert sorted(heard(switch, fdb)) == [("del", mac, ONE) for mac in macs]


def test_switchdev_down(fdb, switch):
    """Down: the dynamic entries go."""
    fdb.add(MAC, ONE, f.DYNAMIC)
    fdb.add(OTHER, ONE)
    switch.clear()
    fdb.ns.rtnl.setlink("vx0", up=False)
    assert heard(switch, fdb) == [("del", MAC, ONE)]


def test_switchdev_default(fdb_host, switch):
    """The default entry: nobody's; changed, added before the former goes;
    removed with the device, as all others are.
    """
    fdb_host.ip(f"link add vx0 type {kind()} id 100 remote {ONE} {DEFAULTS}")
    try:
        table = Fdb(fdb_host)
        assert switch.events(table.index) == [
            event("add", ZERO, ONE, user=False)]
        fdb_host.ip(f"link set vx0 type {kind()} remote {TWO}")
        assert switch.events(table.index) == [
            event("add", ZERO, TWO, user=False),
            event("del", ZERO, ONE, user=False)]
        table.add(MAC, THREE)
        switch.clear()
    finally:
        fdb_host.rtnl.dellink("vx0")
    assert sorted(heard(switch, table)) == [("del", ZERO, TWO),
                                            ("del", MAC, THREE)]


def test_switchdev_learned(bench, switch):
    """Learned and moved: nobody's addition; aged: a removal. A refresh is
    not heard of.
    """
    table = Fdb(bench.ns, DEV)
    ends = [bench.net.address(number) for number in (2, 3)]
    frame = inner(src=MAC)
    for end in (ends[0], ends[0], ends[1]):
        bench.receive(bench.outer(frame, src=end))
    assert switch.events(table.index) == [
        event("add", MAC, end, user=False) for end in ends]
    bench.ns.ip(f"link set {DEV} type {kind()} ageing 1")
    eventually(lambda: not table.dsts(MAC), 20, what="aged")
    assert switch.events(table.index) == [
        event("del", MAC, ends[1], user=False)]


def test_switchdev_nexthop(fabric, switch):
    """An entry without a destination of its own is not a switch's affair."""
    bench = Bench(fabric, V4, to="")
    nexthops = Nexthops(bench.ns)
    try:
        nexthops.add(2, TWO)
        nexthops.group(10, 2)
        table = Fdb(bench.ns, DEV)
        nh.add(table, MAC, 10)
        nexthops.delete(10)
        assert not switch.events(table.index)
    finally:
        nexthops.clear()
        bench.delete()


# -- veto ------------------------------------------------------------------

def vetoed(call, *args, **kwargs):
    """The request is refused with the switch's own error and words."""
    with pytest.raises(nl.NlError) as caught:
        call(*args, **kwargs)
    assert errno.errorcode[caught.value.errno] == VETO_ERROR
    assert caught.value.msg == VETO_TEXT


@pytest.mark.parametrize("mac", [MAC, ZERO, GROUP_MAC],
                         ids=["unicast", "zero", "multicast"])
def test_switchdev_veto_add(fdb, switch, monitor, mac):
    """Refused in the switch's words: no entry, no notification."""
    switch.veto(mac)
    vetoed(fdb.add, mac, ONE)
    assert not fdb.entries()
    assert not told(monitor)
    fdb.add(OTHER, ONE)
    switch.veto(None)
    fdb.add(mac, ONE)
    assert told(monitor) == [(NEW, OTHER, ONE), (NEW, mac, ONE)]


@pytest.mark.parametrize("words", [
    {}, {"state": f.STATIC}, {"flags": d.NTF_SELF | d.NTF_ROUTER},
    {"port": 99, "vni": 7}], ids=["dst", "state", "flags", "port"])
def test_switchdev_veto_replace(fdb, switch, monitor, words):
    """The entry is what it was, with its state, flags and mark."""
    fdb.add(MAC, ONE)
    switch.say("offloaded", fdb, MAC, ONE)
    told(monitor)
    before = fdb.snapshot()
    switch.veto(MAC)
    vetoed(fdb.change, MAC, TWO, f.REPLACE, **words)
    assert fdb.snapshot() == before
    assert marked(fdb, MAC) == [ONE]
    assert not told(monitor)
    switch.veto(None)
    fdb.change(MAC, TWO, f.REPLACE, **words)
    assert fdb.dsts(MAC) == [TWO]


def test_switchdev_veto_state(fdb, switch, monitor):
    """A change of state alone can be refused as well."""
    fdb.add(MAC, ONE)
    told(monitor)
    before = fdb.snapshot()
    switch.veto(MAC)
    vetoed(fdb.change, MAC, ONE, 0, f.STATIC)
    assert fdb.snapshot() == before
    assert not told(monitor)


@pytest.mark.parametrize("mac", [ZERO, GROUP_MAC], ids=["zero", "multicast"])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_switchdev_veto_append(fdb, switch, monitor, mac, count):
    """One destination more is refused, those that were there stay."""
    dsts = [f"10.0.1.{n}" for n in range(count)]
    for dst in dsts:
        fdb.append(mac, dst)
    switch.say("offloaded", fdb, mac, dsts[0])
    told(monitor)
    before = fdb.snapshot()
    switch.veto(mac)
    vetoed(fdb.append, mac, TWO)
    assert fdb.snapshot() == before
    assert fdb.dsts(mac) == dsts
    assert not told(monitor)
    fdb.delete(mac, dsts[0])
    assert fdb.dsts(mac) == dsts[1:], "a removal cannot be refused"


def test_switchdev_veto_device(fdb_host, switch):
    """A device whose default entry is refused is not made; one without a
    default entry is.
    """
    links = [link["name"] for link in fdb_host.rtnl.links()]
    attrs = data(ID=100, PORT=4789, GROUP=ONE)
    switch.veto(ZERO)
    with closing(nl.Monitor(fdb_host, (d.RTNLGRP_NEIGH,))) as monitor:
        vetoed(create, fdb_host, attrs, name="vx0")
        assert not told(monitor)
    assert [link["name"] for link in fdb_host.rtnl.links()] == links
    create(fdb_host, data(ID=100, PORT=4789), name="vx0")
    fdb_host.rtnl.dellink("vx0")
    switch.veto(None)
    create(fdb_host, attrs, name="vx0")
    fdb_host.rtnl.dellink("vx0")


def test_switchdev_veto_change(fdb_host, switch):
    """A change of the default destination is refused: device and table are
    what they were.
    """
    create(fdb_host, data(ID=100, PORT=4789, GROUP=ONE, TTL=5), name="vx0")
    try:
        table = Fdb(fdb_host)
        switch.say("offloaded", table, ZERO, ONE)
        before = fdb_host.rtnl.info_data("vx0"), table.snapshot()
        switch.veto(ZERO)
        with closing(nl.Monitor(fdb_host, (d.RTNLGRP_NEIGH,))) as monitor:
            vetoed(fdb_host.rtnl.changelink, "vx0", kind(),
                   data(GROUP=TWO, TTL=9))
            assert not told(monitor)
        assert (fdb_host.rtnl.info_data("vx0"), table.snapshot()) == before
        assert marked(table, ZERO) == [ONE]
        fdb_host.rtnl.changelink("vx0", kind(), data(TTL=9))
    finally:
        fdb_host.rtnl.dellink("vx0")


def test_switchdev_veto_learning(bench, switch):
    """What the switch cannot take is not learned; the frame passes."""
    table = Fdb(bench.ns, DEV)
    frame = inner(src=MAC)
    switch.veto(MAC)
    with closing(nl.Monitor(bench.ns, (d.RTNLGRP_NEIGH,))) as monitor:
        assert bench.receive(bench.outer(frame))[0].raw == frame
        assert not table.entries()
        assert not told(monitor)
    switch.veto(None)
    bench.receive(bench.outer(frame))
    assert table.dsts(MAC) == [bench.net.address(2)]


# -- what the switch says --------------------------------------------------

def test_switchdev_offloaded(fdb, switch):
    """The mark belongs to one destination, and to its every field."""
    for dst in (ONE, TWO):
        fdb.append(ZERO, dst)
    fdb.append(ZERO, TWO, port=99)
    switch.say("offloaded", fdb, ZERO, TWO)
    assert [(e["dst"], e["port"], e["flags"]) for e in fdb.entries(ZERO)] == [
        (ONE, None, d.NTF_SELF), (TWO, None, d.NTF_SELF | d.NTF_OFFLOADED),
        (TWO, 99, d.NTF_SELF)]
    for words in ({"dst": THREE}, {"dst": ONE, "port": 1},
                  {"dst": ONE, "remote_vni": 7}, {"dst": ONE, "via": 1}):
        switch.say("offloaded", fdb, ZERO, **words)
    switch.say("offloaded", fdb, MAC, ONE)
    assert marked(fdb, ZERO) == [TWO]
    switch.clear()
    fdb.delete(ZERO, TWO)
    assert switch.events(fdb.index) == [event("del", ZERO, TWO,
                                              offloaded=True)]
    switch.say("offloaded", fdb, ZERO, TWO, port=99)
    switch.say("mark_off", fdb, ZERO, TWO, port=99)
    assert not marked(fdb, ZERO)


def test_switchdev_mark_in_messages(fdb, switch, monitor):
    """Get and later notifications show the mark."""
    fdb.add(MAC, ONE)
    switch.say("offloaded", fdb, MAC, ONE)
    assert fdb.get(MAC)["flags"] == d.NTF_SELF | d.NTF_OFFLOADED
    monitor.events()
    monitor.seen = []
    fdb.change(MAC, ONE, 0, f.STATIC)
    fdb.delete(MAC)
    flags = [e["flags"] for e in monitor.events() if e["dst"]]
    assert flags == [d.NTF_SELF | d.NTF_OFFLOADED] * 2


def test_switchdev_mark_of_a_replaced(fdb, switch):
    """Another destination is not the one that was offloaded."""
    fdb.add(MAC, ONE)
    switch.say("offloaded", fdb, MAC, ONE)
    assert marked(fdb, MAC) == [ONE]
    fdb.replace(MAC, TWO)
    assert not marked(fdb, MAC)
    switch.say("offloaded", fdb, MAC, ONE)
    assert not marked(fdb, MAC)
    fdb.replace(MAC, ONE)
    assert not marked(fdb, MAC)


def test_switchdev_mark_of_a_moved(bench, switch):
    """Nor is the one to which a MAC has moved."""
    table = Fdb(bench.ns, DEV)
    ends = [bench.net.address(number) for number in (2, 3)]
    bench.receive(bench.outer(inner(src=MAC), src=ends[0]))
    switch.say("offloaded", table, MAC, ends[0])
    bench.receive(bench.outer(inner(src=MAC), src=ends[0]))
    assert marked(table, MAC) == [ends[0]]
    bench.receive(bench.outer(inner(src=MAC), src=ends[1]))
    assert table.dsts(MAC) == [ends[1]]
    assert not marked(table, MAC)


@pytest.mark.skipif(not f.FULL_FLUSH,
                    reason="this kernel's core filters a flush by state only")
def test_switchdev_flush_marked(fdb, switch):
    """`bridge fdb flush ... offloaded`: the marked destinations go. (The
    kernel's driver looks for the mark where it never is and flushes none.)
    """
    for mac, dst in ((MAC, ONE), (OTHER, ONE), (ZERO, ONE), (ZERO, TWO)):
        fdb.append(mac, dst)
    for mac, dst in ((MAC, ONE), (ZERO, TWO)):
        switch.say("offloaded", fdb, mac, dst)
    fdb.flush([(d.NDA_NDM_FLAGS_MASK, nl.u8(d.NTF_OFFLOADED))],
              flags=d.NTF_OFFLOADED)
    assert [fdb.dsts(mac) for mac in (MAC, OTHER, ZERO)] == [[], [ONE], [ONE]]


def test_switchdev_marks_stay(fdb, switch):
    """Each mark stays with its destination while others come and go."""
    dsts = [f"10.0.1.{n}" for n in range(40)]
    for dst in dsts:
        fdb.append(ZERO, dst)
    odd = dsts[1::2]
    for dst in odd:
        switch.say("offloaded", fdb, ZERO, dst)
    for dst in (dsts[0], dsts[20], dsts[38]):
        fdb.delete(ZERO, dst)
        assert marked(fdb, ZERO) == odd
    for dst in (dsts[1], dsts[39]):
        fdb.delete(ZERO, dst)
        odd.remove(dst)
        assert marked(fdb, ZERO) == odd
    for number in range(50):
        fdb.append(ZERO, f"10.0.2.{number}")
        assert marked(fdb, ZERO) == odd
    if f.FULL_FLUSH:
        fdb.flush([(d.NDA_DST, nl.ip(odd[3]))])
        del odd[3]
        assert marked(fdb, ZERO) == odd
    fdb.append(ZERO, dsts[1])
    assert marked(fdb, ZERO) == odd, "it is not the one that was deleted"


@pytest.mark.parametrize("words", [
    {}, {"port": 99, "remote_vni": 7, "via": "eth0"}], ids=["plain", "all"])
def test_switchdev_learns(fdb, switch, monitor, words):
    """The chip has learned: a marked extern_learn entry, told to listeners,
    not to switches; forgotten: gone.
    """
    words = dict(words)
    if "via" in words:
        words["via"] = fdb.ns.rtnl.index(words["via"])
    switch.say("learned", fdb, MAC, ONE, **words)
    (entry,) = fdb.entries(MAC)
    assert (entry["dst"], entry["state"]) == (ONE, d.NUD_REACHABLE)
    assert entry["flags"] == (d.NTF_SELF | d.NTF_EXT_LEARNED
                              | d.NTF_OFFLOADED)
    assert (entry["port"], entry["vni"], entry["via"]) == tuple(
        words.get(name) for name in ("port", "remote_vni", "via"))
    assert told(monitor) == [(NEW, MAC, ONE)]
    switch.say("forgotten", fdb, MAC, ONE, **words)
    assert not fdb.entries()
    assert told(monitor) == [(DEL, MAC, ONE)]
    assert not switch.events(fdb.index)


def test_switchdev_learns_again(fdb, switch):
    """Moved by the chip; the entry does not age."""
    switch.say("learned", fdb, MAC, ONE)
    switch.say("learned", fdb, MAC, TWO)
    assert fdb.dsts(MAC) == [TWO]
    assert marked(fdb, MAC) == [TWO]
    fdb.ns.ip(f"link set vx0 type {kind()} ageing 1")
    switch.say("learned", fdb, MAC, TWO)
    fdb.add(OTHER, ONE, f.DYNAMIC)
    eventually(lambda: not fdb.dsts(OTHER), 20, what="the other one aged")
    assert fdb.dsts(MAC) == [TWO]


def test_switchdev_learns_what_is_configured(fdb, switch):
    """State and flags of a person's entry stay, and the chip cannot make it
    go.
    """
    fdb.add(MAC, ONE)
    switch.say("learned", fdb, MAC, ONE)
    (entry,) = fdb.entries(MAC)
    assert (entry["state"], entry["flags"]) == (
        f.PERMANENT, d.NTF_SELF | d.NTF_OFFLOADED)
    switch.say("forgotten", fdb, MAC, ONE)
    assert fdb.dsts(MAC) == [ONE]
    assert not marked(fdb, MAC)


def test_switchdev_forgets_unknown(fdb, switch):
    """The chip is told that there is no such entry."""
    with pytest.raises(OSError) as caught:
        switch.say("forgotten", fdb, MAC, ONE)
    assert caught.value.errno == errno.ENOENT


def test_switchdev_learns_too_much(fdb_host, switch):
    """maxaddress holds for the chip, too, which is told."""
    create(fdb_host, data(ID=100, PORT=4789, LIMIT=1), name="vx0", up=True)
    try:
        table = Fdb(fdb_host)
        switch.say("learned", table, MAC, ONE)
        with pytest.raises(OSError) as caught:
            switch.say("learned", table, OTHER, ONE)
        assert caught.value.errno == errno.ENOSPC
        assert table.macs() == [MAC]
    finally:
        fdb_host.rtnl.dellink("vx0")


@pytest.mark.parametrize("what", ["offloaded", "learned", "forgotten"])
def test_switchdev_other_device(fdb, fdb_host, switch, what):
    """A device that is not ours is left alone."""
    if not counters.ethtool_stats(fdb_host, "vx0"):
        pytest.skip("the kernel's own driver takes any device for its own")
    table = Fdb(fdb_host, "eth0")
    switch.say(what, table, MAC, ONE)
    assert not [e for e in fdb_host.rtnl.fdb() if e["mac"] == MAC]


def test_switchdev_under_traffic(bench, switch):
    """Marks, learning by the chip and by frames, vetoes and removals at the
    same time as frames that use the entries.
    """
    table = Fdb(bench.ns, DEV)
    ends = [bench.net.address(number) for number in (2, 3)]
    macs = [f.mac(n) for n in range(8)]
    inward = [bench.outer(inner(src=mac), src=end)
              for mac in macs for end in ends]
    outward = [inner(dst=mac) for mac in (*macs, build.BROADCAST)]
    with Flood(bench.far.ns, "eth0", inward) as back, \
            Flood(bench.ns, DEV, outward) as out:
        for number in range(20):
            mac, end = macs[number % 8], ends[number % 2]
            switch.say("learned", table, mac, end)
            switch.say("offloaded", table, mac, end)
            switch.veto(macs[(number + 1) % 8])
            try:
                switch.say("forgotten", table, mac, end)
            except OSError as error:
                assert error.errno == errno.ENOENT
            table.flush()
            back.progress(8)
            out.progress(8)
            switch.clear()
    switch.veto(None)
    table.flush()
    bench.receive(bench.outer(inner(src=MAC), src=ends[0]))
    eventually(lambda: table.dsts(MAC) == [ends[0]])
