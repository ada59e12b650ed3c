# SPDX-License-Identifier: GPL-2.0
"""A device with a forwarding table, for the cases of the FDB."""

from case import Case
from lab import DEV, Names, Trial, told_entry
from lib import nl
from lib import nldefs as d
from lib.linkattr import data
from lib.nl import be16, ip, mac, u32

PORT = 4790
MACS = {"unicast": "02:00:00:00:aa:01", "multicast": "01:00:5e:00:00:09",
        "broadcast": "ff:ff:ff:ff:ff:ff", "zero": "00:00:00:00:00:00"}
CREATE, EXCL = d.NLM_F_CREATE, d.NLM_F_EXCL
REPLACE, APPEND = d.NLM_F_REPLACE, d.NLM_F_APPEND
OPERATIONS = {
    "plain": 0, "create": CREATE, "excl": CREATE | EXCL,
    "replace": CREATE | REPLACE, "replace-only": REPLACE,
    "append": CREATE | APPEND, "append-only": APPEND,
    "append-excl": CREATE | EXCL | APPEND,
    "append-replace": CREATE | REPLACE | APPEND}
#: Of the device and of a bridge above it.
OWN_MAC, BRIDGE_MAC = "02:00:00:00:00:05", "02:00:00:00:00:0b"
PERMANENT = d.NUD_PERMANENT | d.NUD_NOARP
STATIC = d.NUD_REACHABLE | d.NUD_NOARP
DYNAMIC = d.NUD_REACHABLE

DEVICES = {
    "v4": data(ID=5, PORT=PORT),
    "v6": data(ID=5, PORT=PORT, LOCAL6="fd00::1"),
    "remote": data(ID=5, PORT=PORT, GROUP="10.0.0.9"),
    "group": data(ID=5, PORT=PORT, GROUP="239.1.1.1", LINK="eth0"),
    "limit": data(ID=5, PORT=PORT, LIMIT=2),
    "no-learning": data(ID=5, PORT=PORT, LEARNING=0),
    "external": data(PORT=PORT, COLLECT_METADATA=1),
    "external6": data(PORT=PORT, COLLECT_METADATA=1, LOCAL6="fd00::1"),
}


def attrs(address, dst=None, port=None, vni=None, via=None, src_vni=None,
          nhid=None):
    """Of a request, in this order."""
    given = [(d.NDA_LLADDR, mac(address) if address is not None else None),
             (d.NDA_DST, ip(dst) if dst else None),
             (d.NDA_PORT, be16(port) if port is not None else None),
             (d.NDA_VNI, u32(vni) if vni is not None else None),
             (d.NDA_IFINDEX, u32(via) if via is not None else None),
             (d.NDA_SRC_VNI, u32(src_vni) if src_vni is not None else None),
             (d.NDA_NH_ID, u32(nhid) if nhid is not None else None)]
    return [(number, raw) for number, raw in given if raw is not None]


class Table(Trial):
    """A device with a table, and requests for it."""

    def __init__(self, kind, device="v4", up=False):
        super().__init__(kind, listen=True)
        self.device, self.up = device, up

    def __enter__(self):
        super().__enter__()
        self.create("device", DEVICES[self.device],
                    [(d.IFLA_ADDRESS, mac(OWN_MAC))], up=self.up)
        self.need("device")
        self.notifications("device-told")
        return self

    def enslave(self):
        """The device becomes a port of a bridge."""
        self.host.rtnl.newlink("br0", "bridge", (), [
            (d.IFLA_ADDRESS, mac(BRIDGE_MAC))])
        self.set("port", extra=[(d.IFLA_MASTER,
                                 u32(self.host.rtnl.index("br0")))])

    def add(self, step, *args, nl_flags=CREATE | EXCL, state=PERMANENT,
            flags=d.NTF_SELF, **words):
        self.neigh(step, d.RTM_NEWNEIGH, attrs(*args, **words), state, flags,
                   nl_flags)

    def raw(self, step, given, state=PERMANENT, flags=d.NTF_SELF,
            nl_flags=CREATE | EXCL):
        self.neigh(step, d.RTM_NEWNEIGH, given, state, flags, nl_flags)

    def delete(self, step, *args, flags=d.NTF_SELF, **words):
        self.neigh(step, d.RTM_DELNEIGH, attrs(*args, **words), 0, flags)

    def get(self, step, given, flags=d.NTF_SELF, state=0, dev=DEV):
        """The entry that the answer tells of."""
        index = self.host.rtnl.index(dev) if isinstance(dev, str) else dev
        answer = []

        def ask():
            answer.extend(self.host.rtnl.neigh(
                d.RTM_GETNEIGH, index, given, state, flags))
        self.step(step, ask)
        self.told_answer(step, answer)

    def told_answer(self, step, answer):
        names = Names(self.host)
        self.outcome[step]["answer"] = [
            told_entry(nl.parse_neigh(body), names) for _, body in answer]

    def show(self, step):
        """Table and notifications."""
        self.fdb(step)
        self.notifications(f"{step}-told")


def collector(cases):
    """A decorator that makes cases of functions which get a Table."""
    def case(name, row, device="v4", up=False, **options):
        def wrap(function):
            def run(kind):
                with Table(kind, device, up) as table:
                    function(table)
                return table.outcome
            cases.append(Case(name, row, run, **options))
            return function
        return wrap
    return case
