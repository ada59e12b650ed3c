# SPDX-License-Identifier: GPL-2.0
"""Network cards that look into tunnels are told which UDP ports carry VXLAN:
announced when a device comes up, withdrawn when the last one of a port goes
down, pushed to a card that asks later. netdevsim plays the card.
"""

import errno

import pytest

from lib import links, modules
from lib import netdevsim as sim
from lib import nldefs as d
from lib.linkattr import change, create, data
from lib.netdevsim import Card
from lib.nl import u32
from lib.topo import kind
from lib.wait import eventually

#: Debian's kernels, which the other machines run, have no netdevsim.
pytestmark = pytest.mark.kernels("debug")

V4 = {"GROUP": "10.0.0.9"}
V6 = {"GROUP6": "fd00::9"}
EXTERNAL = {"ID": 0, "COLLECT_METADATA": 1, "LEARNING": 0}
BOTH = pytest.mark.parametrize("net", (V4, V6), ids=("v4", "v6"))


@pytest.fixture(scope="module", autouse=True)
def _netdevsim():
    sim.needs_netdevsim()


@pytest.fixture(name="host")
def _host(namespaces):
    return namespaces("host")


@pytest.fixture(name="card")
def _card(host):
    with Card(host) as made:
        yield made


def vxlan(host, name="vx0", up=True, vni=5, port=4789, **attrs):
    create(host, data(**{"ID": vni, "PORT": port, **attrs}), name=name, up=up)


@BOTH
def test_ports_up_and_down(host, card, net):
    """Announced at up, not before; withdrawn at down, again and again."""
    vxlan(host, up=False, **net)
    card.wait()
    for _ in range(3):
        host.rtnl.setlink("vx0", up=True)
        card.wait(4789)
        host.rtnl.setlink("vx0", up=False)
        card.wait()


@BOTH
def test_ports_deleted(host, card, net):
    """A device that goes while it is up takes its port along."""
    vxlan(host, **net)
    card.wait(4789)
    host.rtnl.dellink("vx0")
    card.wait()


@BOTH
def test_ports_shared(host, card, net):
    """Devices of one port are one announcement, until the last one is down."""
    for number in range(4):
        vxlan(host, f"vx{number}", vni=number, **net)
        card.wait(4789)
    for number in (0, 2, 3):
        host.rtnl.setlink(f"vx{number}", up=False)
        card.wait(4789)
    host.rtnl.dellink("vx1")
    card.wait()


def test_ports_of_both_families(host, card):
    """IPv4 and IPv6 have sockets of their own and one entry in the card."""
    vxlan(host, "vx4", vni=4, **V4)
    vxlan(host, "vx6", vni=6, **V6)
    card.wait(4789)
    host.rtnl.dellink("vx4")
    card.wait(4789)
    host.rtnl.dellink("vx6")
    card.wait()


def test_ports_of_an_external_device(host, card):
    vxlan(host, "vx0", **EXTERNAL)
    card.wait(4789)
    host.rtnl.setlink("vx0", up=False)
    card.wait()


def test_ports_for_ipv4_only(host):
    """A card that looks into IPv4 only: an IPv6 device is none of its
    business, an external one is.
    """
    with Card(host, "ipv4_only") as card:
        vxlan(host, "vx6", port=4790, **V6)
        vxlan(host, "vx4", port=4791, **V4)
        card.wait(4791)
        vxlan(host, "vxe", port=4792, **EXTERNAL)
        card.wait(4791, 4792)
        for name in ("vx6", "vx4", "vxe"):
            host.rtnl.dellink(name)
        card.wait()


def test_ports_several(host, card):
    """Each port by itself."""
    ports = (4789, 8472, 1)
    for number, port in enumerate(ports):
        vxlan(host, f"vx{number}", vni=number, port=port, **V4)
        card.wait(*ports[:number + 1])
    host.rtnl.setlink("vx1", up=False)
    card.wait(4789, 1)


@BOTH
def test_ports_pushed_to_a_late_card(host, net):
    """A card that appears later is told of what is there."""
    vxlan(host, "vx0", **net)
    vxlan(host, "vx1", port=4790, **net)
    vxlan(host, "vx2", port=4791, up=False, **net)
    with Card(host) as card:
        card.wait(4789, 4790)
        host.rtnl.dellink("vx0")
        card.wait(4790)


def test_ports_two_cards(host, card):
    """Each card is told, one that goes is not missed."""
    with Card(host, name="card1", number=sim.NUMBER + 1) as other:
        vxlan(host, **V4)
        card.wait(4789)
        other.wait(4789)
    host.rtnl.dellink("vx0")
    card.wait()


def test_ports_card_down(host):
    """A card that forgets when it is down asks when it is up."""
    with Card(host, "open_only", up=False) as card:
        vxlan(host, **V4)
        assert not card.ports()
        for _ in range(2):
            card.set(True)
            card.wait(4789)
            card.set(False)
            eventually(lambda: not card.ports())


def test_ports_switched_off(host, card):
    """`ethtool -K ... rx-udp_tunnel-port-offload`: dropped, pushed again."""
    vxlan(host, "vx0", **V4)
    vxlan(host, "vx1", port=4790, **V6)
    card.wait(4789, 4790)
    card.switch(False)
    eventually(lambda: not card.ports())
    vxlan(host, "vx2", port=4791, **V4)
    host.rtnl.dellink("vx0")
    card.switch(True)
    card.wait(4790, 4791)


