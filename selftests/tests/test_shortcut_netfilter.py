# SPDX-License-Identifier: GPL-2.0
"""Shortcuts do not pass by netfilter: rules that come in mid-stream see each
packet from then on, may change or drop it, and connections are tracked.
"""

import re
import shutil

import pytest

from lib.bench import DEV, MAC, inner
from lib.gso import Unfinished, tcp
from lib.nft import counted, hook, rules, table
from lib.shortcut import (                      # noqa: F401
    LAST, Lane, both, fabric, seen, underlay)
from lib.underlay import V4, V6

BATCH = 4
SMALL = "udp dport 4789 udp length < 200"      # not the frame that ends


def batch():
    return [inner(4 + 2 * (n % 2), sport=100 + n) for n in range(BATCH)]


def own(underlay):
    """The family of a table that sees this underlay only."""
    return "ip" if underlay is V4 else "ip6"


def in_midstream(fabric, net, text, options="", **kwargs):
    """Frames before, while and after there are rules -> bytes, counts."""
    with Lane(fabric, net, options, **kwargs) as lane:
        before = lane.through(*batch())
        with rules(lane.ns, text):
            during = lane.through(*batch())
            counts = counted(lane.ns)
        after = lane.through(*batch())
        assert before == after and len(before) == BATCH
        return during, counts


@pytest.mark.parametrize("name", ("output", "postrouting"))
@pytest.mark.parametrize("to", ("remote", "group"))
def test_counted(fabric, underlay, name, to):
    """A rule counts each packet from the moment on when it exists."""
    for family in ("inet", own(underlay)):
        during, counts = both(in_midstream, fabric, underlay, table(
            family, hook(name), "udp dport 4789 counter"), to=to)
        # And the frame that ends the burst.
        assert (len(during), counts) == (BATCH, [BATCH + 1])


def test_counted_by_a_netdev_chain(fabric, underlay):
    """The egress hook of the lower device."""
    during, counts = both(in_midstream, fabric, underlay, table(
        "netdev", hook("egress", device="eth0"), "meta oifname eth0 counter"))
    assert (len(during), counts) == (BATCH, [BATCH + 1])


def test_of_the_other_family(fabric, underlay):
    """Hooks of the other family see nothing and change nothing."""
    family = own(V6 if underlay is V4 else V4)
    during, counts = both(in_midstream, fabric, underlay, table(
        family, hook("output"), "counter"))
    assert (len(during), counts) == (BATCH, [0])


@pytest.mark.parametrize("name", ("output", "postrouting"))
def test_dropped(fabric, underlay, name):
    """No packet passes a rule that drops them, but the one that ends."""
    during, counts = both(in_midstream, fabric, underlay, table(
        "inet", hook(name), SMALL + " counter drop"))
    assert (during, counts) == ([], [BATCH])


CHANGES = {
    V4: ("ip dscp set 46", "ip ttl set 9", "ip ecn set ce"),
    V6: ("ip6 dscp set 46", "ip6 hoplimit set 9")}


@pytest.mark.parametrize("where", (
    hook("output", -150, "route"), hook("postrouting", -150)),
    ids=("output", "postrouting"))
def test_changed(fabric, underlay, where):
    """What a rule writes into the header is what leaves."""
    with Lane(fabric, underlay) as lane:
        plain = lane.through(*batch())
    for change in CHANGES[underlay]:
        during, counts = both(in_midstream, fabric, underlay, table(
            own(underlay), where, change + " counter"))
        assert counts == [BATCH + 1], change
        assert len(during) == BATCH and not set(plain) & set(during)


def test_mark_routes_anew(fabric, underlay):
    """A mark given in output sends the packets another way: nowhere."""
    ns = fabric.host[1].ns
    dash = "-4" if underlay is V4 else "-6"
    ns.run(f"ip {dash} rule add fwmark 66 prohibit")
    try:
        during, counts = both(in_midstream, fabric, underlay, table(
            "inet", hook("output", -150, "route"),
            SMALL + " meta mark set 66 counter"))
    finally:
        ns.run(f"ip {dash} rule del fwmark 66 prohibit")
    assert (during, counts) == ([], [BATCH])


