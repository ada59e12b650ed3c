# SPDX-License-Identifier: GPL-2.0
"""The VNI filter by raw netlink: RTM_{NEW,DEL,GET}TUNNEL.

    filter = Filter(ns, "vx0")
    filter.add(entry(10, 20, "239.1.1.1"), entry(30))
    filter.delete(entry(10, 12))
    filter.ranges() -> [(13, 20, "239.1.1.1"), (30, 30, None)]
    filter.stats() -> {13: {"rx_bytes": 0, ...}, ...}
    told(monitor) -> [("new" or "del", first, last, group), ...]
"""

import ipaddress
import struct

from . import nl
from . import nldefs as d
from .nlattr import ip, pack_attrs, parse_attrs, u32

ENTRY = 1                               # VXLAN_VNIFILTER_ENTRY
START, END, GROUP, GROUP6, STATS = 1, 2, 3, 4, 5
FLAG_STATS = 1
STAT_NAMES = ("rx_bytes", "rx_packets", "rx_drops", "rx_errors", "tx_bytes",
              "tx_packets", "tx_drops", "tx_errors")


def tunnel_msg(index=0, flags=0, family=d.AF_BRIDGE):
    return struct.pack("=BBHI", family, flags, 0, index)


def entry(start=None, end=None, group=None):
    """An attribute (number, nest) with one VNI or a range."""
    attrs = []
    if start is not None:
        attrs.append((START, u32(start)))
    if end is not None:
        attrs.append((END, u32(end)))
    if group is not None:
        raw = ip(group)
        attrs.append((GROUP if len(raw) == 4 else GROUP6, raw))
    return (ENTRY, attrs)


def split(raw):
    """[(number, bytes)]: attributes of a message, in order, also equal ones."""
    found = []
    while len(raw) >= 4:
        size, number = struct.unpack_from("=HH", raw)
        found.append((number & d.NLA_TYPE_MASK, raw[4:size]))
        raw = raw[(size + 3) & ~3:]
    return found


def parse_entry(raw):
    """(first, last, group, {counter: value} or None)"""
    attrs = parse_attrs(raw)
    first = struct.unpack("=I", attrs[START])[0]
    last = struct.unpack("=I", attrs.get(END, attrs[START]))[0]
    group = attrs.get(GROUP) or attrs.get(GROUP6)
    stats = None
    if STATS in attrs:
        values = parse_attrs(attrs[STATS])
        stats = {name: struct.unpack("=Q", values[number])[0]
                 for number, name in enumerate(STAT_NAMES, 1)}
    return (first, last, str(ipaddress.ip_address(group)) if group else None,
            stats)


def parse_tunnel(body):
    """(family, flags, ifindex, [entries])"""
    family, flags, _, index = struct.unpack_from("=BBHI", body)
    return family, flags, index, [parse_entry(raw) for number, raw in
                                  split(body[8:]) if number == ENTRY]


def told(monitor, index=None):
    """Notifications so far; they are forgotten."""
    names = {d.RTM_NEWTUNNEL: "new", d.RTM_DELTUNNEL: "del"}
    heard = monitor.events()
    found = []
    for event in heard:
        if event["type"] not in names:
            continue
        _, _, ifindex, entries = parse_tunnel(event["body"])
        if index in (None, ifindex):
            found += [(names[event["type"]], *one[:3]) for one in entries]
    heard.clear()
    return found


class Filter:
    """The filter of a device; ns: a Netns."""

    def __init__(self, ns, dev):
        self.ns, self.dev = ns, dev

    @property
    def index(self):
        return self.ns.rtnl.index(self.dev)

    def request(self, kind, attrs, index=None, header=None):
        """Whatever is given; attrs may be bytes."""
        if header is None:
            header = tunnel_msg(self.index if index is None else index)
        return self.ns.rtnl.request(
            kind, 0, header,
            attrs if isinstance(attrs, bytes) else pack_attrs(attrs))

    def add(self, *entries):
        self.request(d.RTM_NEWTUNNEL, entries)

    def delete(self, *entries):
        self.request(d.RTM_DELTUNNEL, entries)

    def dump(self, stats=False, index=None):
        """[(ifindex, entries)] of each message."""
        if index is None:
            index = self.index
        return [(parsed[2], parsed[3]) for parsed in (
            parse_tunnel(body) for kind, body in self.ns.rtnl.request(
                d.RTM_GETTUNNEL, d.NLM_F_DUMP,
                tunnel_msg(index, FLAG_STATS if stats else 0))
            if kind == d.RTM_NEWTUNNEL)]

    def ranges(self):
        return [one[:3] for _, entries in self.dump() for one in entries]

    def stats(self):
        return {one[0]: one[3] for _, entries in self.dump(True)
                for one in entries}
