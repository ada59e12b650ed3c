# SPDX-License-Identifier: GPL-2.0
"""Segmentation and aggregation by packet counts, mode by mode: group policy,
external devices, VLANs, VXLAN in VXLAN, partial segmentation, BIG TCP. What
plain devices do is in test_path_offload.py.
"""

import os
from contextlib import contextmanager

import pytest

from lib import counters, ethtool, features
from lib.bench import wired
from lib.pair import Pair
from lib.topo import kind
from lib.transfer import transfer
from lib.underlay import V4, V6
from lib.wire import TCP

SIZE = 1 << 19
MTU = 1500
RELEASE = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))
#: Addresses inside of what is made on top of vx0.
ABOVE = {4: ("192.168.101.1", "192.168.101.2"), 6: ("fd02::1", "fd02::2")}
#: (underlay, IP version inside, checksums)
WAYS = [(V4, 4, True), (V4, 6, False), (V6, 6, True), (V6, 4, False)]
WAY = pytest.mark.parametrize(
    "way", WAYS, ids=lambda w: f"{w[0]!r}-inner{w[1]}-"
    f"{'csum' if w[2] else 'nocsum'}")
PARTIAL = ("tx-gso-partial", "tx-udp_tnl-segmentation",
           "tx-udp_tnl-csum-segmentation")


@pytest.fixture(scope="module")
def plain():
    """An underlay whose captures are what a wire sees."""
    with wired(MTU) as fabric:
        yield fabric


@pytest.fixture(scope="module")
def able():
    """An underlay with all the offloads that veth has."""
    with wired(MTU, offloads=True) as fabric:
        yield fabric


def checksums(net, csum):
    if net is V4:
        return "udpcsum" if csum else "noudpcsum"
    return "noudp6zerocsumtx" if csum else "udp6zerocsumtx udp6zerocsumrx"


# -- the modes: a context that gives a Mode -------------------------------------

class Mode:
    """Two hosts; header: what stands in each VXLAN header; tag: inner VLAN."""

    def __init__(self, hosts, ends, header, tag=0):
        self.hosts, self.ends = hosts, ends
        self.header, self.tag = header, tag

    def transfer(self, size=SIZE):
        transfer(self.hosts[0].ns, self.hosts[1].ns, self.ends[1], size)


def _ends(pair, version, name):
    """Addresses on a device that was made on top of vx0."""
    bits = 24 if version == 4 else 64
    for side, host in enumerate(pair.hosts):
        host.ns.ip(f"addr add {ABOVE[version][side]}/{bits} dev {name}"
                   + (" nodad" if version == 6 else ""))
    return ABOVE[version]


@contextmanager
def gbp(fabric, way):
    """The mark, which tc sets, is in the header of each segment."""
    net, version, csum = way
    with Pair(fabric, net, checksums(net, csum) + " gbp") as pair:
        for host in pair.hosts:
            host.ns.run("tc qdisc add dev vx0 clsact")
            host.ns.run("tc filter add dev vx0 egress matchall "
                        "action skbedit mark 0x4d2")
        ends = _ends(pair, version, "vx0")
        yield Mode(pair.hosts, ends, (100, 0x88, 0x4d2, 0))


@contextmanager
def vlan(fabric, way):
    """A VLAN interface on the device."""
    net, version, csum = way
    with Pair(fabric, net, checksums(net, csum)) as pair:
        for host in pair.hosts:
            host.ns.ip("link add link vx0 name vx0.5 type vlan id 5",
                       "link set vx0.5 mtu 1400 up")
        ends = _ends(pair, version, "vx0.5")
        yield Mode(pair.hosts, ends, (100, 8, 0, 0), 5)


