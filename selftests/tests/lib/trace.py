# SPDX-License-Identifier: GPL-2.0
"""Why the kernel dropped packets: the kfree_skb trace event.

    with Drops("vxlan") as drops:
        ...
    drops.reasons -> ["VXLAN_INVALID_HDR", ...] of that module

Where the kernel has no tracing, reasons is None.
"""

import os
import re

TRACING = "/sys/kernel/tracing"
EVENT = "events/skb/kfree_skb"
LINE = re.compile(r"location=\S+ \[(\w+)\] reason: (\w+)")


def known():
    """Names of the reasons that this kernel has."""
    try:
        with open(f"{TRACING}/{EVENT}/format", encoding="ascii") as file:
            return set(re.findall(r'"([A-Z0-9_]+)"', file.read()))
    except OSError:
        return set()


class Drops:
    """Context: the reasons of packets dropped by a module meanwhile."""

    def __init__(self, module):
        self.module = module
        self.path = f"{TRACING}/instances/vxt{os.getpid()}"
        self.reasons = None

    def _write(self, name, value):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
            file.write(value)

    def __enter__(self):
        if known():
            os.mkdir(self.path)
            self._write(f"{EVENT}/enable", "1")
        return self

    def __exit__(self, *_):
        if not os.path.isdir(self.path):
            return
        self._write(f"{EVENT}/enable", "0")
        with open(f"{self.path}/trace", encoding="ascii") as file:
            found = LINE.findall(file.read())
        os.rmdir(self.path)
        self.reasons = [why for who, why in found if who == self.module]
