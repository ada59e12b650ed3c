# SPDX-License-Identifier: GPL-2.0
"""Link attributes that are accepted: what is set is what is dumped, with the
number, width and byte order of the kernel's interface.
"""

import json
import os
import struct
import subprocess

import pytest

from lib import nl, topo
from lib import nldefs as d
from lib.klog import KernelLog
from lib.linkattr import (DEV, change, create, data, names, resolve, sockets,
                          value)
from lib.nl import mac, u32
from lib.underlay import V4, V6

U32 = (0, 1, 0x7fffffff, 0xffffffff)
RESERVED = bytes.fromhex("f7ffffff000000ff")

#: What a device dumps that was told nothing but a VNI and a port.
DEFAULTS = {
    "ID": b"\x05\0\0\0", "TTL": b"\0", "TTL_INHERIT": b"\0", "TOS": b"\0",
    "DF": b"\0", "LABEL": bytes(4), "LABEL_POLICY": bytes(4),
    "LEARNING": b"\1", "PROXY": b"\0", "RSC": b"\0", "L2MISS": b"\0",
    "L3MISS": b"\0", "COLLECT_METADATA": b"\0",
    "AGEING": (300).to_bytes(4, "little"), "LIMIT": bytes(4),
    "PORT": b"\x12\xb5", "PORT_RANGE": bytes(4),
    "UDP_ZERO_CSUM6_TX": b"\0", "UDP_ZERO_CSUM6_RX": b"\0",
    "REMCSUM_TX": b"\0", "REMCSUM_RX": b"\0", "LOCALBYPASS": b"\1",
    "RESERVED_BITS": RESERVED, "MC_ROUTE": b"\0", "UDP_CSUM": b"\0"}

V4_BASE = data(ID=5, PORT=4789)
V6_BASE = data(ID=5, PORT=4789, LOCAL6="fd00::1")

#: Device, attribute, values that are dumped as they were given.
CHANGEABLE = [
    (V4_BASE, "TTL", (0, 1, 64, 255)),
    (V4_BASE, "TOS", (0, 1, 0x10, 255)),
    (V4_BASE, "DF", (0, 1, 2)),
    (V4_BASE, "LEARNING", (0, 1)),
    (V4_BASE, "AGEING", (1, 300, 0x7fffffff, 0xffffffff)),
    (V4_BASE, "GROUP", ("10.0.0.9", "10.0.0.1", "255.255.255.254")),
    (V4_BASE, "LOCAL", ("10.0.0.1", "127.0.0.1", "192.0.2.1")),
    (V4_BASE, "LINK", ("eth0", "eth1")),
    (V4_BASE, "LOCALBYPASS", (0, 1)),
    (V6_BASE, "LABEL_POLICY", (0, 1)),
    (V6_BASE, "GROUP6", ("fd00::9", "2001:db8::1", "::1")),
    (V6_BASE, "LOCAL6", ("fd00::1", "2001:db8::2")),
    (V6_BASE, "LABEL", (0, 1, 0x12345, 0xfffff)),
    ([*V4_BASE, *data(LINK="eth0")], "GROUP", (V4.group, "10.0.0.9",
                                               V4.other_group)),
    ([*V6_BASE, *data(LINK="eth0")], "GROUP6", (V6.group, "fd00::9",
                                                "ff02::7", V6.other_group)),
    (data(ID=5, PORT=4789, LINK="eth0", LOCAL6="fe80::1"), "LOCAL6",
     ("fe80::1", "fe80::ffff")),
    (data(ID=5, PORT=4789, LINK="eth0", LOCAL6="fe80::1"), "GROUP6",
     ("fe80::2", "ff02::8")),
]
FIXED = [
    (data(PORT=4789), "ID", (0, 1, 0x123456, 0xffffff)),
    (data(ID=5), "PORT", (1, 4789, 8472, 65535)),
    (V4_BASE, "LIMIT", U32),
    (V4_BASE, "PORT_RANGE", ((0, 0), (1, 65535), (5000, 5000), (1, 2),
                             (65535, 65535))),
    (V4_BASE, "UDP_CSUM", (0, 1)),
    (V4_BASE, "PROXY", (0, 1)),
    (V4_BASE, "COLLECT_METADATA", (0, 1)),
    (V4_BASE, "REMCSUM_TX", (0, 1)),
    (V4_BASE, "RSC", (0, 1)),
    (V4_BASE, "L2MISS", (0, 1)),
    (V4_BASE, "RESERVED_BITS", (RESERVED, bytes(8),
                                bytes.fromhex("f6ffffff000000ff"))),
    (V4_BASE, "L3MISS", (0, 1)),
    (V4_BASE, "UDP_ZERO_CSUM6_TX", (0, 1)),
    (V4_BASE, "UDP_ZERO_CSUM6_RX", (0, 1)),
    (V6_BASE, "UDP_ZERO_CSUM6_TX", (0, 1)),
    (V6_BASE, "UDP_ZERO_CSUM6_RX", (0, 1)),
]
#: Explicit defaults that programs send: accepted, for they are the truth.
OFF = [data(**{name: 0}) for name in (
    "COLLECT_METADATA", "VNIFILTER",
    "REMCSUM_TX", "REMCSUM_RX", "LABEL_POLICY", "MC_ROUTE", "LABEL")] + [
        data(RESERVED_BITS=RESERVED), data(LOCALBYPASS=1)]


