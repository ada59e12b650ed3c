# SPDX-License-Identifier: GPL-2.0
"""Flow 12: configurations that must be refused, each with its errno, a
sentence, and the attribute that is to blame; nothing may be left behind.
"""

import errno

import pytest

from lib import nl, topo
from lib import nldefs as d
from lib.linkattr import (DEV, NUMBER, change, create, data, offset_of,
                          resolve, sockets)
from lib.nl import mac, u8, u16, u32
from lib.underlay import V4, V6
from lib.wait import eventually

GROUP, GROUP6 = V4.group, V6.group
GONE = 99999

#: Attributes, errno, part of the sentence, the attribute to blame.
CREATE = [
    # numbers out of range
    (data(ID=1 << 24), "ERANGE", "lower than 16777216", "ID"),
    (data(ID=0xffffffff), "ERANGE", "lower than 16777216", "ID"),
    (data(DF=3), "EINVAL", "DF must be", "DF"),
    (data(DF=255), "EINVAL", "DF must be", "DF"),
    (data(LOCALBYPASS=2), "ERANGE", "must be 0 or 1", "LOCALBYPASS"),
    (data(MC_ROUTE=2), "ERANGE", "must be 0 or 1", "MC_ROUTE"),
    (data(LABEL_POLICY=2), "ERANGE", "policy must be", "LABEL_POLICY"),
    (data(PORT_RANGE=(2000, 1000)), "EINVAL", "lower than", "PORT_RANGE"),
    (data(PORT_RANGE=(1, 0)), "EINVAL", "lower than", "PORT_RANGE"),
    # more than one opinion
    (data(GROUP="10.0.0.9", GROUP6="fd00::9"), "EINVAL", "one remote",
     "GROUP6"),
    (data(LOCAL="10.0.0.9", LOCAL6="fd00::9"), "EINVAL", "one local address",
     "LOCAL6"),
    (data(GROUP="10.0.0.9", LOCAL6="fd00::9"), "EINVAL", "same family",
     "LOCAL6"),
    (data(GROUP6="fd00::9", LOCAL="10.0.0.9"), "EINVAL", "same family",
     "LOCAL"),
    (data(GROUP6="::", LOCAL="0.0.0.0"), "EINVAL", "same family", "LOCAL"),
    (data(LABEL=1), "EINVAL", "IPv6", "LABEL"),
    (data(LABEL=0xfffff, GROUP="10.0.0.9"), "EINVAL", "IPv6", "LABEL"),
    # kinds of addresses
    (data(LOCAL=GROUP), "EINVAL", "cannot be multicast", "LOCAL"),
    (data(LOCAL6=GROUP6), "EINVAL", "cannot be multicast", "LOCAL6"),
    (data(LOCAL6="ff02::1", LINK="eth0"), "EINVAL", "cannot be multicast",
     "LOCAL6"),
    (data(GROUP6="fd00::9", LOCAL6="fe80::1", LINK="eth0"), "EINVAL",
     "scopes", "GROUP6"),
    (data(GROUP6="ff0e::9", LOCAL6="fe80::1", LINK="eth0"), "EINVAL",
     "scopes", "GROUP6"),
    (data(GROUP6="fe80::2", LOCAL6="fd00::1", LINK="eth0"), "EINVAL",
     "scopes", "GROUP6"),
    (data(GROUP6="fe80::2", LINK="eth0"), "EINVAL", "scopes", "GROUP6"),
    # the lower device
    (data(GROUP=GROUP), "EINVAL", "interface required", "GROUP"),
    (data(GROUP=GROUP, LINK=0), "EINVAL", "interface required", "GROUP"),
    (data(GROUP6=GROUP6), "EINVAL", "interface required", "GROUP6"),
    (data(GROUP6="ff02::9"), "EINVAL", "interface required", "GROUP6"),
    (data(LOCAL6="fe80::1"), "EINVAL", "interface required", "LOCAL6"),
    (data(LOCAL6="fe80::1", GROUP6="fe80::2"), "EINVAL",
     "interface required", "LOCAL6"),
    (data(LINK=GONE), "ENODEV", "not found", "LINK"),
    (data(LINK=0xffffffff), "ENODEV", "not found", "LINK"),
    (data(GROUP6="fd00::9", LINK="nov6"), "EPERM", "IPv6 is disabled",
     "LINK"),
    (data(LABEL_POLICY=1), "EINVAL", "needs an IPv6", "LABEL_POLICY"),
    # VNI filter
    (data(VNIFILTER=1), "EINVAL", "external devices only", "VNIFILTER"),
    (data(VNIFILTER=1, COLLECT_METADATA=0), "EINVAL",
     "external devices only", "VNIFILTER"),
    # reserved bits
    (data(RESERVED_BITS=bytes.fromhex("ffffffff000000ff")), "EINVAL",
     "overlap", "RESERVED_BITS"),
    (data(RESERVED_BITS=bytes.fromhex("f7ffffff000001ff")), "EINVAL",
     "overlap", "RESERVED_BITS"),
]

