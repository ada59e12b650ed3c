# SPDX-License-Identifier: GPL-2.0
"""Ends and changes under traffic: a device, its namespaces, its lower device,
its module. Frames are sent into the device and arrive for it meanwhile.
"""

from contextlib import ExitStack, contextmanager

import pytest

from lib import build, counters, modules, nl, topo
from lib import nldefs as d
from lib.bench import ALICE, BOB, DEV, Bench, gone, inner, wired
from lib.fdb import PERMANENT
from lib.linkattr import create, data, sockets
from lib.netns import Netns
from lib.transfer import Flood
from lib.underlay import V4, V6
from lib.wait import eventually

ROUNDS = 15
MANY = 500
#: To a known MAC, an unknown one, all; tagged; IPv6; not IP.
FRAMES = [inner(), inner(dst="02:00:00:00:bb:77"), inner(6),
          inner(dst=build.BROADCAST),
          build.ether(BOB, ALICE, 0x88b6, bytes(100))]


@pytest.fixture(params=(V4, V6), ids=repr)
def underlay(request):
    return request.param


@pytest.fixture
def fabric():
    with wired() as made:
        yield made


@pytest.fixture
def bench(fabric, underlay):
    return Bench(fabric, underlay)


def strangers(bench, count=20):
    """Underlay frames from as many MAC addresses, to be learned."""
    return [bench.outer(inner(src=f"02:00:00:00:dd:{n:02x}"))
            for n in range(count)]


@contextmanager
def traffic(bench, both=True):
    """Frames go out through the device and come in for it; [0] is the way
    in. both=False: no socket keeps the device's namespace alive.
    """
    with ExitStack() as stack:
        floods = [Flood(bench.far.ns, "eth0", strangers(bench))]
        if both:
            floods.append(Flood(bench.ns, bench.name, FRAMES))
        for flood in floods:
            stack.enter_context(flood)
        yield floods


def add(bench):
    """The device again, by netlink, with no socket of ours on it."""
    net = bench.net
    names = ("GROUP", "LOCAL") if net is V4 else ("GROUP6", "LOCAL6")
    create(bench.ns, data(ID=bench.vni, PORT=4789, LINK="eth0", **{
        names[0]: net.address(bench.far), names[1]: net.address(bench.near)}),
        name=bench.name, up=True)


def alive(bench):
    """A device as good as new."""
    for name in [link["name"] for link in bench.ns.rtnl.links()]:
        if name == bench.name:
            bench.ns.rtnl.dellink(name)
    bench.near.vxlans.remove(bench.name)
    again = Bench(bench.fabric, bench.net)
    assert len(again.send(inner())) == 1
    assert again.receive(again.outer(inner()))


def test_life_delete(bench):
    """Deleted and made again under traffic."""
    with traffic(bench) as floods:
        for _ in range(ROUNDS):
            bench.ns.rtnl.dellink(bench.name)
            floods[0].progress(20)
            add(bench)
            for flood in floods:
                flood.progress(20)
    alive(bench)


def test_life_down_up(bench):
    """Down and up under traffic; learned entries go, the device works on."""
    with traffic(bench) as floods:
        for _ in range(ROUNDS):
            bench.ns.rtnl.setlink(bench.name, up=False)
            assert set(bench.near.fdb(bench.name)) == {build.ZERO_MAC}
            assert not [p for _, p in sockets(bench.ns) if p == 4789]
            floods[0].progress(20)
            bench.ns.rtnl.setlink(bench.name, up=True)
            for flood in floods:
                flood.progress(20)
    alive(bench)


def test_life_change(bench):
    """Changed again and again under traffic."""
    remote = "GROUP" if bench.net is V4 else "GROUP6"
    other = "10.0.0.77" if bench.net is V4 else "fd00::77"
    changes = [data(TTL=9), data(LEARNING=0), data(TOS=1), data(AGEING=1),
               data(**{remote: other}), data(TTL=0, TOS=0, LEARNING=1),
               data(AGEING=300),
               data(**{remote: bench.net.address(bench.far)})]
    with traffic(bench) as floods:
        for number in range(ROUNDS * 4):
            bench.ns.rtnl.changelink(bench.name, topo.kind(),
                                     changes[number % len(changes)])
            if number % 8 == 7:
                for flood in floods:
                    flood.progress(20)
    alive(bench)


def test_life_fdb(bench):
    """Entries come, move and go under traffic that uses and learns them."""
    rtnl, index = bench.ns.rtnl, bench.ns.rtnl.index(bench.name)
    ends = [bench.net.address(bench.far),
            "10.0.0.77" if bench.net is V4 else "fd00::77"]
    macs = [BOB, "02:00:00:00:bb:77", "02:00:00:00:dd:03"]
    flags = d.NLM_F_CREATE | d.NLM_F_REPLACE

    def entry(mac, dst=None):
        return [(d.NDA_LLADDR, nl.mac(mac))] + (
            [(d.NDA_DST, nl.ip(dst))] if dst else [])

    with traffic(bench) as floods:
        for number in range(ROUNDS * 4):
            for mac in macs:
                rtnl.neigh(d.RTM_NEWNEIGH, index, entry(mac, ends[number % 2]),
                           PERMANENT, nl_flags=flags)
            rtnl.neigh(d.RTM_NEWNEIGH, index, entry(build.ZERO_MAC, ends[1]),
                       PERMANENT, nl_flags=d.NLM_F_CREATE | d.NLM_F_APPEND)
            rtnl.fdb(bench.name)
            for mac in macs:
                rtnl.neigh(d.RTM_DELNEIGH, index, entry(mac))
            rtnl.neigh(d.RTM_DELNEIGH, index, entry(build.ZERO_MAC, ends[1]))
        for flood in floods:
            flood.progress(20)
    alive(bench)


