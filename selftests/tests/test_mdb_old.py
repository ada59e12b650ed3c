# SPDX-License-Identifier: GPL-2.0
"""The multicast database on a kernel whose core has none but that of bridges:
nothing is accepted that would not be followed.
"""

import errno

import pytest

from lib import mdb as m
from lib import nl
from lib.fdb import fdb, fdb_host               # noqa: F401
from lib.mdb import Mdb

pytestmark = pytest.mark.skipif(
    m.HAS_MDB, reason="test_mdb: this kernel has an MDB for every device")


@pytest.mark.parametrize("bridge", [False, True])
def test_mdb_old_refused(fdb, bridge):          # noqa: F811
    """With and without the bridge module, which answers such requests."""
    if bridge:
        fdb.ns.ip("link add br0 type bridge", "link del br0")
    table = Mdb(fdb.ns)
    for call in (lambda: table.add("239.1.1.1", "10.0.0.2"),
                 lambda: table.delete("239.1.1.1", "10.0.0.2"),
                 table.flush):
        with pytest.raises(nl.NlError) as caught:
            call()
        assert caught.value.errno == errno.EOPNOTSUPP
        assert caught.value.msg or not bridge
    assert not bridge or table.dump() == []
