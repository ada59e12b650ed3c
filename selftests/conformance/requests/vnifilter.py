# SPDX-License-Identifier: GPL-2.0
"""Requests for the VNI filter. Its messages have one owner in the kernel, so
the drivers run these one after the other.
"""

import struct
from itertools import product

from case import Case
from lab import DEV, Trial
from lib import nl
from lib import nldefs as d
from lib.linkattr import data
from lib.nl import be32, ip, mac, pack_attrs, u8, u16, u32
from lib.vnifilter import (END, ENTRY, FLAG_STATS, GROUP, GROUP6, START,
                           entry, parse_tunnel, told, tunnel_msg)

PORT = 4790
ROW = "1.5 VNI filter"
NEW, DEL, GET = d.RTM_NEWTUNNEL, d.RTM_DELTUNNEL, d.RTM_GETTUNNEL
BASE = {"COLLECT_METADATA": 1, "VNIFILTER": 1, "PORT": PORT, "LEARNING": 0}
DEVICES = {
    "plain": data(LINK="eth0", **BASE),
    "no-lower": data(**BASE),
    "remote": data(GROUP="10.0.0.9", **BASE),
    "remote-dev": data(GROUP="10.0.0.9", LINK="eth0", **BASE),
    "group": data(GROUP="239.1.1.1", LINK="eth0", **BASE),
    "v6": data(LOCAL6="fd00::1", LINK="eth0", **BASE),
    "group6": data(GROUP6="ff05::1:1", LINK="eth0", **BASE),
}
GROUPS = {"none": None, "group": "239.1.1.1", "other": "239.2.2.2",
          "remote": "10.0.0.2", "group6": "ff05::1:1", "remote6": "fd00::2",
          "any": "0.0.0.0"}
MEMBERS = ("239.1.1.1", "239.2.2.2", "239.3.3.3", "ff05::1:1", "ff05::2:2")
CASES = []


class Filtered(Trial):
    """A device with a filter, and requests for it."""

    def __init__(self, kind, device="plain", up=False):
        super().__init__(kind)
        self.monitor = nl.Monitor(self.host, (d.RTNLGRP_NEIGH,
                                              d.RTNLGRP_TUNNEL))
        self.device, self.up = device, up

    def __enter__(self):
        super().__enter__()
        self.create("device", DEVICES[self.device], up=self.up)
        self.need("device")
        return self

    def send(self, step, kind, attrs, name=DEV, header=None, flags=0):
        """A request, of which anything may be wrong."""
        if header is None:
            index = name
            if isinstance(name, str):
                index = self.host.rtnl.index(name)
            header = tunnel_msg(index)
        return self.step(step, self.host.rtnl.request, kind, flags, header,
                         pack_attrs(attrs))

    def add(self, step, *entries, name=DEV):
        return self.send(step, NEW, entries, name)

    def delete(self, step, *entries, name=DEV):
        return self.send(step, DEL, entries, name)

    def dump(self, step, flags=0, index=0, header=None):
        """What a dump says, devices by name."""
        answer = []

        def ask():
            answer.extend(self.host.rtnl.request(
                GET, d.NLM_F_DUMP, header or tunnel_msg(index, flags)))
        self.step(step, ask)
        names = {link["index"]: link["name"]
                 for link in self.host.rtnl.links()}
        said = {}
        for kind, body in answer:
            family, mark, index, entries = parse_tunnel(body)
            said.setdefault(f"{kind} {family} {mark} {names.get(index)}",
                            []).extend(entries)
        self.outcome[step]["said"] = said

    def members(self, step):
        """Which of the groups eth0 has joined."""
        with self.host.entered():
            with open("/proc/net/igmp", encoding="ascii") as file:
                four = file.read().lower().split()
            with open("/proc/net/igmp6", encoding="ascii") as file:
                six = [line.split() for line in file]
        joined = {line[2] for line in six if line[1] == "eth0"}
        self.outcome[step] = [
            group for group in MEMBERS
            if ip(group).hex() in joined or
            f"{struct.unpack('=I', ip(group)[:4])[0]:08x}" in four]

    def show(self, step):
        """All there is to see."""
        self.dump(f"{step}-dump")
        self.table(f"{step}-fdb")
        self.members(f"{step}-members")
        heard = list(self.monitor.events())
        self.outcome[f"{step}-tunnels"] = [
            list(one) for one in told(self.monitor)]
        self.monitor.seen = [e for e in heard if e["type"] in (
            d.RTM_NEWNEIGH, d.RTM_DELNEIGH)]
        self.notifications(f"{step}-neighbours")
        self.outcome[f"{step}-neighbours"] = by_vni(
            self.outcome[f"{step}-neighbours"])

    def table(self, step):
        """Entries by VNI; drivers have an order of VNIs of their own."""
        if DEV not in [link["name"] for link in self.host.rtnl.links()]:
            return
        self.fdb(step)
        self.outcome[step] = by_vni(self.outcome[step])


