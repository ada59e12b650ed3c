# SPDX-License-Identifier: GPL-2.0
"""A request that fails leaves everything as it was, whichever of its steps
fails: the device, its table, memberships, sockets, and traffic.

test_flow12_refused_config refuses requests because of what they say; here
each of them could have succeeded.

    host 1: vx0 -- eth0 or eth1 ---- fabric ---- eth0 :host 2
"""

import errno
import itertools
import socket
from contextlib import closing, contextmanager

import pytest

from lib import nl, topo
from lib import fdb as f
from lib import nldefs as d
from lib.bench import DEV, Bench, inner, wired
from lib.failslab import FailingRtnl, needs_failslab
from lib.fdb import GROUP_MAC, ZERO, Fdb
from lib.linkattr import create, data, resolve
from lib.nl import u32
from lib.snapshot import differences, snapshot
from lib.underlay import V4, V6
from lib.wait import eventually

MAC = f.mac(1)
#: Below this MTU an interface does not speak the protocol.
TOO_SMALL = {V4: 67, V6: 1279}
GROUP = {V4: "GROUP", V6: "GROUP6"}
LOCAL = {V4: "LOCAL", V6: "LOCAL6"}


@pytest.fixture(scope="module")
def fabric():
    """Host 1 has a second way into the underlay."""
    with wired() as made:
        ns = made.host[1].ns
        ns.ip("link add eth1 mtu 1600 type veth peer name peer1",
              "link set eth1 up", "link set peer1 up")
        yield made


@pytest.fixture(params=(V4, V6), ids=repr, name="net")
def _net(request):
    return request.param


@pytest.fixture(name="bench")
def _bench(fabric, net):
    """A device with a group and entries, that has seen traffic."""
    made = Bench(fabric, net, to="group")
    table = Fdb(made.ns, DEV)
    table.add(f.mac(7), net.address(2))
    table.append(GROUP_MAC, net.address(2))
    made.send(inner(dst=f.mac(7)))
    made.receive(made.outer(inner()))
    yield made
    made.delete()
    for link in made.ns.rtnl.links():
        if link["kind"] in ("vrf", "vlan", "dummy", topo.kind()):
            delete(made.ns, link["name"])


def delete(ns, name):
    """A link, which may have gone with the one below."""
    try:
        ns.rtnl.dellink(name)
    except nl.NlError as error:
        if error.errno != errno.ENODEV:
            raise


def settled(ns):
    """A snapshot, when what has just been set up rests."""
    last = None

    def rests():
        nonlocal last
        last, before = snapshot(ns), last
        return last if last == before else None
    return eventually(rests, what="nothing changes by itself")


def works(bench):
    """Frames go out and come in as before."""
    frame = inner(dst=f.mac(7))
    (outer,) = bench.send(frame)
    assert (outer.dst, outer.vni) == (bench.net.address(2), bench.vni)
    (outer,) = bench.send(inner(dst="02:00:00:00:ee:01"))
    assert outer.dst == bench.net.group
    assert bench.receive(bench.outer(inner()))


@contextmanager
def nothing_changes(bench):
    """Fail unless all is as it was, and works."""
    before = settled(bench.ns)
    yield
    assert not differences(before, settled(bench.ns))
    works(bench)


def change(bench, **attrs):
    bench.ns.rtnl.changelink(DEV, topo.kind(), resolve(bench.ns,
                                                       data(**attrs)))


def refused(error, bench, **attrs):
    """All that goes before and after in the same request goes for nothing."""
    with pytest.raises(nl.NlError) as caught:
        change(bench, TTL=77, TOS=8, LEARNING=0, **attrs, AGEING=5,
               **{LOCAL[bench.net]: bench.net.address(9)})
    assert f.ERRNO[caught.value.errno] == error, caught.value
    return caught.value


# -- step by step ----------------------------------------------------------

def test_failed_lower_is_above(bench):
    """The lower device: one that stands on the device itself."""
    bench.ns.ip(f"link add link {DEV} name above type vlan id 7",
                "link set above up")
    with nothing_changes(bench), pytest.raises(nl.NlError):
        change(bench, TTL=77, LINK="above", AGEING=5)


