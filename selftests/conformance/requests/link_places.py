# SPDX-License-Identifier: GPL-2.0
"""Namespaces, users without power over one of them, VRFs; what ethtool and
the rest of the kernel see of a device.
"""

import array
import ctypes
import fcntl
import json
import os
import socket
import struct

from case import Case
from lab import DEV, Trial, attempt, errno_name, space
from lib import ethtool, nl
from lib import nldefs as d
from lib.linkattr import data, resolve
from lib.nl import text, u32
from lib.wait import eventually

PORT = 4790
CASES = []
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
IFLA_VRF_TABLE = 1
_libc = ctypes.CDLL(None, use_errno=True)


def case(name, row, listen=False, **options):
    """The decorated function gets a Trial."""
    def wrap(function):
        def run(kind):
            with Trial(kind, listen) as trial:
                function(trial)
            return trial.outcome
        CASES.append(Case(name, row, run, **options))
        return function
    return wrap


def nsid(ns, of):
    """The number of a namespace in another one: (known there, how)."""
    answer = ns.rtnl.request(d.RTM_GETNSID, 0, bytes(4),
                             [(d.NETNSA_FD, struct.pack("=i", of.fd))])
    attrs = nl.parse_attrs(answer[0][1][4:])
    return struct.unpack("=i", attrs[d.NETNSA_NSID])[0]


def to(ns):
    return [(d.IFLA_NET_NS_FD, u32(ns.fd))]


def link_netns(trial, step, name=DEV, ns=None):
    """Dump, and whether it names the namespace of the underlay."""
    found = trial.link(step, name, ns)
    if found:
        trial.outcome[step]["link-netns"] = \
            d.IFLA_LINK_NETNSID in found["attrs"]


def above(trial, step, data_attrs, extra=(), link_netns_of=None, ns=None):
    """Create with IFLA_LINK_NETNSID: the device here, the underlay there."""
    ns = ns or trial.host
    there = link_netns_of or trial.host
    number = nsid(ns, there)
    if number < 0:
        ns.rtnl.request(d.RTM_NEWNSID, 0, bytes(4), [
            (d.NETNSA_NSID, struct.pack("=i", -1)),
            (d.NETNSA_FD, struct.pack("=i", there.fd))])
        number = nsid(ns, there)
    return trial.step(step, ns.rtnl.newlink, DEV, trial.kind,
                      resolve(there, data_attrs),
                      [(d.IFLA_LINK_NETNSID, struct.pack("=i", number)),
                       *extra], ns=ns)


# ---- namespaces

for up in (False, True):
    @case(f"netns/move/{'up' if up else 'down'}", "1.6 netns")
    def _(trial, up=up):
        """There and back again."""
        other = space("other")
        trial.create("create", data(ID=5, PORT=PORT, LINK="eth0",
                                    GROUP="10.0.0.9"), up=up)
        link_netns(trial, "here")
        trial.set("move", extra=to(other))
        trial.link("gone")
        link_netns(trial, "there", ns=other)
        trial.set("up", up=True, ns=other)
        link_netns(trial, "there-up", ns=other)
        trial.change("change", data(TTL=7), ns=other)
        trial.change("dev", data(LINK=u32(trial.host.rtnl.index("eth1"))),
                     ns=other)
        link_netns(trial, "there-changed", ns=other)
        trial.set("back", extra=to(trial.host), ns=other)
        link_netns(trial, "home")


@case("netns/move/name-taken", "1.6 netns")
def _(trial):
    other = space("other")
    trial.create("create", data(ID=5, PORT=PORT))
    trial.create("other", data(ID=6, PORT=PORT), ns=other)
    trial.set("move", extra=to(other))
    trial.link("here")


@case("netns/link-netns", "1.6 netns")
def _(trial):
    """Made in one namespace for the underlay of another."""
    other = space("other")
    above(trial, "create", data(ID=5, PORT=PORT, LINK="eth0"), ns=other)
    link_netns(trial, "dump", ns=other)
    trial.set("up", up=True, ns=other)
    link_netns(trial, "up-dump", ns=other)


@case("netns/link-netns/of-itself", "1.6 netns")
def _(trial):
    above(trial, "create", data(ID=5, PORT=PORT))
    link_netns(trial, "dump")


@case("netns/link-netns/unknown", "1.6 netns")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT), [
        (d.IFLA_LINK_NETNSID, struct.pack("=i", 4711))])


