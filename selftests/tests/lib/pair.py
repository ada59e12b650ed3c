# SPDX-License-Identifier: GPL-2.0
"""Two VTEPs with an address on the device itself: no bridge, no VM.

    host 1: vx0 192.168.100.1, fd01::1 ---- host 2: vx0 .2, ::2

    with Pair(fabric, V4, "udpcsum") as pair: pair.ping(), pair.transfer(...)
"""

from . import topo
from .bench import IP
from .inject import ping
from .transfer import transfer

NAME = "vx0"


class Pair:
    """kinds: of host 1 and host 2; group: a group in place of the remote."""

    def __init__(self, fabric, net, options="", vni=100, kinds=(None, None),
                 group=None, name=NAME):
        self.fabric, self.net, self.vni, self.name = fabric, net, vni, name
        self.hosts = fabric.host[1], fabric.host[2]
        self.macs = [f"02:00:00:{host.number:02x}:c1:01"
                     for host in self.hosts]
        self.made = []
        try:
            for side, kind in enumerate(kinds):
                self._add(side, kind or topo.kind(), options, group)
        except BaseException:
            self.delete()
            raise

    def _add(self, side, kind, options, group):
        host, other = self.hosts[side], self.hosts[1 - side]
        far = f"group {group}" if group else \
            f"remote {self.net.address(other)}"
        host.ns.ip(
            f"link add {self.name} address {self.macs[side]} type {kind} "
            f"id {self.vni} dstport 4789 {far} dev eth0 "
            f"local {self.net.address(host)} {options}")
        self.made.append(host)
        host.vxlans.append(self.name)
        host.ns.ip(f"link set {self.name} up",
                   f"addr add {IP[4][side]}/24 dev {self.name}",
                   f"addr add {IP[6][side]}/64 dev {self.name} nodad")

    def know(self):
        """Permanent ARP and ND entries for each other."""
        for side, host in enumerate(self.hosts):
            host.ns.ip(*[
                f"neigh replace {IP[version][1 - side]} "
                f"lladdr {self.macs[1 - side]} dev {self.name} nud permanent"
                for version in (4, 6)])
        return self

    def ping(self, version=4, side=0, count=1, **options):
        """Host `side` pings the other through the tunnel -> answers."""
        return ping(self.hosts[side].ns, IP[version][1 - side], count,
                    **options)

    def transfer(self, version=4, side=0, size=1 << 20, **options):
        """TCP from host `side` to the other; the content is compared."""
        transfer(self.hosts[side].ns, self.hosts[1 - side].ns,
                 IP[version][1 - side], size, **options)

    def delete(self):
        for host in self.made:
            host.vxlans.remove(self.name)
            host.ns.rtnl.dellink(self.name)
        self.made = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()
