# SPDX-License-Identifier: GPL-2.0
"""Dumps of large tables: complete, nothing twice, whatever happens to the
table between two parts of the answer.
"""

from collections import Counter

import pytest

from lib import fdb as f
from lib import nl
from lib import nldefs as d
from lib.fdb import ZERO, Fdb, fdb, fdb_host    # noqa: F401
from lib.topo import DEFAULTS, kind

ONE, TWO = "10.0.0.1", "10.0.0.2"
OWN, EXTRA, BRIDGED = 0xaa, 0xbb, 0xcc


def dump_parts(ns, index=0, size=8192):
    """The FDB dump of a namespace (or of one device), one part at a time.

    The kernel makes a part when the one before is read: what the caller does
    in between happens between two parts.
    """
    with nl.Rtnl(ns) as rtnl:
        rtnl.send(d.RTM_GETNEIGH, d.NLM_F_DUMP,
                  nl.ifinfomsg(index=index, family=d.AF_BRIDGE))
        while True:
            part = []
            for kind_, flags, _, body in nl.messages(rtnl.sock.recv(size)):
                assert not flags & d.NLM_F_DUMP_INTR
                if kind_ == d.NLMSG_DONE:
                    yield part
                    return
                assert kind_ == d.RTM_NEWNEIGH
                part.append(nl.parse_neigh(body))
            yield part


def own(entries):
    """(MAC, destination) of the entries of VXLAN devices."""
    return [(e["mac"], e["dst"]) for e in entries if e["dst"]]


def bridged(entries):
    """(MAC, VLAN) that the bridge has behind a port.

    It makes one entry without VLAN and one for each VLAN of the port.
    """
    return [(e["mac"], e["attrs"].get(d.NDA_VLAN)) for e in entries
            if e["master"] and not e["dst"]
            and e["mac"].startswith(f"02:00:00:{BRIDGED:02x}")]


def twice(found):
    return [what for what, count in Counter(found).items() if count > 1]


@pytest.fixture
def port(fdb_host, fdb):
    """vx0 as the port of a bridge, learning switched off."""
    fdb_host.ip("link add br0 type bridge stp_state 0 mcast_snooping 0",
                "link set vx0 master br0", "link set br0 up")
    yield fdb
    fdb_host.rtnl.dellink("br0")


def bridge_learns(table, numbers):
    """Entries of the bridge for the port vx0."""
    table.add_many([(f.mac(n, BRIDGED), None) for n in numbers],
                   flags=d.NTF_MASTER, state=d.NUD_NOARP)


def test_fdb_dump_complete(fdb_host, port):
    """5,000 entries and 500 of the bridge on the same port, each once."""
    bridge_learns(port, range(500))
    port.add_many([(f.mac(n), ONE) for n in range(5000)])
    for dst in (ONE, TWO):
        port.append(ZERO, dst)
    parts = list(dump_parts(fdb_host, port.index))
    assert len(parts) > 20, "the dump was to be interrupted often"
    entries = [entry for part in parts for entry in part]
    expected = [(f.mac(n), ONE) for n in range(5000)] + [(ZERO, ONE),
                                                         (ZERO, TWO)]
    assert sorted(own(entries)) == sorted(expected)
    assert not twice(bridged(entries))
    assert {mac for mac, _ in bridged(entries)} == {
        f.mac(n, BRIDGED) for n in range(500)}


def test_fdb_dump_while_it_changes(fdb_host, port):
    """Adding, deleting and a bridge that learns, between all parts: what was
    there from the beginning to the end comes once, nothing comes twice.
    """
    bridge_learns(port, range(300))
    # stable and short-lived entries alternate
    port.add_many([(f.mac(n, which), ONE) for n in range(2000)
                   for which in (OWN, EXTRA)])
    new, old, learned = 2000, 0, 300
    entries = []
    for part in dump_parts(fdb_host, port.index):
        entries += part
        port.add_many([(f.mac(n, EXTRA), TWO) for n in range(new, new + 20)])
        for number in range(old, min(old + 20, 2000)):
            port.delete(f.mac(number, EXTRA))
        new, old = new + 20, old + 20
        if own(entries):    # the bridge's own part may not be disturbed
            bridge_learns(port, range(learned, learned + 30))
            learned += 30
    assert old > 400, "that was too quick to be a test"
    assert not twice(own(entries))
    stable = {mac for mac, _ in own(entries)
              if mac.startswith(f"02:00:00:{OWN:02x}")}
    assert stable == {f.mac(n) for n in range(2000)}
    assert not twice(bridged(entries))
    assert {mac for mac, _ in bridged(entries)} >= {
        f.mac(n, BRIDGED) for n in range(300)}


def test_fdb_dump_many_remotes(fdb_host, fdb):
    """A flood list that is longer than a part, between other entries."""
    def address(number):
        return f"10.1.{number >> 8}.{number & 255}"

    fdb.add_many([(f.mac(n), ONE) for n in range(100)])
    fdb.add_many([(ZERO, address(n)) for n in range(1000)], f.APPEND)
    fdb.add_many([(f.mac(n), ONE) for n in range(100, 200)])
    entries, number = [], 1000
    for part in dump_parts(fdb_host, fdb.index):
        entries += part
        fdb.append(ZERO, address(number))   # the list is another one now
        number += 1
    assert not twice(own(entries))
    dsts = [dst for mac, dst in own(entries) if mac == ZERO]
    assert dsts[:1000] == [address(n) for n in range(1000)]
    assert {mac for mac, _ in own(entries)} - {ZERO} == {
        f.mac(n) for n in range(200)}


def test_fdb_dump_device_goes(fdb_host, fdb):
    """A device that is deleted in the middle of its part: the next one's
    entries are all there.
    """
    fdb_host.ip(f"link add vx1 type {kind()} id 101 {DEFAULTS}",
                f"link add vx2 type {kind()} id 102 {DEFAULTS}")
    first, second = Fdb(fdb_host, "vx1"), Fdb(fdb_host, "vx2")
    try:
        first.add_many([(f.mac(n), ONE) for n in range(500)])
        second.add_many([(f.mac(n), TWO) for n in range(500)])
        entries = []
        for part in dump_parts(fdb_host):
            entries += part
            if 0 < len(own(entries)) < 500 and first:
                fdb_host.rtnl.dellink("vx1")
                first = None
        assert not first
        assert sorted(m for m, dst in own(entries) if dst == TWO) == [
            f.mac(n) for n in range(500)]
        assert not twice(own(entries))
    finally:
        if first:
            fdb_host.rtnl.dellink("vx1")
        fdb_host.rtnl.dellink("vx2")


def test_fdb_dump_two_at_once(fdb_host, fdb):
    """Two dumps that take turns do not disturb each other."""
    fdb.add_many([(f.mac(n), ONE) for n in range(1000)])
    left, right = (dump_parts(fdb_host, fdb.index, size)
                   for size in (4096, 16384))
    found = [[], []]
    running = [left, right]
    while any(running):
        for side, parts in enumerate(running):
            part = next(parts, None) if parts else None
            if part is None:
                running[side] = None
            else:
                found[side] += own(part)
    for side in found:
        assert sorted(side) == [(f.mac(n), ONE) for n in range(1000)]
