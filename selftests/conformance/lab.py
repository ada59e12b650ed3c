# SPDX-License-Identifier: GPL-2.0
"""Where the request cases happen: namespaces that stay, devices that go.

    def run(kind):
        with Trial(kind) as trial:
            trial.create("create", data(ID=5, DF=2))
            trial.link("dump")
        return trial.outcome

Each step writes what came of it into the outcome under its name. The host has
eth0 (MTU 1600, with addresses) and eth1 (MTU 1300); the device under test is
vx0 unless something else is said.
"""

import errno
import struct

from lib import links, nl
from lib import nldefs as d
from lib.linkattr import NAME, resolve
from lib.netns import Netns
from lib.wait import eventually

DEV = "vx0"
IFLA_CARRIER = 33
#: Two numbers may have one name and Python prefers the other one.
ERRNO = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}
#: What differs from one device to the next: address, counters, IPv6 state;
#: and what is looked at by itself.
PERSONAL = {d.IFLA_ADDRESS, d.IFLA_STATS64, d.IFLA_LINKINFO, 7, 26, 54}

#: IF_OPER_DOWN and IF_OPER_LOWERLAYERDOWN.
DOWN_STATES = (2, 3)
#: What a notification of a link is looked at for; dumps are for the rest.
CHANGES = ("GROUP", "LINK", "TTL", "AGEING", "LEARNING")

_spaces = {}
_used = set()               # namespaces, in the case that runs


def space(label):
    """A namespace that stays for all cases: "host" or "other"."""
    if label not in _spaces:
        made = _spaces[label] = Netns(label)
        if label == "host":
            _furnish(made)
        made.lasting = {link["name"] for link in made.rtnl.links()}
    _used.update({label} - {"peer"})
    return _spaces[label]


def _furnish(host):
    peer = space("peer")
    for number, mtu in ((0, 1600), (1, 1300)):
        links.add_veth(host, f"eth{number}", peer, f"peer{number}", mtu=mtu)
    links.add_address(host, "eth0", "10.0.0.1/24")
    links.add_address(host, "eth0", "fd00::1/64")


def clear():
    """Remove what the case has left in the namespaces it used."""
    for label in _used:
        rtnl, lasting = _spaces[label].rtnl, _spaces[label].lasting
        left = [link for link in rtnl.links() if link["name"] not in lasting]
        # The newest first: an older one may be below it.
        for link in sorted(left, key=lambda link: -link["index"]):
            try:
                rtnl.dellink(link["name"])
            except nl.NlError:
                pass        # gone with another one
    _used.clear()


# ---- what a refusal points to

def _walk(raw, start, offset, path=()):
    """Numbers of the attributes around an offset, outermost first."""
    at = start
    while at + 4 <= len(raw):
        size, number = struct.unpack_from("=HH", raw, at)
        if size < 4:
            break
        number &= d.NLA_TYPE_MASK
        if offset == at:
            return (*path, number)
        if at < offset < at + size:
            return _walk(raw[:at + size], at + 4, offset, (*path, number))
        at += (size + 3) & ~3
    return (*path, "?")


def pointed_at(sent, offset):
    """"data.DF", "link.4" (an attribute of any link), "neigh.1" or None."""
    if offset is None:
        return None
    kind = struct.unpack_from("=H", sent, 4)[0]
    if kind in (d.RTM_NEWLINK, d.RTM_DELLINK, d.RTM_GETLINK, d.RTM_SETLINK):
        path = _walk(sent, 32, offset)
        if path[:2] == (d.IFLA_LINKINFO, d.IFLA_INFO_DATA) and len(path) > 2:
            return "data." + ".".join(
                [NAME.get(path[2], str(path[2])), *map(str, path[3:])])
        return "link." + ".".join(map(str, path))
    if kind in (d.RTM_NEWMDB, d.RTM_DELMDB, d.RTM_GETMDB):
        return "mdb." + ".".join(map(str, _walk(sent, 24, offset)))
    if kind in (d.RTM_NEWTUNNEL, d.RTM_DELTUNNEL, d.RTM_GETTUNNEL):
        return "tunnel." + ".".join(map(str, _walk(sent, 24, offset)))
    return "neigh." + ".".join(map(str, _walk(sent, 28, offset)))


# ---- outcomes

def refusal(rtnl, error):
    """What is told of a request; error: None or NlError."""
    if error is None:
        return {"errno": "ok"}
    return {"errno": errno_name(error.errno),
            "sentence": bool(error.msg),
            "at": pointed_at(rtnl.sent, error.offset),
            "_sentence": error.msg}


def attempt(rtnl, call, *args, **options):
    """Make a request; what is told of it."""
    try:
        call(*args, **options)
    except nl.NlError as error:
        return refusal(rtnl, error)
    return refusal(rtnl, None)


def errno_name(number):
    return ERRNO.get(number, str(number))


class Names:
    """Interface numbers of a namespace by name; asked for when needed."""

    def __init__(self, ns):
        self.ns = ns
        self.by_index = None

    def __getitem__(self, index):
        if not index:
            return "(none)"
        if self.by_index is None:
            self.by_index = {link["index"]: link["name"]
                             for link in self.ns.rtnl.links()}
        return self.by_index.get(index, "(unknown)")


