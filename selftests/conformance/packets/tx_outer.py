# SPDX-License-Identifier: GPL-2.0
"""The outer headers, field by field, as the attributes ask for them."""


from packets.rig import frames as f
from packets.rig.scene import scene

PLAIN = {"udp4": f.udp(4, ttl=17, tos=0x48), "udp6": f.udp(6, ttl=18,
                                                          tos=0x48),
         "other": f.other()}


def _every(prefix, row, net, device, remote=None, frames=None, **words):
    """The same device for each kind of inner packet."""
    for name, frame in (frames or PLAIN).items():
        yield scene(f"tx/{prefix}/v{net}/{name}", row, net, device,
                    remote or f.FAR[net][0], tx=[frame], **words)


def _ttl():
    for net in (4, 6):
        for name, device in (("auto", {}), ("one", {"TTL": 1}),
                             ("most", {"TTL": 255}),
                             ("inherit", {"TTL_INHERIT": True}),
                             ("inherit-over", {"TTL_INHERIT": True,
                                               "TTL": 5})):
            yield from _every(f"ttl/{name}", "1.2 TTL", net, device)
        for name, device in (("auto", {}), ("seven", {"TTL": 7}),
                             ("inherit", {"TTL_INHERIT": True})):
            yield from _every(f"ttl/group-{name}", "1.2 TTL", net, device,
                              f.GROUP[net], {"udp4": PLAIN["udp4"],
                                             "other": PLAIN["other"]})
        yield scene(f"tx/ttl/inherit-tagged/v{net}", "1.2 TTL_INHERIT", net,
                    {"TTL_INHERIT": True}, f.FAR[net][0],
                    tx=[f.tagged(PLAIN["udp4"], (5,)),
                        f.tagged(PLAIN["udp6"], (5,))])


def _tos():
    for net in (4, 6):
        for tos in (0x04, 0xb8, 0xfc):
            yield from _every(f"tos/{tos:02x}", "1.2 TOS", net, {"TOS": tos})
        yield from _every("tos/inherit", "1.2 TOS", net, {"TOS": 1})
        yield from _every("tos/odd", "1.2 TOS", net, {"TOS": 0x47})
        yield scene(f"tx/tos/inherit-tagged/v{net}", "1.2 TOS", net,
                    {"TOS": 1}, f.FAR[net][0],
                    tx=[f.tagged(PLAIN["udp4"], (5,)),
                        f.tagged(PLAIN["udp6"], (5,))])


def _ecn():
    """What becomes of the inner ECN field: 0 Not-ECT, 1, 2, 3 CE."""
    for net in (4, 6):
        for inner in (4, 6):
            for mark in range(4):
                for name, device in (("plain", {}), ("fixed", {"TOS": 0x20}),
                                     ("inherit", {"TOS": 1})):
                    yield scene(
                        f"tx/ecn/{name}/v{net}/inner{inner}/{mark}",
                        "1.6 ECN", net, device, f.FAR[net][0],
                        tx=[f.udp(inner, tos=0x40 | mark)])


def _df():
    frames = {"df": f.udp(4, frag=0x4000), "no-df": f.udp(4), "udp6":
              f.udp(6), "other": f.other(),
              "tagged-df": f.tagged(f.udp(4, frag=0x4000), (5,)),
              "tagged-udp6": f.tagged(f.udp(6), (5,))}
    for name, value in (("unset", 0), ("set", 1), ("inherit", 2)):
        yield from _every(f"df/{name}", "1.2 DF", 4, {"DF": value},
                          frames=frames)
    yield from _every("df/set", "1.2 DF", 6, {"DF": 1},
                      frames={"udp4": PLAIN["udp4"]})


def _label():
    for label in (1, 0x12345, 0xfffff):
        yield from _every(f"label/{label:x}", "1.2 LABEL", 6,
                          {"LABEL": label}, frames={"udp6": f.udp(
                              6, label=0x777), "udp4": f.udp(4)})
    yield scene("tx/label/with-tos", "1.2 LABEL", 6, {
        "LABEL": 0x12345, "TOS": 0xb8}, f.FAR[6][0], tx=[f.udp(4)])
    for name, frame in (("udp6", f.udp(6, label=0x777)), ("udp4", f.udp(4)),
                        ("other", f.other()), ("tagged", f.tagged(f.udp(
                            6, label=0x777), (5,)))):
        yield scene(f"tx/label/inherit/{name}", "1.2 LABEL_POLICY", 6,
                    {"LABEL_POLICY": 1, "LABEL": 0x12345}, f.FAR[6][0],
                    tx=[frame], kernels=("6.12", "7.3"))


