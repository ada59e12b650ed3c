# SPDX-License-Identifier: GPL-2.0
"""External mode: packets that bring their instructions along, by routes and
by tc, and what is told of packets that come in.
"""

from itertools import product

from lib import build, instruct

from packets.rig import external as x
from packets.rig import frames as f
from packets.rig.scene import scene

EXTERNAL = {"ID": None, "LINK": None, "LOCAL": None, "LOCAL6": None,
            "COLLECT_METADATA": 1}
SEVEN = ("7.3",)


def external(name, row, net=4, device=(), **words):
    """A case with an external device; {"LINK": ...} and so on as asked."""
    return scene(f"external/{name}", row, net, {**EXTERNAL, **dict(device)},
                 **words)


def inner(version=4, **fields):
    """An IP packet of the host itself."""
    fields.setdefault("ttl", 55)
    if version == 4:
        fields.setdefault("ident", 7)
    return f.udp(version, **fields)[14:]


# ---- routes

def _route(name, net=4, packets=None, device=(), row="1.6 metadata users",
           mark=0, times=1, kernels=(), mib=False, **words):
    words.setdefault("dst", f.FAR[net][0])
    return external(f"route/{name}/v{net}", row, net, device, kernels=kernels,
                    mib=mib, during=x.routed(*(packets or [inner(4)]),
                                             mark=mark, times=times, **words))


def _routes():
    for net in (4, 6):
        for version in (4, 6):
            yield _route(f"plain-{version}", net, [inner(version)], id=7)
            for tos in (0, 1, 2, 3, 0xb8):
                for asked in (None, 0x20, 0x23):
                    words = {} if asked is None else {"tos": asked}
                    yield _route(
                        f"tos-{words.get('tos', 'none')}-of-{tos}-{version}",
                        net, [inner(version, tos=tos)], row="1.6 ECN", id=7,
                        **words)
        for vni in (0, 1, 0xffffff, 0x1000001, 0xffffffff, 1 << 32):
            yield _route(f"id-{vni:x}", net, id=vni)
        yield _route("no-id", net)
        for ttl in (1, 64, 255):
            yield _route(f"ttl-{ttl}", net, id=7, ttl=ttl)
        for name, flags in (("none", 0), ("csum", 1), ("df", 0x100),
                            ("both", 0x101), ("key", 4), ("seq", 8),
                            ("nocache", 0x2000)):
            yield _route(f"flags-{name}", net, id=7, flags=flags)
            yield _route(f"flags-{name}-df-inside", net,
                         [inner(4, frag=0x4000)], id=7, flags=flags)
        yield _route("src", net, id=7, src=f.NEAR[net])
        yield _route("src-foreign", net, id=7, src=f.FAR[net][2])
        yield _route("src-any", net, id=7, src=f.ANY[net])
        yield _route("several", net, times=4, id=7)
        yield _route("mark", net, id=7, mark=5)
        yield _route("two", net, [inner(4), inner(6)], id=7)


def _targets():
    for net in (4, 6):
        for name, table in (
                ("nowhere", f.NOWHERE), ("routed", f.ROUTED),
                ("unreachable", f.UNREACHABLE), ("prohibited", f.PROHIBITED),
                ("black-hole", f.BLACK_HOLE), ("group", f.GROUP),
                ("here", f.NEAR)):
            yield _route(f"to-{name}", net, id=7, dst=table[net])
        yield _route("to-any", net, id=7, dst=f.ANY[net])
        yield _route("to-loopback", net, id=7, mib=True,
                     dst="127.0.0.1" if net == 4 else "::1")
        yield _route("to-nothing", net, id=7, dst=None, six=net == 6)
        yield _route("down", net, id=7, flags=1, times=2)
    yield _route("to-link-local", 6, id=7, dst=f.FAR_LINK_LOCAL)
    yield _route("to-broadcast", 4, id=7, dst="10.0.0.255")


