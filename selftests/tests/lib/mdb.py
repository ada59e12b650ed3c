# SPDX-License-Identifier: GPL-2.0
"""The multicast database of one VXLAN device, by raw netlink.

    mdb = Mdb(host.ns, "vx0")
    mdb.add("239.1.1.1", "10.0.0.2", mode=EXCLUDE, sources=["192.0.2.1"])
    mdb.dump() -> [parse_info(), ...]; mdb.get("239.1.1.1") -> the same

A request's words: group, dst, source, port, vni, src_vni, via (number of an
interface), mode, sources, rtprot; more, to say what is wrong: state, flags,
vid, proto, ifindex, extra (attributes).
"""

import errno
import ipaddress
import os
import socket
import struct

import pytest

from . import nl
from . import nldefs as d

# RTM_*MDB
(MDBE_SOURCE, MDBE_SRC_LIST, MDBE_GROUP_MODE, MDBE_RTPROT, MDBE_DST,
 MDBE_DST_PORT, MDBE_VNI, MDBE_IFINDEX, MDBE_SRC_VNI,
 MDBE_STATE_MASK) = range(1, 11)
MDBE_SRC_LIST_ENTRY = MDBE_SRCATTR_ADDRESS = 1
SET_ENTRY, SET_ENTRY_ATTRS = 1, 2
(EATTR_TIMER, EATTR_SRC_LIST, EATTR_GROUP_MODE, EATTR_SOURCE, EATTR_RTPROT,
 EATTR_DST, EATTR_DST_PORT, EATTR_VNI, EATTR_IFINDEX,
 EATTR_SRC_VNI) = range(1, 11)
PERMANENT, TEMPORARY = 1, 0
BLOCKED = 8
EXCLUDE, INCLUDE = 0, 1
STATIC, ZEBRA = 4, 11
CREATE = d.NLM_F_CREATE | d.NLM_F_EXCL
REPLACE = d.NLM_F_CREATE | d.NLM_F_REPLACE

RELEASE = tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2])
#: The core of older kernels has no MDB of devices other than bridges.
HAS_MDB = RELEASE >= (6, 8)
needs_mdb = pytest.mark.skipif(not HAS_MDB, reason="Linux 6.8 and later")


def port_msg(ifindex):
    return struct.pack("=BxxxI", d.AF_BRIDGE, ifindex)


def entry(ifindex, group, state=PERMANENT, flags=0, vid=0, proto=None):
    """struct br_mdb_entry; group: text, raw bytes (of a MAC) or None."""
    raw, own = b"", 0
    if isinstance(group, bytes):
        raw = group
    elif group is not None:
        raw = nl.ip(group)
        own = 0x86dd if len(raw) == 16 else 0x0800
    return struct.pack("=IBBH16s", ifindex, state, flags, vid, raw) + \
        struct.pack("!Hxx", own if proto is None else proto)


def source_list(sources):
    """MDBE_ATTR_SRC_LIST; a source: text or raw bytes."""
    return [(MDBE_SRC_LIST_ENTRY, [(MDBE_SRCATTR_ADDRESS, raw(source))])
            for source in sources]


def raw(address):
    return address if isinstance(address, bytes) else nl.ip(address)


def attrs(dst=None, source=None, port=None, vni=None, src_vni=None, via=None,
          mode=None, sources=None, rtprot=None, mask=None):
    """Of a request, in the order of their numbers."""
    def number(value, make):
        return None if value is None else make(value)
    given = [
        (MDBE_SOURCE, number(source, raw)),
        (MDBE_SRC_LIST, number(sources, source_list)),
        (MDBE_GROUP_MODE, number(mode, nl.u8)),
        (MDBE_RTPROT, number(rtprot, nl.u8)),
        (MDBE_DST, number(dst, raw)),
        (MDBE_DST_PORT, number(port, nl.u16)),
        (MDBE_VNI, number(vni, nl.u32)),
        (MDBE_IFINDEX, number(via, nl.u32)),
        (MDBE_SRC_VNI, number(src_vni, nl.u32)),
        (MDBE_STATE_MASK, number(mask, nl.u8))]
    return [(key, value) for key, value in given if value is not None]


def nests(data):
    """[(number, bytes)] of attributes, all of one number, too."""
    found, at = [], 0
    while at + 4 <= len(data):
        size, number = struct.unpack_from("=HH", data, at)
        assert size >= 4 and at + size <= len(data), "torn attributes"
        found.append((number & d.NLA_TYPE_MASK, data[at + 4:at + size]))
        at += (size + 3) & ~3
    return found


