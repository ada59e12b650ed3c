# SPDX-License-Identifier: GPL-2.0
"""What a network card is told of the ports that carry VXLAN; netdevsim plays
the card. The drivers run one after the other: each tells every card of its
namespace.
"""

import time
from itertools import product

from case import Case
from lab import DEV, Trial, space
from lib import netdevsim as sim
from lib import nldefs as d
from lib.linkattr import data
from lib.nl import u32
from lib.wait import deadline

ROW = "1.6 port offload"
DEVICES = {
    "v4": {"GROUP": "10.0.0.9"}, "v6": {"GROUP6": "fd00::9"},
    "group": {"GROUP": "239.1.1.1", "LINK": "eth0"},
    "zero-rx": {"GROUP6": "fd00::9", "UDP_ZERO_CSUM6_RX": 1},
    "gbp": {"GBP": True},
    "external": {"COLLECT_METADATA": 1, "LEARNING": 0},
    "gpe": {"COLLECT_METADATA": 1, "LEARNING": 0, "GPE": True},
    "vnifilter": {"COLLECT_METADATA": 1, "LEARNING": 0, "VNIFILTER": 1},
}
CARDS = {"one": (), "all": ("sync_all",), "when-up": ("open_only",),
         "v4-only": ("ipv4_only",), "knows": ("static_iana_vxlan",)}
CASES = []


class Telling(Trial):
    """A trial with cards that are asked after each step."""

    def __init__(self, kind):
        super().__init__(kind)
        self.cards = []

    def __exit__(self, *error):
        for card in self.cards:
            card.delete()
        super().__exit__(*error)

    def card(self, *words, up=True, name="card0"):
        self.cards.append(sim.Card(
            self.host, *words, up=up, name=name,
            number=sim.NUMBER + len(self.cards)))
        return self.cards[-1]

    def told(self, step):
        """What each card knows, when it has come to rest."""
        self.outcome[f"{step}-told"] = {
            card.name: sorted(f"{kind}:{port}*{count}" for (kind, port), count
                              in at_rest(card).items())
            for card in self.cards}

    def device(self, step, name=DEV, vni=5, port=4789, up=True, **attrs):
        vni = 0 if "COLLECT_METADATA" in attrs else vni
        self.create(step, data(ID=vni, PORT=port, **attrs), name=name, up=up)
        self.told(step)

    def turn(self, step, up, name=DEV):
        self.set(step, up, name=name)
        self.told(step)

    def delete(self, step, name=DEV):
        self.step(step, self.host.rtnl.dellink, name)
        self.told(step)


def at_rest(card):
    """The ports, as soon as they do not change for a while."""
    end, last, same = deadline(5), None, 0
    while same < 4 and time.monotonic() < end:
        found = card.ports()
        same = same + 1 if found == last else 0
        last = found
        time.sleep(0.02)
    return last


def case(name):
    """The decorated function gets a Telling."""
    def wrap(function):
        def run(kind):
            with Telling(kind) as trial:
                function(trial)
            return trial.outcome
        CASES.append(Case(f"ports/{name}", ROW, run, alone=True))
        return function
    return wrap


for device, card in product(DEVICES, CARDS):
    @case(f"life/{device}/{card}")
    def _(trial, attrs=DEVICES[device], words=CARDS[card]):
        """Two ports, up and down."""
        trial.card(*words)
        trial.device("first", up=False, **attrs)
        trial.turn("up", True)
        trial.device("second", "vx1", 6, 4790, **attrs)
        trial.turn("down", False)
        trial.turn("up-again", True)
        trial.delete("delete", "vx1")
        trial.delete("delete-first")

for device in ("v4", "v6", "external"):
    @case(f"late/{device}")
    def _(trial, attrs=DEVICES[device]):
        """The card comes when the devices are there."""
        trial.device("first", **attrs)
        trial.device("second", "vx1", 6, 4790, **attrs)
        trial.device("down", "vx2", 7, 4791, up=False, **attrs)
        trial.card()
        trial.told("late")
        trial.card(name="card1")
        trial.told("later")
        trial.delete("delete")

    @case(f"off-and-on/{device}")
    def _(trial, attrs=DEVICES[device]):
        """The card's offload is switched."""
        card = trial.card()
        trial.device("first", **attrs)
        card.switch(False)
        trial.told("off")
        trial.device("second", "vx1", 6, 4790, **attrs)
        card.switch(True)
        trial.told("on")
        card.reset()
        trial.told("reset")

    @case(f"down-and-up/{device}")
    def _(trial, attrs=DEVICES[device]):
        """The card forgets while it is down."""
        card = trial.card("open_only", up=False)
        trial.device("first", **attrs)
        for number in (1, 2):
            card.set(True)
            trial.told(f"up{number}")
            card.set(False)
            trial.told(f"down{number}")

for device in ("v4", "v6"):
    @case(f"shared/{device}")
    def _(trial, attrs=DEVICES[device]):
        """Devices of one port."""
        trial.card()
        for number in range(3):
            trial.device(f"device{number}", f"vx{number}", number, **attrs)
        for number in range(3):
            trial.turn(f"down{number}", False, f"vx{number}")


@case("full")
def _(trial):
    """The card has room for four."""
    trial.card()
    for number in range(6):
        trial.device(f"device{number}", f"vx{number}", number, 4789 + number)
    trial.turn("down", False, "vx2")
    trial.turn("down-next", False, "vx3")


@case("refused")
def _(trial):
    """The card cannot take it."""
    card = trial.card()
    card.fail_next(5)
    trial.device("device")
    card.reset()
    trial.told("reset")


@case("elsewhere")
def _(trial):
    """A device that was moved, and one of another namespace."""
    trial.card()
    trial.device("device", up=False)
    other = space("other")
    trial.set("move", None, [(d.IFLA_NET_NS_FD, u32(other.fd))])
    trial.set("up", True, ns=other)
    trial.told("moved")
    trial.create("theirs", data(ID=5, PORT=4791), name="vx1", up=True,
                 ns=other)
    trial.told("theirs")


@case("port-taken")
def _(trial):
    trial.card()
    with trial.host.socket(2, 2) as sock:
        sock.bind(("", 4789))
        trial.device("device", up=False)
        trial.turn("up", True)
    trial.turn("up-again", True)


if not sim.is_there():
    CASES = []
