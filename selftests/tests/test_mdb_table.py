# SPDX-License-Identifier: GPL-2.0
"""The multicast database without packets: requests and their refusals,
notifications, dumps while it changes, allocations that fail.
"""

import errno
import itertools
from collections import Counter

import pytest

from lib import mdb as m
from lib import nl
from lib import nldefs as d
from lib.failslab import FailingRtnl, needs_failslab
from lib.fdb import ERRNO, fdb_host    # noqa: F401
from lib.links import add_veth
from lib.mdb import EXCLUDE, INCLUDE, REPLACE, Listener, Mdb
from lib.topo import DEFAULTS, kind

pytestmark = m.needs_mdb

GROUP, GROUP6 = "239.1.1.1", "ff0e::1:1"
ONE, TWO, THREE = "10.0.0.2", "10.0.0.3", "10.0.0.4"
S1, S2, S3 = "192.0.2.1", "192.0.2.2", "192.0.2.3"


@pytest.fixture(name="mdb")
def _mdb(fdb_host):             # noqa: F811
    fdb_host.ip(f"link add vx0 type {kind()} id 100 {DEFAULTS}")
    yield Mdb(fdb_host)
    if any(link["name"] == "vx0" for link in fdb_host.rtnl.links()):
        fdb_host.rtnl.dellink("vx0")


@pytest.fixture(name="listener")
def _listener(mdb):
    made = Listener(mdb.ns)
    yield made
    made.close()


def brief(infos):
    """[(source or "", destination, blocked)] of a group's remotes."""
    return [(i.get("source", ""), i["dst"], bool(i["flags"])) for i in infos]


# -- what is stored ----------------------------------------------------------

def test_mdb_table_shown(mdb):
    """All that was said, and nothing that was not."""
    mdb.add(GROUP, ONE)
    assert mdb.dump() == [{
        "ifindex": mdb.index, "state": 1, "flags": 0, "vid": 0,
        "proto": 0x800, "group": GROUP, "timer": 0, "rtprot": 4, "mode": 0,
        "dst": ONE}]
    via = mdb.ns.rtnl.index("eth0")
    mdb.replace(GROUP, ONE, port=99, vni=7, via=via, rtprot=m.ZEBRA,
                src_vni=100)
    (info,) = mdb.dump()
    assert (info["port"], info["vni"], info["via"], info["rtprot"]) == (
        99, 7, via, m.ZEBRA)
    assert "src_vni" not in info, "the device has one VNI only"
    mdb.replace(GROUP, ONE, port=4789, vni=100)
    assert not {"port", "vni", "via"} & set(mdb.get(GROUP)[0])
    mdb.add(GROUP6, "fd00::2", source="2001:db8::1")
    (info,) = mdb.get(GROUP6, source="2001:db8::1")
    assert (info["source"], info["mode"], info["proto"]) == (
        "2001:db8::1", INCLUDE, 0x86dd)


def test_mdb_table_source_list(mdb):
    """A list is an entry of each source, too; it goes with its owner."""
    mdb.add(GROUP, ONE, mode=EXCLUDE, sources=[S1, S2], rtprot=m.ZEBRA)
    assert sorted(brief(mdb.dump())) == [
        ("", ONE, False), (S1, ONE, True), (S2, ONE, True)]
    assert {i["rtprot"] for i in mdb.dump()} == {m.ZEBRA}
    (own,) = mdb.get(GROUP)
    assert sorted(own["sources"]) == [S1, S2]
    mdb.replace(GROUP, ONE, mode=INCLUDE, sources=[S2, S3])
    assert sorted(brief(mdb.dump())) == [
        ("", ONE, False), (S2, ONE, False), (S3, ONE, False)]
    mdb.delete(GROUP, ONE)
    assert mdb.dump() == []


def test_mdb_table_shared_source_entry(mdb):
    """Two remotes with one source: what one has in its entry goes alone."""
    mdb.add(GROUP, ONE, mode=EXCLUDE, sources=[S1])
    mdb.add(GROUP, TWO, mode=INCLUDE, sources=[S1])
    assert sorted(brief(mdb.get(GROUP, source=S1))) == [
        (S1, ONE, True), (S1, TWO, False)]
    mdb.delete(GROUP, ONE)
    assert brief(mdb.get(GROUP, source=S1)) == [(S1, TWO, False)]
    mdb.delete(GROUP, TWO)
    assert mdb.dump() == []