def named(part):
    return part if isinstance(part, str) else ""


def attr_id(attrs):
    return "-".join(str(number) for number, _ in attrs)


@pytest.fixture(scope="module", name="ns")
def _ns():
    """A host with two interfaces of different MTU."""
    with topo.Fabric(hosts=1, mtu=1500) as fabric:
        ns = fabric.host[1].ns
        ns.ip("link add eth1 mtu 1300 type veth peer name peer1",
              "link set eth1 up", "link set peer1 up")
        yield ns


@pytest.fixture(autouse=True)
def _delete(ns):
    """Each test begins and ends without a device of the kind."""
    yield
    for link in ns.rtnl.links():
        if link["kind"] == topo.kind():
            ns.rtnl.dellink(link["name"])
    assert not sockets(ns)


def dumped(ns, attrs):
    """The attributes as a dump must show them."""
    by_number = dict(resolve(ns, attrs))
    return {name: by_number[number] for name, number in
            d.IFLA_VXLAN.items() if number in by_number}


def holds(ns, attrs, name=DEV):
    """The dump is exactly the defaults and, on top, these attributes."""
    assert names(ns, name) == {**DEFAULTS, **dumped(ns, attrs)}


def test_link_defaults(ns):
    """Everything a device dumps that was told only what it must be."""
    create(ns, data(ID=5, PORT=4789))
    holds(ns, V4_BASE)


def test_link_nothing_given(ns):
    """No attribute at all: VNI 0 and the default port, twice is a clash."""
    create(ns, [])
    defaults = names(ns)
    assert defaults == {**DEFAULTS, "ID": bytes(4)}
    change(ns, data(ID=0, PORT=0))
    with pytest.raises(nl.NlError):
        create(ns, data(ID=0, PORT=0), name="vx1")
    assert names(ns) == defaults


@pytest.mark.parametrize("base,name,values", CHANGEABLE + FIXED, ids=named)
def test_link_create(ns, base, name, values):
    """Each value at creation, and once more as a change."""
    for given in values:
        attrs = [*base, *data(**{name: given})]
        create(ns, attrs)
        holds(ns, attrs)
        change(ns, data(**{name: given}))
        holds(ns, attrs)
        ns.rtnl.dellink(DEV)


@pytest.mark.parametrize("base,name,values", CHANGEABLE, ids=named)
def test_link_change(ns, base, name, values):
    """From one value to the next and back; nothing else changes."""
    create(ns, base, up=True)
    for given in [*values, *reversed(values), values[0]]:
        attrs = data(**{name: given})
        change(ns, attrs)
        holds(ns, [*base, *attrs])


@pytest.mark.parametrize("attrs", OFF, ids=attr_id)
def test_link_off(ns, attrs):
    """The value that says "do not" what cannot be done."""
    create(ns, [*V4_BASE, *attrs])
    holds(ns, V4_BASE)
    change(ns, attrs)
    holds(ns, V4_BASE)


def test_link_ttl_inherit(ns):
    """A flag when set, a byte when dumped; with the TTL beside it."""
    create(ns, [*V4_BASE, *data(TTL_INHERIT=True, TTL=9)])
    expected = [*V4_BASE, *data(TTL_INHERIT=b"\1", TTL=9)]
    holds(ns, expected)
    change(ns, data(TTL_INHERIT=True))
    holds(ns, expected)


