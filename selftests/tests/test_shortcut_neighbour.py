# SPDX-License-Identifier: GPL-2.0
"""Shortcuts follow the neighbour: another MAC from the next packet on, asked
for when it is not known, asked again when it has become old.
"""

import pytest

from lib import nl
from lib import nldefs as d
from lib.bench import inner
from lib.shortcut import (                      # noqa: F401
    Lane, both, calm_wired, underlay)
from lib.underlay import V4
from lib.wait import eventually

NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION = 136, 135


@pytest.fixture(scope="module")
def fabric():
    with calm_wired(hosts=3) as made:
        for host in made.hosts:
            for family in ("ipv4", "ipv6"):
                host.ns.sysctl(f"{family}/neigh/eth0/retrans_time_ms", 100)
                host.ns.sysctl(f"{family}/neigh/eth0/delay_first_probe_time",
                               1)
        yield made


def family(net):
    return 2 if net is V4 else 10


def state(lane, address):
    """(state, MAC) of a neighbour of host 1."""
    for one in lane.ns.rtnl.neighbours(family(lane.net)):
        if one["dst"] == address:
            return one["state"], one["mac"]
    return None, None


def set_state(lane, address, number, mac):
    lane.ns.rtnl.neigh(d.RTM_NEWNEIGH, "eth0", [
        (d.NDA_DST, nl.ip(address)), (d.NDA_LLADDR, nl.mac(mac))], number,
        flags=0, nl_flags=d.NLM_F_CREATE | d.NLM_F_REPLACE,
        family=family(lane.net))


def forget(lane, address):
    lane.ns.rtnl.neigh(d.RTM_DELNEIGH, "eth0", [
        (d.NDA_DST, nl.ip(address))], flags=0, family=family(lane.net))


def asked(packet):
    """Is it a question for a MAC?"""
    eth = packet.eth
    return bool(eth.arp and eth.arp[0] == 1 or eth.ip
                and eth.ip.proto == 58
                and eth.ip.payload[0] == NEIGHBOUR_SOLICITATION)


def macs(lane, count=2):
    """Destination MACs of that many packets, sent one by one."""
    return [lane.send(inner(4, sport=n))[0].eth.dst for n in range(count)]


@pytest.fixture(autouse=True)
def _permanent(fabric, underlay):
    """Whatever a test does to them, neighbours are permanent afterwards."""
    yield
    fabric.host[1].ns.ip(
        f"neigh replace {underlay.address(2)} lladdr {fabric.host[2].mac} "
        "dev eth0 nud permanent")


def test_changes_its_mac(fabric, underlay):
    """From the next packet on."""
    def scenario():
        with Lane(fabric, underlay) as lane:
            to, found = underlay.address(lane.far), []
            for n in range(4):
                mac = f"02:00:00:00:99:{n:02x}"
                set_state(lane, to, d.NUD_PERMANENT, mac)
                assert macs(lane) == [mac] * 2
                found.append(mac)
            set_state(lane, to, d.NUD_PERMANENT, lane.far.mac)
            return found + macs(lane)

    assert both(scenario)[-1] == fabric.host[2].mac


def test_gateway_changes_its_mac(fabric, underlay):
    """The same behind a gateway, as its own announcement says, and when the
    route goes to another gateway.
    """
    def scenario():
        far = "203.0.113.9" if underlay is V4 else "2001:db8::9"
        near, bits = fabric.host[1], 32 if underlay is V4 else 128
        via = underlay.address(2), underlay.address(3)
        near.ns.ip(f"route add {far}/{bits} via {via[0]} dev eth0")
        try:
            with Lane(fabric, underlay, to=f"remote {far}") as lane:
                found = macs(lane)
                set_state(lane, via[0], d.NUD_PERMANENT, "02:00:00:00:99:77")
                found += macs(lane)
                lane.ns.ip(f"route replace {far}/{bits} via {via[1]} dev eth0")
                found += macs(lane)
                set_state(lane, via[0], d.NUD_PERMANENT, lane.far.mac)
                lane.ns.ip(f"route replace {far}/{bits} via {via[0]} dev eth0")
                return found + macs(lane)
        finally:
            near.ns.ip(f"route del {far}/{bits}")

    two, three = fabric.host[2].mac, fabric.host[3].mac
    assert both(scenario) == [two] * 2 + ["02:00:00:00:99:77"] * 2 \
        + [three] * 2 + [two] * 2


def test_asked_for(fabric, underlay):
    """An unknown neighbour is asked for; what waits is sent, in order. So
    it is when the entry goes away in mid-stream.
    """
    def scenario():
        with Lane(fabric, underlay) as lane:
            to, found = underlay.address(lane.far), []
            for _ in range(2):
                forget(lane, to)
                frames = [inner(4, sport=n) for n in range(3)]
                outers = lane.send(*frames)
                assert [o.inner for o in outers] == frames
                found.append((
                    len([p for p in lane.wire.packets(sent=True)
                         if asked(p)]),
                    {o.eth.dst for o in outers},
                    state(lane, to)[0] & (d.NUD_REACHABLE | d.NUD_STALE) > 0))
                macs(lane)
            return found

    assert both(scenario) == [(1, {fabric.host[2].mac}, True)] * 2


def test_becomes_old(fabric, underlay):
    """A stale neighbour: sent to at once, asked after a while, confirmed; a
    stale wrong MAC is put right.
    """
    def scenario():
        with Lane(fabric, underlay) as lane:
            to = underlay.address(lane.far)
            set_state(lane, to, d.NUD_STALE, lane.far.mac)
            lane.wire.clear()
            lane.tenant.send(inner(4))
            first = state(lane, to)
            probe = lane.wire.wait_for(lambda p: p.sent and asked(p), 10)
            eventually(lambda: state(lane, to)[0] == d.NUD_REACHABLE)
            assert macs(lane) == [lane.far.mac] * 2
            return first, probe.eth.dst

    assert both(scenario) == ((d.NUD_DELAY, fabric.host[2].mac),
                              fabric.host[2].mac)


def test_does_not_answer(fabric, underlay):
    """Nobody there: asked for in vain, nothing leaves; when somebody appears,
    packets do.
    """
    def scenario():
        nobody = underlay.address(77)
        with Lane(fabric, underlay, to=f"remote {nobody}") as lane:
            lane.ns.sysctl(f"ipv{underlay.version}/neigh/eth0/mcast_solicit",
                           1)
            lane.tenant.send(*[inner(4, sport=n) for n in range(3)])
            lane.wire.wait_for(asked)
            eventually(lambda: state(lane, nobody)[0] == d.NUD_FAILED)
            early = lane.wire.outers(sent=True)
            counts = lane.moved
            set_state(lane, nobody, d.NUD_PERMANENT, lane.far.mac)
            with counts() as moved:
                later = macs(lane)
            forget(lane, nobody)
            return early, later, dict(moved)

    early, later, moved = both(scenario)
    assert early == [] and later == [fabric.host[2].mac] * 2
    assert moved["tx_packets"] == 2
