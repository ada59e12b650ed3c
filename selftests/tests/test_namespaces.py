# SPDX-License-Identifier: GPL-2.0
"""A device and its underlay in two network namespaces, who may change what,
what the device notices of its lower device, and how it looks from outside.

    home: eth0, the underlay ---- fabric ---- host 2        away: vx0

(Learned and deleted with its namespaces under traffic: test_lifetimes. Groups
of a lower device that moves: test_groups.)
"""

import array
import errno
import fcntl
import socket
import struct
from contextlib import closing, contextmanager

import pytest

from lib import build, ethtool, nl
from lib import fdb as f
from lib import nldefs as d
from lib.bench import ALICE, DEV, MAC, Bench, inner, wired
from lib.capture import Capture
from lib.fdb import Fdb
from lib.inject import Injector, send_frames
from lib.klog import KernelLog
from lib.linkattr import create, data, names, sockets
from lib.nl import u32
from lib.topo import DEFAULTS, kind
from lib.underlay import V4, V6
from lib.wait import eventually

IFLA_PROTO_DOWN = 39
ETHTOOL_GDRVINFO, ETHTOOL_GLINKSETTINGS = 0x03, 0x4c
GROUP = {V4: "GROUP", V6: "GROUP6"}
LOCAL = {V4: "LOCAL", V6: "LOCAL6"}


@pytest.fixture(scope="module")
def fabric():
    with wired() as made:
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


@pytest.fixture(name="bench")
def _bench(fabric, net):
    made = Bench(fabric, net)
    yield made
    made.delete()


def netnsid(link):
    """IFLA_LINK_NETNSID of a link, None if it is not told."""
    raw = link["attrs"].get(d.IFLA_LINK_NETNSID)
    return raw and struct.unpack("=i", raw)[0]


def id_of(ns, other):
    """The number by which ns knows another namespace; it gets one."""
    try:
        ns.rtnl.request(d.RTM_NEWNSID, 0, bytes(4), [
            (d.NETNSA_NSID, struct.pack("=i", -1)),
            (d.NETNSA_FD, u32(other.fd))])
    except nl.NlError as error:
        if error.errno != errno.EEXIST:
            raise
    for _, body in ns.rtnl.request(d.RTM_GETNSID, 0, bytes(4), [
            (d.NETNSA_FD, u32(other.fd))]):
        return struct.unpack("=i", nl.parse_attrs(body[4:])[
            d.NETNSA_NSID])[0]
    raise AssertionError("no answer")


def move(source, target, name=DEV):
    source.rtnl.setlink(name, extra=[(d.IFLA_NET_NS_FD, u32(target.fd))])


def travels(fabric, net, ns, name=DEV, vni=100):
    """A frame out of the device in ns arrives at host 2, and one of host 2
    comes out of it.
    """
    near, far = fabric.host[1], fabric.host[2]
    out, back = inner(src=MAC), inner(dst=MAC, src=ALICE)
    packet = build.vxlan_frame(near.mac, far.mac, net.address(far),
                               net.address(near), build.vxlan(vni, back))
    with Capture(near.ns, "eth0") as wire, Capture(ns, name) as device, \
            Injector(far.ns) as peer:
        send_frames(ns, name, out)
        sent = wire.wait_for(lambda p: p.sent and p.outer
                             and p.outer.inner == out)
        assert (sent.outer.vni, sent.outer.dst) == (vni, net.address(far))
        assert sent.outer.eth.src == near.mac
        peer.send(packet)
        device.wait_for(lambda p: not p.sent and p.raw == back)


# -- link-netns ------------------------------------------------------------

def made_with_netnsid(home, away, net, fabric, **attrs):
    """`ip -n away link add vx0 link-netns home ...`"""
    create(away, data(ID=100, PORT=4789, UDP_CSUM=0,
                      LINK=home.rtnl.index("eth0"), **{
                          GROUP[net]: net.address(fabric.host[2]),
                          LOCAL[net]: net.address(fabric.host[1])}, **attrs),
           extra=[(d.IFLA_LINK_NETNSID, struct.pack(
               "=i", id_of(away, home))),
               (d.IFLA_ADDRESS, nl.mac(MAC))])
    # older kernels set it up first and then, with a move, down again
    away.rtnl.setlink(DEV, up=True)


