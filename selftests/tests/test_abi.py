# SPDX-License-Identifier: GPL-2.0
"""Drivers of network cards take any device of kind "vxlan" for the kernel's own
and read its private part (struct vxlan_dev). modules/vtep_abi_test does the
same (its file: VXLAN_ABI_KO), built against the kernel's header: everything a
device was told is there, and follows each change; a change that is refused
leaves it alone.
"""

import os

import pytest

from lib import abi, links, modules, nl
from lib import nldefs as d
from lib.linkattr import DEV, change, create, data
from lib.nl import u32
from lib.topo import kind

pytestmark = pytest.mark.skipif(
    kind() != "vxlan", reason="it is found by the name of its kind")

RELEASE = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))
#: Flags of a device that was told its number and port only.
USUAL = {"LEARN", "UDP_ZERO_CSUM_TX"} | ({"LOCALBYPASS"} if RELEASE >= (6, 5)
                                         else set())
V6 = {"LOCAL6": "fd00::1"}
LOWER = {"LINK": "eth0"}
#: {what a device is told: the fields that are not as usual}
TOLD = [
    ({"ID": 0xffffff}, {"vni": "16777215", "default_vni": "16777215"}),
    ({"PORT": 99}, {"dst_port": "99"}),
    ({"GROUP": "10.0.0.9"}, {"remote_ip": "10.0.0.9",
                             "default_ip": "10.0.0.9"}),
    ({"GROUP6": "fd00::9"}, {"remote_ip": "fd00::9", "saddr": "::",
                             "default_ip": "fd00::9", "+": {"IPV6"}}),
    ({"LOCAL": "10.0.0.1"}, {"saddr": "10.0.0.1"}),
    (V6, {"saddr": "fd00::1", "remote_ip": "::", "default_ip": "::",
          "+": {"IPV6"}}),
    ({"GROUP6": "fe80::9", "LOCAL6": "fe80::1", **LOWER}, {
        "remote_ip": "fe80::9", "default_ip": "fe80::9", "saddr": "fe80::1",
        "lower": "eth0", "+": {"IPV6", "IPV6_LINKLOCAL"}}),
    (LOWER, {"lower": "eth0"}),
    ({"PORT_RANGE": (1000, 2000)}, {"port_min": "1000", "port_max": "2000"}),
    ({"TOS": 0xb8}, {"tos": "184"}),
    ({"TTL": 7}, {"ttl": "7"}),
    ({"TTL_INHERIT": True}, {"+": {"TTL_INHERIT"}}),
    ({**V6, "LABEL": 0x12345}, {
        "label": str(0x12345), "saddr": "fd00::1", "remote_ip": "::",
        "default_ip": "::", "+": {"IPV6"}}),
    ({"AGEING": 77}, {"age_interval": "77"}),
    ({"LIMIT": 7}, {"addrmax": "7"}),
    ({"DF": 2}, {"df": "2"}),
    ({"LEARNING": 0}, {"-": {"LEARN"}}),
    ({"PROXY": 1}, {"+": {"PROXY"}}), ({"RSC": 1}, {"+": {"RSC"}}),
    ({"L2MISS": 1}, {"+": {"L2MISS"}}), ({"L3MISS": 1}, {"+": {"L3MISS"}}),
    ({"UDP_CSUM": 1}, {"-": {"UDP_ZERO_CSUM_TX"}}),
    ({"UDP_ZERO_CSUM6_TX": 1}, {"+": {"UDP_ZERO_CSUM6_TX"}}),
    ({"UDP_ZERO_CSUM6_RX": 1}, {"+": {"UDP_ZERO_CSUM6_RX"}}),
    ({"GBP": True}, {"+": {"GBP"}}),
    ({"ID": 0, "COLLECT_METADATA": 1}, {
        "vni": "0", "default_vni": "0", "+": {"COLLECT_METADATA"}}),
]
#: What older kernels cannot say.
NEWER = [
    ((6, 5), {"LOCALBYPASS": 0}, {"-": {"LOCALBYPASS"}}),
    ((6, 7), {**V6, "LABEL_POLICY": 1}, {
        "label_policy": "1", "saddr": "fd00::1", "remote_ip": "::",
        "default_ip": "::", "+": {"IPV6"}}),
    ((6, 14), {"RESERVED_BITS": bytes.fromhex("f700000000000000")}, {
        "reserved_bits": "f700000000000000"}),
    ((6, 17), {"MC_ROUTE": 1}, {"+": {"MC_ROUTE"}}),
]
TOLD += [(attrs, fields) for since, attrs, fields in NEWER
         if RELEASE >= since]
