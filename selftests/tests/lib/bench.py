# SPDX-License-Identifier: GPL-2.0
"""One device, whose every packet the test builds and reads.

    host 1: vx0 -- eth0 ---- fabric ---- eth0 :host 2 (no VXLAN there)

    wired(mtu)              -> a Fabric of two hosts that know each other
    benches(fabric, net)    -> make(options, vni, ...) -> Bench

A Bench sends frames through vx0 and returns what leaves eth0, or lets an
underlay packet of host 2 come in and returns what vx0 hands up.
"""

from contextlib import contextmanager

from . import build, capture, counters, topo
from .capture import Capture
from .inject import Injector
from .wait import eventually

DEV = "vx0"
MAC = "02:00:00:00:c0:01"
#: Two tenants that exist on the wire only.
ALICE, BOB = "02:00:00:00:aa:01", "02:00:00:00:bb:01"
IP = {4: ("192.168.100.1", "192.168.100.2"), 6: ("fd01::1", "fd01::2")}
#: What both drivers are told explicitly, by what a test may say instead.
SAID = {"dstport": "dstport 4789", "udpcsum": "noudpcsum"}
#: Benches whose sockets are open.
live = []


@contextmanager
def wired(mtu=1600, hosts=2, offloads=False):
    """A fabric whose hosts need no ARP or ND to talk to each other."""
    with topo.Fabric(hosts=hosts, mtu=mtu, offloads=offloads) as fabric:
        for host in fabric.hosts:
            host.ns.ip(*[
                f"neigh replace {address} lladdr {other.mac} dev eth0 "
                f"nud permanent" for other in fabric.hosts
                if other is not host for address in (other.ip4, other.ip6)])
        try:
            yield fabric
        finally:    # sockets hold their namespace
            capture.close_all()
            for bench in list(live):
                bench.close()


def inner(version=4, dst=BOB, src=ALICE, payload=b"bench", sport=1234,
          dport=5678, **fields):
    """A UDP datagram from Alice to Bob; fields of the IP header by name."""
    return build.udp_frame(dst, src, *IP[version], sport, dport, payload,
                           **fields)


def not_ip(dst=BOB, src=ALICE, size=46):
    """A frame that is not IP."""
    return build.ether(dst, src, 0x88b6, bytes(size))


class Bench:
    """vx0 on host 1; host 2 is the other end of the wire."""

    def __init__(self, fabric, net, options="", vni=100, to="remote",
                 lower="eth0", said=None, name=DEV, kind=None):
        self.fabric, self.net, self.vni, self.name = fabric, net, vni, name
        self.near, self.far = fabric.host[1], fabric.host[2]
        self.ns = self.near.ns
        kept = said if said is not None else " ".join(
            words for option, words in SAID.items() if option not in options)
        target = {"remote": f"remote {net.address(self.far)}",
                  "group": f"group {net.group}"}.get(to, to)
        named = "" if vni is None else f"id {vni}"
        self.ns.ip(f"link add {name} address {MAC} type "
                   f"{kind or topo.kind()} {named} {kept} {target} "
                   f"local {net.address(self.near)} "
                   f"{'dev ' + lower if lower else ''} {options}",
                   f"link set {name} up")
        self.near.vxlans.append(name)
        self.captures = {}
        self.tenant = Injector(self.ns, name)
        self.peer = Injector(self.far.ns)
        live.append(self)
        assert self.device and self.wire

    def _capture(self, ifname):
        """An open capture; conftest closes them all after each test."""
        found = self.captures.get(ifname)
        if not found or found.sock.fileno() < 0:
            found = self.captures[ifname] = Capture(self.ns, ifname)
        return found

    device = property(lambda self: self._capture(self.name))
    wire = property(lambda self: self._capture("eth0"))

    def send(self, *frames):
        """Frames leave through the device -> the wire.Outers, in order."""
        self.wire.clear()
        self.tenant.send(*frames)
        return [p.outer for p in self.wire.wait_count(
            lambda p: p.sent and p.outer and p.outer.inner in frames,
            len(frames), what="encapsulated packets")]

    def outer(self, frame, vni=None, **fields):
        """An underlay frame from host 2 around an inner frame.

        header: bytes in place of the VXLAN header and frame.
        """
        payload = fields.pop("header", None)
        if payload is None:
            payload = build.vxlan(self.vni if vni is None else vni, frame)
        ends = (fields.pop("src", self.net.address(self.far)),
                fields.pop("dst", self.net.address(self.near)))
        return build.vxlan_frame(self.near.mac, self.far.mac, *ends, payload,
                                 **fields)

    def receive(self, *outers, count=None):
        """Underlay frames come in -> captured frames that vx0 handed up."""
        self.device.clear()
        self.peer.send(*outers)
        return self.device.wait_count(
            lambda p: not p.sent, len(outers) if count is None else count,
            what="decapsulated frames")

    def counters(self):
        """Named counters of the device."""
        return counters.ethtool_stats(self.ns, self.name)

    def moved(self):
        """Context: what grows meanwhile (see counters.delta)."""
        return counters.delta(self.ns, self.name)

    def refuse(self, *outers, name=None, growth=1):
        """Underlay frames that must not come through; a good one after does.

        name: the one named counter that grows, by that much; None: none.
        Returns the growth of everything else.
        """
        good = self.outer(inner())
        self.receive(good)      # now it is learned
        known = self.near.fdb(self.name)
        with self.moved() as moved:
            self.device.clear()
            self.peer.send(*outers, good)
            self.device.wait_count(lambda p: not p.sent, 1)
            if name:
                moved.wait_for(f"S:{name}", growth)
            came = [p.raw for p in self.device.packets(sent=False)]
        assert came == [inner()], "a refused packet was delivered"
        named = {k[2:]: v for k, v in moved.items() if k.startswith("S:")}
        assert named == ({name: growth} if name else {})
        assert self.near.fdb(self.name) == known, "it was learned from"
        assert moved["rx_packets"] == 1
        return {k: v for k, v in moved.items() if not k.startswith("S:")
                and k not in ("rx_packets", "rx_bytes")}

    def close(self):
        """Close the sockets; the device stays."""
        if self in live:
            live.remove(self)
        for one in (*self.captures.values(), self.tenant, self.peer):
            one.close()

    def delete(self):
        self.close()
        self.near.vxlans.remove(self.name)
        self.ns.rtnl.dellink(self.name)


@contextmanager
def benches(fabric, net):
    """make(options="", vni=100, to="remote"|"group"|words, ...) -> Bench;
    make.net is the underlay.
    """
    made = []

    def make(*args, **kwargs):
        made.append(Bench(fabric, net, *args, **kwargs))
        return made[-1]

    make.net = net
    try:
        yield make
    finally:
        for bench in made:
            bench.delete()


def gone(ns, name):
    """Wait until a device exists no more."""
    eventually(lambda: name not in [link["name"] for link in ns.rtnl.links()],
               what=f"{name} gone")
