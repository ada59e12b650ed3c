# SPDX-License-Identifier: GPL-2.0
"""Dumps of a table that grows, shrinks, learns and moves at the same time,
asked for in every way, with and without a bridge above: what was there all
along is told exactly once.

(test_fdb_dump: a dump as such, and single changes between its parts.)
"""

import threading
from collections import Counter
from contextlib import contextmanager

import pytest

from lib import build, nl
from lib import fdb as f
from lib import nldefs as d
from lib.bench import Bench, inner, wired
from lib.fdb import Fdb, ZERO, fdb, fdb_host    # noqa: F401
from lib.fdbdump import WAYS, parts
from lib.links import add_bridge, add_veth, set_port
from lib.transfer import Flood
from lib.underlay import V4

ONE, TWO = "10.0.0.1", "10.0.0.2"
#: MAC prefixes: there all along, short-lived, learned by the bridge.
STABLE, PASSING, BRIDGED = 0xaa, 0xbb, 0xcc
MANY = 20000


#: Ways to ask, with and without a bridge above. Without one, there is no
#: bridge whose ports could be asked for.
SETTINGS = [(way, bridged) for way in WAYS for bridged in (False, True)
            if bridged or way != "strict-bridge"]


@pytest.fixture(params=SETTINGS, name="setting",
                ids=lambda pair: pair[0] + ("-port" if pair[1] else ""))
def _setting(request):
    return request.param


@pytest.fixture(name="way")
def _way(setting):
    return setting[0]


@pytest.fixture(name="table")
def _table(fdb_host, fdb, setting):
    """vx0, on request a port of br0: .bridge is its number or 0."""
    fdb.bridge = 0
    if setting[1]:
        add_bridge(fdb_host, "br0")
        set_port(fdb_host, "vx0", "br0")
        fdb.bridge = fdb_host.rtnl.index("br0")
    yield fdb
    if fdb.bridge:
        fdb_host.rtnl.dellink("br0")


def own(entries, index):
    """(MAC, destination) of a device's own entries."""
    return [(e["mac"], e["dst"]) for e in entries
            if e["dst"] and e["ifindex"] == index]


def stable(entries, index):
    """How often each MAC was told that was there all along."""
    prefix = f"02:00:00:{STABLE:02x}:"
    return Counter(mac for mac, _ in own(entries, index)
                   if mac.startswith(prefix))


def once(count):
    return Counter(f.mac(n) for n in range(count))


def passing(numbers):
    """Requests for short-lived entries."""
    return [(f.mac(n, PASSING), TWO) for n in numbers]


def delete_many(table, macs):
    """200 to one system call."""
    macs = list(macs)
    for start in range(0, len(macs), 200):
        raw = b""
        for mac in macs[start:start + 200]:
            body = nl.ndmsg(table.index, 0, d.NTF_SELF) + nl.pack_attrs(
                f.attrs(mac))
            raw += (16 + len(body)).to_bytes(4, "little") + \
                d.RTM_DELNEIGH.to_bytes(2, "little") + \
                d.NLM_F_REQUEST.to_bytes(2, "little") + bytes(8) + body
        table.ns.rtnl.sock.send(raw)


def dump_while(table, way, step):
    """The entries of one dump; step() is called after each of its parts."""
    entries, count = [], 0
    for part in parts(table.ns, way, table.index, table.bridge):
        entries += part
        step()
        count += 1
    assert count > 5, "that was too short to be a test"
    return entries


# -- between the parts of a dump -------------------------------------------

def test_churn_grow(table, way):
    """From 600 entries to 20,600 during the dump: the table is rebuilt
    several times.
    """
    table.add_many([(f.mac(n), ONE) for n in range(600)])
    todo = iter(range(0, MANY, 4000))

    def step():
        start = next(todo, None)
        if start is not None:
            table.add_many(passing(range(start, start + 4000)))

    entries = dump_while(table, way, step)
    assert next(todo, None) is None, "all were added"
    assert stable(entries, table.index) == once(600)
    assert Counter(own(entries, table.index)).most_common(1)[0][1] == 1
    assert len(table.entries()) == 600 + MANY


