# SPDX-License-Identifier: GPL-2.0
"""FDB requests that are refused: errno, sentence, attribute, and that nothing
has changed afterwards and nobody was told of a change.
"""

from contextlib import closing
from dataclasses import dataclass, field

import pytest

from lib import fdb as f
from lib import nl
from lib import nldefs as d
from lib.fdb import GROUP_MAC, ZERO, Fdb, fdb, fdb6, fdb_host  # noqa: F401
from lib.topo import DEFAULTS, kind

MAC, ABSENT = f.mac(1), f.mac(2)
ONE = "10.0.0.1"
DST = (d.NDA_DST, nl.ip(ONE))
NEW, DEL, GET = d.RTM_NEWNEIGH, d.RTM_DELNEIGH, d.RTM_GETNEIGH


@dataclass
class Bad:
    """A request and its answer; text: part of the sentence, at: the attribute
    that the answer points to.
    """
    error: str
    text: str
    attrs: list = field(default_factory=list)
    at: int = None
    op: int = NEW
    mac: object = ABSENT
    nl_flags: int = None        # of an add: create, exclusive
    state: int = None           # of an add: permanent
    flags: int = d.NTF_SELF
    index: object = None
    since: tuple = (0, 0)       # older kernels: EINVAL by their core

    def __post_init__(self):
        adds = self.op == NEW
        if self.nl_flags is None:
            self.nl_flags = f.ADD if adds else 0
        if self.state is None:
            self.state = f.PERMANENT if adds else 0

    def all_attrs(self):
        lladdr = [] if self.mac is None else [(d.NDA_LLADDR,
                                               nl.mac(self.mac))]
        return lladdr + self.attrs

    def offset(self):
        """Where in the message the attribute is that is at fault."""
        where = 16 + 12
        for number, value in self.all_attrs():
            if number == self.at:
                return where
            where += len(nl.pack_attrs([(number, value)]))
        return None


def bad_dst(size):
    return Bad("EAFNOSUPPORT", "IPv4 or IPv6 address",
               [(d.NDA_DST, bytes(size))], d.NDA_DST)


def bad_attr(number, value, error, text, op=NEW):
    """An add (or delete) that would be good but for one attribute."""
    mac = ABSENT if op == NEW else MAC
    return Bad(error, text, [DST, (number, value)], number, op, mac)


