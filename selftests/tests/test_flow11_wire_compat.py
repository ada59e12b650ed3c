# SPDX-License-Identifier: GPL-2.0
"""Flow 11: what others speak. Our device against the kernel's own driver in
the same kernel, and against an independent codec (scapy).
"""

import os

import pytest

from lib import build, modules, topo
from lib.bench import ALICE, BOB, DEV, IP, Bench, inner, wired
from lib.layers import layers
from lib.pair import Pair
from lib.underlay import V4, V6
from lib.wait import eventually

VNIS = (0, 1, 0x123456, 0xffffff)
OURS, THEIRS = "vtep", "vxlan"
BOTH_WAYS = ((OURS, THEIRS), (THEIRS, OURS))
CSUM = {V4: ("noudpcsum", "udpcsum"),
        V6: ("noudp6zerocsumtx", "udp6zerocsumtx udp6zerocsumrx")}


@pytest.fixture(scope="module", params=(V4, V6), ids=repr)
def underlay(request):
    return request.param


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(scope="module")
def able():
    """A fabric with the offloads of veth."""
    with wired(offloads=True) as made:
        yield made


@pytest.fixture(scope="module")
def twins():
    """Both drivers; ours as kind vtep, which stock `ip` sets up by a plugin."""
    plugin = os.path.join(os.environ.get("IP_LIB_DIR", ""), "link_vtep.so")
    if not os.path.isfile(plugin):
        pytest.skip("IP_LIB_DIR names no folder with link_vtep.so")
    with modules.beside_the_kernels_own():
        yield


@pytest.fixture(params=BOTH_WAYS, ids="-".join)
def kinds(request, twins):
    return request.param


@pytest.mark.parametrize("option", (0, 1), ids=("usual", "other checksum"))
def test_flow11_kernel_unicast(fabric, underlay, kinds, option):
    """Unicast, all checksum rules: ARP, ND, ping both ways, with the same
    bytes on the wire from either side; both have learned.
    """
    words = CSUM[underlay][option]
    for vni in VNIS:
        with Pair(fabric, underlay, words, vni, kinds) as pair:
            wire = pair.hosts[0].capture()
            for version in (4, 6):
                assert pair.ping(version, 0, 2) == 2
                assert pair.ping(version, 1, 2) == 2
            outers = wire.outers()
            assert len(outers) >= 16
            for outer in outers:
                if outer.udp_csum or underlay is V4:    # zero: as configured
                    outer.check()
                assert (outer.vni, outer.flags) == (vni, 8)
            for side in (0, 1):
                other = pair.hosts[1 - side]
                assert pair.hosts[side].fdb(DEV)[pair.macs[1 - side]] == \
                    [underlay.address(other)]


def test_flow11_kernel_group(fabric, underlay, kinds):
    """Over a group: the query goes to it, the answer does not."""
    words = CSUM[underlay][0]
    with Pair(fabric, underlay, words, kinds=kinds,
              group=underlay.group) as pair:
        wire = pair.hosts[0].capture()
        assert pair.ping(4, 0) == 1
        assert pair.ping(4, 1) == 1
        queries = wire.outers(match=lambda o: o.frame.arp is not None
                              and o.dst == underlay.group)
        assert [o.frame.arp[0] for o in queries] == [1]
        for outer in wire.outers():
            outer.check()
        assert {o.dst for o in wire.outers(match=lambda o: o.frame.ip and
                                           o.frame.ip.version == 4)} == \
            {underlay.address(host) for host in pair.hosts}


@pytest.mark.parametrize("offloads", (False, True), ids=("plain", "offloads"))
def test_flow11_kernel_transfer(request, underlay, kinds, offloads):
    """TCP both ways, in packets of the MTU and in large ones."""
    net = request.getfixturevalue("able" if offloads else "fabric")
    for option in CSUM[underlay]:
        with Pair(net, underlay, option, kinds=kinds) as pair:
            for version in (4, 6):
                pair.transfer(version, 0, 300_000)
                pair.transfer(version, 1, 300_000)


