# SPDX-License-Identifier: GPL-2.0
"""Allocations that fail: CONFIG_FAILSLAB of a debug kernel."""

import os
from contextlib import contextmanager

import pytest

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