def _attributes():
    """What the device itself is set to, and instructions beside it."""
    for net in (4, 6):
        six = "6" if net == 6 else ""
        for name, device in (
                ("ttl", {"TTL": 9}), ("tos", {"TOS": 0x40}),
                ("tos-inherit", {"TOS": 1}),
                ("ttl-inherit", {"TTL_INHERIT": True}),
                ("df", {"DF": 1}), ("df-inherit", {"DF": 2}),
                ("csum", {"UDP_CSUM": 1}), ("no-csum", {"UDP_CSUM": 0}),
                ("csum6", {"UDP_ZERO_CSUM6_TX": 0}),
                ("no-csum6", {"UDP_ZERO_CSUM6_TX": 1}),
                ("local", {"LOCAL" + six: f.NEAR[net]}),
                ("remote", {"GROUP" + six: f.FAR[net][2]}),
                ("link", {"LINK": "eth0"}),
                ("port", {"PORT": 4790}),
                ("ports", {"PORT_RANGE": (3000, 3000)}),
                ("id", {"ID": 5}), ("no-bypass", {"LOCALBYPASS": 0}),
                ("v6", {"LOCAL6": f.NEAR[6]}), ("v4", {"LOCAL": f.NEAR[4]}),
                ("label", {"LOCAL6": f.NEAR[6], "LABEL": 0x12345}),
                ("no-learning", {"LEARNING": 0})):
            kernels = ("6.12", "7.3") if name == "no-bypass" else ()
            yield _route(f"device-{name}", net, [inner(4, tos=0x48)], device,
                         kernels=kernels, id=7)
            yield _route(f"device-{name}-to-here", net, device=device,
                         kernels=kernels, id=7, dst=f.NEAR[net]) \
                if name in ("no-bypass", "local", "id") else None
        yield _route("label-policy", net, [inner(6)], {
            "LOCAL6": f.NEAR[6], "LABEL_POLICY": 1}, "1.2 LABEL_POLICY",
            kernels=("6.12", "7.3"), id=7)


def _policies():
    """Group policy, and options of another kind of tunnel."""
    for net in (4, 6):
        for gbp in (0, 1, 0xffff, 0x10000, 0x80001, 0x400001, 0xffffffff):
            yield _route(f"gbp-{gbp:x}", net, device={"GBP": True},
                         row="1.6 GBP", id=7, gbp=gbp)
        yield _route("gbp-none", net, device={"GBP": True}, row="1.6 GBP",
                     id=7)
        yield _route("gbp-mark", net, device={"GBP": True}, row="1.6 GBP",
                     mark=0x1234, id=7)
        yield _route("gbp-mark-and-option", net, device={"GBP": True},
                     row="1.6 GBP", mark=0x1234, id=7, gbp=0x77)
        yield _route("gbp-off", net, row="1.6 GBP", id=7, gbp=0x77)
        yield _route("geneve", net, device={"GBP": True}, row="1.6 GBP",
                     id=7, geneve=bytes(4))
        yield _route("geneve-off", net, id=7, geneve=bytes(4))


def _sizes():
    """Packets that do not fit the path."""
    row = "1.6 PMTU"
    for net, version, df in product((4, 6), (4, 6), (0, 0x4000)):
        if version == 6 and df:
            continue
        fields = {"frag": df} if version == 4 else {}
        for size, dst in ((1450, f.FAR), (1451, f.FAR), (1500, f.FAR),
                          (1230, f.NARROW), (1500, f.NARROW)):
            if version == 6 and size < 1280:
                continue
            packet = f.sized(version, size, **(
                {"ident": 7, **fields} if version == 4 else {}))[14:]
            for flags in (0, 0x100):
                yield _route(
                    f"size-{size}-{version}{'-df' if df else ''}"
                    f"{'-narrow' if dst is f.NARROW else ''}"
                    f"{'-outer-df' if flags else ''}", net, [packet],
                    row=row, times=2, id=7, flags=flags,
                    dst=dst[net] if dst is f.NARROW else dst[net][0])


# ---- tc

def _filter(name, net=4, frames=None, device=(), row="1.6 metadata users",
            kernels=(), after=None, rx=(), mark=0, actions=None, **words):
    words = {key: value for key, value in
             {"dst": f.FAR[net][0], "src": f.NEAR[net], "id": 7,
              **words}.items() if value is not None}
    return external(
        f"tc/{name}/v{net}", row, net, device, kernels=kernels, rx=rx,
        after=after, during=x.filtered(*(frames or [f.udp(4)]), mark=mark,
                                       actions=actions, **words))


