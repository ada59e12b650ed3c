# SPDX-License-Identifier: GPL-2.0
"""Frames from fields, any of which may be wrong."""

import struct

from .wire import (ETH_ARP, ETH_IPV4, ETH_IPV6, ETH_VLAN, FLAG_I, PORT,
                   UDP, csum, ip_bytes, mac_bytes, pseudo)

BROADCAST = "ff:ff:ff:ff:ff:ff"
ZERO_MAC = "00:00:00:00:00:00"


def ether(dst, src, kind, payload=b"", vlan=None, vlan_type=ETH_VLAN):
    """An Ethernet frame; vlan: the TCI of a tag."""
    tag = b"" if vlan is None else struct.pack("!HH", vlan_type, vlan)
    return (mac_bytes(dst) + mac_bytes(src) + tag + struct.pack("!H", kind)
            + payload)


def arp(op, sha, spa, tha, tpa):
    """The ARP payload: op 1 asks, 2 answers."""
    return struct.pack("!HHBBH", 1, ETH_IPV4, 6, 4, op) + mac_bytes(sha) + \
        ip_bytes(spa) + mac_bytes(tha) + ip_bytes(tpa)


def arp_request(src_mac, src_ip, target_ip, dst_mac=BROADCAST):
    """A whole frame that asks who has target_ip."""
    return ether(dst_mac, src_mac, ETH_ARP,
                 arp(1, src_mac, src_ip, ZERO_MAC, target_ip))


def ipv4(src, dst, proto, payload=b"", ttl=64, tos=0, ident=0, frag=0,
         length=None, check=None, version=4, ihl=5, options=b""):
    """An IPv4 packet; frag: flags and offset, 0x4000 = DF."""
    total = 20 + len(options) + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH", version << 4 | ihl + len(options) // 4,
                       tos, total, ident, frag, ttl, proto, 0)
    head += ip_bytes(src) + ip_bytes(dst) + options
    check = csum(head) if check is None else check
    return head[:10] + struct.pack("!H", check) + head[12:] + payload


def ipv6(src, dst, proto, payload=b"", ttl=64, tos=0, label=0, length=None,
         version=6):
    """An IPv6 packet without extension headers."""
    size = len(payload) if length is None else length
    return struct.pack("!IHBB", version << 28 | tos << 20 | label, size,
                       proto, ttl) + ip_bytes(src) + ip_bytes(dst) + payload


def udp(src, dst, sport, dport, payload=b"", check=None, length=None):
    """A UDP datagram; check None: the right one, else that number."""
    size = 8 + len(payload) if length is None else length
    head = struct.pack("!HHHH", sport, dport, size, 0)
    if check is None:
        data = head + payload
        check = csum(pseudo(ip_bytes(src), ip_bytes(dst), UDP, len(data))
                     + data) or 0xffff
    return head[:6] + struct.pack("!H", check) + payload


def ip(src, dst, proto, payload=b"", **fields):
    """ipv4() or ipv6(), by the addresses."""
    return (ipv6 if ":" in str(dst) else ipv4)(src, dst, proto, payload,
                                               **fields)


def ip_frame(dst_mac, src_mac, packet):
    """An IP packet in an Ethernet frame."""
    kind = ETH_IPV6 if packet[0] >> 4 == 6 else ETH_IPV4
    return ether(dst_mac, src_mac, kind, packet)


def udp_frame(dst_mac, src_mac, src, dst, sport=1234, dport=5678,
              payload=b"", **fields):
    """A UDP datagram in IP in Ethernet: a typical inner frame."""
    return ip_frame(dst_mac, src_mac, ip(
        src, dst, UDP, udp(src, dst, sport, dport, payload), **fields))


def vxlan(vni, inner=b"", flags=FLAG_I, rsvd1=0, rsvd2=0):
    """The VXLAN header (flags: first byte, rsvd1: 24 bits) and a frame."""
    return struct.pack("!II", flags << 24 | rsvd1, vni << 8 | rsvd2) + inner


def vxlan_frame(dst_mac, src_mac, src, dst, payload, sport=50000,
                dport=PORT, check=None, udp_length=None, **fields):
    """vxlan() bytes in UDP, IP and Ethernet: a whole underlay frame.

    check None: zero over IPv4, right over IPv6; "good": right in both.
    """
    if check is None and ":" not in str(dst):
        check = 0
    if check == "good":
        check = None
    return ip_frame(dst_mac, src_mac, ip(src, dst, UDP, udp(
        src, dst, sport, dport, payload, check, udp_length), **fields))
