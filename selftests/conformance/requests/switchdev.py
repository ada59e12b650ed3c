# SPDX-License-Identifier: GPL-2.0
"""What a switch hears, refuses, marks and learns. The kernel's driver takes the
device of any event for its own, so the drivers run these one after the other;
on kernels that have switchdev, with the test module (selftests/modules).
"""

import os
from itertools import product

from case import Case
from lab import DEV
from lib import modules
from lib import nldefs as d
from lib.fdb import Fdb
from lib.nl import u8
from lib.switchdev import NAME, Switch
from table import (CREATE, DYNAMIC, MACS, OPERATIONS, PERMANENT, PORT, REPLACE,
                   STATIC, Table, attrs)

FILE = os.path.abspath(os.path.join(
    os.path.dirname(__file__), "../../../modules/vtep_switchdev_test.ko"))
ONE, TWO, THREE = "10.0.0.2", "10.0.0.3", "10.0.0.4"
MAC = MACS["unicast"]
ROW = "1.6 switchdev"
CASES = []


def has_switchdev():
    """Is there a kernel and a module for it? Elsewhere there are no cases."""
    try:
        with open("/proc/kallsyms", encoding="ascii") as file:
            return os.path.exists(FILE) and any(
                line.split()[2] == "register_switchdev_notifier"
                for line in file)
    except OSError:
        return False


class SwitchTable(Table):
    """A table and a switch that listens to it."""

    def __init__(self, kind, switch, device="v4"):
        super().__init__(kind, device)
        self.switch = switch

    def hear(self, step):
        """What the switch has heard, what listeners and a dump say."""
        index = self.host.rtnl.index(DEV)
        self.outcome[f"{step}-heard"] = [
            {**event._asdict(), "via": bool(event.via)}
            for event in self.switch.events(index)]
        self.show(step)

    def say(self, step, what, address, dst, **words):
        """The switch reports something."""
        fdb = Fdb(self.host, DEV)
        try:
            self.switch.say(what, fdb, address, dst,
                            **{"vni": 5, "port": PORT, "remote_vni": 5,
                               **words})
            self.outcome[step] = "ok"
        except OSError as error:
            self.outcome[step] = os.strerror(error.errno)


def loaded():
    """The switch, as new. It stays loaded from case to case."""
    switch = Switch()
    if NAME not in modules.loaded():
        os.environ["VXLAN_SWITCHDEV_KO"] = FILE
        switch.__enter__()
    switch.veto(None)
    switch.clear()
    return switch


def case(name, device="v4"):
    """The decorated function gets a SwitchTable."""
    def wrap(function):
        def run(kind):
            with SwitchTable(kind, loaded(), device) as table:
                table.hear("before")
                function(table)
                table.hear("end")
            return table.outcome
        CASES.append(Case(f"switchdev/{name}", ROW, run, alone=True))
        return function
    return wrap


for word in ("v4", "v6", "remote", "group"):
    @case(f"device/{word}", word)
    def _(_table):
        """The default destination, and its end."""

for address, operation, state in product(
        ("unicast", "multicast", "zero"), OPERATIONS, (PERMANENT, DYNAMIC)):
    @case(f"change/{address}/{operation}/{state:#x}")
    def _(table, address=address, operation=operation, state=state):
        table.add("first", MACS[address], ONE)
        table.hear("first")
        table.add("second", MACS[address], TWO, state=state,
                  nl_flags=OPERATIONS[operation])

    @case(f"veto/{address}/{operation}/{state:#x}")
    def _(table, address=address, operation=operation, state=state):
        table.add("first", MACS[address], ONE)
        table.hear("first")
        table.switch.veto(MACS[address])
        table.add("second", MACS[address], TWO, state=state,
                  nl_flags=OPERATIONS[operation])

