# SPDX-License-Identifier: GPL-2.0
"""Where it is measured: namespaces of one driver, with a device under test.

Each driver has namespaces of its own, and only the one that is measured has
its devices up: two drivers with open sockets would switch off the core's fast
path for UDP GRO.

    eth0 of `here`: a dummy device, whose packets end in it, or a cable to eth0
    of `there`, where a second device of the driver receives. VTEPs have the
    addresses of vtep(n) and are behind one gateway; VTEP 0 is `there` itself.
"""

import ipaddress
import socket
import struct

from lib import links, nl
from lib import nldefs as d
from lib.linkattr import data, resolve
from lib.netns import Netns

DEV, LOWER, VNI = "vx0", "eth0", 100
GATEWAY_MAC = "02:00:00:00:fe:fe"
MTU = 1600
BATCH = 200             # requests in one message
OWN = {4: "10.0.0.1", 6: "fd00::1"}
OTHER = {4: "10.0.0.2", 6: "fd00::2"}
RANGE = {4: "10.64.0.0/10", 6: "fd01::/64"}
RTM_NEWROUTE = 24


def vtep(number, version=4):
    """Address of a remote VTEP; 0 is at the other end of the cable."""
    if not number:
        return OTHER[version]
    network = ipaddress.ip_network(RANGE[version])
    return str(network[number])


def mac(number, base=0x020000000000):
    return struct.pack("!Q", base + number)[2:]


class Rig:
    """kind: of the link. cable: `there` exists. options: of the device, by
    attribute names without prefix; `there` gets those of `receiver`, too.
    """

    def __init__(self, kind, version=4, cable=False, receiver=None, **options):
        self.kind, self.version = kind, version
        self.here = Netns("here")
        self.there = Netns("there") if cable else None
        self._wire()
        self._route()
        self.create(self.here, {"LEARNING": 0, **options})
        if cable:
            self.create(self.there, {**options, **(receiver or {})})

    def delete(self):
        for ns in (self.here, self.there):
            if ns:
                ns.delete()

    # ---- the underlay

    def _wire(self):
        if self.there:
            links.add_veth(self.here, LOWER, self.there, LOWER, mtu=MTU)
        else:
            self.here.rtnl.newlink(LOWER, "dummy", (),
                                   [(d.IFLA_MTU, nl.u32(MTU))], up=True)
        for ns, own in ((self.here, OWN), (self.there, OTHER)):
            for version, length in ((4, 24), (6, 64)) if ns else ():
                links.add_address(ns, LOWER, f"{own[version]}/{length}")

    def _route(self):
        """Neighbours that need not be asked; a gateway to all other VTEPs."""
        to_other = self.there.rtnl.link(LOWER)["mac"] if self.there \
            else GATEWAY_MAC
        index = self.here.rtnl.index(LOWER)
        for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            packed = ipaddress.ip_address(OTHER[version]).packed
            self.here.rtnl.neigh(
                d.RTM_NEWNEIGH, LOWER, [(d.NDA_DST, packed), (
                    d.NDA_LLADDR, nl.mac(to_other))], d.NUD_PERMANENT, 0,
                d.NLM_F_CREATE, family)
            network = ipaddress.ip_network(RANGE[version])
            # RTA_DST, RTA_OIF, RTA_GATEWAY
            self.here.rtnl.request(
                RTM_NEWROUTE, d.NLM_F_CREATE,
                struct.pack("=BBBBBBBBI", family, network.prefixlen, 0, 0,
                            254, 3, 0, 1, 0),
                [(1, network.network_address.packed), (4, nl.u32(index)),
                 (5, packed)])

    # ---- the devices

    def create(self, ns, options):
        given = {"ID": VNI, "PORT": 4789, **options}
        local = OWN if ns is self.here else OTHER
        given.setdefault("LOCAL" if self.version == 4 else "LOCAL6",
                         local[self.version])
        ns.rtnl.newlink(DEV, self.kind, resolve(ns, data(**given)))

    def up(self, up=True):
        for ns in (self.there, self.here):
            if ns:
                ns.rtnl.setlink(DEV, up=up)

    # ---- FDB entries

    def entries(self, count, vteps=1, first=0, kind=d.RTM_NEWNEIGH, flags=None):
        """MACs from mac(first) on, spread over so many VTEPs."""
        destinations = [ipaddress.ip_address(vtep(n, self.version)).packed
                        for n in range(vteps)]
        if flags is None:
            flags = d.NLM_F_CREATE | d.NLM_F_EXCL
        self.batch(kind, flags, (
            [(d.NDA_LLADDR, mac(first + n)),
             (d.NDA_DST, destinations[n % vteps])] for n in range(count)))

    def flood(self, count):
        """The default entry has so many remotes."""
        zero = bytes(6)
        self.batch(d.RTM_NEWNEIGH, d.NLM_F_CREATE | d.NLM_F_APPEND, (
            [(d.NDA_LLADDR, zero), (d.NDA_DST, ipaddress.ip_address(
                vtep(n, self.version)).packed)] for n in range(count)))

    def batch(self, kind, flags, requests):
        """Many requests in few messages; one that fails raises."""
        rtnl = self.here.rtnl
        header = nl.ndmsg(rtnl.index(DEV), d.NUD_PERMANENT | d.NUD_NOARP,
                          d.NTF_SELF)
        waiting = []
        for attrs in requests:
            body = header + nl.pack_attrs(attrs)
            waiting.append(struct.pack("=IHHII", 16 + len(body), kind,
                                       flags | d.NLM_F_REQUEST, 0, 0) + body)
            if len(waiting) == BATCH:
                _send(rtnl, waiting)
                waiting = []
        if waiting:
            _send(rtnl, waiting)

    def dump(self):
        """Bytes of the whole table, read as fast as can be."""
        rtnl = self.here.rtnl
        rtnl.send(d.RTM_GETNEIGH, d.NLM_F_DUMP, nl.ndmsg(rtnl.index(DEV)))
        size = 0
        while True:
            part = rtnl.receive()
            size += len(part)
            if struct.unpack_from("=H", part, 4)[0] == d.NLMSG_DONE:
                return size


def _send(rtnl, waiting):
    """Requests without acknowledgement; the last one has one."""
    last = bytearray(waiting[-1])
    struct.pack_into("=H", last, 6, struct.unpack_from("=H", last, 6)[0]
                     | d.NLM_F_ACK)
    rtnl.sock.send(b"".join(waiting[:-1]) + bytes(last))
    for kind, _, _, body in nl.messages(rtnl.receive()):
        if kind == d.NLMSG_ERROR and struct.unpack_from("=i", body)[0]:
            raise nl.NlError(-struct.unpack_from("=i", body)[0])
