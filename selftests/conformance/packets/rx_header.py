# SPDX-License-Identifier: GPL-2.0
"""What comes in from the world: outer headers and VXLAN's own, right or not."""

from lib import build
from lib.wire import FRAGMENT, UDP

from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

ROW = "1.6 rx"
INNER = f.udp(4, f.ALICE, f.BOB)


def _rx(name, net, *packets, device=(), row=ROW, **words):
    words.setdefault("mib", True)
    return scene(f"rx/{name}", row, net, device, rx=packets, **words)


def _header(name, net=4, **hdr):
    return _rx(f"header/{name}/v{net}", net, f.outer(net, INNER, hdr=hdr))


def _headers():
    for net in (4, 6):
        yield _header("good", net)
        yield _header("no-flag", net, flags=0)
    for bit in range(8):
        if bit != 3:
            yield _header(f"flag-{1 << bit:02x}", flags=8 | 1 << bit)
    yield _header("other-flags", flags=0xf7)
    for bits in (0x800000, 0x010000, 0x008000, 0x000100, 0x000080, 1,
                 0xffffff):
        yield _header(f"reserved-{bits:06x}", rsvd1=bits)
    for bits in (0x80, 1, 0xff):
        yield _header(f"last-{bits:02x}", rsvd2=bits)
    yield _header("all", flags=0xff, rsvd1=0xffffff, rsvd2=0xff)


def _vnis():
    for net in (4, 6):
        for vni in (0, f.VNI - 1, f.VNI + 1, f.VNI << 8, 0xffffff,
                    0xffff00 | f.VNI):
            yield _rx(f"vni/unknown-{vni:x}/v{net}", net,
                      f.outer(net, INNER, vni))
        for vni in (0, 1, 0xffffff):
            yield _rx(f"vni/known-{vni:x}/v{net}", net,
                      f.outer(net, INNER, vni), device={"ID": vni})


def _cut(net, size):
    """A UDP datagram of so many bytes, its header included."""
    whole = build.vxlan(f.VNI, INNER)[:size - 8]
    return f.outer(net, header=whole)


def _lengths():
    for net in (4, 6):
        for size in (8, 9, 12, 15, 16, 17, 29, 30, 31, 49, 50, 58):
            yield _rx(f"length/udp-{size}/v{net}", net, _cut(net, size))
        for length in (0, 4, 8, 15, 16, 29, 30, 999):
            yield _rx(f"length/says-{length}/v{net}", net, f.outer(
                net, INNER, udp_length=length, check=0
                if net == 4 else 0x4711))
        packet = f.outer(net, INNER)
        yield _rx(f"length/padded/v{net}", net, packet + bytes(20))
        yield _rx(f"length/ip-short/v{net}", net, packet[:-3])
        for size in (14, 20, 33, 41, 53, 60):
            yield _rx(f"length/frame-{size}/v{net}", net, packet[:size])


def _checksums():
    for net in (4, 6):
        for name, check in (("good", "good"), ("zero", 0), ("wrong", 0x4711)):
            for device in ({}, {"UDP_CSUM": 0}, {"UDP_ZERO_CSUM6_RX": 1}):
                label = "".join(device).lower() or "default"
                yield _rx(f"csum/{name}/{label}/v{net}", net,
                          f.outer(net, INNER, check=check), device=device,
                          row="1.2 UDP_ZERO_CSUM6_RX")
    yield _rx("csum/ip-wrong/v4", 4, f.outer(4, INNER, **{"ttl": 9})[:24]
              + b"\x47\x11" + f.outer(4, INNER)[26:])


