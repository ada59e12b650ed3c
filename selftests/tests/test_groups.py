# SPDX-License-Identifier: GPL-2.0
"""Membership of underlay groups: shared, unlimited, and kept through all that
can happen to the lower device.

Host 1 is looked at, host 2 talks. Their lower device `low0` is VLAN 5 of eth0:
unlike veth it takes an MTU below 68, and it can be destroyed or moved while
the underlay stays.
"""

import errno
import glob
import itertools
import os
import re
import socket
import struct
import subprocess
from contextlib import contextmanager

import pytest

from lib import build, nl, topo
from lib import nldefs as d
from lib.capture import Capture
from lib.inject import send_frames
from lib.netns import CommandFailed
from lib.underlay import V4, V6
from lib.wait import eventually
from lib.wire import TO_EX, TO_IN

LOWER = "low0"
VX = "vx100"
MTU = 1500
#: One less than the protocol needs: its instance on the device goes.
TOO_SMALL = {V4: 67, V6: 1279}

_count = itertools.count(1)


@pytest.fixture(params=[V4, V6], ids=repr)
def net(request):
    """The protocol of the underlay."""
    return request.param


def add_lower(host):
    host.ns.ip(f"link add link eth0 {LOWER} mtu {MTU} type vlan id 5")
    restore(host)


def restore(host):
    """The lower device as it was, with its addresses."""
    n = host.number
    host.ns.ip(f"link set {LOWER} mtu {MTU} up",
               f"addr replace 10.5.0.{n}/24 dev {LOWER}",
               f"addr replace fd05::{n}/64 dev {LOWER} nodad",
               f"addr replace fe80::5:{n}/64 dev {LOWER} nodad")


@pytest.fixture
def hosts(fabric):
    """Hosts 1 and 2 with a lower device; all they have is removed after."""
    pair = fabric.host[1], fabric.host[2]
    for host in pair:
        add_lower(host)
    fabric.settle()
    yield pair
    for host in pair:
        for link in host.ns.rtnl.links():
            if link["kind"] in (topo.kind(), "vrf", "vlan", "dummy"):
                try:
                    host.ns.rtnl.dellink(link["name"])
                except nl.NlError as error:     # went with another one
                    assert error.errno == errno.ENODEV


def add(host, net, vni=100, group=None, up=True, dev=LOWER, name=None):
    """A VXLAN device without a bridge."""
    return host.add_vxlan(vni, f"group {group or net.group} dev {dev}",
                          name=name, bridge=False, up=up)


def segment(hosts, net):
    for host in hosts:
        add(host, net)


def users(host, net, group=None, dev=LOWER):
    """How many users of a group the kernel counts, 0: not joined."""
    return net.members(host.ns, dev).get(group or net.group, 0)


def joins(net, group=None):
    return lambda packet: any(r.record == TO_EX and r.group == (
        group or net.group) for r in packet.reports)


def leaves(net, group=None):
    return lambda packet: any(r.record == TO_IN and r.group == (
        group or net.group) for r in packet.reports)


def check_bum(hosts, dev=VX):
    """A broadcast of host 2 arrives at host 1."""
    mac = f"02:00:00:00:aa:{next(_count) & 255:02x}"
    frame = build.arp_request(mac, "192.0.2.1", "192.0.2.2")
    with Capture(hosts[0].ns, dev) as cap:
        send_frames(hosts[1].ns, dev, frame)
        cap.wait_for(lambda p: p.raw[:42] == frame, what="BUM frame")


def member_socket(host, net, dev=LOWER):
    """Somebody else's socket that is a member of the same group."""
    index = struct.pack("=i", host.ns.rtnl.index(dev))
    raw = socket.inet_pton(
        socket.AF_INET if net is V4 else socket.AF_INET6, net.group)
    if net is V4:
        sock = host.ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        raw + bytes(4) + index)
    else:
        sock = host.ns.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                        raw + index)
    return sock


