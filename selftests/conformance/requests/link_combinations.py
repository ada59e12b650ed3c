# SPDX-License-Identifier: GPL-2.0
"""Link attributes that depend on each other, and requests as a whole."""

from itertools import product

from case import Case
from lab import DEV, Trial, space
from lib import nl
from lib import nldefs as d
from lib.linkattr import data
from lib.nl import mac, u8, u32

PORT = 4790
CASES = []


def case(name, row, **options):
    """The decorated function gets a Trial."""
    def wrap(function):
        def run(kind):
            with Trial(kind) as trial:
                function(trial)
            return trial.outcome
        CASES.append(Case(name, row, run, **options))
        return function
    return wrap


def made(name, row, *attrs, extra=()):
    """A device made with these attributes, and changed to the same."""
    def run(kind):
        with Trial(kind) as trial:
            if trial.create("create", *attrs, extra=extra):
                trial.link("made")
                trial.change("again", *attrs)
                trial.link("changed")
        return trial.outcome
    CASES.append(Case(name, row, run))


# ---- addresses of both kinds

PLACES = {"any": "::", "global": "fd00::9", "linklocal": "fe80::9",
          "global-group": "ff0e::9", "linklocal-group": "ff02::9",
          "nodelocal-group": "ff01::9", "v4": "10.0.0.9",
          "v4-group": "239.1.1.1", "v4-any": "0.0.0.0"}


def address(where, place):
    """The attribute of a remote or a local address."""
    name = {"remote": "GROUP", "local": "LOCAL"}[where]
    text = PLACES[place]
    return data(**{name + ("6" if ":" in text else ""): text})


for remote, local, link in product(PLACES, PLACES, (None, "eth0")):
    made(f"link/scopes/{remote}/from-{local}/{'dev' if link else 'no-dev'}",
         "1.2 LOCAL6" if ":" in PLACES[local] else "1.2 LOCAL",
         [*data(ID=5, PORT=PORT), *address("remote", remote),
          *address("local", local), *(data(LINK=link) if link else [])])

for before, after in product(
        ("any", "global", "linklocal", "global-group", "v4", "v4-group"),
        repeat=2):
    @case(f"link/remote-change/{before}-to-{after}", "1.2 GROUP")
    def _(trial, before=before, after=after):
        trial.create("create", [*data(ID=5, PORT=PORT, LINK="eth0"),
                                *address("remote", before)])
        trial.change("change", address("remote", after))
        trial.link("changed")
        if trial.outcome["create"]["errno"] == "ok":
            trial.fdb("fdb")

for before, after in product(
        ("any", "global", "linklocal", "v4", "v4-any", "v4-group"), repeat=2):
    @case(f"link/local-change/{before}-to-{after}", "1.2 LOCAL")
    def _(trial, before=before, after=after):
        trial.create("create", [*data(ID=5, PORT=PORT, LINK="eth0"),
                                *address("local", before)])
        trial.change("change", address("local", after))
        trial.link("changed")

for group in ("GROUP", "GROUP6"):
    for other in ("LOCAL", "LOCAL6", "GROUP", "GROUP6"):
        values = {"GROUP": "10.0.0.9", "GROUP6": "fd00::9",
                  "LOCAL": "10.0.0.1", "LOCAL6": "fd00::1"}
        made(f"link/order/{group}-{other}", "1.2 GROUP",
             [*data(ID=5, PORT=PORT), *data(**{group: values[group]}),
              *data(**{other: values[other]})])


@case("link/LINK/changes", "1.2 LINK")
def _(trial):
    """From one lower device to another, to none, to one that is missing."""
    trial.create("create", data(ID=5, PORT=PORT, LINK="eth0"))
    trial.link("made")
    trial.change("other", data(LINK="eth1"))
    trial.link("other-dump")
    trial.change("none", data(LINK=u32(0)))
    trial.link("none-dump")
    trial.change("back", data(LINK="eth0"))
    trial.change("missing", data(LINK=u32(0x7ffffff0)))
    trial.link("missing-dump")