#: (what it was told, what it is told then, its fields afterwards)
CHANGED = [
    ({"GROUP": "10.0.0.9"}, {"GROUP": "10.0.0.8"}, {
        "remote_ip": "10.0.0.8", "default_ip": "10.0.0.8"}),
    ({}, {"GROUP": "10.0.0.8"}, {"remote_ip": "10.0.0.8",
                                 "default_ip": "10.0.0.8"}),
    ({"LOCAL": "10.0.0.1"}, {"LOCAL": "10.0.0.7"}, {"saddr": "10.0.0.7"}),
    (LOWER, {"LINK": "eth1"}, {"lower": "eth1"}),
    ({"TTL": 5}, {"TTL": 6}, {"ttl": "6"}),
    ({"TOS": 4}, {"TOS": 1}, {"tos": "1"}),
    ({"DF": 1}, {"DF": 2}, {"df": "2"}),
    ({}, {"AGEING": 99}, {"age_interval": "99"}),
    ({}, {"LEARNING": 0}, {"-": {"LEARN"}}),
]


def words(attrs):
    return "-".join(attrs).lower() or "nothing"


@pytest.fixture(scope="module", autouse=True)
def _reader():
    abi.load()


@pytest.fixture(name="host")
def _host(namespaces):
    """With lower devices, a second namespace beside it."""
    host, peer = namespaces("host"), namespaces("peer")
    host.other = peer
    for number in (0, 1):
        links.add_veth(host, f"eth{number}", peer, f"peer{number}")
    links.add_address(host, "eth0", "fd00::1/64")
    return host


def told(host, **attrs):
    create(host, data(**{"ID": 5, "PORT": 4790, "UDP_CSUM": 0, **attrs}))


def check(host, fields, name=DEV, ns=None):
    """Everything is as usual but these fields ("lower": a name; "+", "-":
    flags more or less).
    """
    found = abi.read(ns or host)[name]
    fields = dict(fields)
    lower = fields.pop("lower", None)
    index = str(host.rtnl.index(lower)) if lower else "0"
    flags = USUAL | fields.pop("+", set())
    assert abi.flags(found.pop("flags")) == flags - fields.pop("-", set())
    expected = {
        "itself": "1", "same_net": "1", "vni": "5", "dst_port": "4790",
        "remote_ip": "0.0.0.0", "saddr": "0.0.0.0", "mtu": "0",
        "port_min": "0", "port_max": "0", "tos": "0", "ttl": "0",
        "label": "0", "age_interval": "300", "addrmax": "0", "no_share": "0",
        "df": "0", "default_ip": "0.0.0.0", "default_vni": "5",
        "default_offloaded": "0", "remote_ifindex": index,
        "default_ifindex": index, "default_dev": lower or "-", **fields}
    if "label_policy" in found:
        expected.setdefault("label_policy", "0")
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("attrs, fields", TOLD,
                         ids=[words(attrs) for attrs, _ in TOLD])
def test_abi_told(host, attrs, fields):
    """Each attribute reaches the field that others read, and no other."""
    told(host, **attrs)
    check(host, fields)
    host.rtnl.setlink(DEV, up=True)
    check(host, fields)


@pytest.mark.parametrize("attrs, after, fields", CHANGED,
                         ids=[words(after) for _, after, _ in CHANGED])
