# SPDX-License-Identifier: GPL-2.0
"""RTM_NEWNEIGH: what is added, appended, replaced, and what is refused.

    fdb/table/<before>/<operation>/<address>/<what is asked for>

runs through all combinations; the others are about one attribute or field.
"""

from itertools import product

from lab import DEV
from lib import nldefs as d
from lib.linkattr import data
from lib.nl import mac, u16, u32
from table import (CREATE, DYNAMIC, EXCL, MACS, OPERATIONS, PERMANENT, PORT,
                   REPLACE, APPEND, STATIC, attrs, collector)

CASES = []
case = collector(CASES)

# ---- all combinations

BEFORE = {"missing": [], "one": [{"dst": "10.0.0.2"}],
          "two": [{"dst": "10.0.0.2"}, {"dst": "10.0.0.3"}],
          "dynamic": [{"dst": "10.0.0.2", "state": DYNAMIC}]}
ASKED = {"same": {"dst": "10.0.0.2"}, "other": {"dst": "10.0.0.4"},
         "port": {"dst": "10.0.0.2", "port": 4791},
         "vni": {"dst": "10.0.0.2", "vni": 6},
         "static": {"dst": "10.0.0.2", "state": STATIC},
         "no-dst": {}}

for before, operation, address, asked in product(BEFORE, OPERATIONS, MACS,
                                                 ASKED):
    if (before, address) in (("two", "unicast"), ("dynamic", "broadcast")):
        continue
    if asked in ("port", "vni", "static") and operation in (
            "append-excl", "append-replace", "replace-only"):
        continue

    @case(f"fdb/table/{before}/{operation}/{address}/{asked}", "1.3 flags")
    def _(table, before=before, operation=operation, address=address,
          asked=asked):
        for number, words in enumerate(BEFORE[before]):
            table.add(f"before{number}", MACS[address],
                      nl_flags=CREATE | APPEND, **words)
        table.notifications("before-told")
        table.add("request", MACS[address], nl_flags=OPERATIONS[operation],
                  **ASKED[asked])
        table.show("after")

# ---- state and flags of the message

for state in (0, 1, 2, 4, 8, 16, 32, 64, 128, 0x42, 0x82, 0xc0, 0xc2, 0xff,
              0x100, 0xffff):
    @case(f"fdb/state/new/{state:#x}", "1.3 add: state")
    def _(table, state=state):
        table.add("request", MACS["unicast"], "10.0.0.2", state=state)
        table.show("after")

    @case(f"fdb/state/change/{state:#x}", "1.3 add: state")
    def _(table, state=state):
        table.add("before", MACS["unicast"], "10.0.0.2")
        table.add("request", MACS["unicast"], "10.0.0.2", state=state,
                  nl_flags=CREATE | REPLACE)
        table.show("after")

    @case(f"fdb/state/from/{state:#x}", "1.3 add: state")
    def _(table, state=state):
        """An entry of this state becomes a permanent one without REPLACE."""
        table.add("before", MACS["unicast"], "10.0.0.2", state=state)
        table.add("request", MACS["unicast"], "10.0.0.2", nl_flags=CREATE)
        table.show("after")

for bit in range(8):
    for self_too in (0, d.NTF_SELF):
        @case(f"fdb/flags/new/{1 << bit:#x}{'-self' if self_too else ''}",
              "1.3 ownership")
        def _(table, flags=1 << bit | self_too):
            table.add("request", MACS["unicast"], "10.0.0.2", flags=flags)
            table.show("after")

        @case(f"fdb/flags/change/{1 << bit:#x}{'-self' if self_too else ''}",
              "1.3 ownership")
        def _(table, flags=1 << bit | self_too):
            table.add("before", MACS["unicast"], "10.0.0.2")
            table.add("request", MACS["unicast"], "10.0.0.2", flags=flags,
                      nl_flags=CREATE | REPLACE)
            table.show("after")

    @case(f"fdb/flags/taken-back/{1 << bit:#x}", "1.3 ownership")
    def _(table, flags=1 << bit | d.NTF_SELF):
        table.add("before", MACS["unicast"], "10.0.0.2", flags=flags)
        table.add("request", MACS["unicast"], "10.0.0.2",
                  nl_flags=CREATE | REPLACE)
        table.show("after")

OWNERS = {"user": d.NTF_SELF, "protocol": d.NTF_SELF | d.NTF_EXT_LEARNED,
          "router": d.NTF_SELF | d.NTF_ROUTER,
          "protocol-use": d.NTF_SELF | d.NTF_EXT_LEARNED | d.NTF_USE,
          "sticky": d.NTF_SELF | d.NTF_STICKY}
