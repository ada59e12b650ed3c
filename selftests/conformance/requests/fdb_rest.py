# SPDX-License-Identifier: GPL-2.0
"""RTM_DELNEIGH, RTM_GETNEIGH, dumps, and what becomes of entries by itself."""

from itertools import product

from lab import DEV
from lib import nldefs as d
from lib import nl
from lib.linkattr import data
from lib.nl import be16, ip, mac, u32
from table import (APPEND, CREATE, DYNAMIC, MACS, PERMANENT, PORT, REPLACE,
                   STATIC, attrs, collector)

CASES = []
case = collector(CASES)

# ---- delete

HELD = {
    "none": [], "one": [{"dst": "10.0.0.2"}],
    "three": [{"dst": "10.0.0.2"}, {"dst": "10.0.0.3"}, {"dst": "10.0.0.4"}],
    "ports": [{"dst": "10.0.0.2"}, {"dst": "10.0.0.2", "port": 4791}],
    "vnis": [{"dst": "10.0.0.2"}, {"dst": "10.0.0.2", "vni": 6}]}
DELETED = {
    "entry": {}, "first": {"dst": "10.0.0.2"}, "last": {"dst": "10.0.0.4"},
    "other": {"dst": "10.0.0.99"}, "port": {"dst": "10.0.0.2", "port": 4791},
    "own-port": {"dst": "10.0.0.2", "port": PORT},
    "vni": {"dst": "10.0.0.2", "vni": 6},
    "own-vni": {"dst": "10.0.0.2", "vni": 5},
    "port-only": {"port": 4791}, "vni-only": {"vni": 6},
    "any": {"dst": "0.0.0.0"}, "family": {"dst": "fd00::2"},
    "src-vni": {"src_vni": 5}, "other-src-vni": {"src_vni": 6}}

for held, deleted, address in product(HELD, DELETED, MACS):
    if address == "broadcast" or len(HELD[held]) > 1 and address == "unicast":
        continue

    @case(f"fdb/delete/{held}/{deleted}/{address}", "1.3 delete")
    def _(table, held=held, deleted=deleted, address=address):
        for number, words in enumerate(HELD[held]):
            table.add(f"before{number}", MACS[address],
                      nl_flags=CREATE | APPEND, **words)
        table.notifications("before-told")
        table.delete("delete", MACS[address], **DELETED[deleted])
        table.show("after")
        table.delete("again", MACS[address], **DELETED[deleted])
        table.show("end")

for via, asked in product(("eth0", "eth1"), ("eth0", "eth1", None)):
    @case(f"fdb/delete/via-{via}/{asked or 'none'}", "1.3 delete", "v6")
    def _(table, via=via, asked=asked):
        index = table.host.rtnl.index
        for number in (2, 3):
            table.add(f"before{number}", MACS["zero"], f"fe80::{number}",
                      via=index(via), nl_flags=CREATE | APPEND)
        table.delete("delete", MACS["zero"], "fe80::2",
                     via=index(asked) if asked else None)
        table.show("after")

for state, flags in product((0, PERMANENT, DYNAMIC, 0xffff),
                            (d.NTF_SELF, d.NTF_SELF | d.NTF_EXT_LEARNED)):
    @case(f"fdb/delete/header/{state:#x}-{flags:#x}", "1.3 delete")
    def _(table, state=state, flags=flags):
        """What the header says is not looked at."""
        table.add("before", MACS["unicast"], "10.0.0.2")
        table.neigh("delete", d.RTM_DELNEIGH, attrs(MACS["unicast"]), state,
                    flags)
        table.show("after")


@case("fdb/delete/default", "1.2 default FDB", "remote")
def _(table):
    """The entry of the device's own remote."""
    table.fdb("before")
    table.delete("delete", MACS["zero"])
    table.show("after")
    table.link("link")
    table.change("change", data(GROUP="10.0.0.10"))
    table.show("changed")


@case("fdb/delete/default-remote", "1.2 default FDB", "remote")
def _(table):
    table.add("append", MACS["zero"], "10.0.0.10", nl_flags=CREATE | APPEND)
    table.delete("delete", MACS["zero"], "10.0.0.9")
    table.show("after")
    table.change("change", data(GROUP="10.0.0.11"))
    table.show("changed")


# ---- get

