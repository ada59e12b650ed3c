# SPDX-License-Identifier: GPL-2.0
"""Entries that point to a group of nexthops. The table of a nexthop has one
owner, so the drivers run these one after the other.
"""

from contextlib import contextmanager
from itertools import product

from case import Case
from lib import nl
from lib import nldefs as d
from lib.nexthop import Nexthops
from lib.nl import ip, u32
from table import (APPEND, CREATE, DYNAMIC, EXCL, MACS, OPERATIONS, PERMANENT,
                   REPLACE, STATIC, Table, attrs)

CASES = []
#: Nexthops of the host. A group of VTEPs, another one, one of IPv6, one VTEP
#: that is no group, a group of routes, one that is not there.
GROUPS = {"group": 10, "second": 11, "v6": 30, "single": 2, "routes": 20,
          "missing": 99, "zero": 0}
MAC = MACS["unicast"]


@contextmanager
def nexthops(host):
    made = Nexthops(host)
    made.clear()
    for number in (2, 3, 4):
        made.add(number, f"10.0.0.{number}")
    made.group(10, 2, 3, 4)
    made.group(11, 3, 4)
    made.add(21, "10.0.0.2", lower="eth0")
    made.group(20, 21, fdb=False)
    made.add(31, "fd00::2")
    made.group(30, 31)
    try:
        yield made
    finally:
        made.clear()


def case(name, row="1.3 nexthop", device="v4"):
    """The decorated function gets a Table and the nexthops."""
    def wrap(function):
        def run(kind):
            with Table(kind, device) as table, nexthops(table.host) as groups:
                function(table, groups)
                table.notifications("rest-told")
            return table.outcome
        CASES.append(Case(f"fdb/nexthop/{name}", row, run, alone=True))
        return function
    return wrap


def by_address(table, step):
    table.show(step)
    table.outcome[f"{step}-told"].sort(
        key=lambda told: (told["mac"], told.get("nh_id", 0)))


for which, device, address in product(GROUPS, ("v4", "v6"),
                                      ("unicast", "multicast", "zero")):
    @case(f"new/{which}/{device}/{address}", device=device)
    def _(table, _groups, which=which, address=address):
        table.add("add", MACS[address], nhid=GROUPS[which])
        table.show("after")
        table.get("get", attrs(MACS[address]))
        table.delete("delete", MACS[address])
        table.show("end")

for state in (0, 2, 4, 0x40, 0x42, 0x80, 0x82, 0xc0, 0xc2):
    @case(f"state/{state:#x}")
    def _(table, _groups, state=state):
        table.add("add", MAC, nhid=10, state=state)
        table.show("after")

    @case(f"state-changed/{state:#x}")
    def _(table, _groups, state=state):
        table.add("before", MAC, nhid=10)
        table.add("change", MAC, nhid=10, state=state,
                  nl_flags=CREATE | REPLACE)
        table.show("after")

for word, value in {"dst": "10.0.0.2", "port": 4791, "vni": 6, "via": 1,
                    "src_vni": 5}.items():
    @case(f"with/{word}")
    def _(table, _groups, word=word, value=value):
        table.add("add", MAC, nhid=10, **{word: value})
        table.show("after")
        table.add("before", MAC, nhid=10)
        table.delete("delete", MAC, nhid=10, **{word: value})
        table.show("end")

HELD = {"none": None, "group": {"nhid": 10}, "remote": {"dst": "10.0.0.9"}}
ASKED = {"same": {"nhid": 10}, "other": {"nhid": 11},
         "missing": {"nhid": 99}, "v6": {"nhid": 30},
         "remote": {"dst": "10.0.0.9"}}
for held, asked, operation in product(HELD, ASKED, OPERATIONS):
    @case(f"table/{held}/{operation}/{asked}")
    def _(table, _groups, held=held, asked=asked, operation=operation):
        if HELD[held]:
            table.add("before", MAC, **HELD[held])
        table.notifications("before-told")
        table.add("request", MAC, nl_flags=OPERATIONS[operation],
                  **ASKED[asked])
        table.show("after")

for asked in ({}, {"nhid": 10}, {"nhid": 11}, {"nhid": 99},
              {"dst": "10.0.0.2"}, {"dst": "10.0.0.99"}):
    name = "-".join(f"{k}-{v}" for k, v in asked.items()) or "entry"

    @case(f"delete/{name}")
    def _(table, _groups, asked=asked):
        table.add("before", MAC, nhid=10)
        table.delete("delete", MAC, **asked)
        table.show("after")

