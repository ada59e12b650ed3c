# SPDX-License-Identifier: GPL-2.0
"""Shortcuts of the packet path: the same with them and without.

    both(scenario)      what it returns must not depend on the shortcuts
    set_to(False)       context: none is taken
    Toggling()          context: a thread that turns them on and off

    Lane(fabric, net, options)  a bench.Bench whose packets all have one
        source port: .through(frame, ...) -> seen(packets) of what leaves
    reverse(fabric)     host 1 and host 2 change their parts
    totals(ns, dev...)  every counter of a namespace and of its devices
    calm_wired(mtu, hosts, offloads)    a Fabric where nothing else happens
    rest(fabric)        what is under way on the underlay has come to an end

Fixtures to import: underlay (V4, V6), fabric (the module's calm_wired(MTU)),
able (with offloads).
"""

import threading
import time
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from . import counters, ethtool, netns, topo
from .bench import Bench, not_ip, wired
from .underlay import V4, V6
from .wait import eventually

#: The one port there is, so that the hash of a packet does not matter.
PORT = 50000
PORTS = "ipv4/ip_local_port_range"
#: Ends a burst; larger than what rules of tests drop.
LAST = not_ip(src="02:00:00:00:ee:01", size=300)


def _path():
    return f"/sys/module/{topo.kind()}/parameters/shortcut"


def is_on():
    with open(_path(), encoding="ascii") as file:
        return file.read().strip() == "Y"


def _write(on):
    with open(_path(), "w", encoding="ascii") as file:
        file.write("Y" if on else "N")


@contextmanager
def set_to(on):
    """Shortcuts on or off meanwhile."""
    before = is_on()
    _write(on)
    try:
        assert is_on() == on
        yield
    except BaseException as error:
        error.add_note(f"with shortcuts {'on' if on else 'off'}")
        raise
    finally:
        _write(before)


def both(scenario, *args, **kwargs):
    """Run it without and with shortcuts -> its result, which is one."""
    found = []
    for on in (False, True):
        with set_to(on):
            found.append(scenario(*args, **kwargs))
    without, with_them = found
    assert with_them == without, "a shortcut shows"
    return without


class Toggling:
    """A thread that turns the shortcuts on and off every few ms."""

    def __init__(self, seconds=0.003):
        self.seconds, self.times = seconds, 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with open(_path(), "r+", encoding="ascii", buffering=1) as file:
            while not self.stop.wait(self.seconds):
                self.times += 1
                file.seek(0)
                file.write("NY"[self.times % 2])
                file.flush()

    def __enter__(self):
        self.before = is_on()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        _write(self.before)
        assert self.times, "never toggled"


# -- bytes ------------------------------------------------------------------

def seen(packets):
    """What has to be the same: all bytes, but for the ident of IPv4.

    A whole packet's ident is left out, those of fragments are counted from
    1 on in the order they come. The header checksum is verified instead.
    """
    idents = {}
    return [_seen(packet, idents) for packet in packets]


def _seen(packet, idents):
    eth, raw = packet.eth, packet.raw
    ip = eth.ip if eth else None
    if not ip or ip.version == 6:
        return raw
    assert ip.header_ok, f"IPv4 header checksum of {packet}"
    ident = 0
    if ip.fragment:
        ident = idents.setdefault(ip.ident, len(idents) + 1)
    at = len(raw) - len(eth.payload)
    return (raw[:at + 4] + ident.to_bytes(2, "big") + raw[at + 6:at + 10]
            + bytes(2) + raw[at + 12:])


class Lane(Bench):
    """A Bench that tells everything that left, in order."""

    def __init__(self, fabric, net, options="", **kwargs):
        self.ports = fabric.host[1].ns.sysctl(PORTS)
        fabric.host[1].ns.sysctl(PORTS, f"{PORT} {PORT}")
        self.also = []          # devices that go with it
        super().__init__(fabric, net, options, **kwargs)

    def delete(self):
        super().delete()
        for name in self.also:
            self.ns.rtnl.dellink(name)
        self.ns.sysctl(PORTS, self.ports)

    def burst(self, *frames):
        """Frames through the device -> all captured packets they caused."""
        self.wire.clear()
        self.tenant.send(*frames, LAST)
        self.wire.wait_for(lambda p: p.sent and LAST in p.raw)
        return [p for p in self.wire.packets(sent=True)
                if LAST not in p.raw and not p.reports]

    def through(self, *frames):
        return seen(self.burst(*frames))

    def untapped(self):
        """Nobody shares the packets of the underlay, which the receive path
        treats in its own way; the tap on the device stays.
        """
        self.wire.close()
        self.device.clear()
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()


