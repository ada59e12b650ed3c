# SPDX-License-Identifier: GPL-2.0
"""Captured packets as data that two runs have in common.

All bytes are kept, but those that the kernel makes up: the identification of
IP packets. Long payloads are told by their beginning, length and checksum.
"""

import zlib

from lib import wire
from lib.wire import FRAGMENT, IGMP, ICMPV6, UDP

#: Membership and neighbour traffic of the core, at times of its own.
CHATTER6 = {130, 131, 132, 133, 134, 135, 136, 137, 143}
LONG = 160


def short(data):
    """Hex; of long data the beginning, the length and a checksum."""
    if len(data) <= LONG:
        return data.hex()
    return f"{data[:64].hex()}... {len(data)} bytes, {zlib.crc32(data):08x}"


def chatter(packet):
    """Is this frame the core's own (ARP, ND, IGMP, MLD)?"""
    eth = packet.eth
    if eth is None:
        return False
    if eth.type == wire.ETH_ARP:
        return True
    ip = eth.ip
    return ip is not None and (ip.proto == IGMP or (
        ip.proto == ICMPV6 and ip.payload[:1]
        and ip.payload[0] in CHATTER6))


class Idents:
    """Random identifications -> 0 (whole packets) or their order."""

    def __init__(self):
        self.seen = []

    def header(self, ip):
        """The IP header without what is random."""
        raw = bytearray(ip.header)
        number = self._number(ip)
        if ip.version == 4:
            raw[4:6] = number.to_bytes(2, "big")
            raw[10:12] = b"ok" if ip.header_ok else b"??"
        elif raw[6] == FRAGMENT:
            raw[44:48] = number.to_bytes(4, "big")
        return bytes(raw)

    def _number(self, ip):
        if not ip.fragment:
            return 0
        if ip.ident not in self.seen:
            self.seen.append(ip.ident)
        return self.seen.index(ip.ident) + 1


def packet(raw, idents):
    """An underlay packet, layer by layer."""
    eth = wire.parse_ether(raw)
    ip = eth.ip if eth else None
    if ip is None:
        return {"frame": short(raw)}
    said = {"eth": raw[:len(raw) - len(eth.payload)].hex(),
            "ip": idents.header(ip).hex()}
    if ip.proto != UDP or ip.fragment or len(ip.payload) < 16:
        return {**said, "data": short(ip.payload)}
    return {**said, "udp": ip.payload[:8].hex(),
            "vxlan": ip.payload[8:16].hex(), "inner": short(ip.payload[16:])}


def packets(captured, in_order=False):
    """{"packets": number, "1": packet, ...} of the underlay, as sent.

    Those to one destination, that is: which remote of several gets its copy
    first is of no interest, unless it is asked for.
    """
    idents = Idents()
    said = [packet(p.raw, idents) for p in captured if not chatter(p)]
    if not in_order:
        said.sort(key=_destination)
    return {"packets": len(said),
            **{str(n): what for n, what in enumerate(said, 1)}}


def _destination(said):
    """IP address, UDP port and VNI."""
    size = 80 if said.get("ip", "4")[0] == "6" else 40
    return (said.get("ip", "")[:size][-32 if size == 80 else -8:],
            said.get("udp", "")[4:8], said.get("vxlan", ""))
