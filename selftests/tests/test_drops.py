# SPDX-License-Identifier: GPL-2.0
"""Every named counter, provoked: it grows, the standard statistics that
belong to it grow, nothing else does, and the kernel is told the reason.
"""

import struct

import pytest

from lib import build, mdb, nl, topo
from lib import nldefs as d
from lib.bench import ALICE, BOB, MAC, benches, inner, wired
from lib.failslab import failing, needs_failslab
from lib.fdb import ZERO
from lib.inject import Injector
from lib.trace import Drops
from lib.underlay import V4, V6
from lib.wire import ETH_IPV4

#: Counters that no test can move at will.
CANNOT = {
    "rx_down": "a device that goes down leaves the VNI table first; only a "
               "packet that had found it before can meet it down",
    "tx_no_socket": "the core hands nothing to a device that is down; only a "
                    "packet that was on its way in can miss the socket",
    **({} if mdb.HAS_MDB else {
        "tx_mdb_no_remote": "nobody can ask this kernel for an MDB"}),
    "rx_backlog": "a GRO cell is emptied by the CPU that fills it; only a "
                  "burst within one interrupt overflows it",
}
#: VTEP_PEERS_MAX
PEERS = 65536
OTHER = {V4: "10.0.0.77", V6: "fd00::77"}
NOWHERE = {V4: "203.0.113.1", V6: "2001:db8::1"}


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr)
def net(request):
    return request.param


@pytest.fixture
def bench(fabric, net):
    with benches(fabric, net) as make:
        yield make


# -- each prepares, yields its bench, then provokes one drop ------------------

def receives(frame=inner(), **fields):
    """A packet from the wire."""
    def steps(make):
        b = make()
        yield b
        b.peer.send(b.outer(frame, **fields))
    return steps


def spoilt(vni=100, **fields):
    """One with a wrong VXLAN header."""
    return receives(header=build.vxlan(vni, inner(), **fields))


def rx_remote_checksum(make):
    """The checksum would be in the Ethernet header."""
    b = make("remcsumrx")
    yield b
    b.peer.send(b.outer(None, header=build.vxlan(
        100, inner(), rsvd1=0x200000, rsvd2=1)))


EXTENDED = "external gpe nolearning udp6zerocsumrx"


def extended(flags=0x0c, number=1):
    """A header of the protocol extension that is not right."""
    def steps(make):
        b = make(EXTENDED, vni=None, to="")
        yield b
        b.peer.send(b.outer(None, header=build.vxlan(
            100, inner()[14:], flags, number)))
    return steps


def tx_gpe_protocol(make):
    """ARP is not among those that have a number."""
    b = make(EXTENDED, vni=None, to="")
    b.ns.ip("link add dum0 type dummy", "link set dum0 up")
    b.ns.run("tc qdisc add dev dum0 clsact")
    b.ns.run("tc filter add dev dum0 egress protocol arp matchall "
             "action tunnel_key set "
             f"src_ip {b.net.address(b.near)} dst_ip {b.net.address(b.far)} "
             f"id 5 action mirred egress redirect dev vx0")
    yield b
    with Injector(b.ns, "dum0") as feed:
        feed.send(build.arp_request(ALICE, "192.168.1.1", "192.168.1.2"))
    b.ns.ip("link del dum0")


def rx_static_entry(make):
    b = make()
    b.ns.bridge(f"fdb add {ALICE} dev vx0 dst {OTHER[b.net]} self permanent")
    yield b
    b.peer.send(b.outer(inner()))


def tx_no_tunnel_info(make):
    b = make("external udp6zerocsumrx", vni=None, to="")
    yield b
    b.tenant.send(inner())


def tx_no_destination(make):
    b = make(to="")
    yield b
    b.tenant.send(inner())


def tx_no_remote(make):
    b = make()
    zero = "0.0.0.0" if b.net is V4 else "::"
    b.ns.bridge(f"fdb add {BOB} dev vx0 dst {zero} self permanent")
    yield b
    b.tenant.send(inner())


def tx_mdb_no_remote(make):
    b = make()
    mdb.Mdb(b.ns).add("239.1.1.1", b.net.address(b.far), mode=mdb.INCLUDE,
                      sources=["192.0.2.1"])
    yield b
    b.tenant.send(build.udp_frame("01:00:5e:01:01:01", ALICE, "192.168.1.1",
                                  "239.1.1.1"))


def tx_no_route(make):
    b = make(to=f"remote {NOWHERE[make.net]}", lower="")
    yield b
    b.tenant.send(inner())


def tx_loop(make):
    b = make(to=f"remote {NOWHERE[make.net]}", lower="")
    b.ns.ip(f"-{b.net.version} route add {NOWHERE[b.net]} dev vx0")
    yield b
    b.tenant.send(inner())


def tx_no_local_vni(make):
    b = make(to="")
    b.ns.bridge(f"fdb append {ZERO} dev vx0 dst {b.net.address(b.near)} "
                "vni 9")
    yield b
    b.tenant.send(inner())


