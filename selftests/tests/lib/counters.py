# SPDX-License-Identifier: GPL-2.0
"""Counters of devices and namespaces, and what an action adds to them."""

import struct
from contextlib import contextmanager

from . import ethtool, nl
from . import nldefs as d
from .wait import eventually


def link_stats(ns, dev):
    """`ip -s link`: rx_packets, tx_dropped, ... (struct rtnl_link_stats64)."""
    return ns.rtnl.link(dev)["stats"]


def ethtool_stats(ns, dev):
    """`ethtool -S`; empty where the driver has none."""
    return ethtool.statistics(ns, dev)


def device(ns, dev):
    """Both: link statistics as they are, ethtool's with prefix "S:"."""
    named = {f"S:{k}": v for k, v in ethtool_stats(ns, dev).items()}
    return {**link_stats(ns, dev), **named}


def snmp(ns):
    """/proc/net/snmp and snmp6: {"Udp.InDatagrams": 1, "Udp6...": ...}."""
    found = {}
    lines = ns.read("net/snmp").splitlines()
    for head, values in zip(lines[::2], lines[1::2]):
        proto, names = head.split(":")
        for key, value in zip(names.split(), values.split(":")[1].split()):
            found[f"{proto}.{key}"] = int(value)
    for line in ns.read("net/snmp6").splitlines():
        key, value = line.split()
        found[key] = int(value)
    return found


def queues(ns, dev):
    """Packets sent by each queue of a device whose qdisc is `mq`."""
    found = {}
    for _, body in ns.rtnl.request(d.RTM_GETQDISC, d.NLM_F_DUMP, bytes(20)):
        index, _, parent = struct.unpack_from("=iII", body, 4)
        if index == ns.rtnl.index(dev) and parent != d.TC_H_ROOT:
            stats = nl.parse_attrs(nl.parse_attrs(body[20:])[d.TCA_STATS2])
            found[parent] = struct.unpack_from("=QI", stats[
                d.TCA_STATS_BASIC])[1]
    return [found[parent] for parent in sorted(found)]


class Delta(dict):
    """{name: growth} of the counters that moved; filled when it ends."""

    def __init__(self, read):
        super().__init__()
        self.read = read
        self.before = read()

    def __missing__(self, key):
        return 0

    def now(self):
        """Growth up to now, without those that did not move."""
        self.clear()
        for key, value in self.read().items():
            if value != self.before.get(key, 0):
                self[key] = value - self.before.get(key, 0)
        return self

    def wait_for(self, name, growth, timeout=5.0):
        """Wait until a counter has grown by at least that much."""
        eventually(lambda: self.now()[name] >= growth, timeout,
                   what=f"{name} +{growth}")
        return self


@contextmanager
def delta(ns, dev=None, read=None):
    """Growth of device(ns, dev), snmp(ns) without dev, or of read().

        with delta(host.ns, "vx100") as moved:
            ...
            moved.wait_for("rx_packets", 1)
        assert moved == {"rx_packets": 1, "rx_bytes": 60}
    """
    if read is None:
        def read():
            return device(ns, dev) if dev else snmp(ns)
    moved = Delta(read)
    yield moved
    moved.now()
