# SPDX-License-Identifier: GPL-2.0
"""The kernel's Open vSwitch module imports from "vxlan": it must load with this
driver in place, and its VXLAN ports must work. Newer kernels have no such ports.
"""

import os
import struct
import subprocess

import pytest

from lib import build, nl
from lib import nldefs as d
from lib.bench import inner, wired
from lib.genl import Genl
from lib.inject import Injector
from lib.modules import loaded
from lib.topo import kind
from lib.underlay import V4

NEW, DEL = 1, 2
DP_NAME, DP_UPCALL_PID, DP_FEATURES = 1, 2, 5
PORT_TYPE, PORT_NAME, PORT_OPTIONS, PORT_UPCALL_PID = 2, 3, 4, 5
TYPE_VXLAN, TUNNEL_DST_PORT = 4, 1
PORT = "vxlan_sys_4789"

RELEASE = os.uname().release
HAS_VPORT = subprocess.run(["modinfo", "vport-vxlan"], capture_output=True,
                           check=False).returncode == 0
pytestmark = pytest.mark.skipif(
    not HAS_VPORT or kind() != "vxlan",
    reason=f"{RELEASE} has no vport-vxlan that would import from vxlan")


@pytest.fixture(name="fabric")
def _fabric():
    with wired() as made:
        yield made


def header(index=0):
    """struct ovs_header"""
    return struct.pack("=i", index)


def test_openvswitch_port(fabric):
    """A datapath with a VXLAN port: the device, its socket, a packet in."""
    subprocess.run(["modprobe", "-a", "openvswitch", "vport-vxlan"], check=True)
    assert "vport_vxlan" in loaded()
    ns = fabric.host[1].ns
    genl = Genl(ns)
    try:
        path, port = genl.family("ovs_datapath"), genl.family("ovs_vport")
        genl.request(path, NEW, header(), [
            (DP_NAME, nl.text("ovs0")), (DP_UPCALL_PID, nl.u32(0)),
            (DP_FEATURES, nl.u32(0))])
        index = ns.rtnl.index("ovs0")
        genl.request(port, NEW, header(index), [
            (PORT_TYPE, nl.u32(TYPE_VXLAN)), (PORT_NAME, nl.text(PORT)),
            (PORT_OPTIONS, nl.pack_attrs([(TUNNEL_DST_PORT, nl.u16(4789))])),
            (PORT_UPCALL_PID, nl.u32(0))])
        check_port(fabric, ns)
        genl.request(path, DEL, header(index), [(DP_NAME, nl.text("ovs0"))])
        assert PORT not in [link["name"] for link in ns.rtnl.links()]
    finally:
        genl.close()
        # modprobe -r would take the driver under test away, too
        subprocess.run(["rmmod", "vport_vxlan", "openvswitch"], check=True)


def check_port(fabric, ns):
    """What Open vSwitch asked for, and that it gets packets of every VNI."""
    link = ns.rtnl.link(PORT)
    assert link["kind"] == "vxlan" and link["up"]
    data = {name: link["data"].get(number)
            for name, number in d.IFLA_VXLAN.items()}
    assert data["COLLECT_METADATA"] == b"\1"
    assert data["UDP_ZERO_CSUM6_RX"] == b"\1"
    assert data["LEARNING"] == b"\0"
    assert data["PORT"] == b"\x12\xb5"
    near, far = fabric.host[1], fabric.host[2]
    before = link["stats"]["rx_packets"]
    with Injector(far.ns) as peer:
        peer.send(*[build.vxlan_frame(
            near.mac, far.mac, V4.address(far), V4.address(near),
            build.vxlan(vni, inner())) for vni in (0, 77, 0xffffff)])
        fabric.settle()
    nl.eventually(lambda: ns.rtnl.link(PORT)["stats"]["rx_packets"]
                  == before + 3, what="three packets at the port")
