# SPDX-License-Identifier: GPL-2.0
"""Plumbing by netlink: links and addresses that are not under test.

Each is one or two messages of this process instead of a spawned `ip`,
which takes 20 to 50 ms in an emulator.
"""

import ipaddress
import struct

from . import ethtool, nl
from . import nldefs as d
from .wait import eventually


def _options(mac=None, mtu=None):
    return ([(d.IFLA_ADDRESS, nl.mac(mac))] if mac else []) \
        + ([(d.IFLA_MTU, nl.u32(mtu))] if mtu else [])


def add_veth(ns, name, peer_ns, peer, mac=None, mtu=None, bridge=None):
    """A cable from ns (a port of bridge there) to peer_ns, both ends up.

    mac is the peer's.
    """
    peer_attrs = [(d.IFLA_IFNAME, nl.text(peer)), *_options(mac, mtu),
                  (d.IFLA_NET_NS_FD, nl.u32(peer_ns.fd))]
    ns.rtnl.newlink(
        name, "veth", [(d.VETH_INFO_PEER,
                        nl.ifinfomsg() + nl.pack_attrs(peer_attrs))],
        _options(mtu=mtu), up=True)
    peer_ns.rtnl.setlink(peer, up=True)
    ethtool.has_link(ns, name)
    ethtool.has_link(peer_ns, peer)
    if bridge:      # with a carrier that is known: the port forwards at once
        set_port(ns, name, bridge)


def add_bridge(ns, name, mac=None, mtu=None, snooping=False):
    """A bridge that forwards at once: no STP, no delay."""
    ns.rtnl.newlink(name, "bridge", [
        (d.IFLA_BR_FORWARD_DELAY, nl.u32(0)),
        (d.IFLA_BR_STP_STATE, nl.u32(0)),
        (d.IFLA_BR_MCAST_SNOOPING, nl.u8(snooping))],
        _options(mac, mtu), up=True)


def set_port(ns, name, bridge):
    """Make a device a port of a bridge."""
    ns.rtnl.setlink(name, extra=[
        (d.IFLA_MASTER, nl.u32(ns.rtnl.index(bridge)))])


def add_address(ns, dev, address):
    """"a/len" on a device, usable at once (no DAD)."""
    interface = ipaddress.ip_interface(address)
    raw = interface.packed
    v4 = interface.version == 4
    header = struct.pack("=BBBBi", 2 if v4 else 10, interface.network.prefixlen,
                         0 if v4 else d.IFA_F_NODAD, 0, ns.rtnl.index(dev))
    ns.rtnl.request(d.RTM_NEWADDR, d.NLM_F_CREATE | d.NLM_F_EXCL, header, [
        (d.IFA_LOCAL, raw), (d.IFA_ADDRESS, raw)])


def settle_address(ns, address):
    """Wait until the kernel has done all that it does about a new IPv6 address
    ("a/len"): it makes the route to it later, and ends all cached routes then.
    """
    address = address.split("/", maxsplit=1)[0]
    eventually(lambda: ns.run(f"ip -6 route show table local {address}"),
               what=f"route to {address}")
    ns.rtnl.setlink("lo", up=True)      # waits for who holds RTNL


def flush_bridge(ns, name):
    """Forget what a bridge has learned."""
    ns.rtnl.changelink(name, "bridge", [(d.IFLA_BR_FDB_FLUSH, b"")])
