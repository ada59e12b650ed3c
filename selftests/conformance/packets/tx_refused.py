# SPDX-License-Identifier: GPL-2.0
"""Frames that cannot be sent: no route, a loop, too big, nobody there."""

from lib import nldefs as d
from lib.nl import u32

from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

ROW = "1.6 statistics"


def _routes():
    for net in (4, 6):
        for name, where in (("none", f.NOWHERE), ("unreachable",
                            f.UNREACHABLE), ("prohibited", f.PROHIBITED),
                            ("black-hole", f.BLACK_HOLE)):
            yield scene(f"tx/route/v{net}/{name}", ROW, net,
                        {"LINK": None}, where[net], tx=[f.udp(4)])
        yield scene(f"tx/route/v{net}/none-in-flood", ROW, net,
                    {"LINK": None}, f.NOWHERE[net], tx=[f.arp()],
                    fdb=[("00:00:00:00:00:00", f.FAR[net][0], {})])
        yield scene(f"tx/route/v{net}/broadcast-address", ROW, net,
                    {"LINK": None},
                    "10.0.0.255" if net == 4 else "ff02::1:5",
                    tx=[f.udp(4)])


def _through_itself(net):
    """The route to the remote leads through the device."""
    where = "192.0.2.0/24" if net == 4 else "fd99::/64"
    return lambda cable: cable.ns.ip(f"route add {where} dev {DEV}")


def _loops():
    for net in (4, 6):
        yield scene(f"tx/loop/v{net}", ROW, net,
                    {"LINK": None, "LOCAL": None, "LOCAL6": None},
                    "192.0.2.2" if net == 4 else "fd99::2",
                    before=_through_itself(net), tx=[f.udp(4)])


def _down():
    """Nothing can be sent through a device that is down."""
    def during(cable):
        try:
            cable.send(f.udp(4))
        except OSError:
            return
        raise AssertionError("sent through a device that is down")

    yield scene("tx/down", ROW, 4, remote=f.FAR[4][0], up=False,
                during=during)


# -- too big ------------------------------------------------------------------

def _around(net, most):
    return (("fits", most), ("exceeds", most + 1))


def _big():
    """Around the MTU of the way: with and without DF, routed or bridged."""
    for net in (4, 6):
        for way, remote, mtu in (("wire", f.FAR[net][0], 1500),
                                 ("route", f.NARROW[net],
                                  f.NARROW_MTU[net])):
            most = mtu - f.OVERHEAD[net]
            for df in ((0, 1, 2) if net == 4 else (0,)):
                for bridge in (False, True):
                    for size, count in _around(net, most):
                        yield _too_big(net, way, remote, df, bridge, size,
                                       count)


def _too_big(net, way, remote, df, bridge, size, count):
    place = "port" if bridge else "alone"
    frames = [f.sized(4, count), f.sized(4, count, frag=0x4000),
              f.sized(6, count), f.other(count)]
    return scene(f"tx/big/v{net}/{way}/df{df}/{place}/{size}",
                 "1.6 PMTU", net, {"LINK": None, "DF": df}, remote,
                 tx=frames, bridge=bridge)


def _big_others():
    """Who is not told: groups, broadcast, ICMP errors; locked MTU; tags."""
    size = 1451
    for name, frame in (
            ("multicast", f.sized(4, size, dst=f.GROUP_MAC, frag=0x4000)),
            ("broadcast", f.sized(4, size, dst=f.build.BROADCAST,
                                  frag=0x4000)),
            ("tagged", f.tagged(f.sized(4, size, frag=0x4000), (5,))),
            ("tagged6", f.tagged(f.sized(6, size), (5,))),
            ("fragment", f.sized(4, size, frag=0x2000)),
            ("icmp-error", f.build.ip_frame(f.BOB, f.ALICE, f.build.ipv4(
                *f.TENANT[4], 1, b"\x03\x01" + bytes(size - 22),
                frag=0x4000))),
            ("icmp-echo", f.build.ip_frame(f.BOB, f.ALICE, f.build.ipv4(
                *f.TENANT[4], 1, b"\x08\0" + bytes(size - 22),
                frag=0x4000))),
            ("from-zero-address", f.build.ip_frame(
                f.BOB, f.ALICE, f.build.ipv4(
                    "0.0.0.0", f.TENANT[4][1], 17, bytes(size - 20),
                    frag=0x4000)))):
        for bridge in (False, True):
            yield scene(f"tx/big/other/{name}/"
                        f"{'port' if bridge else 'alone'}", "1.6 PMTU", 4,
                        {"LINK": None, "DF": 1}, f.FAR[4][0], tx=[frame],
                        bridge=bridge)
    for df in (0, 1):
        yield scene(f"tx/big/locked/df{df}", "1.6 PMTU", 4,
                    {"LINK": None, "DF": df}, f.LOCKED[4],
                    tx=[f.sized(4, 1250), f.sized(4, 1251),
                        f.sized(4, 1251, frag=0x4000)])
    for df in (0, 1):
        yield scene(f"tx/big/jumbo/df{df}", "1.6 PMTU", 4,
                    {"LINK": None, "DF": df}, f.FAR[4][0], mtu=9000,
                    tx=[f.sized(4, 9000), f.sized(6, 5000)])
    yield scene("tx/big/flood", "1.6 PMTU", 4, {"LINK": None, "DF": 1},
                f.FAR[4][0], fdb=[("00:00:00:00:00:00", f.NARROW[4], {})],
                tx=[f.sized(4, 1300, frag=0x4000),
                    f.sized(4, 1251, dst=f.build.BROADCAST)])


def _lower_mtu():
    """The MTU of eth0 becomes smaller than the device's."""
    def during(cable):
        for mtu in (1300, 1500):
            cable.ns.rtnl.setlink("eth0", extra=[(d.IFLA_MTU, u32(mtu))])
            if mtu == 1300:
                cable.send(f.sized(4, 1400), f.sized(6, 1251))
    for net in (4, 6):
        yield scene(f"tx/big/lower-mtu/v{net}", "1.6 MTU", net,
                    remote=f.FAR[net][0], during=during)


CASES = [*_routes(), *_loops(), *_down(), *_big(), *_big_others(),
         *_lower_mtu()]