@pytest.mark.parametrize("up", (False, True), ids=("down", "up"))
def test_abi_changed(host, up, attrs, after, fields):
    """A change is seen at once."""
    told(host, **attrs)
    if up:
        host.rtnl.setlink(DEV, up=True)
    before = abi.read(host)[DEV]
    change(host, data(**after))
    check(host, fields)
    assert abi.read(host)[DEV] != before


def test_abi_refused_change(host):
    """A change that is refused is not seen, nor any part of it."""
    told(host, GROUP="10.0.0.9", TTL=5)
    before = abi.read(host)[DEV]
    with pytest.raises(nl.NlError):
        change(host, data(TTL=6, PORT=99))
    with pytest.raises(nl.NlError):
        change(host, data(TTL=6, GROUP="239.1.1.1"))    # without a lower one
    assert abi.read(host)[DEV] == before


@pytest.mark.kernels("7.3", "debug")
def test_abi_reserved_bits(host):
    """Those that an extension uses are not reserved; older headers have none."""
    told(host)
    assert abi.read(host)[DEV]["reserved_bits"] == "f7ffffff000000ff"
    create(host, data(ID=6, PORT=4791, GBP=True), name="vx1")
    assert abi.read(host)["vx1"]["reserved_bits"] == "77000000000000ff"


def test_abi_mtu(host):
    """The MTU that was asked for when it was made; not what became of it."""
    create(host, data(ID=5, PORT=4790), [(d.IFLA_MTU, u32(1400))])
    assert abi.read(host)[DEV]["mtu"] == "1400"
    host.rtnl.setlink(DEV, extra=[(d.IFLA_MTU, u32(1300))])
    assert abi.read(host)[DEV]["mtu"] == "1400"


def test_abi_elsewhere(host):
    """A device that was moved belongs to the namespace of its underlay."""
    told(host, GROUP="10.0.0.9", LINK="eth0")
    host.rtnl.setlink(DEV, extra=[(d.IFLA_NET_NS_FD, u32(host.other.fd))])
    check(host, {"remote_ip": "10.0.0.9", "default_ip": "10.0.0.9",
                 "lower": "eth0", "same_net": "0"}, ns=host.other)


def test_abi_many(host):
    """Devices are not mixed up."""
    for number in range(20):
        create(host, data(ID=number, PORT=4790, TTL=number + 1),
               name=f"vx{number}")
    found = abi.read(host)
    assert {name: (fields["vni"], fields["ttl"]) for name, fields in
            found.items()} == {f"vx{n}": (str(n), str(n + 1))
                               for n in range(20)}


# -- what others import --------------------------------------------------------

def importers():
    """Modules of this kernel that need "vxlan"."""
    found = []
    path = f"/lib/modules/{os.uname().release}/modules.dep"
    if os.path.exists(path):
        with open(path, encoding="ascii") as file:
            for line in file:
                name, _, needs = line.partition(":")
                if any(os.path.basename(need).startswith("vxlan.ko")
                       for need in needs.split()):
                    found.append(os.path.basename(name).split(".")[0])
    return found


def test_abi_import_test():
    """A module that imports all that "vxlan" exports, built against the
    kernel's headers, loads and holds us.
    """
    file = modules.needed("VXLAN_IMPORT_KO")
    users = modules.loaded()["vxlan"][0]
    modules.load(file)
    try:
        assert modules.loaded()["vxlan"][0] == users + 1
    finally:
        modules.unload("vtep_import_test")
    assert modules.loaded()["vxlan"][0] == users


@pytest.mark.kernels("6.1", "6.12")
def test_abi_importers():
    """So does each module of the kernel's package that imports from it."""
    names = [name.replace("-", "_") for name in importers()]
    assert "vport_vxlan" in names
    for name in names:
        users = modules.loaded()["vxlan"][0]
        modules.probe(name)
        try:
            assert modules.loaded()["vxlan"][0] == users + 1
        finally:
            modules.unload(name)
        assert modules.loaded()["vxlan"][0] == users