@case("link/LINK/none-with-group", "1.2 LINK")
def _(trial):
    """A group cannot lose its lower device."""
    trial.create("create", data(ID=5, PORT=PORT, LINK="eth0",
                                GROUP="239.1.1.1"))
    trial.change("none", data(LINK=u32(0)))
    trial.link("dump")


@case("link/LINK/none-with-linklocal", "1.2 LINK")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT, LINK="eth0",
                                LOCAL6="fe80::1"))
    trial.change("none", data(LINK=u32(0)))
    trial.link("dump")


@case("link/LINK/itself", "1.2 LINK")
def _(trial):
    """A tunnel in itself."""
    trial.create("create", data(ID=5, PORT=PORT))
    trial.change("change", data(LINK=DEV))
    trial.link("dump")


@case("link/LINK/stacked", "1.2 LINK")
def _(trial):
    """A tunnel over a tunnel, then the loop closed."""
    trial.create("create", data(ID=5, PORT=PORT))
    trial.create("second", data(ID=6, PORT=PORT, LINK=DEV), name="vx1")
    trial.link("second-dump", "vx1")
    trial.change("loop", data(LINK="vx1"))
    trial.link("dump")


@case("link/LINK/no-ipv6", "1.2 LINK")
def _(trial):
    """IPv6 over a lower device that has it switched off."""
    host = trial.host
    host.sysctl("ipv6/conf/eth1/disable_ipv6", 1)
    try:
        trial.create("create", data(ID=5, PORT=PORT, LINK="eth1",
                                    LOCAL6="fd00::1"))
        trial.create("v4", data(ID=5, PORT=PORT, LINK="eth1"))
        trial.link("v4-dump")
        trial.create("v6", data(ID=6, PORT=PORT, LINK="eth0",
                                LOCAL6="fd00::1"), name="vx1")
        trial.change("v6-change", data(LINK="eth1"), name="vx1")
        trial.link("v6-dump", "vx1")
    finally:
        host.sysctl("ipv6/conf/eth1/disable_ipv6", 0)


@case("link/LINK/upper", "1.2 LINK")
def _(trial):
    """The lower device knows of its upper one: it may not be put below."""
    trial.host.rtnl.newlink("br0", "bridge")
    trial.create("create", data(ID=5, PORT=PORT, LINK="br0"))
    trial.set("enslave", extra=[(d.IFLA_MASTER,
                                 u32(trial.host.rtnl.index("br0")))])
    trial.link("dump")


@case("link/LINK/gone", "1.6 lower device")
def _(trial):
    """The lower device is deleted: so is the tunnel."""
    trial.host.rtnl.newlink("br0", "bridge")
    trial.create("create", data(ID=5, PORT=PORT, LINK="br0"), up=True)
    trial.create("other", data(ID=6, PORT=PORT), name="vx1", up=True)
    trial.host.rtnl.dellink("br0")
    trial.link("dump")
    trial.link("other-dump", "vx1")


@case("link/LINK/goes-down", "1.6 lower device")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT, LINK="eth1"), up=True)
    trial.link("up")
    trial.set("down", up=False, name="eth1")
    trial.link("down-dump")
    trial.set("up-again", up=True, name="eth1")


@case("link/LINK/renamed", "1.6 lower device")
def _(trial):
    trial.host.rtnl.newlink("br0", "bridge")
    trial.create("create", data(ID=5, PORT=PORT, LINK="br0"))
    trial.set("rename", extra=[(d.IFLA_IFNAME, nl.text("br1"))], name="br0")
    trial.link("dump")


# ---- flags that go together

MODES = ("GBP", "GPE", "REMCSUM_NOPARTIAL", "TTL_INHERIT")
SWITCHES = ("COLLECT_METADATA", "VNIFILTER", "LEARNING", "PROXY", "RSC",
            "L2MISS", "L3MISS", "UDP_CSUM", "UDP_ZERO_CSUM6_TX",
            "UDP_ZERO_CSUM6_RX", "REMCSUM_TX", "REMCSUM_RX", "LOCALBYPASS",
            "MC_ROUTE")