#: What the driver cannot do yet: refused, never swallowed.
LATER = [
    [(50, b"")],
    [(50, data(ID=1))],
]
CREATE += [(attrs, "EOPNOTSUPP", "not supported yet", attrs[0][0])
           for attrs in LATER]

#: What nobody knows, 51 and up being hidden from drivers by the core.
CREATE += [([(number, u8(0))], "EOPNOTSUPP", "Unknown", number)
           for number in (35, 42, 49, 51, 1000)]

LENGTHS = {
    "ID": 4, "GROUP": 4, "LINK": 4, "LOCAL": 4, "TTL": 1, "TOS": 1,
    "LEARNING": 1, "AGEING": 4, "LIMIT": 4, "PORT_RANGE": 4, "PROXY": 1,
    "RSC": 1, "L2MISS": 1, "L3MISS": 1, "PORT": 2, "GROUP6": 16,
    "LOCAL6": 16, "UDP_CSUM": 1, "UDP_ZERO_CSUM6_TX": 1,
    "UDP_ZERO_CSUM6_RX": 1, "REMCSUM_TX": 1, "REMCSUM_RX": 1, "GBP": 0,
    "REMCSUM_NOPARTIAL": 0, "COLLECT_METADATA": 1, "LABEL": 4, "GPE": 0,
    "TTL_INHERIT": 0, "DF": 1, "VNIFILTER": 1, "LOCALBYPASS": 1,
    "LABEL_POLICY": 4, "RESERVED_BITS": 8, "MC_ROUTE": 1}
#: Attributes of any link; the kernel's core refuses some of them itself.
EXTRA = [
    ((d.IFLA_ADDRESS, bytes(4)), "EINVAL", "not an Ethernet address"),
    ((d.IFLA_ADDRESS, bytes(8)), "EINVAL", "not an Ethernet address"),
    ((d.IFLA_ADDRESS, b""), "EINVAL", "not an Ethernet address"),
    ((d.IFLA_ADDRESS, bytes(6)), "EADDRNOTAVAIL", "not unicast"),
    ((d.IFLA_ADDRESS, mac("01:00:5e:00:00:01")), "EADDRNOTAVAIL",
     "not unicast"),
    ((d.IFLA_ADDRESS, b"\xff" * 6), "EADDRNOTAVAIL", "not unicast"),
    ((d.IFLA_MTU, u32(0)), "EINVAL", "between 68 and 65535"),
    ((d.IFLA_MTU, u32(67)), "EINVAL", "between 68 and 65535"),
    ((d.IFLA_MTU, u32(65536)), "EINVAL", "between 68 and 65535"),
    ((d.IFLA_MTU, u32(0xffffffff)), "EINVAL", "between 68 and 65535"),
]

#: Devices that are changed below.
MULTICAST = data(ID=100, GROUP=GROUP, LOCAL="10.0.0.1", LINK="eth0",
                 PORT=4789, PORT_RANGE=(1000, 2000), LIMIT=7)
PLAIN = data(ID=100, PORT=4789)
IPV6 = data(ID=100, GROUP6=GROUP6, LOCAL6="fd00::1", LINK="eth0", PORT=4789,
            LABEL=5)
LINK_LOCAL = data(ID=100, GROUP6="fe80::2", LOCAL6="fe80::1", LINK="eth0",
                  PORT=4789)

