# SPDX-License-Identifier: GPL-2.0
"""Addresses of the underlay and of two tenants, and the frames they send."""

import struct

from lib import build
from lib.wire import ETH_IPV4, ETH_IPV6, ETH_QINQ, ETH_VLAN, TCP, csum, pseudo

#: The device's own address, two tenants, and strangers.
OWN = "02:00:00:00:c0:01"
ALICE, BOB, CAROL = (f"02:00:00:00:{n}:01" for n in ("aa", "bb", "cc"))
GROUP_MAC, GROUP6_MAC = "01:00:5e:01:01:01", "33:33:00:00:01:01"
TENANT = {4: ("192.168.100.1", "192.168.100.2"), 6: ("fd01::1", "fd01::2")}

#: eth0 of the namespace with the device, and of the world.
NEAR_MAC, FAR_MAC = "02:00:00:01:00:01", "02:00:00:02:00:01"
NEAR = {4: "10.0.0.1", 6: "fd00::1"}
#: VTEPs in the world.
FAR = {4: [f"10.0.0.{n}" for n in (2, 3, 4)],
       6: [f"fd00::{n}" for n in (2, 3, 4)]}
NEAR_LINK_LOCAL, FAR_LINK_LOCAL = "fe80::1", "fe80::2"
GROUP = {4: "239.1.1.1", 6: "ff05::1:1"}
ANY = {4: "0.0.0.0", 6: "::"}
#: Destinations by what the routing table says of them.
NOWHERE = {4: "203.0.113.1", 6: "2001:db8::1"}
ROUTED = {4: "10.0.4.2", 6: "fd04::2"}
NARROW = {4: "10.0.9.2", 6: "fd09::2"}
NARROW_MTU = {4: 1300, 6: 1300}
LOCKED = {4: "10.0.5.2"}
UNREACHABLE = {4: "10.0.8.2", 6: "fd08::2"}
PROHIBITED = {4: "10.0.6.2", 6: "fd06::2"}
BLACK_HOLE = {4: "10.0.7.2", 6: "fd07::2"}
#: Bytes around an inner IP packet.
OVERHEAD = {4: 50, 6: 70}

VNI = 100
PORT = 8472
SPORT = 50000


def udp(version=4, dst=BOB, src=ALICE, payload=b"packet", **fields):
    """A UDP datagram from Alice to Bob; fields of its IP header by name."""
    return build.udp_frame(dst, src, *TENANT[version], payload=payload,
                           **fields)


def sized(version, size, dst=BOB, src=ALICE, **fields):
    """A UDP datagram whose IP packet has that many bytes."""
    head = 28 if version == 4 else 48
    return udp(version, dst, src, bytes(n & 255 for n in range(size - head)),
               **fields)


def other(size=46, dst=BOB, src=ALICE, kind=0x88b6):
    """A frame that is not IP."""
    return build.ether(dst, src, kind, bytes(n & 255 for n in range(size)))


def tagged(frame, *tags):
    """The frame behind VLAN tags: (TCI) or (TCI, type), outermost first."""
    raw = b"".join(struct.pack("!HH", tag[1] if len(tag) > 1 else ETH_VLAN,
                               tag[0]) for tag in tags)
    return frame[:12] + raw + frame[12:]


def arp(dst=build.BROADCAST, src=ALICE):
    return build.arp_request(src, *TENANT[4], dst)


def solicitation(src=ALICE):
    """Who has the second tenant's address? By IPv6."""
    near, far = TENANT[6]
    group = "ff02::1:ff00:2"
    body = struct.pack("!BBHI", 135, 0, 0, 0) + build.ip_bytes(far) + \
        b"\x01\x01" + build.mac_bytes(src)
    check = csum(pseudo(build.ip_bytes(near), build.ip_bytes(group), 58,
                        len(body)) + body)
    body = body[:2] + struct.pack("!H", check) + body[4:]
    return build.ip_frame("33:33:ff:00:00:02", src, build.ipv6(
        near, group, 58, body, ttl=255))


def tcp(version=4, payload=b"", seq=1, dst=BOB, src=ALICE, check=None,
        flags=0x18, **fields):
    """A TCP segment; check None: the right checksum."""
    ends = TENANT[version]
    data = struct.pack("!HHIIBBHHH", 1000, 2000, seq, 1, 0x50, flags, 512, 0,
                       0) + payload
    if check is None:
        check = csum(pseudo(*map(build.ip_bytes, ends), TCP, len(data))
                     + data)
    data = data[:16] + struct.pack("!H", check) + data[18:]
    return build.ip_frame(dst, src, build.ip(*ends, TCP, data, **fields))


def options4(dst=BOB, src=ALICE):
    """An IPv4 header with options."""
    return build.ip_frame(dst, src, build.ipv4(
        *TENANT[4], 17, build.udp(*TENANT[4], 1234, 5678, b"options"),
        options=b"\x94\x04\0\0"))


def fragment4(dst=BOB, src=ALICE):
    """The second fragment of something."""
    return build.ip_frame(dst, src, build.ipv4(
        *TENANT[4], 17, bytes(24), ident=99, frag=0x0010))