def test_netns_link_netns(fabric, net, namespaces):
    """Made with its underlay elsewhere: lower device and socket are there,
    and a dump says so.
    """
    home, away = fabric.host[1].ns, namespaces("away")
    away.ip("link add low0 type dummy")     # no number is the same twice
    made_with_netnsid(home, away, net, fabric)
    link = away.rtnl.link(DEV)
    assert netnsid(link) == id_of(away, home)
    assert names(away)["LINK"] == u32(home.rtnl.index("eth0"))
    assert link["mtu"] == 1600 - net.overhead
    port = (net.version, 4789)
    assert port in sockets(home) and port not in sockets(away)
    travels(fabric, net, away)

    # one VNI and port, one underlay: a matter of home, not of away
    with pytest.raises(nl.NlError) as caught:
        create(home, data(ID=100, PORT=4789, **{
            LOCAL[net]: net.address(1)}), name="vx1")
    assert caught.value.errno == errno.EEXIST
    create(away, data(ID=100, PORT=4789, **{LOCAL[net]: net.address(1)}),
           name="vx1", up=True)
    assert netnsid(away.rtnl.link("vx1")) is None
    away.rtnl.dellink(DEV)
    assert port not in sockets(home)


def test_netns_link_netns_lower_unknown(fabric, namespaces):
    """A lower device is looked up in the underlay's namespace only."""
    home, away = fabric.host[1].ns, namespaces("away")
    away.ip("link add low0 index 4711 type dummy")
    with pytest.raises(nl.NlError) as caught:
        create(away, data(ID=100, PORT=4789, LINK=4711), extra=[
            (d.IFLA_LINK_NETNSID, struct.pack("=i", id_of(away, home)))])
    assert caught.value.errno == errno.ENODEV
    assert [link["name"] for link in away.rtnl.links()] == ["lo", "low0"]


def test_netns_fdb_via(fabric, namespaces):
    """`via` of an entry is looked up where the device is (so does the
    kernel's driver); the entry says where the underlay is.
    """
    home, away = fabric.host[1].ns, namespaces("away")
    away.ip("link add low0 index 4711 type dummy")
    made_with_netnsid(home, away, V4, fabric)
    fdb = Fdb(away, DEV)
    assert f.refusal(fdb.add, f.mac(1), "10.0.0.2", via=4712) == \
        "EADDRNOTAVAIL"
    fdb.add(f.mac(1), "10.0.0.2", via=4711)
    (entry,) = fdb.entries(f.mac(1))
    assert entry["via"] == 4711
    assert entry["attrs"][d.NDA_LINK_NETNSID] == struct.pack(
        "=i", id_of(away, home))


# -- moved -----------------------------------------------------------------

def test_netns_moved_and_back(bench, fabric, net, namespaces):
    """Traffic before, in the other namespace, and back; its table and its
    configuration come along, and messages say where the underlay is as long
    as it is elsewhere.
    """
    home, away = bench.ns, namespaces("away")
    travels(fabric, net, home)
    bench.close()
    Fdb(home, DEV).add(f.mac(1), net.address(2))
    before, links = names(home), home.rtnl.link(DEV)
    # what was learned goes as with any device that is set down
    table = [row[1:] for row in Fdb(home, DEV).snapshot()
             if row[2] & d.NUD_PERMANENT]

    move(home, away)
    away.rtnl.setlink(DEV, up=True)
    assert names(away) == before
    assert netnsid(away.rtnl.link(DEV)) == id_of(away, home)
    here = Fdb(away, DEV)
    assert {e["attrs"].get(d.NDA_LINK_NETNSID) for e in here.entries()} == {
        struct.pack("=i", id_of(away, home))}
    travels(fabric, net, away)
    with closing(nl.Monitor(away, (d.RTNLGRP_NEIGH,))) as monitor:
        here.delete(f.mac(1))
        here.add(f.mac(1), net.address(2))
        told = [e for e in monitor.events() if e["dst"]]
    assert [e["type"] for e in told] == [d.RTM_DELNEIGH, d.RTM_NEWNEIGH]
    assert all(d.NDA_LINK_NETNSID in e["attrs"] for e in told)

    move(away, home)
    home.rtnl.setlink(DEV, up=True)
    travels(fabric, net, home)
    assert names(home) == before
    assert netnsid(home.rtnl.link(DEV)) is None
    assert home.rtnl.link(DEV)["mtu"] == links["mtu"]
    now = [row[1:] for row in Fdb(home, DEV).snapshot()
           if row[2] & d.NUD_PERMANENT]
    assert sorted(now) == sorted(table)
    assert not [e for e in Fdb(home, DEV).entries()
                if d.NDA_LINK_NETNSID in e["attrs"]]


