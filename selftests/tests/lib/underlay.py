# SPDX-License-Identifier: GPL-2.0
"""What differs between an IPv4 and an IPv6 underlay, in one place."""

import ipaddress
import itertools
import struct

from . import wire


class Underlay:
    """Addresses, groups, headers and membership of one IP version."""

    def __init__(self, version, group, other_group, overhead):
        self.version = version
        self.name = f"v{version}"
        self.group = group
        self.other_group = other_group
        self._groups = itertools.count(3)
        #: Bytes that encapsulation adds to an inner Ethernet payload.
        self.overhead = overhead

    def __repr__(self):
        return self.name

    def new_group(self):
        """A group that nobody has used yet."""
        number = next(self._groups)
        return f"{self.group[:-1]}{number:{'d' if self.version == 4 else 'x'}}"

    def address(self, host):
        """The VTEP address of a Host (or of host number n)."""
        number = host if isinstance(host, int) else host.number
        return (f"10.0.0.{number}" if self.version == 4
                else f"fd00::{number:x}")

    def options(self, host, group=None):
        """`ip link` words: multicast group, local address, device."""
        return (f"group {group or self.group} local {self.address(host)} "
                f"dev eth0")

    def group_mac(self, group=None):
        """Ethernet address of a multicast group."""
        raw = ipaddress.ip_address(group or self.group).packed
        if self.version == 4:
            low = struct.unpack("!I", raw)[0] & 0x7fffff
            return (b"\x01\x00\x5e" + low.to_bytes(3, "big")).hex(":")
        return (b"\x33\x33" + raw[-4:]).hex(":")

    def check(self, outer, vni, host, dst):
        """Fail unless host sent this packet of this VNI to dst, faultlessly.

        dst: a Host, or the text of a group address.
        """
        outer.check()
        multicast = isinstance(dst, str)
        address = dst if multicast else self.address(dst)
        assert (outer.ip.version, outer.vni) == (self.version, vni)
        assert (outer.src, outer.dst) == (self.address(host), address)
        assert outer.eth.src == host.mac
        assert outer.eth.dst == (self.group_mac(dst) if multicast
                                 else dst.mac)
        assert outer.ttl == (1 if multicast else 64)
        assert (outer.tos, outer.ip.label) == (0, 0)
        assert (outer.udp_csum == 0) == (self.version == 4)
        assert self.version == 6 or not outer.df
        low, high = host.ns.sysctl("ipv4/ip_local_port_range").split()
        assert int(low) <= outer.sport <= int(high), "UDP source port"

    def members(self, ns, ifname="eth0"):
        """{group: users} of the interface, as the kernel's tables say."""
        if self.version == 6:
            return _igmp6(ns.read("net/igmp6"), ifname)
        return _igmp(ns.read("net/igmp"), ifname)

    def check_report(self, report):
        """Fail unless the packet around a membership record is right."""
        ip = report.ip
        assert ip.ttl == 1, "TTL of a report"
        assert ip.router_alert, "router alert option"
        assert ip.header_ok and ip.payload_ok, "checksum of a report"
        assert report.sources == []
        if self.version == 4:
            assert (ip.proto, ip.dst) == (wire.IGMP, "224.0.0.22")
            assert report.eth.dst == "01:00:5e:00:00:16"
        else:
            assert (ip.proto, ip.dst) == (wire.ICMPV6, "ff02::16")
            assert report.eth.dst == "33:33:00:00:00:16"


def _igmp(text, ifname):
    found, device = {}, None
    for line in text.splitlines()[1:]:
        words = line.split()
        if not line.startswith("\t"):
            device = words[1].rstrip(":")
        elif device == ifname:
            raw = struct.pack("=I", int(words[0], 16))
            found[str(ipaddress.IPv4Address(raw))] = int(words[1])
    return found


def _igmp6(text, ifname):
    found = {}
    for words in map(str.split, text.splitlines()):
        if words[1] == ifname:
            group = ipaddress.IPv6Address(bytes.fromhex(words[2]))
            found[str(group)] = int(words[3])
    return found


V4 = Underlay(4, "239.119.1.1", "239.119.1.2", 50)
V6 = Underlay(6, "ff05::119:1:1", "ff05::119:1:2", 70)
