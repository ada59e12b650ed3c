# SPDX-License-Identifier: GPL-2.0
"""The forwarding table as its users change and read it: rules of add, append,
replace and delete, what a dump says, get.
"""

import json
import struct

import pytest

from lib import fdb as f
from lib import nl
from lib import nldefs as d
from lib.fdb import (GROUP_MAC, ZERO, fdb, fdb6, fdb_host,  # noqa: F401
                     refusal)

MAC = f.mac(1)
ONE, TWO, THREE = "10.0.0.1", "10.0.0.2", "10.0.0.3"


# -- the bridge command ----------------------------------------------------

def shown(fdb_host, mac, *words):
    """Entries of a MAC as `bridge -j fdb show` tells them."""
    found = json.loads(fdb_host(["bridge", "-j", "fdb", "show", "dev", "vx0"]))
    return [e for e in found if e["mac"] == mac]


def test_fdb_bridge_command(fdb_host, fdb):
    """bridge fdb add, show, replace, append, get and del, as people type."""
    fdb_host.bridge(f"fdb add {MAC} dev vx0 dst {ONE}")
    assert shown(fdb_host, MAC) == [{"mac": MAC, "dst": ONE, "flags": ["self"],
                                 "ifname": "vx0", "state": "permanent"}] or \
        shown(fdb_host, MAC)[0].items() >= {"dst": ONE,
                                        "state": "permanent"}.items()
    fdb_host.bridge(f"fdb replace {MAC} dev vx0 dst {TWO} port 8472 vni 5 "
                f"via eth0 static")
    (entry,) = shown(fdb_host, MAC)
    assert (entry["dst"], entry["port"], entry["vni"], entry["state"]) == (
        TWO, 8472, 5, "static")
    assert entry["viaIf"] == "eth0"

    for dst in (ONE, TWO, THREE):
        fdb_host.bridge(f"fdb append {ZERO} dev vx0 dst {dst}")
    assert [e["dst"] for e in shown(fdb_host, ZERO)] == [ONE, TWO, THREE]
    fdb_host.bridge(f"fdb del {ZERO} dev vx0 dst {TWO}")
    assert [e["dst"] for e in shown(fdb_host, ZERO)] == [ONE, THREE]

    assert MAC in fdb_host.bridge(f"fdb get {MAC} dev vx0 self")
    fdb_host.bridge(f"fdb del {MAC} dev vx0")
    assert not shown(fdb_host, MAC)
    done = fdb_host.run(f"bridge fdb get {MAC} dev vx0 self", check=False)
    assert done.returncode and "not found" in done.stderr


@pytest.mark.parametrize("word,state", [
    ("permanent", f.PERMANENT), ("static", f.STATIC),
    ("dynamic", f.DYNAMIC)])
def test_fdb_states(fdb_host, fdb, word, state):
    """The three states that can be configured are told back."""
    fdb_host.bridge(f"fdb add {MAC} dev vx0 dst {ONE} {word}")
    assert fdb.state(MAC) == state


# -- what is said of an entry ----------------------------------------------

def test_fdb_message(fdb):
    """Header, attributes and their width; the device's own port and VNI are
    left out.
    """
    fdb.add(MAC, ONE, port=4789, vni=100)
    (entry,) = fdb.entries(MAC)
    assert (entry["family"], entry["ifindex"]) == (d.AF_BRIDGE, fdb.index)
    assert (entry["state"], entry["flags"]) == (f.PERMANENT, d.NTF_SELF)
    assert set(entry["attrs"]) == {d.NDA_LLADDR, d.NDA_DST, d.NDA_CACHEINFO}
    assert entry["attrs"][d.NDA_DST] == bytes([10, 0, 0, 1])
    confirmed, used, updated, users = entry["cacheinfo"]
    assert (confirmed, users) == (0, 0)
    assert used < 6000 and updated < 6000, "hundredths of a second"

    fdb.replace(MAC, ONE, port=8472, vni=0xffffff,
                via=fdb.ns.rtnl.index("eth0"))
    (entry,) = fdb.entries(MAC)
    said = entry["attrs"]
    assert said[d.NDA_PORT] == struct.pack("!H", 8472)
    assert said[d.NDA_VNI] == struct.pack("=I", 0xffffff)
    assert said[d.NDA_IFINDEX] == struct.pack(
        "=I", fdb.ns.rtnl.index("eth0"))
    assert set(said) == {d.NDA_LLADDR, d.NDA_DST, d.NDA_PORT, d.NDA_VNI,
                         d.NDA_IFINDEX, d.NDA_CACHEINFO}


