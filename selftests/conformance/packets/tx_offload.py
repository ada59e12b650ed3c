# SPDX-License-Identifier: GPL-2.0
"""Frames of which work is left to the device: checksums, segmentation."""

import struct

from lib import build
from lib.wire import TCP, UDP, csum, ip_bytes, pseudo

from packets.rig import frames as f
from packets.rig.scene import scene

NEEDS_CSUM = 1
GSO = {"none": 0, 4: 1, "udp": 5, 6: 4}
#: Where the checksum stands behind the start of the transport header.
CSUM_AT = {TCP: 16, UDP: 6}


def partial(version, proto, size, tags=(), payload=None):
    """A frame whose transport checksum covers the pseudo header only.

    Returns it and the offset of its transport header.
    """
    ends = f.TENANT[version]
    data = bytes(n & 255 for n in range(size)) if payload is None else payload
    head = (struct.pack("!HHIIBBHHH", 1000, 2000, 7, 1, 0x50, 0x18, 512, 0, 0)
            if proto == TCP else struct.pack("!HHHH", 1000, 2000,
                                             8 + len(data), 0))
    sum_ = ~csum(pseudo(*map(ip_bytes, ends), proto,
                        len(head) + len(data))) & 0xffff
    at = CSUM_AT[proto]
    head = head[:at] + struct.pack("!H", sum_) + head[at + 2:]
    frame = build.ip_frame(f.BOB, f.ALICE, build.ip(
        *ends, proto, head + data, **({"ident": 5, "frag": 0x4000}
                                      if version == 4 else {})))
    frame = f.tagged(frame, *tags) if tags else frame
    return frame, len(frame) - len(head) - len(data)


def header(kind, start, proto, size=0):
    """virtio_net_hdr of such a frame; size: bytes in each segment."""
    length = start + (20 if proto == TCP else 8) if size else 0
    return struct.pack("=BBHHHH", NEEDS_CSUM, GSO[kind], length, size, start,
                       CSUM_AT[proto])


def sender(version, proto, total, segment=0, tags=()):
    """Sends it; an old kernel may not know how to take it."""
    frame, start = partial(version, proto, total, tags)
    kind = "none" if not segment else "udp" if proto == UDP else version

    def during(cable):
        try:
            cable.send_offloaded(header(kind, start, proto, segment), frame)
        except OSError as error:    # the socket's refusal, not the driver's
            cable.send(f.other(error.errno))
    return during


def _underlays():
    """[(name, IP version, attributes)]"""
    return [("v4-csum", 4, {"UDP_CSUM": 1}),
            ("v4-nocsum", 4, {"UDP_CSUM": 0}),
            ("v6-csum", 6, {}),
            ("v6-nocsum", 6, {"UDP_ZERO_CSUM6_TX": 1})]


def _checksums():
    for name, net, device in _underlays():
        for version in (4, 6):
            for proto in (TCP, UDP):
                what = "tcp" if proto == TCP else "udp"
                yield scene(f"tx/offload/csum/{name}/{what}{version}",
                            "1.6 GSO", net, device, f.FAR[net][0],
                            during=sender(version, proto, 101))
        yield scene(f"tx/offload/csum/{name}/tagged", "1.6 GSO", net, device,
                    f.FAR[net][0],
                    during=sender(4, TCP, 101, tags=((5,),)))


def _segments():
    for name, net, device in _underlays():
        for version in (4, 6):
            for what, proto, total, segment in (
                    ("tcp", TCP, 4100, 1300), ("tcp-large", TCP, 60000, 1300),
                    ("tcp-even", TCP, 2600, 1300), ("udp", UDP, 4100, 1300)):
                yield scene(
                    f"tx/offload/gso/{name}/{what}{version}", "1.6 GSO", net,
                    device, f.FAR[net][0],
                    during=sender(version, proto, total, segment))
        yield scene(f"tx/offload/gso/{name}/tagged", "1.6 GSO", net, device,
                    f.FAR[net][0],
                    during=sender(4, TCP, 4100, 1300, ((5,),)))
        yield scene(f"tx/offload/gso/{name}/flood", "1.6 GSO", net, device,
                    f.FAR[net][0],
                    fdb=[("00:00:00:00:00:00", f.FAR[net][1], {})],
                    during=sender(4, TCP, 4100, 1300))


def _too_big():
    """Segments that do not fit the way, alone and on a bridge."""
    for net in (4, 6):
        for df in ((0, 1) if net == 4 else (0,)):
            for bridge in (False, True):
                place = "port" if bridge else "alone"
                yield scene(
                    f"tx/offload/big/v{net}/df{df}/{place}", "1.6 PMTU", net,
                    {"DF": df, "LINK": None}, f.NARROW[net], bridge=bridge,
                    during=sender(4, TCP, 4100, 1300))


CASES = [*_checksums(), *_segments(), *_too_big()]