def test_link_any_is_absent(ns):
    """An address of zeros: not dumped, and takes a former one away."""
    create(ns, [*V4_BASE, *data(GROUP="0.0.0.0", LOCAL="0.0.0.0")])
    holds(ns, V4_BASE)
    change(ns, data(GROUP="10.0.0.9", LOCAL="10.0.0.1"))
    change(ns, data(GROUP="0.0.0.0", LOCAL="0.0.0.0"))
    holds(ns, V4_BASE)


def test_link_family_of_any(ns):
    """"::" makes an IPv6 device, and it stays one."""
    create(ns, [*V4_BASE, *data(LOCAL6="::")])
    holds(ns, V4_BASE)
    with pytest.raises(nl.NlError):
        change(ns, data(GROUP="10.0.0.9"))
    change(ns, data(GROUP6="fd00::9", LOCAL6="fd00::1", LABEL=7))
    change(ns, data(GROUP6="::", LOCAL6="::"))
    holds(ns, [*V4_BASE, *data(LABEL=7)])


def test_link_normalised(ns):
    """Values that stand for others."""
    create(ns, [*V6_BASE, *data(AGEING=0, LEARNING=2, UDP_CSUM=255,
                                LABEL=0xfff12345)])
    expected = [*V6_BASE, *data(AGEING=300, LEARNING=1, UDP_CSUM=1,
                                LABEL=0x12345)]
    holds(ns, expected)
    change(ns, data(AGEING=0, UDP_CSUM=7))
    holds(ns, expected)


@pytest.mark.parametrize("attrs", [
    V4_BASE, V6_BASE,
    data(ID=0xffffff, GROUP=V4.group, LINK="eth0", LOCAL="10.0.0.1", TTL=3,
         TOS=4, LEARNING=0, AGEING=60, LIMIT=100, PORT_RANGE=(4000, 5000),
         PORT=9999, UDP_CSUM=1, DF=2),
    data(ID=7, GROUP6=V6.group, LINK="eth0", LOCAL6="fd00::1", TTL=255,
         TOS=1, LABEL=0xabcde, UDP_ZERO_CSUM6_TX=1, UDP_ZERO_CSUM6_RX=1,
         PORT=4789),
], ids=["v4", "v6", "v4-all", "v6-all"])
def test_link_replay(ns, attrs):
    """A program reads the dump and sends it: no error and no change; a
    second device made of it, with another VNI, dumps the same."""
    create(ns, attrs, up=True)
    before = ns.rtnl.link(DEV)["attrs"][d.IFLA_LINKINFO]
    again = [(number, raw) for number, raw in ns.rtnl.info_data(DEV).items()
             if number != d.IFLA_VXLAN["TTL_INHERIT"]]
    change(ns, again)
    assert ns.rtnl.link(DEV)["attrs"][d.IFLA_LINKINFO] == before

    other = [(d.IFLA_VXLAN["ID"], u32(99)), *again[1:]]
    assert again[0][0] == d.IFLA_VXLAN["ID"]
    create(ns, other, name="vx1")
    assert {**names(ns, "vx1"), "ID": names(ns)["ID"]} == names(ns)


def test_link_iproute2(ns, kind):
    """What `ip` sets is what `ip` shows, both families."""
    ns.ip(f"link add vx4 type {kind} id 5 group {V4.group} dev eth0 "
          "local 10.0.0.1 dstport 4789 srcport 5000 6000 ttl 5 tos 4 df set "
          "ageing 77 maxaddress 9 udpcsum nolearning",
          f"link add vx6 type {kind} id 6 remote fd00::9 local fd00::1 "
          "dstport 4790 flowlabel 0x12345 ttl inherit tos inherit "
          "noudpcsum udp6zerocsumtx udp6zerocsumrx")
    shown = {link["ifname"]: link["linkinfo"]["info_data"]
             for link in json.loads(ns.ip("-d -j link show"))
             if link.get("linkinfo", {}).get("info_kind") == kind}
    expected = {
        "vx4": {"id": 5, "group": V4.group, "link": "eth0",
                "local": "10.0.0.1", "port": 4789, "ttl": 5, "tos": "0x4",
                "port_range": {"low": 5000, "high": 6000}, "df": "set",
                "ageing": 77, "limit": 9, "udp_csum": True,
                "learning": False},
        "vx6": {"id": 6, "remote6": "fd00::9", "local6": "fd00::1",
                "port": 4790, "label": "0x12345", "tos": "0x1",
                "ageing": 300, "learning": True, "udp_csum": False,
                "udp_zero_csum6_tx": True, "udp_zero_csum6_rx": True}}
    for name, wanted in expected.items():
        assert wanted.items() <= shown[name].items(), shown[name]

    ns.ip(f"link set vx4 type {kind} remote 10.0.0.9 ttl 6 tos 8 df inherit "
          "ageing 78 learning local 10.0.0.2 dev eth1",
          f"link set vx6 type {kind} remote fd00::8 flowlabel 1")
    assert names(ns, "vx4").items() >= dumped(ns, data(
        GROUP="10.0.0.9", TTL=6, TOS=8, DF=2, AGEING=78, LEARNING=1,
        LOCAL="10.0.0.2", LINK="eth1")).items()
    assert names(ns, "vx6").items() >= dumped(ns, data(
        GROUP6="fd00::8", LABEL=1)).items()


