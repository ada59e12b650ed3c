# SPDX-License-Identifier: GPL-2.0
"""Frames to an address of this host: handed over, or through the loopback."""

from lib.fdb import ZERO

from packets.rig import frames as f
from packets.rig.scene import scene

ROW = "1.2 LOCALBYPASS"
OLD = ("6.12", "7.3")       # that know the attribute


def _local(name, net, *frames, device=(), kernels=(), **words):
    return scene(f"local/{name}/v{net}", ROW, net, {"LINK": None,
                                                    **dict(device)},
                 tx=frames or [f.udp(4)], kernels=kernels, mib=True, **words)


def _cases():
    for net in (4, 6):
        beside = {"vx1": {"ID": 101}}
        to = [(f.BOB, f.NEAR[net], {"vni": 101})]
        for name, device, kernels in (
                ("default", {}, ()), ("bypass", {"LOCALBYPASS": 1}, OLD),
                ("no-bypass", {"LOCALBYPASS": 0}, OLD)):
            yield _local(f"{name}/other-vni", net, device=device, fdb=to,
                         beside=beside, kernels=kernels)
            yield _local(f"{name}/nobody", net, device=device, fdb=to,
                         kernels=kernels)
            yield _local(f"{name}/itself", net, device=device,
                         kernels=kernels, fdb=[(f.BOB, f.NEAR[net], {})])
            yield _local(f"{name}/other-port", net, device=device,
                         kernels=kernels, beside={"vx1": {"PORT": 4789}},
                         fdb=[(f.BOB, f.NEAR[net], {"port": 4789})])
            yield _local(f"{name}/flood", net, f.arp(), device=device,
                         kernels=kernels, beside=beside, fdb=[
                             (ZERO, f.NEAR[net], {"vni": 101}),
                             (ZERO, f.FAR[net][0], {})])
        yield _local("not-learning", net, fdb=to,
                     beside={"vx1": {"ID": 101, "LEARNING": 0}})
        yield _local("other-down", net, fdb=to, beside=beside,
                     before=lambda c: c.ns.rtnl.setlink("vx1", up=False))
        yield _local("loopback-address", net, fdb=[
            (f.BOB, "127.0.0.1" if net == 4 else "::1", {"vni": 101})],
            beside=beside)


CASES = list(_cases())
