# SPDX-License-Identifier: GPL-2.0
"""External devices: their making and changing, and a table of all VNIs.

NDA_SRC_VNI is half of the key there; NDA_VNI what goes on the wire.
"""

from itertools import product

from case import Case
from lab import DEV, Trial
from lib import nldefs as d
from lib.linkattr import data
from lib.nl import be16, ip, mac, u16, u32
from table import (APPEND, CREATE, DYNAMIC, EXCL, MACS, OPERATIONS, PORT,
                   REPLACE, attrs, collector)

CASES = []
case = collector(CASES)
EXTERNAL = {"PORT": PORT, "COLLECT_METADATA": 1}
DST = {"external": "10.0.0.2", "external6": "fd00::2"}
OTHER = {"external": "10.0.0.3", "external6": "fd00::3"}


def trial(name, row="1.2 COLLECT_METADATA", **options):
    """The decorated function gets a Trial."""
    def wrap(function):
        def run(kind):
            with Trial(kind) as made:
                function(made)
            return made.outcome
        CASES.append(Case(name, row, run, **options))
        return function
    return wrap


# ---- what is added under which VNI

for device, address, src_vni, vni in product(
        DST, ("unicast", "zero", "multicast"),
        (None, 0, 5, 0xffffff, 0x1000000), (None, 0, 6)):
    @case(f"fdb/external/add/{device}/{address}/src-{src_vni}/vni-{vni}",
          "1.3 defaults", device)
    def _(table, address=address, src_vni=src_vni, vni=vni):
        dst = DST[table.device]
        table.add("request", MACS[address], dst, src_vni=src_vni, vni=vni)
        table.show("after")
        table.get("get", attrs(MACS[address], vni=src_vni))
        table.delete("delete", MACS[address], dst, src_vni=src_vni, vni=vni)
        table.show("end")

for operation, address, before, asked in product(
        OPERATIONS, ("unicast", "zero"), (5, 6),
        ("same", "other", "other-vni")):
    @case(f"fdb/external/table/{operation}/{address}/"
          f"{'there' if before == 5 else 'of-another'}/{asked}",
          "1.3 flags", "external")
    def _(table, operation=operation, address=address, before=before,
          asked=asked):
        table.add("before", MACS[address], "10.0.0.2", src_vni=before)
        table.notifications("before-told")
        words = {"vni": 9} if asked == "other-vni" else {}
        table.add("request", MACS[address],
                  "10.0.0.3" if asked == "other" else "10.0.0.2", src_vni=5,
                  nl_flags=OPERATIONS[operation], **words)
        table.show("after")

for word, value in (("port", 4789), ("port", 0), ("via", "eth0"),
                    ("via", "eth1"), ("state", DYNAMIC)):
    @case(f"fdb/external/value/{word}/{value}", "1.3 defaults", "external")
    def _(table, word=word, value=value):
        number = table.host.rtnl.index(value) if isinstance(value, str) \
            else value
        table.add("request", MACS["unicast"], "10.0.0.2", src_vni=5,
                  **{word: number})
        table.show("after")
        table.add("again", MACS["unicast"], "10.0.0.2", src_vni=5,
                  nl_flags=CREATE | REPLACE, **{word: number})
        table.show("end")

for device, dst in product(DST, ("10.0.0.2", "fd00::2", "0.0.0.0", "::",
                                 "239.1.1.1", "ff05::1", "fe80::2",
                                 "127.0.0.1", "::1")):
    @case(f"fdb/external/dst/{device}/{dst.replace(':', '_')}",
          "1.3 add: destination", device)
    def _(table, dst=dst):
        table.add("request", MACS["unicast"], dst, src_vni=5)
        table.show("after")
        table.add("flood", MACS["zero"], dst, src_vni=5,
                  nl_flags=CREATE | APPEND)
        table.show("flood-after")
        table.delete("delete", MACS["unicast"], dst, src_vni=5)
        table.show("end")

# ---- deleting and asking

VNIS = (5, 6, 0)


def filled(table):
    """One MAC in three VNIs, two remotes to flood to in each."""
    for vni in VNIS:
        table.add(f"add{vni}", MACS["unicast"], "10.0.0.2", src_vni=vni)
        for dst in ("10.0.0.2", "10.0.0.3"):
            table.add(f"append{vni}-{dst}", MACS["zero"], dst, src_vni=vni,
                      nl_flags=CREATE | APPEND)
    table.notifications("filled-told")


for address, src_vni, dst in product(
        ("unicast", "zero"), (None, 0, 5, 6, 7),
        (None, "10.0.0.2", "10.0.0.3", "10.0.0.9", "0.0.0.0")):
    @case(f"fdb/external/delete/{address}/src-{src_vni}/{dst or 'all'}",
          "1.3 delete", "external")
    def _(table, address=address, src_vni=src_vni, dst=dst):
        filled(table)
        table.delete("delete", MACS[address], dst, src_vni=src_vni)
        table.show("end")

