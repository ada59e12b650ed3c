# SPDX-License-Identifier: GPL-2.0
"""Headers with more in them: reserved bits, group policy, remote checksum."""

from lib.wire import TCP

from packets import tx_offload
from packets.rig import frames as f
from packets.rig.scene import scene

INNER = f.udp(4, f.ALICE, f.BOB)


def _reserved():
    """Which bits must be zero on the way in."""
    row = "1.2 RESERVED_BITS"
    all_bits = bytes.fromhex("f7ffffff000000ff")
    for name, mask in (("all", all_bits), ("none", bytes(8)),
                       ("flags", bytes.fromhex("f700000000000000")),
                       ("last", bytes.fromhex("00000000000000ff"))):
        for bits, hdr in (("clean", {}), ("flag", {"flags": 0x88}),
                          ("middle", {"rsvd1": 1}), ("last", {"rsvd2": 1})):
            yield scene(f"reserved/{name}/{bits}", row, 4,
                        {"RESERVED_BITS": mask}, kernels=("7.3",),
                        rx=[f.outer(4, INNER, hdr=hdr)])


def _marked(mark):
    """A frame with a mark on it goes in."""
    return lambda cable: cable.send(f.udp(4), mark=mark)


def _policy():
    """Group policy: the mark becomes part of the header, and back."""
    row = "1.6 GBP"
    for net in (4, 6):
        for mark in (0, 1, 0xffff, 0x10000, 0x80001, 0x400001, 0x480001,
                     0xffffffff):
            yield scene(f"gbp/tx/{mark:x}/v{net}", row, net, {"GBP": True},
                        f.FAR[net][0], during=_marked(mark))
        for name, hdr in (
                ("plain", {}), ("group", {"flags": 0x88, "rsvd1": 0x1234}),
                ("no-learning", {"flags": 0x88, "rsvd1": 0x401234}),
                ("applied", {"flags": 0x88, "rsvd1": 0x081234}),
                ("no-flag", {"rsvd1": 0x1234}),
                ("reserved", {"flags": 0x89, "rsvd1": 0x1234}),
                ("last", {"flags": 0x88, "rsvd2": 1})):
            yield scene(f"gbp/rx/{name}/v{net}", row, net, {"GBP": True},
                        rx=[f.outer(net, INNER, hdr=hdr)])
    yield scene("gbp/off/mark", row, 4, remote=f.FAR[4][0],
                during=_marked(0x1234))


def _remote_checksum():
    """The inner checksum is left to the receiver."""
    for net in (4, 6):
        for device in ({"REMCSUM_TX": 1}, {"REMCSUM_TX": 0}):
            on = device["REMCSUM_TX"]
            for version in (4, 6):
                for what, proto in (("tcp", TCP), ("udp", 17)):
                    yield scene(
                        f"remcsum/tx/{on}/{what}{version}/v{net}",
                        "1.2 REMCSUM_TX", net, device, f.FAR[net][0],
                        during=tx_offload.sender(version, proto, 100))
                yield scene(
                    f"remcsum/tx/{on}/gso{version}/v{net}",
                    "1.2 REMCSUM_TX", net, device, f.FAR[net][0],
                    during=tx_offload.sender(version, TCP, 3000, 1300))
            yield scene(f"remcsum/tx/{on}/complete/v{net}",
                        "1.2 REMCSUM_TX", net, device, f.FAR[net][0],
                        tx=[f.udp(4)])
        frame, start = tx_offload.partial(4, 17, 100)
        half = (start - 8) // 2 if not start % 2 else 0
        for name, device in (("on", {"REMCSUM_RX": 1}),
                             ("nopartial", {"REMCSUM_RX": 1,
                                            "REMCSUM_NOPARTIAL": True}),
                             ("off", {})):
            for what, hdr in (
                    ("udp", {"flags": 0x08, "rsvd1": 0x200000,
                             "rsvd2": 0x80 | (start // 2)}),
                    ("tcp", {"flags": 0x08, "rsvd1": 0x200000,
                             "rsvd2": start // 2}),
                    ("beyond", {"flags": 0x08, "rsvd1": 0x200000,
                                "rsvd2": 0xff}),
                    ("inside", {"flags": 0x08, "rsvd1": 0x200000,
                                "rsvd2": half}),
                    ("no-flag", {"rsvd2": 0x80 | (start // 2)}),
                    ("plain", {})):
                yield scene(f"remcsum/rx/{name}/{what}/v{net}",
                            "1.2 REMCSUM_RX", net, device,
                            rx=[f.outer(net, frame, hdr=hdr)])


CASES = [*_reserved(), *_policy(), *_remote_checksum()]
