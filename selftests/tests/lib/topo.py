# SPDX-License-Identifier: GPL-2.0
"""Test networks: a fabric, hosts (VTEPs) on it, VMs behind the hosts.

    VM ---- br100 ---- vx100 ... eth0 ---- fabric bridge ---- eth0 ... host2
    eth0    bridge     VXLAN     host1     (one namespace)

Every address follows from a number: host N has 10.0.0.N/24, fd00::N/64,
fe80::N/64 and MAC 02:00:00:NN:00:01; VM V on host N has 192.168.100.V/24,
fd01::V/64 and MAC 02:00:00:NN:VV:01.
"""

import os
import select
import socket
import time

from . import ethtool, links, nl
from . import nldefs as d
from .capture import MARKER_TYPE, Capture
from .netns import Netns, delete_all
from .vm import VM, ignore_missing
from .wait import deadline, eventually

#: Said explicitly because the drivers' own defaults differ.
DEFAULTS = "dstport 4789 noudpcsum"


def kind():
    """Link kind under test: vxlan, or vtep beside the kernel's driver."""
    return os.environ.get("VXLAN_KIND", "vxlan")


class Fabric:
    """N hosts on one Ethernet; offloads off, so captures show true bytes.

    hosts: count, or the numbers. Use as `fabric.host[1]`.
    """

    def __init__(self, hosts=3, mtu=1600, snooping=False, offloads=False):
        self.mtu = mtu
        self.vms = []
        self.host = {}
        self._markers = {}
        self.ns = Netns("fabric")
        try:
            numbers = range(1, hosts + 1) if isinstance(hosts, int) else hosts
            self.host = {n: Host(self, n) for n in numbers}
            self._wire(snooping)
            for host in self.host.values():
                host.configure()
                if not offloads:
                    ethtool.offload(host.ns, "eth0")
            for host in self.host.values():
                self._markers[host] = _marker_socket(host.ns, MARKER_TYPE)
            self.settle()
        except BaseException:
            self.delete()
            raise

    def _wire(self, snooping):
        links.add_bridge(self.ns, "br0", mtu=self.mtu, snooping=snooping)
        for n, host in self.host.items():
            links.add_veth(self.ns, f"h{n}", host.ns, "eth0", host.mac,
                           self.mtu, "br0")

    @property
    def hosts(self):
        return list(self.host.values())

    def settle(self, timeout=5.0):
        """All that was sent on the underlay until now has arrived.

        Each host broadcasts a marker frame and all others wait for it.
        """
        tag = os.urandom(8)
        due = {(a, b) for a in self.hosts for b in self.hosts if a is not b}
        for host, sock in self._markers.items():
            sock.send(b"\xff" * 6 + nl.mac(host.mac)
                      + MARKER_TYPE.to_bytes(2, "big") + tag
                      + host.number.to_bytes(2, "big") + bytes(36))
        end = deadline(timeout)
        while due:
            assert time.monotonic() < end, f"markers lost: {due}"
            select.select(self._markers.values(), [], [], 0.5)
            for host, sock in self._markers.items():
                for raw in _drain(sock):
                    if raw[14:22] == tag:
                        number = int.from_bytes(raw[22:24], "big")
                        due.discard((self.host[number], host))

    def forget(self):
        """Drop everything learned: VXLAN FDBs, bridges, ARP and ND."""
        for host in self.hosts:
            host.forget()
        for vm in self.vms:
            vm.forget()

    def delete(self):
        """Remove all namespaces and wait until they are gone."""
        for sock in self._markers.values():
            sock.close()
        self._markers = {}
        delete_all([vm.ns for vm in self.vms]
                   + [host.ns for host in self.hosts] + [self.ns])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()