def _filters():
    for net in (4, 6):
        for name in ("arp", "ns", "udp4", "udp6", "tcp4", "not-ip",
                     "multicast4", "multicast6", "broadcast4", "vlan",
                     "vlan-arp", "qinq", "fragment4", "header-only",
                     "to-own", "from-own", "from-zero", "to-zero"):
            yield _filter(f"frame/{name}", net, [f.INNER[name]], row="1.6 tx")
        for name, frame in f.TORN.items():
            yield _filter(f"torn/{name}", net, [frame], row="1.6 tx")
        for name, words in (
                ("no-id", {"id": None}), ("id-0", {"id": 0}),
                ("id-most", {"id": 0xffffff}),
                ("id-more", {"id": 0x1000007}),
                ("port", {"port": 4789}), ("port-0", {"port": 0}),
                ("ttl", {"ttl": 9}), ("tos", {"tos": 0x20}),
                ("tos-ce", {"tos": 0x23}),
                ("csum", {"no_csum": 0}), ("no-csum", {"no_csum": 1}),
                ("gbp", {"gbp": 9}), ("geneve", {"geneve": bytes(8)}),
                ("to-here", {"dst": f.NEAR[net]}),
                ("to-any", {"dst": f.ANY[net]}),
                ("to-group", {"dst": f.GROUP[net]}),
                ("to-nowhere", {"dst": f.NOWHERE[net]}),
                ("src-any", {"src": f.ANY[net]}),
                ("src-foreign", {"src": f.FAR[net][2]}),
                ("everything", {"port": 4790, "ttl": 3, "tos": 0x88,
                                "no_csum": 1, "gbp": 0x80042})):
            yield _filter(f"word/{name}", net, **words)
            if name in ("gbp", "geneve", "everything"):
                yield _filter(f"word/{name}-on-gbp", net, row="1.6 GBP",
                              device={"GBP": True}, **words)
        for name, frame in (("df", f.udp(4, frag=0x4000)),
                            ("no-df", f.udp(4)), ("udp6", f.udp(6)),
                            ("big", f.sized(4, 1500, frag=0x4000)),
                            ("big-no-df", f.sized(4, 1500))):
            yield _filter(f"no-frag/{name}", net, [frame], row="1.2 DF",
                          kernels=SEVEN, no_frag=True)
        yield _filter("unset", net, row="1.6 tx", actions=lambda c: [
            instruct.tunnel_key(id=7, src=f.NEAR[4], dst=f.FAR[4][0]),
            instruct.tunnel_unset()])
        yield _filter("set-twice", net, actions=lambda c: [
            instruct.tunnel_key(id=7, src=f.NEAR[4], dst=f.FAR[4][0]),
            instruct.tunnel_key(id=8, src=f.NEAR[6], dst=f.FAR[6][0])])
        yield _filter("nothing", net, row="1.6 tx",
                      actions=lambda c: [])
        yield _filter("mark", net, mark=0x77)
        yield _filter("mark-on-gbp", net, mark=0x77, row="1.6 GBP",
                      device={"GBP": True})
    yield _filter("both-families", 4, actions=lambda c: [
        instruct.tunnel_key(id=7, src=f.NEAR[6], dst=f.FAR[6][0])],
        device={"LOCAL": f.NEAR[4]})
    yield _filter("both-families", 6, actions=lambda c: [
        instruct.tunnel_key(id=7, src=f.NEAR[4], dst=f.FAR[4][0])],
        device={"LOCAL6": f.NEAR[6]})