GET = {
    "mac": {}, "own-vni": {"vni": 5}, "other-vni": {"vni": 6},
    "big-vni": {"vni": 0x1000005}, "dst": {"dst": "10.0.0.2"},
    "other-dst": {"dst": "10.0.0.99"}, "port": {"port": 1},
    "via": {"via": 1}, "src-vni": {"src_vni": 5}}
for asked, address, held in product(GET, ("unicast", "zero"),
                                    ("none", "one")):
    @case(f"fdb/get/{held}/{asked}/{address}", "1.3 get")
    def _(table, asked=asked, address=address, held=held):
        if held == "one":
            table.add("before", MACS[address], "10.0.0.2")
        table.get("get", attrs(MACS[address], **GET[asked]))


@case("fdb/get/several", "1.3 get")
def _(table):
    """Of several remotes."""
    for number in (2, 3, 4):
        table.add(f"before{number}", MACS["zero"], f"10.0.0.{number}",
                  nl_flags=CREATE | APPEND)
    table.get("get", attrs(MACS["zero"]))


@case("fdb/get/default", "1.3 get", "remote")
def _(table):
    table.get("get", attrs(MACS["zero"]))


@case("fdb/get/overrides", "1.3 get")
def _(table):
    table.add("before", MACS["unicast"], "10.0.0.2", port=4791, vni=6,
              via=table.host.rtnl.index("eth0"))
    table.get("get", attrs(MACS["unicast"]))
    table.get("wire-vni", attrs(MACS["unicast"], vni=6))


for length in (0, 3, 5, 7, 8):
    @case(f"fdb/get/mac-length-{length}", "1.3 get")
    def _(table, length=length):
        table.get("get", [(d.NDA_LLADDR, bytes(length))])
for length in (0, 1, 3, 5, 8):
    @case(f"fdb/get/vni-length-{length}", "1.3 get")
    def _(table, length=length):
        table.add("before", MACS["unicast"], "10.0.0.2")
        table.get("get", [*attrs(MACS["unicast"]),
                          (d.NDA_VNI, (b"\5" + bytes(9))[:length])])
for flags, state in product((0, d.NTF_SELF, d.NTF_MASTER), (0, PERMANENT)):
    @case(f"fdb/get/header/{flags}-{state}", "1.3 get")
    def _(table, flags=flags, state=state):
        table.add("before", MACS["unicast"], "10.0.0.2")
        table.get("get", attrs(MACS["unicast"]), flags, state)


@case("fdb/get/no-mac", "1.3 get")
def _(table):
    table.get("get", [])
    table.get("vni", attrs(None, vni=5))


@case("fdb/get/no-device", "1.3 get")
def _(table):
    table.get("zero", attrs(MACS["unicast"]), dev=0)
    table.get("unknown", attrs(MACS["unicast"]), dev=0x7ffffff0)


@case("fdb/get/strict", "1.3 get")
def _(table):
    """With NETLINK_GET_STRICT_CHK."""
    table.add("before", MACS["unicast"], "10.0.0.2")
    loose = table.host.rtnl
    with nl.Rtnl(table.host, strict=True) as strict:
        table.host.rtnl_socket = strict
        try:
            table.get("get", attrs(MACS["unicast"]))
            table.get("vni", attrs(MACS["unicast"], vni=5))
            table.get("src-vni", attrs(MACS["unicast"], src_vni=5))
            table.get("state", attrs(MACS["unicast"]), state=PERMANENT)
        finally:
            table.host.rtnl_socket = loose


# ---- dump and messages

@case("fdb/dump/many", "1.3 dump")
def _(table):
    """Entries of all sorts, all there once."""
    for number in range(40):
        table.add(f"add{number}", f"02:00:00:00:bb:{number:02x}",
                  f"10.0.0.{number % 7 + 2}", state=(
                      PERMANENT, STATIC, DYNAMIC)[number % 3])
    for number in range(20):
        table.add(f"append{number}", MACS["zero"], f"10.0.1.{number + 1}",
                  nl_flags=CREATE | APPEND)
    table.show("dump")