def by_vni(entries):
    """{VNI: what is said of it, in order}"""
    said = {}
    for one in entries:
        said.setdefault(str(one.get("src_vni", 0)), []).append(one)
    return dict(sorted(said.items()))


def case(name, device="plain", up=False, alone=True):
    """The decorated function gets a Filtered."""
    def wrap(function):
        def run(kind):
            with Filtered(kind, device, up) as made:
                function(made)
                made.show("end")
            return made.outcome
        CASES.append(Case(f"vnifilter/{name}", ROW, run, alone=alone))
        return function
    return wrap


def state(up):
    return "up" if up else "down"


def hangs(device, word, up):
    """The kernel's driver leaves the device's group with the VNI's, then fails
    to leave it again and keeps the others: the socket cannot be closed.
    """
    return up and device == word and device in ("group", "group6")


# ---- one VNI, wherever it leads

for device, word, up in product(DEVICES, GROUPS, (False, True)):
    if hangs(device, word, up):
        continue

    @case(f"add/{device}/{word}/{state(up)}", device, up)
    def _(trial, word=word):
        trial.add("add", entry(10, group=GROUPS[word]))
        trial.show("added")
        trial.delete("delete", entry(10))

for device, before, after, up in product(
        ("plain", "group"), ("none", "group", "other", "remote"),
        ("none", "other", "remote", "group6", "any"), (False, True)):
    if hangs(device, before, up):
        continue

    @case(f"change/{device}/{before}/{after}/{state(up)}", device, up)
    def _(trial, before=before, after=after):
        trial.add("add", entry(10, group=GROUPS[before]))
        trial.show("added")
        trial.add("change", entry(10, group=GROUPS[after]))

# ---- ranges

for up in (False, True):
    @case(f"range/{state(up)}", up=up)
    def _(trial):
        trial.add("add", entry(10, 19, "239.1.1.1"), entry(20, 24),
                  entry(30, 30, "239.1.1.1"))
        trial.show("added")
        trial.add("middle", entry(14, 15, "239.2.2.2"))
        trial.add("bridge", entry(25, 29, "239.1.1.1"))
        trial.show("changed")
        trial.delete("delete", entry(12, 16))
        trial.show("deleted")
        trial.delete("rest", entry(10, 11), entry(17, 30))

    @case(f"toggle/{state(up)}", "group", up)
    def _(trial):
        trial.add("add", entry(10, 12, "239.2.2.2"), entry(20),
                  entry(30, group="10.0.0.2"))
        trial.members("joined")
        for number, word in enumerate((not up, up, not up)):
            trial.set(f"toggle{number}", up=word)
            trial.members(f"members{number}")
            trial.dump(f"dump{number}")

    for count in (2, 15, 40):
        @case(f"many/{count}/{state(up)}", up=up)
        def _(trial, count=count):
            trial.add("add", *[entry(2 * n, group=f"239.9.{n}.1")
                               for n in range(1, count + 1)])

    @case(f"shared-group/{state(up)}", up=up)
    def _(trial):
        trial.add("add", entry(10, 11, "239.1.1.1"))
        trial.delete("one", entry(10))
        trial.members("still")
        trial.delete("other", entry(11))
        trial.members("left")

    @case(f"delete-link/{state(up)}", "group", up)
    def _(trial):
        trial.add("add", entry(10, 12, "239.2.2.2"), entry(20))
        trial.show("added")
        trial.host.rtnl.dellink(DEV)

for name, entries in {
        "first": [entry(9, 12)], "last": [entry(12, 16)],
        "middle": [entry(10, 15)], "none": [entry(50)],
        "nothing-there": [entry(100, 200)], "second": [entry(10), entry(50)],
        "twice": [entry(10), entry(10)]}.items():
    @case(f"missing/{name}")
    def _(trial, entries=entries):
        trial.add("add", entry(10, 11), entry(13, 15))
        trial.show("added")
        trial.delete("delete", *entries)

@case("one-message/change-and-back", "plain", True)
def _(trial):
    trial.add("add", entry(10, group="239.1.1.1"))
    trial.show("added")
    trial.add("twice", entry(10, group="239.2.2.2"),
              entry(10, group="239.1.1.1"))

