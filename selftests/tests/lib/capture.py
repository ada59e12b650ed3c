# SPDX-License-Identifier: GPL-2.0
"""Packet captures: an AF_PACKET socket opened before the action.

Nothing is read by a thread: the kernel stores the frames with their times
and packets() drains the socket. VLAN tags that the kernel took out are put
back from the auxiliary data. Marker frames (see Fabric.settle) are left out.
"""

import errno
import os
import socket
import struct
import time
from dataclasses import dataclass

from . import wire
from .wait import eventually, scaled

SOL_PACKET, PACKET_STATISTICS, PACKET_AUXDATA = 263, 6, 8
PACKET_OUTGOING = 4
ETH_P_ALL = 3
MARKER_TYPE = 0x88b5
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
TP_STATUS_CSUMNOTREADY = 0x8

#: Captures that are open now; conftest shows and closes them.
live = []


@dataclass(repr=False)
class Packet:
    """One captured frame. sent: it left through the interface dev."""
    raw: bytes
    time: float
    sent: bool
    csum_unfilled: bool = False
    dev: str = ""

    @property
    def eth(self):
        return wire.parse_ether(self.raw)

    @property
    def outer(self):
        """wire.Outer of an encapsulated packet, or None."""
        return wire.parse(self.raw, time=self.time)

    @property
    def reports(self):
        """Group membership records (wire.Report) of this packet."""
        return wire.parse_reports(self.raw, self.time)

    def __str__(self):
        arrow = ">" if self.sent else "<"
        outer, eth = self.outer, self.eth
        what = outer or (f"{eth.src} > {eth.dst} {eth.type:#06x} "
                         f"{len(self.raw)} bytes" if eth else "")
        for report in self.reports[:1]:
            what = f"report type {report.record} of {report.group}"
        return f"{self.time:.6f} {arrow} {what}"

    __repr__ = __str__


class Capture:
    """All frames of an interface (""; of all) from now on, both directions.

        cap = Capture(host.ns, "eth0")
        ...
        outer = cap.wait_for(lambda p: p.outer and p.sent).outer
        assert len(cap.outers(sent=True)) == 1
    """

    def __init__(self, ns, ifname="eth0", name=None):
        self.name = name or f"{ns.label}.{ifname}"
        with ns.entered():
            self.sock = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW,
                0 if ifname else socket.htons(ETH_P_ALL))
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
            self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            if ifname:
                self.sock.bind((ifname, ETH_P_ALL))
        self.sock.setblocking(False)
        self.buffer = bytearray(1 << 17)
        self.found = []
        live.append(self)

    def _drain(self):
        while True:
            try:
                size, control, _, where = self.sock.recvmsg_into(
                    [self.buffer], 256)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno == errno.ENETDOWN:   # said once, go on
                    continue
                raise
            raw = bytes(memoryview(self.buffer)[:size])
            packet = _packet(raw, control, where)
            if packet.raw[12:14] != MARKER_TYPE.to_bytes(2, "big"):
                self.found.append(packet)
        lost = struct.unpack("=II", self.sock.getsockopt(
            SOL_PACKET, PACKET_STATISTICS, 8))[1]
        assert lost == 0, f"{self.name}: capture lost {lost} packets"

    def packets(self, match=None, sent=None):
        """Everything so far (that matches, that went this way)."""
        if self.sock.fileno() >= 0:
            self._drain()
        return [p for p in self.found if (sent is None or p.sent == sent)
                and (match is None or match(p))]

    def outers(self, sent=None, match=None):
        """Encapsulated packets so far, as wire.Outer."""
        outers = [p.outer for p in self.packets(sent=sent)]
        return [o for o in outers if o and (match is None or match(o))]

    def reports(self, group=None, record=None):
        """Group membership records so far, as wire.Report."""
        return [r for p in self.packets() for r in p.reports
                if group in (None, r.group) and record in (None, r.record)]

    def wait_for(self, match, timeout=5.0, what=""):
        """First packet for which match(packet) is true."""
        return self.wait_count(match, 1, timeout, what)[0]

    def wait_count(self, match, count, timeout=5.0, what=""):
        """The packets that match, as soon as there are count of them."""
        def enough():
            found = self.packets(match)
            return found if len(found) >= count else None
        return eventually(enough, timeout,
                          what=what or f"{count} packets at {self.name}")

    def quiet(self, seconds=0.3, match=None):
        """Fail when a packet (that matches) comes within the time."""
        before = len(self.packets(match))
        time.sleep(scaled(seconds) if seconds > 0.5 else seconds)
        new = self.packets(match)[before:]
        assert not new, f"{self.name} is not quiet: " + "; ".join(map(str, new))

    def clear(self):
        """Forget what was captured so far."""
        self.packets()
        self.found = []

    def save(self, path):
        """Write a pcap file (nanosecond times)."""
        self.packets()
        with open(path, "wb") as file:
            file.write(struct.pack("=IHHiIII", 0xa1b23c4d, 2, 4, 0, 0,
                                   262144, 1))
            for p in self.found:
                seconds, fraction = divmod(round(p.time * 10**9), 10**9)
                size = len(p.raw)
                file.write(struct.pack("=IIII", seconds, fraction, size,
                                       size) + p.raw)

    def describe(self, limit=20):
        """Text of the last packets with their bytes, for a failure."""
        self.packets()
        lines = [f"{self.name}: {len(self.found)} packets"]
        for p in self.found[-limit:]:
            lines.append(f"  {p}")
            lines += [f"      {p.raw[i:i + 32].hex(' ')}"
                      for i in range(0, min(len(p.raw), 192), 32)]
        return "\n".join(lines)

    def close(self):
        if self in live:
            live.remove(self)
            self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _packet(raw, control, where):
    stamp, unfilled = 0.0, False
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanos = struct.unpack("=qq", data[:16])
            stamp = seconds + nanos / 10**9
        elif level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH",
                                                          data[:20])
            unfilled = bool(status & TP_STATUS_CSUMNOTREADY)
            if status & TP_STATUS_VLAN_VALID:
                if not status & TP_STATUS_VLAN_TPID_VALID:
                    tpid = wire.ETH_VLAN
                raw = raw[:12] + struct.pack("!HH", tpid, tci) + raw[12:]
    return Packet(raw, stamp, where[2] == PACKET_OUTGOING, unfilled, where[0])


def close_all():
    """Close every open capture."""
    for capture in list(live):
        capture.close()


def save_all(folder, prefix):
    """Write every open capture as <folder>/<prefix>-<name>.pcap."""
    for capture in live:
        capture.save(os.path.join(folder, f"{prefix}-{capture.name}.pcap"))
