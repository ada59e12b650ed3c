# SPDX-License-Identifier: GPL-2.0
"""The outer headers, bit by bit: VNI, ports, checksums, DSCP, TTL, DF, label.

Frames go through a device of host 1 and are read on the wire; the way back
is packets that host 2 builds. ECN has a file of its own.
"""

import itertools

import pytest

from lib import build, counters, topo
from lib.bench import ALICE, BOB, benches, inner, not_ip, wired
from lib.linkattr import data, sockets
from lib.underlay import V4, V6
from lib.wire import UDP, parse_ip


@pytest.fixture(scope="module", params=(V4, V6), ids=repr)
def underlay(request):
    return request.param


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture
def bench(fabric, underlay):
    """bench(options, ...) -> a Bench over this underlay."""
    with benches(fabric, underlay) as make:
        yield make


def only_v4(underlay):
    if underlay is not V4:
        pytest.skip("an IPv4 header field")


def only_v6(underlay):
    if underlay is not V6:
        pytest.skip("an IPv6 header field")


# -- VXLAN header -----------------------------------------------------------

@pytest.mark.parametrize("vni", (0, 1, 0x123456, 0xffffff))
def test_vni(bench, underlay, vni):
    """All 24 bits, both ways; I flag set, every reserved bit zero."""
    made = bench(vni=vni)
    frames = [inner(4), inner(6), not_ip()]
    for outer, frame in zip(made.send(*frames), frames):
        underlay.check(outer, vni, made.near, made.far)
        assert outer.inner == frame
    came = made.receive(*[made.outer(f) for f in frames])
    assert [p.raw for p in came] == frames


def test_frame_sizes(bench, underlay):
    """Every length crosses unchanged both ways, padding included."""
    made = bench()
    frames = [build.ether(BOB, ALICE, 0x88b6, bytes(range(size)))
              for size in (1, 2, 45, 46, 47, 255)]
    frames += [inner(payload=bytes(size)) for size in (0, 1, 1399, 1400)]
    outers = made.send(*frames)
    assert [o.inner for o in outers] == frames
    for outer in outers:
        underlay.check(outer, 100, made.near, made.far)
    came = made.receive(*[made.outer(f) for f in frames])
    assert [p.raw for p in came] == frames


@pytest.mark.parametrize("tags", ((0x0005,), (0xe064, 0x0007)),
                         ids=("one tag", "two tags"))
def test_inner_tags(bench, underlay, tags):
    """VLAN tags of inner frames pass both ways."""
    made = bench()
    frame = inner()
    for tag in reversed(tags):
        frame = frame[:12] + b"\x81\x00" + tag.to_bytes(2, "big") + frame[12:]
    outer, = made.send(frame)
    underlay.check(outer, 100, made.near, made.far)
    assert outer.inner == frame
    came, = made.receive(made.outer(frame))
    assert came.raw == frame


# -- ports ------------------------------------------------------------------

def parameter(name):
    with open(f"/sys/module/{topo.kind()}/parameters/{name}",
              encoding="ascii") as file:
        return file.read().strip()


def test_defaults(bench, underlay):
    """A device told nothing: port 4789, no UDP checksum over IPv4."""
    assert (parameter("udp_port"), parameter("udp_csum")) == ("4789", "N")
    made = bench(said="")
    assert (underlay.version, 4789) in sockets(made.ns)
    outer, = made.send(inner())
    underlay.check(outer, 100, made.near, made.far)
    assert made.receive(made.outer(inner()))


def test_destination_port(bench, underlay):
    """Another port is used and listened on, and 4789 then is not."""
    made = bench("dstport 8472")
    ports = {p for v, p in sockets(made.ns) if v == underlay.version}
    assert 8472 in ports and 4789 not in ports
    made.wire.clear()
    made.tenant.send(inner())
    sent = made.wire.wait_for(lambda p: p.sent and p.eth.ip
                              and p.eth.ip.proto == UDP)
    assert int.from_bytes(sent.eth.ip.payload[2:4], "big") == 8472
    assert made.receive(made.outer(inner(), dport=8472))


