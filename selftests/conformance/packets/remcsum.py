# SPDX-License-Identifier: GPL-2.0
"""Remote checksum offload: what is left to the receiver, where it is said to
be, and what becomes of it.
"""

import struct

from lib import build
from lib.wire import TCP, UDP

from packets import tx_offload
from packets.rig import frames as f
from packets.rig.scene import scene

FLAG = 0x200000
ROW_TX, ROW_RX = "1.2 REMCSUM_TX", "1.2 REMCSUM_RX"
RECEIVERS = {"on": {"REMCSUM_RX": 1},
             "whole": {"REMCSUM_RX": 1, "REMCSUM_NOPARTIAL": True}}


def _turned(frame):
    """The frame with its ends changed: Bob's to Alice."""
    return frame[6:12] + frame[:6] + frame[12:]


def _sent():
    for net in (4, 6):
        plain = {"UDP_CSUM": 0} if net == 4 else {"UDP_ZERO_CSUM6_TX": 1}
        for name, device in (("csum", {"UDP_CSUM": 1}), ("nocsum", plain),
                             ("gbp", {"GBP": True})):
            device = {**device, "REMCSUM_TX": 1}
            for version in (4, 6):
                for what, proto in (("tcp", TCP), ("udp", UDP)):
                    for size in (0, 1, 1200):
                        yield scene(
                            f"remcsum/out/{name}/{what}{version}-{size}/"
                            f"v{net}", ROW_TX, net, device, f.FAR[net][0],
                            during=tx_offload.sender(version, proto, size))
                    yield scene(
                        f"remcsum/out/{name}/{what}{version}-gso/v{net}",
                        ROW_TX, net, device, f.FAR[net][0],
                        during=tx_offload.sender(version, proto, 4100, 1300))
            yield scene(f"remcsum/out/{name}/tagged/v{net}", ROW_TX, net,
                        device, f.FAR[net][0], during=tx_offload.sender(
                            4, TCP, 101, tags=((5,),)))
            yield scene(f"remcsum/out/{name}/twice-tagged/v{net}", ROW_TX,
                        net, device, f.FAR[net][0], during=tx_offload.sender(
                            4, UDP, 101, tags=((7, 0x88a8), (5,))))
            yield scene(f"remcsum/out/{name}/flood/v{net}", ROW_TX, net,
                        device, f.FAR[net][0],
                        fdb=[(build.ZERO_MAC, f.FAR[net][1], {})],
                        during=tx_offload.sender(4, TCP, 101))


def _outer(net, frame, start, proto, flag=FLAG, low=None, **fields):
    if low is None:
        low = start // 2 | (0x80 if proto == UDP else 0)
    return f.outer(net, frame, hdr={"rsvd1": flag, "rsvd2": low}, **fields)


def _in(net, name, device, *packets, **words):
    return scene(f"remcsum/in/{name}/v{net}", ROW_RX, net, device,
                 rx=packets, **words)


def _received():
    for net in (4, 6):
        for how, device in RECEIVERS.items():
            for version in (4, 6):
                for what, proto in (("tcp", TCP), ("udp", UDP)):
                    for size in (0, 1, 1200):
                        frame, start = tx_offload.partial(version, proto, size)
                        yield _in(net, f"{how}/{what}{version}-{size}",
                                  device, _outer(net, _turned(frame), start,
                                                 proto))
            frame, start = tx_offload.partial(4, TCP, 100, ((5,),))
            yield _in(net, f"{how}/tagged", device,
                      _outer(net, _turned(frame), start, TCP))
            frame, start = tx_offload.partial(4, UDP, 100)
            frame = _turned(frame)
            yield _in(net, f"{how}/no-outer-checksum", {
                **device, "UDP_ZERO_CSUM6_RX": 1},
                _outer(net, frame, start, UDP, check=0))
            yield _in(net, f"{how}/beyond", device,
                      _outer(net, frame, 0, UDP, low=0xff))
            yield _in(net, f"{how}/later", device,
                      _outer(net, frame, start + 8, UDP))
            yield _in(net, f"{how}/wrong-protocol", device,
                      _outer(net, frame, start, TCP))
            yield _in(net, f"{how}/no-flag", device,
                      _outer(net, frame, start, UDP, flag=0))
            yield _in(net, f"{how}/other-bit", device,
                      _outer(net, frame, start, UDP, flag=FLAG | 1))
            yield _in(net, f"{how}/gbp", {**device, "GBP": True}, f.outer(
                net, frame, hdr={"flags": 0x88, "rsvd1": FLAG | 0x1234,
                                 "rsvd2": 0x80 | start // 2}))
        yield _in(net, "tx-only", {"REMCSUM_TX": 1},
                  _outer(net, _turned(tx_offload.partial(4, UDP, 100)[0]), 34,
                         UDP))


def _bridged():
    """What a port of a bridge sends on is finished."""
    for net in (4, 6):
        for how, device in RECEIVERS.items():
            for what, proto in (("tcp", TCP), ("udp", UDP)):
                frame, start = tx_offload.partial(4, proto, 100)
                frame = struct.pack("!6s", b"\xff" * 6) + frame[6:12] \
                    + frame[12:]
                yield _in(net, f"{how}/bridged-{what}", device,
                          _outer(net, frame, start, proto), bridge=True)


CASES = [*_sent(), *_received(), *_bridged()]
