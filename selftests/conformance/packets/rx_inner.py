# SPDX-License-Identifier: GPL-2.0
"""Inner frames on their way in: every kind, torn ones, wrong sources, ECN."""

from lib import build

from packets.rig import frames as f
from packets.rig.scene import scene

ROW = "1.6 rx"


def _frames():
    """All that a tenant may send comes out as it went in."""
    for net in (4, 6):
        for name, frame in f.INNER.items():
            yield scene(f"rx/inner/v{net}/{name}", ROW, net,
                        rx=[f.outer(net, frame)])
    for mtu in (1450, 500):     # what the device may send is another matter
        yield scene(f"rx/inner/large/mtu-{mtu}", ROW, 4, mtu=mtu, rx=[
            f.outer(4, f.sized(4, 1450))])


def _torn():
    for net in (4, 6):
        for name, frame in f.TORN.items():
            yield scene(f"rx/torn/v{net}/{name}", ROW, net,
                        rx=[f.outer(net, frame)])


def _sources():
    """Source addresses that nobody can have, with and without learning."""
    for learning in (1, 0):
        for name, mac in (("broadcast", build.BROADCAST),
                          ("group", f.GROUP_MAC), ("group6", f.GROUP6_MAC),
                          ("odd", "03:00:00:00:cc:01"),
                          ("zero", build.ZERO_MAC), ("own", f.OWN),
                          ("same-as-to", f.BOB), ("good", f.ALICE)):
            for what, frame in (("ip", f.udp(4, src=mac)),
                                ("other", f.other(src=mac))):
                label = "learning" if learning else "nolearning"
                yield scene(f"rx/source/{label}/{name}/{what}", ROW, 4,
                            {"LEARNING": learning}, rx=[f.outer(4, frame)])


def _ecn():
    """RFC 6040: what the outer ECN field does to the inner one."""
    for net in (4, 6):
        for inner in (4, 6):
            for theirs in range(4):
                for outer in range(4):
                    yield scene(
                        f"rx/ecn/v{net}/inner{inner}/{theirs}{outer}",
                        "1.6 ECN", net, rx=[f.outer(
                            net, f.udp(inner, tos=0x40 | theirs),
                            tos=0x20 | outer)])
        for name, frame in (
                ("tagged4", f.tagged(f.udp(4, tos=0x42), (5,))),
                ("tagged6", f.tagged(f.udp(6, tos=0x42), (5,))),
                ("tagged-not-capable", f.tagged(f.udp(4, tos=0x40), (5,))),
                ("other", f.other()), ("arp", f.arp())):
            yield scene(f"rx/ecn/v{net}/{name}", "1.6 ECN", net, rx=[
                f.outer(net, frame, tos=3)])
    yield scene("rx/ecn/ttl-stays", "1.6 ECN", 4, rx=[
        f.outer(4, f.udp(4, ttl=33), ttl=5),
        f.outer(4, f.udp(6, ttl=1), ttl=200)])


CASES = [*_frames(), *_torn(), *_sources(), *_ecn()]
