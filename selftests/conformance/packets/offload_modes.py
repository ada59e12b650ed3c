# SPDX-License-Identifier: GPL-2.0
"""Segmentation and aggregation in each mode: group policy, external devices,
VLAN tags, VXLAN in VXLAN. What goes out is a large frame of a tenant, what comes
in are packets that arrive together.
"""

import struct

from lib import build, ethtool, features
from lib.wire import TCP, UDP, csum, ip_bytes, pseudo

from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene
from packets.tx_offload import CSUM_AT, GSO, NEEDS_CSUM, partial

ROW = "1.6 GSO"
QINQ = ((0x6007, f.ETH_QINQ), (5,))
#: {what: (protocol, bytes in all, in each segment, tags)}
LOADS = {
    "csum": (TCP, 101, 0, ()), "tcp": (TCP, 4100, 1300, ()),
    "tcp-large": (TCP, 30000, 1200, ()), "udp": (UDP, 4100, 1300, ()),
    "vlan": (TCP, 4100, 1300, ((5,),)), "qinq": (TCP, 4100, 1200, QINQ),
    "vlan-csum": (UDP, 101, 0, ((5,),)),
}


# -- out ------------------------------------------------------------------------

def _sender(version, load, name=DEV, mark=0):
    """Sends a large frame; an old kernel may not know how to take it."""
    proto, size, segment, tags = LOADS[load]
    frame, start = partial(version, proto, size, tags)
    kind = "none" if not segment else "udp" if proto == UDP else version
    length = start + (20 if proto == TCP else 8) if segment else 0
    header = struct.pack("=BBHHHH", NEEDS_CSUM, GSO[kind], length, segment,
                         start, CSUM_AT[proto])

    def during(cable):
        try:
            cable.send_offloaded(header, frame, name, mark)
        except OSError as error:    # the socket's refusal, not the driver's
            cable.send(f.other(error.errno), name=name)
    return during


def _checksums(net):
    """Outer checksum or none: (name, attributes, words of tc)."""
    off = {"UDP_CSUM": 0} if net == 4 else {"UDP_ZERO_CSUM6_TX": 1}
    on = {"UDP_CSUM": 1} if net == 4 else {}
    return ("csum", on, "csum"), ("nocsum", off, "nocsum")


def _policy():
    """The group policy is in each segment."""
    for net in (4, 6):
        for word, device, _ in _checksums(net):
            for load in LOADS:
                yield scene(f"offload/gbp/{load}/{word}/v{net}", ROW, net,
                            {**device, "GBP": True}, f.FAR[net][0],
                            during=_sender(4, load, mark=0x80017))


def _instructed(net, words):
    """tc gives each frame its instructions."""
    def before(cable):
        cable.ns.run(f"tc qdisc add dev {DEV} clsact")
        cable.ns.run(
            f"tc filter add dev {DEV} egress matchall action tunnel_key set "
            f"src_ip {f.NEAR[net]} dst_ip {f.FAR[net][0]} id 77 dst_port 4790 "
            f"ttl 9 tos 0x10 {words}")
    return before


def _external():
    """The instructions of the whole are those of each segment."""
    device = {"ID": None, "GROUP": None, "GROUP6": None, "LOCAL": None,
              "LOCAL6": None, "LINK": None, "COLLECT_METADATA": 1}
    for net in (4, 6):
        for word, _, tc in _checksums(net):
            for load in LOADS:
                for version in (4, 6) if load in ("tcp", "udp") else (4,):
                    yield scene(
                        f"offload/external/{load}{version}/{word}/v{net}",
                        ROW, net, device, before=_instructed(net, tc),
                        during=_sender(version, load))


def _inner():
    """IPv6, and tags around it."""
    for net in (4, 6):
        for word, device, _ in _checksums(net):
            for load in ("vlan", "qinq", "vlan-csum", "tcp-large"):
                yield scene(f"offload/inner6/{load}/{word}/v{net}", ROW, net,
                            device, f.FAR[net][0], during=_sender(6, load))


NESTED = ("fd07:1::1", "fd07:1::2")
PARTIAL = ("tx-gso-partial", "tx-udp_tnl-segmentation",
           "tx-udp_tnl-csum-segmentation")


def _above(partly):
    """vx1 sends through vx0; partly: vx0 segments in part only.

    An address of vx0 itself would be announced to routers, some time.
    """
    def before(cable):
        cable.ns.ip(f"addr replace {NESTED[0]}/128 dev lo",
                    f"route replace {NESTED[1]}/128 dev {DEV}")
        cable.know(NESTED[1], f.BOB)
        if partly:
            features.switch(cable.ns, DEV, True, *PARTIAL)
    return before


def _nested():
    """VXLAN in VXLAN. The outer one is IPv4 and IPv6, the inner one IPv6,
    whose headers have no random part.
    """
    for net in (4, 6):
        for outer, device, _ in _checksums(net):
            for inner, above, _ in _checksums(6):
                beside = {"vx1": {
                    "GROUP": None, "LOCAL": None, "ID": 101, "PORT": 4789,
                    "GROUP6": NESTED[1], "LOCAL6": NESTED[0], "LINK": DEV,
                    "UDP_CSUM": None, "UDP_ZERO_CSUM6_TX": None, **above}}
                for load in ("csum", "tcp", "udp", "vlan"):
                    for partly in (False, True):
                        how = "partial" if partly else "whole"
                        yield scene(
                            f"offload/nested/{load}/{outer}-{inner}/{how}/"
                            f"v{net}", ROW, net, device, f.FAR[net][0],
                            before=_above(partly), beside=beside,
                            during=_sender(4, load, "vx1"),
                            kernels=("7.3",) if partly else ())


# -- in -------------------------------------------------------------------------

