# SPDX-License-Identifier: GPL-2.0
"""Flow 12: packets that must be refused. After each: exactly the expected
counter has grown by one, nothing was delivered, nothing was learned, and a
good packet passes.
"""

import pytest

from lib import build, counters
from lib.bench import ALICE, BOB, IP, MAC, Bench, inner, not_ip, wired
from lib.underlay import V4, V6
from lib.wire import ETH_IPV4, ETH_IPV6, FRAGMENT, UDP

VNI = 100
STRANGER = "02:00:00:00:cc:01"
FRAME = inner(src=STRANGER)
#: Standard statistics that grow with a named counter.
LENGTH = {"rx_errors": 1, "rx_length_errors": 1}
HEADER = {"rx_errors": 1, "rx_frame_errors": 1}
SOURCE = {"rx_errors": 1}


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


def module_bench(net):
    @pytest.fixture(scope="module")
    def made(fabric):
        bench = Bench(fabric, net, name=f"vx{net.version}")
        yield bench
        bench.delete()
    return made


bench4 = module_bench(V4)
bench6 = module_bench(V6)


# -- how to spoil a packet --------------------------------------------------

def header(**fields):
    """The VXLAN header is wrong."""
    vni = fields.pop("vni", VNI)
    return lambda b: b.outer(None, header=build.vxlan(vni, FRAME, **fields))


def frame(made):
    """The inner frame is wrong."""
    return lambda b: b.outer(made)


def outside(**fields):
    """UDP or IP is wrong."""
    return lambda b: b.outer(FRAME, **fields)


def cut(size):
    """The datagram ends after that many bytes of UDP."""
    def make(b):
        payload = build.vxlan(VNI, FRAME)
        if size >= 8:
            return b.outer(None, header=payload[:size - 8])
        ends = b.net.address(b.far), b.net.address(b.near)
        short = build.udp(*ends, 50000, 4789, payload, 0)[:size]
        return build.ip_frame(b.near.mac, b.far.mac,
                              build.ip(*ends, UDP, short))
    return make


def short_ip(kind, version, size, tag=b""):
    """An inner IP header of that many bytes."""
    whole = build.udp_frame(BOB, STRANGER, *IP[version])[14:]
    mac = build.ether(BOB, STRANGER, kind)
    return frame(mac[:12] + tag + mac[12:] + whole[:size])


def flag_cases():
    yield "no flag at all", header(flags=0), "netns_rx_no_vni_flag", {}
    yield "all but I", header(flags=0xf7), "netns_rx_no_vni_flag", {}
    yield ("no I, reserved bits", header(flags=0, rsvd1=0xffffff, rsvd2=0xff),
           "netns_rx_no_vni_flag", {})
    for bit in (0, 1, 2, 4, 5, 6, 7):
        yield (f"I and flag bit {bit}", header(flags=8 | 1 << bit),
               "rx_reserved_bits", HEADER)
    yield "all flags", header(flags=0xff), "rx_reserved_bits", HEADER


def reserved_cases():
    for bits in (0x800000, 0x010000, 0x008000, 0x000100, 0x000080, 1,
                 0xffffff):
        yield (f"reserved 24 bits {bits:#x}", header(rsvd1=bits),
               "rx_reserved_bits", HEADER)
    for bits in (0x80, 0x10, 1, 0xff):
        yield (f"low VNI byte {bits:#x}", header(rsvd2=bits),
               "rx_reserved_bits", HEADER)
    yield ("every bit set", header(flags=0xff, rsvd1=0xffffff, rsvd2=0xff),
           "rx_reserved_bits", HEADER)


def vni_cases():
    for vni in (0, 1, VNI - 1, VNI + 1, VNI << 8, VNI << 16, 0xffffff,
                0xffff00 | VNI):
        yield (f"unknown VNI {vni}", header(vni=vni & 0xffffff),
               "netns_rx_unknown_vni", {})
    yield ("unknown VNI, reserved bits", header(vni=7, rsvd1=1, rsvd2=1),
           "netns_rx_unknown_vni", {})


def length_cases():
    for size in range(8):
        yield f"UDP cut to {size}", cut(size), "UDP", {}
    for size in range(8, 16):
        yield f"UDP cut to {size}", cut(size), "netns_rx_truncated", {}
    for size in range(16, 30):
        yield f"UDP cut to {size}", cut(size), "rx_inner_short", LENGTH
    for size in (30, 31, 49):
        yield f"UDP cut to {size}", cut(size), "rx_inner_header", LENGTH
    yield "UDP length 4", outside(udp_length=4), "UDP", {}
    yield "UDP length too large", outside(udp_length=999), "UDP", {}
    yield ("UDP length within VXLAN", outside(udp_length=15),
           "netns_rx_truncated", {})
    yield ("UDP length within Ethernet", outside(udp_length=29),
           "rx_inner_short", LENGTH)
    yield ("no frame, reserved bits",
           lambda b: b.outer(None, header=build.vxlan(VNI, b"", rsvd2=1)),
           "rx_reserved_bits", HEADER)