def flows(count, version=4):
    """Frames that differ in one field of their flow each."""
    ports = [inner(version, sport=2000 + n) for n in range(count // 2)]
    return ports + [inner(version, dport=3000 + n) for n in range(count // 2)]


@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_source_port_per_flow(bench, version):
    """One flow has one port whatever it carries; many flows have many, all
    of them in the namespace's range.
    """
    made = bench()
    same = made.send(*[inner(version, payload=bytes(n)) for n in range(8)])
    assert len({o.sport for o in same}) == 1
    ports = {o.sport for o in made.send(*flows(64, version))}
    assert len(ports) > 50, "64 flows share too few ports"
    low, high = made.ns.sysctl("ipv4/ip_local_port_range").split()
    assert min(ports) >= int(low) and max(ports) <= int(high)


def test_source_port_follows_sysctl(bench):
    """Without a range of its own a device uses ip_local_port_range."""
    made = bench()
    before = made.ns.sysctl("ipv4/ip_local_port_range")
    try:
        made.ns.sysctl("ipv4/ip_local_port_range", "61000 61015")
        ports = {o.sport for o in made.send(*flows(64))}
    finally:
        made.ns.sysctl("ipv4/ip_local_port_range", before)
    assert ports <= set(range(61000, 61016)) and len(ports) > 8


def test_source_port_range(bench):
    """The configured range is kept to and used."""
    made = bench("srcport 50000 50007")
    ports = {o.sport for o in made.send(*flows(96))}
    assert ports <= set(range(50000, 50008)) and len(ports) >= 7
    again = made.send(inner(), inner())
    assert again[0].sport == again[1].sport


def test_source_port_not_ip(bench):
    """Frames that are not IP: by their addresses."""
    made = bench()
    same = made.send(*[not_ip(size=46 + n) for n in range(4)])
    assert len({o.sport for o in same}) == 1
    others = [not_ip(src=f"02:00:00:00:aa:{n:02x}") for n in range(32)]
    others += [not_ip(dst=f"02:00:00:00:bb:{n:02x}") for n in range(2, 32)]
    assert len({o.sport for o in made.send(*others)}) > 50
    queries = [build.arp_request(f"02:00:00:00:aa:{n:02x}", "192.168.100.1",
                                 "192.168.100.2") for n in range(32)]
    assert len({o.sport for o in made.send(*queries)}) > 25


def test_source_port_tagged(bench):
    """A VLAN tag does not hide the flow."""
    made = bench()
    tagged = [f[:12] + b"\x81\x00\x00\x05" + f[12:] for f in flows(64)]
    assert len({o.sport for o in made.send(*tagged)}) > 50


# -- UDP checksum -----------------------------------------------------------

SIZES = [inner(payload=bytes(range(size))) for size in (0, 1, 2, 33, 250)]


def test_checksum_sent(bench, underlay):
    """IPv4: zero, or right with `udpcsum`. IPv6: right, or zero with
    `udp6zerocsumtx`.
    """
    option = "udpcsum" if underlay is V4 else "udp6zerocsumtx"
    usual, asked = bench(), bench(option, vni=101, name="vx1")
    for made in (usual, asked):
        for outer in made.send(*SIZES, not_ip()):
            zero = (made is usual) == (underlay is V4)
            assert (outer.udp_csum == 0) == zero
            if not zero:
                outer.check()
            assert outer.inner


def test_checksum_received(bench, underlay):
    """Right checksums are taken, zero ones over IPv4 only; with
    `udp6zerocsumrx` also over IPv6.
    """
    made = bench()
    assert made.receive(*[made.outer(f, check="good") for f in SIZES])
    if underlay is V4:
        assert made.receive(*[made.outer(f, check=0) for f in SIZES])
        return
    with counters.delta(made.ns) as moved:
        made.refuse(made.outer(SIZES[0], check=0))
        moved.wait_for("Udp6InErrors", 1)
    made.delete()
    made.__init__(made.fabric, underlay, "udp6zerocsumrx")
    assert made.receive(made.outer(SIZES[0], check=0))
    assert made.receive(made.outer(SIZES[0], check="good"))


def test_checksum_wrong(bench, underlay):
    """A checksum that is not zero must be right; UDP counts it."""
    made = bench()
    name = "Udp.InCsumErrors" if underlay is V4 else "Udp6InCsumErrors"
    with counters.delta(made.ns) as moved:
        made.refuse(*[made.outer(f, check=0x1234) for f in SIZES])
        moved.wait_for(name, len(SIZES))


# -- DSCP, TTL, DF, label ---------------------------------------------------

INNERS = [(version, tos, ttl) for version in (4, 6)
          for tos, ttl in ((0, 64), (0xb8, 3), (0x28, 255))]


def test_tos(bench):
    """DSCP: 0 unless told, a fixed one, or the inner one."""
    plain, fixed, same = (bench(*args, vni=vni, name=f"vx{vni}")
                          for vni, args in enumerate(
                              ([], ["tos 0x48"], ["tos inherit"])))
    for version, tos, _ in INNERS:
        frame = inner(version, tos=tos)
        assert plain.send(frame)[0].tos == 0
        assert fixed.send(frame)[0].tos == 0x48
        assert same.send(frame)[0].tos == tos
        tagged = frame[:12] + b"\x81\x00\x00\x05" + frame[12:]
        assert same.send(tagged)[0].tos == tos
    assert [b.send(not_ip())[0].tos for b in (plain, fixed, same)] == \
        [0, 0x48, 0]


def test_ttl(bench, fabric, underlay):
    """TTL: the route's unless told, a fixed one, or the inner one."""
    plain, fixed, same = (bench(*args, vni=vni, name=f"vx{vni}")
                          for vni, args in enumerate(
                              ([], ["ttl 17"], ["ttl inherit"])))
    for version, _, ttl in INNERS:
        frame = inner(version, ttl=ttl)
        assert plain.send(frame)[0].ttl == 64
        assert fixed.send(frame)[0].ttl == 17
        assert same.send(frame)[0].ttl == ttl
    assert [b.send(not_ip())[0].ttl for b in (plain, fixed, same)] == \
        [64, 17, 64]
    far = underlay.address(fabric.host[2])
    route = f"route replace {far} dev eth0 hoplimit"
    fabric.host[1].ns.ip(f"-{underlay.version} {route} 41")
    try:
        assert plain.send(inner())[0].ttl == 41
        assert fixed.send(inner())[0].ttl == 17
    finally:
        fabric.host[1].ns.ip(f"-{underlay.version} route del {far} dev eth0")
    assert plain.send(inner())[0].ttl == 64


def test_ttl_to_group(bench, underlay):
    """To a group: 1 unless told."""
    cases = (("", 1), ("ttl 9", 9), ("ttl inherit", 33))
    for vni, (options, ttl) in enumerate(cases):
        made = bench(options, vni=vni, to="group", name=f"vx{vni}")
        outer, = made.send(inner(ttl=33))
        assert (outer.dst, outer.ttl) == (underlay.group, ttl)
        assert outer.eth.dst == underlay.group_mac()
        outer, = made.send(not_ip())
        assert outer.ttl == (9 if ttl == 9 else 1)


def test_df(bench, underlay):
    """DF over IPv4: clear, set, or as inner IPv4 has it (IPv6: set)."""
    only_v4(underlay)
    frames = [inner(4, frag=0x4000), inner(4), inner(6), not_ip()]
    frames += [f[:12] + b"\x81\x00\x00\x05" + f[12:] for f in frames[:3]]
    for vni, (options, expected) in enumerate((
            ("", [False] * 7), ("df unset", [False] * 7),
            ("df set", [True] * 7),
            ("df inherit", [True, False, True, False, True, False, True]))):
        made = bench(options, vni=vni, name=f"vx{vni}")
        assert [o.df for o in made.send(*frames)] == expected, options


def test_flow_label(bench, underlay):
    """The IPv6 flow label: 0 or what was configured."""
    only_v6(underlay)
    for vni, label in enumerate((0, 1, 0x12345, 0xfffff)):
        made = bench(f"flowlabel {label:#x}", vni=vni, name=f"vx{vni}")
        for outer in made.send(inner(4), inner(6, label=0x777), not_ip()):
            assert (outer.ip.label, outer.tos) == (label, 0)
    made = bench("flowlabel 0xabcde tos 0xb8", vni=77, name="vx77")
    outer, = made.send(inner(tos=1))
    assert (outer.ip.label, outer.tos) == (0xabcde, 0xb9)


def test_flow_label_inherited(bench, underlay):
    """Label policy inherit: that of an inner IPv6 header, 0 for all else."""
    only_v6(underlay)
    made = bench()
    made.ns.rtnl.changelink(made.name, topo.kind(), data(LABEL_POLICY=1))
    labels = [outer.ip.label for outer in made.send(
        inner(6, label=0x12345), inner(6, label=0), inner(4), not_ip())]
    assert labels == [0x12345, 0, 0, 0]


def test_ident(bench, underlay):
    """IPv4 packets that may be fragmented have different idents."""
    only_v4(underlay)
    made = bench()
    idents = [o.ip.ident for o in made.send(*[inner()] * 16)]
    assert len(set(idents)) == len(idents)


# -- statistics -------------------------------------------------------------

def test_statistics(bench):
    """`ip -s link`: each packet once, with the bytes behind its inner
    Ethernet header.
    """
    made = bench()
    frames = [inner(v, payload=bytes(size)) for v, size in
              itertools.product((4, 6), (0, 10, 999))] + [not_ip(), not_ip()]
    size = sum(len(f) - 14 for f in frames)
    with made.moved() as moved:
        made.send(*frames)
    assert moved == {"tx_packets": len(frames), "tx_bytes": size}
    made.receive(made.outer(inner()))       # learns Alice
    with made.moved() as moved:
        came = made.receive(*[made.outer(f) for f in frames])
    assert [p.raw for p in came] == frames
    assert moved == {"rx_packets": len(frames), "rx_bytes": size}


def test_inner_untouched(bench):
    """The TTL and checksum of an inner packet stay as they are."""
    made = bench("ttl inherit tos inherit")
    frame = inner(4, ttl=1, tos=0x20, ident=77)
    outer, = made.send(frame)
    packet = parse_ip(outer.frame.payload)
    assert (packet.ttl, packet.tos, packet.ident) == (1, 0x20, 77)
    assert packet.header_ok and packet.payload_ok
