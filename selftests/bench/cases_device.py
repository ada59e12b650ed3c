# SPDX-License-Identifier: GPL-2.0
"""Very many devices, VNIs and multicast groups."""

import ipaddress
import os
import socket
import struct
import subprocess
import time
from contextlib import nullcontext

from case import Case
from cases_table import timed
from lib import nl
from lib import nldefs as d
from lib.linkattr import data, resolve
from lib.vnifilter import entry, tunnel_msg
from rig import DEV, LOWER, OTHER, Rig

FIRST_GROUP = int(ipaddress.ip_address("239.0.0.0"))
OTHER_GROUP = "238.0.0.1"
IFLA_GROUP, GROUP_ID = 27, 7    # of devices, for requests to all of them
BATCH = 50
CYCLES, ROUNDS = 10, 30
FEW, MANY = 10, 4000
IP_RECVTTL, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP = 12, 35, 36


def group(number):
    return str(ipaddress.ip_address(FIRST_GROUP + number))


def request(kind, flags, body, seq=1):
    return struct.pack("=IHHII", 16 + len(body), kind,
                       flags | d.NLM_F_REQUEST, seq, 0) + body


def spent_for(rtnl, messages):
    """Nanoseconds for messages that were made in advance, BATCH at a time.

    The last one of each batch is acknowledged.
    """
    spent = 0
    for start in range(0, len(messages), BATCH):
        batch = bytearray(b"".join(messages[start:start + BATCH]))
        last = len(batch) - len(messages[start:start + BATCH][-1])
        struct.pack_into("=H", batch, last + 6, struct.unpack_from(
            "=H", batch, last + 6)[0] | d.NLM_F_ACK)
        spent += timed(lambda sent=batch: exchange(rtnl, sent))
    return spent


def exchange(rtnl, sent):
    rtnl.sock.send(sent)
    for kind, _, _, body in nl.messages(rtnl.receive()):
        error = struct.unpack_from("=i", body)[0]
        if kind == d.NLMSG_ERROR and error:
            raise nl.NlError(-error)


class Many:
    """A namespace with a dummy for thousands of devices of one driver."""

    def __init__(self, kind):
        self.kind = kind
        self.rig = Rig(None)
        self.here = self.rig.here
        self.rtnl = self.here.rtnl
        # the kernel's driver joins by a socket, which has limits
        self.here.sysctl("ipv4/igmp_max_memberships", 1000000)
        path = "/proc/sys/net/core/optmem_max"
        with self.here.entered():
            mine = os.path.exists(path)     # older kernels have but one
        with self.here.entered() if mine else nullcontext():
            with open(path, "w", encoding="ascii") as file:
                file.write(str(1 << 30))
        self.here.sysctl("ipv6/conf/default/disable_ipv6", 1)

    def delete(self):
        self.rig.delete()

    def create(self, count):
        """Devices of which each has a group; nanoseconds."""
        return spent_for(self.rtnl, [request(
            d.RTM_NEWLINK, d.NLM_F_CREATE | d.NLM_F_EXCL,
            nl.ifinfomsg() + nl.pack_attrs([
                (d.IFLA_IFNAME, nl.text(f"v{n}")),
                (IFLA_GROUP, nl.u32(GROUP_ID)),
                (d.IFLA_LINKINFO, [
                    (d.IFLA_INFO_KIND, self.kind.encode()),
                    (d.IFLA_INFO_DATA, resolve(self.here, data(
                        ID=n + 1, GROUP=group(n), LINK=LOWER, PORT=4789)))])]))
            for n in range(count)])

    def all_up(self, up=True):
        return spent_for(self.rtnl, [request(
            d.RTM_NEWLINK, 0, nl.ifinfomsg(0, int(up), 1) + nl.pack_attrs(
                [(IFLA_GROUP, nl.u32(GROUP_ID))]))])

    def delete_all(self):
        return spent_for(self.rtnl, [request(
            d.RTM_DELLINK, 0, nl.ifinfomsg() + nl.pack_attrs(
                [(IFLA_GROUP, nl.u32(GROUP_ID))]))])

    def joined(self):
        """Groups that the dummy has."""
        return self.here.read("net/igmp").count("\n\t\t\t\t")


class Devices(Case):
    """They are created, brought up, brought down and deleted."""

    unit, rounds = "ns/device", 2

    def __init__(self, name, count):
        super().__init__(name)
        self.count, self.kind = count, None

    def begin(self, kind):
        self.kind = kind

    def end(self):
        pass

    def run(self):
        many = Many(self.kind)
        try:
            spent = {"create": many.create(self.count), "up": many.all_up()}
            if many.joined() < self.count:
                raise RuntimeError(f"{self.name}: {many.joined()} groups")
            spent["down"] = many.all_up(False)
            spent["delete"] = many.delete_all()
        finally:
            many.delete()
        return {name: [value / self.count] for name, value in spent.items()}


