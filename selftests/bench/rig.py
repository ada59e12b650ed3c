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
from dataclasses import dataclass, field

from lib import instruct, links, nl
from lib import nldefs as d
from lib.linkattr import data, resolve
from lib.netns import Netns, delete_all

DEV, LOWER, VNI = "vx0", "eth0", 100
SECOND = "eth1"         # the other one of two equal routes
BRIDGE, PORT = "br0", "p0"
GATEWAY_MAC = "02:00:00:00:fe:fe"
MTU = 1600
BATCH = 200             # requests in one message
QUEUES = 4
OWN = {4: "10.0.0.1", 6: "fd00::1"}
OTHER = {4: "10.0.0.2", 6: "fd00::2"}
#: The same on the second lower device.
SECOND_OWN = {4: "10.0.1.1", 6: "fd00:1::1"}
SECOND_OTHER = {4: "10.0.1.2", 6: "fd00:1::2"}
PREFIX = {4: 24, 6: 64}
RANGE = {4: "10.64.0.0/10", 6: "fd01::/64"}
RTM_NEWROUTE = 24
ACT_PIPE = 3
IFLA_NUM_TX_QUEUES = 31
#: Attributes of a GENEVE device.
GENEVE = {"ID": 1, "REMOTE": 2, "PORT": 5, "REMOTE6": 7, "UDP_CSUM": 8,
          "UDP_ZERO_CSUM6_TX": 9, "UDP_ZERO_CSUM6_RX": 10}


def vtep(number, version=4):
    """Address of a remote VTEP; 0 is at the other end of the cable."""
    if not number:
        return OTHER[version]
    network = ipaddress.ip_network(RANGE[version])
    return str(network[number])


def mac(number, base=0x020000000000):
    return struct.pack("!Q", base + number)[2:]


@dataclass(frozen=True)
class Plan:
    """What is built. options: of the device under test, by attribute names
    without prefix; the one of the receiver gets those of `receiver`, too.

    cable: there is a receiver. qdisc: the lower device has several queues with
    fq_codel. paths: equal routes to VTEPs. hashed: the device whose packets
    have a hash. bridge: what is a port of a bridge here, beside PORT; far: the
    same at the other end of the cable.
    """
    version: int = 4
    cable: bool = False
    receiver: dict = field(default_factory=dict)
    qdisc: bool = False
    paths: int = 1
    hashed: str = ""
    bridge: str = ""
    far: str = ""
    options: dict = field(default_factory=dict)