def test_ports_reset(host, card):
    """The card has forgotten."""
    vxlan(host, **V4)
    card.wait(4789)
    card.reset()
    card.wait(4789)
    host.rtnl.setlink("vx0", up=False)
    card.wait()


@pytest.mark.parametrize("words", ((), ("sync_all",)), ids=("one", "all"))
def test_ports_full(host, words):
    """A card has room for four: a fifth comes in when there is room."""
    with Card(host, *words) as card:
        for number in range(5):
            vxlan(host, f"vx{number}", vni=number, port=4789 + number, **V4)
        card.wait(4789, 4790, 4791, 4792)
        host.rtnl.setlink("vx1", up=False)
        card.wait(4789, 4791, 4792, 4793)


def test_ports_refused(host, card):
    """A card that cannot take a port does not keep a device from working."""
    card.fail_next(errno.EIO)
    vxlan(host, "vx0", **V4)
    assert host.rtnl.link("vx0")["up"]
    vxlan(host, "vx1", port=4790, **V4)
    eventually(lambda: ("vxlan", 4790) in card.ports())
    assert ("vxlan", 4789) not in card.ports()
    card.reset()
    card.wait(4789, 4790)
    host.rtnl.dellink("vx0")
    card.wait(4790)


def test_ports_known_to_the_card(host):
    """A card that knows the port of the standard is told of others only."""
    with Card(host, "static_iana_vxlan") as card:
        vxlan(host, "vx0", **V4)
        vxlan(host, "vx1", port=4790, **V4)
        eventually(lambda: card.ports() == {("vxlan", 4790): 1})
        host.rtnl.dellink("vx1")
        eventually(lambda: not card.ports())


def test_ports_of_another_namespace(host, card, namespaces):
    """What others do is none of the card's business; a device that was moved
    receives where it was made.
    """
    other = namespaces("other")
    vxlan(other, port=4790, **V4)
    vxlan(host, "vx1", port=4791, up=False, **V4)
    host.rtnl.setlink("vx1", extra=[(d.IFLA_NET_NS_FD, u32(other.fd))])
    other.rtnl.setlink("vx1", up=True)
    card.wait(4791)
    with Card(other, name="card1", number=sim.NUMBER + 1) as theirs:
        theirs.wait(4790)
    other.rtnl.dellink("vx1")
    card.wait()


def test_ports_in_a_vrf(host, card, namespaces):
    """The socket moves into a VRF with the lower device, the port stays."""
    links.add_veth(host, "eth0", namespaces("peer"), "eth0")
    host.ip("link add red type vrf table 10", "link set red up")
    vxlan(host, LINK="eth0", **V4)
    card.wait(4789)
    host.ip("link set eth0 master red")
    card.wait(4789)
    vxlan(host, "vx1", port=4790, **V4)     # outside
    card.wait(4789, 4790)
    host.rtnl.dellink("vx0")
    card.wait(4790)


def test_ports_after_a_change(host, card, namespaces):
    """A change of the device keeps the announcement, refused or not."""
    links.add_veth(host, "eth0", namespaces("peer"), "eth0")
    vxlan(host, **V4)
    card.wait(4789)
    change(host, data(TTL=9, GROUP="10.0.0.8"))
    card.wait(4789)
    change(host, data(GROUP="239.1.1.1", LINK="eth0"))
    card.wait(4789)
    with pytest.raises(OSError):
        change(host, data(PORT=4790))
    card.wait(4789)
    host.rtnl.setlink("vx0", up=False)
    card.wait()


def test_ports_not_bound(host, card):
    """A device that finds its port taken announces nothing."""
    with host.socket(2, 2) as sock:
        sock.bind(("", 4789))
        vxlan(host, up=False, **V4)
        with pytest.raises(OSError):
            host.rtnl.setlink("vx0", up=True)
        card.wait()
    host.rtnl.setlink("vx0", up=True)
    card.wait(4789)


def test_ports_namespace_gone(namespaces):
    """A card that is still there when the namespace goes hears the end."""
    host = namespaces("going")
    vxlan(host, "vx0", **V4)
    vxlan(host, "vxe", port=4790, **EXTERNAL)
    with Card(host) as card:
        card.wait(4789, 4790)
        host.delete()       # the card goes home, and has no port there
        with pytest.raises(FileNotFoundError):
            card.ports()
    again = namespaces("again")
    with Card(again) as card:
        vxlan(again, "vx0", **V4)
        card.wait(4789)


@pytest.mark.skipif(kind() != "vxlan", reason="unloads the module \"vxlan\"")
def test_ports_unload(host, card):
    """The module goes with its devices: the card hears of it."""
    file = modules.path("vxlan")
    vxlan(host, "vx0", **V4)
    vxlan(host, "vx1", port=4790, **V6)
    card.wait(4789, 4790)
    modules.unload("vxlan")
    try:
        card.wait()
    finally:
        modules.load(file)
    vxlan(host, **V4)
    card.wait(4789)