def test_mdb_table_source_entry_deleted(mdb):
    """Somebody took the entry of a source out: no obstacle, comes again."""
    mdb.add(GROUP, ONE, mode=EXCLUDE, sources=[S1, S2])
    mdb.delete(GROUP, ONE, source=S1)
    mdb.replace(GROUP, ONE, mode=EXCLUDE, sources=[S1, S2])
    assert len(mdb.dump()) == 3
    mdb.delete(GROUP, ONE, source=S2)
    mdb.delete(GROUP, ONE)
    assert mdb.dump() == []


# -- refusals ----------------------------------------------------------------

#: What is asked for (after (*, G) with remote ONE is there): errno, and where
#: the attribute is named, its path.
REFUSED = {
    "exists": (dict(group=GROUP, dst=ONE), "EEXIST", (2, m.MDBE_DST)),
    "missing": (dict(group=GROUP, dst=TWO, nl_flags=d.NLM_F_REPLACE),
                "ENOENT", (2, m.MDBE_DST)),
    "no-remote": (dict(group=GROUP, dst=None, port=1), "EINVAL", None),
    "no-attributes": (dict(group=GROUP, dst=None), "EINVAL", None),
    "other-port": (dict(group=GROUP, dst=TWO, head={"ifindex": 1}),
                   "EINVAL", (1,)),
    "temporary": (dict(group=GROUP, dst=TWO, head={"state": 0}), "EINVAL",
                  (1,)),
    "flags": (dict(group=GROUP, dst=TWO, head={"flags": 1}), "EINVAL", (1,)),
    "vlan": (dict(group=GROUP, dst=TWO, head={"vid": 1}), "EINVAL", (1,)),
    "mac": (dict(group=bytes.fromhex("01005e010101"), dst=TWO,
                 head={"proto": 0}), "EINVAL", (1,)),
    "unicast6": (dict(group="fd00::1", dst=TWO), "EINVAL", (1,)),
    "zeronet": (dict(group="0.0.0.1", dst=TWO), "EINVAL", None),
    "source-of-all": (dict(group="0.0.0.0", dst=TWO, source=S1), "EINVAL",
                      (2, m.MDBE_SOURCE)),
    "source-multicast": (dict(group=GROUP, dst=TWO, source=GROUP), "EINVAL",
                         (2, m.MDBE_SOURCE)),
    "source-zero": (dict(group=GROUP, dst=TWO, source="0.0.0.0"), "EINVAL",
                    (2, m.MDBE_SOURCE)),
    "source-family": (dict(group=GROUP, dst=TWO, source="2001:db8::1"),
                      "EINVAL", (2, m.MDBE_SOURCE)),
    "source-length": (dict(group=GROUP, dst=TWO, source=b"12345"), "EINVAL",
                      (2, m.MDBE_SOURCE)),
    "dst-length": (dict(group=GROUP, dst=b"12345"), "EINVAL",
                   (2, m.MDBE_DST)),
    "mode-of-source": (dict(group=GROUP, dst=TWO, source=S1, mode=0),
                       "EINVAL", (2, m.MDBE_GROUP_MODE)),
    "mode-of-all": (dict(group="0.0.0.0", dst=TWO, mode=0), "EINVAL",
                    (2, m.MDBE_GROUP_MODE)),
    "list-of-source": (dict(group=GROUP, dst=TWO, source=S1, sources=[S2]),
                       "EINVAL", (2, m.MDBE_SRC_LIST)),
    "list-without-mode": (dict(group=GROUP, dst=TWO, sources=[S2]),
                          "EINVAL", (2, m.MDBE_SRC_LIST)),
    "include-nobody": (dict(group=GROUP, dst=TWO, mode=INCLUDE), "EINVAL",
                       (2, m.MDBE_GROUP_MODE)),
    "include-empty": (dict(group=GROUP, dst=TWO, mode=INCLUDE, sources=[]),
                      "EINVAL", (2, m.MDBE_GROUP_MODE)),
    "listed-zero": (dict(group=GROUP, dst=TWO, mode=0,
                         sources=[S1, "0.0.0.0"]), "EINVAL", None),
    "listed-family": (dict(group=GROUP, dst=TWO, mode=0,
                           sources=[S1, "fd00::1"]), "EINVAL", None),
    "listed-twice": (dict(group=GROUP, dst=TWO, mode=0, sources=[S1, S2, S1]),
                     "EEXIST", (2, m.MDBE_SRC_LIST)),
    "listed-exists": (dict(group=GROUP, dst=THREE, mode=0,
                           sources=[S1, S2, S3]), "EEXIST",
                      (2, m.MDBE_SRC_LIST)),
    "list-too-long": (dict(group=GROUP, dst=TWO, mode=0, sources=[
        f"10.9.{n >> 8}.{n & 255}" for n in range(1, 1026)]), "EINVAL",
        (2, m.MDBE_SRC_LIST)),
    "no-interface": (dict(group=GROUP, dst=TWO, via=0x7ffffff0), "EINVAL",
                     (2, m.MDBE_IFINDEX)),
    "vni": (dict(group=GROUP, dst=TWO, vni=1 << 24), "ERANGE",
            (2, m.MDBE_VNI)),
    "src-vni": (dict(group=GROUP, dst=TWO, src_vni=1 << 24), "ERANGE",
                (2, m.MDBE_SRC_VNI)),
    "rtprot": (dict(group=GROUP, dst=TWO, rtprot=3), "ERANGE",
               (2, m.MDBE_RTPROT)),
    "state-mask": (dict(group=GROUP, dst=TWO, mask=1), "EINVAL",
                   (2, m.MDBE_STATE_MASK)),
}