GPE = {"COLLECT_METADATA": 1, "LEARNING": 0, "GPE": True}

for name in SWITCHES + MODES:
    value = True if name in MODES else 1
    made(f"link/gpe/{name}", "1.2 GPE",
         data(PORT=PORT, **{**GPE, name: value}))
    made(f"link/external/{name}", "1.2 COLLECT_METADATA",
         data(PORT=PORT, **{"COLLECT_METADATA": 1, name: value}))
    made(f"link/vnifilter/{name}", "1.2 VNIFILTER",
         data(PORT=PORT, **{"COLLECT_METADATA": 1, "VNIFILTER": 1,
                            name: value}))
    made(f"link/on-v6/{name}", f"1.2 {name}",
         data(ID=5, PORT=PORT, LOCAL6="fd00::1", **{name: value}))
made("link/gpe/not-external", "1.2 GPE", data(ID=5, GPE=True, LEARNING=0))
made("link/gpe/learning-by-default", "1.2 GPE",
     data(GPE=True, COLLECT_METADATA=1))
made("link/gpe/port", "1.2 GPE", data(**GPE))
made("link/gpe/id", "1.2 GPE", data(ID=5, **GPE))
made("link/external/id", "1.2 COLLECT_METADATA",
     data(ID=5, COLLECT_METADATA=1))
made("link/external/group", "1.2 COLLECT_METADATA", data(
    COLLECT_METADATA=1, GROUP="239.1.1.1", LINK="eth0"))
made("link/vnifilter/not-external", "1.2 VNIFILTER", data(ID=5, VNIFILTER=1))
made("link/vnifilter/external-off", "1.2 VNIFILTER",
     data(ID=5, VNIFILTER=1, COLLECT_METADATA=0))

for name, mask in {"gbp": "8000000000000000", "gbp-a": "0008000000000000",
                   "gbp-id": "0000ffff00000000",
                   "remcsum": "0020000000000000",
                   "gpe-p": "0400000000000000", "gpe-next": "000000ff00000000",
                   "last": "00000000000000ff"}.items():
    for mode, attrs in {"plain": {}, "gbp": {"GBP": True},
                        "remcsum": {"REMCSUM_RX": 1}, "gpe": GPE}.items():
        made(f"link/reserved/{name}/{mode}", "1.2 RESERVED_BITS", data(
            ID=5, PORT=PORT, RESERVED_BITS=bytes.fromhex(mask), **attrs),)


# ---- the request as a whole

@case("link/no-data", "1.2 no INFO_DATA")
def _(trial):
    trial.step("create", trial.host.rtnl.newlink, DEV, trial.kind, None)
    trial.link("dump")


@case("link/no-data/change", "1.2 no INFO_DATA")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT))
    trial.step("change", trial.host.rtnl.changelink, DEV, trial.kind, None)
    trial.link("dump")


made("link/empty-data", "1.2 no INFO_DATA", [])
made("link/data-twice/same", "1.2 ID", [*data(ID=5), *data(ID=5)])
made("link/data-twice/last-counts", "1.2 ID", [*data(ID=5), *data(ID=6)])


@case("link/garbage", "1.2 no INFO_DATA")
def _(trial):
    """Bytes that are no attributes."""
    trial.step("create", trial.host.rtnl.newlink, DEV, trial.kind,
               b"\xff\xff\1\0\1")
    trial.link("dump")


@case("link/change/nothing", "1.2 no INFO_DATA")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT))
    trial.change("change", [])
    trial.link("dump")