@case("fdb/dump/of-device", "1.3 dump")
def _(table):
    """The core's filters: device, bridge."""
    rtnl = table.host.rtnl
    table.create("other", data(ID=6, PORT=PORT), name="vx1")
    table.enslave()
    table.add("add", MACS["unicast"], "10.0.0.2")
    table.neigh("add-other", d.RTM_NEWNEIGH,
                attrs(MACS["unicast"], "10.0.0.2"), PERMANENT, d.NTF_SELF,
                CREATE, name="vx1")
    for name, given in {
            "device": [(d.NDA_IFINDEX, u32(rtnl.index(DEV)))],
            "bridge": [(d.NDA_MASTER, u32(rtnl.index("br0")))],
            "both": [(d.NDA_IFINDEX, u32(rtnl.index("vx1"))),
                     (d.NDA_MASTER, u32(rtnl.index("br0")))]}.items():
        with nl.Rtnl(table.host, strict=True) as strict:
            found = [nl.parse_neigh(body) for _, body in strict.request(
                d.RTM_GETNEIGH, d.NLM_F_DUMP, nl.ndmsg(), given)]
        table.outcome[name] = sorted(
            [entry["mac"], entry["dst"] or "", entry["flags"]]
            for entry in found if entry["dst"])


@case("fdb/dump/interrupted-by-change", "1.3 dump")
def _(table):
    """Half a dump, a change, the other half: no entry is there twice."""
    for number in range(200):
        table.host.rtnl.neigh(
            d.RTM_NEWNEIGH, DEV, attrs(f"02:00:00:00:cc:{number:02x}",
                                       "10.0.0.2"), PERMANENT, d.NTF_SELF,
            CREATE)
    found = table.host.rtnl.fdb(DEV)
    table.outcome["count"] = len(found)
    table.outcome["different"] = len({entry["mac"] for entry in found})


@case("fdb/message/v6-via", "1.3 message", "v6")
def _(table):
    table.add("add", MACS["unicast"], "fe80::2", port=1, vni=7,
              via=table.host.rtnl.index("eth0"))
    table.show("dump")


@case("fdb/message/master", "1.3 message")
def _(table):
    """On a bridge port: NDA_MASTER?"""
    table.add("before", MACS["unicast"], "10.0.0.2")
    table.notifications("before-told")
    table.enslave()
    table.notifications("port-told")
    table.add("add", "02:00:00:00:aa:02", "10.0.0.2")
    table.show("dump")
    table.get("get", attrs(MACS["unicast"]))


# ---- what becomes of entries

MIXED = [("02:00:00:00:aa:01", "10.0.0.2", PERMANENT, d.NTF_SELF),
         ("02:00:00:00:aa:02", "10.0.0.3", STATIC, d.NTF_SELF),
         ("02:00:00:00:aa:03", "10.0.0.3", DYNAMIC, d.NTF_SELF),
         ("02:00:00:00:aa:04", "10.0.0.4", DYNAMIC,
          d.NTF_SELF | d.NTF_EXT_LEARNED),
         ("02:00:00:00:aa:05", "10.0.0.4", PERMANENT,
          d.NTF_SELF | d.NTF_ROUTER),
         ("02:00:00:00:aa:06", "10.0.0.4", PERMANENT,
          d.NTF_SELF | d.NTF_EXT_LEARNED),
         ("01:00:5e:00:00:09", "10.0.0.5", PERMANENT, d.NTF_SELF),
         ("01:00:5e:00:00:0a", "10.0.0.5", DYNAMIC, d.NTF_SELF),
         ("00:00:00:00:00:00", "10.0.0.6", PERMANENT, d.NTF_SELF),
         ("00:00:00:00:00:00", "10.0.0.7", DYNAMIC, d.NTF_SELF)]


def fill(table):
    for number, (address, dst, state, flags) in enumerate(MIXED):
        table.add(f"mixed{number}", address, dst, state=state, flags=flags,
                  nl_flags=CREATE | APPEND)
    table.notifications("mixed-told")


def by_address(table, step):
    """The order in which a table is emptied is nobody's business."""
    table.notifications(step)
    table.outcome[step].sort(key=lambda told: (told["mac"], told["dst"]))