REFUSED = {
    # What the core of the kernel looks at
    "no-interface": Bad("EINVAL", "invalid ifindex", [DST], index=0),
    "unknown-interface": Bad("ENODEV", "unknown ifindex", [DST],
                             index=0x7ffffff0),
    "no-mac": Bad("EINVAL", "invalid address", [DST], mac=None),
    "short-mac": Bad("EINVAL", "invalid address", [DST], mac=bytes(5)),
    "long-mac": Bad("EINVAL", "invalid address", [DST], mac=bytes(8)),
    "vlan-zero": Bad("EINVAL", "", [DST, (d.NDA_VLAN, nl.u16(0))]),
    "vlan-4095": Bad("EINVAL", "", [DST, (d.NDA_VLAN, nl.u16(4095))]),
    "not-self": Bad("EOPNOTSUPP", "", [DST], flags=0),

    # State
    "state-none": Bad("EINVAL", "permanent or reachable", [DST], state=0),
    "state-noarp": Bad("EINVAL", "permanent or reachable", [DST],
                       state=d.NUD_NOARP),
    "state-stale": Bad("EINVAL", "permanent or reachable", [DST],
                       state=d.NUD_STALE),
    "state-failed": Bad("EINVAL", "permanent or reachable", [DST],
                        state=d.NUD_FAILED | d.NUD_NOARP),

    # Destination
    "no-dst": Bad("EINVAL", "NDA_DST or NDA_NH_ID is required"),
    "no-dst-but-port": Bad("EINVAL", "NDA_DST or NDA_NH_ID is required",
                           [(d.NDA_PORT, nl.be16(99))]),
    "dst-empty": bad_dst(0),
    "dst-3": bad_dst(3),
    "dst-5": bad_dst(5),
    "dst-15": bad_dst(15),
    "dst-17": bad_dst(17),
    "dst-ipv6": Bad("EAFNOSUPPORT", "address family of the device",
                    [(d.NDA_DST, nl.ip("fd00::1"))], d.NDA_DST),

    # The other attributes
    "port-1": bad_attr(d.NDA_PORT, b"\x12", "EINVAL", "NDA_PORT"),
    "port-4": bad_attr(d.NDA_PORT, bytes(4), "EINVAL", "NDA_PORT"),
    "vni-empty": bad_attr(d.NDA_VNI, b"", "EINVAL", "NDA_VNI"),
    "vni-3": bad_attr(d.NDA_VNI, bytes(3), "EINVAL", "NDA_VNI"),
    "vni-8": bad_attr(d.NDA_VNI, bytes(8), "EINVAL", "NDA_VNI"),
    "vni-2^24": bad_attr(d.NDA_VNI, nl.u32(1 << 24), "ERANGE",
                         "NDA_VNI must be lower than 16777216"),
    "vni-2^32-1": bad_attr(d.NDA_VNI, b"\xff" * 4, "ERANGE", "NDA_VNI"),
    "src-vni-2": bad_attr(d.NDA_SRC_VNI, bytes(2), "EINVAL", "NDA_SRC_VNI"),
    "src-vni-2^24": bad_attr(d.NDA_SRC_VNI, nl.u32(1 << 24), "ERANGE",
                             "NDA_SRC_VNI"),
    "via-2": bad_attr(d.NDA_IFINDEX, bytes(2), "EINVAL", "NDA_IFINDEX"),
    "via-0": bad_attr(d.NDA_IFINDEX, nl.u32(0), "EADDRNOTAVAIL",
                      "NDA_IFINDEX"),
    "via-unknown": bad_attr(d.NDA_IFINDEX, nl.u32(0x7ffffff0),
                            "EADDRNOTAVAIL", "NDA_IFINDEX"),
    "via-negative": bad_attr(d.NDA_IFINDEX, b"\xff" * 4, "EADDRNOTAVAIL",
                             "NDA_IFINDEX"),

    # Nexthop groups
    "nhid": Bad("EINVAL", "Nexthop does not exist",
                [(d.NDA_NH_ID, nl.u32(1))]),
    "nhid-and-dst": bad_attr(d.NDA_NH_ID, nl.u32(1), "EINVAL",
                             "NDA_NH_ID excludes"),
    "nhid-and-port": Bad("EINVAL", "NDA_NH_ID excludes",
                         [(d.NDA_NH_ID, nl.u32(1)),
                          (d.NDA_PORT, nl.be16(99))], d.NDA_NH_ID),
    "nhid-2": Bad("EINVAL", "NDA_NH_ID", [(d.NDA_NH_ID, bytes(2))],
                  d.NDA_NH_ID),

    # What the table says
    "exists": Bad("EEXIST", "exists", [DST], mac=MAC),
    "exists-zero": Bad("EEXIST", "exists", [DST], mac=ZERO),
    "absent": Bad("ENOENT", "", [DST], nl_flags=0),
    "absent-replace": Bad("ENOENT", "", [DST], nl_flags=d.NLM_F_REPLACE),
    "absent-append": Bad("ENOENT", "", [DST], nl_flags=d.NLM_F_APPEND),
    "replace-zero": Bad("EOPNOTSUPP", "replace", [DST], mac=ZERO,
                        nl_flags=f.REPLACE),
    "replace-new-multicast": Bad("EOPNOTSUPP", "replace", [DST],
                                 mac=GROUP_MAC, nl_flags=f.REPLACE),

    # Delete
    "del-absent": Bad("ENOENT", "not found", op=DEL),
    "del-absent-remote": Bad("ENOENT", "not found", [DST], op=DEL),
    "del-dst-7": Bad("EAFNOSUPPORT", "NDA_DST", [(d.NDA_DST, bytes(7))],
                     d.NDA_DST, DEL, MAC),
    "del-port-3": bad_attr(d.NDA_PORT, bytes(3), "EINVAL", "NDA_PORT", DEL),
    "del-vni-2^24": bad_attr(d.NDA_VNI, nl.u32(1 << 24), "ERANGE", "NDA_VNI",
                             DEL),
    "del-via-unknown": bad_attr(d.NDA_IFINDEX, nl.u32(0x7ffffff0),
                                "EADDRNOTAVAIL", "NDA_IFINDEX", DEL),

    # Get
    "get-absent": Bad("ENOENT", "not found", op=GET),
    "get-src-vni": Bad("EINVAL", "Unsupported attribute",
                       [(d.NDA_SRC_VNI, nl.u32(100))], op=GET, mac=MAC),

    # Flush
    "flush-state": Bad("EINVAL", "states", op=DEL, mac=None, nl_flags=f.FLUSH,
                       state=d.NUD_REACHABLE),
    "flush-flags": Bad("EINVAL", "flags", op=DEL, mac=None, nl_flags=f.FLUSH,
                       flags=d.NTF_SELF | d.NTF_STICKY),
    "flush-mac": Bad("EINVAL", "", op=DEL, mac=MAC, nl_flags=f.FLUSH),
    "flush-vlan": Bad("EINVAL", "", [(d.NDA_VLAN, nl.u16(1))], op=DEL,
                      mac=None, nl_flags=f.FLUSH),
    "flush-brport": Bad("EINVAL", "", [(d.NDA_IFINDEX, nl.u32(1))], op=DEL,
                        mac=None, nl_flags=f.FLUSH),
    "flush-dst-7": Bad("EAFNOSUPPORT", "NDA_DST", [(d.NDA_DST, bytes(7))],
                       op=DEL, mac=None, nl_flags=f.FLUSH,
                       since=(6, 7)),
    "flush-vni-2": Bad("EINVAL", "", [(d.NDA_VNI, bytes(2))], op=DEL,
                       mac=None, nl_flags=f.FLUSH),
}


