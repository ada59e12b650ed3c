# SPDX-License-Identifier: GPL-2.0
"""scene(): a Case from what goes in.

The outcome says what came out:

  wire      packets that left through eth0, by number and layer
  up        frames that came out of the device
  counters  statistics of the device that moved, packets in any case
  fdb       its table afterwards, remotes by MAC address
  events    notifications about the table
  mib       counters of the namespace that moved (where it is asked for)
  vx1 ...   up, counters and fdb of devices beside it
  refused   the errno with which a device was refused, and nothing else
"""

from dataclasses import dataclass, field

from case import Case
from lib import counters, nl
from lib import fdb as table

from . import frames as f
from . import shape
from .cable import BRIDGE, DEV, cable

#: Counters of the namespace that tell what became of an underlay packet.
MIB = ("Udp", "Udp6", "Ip.InHdr", "Ip.Reasm", "Ip6Reasm", "Ip6InHdr",
       "Ip.Frag", "Ip6Frag", "Icmp.OutDest", "Icmp6OutDest",
       "Icmp.OutParm", "Icmp6OutParm", "Ip6InTrunc", "Ip.InTrunc",
       "Ip.InAddr")


@dataclass
class Scene:
    """What goes in; see scene()."""
    net: int
    device: dict
    remote: str
    fdb: list
    tx: list
    rx: list
    before: object
    during: object
    after: object
    options: dict = field(default_factory=dict)

    def attrs(self, beside=()):
        """Words of linkattr.data(); a word None is left out."""
        six = "6" if self.net == 6 else ""
        said = {"ID": f.VNI, "LINK": "eth0",
                "GROUP" + six: self.remote, "LOCAL" + six: f.NEAR[self.net],
                **self.device, **dict(beside)}
        return {key: value for key, value in said.items()
                if value is not None}

    def run(self, kind):
        """The outcome with a driver."""
        on = cable(kind)
        beside = self.options.get("beside", {})
        try:
            on.add_device(self.attrs(), up=self.options.get("up", True),
                          mtu=self.options.get("mtu"))
            for name, attrs in beside.items():
                on.add_device(self.attrs(attrs), name,
                              f"02:00:00:00:c0:{name[-1]:0>2}")
        except nl.NlError as error:
            on.delete(DEV, *beside)
            return {"refused": error.name, "_sentence": error.msg}
        try:
            return self._play(on, [DEV, *beside])
        finally:
            if self.options.get("bridge"):
                on.delete(BRIDGE)
            on.delete(DEV, *beside)

    def _play(self, on, names):
        on.forget_events()
        if self.options.get("bridge") is True:
            on.bridge()
        self._fill(on)
        if self.before:
            self.before(on)
        on.settle()
        on.tap.clear()
        mib = counters.snmp(on.ns) if self.options.get("mib") else {}
        stats = {name: on.stats(name) for name in names}
        self._send(on)
        on.settle()
        said = self._outcome(on, stats)
        if self.options.get("mib"):
            said["mib"] = {"Udp.InDatagrams": 0, **{
                key: value for key, value in
                _growth(mib, counters.snmp(on.ns)).items()
                if key.startswith(MIB)}}
        if self.after:
            said.update(self.after(on))
        return said

    def _fill(self, on):
        """The table, as far as it is there before."""
        entries = table.Fdb(on.ns, DEV)
        for lladdr, dst, words in self.fdb:
            rest = dict(words)
            state = rest.pop("state", table.PERMANENT)
            if "via" in rest:
                rest["via"] = on.ns.rtnl.index(rest["via"])
            entries.append(lladdr, dst, state, **rest)

    def _send(self, on):
        on.send(*self.tx)
        for frame in self.rx:
            on.world.send(frame)
            if self.options.get("one_by_one"):
                on.settle()
        if self.during:
            self.during(on)

    def _outcome(self, on, stats):
        said = {"wire": shape.packets(on.wire(),
                                      self.options.get("in_order", False))}
        for name, before in stats.items():
            told = _device(on, name, before)
            if name == DEV:
                said.update(told)
            else:
                said[name] = told
        said["events"] = on.events()
        return said


def _device(on, name, before):
    """What a device has to say."""
    up = on.tap.packets(lambda p: p.dev == name, sent=False)
    return {"up": [shape.short(p.raw) for p in up],
            "counters": {"rx_packets": 0, "tx_packets": 0,
                         **_growth(before, on.stats(name))},
            "fdb": on.fdb(name)}


def _growth(before, after):
    return {key: value - before.get(key, 0) for key, value in after.items()
            if value != before.get(key, 0)}


def scene(name, row, net=4, device=(), remote=None, fdb=(), tx=(), rx=(),
          before=None, during=None, after=None, alone=False, kernels=(),
          **options):
    """One case.

    net: IP version of the underlay; device: attributes by name beside the
    usual ones (None takes one away); remote: the default destination.
    fdb: (MAC, destination, {words of fdb.attrs, state}) to append before.
    tx: frames that go into the device; rx: frames of the world to eth0.
    before, during: called with the Cable before it counts and meanwhile;
    after: called at the end, its dict becomes part of the outcome.
    Options: up, mtu, bridge: of the device (bridge "own": the case makes it
    itself); one_by_one: wait after each of rx; mib, in_order: what the outcome
    says; beside: {name: attributes} of more devices, which are watched, too;
    alone: as in Case.
    """
    made = Scene(net, dict(device), remote, list(fdb), list(tx), list(rx),
                 before, during, after, options)
    return Case("packet/" + name, row, made.run, alone, kernels)