@pytest.mark.parametrize("attrs,given,mtu", [
    (V4_BASE, None, 1500), (V6_BASE, None, 1500),
    (V4_BASE, 68, 68), (V4_BASE, 9000, 9000), (V4_BASE, 65535, 65535),
    ([*V4_BASE, *data(LINK="eth0")], None, 1450),
    ([*V6_BASE, *data(LINK="eth0")], None, 1430),
    ([*V4_BASE, *data(LINK="eth0")], 1400, 1400),
    ([*V4_BASE, *data(LINK="eth0")], 68, 68),
    ([*V4_BASE, *data(LINK="eth0")], 9000, 1450),
    ([*V6_BASE, *data(LINK="eth0")], 9000, 1430),
    ([*V6_BASE, *data(LINK="eth1")], None, 1230),
])
def test_link_mtu_at_creation(ns, attrs, given, mtu):
    """50 or 70 bytes below the lower device; 1500 and no limit without."""
    create(ns, attrs, [(d.IFLA_MTU, u32(given))] if given else [])
    assert ns.rtnl.link(DEV)["mtu"] == mtu


@pytest.mark.parametrize("attrs,good,bad", [
    (V4_BASE, (68, 1500, 65535), (67, 65536)),
    ([*V4_BASE, *data(LINK="eth0")], (68, 1450), (67, 1451, 65535)),
    ([*V6_BASE, *data(LINK="eth0")], (68, 1430), (67, 1431, 65535)),
])
def test_link_mtu_changed(ns, attrs, good, bad):
    """Up to the lower device's less the overhead, no further."""
    create(ns, attrs)
    for mtu in good:
        ns.rtnl.setlink(DEV, extra=[(d.IFLA_MTU, u32(mtu))])
        assert ns.rtnl.link(DEV)["mtu"] == mtu
    for mtu in bad:
        with pytest.raises(nl.NlError):
            ns.rtnl.setlink(DEV, extra=[(d.IFLA_MTU, u32(mtu))])
        assert ns.rtnl.link(DEV)["mtu"] == good[-1]


def test_link_mtu_kept(ns):
    """A change of something else does not touch it, whatever has become of the
    lower device; with another lower device it fits that one.
    """
    create(ns, [*V4_BASE, *data(LINK="eth0")])
    before = ns.rtnl.link(DEV)["mtu"]
    lower, other = (ns.rtnl.link(name)["mtu"] for name in ("eth0", "eth1"))
    ns.ip("link set eth0 mtu 1000")
    for attrs in (data(TTL=4), data(LINK="eth0")):
        change(ns, resolve(ns, attrs))
        assert ns.rtnl.link(DEV)["mtu"] == before
    ns.ip(f"link set eth0 mtu {lower}", "link set eth1 mtu 900")
    change(ns, resolve(ns, data(LINK="eth1")))
    assert ns.rtnl.link(DEV)["mtu"] == 850
    ns.ip(f"link set eth1 mtu {other}")


def test_link_mtu_follows_smaller_lower(ns):
    """A change to a lower device with less room; not back by itself."""
    create(ns, [*V4_BASE, *data(LINK="eth0")])
    change(ns, data(LINK="eth1"))
    assert ns.rtnl.link(DEV)["mtu"] == 1250
    change(ns, data(LINK="eth0"))
    assert ns.rtnl.link(DEV)["mtu"] == 1250
    ns.rtnl.setlink(DEV, extra=[(d.IFLA_MTU, u32(1450))])


def test_link_address(ns):
    """The hardware address that was given, or a random local one."""
    create(ns, V4_BASE, [(d.IFLA_ADDRESS, mac("02:00:00:00:be:ef"))])
    assert ns.rtnl.link(DEV)["mac"] == "02:00:00:00:be:ef"
    create(ns, data(ID=6), name="vx1")
    assert int(ns.rtnl.link("vx1")["mac"][:2], 16) & 3 == 2