#: The device, the change, errno, part of the sentence, what is to blame.
CHANGE = [
    # fixed at creation
    (MULTICAST, data(ID=101), "EOPNOTSUPP", "Cannot change VNI", "ID"),
    (MULTICAST, data(ID=1 << 24), "ERANGE", "lower than", "ID"),
    (MULTICAST, data(PORT=4790), "EOPNOTSUPP", "Cannot change UDP port",
     "PORT"),
    (MULTICAST, data(PORT_RANGE=(1000, 2001)), "EOPNOTSUPP",
     "Cannot change source port range", "PORT_RANGE"),
    (MULTICAST, data(PORT_RANGE=(0, 0)), "EOPNOTSUPP",
     "Cannot change source port range", "PORT_RANGE"),
    (MULTICAST, data(LIMIT=8), "EOPNOTSUPP", "Cannot change FDB limit",
     "LIMIT"),
    (MULTICAST, data(LIMIT=0), "EOPNOTSUPP", "Cannot change FDB limit",
     "LIMIT"),
    (MULTICAST, data(TTL_INHERIT=True), "EOPNOTSUPP",
     "Cannot change TTL inherit", "TTL_INHERIT"),
    (MULTICAST, data(UDP_ZERO_CSUM6_TX=1), "EOPNOTSUPP", "Cannot change",
     "UDP_ZERO_CSUM6_TX"),
    (MULTICAST, data(UDP_ZERO_CSUM6_RX=1), "EOPNOTSUPP", "Cannot change",
     "UDP_ZERO_CSUM6_RX"),
    ([*PLAIN, *data(UDP_CSUM=1)], data(UDP_CSUM=0), "EOPNOTSUPP",
     "Cannot change UDP checksum", "UDP_CSUM"),
    ([*PLAIN, *data(UDP_CSUM=0)], data(UDP_CSUM=1), "EOPNOTSUPP",
     "Cannot change UDP checksum", "UDP_CSUM"),
    # the family too
    (MULTICAST, data(GROUP6="fd00::9"), "EOPNOTSUPP", "address family",
     "GROUP6"),
    (MULTICAST, data(LOCAL6="fd00::9"), "EOPNOTSUPP", "address family",
     "LOCAL6"),
    (PLAIN, data(GROUP6="fd00::9"), "EOPNOTSUPP", "address family",
     "GROUP6"),
    (PLAIN, data(LOCAL6="fd00::9"), "EOPNOTSUPP", "address family",
     "LOCAL6"),
    (IPV6, data(GROUP="10.0.0.9"), "EOPNOTSUPP", "address family", "GROUP"),
    (IPV6, data(LOCAL="10.0.0.9"), "EOPNOTSUPP", "address family", "LOCAL"),
    # what no device may be
    (MULTICAST, data(LOCAL=GROUP), "EINVAL", "cannot be multicast", "LOCAL"),
    (MULTICAST, data(LINK=0), "EINVAL", "interface required", "LINK"),
    (MULTICAST, data(LINK=GONE), "ENODEV", "not found", "LINK"),
    (MULTICAST, data(LABEL=1), "EINVAL", "IPv6", "LABEL"),
    (MULTICAST, data(DF=3), "EINVAL", "DF must be", "DF"),
    (MULTICAST, data(TTL=u16(3)), "ERANGE", "wrong length", "TTL"),
    (MULTICAST, data(REMCSUM_TX=1), "EOPNOTSUPP",
     "Cannot change remote checksum TX", "REMCSUM_TX"),
    (MULTICAST, data(REMCSUM_RX=1), "EOPNOTSUPP",
     "Cannot change remote checksum RX", "REMCSUM_RX"),
    (MULTICAST, data(REMCSUM_NOPARTIAL=True), "EOPNOTSUPP",
     "Cannot change remote checksum", "REMCSUM_NOPARTIAL"),
    (MULTICAST, [(50, b"")], "EOPNOTSUPP", "not supported yet", 50),
    (MULTICAST, [(35, b"")], "EOPNOTSUPP", "Unknown", 35),
    (PLAIN, data(GROUP=GROUP), "EINVAL", "interface required", "GROUP"),
    (IPV6, data(LINK=0), "EINVAL", "interface required", "LINK"),
    (IPV6, data(LINK="nov6"), "EPERM", "IPv6 is disabled", "LINK"),
    (IPV6, data(LOCAL6="fe80::1"), "EINVAL", "scopes", "LOCAL6"),
    (IPV6, data(GROUP6="fe80::2"), "EINVAL", "scopes", "GROUP6"),
    (LINK_LOCAL, data(LINK=0), "EINVAL", "interface required", "LINK"),
    (LINK_LOCAL, data(GROUP6="fd00::9"), "EINVAL", "scopes", "GROUP6"),
    (LINK_LOCAL, data(LOCAL6="fd00::9"), "EINVAL", "scopes", "LOCAL6"),
    (MULTICAST, data(LINK=DEV), "EBUSY", "this device", "LINK"),
    (MULTICAST, data(LINK="above"), "EBUSY", "depends on it", "LINK"),
]


