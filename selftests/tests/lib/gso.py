# SPDX-License-Identifier: GPL-2.0
"""Frames as a protocol of this host gives them to a device: a checksum to be
filled in, a TCP or UDP segment many times the MTU, cut by whoever comes to it.

    with Unfinished(ns, "vx0") as out: out.send(tcp(4, size, mss), ...)
"""

import struct

from . import build
from .bench import ALICE, BOB, IP
from .fdb import RELEASE
from .inject import Injector
from .wire import TCP, UDP, ip_bytes

SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM = 1
NONE, TCPV4, TCPV6, UDP_L4 = 0, 1, 4, 5
#: May a program hand over datagrams that are to be cut?
UDP_SEGMENTS = RELEASE >= (6, 2)


class Unfinished(Injector):
    """Sends frames with a struct virtio_net_hdr in front."""

    def __init__(self, ns, ifname):
        super().__init__(ns, ifname)
        self.sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)


def _sum(data):
    """Not complemented, as an unfinished checksum is."""
    return ~build.csum(data) & 0xffff


def _unfinished(version, proto, head, at, data, kind, part, tags, **fields):
    """at: where in the header the checksum is; kind, part: segmentation."""
    ends = IP[version]
    size = len(head) + len(data)
    # What is more than 16 bits of the length counts, too.
    start = _sum(build.pseudo(*map(ip_bytes, ends), proto, size & 0xffff)
                 + struct.pack("!H", size >> 16))
    head = head[:at] + struct.pack("!H", start) + head[at + 2:]
    frame = build.ip_frame(BOB, ALICE, build.ip(*ends, proto, head + data,
                                                **fields))
    frame = frame[:12] + tags + frame[12:]
    begin = len(frame) - size
    return struct.pack("=BBHHHH", NEEDS_CSUM, kind, begin + len(head), part,
                       begin, at) + frame


def tcp(version, size, mss=0, sport=1234, flags=0x18, seq=1000, tags=b"",
        **fields):
    """TCP data; mss: cut it into segments of that size."""
    head = struct.pack("!HHIIBBHHH", sport, 80, seq, 1, 0x50, flags, 512, 0,
                       0)
    kind = NONE if not mss else TCPV4 if version == 4 else TCPV6
    data = bytes(n & 0xff for n in range(size))
    return _unfinished(version, TCP, head, 16, data, kind, mss, tags, **fields)


def udp(version, size, part=0, sport=1234, tags=b"", **fields):
    """UDP data; part: datagrams of that size."""
    data = bytes(n & 0xff for n in range(size))
    head = struct.pack("!HHHH", sport, 5678, 8 + size, 0)
    return _unfinished(version, UDP, head, 6, data, UDP_L4 if part else NONE,
                       part, tags, **fields)