COUNT, SIZE = 6, 100


def _stream(version, gap=(), **words):
    """Frames of one TCP stream, in order; gap: numbers of those that are not
    what is next.
    """
    fields = {"frag": 0x4000} if version == 4 else {}
    return [f.tcp(version, bytes([n]) * SIZE, 1 + (n + 90 * (n in gap)) * SIZE,
                  f.ALICE, f.BOB, flags=0x10, **fields, **words)
            for n in range(COUNT)]


def _together(net, payloads, dport=f.PORT):
    """The underlay packets of payloads of one length, sent as one frame that
    the sender's card cuts.
    """
    size, = {len(payload) for payload in payloads}
    data = b"".join(payloads)
    ends = f.FAR[net][0], f.NEAR[net]
    head = struct.pack("!HHH", f.SPORT, dport, 8 + len(data))
    half = ~csum(pseudo(*map(ip_bytes, ends), UDP, 8 + len(data))) & 0xffff
    frame = build.ip_frame(f.NEAR_MAC, f.FAR_MAC, build.ip(
        *ends, UDP, head + struct.pack("!H", half) + data))
    start = 34 if net == 4 else 54
    return struct.pack("=BBHHHH", NEEDS_CSUM, GSO["udp"], start + 8, size,
                       start, CSUM_AT[UDP]), frame


def _arrives(net, payloads):
    """With aggregation on eth0; afterwards it is as it was."""
    def during(cable):
        ethtool.offload(cable.far, "eth0")
        ethtool.offload(cable.ns, "eth0", True, ("gro",))
        try:
            cable.world_segments(*_together(net, payloads))
            cable.settle()
        finally:
            ethtool.offload(cable.ns, "eth0", False, ("gro",))
            ethtool.offload(cable.far, "eth0", True)
    return during


def _headers(frames, vni=f.VNI, **hdr):
    """All with one header; hdr[key] may be a function of the number."""
    return [build.vxlan(vni(n) if callable(vni) else vni, frame, **{
        key: word(n) if callable(word) else word
        for key, word in hdr.items()}) for n, frame in enumerate(frames)]


def _in_vxlan(frames, check):
    """What vx1 would send through vx0."""
    return [build.ip_frame(f.OWN, f.BOB, build.ipv6(
        NESTED[1], NESTED[0], UDP, build.udp(
            NESTED[1], NESTED[0], f.SPORT, 4789, build.vxlan(101, frame),
            check))) for frame in frames]


def _arrivals():
    """{name: (payloads, attributes of the device)}"""
    plain = _stream(4)
    yield "tcp4", _headers(plain), {}
    yield "tcp6", _headers(_stream(6)), {}
    yield "gap", _headers(_stream(4, gap=(3,))), {}
    yield "udp", _headers([f.udp(4, f.ALICE, f.BOB, bytes(SIZE))] * 4), {}
    yield "arp", _headers([f.arp(src=f.BOB)] * 4), {}
    yield "vlan", _headers([f.tagged(frame, (5,)) for frame in plain]), {}
    yield "two-vlans", _headers([f.tagged(frame, (5 + n % 2,))
                                 for n, frame in enumerate(plain)]), {}
    yield "bad-checksum", _headers(_stream(4, check=0x4711)), {}
    yield "two-vnis", _headers(plain, lambda n: f.VNI + (n > 2)), {}
    yield "turns", _headers(plain, lambda n: f.VNI + n % 2), {}
    yield "unknown-vni", _headers(plain, 999), {}
    yield "no-flag", _headers(plain, flags=0), {}
    yield "one-without", _headers(plain, flags=lambda n: 8 * (n != 2)), {}
    yield "reserved", _headers(plain, rsvd1=1), {}
    yield "one-reserved", _headers(plain, rsvd2=lambda n: n == 2), {}
    yield "gbp", _headers(plain, flags=0x88, rsvd1=7), {"GBP": True}
    yield "two-policies", _headers(plain, flags=0x88, rsvd1=lambda n: 7 + (
        n > 2)), {"GBP": True}
    yield "some-policy", _headers(plain, flags=lambda n: 8 | 128 * (n > 2),
                                  rsvd1=lambda n: 7 * (n > 2)), {"GBP": True}
    yield "no-gbp", _headers(plain, flags=0x88, rsvd1=7), {}
    external = {"ID": None, "GROUP": None, "GROUP6": None, "LOCAL": None,
                "LOCAL6": None, "LINK": None, "COLLECT_METADATA": 1}
    yield "external", _headers(plain, 77), external
    yield "external-two", _headers(plain, lambda n: 77 + (n > 2)), {
        **external, "LEARNING": 0}
    yield "external-gbp", _headers(plain, 77, flags=0x88, rsvd1=7), {
        **external, "GBP": True}


def _received():
    for net in (4, 6):
        for name, payloads, device in _arrivals():
            yield scene(f"offload/gro/{name}/v{net}", "1.6 GRO", net, device,
                        during=_arrives(net, payloads), mib=True,
                        kernels=("6.12", "7.3"))
        for name, check in (("csum", None), ("nocsum", 0)):
            yield scene(
                f"offload/gro/nested/{name}/v{net}", "1.6 GRO", net,
                before=_above(False), kernels=("6.12", "7.3"),
                beside={"vx1": {"GROUP": None, "LOCAL": None, "ID": 101,
                                "PORT": 4789, "GROUP6": NESTED[1],
                                "LOCAL6": NESTED[0], "LINK": DEV,
                                "UDP_ZERO_CSUM6_RX": 1}},
                during=_arrives(net, _headers(_in_vxlan(_stream(4), check))))


CASES = [*_policy(), *_external(), *_inner(), *_nested(), *_received()]
