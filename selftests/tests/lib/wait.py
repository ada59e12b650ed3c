# SPDX-License-Identifier: GPL-2.0
"""Waiting with deadlines, never with bare sleeps.

Every deadline is multiplied by the environment variable VXLAN_SLOW (an
emulator sets it to about 10), so a test names the time a real machine needs.
"""

import os
import time

SLOW = float(os.environ.get("VXLAN_SLOW", "1"))


def scaled(seconds):
    """Seconds on a real machine -> seconds allowed on this one."""
    return seconds * SLOW


def deadline(seconds):
    """Point of time.monotonic() after which waiting is given up."""
    return time.monotonic() + scaled(seconds)


def eventually(check, timeout=5.0, interval=0.02, what=""):
    """Call check() until it returns something true, and return that.

    An AssertionError raised by check() counts as "not yet". Fails with the
    last value or the last assertion when the deadline has passed.
    """
    end = deadline(timeout)
    while True:
        problem = None
        try:
            value = check()
        except AssertionError as error:
            value, problem = None, error
        if value:
            return value
        if time.monotonic() > end:
            break
        time.sleep(interval)
    name = what or getattr(check, "__name__", "condition")
    last = problem if problem is not None else repr(value)
    raise AssertionError(
        f"{name}: not within {scaled(timeout):.1f} s, last: {last}")


def steadily(check, seconds=0.3, interval=0.02, what=""):
    """Fail as soon as check() is false within the given time."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        assert value, f"{what or 'condition'} did not last: {value!r}"
        if time.monotonic() > end:
            return
        time.sleep(interval)