def parse_info(data):
    """MDBA_MDB_ENTRY_INFO -> dict; absent attributes are left out."""
    ifindex, state, flags, vid, group = struct.unpack_from("=IBBH16s", data)
    proto = struct.unpack_from("!H", data, 24)[0]
    size = 16 if proto == 0x86dd else 4
    found = {"ifindex": ifindex, "state": state, "flags": flags, "vid": vid,
             "proto": proto, "group": str(ipaddress.ip_address(group[:size]))}
    numbers = {EATTR_TIMER: ("timer", "=I"), EATTR_GROUP_MODE: ("mode", "=B"),
               EATTR_RTPROT: ("rtprot", "=B"), EATTR_DST_PORT: ("port", "=H"),
               EATTR_VNI: ("vni", "=I"), EATTR_IFINDEX: ("via", "=I"),
               EATTR_SRC_VNI: ("src_vni", "=I")}
    for number, value in nests(data[28:]):
        if number in numbers:
            name, code = numbers[number]
            found[name] = struct.unpack(code, value)[0]
        elif number in (EATTR_SOURCE, EATTR_DST):
            name = "source" if number == EATTR_SOURCE else "dst"
            found[name] = str(ipaddress.ip_address(value))
        elif number == EATTR_SRC_LIST:
            found["sources"] = [
                str(ipaddress.ip_address(nl.parse_attrs(item)[1]))
                for _, item in nests(value)]
        else:
            found[number] = value.hex()
    return found


def parse_message(body):
    """A message of RTM_*MDB -> (ifindex of the device, [parse_info()])."""
    ifindex = struct.unpack_from("=BxxxI", body)[1]
    return ifindex, [parse_info(info)
                     for number, table in nests(body[8:]) if number == 1
                     for _, one in nests(table)
                     for _, info in nests(one)]


class Mdb:
    """Entries of a device."""

    def __init__(self, ns, dev="vx0", rtnl=None):
        self.ns, self.dev = ns, dev
        self.rtnl = rtnl or ns.rtnl
        self.index = ns.rtnl.index(dev)
        self.interrupted = False    # what the last parts() were told

    def request(self, op, nl_flags, group, head=None, extra=(), bpm=None,
                **words):
        """Any request; head: words of entry() that are not the usual ones."""
        about = {"ifindex": self.index, "group": group, **(head or {})}
        given = [(SET_ENTRY, entry(**about))]
        inside = attrs(**words) + list(extra)
        if inside:
            given.append((SET_ENTRY_ATTRS, inside))
        return self.rtnl.request(
            op, nl_flags, port_msg(self.index if bpm is None else bpm), given)

    def add(self, group, dst, nl_flags=CREATE, **words):
        self.request(d.RTM_NEWMDB, nl_flags, group, dst=dst, **words)

    def replace(self, group, dst, **words):
        self.add(group, dst, REPLACE, **words)

    def delete(self, group, dst, **words):
        self.request(d.RTM_DELMDB, 0, group, dst=dst, **words)

    def flush(self, head=None, **words):
        self.request(d.RTM_DELMDB, d.NLM_F_BULK, None,
                     {"ifindex": 0, "proto": 0, **(head or {})}, **words)

    def get(self, group, head=None, **words):
        """All remotes of an entry, in the order of the answer."""
        ((kind, body),) = self.request(
            d.RTM_GETMDB, 0, group,
            {"ifindex": 0, "state": 0, **(head or {})}, **words)
        assert kind == d.RTM_NEWMDB
        return parse_message(body)[1]

    def dump(self):
        """All remotes of all entries, in the order of the dump."""
        found = []
        for _, body in self.rtnl.request(d.RTM_GETMDB, d.NLM_F_DUMP,
                                         port_msg(0)):
            index, infos = parse_message(body)
            if index == self.index:
                found += infos
        return found

    def parts(self, room=1 << 15):
        """One dump; the infos of each message after it was asked for.

        room: size of the reader's buffer, that of the messages follows it.
        """
        with nl.Rtnl(self.ns) as rtnl:
            rtnl.send(d.RTM_GETMDB, d.NLM_F_DUMP, port_msg(0))
            done = False
            while not done:
                infos, done = self._part(rtnl.sock.recv(room))
                yield infos

    def _part(self, data):
        """(infos, is it the last one?) of what was received."""
        infos = []
        for kind, flags, _, body in nl.messages(data):
            if kind == d.NLMSG_DONE:
                return infos, True
            assert kind == d.RTM_NEWMDB, kind
            index, part = parse_message(body)
            self.interrupted |= bool(flags & d.NLM_F_DUMP_INTR)
            if index == self.index:
                infos += part
        return infos, False


class Listener:
    """Messages of RTNLGRP_MDB of a namespace; lost: not all have come."""

    def __init__(self, ns):
        self.lost = False
        with ns.entered():
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                      socket.NETLINK_ROUTE)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind((0, 0))
        self.sock.setsockopt(d.SOL_NETLINK, d.NETLINK_ADD_MEMBERSHIP,
                             d.RTNLGRP_MDB)
        self.sock.setblocking(False)

    def events(self):
        """[("new" or "del", parse_info())] since the last call."""
        found = []
        while True:
            try:
                data = self.sock.recv(1 << 18)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost = True
                continue
            for kind, _, _, body in nl.messages(data):
                word = {d.RTM_NEWMDB: "new", d.RTM_DELMDB: "del"}[kind]
                found += [(word, info) for info in parse_message(body)[1]]

    def close(self):
        self.sock.close()