for first, second, state, nl_flags in product(
        OWNERS, OWNERS, (PERMANENT, DYNAMIC), ("create", "replace")):
    for dst in ("10.0.0.2", "10.0.0.3"):
        @case(f"fdb/owner/{first}/{second}/{state:#x}/{nl_flags}/"
              f"{'same' if dst == '10.0.0.2' else 'other'}", "1.3 ownership")
        def _(table, first=first, second=second, state=state,
              nl_flags=nl_flags, dst=dst):
            table.add("before", MACS["unicast"], "10.0.0.2",
                      flags=OWNERS[first])
            table.notifications("before-told")
            table.add("request", MACS["unicast"], dst, state=state,
                      flags=OWNERS[second], nl_flags=OPERATIONS[nl_flags])
            table.show("after")

for value in (0, 1, 2, 3, 0xffffffff):
    @case(f"fdb/flags-ext/{value:#x}", "1.3 ownership")
    def _(table, value=value):
        table.raw("request", [*attrs(MACS["unicast"], "10.0.0.2"),
                              (d.NDA_FLAGS_EXT, u32(value))])
        table.show("after")

# ---- attributes

LENGTHS = {
    d.NDA_DST: (0, 1, 3, 4, 5, 8, 15, 16, 17, 20),
    d.NDA_LLADDR: (0, 1, 5, 6, 7, 8, 20), d.NDA_PORT: (0, 1, 2, 3, 4),
    d.NDA_VNI: (0, 1, 3, 4, 5, 8), d.NDA_SRC_VNI: (0, 1, 3, 4, 5, 8),
    d.NDA_IFINDEX: (0, 1, 3, 4, 5, 8), d.NDA_NH_ID: (0, 1, 3, 4, 5, 8),
    d.NDA_VLAN: (0, 1, 2, 3, 4), d.NDA_CACHEINFO: (0, 4, 16),
    d.NDA_PROBES: (0, 4), d.NDA_MASTER: (0, 4), d.NDA_PROTOCOL: (0, 1, 2),
    d.NDA_LINK_NETNSID: (0, 4), d.NDA_FDB_EXT_ATTRS: (0, 4),
    d.NDA_FLAGS_EXT: (0, 3, 5), d.NDA_NDM_STATE_MASK: (0, 2),
    d.NDA_NDM_FLAGS_MASK: (0, 1), 18: (0, 4), 60: (0, 4)}
NDA = {getattr(d, name): name[4:] for name in dir(d) if name[:4] == "NDA_"}
ROW_OF = {d.NDA_LLADDR: "1.3 core checks", d.NDA_VLAN: "1.3 core checks",
          d.NDA_NH_ID: "1.3 nexthop"}

for number, lengths in LENGTHS.items():
    for length in lengths:
        for operation, device in (("add", "v4"), ("add", "v6"),
                                  ("delete", "v4")):
            @case(f"fdb/length/{NDA.get(number, number)}/{length}/"
                  f"{operation}-{device}",
                  ROW_OF.get(number, "1.3 add: destination"), device)
            def _(table, number=number, length=length, operation=operation):
                dst = "10.0.0.2" if table.device == "v4" else "fd00::2"
                given = [pair for pair in attrs(MACS["unicast"], dst)
                         if pair[0] != number]
                given.append((number, (b"\2" + bytes(19))[:length]))
                if operation == "delete":
                    table.add("before", MACS["unicast"], dst)
                    table.neigh("request", d.RTM_DELNEIGH, given)
                else:
                    table.raw("request", given)
                table.show("after")

VALUES = {
    "port": (0, 1, PORT, 4791, 65535),
    "vni": (0, 5, 6, 0xffffff, 0x1000000, 0xffffffff),
    "src_vni": (0, 5, 6, 0xffffff, 0x1000000, 0xffffffff),
    "via": (0, "eth0", "eth1", DEV, "lo", 0x7ffffff0, 0xffffffff)}
for word, values in VALUES.items():
    for value in values:
        @case(f"fdb/value/{word}/{value}", "1.3 defaults")
        def _(table, word=word, value=value):
            number = table.host.rtnl.index(value) if isinstance(value, str) \
                else value
            table.add("request", MACS["unicast"], "10.0.0.2",
                      **{word: number})
            table.show("after")
            table.get("get", attrs(MACS["unicast"]))
            table.add("again", MACS["unicast"], "10.0.0.2",
                      nl_flags=CREATE | REPLACE, **{word: number})
            table.show("again-after")
            table.delete("delete", MACS["unicast"], "10.0.0.2",
                         **{word: number})
            table.show("end")

        @case(f"fdb/flood/{word}/{value}", "1.3 defaults", "remote")
        def _(table, word=word, value=value):
            """One more remote of the flood list, and out again."""
            number = table.host.rtnl.index(value) if isinstance(value, str) \
                else value
            table.add("request", MACS["zero"], "10.0.0.9",
                      nl_flags=CREATE | APPEND, **{word: number})
            table.show("after")
            table.delete("delete", MACS["zero"], "10.0.0.9",
                         **{word: number})
            table.show("end")

