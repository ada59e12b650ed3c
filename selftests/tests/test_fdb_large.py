# SPDX-License-Identifier: GPL-2.0
"""Large tables: what an entry costs, and a dump of hundreds of thousands of
entries while others come and go.
"""

import struct

import pytest

from lib import build, memory, nl
from lib import fdb as f
from lib import nldefs as d
from lib.batch import MAC, Batch
from lib.fdb import fdb, fdb_host               # noqa: F401
from lib.wait import eventually

LEARNED, LIMIT = 50000, 128
#: Frames that a station sends, around its address.
TO, REST = build.mac_bytes(MAC), b"\x88\xb6" + bytes(46)
STABLE, PASSING = 200000, 20000
#: MAC prefixes.
KEPT, GOING, COMING = 0xa0, 0xb0, 0xc0
IN_ONE_SEND = 500


def mac(number, prefix=KEPT):
    return bytes([2, prefix]) + number.to_bytes(4)


class Bulk:
    """Requests for many entries of a device, from one template."""

    def __init__(self, table):
        self.sock = table.ns.rtnl.sock
        self.new = self._parts(table.index, d.RTM_NEWNEIGH, f.ADD,
                               [(d.NDA_DST, nl.ip("10.0.0.2"))])
        self.old = self._parts(table.index, d.RTM_DELNEIGH, 0, [])

    @staticmethod
    def _parts(index, kind, flags, attrs):
        """What stands before and behind the address."""
        body = nl.ndmsg(index, f.PERMANENT, d.NTF_SELF) + nl.pack_attrs(
            [(d.NDA_LLADDR, bytes(6)), *attrs])
        raw = struct.pack("=IHHII", 16 + len(body), kind,
                          flags | d.NLM_F_REQUEST, 0, 0) + body
        at = 16 + len(nl.ndmsg()) + 4
        return raw[:at], raw[at + 6:]

    def _send(self, parts, macs):
        before, behind = parts
        for start in range(0, len(macs), IN_ONE_SEND):
            self.sock.send(b"".join(
                before + one + behind
                for one in macs[start:start + IN_ONE_SEND]))

    def add(self, macs):
        self._send(self.new, macs)

    def delete(self, macs):
        self._send(self.old, macs)


def addresses(part):
    """The MACs in a part of a dump; None: it was the last one."""
    found, at = [], 0
    while at < len(part):
        size, kind = struct.unpack_from("=IH", part, at)
        if kind == d.NLMSG_DONE:
            return found, True
        assert kind == d.RTM_NEWNEIGH
        attr = at + 28
        while part[attr + 2] != d.NDA_LLADDR:
            attr += struct.unpack_from("=H", part, attr)[0] + 3 & ~3
            assert attr < at + size
        found.append(part[attr + 4:attr + 10])
        at += size + 3 & ~3
    return found, False


def dump(table, step=lambda: None):
    """All MACs as they are told; step() is called after each part."""
    found, last = [], False
    with nl.Rtnl(table.ns, strict=True) as rtnl:
        rtnl.send(d.RTM_GETNEIGH, d.NLM_F_DUMP, nl.ndmsg(),
                  [(d.NDA_IFINDEX, nl.u32(table.index))])
        while not last:
            macs, last = addresses(rtnl.sock.recv(1 << 16))
            found += macs
            step()
    return found


def test_dump_of_many(fdb):
    """Each entry that is there all along is told once, any other at most
    once; the table grows and is emptied of others meanwhile.
    """
    table = Bulk(fdb)
    kept = [mac(n) for n in range(STABLE)]
    going = [mac(n, GOING) for n in range(PASSING)]
    table.add(kept[:STABLE // 2] + going + kept[STABLE // 2:])
    steps = 0

    def step():
        nonlocal steps
        table.delete(going[steps * 100:steps * 100 + 100])
        table.add([mac(n, COMING) for n in range(steps * 100,
                                                 steps * 100 + 100)])
        steps += 1

    told = dump(fdb, step)
    assert steps > PASSING // 100, "others were there to the end"
    missed, twice = set(kept) - set(told), len(told) - len(set(told))
    assert not missed and not twice
    coming = {mac(n, COMING) for n in range(steps * 100)}
    others = set(told) - set(kept)
    assert others & coming and not others - coming - set(going)
    told = dump(fdb)
    wrong = set(told) ^ coming.union(kept)
    assert not wrong and len(told) == STABLE + len(coming)


def is_debug():
    """Objects are larger where each is watched."""
    with open("/proc/kallsyms", encoding="ascii") as file:
        return " kasan_report\n" in file.read()


@pytest.mark.skipif(is_debug(), reason="a kernel that watches its memory")
def test_memory_of_learned(namespaces):
    """A learned MAC costs no more than 128 bytes, its share of everything
    included.
    """
    with Batch(namespaces, "ageing 0") as batch:
        batch.capture.close()       # holds what it has seen
        table = f.Fdb(batch.ns)
        wanted = {mac(n) for n in range(LEARNED)}

        def learn(macs):
            for start in range(0, len(macs), 60):
                batch.send(*[TO + one + REST
                             for one in macs[start:start + 60]])

        def missing():
            return sorted(wanted - set(dump(table)))

        def learned():
            learn(missing())
            return not missing()

        learn([mac(n, COMING) for n in range(120)])     # all is warm
        before = memory.used()
        eventually(learned, timeout=20, what="all are learned")

        def cheap():
            cost = (memory.used() - before) / LEARNED
            assert cost <= LIMIT, f"{cost} bytes"
            return True

        eventually(cheap, what="bytes, when what is old is freed")
