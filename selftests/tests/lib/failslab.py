# SPDX-License-Identifier: GPL-2.0
"""Allocations that fail: CONFIG_FAILSLAB of a debug kernel.

    with failing("kmalloc-64", task_only=True): ...     all of a cache
    with FailingRtnl(ns) as rtnl:                       one, of a request
        rtnl.nth = 3
        rtnl.changelink(...)    # the third allocation fails
        rtnl.hit                # there were that many
"""

import glob
import os
import re
from contextlib import contextmanager

import pytest

from .nl import Rtnl

CONTROL = "/sys/kernel/debug/failslab"


def _write(path, value):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))


def needs_failslab():
    """Skip the test where the kernel cannot fail on demand."""
    if not os.path.isdir(CONTROL):
        pytest.skip("this kernel has no CONFIG_FAILSLAB")


@contextmanager
def failing(cache, task_only):
    """All atomic allocations from a slab cache fail; task_only: those that
    this process makes itself.
    """
    settings = {"cache-filter": "Y", "ignore-gfp-wait": "Y", "verbose": 0,
                "interval": 1, "space": 0, "times": -1,
                "task-filter": "Y" if task_only else "N"}
    for name, value in settings.items():
        _write(f"{CONTROL}/{name}", value)
    _write("/proc/self/make-it-fail", int(task_only))
    _write(f"/sys/kernel/slab/{cache}/failslab", 1)
    try:
        _write(f"{CONTROL}/probability", 100)
        yield
    finally:
        _write(f"{CONTROL}/probability", 0)
        _write(f"/sys/kernel/slab/{cache}/failslab", 0)
        _write("/proc/self/make-it-fail", 0)


def _caches():
    """Those whose allocations may fail one by one. The kernel warns when the
    smallest do: they are its reference trackers.
    """
    found = [path for name in ("kmalloc-*", "vtep*", "vxlan*",
                               "radix_tree_node", "skbuff_small_head")
             for path in glob.glob(f"/sys/kernel/slab/{name}/failslab")]
    return [path for path in found
            if not re.search(r"/kmalloc-(\w+-)?(8|16|32)/", path)]


class _Armed:
    """A netlink socket; while the kernel handles what is sent, the nth
    allocation of this thread fails (0: none does).
    """

    def __init__(self, sock):
        self.sock, self.nth, self.hit = sock, 0, False
        self.switch = os.open("/proc/thread-self/fail-nth", os.O_RDWR)

    def __getattr__(self, name):
        return getattr(self.sock, name)

    def send(self, raw):
        number = b"%d" % self.nth
        os.pwrite(self.switch, number, 0)
        try:
            return self.sock.send(raw)
        finally:
            left = os.pread(self.switch, 16, 0)
            os.pwrite(self.switch, b"0", 0)
            self.hit = self.nth > 0 and int(left) == 0

    def close(self):
        os.close(self.switch)
        self.sock.close()


class FailingRtnl(Rtnl):
    """Requests of which one allocation fails; `hit` says whether it did.

    To be used by one thread. A request may succeed in spite of a failure (a
    notification is lost), or fail with ENOBUFS after it was done (its answer
    is lost).
    """

    def __init__(self, ns):
        super().__init__(ns)
        self.sock = _Armed(self.sock)

    nth = property(lambda self: self.sock.nth,
                   lambda self, value: setattr(self.sock, "nth", value))
    hit = property(lambda self: self.sock.hit)

    def __enter__(self):
        for path in _caches():
            _write(path, 1)
        for name, value in (("cache-filter", "Y"), ("ignore-gfp-wait", "N"),
                            ("verbose", 0), ("probability", 0)):
            _write(f"{CONTROL}/{name}", value)
        return self

    def __exit__(self, *_):
        for path in _caches():
            _write(path, 0)
        _write(f"{CONTROL}/ignore-gfp-wait", "Y")
        self.close()