for device in ("v4", "remote", "group"):
    @case(f"fdb/down/{device}", "1.3 down", device, up=True)
    def _(table):
        fill(table)
        table.set("down", up=False)
        table.fdb("after")
        by_address(table, "after-told")
        table.set("up", up=True)
        table.show("end")

    @case(f"fdb/device-deleted/{device}", "1.3 down", device)
    def _(table):
        fill(table)
        table.step("delete", table.host.rtnl.dellink, DEV)
        by_address(table, "told")

    for name, attr in {"remote": {"GROUP": "10.0.0.99"},
                       "same-remote": {"GROUP": "10.0.0.9"},
                       "known-remote": {"GROUP": "10.0.0.6"},
                       "no-remote": {"GROUP": "0.0.0.0"},
                       "dev": {"LINK": "eth1"}, "local": {"LOCAL": "10.0.0.1"},
                       "learning": {"LEARNING": 0}, "age": {"AGEING": 1000},
                       "group": {"GROUP": "239.1.1.2", "LINK": "eth0"},
                       "tos": {"TOS": 4}}.items():
        for up in (False, True):
            @case(f"fdb/changelink/{device}/{name}/{'up' if up else 'down'}",
                  "1.2 default FDB", device, up=up)
            def _(table, attr=attr):
                fill(table)
                table.change("change", data(**attr))
                table.show("after")
                table.link("link")
                table.change("back", data(GROUP="10.0.0.9"))
                table.show("end")

for device in ("v4", "v6", "remote", "group"):
    for up in (False, True):
        @case(f"fdb/default/{device}/{'up' if up else 'down'}",
              "1.2 default FDB", device, up=up)
        def _(table):
            """What a new device holds and has told."""
            table.show("made")

for state in (PERMANENT, STATIC, DYNAMIC):
    @case(f"fdb/default/changed-by-user/{state:#x}", "1.2 default FDB",
          "remote", up=True)
    def _(table, state=state):
        table.add("change", MACS["zero"], "10.0.0.9", state=state,
                  nl_flags=CREATE)
        table.add("append", MACS["zero"], "10.0.0.20", state=state,
                  nl_flags=CREATE | APPEND)
        table.show("after")
        table.set("down", up=False)
        table.show("down-after")
        table.change("remote", data(GROUP="10.0.0.30"))
        table.show("end")


@case("fdb/namespace-moved", "1.6 netns", "remote")
def _(table):
    """Entries survive a move of the device."""
    from lab import space
    other = space("other")
    table.add("add", MACS["unicast"], "10.0.0.2")
    table.notifications("add-told")
    table.set("move", extra=[(d.IFLA_NET_NS_FD, u32(other.fd))])
    table.notifications("move-told")
    table.outcome["there"] = sorted(
        [entry["mac"], entry["dst"], entry["state"], sorted(entry["attrs"])]
        for entry in other.rtnl.fdb(DEV))


# ---- flush

FILTERS = {
    "all": ([], 0, 0),
    "src-vni": ([(d.NDA_SRC_VNI, u32(5))], 0, 0),
    "other-src-vni": ([(d.NDA_SRC_VNI, u32(6))], 0, 0),
    "vni": ([(d.NDA_VNI, u32(5))], 0, 0),
    "other-vni": ([(d.NDA_VNI, u32(6))], 0, 0),
    "vni-0": ([(d.NDA_VNI, u32(0))], 0, 0),
    "big-vni": ([(d.NDA_VNI, u32(0x1000005))], 0, 0),
    "port": ([(d.NDA_PORT, be16(PORT))], 0, 0),
    "other-port": ([(d.NDA_PORT, be16(4791))], 0, 0),
    "port-0": ([(d.NDA_PORT, be16(0))], 0, 0),
    "dst": ([(d.NDA_DST, ip("10.0.0.3"))], 0, 0),
    "other-dst": ([(d.NDA_DST, ip("10.0.0.99"))], 0, 0),
    "dst-zero-mac": ([(d.NDA_DST, ip("10.0.0.6"))], 0, 0),
    "dst-family": ([(d.NDA_DST, ip("fd00::2"))], 0, 0),
    "dst-any": ([(d.NDA_DST, ip("0.0.0.0"))], 0, 0),
    "nh-id": ([(d.NDA_NH_ID, u32(1))], 0, 0),
    "nh-id-0": ([(d.NDA_NH_ID, u32(0))], 0, 0),
    "via": ([(d.NDA_IFINDEX, u32(1))], 0, 0),
    "mac": ([(d.NDA_LLADDR, mac(MIXED[0][0]))], 0, 0),
    "vlan": ([(d.NDA_VLAN, b"\1\0")], 0, 0),
    "cacheinfo": ([(d.NDA_CACHEINFO, bytes(16))], 0, 0),
    "unknown": ([(60, u32(1))], 0, 0),
    "permanent-no-mask": ([], d.NUD_PERMANENT, 0),
    "reachable": ([], d.NUD_REACHABLE, 0),
    "stale": ([], d.NUD_STALE, 0),
    "mask-only": ([(d.NDA_NDM_STATE_MASK, b"\x80\0")], 0, 0),
    "use": ([], 0, d.NTF_USE), "proxy": ([], 0, d.NTF_PROXY),
    "sticky": ([], 0, d.NTF_STICKY), "master": ([], 0, d.NTF_MASTER),
    "extern": ([], 0, d.NTF_EXT_LEARNED),
    "two": ([(d.NDA_DST, ip("10.0.0.4")), (d.NDA_VNI, u32(5))], 0, 0),
}
for bits in (d.NUD_PERMANENT, d.NUD_NOARP, d.NUD_REACHABLE,
             d.NUD_PERMANENT | d.NUD_NOARP):
    for wanted in (0, bits):
        FILTERS[f"state-{bits:#x}-is-{wanted:#x}"] = (
            [(d.NDA_NDM_STATE_MASK, nl.u16(bits))], wanted, 0)
