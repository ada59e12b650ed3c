# SPDX-License-Identifier: GPL-2.0
"""The MTU with and without a lower device (eth0: 1600, eth1: 1300)."""

from case import Case
from lab import Trial
from lib import nldefs as d
from lib.linkattr import data
from lib.nl import u32

PORT = 4790
SIZES = (0, 67, 68, 1000, 1229, 1230, 1231, 1249, 1250, 1251, 1279, 1280, 1500,
         1529, 1530, 1531, 1549, 1550, 1551, 9000, 65534, 65535, 65536,
         0x7fffffff, 0xffffffff)
BASES = {
    "no-dev": {}, "no-dev-v6": {"LOCAL6": "fd00::1"},
    "dev": {"LINK": "eth0"}, "dev-v6": {"LINK": "eth0", "LOCAL6": "fd00::1"},
    "small": {"LINK": "eth1"}, "external": {"COLLECT_METADATA": 1, "ID": 0},
    "group": {"LINK": "eth0", "GROUP": "239.1.1.1"}}
CASES = []


def add(name, function):
    def run(kind):
        with Trial(kind) as trial:
            function(trial)
        return trial.outcome
    CASES.append(Case(f"link/mtu/{name}", "1.2 IFLA_MTU", run))


def attrs(base, **more):
    return data(**{"ID": 5, "PORT": PORT, **BASES[base], **more})


def mtu(value):
    return [(d.IFLA_MTU, u32(value))]


def created(base, size):
    def run(trial):
        trial.create("create", attrs(base), mtu(size))
        trial.link("dump")
    return run


def is_set(base, size):
    """`ip link set mtu`"""
    def run(trial):
        trial.create("create", attrs(base), up=True)
        trial.set("set", extra=mtu(size))
        trial.link("dump")
    return run


def changed(size, value):
    """In one request with an attribute of the kind."""
    def run(trial):
        trial.create("create", attrs("dev"), mtu(1400))
        trial.change("change", data(TTL=value), mtu(size))
        trial.link("dump")
    return run


def moved(base, link, size=None):
    """The device gets another lower one."""
    def run(trial):
        trial.create("create", attrs(base), mtu(size) if size else ())
        trial.link("made")
        trial.change("change", data(LINK=link))
        trial.link("dump")
        trial.set("larger", extra=mtu(1540))
        trial.link("larger-dump")
    return run


def lower_changes(base, size):
    """The lower device's own MTU changes, and comes back."""
    def run(trial):
        trial.create("create", attrs(base), up=True)
        trial.set("lower", extra=mtu(size), name="eth0")
        trial.link("dump")
        trial.set("larger", extra=mtu(1540))
        trial.link("larger-dump")
        trial.set("back", extra=mtu(1600), name="eth0")
        trial.link("back-dump")
    return run


def then_changed(base, size, words):
    """The lower device's MTU is another one when something is changed."""
    def run(trial):
        trial.create("create", attrs(base), up=True)
        trial.set("lower", extra=mtu(size), name="eth0")
        trial.change("change", data(**words))
        trial.link("dump")
        trial.set("back", extra=mtu(1600), name="eth0")
        trial.change("again", data(**words))
        trial.link("again-dump")
    return run


for _base in BASES:
    add(f"default/{_base}", lambda trial, base=_base: (
        trial.create("create", attrs(base)), trial.whole_link("dump")))
    for _size in SIZES:
        add(f"create/{_base}/{_size}", created(_base, _size))
        add(f"set/{_base}/{_size}", is_set(_base, _size))
for _size in (0, 1399, 1400, 1401, 70000):
    for _ttl in (0, 9):
        add(f"change/{_size}/ttl-{_ttl}", changed(_size, _ttl))
for _base in ("no-dev", "no-dev-v6", "dev", "dev-v6", "small"):
    for _link in ("eth0", "eth1", "lo"):
        add(f"new-lower/{_base}/{_link}", moved(_base, _link))
        add(f"new-lower/{_base}/{_link}/given", moved(_base, _link, 1200))
for _base in ("no-dev", "dev", "dev-v6"):
    for _size in (1400, 2000, 9000):
        add(f"lower-changes/{_base}/{_size}", lower_changes(_base, _size))
        for _name, _words in (("ttl", {"TTL": 4}), ("same", {"LINK": "eth0"})):
            add(f"lower-changes/{_base}/{_size}/{_name}",
                then_changed(_base, _size, _words))
