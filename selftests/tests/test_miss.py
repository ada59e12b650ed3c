# SPDX-License-Identifier: GPL-2.0
"""l2miss and l3miss: a frame that nobody can place asks listeners of
RTNLGRP_NEIGH where it should go (RTM_GETNEIGH), as flannel once used it.
"""

import socket
import struct
from contextlib import closing

import pytest

from lib import build, nl
from lib import fdb as f
from lib import nldefs as d
from lib.bench import ALICE, Bench, inner, not_ip, wired
from lib.counters import delta
from lib.fdb import GROUP_MAC, ZERO, Fdb
from lib.inject import send_frames
from lib.linkattr import DEV, change, create, data, names
from lib.underlay import V4, V6

MAC, OTHER = f.mac(1), f.mac(2)
VNI = 100
BASE = {4: data(ID=VNI, PORT=4789, LOCAL="10.0.0.1"),
        6: data(ID=VNI, PORT=4789, LOCAL6="fd00::1")}
REMOTE = {4: "10.0.0.2", 6: "fd00::2"}
KEYS = {4: "GROUP", 6: "GROUP6"}


@pytest.fixture(params=(4, 6), ids=("v4", "v6"), name="version")
def _version(request):
    """IP version of the underlay."""
    return request.param


@pytest.fixture(name="ns")
def _ns(namespaces):
    """A namespace whose interfaces say nothing by themselves."""
    ns = namespaces("miss")
    ns.sysctl("ipv6/conf/default/disable_ipv6", 1)
    return ns


@pytest.fixture(name="monitor")
def _monitor(ns):
    with closing(nl.Monitor(ns, (d.RTNLGRP_NEIGH,))) as made:
        yield made


def made(ns, version=4, **attrs):
    """A device with these attributes."""
    create(ns, [*BASE[version], *data(**attrs)], up=True)
    return Fdb(ns, DEV)


def misses(monitor):
    """The questions since last asked."""
    found = [e for e in monitor.events() if e["type"] == d.RTM_GETNEIGH]
    monitor.seen = []
    return found


def asked(monitor):
    """The MAC addresses that were asked for."""
    return [e["mac"] for e in misses(monitor)]


# -- l2miss ----------------------------------------------------------------

@pytest.mark.parametrize("frame", [
    inner(dst=MAC), inner(6, dst=MAC), not_ip(MAC)], ids=["v4", "v6", "other"])
def test_miss_l2(ns, monitor, version, frame):
    """A frame to an unknown unicast address: the question has its address,
    and nothing that would say where it is. The frame is dropped.
    """
    fdb = made(ns, version, L2MISS=1)
    with delta(ns, DEV) as moved:
        send_frames(ns, DEV, frame)
    (event,) = misses(monitor)
    assert (event["mac"], event["ifindex"]) == (MAC, fdb.index)
    assert (event["family"], event["state"], event["flags"]) == (
        socket.AF_INET, d.NUD_STALE, 0)
    assert event["dst"] is None
    # The kernel's driver says VNI 0 here, which is no VNI of a destination.
    assert set(event["attrs"]) - {d.NDA_VNI} == {d.NDA_LLADDR,
                                                 d.NDA_CACHEINFO}
    assert moved["tx_dropped"] == 1
    assert not fdb.entries()


def test_miss_l2_each(ns, monitor):
    """A question for each frame, in their order."""
    made(ns, L2MISS=1)
    macs = [f.mac(n % 3) for n in range(12)]
    send_frames(ns, DEV, *[inner(dst=mac) for mac in macs])
    assert asked(monitor) == macs


@pytest.mark.parametrize("mac", [build.BROADCAST, GROUP_MAC,
                                 "33:33:00:00:00:01"])
def test_miss_l2_not_for_groups(ns, monitor, mac):
    """Broadcast and multicast are dropped without a question."""
    made(ns, L2MISS=1)
    with delta(ns, DEV) as moved:
        send_frames(ns, DEV, inner(dst=mac))
    assert not misses(monitor)
    assert moved["tx_dropped"] == 1


@pytest.mark.parametrize("attrs", [{}, {"L2MISS": 0}, {"L3MISS": 1}], ids=str)
def test_miss_l2_not_asked_for(ns, monitor, attrs):
    """Without l2miss: dropped in silence."""
    made(ns, **attrs)
    send_frames(ns, DEV, inner(dst=MAC))
    assert not misses(monitor)


def test_miss_l2_known(ns, monitor, version):
    """An entry answers the question in advance: a destination, a black hole;
    deleted, the question is asked again.
    """
    fdb = made(ns, version, L2MISS=1)
    nowhere = "0.0.0.0" if version == 4 else "::"
    for mac, dst in ((MAC, REMOTE[version]), (OTHER, nowhere)):
        fdb.add(mac, dst)
        send_frames(ns, DEV, inner(dst=mac))
        assert not misses(monitor)
        fdb.delete(mac)
        send_frames(ns, DEV, inner(dst=mac))
        assert asked(monitor) == [mac]


