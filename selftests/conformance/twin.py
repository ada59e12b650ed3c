#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The twin run, in the machine: every case with the kernel's driver and ours.

    twin.py --modules DIR [-k EXPR] [--report] [--done FILE] [--verbose]

DIR has our vxlan.ko and vtep.ko. Side by side (the kernel's as vxlan, ours as
vtep) run all cases but those that want the driver alone: these run with the
kernel's, which then makes room for ours. Ours gets the defaults of the
kernel's driver by module parameters, but for cases named default/...

-k takes regular expressions of case names, any of which may match. --report
tells the host about each case as it goes (see check.d/vxlan_report.py).
$OUT/twin.json gets the results; status 1 if there is an unlisted difference.
"""

import argparse
import importlib.util
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../tests")]

import compare              # noqa: E402
from differences import RULES       # noqa: E402

MARK = "@vxlan "
LIMIT = 120                 # seconds for one case with one driver
AS_THE_KERNEL = ("udp_port=8472", "udp_csum=1")
RELEASE = ".".join(os.uname().release.split("-")[0].split(".")[:2])


class TooLong(Exception):
    """A case has not come to an end."""


# ---- cases

def tables():
    """[(module name, its cases)] of requests and packets."""
    found = []
    for folder in ("requests", "packets"):
        path = os.path.join(HERE, folder)
        for info in sorted(pkgutil.iter_modules([path]), key=lambda i: i.name):
            module = load(f"{path}/{info.name}.py", f"{folder}_{info.name}")
            if hasattr(module, "CASES"):
                found.append((f"{folder}/{info.name}.py", module.CASES))
    return found


def load(path, name):
    """A module from its file: `requests` is the name of a library, too."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_names(found):
    seen = set()
    for module, cases in found:
        for case in cases:
            if case.name in seen:
                sys.exit(f"twin: two cases {case.name}, one in {module}")
            seen.add(case.name)


def wanted(case, expressions, done):
    """Is it for this kernel, asked for, and still to be run?"""
    return ((not case.kernels or RELEASE in case.kernels)
            and case.name not in done
            and (not expressions or any(re.search(expression, case.name)
                                        for expression in expressions)))


# ---- drivers

def command(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"twin: {' '.join(argv)}: {done.stdout}{done.stderr}")


class Drivers:
    """Which modules are loaded."""

    def __init__(self, folder):
        self.folder = folder
        self.loaded = []
        command("modprobe", "-a", "udp_tunnel", "ip6_udp_tunnel")

    def load(self, *drivers):
        """Exactly these: triples (module name, file, parameters)."""
        for name, *_ in [d for d in self.loaded if d not in drivers]:
            command("rmmod", name)
        for name, file, parameters in drivers:
            if (name, file, parameters) not in self.loaded:
                command("insmod", file, *parameters)
        self.loaded = list(drivers)

    def kernels(self):
        return ("vxlan", os.environ["VXLAN_INTREE"], ())

    def ours(self, name, parameters=AS_THE_KERNEL):
        return (name, f"{self.folder}/{name}.ko", parameters)


# ---- running

def too_long(*_):
    raise TooLong(f"took longer than {LIMIT} s")


def run_case(case, kind):
    """Its outcome, as it comes out of JSON; or {"error": why}."""
    signal.alarm(LIMIT)
    try:
        return json.loads(json.dumps(case.run(kind)))
    except Exception:           # pylint: disable=broad-exception-caught
        return {"error": traceback.format_exc()}
    finally:
        signal.alarm(0)


