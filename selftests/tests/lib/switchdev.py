# SPDX-License-Identifier: GPL-2.0
"""A switch that listens to forwarding tables: modules/vtep_switchdev_test.

    with Switch() as switch:
        switch.events(fdb) -> [Event, ...] since last asked
        switch.veto(mac), switch.veto(None)
        switch.say("offloaded", fdb, mac, "10.0.0.2")
"""

import os
from collections import namedtuple

import pytest

from . import modules

FOLDER = "/sys/kernel/debug/vtep_switchdev_test"
NAME = "vtep_switchdev_test"

#: What the switch answers to an addition it vetoes.
VETO_ERROR = "EXFULL"
VETO_TEXT = "The switch has no room for this MAC address"

Event = namedtuple("Event", "what mac vni dst port remote_vni via offloaded "
                   "user")


def needs_switchdev():
    """The module's file; skips where the kernel has no switchdev."""
    with open("/proc/kallsyms", encoding="ascii") as file:
        if not any(line.split()[2] == "register_switchdev_notifier"
                   for line in file):
            pytest.skip("this kernel has no CONFIG_NET_SWITCHDEV")
    return modules.needed("VXLAN_SWITCHDEV_KO")


class Switch:
    """The module, loaded; `fdb` is a lib.fdb.Fdb."""

    def __enter__(self):
        modules.load(needs_switchdev())
        return self

    def __exit__(self, *_):
        modules.unload(NAME)

    @staticmethod
    def _write(name, text):
        # without a buffer: an error comes at once, and once
        fd = os.open(f"{FOLDER}/{name}", os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    def clear(self):
        """Forget what was heard."""
        self._write("events", "-")

    def events(self, index):
        """What was heard of an interface since last asked or cleared."""
        with open(f"{FOLDER}/events", encoding="ascii") as file:
            lines = file.read().splitlines()
        self.clear()
        found = []
        for what, number, mac, vni, dst, *rest in map(str.split, lines):
            if int(number) == index:
                port, remote_vni, via, offloaded, user = map(int, rest)
                found.append(Event(what, mac, int(vni), dst, port, remote_vni,
                                   via, bool(offloaded), bool(user)))
        return found

    def veto(self, mac):
        """Refuse to take a MAC from now on; None: take all."""
        self._write("veto", mac or "-")

    def say(self, what, fdb, mac, dst, vni=100, port=4789, remote_vni=100,
            via=0):
        """offloaded, mark_off, learned, forgotten; OSError when refused."""
        with fdb.ns.entered():
            self._write("say", f"{what} {fdb.index} {mac} {vni} {dst} {port} "
                        f"{remote_vni} {via}")
