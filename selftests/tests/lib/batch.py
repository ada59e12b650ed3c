# SPDX-License-Identifier: GPL-2.0
"""Many underlay packets at once: one softirq receives them all.

    with Batch(namespaces) as batch:
        batch.send(frame, frame, ...)       inner frames of one size
        batch.received() -> raw frames that vx0 handed up since the last call
        batch.shortcut(False)               the module's parameter

One segmented send of a UDP socket (UDP_SEGMENT) leaves as one packet each;
the receiver's vx0 gets them in one go, as from the interrupt of a card.
"""

import socket
import struct
from contextlib import contextmanager

from . import build, features, links, topo
from .capture import Capture
from .wait import eventually
from .wire import TCP, csum, ip_bytes, pseudo

UDP_SEGMENT = 103
DEV, VNI = "vx0", 100
MAC, FAR = "02:00:00:00:c0:01", "02:00:00:00:c0:02"
HERE = {4: "192.168.100.1", 6: "fd01::1"}
THERE = {4: "192.168.100.2", 6: "fd01::2"}
#: The last frame of each batch: nothing merges with it.
_END = build.ether(MAC, FAR, 0x88b6)


def parameter():
    return f"/sys/module/{topo.kind()}/parameters/shortcut"


def shortcut(on):
    with open(parameter(), "w", encoding="ascii") as file:
        file.write("Y" if on else "N")


@contextmanager
def restored():
    """The parameter is on again afterwards."""
    try:
        yield
    finally:
        shortcut(True)


def tcp(version, seq, payload, sport=1234, dport=80):
    """A frame with a TCP segment (ACK only) from THERE to HERE."""
    src, dst = THERE[version], HERE[version]
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, 1, 0x50, 0x10, 512,
                       0, 0)
    data = head + payload
    check = csum(pseudo(ip_bytes(src), ip_bytes(dst), TCP, len(data)) + data)
    data = data[:16] + struct.pack("!H", check) + data[18:]
    more = {"frag": 0x4000} if version == 4 else {}
    return build.ip_frame(MAC, FAR, build.ip(src, dst, TCP, data, **more))


def udp(version, payload, sport=1234, dport=5678, **fields):
    """A frame with a UDP datagram from THERE to HERE."""
    if version == 4:
        fields.setdefault("frag", 0x4000)
    return build.udp_frame(MAC, FAR, THERE[version], HERE[version], sport,
                           dport, payload, **fields)


class Batch:
    """Two namespaces, a cable, and vx0 at the end of it."""

    def __init__(self, namespaces, options=""):
        self.ns, self.far = namespaces("rx"), namespaces("tx")
        links.add_veth(self.far, "eth0", self.ns, "eth0", mac=MAC, mtu=2000)
        features.switch(self.far, "eth0", False, "tx-udp-segmentation")
        links.add_address(self.far, "eth0", "10.0.0.2/24")
        links.add_address(self.ns, "eth0", "10.0.0.1/24")
        self.far.ip(f"neigh replace 10.0.0.1 lladdr {MAC} dev eth0 "
                    f"nud permanent")
        self.ns.ip(f"link add {DEV} address {MAC} mtu 1800 type {topo.kind()} "
                   f"id {VNI} dstport 4789 {options}",
                   f"link set {DEV} up",
                   f"addr add {HERE[4]}/24 dev {DEV}",
                   f"addr add {HERE[6]}/64 dev {DEV} nodad",
                   *[f"neigh replace {address} lladdr {FAR} dev {DEV} "
                     f"nud permanent" for address in THERE.values()])
        self.sock = self.far.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("10.0.0.2", 50000))
        self.sock.connect(("10.0.0.1", 4789))
        self.capture = Capture(self.ns, DEV)
        self.ends = 0

    def send(self, *frames, vni=VNI):
        """In one go; all are padded to the size of the largest."""
        size = max(map(len, frames)) + 8
        data = b"".join(build.vxlan(vni, frame).ljust(size, b"\0")
                        for frame in frames)
        self.sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
        self.sock.send(data)
        self.sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)

    def received(self):
        """Raw frames in the order of their way up."""
        self.sock.send(build.vxlan(VNI, _END))
        self.ends += 1
        eventually(lambda: len(self.capture.packets(self._end)) == self.ends,
                   what="the end of a batch")
        found = [p.raw for p in self.capture.packets(sent=False)
                 if not self._end(p)]
        self.capture.clear()
        self.ends = 0
        return found

    @staticmethod
    def _end(packet):
        return packet.raw[:14] == _END[:14]

    def close(self):
        self.sock.close()
        self.capture.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