def test_miss_l2_flooded(ns, monitor, version):
    """Nobody is asked while there is a default destination."""
    fdb = made(ns, version, L2MISS=1, **{KEYS[version]: REMOTE[version]})
    send_frames(ns, DEV, inner(dst=MAC))
    assert not misses(monitor)
    fdb.delete(ZERO)
    send_frames(ns, DEV, inner(dst=MAC))
    assert asked(monitor) == [MAC]
    fdb.append(ZERO, REMOTE[version])
    send_frames(ns, DEV, inner(dst=MAC))
    assert not misses(monitor)


def test_miss_l2_other_namespace(namespaces, ns, monitor):
    """Asked where the device is, with the id of the underlay's namespace."""
    home = namespaces("home")
    made(home, L2MISS=1)
    home.ip(f"link set {DEV} netns {ns.name}")
    ns.rtnl.setlink(DEV, up=True)
    with closing(nl.Monitor(home, (d.RTNLGRP_NEIGH,))) as there:
        send_frames(ns, DEV, inner(dst=MAC))
        assert not misses(there)
    (event,) = misses(monitor)
    link = ns.rtnl.link(DEV)
    assert event["mac"] == MAC
    assert event["attrs"][d.NDA_LINK_NETNSID] == link["attrs"][
        d.IFLA_LINK_NETNSID]


@pytest.mark.parametrize("net", [V4, V6], ids=repr)
def test_miss_l2_answered(net):
    """The use of it: who hears the question makes the entry, and the next
    frame arrives.
    """
    with wired() as fabric:
        ns = fabric.host[1].ns
        bench = Bench(fabric, net, "l2miss", to="")
        try:
            with closing(nl.Monitor(ns, (d.RTNLGRP_NEIGH,))) as monitor:
                bench.tenant.send(inner(dst=MAC))
                (mac,) = set(asked(monitor))
                Fdb(ns, DEV).add(mac, net.address(2))
                (outer,) = bench.send(inner(dst=MAC))
                assert outer.dst == net.address(2)
                assert not misses(monitor)
        finally:
            bench.delete()


@pytest.mark.parametrize("attr", ["L2MISS", "L3MISS"])
@pytest.mark.parametrize("value", [0, 1])
def test_miss_attribute(ns, attr, value):
    """Dumped as given; the same value again is no error, another one is."""
    made(ns, **{attr: value})
    other = {"L2MISS": "L3MISS", "L3MISS": "L2MISS"}[attr]
    assert (names(ns)[attr], names(ns)[other]) == (bytes([value]), b"\0")
    change(ns, data(**{attr: value}))
    assert f.refusal(change, ns, data(**{attr: 1 - value})) == "EOPNOTSUPP"
    assert names(ns)[attr] == bytes([value])


# -- l3miss: of those who answer for others --------------------------------

def arp_for(address):
    return build.arp_request(ALICE, "192.168.100.1", address)


def solicitation_for(address):
    """A neighbour solicitation from fd01::1."""
    target = socket.inet_pton(socket.AF_INET6, address)
    body = struct.pack("!BBHI", 135, 0, 0, 0) + target + \
        b"\x01\x01" + nl.mac(ALICE)
    group = build.ip_bytes("ff02::1:ff00:0")[:13] + target[13:]
    data = build.pseudo(build.ip_bytes("fd01::1"), group, 58, len(body)) + body
    body = body[:2] + struct.pack("!H", build.csum(data)) + body[4:]
    return build.ip_frame("33:33:" + nl.mac_text(group[12:]), ALICE,
                          build.ipv6("fd01::1", group, 58, body, ttl=255))


@pytest.mark.parametrize("frame,family,address", [
    (arp_for("192.168.100.77"), socket.AF_INET, "192.168.100.77"),
    (solicitation_for("fd01::77"), socket.AF_INET6, "fd01::77"),
], ids=["arp", "nd"])
def test_miss_l3_proxy(ns, monitor, version, frame, family, address):
    """proxy: who is looked for is not known here: the question has its
    address.
    """
    ns.sysctl("ipv6/conf/default/disable_ipv6", 0)
    made(ns, version, PROXY=1, L3MISS=1)
    monitor.events()
    monitor.seen = []
    send_frames(ns, DEV, frame)
    (event,) = misses(monitor)
    assert (event["dst"], event["family"]) == (address, family)
    assert (event["state"], event["flags"]) == (d.NUD_STALE, 0)
    assert d.NDA_LLADDR not in event["attrs"]


def test_miss_l3_short_circuit(ns, monitor):
    """rsc: a packet to a router whose next hop is not known."""
    fdb = made(ns, RSC=1, L3MISS=1)
    fdb.change(MAC, "10.0.0.2", f.ADD, flags=d.NTF_SELF | d.NTF_ROUTER)
    send_frames(ns, DEV, inner(dst=MAC))
    (event,) = misses(monitor)
    assert (event["dst"], event["family"]) == ("192.168.100.2",
                                               socket.AF_INET)


def test_miss_l3_alone(ns, monitor):
    """Without proxy and rsc there is nobody who would ask."""
    made(ns, L3MISS=1)
    send_frames(ns, DEV, arp_for("192.168.100.77"), inner(dst=MAC))
    assert not misses(monitor)
