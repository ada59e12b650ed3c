# SPDX-License-Identifier: GPL-2.0
"""A device without Ethernet header: what it may be told, how it is shown, what
the core and the driver refuse.
"""

from case import Case
from lab import Trial
from lib import nldefs as d
from lib.linkattr import data
from lib.nl import ip, mac, u32

GPE = {"COLLECT_METADATA": 1, "LEARNING": 0, "GPE": True}
MAC = "02:00:00:00:00:77"
CASES = []


def case(name, row="1.2 GPE", **options):
    """The decorated function gets a Trial."""
    def wrap(function):
        def run(kind):
            with Trial(kind) as trial:
                function(trial)
            return trial.outcome
        CASES.append(Case(f"link/gpe/{name}", row, run, **options))
        return function
    return wrap


def each(values):
    """case() for each of them, with it as a second argument."""
    def wrap(name, row="1.2 GPE"):
        def take(function):
            for label, value in values.items():
                @case(f"{name}/{label}", row)
                def _(trial, value=value):
                    function(trial, value)
            return function
        return take
    return wrap


# ---- places

PLACES = {
    "v4": {"LOCAL": "10.0.0.1"}, "v6": {"LOCAL6": "fd00::1"},
    "to-v4": {"GROUP": "10.0.0.9"}, "to-v6": {"GROUP6": "fd00::9"},
    "group": {"GROUP": "239.1.1.1"}, "group6": {"GROUP6": "ff05::9"},
    "group-dev": {"GROUP": "239.1.1.1", "LINK": "eth0"},
    "group6-dev": {"GROUP6": "ff05::9", "LINK": "eth0"},
    "dev": {"LINK": "eth0"}, "dev-v6": {"LINK": "eth0", "LOCAL6": "fd00::1"},
    "narrow": {"LINK": "eth1"}, "linklocal": {"LOCAL6": "fe80::1"},
    "linklocal-dev": {"LOCAL6": "fe80::1", "LINK": "eth0"},
    "two-families": {"LOCAL": "10.0.0.1", "GROUP6": "fd00::9"},
    "missing-dev": {"LINK": u32(0x7ffffff0)},
    "label": {"LABEL": 5}, "label-v6": {"LABEL": 5, "LOCAL6": "fd00::1"},
    "policy-v6": {"LABEL_POLICY": 1, "LOCAL6": "fd00::1"},
    "df": {"DF": 1}, "ttl": {"TTL": 9}, "tos": {"TOS": 1},
    "range": {"PORT_RANGE": (5000, 6000)}, "limit": {"LIMIT": 7},
    "ageing": {"AGEING": 7}, "vni": {"ID": 77},
    "port-zero": {"PORT": 0}, "port": {"PORT": 4711},
    "port-plain": {"PORT": 4789}}


@each(PLACES)("made")
def _(trial, attrs):
    """Made, brought up, its table and its whole message."""
    if trial.create("create", data(**{**GPE, **attrs})):
        trial.link("made")
        trial.set("up", up=True)
        trial.whole_link("whole")


# ---- size

SIZES = {str(size): size for size in (67, 68, 1244, 1245, 1500, 1544, 1545,
                                      1564, 1565, 9000, 65535, 65536)}
UNDERLAYS = {"none": {}, "v4": {"LINK": "eth0"},
             "v6": {"LINK": "eth0", "LOCAL6": "fd00::1"}}

for under, words in UNDERLAYS.items():
    @each(SIZES)(f"mtu/{under}", "1.2 IFLA_MTU")
    def _(trial, size, words=words):
        """Given at creation, and set later."""
        if trial.create("create", data(**GPE, **words),
                        [(d.IFLA_MTU, u32(size))]):
            trial.link("made")
        else:
            trial.create("without", data(**GPE, **words))
        trial.set("set", extra=[(d.IFLA_MTU, u32(size))])
        trial.link("after")


# ---- address, master

@case("address/given", "1.2 IFLA_ADDRESS")
def _(trial):
    trial.create("create", data(**GPE), [(d.IFLA_ADDRESS, mac(MAC))])
    trial.whole_link("dump")


