# SPDX-License-Identifier: GPL-2.0
"""Netfilter rules by nft(8), and what their counters say.

    with rules(ns, table("inet", hook("output"), "udp dport 4789 counter")):
        ...
        counted(ns) -> [packets of each counter, in order]
"""

import re
from contextlib import contextmanager


def hook(name, priority=0, kind="filter", device=""):
    """The words that tie a chain to a place."""
    on = f" device {device}" if device else ""
    return f"type {kind} hook {name}{on} priority {priority}"


def table(family, where, *lines, name="t"):
    """A table of one chain."""
    body = "\n".join(("", where, *lines, ""))
    return f"table {family} {name} {{\nchain c {{{body}}}\n}}\n"


def load(ns, text):
    ns.run("nft -f -", stdin=text)


@contextmanager
def rules(ns, text):
    """Rules meanwhile; they go with all others of the namespace."""
    load(ns, text)
    try:
        yield
    finally:
        ns.run("nft flush ruleset")


def counted(ns):
    """Packets of every counter, in the order of the rules."""
    return [int(value) for value in re.findall(
        r"counter packets (\d+)", ns.run("nft list ruleset"))]