def path_at(raw, offset):
    """Numbers of the attributes around an offset in a request of RTM_*MDB."""
    def walk(start, end, path):
        while start + 4 <= end:
            size = int.from_bytes(raw[start:start + 2], "little")
            number = int.from_bytes(raw[start + 2:start + 4],
                                    "little") & d.NLA_TYPE_MASK
            if offset == start:
                return (*path, number)
            if start < offset < start + size:
                return walk(start + 4, start + size, (*path, number))
            start += (size + 3) & ~3
        return path
    return walk(24, len(raw), ())


@pytest.mark.parametrize("name", REFUSED)
def test_mdb_table_refused(mdb, listener, name):
    """With an errno, a sentence and the attribute; nothing has changed, and
    nobody was told anything.
    """
    words, error, path = REFUSED[name]
    words = dict(words)
    nl_flags = words.pop("nl_flags", m.CREATE)
    mdb.add(GROUP, ONE, mode=EXCLUDE, sources=[S1])
    mdb.add(GROUP, THREE, source=S3)
    before = mdb.dump()
    listener.events()
    with pytest.raises(nl.NlError) as caught:
        mdb.request(d.RTM_NEWMDB, nl_flags, words.pop("group"), **words)
    assert ERRNO[caught.value.errno] == error, caught.value
    assert caught.value.msg, "a sentence"
    if path:
        assert path_at(mdb.rtnl.sent, caught.value.offset) == path
    assert mdb.dump() == before
    assert listener.events() == []


def test_mdb_table_refused_entry_is_not_there(mdb):
    """No empty entry stays behind, which would keep frames from others."""
    for words in (dict(nl_flags=d.NLM_F_REPLACE),
                  dict(mode=EXCLUDE, sources=[S1, S2, S1])):
        with pytest.raises(nl.NlError):
            mdb.add(GROUP, ONE, **words)
        for source in ({}, {"source": S1}, {"source": S2}):
            with pytest.raises(nl.NlError) as caught:
                mdb.get(GROUP, **source)
            assert caught.value.errno == errno.ENOENT


def test_mdb_table_delete_missing(mdb):
    mdb.add(GROUP, ONE)
    for group, dst, words in ((GROUP, TWO, {}), ("239.1.1.2", ONE, {}),
                              (GROUP, ONE, {"source": S1}),
                              (GROUP, ONE, {"src_vni": 5})):
        with pytest.raises(nl.NlError) as caught:
            mdb.delete(group, dst, **words)
        assert caught.value.errno == errno.ENOENT and caught.value.msg
    mdb.delete(GROUP, ONE, port=5, vni=6, rtprot=200)
    assert mdb.dump() == []


