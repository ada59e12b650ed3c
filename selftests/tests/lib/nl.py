# SPDX-License-Identifier: GPL-2.0
"""Raw rtnetlink: any request, however malformed, and what the kernel answers.

Attributes are made by nlattr, whose functions are names of this module too.
"""

import errno
import fcntl
import ipaddress
import itertools
import os
import socket
import struct
from contextlib import nullcontext

from . import nldefs as d
from .nlattr import (be16, be32, ip, mac, mac_text, pack_attrs,  # noqa: F401
                     parse_attrs, text, u8, u16, u32)
from .wait import eventually

SIOCGIFINDEX = 0x8933
SO_RCVBUFFORCE = 33


class NlError(OSError):
    """The kernel refused: errno, extack text, offset of the attribute."""

    def __init__(self, number, msg="", offset=None, attrs=None):
        super().__init__(number, os.strerror(number))
        self.msg = msg
        self.offset = offset
        self.attrs = attrs or {}

    @property
    def name(self):
        """EINVAL and so on."""
        return errno.errorcode.get(self.errno, str(self.errno))

    def __str__(self):
        at = "" if self.offset is None else f" (at {self.offset})"
        return f"{self.name}: {self.msg or '(no text)'}{at}"


def messages(raw):
    """One datagram -> (type, flags, sequence, body) for each message."""
    while len(raw) >= 16:
        size, kind, flags, seq, _ = struct.unpack_from("=IHHII", raw)
        yield kind, flags, seq, raw[16:size]
        raw = raw[(size + 3) & ~3:]


def ifinfomsg(index=0, flags=0, change=0, family=0):
    return struct.pack("=BxHiII", family, 0, index, flags, change)


def ndmsg(index=0, state=0, flags=0, family=d.AF_BRIDGE, kind=0):
    return struct.pack("=BxxxiHBB", family, index, state, flags, kind)


