# SPDX-License-Identifier: GPL-2.0
"""Netlink attributes: pairs (type, value); a value is bytes, or a list of
pairs for a nest. u8/u16/u32/be16/be32/text/ip/mac make the bytes.
"""

import ipaddress
import struct

from . import nldefs as d

_HEADER = struct.Struct("=HH")


def u8(value):
    return struct.pack("=B", value)


def u16(value):
    return struct.pack("=H", value)


def u32(value):
    return struct.pack("=I", value)


def be16(value):
    return struct.pack("!H", value)


def be32(value):
    return struct.pack("!I", value)


def text(value):
    return value.encode() + b"\0"


def ip(value):
    """Address in text form -> 4 or 16 bytes."""
    return ipaddress.ip_address(value).packed


def mac(value):
    """"02:00:..." -> 6 bytes (bytes pass unchanged)."""
    return value if isinstance(value, bytes) else bytes.fromhex(
        value.replace(":", ""))


def mac_text(raw):
    return raw.hex(":")


def pack_attrs(attrs):
    """[(type, bytes or list)] -> bytes."""
    out = b""
    for number, value in attrs:
        if isinstance(value, (list, tuple)):
            value, number = pack_attrs(value), number | d.NLA_F_NESTED
        out += struct.pack("=HH", 4 + len(value), number) + value
        out += bytes(-len(value) % 4)
    return out


def parse_attrs(raw):
    """bytes -> {type: bytes}; a type that comes twice keeps the last."""
    attrs, at, end = {}, 0, len(raw)
    while at + 4 <= end:
        size, number = _HEADER.unpack_from(raw, at)
        if size < 4 or at + size > end:
            break
        attrs[number & d.NLA_TYPE_MASK] = raw[at + 4:at + size]
        at += (size + 3) & ~3
    return attrs
