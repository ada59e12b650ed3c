# SPDX-License-Identifier: GPL-2.0
"""What a TCP transfer through the tunnel costs, and in how many packets.

Sender and receiver are threads of this process; nobody reads the content.
"""

import threading
import time

from case import Case
from lib import ethtool, features, links
from lib.inject import connect, listener
from rig import DEV, LOWER, OTHER, OWN, Rig

NEAR, FAR, TCP_PORT = "192.0.2.1", "192.0.2.2", 5001
CHUNK = bytes(1 << 18)
#: Bytes: enough for some hundred milliseconds.
SIZE, COUNTED = 128 << 20, 8 << 20


class Transfer(Case):
    """Nanoseconds for a kilobyte; packets of the underlay, and those that the
    receiver's stack gets, for each megabyte.

    segments: the sender's device cannot segment, so that packets come one by
    one and are merged by the receiver.
    """

    unit, pieces = "ns/KB", 4
    units = {"packets-sent": "packets/MB", "packets-received": "packets/MB"}

    def __init__(self, name, version=4, segments=False, **options):
        super().__init__(name)
        self.version, self.segments, self.options = version, segments, options
        self.rig = None

    def begin(self, kind):
        remote = "GROUP" if self.version == 4 else "GROUP6"
        self.rig = rig = Rig(
            kind, version=self.version, cable=True,
            options={**self.options, remote: OTHER[self.version]},
            receiver={remote: OWN[self.version]})
        if kind:
            links.add_address(rig.here, DEV, f"{NEAR}/24")
            links.add_address(rig.there, DEV, f"{FAR}/24")
        if self.segments:
            features.all_tso(rig.here, LOWER, False)
            ethtool.offload(rig.there, LOWER, True, ("gro",))

    def run(self):
        size = COUNTED if self.counting else SIZE
        self.rig.up()
        try:
            before = self.packets()
            found = {"": [self.transfer(size) / (size >> 10)
                          for _ in range(self.pieces)]}
            after = self.packets()
        finally:
            self.rig.up(False)
        if self.rig.kind:
            for suffix, was, now in zip(self.units, before, after):
                found[suffix] = [(now - was) / (self.pieces * size >> 20)]
        return found

    def packets(self):
        return (self.rig.sent(),
                self.rig.received() if self.rig.kind else 0)

    def transfer(self, size):
        address = FAR if self.rig.kind else OTHER[4]
        with listener(self.rig.there, address, TCP_PORT) as server, \
                connect(self.rig.here, address, TCP_PORT, timeout=20) as near, \
                server.accept()[0] as far:
            sender = threading.Thread(target=_send, args=(near, size),
                                      daemon=True)
            start = time.perf_counter_ns()
            sender.start()
            _receive(far, size)
            spent = time.perf_counter_ns() - start
            sender.join()
        return spent

    def end(self):
        self.rig.delete()


def _send(sock, size):
    for _ in range(0, size, len(CHUNK)):
        sock.sendall(CHUNK)


def _receive(sock, size):
    sock.settimeout(60)
    while size > 0:
        count = len(sock.recv(1 << 20))
        if not count:
            raise RuntimeError("the connection has ended")
        size -= count


def cases(_):
    yield Transfer("floor/tcp").having(quick=False)
    yield Transfer("floor/tcp/segments", segments=True).having(quick=False)
    for label, options in (
            ("v4", {}), ("v4/csum", {"UDP_CSUM": 1}), ("v6", {"version": 6}),
            ("v6/zero", {"version": 6, "UDP_ZERO_CSUM6_TX": 1,
                         "UDP_ZERO_CSUM6_RX": 1})):
        for segments in ("", "/segments"):
            yield Transfer(f"tcp/{label}{segments}", segments=bool(segments),
                           **options).having(quick=label == "v4")
