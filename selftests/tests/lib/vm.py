# SPDX-License-Identifier: GPL-2.0
"""Tenants: namespaces behind the bridges of a host (see topo)."""

import socket

from . import counters, inject, links, nl
from . import nldefs as d
from .capture import Capture
from .netns import Netns
from .wait import eventually

#: Reports per joined group; net.ipv6.mld_qrv belongs to the whole kernel.
MLD_ROBUSTNESS = 2


def ignore_missing(call, *args, **kwargs):
    """An entry may age away while we delete it."""
    try:
        call(*args, **kwargs)
    except nl.NlError as error:
        if error.name != "ENOENT":
            raise


class VM:
    """A tenant: a namespace with eth0 (and more legs) on bridges."""

    def __init__(self, host, number, ip=None, ip6=None):
        self.host = host
        self.number = number
        self.ns = Netns(f"vm{number}")
        host.fabric.vms.append(self)
        # The second MLD report, too, goes at once.
        self.ns.sysctl("ipv6/conf/default/mldv2_unsolicited_report_interval", 1)
        self.ip4 = ip or f"192.168.100.{number}/24"
        self.ip6 = ip6 or f"fd01::{number:x}/64"
        self.macs = []

    def __repr__(self):
        return f"<vm{self.number}>"

    def add_leg(self, vni, ip=None, ip6=None, mtu=1500):
        """One more interface (eth0, eth1, ...), port of the bridge brVNI."""
        leg = len(self.macs)
        self.macs.append(f"02:00:00:{self.host.number:02x}:{self.number:02x}:"
                         f"{leg + 1:02x}")
        port, dev = f"tap{self.number}.{leg}", f"eth{leg}"
        links.add_veth(self.host.ns, port, self.ns, dev, self.macs[leg], mtu,
                       f"br{vni}")
        for address in filter(None, (ip, ip6)):
            links.add_address(self.ns, dev, address)
        return dev

    def wait_ready(self):
        """Its MLD reports, which are flooded to the group, are out."""
        eventually(lambda: counters.snmp(self.ns)["Icmp6OutMLDv2Reports"]
                   >= MLD_ROBUSTNESS, what=f"MLD reports of {self}")

    @property
    def mac(self):
        return self.macs[0]

    @property
    def ip(self):
        """IPv4 address without the prefix length."""
        return self.ip4.split("/")[0]

    @property
    def ipv6(self):
        return self.ip6.split("/")[0]

    def ping(self, other, count=1, **options):
        """Fail unless all pings are answered. other: VM or address."""
        address = other if isinstance(other, str) else other.ip
        answered = inject.ping(self.ns, address, count, **options)
        assert answered == count, \
            f"{self} -> {address}: {answered} of {count} pings answered"

    def send(self, *frames, ifname="eth0"):
        """Send raw frames."""
        inject.send_frames(self.ns, ifname, *frames)

    def capture(self, ifname="eth0"):
        return Capture(self.ns, ifname)

    def know(self, *others):
        """Permanent ARP and ND entries for other VMs: no queries to them."""
        self.ns.ip(*[f"neigh replace {address} lladdr {vm.mac} dev eth0 "
                     f"nud permanent" for vm in others
                     for address in (vm.ip, vm.ipv6)])

    def forget(self):
        """Delete the ARP and ND entries, those of know() too."""
        for family in (socket.AF_INET, socket.AF_INET6):
            for entry in self.ns.rtnl.neighbours(family):
                if not entry["state"] & d.NUD_NOARP:
                    ignore_missing(
                        self.ns.rtnl.neigh, d.RTM_DELNEIGH, entry["ifindex"],
                        [(d.NDA_DST, nl.ip(entry["dst"]))], flags=0,
                        family=family)
