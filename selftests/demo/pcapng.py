# SPDX-License-Identifier: GPL-2.0
"""Capture files for Wireshark, in which each packet says what it is."""

import struct

SECTION, INTERFACE, PACKET = 0x0a0d0d0a, 1, 6
COMMENT, IF_NAME, IF_TSRESOL = 1, 2, 9


def _padded(data):
    return data + bytes(-len(data) % 4)


def _option(code, value):
    return struct.pack("=HH", code, len(value)) + _padded(value)


def _block(kind, body):
    size = 12 + len(body)
    return struct.pack("=II", kind, size) + body + struct.pack("=I", size)


def _packet(packet, comment):
    stamp = round(packet.time * 10**9)
    size = len(packet.raw)
    head = struct.pack("=IIIII", 0, stamp >> 32, stamp & 0xffffffff, size, size)
    options = _option(COMMENT, comment.encode()) + bytes(4)
    return _block(PACKET, head + _padded(packet.raw) + options)


def write(path, interface, packets):
    """packets: [(capture.Packet, comment)] of one Ethernet interface."""
    options = (_option(IF_NAME, interface.encode())
               + _option(IF_TSRESOL, b"\x09") + bytes(4))
    with open(path, "wb") as file:
        file.write(_block(SECTION, struct.pack("=IHHq", 0x1a2b3c4d, 1, 0, -1)))
        file.write(_block(INTERFACE, struct.pack("=HHI", 1, 0, 0) + options))
        for packet, comment in packets:
            file.write(_packet(packet, comment))