for vni in (None, 0, 5, 6, 7, 0xffffff, 0x1000005):
    @case(f"fdb/external/get/vni-{vni}", "1.3 get", "external")
    def _(table, vni=vni):
        filled(table)
        table.get("unicast", attrs(MACS["unicast"], vni=vni))
        table.get("flood", attrs(MACS["zero"], vni=vni))
        table.get("src-vni", attrs(MACS["unicast"], src_vni=vni or 0))


@case("fdb/external/dump", "1.3 dump", "external")
def _(table):
    filled(table)
    table.fdb("dump")
    table.create("second", data(ID=7, PORT=PORT), name="vx1")
    table.fdb("second-dump", "vx1")


for device in DST:
    @case(f"fdb/external/message/{device}", "1.3 message", device)
    def _(table):
        """Which attributes a message has: VNI and port only if they differ."""
        for number, words in enumerate((
                {}, {"src_vni": 5}, {"src_vni": 5, "vni": 5},
                {"src_vni": 6, "vni": 5}, {"src_vni": 7, "vni": 0},
                {"src_vni": 8, "port": PORT}, {"src_vni": 9, "port": 99})):
            table.add(f"add{number}", MACS["unicast"], DST[table.device],
                      nl_flags=CREATE | EXCL, **words)
        table.show("after")


@case("fdb/external/down", "1.3 down", "external", up=True)
def _(table):
    filled(table)
    table.add("dynamic", MACS["unicast"], "10.0.0.2", src_vni=8,
              state=DYNAMIC)
    table.notifications("dynamic-told")
    table.set("down", up=False)
    table.show("after")


@case("fdb/external/deleted", "1.3 down", "external")
def _(table):
    filled(table)
    table.step("delete", table.host.rtnl.dellink, DEV)
    table.notifications("told")
    # In which order the entries go is of no interest.
    table.outcome["told"].sort(key=str)


@case("fdb/external/limit", "1.2 LIMIT", "external")
def _(table):
    table.create("limited", data(LIMIT=2, COLLECT_METADATA=1, PORT=4791),
                 name="vx1")
    for vni in (5, 6, 7):
        table.neigh(f"add{vni}", d.RTM_NEWNEIGH, attrs(
            MACS["unicast"], "10.0.0.2", src_vni=vni), d.NUD_PERMANENT,
            d.NTF_SELF, CREATE | EXCL, name="vx1")
    table.fdb("after", "vx1")


# ---- flush

FILTERS = {
    "all": [], "src-5": [(d.NDA_SRC_VNI, u32(5))],
    "src-0": [(d.NDA_SRC_VNI, u32(0))], "src-7": [(d.NDA_SRC_VNI, u32(7))],
    "vni-5": [(d.NDA_VNI, u32(5))], "vni-0": [(d.NDA_VNI, u32(0))],
    "dst": [(d.NDA_DST, ip("10.0.0.3"))],
    "src-and-dst": [(d.NDA_SRC_VNI, u32(5)), (d.NDA_DST, ip("10.0.0.3"))],
    "port": [(d.NDA_PORT, be16(PORT))],
    "other-port": [(d.NDA_PORT, be16(99))],
    "state": [(d.NDA_NDM_STATE_MASK, u16(d.NUD_PERMANENT))]}
for name, given in FILTERS.items():
    @case(f"fdb/flush/external/{name}", "1.3 flush", "external")
    def _(table, name=name, given=given):
        filled(table)
        table.add("other", MACS["multicast"], "10.0.0.2", src_vni=5, vni=9,
                  port=99)
        table.notifications("other-told")
        table.neigh("flush", d.RTM_DELNEIGH, given, d.NUD_PERMANENT
                    if name == "state" else 0, nl_flags=d.NLM_F_BULK)
        table.fdb("after")


# ---- nexthop groups

def groups(table):
    """10: IPv4, 11: IPv6."""
    table.host.ip("nexthop replace id 1 via 10.0.0.2 fdb",
                  "nexthop replace id 2 via fd00::2 fdb",
                  "nexthop replace id 10 group 1 fdb",
                  "nexthop replace id 11 group 2 fdb")


for device, nhid, src_vni in product(DST, (10, 11), (None, 5)):
    @case(f"fdb/external/nexthop/{device}/{nhid}/src-{src_vni}",
          "1.3 nexthop", device)
    def _(table, nhid=nhid, src_vni=src_vni):
        groups(table)
        try:
            table.add("request", MACS["unicast"], nhid=nhid, src_vni=src_vni)
            table.show("after")
            table.delete("delete", MACS["unicast"], src_vni=src_vni)
            table.show("end")
        finally:
            table.host.ip("nexthop flush")


# ---- making