def hop_by_hop(dst=BOB, src=ALICE):
    """IPv6 with an extension header."""
    ends = TENANT[6]
    return build.ip_frame(dst, src, build.ipv6(
        *ends, 0, b"\x11\0\x01\x04\0\0\0\0"
        + build.udp(*ends, 1234, 5678, b"extended")))


#: What a tenant may send, by a name for it.
INNER = {
    "arp": arp(),
    "arp-reply": build.ether(BOB, ALICE, 0x0806, build.arp(
        2, ALICE, TENANT[4][0], BOB, TENANT[4][1])),
    "ns": solicitation(),
    "udp4": udp(4),
    "udp6": udp(6),
    "udp4-no-checksum": build.ip_frame(BOB, ALICE, build.ipv4(
        *TENANT[4], 17, build.udp(*TENANT[4], 1234, 5678, b"x", 0))),
    "tcp4": tcp(4, b"stream"),
    "tcp6": tcp(6, b"stream"),
    "options4": options4(),
    "fragment4": fragment4(),
    "hop-by-hop6": hop_by_hop(),
    "broadcast4": udp(4, build.BROADCAST),
    "multicast4": udp(4, GROUP_MAC),
    "multicast6": udp(6, GROUP6_MAC),
    "not-ip": other(),
    "llc": build.ether(BOB, ALICE, 4, b"\xaa\xaa\x03\0"),
    "lldp": other(dst="01:80:c2:00:00:0e", kind=0x88cc),
    "mpls": other(kind=0x8847),
    "vlan": tagged(udp(4), (5,)),
    "vlan-priority": tagged(udp(6), (0xe064,)),
    "vlan-not-ip": tagged(other(), (5,)),
    "vlan-arp": tagged(arp(), (5,)),
    "qinq": tagged(udp(4), (0x6007, ETH_QINQ), (0x0005,)),
    "qinq-vlan": tagged(udp(6), (7,), (5,)),
    "header-only": other(0),
    "one-byte": other(1),
    "unpadded": other(45),
    "padded": other(46),
    "padded-ip": udp(4, payload=b"") + bytes(18),
    "large": sized(4, 1400),
    "large6": sized(6, 1400),
    "odd": sized(4, 999),
    "from-own": udp(4, src=OWN),
    "to-own": udp(4, dst=OWN),
    "from-group": udp(4, src=GROUP_MAC),
    "from-zero": udp(4, src=build.ZERO_MAC),
    "to-zero": udp(4, dst=build.ZERO_MAC),
}

#: Inner headers that end before they should.
TORN = {
    "ip4-nothing": build.ether(BOB, ALICE, ETH_IPV4),
    "ip4-one": build.ether(BOB, ALICE, ETH_IPV4, b"\x45"),
    "ip4-19": build.ether(BOB, ALICE, ETH_IPV4, udp(4)[14:33]),
    "ip4-options": build.ether(BOB, ALICE, ETH_IPV4,
                               b"\x4f" + udp(4)[15:34]),
    "ip4-version": build.ether(BOB, ALICE, ETH_IPV4, b"\x65" + udp(4)[15:]),
    "ip4-ihl": build.ether(BOB, ALICE, ETH_IPV4, b"\x41" + udp(4)[15:]),
    "ip4-length": build.ip_frame(BOB, ALICE, build.ipv4(
        *TENANT[4], 17, bytes(8), length=999)),
    "ip4-checksum": build.ip_frame(BOB, ALICE, build.ipv4(
        *TENANT[4], 17, bytes(8), check=0x4711)),
    "ip6-nothing": build.ether(BOB, ALICE, ETH_IPV6),
    "ip6-39": build.ether(BOB, ALICE, ETH_IPV6, udp(6)[14:53]),
    "ip6-version": build.ether(BOB, ALICE, ETH_IPV6, b"\x40" + udp(6)[15:]),
    "vlan-nothing": build.ether(BOB, ALICE, ETH_VLAN),
    "vlan-two": build.ether(BOB, ALICE, ETH_VLAN, b"\0\x05"),
    "vlan-ip4-19": tagged(build.ether(BOB, ALICE, ETH_IPV4, udp(4)[14:33]),
                          (5,)),
    "vlan-ip6-39": tagged(build.ether(BOB, ALICE, ETH_IPV6, udp(6)[14:53]),
                          (5,)),
}


def outer(net, inner=b"", vni=VNI, src=None, dst=None, header=None,
          sport=SPORT, dport=PORT, **fields):
    """An underlay frame from the world; header: bytes in place of VXLAN's
    header and all behind it; hdr: words of build.vxlan().
    """
    words = fields.pop("hdr", {})
    if header is None:
        header = build.vxlan(vni, inner, **words)
    fields.setdefault("check", "good")
    return build.vxlan_frame(NEAR_MAC, FAR_MAC, src or FAR[net][0],
                             dst or NEAR[net], header, sport, dport,
                             **fields)