def test_failed_lower_is_itself(bench):
    """Or the device itself."""
    with nothing_changes(bench), pytest.raises(nl.NlError):
        change(bench, TTL=77, LINK=DEV, AGEING=5)


def test_failed_lower_too_deep(bench):
    """Or one that stands on too many others."""
    below = "eth1"
    for number in range(1, 8):
        bench.ns.ip(f"link add link {below} name deep{number} type vlan "
                    f"id {number}", f"link set deep{number} up")
        below = f"deep{number}"
    with nothing_changes(bench), pytest.raises(nl.NlError):
        change(bench, TTL=77, LINK=below, AGEING=5)


def place(bench, vrf):
    """eth0 as a port of a VRF or (None) of none, with all its addresses."""
    host, other = bench.near, bench.far
    bench.ns.ip(
        "link set eth0 " + (f"master {vrf}" if vrf else "nomaster"),
        f"addr replace {host.ip4}/24 dev eth0",
        f"addr replace {host.ip6}/64 dev eth0 nodad",
        *[f"neigh replace {address} lladdr {other.mac} dev eth0 nud permanent"
          for address in (other.ip4, other.ip6)])


@pytest.fixture(name="vrfs")
def _vrfs(bench):
    """eth0 in VRF red; eth1 in VRF blue, where the port is taken. Only from
    one VRF to another one, for a socket without is in the way of both.
    """
    bench.ns.ip("link add red type vrf table 10", "link set red up",
                "link add blue type vrf table 11", "link set blue up",
                "link set eth1 master blue")
    place(bench, "red")
    works(bench)
    family = socket.AF_INET if bench.net is V4 else socket.AF_INET6
    with bench.ns.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"blue")
        if bench.net is V6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("", 4789))
        yield sock
    bench.ns.ip("link set eth1 nomaster")
    place(bench, None)


def test_failed_receive(bench, vrfs):
    """The receive socket: a lower device in a VRF where the port is taken.
    When it is free, the same request succeeds.
    """
    with nothing_changes(bench):
        assert refused("EADDRINUSE", bench, LINK="eth1").msg
    # without another step to be undone
    with nothing_changes(bench):
        refused("EADDRINUSE", bench, LINK="eth1",
                **{GROUP[bench.net]: bench.net.address(2)})
    vrfs.close()
    change(bench, LINK="eth1")
    change(bench, LINK="eth0")
    works(bench)


def test_failed_group(bench):
    """The group: a lower device that does not speak the protocol."""
    bench.ns.ip("link add small type dummy", "link set small up",
                f"link set small mtu {TOO_SMALL[bench.net]}")
    with nothing_changes(bench):
        refused("ENODEV", bench, LINK="small")
    with nothing_changes(bench):
        refused("ENODEV", bench, LINK="small",
                **{GROUP[bench.net]: bench.net.other_group})


def test_failed_receive_then_group(bench):
    """The group after the socket has moved into a VRF: it moves back."""
    bench.ns.ip("link add red type vrf table 10", "link set red up",
                "link add small type dummy", "link set small master red up",
                f"link set small mtu {TOO_SMALL[bench.net]}")
    with nothing_changes(bench):
        refused("ENODEV", bench, LINK="small")


def test_failed_default_entry(fabric, net):
    """The default entry: no room for one more in the table."""
    bench = Bench(fabric, net, "maxaddress 1", to="")
    try:
        Fdb(bench.ns, DEV).add(f.mac(7), net.address(2))
        bench.send(inner(dst=f.mac(7)))
        for group in (net.address(3), net.group):
            before = settled(bench.ns)
            refused("ENOSPC", bench, **{GROUP[net]: group})
            assert not differences(before, settled(bench.ns))
        bench.send(inner(dst=f.mac(7)))
        Fdb(bench.ns, DEV).delete(f.mac(7))
        change(bench, **{GROUP[net]: net.address(2)})
        bench.send(inner())
    finally:
        bench.delete()