def test_life_lower_device(fabric, underlay):
    """The lower device is deleted under traffic: the device goes with it."""
    for _ in range(4):
        for host in fabric.host[1], fabric.host[2]:
            host.ns.ip("link add link eth0 low0 type vlan id 5",
                       "link set low0 up")
        bench = Bench(fabric, underlay, lower="low0")
        inward = [f[:12] + b"\x81\x00\x00\x05" + f[12:]
                  for f in strangers(bench)]
        with Flood(bench.far.ns, "eth0", inward) as flood, \
                Flood(bench.ns, DEV, FRAMES):
            bench.ns.rtnl.dellink("low0")
            gone(bench.ns, DEV)
            flood.progress(20)
        bench.close()
        bench.near.vxlans.remove(DEV)
        bench.far.ns.rtnl.dellink("low0")


def behind_a_vm(bench):
    """A VM on a bridge with the device: its socket holds no namespace of
    ours. Returns a Flood from it.
    """
    host = bench.near
    host.ns.ip("link add br100 type bridge stp_state 0 forward_delay 0",
               "link set br100 up", f"link set {bench.name} master br100")
    vm = host.add_vm(7)
    bench.close()
    return Flood(vm.ns, "eth0", FRAMES)


def test_life_underlay_namespace(fabric, underlay):
    """The namespace of device and underlay goes, with a VM still talking."""
    bench = Bench(fabric, underlay)
    talking = behind_a_vm(bench)
    fabric._markers.pop(bench.near).close()
    with talking, traffic(bench, both=False) as floods:
        bench.near.ns.delete()
        floods[0].progress(50)


@pytest.mark.parametrize("first", ("device", "underlay"))
def test_life_two_namespaces(fabric, underlay, first):
    """A device moved away from its underlay works on, and goes with either
    namespace.
    """
    bench = Bench(fabric, underlay)
    other = Netns("elsewhere")
    try:
        bench.close()
        bench.ns.ip(f"link set {DEV} netns {other.name}")
        other.ip(f"link set {DEV} up", f"addr add 192.168.100.1/24 dev {DEV}",
                 f"neigh add 192.168.100.2 lladdr {BOB} dev {DEV}")
        with traffic(bench, both=False) as floods, \
                Flood(other, DEV, FRAMES) as out:
            floods[0].progress(50)
            out.progress(20)
            eventually(lambda: other.rtnl.link(DEV)["stats"]["rx_packets"])
            with counters.delta(bench.ns, "eth0") as moved:
                moved.wait_for("tx_packets", 20)
            if first == "underlay":
                fabric._markers.pop(bench.near).close()
                bench.near.ns.delete()
                gone(other, DEV)
        if first == "device":
            with traffic(bench, both=False) as floods:
                other.delete()
                floods[0].progress(50)
            assert not [p for _, p in sockets(bench.ns) if p == 4789]
    finally:
        other.delete()


def test_life_many(fabric, underlay):
    """500 devices on one socket: up, used, and gone at once."""
    ns, far = fabric.host[1].ns, underlay.address(fabric.host[2])
    remote = "GROUP" if underlay is V4 else "GROUP6"
    start = 1000
    for n in range(MANY):
        create(ns, data(ID=start + n, PORT=4789, **{remote: far}),
               name=f"vx{n}", up=True)
    assert [p for _, p in sockets(ns)].count(4789) == 1
    last = Bench(fabric, underlay, vni=start + MANY, name="last")
    for n in (0, 1, MANY // 2, MANY - 1):
        last.peer.send(last.outer(inner(), vni=start + n))
        eventually(lambda n=n: ns.rtnl.link(f"vx{n}")["stats"]["rx_packets"])
    last.close()
    with traffic(last, both=False) as floods:
        for n in range(0, MANY, 50):
            ns.rtnl.dellink(f"vx{n}")
        fabric._markers.pop(last.near).close()
        last.near.ns.delete()
        floods[0].progress(50)


def test_life_module(bench):
    """The module is unloaded while devices exist and traffic flows, and
    loaded again.
    """
    kind = topo.kind()
    file = modules.path(kind)
    other = Bench(bench.fabric, bench.net, "udpcsum", vni=7, name="vx7")
    group = Bench(bench.fabric, bench.net, vni=8, name="vx8", to="group")
    group.receive(group.outer(inner()))
    with traffic(bench) as floods, Flood(bench.ns, "vx8", FRAMES):
        for _ in range(3):
            modules.unload(kind)
            try:
                assert kind not in modules.loaded()
                names = {link["name"] for link in bench.ns.rtnl.links()}
                assert not names & {bench.name, other.name, group.name}
                floods[0].progress(20)
            finally:
                modules.load(file)
            add(bench)
            for flood in floods:
                flood.progress(20)
    alive(bench)