def _checksum():
    for net, on, off in ((4, {"UDP_CSUM": 1}, {"UDP_CSUM": 0}),
                         (6, {"UDP_ZERO_CSUM6_TX": 0},
                          {"UDP_ZERO_CSUM6_TX": 1})):
        for name, device in (("default", {}), ("on", on), ("off", off)):
            yield from _every(
                f"csum/{name}", "1.2 UDP_CSUM" if net == 4
                else "1.2 UDP_ZERO_CSUM6_TX", net, device, frames={
                    "udp": f.udp(4), "odd": f.sized(4, 999),
                    "other": f.other(1)})
        # what is said of the other family's checksum is of no interest
        yield scene(f"tx/csum/others/v{net}", "1.2 UDP_CSUM", net,
                    {"UDP_CSUM": 0} if net == 6
                    else {"UDP_ZERO_CSUM6_TX": 1}, f.FAR[net][0],
                    tx=[f.udp(4)])


def _addresses():
    for net in (4, 6):
        local = "LOCAL6" if net == 6 else "LOCAL"
        strange = "fd00::99" if net == 6 else "10.0.0.99"
        for name, device in (
                ("auto", {local: None}), ("strange", {local: strange}),
                ("no-lower", {"LINK": None}),
                ("no-lower-auto", {"LINK": None, local: None}),
                ("port-4789", {"PORT": 4789}), ("port-1", {"PORT": 1}),
                ("vni-0", {"ID": 0}), ("vni-most", {"ID": 0xffffff})):
            yield scene(f"tx/address/v{net}/{name}", "1.6 outer", net, device,
                        f.FAR[net][0], tx=[f.udp(4), f.other()])
        yield scene(f"tx/address/v{net}/routed-auto", "1.6 outer", net,
                    {local: None, "LINK": None}, f.ROUTED[net],
                    tx=[f.udp(4)])
    yield scene("tx/address/v6/link-local", "1.2 LOCAL", 6,
                {"LOCAL6": f.NEAR_LINK_LOCAL}, f.FAR_LINK_LOCAL,
                tx=[f.udp(4)])


# -- source ports -------------------------------------------------------------

#: Flows of which each is to have a port of its own, most probably.
FLOWS = {
    "udp4": [f.build.udp_frame(f.BOB, f.ALICE, *f.TENANT[4], sport=n)
             for n in range(1000, 1012)],
    "udp6": [f.build.udp_frame(f.BOB, f.ALICE, *f.TENANT[6], sport=n)
             for n in range(1000, 1012)],
    "addresses": [f.build.udp_frame(f.BOB, f.ALICE, "10.9.0.1",
                                    f"10.9.1.{n}") for n in range(12)],
    "one-flow": [f.udp(4, payload=bytes(n)) for n in range(12)],
    "one-flow-ttl": [f.udp(4, ttl=20 + n, tos=n * 4) for n in range(12)],
    "fragments": [f.fragment4()] * 4 + [f.build.ip_frame(
        f.BOB, f.ALICE, f.build.ipv4(*f.TENANT[4], 17, bytes(n + 8),
                                     frag=0x2000)) for n in range(8)],
    "not-ip": [f.other(dst=f"02:00:00:00:bb:{n:02x}") for n in range(12)],
    "arp": [f.arp(dst=f"02:00:00:00:bb:{n:02x}") for n in range(12)],
    "tagged": [f.tagged(f.build.udp_frame(
        f.BOB, f.ALICE, *f.TENANT[4], sport=n), (5,))
        for n in range(1000, 1012)],
    "tagged-arp": [f.tagged(f.arp(dst=f"02:00:00:00:bb:{n:02x}"), (5,))
                   for n in range(12)],
}
LOW, HIGH = 20000, 60000


def _spread(frames):
    """Sends each flow twice; what can be said of random ports."""
    def after(cable):
        cable.tap.clear()
        cable.send(*frames, *frames)
        ports = [p.raw[34:36] if p.raw[12:14] == b"\x08\0" else p.raw[54:56]
                 for p in cable.wire()]
        ports = [int.from_bytes(port, "big") for port in ports]
        count = len(frames)
        return {"in_range": all(LOW <= port <= HIGH for port in ports),
                "packets": len(ports),
                "again": ports[:count] == ports[count:],
                "spread": len(set(ports)) > 1}
    return after


def _ports():
    for net in (4, 6):
        for name, frames in FLOWS.items():
            yield scene(f"tx/port/v{net}/{name}", "1.2 PORT_RANGE", net, {
                "PORT_RANGE": (LOW, HIGH)}, f.FAR[net][0],
                after=_spread(frames))
    for name, ports in (("equal", (3000, 3000)), ("zero", (0, 0)),
                        ("from-zero", (0, 1))):
        yield scene(f"tx/port/range-{name}", "1.2 PORT_RANGE", 4, {
            "PORT_RANGE": ports}, f.FAR[4][0],
            tx=[f.udp(4)] if ports != (0, 1) else [])


CASES = [*_ttl(), *_tos(), *_ecn(), *_df(), *_label(), *_checksum(),
         *_addresses(), *_ports()]