@case("netns/link-netns/lower-is-elsewhere", "1.2 LINK")
def _(trial):
    """LINK counts in the namespace of the underlay, not of the device."""
    other = space("other")
    other.rtnl.newlink("br9", "bridge")
    above(trial, "create", data(
        ID=5, PORT=PORT, LINK=u32(other.rtnl.index("br9") + 1000)), ns=other)
    above(trial, "lo", data(ID=5, PORT=PORT, LINK=u32(1)), ns=other)
    link_netns(trial, "dump", ns=other)


@case("netns/unique/link-netns", "1.2 uniqueness")
def _(trial):
    """A device counts where it lives, or where its underlay is?"""
    other = space("other")
    trial.create("here", data(ID=5, PORT=PORT), name="vx1", up=True)
    above(trial, "above", data(ID=5, PORT=PORT), ns=other)
    link_netns(trial, "dump", ns=other)
    trial.set("up", up=True, ns=other)
    trial.create("there", data(ID=5, PORT=PORT), name="vx2", ns=other)


@case("netns/unique/moved", "1.2 uniqueness")
def _(trial):
    other = space("other")
    trial.create("first", data(ID=5, PORT=PORT))
    trial.set("move", extra=to(other))
    trial.create("second", data(ID=5, PORT=PORT), name="vx1")
    trial.create("there", data(ID=5, PORT=PORT), name="vx2", ns=other)


@case("netns/underlay-gone", "1.6 netns")
def _(trial):
    """The device goes with the namespace of its underlay."""
    from lib.netns import Netns
    gone = Netns("gone")
    try:
        above(trial, "create", data(ID=5, PORT=PORT), link_netns_of=gone)
        link_netns(trial, "dump")
    finally:
        gone.delete()
    eventually(lambda: DEV not in [link["name"] for link in
                                   trial.host.rtnl.links()],
               what="the device gone, too")


@case("netns/fdb/link-netns", "1.3 message")
def _(trial):
    """NDA_LINK_NETNSID in entries and notifications."""
    other = space("other")
    monitor = nl.Monitor(other)
    try:
        above(trial, "create", data(ID=5, PORT=PORT), ns=other)
        index = other.rtnl.index(DEV)
        monitor.events().clear()
        for step, via in (("add", None), ("via", "lo"), ("via-eth0", "eth0")):
            attrs = [(d.NDA_LLADDR, bytes.fromhex("02000000aa01")),
                     (d.NDA_DST, nl.ip("10.0.0.2"))]
            if via:
                attrs.append((d.NDA_IFINDEX, u32(
                    trial.host.rtnl.index(via) + (0 if via == "lo" else 500))))
            trial.step(step, other.rtnl.neigh, d.RTM_NEWNEIGH, index, attrs,
                       d.NUD_PERMANENT, d.NTF_SELF,
                       d.NLM_F_CREATE | d.NLM_F_REPLACE, ns=other)
        trial.outcome["dump"] = [sorted(entry["attrs"])
                                 for entry in other.rtnl.fdb(DEV)]
        trial.outcome["told"] = [
            [event["type"], sorted(event["attrs"])]
            for event in monitor.events() if "dst" in event]
    finally:
        monitor.close()


# ---- a user who is root in a namespace of its own

def as_user(action, before=None):
    """action() by a child with a user and a network namespace of its own.

    before(pid) is called when these are there. Returns what action() returns.
    """
    answers, answer = os.pipe()
    waits, go = os.pipe()
    child = os.fork()
    if not child:
        try:
            if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "unshare")
            os.write(answer, b" ")
            os.read(waits, 1)
            told = action()
        except BaseException as error:  # pylint: disable=broad-except
            told = {"child": repr(error)}
        os.write(answer, json.dumps(told).encode())
        os._exit(0)
    os.close(answer)
    os.close(waits)
    with os.fdopen(answers, "rb") as file, os.fdopen(go, "wb") as start:
        file.read(1)
        if before:
            before(child)
        start.write(b" ")
        start.flush()
        told = json.loads(file.read())
    os.waitpid(child, 0)
    if "child" in told:
        raise AssertionError(told["child"])
    return told


def add_entry(rtnl, name):
    return attempt(
        rtnl, rtnl.neigh, d.RTM_NEWNEIGH, rtnl.index(name),
        [(d.NDA_LLADDR, bytes.fromhex("02000000aa01")),
         (d.NDA_DST, nl.ip("10.0.0.2"))], d.NUD_PERMANENT, d.NTF_SELF,
        d.NLM_F_CREATE)


