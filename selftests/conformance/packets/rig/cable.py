# SPDX-License-Identifier: GPL-2.0
"""Two namespaces and a cable: the device under test in one, the world in the
other. The world has no addresses: it never answers, only the case speaks.

    near: vx0 -- eth0 =========== eth0 :far
          10.0.0.1, fd00::1             (any VTEP, by permanent neighbours)
"""

import select
import socket
import sys
import time

from lib import counters, ethtool, links, linkattr, nl
from lib import nldefs as d
from lib.capture import MARKER_TYPE, Capture
from lib.inject import Injector
from lib.netns import Netns, delete_all
from lib.wait import deadline

from . import frames as f

DEV, BRIDGE = "vx0", "br0"
SOL_PACKET, PACKET_VNET_HDR, SO_MARK = 263, 15, 36
SETTINGS = {
    # As many errors as the core is asked for, not one a second.
    "ipv4/icmp_ratelimit": 0, "ipv6/icmp/ratelimit": 0,
    # One source port for all flows: the bytes of a packet are known.
    "ipv4/ip_local_port_range": f"{f.SPORT} {f.SPORT}",
}
EVENT = {d.RTM_NEWNEIGH: "new", d.RTM_DELNEIGH: "del", d.RTM_GETNEIGH: "get"}

_cables = {}


def cable(kind):
    """The Cable of a link kind; it stays for all cases."""
    if kind not in _cables:
        _cables[kind] = Cable(kind)
    return _cables[kind]


