# SPDX-License-Identifier: GPL-2.0
"""The worst gap in a steady stream of a thousand packets a second.

The generator runs before all else on the processor, as an interrupt of a real
network card would: what delays it is what cannot be interrupted. The time of
arrival is the kernel's.
"""

import os
import socket
import struct
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

from case import Case
from cases_table import AT_ONCE, NEVER
from lib import links, nl
from lib import nldefs as d
from lib.linkattr import data
from load import STATIC, Load
from pktgen import Pktgen, Stream
from rig import DEV, OTHER, Rig, mac, vtep

SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
STEP = 1000000          # nanoseconds from packet to packet
FIRST = 100             # packets until all is warm
TARGET = mac(1 << 32)   # of the receiver
HERE, THERE = "192.0.2.1", "192.0.2.2"
PORT = 9                # what pktgen sends to
REMOTES = 256


@dataclass(frozen=True)
class Steady(Stream):
    """One packet after the other, STEP from each other."""

    def commands(self):
        for line in super().commands():
            yield line if not line.startswith("delay") else f"delay {STEP}"


def generator_first():
    """The generator's thread does not wait for other tasks."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with open(f"/proc/{name}/comm", encoding="ascii") as file:
            if file.read().strip() == "kpktgend_0":
                os.sched_setscheduler(int(name), os.SCHED_FIFO,
                                      os.sched_param(50))


class Arrivals:
    """Times of arrival at the receiver."""

    def __init__(self, ns):
        with ns.entered():
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.sock.bind((THERE, PORT))
        self.sock.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def times(self):
        """Nanoseconds, of all since the last call."""
        found = []
        while True:
            try:
                _, ancillary, _, _ = self.sock.recvmsg(0, 64)
            except BlockingIOError:
                return found
            seconds, rest = struct.unpack("=qq", ancillary[0][2])
            found.append(seconds * 10 ** 9 + rest)


class Latency(Case):
    """Microseconds: the worst gap when nothing happens, and when it does."""

    unit, counts, rounds = "us", False, 3
    floods = 1

    def begin(self, kind):
        self.kind = kind

    def end(self):
        pass

    def run(self):
        self.rig = Rig(self.kind, cable=True, receiver={"LEARNING": 0},
                       options={"AGEING": NEVER})
        try:
            self.rig.up()
            there = self.rig.there
            there.rtnl.setlink(DEV, extra=[(d.IFLA_ADDRESS, TARGET)])
            links.add_address(there, DEV, f"{THERE}/24")
            self.rig.here.rtnl.neigh(d.RTM_NEWNEIGH, DEV, [
                (d.NDA_LLADDR, TARGET), (d.NDA_DST, nl.ip(OTHER[4]))],
                d.NUD_PERMANENT, nl_flags=d.NLM_F_CREATE)
            with Arrivals(there) as self.arrivals:
                return {name: [value / 1000 for value in values]
                        for name, values in self.measure().items()}
        finally:
            self.rig.delete()

    def measure(self):
        """{suffix: [nanoseconds, ...]}"""
        raise NotImplementedError

    def idle(self, seconds, times):
        """As long and as often as something happens: so the host disturbs
        both alike.
        """
        return [self.gap(lambda: None, seconds) for _ in range(times)]

    def gap(self, event, seconds):
        """The worst one of a stream during which event() is called."""
        count = int(seconds * 10 ** 9 / STEP)
        with Pktgen(self.rig.here, DEV, Steady(
                base=TARGET.hex(":"))) as generator:
            generator_first()
            with sending(generator, count):
                time.sleep(2 * FIRST * STEP / 10 ** 9)
                event()
        times = self.arrivals.times()
        if len(times) < count:
            raise RuntimeError(f"{self.name}: {len(times)} of {count} packets")
        times = times[FIRST:]
        return max(after - before for before, after in zip(times, times[1:]))


@contextmanager
def sending(generator, count):
    trouble = []

    def body():
        try:
            generator.run(count)
        except Exception as error:      # pylint: disable=broad-except
            trouble.append(error)
    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if trouble:
        raise trouble[0]


class LargeTable(Latency):
    """While all entries of a table go."""

    def __init__(self, name, count):
        super().__init__(name)
        self.count = count
        self.seconds = 1.5 + 3 * count / 10 ** 6

    def measure(self):
        load, found = Load(self.rig, self.count), {}
        load.add(d.NUD_REACHABLE)
        found["idle"] = self.idle(self.seconds, 1)
        found["flush"] = [self.gap(self.flush, self.seconds)]
        load.add(d.NUD_REACHABLE)
        time.sleep(AT_ONCE + 0.2)
        found["age"] = [self.gap(self.age, self.seconds)]
        if load.has(self.count - 1):
            raise RuntimeError(f"{self.name}: some have not aged")
        return found

    def flush(self):
        """All but static ones: the stream's own stays."""
        self.rig.here.rtnl.neigh(
            d.RTM_DELNEIGH, DEV, [(d.NDA_NDM_STATE_MASK, nl.u16(STATIC))],
            nl_flags=d.NLM_F_BULK)

    def age(self):
        self.rig.here.rtnl.changelink(DEV, self.kind, data(AGEING=AT_ONCE))


class Flood(Latency):
    """While another sender's broadcasts go to many VTEPs."""

    def measure(self):
        links.add_address(self.rig.here, DEV, f"{HERE}/24")
        self.rig.batch(d.RTM_NEWNEIGH, d.NLM_F_CREATE | d.NLM_F_APPEND, (
            [(d.NDA_LLADDR, bytes(6)), (d.NDA_DST, nl.ip(vtep(n)))]
            for n in range(1, REMOTES)))
        return {"idle": self.idle(2, 3),
                "flood": [self.gap(self.broadcast, 2) for _ in range(3)]}

    def broadcast(self):
        with self.rig.here.entered(), \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            end = time.monotonic() + 1
            while time.monotonic() < end:
                sock.sendto(b"", ("192.0.2.255", 7))


def cases(quick):
    count = 100000 if quick else 1000000
    yield LargeTable(f"latency/{count}-macs", count)
    yield Flood(f"latency/{REMOTES}-remotes").having(quick=False)
