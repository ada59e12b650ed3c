# SPDX-License-Identifier: GPL-2.0
"""Tiny BPF programs, put together by hand and loaded by bpf(2).

    with Array(64) as box:
        fd = load(set_key(key(7, "10.0.0.2")) + redirect(index))
        instruct.attach(ns, dev, instruct.EGRESS, match=program(fd))

    with Array(64) as box, Program(tally(box) + end(1), CGROUP_SKB) as program:
        with program.on_cgroup("/sys/fs/cgroup"): ...

No more than what tunnels need: instructions of a packet (struct
bpf_tunnel_key) and their options, set and read; and what cgroups see.
"""

import ctypes
import os
import struct
from contextlib import contextmanager

from .nl import ip, text, u32

_libc = ctypes.CDLL(None, use_errno=True)
SYS_BPF = 321                       # x86_64
MAP_CREATE, MAP_LOOKUP, PROG_LOAD, PROG_ATTACH, PROG_DETACH = 0, 1, 5, 8, 9
ARRAY, SCHED_CLS, CGROUP_SKB, LWT_XMIT = 2, 3, 8, 12
(MAP_VALUE, MAP_UPDATE, GET_KEY, SET_KEY, REDIRECT, GET_OPT, SET_OPT,
 CGROUP_ID) = (1, 2, 20, 21, 23, 29, 30, 79)
#: Where a cgroup asks a program; both answer with CGROUP_OK or 0.
INGRESS, EGRESS = 0, 1
CGROUP_OK = 1
#: Let others be asked, too.
ALLOW_MULTI = 2
#: Flags of set_key() and get_key().
IPV6, ZERO_CSUM, DONT_FRAGMENT = 1, 2, 4
TC_OK, TC_SHOT = 0, 2
KEY_SIZE = 44
#: Where in the stack a key, options and a number are.
_KEY, _OPTIONS, _INDEX = -KEY_SIZE, -64, -72


def _insn(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhi", code, dst | src << 4, off, imm)


def _move(dst, imm):
    return _insn(0xb7, dst, imm=imm)


def _pointer(dst, offset):
    """Register dst = an address in the stack."""
    return _insn(0xbf, dst, 10) + _insn(0x07, dst, imm=offset)


def _store(offset, raw):
    """Bytes, a multiple of four, into the stack."""
    return b"".join(_insn(0x62, 10, off=offset + at, imm=struct.unpack_from(
        "<i", raw, at)[0]) for at in range(0, len(raw), 4))


def _call(number):
    return _insn(0x85, imm=number)


def _context():
    """Register 1 = the packet, kept in register 6."""
    return _insn(0xbf, 1, 6)


def end(imm):
    """Done."""
    return _move(0, imm) + _insn(0x95)


def _unless_ok(verdict):
    """End with a verdict if the last call failed."""
    return _insn(0x15, 0, off=2, imm=0) + end(verdict)


START = _insn(0xbf, 6, 1)


def key(vni, remote, local=None, tos=0, ttl=0, label=0):
    """struct bpf_tunnel_key; addresses of both families, in text."""
    def address(given):
        if given is None:
            return bytes(16)
        raw = ip(given)
        return raw[::-1] + bytes(12) if len(raw) == 4 else raw
    return struct.pack("<I", vni) + address(remote) + struct.pack(
        "<BBHI", tos, ttl, 0, label) + address(local)


def set_key(raw, flags=0, size=KEY_SIZE):
    """The packet gets instructions; it is dropped if that fails."""
    return (_store(_KEY, raw) + _context() + _pointer(2, _KEY)
            + _move(3, size) + _move(4, flags) + _call(SET_KEY)
            + _unless_ok(TC_SHOT))


def set_options(raw):
    """Options of the header, such as a group policy."""
    return (_store(_OPTIONS, raw) + _context() + _pointer(2, _OPTIONS)
            + _move(3, len(raw)) + _call(SET_OPT) + _unless_ok(TC_SHOT))


def redirect(index):
    """Out through a device; the end."""
    return _move(1, index) + _move(2, 0) + _call(REDIRECT) + _insn(0x95)


def report(box, flags=0, options=False):
    """What the packet tells goes into an Array(64): the options, the results
    of both calls, the key; the end.
    """
    keep = _insn(0x63, 10, 0, off=_OPTIONS + 12)
    said = _store(_OPTIONS, bytes(64)) + _context() + _pointer(2, _KEY) \
        + _move(3, KEY_SIZE) + _move(4, flags) + _call(GET_KEY) + keep
    if options:
        said += _context() + _pointer(2, _OPTIONS) + _move(3, 4) \
            + _call(GET_OPT) + _insn(0x63, 10, 0, off=_OPTIONS + 8)
    return said + _store(_INDEX, bytes(4)) + box.loaded(1) \
        + _pointer(2, _INDEX) + _pointer(3, _OPTIONS) + _move(4, 0) \
        + _call(MAP_UPDATE) + end(TC_OK)


def tally(box, cgroup=False):
    """An Array(32) counts packets and adds up their bytes; cgroup: the
    identifiers of the senders' cgroups, too.
    """
    said = _store(_INDEX, bytes(4)) + box.loaded(1) + _pointer(2, _INDEX) \
        + _call(MAP_VALUE) + _insn(0x55, 0, off=2) + end(0) \
        + _insn(0xbf, 7, 0) + _move(1, 1) + _insn(0xdb, 7, 1) \
        + _insn(0x61, 1, 6) + _insn(0xdb, 7, 1, 8)
    if cgroup:
        said += _context() + _call(CGROUP_ID) + _insn(0xdb, 7, 0, 16)
    return said


def unless_longer(size, verdict):
    """End with a verdict if the packet has no more than so many bytes."""
    return _insn(0x61, 1, 6) + _insn(0x25, 1, off=2, imm=size) + end(verdict)


def _bpf(command, attr):
    raw = ctypes.create_string_buffer(attr, 120)
    result = _libc.syscall(SYS_BPF, command, raw, 120)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"bpf {command}")
    return result


