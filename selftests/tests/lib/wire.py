# SPDX-License-Identifier: GPL-2.0
"""VXLAN on the wire, by offsets: an independent reader and writer.

parse() turns an Ethernet frame into Outer; frame() builds one, every field
of which may be wrong. Nothing here knows a kernel or scapy.
"""

import ipaddress
import struct
from dataclasses import dataclass, field

PORT = 4789
ETH_IPV4, ETH_ARP, ETH_VLAN = 0x0800, 0x0806, 0x8100
ETH_IPV6, ETH_QINQ = 0x86dd, 0x88a8
ICMP, IGMP, TCP, UDP, ICMPV6 = 1, 2, 6, 17, 58
HOPOPTS, FRAGMENT = 0, 44
#: First byte of the VXLAN header with the I flag.
FLAG_I = 0x08


def mac_bytes(text):
    return text if isinstance(text, bytes) else bytes.fromhex(
        text.replace(":", ""))


def ip_bytes(address):
    return ipaddress.ip_address(address).packed


def csum(data, start=0):
    """Internet checksum of data (0 when data contains a right one)."""
    if len(data) % 2:
        data += b"\0"
    total = start + sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo(src, dst, proto, length):
    """Pseudo header of UDP, TCP and ICMPv6 (addresses as bytes)."""
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, proto, length)
    return src + dst + struct.pack("!IxxxB", length, proto)


@dataclass
class Ip:
    """An IP header and what it carries; extension headers are skipped."""
    version: int
    src: str
    dst: str
    ttl: int
    tos: int
    ident: int
    df: bool
    mf: bool
    offset: int         # of a fragment, in bytes
    label: int
    proto: int
    length: int         # payload length that the header claims
    header: bytes = field(repr=False)
    payload: bytes = field(repr=False)  # cut to that length
    router_alert: bool

    @property
    def fragment(self):
        return self.mf or self.offset > 0

    @property
    def header_ok(self):
        """The IPv4 header checksum is right (IPv6 has none)."""
        return self.version == 6 or csum(self.header) == 0

    @property
    def payload_ok(self):
        """The UDP, TCP, ICMP or ICMPv6 checksum is right (UDP/4: or 0)."""
        data = self.payload
        if self.proto in (ICMP, IGMP):
            return csum(data) == 0
        if self.proto == UDP and data[6:8] == b"\0\0":
            return self.version == 4
        return csum(pseudo(ip_bytes(self.src), ip_bytes(self.dst),
                           self.proto, len(data)) + data) == 0


def parse_ip(raw):
    """bytes at an IP header -> Ip, or None."""
    if len(raw) >= 20 and raw[0] >> 4 == 4:
        return _parse_ipv4(raw)
    if len(raw) >= 40 and raw[0] >> 4 == 6:
        return _parse_ipv6(raw)
    return None


def _parse_ipv4(raw):
    size = (raw[0] & 15) * 4
    tos, total, ident, frag, ttl, proto = struct.unpack_from("!xBHHHBB", raw)
    return Ip(4, str(ipaddress.IPv4Address(raw[12:16])),
              str(ipaddress.IPv4Address(raw[16:20])), ttl, tos, ident,
              bool(frag & 0x4000), bool(frag & 0x2000),
              (frag & 0x1fff) * 8, 0, proto, total - size, raw[:size],
              raw[size:total], raw[20:24] == b"\x94\x04\0\0")


def _parse_ipv6(raw):
    word, length, proto, ttl = struct.unpack_from("!IHBB", raw)
    end, at, alert, mf, offset, ident = 40 + length, 40, False, False, 0, 0
    while proto in (HOPOPTS, FRAGMENT) and at + 8 <= len(raw):
        if proto == FRAGMENT:
            frag, ident = struct.unpack_from("!HI", raw, at + 2)
            mf, offset, size = bool(frag & 1), frag & 0xfff8, 8
        else:
            size = 8 + raw[at + 1] * 8
            alert = b"\x05\x02\0\0" in raw[at + 2:at + size]
        proto, at = raw[at], at + size
    return Ip(6, str(ipaddress.IPv6Address(raw[8:24])),
              str(ipaddress.IPv6Address(raw[24:40])), ttl,
              word >> 20 & 0xff, ident, True, mf, offset, word & 0xfffff,
              proto, end - at, raw[:at], raw[at:end], alert)