for bits in (d.NTF_EXT_LEARNED, d.NTF_ROUTER, d.NTF_OFFLOADED,
             d.NTF_STICKY):
    for wanted in (0, bits):
        FILTERS[f"flag-{bits:#x}-is-{wanted:#x}"] = (
            [(d.NDA_NDM_FLAGS_MASK, nl.u8(bits))], 0, wanted)
for number in (d.NDA_DST, d.NDA_PORT, d.NDA_VNI, d.NDA_SRC_VNI, d.NDA_NH_ID,
               d.NDA_NDM_STATE_MASK, d.NDA_NDM_FLAGS_MASK):
    for length in (0, 1, 2, 3, 5, 8, 17):
        FILTERS[f"length-{number}-{length}"] = (
            [(number, bytes(length))], 0, 0)

for name, (filters, state, flags) in FILTERS.items():
    @case(f"fdb/flush/{name}", "1.3 flush", "remote")
    def _(table, filters=filters, state=state, flags=flags):
        fill(table)
        table.neigh("flush", d.RTM_DELNEIGH, filters, state,
                    flags | d.NTF_SELF, d.NLM_F_BULK)
        table.fdb("after")
        by_address(table, "after-told")


@case("fdb/flush/remotes", "1.3 flush")
def _(table):
    """Of one entry only what matches."""
    for number, (dst, port, vni) in enumerate(product(
            ("10.0.0.2", "10.0.0.3"), (PORT, 4791), (5, 6))):
        table.add(f"add{number}", MACS["zero"], dst, port=port, vni=vni,
                  nl_flags=CREATE | APPEND)
    table.notifications("told")
    for step, given in {"dst": [(d.NDA_DST, ip("10.0.0.2"))],
                        "vni": [(d.NDA_VNI, u32(6))],
                        "port": [(d.NDA_PORT, be16(4791))]}.items():
        table.neigh(step, d.RTM_DELNEIGH, given, 0, d.NTF_SELF, d.NLM_F_BULK)
        table.show(f"{step}-after")


@case("fdb/flush/not-self", "1.3 flush")
def _(table):
    fill(table)
    table.neigh("flush", d.RTM_DELNEIGH, [], 0, 0, d.NLM_F_BULK)
    table.fdb("after")


# ---- notifications that nothing came of

@case("fdb/notify/nothing-changed", "1.3 message")
def _(table):
    """The same once more tells nobody."""
    table.add("add", MACS["unicast"], "10.0.0.2")
    table.notifications("add-told")
    table.add("same", MACS["unicast"], "10.0.0.2", nl_flags=CREATE)
    table.notifications("same-told")
    table.add("replace", MACS["unicast"], "10.0.0.2",
              nl_flags=CREATE | REPLACE)
    table.notifications("replace-told")
    table.add("use", MACS["unicast"], "10.0.0.2", nl_flags=CREATE,
              flags=d.NTF_SELF | d.NTF_USE)
    table.notifications("use-told")