for address in ("unicast", "multicast", "zero"):
    @case(f"veto/{address}/new")
    def _(table, address=address):
        table.switch.veto(MACS[address])
        table.add("add", MACS[address], ONE)

    @case(f"delete/{address}")
    def _(table, address=address):
        for dst in (ONE, TWO, THREE):
            table.add(dst, MACS[address], dst,
                      nl_flags=OPERATIONS["append"])
        table.hear("made")
        table.delete("one", MACS[address], TWO)
        table.hear("one-gone")
        table.delete("rest", MACS[address])

    @case(f"mark/{address}")
    def _(table, address=address):
        for dst in (ONE, TWO):
            table.add(dst, MACS[address], dst,
                      nl_flags=OPERATIONS["append"])
        table.say("mark", "offloaded", MACS[address], ONE)
        table.hear("marked")
        table.get("get", attrs(MACS[address]))
        table.say("unknown", "offloaded", MACS[address], THREE)
        table.say("off", "mark_off", MACS[address], ONE)

for first, user in product(("none", "permanent", "static", "protocol"),
                           ("learned", "forgotten")):
    @case(f"{user}/{first}")
    def _(table, first=first, user=user):
        if first != "none":
            table.add("first", MAC, ONE, state=STATIC if first == "static"
                      else PERMANENT, flags=d.NTF_SELF | (
                          d.NTF_EXT_LEARNED if first == "protocol" else 0))
        table.hear("first")
        table.say("say", user, MAC, ONE)
        table.hear("said")
        table.say("elsewhere", user, MAC, TWO)


@case("replaced-mark")
def _(table):
    """The mark belongs to the destination."""
    table.add("add", MAC, ONE)
    table.say("mark", "offloaded", MAC, ONE)
    table.hear("marked")
    table.add("replace", MAC, TWO, nl_flags=CREATE | REPLACE)


@case("flush-marked")
def _(table):
    table.add("one", MAC, ONE)
    table.add("two", MACS["zero"], ONE)
    table.say("mark", "offloaded", MAC, ONE)
    table.step("flush", table.host.rtnl.neigh, d.RTM_DELNEIGH, DEV, [
        (d.NDA_NDM_FLAGS_MASK, u8(d.NTF_OFFLOADED))], 0,
        d.NTF_SELF | d.NTF_OFFLOADED, d.NLM_F_BULK)


# ---- what the driver exports to switches

for address, vni in product(("unicast", "multicast", "zero"), (5, 6)):
    @case(f"export/find/{address}/{vni}")
    def _(table, address=address, vni=vni):
        table.add("add", MACS[address], ONE, port=99, vni=7)
        table.say("mark", "offloaded", MACS[address], ONE, port=99,
                  remote_vni=7)
        table.hear("made")
        table.say("find", "find", MACS[address], ONE, vni=vni)
        table.hear("found")
        table.say("absent", "find", "02:00:00:00:aa:77", ONE, vni=vni)

for vni, veto in product((5, 6), (None, MAC)):
    @case(f"export/replay/{vni}/{'veto' if veto else 'all'}")
    def _(table, vni=vni, veto=veto):
        for dst in (ONE, TWO):
            table.add(dst, MACS["zero"], dst,
                      nl_flags=OPERATIONS["append"])
        table.add("unicast", MAC, THREE)
        table.say("mark", "offloaded", MAC, THREE)
        table.hear("made")
        table.switch.veto(veto)
        table.say("replay", "replay", MAC, ONE, vni=vni)
        table.hear("replayed")
        if not veto:        # the order of the entries is nobody's business
            table.outcome["replayed-heard"].sort(
                key=lambda event: (event["mac"], event["dst"]))
        else:
            del table.outcome["replayed-heard"]

    @case(f"export/clear/{vni}/{'again' if veto else 'once'}")
    def _(table, vni=vni, veto=veto):
        for dst in (ONE, TWO):
            table.add(dst, MACS["zero"], dst,
                      nl_flags=OPERATIONS["append"])
            table.say(f"mark-{dst}", "offloaded", MACS["zero"], dst)
        table.add("unicast", MAC, THREE)
        table.say("mark", "offloaded", MAC, THREE)
        table.hear("marked")
        table.say("clear", "clear", MAC, ONE, vni=vni)
        if veto:
            table.hear("cleared")
            table.say("clear-again", "clear", MAC, ONE, vni=vni)


if not has_switchdev():
    CASES = []
