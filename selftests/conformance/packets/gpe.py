# SPDX-License-Identifier: GPL-2.0
"""Generic protocol extension: what follows the header is what it says.

The device has no Ethernet header. Packets get to it, with instructions, by a
route or by tc, which takes them from dum0 without their Ethernet header.
"""

import socket

from lib import build
from lib.wire import TCP, UDP

from packets import tx_offload
from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

PORT = 4790
DEVICE = {"ID": None, "COLLECT_METADATA": 1, "GPE": True, "LEARNING": 0}
ZERO_RX = {**DEVICE, "UDP_ZERO_CSUM6_RX": 1}
FEED = "dum0"
I, P, OAM = 0x08, 0x04, 0x01
IPV4, IPV6, ETHER, NSH, MPLS = range(1, 6)
#: A header of network service, MD type 2, and of one label.
SERVICE = bytes.fromhex("0fc20201000123ff") + f.udp(4)[14:]
LABELLED = bytes.fromhex("000641ff") + f.udp(4)[14:]

#: What comes behind the header, by its number.
INSIDE = {
    "ip4": (IPV4, f.udp(4)[14:]), "ip6": (IPV6, f.udp(6)[14:]),
    "ether": (ETHER, f.udp(4)), "ether-arp": (ETHER, f.arp()),
    "nsh": (NSH, SERVICE), "mpls": (MPLS, LABELLED),
    "ip4-tcp": (IPV4, f.tcp(4, b"stream")[14:]),
    "ip6-tcp": (IPV6, f.tcp(6, b"stream")[14:]),
    "ip4-options": (IPV4, f.options4()[14:]),
    "ip4-fragment": (IPV4, f.fragment4()[14:]),
    "ip6-hop-by-hop": (IPV6, f.hop_by_hop()[14:]),
    "ip4-large": (IPV4, f.sized(4, 1400)[14:]),
    "mpls-large": (MPLS, bytes(1400)),
}
#: What is cut off, or is not what it is said to be.
TORN = {
    "ip4-nothing": (IPV4, b""), "ip4-one": (IPV4, b"\x45"),
    "ip4-19": (IPV4, f.udp(4)[14:33]), "ip4-20": (IPV4, f.udp(4)[14:34]),
    "ip6-nothing": (IPV6, b""), "ip6-39": (IPV6, f.udp(6)[14:53]),
    "ip4-is-6": (IPV4, f.udp(6)[14:]), "ip6-is-4": (IPV6, f.udp(4)[14:]),
    "ether-nothing": (ETHER, b""), "ether-13": (ETHER, f.udp(4)[:13]),
    "nsh-nothing": (NSH, b""), "mpls-one": (MPLS, b"\0"),
    "ip4-is-ether": (IPV4, f.udp(4)),
}


def _outer(net, number, inner, flags=I | P, vni=f.VNI, low=0, middle=0,
           **fields):
    """A packet of the world."""
    fields.setdefault("dport", PORT)
    return f.outer(net, header=build.vxlan(
        vni, inner, flags, middle << 8 | number, low), **fields)


def _rx(name, net, *packets, device=None, **words):
    return scene(f"gpe/rx/{name}/v{net}", "1.2 GPE", net, device or DEVICE,
                 rx=packets, **words)


def _received():
    for net in (4, 6):
        for name, (number, inner) in {**INSIDE, **TORN}.items():
            yield _rx(f"inside/{name}", net, _outer(net, number, inner))
        packet = INSIDE["ip4"][1]
        for number in (0, 6, 7, 0x7f, 0x80, 0x81, 0xff):
            yield _rx(f"next/{number}", net, _outer(net, number, packet))
        for flags in (0, P, I, I | P | OAM, OAM | I, I | P | 2, I | P | 0x10,
                      I | P | 0x20, I | P | 0x30, I | P | 0x40, I | P | 0x80,
                      0xff):
            yield _rx(f"flags/{flags:02x}", net,
                      _outer(net, IPV4, packet, flags))
        for name, words in (("middle", {"middle": 1}),
                            ("middle-high", {"middle": 0x8000}),
                            ("low", {"low": 1}), ("low-high", {"low": 0x80})):
            yield _rx(f"reserved/{name}", net,
                      _outer(net, IPV4, packet, **words))
        for vni in (0, 1, 0xffffff):
            yield _rx(f"vni/{vni:x}", net,
                      _outer(net, IPV4, packet, vni=vni))
        for tos in range(4):
            for version in (4, 6):
                for ecn in range(4):
                    inner = f.udp(version, tos=ecn)[14:]
                    yield _rx(f"ecn/{tos}/ip{version}-{ecn}", net, _outer(
                        net, IPV4 if version == 4 else IPV6, inner, tos=tos))
        yield _rx("other-port", net, _outer(net, IPV4, packet, dport=4789))
        yield _rx("own-port", net, _outer(net, IPV4, packet, dport=4711),
                  device={**DEVICE, "PORT": 4711})
        yield _rx("no-checksum", net, _outer(net, IPV4, packet, check=0),
                  device=ZERO_RX)


