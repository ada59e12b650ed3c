# SPDX-License-Identifier: GPL-2.0
"""The ethtool ioctl: statistics (-S) and offload switches (-K)."""

import array
import errno
import fcntl
import socket
import struct

SIOCETHTOOL = 0x8946
GLINK = 0x0a
GSTRINGS, GSTATS, GSSET_INFO = 0x1b, 0x1d, 0x37
ETH_SS_STATS = 1
SET = {"rx": 0x15, "tx": 0x17, "sg": 0x19, "tso": 0x1f, "gso": 0x24,
       "gro": 0x2c}


def _ioctl(ns, dev, data):
    """One SIOCETHTOOL; data: array('B') changed in place."""
    request = struct.pack("16sP", dev.encode(), data.buffer_info()[0])
    with ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request.ljust(40, b"\0"))


def offload(ns, dev, on=False, names=("tx",)):
    """Switch offloads. Without "tx" there is no segmentation offload either,
    so what a capture shows is what a wire sees.
    """
    for name in names:
        data = array.array("B", struct.pack("=II", SET[name], int(on)))
        try:
            _ioctl(ns, dev, data)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise


def has_link(ns, dev):
    """Ask for the carrier. The kernel then acts on a change of it that is
    pending (operational state, bridge port), instead of within a second.
    """
    data = array.array("B", struct.pack("=II", GLINK, 0))
    _ioctl(ns, dev, data)
    return bool(struct.unpack_from("=I", data, 4)[0])


def statistics(ns, dev):
    """{name: number} of `ethtool -S`; empty when the device has none."""
    info = array.array("B", struct.pack("=IIQI", GSSET_INFO, 0,
                                        1 << ETH_SS_STATS, 0))
    try:
        _ioctl(ns, dev, info)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return {}
        raise
    if not struct.unpack_from("=Q", info, 8)[0]:
        return {}
    count = struct.unpack_from("=I", info, 16)[0]
    names = array.array("B", struct.pack("=III", GSTRINGS, ETH_SS_STATS,
                                         count) + bytes(32 * count))
    values = array.array("B", struct.pack("=II", GSTATS, count)
                         + bytes(8 * count))
    _ioctl(ns, dev, names)
    _ioctl(ns, dev, values)
    raw = names.tobytes()[12:]
    keys = [raw[i:i + 32].split(b"\0")[0].decode()
            for i in range(0, 32 * count, 32)]
    return dict(zip(keys, struct.unpack_from(f"={count}Q", values, 8)))
