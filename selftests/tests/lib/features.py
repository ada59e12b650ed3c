# SPDX-License-Identifier: GPL-2.0
"""Single features of a device by the names of `ethtool -k`, by ioctl.

    switch(ns, "h2", False, "tx-tcp-segmentation", "tx-tcp6-segmentation")
    names(ns, "h2") -> all names
"""

import array
import fcntl
import socket
import struct

SIOCETHTOOL = 0x8946
GSTRINGS, GSSET_INFO, SFEATURES = 0x1b, 0x37, 0x3b
ETH_SS_FEATURES = 4


def _ioctl(ns, dev, data):
    """One SIOCETHTOOL; data: array('B') changed in place."""
    request = struct.pack("16sP", dev.encode(), data.buffer_info()[0])
    with ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request.ljust(40, b"\0"))


def names(ns, dev):
    """Every feature that this kernel knows, in the order of its numbers."""
    info = array.array("B", struct.pack("=IIQI", GSSET_INFO, 0,
                                        1 << ETH_SS_FEATURES, 0))
    _ioctl(ns, dev, info)
    count = struct.unpack_from("=I", info, 16)[0]
    data = array.array("B", struct.pack("=III", GSTRINGS, ETH_SS_FEATURES,
                                        count) + bytes(32 * count))
    _ioctl(ns, dev, data)
    raw = data.tobytes()[12:]
    return [raw[i:i + 32].split(b"\0")[0].decode()
            for i in range(0, 32 * count, 32)]


def switch(ns, dev, on, *wanted):
    """Switch features; those this kernel does not have are left out."""
    known = names(ns, dev)
    blocks = [[0, 0] for _ in range((len(known) + 31) // 32)]
    for name in wanted:
        if name in known:
            at, bit = divmod(known.index(name), 32)
            blocks[at][0] |= 1 << bit
            blocks[at][1] |= on << bit
    data = struct.pack("=II", SFEATURES, len(blocks))
    data += b"".join(struct.pack("=II", *block) for block in blocks)
    _ioctl(ns, dev, array.array("B", data))


def all_tso(ns, dev, on):
    """TCP segmentation as a whole. A veth whose other end does any of it
    does no GRO by itself.
    """
    switch(ns, dev, on, *[name for name in names(ns, dev)
                          if name.startswith("tx-tcp")])
