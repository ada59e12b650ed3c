# SPDX-License-Identifier: GPL-2.0
"""Last: the same life of a few hosts again and again leaves nothing behind.

The first rounds fill the kernel's caches; from then on no number may grow.
"""

import os

import pytest

from lib import memory, nl, topo
from lib.bench import Bench, inner, wired
from lib.fdb import ADD, PERMANENT, STATIC, Fdb, mac
from lib.linkattr import sockets
from lib.netns import RUN, Netns
from lib.pair import Pair
from lib.underlay import V4, V6
from lib.wait import eventually

WARM, ROUNDS = 2, 4
#: Objects of these caches that one round may leave in per-CPU lists.
SLACK = 60
CACHES = (r"(dma-|rcl-)?kmalloc(-rcl|-cg|-rnd-\d+)?-\d+k?|"
          r"(vxlan|vtep)_fdb_entry|"
          r"net_namespace|UDP(v6)?|ip_dst_cache|ip6_dst_cache|skbuff_head_cache")


def life(net):
    """Devices of every kind, traffic, entries, ends of every kind."""
    with wired() as fabric:
        host = fabric.host[1]
        with Pair(fabric, net) as pair:
            assert pair.ping(4, 0, 2) == pair.ping(6, 1, 2) == 2
            pair.transfer(4, 0, 100_000)
        with Pair(fabric, net, group=net.group) as pair:
            assert pair.ping() == 1
            assert net.members(host.ns)[net.group] >= 1
        clean(host, net)
        bench = Bench(fabric, net, "ageing 1")
        entries(bench)
        bench.receive(*[bench.outer(inner(src=f"02:00:00:00:ee:{n:02x}"))
                        for n in range(64)])
        bench.send(inner(), inner(6))
        bench.delete()
        clean(host, net)
        # what goes with its namespace
        last = Bench(fabric, net, to="group", vni=9)
        last.receive(last.outer(inner()))
        entries(last)


def entries(bench, count=256):
    """Static and permanent entries, half of them deleted again."""
    fdb = Fdb(bench.ns, bench.name)
    for n in range(count):
        fdb.change(mac(n), bench.net.address(3 + n % 7), ADD,
                   STATIC if n % 3 else PERMANENT)
        if n % 2:
            fdb.delete(mac(n))


def clean(host, net):
    """Without devices no socket and no membership is left."""
    assert not [p for _, p in sockets(host.ns) if p == 4789]
    assert net.group not in net.members(host.ns)
    assert not [link for link in host.ns.rtnl.links()
                if link["kind"] == topo.kind()]


def held():
    """All that is counted."""
    found = {f"slab {k}": v for k, v in memory.slabs(CACHES).items()}
    found["per-CPU memory"] = memory.meminfo("Percpu")
    found["users of the module"] = memory.users(topo.kind())
    found["namespaces"] = len(os.listdir(RUN))
    return found


@pytest.mark.parametrize("net", (V4, V6), ids=repr)
def test_zz_rounds(net):
    """Numbers after the last round are those of the first (but for what lies
    in per-CPU lists).
    """
    for _ in range(WARM):
        life(net)
    before = held()
    for _ in range(ROUNDS):
        life(net)

    def steady():
        now = held()
        grown = {name: (before.get(name), value)
                 for name, value in now.items()
                 if value and value - (before.get(name) or 0) > allowed(name)}
        assert not grown, f"after {ROUNDS} rounds: {grown}"
        return True

    eventually(steady, timeout=10, interval=0.5)


def allowed(name):
    """Growth that is no leak: of our own objects less than one a round; general
    caches also serve everybody else and keep some in per-CPU lists.
    """
    if name.startswith("slab kmalloc"):
        return SLACK * ROUNDS
    if name.endswith("_fdb_entry") or name == "slab net_namespace":
        return ROUNDS - 1
    if name.startswith("slab"):
        return SLACK * ROUNDS
    return {"per-CPU memory": 64}.get(name, 0)


def test_zz_nothing_left(session_fabric):
    """After all tests: no device, socket or namespace of theirs, but for the
    hosts that live as long as the test run.
    """
    stay = {ns.name for ns in (session_fabric.ns, *(
        host.ns for host in session_fabric.hosts))}
    kinds = {link["kind"] for link in nl.Rtnl().links()}
    assert not kinds & {"vxlan", "vtep"}
    here = Netns("here")
    try:
        assert not [p for _, p in sockets(here) if p in (4789, 8472)]
    finally:
        here.delete()
    left = [name for name in os.listdir(RUN)
            if name.startswith(f"vxt{os.getpid()}-") and name not in stay]
    assert not left
    assert memory.users(topo.kind()) in (0, None)
    fdb = memory.slabs("(vxlan|vtep)_fdb_entry")
    assert not any(fdb.values()), fdb