@pytest.mark.parametrize("first,second", [
    (data(ID=5), data(ID=6)),
    (data(ID=5, PORT=4789), data(ID=5, PORT=4790)),
    (data(ID=5), data(ID=5, LOCAL6="fd00::1")),
    (data(ID=5, GROUP6="fd00::9"), data(ID=5, GROUP6="fd00::9",
                                        UDP_ZERO_CSUM6_RX=1)),
    (data(ID=5, LOCAL6="fe80::1", LINK="eth0"),
     data(ID=5, LOCAL6="fe80::1", LINK="eth1")),
    (data(ID=0), data(ID=0xffffff)),
], ids=["vni", "port", "family", "receive-flags", "link-local", "extremes"])
def test_link_no_clash(ns, first, second):
    """Devices that differ in what tells packets apart live side by side."""
    create(ns, first)
    create(ns, second, name="vx1")
    assert {DEV, "vx1"} <= {link["name"] for link in ns.rtnl.links()}


def test_link_same_vni_in_two_namespaces(ns, namespaces):
    """Uniqueness is a matter of one namespace."""
    other = namespaces("other")
    create(ns, V4_BASE, up=True)
    create(other, V4_BASE, up=True)
    assert names(ns) == names(other)


def test_link_moved_away(ns, namespaces):
    """A device in another namespace keeps its underlay: the lower device
    is looked up there, and so is the clash of VNIs."""
    other = namespaces("other")
    create(ns, [*V4_BASE, *data(LINK="eth0")])
    with open(other.path, "rb") as path:
        ns.rtnl.setlink(DEV, extra=[(d.IFLA_NET_NS_FD, u32(path.fileno()))])
    link = other.rtnl.link(DEV)
    assert d.IFLA_LINK_NETNSID in link["attrs"]

    eth1 = ns.rtnl.index("eth1")
    change(other, data(LINK=eth1, TTL=9))
    assert names(other) == {**DEFAULTS, "TTL": b"\x09", "LINK": u32(eth1)}
    with pytest.raises(nl.NlError):
        create(ns, V4_BASE)
    create(other, V4_BASE, name="vx1")
    assert names(other, "vx1")["PORT"] == value("PORT", 4789)


def test_link_many(namespaces):
    """150 devices in a row: each has its VNI, none is lost or doubled."""
    count = 150
    ns = namespaces("many")
    for number in range(count):
        create(ns, data(ID=number, PORT=4789), name=f"m{number}")
    found = {link["name"]: struct.unpack("=I", link["data"][1])[0]
             for link in ns.rtnl.links() if link["kind"] == topo.kind()}
    assert found == {f"m{number}": number for number in range(count)}


@pytest.fixture(name="sites_with_other_peers")
def _sites_with_other_peers():
    """The variant, loaded with the defaults of the kernel's own driver."""
    module = os.environ.get("VXLAN_VTEP_KO")
    if not module:
        pytest.skip("no VXLAN_VTEP_KO: a module to load with parameters")
    if os.path.exists("/sys/module/vtep"):
        pytest.skip("vtep is loaded already, with parameters of its own")
    subprocess.run(["insmod", module, "udp_port=8472", "udp_csum=1"],
                   check=True)
    yield
    subprocess.run(["rmmod", "vtep"], check=True)


def test_link_module_parameters(ns, sites_with_other_peers):
    """udp_port and udp_csum are what a device gets that was told nothing;
    the first that takes the default port says so in the log, once."""
    log = KernelLog()
    ns.rtnl.newlink("p0", "vtep", data(ID=5, PORT=4789))
    assert not [line for line in log.new_lines() if "UDP port" in line]
    for number in (6, 7):
        ns.rtnl.newlink(f"p{number}", "vtep", data(ID=number))
    found = {name: names(ns, name) for name in ("p0", "p6", "p7")}
    for name in found:
        ns.rtnl.dellink(name)

    assert found["p0"] == {**DEFAULTS, "UDP_CSUM": b"\1"}
    assert found["p6"] == {**DEFAULTS, "ID": u32(6), "UDP_CSUM": b"\1",
                           "PORT": value("PORT", 8472)}
    said = [line for line in log.new_lines() if "UDP port" in line]
    assert len(said) == 1 and "8472" in said[0], said