def named(case):
    """Test id: the attribute to blame, the error."""
    return f"{case[-1]}-{case[-3]}"


@pytest.fixture(scope="module", name="ns")
def _ns():
    """A host with two interfaces, on one of which IPv6 is disabled."""
    with topo.Fabric(hosts=1) as fabric:
        ns = fabric.host[1].ns
        ns.ip("link add nov6 type veth peer name peer6",
              "link set nov6 up", "link set peer6 up")
        ns.sysctl("ipv6/conf/nov6/disable_ipv6", 1)
        yield ns


@pytest.fixture(autouse=True)
def _nothing_left(ns):
    """After each test: no device of the kind, no socket."""
    yield
    left = [link["name"] for link in ns.rtnl.links()
            if link["kind"] == topo.kind()]
    for name in left:
        ns.rtnl.dellink(name)
    assert not sockets(ns)


def refused(request, name, sentence, offset):
    """Fail unless the request is refused just so."""
    with pytest.raises(nl.NlError) as caught:
        request()
    assert caught.value.errno == getattr(errno, name), str(caught.value)
    assert sentence in caught.value.msg
    assert caught.value.offset == offset, str(caught.value)


def devices(ns):
    return sorted(link["name"] for link in ns.rtnl.links())


def state(ns, name=DEV):
    """All that must survive a refused change."""
    link = ns.rtnl.link(name)
    fdb = [{key: entry[key] for key in ("mac", "dst", "state", "via", "vni",
                                        "port", "flags")}
           for entry in ns.rtnl.fdb(name)]
    return {"info": link["attrs"][d.IFLA_LINKINFO], "mtu": link["mtu"],
            "mac": link["mac"], "flags": link["flags"], "fdb": fdb,
            "below": link["link"], "groups4": V4.members(ns),
            "groups6": V6.members(ns), "sockets": sockets(ns)}


@pytest.mark.parametrize("case", CREATE, ids=named)
def test_flow12_create_refused(ns, case):
    """A configuration that must not become a device."""
    attrs, name, sentence, blame = case
    if blame != "ID":
        attrs = [*data(ID=5), *attrs]
    attrs = resolve(ns, attrs)
    before = devices(ns)
    refused(lambda: create(ns, attrs), name, sentence,
            offset_of(blame, attrs))
    assert devices(ns) == before


@pytest.mark.parametrize("name", LENGTHS)
def test_flow12_wrong_length(ns, name):
    """An attribute that is too short or too long."""
    before = devices(ns)
    right = LENGTHS[name]
    strict = NUMBER[name] >= NUMBER["LOCALBYPASS"]
    for length in {0, right - 1, right + 1, 2 * right, 40} - {right, -1}:
        attrs = [(NUMBER[name], bytes(length))]
        refused(lambda attrs=attrs: create(ns, attrs),
                "EINVAL" if strict else "ERANGE", "wrong length",
                offset_of(name, attrs))
    assert devices(ns) == before


@pytest.mark.parametrize("case", EXTRA, ids=lambda case: case[1])
def test_flow12_link_attributes(ns, case):
    """A hardware address or MTU that no VXLAN device can have."""
    extra, name, sentence = case
    before = devices(ns)
    with pytest.raises(nl.NlError) as caught:
        create(ns, data(ID=5), [extra])
    assert caught.value.errno == getattr(errno, name)
    if caught.value.msg:                # not refused by the core before us
        assert sentence in caught.value.msg
        assert caught.value.offset == offset_of(("link", extra[0]),
                                                data(ID=5), [extra])
    assert devices(ns) == before


def test_flow12_no_attributes(ns):
    """Neither made nor changed without IFLA_INFO_DATA."""
    refused(lambda: create(ns, None), "EINVAL", "Required attributes", None)
    create(ns, PLAIN)
    refused(lambda: change(ns, None), "EINVAL", "Required attributes", None)