def _plain_device():
    """A device with one VNI does not look at instructions."""
    for net in (4, 6):
        for name, device in (("plain", {}), ("df", {"DF": 1}),
                             ("tos", {"TOS": 1}), ("ttl", {"TTL": 9}),
                             ("gbp", {"GBP": True})):
            yield scene(f"external/ignored/{name}/v{net}", "1.6 tx", net,
                        device, f.FAR[net][1], during=x.filtered(
                            f.udp(4), id=7, src=f.NEAR[4], dst=f.FAR[4][0],
                            ttl=3, tos=0x20))
        yield scene(f"external/ignored/to-here/v{net}", "1.2 LOCALBYPASS",
                    net, fdb=[(f.BOB, f.NEAR[net], {"vni": 101})],
                    beside={"vx1": {"ID": 101}}, during=x.filtered(
                        f.udp(4), id=7, src=f.NEAR[4], dst=f.FAR[4][0]))


# ---- without instructions

def _without():
    for net in (4, 6):
        for name in ("udp4", "arp", "not-ip", "broadcast4"):
            yield external(f"without/{name}/v{net}", "1.6 tx", net,
                           tx=[f.INNER[name]])
        yield external(f"without/default-entry/v{net}", "1.6 tx", net,
                       {"LOCAL6" if net == 6 else "LOCAL": f.NEAR[net]},
                       remote=f.FAR[net][0], tx=[f.udp(4), f.arp()])
        yield external(f"without/entry/v{net}", "1.6 tx", net,
                       {"LOCAL6" if net == 6 else "LOCAL": f.NEAR[net]},
                       fdb=[(f.BOB, f.FAR[net][0], {"src_vni": 0})],
                       tx=[f.udp(4)])
    yield external("without/l2miss/v4", "1.2 L2MISS", 4, {"L2MISS": 1},
                   tx=[f.udp(4)])
    yield external("without/proxy/v4", "1.2 PROXY", 4, {"PROXY": 1},
                   tx=[f.arp(), f.solicitation()],
                   before=lambda c: c.know(f.TENANT[4][1], f.BOB))


# ---- what comes in

def _told(name, net, matches, rx=None, device=(), row="1.6 metadata users",
          **fields):
    return external(f"told/{name}/v{net}", row, net, device,
                    rx=rx or [f.outer(net, f.udp(4), vni=7, **fields)],
                    before=x.matching(*matches), after=x.seen)


def _descriptions():
    for net in (4, 6):
        right = {"id": 7, "src": f.FAR[net][0], "dst": f.NEAR[net]}
        wrong = {"id": 8, "src": f.FAR[net][1], "dst": f.FAR[net][1],
                 "sport": 1, "port": 1, "tos": 1, "ttl": 1}
        for name, value in {**right, "sport": f.SPORT, "port": f.PORT,
                            "tos": 0x48, "ttl": 33}.items():
            fields = {"tos": 0x48, "ttl": 33}
            yield _told(f"{name}", net, [{name: value}], **fields)
            yield _told(f"not-{name}", net, [{name: wrong[name]}], **fields)
        yield _told("all", net, [right])
        yield _told("each-vni", net, [{"id": n} for n in (1, 3, 0xffffff)],
                    rx=[f.outer(net, f.udp(4, src=f"02:00:00:00:dd:{n:02x}"),
                                vni=vni) for n, vni in enumerate(
                                    (0, 1, 2, 3, 0xffffff))])
        for gbp, hdr in ((0x1234, {"flags": 0x88, "rsvd1": 0x1234}),
                         (0x81234, {"flags": 0x88, "rsvd1": 0x081234}),
                         (0x401234, {"flags": 0x88, "rsvd1": 0x401234}),
                         (0, {}), (0, {"flags": 0x88})):
            for asked in (gbp, gbp ^ 1):
                yield _told(f"gbp-{gbp:x}-{len(hdr)}-asked-{asked:x}", net,
                            [{"id": 7, "gbp": asked}], row="1.6 GBP",
                            device={"GBP": True}, hdr=hdr)
        yield _told("gbp-not-on", net, [{"id": 7, "gbp": 5}], row="1.6 GBP",
                    hdr={"flags": 0x88, "rsvd1": 5})
        yield _told("checksum-none", net, [right], check=0,
                    device={"UDP_ZERO_CSUM6_RX": 1})