def _reserved():
    """Bits that are asked to be zero, or not."""
    for mask in ("0000000000000000", "0200ff00000000ff", "c200000000000000"):
        for flags, middle, low in ((0x0e, 0, 0), (0x4c, 0, 0), (0x0c, 1, 0),
                                   (0x0c, 0, 1)):
            yield scene(
                f"gpe/reserved/{mask}/{flags:x}-{middle}-{low}",
                "1.2 RESERVED_BITS", 4,
                {**DEVICE, "RESERVED_BITS": bytes.fromhex(mask)},
                kernels=("7.3",), rx=[_outer(4, IPV4, INSIDE["ip4"][1], flags,
                                             middle=middle, low=low)])


# ---- out

def _feeding(net, words="", to=None, vni=77):
    """What goes into dum0 comes to the device, with instructions."""
    def before(cable):
        if FEED not in [link["name"] for link in cable.ns.rtnl.links()]:
            cable.ns.ip(f"link add {FEED} type dummy")
            cable.ns.sysctl(f"ipv6/conf/{FEED}/disable_ipv6", 1)
            cable.ns.ip(f"link set {FEED} mtu 65535 up")
        else:
            cable.ns.run(f"tc qdisc del dev {FEED} clsact")
        cable.ns.run(f"tc qdisc add dev {FEED} clsact")
        cable.ns.run(
            f"tc filter add dev {FEED} egress matchall action tunnel_key set "
            f"src_ip {f.NEAR[net]} dst_ip {to or f.FAR[net][0]} id {vni} "
            f"{words} action mirred egress redirect dev {DEV}")
        cable.ifindex[cable.ns.rtnl.index(FEED)] = FEED
    return before


def _fed(*frames):
    return lambda cable: cable.send(*frames, name=FEED)


#: Kinds of packets: of most the type alone is looked at.
KINDS = {"ip4": f.udp(4), "ip6": f.udp(6), "mpls": build.ether(
             f.BOB, f.ALICE, 0x8847, LABELLED),
         "nsh": build.ether(f.BOB, f.ALICE, 0x894f, SERVICE),
         "ether": build.ether(f.BOB, f.ALICE, 0x6558, f.udp(4)),
         "mpls-multicast": build.ether(f.BOB, f.ALICE, 0x8848, LABELLED),
         "arp": f.arp(), "other": f.other(), "lldp": f.INNER["lldp"],
         "large": f.sized(4, 1400), "large6": f.sized(6, 1400),
         "options4": f.options4(), "fragment4": f.fragment4(),
         "hop-by-hop6": f.hop_by_hop(),
         "no-checksum": f.INNER["udp4-no-checksum"]}


def _sent(name, net, during, words="", device=None, **more):
    to = more.pop("to", None)
    return scene(f"gpe/tx/{name}/v{net}", "1.2 GPE", net, device or DEVICE,
                 before=_feeding(net, words, to, more.pop("vni", 77)),
                 during=during, **more)


def _kinds():
    for net in (4, 6):
        for name, frame in KINDS.items():
            yield _sent(f"kind/{name}", net, _fed(frame))
        for name, words in (("ttl", "ttl 9"), ("tos", "tos 0x1c"),
                            ("port", "dst_port 4711"), ("nocsum", "nocsum"),
                            ("csum", "csum"), ("nofrag", "nofrag")):
            for version in (4, 6):
                yield _sent(f"key/{name}/ip{version}", net,
                            _fed(f.udp(version)), words)
        for vni in (0, 0xffffff):
            yield _sent(f"vni/{vni:x}", net, _fed(f.udp(4)), vni=vni)
        for ecn in range(4):
            for version in (4, 6):
                yield _sent(f"ecn/ip{version}-{ecn}", net,
                            _fed(f.udp(version, tos=ecn)))
        yield _sent("nowhere", net, _fed(f.udp(4)), to=f.NOWHERE[net])
        yield _sent("unreachable", net, _fed(f.udp(4)), to=f.UNREACHABLE[net])
        yield scene(f"gpe/tx/no-instructions/v{net}", "1.2 GPE", net, DEVICE,
                    during=lambda cable: cable.send(f.udp(4)[14:]))


