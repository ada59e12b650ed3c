# SPDX-License-Identifier: GPL-2.0
"""The kernel log while tests run: new lines, and splats among them."""

import os
import re

SPLAT = re.compile("|".join((
    r"\bWARNING:", r"\bBUG:", r"\bKASAN\b", r"\bUBSAN\b", r"kernel BUG at",
    r"\bOops\b", r"general protection fault", r"refcount_t:",
    r"unregister_netdevice: waiting", r"suspicious RCU usage",
    r"possible (recursive|circular|irq lock inversion)",
    r"inconsistent lock state", r"sleeping function called",
    r"scheduling while atomic", r"cut here", r"Call Trace:", r"kmemleak:",
    r"ODEBUG", r"leaked reference", r"blocked for more than",
    r"self-detected stall", r"detected stalls", r"Unable to handle",
    r"page allocation failure", r"slab-(out-of-bounds|use-after-free)",
    r"Dead loop on virtual device")))


class KernelLog:
    """Reads /dev/kmsg from its present end on."""

    def __init__(self):
        try:
            self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.fd, 0, os.SEEK_END)
        except OSError as error:
            self.fd = None
            self.trouble = str(error)

    def new_lines(self):
        """Lines since the last call."""
        lines = []
        while self.fd is not None:
            try:
                record = os.read(self.fd, 8192)
            except BlockingIOError:
                break
            except BrokenPipeError:     # overwritten before we read it
                lines.append("(kernel log lines lost)")
                continue
            text = record.split(b"\n", 1)[0].decode(errors="replace")
            lines.append(text.split(";", 1)[-1])
        return lines

    @staticmethod
    def splats(lines):
        """The lines that tell of a bug, each with the rest of its report."""
        for number, line in enumerate(lines):
            if SPLAT.search(line):
                return lines[max(0, number - 2):number + 40]
        return []
