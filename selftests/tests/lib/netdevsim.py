# SPDX-License-Identifier: GPL-2.0
"""A network card that wants to know which ports carry tunnels: the kernel's
netdevsim, which shows what it was told.

    needs_netdevsim()                       skips where there is none
    with Card(ns, "ipv4_only") as card:     a device "card0" in a namespace, up
        card.ports() -> {(type, port): times}

    Words: sync_all, open_only, ipv4_only, shared, static_iana_vxlan.
"""

import os
import subprocess
from collections import Counter

import pytest

from . import features
from . import nldefs as d
from .nl import text
from .wait import eventually

BUS = "/sys/bus/netdevsim"
DEBUG = "/sys/kernel/debug"
NUMBER = 77                 # of the first device on the bus
#: Bits of the kernel's enum of tunnel types.
TYPES = {1: "vxlan", 2: "geneve", 4: "vxlan-gpe"}
FEATURE = "rx-udp_tunnel-port-offload"


def is_there():
    """Has this kernel the driver?"""
    if not os.path.exists(BUS):
        subprocess.run(["modprobe", "-q", "netdevsim"], check=False)
    return os.path.exists(BUS)


def needs_netdevsim():
    if not is_there():
        pytest.skip("this kernel has no netdevsim")


def _write(path, words):
    with open(path, "w", encoding="ascii") as file:
        file.write(words)


class Card:
    """One card, of one port."""

    def __init__(self, ns, *words, name="card0", number=NUMBER, up=True):
        self.ns, self.number, self.name = ns, number, name
        self.folder = f"{DEBUG}/netdevsim/netdevsim{number}"
        if not os.path.ismount(DEBUG):
            subprocess.run(["mount", "-t", "debugfs", "none", DEBUG],
                           check=True)
        with ns.entered():      # the card belongs to who makes it
            _write(f"{BUS}/new_device", f"{number} 0")
            try:
                for word in words:
                    _write(f"{self.folder}/udp_ports_{word}", "Y")
                before = self._names()
                _write(f"{BUS}/devices/netdevsim{number}/new_port", "0")
                made, = self._names() - before
                ns.rtnl.setlink(made, extra=[(d.IFLA_IFNAME, text(name))])
                if up:
                    self.set(True)
            except BaseException:
                self.delete()
                raise

    def _names(self):
        return {link["name"] for link in self.ns.rtnl.links()}

    def set(self, up):
        self.ns.rtnl.setlink(self.name, up=up)

    def switch(self, on):
        """`ethtool -K card0 rx-udp_tunnel-port-offload on|off`"""
        features.switch(self.ns, self.name, on, FEATURE)

    def table(self, name):
        """What stands in one of the tables of the card."""
        path = f"{self.folder}/ports/0/udp_ports/{name}"
        with open(path, encoding="ascii") as file:
            values = [int(word) for word in file.read().split()]
        return [(TYPES[value & 0xffff], value >> 16)
                for value in values if value]

    def ports(self):
        """{(type, port): entries} of both tables."""
        return dict(Counter(self.table("table0") + self.table("table1")))

    def wait(self, *ports):
        """Until it knows exactly these: numbers (VXLAN) or (type, port)."""
        wanted = {port if isinstance(port, tuple) else ("vxlan", port): 1
                  for port in ports}
        eventually(lambda: self.ports() == wanted, 5,
                   what=f"ports of the card: {wanted}, not {self.ports()}")
        assert self.shown() == wanted

    def shown(self):
        """{(type, port): 1} of `ethtool --show-tunnels`."""
        found = {}
        for line in self.ns(f"ethtool --show-tunnels {self.name}"
                            ).splitlines():
            words = line.replace(",", " ").split()
            if words[:1] == ["port"]:
                found[words[2], int(words[1])] = 1
        return found

    def fail_next(self, number):
        """The card's next answer is this errno."""
        _write(f"{self.folder}/ports/0/udp_ports/inject_error", str(number))

    def reset(self):
        """The card forgets and asks again, as after a change of firmware."""
        _write(f"{self.folder}/ports/0/udp_ports/reset", "1")

    def delete(self):
        _write(f"{BUS}/del_device", str(self.number))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()