def inner_cases():
    for version, kind, sizes in ((4, ETH_IPV4, (0, 1, 19)),
                                 (6, ETH_IPV6, (0, 20, 39))):
        for size in sizes:
            yield (f"inner IPv{version} of {size}",
                   short_ip(kind, version, size), "rx_inner_header", LENGTH)
        yield (f"tagged inner IPv{version}",
               short_ip(kind, version, sizes[2], b"\x81\x00\x00\x05"),
               "rx_inner_header", LENGTH)
    for size in range(4):
        yield (f"VLAN tag cut to {size}",
               frame(build.ether(BOB, STRANGER, 0x8100, bytes(size))),
               "rx_inner_header", LENGTH)
    for name, mac in (("broadcast", build.BROADCAST),
                      ("group", "01:00:5e:00:00:01"),
                      ("one odd bit", "03:00:00:00:cc:01"),
                      ("zero", build.ZERO_MAC)):
        for what, made in (("IP", inner(src=mac)), ("other", not_ip(src=mac))):
            yield (f"from {name}, {what}", frame(made), "rx_bad_source_mac",
                   SOURCE)
    yield "our own MAC", frame(inner(src=MAC)), "rx_own_mac", {
        "rx_dropped": 1}
    yield "our own MAC, broadcast", frame(
        inner(dst=build.BROADCAST, src=MAC)), "rx_own_mac", {"rx_dropped": 1}


def outer_cases():
    yield "wrong UDP checksum", outside(check=0x4711), "UDP", {}
    yield "UDP checksum off by one", lambda b: _off_by_one(b), "UDP", {}


def _off_by_one(b):
    """The right checksum, but the last byte of the frame is another."""
    raw = b.outer(FRAME, check="good")
    return raw[:-1] + bytes([raw[-1] ^ 1])


CASES = [*flag_cases(), *reserved_cases(), *vni_cases(), *length_cases(),
         *inner_cases(), *outer_cases()]


def check(bench, make, name, stats):
    """One bad packet, and what it may change."""
    if name == "UDP":
        prefix = "Udp." if bench.net is V4 else "Udp6"
        with counters.delta(bench.ns) as moved:
            other = bench.refuse(make(bench))
            moved.wait_for(prefix + "InErrors", 1)
        assert moved[prefix + "InErrors"] == 1
    else:
        other = bench.refuse(make(bench), name=name)
    assert other == stats
    assert STRANGER not in bench.near.fdb(bench.name)


def test_flow12_enough_packets():
    assert len(CASES) >= 45
    assert len({case[0] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("make, name, stats", [
    pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_flow12_packet(bench4, make, name, stats):
    """A malformed packet over IPv4."""
    check(bench4, make, name, stats)


@pytest.mark.parametrize("make, name, stats", [
    pytest.param(*case[1:], id=case[0]) for case in CASES[::3]])
def test_flow12_packet6(bench6, make, name, stats):
    """A malformed packet over IPv6."""
    check(bench6, make, name, stats)


def test_flow12_zero_checksum6(bench6):
    """IPv6 without UDP checksum, which nobody allowed."""
    check(bench6, outside(check=0), "UDP", {})


# -- fragments --------------------------------------------------------------

def fragments(b, size=48):
    """The packet as two fragments."""
    packet = b.outer(FRAME, ident=77) if b.net is V4 else b.outer(FRAME)
    mac, packet = packet[:14], packet[14:]
    ends = b.net.address(b.far), b.net.address(b.near)
    if b.net is V4:
        body = packet[20:]
        made = [build.ipv4(*ends, UDP, body[:size], ident=77, frag=0x2000),
                build.ipv4(*ends, UDP, body[size:], ident=77,
                           frag=size // 8)]
    else:
        body = packet[40:]
        made = [build.ipv6(*ends, FRAGMENT, bytes([UDP, 0]) + (
            at | more).to_bytes(2, "big") + bytes(3) + b"\x4d" + part)
            for at, more, part in ((0, 1, body[:size]),
                                   (size, 0, body[size:]))]
    return [mac + one for one in made]


@pytest.mark.parametrize("which", (0, 1), ids=("first", "last"))
@pytest.mark.parametrize("net", (V4, V6), ids=repr)
def test_flow12_half_a_packet(request, net, which):
    """One fragment without the other is no packet."""
    bench = request.getfixturevalue(f"bench{net.version}")
    assert bench.refuse(fragments(bench)[which]) == {}
    # the other one must not complete it for a later test
    bench.receive(fragments(bench)[1 - which], *fragments(bench), count=2)
    bench.near.forget()


@pytest.mark.parametrize("net", (V4, V6), ids=repr)
def test_flow12_fragments(request, net):
    """Both fragments: the IP layer delivers one packet, and it is taken."""
    bench = request.getfixturevalue(f"bench{net.version}")
    came, = bench.receive(*fragments(bench), count=1)
    assert came.raw == FRAME
    bench.near.forget()


# -- nobody there -----------------------------------------------------------

@pytest.mark.parametrize("net", (V4, V6), ids=repr)
def test_flow12_device_down(request, net):
    """To a VNI whose device is down: unknown as long as others use the port,
    then the port is closed.
    """
    bench = request.getfixturevalue(f"bench{net.version}")
    other = Bench(bench.fabric, net, vni=VNI + 1, name="vx1")
    try:
        bench.ns.rtnl.setlink(bench.name, up=False)
        other.refuse(bench.outer(FRAME), name="netns_rx_unknown_vni")
        other.ns.rtnl.setlink("vx1", up=False)
        name = "Udp.NoPorts" if net is V4 else "Udp6NoPorts"
        with counters.delta(bench.ns) as moved:
            bench.peer.send(bench.outer(FRAME))
            moved.wait_for(name, 1)
        assert bench.near.fdb(bench.name).keys() <= {build.ZERO_MAC}
    finally:
        other.delete()
        bench.ns.rtnl.setlink(bench.name, up=True)
    came, = bench.receive(bench.outer(inner(src=ALICE)))
    assert came.raw == inner(src=ALICE)


def test_flow12_wrong_port(bench4):
    """To another port: not ours, not counted."""
    with counters.delta(bench4.ns) as moved:
        assert bench4.refuse(bench4.outer(FRAME, dport=4790)) == {}
        moved.wait_for("Udp.NoPorts", 1)
