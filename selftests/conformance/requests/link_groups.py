# SPDX-License-Identifier: GPL-2.0
"""When the underlay's groups are joined and left, and by whom else."""

import struct

from case import Case
from lab import DEV, Trial
from lib.linkattr import data
from lib.nl import ip

ROW = "1.6 multicast"
CASES = []
OTHER = "vx1"
GROUPS = {4: ("239.1.1.1", "239.2.2.2"), 6: ("ff05::1:1", "ff05::2:2")}
FAR = {4: "10.0.0.9", 6: "fd00::9"}


class GroupTrial(Trial):
    """A device, and who is a member of what."""

    def __init__(self, kind, net):
        super().__init__(kind)
        self.net = net

    def device(self, step, group, vni=5, name=DEV, up=True, **more):
        attribute = "GROUP" if self.net == 4 else "GROUP6"
        return self.create(step, data(
            ID=vni, PORT=4790, LINK="eth0", **{attribute: group}, **more),
            name=name, up=up)

    def regroup(self, step, group):
        self.change(step, data(**{
            "GROUP" if self.net == 4 else "GROUP6": group}))
        self.members(f"{step}-members")

    def members(self, step):
        """{interface: which of the groups it has joined}"""
        joined = _joined4(self.host) if self.net == 4 else _joined6(self.host)
        self.outcome[step] = {
            dev: [group for group in GROUPS[self.net] if group in groups]
            for dev, groups in sorted(joined.items()) if dev.startswith("eth")}


def _joined4(ns):
    """{interface: groups} of /proc/net/igmp: a line of the interface, then one
    for each of its groups.
    """
    joined, dev = {}, None
    for line in ns.read("net/igmp").splitlines()[1:]:
        words = line.split()
        if words[1].endswith(":") or words[2:3] == [":"]:
            dev = words[1].rstrip(":")
            joined[dev] = set()
        else:
            joined[dev].add(_text(struct.pack("=I", int(words[0], 16))))
    return joined


def _joined6(ns):
    joined = {"eth0": set(), "eth1": set()}
    for line in ns.read("net/igmp6").splitlines():
        _, dev, group, *_ = line.split()
        joined.setdefault(dev, set()).add(_text(bytes.fromhex(group)))
    return joined


def _text(raw):
    """One of GROUPS, or the bytes of another group."""
    return next((group for group in (*GROUPS[4], *GROUPS[6])
                 if ip(group) == raw), raw.hex())


def case(name, nets=(4, 6)):
    """The decorated function gets a GroupTrial; for each address family."""
    def wrap(function):
        def run_with(net):
            def run(kind):
                with GroupTrial(kind, net) as trial:
                    function(trial)
                return trial.outcome
            return run
        for net in nets:
            CASES.append(Case(f"group/{name}/v{net}", ROW, run_with(net)))
        return function
    return wrap


@case("up-and-down")
def _up_and_down(trial):
    trial.device("create", GROUPS[trial.net][0], up=False)
    trial.members("created")
    for step, up in (("up", True), ("down", False), ("again", True)):
        trial.set(step, up=up)
        trial.members(f"{step}-members")
    trial.step("delete", trial.host.rtnl.dellink, DEV)
    trial.members("deleted")


@case("shared")
def _shared(trial):
    """The last of two devices leaves the group."""
    group = GROUPS[trial.net][0]
    trial.device("first", group)
    trial.device("second", group, 6, OTHER)
    trial.members("both")
    trial.step("delete", trial.host.rtnl.dellink, DEV)
    trial.members("one")
    trial.set("down", up=False, name=OTHER)
    trial.members("none")


@case("two")
def _two(trial):
    trial.device("first", GROUPS[trial.net][0])
    trial.device("second", GROUPS[trial.net][1], 6, OTHER)
    trial.members("both")
    trial.set("down", up=False)
    trial.members("second-only")


@case("another-interface")
def _another_interface(trial):
    trial.device("create", GROUPS[trial.net][0])
    trial.change("change", data(LINK="eth1"))
    trial.members("changed")


@case("unicast")
def _unicast(trial):
    trial.device("create", FAR[trial.net])
    trial.members("created")


@case("with-the-users", nets=(4,))
def _with_the_users(trial):
    """The administrator is a member, too, and stays one."""
    group = GROUPS[4][0]
    trial.host.ip(f"addr add {group}/32 dev eth0 autojoin")
    trial.device("create", group)
    trial.members("created")
    trial.step("delete", trial.host.rtnl.dellink, DEV)
    trial.members("deleted")
    trial.host.ip(f"addr del {group}/32 dev eth0")


@case("change/down")
def _change_down(trial):
    trial.device("create", GROUPS[trial.net][0], up=False)
    trial.regroup("change", GROUPS[trial.net][1])
    trial.set("up", up=True)
    trial.members("up-members")


@case("change/up")
def _change_up(trial):
    trial.device("create", GROUPS[trial.net][0])
    trial.regroup("change", GROUPS[trial.net][1])
    trial.regroup("back", GROUPS[trial.net][0])


@case("change/to-unicast")
def _change_to_unicast(trial):
    trial.device("create", GROUPS[trial.net][0])
    trial.regroup("unicast", FAR[trial.net])
    trial.regroup("group", GROUPS[trial.net][1])