@case("link/change/several", "1.2 dump")
def _(trial):
    """Several at once; one of them wrong and nothing happens."""
    trial.create("create", data(ID=5, PORT=PORT, GROUP="10.0.0.9"))
    trial.change("all", data(TTL=9, TOS=4, DF=1, AGEING=60, LEARNING=0,
                             GROUP="10.0.0.10", LOCAL="10.0.0.1",
                             LINK="eth0"))
    trial.link("dump")
    trial.fdb("fdb")
    for name, value in {"ID": 6, "PORT": 1, "LIMIT": 7, "DF": 3,
                        "LINK": u32(0x7ffffff0), "LOCAL6": "fd00::1",
                        "LOCAL": "239.1.1.1", "LABEL": 7}.items():
        trial.change(f"bad-{name}", [
            *data(TTL=10, TOS=8, AGEING=99, GROUP="10.0.0.11"),
            *[pair for pair in data(**{name: value})]])
        trial.link(f"bad-{name}-dump")
    trial.fdb("fdb-after")


@case("link/create/exists", "1.2 dump")
def _(trial):
    """By the rules of all links: a name that is taken, NLM_F_REPLACE."""
    trial.create("create", data(ID=5, PORT=PORT))
    trial.create("again", data(ID=6, PORT=PORT))
    trial.step("replace", trial.host.rtnl.newlink, DEV, trial.kind,
               data(TTL=9), (), d.NLM_F_CREATE | d.NLM_F_REPLACE)
    trial.step("create-only", trial.host.rtnl.newlink, DEV, trial.kind,
               data(TTL=10), (), d.NLM_F_CREATE)
    trial.link("dump")


@case("link/dellink/by-kind-of-others", "1.2 dump")
def _(trial):
    """A change that speaks of another kind."""
    trial.create("create", data(ID=5, PORT=PORT))
    trial.step("change", trial.host.rtnl.changelink, DEV, "bridge", [])
    trial.link("dump")


@case("link/full-dump", "1.2 dump")
def _(trial):
    """Every attribute of the link message."""
    trial.create("create", data(ID=5, PORT=PORT))
    trial.whole_link("down")
    trial.set("up", up=True)
    trial.whole_link("up-dump")


@case("link/full-dump/dev", "1.2 dump")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT, LINK="eth0",
                                GROUP="239.1.1.1", LOCAL="10.0.0.1"), up=True)
    trial.whole_link("dump")


@case("link/full-dump/v6", "1.2 dump")
def _(trial):
    trial.create("create", data(ID=5, PORT=PORT, LINK="eth0",
                                GROUP6="fd00::9", LOCAL6="fd00::1"), up=True)
    trial.whole_link("dump")


@case("link/full-dump/gpe", "1.1 netdev")
def _(trial):
    trial.create("create", data(**GPE), up=True)
    trial.whole_link("dump")


# ---- address

ADDRESSES = {
    "unicast": "02:00:00:00:00:01", "global": "00:11:22:33:44:55",
    "multicast": "01:00:5e:00:00:01", "broadcast": "ff:ff:ff:ff:ff:ff",
    "zero": "00:00:00:00:00:00", "len0": b"", "len5": b"\2" * 5,
    "len7": b"\2" * 7, "len8": b"\2" * 8, "len32": b"\2" * 32}


def keeps_address(trial, step, name=DEV):
    raw = trial.host.rtnl.link(name)["attrs"][d.IFLA_ADDRESS]
    trial.outcome[step] = raw.hex()


for name, value in ADDRESSES.items():
    @case(f"link/address/create/{name}", "1.2 IFLA_ADDRESS")
    def _(trial, value=value):
        if trial.create("create", data(ID=5, PORT=PORT),
                        [(d.IFLA_ADDRESS, mac(value))]):
            keeps_address(trial, "address")

    @case(f"link/address/set/{name}", "1.2 IFLA_ADDRESS")
    def _(trial, value=value):
        """On a device that is up: live change."""
        trial.create("create", data(ID=5, PORT=PORT), [
            (d.IFLA_ADDRESS, mac("02:00:00:00:00:09"))], up=True)
        trial.set("set", extra=[(d.IFLA_ADDRESS, mac(value))])
        keeps_address(trial, "address")

    @case(f"link/address/change/{name}", "1.2 IFLA_ADDRESS")
    def _(trial, value=value):
        """Together with attributes of the kind."""
        trial.create("create", data(ID=5, PORT=PORT), [
            (d.IFLA_ADDRESS, mac("02:00:00:00:00:09"))])
        trial.change("change", data(TTL=9), [(d.IFLA_ADDRESS, mac(value))])
        trial.link("dump")
        keeps_address(trial, "address")

    @case(f"link/broadcast/create/{name}", "1.2 IFLA_ADDRESS")
    def _(trial, value=value):
        trial.create("create", data(ID=5, PORT=PORT),
                     [(d.IFLA_BROADCAST, mac(value))])