def _torn():
    for net in (4, 6):
        for name in ("ip4-one", "ip4-19", "ip6-39"):
            yield _sent(f"torn/{name}", net, _fed(f.TORN[name]))


def _offloaded(version, proto, total, segment=0):
    """A packet of which work is left to the device."""
    frame, start = tx_offload.partial(version, proto, total)
    kind = "none" if not segment else "udp" if proto == UDP else version
    header = tx_offload.header(kind, start, proto, segment)

    def during(cable):
        try:
            cable.send_offloaded(header, frame, name=FEED)
        except OSError as error:
            cable.send(f.other(error.errno))
    return during


def _work():
    """Checksums and segmentation, which begin behind the header."""
    for net in (4, 6):
        for words in ("csum", "nocsum"):
            for version in (4, 6):
                for what, proto in (("tcp", TCP), ("udp", UDP)):
                    yield _sent(f"csum/{words}/{what}{version}", net,
                                _offloaded(version, proto, 101), words)
                    yield _sent(f"gso/{words}/{what}{version}", net,
                                _offloaded(version, proto, 4100, 1300), words)


def _too_big():
    for net in (4, 6):
        limit = f.NARROW_MTU[net] - f.OVERHEAD[net] + 14
        for version in (4, 6):
            for more in (0, 1):
                yield _sent(f"mtu/{more}/ip{version}", net, _fed(
                    f.sized(version, limit + more)), "nofrag",
                    {**DEVICE, "LINK": None}, to=f.NARROW[net])


def _routed():
    """Datagrams of the host itself, by a route with instructions."""
    def before(net, version, words):
        family, name = ("ip", "src") if net == 4 else ("ip6", "src")
        own, other = f.TENANT[version]
        size = 32 if version == 4 else 128

        def make(cable):
            nodad = " nodad" if version == 6 else ""
            cable.ns.ip(f"addr add {own}/{size} dev {DEV}{nodad}",
                        f"route add {other}/{size} encap {family} id 4711 "
                        f"{name} {f.NEAR[net]} dst {f.FAR[net][0]} {words} "
                        f"dev {DEV}")
        return make

    def during(version):
        def send(cable):
            own, other = f.TENANT[version]
            data = build.udp(own, other, 7, 9, b"routed")
            if version == 4:    # with an identification that is known
                with cable.ns.socket(socket.AF_INET, socket.SOCK_RAW,
                                     socket.IPPROTO_RAW) as sock:
                    sock.sendto(build.ipv4(own, other, UDP, data, ident=7),
                                (other, 0))
                return
            with cable.ns.socket(socket.AF_INET6, socket.SOCK_RAW,
                                 UDP) as sock:
                sock.sendto(data, (other, 0))
        return send
    for net in (4, 6):
        limit = "ttl 7" if net == 4 else "hoplimit 7"
        for version in (4, 6):
            for name, words in (("plain", ""), ("ttl", limit)):
                yield scene(f"gpe/tx/route/{name}/ip{version}/v{net}",
                            "1.2 GPE", net, DEVICE,
                            before=before(net, version, words),
                            during=during(version))


def _delivered():
    """To a socket of the host, from the world."""
    for net in (4, 6):
        for version in (4, 6):
            own, other = f.TENANT[version]
            number = IPV4 if version == 4 else IPV6
            packet = build.ip(other, own, UDP, build.udp(
                other, own, 9, 4242, b"from the world"))

            def before(cable, version=version, own=own):
                size = 32 if version == 4 else 128
                nodad = " nodad" if version == 6 else ""
                cable.ns.ip(f"addr add {own}/{size} dev {DEV}{nodad}")
            yield scene(f"gpe/rx/host/ip{version}/v{net}", "1.2 GPE", net,
                        DEVICE, before=before, mib=True,
                        rx=[_outer(net, number, packet)] * 3)


CASES = [*_received(), *_reserved(), *_kinds(), *_torn(), *_work(),
         *_too_big(), *_routed(), *_delivered()]