def test_first_joins_last_leaves(hosts, net):
    """Three devices share a group: one report, and one leave at the end."""
    host = hosts[0]
    cap = host.capture("eth0")
    for vni in (101, 102, 103):
        add(host, net, vni)
    report = cap.wait_for(joins(net)).reports[0]
    net.check_report(report)
    assert users(host, net) == 1

    # The sentinel's report leaves after whatever the two caused.
    host.ns.ip("link set vx101 down", "link del vx102")
    add(host, net, 104, net.other_group)
    cap.wait_for(joins(net, net.other_group))
    assert not cap.packets(leaves(net))
    assert users(host, net) == 1

    host.ns.ip("link set vx103 down")
    packet = cap.wait_for(leaves(net))
    net.check_report(packet.reports[0])
    assert users(host, net) == 0
    assert users(host, net, net.other_group) == 1

    cap.clear()
    host.ns.ip("link set vx101 up")
    cap.wait_for(joins(net))
    assert users(host, net) == 1


def test_hundred_groups(hosts, net):
    """net.ipv4.igmp_max_memberships is about sockets, not about us."""
    host = hosts[0]
    host.ns.sysctl("ipv4/igmp_max_memberships", 20)
    prefix = "239.119.2." if net is V4 else "ff05::119:2:"
    number = str if net is V4 else "{:x}".format
    groups = {prefix + number(n): n for n in range(1, 101)}
    lines = []
    for group, n in groups.items():
        lines += [f"link add vxg{n} type {topo.kind()} id {n} {topo.DEFAULTS} "
                  f"group {group} dev {LOWER}", f"link set vxg{n} up"]
    host.ns.ip(*lines)
    members = net.members(host.ns, LOWER)
    assert {g: members.get(g) for g in groups} == dict.fromkeys(groups, 1)

    host.ns.ip(*[f"link del vxg{n}" for n in groups.values()])
    assert not set(groups) & set(net.members(host.ns, LOWER))


def test_up_while_lower_is_down(hosts, net):
    """The device comes up; the report is sent when the lower one does."""
    host = hosts[0]
    host.ns.ip(f"link set {LOWER} down")
    cap = host.capture("eth0")
    segment(hosts, net)
    assert users(host, net) == 1
    assert not cap.packets(lambda p: p.sent and joins(net)(p))
    restore(host)
    cap.wait_for(lambda p: p.sent and joins(net)(p))
    check_bum(hosts)


def test_lower_down_and_up(hosts, net):
    """The membership survives, and is reported again."""
    host = hosts[0]
    segment(hosts, net)
    check_bum(hosts)
    host.ns.ip(f"link set {LOWER} down")
    assert users(host, net) == 1
    cap = host.capture("eth0")
    restore(host)
    cap.wait_for(lambda p: p.sent and joins(net)(p))
    assert users(host, net) == 1
    check_bum(hosts)


def test_mtu_below_minimum_and_back(hosts, net):
    """A small MTU takes the protocol from the device; with it comes back the
    membership."""
    host = hosts[0]
    segment(hosts, net)
    host.ns.ip(f"link set {LOWER} mtu {TOO_SMALL[net]}")
    assert net.members(host.ns, LOWER) == {}
    cap = host.capture("eth0")
    restore(host)
    cap.wait_for(lambda p: p.sent and joins(net)(p))
    assert users(host, net) == 1
    check_bum(hosts)
    host.ns.ip(f"link set {VX} down")
    cap.wait_for(leaves(net))
    assert users(host, net) == 0


def test_mtu_back_while_lower_is_down(hosts, net):
    """The membership returns with the MTU, the report with the device."""
    host = hosts[0]
    segment(hosts, net)
    host.ns.ip(f"link set {LOWER} mtu {TOO_SMALL[net]}",
               f"link set {LOWER} down", f"link set {LOWER} mtu {MTU}")
    assert users(host, net) == 1
    restore(host)
    check_bum(hosts)


def test_many_groups_return(hosts, net):
    """Each group of an interface is joined again, once."""
    host = hosts[0]
    groups = [net.group, net.other_group]
    for vni in range(101, 105):
        add(host, net, vni, groups[vni % 2])
    for _ in range(3):
        host.ns.ip(f"link set {LOWER} mtu {TOO_SMALL[net]}",
                   f"link set {LOWER} mtu {MTU}")
    assert [users(host, net, group) for group in groups] == [1, 1]
    host.ns.ip(*[f"link del vx{vni}" for vni in range(101, 105)])
    assert [users(host, net, group) for group in groups] == [0, 0]