def test_failed_default_entry_moved(fabric, net):
    """The same after lower device, VRF and group had changed."""
    bench = Bench(fabric, net, "maxaddress 1", to="")
    ns = bench.ns
    ns.ip("link add red type vrf table 10", "link set red up",
          "link set eth1 master red")
    try:
        Fdb(ns, DEV).add(f.mac(7), net.address(2))
        before = settled(ns)
        refused("ENOSPC", bench, LINK="eth1", **{GROUP[net]: net.group})
        assert not differences(before, settled(ns))
        bench.send(inner(dst=f.mac(7)))
        bench.receive(bench.outer(inner()))
    finally:
        ns.ip("link set eth1 nomaster", "link del red")
        bench.delete()


def test_failed_up(bench):
    """Coming up where the port is taken: the device stays down, without
    group and socket.
    """
    bench.ns.rtnl.setlink(DEV, up=False)
    family = socket.AF_INET if bench.net is V4 else socket.AF_INET6
    with bench.ns.socket(family, socket.SOCK_DGRAM) as sock:
        if bench.net is V6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("", 4789))
        before = settled(bench.ns)
        with pytest.raises(nl.NlError) as caught:
            bench.ns.rtnl.setlink(DEV, up=True)
        assert caught.value.errno == errno.EADDRINUSE
        assert not differences(before, settled(bench.ns))
    bench.ns.rtnl.setlink(DEV, up=True)
    works(bench)


def test_failed_create_up(fabric, net):
    """Made to be up at once where the port is taken: not made at all."""
    ns = fabric.host[1].ns
    family = socket.AF_INET if net is V4 else socket.AF_INET6
    attrs = data(ID=9, PORT=4789, LINK="eth0", **{
        GROUP[net]: net.group, LOCAL[net]: net.address(1)})
    with ns.socket(family, socket.SOCK_DGRAM) as sock:
        if net is V6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("", 4789))
        before = settled(ns)
        with pytest.raises(nl.NlError) as caught:
            create(ns, attrs, up=True)
        assert caught.value.errno == errno.EADDRINUSE
        assert not differences(before, settled(ns))


def test_failed_create_name(bench, net):
    """A name that exists."""
    with nothing_changes(bench), pytest.raises(nl.NlError) as caught:
        create(bench.ns, data(ID=9, PORT=4789, LINK="eth0", **{
            GROUP[net]: net.group}), name="eth1", up=True)
    assert caught.value.errno == errno.EEXIST


# -- no memory for any of its allocations ----------------------------------

#: Where allocations fail on demand.
no_memory = pytest.mark.kernels("debug")


@pytest.fixture(name="rtnl")
def _rtnl(bench):
    needs_failslab()
    with FailingRtnl(bench.ns) as made:
        made.sock.settimeout(30)
        yield made


def attempt(rtnl, request):
    """Whether the request succeeded (None: the answer was lost)."""
    try:
        request()
        return True
    except nl.NlError as error:
        assert error.errno in (errno.ENOMEM, errno.ENOBUFS), str(error)
        return False
    except OSError as error:    # of the socket: ENOBUFS instead of an answer
        assert error.errno in (errno.ENOMEM, errno.ENOBUFS), str(error)
        return None


def ours(state):
    """Of a snapshot what the driver answers for. The core may make do without
    a filter of an interface or a group of its own on the new device.
    """
    return {"links": state["links"], "sockets": state["sockets"],
            "fdb": [e for e in state["fdb"] if d.NDA_DST in dict(e[3])],
            "groups": {where: found for where, found in
                       state["groups"].items() if "vx" not in where[0]}}


def each_allocation(rtnl, ns, request, undo, before=None):
    """The nth allocation of the request fails, n = 1, 2, ... until it has not
    that many. Afterwards all is as it was, or all is as it should be.
    """
    before = before or settled(ns)
    rtnl.nth = 0
    request()
    after = settled(ns)
    assert after != before
    undo()
    assert not differences(before, settled(ns)), "undone"
    outcomes = []
    for number in itertools.count(1):
        rtnl.nth = number
        done = attempt(rtnl, request)
        hit, rtnl.nth = rtnl.hit, 0
        now = settled(ns)
        if done is None:
            done = ours(now) == ours(after)
        where = f"allocation {number}"
        wrong = (differences(ours(after), ours(now)) if done
                 else differences(before, now))
        assert not wrong, f"{where}, {done}: " + "; ".join(wrong)
        outcomes.append(done)
        if done:
            undo()
            assert not differences(before, settled(ns)), where + ", undone"
        if not hit:
            break
    assert outcomes[-1] and not all(outcomes), outcomes