def _addresses():
    for net in (4, 6):
        for name, words in (
                ("any-source", {"src": "10.0.0.200" if net == 4
                                else "fd00::c8"}),
                ("far-source", {"src": f.NOWHERE[net]}),
                ("own-source", {"src": f.NEAR[net]}),
                ("not-local", {"dst": f.FAR[net][1]}),
                ("strange-group", {"dst": "239.9.9.9" if net == 4
                                   else "ff05::999"}),
                ("source-port-0", {"sport": 0}),
                ("source-port-1", {"sport": 1}),
                ("source-port-8472", {"sport": f.PORT}),
                ("other-port", {"dport": 4789}),
                ("ttl-1", {"ttl": 1}), ("ttl-0", {"ttl": 0}),
                ("tos", {"tos": 0xb8})):
            yield _rx(f"outer/{name}/v{net}", net,
                      f.outer(net, INNER, **words))
        yield _rx(f"outer/group/v{net}", net,
                  f.outer(net, INNER, dst=f.GROUP[net]),
                  remote=f.GROUP[net])
        yield _rx(f"outer/port-4789/v{net}", net,
                  f.outer(net, INNER, dport=4789), device={"PORT": 4789})
        yield _rx(f"outer/local-other/v{net}", net,
                  f.outer(net, INNER), device={
                      "LOCAL6" if net == 6 else "LOCAL":
                      "fd00::77" if net == 6 else "10.0.0.77"})
        yield _rx(f"outer/other-family/v{net}", net,
                  f.outer(10 - net, INNER))
    packet = f.outer(4, INNER)
    yield _rx("outer/ip-options/v4", 4, build.vxlan_frame(
        f.NEAR_MAC, f.FAR_MAC, f.FAR[4][0], f.NEAR[4],
        build.vxlan(f.VNI, INNER), f.SPORT, f.PORT, "good",
        options=b"\x94\x04\0\0"))
    yield _rx("outer/twice/v4", 4, packet, packet)
    yield _rx("outer/broadcast-mac/v4", 4, b"\xff" * 6 + packet[6:])
    yield _rx("outer/other-mac/v4", 4, b"\x02\0\0\x09\0\x01" + packet[6:])
    yield _rx("outer/link-local/v6", 6, f.outer(
        6, INNER, src=f.FAR_LINK_LOCAL, dst=f.NEAR_LINK_LOCAL),
        device={"LOCAL6": f.NEAR_LINK_LOCAL})


def _pieces(net, size=48, order=(0, 1)):
    """One packet as two fragments."""
    packet = f.outer(net, INNER)
    ends = f.FAR[net][0], f.NEAR[net]
    if net == 4:
        body = packet[34:]
        made = [build.ipv4(*ends, UDP, body[:size], ident=77, frag=0x2000),
                build.ipv4(*ends, UDP, body[size:], ident=77,
                           frag=size // 8)]
    else:
        body = packet[54:]
        made = [build.ipv6(*ends, FRAGMENT, bytes([UDP, 0]) + (
            at | more).to_bytes(2, "big") + bytes(3) + b"\x4d" + part)
            for at, more, part in ((0, 1, body[:size]),
                                   (size, 0, body[size:]))]
    return [packet[:14] + made[n] for n in order]


def _fragments():
    for net in (4, 6):
        yield _rx(f"fragments/both/v{net}", net, *_pieces(net))
        yield _rx(f"fragments/turned/v{net}", net,
                  *_pieces(net, order=(1, 0)))
        yield _rx(f"fragments/small/v{net}", net, *_pieces(net, 8))


def _down():
    """A device that is down, alone on its port and beside another one."""
    for net in (4, 6):
        yield _rx(f"down/alone/v{net}", net, f.outer(net, INNER), up=False)

        beside = {"vx1": {"ID": 101}}
        yield _rx(f"down/beside/v{net}", net, f.outer(net, INNER), up=False,
                  beside=beside)
        yield _rx(f"beside/v{net}", net, f.outer(net, INNER),
                  f.outer(net, INNER, 101), beside=beside)

    def down(cable):
        cable.ns.rtnl.setlink(DEV, up=False)
        cable.world.send(f.outer(4, INNER))
        cable.settle()
        cable.ns.rtnl.setlink(DEV, up=True)
        cable.world.send(f.outer(4, INNER))
    yield scene("rx/down/and-up/v4", ROW, 4, rx=[f.outer(4, INNER)],
                one_by_one=True, during=down)


CASES = [*_headers(), *_vnis(), *_lengths(), *_checksums(), *_addresses(),
         *_fragments(), *_down()]
