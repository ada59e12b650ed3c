#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The benchmark, in the machine: kernel's driver and ours by turns.

    guest.py --module FILE [-k EXPR] [--rounds N] [--quick] [--counts]

Prints a line for each case and writes $OUT/bench.json: for each case the
measurements of both drivers. Both are loaded: the kernel's as vxlan, ours
(FILE) as vtep.
"""

import argparse
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../tests")]

from cases import cases         # noqa: E402

KINDS = {"kernel": "vxlan", "ours": "vtep"}
MODULES = ("dummy", "veth", "pktgen", "udp_tunnel", "ip6_udp_tunnel")


def command(*argv):
    subprocess.run(argv, check=True)


def load(ours):
    for name in MODULES:
        subprocess.run(["modprobe", "-q", name], check=False)   # or built in
    command("insmod", os.environ["VXLAN_INTREE"])
    command("insmod", ours)


def measure(case, rounds):
    """{driver: [nanoseconds, ...]}, one round after the other."""
    made = {who: case.make(kind) for who, kind in KINDS.items()}
    found = {who: [] for who in KINDS}
    gc.disable()
    try:
        for number in range(rounds):
            order = list(KINDS) if number % 2 else list(KINDS)[::-1]
            for who in order:
                found[who] += [round(each, 1) for each in made[who].run()]
    finally:
        gc.enable()
        for who in KINDS:
            made[who].end()
    return found


def line(case, found, floor):
    theirs, ours = (min(found[who]) for who in KINDS)
    text = (f"{case.name:28} kernel {theirs:9.0f}  ours {ours:9.0f}  "
            f"ratio {ours / theirs:5.2f}")
    if floor and theirs > floor:
        text += f"  tunnel's share {(ours - floor) / (theirs - floor):5.2f}"
    return text


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", required=True)
    parser.add_argument("-k", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--counts", action="store_true",
                        help="the clock counts instructions: once is enough")
    return parser.parse_args()


def main():
    options = parse_options()
    load(options.module)
    results, floors = [], {}
    for case in cases(options.quick or options.counts):
        if options.counts:
            case.pieces = 1
        wanted = re.search(options.k, case.name)
        if not wanted and not case.name.startswith("floor/"):
            continue
        start = time.monotonic()
        found = measure(case, options.rounds)
        if case.name.startswith("floor/"):      # no driver in it
            floors[case.name] = min(found["kernel"] + found["ours"])
        floor = floors.get(case.floor)
        print(line(case, found, floor), f"{time.monotonic() - start:5.1f} s",
              flush=True)
        results.append({
            "name": case.name, "unit": case.unit, "floor": floor, **{
                who: {"min": min(values),
                      "median": statistics.median(values), "all": values}
                for who, values in found.items()}})
    path = os.path.join(os.environ.get("OUT", "."), "bench.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"release": os.uname().release, "cases": results}, file,
                  indent=1)


if __name__ == "__main__":
    main()