@no_memory
def test_failed_memory_change(bench, rtnl):
    """Everything changes at once: lower device, group, addresses, table."""
    net = bench.net
    index = {name: bench.ns.rtnl.index(name) for name in ("eth0", "eth1")}

    def request(**attrs):
        rtnl.changelink(DEV, topo.kind(), data(**attrs))

    def there():
        request(TTL=9, LINK=index["eth1"], **{
            GROUP[net]: net.other_group, LOCAL[net]: net.address(9)})

    def back():
        request(TTL=0, LINK=index["eth0"], **{
            GROUP[net]: net.group, LOCAL[net]: net.address(1)})

    # an interface that has been used has more filters than a new one
    there()
    back()
    each_allocation(rtnl, bench.ns, there, back)
    works(bench)


@no_memory
def test_failed_memory_change_vrf(bench, rtnl):
    """With another socket in a VRF."""
    net = bench.net
    index = {name: bench.ns.rtnl.index(name) for name in ("eth0", "eth1")}
    bench.ns.ip("link add red type vrf table 10", "link set red up",
                "link set eth1 master red")

    def move(name):
        rtnl.changelink(DEV, topo.kind(), data(
            LINK=index[name], **{GROUP[net]: net.address(2 + (name == "eth1"))}
        ))

    try:
        move("eth1")
        move("eth0")
        each_allocation(rtnl, bench.ns, lambda: move("eth1"),
                        lambda: move("eth0"))
    finally:
        bench.ns.ip("link set eth1 nomaster")
    bench.ns.rtnl.changelink(DEV, topo.kind(), data(**{
        GROUP[net]: net.group}))
    works(bench)


@no_memory
@pytest.mark.parametrize("up", [False, True], ids=["down", "up"])
def test_failed_memory_create(bench, rtnl, up):
    """A device with all that it can have; nothing is left of one that could
    not be made.
    """
    net, ns = bench.net, bench.ns
    attrs = resolve(ns, data(ID=9, PORT=4790, LINK="eth0", TTL=5, **{
        GROUP[net]: net.other_group, LOCAL[net]: net.address(1)}))
    extra = [(d.IFLA_ADDRESS, nl.mac("02:00:00:00:99:99"))]

    def gone():
        rtnl.dellink("vx9")

    def made():
        # with the same number each time, so that snapshots can be compared
        head = nl.ifinfomsg(4711, d.IFF_UP if up else 0, d.IFF_UP if up else 0)
        rtnl.request(d.RTM_NEWLINK, d.NLM_F_CREATE | d.NLM_F_EXCL, head, [
            (d.IFLA_IFNAME, nl.text("vx9")), *extra,
            (d.IFLA_LINKINFO, [(d.IFLA_INFO_KIND, nl.text(topo.kind())[:-1]),
                               (d.IFLA_INFO_DATA, attrs)])])

    made()
    gone()
    each_allocation(rtnl, ns, made, gone)
    works(bench)


@no_memory
def test_failed_memory_up(bench, rtnl):
    """Up, with group and socket."""
    rtnl.setlink(DEV, up=False)
    each_allocation(rtnl, bench.ns, lambda: rtnl.request(
        d.RTM_NEWLINK, 0, nl.ifinfomsg(Fdb(bench.ns, DEV).index, d.IFF_UP,
                                       d.IFF_UP)),
        lambda: rtnl.setlink(DEV, up=False))
    rtnl.setlink(DEV, up=True)
    works(bench)


