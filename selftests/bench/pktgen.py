# SPDX-License-Identifier: GPL-2.0
"""The kernel's packet generator, on its first processor.

    with Pktgen(ns, "vx0", Stream(size=64, flows=1000)) as generator:
        nanoseconds = generator.run(20000)      # for each packet
"""

import re
from dataclasses import dataclass

FOLDER = "/proc/thread-self/net/pktgen"
THREAD = "kpktgend_0"


@dataclass(frozen=True)
class Stream:
    """What is sent: UDP over IPv4 in Ethernet frames.

    size: of the frame without FCS. macs, source_macs: how many destinations
    and sources, by turns at random from base and source on. flows: how many
    UDP source ports.
    """
    size: int = 64
    flows: int = 1
    base: str = "02:00:00:00:00:00"
    macs: int = 1
    source: str = "02:00:01:00:00:00"
    source_macs: int = 1

    def commands(self):
        # a tunnel device writes into the packet: each is a new one
        yield "flag !SHARED"
        yield "clone_skb 0"
        yield "delay 0"
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
            if count > 1:
                yield f"flag {flag}"


class Pktgen:
    def __init__(self, ns, dev, stream):
        self.ns, self.dev = ns, dev
        self._write(THREAD, "rem_device_all")
        self._write(THREAD, f"add_device {dev}")
        for line in stream.commands():
            self._write(dev, line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._write(THREAD, "rem_device_all")

    def _write(self, name, line):
        with self.ns.entered(), \
                open(f"{FOLDER}/{name}", "w", encoding="ascii") as file:
            file.write(line + "\n")

    def run(self, count):
        """Send so many; nanoseconds for each."""
        self._write(self.dev, f"count {count}")
        self._write("pgctrl", "start")
        said = self.ns.read(f"{FOLDER}/{self.dev}")
        done = re.search(r"Result: OK: (\d+)\(.*usec, (\d+) ", said)
        if not done or int(done[2]) != count:
            raise RuntimeError(f"pktgen on {self.dev}:\n{said}")
        return int(done[1]) * 1000 / count
