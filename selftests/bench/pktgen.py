# SPDX-License-Identifier: GPL-2.0
"""The kernel's packet generator, on one or more processors.

    with Pktgen(ns, "vx0", Stream(size=64, flows=1000)) as generator:
        nanoseconds = generator.run(20000)      # for each packet
"""

import re
import time
from dataclasses import dataclass

FOLDER = "/proc/thread-self/net/pktgen"
PATIENCE = 20       # seconds


@dataclass(frozen=True)
class Stream:
    """What is sent: UDP over IPv4 in Ethernet frames.

    size: of the frame without FCS. macs, source_macs: how many destinations
    and sources, at random from base and source on, or one after the other
    (in_turn). flows: how many UDP source ports. mode: start_xmit, straight into
    the device; queue_xmit, as the stack sends; netif_receive, as if the device
    had received it.
    """
    size: int = 64
    flows: int = 1
    base: str = "02:00:00:00:00:00"
    macs: int = 1
    source: str = "02:00:01:00:00:00"
    source_macs: int = 1
    in_turn: bool = False
    mode: str = "start_xmit"

    def commands(self):
        # a tunnel device writes into the packet: each is a new one
        yield "flag !SHARED"
        yield "clone_skb 0"
        yield "delay 0"
        yield f"xmit_mode {self.mode}"
        yield f"pkt_size {self.size}"
        yield f"dst_mac {self.base}"
        yield f"src_mac {self.source}"
        yield "src_min 192.0.2.1"
        yield "src_max 192.0.2.1"
        yield "dst 192.0.2.2"
        yield "udp_src_min 1000"
        yield f"udp_src_max {1000 + self.flows - 1}"
        for name, count, flag in (("flows", self.flows, "UDPSRC_RND"),
                                  ("dst_mac", self.macs, "MACDST_RND"),
                                  ("src_mac", self.source_macs, "MACSRC_RND")):
            if name != "flows":
                yield f"{name}_count {count if count > 1 else 0}"
            turns = self.in_turn or count == 1
            yield f"flag {'!' if turns else ''}{flag}"


class Pktgen:
    """As many generators as processors are asked for, each with the stream."""

    def __init__(self, ns, dev, stream, processors=1):
        self.ns = ns
        self.threads = [f"kpktgend_{n}" for n in range(processors)]
        self.devs = [f"{dev}@{n}" if n else dev for n in range(processors)]
        self.clear()
        for thread, name in zip(self.threads, self.devs):
            self._write(thread, f"add_device {name}")
        self.set(stream)

    def set(self, stream):
        """Send something else."""
        for dev in self.devs:
            for line in stream.commands():
                self._write(dev, line)

    def clear(self):
        for thread in self.threads:
            self._write(thread, "rem_device_all")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clear()

    def _write(self, name, line):
        with self.ns.entered(), \
                open(f"{FOLDER}/{name}", "w", encoding="ascii") as file:
            file.write(line + "\n")

    def run(self, count):
        """Send so many on each; nanoseconds for each, of the slowest."""
        for dev in self.devs:
            self._write(dev, f"count {count}")
        self._write("pgctrl", "start")
        return max(self._spent(dev, count) for dev in self.devs)

    def _spent(self, dev, count):
        """On a busy host the generator may only begin when `start` is over."""
        due = time.monotonic() + PATIENCE
        while True:
            said = self.ns.read(f"{FOLDER}/{dev}")
            done = re.search(r"Result: OK: (\d+)\(.*usec, (\d+) ", said)
            if done and int(done[2]) == count:
                return int(done[1]) * 1000 / count
            if done or time.monotonic() > due:
                raise RuntimeError(f"pktgen on {dev}:\n{said}")
            time.sleep(0.02)