def test_mdb_table_get_missing(mdb):
    mdb.add(GROUP, ONE)
    for group, words in (("239.1.1.2", {}), (GROUP, {"source": S1}),
                         (GROUP, {"src_vni": 5}), (GROUP6, {})):
        with pytest.raises(nl.NlError) as caught:
            mdb.get(group, **words)
        assert caught.value.errno == errno.ENOENT and caught.value.msg


# -- flush -------------------------------------------------------------------

def furnished(mdb):
    """{name: word of the flush that takes exactly this one}"""
    mdb.add(GROUP, ONE)
    mdb.add(GROUP, TWO, port=99)
    mdb.add(GROUP, THREE, vni=7)
    mdb.add("239.1.1.2", "10.0.0.5", rtprot=m.ZEBRA)
    mdb.add("239.1.1.2", "10.0.0.6", src_vni=8, vni=100)
    mdb.add(GROUP6, "fd00::2", source="2001:db8::1")
    return {ONE: dict(dst=ONE), TWO: dict(port=99), THREE: dict(vni=7),
            "10.0.0.5": dict(rtprot=m.ZEBRA), "10.0.0.6": dict(src_vni=8),
            "fd00::2": dict(dst="fd00::2")}


def test_mdb_table_flush_by(mdb):
    """Each filter takes what it names and nothing else."""
    for dst, words in furnished(mdb).items():
        before = mdb.dump()
        mdb.flush(**words)
        assert mdb.dump() == [i for i in before if i["dst"] != dst], words
    assert mdb.dump() == []


def test_mdb_table_flush_all(mdb, listener):
    """Without a filter: everything, each told once."""
    furnished(mdb)
    mdb.add(GROUP, "10.0.0.9", mode=EXCLUDE, sources=[S1, S2])
    before = mdb.dump()
    listener.events()
    mdb.flush({"state": 1}, mask=1)
    assert mdb.dump() == []
    told = listener.events()
    assert {word for word, _ in told} == {"del"}
    assert sorted(map(str, before)) == sorted(str(i) for _, i in told)


def test_mdb_table_flush_none(mdb):
    furnished(mdb)
    before = mdb.dump()
    for words in (dict(dst="10.9.9.9"), dict(vni=9), dict(port=9),
                  dict(rtprot=77), dict(src_vni=77), dict(vni=0),
                  dict(dst=ONE, rtprot=m.ZEBRA), dict(src_vni=0)):
        mdb.flush(**words)
        assert mdb.dump() == before, words


@pytest.mark.parametrize("head, words", [
    ({"ifindex": 1}, {}), ({"vid": 5}, {}), ({"state": 0}, {"mask": 1}),
    ({}, {"source": S1}), ({}, {"via": 1}), ({}, {"mode": 1}),
    ({}, {"mask": 2}), ({}, {"dst": b"12345"})], ids=str)
def test_mdb_table_flush_refused(mdb, head, words):
    furnished(mdb)
    before = mdb.dump()
    with pytest.raises(nl.NlError) as caught:
        mdb.flush(head, **words)
    assert caught.value.errno == errno.EINVAL and caught.value.msg
    assert mdb.dump() == before


# -- notifications -----------------------------------------------------------

def test_mdb_table_told(mdb, listener):
    """In the order of what happens, each with all that a dump shows."""
    mdb.add(GROUP, ONE, mode=EXCLUDE, sources=[S1, S2])
    told = listener.events()
    assert [(w, *brief([i])[0]) for w, i in told] == [
        ("new", S1, ONE, True), ("new", S2, ONE, True),
        ("new", "", ONE, False)]
    assert sorted(map(str, mdb.dump())) == sorted(str(i) for _, i in told)

    mdb.replace(GROUP, ONE, mode=INCLUDE, sources=[S2, S3])
    assert [(w, *brief([i])[0]) for w, i in listener.events()] == [
        ("new", S2, ONE, False), ("new", S3, ONE, False),
        ("del", S1, ONE, True), ("new", "", ONE, False)]

    mdb.delete(GROUP, ONE)
    told = [(w, *brief([i])[0]) for w, i in listener.events()]
    assert told[0] == ("del", "", ONE, False)
    assert sorted(told[1:]) == [("del", S2, ONE, False),
                                ("del", S3, ONE, False)]


