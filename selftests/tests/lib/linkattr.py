# SPDX-License-Identifier: GPL-2.0
"""VXLAN link attributes by name: a request of them, a dump of them.

    data(ID=5, LINK="eth0")  -> [(number, bytes), ...], in that order; the
                                interface is looked up by the next three
    create(ns, data(...)), change(ns, data(...)): requests for device DEV
    resolve(ns, data(...)): the same with interface numbers
    names(ns) -> {"ID": bytes, ...} as dumped
    offset_of(...) -> where in the message an attribute stands
"""

from . import nldefs as d
from . import topo
from .nl import be16, be32, ip, pack_attrs, text, u8, u32

#: The device that create() and change() speak of.
DEV = "vx0"
NUMBER = d.IFLA_VXLAN
NAME = {number: name for name, number in NUMBER.items()}


def ports(pair):
    """Source port range."""
    return be16(pair[0]) + be16(pair[1])


def flag(value):
    """An attribute that says all by being there."""
    assert value is True
    return b""


def link(given):
    """Interface number, or the name of one, to be looked up later."""
    return given if isinstance(given, str) else u32(given)


#: How the value of an attribute becomes bytes; u8 where nothing is said.
_MAKE = {
    "ID": u32, "LINK": link, "AGEING": u32, "LIMIT": u32, "LABEL_POLICY": u32,
    "GROUP": ip, "GROUP6": ip, "LOCAL": ip, "LOCAL6": ip,
    "PORT": be16, "LABEL": be32, "PORT_RANGE": ports,
    "GBP": flag, "GPE": flag, "REMCSUM_NOPARTIAL": flag, "TTL_INHERIT": flag,
}


def value(name, given):
    """Bytes of an attribute; bytes pass as they are."""
    if isinstance(given, bytes):
        return given
    return _MAKE.get(name, u8)(given)


def data(**attrs):
    """The contents of IFLA_INFO_DATA, in the order given."""
    return [(NUMBER[name], value(name, given))
            for name, given in attrs.items()]


def resolve(ns, attrs):
    """Names of interfaces become their numbers; None stays None."""
    return attrs and [
        (number, u32(ns.rtnl.index(raw)) if isinstance(raw, str) else raw)
        for number, raw in attrs]


def create(ns, attrs=(), extra=(), name=DEV, up=False):
    """Make a device of the kind under test."""
    ns.rtnl.newlink(name, topo.kind(), resolve(ns, attrs), extra, up=up)


def change(ns, attrs=(), extra=(), name=DEV):
    """What `ip link set type` does."""
    ns.rtnl.changelink(name, topo.kind(), resolve(ns, attrs), extra)


def names(ns, name=DEV):
    """{"ID": bytes, ...}; a number without a name stands for itself."""
    return {NAME.get(number, number): raw
            for number, raw in ns.rtnl.info_data(name).items()}


def offset_of(wanted, attrs, extra=(), name=DEV):
    """Offset from the start of the message of the attribute `wanted`.

    A name or number of a VXLAN attribute (the last one if it comes twice),
    or ("link", number) for an attribute of `extra`.
    """
    head = [(d.IFLA_IFNAME, text(name))]
    if isinstance(wanted, tuple):
        index = [number for number, _ in extra].index(wanted[1])
        return 32 + len(pack_attrs([*head, *extra[:index]]))
    number = NUMBER.get(wanted, wanted)
    index = max(i for i, pair in enumerate(attrs) if pair[0] == number)
    kind = pack_attrs([(d.IFLA_INFO_KIND, text(topo.kind())[:-1])])
    return (32 + len(pack_attrs([*head, *extra])) + 4 + len(kind) + 4
            + len(pack_attrs(attrs[:index])))


def sockets(ns):
    """Open UDP sockets of a namespace: {(version, local port)}."""
    found = set()
    for version, path in ((4, "net/udp"), (6, "net/udp6")):
        for line in ns.read(path).splitlines()[1:]:
            local = line.split()[1]
            found.add((version, int(local.rsplit(":", 1)[1], 16)))
    return found