def test_churn_shrink(table, way):
    """From 10,600 entries to 600 during the dump, with stable ones between
    those that go.
    """
    count = MANY // 2
    for n in range(600):
        table.add_many([(f.mac(n), ONE)])
        table.add_many(passing(range(n * count // 600,
                                     (n + 1) * count // 600)))
    todo = iter(range(0, count, 2500))

    def step():
        start = next(todo, None)
        if start is not None:
            delete_many(table, [f.mac(n, PASSING)
                                for n in range(start, start + 2500)])

    entries = dump_while(table, way, step)
    assert stable(entries, table.index) == once(600)
    assert Counter(own(entries, table.index)).most_common(1)[0][1] == 1
    assert len(table.entries()) == 600


def test_churn_moves(table, way):
    """Entries that get another destination, state or flag stay what they
    are: each is told once, with one of its destinations.
    """
    table.add_many([(f.mac(n), ONE) for n in range(1000)])
    turn = iter(range(1000))

    def step():
        dst = (ONE, TWO)[next(turn) % 2]
        table.add_many([(f.mac(n), dst) for n in range(0, 1000, 7)],
                       f.REPLACE, (f.PERMANENT, f.STATIC)[next(turn) % 2])

    entries = dump_while(table, way, step)
    assert stable(entries, table.index) == once(1000)


def test_churn_flood_list(table, way):
    """Remotes that were in a list all along are told once while others are
    put behind and taken out of it.
    """
    def address(block, number):
        return f"10.{block}.{number >> 8}.{number & 255}"

    keep = [address(1, n) for n in range(400)]
    table.add_many([(f.mac(n), ONE) for n in range(100)])
    table.add_many([(ZERO, dst) for dst in keep], f.APPEND)
    table.add_many([(f.mac(n), ONE) for n in range(100, 200)])
    turn = iter(range(1000))

    def step():
        n = next(turn)
        table.append(ZERO, address(2, n))
        if n > 2:
            table.delete(ZERO, address(2, n - 2))

    entries = dump_while(table, way, step)
    told = Counter(dst for mac, dst in own(entries, table.index)
                   if mac == ZERO and dst.startswith("10.1."))
    assert told == Counter(keep)
    assert stable(entries, table.index) == once(200)


def test_churn_flush(table, way):
    """What a flush leaves is told once, what came after it is not missed."""
    table.add_many([(f.mac(n), ONE) for n in range(1000)])

    def step():
        table.add_many(passing(range(100)), f.REPLACE,
                       flags=d.NTF_SELF | d.NTF_EXT_LEARNED)
        table.flush([(d.NDA_NDM_FLAGS_MASK, nl.u8(d.NTF_EXT_LEARNED))],
                    flags=d.NTF_EXT_LEARNED)

    entries = dump_while(table, way, step)
    assert stable(entries, table.index) == once(1000)
    assert sorted(mac for mac, _ in own(
        [e for part in parts(table.ns, way, table.index, table.bridge)
         for e in part], table.index)) == sorted(once(1000))


# -- at the same time ------------------------------------------------------

@contextmanager
def meanwhile(*bodies):
    """Each body is called again and again by a thread of its own, until it
    fails: what failed is in the list.
    """
    stop, trouble = threading.Event(), []

    def run(body):
        try:
            while not stop.is_set():
                body()
        except Exception as error:      # pylint: disable=broad-except
            trouble.append(error)

    threads = [threading.Thread(target=run, args=(body,), daemon=True)
               for body in bodies]
    for thread in threads:
        thread.start()
    try:
        yield trouble
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not trouble, trouble


class Churn:
    """Grows a table to 20,000 entries and shrinks it, from its own socket."""

    def __init__(self, ns, dev):
        self.table = Fdb(ns, dev)
        self.table.ns = type("Own", (), {"rtnl": nl.Rtnl(ns)})()
        self.at, self.step, self.turns = 0, 2000, 0

    def __call__(self):
        numbers = range(self.at, self.at + abs(self.step))
        if self.step > 0:
            self.table.add_many(passing(numbers))
        else:
            delete_many(self.table, [f.mac(n, PASSING) for n in numbers])
        self.at += self.step
        if not 0 <= self.at < MANY:
            self.step = -self.step
            self.at += self.step
            self.turns += 1

    def close(self):
        self.table.ns.rtnl.close()


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.mark.parametrize("bridged", [False, True], ids=["alone", "port"])
def test_churn_at_the_same_time(fabric, bridged):
    """Dumps of all kinds while netlink adds and deletes, frames teach the
    device and (through it) the bridge, and MACs move between VTEPs.
    """
    bench = Bench(fabric, V4, to="")
    ns, churn = bench.ns, None
    if bridged:
        add_bridge(ns, "br0")
        set_port(ns, bench.name, "br0")
        add_veth(ns, "v0", fabric.host[2].ns, "v1", bridge="br0")
    table = Fdb(ns, bench.name)
    try:
        table.add_many([(f.mac(n), ONE) for n in range(1000)])
        churn = Churn(ns, bench.name)
        learned = [bench.outer(inner(dst=build.BROADCAST,
                                     src=f.mac(n, BRIDGED)), src=src)
                   for n in range(64) for src in ("10.0.0.2", "10.0.0.3")]
        ways = WAYS if bridged else WAYS[:3]
        with Flood(bench.far.ns, "eth0", learned) as flood, \
                meanwhile(churn) as trouble:
            dumps = 0
            while not trouble and (dumps < 8 or churn.turns < 2):
                way = ways[dumps % len(ways)]
                master = ns.rtnl.index("br0") if bridged else 0
                entries = [e for part in parts(ns, way, table.index, master)
                           for e in part]
                assert stable(entries, table.index) == once(1000), way
                dumps += 1
            flood.progress(len(learned))
    finally:
        if churn:
            churn.close()
        if bridged:
            ns.rtnl.dellink("v0")
            ns.rtnl.dellink("br0")
        bench.delete()


def test_churn_get(fdb):
    """While the table grows and shrinks, a `get` of what is there finds it.
    """
    fdb.add_many([(f.mac(n), ONE) for n in range(100)])
    churn = Churn(fdb.ns, "vx0")
    try:
        with meanwhile(churn) as trouble:
            turn = 0
            while not trouble and churn.turns < 2:
                mac = f.mac(turn % 100)
                assert fdb.get(mac)["mac"] == mac
                turn += 1
        assert turn > 10
    finally:
        churn.close()
    assert stable(fdb.entries(), fdb.index) == once(100)