@case("user/own-namespace", "1.6 netns")
def _(trial):
    """Root in its own network namespace may do all."""
    def action():
        rtnl, told = nl.Rtnl(), {}
        for step, attrs in (
                ("create", data(ID=5, PORT=PORT)),
                ("dev", data(ID=6, PORT=PORT, LINK=u32(1))),
                ("low-port", data(ID=7, PORT=53))):
            name = f"vx-{step}"
            told[step] = attempt(rtnl, rtnl.newlink, name, trial.kind, attrs)
            told[f"{step}-up"] = attempt(rtnl, rtnl.setlink, name, True)
        told["change"] = attempt(rtnl, rtnl.changelink, "vx-create",
                                 trial.kind, data(TTL=7))
        told["fdb"] = add_entry(rtnl, "vx-create")
        told["delete"] = attempt(rtnl, rtnl.dellink, "vx-create")
        return told
    trial.outcome.update(as_user(action))


@case("user/underlay-of-others", "1.6 netns")
def _(trial):
    """The device came into the user's namespace, its underlay did not."""
    def move(pid):
        trial.set("move", extra=[(d.IFLA_NET_NS_PID, u32(pid))])

    def action():
        rtnl = nl.Rtnl()
        told = {"up": attempt(rtnl, rtnl.setlink, DEV, True)}
        for step, attrs in (("ttl", data(TTL=7)), ("empty", []),
                            ("remote", data(GROUP="10.0.0.10")),
                            ("wrong", data(DF=9))):
            told[step] = attempt(rtnl, rtnl.changelink, DEV, trial.kind, attrs)
        told["mtu"] = attempt(rtnl, rtnl.setlink, DEV, None,
                              [(d.IFLA_MTU, u32(1200))])
        told["fdb"] = add_entry(rtnl, DEV)
        told["ttl-then"] = rtnl.info_data(DEV)[d.IFLA_VXLAN["TTL"]].hex()
        told["delete"] = attempt(rtnl, rtnl.dellink, DEV)
        return told

    trial.create("create", data(ID=5, PORT=PORT, GROUP="10.0.0.9"))
    trial.outcome.update(as_user(action, move))


# ---- VRF

def add_vrf(trial, name, table, member=None):
    trial.host.rtnl.newlink(name, "vrf", [(IFLA_VRF_TABLE, u32(table))],
                            up=True)
    if member:
        join(trial, member, name)


def join(trial, member, name):
    trial.host.rtnl.setlink(member, extra=[
        (d.IFLA_MASTER, u32(trial.host.rtnl.index(name) if name else 0))])


@case("vrf/lower-in-vrf", "1.6 netns")
def _(trial):
    """One socket in the VRF, one outside, same port."""
    add_vrf(trial, "red", 10, "eth1")
    try:
        trial.create("inside", data(ID=5, PORT=PORT, LINK="eth1"), up=True)
        trial.create("same-vni", data(ID=5, PORT=PORT, LINK="eth0"),
                     name="vx1")
        trial.create("outside", data(ID=6, PORT=PORT, LINK="eth0"),
                     name="vx2", up=True)
        trial.create("nowhere", data(ID=7, PORT=PORT), name="vx3", up=True)
        trial.link("dump")
    finally:
        join(trial, "eth1", None)


@case("vrf/lower-is-vrf", "1.6 netns")
def _(trial):
    add_vrf(trial, "red", 10)
    trial.create("create", data(ID=5, PORT=PORT, LINK="red"), up=True)
    trial.link("dump")


@case("vrf/as-member", "1.6 netns")
def _(trial):
    """The tunnel itself is in the VRF."""
    add_vrf(trial, "red", 10)
    trial.create("create", data(ID=5, PORT=PORT), up=True)
    trial.set("join", extra=[(d.IFLA_MASTER,
                              u32(trial.host.rtnl.index("red")))])
    trial.link("dump")


@case("vrf/flags-differ", "1.2 uniqueness")
def _(trial):
    """Receive flags that differ clash in one VRF, not in two."""
    add_vrf(trial, "red", 10, "eth1")
    try:
        trial.create("plain", data(ID=5, PORT=PORT, LINK="eth1",
                                   LOCAL6="fd00::1"), up=True)
        trial.create("zero-rx", data(ID=6, PORT=PORT, LINK="eth0",
                                     LOCAL6="fd00::1", UDP_ZERO_CSUM6_RX=1),
                     name="vx1")
        trial.set("zero-rx-up", up=True, name="vx1")
        trial.create("same", data(ID=7, PORT=PORT, LINK="eth1",
                                  LOCAL6="fd00::1", UDP_ZERO_CSUM6_RX=1),
                     name="vx2")
        trial.set("same-up", up=True, name="vx2")
    finally:
        join(trial, "eth1", None)