def test_netns_moved_changes(bench, net, namespaces):
    """Changed from afar: lower device, remote, MTU limit."""
    home, away = bench.ns, namespaces("away")
    bench.close()
    move(home, away)
    away.rtnl.changelink(DEV, kind(), data(TTL=9, **{
        GROUP[net]: net.address(9)}))
    assert names(away)["TTL"] == b"\x09"
    assert Fdb(away, DEV).dsts(f.ZERO) == [net.address(9)]
    away.rtnl.setlink(DEV, extra=[(d.IFLA_MTU, u32(1600 - net.overhead))])
    with pytest.raises(nl.NlError) as caught:
        away.rtnl.setlink(DEV, extra=[
            (d.IFLA_MTU, u32(1601 - net.overhead))])
    assert caught.value.errno == errno.EINVAL
    move(away, home)


def test_netns_name_taken(bench, namespaces):
    """A device cannot move where its name exists; it goes on."""
    away = namespaces("away")
    away.ip(f"link add {DEV} type dummy")
    with pytest.raises(nl.NlError):
        move(bench.ns, away)
    assert bench.send(inner())


# -- who may ---------------------------------------------------------------

@contextmanager
def other_user(ns):
    """A namespace of a user who is root there only: run(line) -> process."""
    child = ns.popen("unshare --user --map-root-user --net sleep 1000")

    def ready():
        with open(f"/proc/{child.pid}/comm", encoding="ascii") as comm:
            return comm.read().strip() == "sleep"

    eventually(ready, what="unshare")

    def run(line):
        return ns.run(f"nsenter --preserve-credentials -U -n -t {child.pid} "
                      f"{line}", check=False)

    run.pid = child.pid
    yield run
    child.kill()
    child.wait()
    ns.children.remove(child)


def test_netns_user_has_own(namespaces):
    """Root of a user namespace has devices of his own, with all that can be
    done with them.
    """
    with other_user(namespaces("init")) as run:
        for line in (
                "ip link add low0 type veth peer name low1",
                "ip link set low0 up", "ip link set low1 up",
                "ip addr add 10.0.0.1/24 dev low0",
                f"ip link add {DEV} type {kind()} id 5 group {V4.group} "
                f"dev low0 {DEFAULTS}",
                f"ip link set {DEV} up",
                f"ip link set {DEV} type {kind()} ttl 9 group "
                f"{V4.other_group} dev low1",
                f"bridge fdb add 02:00:00:00:00:01 dev {DEV} dst 10.0.0.2",
                f"ip link set {DEV} mtu 1300",
                f"ip link del {DEV}"):
            done = run(line)
            assert done.returncode == 0, f"{line}: {done.stderr}"


def test_netns_user_not_on_our_underlay(namespaces):
    """But none on an underlay that is not his."""
    ns = namespaces("init")
    ns.ip("link add low0 type dummy")
    with other_user(ns) as run:
        # inside, the namespace outside has the number 7
        ns.run(f"nsenter -n -t {run.pid} ip netns set {ns.name} 7")
        done = run(f"ip link add {DEV} link-netnsid 7 type {kind()} id 5 "
                   f"{DEFAULTS}")
        assert done.returncode and "not permitted" in done.stderr, done
        assert DEV not in run("ip link").stdout
    assert not sockets(ns)


def test_netns_user_has_ours(namespaces):
    """A device of ours that was given to him: its own side is his (table,
    MTU, address, up and down, removal), the underlay's is not.
    """
    ns = namespaces("init")
    create(ns, data(ID=5, PORT=4789, GROUP="10.0.0.9"))
    with other_user(ns) as run:
        ns.rtnl.setlink(DEV, extra=[(d.IFLA_NET_NS_PID, u32(run.pid))])
        for line in (f"ip link set {DEV} up",
                     f"ip link set {DEV} address 02:00:00:00:00:77",
                     f"ip link set {DEV} mtu 1400",
                     f"bridge fdb add 02:00:00:00:00:01 dev {DEV} dst "
                     f"10.0.0.2",
                     f"bridge fdb del 02:00:00:00:00:01 dev {DEV}"):
            done = run(line)
            assert done.returncode == 0, f"{line}: {done.stderr}"
        before = run(f"ip -d -o link show {DEV}").stdout
        table = run(f"bridge fdb show dev {DEV}").stdout
        for words in ("ttl 9", "remote 10.0.0.8", "dev lo", "ageing 5",
                      "learning"):
            done = run(f"ip link set {DEV} type {kind()} {words}")
            assert done.returncode == 2, words
            assert "not permitted" in done.stderr or \
                "No permission" in done.stderr, done.stderr
        assert run(f"ip -d -o link show {DEV}").stdout == before
        assert run(f"bridge fdb show dev {DEV}").stdout == table
        assert sockets(ns) == {(4, 4789)}
        assert run(f"ip link del {DEV}").returncode == 0
        assert not sockets(ns)


# -- the lower device ------------------------------------------------------

def refresh(bench):
    """Permanent neighbours, which are gone when an interface is set down."""
    near, far = bench.near, bench.far
    near.ns.rtnl.setlink("eth0", up=True)
    near.ns.ip(f"addr replace {near.ip4}/24 dev eth0",
               f"addr replace {near.ip6}/64 dev eth0 nodad",
               *[f"neigh replace {address} lladdr {far.mac} dev eth0 "
                 f"nud permanent" for address in (far.ip4, far.ip6)])


def test_netns_lower_down_and_up(bench):
    """Down: the device stays as it is, frames get lost; up: they do not."""
    bench.send(inner())
    bench.ns.rtnl.setlink("eth0", up=False)
    link = bench.ns.rtnl.link(DEV)
    assert link["up"]
    with bench.moved() as moved:
        bench.tenant.send(inner())
        eventually(lambda: any(name in moved.now() for name in (
            "tx_errors", "tx_dropped", "tx_carrier_errors")))
    refresh(bench)
    assert bench.send(inner())
    assert bench.receive(bench.outer(inner()))


def test_netns_lower_mtu(bench, net):
    """A smaller lower device does not change ours by itself (so the kernel's
    driver does); what can be set follows it.
    """
    before = bench.ns.rtnl.link(DEV)["mtu"]
    assert before == 1600 - net.overhead
    bench.ns.rtnl.setlink("eth0", extra=[(d.IFLA_MTU, u32(1500))])
    try:
        assert bench.ns.rtnl.link(DEV)["mtu"] == before
        with pytest.raises(nl.NlError):
            bench.ns.rtnl.setlink(DEV, extra=[
                (d.IFLA_MTU, u32(1501 - net.overhead))])
        bench.ns.rtnl.setlink(DEV, extra=[
            (d.IFLA_MTU, u32(1500 - net.overhead))])
        assert bench.send(inner())
    finally:
        bench.ns.rtnl.setlink("eth0", extra=[(d.IFLA_MTU, u32(1600))])


def test_netns_lower_mac(bench):
    """The outer source address follows the lower device's."""
    (outer,) = bench.send(inner())
    assert outer.eth.src == bench.near.mac
    other = "02:00:00:01:00:99"
    bench.ns.rtnl.setlink("eth0", extra=[(d.IFLA_ADDRESS, nl.mac(other))])
    refresh(bench)
    try:
        (outer,) = bench.send(inner())
        assert outer.eth.src == other
        assert bench.ns.rtnl.link(DEV)["mac"] == MAC
    finally:
        bench.ns.rtnl.setlink("eth0", extra=[
            (d.IFLA_ADDRESS, nl.mac(bench.near.mac))])
        refresh(bench)


def test_netns_lower_renamed(bench):
    """Names of interfaces mean nothing."""
    bench.ns.ip("link property add dev eth0 altname uplink")
    try:
        assert bench.send(inner())
        assert names(bench.ns)["LINK"] == u32(bench.ns.rtnl.index("eth0"))
    finally:
        bench.ns.ip("link property del dev eth0 altname uplink")


def test_netns_vrf_port_taken(bench, fabric, net):
    """The lower device goes from one VRF to another, where somebody has the
    port: the device stays, says so, and works again with the next move.
    """
    ns = bench.ns
    family = socket.AF_INET if net is V4 else socket.AF_INET6
    ns.ip("link add red type vrf table 10", "link set red up",
          "link add blue type vrf table 11", "link set blue up")

    def into(vrf):
        ns.ip("link set eth0 " + (f"master {vrf}" if vrf else "nomaster"))
        refresh(bench)

    log = KernelLog()
    try:
        into("red")
        travels(fabric, net, ns)
        with ns.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                            b"blue")
            if net is V6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(("", 4789))
            into("blue")
            assert ns.rtnl.link(DEV)["up"]
            said = [line for line in log.new_lines() if DEV in line
                    and "cannot receive" in line]
            assert said, "the log says so"
            into("red")
            travels(fabric, net, ns)
            into("blue")
        ns.rtnl.setlink(DEV, up=False)
        ns.rtnl.setlink(DEV, up=True)
        travels(fabric, net, ns)
    finally:
        into(None)
        ns.ip("link del red", "link del blue")
    travels(fabric, net, ns)