def test_left_only_where_joined(hosts, net):
    """A device that goes while the protocol is away leaves nothing later."""
    host = hosts[0]
    add(host, net)
    host.ns.ip(f"link set {LOWER} mtu {TOO_SMALL[net]}",
               f"link set {VX} down", f"link set {LOWER} mtu {MTU}")
    assert users(host, net) == 0
    restore(host)
    with member_socket(host, net):
        assert users(host, net) == 1
        host.ns.ip(f"link del {VX}")
        assert users(host, net) == 1


def test_other_members_stay(hosts, net):
    """Somebody else's membership is counted apart from ours."""
    host = hosts[0]
    with member_socket(host, net):
        add(host, net)
        assert users(host, net) == 2
        host.ns.ip(f"link set {VX} down")
        assert users(host, net) == 1
        host.ns.ip(f"link set {VX} up")
    eventually(lambda: users(host, net) == 1, what="only our membership")
    host.ns.ip(f"link set {VX} down")
    assert users(host, net) == 0


def test_up_without_protocol_is_refused(hosts, net):
    """Better no device than one that never hears its group."""
    host = hosts[0]
    host.ns.ip(f"link set {LOWER} mtu {TOO_SMALL[net]}")
    add(host, net, up=False)
    with pytest.raises(CommandFailed, match="No such device"):
        host.ns.ip(f"link set {VX} up")
    restore(host)
    assert users(host, net) == 0
    add(hosts[1], net)
    host.ns.ip(f"link set {VX} up")
    check_bum(hosts)


def test_lower_into_vrf_and_out(hosts, net):
    """Membership is of the interface: the VRF changes nothing but routes."""
    host = hosts[0]
    segment(hosts, net)
    host.ns.ip("link add red type vrf table 10", "link set red up")
    cap = host.capture("eth0")
    for where in ("master red", "nomaster"):
        cap.clear()
        host.ns.ip(f"link set {LOWER} {where}")
        restore(host)
        assert users(host, net) == 1
        cap.wait_for(lambda p: p.sent and joins(net)(p))
        check_bum(hosts)


def test_lower_deleted(hosts, net):
    """The device goes with its lower one, others are not touched."""
    host = hosts[0]
    segment(hosts, net)
    add(host, net, 200, dev="eth0")
    host.ns.ip(f"link del {LOWER}")
    names = [link["name"] for link in host.ns.rtnl.links()]
    assert VX not in names and "vx200" in names
    assert users(host, net, dev="eth0") == 1
    add_lower(host)
    assert users(host, net) == 0
    add(host, net)
    check_bum(hosts)


def test_lower_moved_to_another_namespace(hosts, net, namespaces):
    """To the underlay that is the same as deleted; nothing moves along."""
    host, other = hosts[0], namespaces("other")
    segment(hosts, net)
    host.ns.ip(f"link set {LOWER} netns {other.name}")
    assert VX not in [link["name"] for link in host.ns.rtnl.links()]
    other.ip(f"link set {LOWER} up")
    assert net.group not in net.members(other, LOWER)
    other.ip(f"link set {LOWER} netns {host.ns.name}")
    restore(host)
    assert users(host, net) == 0
    add(host, net)
    check_bum(hosts)


def test_group_changed_while_up(hosts, net):
    """The old group is left, the new one joined, and used."""
    host = hosts[0]
    segment(hosts, net)
    cap = host.capture("eth0")
    for each in hosts:
        each.ns.ip(f"link set {VX} type {topo.kind()} "
                   f"group {net.other_group} dev {LOWER}")
    cap.wait_for(lambda p: p.sent and joins(net, net.other_group)(p))
    cap.wait_for(lambda p: p.sent and leaves(net)(p))
    assert users(host, net) == 0
    assert users(host, net, net.other_group) == 1
    cap.clear()
    check_bum(hosts)
    assert [o.dst for o in cap.outers()] == [net.other_group]


def test_group_changed_to_remote(hosts, net):
    """A unicast destination needs no membership."""
    host = hosts[0]
    segment(hosts, net)
    address = "10.5.0.2" if net is V4 else "fd05::2"
    host.ns.ip(f"link set {VX} type {topo.kind()} remote {address}")
    assert users(host, net) == 0
    host.ns.ip(f"link set {VX} type {topo.kind()} group {net.group} "
               f"dev {LOWER}")
    assert users(host, net) == 1
    check_bum(hosts)