# ---- uniqueness

FIRST = {"ID": 5, "PORT": PORT}
SECOND = {
    "same": {}, "vni": {"ID": 6}, "port": {"PORT": 4791},
    "v6": {"LOCAL6": "fd00::1"}, "local": {"LOCAL": "10.0.0.1"},
    "remote": {"GROUP": "10.0.0.9"}, "dev": {"LINK": "eth0"},
    "zero-rx": {"UDP_ZERO_CSUM6_RX": 1}, "zero-tx": {"UDP_ZERO_CSUM6_TX": 1},
    "csum": {"UDP_CSUM": 0}, "learning": {"LEARNING": 0},
    "gbp": {"GBP": True}, "remcsum-rx": {"REMCSUM_RX": 1},
    "remcsum-tx": {"REMCSUM_TX": 1}, "nopartial": {"REMCSUM_NOPARTIAL": True},
    "external": {"ID": 0, "COLLECT_METADATA": 1},
    "range": {"PORT_RANGE": (5000, 6000)}, "proxy": {"PROXY": 1},
    "ttl-inherit": {"TTL_INHERIT": True}, "limit": {"LIMIT": 9}}

for name, words in SECOND.items():
    @case(f"link/unique/{name}", "1.2 uniqueness")
    def _(trial, words=words):
        """Made, and brought up."""
        trial.create("first", data(**FIRST), up=True)
        trial.create("second", data(**{**FIRST, **words}), name="vx1")
        trial.link("dump", "vx1")
        if trial.outcome["second"]["errno"] == "ok":
            trial.set("up", up=True, name="vx1")
            trial.link("up-dump", "vx1")

for (one, left), (two, right) in product({
        "v6": {"LOCAL6": "fd00::1"}, "linklocal": {
            "LOCAL6": "fe80::1", "LINK": "eth0"},
        "linklocal-eth1": {"LOCAL6": "fe80::1", "LINK": "eth1"},
        "to-linklocal": {"GROUP6": "fe80::9", "LINK": "eth0"},
        "group": {"GROUP6": "ff02::9", "LINK": "eth0"},
        "group-eth1": {"GROUP6": "ff02::9", "LINK": "eth1"}}.items(),
        repeat=2):
    @case(f"link/unique/{one}-and-{two}", "1.2 uniqueness")
    def _(trial, left=left, right=right):
        trial.create("first", data(**FIRST, **left))
        trial.create("second", data(**FIRST, **right), name="vx1")
        trial.link("dump", "vx1")

for name, (before, after) in {
        "linklocal-moves": ({"LOCAL6": "fe80::1", "LINK": "eth1"},
                            {"LINK": "eth0"}),
        "becomes-linklocal": ({"LINK": "eth1", "LOCAL6": "fd00::1",
                               "PORT": 4791}, {"LOCAL6": "fe80::1"})}.items():
    @case(f"link/unique/change/{name}", "1.2 uniqueness")
    def _(trial, before=before, after=after):
        trial.create("first", data(**FIRST, LOCAL6="fe80::1", LINK="eth0"))
        trial.create("second", data(**{**FIRST, **before}), name="vx1")
        trial.change("change", data(**after), name="vx1")
        trial.link("dump", "vx1")


