# SPDX-License-Identifier: GPL-2.0
"""Sending: raw frames, UDP datagrams, pings, all without spawning."""

import os
import socket
import struct
import time
from contextlib import contextmanager

from .wait import deadline, scaled
from .wire import csum

ICMP_ECHO, ICMP6_ECHO = 8, 128


class Injector:
    """Sends raw frames out of an interface (several: keep it open)."""

    def __init__(self, ns, ifname="eth0"):
        with ns.entered():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.sock.bind((ifname, 0))

    def send(self, *frames):
        for frame in frames:
            self.sock.send(frame)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def send_frames(ns, ifname, *frames):
    """Send raw frames out of an interface."""
    with Injector(ns, ifname) as injector:
        injector.send(*frames)


def send_udp(ns, dst, dport, payload=b"", sport=0, src=None, ifname=None,
             ttl=None):
    """Send one datagram by a UDP socket (the kernel makes all headers)."""
    family = socket.AF_INET6 if ":" in dst else socket.AF_INET
    with ns.socket(family, socket.SOCK_DGRAM) as sock:
        if ifname:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                            ifname.encode())
        if ttl is not None:
            level = socket.IPPROTO_IPV6 if family == socket.AF_INET6 \
                else socket.IPPROTO_IP
            names = ((socket.IPV6_UNICAST_HOPS, socket.IPV6_MULTICAST_HOPS)
                     if family == socket.AF_INET6
                     else (socket.IP_TTL, socket.IP_MULTICAST_TTL))
            for name in names:
                sock.setsockopt(level, name, ttl)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if src or sport:
            sock.bind((src or ("::" if ":" in dst else "0.0.0.0"), sport))
        sock.sendto(payload, (dst, dport))


def ping(ns, dst, count=1, timeout=5.0, size=56, tos=None, df=None):
    """Echo requests one by one, each answered before the next.

    Returns the number of answers: count, or what came before one was lost.
    """
    v6 = ":" in dst
    proto = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
    family = socket.AF_INET6 if v6 else socket.AF_INET
    ident = os.getpid() & 0xffff
    with ns.socket(family, socket.SOCK_RAW, proto) as sock:
        if tos is not None:
            sock.setsockopt(*((socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
                              if v6 else (socket.IPPROTO_IP, socket.IP_TOS)),
                            tos)
        if df is not None and not v6:
            sock.setsockopt(socket.IPPROTO_IP, 10, 2 if df else 0)
        sock.connect((dst, 0))
        for seq in range(1, count + 1):
            try:
                sock.send(_echo(v6, ident, seq, bytes(size)))
                answered = _answer(sock, v6, ident, seq, deadline(timeout))
            except OSError:     # EHOSTUNREACH, EMSGSIZE: that one is lost
                answered = False
            if not answered:
                return seq - 1
    return count


def _echo(v6, ident, seq, data):
    kind = ICMP6_ECHO if v6 else ICMP_ECHO
    packet = struct.pack("!BBHHH", kind, 0, 0, ident, seq) + data
    if v6:
        return packet       # the kernel fills in the checksum
    return packet[:2] + struct.pack("!H", csum(packet)) + packet[4:]


def _answer(sock, v6, ident, seq, end):
    while True:
        left = end - time.monotonic()
        if left <= 0:
            return False
        sock.settimeout(left)
        try:
            raw = sock.recv(65536)
        except socket.timeout:
            return False
        if not v6:
            raw = raw[(raw[0] & 15) * 4:]
        kind, _, _, number, got = struct.unpack_from("!BBHHH", raw)
        if (kind, number, got) == (129 if v6 else 0, ident, seq):
            return True


@contextmanager
def listener(ns, address, port):
    """A TCP server that accepts (by the kernel) and says nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ns.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(8)
        yield sock


def connect(ns, address, port, timeout=5.0):
    """Connect by TCP; returns the socket, raises OSError when refused."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = ns.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(scaled(timeout))
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock
