# SPDX-License-Identifier: GPL-2.0
"""Load: a TCP transfer whose content is compared, and a flood of frames.

    transfer(vm1.ns, vm2.ns, vm2.ip, size)  fails unless all came intact
    with Flood(ns, "vx0", frames) as flood: ... flood.sent
"""

import hashlib
import os
import threading

from .inject import Injector, connect, listener
from .wait import eventually, scaled


def transfer(sender, receiver, address, size=1 << 20, port=5001, chunk=1 << 16):
    """Random bytes from one namespace to an address of another."""
    data = os.urandom(size)
    with listener(receiver, address, port) as server:
        server.settimeout(scaled(20))
        sending = threading.Thread(target=_send, daemon=True,
                                   args=(sender, address, port, data, chunk))
        sending.start()
        got = _receive(server)
        sending.join()
    assert len(got) == size, f"{len(got)} of {size} bytes came"
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


def _send(ns, address, port, data, chunk):
    with connect(ns, address, port, timeout=20) as sock:
        for at in range(0, len(data), chunk):
            sock.sendall(data[at:at + chunk])


def _receive(server):
    parts = []
    with server.accept()[0] as sock:
        sock.settimeout(scaled(20))
        while part := sock.recv(1 << 18):
            parts.append(part)
    return b"".join(parts)


class Flood:
    """A thread that sends the frames again and again until the end.

    What cannot be sent (no interface, no buffer) is tried again: after the
    interface is gone for good, the thread only waits.
    """

    def __init__(self, ns, ifname, frames):
        self.ns, self.ifname, self.frames = ns, ifname, frames
        self.sent = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        injector = None
        while not self.stop.is_set():
            try:
                injector = injector or Injector(self.ns, self.ifname)
                injector.send(*self.frames)
                self.sent += len(self.frames)
            except OSError:
                if injector:
                    injector.close()
                injector = None
                self.stop.wait(0.01)
        if injector:
            injector.close()

    def progress(self, count=50):
        """Wait until it has sent that many more."""
        due = self.sent + count
        eventually(lambda: self.sent >= due, what="flood goes on")

    def __enter__(self):
        self.thread.start()
        self.progress(len(self.frames))
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