def tx_proxy_silent(make):
    b = make("proxy")
    yield b
    b.tenant.send(build.arp_request(ALICE, "192.168.1.1", "192.168.1.2"))


def tx_too_big(make):
    b = make(lower="")
    b.ns.ip("link add br0 type bridge", "link set vx0 mtu 3000 master br0")
    yield b
    b.tenant.send(inner(payload=bytes(1700), frag=0x4000))
    b.ns.ip("link del br0")


def tx_inner_short(make):
    b = make()
    yield b
    b.tenant.send(build.ether(BOB, ALICE, ETH_IPV4, bytes(19)))


FRAME = {"rx_errors": 1, "rx_frame_errors": 1}
LENGTH = {"rx_errors": 1, "rx_length_errors": 1}
CARRIER = {"tx_errors": 1, "tx_carrier_errors": 1}

#: Counter: how, what else grows, the kernel's reason.
DROPS = {
    "netns_rx_truncated":
        (receives(header=b"\x08\0\0\0"), {}, "VXLAN_INVALID_HDR"),
    "netns_rx_no_vni_flag": (spoilt(flags=0), {}, "VXLAN_INVALID_HDR"),
    "netns_rx_unknown_vni": (spoilt(vni=1), {}, "VXLAN_VNI_NOT_FOUND"),
    "rx_reserved_bits": (spoilt(rsvd2=1), FRAME, "VXLAN_INVALID_HDR"),
    "rx_gpe_header": (extended(0x0d), FRAME, "VXLAN_INVALID_HDR"),
    "rx_gpe_protocol": (extended(number=9), FRAME, "UNHANDLED_PROTO"),
    "tx_gpe_protocol": (tx_gpe_protocol, {"tx_errors": 1}, "UNHANDLED_PROTO"),
    "rx_remote_checksum": (rx_remote_checksum, FRAME, "VXLAN_INVALID_HDR"),
    "rx_inner_short":
        (receives(header=build.vxlan(100, bytes(13))), LENGTH,
         "PKT_TOO_SMALL"),
    "rx_inner_header":
        (receives(frame=inner()[:20]), LENGTH, "PKT_TOO_SMALL"),
    "rx_bad_source_mac":
        (receives(frame=inner(src=build.BROADCAST)), {"rx_errors": 1},
         "MAC_INVALID_SOURCE"),
    "rx_own_mac":
        (receives(frame=inner(src=MAC)), {"rx_dropped": 1}, "LOCAL_MAC"),
    "rx_static_entry":
        (rx_static_entry, {"rx_dropped": 1}, "VXLAN_ENTRY_EXISTS"),
    "rx_ecn": (receives(tos=3), FRAME, "IP_TUNNEL_ECN"),
    "tx_no_tunnel_info":
        (tx_no_tunnel_info, {"tx_dropped": 1}, "TUNNEL_TXINFO"),
    "tx_no_destination":
        (tx_no_destination, {"tx_dropped": 1}, "NO_TX_TARGET"),
    "tx_no_remote": (tx_no_remote, {"tx_dropped": 1}, "NO_TX_TARGET"),
    **({"tx_mdb_no_remote":
        (tx_mdb_no_remote, {"tx_dropped": 1}, "NO_TX_TARGET")}
       if mdb.HAS_MDB else {}),
    "tx_no_local_vni":
        (tx_no_local_vni, {"tx_errors": 1}, "VXLAN_VNI_NOT_FOUND"),
    "tx_no_route": (tx_no_route, CARRIER, "IP_OUTNOROUTES"),
    "tx_loop":
        (tx_loop, {"tx_errors": 1, "collisions": 1}, "IP_OUTNOROUTES"),
    "tx_too_big": (tx_too_big, {"tx_dropped": 1}, None),
    "tx_proxy_silent": (tx_proxy_silent, {}, "NOT_SPECIFIED"),
    "tx_inner_short": (tx_inner_short, {"tx_dropped": 1}, "PKT_TOO_SMALL"),
}
EVENTS = ("fdb_learned", "fdb_moved", "fdb_aged", "fdb_limit",
          "proxy_answered")
ELSEWHERE = ("rx_peer_limit", "rx_nomem", "tx_nomem")


def test_drops_all_named(fabric):
    """The tables of this file name each counter of `ethtool -S` once."""
    with benches(fabric, V4) as make:
        names = list(make().counters())
    told = [*DROPS, *EVENTS, *ELSEWHERE, *CANNOT]
    assert sorted(names) == sorted(told)


@pytest.mark.parametrize("name", DROPS)
def test_drop(bench, name):
    """One packet dropped, counted once, by its name."""
    how, stats, reason = DROPS[name]
    steps = how(bench)
    made = next(steps)
    with Drops(topo.kind()) as drops, made.moved() as moved:
        next(steps, None)
        moved.wait_for(f"S:{name}", 1)
    assert moved == {f"S:{name}": 1, **stats}
    drops.check(reason)