class Run:
    """The results so far, and how they are told."""

    def __init__(self, options):
        self.options = options
        self.results = []

    def tell(self, **event):
        if self.options.report:
            print(MARK + json.dumps(event), flush=True)

    def side_by_side(self, entries):
        """Each case with both drivers, one right after the other."""
        for module, case in entries:
            self.begin(module, case)
            started = time.monotonic()
            theirs = run_case(case, "vxlan")
            ours = run_case(case, "vtep")
            self.end(module, case, theirs, ours, time.monotonic() - started)

    def in_sequence(self, drivers, entries):
        """All with the kernel's driver, then all with ours in its place."""
        drivers.load(drivers.kernels())
        theirs = []
        for module, case in entries:
            self.tell(before=test_name(module, case))   # a sign of life
            theirs.append(run_case(case, "vxlan"))
        drivers.load(drivers.ours("vxlan"))
        for (module, case), before in zip(entries, theirs):
            self.begin(module, case)
            started = time.monotonic()
            ours = run_case(case, "vxlan")
            self.end(module, case, before, ours, time.monotonic() - started)

    def begin(self, module, case):
        self.tell(start=test_name(module, case))

    def end(self, module, case, theirs, ours, seconds):
        result = {"name": case.name, "row": case.row, "module": module,
                  "seconds": round(seconds, 3), "theirs": theirs,
                  "ours": ours, **judge(case.name, theirs, ours)}
        self.results.append(result)
        bad = result["verdict"] in ("DIFFERS", "error")
        text = explain(result)
        if not self.options.report and (bad or self.options.verbose):
            print(text, flush=True)
        self.tell(end=test_name(module, case),
                  outcome="failed" if bad else "passed",
                  seconds=seconds, text=text if bad else "",
                  twin=in_short(result))

    def save(self):
        path = os.path.join(os.environ.get("OUT", "."), "twin.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"kernel": RELEASE, "cases": self.results}, file,
                      indent=1)

    def summary(self):
        """Counts; True if all is well."""
        count = {"same": 0, "listed": 0, "differ": 0, "error": 0}
        for result in self.results:
            verdict = result["verdict"].split(":")[0].lower()
            count["differ" if verdict == "differs" else verdict] += 1
        print(f"{RELEASE}: " + ", ".join(
            f"{number} {what}" for what, number in count.items()))
        return not count["differ"] and not count["error"]


def in_short(result):
    """What the host puts together with that of other kernels."""
    return {**{key: result[key] for key in ("name", "row", "module",
                                            "verdict")},
            "rules": sorted({diff["rule"] for diff in result["differences"]})}


def test_name(module, case):
    return f"conformance/{module}::{case.name}"


def judge(name, theirs, ours):
    """The verdict and what it stands on."""
    if "error" in theirs or "error" in ours:
        return {"verdict": "error", "differences": []}
    found = compare.listed(RULES, name, RELEASE, theirs, ours)
    common = {rule.name for rule in RULES if rule.everywhere}
    names = sorted({diff.rule for diff in found} - common)
    verdict = "same"
    if "" in names:
        verdict = "DIFFERS"
    elif names:
        verdict = "listed:" + ",".join(names)
    return {"verdict": verdict, "differences": [vars(d) for d in found]}


def explain(result):
    """For people."""
    lines = [f"{result['verdict']} {result['name']}"]
    for side in ("theirs", "ours"):
        if "error" in result[side]:
            lines += [f"  {side}:", result[side]["error"]]
    for diff in result["differences"]:
        listed = f"  ({diff['rule']})" if diff["rule"] else ""
        lines += [f"  {diff['field']}{listed}",
                  f"    kernel  {diff['theirs']}",
                  f"    ours    {diff['ours']}"]
    said = [*dict.fromkeys(compare.notes(result["ours"]))]
    lines += [f"  ours says: {text}" for text in said if text]
    return "\n".join(lines)


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--modules", required=True)
    parser.add_argument("-k", action="append", default=[])
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--done")
    return parser.parse_args()


def main():
    options = parse_options()
    signal.signal(signal.SIGALRM, too_long)
    done = set()
    if options.done:
        with open(options.done, encoding="utf-8") as file:
            done = {line.rpartition("::")[2]
                    for line in file.read().splitlines()}
    found = tables()
    check_names(found)
    entries = [(module, case) for module, cases in found for case in cases
               if wanted(case, options.k, done)]
    default = [e for e in entries if e[1].name.startswith("default/")]
    alone = [e for e in entries if e[1].alone]
    beside = [e for e in entries if e not in default and e not in alone]
    run = Run(options)
    run.tell(collected=[test_name(m, c) for m, c in entries])
    drivers = Drivers(options.modules)
    if beside:
        drivers.load(drivers.kernels(), drivers.ours("vtep"))
        run.side_by_side(beside)
    if default:
        drivers.load(drivers.kernels(), drivers.ours("vtep", ()))
        run.side_by_side(default)
    if alone:
        run.in_sequence(drivers, alone)
    run.save()
    good = run.summary()
    run.tell(done=0 if good else 1)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
