# SPDX-License-Identifier: GPL-2.0
"""Remote checksum offload in both directions, finished at once or not: together,
over both protocols, and devices that differ in it on one port.
"""

from itertools import product

from case import Case
from lab import Trial
from lib.linkattr import data

PORT = 4790
NETS = {"v4": {}, "v6": {"LOCAL6": "fd00::1"}}
SWITCH = {"none": None, "0": 0, "1": 1}
FLAG = {"none": None, "set": True}


def asked(net, send, receive, whole):
    """The attributes, without those that are not given."""
    words = {"ID": 5, "PORT": PORT, **NETS[net], "REMCSUM_TX": SWITCH[send],
             "REMCSUM_RX": SWITCH[receive], "REMCSUM_NOPARTIAL": FLAG[whole]}
    return data(**{name: value for name, value in words.items()
                   if value is not None})


def together(*key):
    def run(kind):
        with Trial(kind) as trial:
            trial.create("create", asked(*key), up=True)
            trial.link("made")
            trial.change("again", asked(*key))
            trial.link("changed")
        return trial.outcome
    return run


#: What a device on the same port may be told.
KINDS = {"plain": {}, "tx": {"REMCSUM_TX": 1}, "rx": {"REMCSUM_RX": 1},
         "whole": {"REMCSUM_RX": 1, "REMCSUM_NOPARTIAL": True},
         "nopartial": {"REMCSUM_NOPARTIAL": True},
         "gbp": {"REMCSUM_RX": 1, "GBP": True}}


def beside(first, second, vni):
    def run(kind):
        with Trial(kind) as trial:
            trial.create("first", data(ID=5, PORT=PORT, **KINDS[first]),
                         up=True)
            trial.create("second", data(ID=vni, PORT=PORT, **KINDS[second]),
                         name="vx1")
            if trial.outcome["second"]["errno"] == "ok":
                trial.set("up", up=True, name="vx1")
                trial.link("dump", "vx1")
        return trial.outcome
    return run


CASES = [
    *[Case(f"link/remcsum/{net}/tx-{send}/rx-{receive}/whole-{whole}",
           "1.2 REMCSUM_RX", together(net, send, receive, whole))
      for net, send, receive, whole in product(NETS, SWITCH, SWITCH, FLAG)],
    *[Case(f"link/remcsum/beside/{first}-{second}/{vni}", "1.2 uniqueness",
           beside(first, second, vni))
      for first, second, vni in product(KINDS, KINDS, (5, 6))],
]