@case("vni-zero")
def _(trial):
    trial.add("add", entry(0, 2))
    trial.show("added")
    trial.delete("delete", entry(0, 1))

@case("end-only")
def _(trial):
    trial.add("add", entry(end=3))

for vni in (1, 0xfffffe, 0xffffff):
    @case(f"vni/{vni:x}", up=True)
    def _(trial, vni=vni):
        trial.add("add", entry(vni, group="239.1.1.1"))
        trial.show("added")
        trial.delete("delete", entry(vni))

# ---- the default destination changes

for device, word, up in product(("plain", "group", "remote-dev"),
                                ("10.0.0.3", "239.3.3.3", "0.0.0.0"),
                                (False, True)):
    @case(f"changelink/{device}/{word}/{state(up)}", device, up)
    def _(trial, word=word):
        trial.add("add", entry(10), entry(11, group="239.2.2.2"),
                  entry(12, group="10.0.0.2"))
        trial.show("added")
        trial.change("change", data(GROUP=word, LINK="eth0"))

@case("changelink/ttl", "group", True)
def _(trial):
    trial.add("add", entry(10), entry(11, group="239.2.2.2"))
    trial.show("added")
    trial.change("change", data(TTL=5))

# ---- two devices

SECOND = data(LINK="eth0", **BASE)
for name, attrs in {
        "same": SECOND, "other-port": data(**{**BASE, "PORT": 4791}),
        "gbp": data(GBP=True, **BASE), "group": DEVICES["group"],
        "zero-csum": data(UDP_ZERO_CSUM6_RX=1, **BASE)}.items():
    for up in (False, True):
        @case(f"two/{name}/{state(up)}", up=up)
        def _(trial, attrs=attrs, up=up):
            trial.add("add", entry(10, 12))
            trial.create("second", attrs, name="vx1", up=up)
            if trial.outcome["second"]["errno"] != "ok":
                return
            trial.show("made")
            trial.add("taken", entry(12), name="vx1")
            trial.add("range", entry(8, 10), name="vx1")
            trial.show("tried")
            trial.add("free", entry(20, 22), name="vx1")
            trial.delete("delete", entry(12))
            trial.add("now", entry(12), name="vx1")

for name, attrs in {
        "id-taken": data(ID=10, **BASE), "id-free": data(ID=20, **BASE),
        "no-filter": data(ID=10, PORT=PORT),
        "external": data(COLLECT_METADATA=1, PORT=PORT)}.items():
    @case(f"create/{name}")
    def _(trial, attrs=attrs):
        trial.add("add", entry(10, 12))
        trial.create("second", attrs, name="vx1")
        trial.set("up", up=True)
        trial.set("second-up", up=True, name="vx1")

@case("dump/two", "group")
def _(trial):
    trial.create("second", SECOND, name="vx1")
    trial.create("third", data(ID=5, PORT=1), name="vx2")
    trial.create("fourth", data(**{**BASE, "PORT": 4795}), name="vx3")
    trial.add("add", entry(10, 12), entry(13, group="239.2.2.2"))
    trial.add("add-second", entry(1, 5, "239.2.2.2"), name="vx1")
    trial.dump("all")
    trial.dump("stats", FLAG_STATS)
    trial.dump("one", index=trial.host.rtnl.index("vx1"))
    trial.dump("without", index=trial.host.rtnl.index("vx2"))
    trial.dump("empty", index=trial.host.rtnl.index("vx3"))
    trial.dump("other", index=trial.host.rtnl.index("eth0"))
    trial.dump("missing", index=9999)

for count in (100, 1000):
    @case(f"dump/long/{count}")
    def _(trial, count=count):
        for start in range(1, count, 100):
            trial.add("add", *[
                entry(n, group=f"10.1.{n >> 8}.{n & 255}")
                for n in range(start, start + 100)])
        trial.dump("plain")
        trial.dump("stats", FLAG_STATS)

for flags in (1, 2, 3, 0x80, 0xff):
    @case(f"dump/flags/{flags:x}")
    def _(trial, flags=flags):
        trial.add("add", entry(10, 12))
        trial.dump("dump", flags)

for size in (1, 4, 7, 12):
    @case(f"dump/header/{size}")
    def _(trial, size=size):
        trial.add("add", entry(10, 12))
        trial.dump("dump", header=(tunnel_msg() + bytes(8))[:size])

# ---- refused

