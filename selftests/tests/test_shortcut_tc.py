# SPDX-License-Identifier: GPL-2.0
"""Shortcuts do not pass by tc, queueing disciplines and taps, neither on the
lower device nor on the tunnel's own.
"""

import re

import pytest

from lib.bench import DEV, inner
from lib.capture import Capture
from lib.nft import counted, hook, rules, table
from lib.shortcut import (                      # noqa: F401
    LAST, Lane, both, fabric, seen, underlay)
from lib.underlay import V4

BATCH = 4


def batch():
    return [inner(4 + 2 * (n % 2), sport=100 + n) for n in range(BATCH)]


def actions(ns, dev, way):
    """Packets that each filter's actions saw."""
    return [int(n) for n in re.findall(r"Sent \d+ bytes (\d+) pkt", ns.run(
        f"tc -s filter show dev {dev} {way}"))]


EGRESS = {
    "counted": "action ok",
    "marked": "action skbedit mark 9 priority 6 pipe action ok",
    "rewritten": "action pedit ex munge eth dst set 02:00:00:00:09:09",
    "mirrored": "action mirred egress mirror dev lo",
}


@pytest.mark.parametrize("name", list(EGRESS))
def test_egress(fabric, underlay, name):
    """A filter of the lower device, in mid-stream."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            before = lane.through(*batch())
            lane.ns.run("tc qdisc add dev eth0 clsact")
            lane.ns.run("tc filter add dev eth0 egress protocol all matchall "
                        + EGRESS[name])
            during = lane.through(*batch())
            counts = actions(lane.ns, "eth0", "egress")
            lane.ns.run("tc qdisc del dev eth0 clsact")
            assert lane.through(*batch()) == before
            return during, counts, during == before

    during, counts, same = both(scenario)
    assert len(during) == BATCH and set(counts) == {BATCH + 1}
    assert same == (name != "rewritten")


def test_egress_of_the_tunnel(fabric, underlay):
    """A filter of the tunnel's device that gives marks and priorities, which
    rules below see.
    """
    def scenario():
        with Lane(fabric, underlay) as lane:
            lane.ns.run(f"tc qdisc add dev {DEV} clsact")
            lane.ns.run(f"tc filter add dev {DEV} egress protocol all "
                        "matchall action skbedit mark 9 priority 6")
            with rules(lane.ns, table(
                    "netdev", hook("egress", device="eth0"),
                    "meta mark 9 counter", "meta priority 0:6 counter")):
                found = lane.through(*batch())
                return found, counted(lane.ns)

    found, counts = both(scenario)
    assert len(found) == BATCH and counts == [BATCH + 1] * 2


@pytest.mark.parametrize("qdisc", (
    "pfifo limit 100", "prio", "fq_codel", "tbf rate 1gbit burst 1m "
    "limit 1m"))
def test_qdisc(fabric, underlay, qdisc):
    """A queueing discipline of the lower device counts each packet."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            lane.ns.run(f"tc qdisc add dev eth0 root {qdisc}")
            found = lane.through(*batch())
            said = re.search(r"Sent (\d+) bytes (\d+) pkt \(dropped (\d+)",
                             lane.ns.run("tc -s qdisc show dev eth0"))
            lane.ns.run("tc qdisc del dev eth0 root")
            return found, said.groups()

    found, said = both(scenario)
    assert len(found) == BATCH and said[1:] == (str(BATCH + 1), "0")


def test_qdisc_full(fabric, underlay):
    """A queue that takes nothing: every packet is lost and counted."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            lane.ns.run("tc qdisc add dev eth0 root tbf rate 1kbit "
                        "burst 10 limit 10")
            with lane.moved() as moved:
                lane.tenant.send(*batch())
            found = lane.wire.outers(sent=True)
            lane.ns.run("tc qdisc del dev eth0 root")
            assert len(lane.through(*batch())) == BATCH
            return found, dict(moved)

    found, moved = both(scenario)
    assert found == [] and "tx_packets" not in moved


def test_ingress(fabric, underlay):
    """Filters on receipt see the outer and the inner packets, and may drop
    the latter.
    """
    def scenario():
        with Lane(fabric, underlay) as lane:
            outers = [lane.outer(frame) for frame in batch()]
            lane.untapped().receive(*outers)
            for dev in "eth0", DEV:
                lane.ns.run(f"tc qdisc add dev {dev} clsact")
            lane.ns.run("tc filter add dev eth0 ingress protocol "
                        f"{'ip' if underlay is V4 else 'ipv6'} matchall "
                        "action ok")
            lane.ns.run(f"tc filter add dev {DEV} ingress protocol ip "
                        "matchall action drop")
            lane.ns.run(f"tc filter add dev {DEV} ingress protocol ipv6 "
                        "matchall action ok")
            with lane.moved() as moved:
                lane.peer.send(*outers, lane.outer(LAST))
                lane.device.wait_for(lambda p: p.raw == LAST)
                fabric.settle()
            counts = (actions(lane.ns, "eth0", "ingress"),
                      actions(lane.ns, DEV, "ingress"))
            lane.ns.run("tc qdisc del dev eth0 clsact")
            return counts, dict(moved)

    counts, moved = both(scenario)
    assert counts == ([BATCH + 1], [BATCH // 2] * 2)
    assert moved["rx_packets"] == BATCH + 1


def test_taps(fabric, underlay):
    """A tap on all devices sees each packet as often, in the same order."""
    def scenario():
        with Lane(fabric, underlay) as lane, \
                Capture(lane.ns, "") as tap:
            lane.burst(*batch())
            outers = [lane.outer(frame) for frame in batch()]
            lane.device.clear()
            lane.peer.send(*outers, lane.outer(LAST))
            lane.device.wait_for(lambda p: p.raw == LAST)
            packets = tap.packets(lambda p: p.outer or p.dev == DEV)
            return [(p.dev, p.sent, raw) for p, raw in
                    zip(packets, seen(packets))]

    found = both(scenario)
    assert len([one for one in found if one[0] == DEV]) >= 2 * BATCH
    assert len([one for one in found if one[0] == "eth0"]) >= 2 * BATCH
