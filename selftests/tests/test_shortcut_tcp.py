# SPDX-License-Identifier: GPL-2.0
"""Shortcuts do not reorder: TCP through the tunnel next to other traffic, and
datagrams that carry their number, also while shortcuts come and go.
"""

import os
import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest

from lib import ethtool
from lib.bench import IP, inner
from lib.pair import Pair
from lib.shortcut import (                      # noqa: F401
    Toggling, calm_wired, netstat, set_to, underlay)
from lib.transfer import Flood
from lib.wait import eventually, scaled

SIZE = 2 << 20
#: What tells of packets that came in another order than they were sent in.
REORDERED = ("TCPSACKReorder", "TCPTSReorder", "TCPRenoReorder",
             "TCPOFOQueue", "TCPDSACKOfoRecv")
#: Queues that never overflow: what is lost comes out of order again.
BACKLOG = "/proc/sys/net/core/netdev_max_backlog"


@pytest.fixture(scope="module", params=(False, True),
                ids=("segmented", "whole"))
def fabric(request):
    with open(BACKLOG, "r+", encoding="ascii") as file:
        before = file.read()
        file.write("100000")
    with calm_wired(1600, offloads=request.param) as made:
        for host in made.hosts:
            host.ns.sysctl("ipv4/tcp_early_retrans", 0)     # no probes
            if not request.param:
                # A packet that its sender still shares goes another way on
                # receipt than one that was copied: copy all of them.
                ethtool.offload(made.ns, f"h{host.number}", names=("sg",))
        made.able = request.param
        yield made
    with open(BACKLOG, "w", encoding="ascii") as file:
        file.write(before)


@contextmanager
def on_cpu(number):
    """This thread, and those it starts meanwhile: what one processor sends
    keeps its order, what another does meanwhile is nobody's business.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number % os.cpu_count()})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def other_traffic(pair):
    """Datagrams and echo requests of both families, all the time."""
    frames = [inner(v, dst=pair.macs[1], src=pair.macs[0], sport=99,
                    payload=bytes(64)) for v in (4, 6)]
    stop = threading.Event()

    def pings():
        while not stop.is_set():
            pair.ping(4)
            pair.ping(6, side=1)

    thread = threading.Thread(target=pings, daemon=True)
    flood = Flood(pair.hosts[0].ns, pair.name, frames)
    try:
        with on_cpu(1):
            thread.start()
            flood.thread.start()
        yield
        flood.progress(1)
    finally:
        flood.stop.set()
        flood.thread.join()
        stop.set()
        thread.join()


def reordered(pair):
    """The counters of both ends together."""
    found = dict.fromkeys(REORDERED, 0)
    for host in pair.hosts:
        said = netstat(host.ns)
        for name in REORDERED:
            found[name] += said.get(f"TcpExt.{name}", 0)
    return found


SETTINGS = {"off": lambda: set_to(False), "on": lambda: set_to(True),
            "toggled": Toggling}


@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_tcp_in_order(fabric, underlay, version):
    """All bytes come, and in order: without shortcuts, with them, and while
    they come and go.
    """
    found = {}
    with Pair(fabric, underlay) as pair:
        pair.know()
        with other_traffic(pair):
            for name, setting in SETTINGS.items():
                before = reordered(pair)
                with setting(), on_cpu(0):
                    pair.transfer(version, size=SIZE)
                now = reordered(pair)
                found[name] = {key: now[key] - before[key] for key in now}
    if not able(fabric):
        assert set(map(tuple, map(dict.values, found.values()))) == \
            {(0,) * len(REORDERED)}, found


def able(fabric):
    """Large segments cross whole, and their sender shares them: some may
    pass others even without shortcuts, so only their content is compared.
    """
    return fabric.able


def numbered(pair, version, setting, count=400):
    """Datagrams with their number -> numbers in the order they came."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    near, far = (host.ns for host in pair.hosts)
    with ExitStack() as stack:
        server = stack.enter_context(far.socket(family, socket.SOCK_DGRAM))
        client = stack.enter_context(near.socket(family, socket.SOCK_DGRAM))
        server.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)
        server.bind((IP[version][1], 7777))
        server.settimeout(scaled(5))
        client.connect((IP[version][1], 7777))
        stack.enter_context(setting())
        for n in range(count):
            client.send(n.to_bytes(4, "big") + bytes(n % 1400))
        return [int.from_bytes(server.recv(2048)[:4], "big")
                for _ in range(count)]


@pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))
def test_datagrams_in_order(fabric, underlay, version):
    """None is lost, none comes twice or before one that was sent earlier,
    although some are fragmented within the tunnel.
    """
    with Pair(fabric, underlay) as pair:
        pair.know()
        for name, setting in SETTINGS.items():
            with on_cpu(0):
                got = numbered(pair, version, setting)
            assert got == list(range(400)), name


def test_nothing_lost_by_toggling(fabric, underlay):
    """Echoes go to and fro, connections that exist stay, devices go on."""
    with Pair(fabric, underlay) as pair:
        pair.know()
        with Toggling(0.001) as toggling:
            for version in (4, 6):
                for side in (0, 1):
                    assert pair.ping(version, side, count=50) == 50
            pair.transfer(4, size=SIZE // 4, side=1)
            eventually(lambda: toggling.times > 20)