def reverse(fabric):
    """The fabric as seen from the other side, for a Bench."""
    return SimpleNamespace(host={1: fabric.host[2], 2: fabric.host[1]})


# -- counters ---------------------------------------------------------------

def netstat(ns):
    """/proc/net/netstat: {"TcpExt.TCPOFOQueue": 1, "IpExt.OutOctets": ...}"""
    found = {}
    lines = ns.read("net/netstat").splitlines()
    for head, values in zip(lines[::2], lines[1::2]):
        proto, names = head.split(":")
        for key, value in zip(names.split(), values.split(":")[1].split()):
            found[f"{proto}.{key}"] = int(value)
    return found


def _mib6(ns, dev):
    """IPv6's own counters of a device."""
    return {f"{dev}.{key}": int(value) for key, value in (
        line.split() for line in
        ns.read(f"net/dev_snmp6/{dev}").splitlines()) if key != "ifIndex"}


def totals(ns, *devices):
    """All counters by name: protocols, links, `ethtool -S`."""
    found = {**counters.snmp(ns), **netstat(ns)}
    for dev in devices:
        found.update(_mib6(ns, dev))
        for key, value in counters.link_stats(ns, dev).items():
            found[f"{dev}.{key}"] = value
        for key, value in ethtool.statistics(ns, dev).items():
            found[f"{dev}.S.{key}"] = value
    return found


#: Growth by the clock, or by a test's own doing.
NOISE = ("Icmp", "TcpExt", "Tcp.", "eth0.Icmp", "MPTcp")


@contextmanager
def growth(*places, but=()):
    """{(namespace label, counter): growth}; places: (ns, dev, ...); but: how
    counters begin that do not matter.
    """
    def read():
        return {(ns.label, key): value for ns, *devices in places
                for key, value in totals(ns, *devices).items()
                if not key.startswith(but)}

    with counters.delta(None, read=read) as moved:
        yield moved


#: Timers that would send by themselves, and answers that are rationed.
CALM_SYSCTLS = {
    "ipv4/conf/default/igmpv3_unsolicited_report_interval": 1,
    "ipv6/conf/default/mldv2_unsolicited_report_interval": 1,
    "ipv4/icmp_ratelimit": 0,
    "ipv6/icmp/ratelimit": 0,
}


@contextmanager
def calm_sysctls():
    """Namespaces that are made meanwhile are calm."""
    kept = dict(netns.QUIET_SYSCTLS)
    netns.QUIET_SYSCTLS.update(CALM_SYSCTLS)
    try:
        yield
    finally:
        netns.QUIET_SYSCTLS.clear()
        netns.QUIET_SYSCTLS.update(kept)


@contextmanager
def calm_wired(mtu=1600, hosts=2, offloads=False):
    """bench.wired(), where nothing happens unless a test does it."""
    with ExitStack() as stack:
        with calm_sysctls():
            fabric = stack.enter_context(wired(mtu, hosts, offloads))
        rest(fabric)
        yield fabric


def rest(fabric):
    """Nothing of its own is under way any more: reports of groups."""
    def sent():
        return [value for host in fabric.hosts
                for key, value in counters.snmp(host.ns).items()
                if key in ("Ip.OutRequests", "Ip6OutRequests",
                           "Icmp6OutMsgs")]

    def still():
        before = sent()
        time.sleep(0.06)
        return sent() == before

    eventually(still, interval=0, what="rest on the underlay")
    fabric.settle()


# -- fixtures ---------------------------------------------------------------

@pytest.fixture(scope="module", params=(V4, V6), ids=repr)
def underlay(request):
    """Both, one after the other."""
    return request.param


def _mtu(request):
    return getattr(request.module, "MTU", 1600)


@pytest.fixture(scope="module")
def fabric(request):
    """Two hosts where nothing else happens."""
    with calm_wired(_mtu(request)) as made:
        yield made


@pytest.fixture(scope="module")
def able(request):
    """The same with all offloads."""
    with calm_wired(_mtu(request), offloads=True) as made:
        yield made
