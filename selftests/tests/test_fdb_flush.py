# SPDX-License-Identifier: GPL-2.0
"""Flush: what `bridge fdb flush` takes out of the forwarding table."""

import pytest

from lib import fdb as f
from lib import nl
from lib import nldefs as d
from lib.fdb import ZERO, fdb, fdb_host, refusal    # noqa: F401

ONE, TWO, THREE = "10.0.0.1", "10.0.0.2", "10.0.0.3"

#: Ten entries and remotes, each of which differs from the others in one way.
FLUSH_TABLE = {
    "static": (f.mac(1), ONE, f.STATIC, d.NTF_SELF, {}),
    "dynamic": (f.mac(2), ONE, f.DYNAMIC, d.NTF_SELF, {}),
    "permanent": (f.mac(3), TWO, f.PERMANENT, d.NTF_SELF, {}),
    "extern": (f.mac(4), TWO, f.DYNAMIC, d.NTF_SELF | d.NTF_EXT_LEARNED, {}),
    "router": (f.mac(5), ONE, f.DYNAMIC, d.NTF_SELF | d.NTF_ROUTER, {}),
    "port": (f.mac(6), ONE, f.PERMANENT, d.NTF_SELF, {"port": 99}),
    "vni": (f.mac(7), THREE, f.PERMANENT, d.NTF_SELF, {"vni": 7}),
    "flood1": (ZERO, ONE, f.PERMANENT, d.NTF_SELF, {}),
    "flood2": (ZERO, TWO, f.PERMANENT, d.NTF_SELF, {}),
    "flood3": (ZERO, TWO, f.PERMANENT, d.NTF_SELF, {"vni": 7}),
}


def state_mask(mask):
    return (d.NDA_NDM_STATE_MASK, nl.u16(mask))


def flags_mask(mask):
    return (d.NDA_NDM_FLAGS_MASK, nl.u8(mask))


EVERYTHING = set(FLUSH_TABLE)
HARD = {"permanent", "port", "vni", "flood1", "flood2", "flood3"}

FLUSHES = {
    # name: (header state, header flags, filters, what goes, 6.1 can)
    "all": (0, 0, [], EVERYTHING, True),
    "state-without-mask": (d.NUD_PERMANENT, 0, [], EVERYTHING, True),
    "permanent": (d.NUD_PERMANENT, 0, [state_mask(d.NUD_PERMANENT)], HARD,
                  True),
    "nopermanent": (0, 0, [state_mask(d.NUD_PERMANENT)], EVERYTHING - HARD,
                    True),
    "dynamic": (0, 0, [state_mask(d.NUD_PERMANENT | d.NUD_NOARP)],
                {"dynamic", "extern", "router"}, True),
    "extern": (0, d.NTF_EXT_LEARNED, [flags_mask(d.NTF_EXT_LEARNED)],
               {"extern"}, True),
    "noextern": (0, 0, [flags_mask(d.NTF_EXT_LEARNED)],
                 EVERYTHING - {"extern"}, True),
    "router": (0, d.NTF_ROUTER, [flags_mask(d.NTF_ROUTER)], {"router"}, True),
    "offloaded": (0, d.NTF_OFFLOADED, [flags_mask(d.NTF_OFFLOADED)], set(),
                  True),
    "state-and-flags": (0, d.NTF_ROUTER,
                        [state_mask(d.NUD_PERMANENT),
                         flags_mask(d.NTF_ROUTER)], {"router"}, True),
    "dst": (0, 0, [(d.NDA_DST, nl.ip(TWO))],
            {"permanent", "extern", "flood2", "flood3"}, False),
    "dst-ipv6": (0, 0, [(d.NDA_DST, nl.ip("fd00::2"))], set(), False),
    "port": (0, 0, [(d.NDA_PORT, nl.be16(99))], {"port"}, False),
    "own-port": (0, 0, [(d.NDA_PORT, nl.be16(4789))], EVERYTHING - {"port"},
                 False),
    "vni": (0, 0, [(d.NDA_VNI, nl.u32(7))], {"vni", "flood3"}, False),
    "own-vni": (0, 0, [(d.NDA_VNI, nl.u32(100))],
                EVERYTHING - {"vni", "flood3"}, False),
    "dst-and-vni": (0, 0, [(d.NDA_DST, nl.ip(TWO)), (d.NDA_VNI, nl.u32(7))],
                    {"flood3"}, False),
    "src-vni": (0, 0, [(d.NDA_SRC_VNI, nl.u32(100))], EVERYTHING, False),
    "other-src-vni": (0, 0, [(d.NDA_SRC_VNI, nl.u32(101))], set(), False),
    "dst-permanent": (d.NUD_PERMANENT, 0,
                      [(d.NDA_DST, nl.ip(TWO)),
                       state_mask(d.NUD_PERMANENT)],
                      {"permanent", "flood2", "flood3"}, False),
}


def flush_left(fdb):
    """Names of the entries of FLUSH_TABLE that are still there."""
    found = {(e["mac"], e["dst"], e["vni"]) for e in fdb.entries()}
    return {name for name, (mac, dst, _, _, words) in FLUSH_TABLE.items()
            if (mac, dst, words.get("vni")) in found}


@pytest.mark.parametrize("name", FLUSHES)
def test_fdb_flush(fdb, name):
    """Flush takes out what matches all filters, nothing else."""
    state, flags, filters, goes, on_61 = FLUSHES[name]
    for mac, dst, how, ntf, words in FLUSH_TABLE.values():
        fdb.change(mac, dst, f.APPEND, how, ntf, **words)
    assert flush_left(fdb) == EVERYTHING
    if not f.FULL_FLUSH and not on_61:
        assert refusal(fdb.flush, filters, state, flags) == "EINVAL"
        goes = set()
    else:
        fdb.flush(filters, state, flags)
    assert flush_left(fdb) == EVERYTHING - goes
    assert len(fdb.entries()) == len(EVERYTHING - goes)


def test_fdb_flush_vni_zero(fdb):
    """VNI 0 is a filter, not the absence of one."""
    fdb.add(f.mac(1), ONE, vni=0)
    fdb.add(f.mac(2), ONE)
    vni_zero = [(d.NDA_VNI, nl.u32(0))]
    if not f.FULL_FLUSH:
        assert refusal(fdb.flush, vni_zero) == "EINVAL"
        return
    fdb.flush(vni_zero)
    assert fdb.macs() == [f.mac(2)]


def test_fdb_flush_command(fdb_host, fdb):
    """`bridge fdb flush` without filter takes the default entry, too."""
    fdb.append(ZERO, ONE)
    fdb.add(f.mac(1), ONE)
    fdb_host.bridge("fdb flush dev vx0")
    assert not fdb.entries()