def check_refused(table, bad):
    """Ask, compare the answer, and compare the table with what it was."""
    before = table.snapshot()
    index = table.index if bad.index is None else bad.index
    with closing(nl.Monitor(table.ns, (d.RTNLGRP_NEIGH,))) as monitor:
        with pytest.raises(nl.NlError) as caught:
            table.ns.rtnl.neigh(bad.op, index, bad.all_attrs(), bad.state,
                                bad.flags, bad.nl_flags)
        events = monitor.events()
    said = caught.value
    if f.RELEASE < bad.since:
        assert f.ERRNO[said.errno] == "EINVAL"
    else:
        assert f.ERRNO[said.errno] == bad.error, str(said)
        assert bad.text in said.msg
        if bad.at is not None:
            assert said.offset == bad.offset()
    assert not events
    assert table.snapshot() == before


@pytest.mark.parametrize("name", REFUSED)
def test_fdb_refused(fdb, name):
    """The table holds a unicast and a flood entry, and keeps them."""
    fdb.add(MAC, ONE)
    fdb.append(ZERO, ONE)
    fdb.append(ZERO, "10.0.0.2", port=99)
    check_refused(fdb, REFUSED[name])


def test_fdb_refused_ipv4_on_ipv6(fdb6):
    """An IPv6 device takes no IPv4 destinations."""
    fdb6.add(MAC, "fd00::2")
    check_refused(fdb6, Bad("EAFNOSUPPORT", "address family of the device",
                            [DST], d.NDA_DST))


@pytest.mark.parametrize("mac", [ABSENT, ZERO, GROUP_MAC])
def test_fdb_refused_limit(fdb_host, mac):
    """maxaddress counts entries, not their remotes."""
    fdb_host.ip(f"link add vx0 type {kind()} id 100 {DEFAULTS} maxaddress 2")
    try:
        table = Fdb(fdb_host)
        table.add(MAC, ONE)
        table.add("01:00:5e:00:00:02", ONE)
        table.append("01:00:5e:00:00:02", "10.0.0.2")
        check_refused(table, Bad("ENOSPC", "maxaddress", [DST], mac=mac))
        table.replace(MAC, "10.0.0.3")
        table.delete(MAC)
        table.add(mac, ONE)
    finally:
        fdb_host.rtnl.dellink("vx0")