@contextmanager
def external(fabric, way, words=""):
    """Routes give the packets their instructions."""
    net, version, csum = way
    hosts = fabric.host[1], fabric.host[2]
    family = "ip" if net is V4 else "ip6"
    bits = 32 if version == 4 else 128
    made = []
    try:
        for side, host in enumerate(hosts):
            host.ns.ip(f"link add vx0 type {kind()} external dstport 4789 "
                       f"udp6zerocsumrx {words}")
            made.append(host)
            if words:
                host.ns.bridge("vni add dev vx0 vni 777")
            host.ns.ip(
                "link set vx0 mtu 1400 up",
                f"addr add {ABOVE[version][side]}/{bits} dev vx0"
                + (" nodad" if version == 6 else ""))
        macs = [host.ns.rtnl.link("vx0")["mac"] for host in hosts]
        for side, host in enumerate(hosts):
            other = ABOVE[version][1 - side]
            host.ns.ip(
                f"neigh replace {other} lladdr {macs[1 - side]} dev vx0 "
                "nud permanent",
                f"route add {other}/{bits} dev vx0 encap {family} id 777 "
                f"dst {net.address(hosts[1 - side])} "
                + ("csum" if csum else ""))
        yield Mode(hosts, ABOVE[version], (777, 8, 0, 0))
    finally:
        for host in made:
            host.ns.rtnl.dellink("vx0")


@contextmanager
def vnifilter(fabric, way):
    """The same, of a device that receives one VNI."""
    if kind() != "vxlan":
        pytest.skip("RTM_NEWTUNNEL belongs to the driver of kind vxlan")
    with external(fabric, way, "vnifilter") as made:
        yield made


@contextmanager
def nested(fabric, way):
    """VXLAN in VXLAN: vx1 sends through vx0."""
    net, version, csum = way
    words = checksums(net, csum)
    with Pair(fabric, net, words) as pair:
        for side, host in enumerate(pair.hosts):
            inside = [f"192.168.100.{n}" for n in (1, 2)] if net is V4 \
                else [f"fd01::{n}" for n in (1, 2)]
            host.ns.ip(f"link add vx1 type {kind()} id 101 dstport 4790 "
                       f"local {inside[side]} remote {inside[1 - side]} "
                       f"dev vx0 {words}", "link set vx1 up")
        try:
            ends = _ends(pair, version, "vx1")
            yield Mode(pair.hosts, ends, (100, 8, 0, 0))
        finally:
            for host in pair.hosts:
                host.ns.rtnl.dellink("vx1")


MODES = pytest.mark.parametrize("mode", (gbp, vlan, external,
                                          vnifilter),
                                ids=lambda m: m.__name__)
ALL = pytest.mark.parametrize("mode", (gbp, vlan, external,
                                         vnifilter, nested),
                              ids=lambda m: m.__name__)


# -- what a packet carries ------------------------------------------------------

def carried(outer, tag=0):
    """The tenant's IP packet: behind a VLAN tag."""
    frame = outer.frame
    if tag:
        assert outer.inner[12:16] == b"\x81\x00" + tag.to_bytes(2, "big")
    return frame.ip


def data_packets(capture, sent):
    """Encapsulated packets that are larger than acknowledgements."""
    return [o for o in capture.outers(sent=sent) if len(o.inner) > 400]


def headers(outers):
    return {(o.vni, o.flags, o.rsvd1, o.rsvd2) for o in outers}


@contextmanager
def aggregating(fabric):
    """Host 2 merges what comes in through its eth0."""
    far = fabric.host[2]
    ethtool.offload(far.ns, "eth0", True, ("gro",))
    features.all_tso(fabric.ns, "h2", False)
    try:
        yield
    finally:
        features.all_tso(fabric.ns, "h2", True)
        ethtool.offload(far.ns, "eth0", False, ("gro",))


# -- tests ---------------------------------------------------------------------

@WAY
@MODES
def test_modes_whole(able, mode, way):
    """Large packets leave and arrive as one, with the header of the mode. How
    large TCP makes them depends on its pace, so it may try again.
    """
    with mode(able, way) as made:
        wires = [host.capture() for host in made.hosts]
        for _ in range(6):
            for wire in wires:
                wire.clear()
            made.transfer()
            sent, got = (data_packets(wire, way)
                         for wire, way in zip(wires, (True, False)))
            if max(len(o.inner) for o in sent) > 15 * MTU:
                break
        for outers in sent, got:
            assert max(len(o.inner) for o in outers) > 15 * MTU
            assert len(outers) < SIZE / MTU / 3
            assert headers(outers) == {made.header}


@WAY
@ALL
def test_modes_segmented(plain, mode, way):
    """With the offloads of the underlay off each segment is a whole packet; the
    device was given far fewer.
    """
    with mode(plain, way) as made:
        wire = made.hosts[0].capture()
        with counters.delta(made.hosts[0].ns, "vx1" if mode is nested
                            else "vx0") as moved:
            made.transfer()
        outers = data_packets(wire, True)
        assert len(outers) >= SIZE // MTU
        assert moved["tx_packets"] < len(outers) / 2
        assert headers(outers) == {made.header}
        assert len({o.sport for o in outers}) == 1, "ports of one flow"
        for outer in outers:
            check_segment(outer, made, way)


