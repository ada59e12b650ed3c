# SPDX-License-Identifier: GPL-2.0
"""Dumps of forwarding tables, one part at a time.

    for part in parts(ns, "device", table.index): ...

The kernel makes a part when the one before is read: what the caller does in
between happens between two parts of one dump.
"""

from . import nl
from . import nldefs as d

#: Ways to ask: all interfaces; one, as old programs do; one, and the ports of
#: one bridge, as new ones do (strict checking).
WAYS = ("all", "device", "strict-device", "strict-bridge")


def _question(way, index, bridge):
    """Header and attributes."""
    if way == "all":
        return nl.ifinfomsg(family=d.AF_BRIDGE), []
    if way == "device":
        return nl.ifinfomsg(index=index, family=d.AF_BRIDGE), []
    if way == "strict-device":
        return nl.ndmsg(), [(d.NDA_IFINDEX, nl.u32(index))]
    return nl.ndmsg(), [(d.NDA_MASTER, nl.u32(bridge))]


def parts(ns, way="all", index=0, bridge=0, size=8192):
    """Lists of nl.parse_neigh()."""
    with nl.Rtnl(ns, strict=way.startswith("strict")) as rtnl:
        header, attrs = _question(way, index, bridge)
        rtnl.send(d.RTM_GETNEIGH, d.NLM_F_DUMP, header, attrs)
        while True:
            part = []
            for kind, flags, _, body in nl.messages(rtnl.sock.recv(size)):
                assert not flags & d.NLM_F_DUMP_INTR
                assert kind in (d.RTM_NEWNEIGH, d.NLMSG_DONE), kind
                if kind == d.NLMSG_DONE:
                    yield part
                    return
                part.append(nl.parse_neigh(body))
            yield part
