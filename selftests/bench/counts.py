# SPDX-License-Identifier: GPL-2.0
"""Instructions of our driver in a packet: what they were, what they are.

Counts of key cases are in instructions.json, for each kernel on which they are
taken. The same tree on the same kernel always gives the same counts, whatever
the machine does meanwhile, so a change is a change of the driver's code or of
its compiler. On another build of the kernel the counts are compared with those
of the kernel's own driver, taken in the same boot.
"""

import json
import os

PATH = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                    "instructions.json")
KERNELS = ("7.3", "6.1")
CASES = ("tx/v4/64", "tx/v6/64", "tx/v4/hash", "tx/v4/netfilter",
         "tx/v4/1000-flows", "tx+rx/v4/64", "tx+rx/v6/64",
         "learning/known/1000", "random/10000-macs/100-vteps", "flood/64")
MARGIN = 0.03
AGAIN = "if that is meant, record them: sudo make counts"


def expression():
    """For guest.py -k: these cases and no others."""
    return "^(" + "|".join(name.replace("+", r"\+") for name in CASES) + ")$"


def options():
    """Of guest.py, and before them of machines/run."""
    return (["--icount", "yes", "--mem", "3072"],
            ["--counts", "--rounds", "1", "-k", expression()])


def of(measured):
    """What is recorded: the tunnel's own instructions in a packet."""
    found = {}
    for case in measured["cases"]:
        if case["name"] in CASES:
            found[case["name"]] = {
                who: round(case[who]["min"] - case["floor"], 1)
                for who in ("ours", "kernel")}
    return {"build": f"{measured['release']} {measured['version']}",
            "cases": found}


def recorded():
    try:
        with open(PATH, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def record(kernels):
    """{kernel: measured}; what is recorded of other kernels stays."""
    known = {**recorded(), **{name: of(each)
                              for name, each in kernels.items()}}
    with open(PATH, "w", encoding="utf-8") as file:
        json.dump(known, file, indent=1, sort_keys=True)
        file.write("\n")
    return PATH


def compare(kernel, measured):
    """(case, what is wrong with it or ""), ... ; and a remark or ""."""
    known, now = recorded().get(kernel), of(measured)
    if not known:
        return [(name, f"not recorded; {AGAIN}") for name in CASES], ""
    same = known["build"] == now["build"]
    remark = "" if same else (
        f"counts of {kernel}: this kernel is {now['build']}, but they are "
        f"those of {known['build']}: compared with its own driver's instead")
    return [(name, _judge(known["cases"].get(name), now["cases"].get(name),
                          same)) for name in CASES], remark


def _judge(was, now, same):
    if not now:
        return "not measured"
    if not was:
        return f"not recorded; {AGAIN}"
    before, after = was["ours"], now["ours"]
    if not same:
        before *= now["kernel"] / was["kernel"]
    change = after / before - 1
    if abs(change) <= MARGIN:
        return ""
    word = "more" if change > 0 else "fewer"
    return (f"{abs(change):.1%} {word} instructions: {after:.0f} beyond the "
            f"floor, {before:.0f} are expected; {AGAIN}")