def _arrivals():
    """Every VNI is taken; what is wrong is not."""
    row = "1.6 rx"
    for net in (4, 6):
        for name, hdr in (("no-flag", {"flags": 0}), ("o", {"flags": 9}),
                          ("middle", {"rsvd1": 1}), ("last", {"rsvd2": 1}),
                          ("gbp", {"flags": 0x88, "rsvd1": 5})):
            yield external(f"rx/header/{name}/v{net}", row, net, rx=[
                f.outer(net, f.udp(4), vni=7, hdr=hdr)])
        for name in ("udp6", "arp", "vlan", "from-own", "from-zero",
                     "from-group", "header-only", "not-ip", "one-byte"):
            yield external(f"rx/frame/{name}/v{net}", row, net, rx=[
                f.outer(net, f.INNER[name], vni=7)])
        for tos, mark in product(range(4), range(4)):
            yield external(f"rx/ecn/{tos}-{mark}/v{net}", "1.6 ECN", net, rx=[
                f.outer(net, f.udp(4, tos=mark), vni=7, tos=tos)])
        yield external(f"rx/down/v{net}", row, net, rx=[
            f.outer(net, f.udp(4), vni=7)], before=lambda c:
            c.ns.rtnl.setlink("vx0", up=False), mib=True)
        yield external(f"rx/other-port/v{net}", row, net, mib=True, rx=[
            f.outer(net, f.udp(4), vni=7, dport=4789)])
        yield external(f"rx/id/v{net}", row, net, {"ID": 5}, rx=[
            f.outer(net, f.udp(4), vni=vni) for vni in (5, 7)])


# ---- two devices

def _pairs():
    """Two external devices on one port: who gets a packet?"""
    row = "1.2 uniqueness"
    four = {**EXTERNAL, "LOCAL": f.NEAR[4]}
    six = {**EXTERNAL, "LOCAL6": f.NEAR[6]}
    bare = {**EXTERNAL}
    rx = [f.outer(net, f.udp(4), vni=7) for net in (4, 6)]
    for name, first, second in (
            ("4-6", four, six), ("6-4", six, four), ("bare-6", bare, six),
            ("4-4", four, four), ("6-6", six, six),
            ("other-port", four, {**four, "PORT": 4789}),
            ("other-flags", four, {**six, "GBP": True})):
        yield scene(f"external/pair/{name}", row, 4, first, rx=rx, mib=True,
                    beside={"vx1": {"LOCAL": None, "LOCAL6": None, **{
                        key: value for key, value in second.items() if value}}})
    for name, step in (
            ("second-down", lambda c: c.ns.rtnl.setlink("vx1", up=False)),
            ("first-down", lambda c: c.ns.rtnl.setlink("vx0", up=False)),
            ("second-deleted", lambda c: c.delete("vx1")),
            ("first-again", lambda c: (
                c.ns.rtnl.setlink("vx0", up=False),
                c.ns.rtnl.setlink("vx0", up=True)))):
        yield scene(f"external/pair/{name}", row, 4, four, mib=True,
                    rx=() if name == "second-deleted" else rx,
                    before=None if name == "second-deleted" else
                    lambda c, step=step: step(c) and None,
                    beside={} if name == "second-deleted" else {"vx1": {
                        "LOCAL": None, "LOCAL6": f.NEAR[6]}},
                    during=_deleted(six, rx)
                    if name == "second-deleted" else None)
    plain = {"ID": 7, "COLLECT_METADATA": None}
    yield scene("external/pair/plain", row, 4, four, rx=rx, mib=True,
                beside={"vx1": plain})


def _deleted(attrs, rx):
    """Another device comes, goes, and leaves all as it was."""
    def during(cable):
        cable.add_device({k: v for k, v in {
            "PORT": None, **attrs}.items() if v is not None}, "vx1",
            "02:00:00:00:c0:02")
        cable.world.send(rx[0])
        cable.settle()
        cable.delete("vx1")
        for frame in rx:
            cable.world.send(frame)
        cable.settle()
    return during


CASES = [case for case in (
    *_routes(), *_targets(), *_attributes(), *_policies(), *_sizes(),
    *_filters(), *_plain_device(), *_without(), *_descriptions(),
    *_arrivals(), *_pairs()) if case]