def _address(buffer):
    return ctypes.addressof(buffer)


class Array:
    """One value, which a program writes and we read."""

    def __init__(self, size):
        self.size = size
        self.fd = _bpf(MAP_CREATE, struct.pack("<IIII", ARRAY, 4, size, 1))

    def loaded(self, register):
        """Instructions that make a register point to it."""
        return _insn(0x18, register, 1, imm=self.fd) + _insn(0)

    def read(self):
        index = ctypes.create_string_buffer(4)
        value = ctypes.create_string_buffer(self.size)
        _bpf(MAP_LOOKUP, struct.pack("<IIQQQ", self.fd, 0, _address(index),
                                     _address(value), 0))
        return value.raw

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


class Program:
    """A loaded program."""

    def __init__(self, instructions, kind=SCHED_CLS):
        code = ctypes.create_string_buffer(START + instructions)
        licence = ctypes.create_string_buffer(b"GPL")
        log = ctypes.create_string_buffer(1 << 16)
        try:
            self.fd = _bpf(PROG_LOAD, struct.pack(
                "<IIQQIIQ", kind, (len(code) - 1) // 8, _address(code),
                _address(licence), 1, len(log), _address(log)))
        except OSError as error:
            raise OSError(error.errno, log.value.decode()) from None

    def match(self):
        """For instruct.attach(): the program itself decides."""
        return "bpf", 1, [(6, u32(self.fd)), (7, text("vxlan")),
                          (8, u32(1))]

    def encap(self):
        """For instruct.route(): it sees what the route sends."""
        return 6, [(3, [(1, u32(self.fd)), (2, text("vxlan"))])]

    @contextmanager
    def on_cgroup(self, path, side=EGRESS):
        """A cgroup asks it meanwhile."""
        place = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        attr = struct.pack("<IIII", place, self.fd, side, ALLOW_MULTI)
        try:
            _bpf(PROG_ATTACH, attr)
            try:
                yield
            finally:
                _bpf(PROG_DETACH, attr[:12])
        finally:
            os.close(place)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)