def test_mdb_table_told_at_the_end(mdb, listener):
    """The device is deleted: each remote of each entry is told."""
    furnished(mdb)
    before = mdb.dump()
    listener.events()
    mdb.ns.rtnl.setlink("vx0", up=True)
    mdb.ns.rtnl.setlink("vx0", up=False)
    assert listener.events() == [] and mdb.dump() == before
    mdb.ns.rtnl.dellink("vx0")
    told = listener.events()
    assert {word for word, _ in told} == {"del"}
    assert sorted(map(str, before)) == sorted(str(i) for _, i in told)


def test_mdb_table_netns_exit(namespaces):
    """A namespace ends with a device that has an MDB, also one whose
    underlay is elsewhere.
    """
    one, two = namespaces("one"), namespaces("two")
    one.ip(f"link add vx0 type {kind()} id 100 {DEFAULTS}",
           f"link add vx1 type {kind()} id 101 {DEFAULTS}",
           f"link set vx1 netns {two.name}")
    for ns, dev in ((one, "vx0"), (two, "vx1")):
        table = Mdb(ns, dev)
        table.add(GROUP, ONE, mode=EXCLUDE, sources=[S1, S2])
        table.add("0.0.0.0", TWO)
    with_interface = Mdb(two, "vx1")
    add_veth(one, "low0", one, "low1")
    with_interface.add(GROUP6, "fd00::2", via=one.rtnl.index("low0"))
    one.delete()
    assert "vx1" not in [link["name"] for link in two.rtnl.links()]


# -- dumps -------------------------------------------------------------------

def group_of(number, block=1):
    return f"239.{block}.{number >> 8}.{number & 255}"


def test_mdb_table_dump_of_many(mdb):
    """2,000 entries of several remotes, all there once; by small parts."""
    for number in range(2000):
        mdb.add(group_of(number), ONE)
        if number % 100 == 0:
            for far in range(30):
                mdb.add(group_of(number), f"10.1.0.{far}")
    said = Counter((i["group"], i["dst"]) for part in mdb.parts()
                   for i in part)
    assert len(said) == 2000 + 20 * 30 and set(said.values()) == {1}
    assert len(mdb.get(group_of(100))) == 31


def test_mdb_table_dump_churn_entries(mdb):
    """What was there all along is told once while entries come and go; that
    something changed is told, too.
    """
    stable = [group_of(n) for n in range(0, 1200, 2)]
    passing = [group_of(n) for n in range(1, 1200, 2)]
    for group in [group_of(n) for n in range(1200)]:
        mdb.add(group, ONE)
    other = Mdb(mdb.ns, rtnl=nl.Rtnl(mdb.ns))
    said, parts = Counter(), 0
    todo = iter(passing)
    for part in mdb.parts(1 << 12):
        said.update(i["group"] for i in part)
        parts += 1
        for group in itertools.islice(todo, 100):
            other.delete(group, ONE)
            other.add(group_of(int(group.rpartition(".")[2]) + 256 * parts,
                               2), ONE, nl_flags=REPLACE)
    other.rtnl.close()
    assert parts > 5
    assert {group: said[group] for group in stable} == dict.fromkeys(
        stable, 1)
    assert max(said.values()) == 1
    assert mdb.interrupted


def test_mdb_table_dump_churn_remotes(mdb):
    """The same of the remotes of one entry, before and behind the reader."""
    addresses = [f"10.1.{n >> 8}.{n & 255}" for n in range(800)]
    for address in addresses:
        mdb.add(GROUP, address)
    other = Mdb(mdb.ns, rtnl=nl.Rtnl(mdb.ns))
    said, gone, turn = Counter(), set(), 0
    for part in mdb.parts(1 << 12):
        said.update(i["dst"] for i in part)
        for number in (turn * 10 + 1, 799 - turn * 10):
            if addresses[number] not in gone:
                other.delete(GROUP, addresses[number])
                gone.add(addresses[number])
        other.add(GROUP, f"10.2.0.{turn}")
        other.replace(GROUP, addresses[400], port=turn + 1)
        turn += 1
    other.rtnl.close()
    assert turn > 5
    stay = set(addresses) - gone
    assert {address: said[address] for address in stay} == dict.fromkeys(
        stay, 1)
    assert max(said.values()) == 1


def test_mdb_table_dump_long_source_list(mdb):
    """A remote of 1024 IPv6 sources does not fit into an ordinary part."""
    sources = [f"2001:db8::{n:x}" for n in range(1, 1025)]
    mdb.add(GROUP6, "fd00::2", mode=EXCLUDE, sources=sources)
    found = [i for part in mdb.parts(1 << 17) for i in part]
    (own,) = [i for i in found if "source" not in i]
    assert sorted(own["sources"]) == sorted(sources)
    assert len(found) == 1025
    (own,) = mdb.get(GROUP6)
    assert len(own["sources"]) == 1024
    mdb.delete(GROUP6, "fd00::2")
    assert mdb.dump() == []


def test_mdb_table_get_too_big(mdb):
    """An entry with more remotes than a message holds is dumped, not got."""
    for number in range(1500):
        mdb.add(GROUP, f"10.1.{number >> 8}.{number & 255}")
    with pytest.raises(nl.NlError) as caught:
        mdb.get(GROUP)
    assert caught.value.errno == errno.EMSGSIZE and caught.value.msg
    assert len(mdb.dump()) == 1500


def test_mdb_table_remote_limit(mdb):
    """4096 remotes of an entry, and no more."""
    for number in range(4096):
        mdb.add(GROUP, f"10.1.{number >> 8}.{number & 255}")
    with pytest.raises(nl.NlError) as caught:
        mdb.add(GROUP, ONE)
    assert caught.value.errno == errno.ENOSPC and caught.value.msg
    mdb.replace(GROUP, "10.1.0.1", port=5)
    assert len(mdb.dump()) == 4096


# -- without memory ----------------------------------------------------------

SOURCES = [f"198.51.100.{n}" for n in range(1, 9)]
FAILING = {
    "new": lambda t: t.add("239.9.9.9", "10.0.9.9", mode=EXCLUDE,
                           sources=SOURCES),
    "replace": lambda t: t.replace(GROUP, ONE, mode=INCLUDE,
                                   sources=SOURCES, port=7),
    "delete": lambda t: t.delete(GROUP, ONE),
}


@pytest.mark.parametrize("what", FAILING)
def test_mdb_table_no_memory(mdb, listener, what):
    """Whichever allocation of a change with many steps fails: all of it is
    done or nothing, and nobody hears of what was not done.
    """
    needs_failslab()
    fill(mdb)
    before = told(mdb.dump())
    FAILING[what](mdb)
    after = told(mdb.dump())
    failed = 0
    with FailingRtnl(mdb.ns) as rtnl:
        table = Mdb(mdb.ns, rtnl=rtnl)
        for nth in range(1, 400):
            restore(mdb, before)
            listener.events()
            rtnl.nth = nth
            error = outcome(FAILING[what], table)
            assert told(mdb.dump()) in (before, after), "half done"
            if error == "ENOMEM":
                failed += 1
                assert told(mdb.dump()) == before
                assert listener.events() == []
            if not rtnl.hit:
                assert error is None
                break
        else:
            pytest.fail("there is no end to what fails")
    assert failed > (4 if what == "delete" else 10), \
        "the change was not made of many parts"


def outcome(action, table):
    """None, or the errno; ENOBUFS: nobody knows whether it was done."""
    try:
        action(table)
    except OSError as error:
        name = ERRNO[error.errno]
        assert name in ("ENOMEM", "ENOBUFS"), error
        return name
    return None


def told(infos):
    """What a dump says, whatever its order."""
    return sorted(str(sorted(i.items())) for i in infos)


def fill(mdb):
    """Entries of several remotes: of the group and of each source."""
    mdb.add(GROUP, ONE, mode=EXCLUDE, sources=[S1, S2, *SOURCES[:2]])
    for dst in (TWO, THREE, "10.0.0.5"):
        mdb.add(GROUP, dst, mode=EXCLUDE, sources=[S3, S2, S1, *SOURCES[:2]])


def restore(mdb, before):
    """As it was, from nothing."""
    mdb.flush()
    assert mdb.dump() == []
    fill(mdb)
    assert told(mdb.dump()) == before