def test_namespace_deleted_while_up(namespaces, net):
    """A namespace goes with its devices and memberships."""
    ns = namespaces("dying")
    ns.ip(f"link add {LOWER} type dummy", f"link set {LOWER} up",
          *[f"link add vx{n} type {topo.kind()} id {n} {topo.DEFAULTS} "
            f"group {net.group} dev {LOWER}" for n in (1, 2)],
          "link set vx1 up", "link set vx2 up")
    assert net.members(ns, LOWER).get(net.group) == 1
    ns.delete()


def test_underlay_in_another_namespace(hosts, net, namespaces):
    """The membership is where the lower device is, wherever the device is."""
    host, tenant = hosts[0], namespaces("tenant")
    for vni in (101, 102):
        add(host, net, vni)
        host.ns.ip(f"link set vx{vni} netns {tenant.name}")
        tenant.ip(f"link set vx{vni} up")
    assert users(host, net) == 1
    tenant.ip("link del vx101")
    assert users(host, net) == 1
    tenant.delete()
    assert users(host, net) == 0


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


@pytest.fixture
def failing():
    """failing(n) is a context in which the n-th allocation fails; its value
    is a list that gets an element if there were that many."""
    switch, faults = "/proc/thread-self/fail-nth", "/sys/kernel/debug/failslab"
    if not os.path.exists(switch):
        pytest.skip("kernel without fault injection")
    if not os.path.exists(faults):
        subprocess.run(["mount", "-t", "debugfs", "none",
                        os.path.dirname(faults)], check=True)
    # The kernel warns when the smallest fail: those of its reference trackers.
    caches = [path for path in glob.glob("/sys/kernel/slab/kmalloc-*/failslab")
              if not re.search(r"-(8|16|32)/", path)]
    for path in caches:
        _write(path, "1")
    for name, value in (("cache-filter", "Y"), ("ignore-gfp-wait", "N"),
                        ("verbose", "0")):
        _write(f"{faults}/{name}", value)

    @contextmanager
    def failure(nth):
        fd = os.open(switch, os.O_RDWR)
        hit = []
        os.write(fd, b"%d" % nth)
        try:
            yield hit
        except OSError:
            pass
        finally:
            if int(os.pread(fd, 16, 0)) == 0:
                hit.append(nth)
            os.pwrite(fd, b"0", 0)
            os.close(fd)

    yield failure
    for path in caches:
        _write(path, "0")


def test_no_memory_to_come_up(hosts, net, failing):
    """Whichever allocation fails: a device that is up is a member."""
    host = hosts[0]
    add(host, net, up=False)
    rtnl = host.ns.rtnl
    index = rtnl.index(VX)
    outcomes = set()
    for nth in itertools.count(1):
        with failing(nth) as hit:
            rtnl.request(d.RTM_NEWLINK, 0,
                         nl.ifinfomsg(index, d.IFF_UP, d.IFF_UP))
        up = rtnl.link(VX)["up"]
        outcomes.add(up)
        assert users(host, net) == int(up), f"allocation {nth}"
        rtnl.setlink(VX, up=False)
        assert users(host, net) == 0, f"allocation {nth}"
        if not hit:
            break
    assert up and outcomes == {True, False}


def test_no_memory_to_join_again(hosts, net, failing):
    """A group that could not be joined again is, at the next event."""
    host = hosts[0]
    add(host, net)
    rtnl = host.ns.rtnl
    index = rtnl.index(LOWER)

    def set_mtu(mtu):
        rtnl.request(d.RTM_NEWLINK, 0, nl.ifinfomsg(index),
                     [(d.IFLA_MTU, nl.u32(mtu))])

    found = set()
    for nth in itertools.count(1):
        set_mtu(TOO_SMALL[net])
        assert users(host, net) == 0
        with failing(nth) as hit:
            set_mtu(MTU)
        found.add(users(host, net))
        set_mtu(MTU - 1)
        assert users(host, net) == 1, f"allocation {nth}"
        if not hit:
            break
    assert found == {0, 1}
    rtnl.setlink(VX, up=False)
    assert users(host, net) == 0