def test_fdb_message_ipv6(fdb6):
    """An IPv6 destination has 16 bytes."""
    fdb6.add(MAC, "fd00::2")
    (entry,) = fdb6.entries(MAC)
    assert entry["attrs"][d.NDA_DST] == nl.ip("fd00::2")
    assert fdb6.get(MAC)["dst"] == "fd00::2"


def test_fdb_vni_zero(fdb):
    """VNI 0 and the largest one are VNIs like any other."""
    for number, vni in enumerate((0, 1, 0xffffff)):
        fdb.add(f.mac(number), ONE, vni=vni)
        assert fdb.entries(f.mac(number))[0]["vni"] == vni


def test_fdb_ignored(fdb):
    """A VLAN and, on a device with one VNI, a source VNI make no difference.
    """
    fdb.add(MAC, ONE, vlan=7, src_vni=4711)
    assert fdb.dsts(MAC) == [ONE]
    assert fdb.entries(MAC)[0]["src_vni"] is None
    assert refusal(fdb.add, MAC, TWO) == "EEXIST"
    fdb.delete(MAC, vlan=9, src_vni=4712)
    assert not fdb.entries(MAC)


def test_fdb_black_hole(fdb):
    """0.0.0.0 is a destination: frames to that MAC go nowhere."""
    fdb.add(MAC, "0.0.0.0")
    assert fdb.entries(MAC)[0]["attrs"][d.NDA_DST] == bytes(4)


@pytest.mark.parametrize("flags", [
    d.NTF_SELF | d.NTF_EXT_LEARNED, d.NTF_SELF | d.NTF_ROUTER])
def test_fdb_flags(fdb, flags):
    """extern_learn and router are stored."""
    fdb.change(MAC, ONE, f.ADD, flags=flags)
    assert fdb.entries(MAC)[0]["flags"] == flags


# -- rules of a change -----------------------------------------------------

@pytest.mark.parametrize("flags,error,dsts", [
    (f.ADD, "EEXIST", [ONE]),
    (0, None, [ONE]),
    (d.NLM_F_CREATE, None, [ONE]),
    (f.APPEND, None, [ONE]),
    (f.REPLACE, None, [TWO]),
    (d.NLM_F_REPLACE, None, [TWO]),
], ids=["add", "bare", "create", "append", "replace", "replace-only"])
def test_fdb_unicast_again(fdb, flags, error, dsts):
    """A unicast MAC has one destination, and only replace moves it."""
    fdb.add(MAC, ONE)
    assert refusal(fdb.change, MAC, TWO, flags) == error
    assert fdb.dsts(MAC) == dsts


@pytest.mark.parametrize("mac", [ZERO, GROUP_MAC], ids=["zero", "multicast"])
@pytest.mark.parametrize("flags,error,dsts", [
    (f.ADD, "EEXIST", [ONE]),
    (d.NLM_F_CREATE, None, [ONE]),
    (f.APPEND, None, [ONE, TWO]),
    (d.NLM_F_APPEND, None, [ONE, TWO]),
    (f.REPLACE, "EOPNOTSUPP", [ONE]),
], ids=["add", "create", "append", "append-only", "replace"])
def test_fdb_flood_again(fdb, mac, flags, error, dsts):
    """A flood entry grows by append and cannot be replaced."""
    fdb.add(mac, ONE)
    assert refusal(fdb.change, mac, TWO, flags) == error
    assert fdb.dsts(mac) == dsts


@pytest.mark.parametrize("mac", [MAC, ZERO, GROUP_MAC])
@pytest.mark.parametrize("flags", [0, d.NLM_F_REPLACE, d.NLM_F_APPEND])
def test_fdb_not_created(fdb, mac, flags):
    """Without NLM_F_CREATE there must be an entry."""
    assert refusal(fdb.change, mac, ONE, flags) == "ENOENT"
    assert not fdb.entries()


