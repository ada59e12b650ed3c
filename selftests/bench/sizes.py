#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Bytes of code and of stack in the packet path of two modules.

    sizes.py KERNEL.ko OURS.ko

What can be reached from a path's first functions by calls within the module:
the sum of their sizes, and the deepest stack along such calls. Calls by pointer
and calls of the kernel are not followed.
"""

import lzma
import os
import re
import shutil
import subprocess
import sys

#: {path: {driver: first functions}}
ROOTS = {
    "tx": {"kernel": ["vxlan_xmit"], "ours": ["vtep_xmit"]},
    "rx": {"kernel": ["vxlan_rcv"], "ours": ["vtep_udp_rcv"]},
    "gro": {"kernel": ["vxlan_gro_receive", "vxlan_gro_complete"],
            "ours": ["vtep_gro_receive", "vtep_gro_complete"]},
}
RETURN, PUSH = 8, 8


class Function:
    def __init__(self, size):
        self.size, self.frame, self.calls = size, RETURN, set()


def functions(path):
    """{name: Function} of .text of a module."""
    found, places = {}, {}
    for line in _tool("nm", "-S", path):
        match = re.fullmatch(r"(\w+) (\w+) [tTwW] (\S+)", line)
        if match and not match[3].startswith("__pfx_"):
            found[match[3]] = Function(int(match[2], 16))
    for line in _tool("nm", path):
        match = re.fullmatch(r"(\w+) [tTwW] (\S+)", line)
        if match and match[2] in found:
            places[int(match[1], 16)] = match[2]
    current, waiting = None, ""
    for line in _tool("objdump", "-dr", "--no-show-raw-insn", "-j", ".text",
                      path):
        start = re.fullmatch(r"\w+ <(\S+)>:", line)
        if start:
            current, waiting = found.get(start[1]), ""
        elif current:
            waiting = _instruction(line, current, waiting, places)
    return found


def _instruction(line, current, waiting, places):
    """Notes frame and calls; the target of a jump waits for its relocation,
    without which it is true.
    """
    relocation = re.search(r"R_X86_64_\w+\s+([\w.]+?)([+-]0x\w+)?$", line)
    if relocation:
        if waiting:
            name, offset = relocation[1], int(relocation[2] or "0", 16)
            current.calls.add(places.get(offset + 4)
                              if name == ".text" else name)
        return ""
    current.calls.add(waiting)
    if re.search(r"\tpush\s+%r", line):
        current.frame += PUSH
    room = re.search(r"\tsub\s+\$(0x\w+),%rsp", line)
    if room:
        current.frame += int(room[1], 16)
    jump = re.search(r"\t(?:call|j\w+)\s+\w+ <([^>]+)>", line)
    return jump[1] if jump else ""


def _tool(*argv):
    return subprocess.run(argv, capture_output=True, text=True,
                          check=True).stdout.splitlines()


def reachable(known, roots):
    found, left = set(), list(roots)
    while left:
        name = left.pop()
        if name in known and name not in found:
            found.add(name)
            left += known[name].calls - {None}
    return found


def deepest(known, name, above=()):
    """(bytes, functions) of the deepest chain of calls from one on."""
    if name in above:
        return 0, ()
    best = (0, ())
    for called in known[name].calls:
        if called in known and called != name:
            best = max(best, deepest(known, called, (*above, name)))
    return known[name].frame + best[0], (name, *best[1])


def measure(paths):
    """Items as in bench.json from {driver: module}; {case: chain of ours}."""
    modules = {who: functions(path) for who, path in paths.items()}
    items, chains = [], {}
    for path, roots in ROOTS.items():
        text, stack = {}, {}
        for who, known in modules.items():
            missing = set(roots[who]) - set(known)
            if missing:
                raise RuntimeError(f"{paths[who]} has no {missing}")
            text[who] = sum(known[name].size
                            for name in reachable(known, roots[who]))
            stack[who], chain = max(deepest(known, name)
                                    for name in roots[who])
            chains[f"stack/{path} {who}"] = chain
        items += [item(f"text/{path}", text), item(f"stack/{path}", stack)]
    return items, chains


def item(name, values):
    return {"name": name, "unit": "bytes", "floor": None, **{
        who: {"min": value, "median": value, "all": [value]}
        for who, value in values.items()}}


def intree(stock, folder):
    """The kernel's own module from the image of a stock kernel's modules."""
    target = os.path.join(folder, "kernel-vxlan.ko")
    for suffix, unpack in (("", open), (".xz", lzma.open)):
        packed = target + suffix + ".packed"
        _tool("debugfs", "-R", "dump /kernel/drivers/net/vxlan/vxlan.ko"
              f"{suffix} {packed}", f"{stock}/modules.ext4")
        if os.path.exists(packed) and os.path.getsize(packed):
            with unpack(packed, "rb") as source, open(target, "wb") as copy:
                shutil.copyfileobj(source, copy)
            return target
    raise RuntimeError(f"no vxlan module in {stock}")


def main():
    items, chains = measure({"kernel": sys.argv[1], "ours": sys.argv[2]})
    for each in items:
        print(f"{each['name']:12} kernel {each['kernel']['min']:6} "
              f"ours {each['ours']['min']:6}")
    for name, chain in chains.items():
        print(f"{name}: {' > '.join(chain)}")


if __name__ == "__main__":
    main()