for flags in (d.NTF_EXT_LEARNED, d.NTF_ROUTER, d.NTF_STICKY,
              d.NTF_OFFLOADED):
    @case(f"flags/{flags:#x}")
    def _(table, _groups, flags=flags):
        table.add("add", MAC, nhid=10, flags=flags | d.NTF_SELF)
        table.show("after")


@case("group-deleted")
def _(table, groups):
    """The entries go with it (and notify: the kernel's do not)."""
    for number in range(3):
        table.add(f"add{number}", f"02:00:00:00:aa:0{number}", nhid=10)
    table.add("other", "02:00:00:00:aa:09", nhid=11)
    table.notifications("before-told")
    groups.delete(10)
    by_address(table, "after")


@case("last-member-deleted")
def _(table, groups):
    table.add("add", MAC, nhid=11)
    groups.delete(3)
    table.show("one-left")
    groups.delete(4)
    by_address(table, "after")


@case("group-changed")
def _(table, groups):
    table.add("add", MAC, nhid=10)
    table.notifications("before-told")
    groups.regroup(10, 2)
    table.show("after")


@case("change/group-of-other-family")
def _(table, groups):
    """May a group in use change its family? The core asks the drivers."""
    table.add("add", MAC, nhid=10)
    table.step("change", groups.regroup, 10, 31)
    table.show("after")


@case("change/member-of-other-family")
def _(table, groups):
    table.add("add", MAC, nhid=10)
    table.step("change", groups.change, 2, "fd00::9")
    table.show("after")


@case("down")
def _(table, _groups):
    """Permanent entries stay when the device goes down."""
    table.add("add", MAC, nhid=10)
    table.set("up", up=True)
    table.set("down", up=False)
    table.show("after")


@case("device-deleted")
def _(table, groups):
    table.add("add", MAC, nhid=10)
    table.step("delete", table.host.rtnl.dellink, "vx0")
    table.notifications("told")
    table.step("group", groups.delete, 10)


@case("limit", "1.2 LIMIT", "limit")
def _(table, _groups):
    for number in range(3):
        table.add(f"add{number}", f"02:00:00:00:aa:0{number}", nhid=10)
    table.show("after")


for number in (0, 10, 11, 99):
    @case(f"flush/{number}", "1.3 flush", "remote")
    def _(table, _groups, number=number):
        table.add("add", MAC, nhid=10)
        table.add("second", "02:00:00:00:aa:02", nhid=11)
        table.add("remote", "02:00:00:00:aa:03", "10.0.0.9")
        table.notifications("before-told")
        table.neigh("flush", d.RTM_DELNEIGH, [(d.NDA_NH_ID, u32(number))], 0,
                    d.NTF_SELF, d.NLM_F_BULK)
        by_address(table, "after")

for name, given in {"dst": (d.NDA_DST, ip("10.0.0.2")),
                    "vni": (d.NDA_VNI, u32(5)),
                    "port": (d.NDA_PORT, nl.be16(4790)),
                    "src-vni": (d.NDA_SRC_VNI, u32(5))}.items():
    @case(f"flush/{name}", "1.3 flush")
    def _(table, _groups, given=given):
        """Remote filters and entries without remotes of their own."""
        table.add("add", MAC, nhid=10)
        table.notifications("before-told")
        table.neigh("flush", d.RTM_DELNEIGH, [given], 0, d.NTF_SELF,
                    d.NLM_F_BULK)
        by_address(table, "after")


@case("flush/all", "1.3 flush")
def _(table, _groups):
    table.add("add", MAC, nhid=10)
    table.neigh("flush", d.RTM_DELNEIGH, [], 0, d.NTF_SELF, d.NLM_F_BULK)
    by_address(table, "after")


@case("append-remote")
def _(table, _groups):
    """A flood entry of a group and of remotes."""
    table.add("group", MACS["zero"], nhid=10)
    table.add("append", MACS["zero"], "10.0.0.9", nl_flags=CREATE | APPEND)
    table.show("after")
    table.delete("delete", MACS["zero"], "10.0.0.9")
    table.show("end")


@case("dynamic")
def _(table, _groups):
    """From and to what is learned."""
    table.add("before", MAC, "10.0.0.9", state=DYNAMIC)
    table.add("group", MAC, nhid=10, nl_flags=CREATE | REPLACE)
    table.show("after")
    table.add("static", "02:00:00:00:aa:02", nhid=10, state=STATIC,
              nl_flags=CREATE | EXCL)
    table.add("permanent", "02:00:00:00:aa:03", nhid=10, state=PERMANENT)
    table.set("up", up=True)
    table.set("down", up=False)
    table.show("end")