def test_fdb_same_remote_twice(fdb):
    """A remote differs by address, port, VNI or interface, or is the same."""
    via = fdb.ns.rtnl.index("eth0")
    for words in ({}, {"port": 1}, {"vni": 1}, {"via": via}, {}, {"vni": 1}):
        fdb.append(ZERO, ONE, **words)
    found = fdb.entries(ZERO)
    assert [(e["port"], e["vni"], e["via"]) for e in found] == [
        (None, None, None), (1, None, None), (None, 1, None),
        (None, None, via)]


def test_fdb_state_change(fdb):
    """State and flags of an entry can be changed, whatever the destination;
    not by external learning when a person has configured it.
    """
    fdb.add(MAC, ONE)
    fdb.change(MAC, ONE, 0, state=f.DYNAMIC)
    assert fdb.state(MAC) == f.DYNAMIC
    fdb.change(MAC, ONE, 0, state=f.STATIC,
               flags=d.NTF_SELF | d.NTF_EXT_LEARNED)
    (entry,) = fdb.entries(MAC)
    assert (entry["state"], entry["flags"]) == (f.DYNAMIC, d.NTF_SELF)
    fdb.change(MAC, ONE, 0, state=f.STATIC, flags=d.NTF_SELF | d.NTF_ROUTER)
    (entry,) = fdb.entries(MAC)
    assert (entry["state"], entry["flags"]) == (
        f.STATIC, d.NTF_SELF | d.NTF_ROUTER)


# -- delete ----------------------------------------------------------------

@pytest.mark.parametrize("mac", [ZERO, GROUP_MAC], ids=["zero", "multicast"])
def test_fdb_delete_remote(fdb, mac):
    """One remote goes, the last one takes the entry with it."""
    for dst in (ONE, TWO, THREE):
        fdb.append(mac, dst)
    fdb.append(mac, TWO, port=99)
    fdb.delete(mac, TWO)
    assert fdb.dsts(mac) == [ONE, THREE, TWO]
    fdb.delete(mac, TWO, port=99)
    fdb.delete(mac, ONE)
    assert fdb.dsts(mac) == [THREE]
    fdb.delete(mac, THREE)
    assert not fdb.entries()
    assert refusal(fdb.delete, mac, THREE) == "ENOENT"


@pytest.mark.parametrize("mac", [MAC, ZERO], ids=["unicast", "zero"])
@pytest.mark.parametrize("words", [
    {"dst": THREE}, {"dst": ONE, "port": 99}, {"dst": ONE, "vni": 99},
    {"dst": "fd00::1"}], ids=str)
def test_fdb_delete_other_remote(fdb, mac, words):
    """A remote that is not there: success, and nothing is removed."""
    fdb.add(mac, ONE)
    fdb.delete(mac, **words)
    assert fdb.dsts(mac) == [ONE]


@pytest.mark.parametrize("dst", [None, "0.0.0.0", "::"])
def test_fdb_delete_entry(fdb, dst):
    """Without a destination, or with no address, the whole entry goes."""
    fdb.append(ZERO, ONE)
    fdb.append(ZERO, TWO)
    fdb.delete(ZERO, dst)
    assert not fdb.entries()


# -- get -------------------------------------------------------------------

def test_fdb_get(fdb):
    """The entry with its first destination; the VNI makes no difference."""
    assert refusal(fdb.get, MAC) == "ENOENT"
    fdb.add(MAC, ONE, port=99)
    answer = fdb.get(MAC)
    assert (answer["mac"], answer["dst"], answer["port"]) == (MAC, ONE, 99)
    assert (answer["state"], answer["flags"]) == (f.PERMANENT, d.NTF_SELF)
    assert fdb.get(MAC, vni=4711)["dst"] == ONE
    for dst in (TWO, ONE):
        fdb.append(ZERO, dst)
    assert fdb.get(ZERO)["dst"] == TWO
    assert refusal(fdb.get, GROUP_MAC) == "ENOENT"