for device, dst in product(("v4", "v6", "remote", "group"), (
        "10.0.0.2", "0.0.0.0", "255.255.255.255", "239.1.1.2", "127.0.0.1",
        "fd00::2", "::", "fe80::2", "ff02::2", "::ffff:10.0.0.2", "::1")):
    for address in ("unicast", "zero"):
        @case(f"fdb/dst/{device}/{dst.replace(':', '_')}/{address}",
              "1.3 add: destination", device)
        def _(table, dst=dst, address=address):
            table.add("request", MACS[address], dst,
                      nl_flags=CREATE | APPEND)
            table.show("after")
            table.delete("delete", MACS[address], dst)
            table.show("end")

for name, address in {
        "own": None, "all-ones-but-one": "fe:ff:ff:ff:ff:ff",
        "pause": "01:80:c2:00:00:01", "local": "06:00:00:00:00:01"}.items():
    @case(f"fdb/mac/{name}", "1.3 add: destination")
    def _(table, address=address):
        if address is None:
            table.set("address", extra=[(d.IFLA_ADDRESS,
                                         mac("02:00:00:00:00:77"))])
            address = "02:00:00:00:00:77"
        table.add("request", address, "10.0.0.2")
        table.show("after")


# ---- core checks

@case("fdb/core/ifindex-0", "1.3 core checks")
def _(table):
    table.neigh("request", d.RTM_NEWNEIGH, attrs(MACS["unicast"], "10.0.0.2"),
                PERMANENT, d.NTF_SELF, CREATE | EXCL, name=0)


@case("fdb/core/ifindex-unknown", "1.3 core checks")
def _(table):
    table.neigh("request", d.RTM_NEWNEIGH, attrs(MACS["unicast"], "10.0.0.2"),
                PERMANENT, d.NTF_SELF, CREATE | EXCL, name=0x7ffffff0)


@case("fdb/core/no-lladdr", "1.3 core checks")
def _(table):
    table.add("request", None, "10.0.0.2")
    table.delete("delete", None, "10.0.0.2")


for flags in (0, d.NTF_MASTER, d.NTF_SELF | d.NTF_MASTER):
    @case(f"fdb/core/not-a-port/{flags}", "1.3 core checks")
    def _(table, flags=flags):
        table.add("request", MACS["unicast"], "10.0.0.2", flags=flags)
        table.show("after")
        table.delete("delete", MACS["unicast"], flags=flags)
        table.show("end")

    @case(f"fdb/core/bridge-port/{flags}", "1.3 core checks")
    def _(table, flags=flags):
        table.enslave()
        table.notifications("port-told")
        table.add("request", MACS["unicast"], "10.0.0.2", flags=flags)
        table.fdb("after")
        table.delete("delete", MACS["unicast"], flags=flags)
        table.fdb("end")
        table.notifications("end-told")

for vlan in (0, 1, 100, 4094, 4095, 4096):
    @case(f"fdb/core/vlan/{vlan}", "1.3 core checks")
    def _(table, vlan=vlan):
        table.raw("request", [*attrs(MACS["unicast"], "10.0.0.2"),
                              (d.NDA_VLAN, u16(vlan))])
        table.show("after")
        table.neigh("delete", d.RTM_DELNEIGH, [*attrs(MACS["unicast"]),
                                               (d.NDA_VLAN, u16(vlan))])
        table.show("end")


@case("fdb/core/short-header", "1.3 core checks")
def _(table):
    table.step("request", table.host.rtnl.request, d.RTM_NEWNEIGH,
               CREATE | EXCL, b"\7\0\0\0")


# ---- limits

@case("fdb/limit/entries", "1.2 LIMIT", "limit")
def _(table):
    """Entries are counted, remotes are not."""
    for number in range(4):
        table.add(f"add{number}", f"02:00:00:00:aa:0{number}", "10.0.0.2")
    table.show("after")
    table.delete("delete", "02:00:00:00:aa:00")
    table.add("again", "02:00:00:00:aa:05", "10.0.0.2")
    table.add("one-more", "02:00:00:00:aa:06", "10.0.0.2")
    table.add("replace", "02:00:00:00:aa:05", "10.0.0.3",
              nl_flags=CREATE | REPLACE)
    table.show("end")


@case("fdb/limit/remotes", "1.2 LIMIT", "limit")
def _(table):
    for number in range(2, 6):
        table.add(f"append{number}", MACS["zero"], f"10.0.0.{number}",
                  nl_flags=CREATE | APPEND)
    table.add("second", MACS["unicast"], "10.0.0.2")
    table.add("third", MACS["multicast"], "10.0.0.2")
    table.show("after")


@case("fdb/limit/default-entry", "1.2 LIMIT")
def _(table):
    """Does the entry of the remote itself count?"""
    table.create("limited", data(ID=6, PORT=PORT, LIMIT=1, GROUP="10.0.0.9"),
                 name="vx1")
    for number in range(3):
        table.neigh(f"add{number}", d.RTM_NEWNEIGH,
                    attrs(f"02:00:00:00:aa:0{number}", "10.0.0.2"), PERMANENT,
                    d.NTF_SELF, CREATE | EXCL, name="vx1")
    table.fdb("after", "vx1")
    table.change("remote", data(GROUP="10.0.0.10"), name="vx1")
    table.fdb("end", "vx1")
