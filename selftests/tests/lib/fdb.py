# SPDX-License-Identifier: GPL-2.0
"""The forwarding table of one VXLAN device, by raw netlink.

    fdb = Fdb(host.ns, "vx0")
    fdb.add("02:00:00:00:aa:01", "10.0.0.2")
    fdb.append(ZERO, "10.0.0.3", port=4790)
    fdb.dsts(ZERO) -> ["10.0.0.3"]

Fixtures to import: fdb_host (a namespace), fdb, fdb6 (its vx0, new for each
test, over IPv4 or IPv6).
"""

import errno
import os
import struct

import pytest

from . import nl
from . import nldefs as d
from .netns import Netns
from .topo import DEFAULTS, kind

ZERO = "00:00:00:00:00:00"
GROUP_MAC = "01:00:5e:00:00:01"

#: States as `bridge fdb add` sets them for "permanent", "static", "dynamic".
PERMANENT = d.NUD_PERMANENT | d.NUD_NOARP
STATIC = d.NUD_REACHABLE | d.NUD_NOARP
DYNAMIC = d.NUD_REACHABLE

ADD = d.NLM_F_CREATE | d.NLM_F_EXCL
APPEND = d.NLM_F_CREATE | d.NLM_F_APPEND
REPLACE = d.NLM_F_CREATE | d.NLM_F_REPLACE

#: What `bridge fdb flush` sends.
FLUSH = d.NLM_F_BULK

#: The core of older kernels lets few filters of a flush through.
RELEASE = tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2])
FULL_FLUSH = RELEASE >= (6, 7)


def mac(number, prefix=0xaa):
    """02:00:00:PP:NN:NN, for tables of many."""
    return f"02:00:00:{prefix:02x}:{number >> 8:02x}:{number & 0xff:02x}"


def attrs(lladdr=None, dst=None, port=None, vni=None, src_vni=None, via=None,
          vlan=None, nhid=None):
    """Attributes of an FDB request, in this order."""
    found = []
    if lladdr is not None:
        found.append((d.NDA_LLADDR, nl.mac(lladdr)))
    if dst is not None:
        found.append((d.NDA_DST, nl.ip(dst)))
    if port is not None:
        found.append((d.NDA_PORT, nl.be16(port)))
    for number, value in ((d.NDA_VNI, vni), (d.NDA_SRC_VNI, src_vni),
                          (d.NDA_IFINDEX, via), (d.NDA_NH_ID, nhid)):
        if value is not None:
            found.append((number, nl.u32(value)))
    if vlan is not None:
        found.append((d.NDA_VLAN, nl.u16(vlan)))
    return found


class Fdb:
    """Entries of a device; `words` are those of attrs()."""

    def __init__(self, ns, dev="vx0"):
        self.ns = ns
        self.dev = dev
        self.index = ns.rtnl.index(dev)

    def change(self, lladdr, dst, nl_flags, state=PERMANENT,
               flags=d.NTF_SELF, **words):
        """One RTM_NEWNEIGH; raises nl.NlError when it is refused."""
        self.ns.rtnl.neigh(d.RTM_NEWNEIGH, self.index,
                           attrs(lladdr, dst, **words), state, flags, nl_flags)

    def add(self, lladdr, dst, state=PERMANENT, **words):
        self.change(lladdr, dst, ADD, state, **words)

    def append(self, lladdr, dst, state=PERMANENT, **words):
        self.change(lladdr, dst, APPEND, state, **words)

    def replace(self, lladdr, dst, state=PERMANENT, **words):
        self.change(lladdr, dst, REPLACE, state, **words)

    def delete(self, lladdr, dst=None, **words):
        self.ns.rtnl.neigh(d.RTM_DELNEIGH, self.index,
                           attrs(lladdr, dst, **words))

    def get(self, lladdr, **words):
        """The answer as a dict of nl.parse_neigh()."""
        (answer,) = self.ns.rtnl.neigh(d.RTM_GETNEIGH, self.index,
                                       attrs(lladdr, **words))
        assert answer[0] == d.RTM_NEWNEIGH
        return nl.parse_neigh(answer[1])

    def flush(self, filters=(), state=0, flags=0):
        """`bridge fdb flush`; filters: pairs (attribute number, bytes)."""
        self.ns.rtnl.neigh(d.RTM_DELNEIGH, self.index, list(filters), state,
                           flags | d.NTF_SELF, FLUSH)

    def add_many(self, requests, nl_flags=ADD, state=PERMANENT,
                 flags=d.NTF_SELF):
        """Add pairs (MAC, destination or None), 200 to one system call.

        An error shows in what the table holds afterwards.
        """
        requests = list(requests)
        for start in range(0, len(requests), 200):
            raw = b""
            for lladdr, dst in requests[start:start + 200]:
                body = nl.ndmsg(self.index, state, flags) + nl.pack_attrs(
                    attrs(lladdr, dst))
                raw += struct.pack("=IHHII", 16 + len(body), d.RTM_NEWNEIGH,
                                   nl_flags | d.NLM_F_REQUEST, 0, 0) + body
            self.ns.rtnl.sock.send(raw)

    def entries(self, lladdr=None):
        """The device's own entries (not the bridge's above it)."""
        return [e for e in self.ns.rtnl.fdb(self.dev)
                if e["dst"] and lladdr in (None, e["mac"])]

    def dsts(self, lladdr):
        """Destinations of a MAC, in the order of the dump."""
        return [e["dst"] for e in self.entries(lladdr)]

    def macs(self):
        return [e["mac"] for e in self.entries()]

    def state(self, lladdr):
        """State of an entry, None without one."""
        found = self.entries(lladdr)
        return found[0]["state"] if found else None

    def snapshot(self):
        """All that is said of the entries but their times."""
        return [(e["ifindex"], e["family"], e["state"], e["flags"], sorted(
            (k, v) for k, v in e["attrs"].items() if k != d.NDA_CACHEINFO))
            for e in self.ns.rtnl.fdb(self.dev)]


@pytest.fixture(scope="module")
def fdb_host():
    """A namespace without underlay: the table does not need one."""
    ns = Netns("fdb")
    ns.ip("link add eth0 type veth peer name eth1")
    yield ns
    ns.delete()


@pytest.fixture
def fdb(fdb_host):
    """vx0 with VNI 100 over IPv4, up, nothing in its table."""
    fdb_host.ip(f"link add vx0 type {kind()} id 100 {DEFAULTS}",
                "link set vx0 up")
    yield Fdb(fdb_host)
    fdb_host.rtnl.dellink("vx0")


@pytest.fixture
def fdb6(fdb_host):
    """The same over IPv6."""
    fdb_host.ip(f"link add vx0 type {kind()} id 100 local fd00::1 {DEFAULTS}",
                "link set vx0 up")
    yield Fdb(fdb_host)
    fdb_host.rtnl.dellink("vx0")


#: Two numbers may have one name and Python prefers the other one.
ERRNO = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}


def refusal(call, *args, **kwargs):
    """The name of the errno with which a request is refused, or None."""
    try:
        call(*args, **kwargs)
    except nl.NlError as error:
        return ERRNO[error.errno]
    return None