def test_flow11_same_bytes(fabric, underlay, twins):
    """The same frame by both drivers: the same packet, but for the source
    port and the IPv4 ident.
    """
    frames = [inner(4, tos=0x2a, ttl=9), inner(6, tos=0x29),
              build.arp_request(ALICE, IP[4][0], IP[4][1])]
    words = ["", "tos inherit", "ttl inherit", "tos 0x40 ttl 7",
             "df set" if underlay is V4 else "flowlabel 0x12345"]
    for option in words:
        sent = []
        for kind in (OURS, THEIRS):
            made = Bench(fabric, underlay,
                         f"{option} {CSUM[underlay][0]}", kind=kind)
            try:
                sent.append([neutral(o) for o in made.send(*frames)])
            finally:
                made.delete()
        assert sent[0] == sent[1], option


def neutral(outer):
    """The bytes of a packet without what differs from packet to packet."""
    raw = bytearray(outer.eth.raw)
    at = 14
    if outer.ip.version == 4:
        raw[at + 4:at + 6] = raw[at + 10:at + 12] = bytes(2)
    at += len(outer.ip.header)
    raw[at:at + 2] = bytes(2)           # the source port ...
    raw[at + 6:at + 8] = bytes(2)       # ... and what it does to the checksum
    return bytes(raw)


# -- independent codecs --------------------------------------------------------

@pytest.fixture
def bench(fabric, underlay):
    made = Bench(fabric, underlay, "udpcsum" if underlay is V4 else "",
                 vni=0x123456)
    yield made
    made.delete()


FRAMES = [inner(4, payload=b"four"), inner(6, payload=b"six"),
          build.arp_request(ALICE, *IP[4])]


def test_flow11_scapy_decodes(bench, underlay):
    """scapy reads from our packets what went into them."""
    s = layers()
    outer_ip = s.IP if underlay is V4 else s.IPv6
    for outer, frame in zip(bench.send(*FRAMES), FRAMES):
        packet = s.Ether(outer.eth.raw)
        vxlan = packet[s.VXLAN]
        assert (vxlan.vni, int(vxlan.flags)) == (0x123456, 8)
        assert not vxlan.reserved1 and not vxlan.reserved2
        assert packet[outer_ip].dst == underlay.address(bench.far)
        assert packet[s.UDP].dport == 4789
        assert packet[s.UDP].len == 16 + len(frame)
        assert bytes(vxlan.payload) == frame
        # built again from its fields, checksums made by scapy
        again = packet.copy()
        del again[s.UDP].chksum, again[s.UDP].len
        if underlay is V4:
            del again[s.IP].chksum
        assert bytes(again) == outer.eth.raw


def test_flow11_scapy_builds(bench, underlay):
    """We take what scapy builds, and learn from it."""
    s = layers()
    ends = {"src": underlay.address(bench.far),
            "dst": underlay.address(bench.near)}
    head = (s.Ether(src=bench.far.mac, dst=bench.near.mac)
            / (s.IP if underlay is V4 else s.IPv6)(**ends)
            / s.UDP(sport=54321, dport=4789) / s.VXLAN(vni=0x123456, flags=8))
    insides = [
        s.Ether(src=ALICE, dst=BOB) / s.IP(src=IP[4][0], dst=IP[4][1])
        / s.TCP(sport=5, dport=6, flags="S"),
        s.Ether(src=ALICE, dst=BOB) / s.IPv6(src=IP[6][0], dst=IP[6][1])
        / s.UDP(sport=5, dport=6) / s.Raw(b"x" * 99),
        s.Ether(src=ALICE, dst=BOB) / s.Dot1Q(vlan=7)
        / s.IP(src=IP[4][0], dst=IP[4][1]) / s.ICMP(),
        s.Ether(src=ALICE) / s.ARP(psrc=IP[4][0], pdst=IP[4][1])]
    insides[-1].dst = build.BROADCAST
    came = bench.receive(*[bytes(head / one) for one in insides])
    assert [p.raw for p in came] == [bytes(one) for one in insides]
    eventually(lambda: bench.near.fdb(DEV).get(ALICE) == [ends["src"]])


def test_flow11_kind(twins):
    """The two drivers are two modules."""
    assert {OURS, THEIRS} <= set(modules.loaded())
    assert topo.kind() in (OURS, THEIRS)