# -- events -----------------------------------------------------------------

def mac(number):
    return f"02:00:00:00:dd:{number:02x}"


def learn(made, number, behind=None):
    """One frame from a MAC address behind host 2, or another VTEP."""
    src = {"src": OTHER[made.net]} if behind else {}
    made.receive(made.outer(inner(src=mac(number)), **src))


def test_event_learned_and_moved(bench):
    made = bench()
    with made.moved() as moved:
        learn(made, 1)
        learn(made, 2)
        learn(made, 1)
        learn(made, 2, "another VTEP")
    assert (moved["S:fdb_learned"], moved["S:fdb_moved"]) == (2, 1)
    assert moved["rx_packets"] == 4 and moved["S:fdb_limit"] == 0


def test_event_aged(bench):
    made = bench("ageing 1")
    with made.moved() as moved:
        learn(made, 1)
        moved.wait_for("S:fdb_aged", 1, timeout=30)
    assert moved["S:fdb_aged"] == 1
    assert mac(1) not in made.near.fdb("vx0")


def test_event_limit(bench):
    """Over the limit a frame is delivered, but not learned from."""
    made = bench("maxaddress 2")
    with made.moved() as moved:
        for number in range(4):
            learn(made, number)
    assert moved["S:fdb_limit"] == 4 - moved["S:fdb_learned"] > 0
    assert moved["rx_packets"] == 4


# -- more than can be had ---------------------------------------------------

def fill_peers(made, count):
    """As many static entries behind as many VTEPs, by few system calls."""
    index = made.ns.rtnl.index("vx0")
    with made.ns.socket(nl.socket.AF_NETLINK, nl.socket.SOCK_RAW, 0) as sock:
        for start in range(0, count, 500):
            batch = b""
            for n in range(start, min(count, start + 500)):
                tail = struct.pack("!I", n)
                body = nl.ndmsg(index, d.NUD_NOARP | d.NUD_REACHABLE,
                                d.NTF_SELF, d.AF_BRIDGE) + nl.pack_attrs([
                    (d.NDA_LLADDR, b"\x02\x55" + tail),
                    (d.NDA_DST, b"\x0b" + tail[1:] if made.net is V4 else
                     b"\xfd\x0b" + bytes(10) + tail)])
                batch += struct.pack(
                    "=IHHII", 16 + len(body), d.RTM_NEWNEIGH,
                    d.NLM_F_REQUEST | d.NLM_F_CREATE, 0, 0) + body
            sock.send(batch)


@pytest.mark.kernels("6.1", "6.12", "7.3")     # the debug kernel: 6 minutes
def test_drop_peer_limit(fabric):
    """A stranger's VTEP is not remembered when there are too many already:
    its packet is dropped; known VTEPs go on.
    """
    with benches(fabric, V4) as make:
        made = make()
        made.receive(made.outer(inner(src=BOB)))
        fill_peers(made, PEERS - 2)     # and host 2, and the default remote
        with Drops(topo.kind()) as drops, made.moved() as moved:
            made.peer.send(made.outer(inner(), src=OTHER[V4]))
            moved.wait_for("S:rx_peer_limit", 1)
        assert moved == {"S:rx_peer_limit": 1, "rx_dropped": 1}
        drops.check("NOMEM")
        assert ALICE not in made.near.fdb("vx0")
        made.receive(made.outer(inner()))


def test_drop_rx_nomem(bench):
    """No memory for an FDB entry."""
    needs_failslab()
    made = bench()
    with made.moved() as moved, failing(f"{topo.kind()}_fdb_entry", False):
        made.peer.send(made.outer(inner()))
        moved.wait_for("S:rx_nomem", 1)
    assert moved == {"S:rx_nomem": 1, "rx_dropped": 1}
    made.receive(made.outer(inner()))


def test_drop_tx_nomem(bench, fabric, net):
    """No memory for a copy: the other remotes still get theirs."""
    needs_failslab()
    made = bench()
    made.ns.bridge(f"fdb append {build.ZERO_MAC} dev vx0 dst {OTHER[net]}")
    made.ns.ip(f"neigh replace {OTHER[net]} lladdr {fabric.host[2].mac} "
               f"dev eth0 nud permanent")
    frame = inner(dst=build.BROADCAST)
    far = made.far.capture()    # the copies for captures here fail, too
    with made.moved() as moved, failing("skbuff_head_cache", True):
        made.tenant.send(frame)
        moved.wait_for("S:tx_nomem", 1)
    assert moved["S:tx_nomem"] == moved["tx_dropped"] == 1
    assert moved["tx_packets"] == 1
    assert far.wait_for(lambda p: p.outer).outer.inner == frame
    assert far.wait_count(lambda p: p.outer, 1)
    made.tenant.send(frame)
    assert far.wait_count(lambda p: p.outer, 3)