class Groups(Case):
    """One more group is joined and left where there are few and many.

    Its cost is that of taking a device with a group up and down, less that of
    one without. `core`: what a socket pays to join and leave on that interface,
    less two system calls that do nothing; `share`: what is the driver's;
    `growth`: by how much that is more where there are many.
    """

    unit, rounds = "ns", 1

    def begin(self, kind):
        self.places = {}
        for count in (FEW, MANY):
            many = self.places[count] = Many(kind)
            many.create(count)
            many.all_up()
            for name, number, remote in (("with", 10 ** 6, OTHER_GROUP),
                                         ("without", 10 ** 6 + 1, OTHER[4])):
                many.rtnl.newlink(name, kind, resolve(many.here, data(
                    ID=number, GROUP=remote, LINK=LOWER, PORT=4789)))

    def end(self):
        for many in self.places.values():
            many.delete()

    def run(self):
        found = {}
        for count, many in self.places.items():
            best = {name: min(each) for name, each in zip(
                ("with", "without", "core", "calls"),
                zip(*(steps(many) for _ in range(ROUNDS))))}
            cost = best["with"] - best["without"]
            core = best["core"] - best["calls"]
            found.update({f"{count}": [cost], f"{count}/core": [core],
                          f"{count}/share": [cost - core]})
        found["growth"] = [found[f"{MANY}/share"][0] - found[f"{FEW}/share"][0]]
        return found


def steps(many):
    """By turns, so that a slow spell of the host is none for one alone."""
    return (cycle(many, "with"), cycle(many, "without"), membership(many.here),
            membership(many.here, IP_RECVTTL, IP_RECVTTL))


def cycle(many, name):
    """Nanoseconds for up and down."""
    index = many.rtnl.index(name)
    up, down = (request(d.RTM_NEWLINK, d.NLM_F_ACK, nl.ifinfomsg(
        index, state, 1)) for state in (1, 0))

    def both():
        exchange(many.rtnl, up)
        exchange(many.rtnl, down)
    return average(both)


def average(step):
    return timed(lambda: [step() for _ in range(CYCLES)]) / CYCLES


def membership(ns, first=IP_ADD_MEMBERSHIP, second=IP_DROP_MEMBERSHIP):
    """Nanoseconds for joining and leaving by a socket."""
    with ns.entered(), \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        where = struct.pack("=4s4si", socket.inet_aton(OTHER_GROUP), bytes(4),
                            socket.if_nametoindex(LOWER))

        def both():
            sock.setsockopt(socket.IPPROTO_IP, first, where)
            sock.setsockopt(socket.IPPROTO_IP, second, where)
        return average(both)


class Vnis(Case):
    """One device with a VNI filter, each VNI with a group.

    Only the kind vxlan has requests for that: the kernel's driver gives way to
    ours of that name for a while.
    """

    unit, rounds = "ns/VNI", 2

    def __init__(self, name, count):
        super().__init__(name)
        self.count, self.kind = count, None

    def begin(self, kind):
        self.kind = kind

    def end(self):
        pass

    def run(self):
        if self.kind == "vxlan":
            return self.measure()
        swap(os.environ["VXLAN_KO"])
        try:
            return self.measure()
        finally:
            swap(os.environ["VXLAN_INTREE"])

    def measure(self):
        many = Many("vxlan")
        rtnl = many.rtnl
        try:
            rtnl.newlink(DEV, "vxlan", resolve(many.here, data(
                COLLECT_METADATA=1, VNIFILTER=1, LINK=LOWER, PORT=4789)))
            index = rtnl.index(DEV)
            rtnl.setlink(DEV, up=True)
            add, delete = ([request(kind, 0, tunnel_msg(index)
                                    + nl.pack_attrs(attrs))
                            for attrs in map(self.one, range(self.count))]
                           for kind in (d.RTM_NEWTUNNEL, d.RTM_DELTUNNEL))
            spent = {"add": spent_for(rtnl, add)}
            if many.joined() < self.count:
                raise RuntimeError(f"{self.name}: {many.joined()} groups")
            spent["down"] = timed(lambda: rtnl.setlink(DEV, up=False))
            spent["up"] = timed(lambda: rtnl.setlink(DEV, up=True))
            spent["delete"] = spent_for(rtnl, delete)
        finally:
            many.delete()
        return {name: [value / self.count] for name, value in spent.items()}

    @staticmethod
    def one(number):
        return [entry(number + 1, group=group(number))]


def swap(file):
    """The module vxlan is another one; namespaces that use it end first."""
    for _ in range(100):
        if not subprocess.run(["rmmod", "vxlan"], capture_output=True,
                              check=False).returncode:
            break
        time.sleep(0.1)
    subprocess.run(["insmod", file], check=True)


def cases(quick):
    devices, vnis = (500, 1000) if quick else (4000, 10000)
    for case in (Devices(f"devices/{devices}", devices), Groups("groups"),
                 Vnis(f"vnis/{vnis}", vnis)):
        yield case.having(quick=False, counts=False)