def test_sees_the_same(fabric, underlay):
    """What a rule can ask of a packet: mark, priority, owner, devices,
    length, type of route.
    """
    asked = ("meta mark 7", "meta mark 0", "meta priority 0", "meta skuid 0",
             "meta oifname eth0", "meta length 80-200", "meta length > 200",
             "fib daddr type unicast", "meta pkttype host",
             f"rt {own(underlay)} nexthop {underlay.address(2)}",
             "ct state untracked", "ct state new",
             "meta protocol ip", "meta nfproto ipv6", "ct mark 0")
    text = "".join(table("inet", hook(name), *(
        f"{one} counter" for one in asked), name=name)
        for name in ("output", "postrouting"))
    during, counts = both(in_midstream, fabric, underlay, text)
    assert len(during) == BATCH
    assert (len(counts), max(counts)) == (2 * len(asked), BATCH + 1)


def test_egress_sees_the_same(fabric, underlay):
    """What the lower device's own hook can ask of a packet."""
    asked = ("meta mark 7", "meta mark 0", "meta priority 0",
             "meta length 100-200", "meta length > 200",
             "meta pkttype host", "meta pkttype other",
             "meta protocol ip", "meta protocol ip6", "meta iif 0",
             "meta l4proto udp")
    during, counts = both(in_midstream, fabric, underlay, table(
        "netdev", hook("egress", device="eth0"),
        *(f"{one} counter" for one in asked)))
    assert len(during) == BATCH and max(counts) == BATCH + 1


def test_large_segments(fabric, underlay):
    """A rule sees a large segment as one packet."""
    def scenario():
        with Lane(fabric, underlay) as lane, \
                Unfinished(lane.ns, DEV) as out, \
                rules(lane.ns, table("inet", hook("postrouting"),
                                     "udp dport 4789 counter")):
            out.send(tcp(4, 9000, 1000), tcp(6, 9000, 1000))
            packets = lane.burst(*batch())
            return seen(packets), counted(lane.ns)

    assert both(scenario)[1] == [2 + BATCH + 1]


needs_conntrack = pytest.mark.skipif(
    not shutil.which("conntrack"), reason="no conntrack(8) here")


@needs_conntrack
def test_connections(fabric, underlay):
    """Tracked from the first packet on after tracking began."""
    text = "".join(table("inet", hook(name), "ct state new counter",
                         "ct state established counter", name=name)
                   for name in ("output", "input"))

    def scenario():
        with Lane(fabric, underlay) as lane:
            lane.burst(*batch())
            with rules(lane.ns, text):
                lane.burst(*batch())
                lane.receive(*[lane.outer(inner(4), sport=600)] * 2)
                family = "ipv4" if underlay is V4 else "ipv6"
                listed = lane.ns.run(f"conntrack -L -p udp -f {family}")
                counts = counted(lane.ns)
            lane.ns.run("conntrack -F")
            return counts, sorted(
                re.findall(r"(?:src|dst|sport|dport)=\S+|\[\w+\]", line)
                for line in listed.splitlines() if "4789" in line)

    counts, flows = both(scenario)
    assert len(flows) == 2 and counts[0] >= 1 and counts[2] >= 1


@pytest.mark.parametrize("name", ("prerouting", "input"))
def test_received(fabric, underlay, name):
    """Rules see underlay packets and the frames within."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            lane.ns.ip("addr add 192.168.100.2/24 dev vx0",
                       "addr add fd01::2/64 dev vx0 nodad")
            frames = [inner(v, dst=MAC, sport=n) for v in (4, 6)
                      for n in range(3)]
            outers = [lane.outer(frame) for frame in frames]
            with rules(lane.ns, table(
                    "inet", hook(name), "udp dport 4789 counter",
                    "iifname vx0 udp dport 5678 counter drop")):
                lane.untapped()
                lane.peer.send(*outers, lane.outer(LAST))
                lane.device.wait_for(lambda p: p.raw == LAST)
                came = [p.raw for p in lane.device.packets(
                    lambda p: p.raw in frames, sent=False)]
                return came, counted(lane.ns)

    came, counts = both(scenario)
    assert (len(came), counts) == (6, [7, 6])


def test_received_and_refused(fabric, underlay):
    """A rule drops what came out of the tunnel, at its own device."""
    text = table("netdev", hook("ingress", device=DEV),
                 "meta protocol ip counter drop", "counter")

    def scenario():
        with Lane(fabric, underlay) as lane:
            outers = [lane.outer(inner(v)) for v in (4, 6, 4, 6)]
            lane.untapped().receive(*outers)
            with rules(lane.ns, text):
                lane.receive(*outers, lane.outer(LAST))
                fabric.settle()
                return counted(lane.ns)

    assert both(scenario) == [2, 3]
