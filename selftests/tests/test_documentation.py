# SPDX-License-Identifier: GPL-2.0
"""The commands of the user guide run as they are written, in their order."""

import pathlib
import re

from lib.fdb import RELEASE
from lib.topo import Fabric

GUIDE = pathlib.Path(__file__).parents[2] / "Documentation" / "vxlan.rst"
BLOCK = re.compile(
    r"^On (?P<host>host1|host2|any host)"
    r"(?: \(Linux (?P<since>[\d.]+) and later\))?::\n\n"
    r"(?P<lines>(?:   [^\n]+\n|\n)+)", re.M)


def blocks():
    """(host, commands) of each block of the guide, in order, but of those
    for newer kernels.
    """
    for match in BLOCK.finditer(GUIDE.read_text(encoding="utf-8")):
        since = tuple(map(int, (match["since"] or "0").split(".")))
        if RELEASE < since:
            continue
        lines = [line.strip() for line in match["lines"].splitlines()]
        yield match["host"], [line for line in lines if line]


def test_user_guide_commands():
    """Every command of Documentation/vxlan.rst succeeds."""
    with Fabric(hosts=2) as fabric:
        where = {"host1": fabric.host[1].ns, "host2": fabric.host[2].ns,
                 "any host": fabric.host[1].ns}
        count = 0
        for host, commands in blocks():
            for command in commands:
                where[host].run(command)
                count += 1
        assert count > 40, "the guide's blocks were not found"


def test_user_guide_leaves_nothing():
    """The commands under "The end" remove what the guide made on host1."""
    made = set()
    for host, commands in blocks():
        for command in commands:
            words = command.split()
            if host != "host1" or words[:2] != ["ip", "link"]:
                continue
            if words[2] == "add":
                made.add(words[3])
            elif words[2] == "del":
                made.remove(words[3])
    assert not made