def _error(body, flags):
    """NlError or None from the body of an NLMSG_ERROR."""
    number, size = struct.unpack_from("=iI", body)
    attrs = {}
    if flags & d.NLM_F_ACK_TLVS:
        start = 20 if flags & d.NLM_F_CAPPED else 4 + ((size + 3) & ~3)
        attrs = parse_attrs(body[start:])
    msg = attrs.get(d.NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode()
    offset = attrs.get(d.NLMSGERR_ATTR_OFFS)
    offset = None if offset is None else struct.unpack("=I", offset)[0]
    return NlError(-number, msg, offset, attrs)


class Rtnl:
    """A NETLINK_ROUTE socket in a namespace (None: the present one)."""

    def __init__(self, ns=None, strict=False):
        with ns.entered() if ns else nullcontext():
            self.sock = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.sock.bind((0, 0))
        self.sock.setsockopt(d.SOL_NETLINK, d.NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(d.SOL_NETLINK, d.NETLINK_CAP_ACK, 1)
        self.sock.setsockopt(d.SOL_NETLINK, d.NETLINK_GET_STRICT_CHK,
                             int(strict))
        self._widen(1 << 22)
        self.sent = b""         # the last message, to make sense of offsets
        self._seq = itertools.count(1)
        self._buffer = bytearray(1 << 18)

    def _widen(self, size):
        """Room for many notifications; root is not bound to a maximum."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
        except PermissionError:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def receive(self, flags=0):
        """One datagram; the buffer stays, as new pages are dear in UML."""
        size = self.sock.recv_into(self._buffer, 0, flags)
        return bytes(memoryview(self._buffer)[:size])

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- the wire ---------------------------------------------------------

    def send(self, kind, flags, header, attrs=()):
        """Send one message, return its sequence number."""
        seq = next(self._seq)
        body = header + (attrs if isinstance(attrs, bytes)
                         else pack_attrs(attrs))
        self.sent = struct.pack("=IHHII", 16 + len(body), kind,
                                flags | d.NLM_F_REQUEST, seq, 0) + body
        self.sock.send(self.sent)
        return seq

    def request(self, kind, flags=0, header=b"", attrs=()):
        """Send, wait for the ack, return [(type, body)] that came before it.

        Raises NlError with errno, extack text and attribute offset. The
        extack text of a success (a warning) is left in self.warning.
        """
        self.warning = ""
        seq = self.send(kind, flags | d.NLM_F_ACK, header, attrs)
        answers = []
        while True:
            for kind, flags, number, body in messages(
                    self.receive()):
                if number != seq:
                    continue
                if kind == d.NLMSG_ERROR:
                    result = _error(body, flags)
                    if result.errno:
                        raise result
                    self.warning = result.msg
                    return answers
                if kind == d.NLMSG_DONE:
                    status = struct.unpack_from("=i", body)[0]
                    if status < 0:
                        raise NlError(-status)
                    return answers
                answers.append((kind, body))

    # -- links ------------------------------------------------------------

    def index(self, name):
        """Interface index of a device by name (NlError ENODEV)."""
        try:
            answer = fcntl.ioctl(self.sock, SIOCGIFINDEX,
                                 struct.pack("16s24x", name.encode()))
        except OSError as error:
            raise NlError(error.errno, f"no device {name}") from None
        return struct.unpack_from("=i", answer, 16)[0]

    def newlink(self, name, kind, data=(), extra=(), flags=None, up=False):
        """Create (or, by flags, change) a link. data, extra: attributes.

        data None leaves IFLA_INFO_DATA out altogether.
        """
        if flags is None:
            flags = d.NLM_F_CREATE | d.NLM_F_EXCL
        info = [(d.IFLA_INFO_KIND, text(kind)[:-1])]
        if data is not None:
            info.append((d.IFLA_INFO_DATA, list(data)
                         if not isinstance(data, bytes) else data))
        attrs = [(d.IFLA_IFNAME, text(name)), *extra, (d.IFLA_LINKINFO, info)]
        state = d.IFF_UP if up else 0
        self.request(d.RTM_NEWLINK, flags, ifinfomsg(0, state, state), attrs)

    def changelink(self, name, kind, data=(), extra=()):
        """RTM_NEWLINK without CREATE: what `ip link set type` does."""
        self.newlink(name, kind, data, extra, flags=0)

    def setlink(self, name, up=None, extra=()):
        """Up, down, or plain attributes of an existing link."""
        change = d.IFF_UP if up is not None else 0
        self.request(d.RTM_NEWLINK, 0,
                     ifinfomsg(self.index(name), d.IFF_UP if up else 0,
                               change), extra)

    def dellink(self, name):
        self.request(d.RTM_DELLINK, 0, ifinfomsg(),
                     [(d.IFLA_IFNAME, text(name))])

    def link(self, name):
        """index, flags, mtu, mac, kind, data {number: bytes}, stats."""
        for kind, body in self.request(d.RTM_GETLINK, 0, ifinfomsg(),
                                       [(d.IFLA_IFNAME, text(name))]):
            if kind == d.RTM_NEWLINK:
                return parse_link(body)
        raise NlError(errno.ENODEV)

    def links(self):
        """Every link of the namespace."""
        return [parse_link(body) for _, body in
                self.request(d.RTM_GETLINK, d.NLM_F_DUMP, ifinfomsg())]

    def info_data(self, name):
        """IFLA_INFO_DATA of a link as {number: bytes}."""
        return self.link(name)["data"]

    # -- forwarding database ----------------------------------------------

    def neigh(self, op, dev, attrs=(), state=0, flags=d.NTF_SELF, nl_flags=0,
              family=d.AF_BRIDGE):
        """RTM_{NEW,DEL,GET}NEIGH with arbitrary attributes."""
        index = dev if isinstance(dev, int) else self.index(dev)
        return self.request(op, nl_flags, ndmsg(index, state, flags, family),
                            attrs)

    def fdb(self, dev=None):
        """PF_BRIDGE entries (of one device), each a dict of parse_neigh()."""
        index = self.index(dev) if dev else 0
        found = [parse_neigh(body) for _, body in self.request(
            d.RTM_GETNEIGH, d.NLM_F_DUMP, ifinfomsg(family=d.AF_BRIDGE))]
        return [e for e in found if not index or e["ifindex"] == index]

    def neighbours(self, family=socket.AF_INET):
        """The ARP (AF_INET) or ND (AF_INET6) table."""
        return [parse_neigh(body) for _, body in self.request(
            d.RTM_GETNEIGH, d.NLM_F_DUMP, ndmsg(family=family))]


def parse_link(body):
    _, index, flags, _ = struct.unpack_from("=BxHiII", body)[1:]
    attrs = parse_attrs(body[16:])
    info = parse_attrs(attrs.get(d.IFLA_LINKINFO, b""))
    kind = info.get(d.IFLA_INFO_KIND, b"").rstrip(b"\0").decode()
    raw = attrs.get(d.IFLA_STATS64, b"")
    values = struct.unpack_from(f"={len(raw) // 8}Q", raw)
    number = {n: struct.unpack("=I", attrs[n])[0] for n in
              (d.IFLA_MTU, d.IFLA_LINK, d.IFLA_MASTER) if n in attrs}
    return {
        "index": index, "flags": flags, "up": bool(flags & d.IFF_UP),
        "name": attrs.get(d.IFLA_IFNAME, b"").rstrip(b"\0").decode(),
        "mac": mac_text(attrs.get(d.IFLA_ADDRESS, b"")),
        "mtu": number.get(d.IFLA_MTU), "link": number.get(d.IFLA_LINK),
        "master": number.get(d.IFLA_MASTER), "kind": kind,
        "data": parse_attrs(info.get(d.IFLA_INFO_DATA, b"")),
        "stats": dict(zip(d.STATS64, values)), "attrs": attrs,
    }


def parse_neigh(body):
    """ndmsg -> dict; optional keys are None when the attribute is absent."""
    family, index, state, flags, _ = struct.unpack_from("=BxxxiHBB", body)
    attrs = parse_attrs(body[12:])

    def number(key, code="=I"):
        return struct.unpack(code, attrs[key])[0] if key in attrs else None

    dst = attrs.get(d.NDA_DST)
    cache = attrs.get(d.NDA_CACHEINFO)
    return {
        "family": family, "ifindex": index, "state": state, "flags": flags,
        "mac": mac_text(attrs.get(d.NDA_LLADDR, b"")),
        "dst": str(ipaddress.ip_address(dst)) if dst else None,
        "port": number(d.NDA_PORT, "!H"), "vni": number(d.NDA_VNI),
        "src_vni": number(d.NDA_SRC_VNI), "via": number(d.NDA_IFINDEX),
        "nh_id": number(d.NDA_NH_ID), "master": number(d.NDA_MASTER),
        # confirmed, used, updated, refcount: hundredths of a second ago
        "cacheinfo": struct.unpack("=IIII", cache) if cache else None,
        "attrs": attrs,
    }


class Monitor:
    """Notifications of a namespace: RTNLGRP_NEIGH and RTNLGRP_LINK."""

    def __init__(self, ns=None, groups=(d.RTNLGRP_NEIGH, d.RTNLGRP_LINK)):
        self.rtnl = Rtnl(ns)
        self.sock = self.rtnl.sock
        for group in groups:
            self.sock.setsockopt(d.SOL_NETLINK, d.NETLINK_ADD_MEMBERSHIP,
                                 group)
        self.sock.setblocking(False)
        self.seen = []

    def events(self):
        """All so far: dicts of parse_neigh/parse_link with key "type"."""
        while True:
            try:
                raw = self.rtnl.receive()
            except BlockingIOError:
                return self.seen
            for kind, _, _, body in messages(raw):
                if kind in (d.RTM_NEWNEIGH, d.RTM_DELNEIGH, d.RTM_GETNEIGH):
                    self.seen.append({"type": kind, **parse_neigh(body)})
                elif kind in (d.RTM_NEWLINK, d.RTM_DELLINK):
                    self.seen.append({"type": kind, **parse_link(body)})
                else:
                    self.seen.append({"type": kind, "body": body})

    def wait_for(self, match, timeout=5.0):
        """First event for which match(event) is true."""
        def found():
            return next((e for e in self.events() if match(e)), None)
        return eventually(found, timeout, what="notification")

    def close(self):
        self.rtnl.close()
