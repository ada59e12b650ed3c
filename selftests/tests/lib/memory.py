# SPDX-License-Identifier: GPL-2.0
"""What the kernel holds: slab objects, per-CPU memory, all of it, users of a
module.
"""

import os
import re

from . import modules


def shrink(cache):
    """Empty a slab cache's per-CPU lists, so that its numbers are true."""
    path = f"/sys/kernel/slab/{cache}/shrink"
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write("1")


def slabs(pattern):
    """{cache: active objects} of the caches whose names match."""
    with open("/proc/slabinfo", encoding="ascii") as file:
        names = [line.split()[0] for line in file.readlines()[2:]]
    names = [name for name in names if re.fullmatch(pattern, name)]
    for name in names:
        shrink(name)
    with open("/proc/slabinfo", encoding="ascii") as file:
        found = {words[0]: int(words[1]) for words in
                 map(str.split, file.readlines()[2:])}
    return {name: found[name] for name in names}


def meminfo(name):
    """A line of /proc/meminfo, in kB."""
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise KeyError(name)


def used():
    """Bytes of all objects, per-CPU areas and large areas of the kernel."""
    for cache in os.listdir("/sys/kernel/slab"):
        shrink(cache)
    return sum(map(meminfo, ("SUnreclaim", "Percpu", "VmallocUsed"))) << 10


def users(module):
    """Reference count of a module; None when it is not there."""
    return modules.loaded().get(module, (None, 0))[0]