# ---- ethtool and sysfs

SIOCETHTOOL = 0x8946
SETTINGS, DRIVER, LINK, SET_INFO, STRINGS, FEATURES = (
    0x01, 0x03, 0x0a, 0x37, 0x1b, 0x3a)
FEATURE_NAMES = 4
QUESTIONS = {
    "registers": 0x04, "wake-on-lan": 0x05, "message-level": 0x07,
    "eeprom": 0x0b, "coalesce": 0x0e, "rings": 0x10, "pause": 0x12,
    "test": 0x1a, "permanent-address": 0x20, "private-flags": 0x27,
    "rx-flow": 0x29, "channels": 0x3c, "time-stamps": 0x41, "eee": 0x44,
    "tunable": 0x48, "fec": 0x50}


def ask(trial, raw, name=DEV):
    """One SIOCETHTOOL; the answer as bytes, or the name of the errno."""
    buffer = array.array("B", raw)
    request = struct.pack("16sP", name.encode(), buffer.buffer_info()[0])
    with trial.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            fcntl.ioctl(sock, SIOCETHTOOL, request.ljust(40, b"\0"))
        except OSError as error:
            return errno_name(error.errno)
    return buffer.tobytes()


def strings(trial, which):
    """Names of a set of strings."""
    info = ask(trial, struct.pack("=IIQI", SET_INFO, 0, 1 << which, 0))
    count = struct.unpack_from("=I", info, 16)[0]
    raw = ask(trial, struct.pack("=III", STRINGS, which, count)
              + bytes(32 * count))[12:]
    return [raw[i:i + 32].split(b"\0")[0].decode()
            for i in range(0, 32 * count, 32)]


def features(trial, step):
    """What `ethtool -k` shows: on or off, fixed or not."""
    names = strings(trial, FEATURE_NAMES)
    blocks = (len(names) + 31) // 32
    raw = ask(trial, struct.pack("=II", FEATURES, blocks)
              + bytes(16 * blocks))[8:]
    words = struct.unpack(f"={4 * blocks}I", raw)
    told = {}
    for number, name in enumerate(names):
        available, wanted, active, never = (
            bool(word & 1 << number % 32)
            for word in words[number // 32 * 4:number // 32 * 4 + 4])
        if name:
            told[name] = (("on" if active else "off")
                          + ("" if available and not never else " fixed")
                          + (" wanted" if wanted else ""))
    trial.outcome[step] = told


@case("ethtool/driver", "1.6 ethtool")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT))
    raw = ask(trial, struct.pack("=I", DRIVER) + bytes(192))
    fields = [raw[start:start + 32].split(b"\0")[0].decode()
              for start in range(4, 164, 32)]
    trial.outcome["driver"] = {
        "name": "(kind)" if fields[0] == trial.kind else fields[0],
        "version": fields[1], "firmware": fields[2], "bus": fields[3],
        "numbers": struct.unpack_from("=IIIII", raw, 176)}


for name, number in QUESTIONS.items():
    @case(f"ethtool/{name}", "1.6 ethtool")
    def _(trial, number=number):
        trial.create("create", data(ID=5, PORT=PORT), up=True)
        answer = ask(trial, struct.pack("=I", number) + bytes(508))
        trial.outcome["answer"] = answer if isinstance(answer, str) else "ok"


for name, attrs in {"no-dev": {}, "dev": {"LINK": "eth0"}}.items():
    for up in (False, True):
        @case(f"ethtool/settings/{name}/{'up' if up else 'down'}",
              "1.6 ethtool")
        def _(trial, attrs=attrs, up=up):
            """Speed and duplex are those of the lower device."""
            trial.create("create", data(ID=5, PORT=PORT, **attrs), up=up)
            for step, number in (("settings", SETTINGS), ("link", LINK)):
                answer = ask(trial, struct.pack("=I", number) + bytes(40))
                trial.outcome[step] = answer if isinstance(answer, str) \
                    else answer.hex()