for kind, word in ((NEW, "add"), (DEL, "delete")):
    for name, attrs in {
            "nothing": [], "empty": [(ENTRY, [])],
            "zero": [entry(0)], "zeros": [entry(0, 0)],
            "group-only": [(ENTRY, [(GROUP, ip("239.1.1.1"))])],
            "not-nested": [(ENTRY, pack_attrs([(START, u32(10))]))],
            "unknown": [(2, u32(1))], "unknown-too": [(2, u32(1)), entry(10)],
            "inside-unknown": [(ENTRY, [(START, u32(10)), (9, u32(1))])],
            "inside-stats": [(ENTRY, [(START, u32(10)), (5, b"")])],
            "start-1": [(ENTRY, [(START, u8(10))])],
            "start-2": [(ENTRY, [(START, u16(10))])],
            "start-8": [(ENTRY, [(START, u32(10) + bytes(4))])],
            "end-2": [(ENTRY, [(START, u32(10)), (END, u16(10))])],
            "group-3": [(ENTRY, [(START, u32(10)), (GROUP, b"\1\2\3")])],
            "group-16": [(ENTRY, [(START, u32(10)), (GROUP, ip("ff05::1"))])],
            "group6-4": [(ENTRY, [(START, u32(10)),
                                  (GROUP6, be32(0xef010101))])],
            "group6-15": [(ENTRY, [(START, u32(10)), (GROUP6, bytes(15))])],
            "two-groups": [(ENTRY, [(START, u32(10)),
                                    (GROUP, ip("239.1.1.1")),
                                    (GROUP6, ip("ff05::1"))])],
            "inverted": [entry(10, 5)],
            "inverted-second": [entry(20), entry(10, 5)],
            "too-high": [entry(1 << 24)],
            "too-high-end": [entry(0xffffff, 1 << 24)],
            "second-empty": [entry(20), (ENTRY, [])]}.items():
        @case(f"refused/{word}/{name}")
        def _(trial, kind=kind, attrs=attrs):
            if kind == DEL:
                trial.add("before", entry(10, 20))
                trial.show("before")
            trial.send("request", kind, attrs)

    @case(f"refused/{word}/no-lower", "no-lower")
    def _(trial, kind=kind):
        trial.add("before", entry(10))
        trial.send("request", kind, [entry(10, group="239.1.1.1")])
        trial.send("six", kind, [entry(10, group="ff05::1")])

    @case(f"refused/{word}/devices")
    def _(trial, kind=kind):
        trial.create("plain", data(ID=5, PORT=1), name="vx1")
        trial.create("external", data(COLLECT_METADATA=1, PORT=2),
                     name="vx2")
        for name in ("vx1", "vx2", "eth0", "lo", 0, 9999):
            trial.send(f"on-{name}", kind, [entry(10)], name)

    for size in (0, 4, 7, 9):
        @case(f"refused/{word}/header/{size}")
        def _(trial, kind=kind, size=size):
            whole = tunnel_msg(trial.host.rtnl.index(DEV)) + bytes(8)
            trial.send("request", kind, [], header=whole[:size])

    @case(f"refused/{word}/flags")
    def _(trial, kind=kind):
        index = trial.host.rtnl.index(DEV)
        trial.send("flags", kind, [entry(10)], header=tunnel_msg(index, 0xff))
        trial.send("excl", kind, [entry(10)],
                   flags=d.NLM_F_CREATE | d.NLM_F_EXCL)

@case("refused/get")
def _(trial):
    trial.add("add", entry(10))
    trial.send("request", GET, [])

# ---- entries of somebody else

for up in (False, True):
    @case(f"fdb/appended/{state(up)}", "group", up)
    def _(trial):
        trial.add("add", entry(10))
        trial.neigh("append", d.RTM_NEWNEIGH, [
            (d.NDA_LLADDR, mac("00:00:00:00:00:00")),
            (d.NDA_DST, ip("10.0.0.7")), (d.NDA_SRC_VNI, u32(10))],
            d.NUD_PERMANENT, nl_flags=d.NLM_F_CREATE | d.NLM_F_APPEND)
        trial.show("appended")
        trial.change("change", data(GROUP="239.3.3.3"))
        trial.show("changed")
        trial.delete("delete", entry(10))

    @case(f"fdb/removed/{state(up)}", "group", up)
    def _(trial):
        trial.add("add", entry(10))
        trial.neigh("remove", d.RTM_DELNEIGH, [
            (d.NDA_LLADDR, mac("00:00:00:00:00:00")),
            (d.NDA_SRC_VNI, u32(10))])
        trial.show("removed")
        trial.change("change", data(GROUP="239.3.3.3"))
        trial.show("changed")
        trial.delete("delete", entry(10))