@pytest.mark.parametrize("first,second,blame", [
    (data(ID=5), data(ID=5), "ID"),
    (data(ID=5, PORT=4790), data(ID=5, PORT=4790), "ID"),
    (data(PORT=4789), data(), None),
    (data(ID=5), data(ID=5, GROUP="10.0.0.9"), "ID"),
    (data(ID=5, LOCAL="10.0.0.1"), data(ID=5, LOCAL="10.0.0.2"), "ID"),
    (data(ID=5), data(ID=5, LINK="eth0", GROUP=GROUP), "ID"),
    (data(ID=5, LOCAL6="fd00::1"), data(ID=5, GROUP6="fd00::9"), "ID"),
    (data(ID=5, LOCAL6="fe80::1", LINK="eth0"),
     data(ID=5, LOCAL6="fe80::2", LINK="eth0"), "ID"),
    (data(ID=5, LOCAL6="fe80::1", LINK="eth0"),
     data(ID=5, LOCAL6="fd00::1", LINK="eth0"), "ID"),
])
def test_flow12_same_vni(ns, first, second, blame):
    """Two devices that want the same packets."""
    create(ns, first)
    before = state(ns)
    name = "vx1"
    offset = offset_of(blame, resolve(ns, second), name=name) \
        if blame else None
    refused(lambda: create(ns, second, name=name), "EEXIST",
            "already exists", offset)
    assert state(ns) == before
    assert name not in devices(ns)


@pytest.mark.parametrize("case", CHANGE, ids=named)
def test_flow12_change_refused(ns, case):
    """A change that must leave everything as it was, with the good
    attributes of the same request before and after the bad one."""
    base, bad, name, sentence, blame = case
    create(ns, base, up=True)
    if "above" in dict(bad).values():
        ns.ip(f"link add link {DEV} name above type vlan id 7")
    attrs = resolve(ns, [*data(TTL=77, LEARNING=0), *bad,
                         *data(AGEING=5, TOS=8)])
    before = state(ns)
    assert len(before["sockets"]) == 1
    refused(lambda: change(ns, attrs), name, sentence,
            offset_of(blame, attrs))
    assert state(ns) == before
    change(ns, data(TTL=77))            # and it still listens


def test_flow12_change_mtu_refused(ns):
    """IFLA_MTU together with VXLAN attributes: only the present one."""
    create(ns, MULTICAST)
    before = state(ns)
    extra = [(d.IFLA_MTU, u32(before["mtu"] - 1))]
    refused(lambda: change(ns, data(TTL=5), extra), "EOPNOTSUPP",
            "Cannot change mtu",
            offset_of(("link", d.IFLA_MTU), [], extra))
    assert state(ns) == before
    change(ns, data(TTL=5), [(d.IFLA_MTU, u32(before["mtu"]))])


def test_flow12_second_socket(ns):
    """Devices whose sockets cannot be one: refused when it goes up."""
    create(ns, data(ID=5, GROUP6="fd00::9"), up=True)
    create(ns, data(ID=6, GROUP6="fd00::9", UDP_ZERO_CSUM6_RX=1), name="vx1")
    before = state(ns, "vx1")
    with pytest.raises(nl.NlError) as caught:
        ns.rtnl.setlink("vx1", up=True)
    assert caught.value.errno == errno.EADDRINUSE
    assert state(ns, "vx1") == before


def test_flow12_no_permission(ns):
    """Root of another user namespace must not change the underlay's side
    of a device that was given to it."""
    create(ns, data(ID=5, PORT=4789))
    child = ns.popen("unshare --user --map-root-user --net sleep 600")
    pid = child.pid
    eventually(lambda: _is_sleeping(pid), what="unshare")
    ns.rtnl.setlink(DEV, extra=[(d.IFLA_NET_NS_PID, u32(pid))])
    inside = f"nsenter --preserve-credentials -U -n -t {pid} "

    answer = ns.run(inside + f"ip link set {DEV} type {topo.kind()} ttl 5",
                    check=False)
    assert answer.returncode
    assert "No permission" in answer.stderr, answer
    assert " ttl 5" not in ns.run(inside + f"ip -d link show {DEV}")
    ns.run(inside + f"ip link set {DEV} mtu 1400")      # its own side

    ns.run(inside + f"ip link del {DEV}")
    child.kill()
    child.wait()


def _is_sleeping(pid):
    """The child is through with its new namespaces."""
    with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
        return comm.read().strip() == "sleep"
