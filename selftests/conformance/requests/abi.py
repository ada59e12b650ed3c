# SPDX-License-Identifier: GPL-2.0
"""What drivers of network cards see when they take a device for the kernel's
own (struct vxlan_dev), with each attribute, before and after a change; read by
the test module vtep_abi_test. Both drivers run under the name "vxlan", one after
the other.
"""

import os

from case import Case
from lab import DEV, Trial, space
from lib import abi
from lib import nldefs as d
from lib.linkattr import data
from lib.nl import u32

FILE = os.path.abspath(os.path.join(
    os.path.dirname(__file__), "../../../modules/vtep_abi_test.ko"))
ROW = "1.6 struct contract"
PORT = 4790
OLDER = ("6.1", "6.12")
CASES = []


class Reading(Trial):
    """A trial that is looked at from outside."""

    def __init__(self, kind):
        super().__init__(kind)
        abi.load(FILE)

    def read(self, step, name=DEV, ns=None):
        """All fields; interface numbers as names."""
        ns = ns or self.host
        found = abi.read(ns).get(name)
        if found is None:
            self.outcome[step] = "no such device"
            return
        numbers = {str(link["index"]): link["name"]
                   for link in self.host.rtnl.links()}
        numbers["0"] = "-"
        for field in ("remote_ifindex", "default_ifindex"):
            found[field] = numbers.get(found[field], "?")
        found["flags"] = " ".join(sorted(abi.flags(found["flags"])))
        self.outcome[step] = found


def case(name, kernels=()):
    """The decorated function gets a Reading."""
    def wrap(function):
        def run(kind):
            with Reading(kind) as trial:
                function(trial)
            return trial.outcome
        CASES.append(Case(f"abi/{name}", ROW, run, alone=True,
                          kernels=kernels))
        return function
    return wrap


def made(trial, **attrs):
    """A device with what cannot be left out, and these."""
    given = {"ID": 5, "PORT": PORT, **attrs}
    trial.create("create", data(**{
        key: value for key, value in given.items() if value is not None}))
    trial.read("made")


FROM = {
    "plain": {}, "vni-0": {"ID": 0}, "vni-most": {"ID": 0xffffff},
    "port": {"PORT": 1}, "default-port": {"PORT": None},
    "remote": {"GROUP": "10.0.0.9"}, "remote-any": {"GROUP": "0.0.0.0"},
    "group": {"GROUP": "239.1.1.1", "LINK": "eth0"},
    "local": {"LOCAL": "10.0.0.1"},
    "both": {"GROUP": "10.0.0.9", "LOCAL": "10.0.0.1", "LINK": "eth0"},
    "remote6": {"GROUP6": "fd00::9"}, "local6": {"LOCAL6": "fd00::1"},
    "group6": {"GROUP6": "ff05::9", "LINK": "eth0"},
    "link-local": {"GROUP6": "fe80::9", "LOCAL6": "fe80::1", "LINK": "eth0"},
    "lower": {"LINK": "eth0"}, "other-lower": {"LINK": "eth1"},
    "range": {"PORT_RANGE": (1000, 2000)}, "tos": {"TOS": 0xb8},
    "tos-inherit": {"TOS": 1}, "ttl": {"TTL": 7},
    "ttl-inherit": {"TTL_INHERIT": True},
    "label": {"LOCAL6": "fd00::1", "LABEL": 0x12345},
    "label-and-class": {"LOCAL6": "fd00::1", "LABEL": 0x12345, "TOS": 4},
    "ageing": {"AGEING": 77}, "ageing-0": {"AGEING": 0},
    "limit": {"LIMIT": 7}, "df": {"DF": 1}, "df-inherit": {"DF": 2},
    "no-learning": {"LEARNING": 0}, "proxy": {"PROXY": 1}, "rsc": {"RSC": 1},
    "l2miss": {"L2MISS": 1}, "l3miss": {"L3MISS": 1},
    "checksum": {"UDP_CSUM": 1}, "no-checksum": {"UDP_CSUM": 0},
    "zero-tx": {"UDP_ZERO_CSUM6_TX": 1, "LOCAL6": "fd00::1"},
    "zero-rx": {"UDP_ZERO_CSUM6_RX": 1, "LOCAL6": "fd00::1"},
    "gbp": {"GBP": True}, "external": {"ID": 0, "COLLECT_METADATA": 1},
    "external-gbp": {"ID": 0, "COLLECT_METADATA": 1, "GBP": True,
                     "LEARNING": 0},
    "remcsum-tx": {"REMCSUM_TX": 1}, "remcsum-rx": {"REMCSUM_RX": 1},
    "gpe": {"ID": 0, "COLLECT_METADATA": 1, "GPE": True, "LEARNING": 0},
    "vnifilter": {"ID": 0, "COLLECT_METADATA": 1, "VNIFILTER": 1,
                  "LEARNING": 0},
}
NEWER = {
    "no-bypass": ({"LOCALBYPASS": 0}, ("6.12", "7.3")),
    "label-inherit": ({"LOCAL6": "fd00::1", "LABEL_POLICY": 1},
                      ("6.12", "7.3")),
    "reserved": ({"RESERVED_BITS": bytes.fromhex("f700000000000000")},
                 ("7.3",)),
    "no-reserved": ({"RESERVED_BITS": bytes(8)}, ("7.3",)),
    "gbp-reserved": ({"GBP": True}, ("7.3",)),
    "mc-route": ({"MC_ROUTE": 1}, ("7.3",)),
}
for word, (attrs, only) in {**{key: (value, ()) for key, value in
                               FROM.items()}, **NEWER}.items():
    @case(f"create/{word}", only)
    def _(trial, attrs=attrs):
        made(trial, **attrs)

