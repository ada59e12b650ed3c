# SPDX-License-Identifier: GPL-2.0
"""Flow 1: VTEPs join the group of their VNI when they come up.

    vx100 (vx200) on host1, host2, host3, all with group 239.119.1.1
"""

import time

import pytest

from lib import wire
from lib.wait import eventually


def is_leave(group):
    """Matches packets with a leave of the group."""
    return lambda p: any((r.group, r.record) == (group, wire.TO_IN)
                         for r in p.reports)


def wait_report(cap, group, record):
    """The first membership record of that type for the group, from here."""
    return eventually(
        lambda: next((r for p in cap.packets(sent=True) for r in p.reports
                      if (r.group, r.record) == (group, record)), None),
        what=f"report type {record} of {group} at {cap.name}")


def test_flow01_report_when_device_goes_up(vteps, underlay):
    """The join is on the wire when the device goes up, not before."""
    captures = {host: host.capture() for host in vteps.hosts}
    for host in vteps.hosts:
        host.add_vxlan(100, underlay.options(host), up=False)
    vteps.settle()
    for host, cap in captures.items():
        assert underlay.group not in underlay.members(host.ns)
        assert not cap.reports(underlay.group)

    for host, cap in captures.items():
        host.ns.rtnl.setlink("vx100", up=True)
        report = wait_report(cap, underlay.group, wire.TO_EX)
        underlay.check_report(report)
        assert report.eth.src == host.mac
        assert report.ip.src == (host.ip4 if underlay.version == 4
                                 else host.link_local)
        assert underlay.members(host.ns)[underlay.group] == 1
    vteps.settle()
    for cap in captures.values():
        assert not cap.reports(underlay.group, wire.TO_IN)


@pytest.mark.parametrize("order", [(100, 200), (200, 100)],
                         ids=["joiner-first", "joiner-last"])
@pytest.mark.parametrize("how", ["down", "delete"])
def test_flow01_leave_with_last_vni(vteps, underlay, order, how):
    """The leave comes when the last VNI of the group goes, not before."""
    group = underlay.new_group()
    host, other = vteps.host[1], vteps.host[2]
    for vni in (100, 200):
        host.add_vxlan(vni, underlay.options(host, group), bridge=False)
    other.add_vxlan(100, underlay.options(other, group), bridge=False)
    cap = host.capture()

    def end(vni):
        if how == "down":
            host.ns.rtnl.setlink(f"vx{vni}", up=False)
        else:
            host.ns.rtnl.dellink(f"vx{vni}")

    end(order[0])
    assert group in underlay.members(host.ns)
    cap.quiet(0.3, is_leave(group))
    before = time.time()
    end(order[1])
    leave = wait_report(cap, group, wire.TO_IN)
    underlay.check_report(leave)
    assert leave.time > before
    assert group not in underlay.members(host.ns)
    assert group in underlay.members(other.ns)


def test_flow01_again(vteps, underlay):
    """A device that comes up again joins again."""
    host, group = vteps.host[1], underlay.new_group()
    host.add_vxlan(100, underlay.options(host, group), bridge=False)
    cap = host.capture()
    host.ns.rtnl.setlink("vx100", up=False)
    wait_report(cap, group, wire.TO_IN)
    cap.clear()
    host.ns.rtnl.setlink("vx100", up=True)
    wait_report(cap, group, wire.TO_EX)
    assert underlay.members(host.ns)[group] == 1


def test_flow01_groups_apart(vteps, underlay):
    """Two VNIs with two groups: each joins and leaves its own."""
    host = vteps.host[1]
    ours, others = underlay.new_group(), underlay.new_group()
    cap = host.capture()
    for vni, group in ((100, ours), (200, others)):
        host.add_vxlan(vni, underlay.options(host, group), bridge=False)
        wait_report(cap, group, wire.TO_EX)
    host.ns.rtnl.setlink("vx100", up=False)
    wait_report(cap, ours, wire.TO_IN)
    assert not cap.reports(others, wire.TO_IN)
    assert others in underlay.members(host.ns)
    assert ours not in underlay.members(host.ns)
