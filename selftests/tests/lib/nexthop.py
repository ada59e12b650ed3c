# SPDX-License-Identifier: GPL-2.0
"""Nexthops of a namespace, and FDB entries that point to groups of them.

    nexthops = Nexthops(ns)
    nexthops.add(1, "10.0.0.2")             # fdb nexthop: one VTEP
    nexthops.group(10, 1, 2)                # fdb group: one of these VTEPs
    add(fdb, mac, 10), replace(fdb, ...)    # the entry points to a group
    groups(fdb, mac) -> [10]
"""

import errno
import struct

from . import fdb as f
from . import nl
from . import nldefs as d

CREATE = d.NLM_F_CREATE | d.NLM_F_EXCL
REPLACE = d.NLM_F_CREATE | d.NLM_F_REPLACE


class Nexthops:
    """`ip nexthop` in a namespace; numbers are ids."""

    def __init__(self, ns):
        self.ns = ns

    def _request(self, kind, flags, family, attrs):
        return self.ns.rtnl.request(
            kind, flags, struct.pack("=BBBxI", family, 0, 0, 0), attrs)

    def add(self, number, via, port=None, flags=CREATE, lower=None):
        """A VTEP; lower: an ordinary nexthop on that device instead."""
        attrs = [(d.NHA_ID, nl.u32(number)), (d.NHA_GATEWAY, nl.ip(via)),
                 (d.NHA_OIF, nl.u32(self.ns.rtnl.index(lower))) if lower
                 else (d.NHA_FDB, b"")]
        if port is not None:
            attrs.append((d.NHA_DST_PORT, nl.be16(port)))
        self._request(d.RTM_NEWNEXTHOP, flags, 10 if ":" in via else 2, attrs)

    def change(self, number, via):
        self.add(number, via, flags=REPLACE)

    def group(self, number, *members, flags=CREATE, fdb=True):
        """A group; members: ids, or pairs (id, weight)."""
        pairs = [m if isinstance(m, tuple) else (m, 1) for m in members]
        raw = b"".join(struct.pack("=IBBH", one, weight - 1, 0, 0)
                       for one, weight in pairs)
        self._request(d.RTM_NEWNEXTHOP, flags, 0, [
            (d.NHA_ID, nl.u32(number)), (d.NHA_GROUP, raw)]
            + ([(d.NHA_FDB, b"")] if fdb else []))

    def regroup(self, number, *members):
        self.group(number, *members, flags=REPLACE)

    def delete(self, *numbers):
        for number in numbers:
            self._request(d.RTM_DELNEXTHOP, 0, 0,
                          [(d.NHA_ID, nl.u32(number))])

    def ids(self):
        """Every nexthop and group there is."""
        return [struct.unpack("=I", nl.parse_attrs(body[8:])[d.NHA_ID])[0]
                for _, body in self._request(d.RTM_GETNEXTHOP, d.NLM_F_DUMP,
                                             0, [])]

    def clear(self):
        """Delete them all; a group goes with its last member."""
        for number in sorted(self.ids()):
            try:
                self.delete(number)
            except nl.NlError as error:
                if error.errno != errno.ENOENT:
                    raise


def add(fdb, lladdr, nhid, nl_flags=f.ADD, state=f.PERMANENT, **words):
    """An FDB entry that points to a group."""
    fdb.change(lladdr, None, nl_flags, state, nhid=nhid, **words)


def replace(fdb, lladdr, nhid, state=f.PERMANENT):
    add(fdb, lladdr, nhid, f.REPLACE, state)


def entries(fdb, lladdr=None):
    """The device's entries that point to a group."""
    return [e for e in fdb.ns.rtnl.fdb(fdb.dev) if e["nh_id"] is not None
            and lladdr in (None, e["mac"])]


def groups(fdb, lladdr):
    """Groups to which a MAC points: one, or none."""
    return [e["nh_id"] for e in entries(fdb, lladdr)]
