# SPDX-License-Identifier: GPL-2.0
"""Receive aggregation of packets that come one by one.

    with merging(fabric, host): ...     host's eth0 merges what it gets
"""

from contextlib import contextmanager

from . import ethtool, features

#: How long a packet waits for others, in nanoseconds.
WAIT = 20_000_000


def _hold(ns, dev, nanoseconds):
    """Packets stay in the aggregation of a device for a while."""
    path = f"/sys/class/net/{dev}"
    ns.run(f"unshare -m sh -c 'mount -t sysfs sysfs /sys && "
           f"echo {nanoseconds} > {path}/gro_flush_timeout && "
           f"echo {1 if nanoseconds else 0} > {path}/napi_defer_hard_irqs'")


@contextmanager
def merging(fabric, host):
    """Aggregation on; the fabric's side cuts what is sent to the host."""
    port = f"h{host.number}"
    ethtool.offload(host.ns, "eth0", True, ("gro",))
    features.all_tso(fabric.ns, port, False)
    _hold(host.ns, "eth0", WAIT)
    try:
        yield
    finally:
        _hold(host.ns, "eth0", 0)
        features.all_tso(fabric.ns, port, True)
        ethtool.offload(host.ns, "eth0", False, ("gro",))