#: What is there before, the request.
FDB = {
    "add": (None, (MAC, 2, f.ADD, f.PERMANENT)),
    "add-zero": ("no default", (ZERO, 2, f.ADD, f.PERMANENT)),
    "replace": ((MAC, 2, f.ADD, f.PERMANENT), (MAC, 3, f.REPLACE, f.STATIC)),
    "state": ((MAC, 2, f.ADD, f.PERMANENT), (MAC, 2, 0, f.STATIC)),
    "append": ((GROUP_MAC, 3, f.APPEND, f.PERMANENT),
               (GROUP_MAC, 4, f.APPEND, f.STATIC)),
}


@no_memory
@pytest.mark.parametrize("name", FDB)
def test_failed_memory_fdb(bench, rtnl, name):
    """Entries: neither half an entry nor one remote more or less."""
    first, request = FDB[name]
    index = Fdb(bench.ns, DEV).index

    def put(lladdr, host, nl_flags, state):
        rtnl.neigh(d.RTM_NEWNEIGH, index, f.attrs(
            lladdr, bench.net.address(host)), state, nl_flags=nl_flags)

    def remove(lladdr):
        rtnl.neigh(d.RTM_DELNEIGH, index, f.attrs(lladdr))

    def undo():
        remove(request[0])
        start()

    def start():
        if request[0] == GROUP_MAC:
            put(GROUP_MAC, 2, f.ADD, f.PERMANENT)
        if isinstance(first, tuple):
            put(*first)

    if first == "no default" or request[0] == GROUP_MAC:
        remove(request[0])
    start()
    with closing(nl.Monitor(bench.ns, (d.RTNLGRP_NEIGH,))):
        each_allocation(rtnl, bench.ns, lambda: put(*request), undo)


@no_memory
def test_failed_memory_fdb_many(bench, rtnl):
    """A table that grows on the way."""
    index = Fdb(bench.ns, DEV).index
    address = bench.net.address(2)
    expected = len(bench.ns.rtnl.fdb(DEV))
    for number in range(200):
        rtnl.nth = number % 5 + 1
        done = attempt(rtnl, lambda number=number: rtnl.neigh(
            d.RTM_NEWNEIGH, index, f.attrs(f.mac(number, 0xdd), address),
            f.PERMANENT, nl_flags=f.ADD))
        rtnl.nth = 0
        there = f.mac(number, 0xdd) in Fdb(bench.ns, DEV).macs()
        assert done in (None, there)
        expected += there
    assert len(bench.ns.rtnl.fdb(DEV)) == expected
    works(bench)


@no_memory
def test_failed_memory_delete(bench, rtnl):
    """Removals succeed without memory."""
    fdb = Fdb(bench.ns, DEV)
    for number in itertools.count(1):
        fdb.add(MAC, bench.net.address(2))
        rtnl.nth = number
        done = attempt(rtnl, lambda: rtnl.neigh(
            d.RTM_DELNEIGH, fdb.index, f.attrs(MAC)))
        rtnl.nth = 0
        if fdb.dsts(MAC):
            assert not done
            fdb.delete(MAC)
        if not rtnl.hit:    # fdb uses another socket
            break
    assert done


@no_memory
def test_failed_memory_mtu_as_it_was(bench, rtnl):
    """A change to a lower device with less room: the MTU shrinks only when
    it succeeds.
    """
    net, ns = bench.net, bench.ns
    ns.ip("link add less mtu 1400 type dummy", "link set less up")
    index = {name: ns.rtnl.index(name) for name in ("eth0", "less")}
    mtu = ns.rtnl.link(DEV)["mtu"]

    def there():
        rtnl.changelink(DEV, topo.kind(), data(LINK=index["less"], **{
            GROUP[net]: net.other_group}))

    def back():
        rtnl.changelink(DEV, topo.kind(), data(LINK=index["eth0"], **{
            GROUP[net]: net.group}))
        ns.rtnl.setlink(DEV, extra=[(d.IFLA_MTU, u32(mtu))])

    there()
    assert ns.rtnl.link(DEV)["mtu"] == 1400 - net.overhead
    back()
    each_allocation(rtnl, ns, there, back)
    works(bench)