EXTERNAL = {"PORT": PORT, "COLLECT_METADATA": 1}
ENDS = {
    "plain": {}, "v4": {"LOCAL": "10.0.0.1"}, "v6": {"LOCAL6": "fd00::1"},
    "linklocal": {"LOCAL6": "fe80::1", "LINK": "eth0"},
    "linklocal-eth1": {"LOCAL6": "fe80::1", "LINK": "eth1"},
    "linklocal-no-dev": {"LOCAL6": "fe80::1"},
    "scopes": {"LOCAL6": "fe80::1", "GROUP6": "fd00::9", "LINK": "eth0"},
    "scopes-2": {"LOCAL6": "fd00::1", "GROUP6": "fe80::9", "LINK": "eth0"},
    "to-linklocal": {"GROUP6": "fe80::9"}, "group": {"GROUP": "239.1.1.1"},
    "group-dev": {"GROUP": "239.1.1.1", "LINK": "eth0"}}

for name, words in ENDS.items():
    @case(f"link/external/ends/{name}", "1.2 COLLECT_METADATA")
    def _(trial, words=words):
        trial.create("create", data(**EXTERNAL, **words), up=True)
        trial.link("dump")

for (one, left), (two, right) in product(ENDS.items(), repeat=2):
    @case(f"link/unique/external/{one}-and-{two}", "1.2 uniqueness")
    def _(trial, left=left, right=right):
        trial.create("first", data(**EXTERNAL, **left))
        trial.create("second", data(**EXTERNAL, **right), name="vx1")
        trial.link("dump", "vx1")


@case("link/unique/after-delete", "1.2 uniqueness")
def _(trial):
    trial.create("first", data(**FIRST))
    trial.step("delete", trial.host.rtnl.dellink, DEV)
    trial.create("second", data(**FIRST), name="vx1")


@case("link/unique/other-namespace", "1.2 uniqueness")
def _(trial):
    """The same in another namespace is another network."""
    other = space("other")
    trial.create("first", data(**FIRST), up=True)
    trial.create("second", data(**FIRST), ns=other, up=True)
    trial.link("dump", ns=other)


@case("link/port-taken", "1.2 uniqueness")
def _(trial):
    """By a socket of somebody else."""
    import socket
    with trial.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", PORT))
        trial.create("create", data(**FIRST))
        trial.set("up", up=True)
        trial.link("dump")
    trial.set("later", up=True)
    trial.link("later-dump")


# ---- flags and protodown, as for any link

IFLA_PROTO_DOWN, IFLA_TXQLEN, IFLA_GROUP, IFLA_IFALIAS = 39, 13, 27, 20
for name, attr in {
        "protodown": (IFLA_PROTO_DOWN, u8(1)), "txqlen": (IFLA_TXQLEN,
                                                          u32(77)),
        "group": (IFLA_GROUP, u32(7)), "alias": (IFLA_IFALIAS, b"hello"),
        "num-tx-queues": (31, u32(4)), "gso-max-size": (41, u32(9000)),
        "gso-max-segs": (40, u32(7)), "gro-max-size": (58, u32(9000)),
        "carrier-off": (33, u8(0)), "carrier-on": (33, u8(1)),
        "linkmode": (17, u8(1)), "xdp": (43, u32(0))}.items():
    @case(f"link/set/{name}", "1.1 netdev")
    def _(trial, attr=attr):
        trial.create("create", data(ID=5, PORT=PORT), up=True)
        trial.set("set", extra=[attr])
        trial.whole_link("dump")

for name, bits in {"allmulti": 0x200, "promisc": 0x100, "noarp": 0x80,
                   "multicast": 0x1000, "dynamic": 0x8000}.items():
    @case(f"link/flags/{name}", "1.1 netdev")
    def _(trial, bits=bits):
        trial.create("create", data(ID=5, PORT=PORT), up=True)
        rtnl = trial.host.rtnl
        for step, value in (("on", bits), ("off", 0)):
            trial.step(step, rtnl.request, d.RTM_NEWLINK, 0, nl.ifinfomsg(
                rtnl.index(DEV), value, bits))
            trial.link(f"{step}-dump")