@dataclass
class Ether:
    """An Ethernet header; vlans are the tags, outermost first."""
    dst: str
    src: str
    type: int
    vlans: list
    payload: bytes = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def ip(self):
        """The IP packet within, or None."""
        if self.type in (ETH_IPV4, ETH_IPV6):
            return parse_ip(self.payload)
        return None

    @property
    def arp(self):
        """(op, sender mac, sender ip, target mac, target ip), or None."""
        if self.type != ETH_ARP or len(self.payload) < 28:
            return None
        op, sha, spa, tha, tpa = struct.unpack_from("!6xH6s4s6s4s",
                                                    self.payload)
        return (op, sha.hex(":"), str(ipaddress.IPv4Address(spa)),
                tha.hex(":"), str(ipaddress.IPv4Address(tpa)))


def parse_ether(raw):
    """bytes of a frame -> Ether, or None when too short."""
    if len(raw) < 14:
        return None
    kind, at, vlans = struct.unpack_from("!H", raw, 12)[0], 14, []
    while kind in (ETH_VLAN, ETH_QINQ) and len(raw) >= at + 4:
        tci, kind = struct.unpack_from("!HH", raw, at)
        vlans.append(tci)
        at += 4
    return Ether(raw[:6].hex(":"), raw[6:12].hex(":"), kind, vlans,
                 raw[at:], raw)


@dataclass(repr=False)
class Outer:
    """An encapsulated packet as seen on the underlay."""
    eth: Ether
    ip: Ip
    sport: int
    dport: int
    udp_len: int
    udp_csum: int
    flags: int          # first byte of the VXLAN header, 0x08 = I
    rsvd1: int          # 24 bits after the flags
    vni: int
    rsvd2: int          # last byte of the header
    inner: bytes
    time: float = 0.0

    src = property(lambda self: self.ip.src)
    dst = property(lambda self: self.ip.dst)
    ttl = property(lambda self: self.ip.ttl)
    tos = property(lambda self: self.ip.tos)
    df = property(lambda self: self.ip.df)
    frame = property(lambda self: parse_ether(self.inner))

    def check(self):
        """Fail unless every byte that has only one right value has it."""
        assert self.flags == FLAG_I, f"flags {self.flags:#x}"
        assert self.rsvd1 == 0 and self.rsvd2 == 0, "reserved bits"
        assert self.ip.header_ok, "IPv4 header checksum"
        assert not self.ip.fragment, "fragment"
        assert self.udp_len == len(self.ip.payload), "UDP length"
        assert self.udp_len == 16 + len(self.inner), "UDP length"
        assert self.ip.payload_ok, f"UDP checksum {self.udp_csum:#06x}"

    def __str__(self):
        inner = self.frame
        what = f"{inner.src} > {inner.dst} {inner.type:#06x}" if inner else \
            self.inner.hex()
        return (f"{self.src}:{self.sport} > {self.dst}:{self.dport} "
                f"VNI {self.vni} [{what}]")

    __repr__ = __str__


def parse(raw, port=PORT, time=0.0):
    """Frame -> Outer; None unless it is UDP to port with a VXLAN header."""
    eth = parse_ether(raw)
    ip = eth.ip if eth else None
    if ip is None or ip.proto != UDP or ip.offset or len(ip.payload) < 16:
        return None
    fields = struct.unpack_from("!HHHHII", ip.payload)
    sport, dport, udp_len, udp_csum, word, last = fields
    if dport != port:
        return None
    return Outer(eth, ip, sport, dport, udp_len, udp_csum, word >> 24,
                 word & 0xffffff, last >> 8, last & 0xff, ip.payload[16:],
                 time)


# -- group membership -------------------------------------------------------

IS_IN, IS_EX, TO_IN, TO_EX, ALLOW, BLOCK = range(1, 7)


@dataclass
class Report:
    """One record of an IGMPv3 or MLDv2 report. JOIN is TO_EX, LEAVE TO_IN."""
    record: int
    group: str
    sources: list
    eth: Ether
    ip: Ip
    time: float = 0.0


def parse_reports(raw, time=0.0):
    """Frame -> [Report]; empty unless it is an IGMPv3 or MLDv2 report."""
    eth = parse_ether(raw)
    ip = eth.ip if eth else None
    kinds = {IGMP: 0x22, ICMPV6: 143}
    if ip is None or ip.proto not in kinds or \
            ip.payload[:1] != bytes([kinds[ip.proto]]):
        return []
    size = 4 if ip.version == 4 else 16
    count, at = struct.unpack_from("!H", ip.payload, 6)[0], 8
    found = []
    for _ in range(count):
        record, aux, sources = struct.unpack_from("!BBH", ip.payload, at)
        at += 4
        addresses = [str(ipaddress.ip_address(ip.payload[i:i + size]))
                     for i in range(at, at + size * (1 + sources), size)]
        found.append(Report(record, addresses[0], addresses[1:], eth, ip,
                            time))
        at += size * (1 + sources) + aux * 4
    return found