ADDRESSES = {"bare": {}, "v4": {"LOCAL": "10.0.0.1"},
             "v6": {"LOCAL6": "fd00::1"}, "remote": {"GROUP": "10.0.0.9"},
             "remote6": {"GROUP6": "fd00::9"},
             "group": {"GROUP": "239.1.1.1", "LINK": "eth0"},
             "group6": {"GROUP6": "ff05::1", "LINK": "eth0"},
             "group-no-link": {"GROUP": "239.1.1.1"},
             "link-local": {"LOCAL6": "fe80::1", "LINK": "eth0"},
             "mixed": {"LOCAL6": "fd00::1", "GROUP6": "fe80::9",
                       "LINK": "eth0"},
             "link": {"LINK": "eth1"}, "id": {"ID": 5},
             "range": {"PORT_RANGE": (3000, 4000)}, "limit": {"LIMIT": 9},
             "ttl": {"TTL": 9, "TOS": 1, "DF": 2},
             "label": {"LOCAL6": "fd00::1", "LABEL": 7},
             "gbp": {"GBP": True}, "everything": {
                 "ID": 5, "GROUP": "10.0.0.9", "LOCAL": "10.0.0.1",
                 "LINK": "eth0", "PROXY": 1, "RSC": 1, "L2MISS": 1,
                 "L3MISS": 1, "LEARNING": 0, "GBP": True,
                 "UDP_ZERO_CSUM6_RX": 1}}
for name, words in ADDRESSES.items():
    @trial(f"link/external/made/{name}")
    def _(lab, words=words):
        if not lab.create("create", data(**EXTERNAL, **words), up=True):
            return
        lab.link("dump")
        lab.fdb("fdb")
        lab.change("again", data(**EXTERNAL, **words))
        lab.link("end")

    @trial(f"link/external/not/{name}")
    def _(lab, words=words):
        """The attribute is there and says no."""
        lab.create("create", data(ID=5, PORT=PORT, COLLECT_METADATA=0, **{
            key: value for key, value in words.items() if key != "ID"}))
        lab.link("dump")

for mtu in (67, 68, 1400, 1450, 1451, 9000, 65535):
    for link in (None, "eth0"):
        @trial(f"link/external/mtu/{mtu}/{link or 'no-dev'}", "1.2 IFLA_MTU")
        def _(lab, mtu=mtu, link=link):
            lab.create("create", data(**EXTERNAL, **(
                {"LINK": link} if link else {})), [(d.IFLA_MTU, u32(mtu))])
            lab.link("dump")


# ---- changing

CHANGES = {
    "TTL": 9, "TOS": 4, "DF": 1, "LEARNING": 0, "AGEING": 60,
    "GROUP": "10.0.0.9", "GROUP6": "fd00::9", "LOCAL": "10.0.0.1",
    "LOCAL6": "fd00::1", "LINK": "eth0", "LABEL": 7, "ID": 5, "PORT": 4791,
    "COLLECT_METADATA": 0, "GBP": True, "PROXY": 1, "LIMIT": 5,
    "UDP_CSUM": 0, "PORT_RANGE": (1, 2), "TTL_INHERIT": True}
for name, value in CHANGES.items():
    for up in (True, False):
        @trial(f"link/external/change/{name}/{'up' if up else 'down'}",
               f"1.2 {name}")
        def _(lab, name=name, value=value, up=up):
            lab.create("create", data(**EXTERNAL), up=up)
            lab.change("change", data(**{name: value}))
            lab.link("changed")
            lab.fdb("fdb")

for before, after in product(("10.0.0.9", "239.1.1.1", "0.0.0.0"), repeat=2):
    @case(f"fdb/external/remote/{before}/{after}", "1.2 default FDB",
          "external")
    def _(table, before=before, after=after):
        """The default entry is that of VNI 0, beside those of others."""
        table.add("flood", MACS["zero"], "10.0.0.2", src_vni=5)
        table.change("first", data(GROUP=before, LINK="eth0"))
        table.show("before")
        table.change("second", data(GROUP=after))
        table.show("after")


# ---- several of one port

PAIRS = {
    "same": ({}, {}), "ids": ({"ID": 5}, {"ID": 6}),
    "one-id": ({}, {"ID": 6}), "families": (
        {"LOCAL": "10.0.0.1"}, {"LOCAL6": "fd00::1"}),
    "families-back": ({"LOCAL6": "fd00::1"}, {"LOCAL": "10.0.0.1"}),
    "gbp": ({}, {"GBP": True}), "gbp-families": (
        {"LOCAL6": "fd00::1"}, {"GBP": True}),
    "zero-csum": ({}, {"UDP_ZERO_CSUM6_RX": 1}),
    "ports": ({}, {"PORT": 4791}), "links": (
        {"LINK": "eth0"}, {"LINK": "eth1"}),
    "plain": ({}, {"COLLECT_METADATA": 0, "ID": 5}),
    "plain-0": ({}, {"COLLECT_METADATA": 0, "ID": 0})}
for name, (first, second) in PAIRS.items():
    for up in (True, False):
        @trial(f"link/external/pair/{name}/{'up' if up else 'down'}",
               "1.2 uniqueness")
        def _(lab, first=first, second=second, up=up):
            lab.create("first", data(**{**EXTERNAL, **first}), up=up)
            lab.create("second", data(**{**EXTERNAL, **second}), name="vx1",
                       extra=[(d.IFLA_ADDRESS, mac("02:00:00:00:00:09"))])
            lab.set("second-up", up=True, name="vx1")
            lab.set("first-up", up=True)
            lab.set("second-down", up=False, name="vx1")
            lab.set("second-again", up=True, name="vx1")
            lab.link("second-dump", "vx1")
