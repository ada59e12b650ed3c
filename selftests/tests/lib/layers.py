# SPDX-License-Identifier: GPL-2.0
"""scapy, the independent codec; imported late because that takes seconds."""

import functools
import types


@functools.cache
def layers():
    """A namespace with Ether, ARP, IP, IPv6, UDP, TCP, VXLAN, Raw, ..."""
    from scapy.layers import inet, inet6, l2, vxlan
    from scapy.packet import Raw
    return types.SimpleNamespace(
        Ether=l2.Ether, ARP=l2.ARP, Dot1Q=l2.Dot1Q, IP=inet.IP, UDP=inet.UDP,
        TCP=inet.TCP, ICMP=inet.ICMP, IPv6=inet6.IPv6,
        ICMPv6ND_NS=inet6.ICMPv6ND_NS, VXLAN=vxlan.VXLAN, Raw=Raw)