for name, attrs in {
        "plain": {}, "dev": {"LINK": "eth0"},
        "v6": {"LOCAL6": "fd00::1"}, "no-csum": {"UDP_CSUM": 0},
        "external": {"ID": 0, "COLLECT_METADATA": 1},
        "gpe": {"ID": 0, "COLLECT_METADATA": 1, "GPE": True,
                "LEARNING": 0}}.items():
    @case(f"ethtool/features/{name}", "1.1 netdev")
    def _(trial, attrs=attrs):
        if trial.create("create", data(**{"ID": 5, "PORT": PORT, **attrs})):
            features(trial, "features")

for name in ("rx", "tx", "sg", "tso", "gso", "gro"):
    @case(f"ethtool/features/{name}-off", "1.1 netdev")
    def _(trial, name=name):
        """Switched off and on again."""
        trial.create("create", data(ID=5, PORT=PORT), up=True)
        for step, on in (("off", False), ("on", True)):
            try:
                ethtool.offload(trial.host, DEV, on, (name,))
            except OSError as error:
                trial.outcome[f"{step}-error"] = errno_name(error.errno)
            features(trial, step)


@case("sysfs", "1.1 netdev")
def _(trial):
    """What udev and programs read; sysfs shows the first namespace."""
    rtnl = nl.Rtnl()
    name = "vxsysfs"
    rtnl.newlink(name, trial.kind, data(ID=5, PORT=PORT))
    try:
        for file in ("uevent", "type", "addr_assign_type", "name_assign_type",
                     "addr_len", "tx_queue_len", "flags", "carrier_changes",
                     "operstate", "proto_down", "link_mode", "dev_port"):
            try:
                with open(f"/sys/class/net/{name}/{file}",
                          encoding="ascii") as content:
                    read = content.read()
            except OSError as error:
                read = errno_name(error.errno)
            trial.outcome[file] = [
                line.replace("vtep", "vxlan") for line in read.split()
                if not line.startswith("IFINDEX")]
        trial.outcome["queues"] = sorted(os.listdir(
            f"/sys/class/net/{name}/queues"))
    finally:
        rtnl.dellink(name)
        rtnl.close()


@case("sysctl", "1.1 netdev")
def _(trial):
    """The device has its switches below /proc/sys/net."""
    trial.create("create", data(ID=5, PORT=PORT), up=True)
    for key in ("ipv4/conf/vx0/forwarding", "ipv6/conf/vx0/disable_ipv6",
                "ipv6/conf/vx0/mtu", "ipv4/neigh/vx0/gc_stale_time"):
        trial.outcome[key] = trial.host.sysctl(key)


# ---- notifications of links

LINK_EVENTS = (d.RTM_NEWLINK, d.RTM_DELLINK)


def told(trial, step):
    trial.notifications(step, kinds=(*LINK_EVENTS, d.RTM_NEWNEIGH,
                                     d.RTM_DELNEIGH))


for name, attrs in {
        "nothing": {}, "ttl": {"TTL": 9}, "same": {"TTL": 0},
        "remote": {"GROUP": "10.0.0.10"}, "dev": {"LINK": "eth1"},
        "age": {"AGEING": 9}, "refused": {"DF": 9},
        "learning": {"LEARNING": 0}}.items():
    for up in (False, True):
        @case(f"link/notify/{name}/{'up' if up else 'down'}", "1.2 dump",
              listen=True)
        def _(trial, attrs=attrs, up=up):
            trial.create("create", data(ID=5, PORT=PORT, LINK="eth0",
                                        GROUP="10.0.0.9"))
            told(trial, "create-told")
            if up:
                trial.set("up", up=True)
                told(trial, "up-told")
            trial.change("change", data(**attrs))
            told(trial, "change-told")
            trial.set("mtu", extra=[(d.IFLA_MTU, u32(1000))])
            told(trial, "mtu-told")
            if up:
                trial.set("down", up=False)
                told(trial, "down-told")
            trial.step("delete", trial.host.rtnl.dellink, DEV)
            told(trial, "delete-told")


@case("link/notify/lower-gone", "1.6 lower device", listen=True)
def _(trial):
    trial.host.rtnl.newlink("br0", "bridge")
    trial.create("create", data(ID=5, PORT=PORT, LINK="br0",
                                GROUP="239.1.1.1"), up=True)
    told(trial, "create-told")
    trial.host.rtnl.dellink("br0")
    told(trial, "gone-told")


@case("link/rename", "1.2 dump")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT))
    trial.set("rename", extra=[(d.IFLA_IFNAME, text("vxnew"))])
    trial.link("dump", "vxnew")