def check_segment(outer, made, way):
    """One packet of a large segment."""
    assert len(outer.eth.payload) <= MTU
    assert (outer.udp_csum != 0) == way[2]
    if way[2]:
        assert outer.ip.payload_ok, "outer checksum"
    assert outer.udp_len == len(outer.ip.payload) == 16 + len(outer.inner)
    assert outer.ip.header_ok and not outer.ip.fragment
    inner = carried(outer, made.tag)
    assert inner.header_ok and inner.length == len(inner.payload)
    assert inner.payload_ok or inner.payload[6:8] == b"\0\0", "inner checksum"


@WAY
@ALL
def test_modes_merged(plain, mode, way):
    """Received packets of one flow become few. Where eth0 cannot merge (VXLAN
    in VXLAN), the devices do behind it.
    """
    with mode(plain, way) as made, aggregating(plain):
        wire = made.hosts[0].capture()
        upper = "vx1" if mode is nested else "vx0"
        seen = made.hosts[1].capture(upper)
        with counters.delta(made.hosts[1].ns, upper) as moved:
            made.transfer()
        count = len(data_packets(wire, True))
        frames = [p for p in seen.packets(sent=False) if len(p.raw) > 400]
        assert count >= SIZE // MTU
        assert moved["rx_bytes"] > SIZE
        assert len(frames) < count / 2
        if mode is not nested:
            assert moved["rx_packets"] < count / 2
        assert max(len(p.raw) for p in frames) > 3 * MTU


@pytest.mark.kernels("7.3", "debug")
@WAY
def test_modes_partial(plain, way):
    """With tx-gso-partial on, what is encapsulated already crosses the lower
    device in large packets; without, segment by segment. The wire sees the same.
    """
    with nested(plain, way) as made:
        ns = made.hosts[0].ns
        crossed = []
        for on in (False, True):
            features.switch(ns, "vx0", on, *PARTIAL)
            wire = made.hosts[0].capture()
            with counters.delta(ns, "vx0") as moved:
                made.transfer()
            outers = data_packets(wire, True)
            assert len(outers) >= SIZE // MTU
            for outer in outers:
                check_segment(outer, made, way)
            crossed.append((moved["tx_packets"], len(outers)))
            wire.close()
    assert crossed[0][0] >= crossed[0][1]
    assert crossed[1][0] < crossed[1][1] / 2


BIG = 120_000


@contextmanager
def big(fabric):
    """The cables take packets of more than 64 KB."""
    words = (f"gso_max_size {BIG} gro_max_size {BIG} "
             f"gso_ipv4_max_size {BIG} gro_ipv4_max_size {BIG}")
    usual = words.replace(str(BIG), "65536")
    links = [(fabric.host[n].ns, "eth0") for n in (1, 2)] + [
        (fabric.ns, f"h{n}") for n in (1, 2)]
    bridges = [(fabric.ns, link["name"]) for link in fabric.ns.rtnl.links()
               if link["kind"] == "bridge"]
    for ns, name in links + bridges:
        ns.ip(f"link set {name} {words}")
    try:
        yield words
    finally:
        for ns, name in links + bridges:
            ns.ip(f"link set {name} {usual}")


@pytest.mark.kernels("7.3", "debug")
@WAY
def test_modes_big_tcp(able, way):
    """BIG TCP: packets of more than 64 KB cross the tunnel whole, and come to
    the receiver as they are.
    """
    net, version, csum = way
    with big(able) as words, Pair(able, net, checksums(net, csum)) as pair:
        for host in pair.hosts:
            host.ns.ip(f"link set vx0 {words}")
        seen = [pair.hosts[0].capture("vx0"), pair.hosts[1].capture("vx0")]
        for _ in range(8):
            for capture in seen:
                capture.clear()
            pair.transfer(version, size=4 << 20, chunk=1 << 20)
            sent, got = ([len(p.raw) for p in capture.packets(sent=way)]
                         for capture, way in zip(seen, (True, False)))
            if max(sent) > 70_000:
                break
    assert max(sent) > 70_000
    assert max(got) > 70_000