#: What a device was, and what it becomes.
CHANGES = {
    "remote": ({"GROUP": "10.0.0.9"}, {"GROUP": "10.0.0.8"}),
    "remote-first": ({}, {"GROUP": "10.0.0.8"}),
    "group": ({"GROUP": "239.1.1.1", "LINK": "eth0"},
              {"GROUP": "239.1.1.2"}),
    "remote6": ({"GROUP6": "fd00::9"}, {"GROUP6": "fd00::8"}),
    "local": ({"LOCAL": "10.0.0.1"}, {"LOCAL": "10.0.0.7"}),
    "local6": ({"LOCAL6": "fd00::1"}, {"LOCAL6": "fd00::7"}),
    "lower": ({"LINK": "eth0"}, {"LINK": "eth1"}),
    "lower-first": ({}, {"LINK": "eth1"}),
    "ttl": ({"TTL": 5}, {"TTL": 6}), "tos": ({"TOS": 4}, {"TOS": 1}),
    "df": ({"DF": 1}, {"DF": 2}), "ageing": ({}, {"AGEING": 99}),
    "learning": ({}, {"LEARNING": 0}),
    "learning-on": ({"LEARNING": 0}, {"LEARNING": 1}),
    "label": ({"LOCAL6": "fd00::1"}, {"LABEL": 0x777}),
    "nothing": ({"GROUP": "10.0.0.9", "TTL": 5}, {"TTL": 5}),
    "refused": ({"GROUP": "10.0.0.9", "TTL": 5}, {"TTL": 6, "PORT": 99}),
}
for word, (attrs, after) in CHANGES.items():
    for up in (False, True):
        @case(f"change/{word}/{'up' if up else 'down'}")
        def _(trial, attrs=attrs, after=after, up=up):
            made(trial, **attrs)
            if up:
                trial.set("up", True)
            trial.change("change", data(**after))
            trial.read("changed")


@case("change/bypass", ("6.12", "7.3"))
def _(trial):
    made(trial)
    trial.change("change", data(LOCALBYPASS=0))
    trial.read("changed")


@case("mtu/asked")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT), [(d.IFLA_MTU, u32(1400))])
    trial.read("made")


@case("mtu/changed")
def _(trial):
    made(trial, LINK="eth0")
    trial.set("mtu", None, [(d.IFLA_MTU, u32(1400))])
    trial.read("changed")


@case("default/deleted")
def _(trial):
    """The default entry is taken out of the table."""
    made(trial, GROUP="10.0.0.9")
    trial.neigh("delete", d.RTM_DELNEIGH, [
        (d.NDA_LLADDR, bytes(6)), (d.NDA_DST, bytes([10, 0, 0, 9]))])
    trial.read("deleted")


@case("default/another")
def _(trial):
    """A second default destination."""
    made(trial, GROUP="10.0.0.9")
    trial.neigh("append", d.RTM_NEWNEIGH, [
        (d.NDA_LLADDR, bytes(6)), (d.NDA_DST, bytes([10, 0, 0, 8]))],
        d.NUD_PERMANENT, nl_flags=d.NLM_F_CREATE | d.NLM_F_APPEND)
    trial.read("appended")


@case("elsewhere")
def _(trial):
    """In a namespace that is not that of the underlay."""
    made(trial, GROUP="10.0.0.9", LINK="eth0")
    other = space("other")
    trial.set("move", None, [(d.IFLA_NET_NS_FD, u32(other.fd))])
    trial.read("moved", ns=other)


@case("renamed")
def _(trial):
    made(trial)
    trial.set("rename", None, [(d.IFLA_IFNAME, b"vx9\0")])
    trial.read("old")
    trial.read("new", "vx9")


if not os.path.exists(FILE):
    CASES = []