def told_data(data, names):
    """IFLA_INFO_DATA for people: names, hex, the interface by name."""
    told = {}
    for number, raw in data.items():
        name = NAME.get(number, str(number))
        told[name] = raw.hex()
        if name == "LINK" and len(raw) == 4:
            told[name] = names[struct.unpack("=I", raw)[0]]
    return told


def told_entry(entry, names):
    """An FDB entry or a notification of one."""
    told = {"mac": entry["mac"], "state": entry["state"],
            "flags": entry["flags"], "dst": entry["dst"] or ""}
    for key in ("port", "vni", "src_vni", "nh_id"):
        if entry[key] is not None:
            told[key] = entry[key]
    for key in ("via", "master"):
        if entry[key] is not None:
            told[key] = names[entry[key]]
    if entry["family"] != d.AF_BRIDGE:
        told["family"] = entry["family"]
    told["attrs"] = sorted(entry["attrs"])
    return told


def wait_settled(ns, name):
    """Until the state of a device follows its carrier.

    A change of the carrier shows up to a second later in the rest.
    """
    def settled():
        link = ns.rtnl.link(name)
        carrier, state = (link["attrs"][number][0] for number in (
            IFLA_CARRIER, d.IFLA_OPERSTATE))
        return not link["up"] or bool(carrier) != (state in DOWN_STATES)
    eventually(settled, 5, what=f"state of {name}")


class Trial:
    """One run of one case: makes devices of a kind, removes them at the end."""

    def __init__(self, kind, listen=False):
        self.kind, self.outcome = kind, {}
        self.host = space("host")
        self.monitor = nl.Monitor(self.host) if listen else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        clear()
        if self.monitor:
            self.monitor.close()

    # -- requests ---------------------------------------------------------

    def step(self, name, call, *args, ns=None, **options):
        """A request under a name; True if it was accepted."""
        told = attempt((ns or self.host).rtnl, call, *args, **options)
        self.outcome[name] = told
        return told["errno"] == "ok"

    def need(self, step):
        """What a case takes for granted."""
        if self.outcome[step]["errno"] != "ok":
            raise AssertionError(f"{step}: {self.outcome[step]}")

    def create(self, step, data=(), extra=(), name=DEV, up=False, ns=None):
        ns = ns or self.host
        return self.step(step, ns.rtnl.newlink, name, self.kind,
                         resolve(ns, data), extra, up=up, ns=ns)

    def change(self, step, data=(), extra=(), name=DEV, ns=None):
        ns = ns or self.host
        return self.step(step, ns.rtnl.changelink, name, self.kind,
                         resolve(ns, data), extra, ns=ns)

    def set(self, step, up=None, extra=(), name=DEV, ns=None):
        """`ip link set`: up, down, or attributes of any link."""
        ns = ns or self.host
        return self.step(step, ns.rtnl.setlink, name, up, extra, ns=ns)

    def neigh(self, step, op, attrs=(), state=0, flags=d.NTF_SELF, nl_flags=0,
              name=DEV):
        dev = self.host.rtnl.index(name) if isinstance(name, str) else name
        return self.step(step, self.host.rtnl.neigh, op, dev, attrs, state,
                         flags, nl_flags)

    # -- what there is ----------------------------------------------------

    def link(self, step, name=DEV, ns=None):
        """The configuration, the MTU and the state of a device."""
        ns = ns or self.host
        try:
            found = ns.rtnl.link(name)
        except nl.NlError as error:
            self.outcome[step] = errno_name(error.errno)
            return None
        self.outcome[step] = {
            "data": told_data(found["data"], Names(ns)),
            "mtu": found["mtu"], "flags": found["flags"]}
        return found

    def whole_link(self, step, name=DEV, ns=None):
        """Every attribute of the link message but what is personal."""
        ns = ns or self.host
        if self.link(step, name, ns):
            wait_settled(ns, name)
            found = self.link(step, name, ns)
            self.outcome[step]["attrs"] = {
                str(number): raw.hex()
                for number, raw in sorted(found["attrs"].items())
                if number not in PERSONAL}

    def fdb(self, step, name=DEV):
        """Entries by address; the remotes of one in the order of the dump."""
        names = Names(self.host)
        self.outcome[step] = sorted(
            (told_entry(entry, names) for entry in self.host.rtnl.fdb(name)),
            key=lambda told: (told["mac"], told.get("src_vni") or 0))

    def notifications(self, step, name=DEV, kinds=(
            d.RTM_NEWNEIGH, d.RTM_DELNEIGH, d.RTM_GETNEIGH)):
        """What was heard about a device since the last call, in order."""
        names = Names(self.host)
        heard = self.monitor.events()
        index = self.index_of(name, heard)
        self.outcome[step] = [
            {"type": event["type"], **self.told_event(event, names)}
            for event in heard
            if event["type"] in kinds
            and event.get("ifindex", event.get("index")) == index]
        heard.clear()

    def index_of(self, name, heard):
        """Its number; of a device that is gone, from what was heard."""
        try:
            return self.host.rtnl.index(name)
        except nl.NlError:
            return next((e["index"] for e in reversed(heard)
                         if e.get("name") == name), None)

    @staticmethod
    def told_event(event, names):
        if event["type"] in (d.RTM_NEWLINK, d.RTM_DELLINK):
            data = told_data(event["data"], names)
            return {"up": event["up"], "mtu": event["mtu"],
                    **{name: data[name] for name in CHANGES if name in data}}
        return told_entry(event, names)
