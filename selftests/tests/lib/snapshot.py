# SPDX-License-Identifier: GPL-2.0
"""All that a request which fails must leave as it was.

    before = snapshot(ns)
    ...
    assert snapshot(ns) == before
"""

from . import ethtool, topo
from . import nldefs as d
from .underlay import V4, V6

#: Attributes of a link that move by themselves: statistics, carrier changes.
_VOLATILE = {7, 23, 26, 35, 47, 48}
#: What follows the carrier when the kernel finds the time for it: IFF_RUNNING
#: and IFF_LOWER_UP.
_LATE = 0x10040


def _link(ns, link):
    """A link as a dump tells it. Of our own devices, whose carrier is asked
    for, with the operational state; of others that may come late.
    """
    flags, without = link["flags"], _VOLATILE
    if link["kind"] == topo.kind():
        ethtool.has_link(ns, link["name"])
        link = ns.rtnl.link(link["name"])
        flags = link["flags"]
    else:
        flags, without = flags & ~_LATE, _VOLATILE | {d.IFLA_OPERSTATE}
    return {"flags": flags, "attrs": {
        number: raw for number, raw in link["attrs"].items()
        if number not in without}}


def _entry(entry):
    """An FDB entry but for its times."""
    return (entry["ifindex"], entry["state"], entry["flags"], tuple(sorted(
        (k, v) for k, v in entry["attrs"].items() if k != d.NDA_CACHEINFO)))


def _sockets(ns, name):
    """Local address, remote address and number of references."""
    return sorted(line.split()[1:4] for line in
                  ns.read(f"net/{name}").splitlines()[1:])


def snapshot(ns):
    """Links with everything that a dump says, forwarding tables, memberships
    of all interfaces, sockets.
    """
    links = {link["name"]: _link(ns, link) for link in ns.rtnl.links()}
    return {
        "links": links,
        "fdb": [_entry(entry) for entry in ns.rtnl.fdb()],
        "groups": {(name, net.name): net.members(ns, name)
                   for name in links for net in (V4, V6)},
        "filters": sorted(line.split()[1:] for line in
                          ns.read("net/dev_mcast").splitlines()),
        "sockets": {name: _sockets(ns, name) for name in ("udp", "udp6")},
    }


def differences(before, after, path=""):
    """Where two snapshots differ, as lines: "links.vx0.flags: 1 -> 2"."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [line for key in {**before, **after}
                for line in differences(before.get(key), after.get(key),
                                        f"{path}.{key}" if path else str(key))]
    if before == after:
        return []
    if isinstance(before, list) and isinstance(after, list):
        lines = [f"{path}: - {one}" for one in before if one not in after]
        lines += [f"{path}: + {one}" for one in after if one not in before]
        return lines or [f"{path}: another order: {before} -> {after}"]
    return [f"{path}: {before!r} -> {after!r}"]
