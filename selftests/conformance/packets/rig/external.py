# SPDX-License-Identifier: GPL-2.0
"""Where instructions come from, and who reads what a received packet tells.

    tenant0     a dummy device: what leaves it gets instructions by tc and
                goes to vx0
    seen0       a dummy device, to which tc sends what it has matched
    trunk0/1    a cable; trunk0 is a port of the bridge, with VLAN tags

They stay for all cases; routes go with vx0.
"""

import ipaddress
import socket
import struct

from lib import instruct, links, nl
from lib import nldefs as d
from lib.instruct import EGRESS, INGRESS

from . import frames as f
from . import shape
from .cable import BRIDGE, DEV, SO_MARK

TENANT, SEEN, TRUNK, STATION = "tenant0", "seen0", "trunk0", "trunk1"
SOL_SOCKET, IP_HDRINCL, IPV6_HDRINCL = socket.SOL_SOCKET, 3, 36
#: VLAN -> VNI, of the bridge.
VLANS = {10: 1010, 20: 1020}

_furnished = set()


def furnish(cable):
    """The devices that stay."""
    if cable.ns.name in _furnished:
        return
    _furnished.add(cable.ns.name)
    for name in (TENANT, SEEN):
        cable.ns.rtnl.newlink(name, "dummy", (), [
            (d.IFLA_MTU, nl.u32(9000))], up=True)
    instruct.clsact(cable.ns, TENANT)
    links.add_veth(cable.ns, TRUNK, cable.ns, STATION, mtu=9000)


# ---- routes

def routed(*packets, to=None, mark=0, own="192.168.100.1/32", times=1,
           **words):
    """during(): the host itself sends IP packets by a route with
    instructions.
    """
    def during(cable):
        for packet in packets:
            _route(cable, to or _target(packet), **words)
        for _ in range(times):
            for packet in packets:
                send_ip(cable, packet, mark)
    return during


def _target(packet):
    raw = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
    return str(ipaddress.ip_address(raw))


def _route(cable, to, **words):
    width = 128 if ":" in to else 32
    cable.know(to, f.BOB)
    instruct.route(cable.ns, f"{to}/{width}", DEV, **words)


def send_ip(cable, packet, mark=0):
    """A whole IP packet leaves the host, by its routing table."""
    v4 = packet[0] >> 4 == 4
    with cable.ns.socket(socket.AF_INET if v4 else socket.AF_INET6,
                         socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        if mark:
            sock.setsockopt(SOL_SOCKET, SO_MARK, struct.pack("=I", mark))
        try:
            sock.sendto(packet, (_target(packet), 0))
        except OSError:
            pass            # the counters tell


# ---- tc

def filtered(*frames, mark=0, actions=None, **words):
    """during(): frames get instructions by tc on their way to vx0."""
    def during(cable):
        furnish(cable)
        acts = actions(cable) if actions else [
            instruct.tunnel_key(**words)]
        instruct.attach(cable.ns, TENANT, EGRESS, *acts,
                        instruct.redirect(cable.ns, DEV))
        try:
            cable.send(*frames, name=TENANT, mark=mark)
            cable.settle()
        finally:
            instruct.detach(cable.ns, TENANT, EGRESS)
    return during


def matching(*matches):
    """before(): what matches any of these goes to seen0."""
    def before(cable):
        furnish(cable)
        instruct.clsact(cable.ns, DEV)
        for pref, words in enumerate(matches, 1):
            instruct.attach(cable.ns, DEV, INGRESS,
                            instruct.redirect(cable.ns, SEEN, mirror=True),
                            match=instruct.flower(**words), pref=pref)
    return before


def came_out(name):
    """after(): the frames that a device sent, or the far end received."""
    def after(cable):
        return {name: [shape.short(p.raw) for p in cable.tap.packets(
            lambda p: p.dev == name, sent=name == SEEN)]}
    return after


seen = came_out(SEEN)


# ---- a bridge, one device for all VLANs

def bridged(*lines, vlans=None, tunnel=True):
    """before(): vx0 and the trunk are ports; lines: of the tool bridge."""
    def before(cable):
        furnish(cable)
        ns = cable.ns
        ns.ip(f"link add {BRIDGE} address 02:00:00:00:b0:01 type bridge "
              "vlan_filtering 1 vlan_default_pvid 0 forward_delay 0 "
              "stp_state 0 mcast_snooping 0",
              f"link set {DEV} master {BRIDGE}",
              f"link set {TRUNK} master {BRIDGE}",
              f"link set {BRIDGE} up")
        words = [f"link set dev {DEV} learning off vlan_tunnel "
                 f"{'on' if tunnel else 'off'}",
                 f"link set dev {TRUNK} learning off"]
        for vlan, vni in (vlans or VLANS).items():
            words += [f"vlan add dev {DEV} vid {vlan}",
                      f"vlan add dev {TRUNK} vid {vlan}"]
            if tunnel:
                words.append(f"vlan add dev {DEV} vid {vlan} "
                             f"tunnel_info id {vni}")
        ns.bridge(*words, *lines)
        cable.forget_events()
    return before


def trunk(*frames):
    """during(): tagged frames of a station enter the bridge."""
    def during(cable):
        cable.send(*frames, name=STATION)
        cable.settle()
    return during


stations = came_out(STATION)


def combined(*steps):
    """One function of several."""
    def run(cable):
        said = {}
        for step in steps:
            if step:
                said.update(step(cable) or {})
        return said
    return run
