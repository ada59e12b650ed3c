#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The benchmark, in the machine: kernel's driver and ours by turns.

    guest.py --module FILE [-k EXPR] [--rounds N] [--quick] [--counts] [--smp]
             [--memory]

Prints a line for each case and writes $OUT/bench.json: for each case the
measurements of each driver. All are loaded: the kernel's as vxlan, ours (FILE)
as vtep, and the kernel's geneve for the cases that have it as a peer.
"""

import argparse
import gc
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../tests")]

from cases import cases                         # noqa: E402
from lib.netns import delete_all, live          # noqa: E402

#: Drivers and their kinds of links; a floor is measured without any.
KINDS = {"kernel": "vxlan", "ours": "vtep", "geneve": "geneve", "none": None}
PROFILE_SECONDS = 6
MODULES = ("dummy", "veth", "pktgen", "udp_tunnel", "ip6_udp_tunnel", "bridge",
           "geneve", "sch_fq_codel", "sch_ingress", "cls_matchall",
           "act_skbedit", "nf_tables")


def command(*argv):
    subprocess.run(argv, check=True)


def load(ours):
    for name in MODULES:
        subprocess.run(["modprobe", "-q", name], check=False)   # or built in
    command("insmod", os.environ["VXLAN_INTREE"])
    command("insmod", ours)


def drivers(case):
    """Which are measured, in the order of the first round."""
    if case.name.startswith("floor/"):
        return ["none"]
    return ["kernel", "ours", *case.peers]


def measure(case, rounds):
    """{suffix: {driver: [number, ...]}}, one round after the other."""
    order, made, found = drivers(case), {}, {}
    gc.disable()
    try:
        for who in order:
            made[who] = case.make(KINDS[who])
        for number in range(min(rounds, case.rounds)):
            for who in order[::-1] if number % 2 else order:
                values = made[who].run()
                if not isinstance(values, dict):
                    values = {"": values}
                for suffix, each in values.items():
                    found.setdefault(suffix, {}).setdefault(who, []).extend(
                        round(value, 1) for value in each)
    finally:
        gc.enable()
        for each in made.values():
            each.end()
    return found


def profile(case, who):
    """Let it run for a while, while somebody looks; see profile."""
    made, spent = case.make(KINDS[who]), []
    made.piece *= 40
    made.run()
    print("profile: begin", flush=True)
    due = time.monotonic() + PROFILE_SECONDS
    while time.monotonic() < due:
        spent += made.run()
    print("profile: end", min(spent), flush=True)
    shutil.copy("/proc/kallsyms", os.environ["OUT"])
    made.end()


def results_of(case, found, floors):
    """An item of bench.json for each suffix."""
    for suffix, by in found.items():
        name = f"{case.name}/{suffix}" if suffix else case.name
        yield {"name": name, "unit": case.units.get(suffix, case.unit),
               "floor": floors.get(case.floor),
               **{who: {"min": min(values), "median": statistics.median(values),
                        "all": values} for who, values in by.items()}}


def line(result, seconds):
    text = f"{result['name']:36} "
    floor = result["floor"]
    for who in KINDS:
        if who in result:
            text += f"{who} {result[who]['min']:10.1f}  "
    if "ours" in result and "kernel" in result:
        ours, theirs = (result[w]["min"] for w in ("ours", "kernel"))
        if theirs:
            text += f"ratio {ours / theirs:5.3f}  "
        if floor and theirs > floor:
            text += f"tunnel's share {(ours - floor) / (theirs - floor):5.3f}  "
    return f"{text}{seconds:5.1f} s"


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", required=True)
    parser.add_argument("-k", default="", metavar="EXPR",
                        help="only cases with such a name, and their floors")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true",
                        help="smaller tables and, without -k, fewer cases")
    parser.add_argument("--counts", action="store_true",
                        help="the clock counts instructions: once is enough")
    parser.add_argument("--profile", choices=KINDS,
                        help="only let a case run with this driver")
    parser.add_argument("--smp", action="store_true",
                        help="the cases for several processors, no others")
    parser.add_argument("--memory", action="store_true",
                        help="the cases about memory, no others")
    return parser.parse_args()


def choose(options):
    """The cases that are asked for, and the floors they need."""
    known = list(cases(options.quick or options.counts))
    wanted = [case for case in known
              if re.search(options.k, case.name) and case.smp == options.smp
              and case.memory == options.memory
              and (options.k or case.quick or not options.quick)
              and (case.counts or not options.counts)]
    floors = {case.floor for case in wanted}
    return [case for case in known if case in wanted or case.name in floors]


def main():
    options = parse_options()
    os.environ["VXLAN_KO"] = os.path.join(
        os.path.dirname(os.path.abspath(options.module)), "vxlan.ko")
    load(options.module)
    if options.profile:
        for case in choose(options):
            if not case.name.startswith("floor/"):
                profile(case, options.profile)
        return 0
    results, failed = measure_all(options)
    path = os.path.join(os.environ.get("OUT", "."), "bench.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"release": os.uname().release,
                   "version": os.uname().version, "cases": results,
                   "failed": failed}, file, indent=1)
    return 1 if failed else 0


def measure_all(options):
    """Items of bench.json; {case: why} of those that could not be measured."""
    results, failed, floors = [], {}, {}
    for case in choose(options):
        if options.counts:
            case.having(pieces=1, counting=True)
        start = time.monotonic()
        try:
            found = measure(case, options.rounds)
        except Exception as error:      # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
            failed[case.name] = f"{type(error).__name__}: {error}"
            delete_all(list(live))
            continue
        if "none" in found.get("", ()):
            floors[case.name] = min(found[""]["none"])
        for result in results_of(case, found, floors):
            print(line(result, time.monotonic() - start), flush=True)
            results.append(result)
    return results, failed


if __name__ == "__main__":
    sys.exit(main())