class Rig:
    """kind: of the link; None: no tunnel at all. See Plan."""

    def __init__(self, kind, plan=None, **planned):
        self.kind, self.plan = kind, plan or Plan(**planned)
        self.version = self.plan.version
        self.here = Netns("here")
        self.there = Netns("there") if self.plan.cable else None
        self._wire()
        self._route()
        if kind:
            self._devices()
        self._bridges()
        if self.plan.hashed:
            self._hash(self.plan.hashed)

    def delete(self):
        delete_all(filter(None, (self.here, self.there)))

    # ---- the underlay

    def lowers(self):
        return (LOWER, SECOND)[:self.plan.paths]

    def _wire(self):
        if self.there:
            links.add_veth(self.here, LOWER, self.there, LOWER, mtu=MTU)
        else:
            for name in self.lowers():
                self.here.rtnl.newlink(name, "dummy", (), [
                    (d.IFLA_MTU, nl.u32(MTU)),
                    (IFLA_NUM_TX_QUEUES, nl.u32(QUEUES))], up=True)
        for version, length in PREFIX.items():
            for name, own in zip(self.lowers(), (OWN, SECOND_OWN)):
                links.add_address(self.here, name, f"{own[version]}/{length}")
            if self.there:
                links.add_address(self.there, LOWER,
                                  f"{OTHER[version]}/{length}")
        if self.plan.qdisc:
            self._queues()

    def _queues(self):
        lines = [f"qdisc replace dev {LOWER} root handle 1: mq"]
        lines += [f"qdisc replace dev {LOWER} parent 1:{n + 1:x} fq_codel"
                  for n in range(QUEUES)]
        for line in lines:
            self.here(f"tc {line}")

    def _route(self):
        """Neighbours that need not be asked; a gateway to all other VTEPs."""
        to_other = self.there.rtnl.link(LOWER)["mac"] if self.there \
            else GATEWAY_MAC
        for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            hops = []
            for name, other in zip(self.lowers(), (OTHER, SECOND_OTHER)):
                packed = ipaddress.ip_address(other[version]).packed
                hops.append((self.here.rtnl.index(name), packed))
                self.here.rtnl.neigh(
                    d.RTM_NEWNEIGH, name, [(d.NDA_DST, packed), (
                        d.NDA_LLADDR, nl.mac(to_other))], d.NUD_PERMANENT, 0,
                    d.NLM_F_CREATE, family)
            network = ipaddress.ip_network(RANGE[version])
            # RTA_DST
            attrs = [(1, network.network_address.packed), *_hops(hops)]
            self.here.rtnl.request(
                RTM_NEWROUTE, d.NLM_F_CREATE,
                struct.pack("=BBBBBBBBI", family, network.prefixlen, 0, 0,
                            254, 3, 0, 1, 0), attrs)
        if self.plan.paths > 1:     # by ports, not by addresses alone
            for version in OWN:
                self.here.sysctl(f"ipv{version}/fib_multipath_hash_policy", 1)

    def _hash(self, dev):
        """An action on the way out, which chooses a queue, asks for the hash.

        skbedit's parameters, queue, flags (SKBHASH) and last queue; iproute2
        does not know the latter.
        """
        action = [(1, nl.text("skbedit")), (2, [
            (2, struct.pack("=IIiii", 0, 0, ACT_PIPE, 0, 0)), (4, bytes(2)),
            (9, struct.pack("=Q", 0x40)), (10, bytes(2))])]
        instruct.clsact(self.here, dev)
        instruct.attach(self.here, dev, instruct.EGRESS, action)

    def sent(self):
        """Packets that have left by lower devices."""
        return sum(self.here.rtnl.link(name)["stats"]["tx_packets"]
                   for name in self.lowers())

    def received(self):
        """Packets that the receiver has taken from the tunnel."""
        return self.there.rtnl.link(DEV)["stats"]["rx_packets"]

    # ---- the devices

    def _devices(self):
        self.create(self.here, {"LEARNING": 0, **self.plan.options})
        if self.there:
            self.create(self.there, {**self.plan.options,
                                     **self.plan.receiver})

    def create(self, ns, options):
        own, other = (OWN, OTHER) if ns is self.here else (OTHER, OWN)
        if self.kind == "geneve":
            ns.rtnl.newlink(DEV, "geneve", _geneve(
                options, other[self.version], self.version))
            return
        given = {"ID": VNI, "PORT": 4789, **options}
        given.setdefault("LOCAL" if self.version == 4 else "LOCAL6",
                         own[self.version])
        ns.rtnl.newlink(DEV, self.kind, resolve(ns, data(**given)))

    def up(self, up=True):
        if not self.kind:
            return
        for ns in (self.there, self.here):
            if ns:
                ns.rtnl.setlink(DEV, up=up)

    # ---- bridges

    def _bridges(self):
        for ns, port in ((self.here, self.plan.bridge),
                         (self.there, self.plan.far)):
            if port:
                links.add_bridge(ns, BRIDGE)
                ns.rtnl.newlink(PORT, "dummy", up=True)
                links.set_port(ns, PORT, BRIDGE)
                links.set_port(ns, port, BRIDGE)
                ns.rtnl.setlink(port, up=True)

    def known(self, ns, port, number=0):
        """The bridge knows where this MAC is."""
        ns.rtnl.neigh(d.RTM_NEWNEIGH, port, [(d.NDA_LLADDR, mac(number))],
                      d.NUD_NOARP, d.NTF_MASTER,
                      d.NLM_F_CREATE | d.NLM_F_REPLACE)

    # ---- FDB entries

    def entries(self, count, vteps=1, first=0, kind=d.RTM_NEWNEIGH, flags=None):
        """MACs from mac(first) on, spread over so many VTEPs."""
        if self.kind == "geneve":       # it has one remote and no table
            return
        behind = [nl.pack_attrs([(d.NDA_DST, ipaddress.ip_address(
            vtep(n, self.version)).packed)]) for n in range(vteps)]
        head, tail = struct.pack("=HH", 10, d.NDA_LLADDR), bytes(2)
        if flags is None:
            flags = d.NLM_F_CREATE | d.NLM_F_EXCL
        self.batch(kind, flags, (
            head + mac(first + n) + tail + behind[n % vteps]
            for n in range(count)))

    def flood(self, count):
        """The default entry has so many remotes."""
        zero = bytes(6)
        self.batch(d.RTM_NEWNEIGH, d.NLM_F_CREATE | d.NLM_F_APPEND, (
            [(d.NDA_LLADDR, zero), (d.NDA_DST, ipaddress.ip_address(
                vtep(n, self.version)).packed)] for n in range(count)))

    def batch(self, kind, flags, requests):
        """Many requests in few messages; one that fails raises.

        Each is its attributes, as pairs or as bytes.
        """
        rtnl = self.here.rtnl
        header = nl.ndmsg(rtnl.index(DEV), d.NUD_PERMANENT | d.NUD_NOARP,
                          d.NTF_SELF)
        waiting = []
        for attrs in requests:
            body = header + (attrs if isinstance(attrs, bytes)
                             else nl.pack_attrs(attrs))
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


def _hops(hops):
    """RTA_OIF and RTA_GATEWAY, or RTA_MULTIPATH, of [(device, gateway)]"""
    if len(hops) == 1:
        return [(4, nl.u32(hops[0][0])), (5, hops[0][1])]
    parts = []
    for index, gateway in hops:
        attr = nl.pack_attrs([(5, gateway)])
        parts.append(struct.pack("=HBBi", 8 + len(attr), 0, 0, index) + attr)
    return [(9, b"".join(parts))]


def _geneve(options, remote, version):
    """Attributes of a GENEVE device like that; it has no others of these."""
    attrs = [(GENEVE["ID"], nl.u32(options.get("ID", VNI))),
             (GENEVE["PORT"], nl.be16(6081)),
             (GENEVE["REMOTE" if version == 4 else "REMOTE6"], nl.ip(remote))]
    return attrs + [(GENEVE[name], nl.u8(options[name])) for name in (
        "UDP_CSUM", "UDP_ZERO_CSUM6_TX", "UDP_ZERO_CSUM6_RX")
        if name in options]