# -- how it looks ----------------------------------------------------------

def test_netns_address_changed_live(bench):
    """`ip link set address` while it is up: frames from the new address are
    its own and dropped, from the former they are not.
    """
    new = "02:00:00:00:c0:99"
    bench.refuse(bench.outer(inner(src=MAC)), name="rx_own_mac")
    bench.ns.rtnl.setlink(DEV, extra=[(d.IFLA_ADDRESS, nl.mac(new))])
    link = bench.ns.rtnl.link(DEV)
    assert (link["mac"], link["up"]) == (new, True)
    bench.refuse(bench.outer(inner(src=new)), name="rx_own_mac")
    assert bench.receive(bench.outer(inner(src=MAC)))[0].raw == inner(src=MAC)
    for bad in ("01:00:5e:00:00:01", "00:00:00:00:00:00"):
        with pytest.raises(nl.NlError) as caught:
            bench.ns.rtnl.setlink(DEV, extra=[(d.IFLA_ADDRESS, nl.mac(bad))])
        assert caught.value.errno == errno.EADDRNOTAVAIL
    assert bench.ns.rtnl.link(DEV)["mac"] == new


def test_netns_protodown(bench):
    """`ip link set protodown on`: no carrier until it is off."""
    ns = bench.ns

    def proto_down():
        return ns.rtnl.link(DEV)["attrs"][IFLA_PROTO_DOWN]

    assert (proto_down(), ethtool.has_link(ns, DEV)) == (b"\0", True)
    for value in (b"\1", b"\0"):
        ns.rtnl.setlink(DEV, extra=[(IFLA_PROTO_DOWN, value)])
        assert proto_down() == value
        assert ethtool.has_link(ns, DEV) == (value == b"\0")
    assert bench.send(inner())


def test_netns_udev_type(bench):
    """udev and networkd know it by its type."""
    text = bench.ns.run(["unshare", "-m", "sh", "-c",
                         "mount -t sysfs sysfs /sys && "
                         f"cat /sys/class/net/{DEV}/uevent"])
    assert "DEVTYPE=vxlan" in text.splitlines()
    assert f"INTERFACE={DEV}" in text.splitlines()


def _ethtool(ns, dev, data_):
    request = struct.pack("16sP", dev.encode(), data_.buffer_info()[0])
    with ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, ethtool.SIOCETHTOOL, request.ljust(40, b"\0"))
    return data_.tobytes()


def driver(ns, dev):
    """(driver, version) of `ethtool -i`."""
    raw = _ethtool(ns, dev, array.array("B", struct.pack(
        "=I", ETHTOOL_GDRVINFO) + bytes(192)))
    return tuple(raw[at:at + 32].split(b"\0")[0].decode() for at in (4, 36))


def settings(ns, dev):
    """(speed, duplex, port) of `ethtool`."""
    head = array.array("B", struct.pack("=I", ETHTOOL_GLINKSETTINGS)
                       + bytes(44 + 3 * 4 * 127))
    words = struct.unpack_from("=b", _ethtool(ns, dev, head), 15)[0]
    head = array.array("B", struct.pack("=I", ETHTOOL_GLINKSETTINGS)
                       + bytes(44 + 3 * 4 * 127))
    struct.pack_into("=b", head, 15, -words)
    raw = _ethtool(ns, dev, head)
    return struct.unpack_from("=IBB", raw, 4)


def test_netns_ethtool(bench, fabric, net):
    """The driver's name is the link kind's; speed and duplex are those of
    the lower device, unknown without one.
    """
    ns = bench.ns
    name, version = driver(ns, DEV)
    assert name == kind()
    assert version
    assert settings(ns, DEV)[:2] == settings(ns, "eth0")[:2]
    alone = Bench(fabric, net, vni=101, lower="", name="vx1")
    try:
        speed, duplex, port = settings(ns, "vx1")
        assert (speed, duplex, port) == (0xffffffff, 0xff, 0xff)
    finally:
        alone.delete()


def test_netns_ethtool_moved(bench, namespaces):
    """The lower device is asked wherever it is."""
    home, away = bench.ns, namespaces("away")
    wanted = settings(home, "eth0")[:2]
    bench.close()
    move(home, away)
    assert settings(away, DEV)[:2] == wanted
    move(away, home)
