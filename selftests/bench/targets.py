# SPDX-License-Identifier: GPL-2.0
"""What the driver is to reach, and whether it does."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """text: what is asked for. cases: a pattern of names, of which the worst
    counts. measure, with K and O for the costs of the kernel's driver and ours:

    ratio   O / K
    share   (O - floor) / (K - floor), the tunnel's own share
    beyond  (O - O of base) / (K - K of base)
    value   O
    own     O / O of base

    base: name of another case, in which {} is what the pattern's group matched.
    where: pattern of the machines for which it holds.
    """
    text: str
    limit: float
    measure: str
    cases: str
    base: str = ""
    where: str = ""


TARGETS = [
    Target("TX 64 B, IPv4 and IPv6, no hash: tunnel's share", 0.50, "share",
           r"tx/v[46]/64"),
    Target("the same with netfilter hooks present", 0.75, "share",
           r"tx/v[46]/netfilter"),
    Target("the same, packets that carry a hash", 0.70, "share",
           r"tx/v[46]/hash"),
    Target("RX from the VNI lookup on", 0.65, "beyond", r"tx\+rx/(v[46])/64",
           "tx+rx/{}/unknown-vni"),
    Target("flood, per copy", 0.65, "ratio", r"flood/(64|256)"),
    Target("random MAC of 100k entries behind 100 VTEPs", 0.60, "ratio",
           "random/100000-macs/100-vteps", where="time"),
    Target("random MAC of 1M entries behind 100 VTEPs", 0.50, "ratio",
           "random/1000000-macs/100-vteps", where="time"),
    Target("learning, known source at 100k MACs, from the VNI lookup on", 0.70,
           "beyond", "learning/known/100000", "tx+rx/v4/unknown-vni"),
    Target("learning, new source at 100k MACs, from the VNI lookup on", 0.60,
           "beyond", "learning/new/100000", "tx+rx/v4/unknown-vni"),
    Target("FDB dump of 1M entries", 0.02, "ratio", "fdb/1000000/dump"),
    Target("the same, an entry's time over that in 10k entries (linear: 1)",
           1.50, "own", "fdb/(1000000)/dump", "fdb/10000/dump"),
    Target("FDB add, flush, link del at 1M", 0.70, "ratio",
           "fdb/1000000/(add|flush|link-del)"),
    Target("memory of a learned MAC, bytes", 128, "value",
           r"memory/\d+-macs/learned(-used)?"),
    Target("worst gap while 1M entries age or are flushed, over an idle one",
           2.0, "own", "latency/(1000000-macs)/(age|flush)",
           "latency/{}/idle"),
    # shares are about nothing: their ratio would say nothing
    # what is left is what the measurement can tell
    Target("joining and leaving a group, ns of our share more with 4,000",
           1000, "value", "groups/growth"),
    Target("TCP: time for a kilobyte", 1.00, "ratio", r"tcp/v[46][^-]*"),
    Target("TCP: packets of GSO and GRO", 1.00, "ratio",
           r"tcp/v[46].*/packets-(sent|received)", where="instructions"),
]


def reached(target, measured):
    """(worst value, its case), or None where it was not measured."""
    cases = {case["name"]: case for case in measured["cases"]}
    values = []
    for name, case in cases.items():
        match = re.fullmatch(target.cases, name)
        if match and "ours" in case:
            base = cases.get(target.base.format(*match.groups()))
            value = MEASURES[target.measure](case, base)
            if value is not None:
                values.append((value, name))
    return max(values, default=None)


def ratio(case, _=None):
    theirs = case.get("kernel", {}).get("min")
    return case["ours"]["min"] / theirs if theirs else None


def share(case, _=None):
    """The tunnel's part of the cost; None without a floor."""
    floor = case["floor"]
    if not floor or case["kernel"]["min"] <= floor:
        return None
    return (case["ours"]["min"] - floor) / (case["kernel"]["min"] - floor)


def beyond(case, base):
    if not base:
        return None
    ours, theirs = (case[who]["min"] - base[who]["min"]
                    for who in ("ours", "kernel"))
    return ours / theirs if theirs > 0 else None


def value_of(case, _):
    return case["ours"]["min"]


def own(case, base):
    return base and case["ours"]["min"] / base["ours"]["min"]


MEASURES = {"ratio": ratio, "share": share, "beyond": beyond,
            "value": value_of, "own": own}
