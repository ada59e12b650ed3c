# SPDX-License-Identifier: GPL-2.0
"""Shortcuts and segments that no length field can tell, as TCP makes them on
devices that take more than 64 KB: what is in the headers meanwhile differs
from kernel to kernel, but not from one way to the other.
"""

import pytest

from lib import nl
from lib.bench import DEV
from lib.gso import Unfinished, tcp
from lib.nft import counted, hook, rules, table
from lib.shortcut import (                      # noqa: F401
    LAST, Lane, both, fabric, seen, underlay)
from lib.underlay import V4

IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE = 41, 63
#: No more than 17 pages, as older kernels take no larger one from a program.
SIZE, MSS = 66000, 1000

ASKED = ("meta length > 65535", "udp length 0", "ct state invalid",
         "ct state new")


def take_large(ns, dev):
    """Older kernels have one limit for both families and ignore the other."""
    for number in (IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE):
        ns.rtnl.setlink(dev, extra=[(number, nl.u32(2 * SIZE))])


@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
@pytest.mark.parametrize("csum", (False, True), ids=("nocsum", "csum"))
def test_larger_than_its_length(fabric, underlay, version, csum):
    """What netfilter is told of it, and the packets it is cut into."""
    text = "".join(table("inet", hook(name), *(
        f"udp dport 4789 {one} counter" for one in ASKED), name=name)
        for name in ("output", "postrouting"))
    if underlay is V4:
        options = "udpcsum" if csum else "noudpcsum"
    else:
        options = "" if csum else "udp6zerocsumtx"

    def scenario():
        with Lane(fabric, underlay, options) as lane, \
                Unfinished(lane.ns, DEV) as out, rules(lane.ns, text):
            take_large(lane.ns, DEV)
            lane.wire.clear()
            out.send(tcp(version, SIZE, MSS, length=0))
            lane.tenant.send(LAST)
            lane.wire.wait_for(lambda p: p.sent and LAST in p.raw)
            return (seen(lane.wire.packets(
                lambda p: p.outer and LAST not in p.raw, sent=True)),
                    counted(lane.ns))

    left, counts = both(scenario)
    assert len(left) == SIZE // MSS
    for large, _, invalid, new in (counts[:4], counts[4:]):
        assert (large, invalid) == (1, 0) and new >= 1