@case("address/set", "1.2 IFLA_ADDRESS")
def _(trial):
    trial.create("create", data(**GPE))
    trial.set("set", extra=[(d.IFLA_ADDRESS, mac(MAC))])
    trial.whole_link("dump")


@case("address/none", "1.2 IFLA_ADDRESS")
def _(trial):
    """A length that would fit the device."""
    trial.create("create", data(**GPE), [(d.IFLA_ADDRESS, b"")])


@case("bridge")
def _(trial):
    """It cannot be a port."""
    trial.host.rtnl.newlink("br0", "bridge", None)
    trial.create("create", data(**GPE))
    trial.set("master", extra=[(10, u32(trial.host.rtnl.index("br0")))])
    trial.link("dump")


# ---- the table that it does not have

TABLE = {
    "add": (d.RTM_NEWNEIGH, d.NUD_PERMANENT, d.NLM_F_CREATE),
    "replace": (d.RTM_NEWNEIGH, d.NUD_PERMANENT,
                d.NLM_F_CREATE | d.NLM_F_REPLACE),
    "delete": (d.RTM_DELNEIGH, 0, 0)}


@each(TABLE)("fdb", "1.3 core checks")
def _(trial, how):
    op, state, flags = how
    trial.create("create", data(**GPE), up=True)
    trial.neigh("try", op, [(d.NDA_LLADDR, mac(MAC)),
                            (d.NDA_DST, ip("10.0.0.9"))], state,
                nl_flags=flags)
    trial.fdb("fdb")


@case("fdb/remote", "1.2 default FDB")
def _(trial):
    """The default entry is told to listeners, whoever may see it."""
    trial.create("create", data(**GPE, GROUP="10.0.0.9"), up=True)
    trial.fdb("fdb")
    trial.change("change", data(GROUP="10.0.0.8"))
    trial.link("changed")
    trial.fdb("fdb-after")


# ---- change

CHANGES = {
    "ttl": {"TTL": 9}, "tos": {"TOS": 9}, "df": {"DF": 1}, "ageing": {
        "AGEING": 9}, "bypass": {"LOCALBYPASS": 0}, "learning": {
        "LEARNING": 1}, "no-learning": {"LEARNING": 0}, "remote": {
        "GROUP": "10.0.0.9"}, "local": {"LOCAL": "10.0.0.1"}, "v6": {
        "LOCAL6": "fd00::1"}, "dev": {"LINK": "eth1"}, "vni": {"ID": 5},
    "label": {"LABEL": 5}, "group": {"GROUP": "239.1.1.1"},
    "gbp": {"GBP": True}, "proxy": {"PROXY": 1}, "port": {"PORT": 4711},
    "remcsum": {"REMCSUM_TX": 1}}


@each(CHANGES)("change")
def _(trial, attrs):
    trial.create("create", data(**GPE), up=True)
    trial.change("change", data(**attrs))
    trial.link("changed")


@case("change/into")
def _(trial):
    """An external device does not become one."""
    trial.create("create", data(COLLECT_METADATA=1, LEARNING=0, PORT=4790))
    trial.change("change", data(GPE=True))
    trial.link("changed")


# ---- beside others

BESIDE = {"same": GPE, "port": {**GPE, "PORT": 4711},
          "vni": {**GPE, "ID": 6}, "zero-rx": {**GPE, "UDP_ZERO_CSUM6_RX": 1},
          "external": {"COLLECT_METADATA": 1, "LEARNING": 0, "PORT": 4790},
          "plain": {"ID": 5, "PORT": 4790},
          "plain-elsewhere": {"ID": 5, "PORT": 4789}}


@each(BESIDE)("beside", "1.2 uniqueness")
def _(trial, attrs):
    trial.create("first", data(**GPE), up=True)
    trial.create("second", data(**attrs), name="vx1")
    if trial.outcome["second"]["errno"] == "ok":
        trial.set("up", up=True, name="vx1")
        trial.link("dump", "vx1")
