#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""last_words.py FOLDER - what a machine that hangs is doing

For `run`, which is about to end it: FOLDER holds the emulator's socket
(monitor) or User-Mode Linux's (machine/mconsole). The emulator tells its
registers and sends an interrupt that cannot be masked, which makes the kernel
panic with a stack trace; User-Mode Linux is asked for its blocked tasks. What
the kernel has to say goes to its own log; what is said about it is printed.
"""

import os
import re
import socket
import struct
import sys
import time

PATIENCE = 10       # seconds until an answer is not to be expected any more
#: struct mconsole_request of arch/um: magic, version, length, command
MAGIC, VERSION, ROOM = 0xcafebabe, 2, 512


def ask_emulator(path, *commands):
    """Print what the monitor answers to each command."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(PATIENCE)
        monitor.connect(path)
        for command in ("", *commands):
            monitor.sendall(f"{command}\n".encode() if command else b"")
            print(answer(monitor))


def answer(monitor):
    """Up to the next prompt, without what nobody wants to know."""
    said = b""
    while not said.endswith(b"(qemu) "):
        chunk = monitor.recv(65536)
        if not chunk:
            break
        said += chunk
    text = re.sub(r"\x1b\[\w*|\r", "", said.decode(errors="replace"))
    return re.sub(r"(?m)^(FCW|FPR|YMM|DR|[EGIL]DT|[CDEFGS]S ).*\n", "", text)


def ask_uml(path, folder, *commands):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mconsole:
        mconsole.bind(os.path.join(folder, "asks"))
        mconsole.settimeout(PATIENCE)
        for command in commands:
            text = command.encode()
            mconsole.sendto(struct.pack(f"=III{ROOM}s", MAGIC, VERSION,
                                        len(text), text), path)
            print(mconsole.recv(4096)[12:].rstrip(b"\0").decode(
                errors="replace"))


def main():
    folder = sys.argv[1]
    monitor, mconsole = (os.path.join(folder, name)
                         for name in ("monitor", "machine/mconsole"))
    try:
        if os.path.exists(monitor):
            ask_emulator(monitor, "info status", "info registers", "nmi")
            time.sleep(5)       # the kernel is slow in an emulator
        elif os.path.exists(mconsole):
            ask_uml(mconsole, folder, "sysrq l", "sysrq w")
    except OSError as error:
        print(f"no answer: {error}")


main()
