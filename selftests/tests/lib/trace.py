# SPDX-License-Identifier: GPL-2.0
"""Why the kernel dropped packets: the kfree_skb trace event.

    with Drops("vxlan") as drops:
        ...
    drops.check("VXLAN_INVALID_HDR")    # the module dropped for that, once

Nothing is checked where the kernel has no tracing or not that reason.
"""

import os
import re

TRACING = "/sys/kernel/tracing"
EVENT = "events/skb/kfree_skb"
LINE = re.compile(r"location=\S+(?: \[(\w+)\])? reason: (\w+)")


def _format():
    try:
        with open(f"{TRACING}/{EVENT}/format", encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


class Drops:
    """Context: the reasons of packets dropped by a module meanwhile."""

    def __init__(self, module):
        self.module = module
        self.path = f"{TRACING}/instances/vxt{os.getpid()}"
        self.known = set(re.findall(r'"([A-Z0-9_]+)"', _format()))
        #: Older kernels do not tell which module it was.
        self.by_module = "location=%pS" in _format()
        self.reasons = []

    def _write(self, name, value):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
            file.write(value)

    def __enter__(self):
        if self.known:
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
        self.reasons = [why for who, why in found
                        if who == self.module or not self.by_module]

    def check(self, reason):
        """Fail unless this is the one reason (None: there was no drop)."""
        if self.by_module and (reason is None or reason in self.known):
            assert self.reasons == ([reason] if reason else [])
        elif reason in self.known:
            assert reason in self.reasons
