# SPDX-License-Identifier: GPL-2.0
"""Instructions of external mode: packets that say themselves where to go.

    route(ns, "192.0.2.1/32", "vx0", id=7, dst="10.0.0.2", ttl=9, ...)
                                a route whose packets get instructions
    clsact(ns, dev); attach(ns, dev, EGRESS, tunnel_key(id=7, ...),
                            redirect(ns, "vx0"))
                                frames that leave dev get instructions and go
                                to vx0; detach(ns, dev, EGRESS) ends it
    flower(id=7, src=..., ...)  a match on what a received packet tells

All by netlink: a spawned tc takes its time, and older ones know less.
"""

import ipaddress
import struct

from . import nldefs as d
from .nl import be16, be32, ip, text, u8, u32

RTM_NEWROUTE, RTM_DELROUTE = 24, 25
RTM_NEWQDISC, RTM_NEWTFILTER, RTM_DELTFILTER = 36, 44, 45
RTA_DST, RTA_OIF, RTA_ENCAP_TYPE, RTA_ENCAP = 1, 4, 21, 22
ENCAP_IP, ENCAP_IP6, ENCAP_BPF = 2, 4, 6
SCOPE_LINK, TABLE_MAIN, STATIC, UNICAST = 253, 254, 4, 1
#: Bits of the flags of a route's instructions.
CSUM, DONT_FRAGMENT, NOCACHE = 0x0001, 0x0100, 0x2000

CLSACT, INGRESS, EGRESS = 0xfffffff1, 0xfffffff2, 0xfffffff3
ETH_ALL, ACT_PIPE, ACT_SHOT, ACT_STOLEN = 3, 3, 2, 4
TCA_KIND, TCA_OPTIONS = 1, 2
KEY_SET, KEY_RELEASE = 1, 2


def options(gbp=None, geneve=None):
    """Attributes of the nest with options of the header."""
    if geneve is not None:
        return [(1, [(1, be16(0x102)), (2, u8(1)), (3, geneve)])]
    return [(2, [(1, u32(gbp))])] if gbp is not None else []


def route(ns, to, dev, nl_flags=d.NLM_F_CREATE | d.NLM_F_REPLACE, encap=None,
          **words):
    """A route through dev; words: id, dst, src, ttl, tos, flags, gbp, geneve.

    encap: (type, attributes) in place of these.
    """
    network = ipaddress.ip_network(to)
    family = 2 if network.version == 4 else 10
    kind, attrs = encap or _encap(**words)
    header = struct.pack("=BBBBBBBBI", family, network.prefixlen, 0, 0,
                         TABLE_MAIN, STATIC, SCOPE_LINK, UNICAST, 0)
    ns.rtnl.request(RTM_NEWROUTE, nl_flags, header, [
        (RTA_DST, network.network_address.packed),
        (RTA_OIF, u32(ns.rtnl.index(dev))),
        (RTA_ENCAP_TYPE, struct.pack("=H", kind)), (RTA_ENCAP, attrs)])


def _encap(dst=None, src=None, six=None, flags=None, **words):
    """The kind of a route's instructions, and their attributes."""
    six = ":" in (dst or src or "") if six is None else six
    given = [(1, struct.pack("!Q", words.pop("id")) if "id" in words else None),
             (2, ip(dst) if dst else None), (3, ip(src) if src else None),
             (4, u8(words.pop("ttl")) if "ttl" in words else None),
             (5, u8(words.pop("tos")) if "tos" in words else None),
             (6, be16(flags) if flags is not None else None),
             (8, options(**words) or None)]
    return ENCAP_IP6 if six else ENCAP_IP, [
        pair for pair in given if pair[1] is not None]


# ---- tc

def _tcmsg(index, handle=0, parent=0, info=0):
    return struct.pack("=BxxxiIII", 0, index, handle, parent, info)


def clsact(ns, dev):
    """Room for filters at both sides of a device."""
    ns.rtnl.request(RTM_NEWQDISC, d.NLM_F_CREATE | d.NLM_F_EXCL,
                    _tcmsg(ns.rtnl.index(dev), 0xffff0000, CLSACT),
                    [(TCA_KIND, text("clsact"))])


def attach(ns, dev, side, *actions, match=("matchall", 2, []), pref=1):
    """A filter: (kind, number of its list of actions, its attributes)."""
    kind, number, attrs = match
    listed = [(number, [(place, act) for place, act in enumerate(actions, 1)])]
    ns.rtnl.request(
        RTM_NEWTFILTER, d.NLM_F_CREATE | d.NLM_F_EXCL,
        _tcmsg(ns.rtnl.index(dev), 0, side,
               pref << 16 | struct.unpack("=H", be16(ETH_ALL))[0]),
        [(TCA_KIND, text(kind)),
         (TCA_OPTIONS, [*attrs, *(listed if actions else [])])])


def detach(ns, dev, side):
    """All filters of one side go."""
    ns.rtnl.request(RTM_DELTFILTER, 0, _tcmsg(ns.rtnl.index(dev), 0, side))


def _action(kind, *attrs):
    return [(1, text(kind)), (2, list(attrs))]


def _general(verdict):
    """struct tc_gen, which all actions begin with."""
    return struct.pack("=IIiii", 0, 0, verdict, 0, 0)


def tunnel_key(**words):
    """Set instructions: id, src, dst, port, ttl, tos, no_csum, no_frag, gbp,
    geneve.
    """
    given = [(2, _general(ACT_PIPE) + struct.pack("=i", KEY_SET))]
    for name, four, six in (("src", 3, 5), ("dst", 4, 6)):
        if name in words:
            raw = ip(words.pop(name))
            given.append((four if len(raw) == 4 else six, raw))
    for name, number, make in (("id", 7, be32), ("port", 9, be16),
                               ("no_csum", 10, u8), ("tos", 12, u8),
                               ("ttl", 13, u8)):
        if name in words:
            given.append((number, make(words.pop(name))))
    if words.pop("no_frag", False):
        given.append((14, b""))
    if words:
        given.append((11, options(**words)))
    return _action("tunnel_key", *given)


def tunnel_unset():
    """Instructions and descriptions go."""
    return _action("tunnel_key", (2, _general(ACT_PIPE)
                                  + struct.pack("=i", KEY_RELEASE)))


def redirect(ns, dev, mirror=False):
    """Out through another device; mirror: a copy."""
    return _action("mirred", (2, _general(
        ACT_PIPE if mirror else ACT_STOLEN) + struct.pack(
            "=iI", 2 if mirror else 1, ns.rtnl.index(dev))))


def flower(**words):
    """A match on id, src, dst, sport, port, tos, ttl, gbp; and their masks:
    id is always whole, others may be (value, mask).
    """
    given = []
    if "id" in words:
        given.append((26, be32(words.pop("id"))))
    for name, numbers in (("src", (27, 31)), ("dst", (29, 33))):
        if name in words:
            raw = ip(words.pop(name))
            number = numbers[len(raw) == 16]
            given += [(number, raw), (number + 1, b"\xff" * len(raw))]
    for name, number, make in (("sport", 43, be16), ("port", 45, be16),
                               ("tos", 80, u8), ("ttl", 82, u8)):
        if name in words:
            size = len(make(0))
            given += [(number, make(words.pop(name))),
                      (number + 1, b"\xff" * size)]
    if "gbp" in words:
        given += [(84, options(gbp=words.pop("gbp"))),
                  (85, options(gbp=0xffffffff))]
    assert not words, words
    return "flower", 3, given