class Host:
    """A VTEP: eth0 on the fabric, bridges brVNI, devices vxVNI."""

    def __init__(self, fabric, number):
        self.fabric = fabric
        self.number = number
        self.ns = Netns(f"host{number}")
        self.mac = f"02:00:00:{number:02x}:00:01"
        self.ip4 = f"10.0.0.{number}"
        self.ip6 = f"fd00::{number:x}"
        self.link_local = f"fe80::{number:x}"
        self.vxlans = []

    def __repr__(self):
        return f"<host{self.number}>"

    def configure(self):
        for address in (f"{self.ip4}/24", f"{self.ip6}/64",
                        f"{self.link_local}/64"):
            links.add_address(self.ns, "eth0", address)

    def add_vxlan(self, vni, options, name=None, bridge=True, up=True):
        """Create vxVNI with `ip link` words; bridge: as port of brVNI."""
        name = name or f"vx{vni}"
        index = len(self.vxlans) + 1
        prefix = f"02:00:00:{self.number:02x}"
        lines = [f"link add {name} address {prefix}:c0:{index:02x} "
                 f"type {kind()} id {vni} {DEFAULTS} {options}"]
        if bridge:
            links.add_bridge(self.ns, f"br{vni}", f"{prefix}:b0:{index:02x}")
            lines.append(f"link set {name} master br{vni}")
        if up:
            lines.append(f"link set {name} up")
        self.ns.ip(*lines)
        self.vxlans.append(name)
        return name

    def delete_vxlans(self):
        """Delete the devices of add_vxlan() and their bridges."""
        for link in self.ns.rtnl.links():
            if link["name"] in self.vxlans or link["kind"] == "bridge":
                self.ns.rtnl.dellink(link["name"])
        self.vxlans = []

    def add_vm(self, number, vni=100, ip=None, ip6=None, mtu=1500):
        """A VM (its namespace) on bridge brVNI."""
        vm = VM(self, number, ip, ip6)
        vm.add_leg(vni, vm.ip4, vm.ip6, mtu)
        vm.wait_ready()
        return vm

    def capture(self, ifname="eth0"):
        """Captures what passes an interface, by default the underlay's."""
        return Capture(self.ns, ifname)

    def fdb(self, dev="vx100"):
        """{MAC: [underlay addresses]} of a VXLAN device."""
        found = {}
        for entry in self.ns.rtnl.fdb(dev):
            if entry["dst"]:
                found.setdefault(entry["mac"], []).append(entry["dst"])
        return found

    def forget(self):
        """Delete learned FDB entries and flush the bridges."""
        rtnl = self.ns.rtnl
        for name in self.vxlans:
            for entry in rtnl.fdb(name):
                if entry["dst"] and not entry["state"] & (
                        d.NUD_PERMANENT | d.NUD_NOARP):
                    ignore_missing(rtnl.neigh, d.RTM_DELNEIGH, name,
                                    [(d.NDA_LLADDR, nl.mac(entry["mac"]))])
        for link in rtnl.links():
            if link["kind"] == "bridge":
                links.flush_bridge(self.ns, link["name"])


def segment(fabric, underlay, vni=100, vms=None, options="", group=None):
    """One VXLAN segment over multicast on all hosts, with VMs.

    vms: {VM number: host number}. Returns {VM number: VM}.
    """
    for host in fabric.hosts:
        host.add_vxlan(vni, f"{underlay.options(host, group)} {options}")
    made = {number: fabric.host[on].add_vm(number, vni)
            for number, on in (vms or {}).items()}
    fabric.settle()
    return made


def wait_learned(host, vm, behind, underlay, dev="vx100"):
    """Wait until a host knows a VM's MAC behind another host, only there."""
    def known():
        found = host.fdb(dev).get(vm.mac)
        assert found == [underlay.address(behind)], \
            f"{host} has {vm} behind {found}, not behind {behind}"
        return True
    eventually(known, what=f"{host} learned {vm}")


def _marker_socket(ns, protocol):
    with ns.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sock.bind(("eth0", protocol))
    sock.setblocking(False)
    return sock


def _drain(sock):
    while True:
        try:
            yield sock.recv(2048)
        except BlockingIOError:
            return
