# SPDX-License-Identifier: GPL-2.0
"""Where two outcomes of a case differ, and what is known about it.

An outcome is a tree of dicts; lists and everything else are leaves. What
differs is named by its path of keys: "create.errno". What begins with "_" is
for the reader only and is not compared.
"""

from dataclasses import dataclass, replace
from typing import Any

MISSING = "(nothing)"


@dataclass(frozen=True)
class Difference:
    """A part that differs. theirs: with the kernel's driver."""
    field: str
    theirs: Any
    ours: Any
    rule: str = ""          # the name under which it is listed


def compare(theirs, ours, path=""):
    """[Difference], in the order of the outcomes."""
    found = []
    for key in [*theirs, *(key for key in ours if key not in theirs)]:
        left, right = theirs.get(key, MISSING), ours.get(key, MISSING)
        if key.startswith("_") or left == right:
            continue
        if isinstance(left, dict) and isinstance(right, dict):
            found += compare(left, right, f"{path}{key}.")
        else:
            found.append(Difference(f"{path}{key}", left, right))
    return found


def notes(tree):
    """What the outcome says to the reader, at any depth."""
    found = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += notes(value)
        elif key.startswith("_"):
            found.append(str(value))
    return found


def listed(rules, case, kernel, theirs, ours):
    """compare(), each difference with the first rule that knows it."""
    said = notes(ours)
    return [replace(diff, rule=next(
        (rule.name for rule in rules if rule.knows(case, kernel, diff, said)),
        "")) for diff in compare(theirs, ours)]
