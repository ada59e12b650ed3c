# SPDX-License-Identifier: GPL-2.0
"""ICMP errors about packets of the device: which are taken for true?"""

from lib import counters
from lib.chain import route_mtu
from lib.wire import ICMP, ICMPV6, csum, pseudo

from packets.rig import frames as f
from packets.rig.scene import scene

MTU = 1300
#: Behind a router; the path MTU goes with the route.
REMOTE = {4: "10.0.66.2", 6: "fd66::2"}
ROUTE = {4: "10.0.66.0/24 via 10.0.0.2", 6: "fd66::/64 via fd00::2"}
ERRORS = ("Icmp.InErrors", "Icmp6InErrors")


def too_big(net, header, sport=f.SPORT, dport=f.PORT):
    """A router says that what we have sent is too big."""
    ends = f.NEAR[net], REMOTE[net]
    quoted = f.build.ip(*ends, 17, f.build.udp(*ends, sport, dport, header))
    if net == 4:
        body = b"\3\4\0\0\0\0" + MTU.to_bytes(2) + quoted
        check = csum(body)
    else:
        body = b"\2\0\0\0" + MTU.to_bytes(4) + quoted
        check = csum(pseudo(*map(f.build.ip_bytes, (f.FAR[6][0], f.NEAR[6])),
                            ICMPV6, len(body)) + body)
    body = body[:2] + check.to_bytes(2) + body[4:]
    return f.build.ip_frame(f.NEAR_MAC, f.FAR_MAC, f.build.ip(
        f.FAR[net][0], f.NEAR[net], ICMP if net == 4 else ICMPV6, body))


def _headers(vni):
    """Quoted VXLAN headers by name."""
    inner = f.udp(4)
    yield "ours", f.build.vxlan(vni, inner)
    yield "header-only", f.build.vxlan(vni)
    yield "other-vni", f.build.vxlan(vni + 1, inner)
    yield "no-flag", f.build.vxlan(vni, inner, flags=0)
    yield "reserved", f.build.vxlan(vni, inner, rsvd1=1)
    yield "cut", f.build.vxlan(vni)[:4]
    yield "nothing", b""


def case(name, net, device, header, **ports):
    """The error comes in; is it an error of ICMP, is the path narrow now?"""
    seen = {}

    def before(cable):
        cable.ns.ip(f"route add {ROUTE[net]}")
        seen.update(counters.snmp(cable.ns))

    def after(cable):
        now = counters.snmp(cable.ns)
        said = {"path": route_mtu(cable.ns, REMOTE[net]),
                "bad": {key: now.get(key, 0) - seen.get(key, 0)
                        for key in ERRORS}}
        cable.ns.ip(f"route del {ROUTE[net]}")
        return said
    return scene(f"icmp-error/{name}/v{net}", "1.6 PMTU", net, device,
                 rx=[too_big(net, header, **ports)], before=before,
                 after=after)


def _cases():
    for net in (4, 6):
        for name, header in _headers(f.VNI):
            yield case(f"plain/{name}", net, {}, header)
        for name, header in _headers(77):
            yield case(f"external/{name}", net, {
                "ID": None, "COLLECT_METADATA": 1, "LEARNING": 0}, header)
        ours = f.build.vxlan(f.VNI, f.udp(4))
        yield case("ports/other-remote", net, {}, ours, dport=4790)


CASES = list(_cases())
