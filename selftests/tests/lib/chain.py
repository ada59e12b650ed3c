# SPDX-License-Identifier: GPL-2.0
"""Two VTEPs with a router between them, whose right link may be smaller.

    vm1 -- br0+vx0 :left: --1500-- :router: --small-- :right: br0+vx0 -- vm2
"""

from . import topo
from .capture import Capture, close_all
from .links import add_veth
from .netns import Netns, delete_all

VM = {4: ("192.168.100.1", "192.168.100.2"), 6: ("fd01::1", "fd01::2")}
MAC = ("02:00:00:00:aa:01", "02:00:00:00:bb:01")
ENDS = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd10::1", "fd20::1")}
VIA = {4: ("10.1.0.254", "10.2.0.254"), 6: ("fd10::fe", "fd20::fe")}
BITS = {4: 24, 6: 64}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


class Chain:
    """net: the underlay; options: more words for `ip link`."""

    def __init__(self, net, small=1400, options=""):
        self.net, self.small = net, small
        self.made = []
        try:
            self._cables(small)
            for side in (0, 1):
                self._underlay(side)
                self._overlay(side, options)
        except BaseException:
            self.delete()
            raise

    def _netns(self, label):
        self.made.append(Netns(label))
        return self.made[-1]

    def _cables(self, small):
        self.router = self._netns("router")
        self.hosts = [self._netns(label) for label in ("left", "right")]
        self.vms = [self._netns(label) for label in ("vm1", "vm2")]
        for side, mtu in enumerate((1500, small)):
            add_veth(self.router, f"r{side}", self.hosts[side], "eth0",
                     mtu=mtu)
            add_veth(self.hosts[side], "tap0", self.vms[side], "eth0",
                     mac=MAC[side], mtu=1500)
        self.router.sysctl("ipv4/ip_forward", 1)
        self.router.sysctl("ipv6/conf/all/forwarding", 1)

    def _underlay(self, side):
        version = self.net.version
        bits, via = BITS[version], VIA[version][side]
        self.router.ip(f"addr add {via}/{bits} dev r{side} "
                       f"{'nodad' if version == 6 else ''}")
        self.hosts[side].ip(
            f"addr add {ENDS[version][side]}/{bits} dev eth0 "
            f"{'nodad' if version == 6 else ''}",
            f"route add {DEFAULT[version]} via {via}")

    def _overlay(self, side, options):
        ends = ENDS[self.net.version]
        self.hosts[side].ip(
            f"link add vx0 type {topo.kind()} id 100 {topo.DEFAULTS} "
            f"local {ends[side]} remote {ends[1 - side]} {options}",
            "link add br0 type bridge stp_state 0 forward_delay 0 "
            "mcast_snooping 0",
            "link set vx0 master br0 up", "link set tap0 master br0",
            "link set br0 up")
        self.vms[side].ip(*[
            f"addr add {VM[version][side]}/{BITS[version]} dev eth0 "
            f"{'nodad' if version == 6 else ''}" for version in (4, 6)], *[
            f"neigh add {VM[version][1 - side]} lladdr {MAC[1 - side]} "
            f"dev eth0 nud permanent" for version in (4, 6)])

    def end(self, side):
        """The underlay address of a host."""
        return ENDS[self.net.version][side]

    def capture(self, where, ifname="eth0"):
        return Capture(where, ifname)

    def delete(self):
        close_all()     # captures hold their namespace
        delete_all(self.made)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()


def route_mtu(ns, address):
    """The path MTU that a namespace knows to an address, or None."""
    words = ns(f"ip route get {address}").split()
    return int(words[words.index("mtu") + 1]) if "mtu" in words else None
