# SPDX-License-Identifier: GPL-2.0
"""What other drivers read of a device: modules/vtep_abi_test.

    load()                 the reader stays loaded
    read(ns) -> {name of the device: {field: text}}
    FLAGS: names of the bits of "flags"; flags(text) -> set of names
"""

import os
import subprocess

from . import modules

NAME = "vtep_abi_test"
FOLDER = "/sys/kernel/debug"
FILE = f"{FOLDER}/{NAME}/devices"

#: VXLAN_F_* of the kernel's header, from bit 0 on.
FLAGS = ("LEARN", "PROXY", "RSC", "L2MISS", "L3MISS", "IPV6",
         "UDP_ZERO_CSUM_TX", "UDP_ZERO_CSUM6_TX", "UDP_ZERO_CSUM6_RX",
         "REMCSUM_TX", "REMCSUM_RX", "GBP", "REMCSUM_NOPARTIAL",
         "COLLECT_METADATA", "GPE", "IPV6_LINKLOCAL", "TTL_INHERIT",
         "VNIFILTER", "MDB", "LOCALBYPASS", "MC_ROUTE")


def load(file=None):
    """The reader's module, from its file; stays loaded."""
    if NAME in modules.loaded():
        return
    if not os.path.ismount(FOLDER):
        subprocess.run(["mount", "-t", "debugfs", "none", FOLDER], check=True)
    modules.load(file or modules.needed("VXLAN_ABI_KO"))


def read(ns):
    """{device: {field: text}} of the devices of kind "vxlan" there."""
    found = {}
    for line in ns.read(FILE).splitlines():
        name, *words = line.split()
        found[name] = dict(word.split("=", 1) for word in words)
    return found


def flags(text):
    """Names of the bits that are set."""
    bits = int(text)
    known = {name for bit, name in enumerate(FLAGS) if bits >> bit & 1}
    rest = bits >> len(FLAGS)
    return known | ({f"{rest << len(FLAGS):#x}"} if rest else set())