class Cable:
    """eth0 to eth0, and what goes through."""

    def __init__(self, kind):
        self.kind = kind
        self.ns, self.far = Netns("near"), Netns("far")
        self.far.sysctl("ipv6/conf/all/disable_ipv6", 1)
        for key, value in SETTINGS.items():
            self.ns.sysctl(key, value)
        links.add_veth(self.far, "eth0", self.ns, "eth0", f.NEAR_MAC, 1500)
        ethtool.offload(self.ns, "eth0")
        for address in (f"{f.NEAR[4]}/24", f"{f.NEAR[6]}/64",
                        f"{f.NEAR_LINK_LOCAL}/64"):
            links.add_address(self.ns, "eth0", address)
        self._routes()
        self.ifindex = {self.ns.rtnl.index("eth0"): "eth0"}
        # Sockets of packets stay: to close one takes the kernel its time.
        self.tap = Capture(self.ns, "", "near")
        self.world = Injector(self.far)
        self.tenant = self.ns.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.offloading = self.ns.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.offloading.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.whole = self.far.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.whole.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.monitor = nl.Monitor(self.ns, [d.RTNLGRP_NEIGH])
        self.marker = self.ns.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.marker.bind(("eth0", MARKER_TYPE))
        self.marks = 0

    def _routes(self):
        self.ns.ip(
            *[f"neigh replace {address} lladdr {f.FAR_MAC} dev eth0 "
              f"nud permanent"
              for address in (*f.FAR[4], *f.FAR[6], f.FAR_LINK_LOCAL)],
            "route add 10.0.4.0/24 via 10.0.0.3",
            "route add fd04::/64 via fd00::3",
            "route add 10.0.9.0/24 via 10.0.0.2 mtu 1300",
            "route add fd09::/64 via fd00::2 mtu 1300",
            "route add 10.0.5.0/24 via 10.0.0.2 mtu lock 1300",
            "route add unreachable 10.0.8.0/24",
            "route add unreachable fd08::/64",
            "route add prohibit 10.0.6.0/24",
            "route add prohibit fd06::/64",
            "route add blackhole 10.0.7.0/24",
            "route add blackhole fd07::/64")

    # -- the device ---------------------------------------------------------

    def add_device(self, attrs, name=DEV, mac=f.OWN, up=True, mtu=None):
        """A device of the kind under test; attrs: words of linkattr."""
        extra = [(d.IFLA_ADDRESS, nl.mac(mac))]
        if mtu:
            extra.append((d.IFLA_MTU, nl.u32(mtu)))
        self.ns.rtnl.newlink(name, self.kind, linkattr.resolve(
            self.ns, linkattr.data(**attrs)), extra, up=up)
        self.ifindex[self.ns.rtnl.index(name)] = name

    def change_device(self, name=DEV, **attrs):
        self.ns.rtnl.changelink(name, self.kind, linkattr.resolve(
            self.ns, linkattr.data(**attrs)))

    def delete(self, *names):
        """Remove devices, those that are there."""
        for name in names:
            try:
                self.ns.rtnl.dellink(name)
            except nl.NlError as error:
                if error.name != "ENODEV":
                    raise
        self.ifindex = {index: name for index, name in self.ifindex.items()
                        if name not in names}

    def bridge(self, name=DEV):
        """Make the device a port of a bridge."""
        links.add_bridge(self.ns, BRIDGE, "02:00:00:00:b0:01")
        links.set_port(self.ns, name, BRIDGE)

    def know(self, address, mac, name=DEV, state=d.NUD_PERMANENT):
        """A neighbour behind a device."""
        self.ns.rtnl.neigh(
            d.RTM_NEWNEIGH, name, [(d.NDA_DST, nl.ip(address)),
                                   (d.NDA_LLADDR, nl.mac(mac))], state, 0,
            d.NLM_F_CREATE | d.NLM_F_REPLACE, 10 if ":" in address else 2)

    # -- packets -------------------------------------------------------------

    def settle(self):
        """All that was sent by either side is where it belongs.

        A mark that the world sends after them comes out behind them, and a
        second one behind what the first found in the queues of the device.
        """
        for _ in range(2):
            self.marks += 1
            mark = self.marks.to_bytes(8, "big")
            self.world.send(b"\xff" * 6 + nl.mac(f.FAR_MAC)
                            + MARKER_TYPE.to_bytes(2, "big") + mark
                            + bytes(38))
            self._await(mark)

    def _await(self, mark):
        end = deadline(5)
        while time.monotonic() < end:
            if not select.select([self.marker], [], [], 0.5)[0]:
                continue
            if self.marker.recv(2048)[14:22] == mark:
                return
        raise AssertionError("a mark was lost")

    def send(self, *frames, name=DEV, mark=0):
        """Frames of a tenant go into the device."""
        self.tenant.setsockopt(socket.SOL_SOCKET, SO_MARK,
                               mark.to_bytes(4, sys.byteorder))
        for frame in frames:
            self.tenant.sendto(frame, (name, 0))

    def send_offloaded(self, header, frame, name=DEV, mark=0):
        """A frame with what is left to do for the device: virtio_net_hdr."""
        self.offloading.setsockopt(socket.SOL_SOCKET, SO_MARK,
                                   mark.to_bytes(4, sys.byteorder))
        self.offloading.sendto(header + frame, (name, 0))

    def world_segments(self, header, frame):
        """A frame of the world that its eth0 cuts into pieces, which come in
        at once, so that they may be put together again.
        """
        self.whole.sendto(header + frame, ("eth0", 0))

    def wire(self):
        """Captured packets that left through eth0 since tap.clear()."""
        return self.tap.packets(lambda p: p.dev == "eth0", sent=True)

    # -- what came of it ----------------------------------------------------

    def stats(self, name=DEV):
        return counters.link_stats(self.ns, name)

    def fdb(self, name=DEV):
        """{"entries": number, MAC: its remotes in the order of the dump}, but
        those of one VNI after those of another.
        """
        said = {}
        for found in sorted(self.ns.rtnl.fdb(name),
                            key=lambda entry: entry["src_vni"] or 0):
            if not found["master"]:     # the bridge's own say so
                entry = self.entry(found)
                said.setdefault(entry.pop("mac"), []).append(entry)
        return {"entries": len(said), **dict(sorted(said.items()))}

    def entry(self, said):
        """A neighbour message without times and interface numbers."""
        kept = {key: said[key] for key in
                ("mac", "dst", "port", "vni", "src_vni", "state", "flags")
                if said[key] is not None}
        if said["via"]:
            kept["via"] = self.ifindex.get(said["via"], "?")
        return kept

    def forget_events(self):
        self.monitor.events()
        self.monitor.seen = []

    def events(self):
        """FDB notifications of the devices since forget_events()."""
        return [{"event": EVENT[e["type"]], "family": e["family"],
                 **self.entry(e)} for e in self.monitor.events()
                if self._is_ours(e)]

    def _is_ours(self, event):
        """A device's: an entry, or the question where something is."""
        return (event["type"] in EVENT
                and (event["family"] == d.AF_BRIDGE
                     or event["type"] == d.RTM_GETNEIGH)
                and self.ifindex.get(event["ifindex"], "eth0") != "eth0")

    def close(self):
        for one in (self.tap, self.world, self.monitor, self.marker,
                    self.tenant, self.offloading, self.whole):
            one.close()
        delete_all([self.ns, self.far])


def close_all():
    """Remove what all cases shared."""
    for one in list(_cables.values()):
        one.close()
    _cables.clear()
