# SPDX-License-Identifier: GPL-2.0
"""Shortcuts do not pass by cgroups: the programs of a cgroup are asked about
the same packets of its sockets, and packets in the tunnel are still their
senders'.
"""

import errno
import os
import socket
import struct

import pytest

from lib import bpf, instruct, links
from lib.bench import BOB, DEV, IP
from lib.shortcut import (                      # noqa: F401
    LAST, Lane, both, fabric, growth, rest, seen, underlay)

ROOT = "/sys/fs/cgroup"
#: Of the payload; the tunnel adds 50 bytes or more, so what is outside of the
#: small one is between both, and all of the large one is above.
SMALL, LARGE, LIMIT = 100, 900, 500
IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2
DATAGRAMS = [bytes([n]) * size for n in range(3) for size in (SMALL, LARGE)]
HEADERS = {4: 28, 6: 48}
VERSIONS = pytest.mark.parametrize("version", (4, 6), ids=("inner4", "inner6"))


@pytest.fixture(scope="module", name="cgroup")
def _cgroup():
    """One with its own identifier, where this process is when it likes."""
    with open("/proc/kallsyms", encoding="ascii") as file:
        if " __cgroup_bpf_run_filter_skb" not in file.read():
            pytest.skip("a kernel without CONFIG_CGROUP_BPF")
    path = f"{ROOT}/vxlan-{os.getpid()}"
    os.mkdir(path)
    yield path
    os.rmdir(path)


def enter(path):
    with open(f"{path}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(os.getpid()))


def sender(lane, version, cgroup):
    """A UDP socket of a cgroup; what it sends to Bob leaves through vx0."""
    mine, bob = IP[version]
    links.add_address(lane.ns, DEV, f"{mine}/{24 if version == 4 else 64}")
    lane.ns.ip(f"neigh replace {bob} lladdr {BOB} dev {DEV} nud permanent")
    enter(cgroup)
    try:
        sock = lane.ns.socket(socket.AF_INET if version == 4
                              else socket.AF_INET6, socket.SOCK_DGRAM)
    finally:
        enter(ROOT)
    if version == 4:    # DF and not connected: no ident, which is random
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    sock.bind((mine, 1234))
    return sock


def silent(lane):
    """Somebody listens at the other end, who would answer with errors."""
    sock = lane.far.ns.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("::", 4789))
    return sock


def sent(sock, version, data):
    """The name of the error, or None."""
    try:
        sock.sendto(data, (IP[version][1], 5678))
    except OSError as error:
        return errno.errorcode[error.errno]
    return None


def passing(fabric, net, version, cgroup, where):
    """where(lane, send): sends the datagrams by calling send() while programs
    are there -> what it returns, the errors, bytes that left, what grew.
    """
    with Lane(fabric, net) as lane, silent(lane), \
            sender(lane, version, cgroup) as sock:
        rest(fabric)
        lane.wire.clear()
        with growth((lane.ns, "eth0", DEV),
                    but=("TcpExt", "MPTcp")) as moved:
            errors = []
            told = where(lane, lambda: errors.extend(
                sent(sock, version, data) for data in DATAGRAMS))
            lane.tenant.send(LAST)
            lane.wire.wait_for(lambda p: p.sent and LAST in p.raw)
        packets = [p for p in lane.wire.packets(sent=True)
                   if p.outer and LAST not in p.raw and not p.reports]
        return told, errors, seen(packets), dict(moved)


def asked(path, instructions=b"", verdict=bpf.CGROUP_OK):
    """A program of a cgroup that counts -> where() of passing()."""
    def where(_, send):
        with bpf.Array(32) as box, \
                bpf.Program(bpf.tally(box) + instructions + bpf.end(verdict),
                            bpf.CGROUP_SKB) as program:
            with program.on_cgroup(path):
                send()
            return struct.unpack("<QQ", box.read()[:16])
    return where


PLACES = pytest.mark.parametrize("root", (False, True), ids=("own", "root"))


@VERSIONS
@PLACES
def test_counted(fabric, underlay, version, cgroup, root):
    """A program is asked about each datagram, once: before the tunnel."""
    told, errors, packets, _ = both(
        passing, fabric, underlay, version, cgroup,
        asked(ROOT if root else cgroup))
    assert not any(errors) and len(packets) == len(DATAGRAMS)
    assert told == (len(DATAGRAMS), sum(
        len(data) + HEADERS[version] for data in DATAGRAMS))


@VERSIONS
@PLACES
def test_dropped(fabric, underlay, version, cgroup, root):
    """What a program refuses, the sender is told, and it does not leave."""
    told, errors, packets, _ = both(
        passing, fabric, underlay, version, cgroup,
        asked(ROOT if root else cgroup,
              bpf.unless_longer(LIMIT, bpf.CGROUP_OK), 0))
    assert told[0] == len(DATAGRAMS)
    assert errors == [None, "EPERM"] * 3
    assert len(packets) == 3


@VERSIONS
def test_of_the_tunnel(fabric, underlay, version, cgroup):
    """A program that refuses all that is larger than any datagram: only
    packets in the tunnel are, and these are no business of the cgroup's.
    """
    largest = LARGE + HEADERS[version]
    _, errors, packets, _ = both(
        passing, fabric, underlay, version, cgroup,
        asked(ROOT, bpf.unless_longer(largest, bpf.CGROUP_OK), 0))
    assert not any(errors) and len(packets) == len(DATAGRAMS)
    assert max(len(raw) for raw in packets) > largest


@VERSIONS
def test_of_the_sender(fabric, underlay, version, cgroup):
    """On the lower device a packet in the tunnel is still of the cgroup of
    the socket that sent what is in it, and one of nobody's is of none.
    """
    def where(lane, send):
        with bpf.Array(32) as box, bpf.Program(
                bpf.tally(box, cgroup=True) + bpf.end(bpf.TC_OK)) as program:
            instruct.clsact(lane.ns, "eth0")
            instruct.attach(lane.ns, "eth0", instruct.EGRESS,
                            match=program.match())
            try:
                send()
                return struct.unpack("<QQQ", box.read()[:24])
            finally:
                lane.ns.run("tc qdisc del dev eth0 clsact")

    told, errors, packets, _ = both(
        passing, fabric, underlay, version, cgroup, where)
    assert not any(errors) and len(packets) == len(DATAGRAMS)
    assert told == (len(packets), sum(map(len, packets)),
                    os.stat(cgroup).st_ino * len(packets))
