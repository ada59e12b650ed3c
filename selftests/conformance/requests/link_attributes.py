# SPDX-License-Identifier: GPL-2.0
"""Every link attribute: values at the edges and beyond, lengths that are wrong,
the wrong family; at creation, as a change, as a change to what it is.

Generated from ATTRIBUTES. For each value three cases:

    link/<attribute>/<value>/create     a device is made with it
    link/<attribute>/<value>/change     a device without it gets it
    link/<attribute>/<value>/same       a device made with it gets it again

and for each attribute one case in which a change does not speak of it.
"""

from dataclasses import dataclass, field

from case import Case
from lab import Trial
from lib.linkattr import NUMBER, data
from lib.nl import be16, be32, u8, u32

PORT = 4790
V4 = data(ID=5, PORT=PORT)
V6 = data(ID=5, PORT=PORT, LOCAL6="fd00::1")
LOWER4 = data(ID=5, PORT=PORT, LINK="eth0")
LOWER6 = data(ID=5, PORT=PORT, LINK="eth0", LOCAL6="fd00::1")
EXTERNAL = data(ID=0, PORT=PORT, COLLECT_METADATA=1, LEARNING=0)


@dataclass(frozen=True)
class Attribute:
    """values: {what it is called: bytes}, on top of a device like base.

    wrong: values of a length that is not right. other: bases for more cases,
    with the values of them.
    """

    name: str
    values: dict
    wrong: dict = field(default_factory=dict)
    base: list = field(default_factory=lambda: V4)
    other: tuple = ()


def numbers(pack, **values):
    return {name.replace("_", "-"): pack(value)
            for name, value in values.items()}


def wrong(right):
    """Lengths around the right one."""
    lengths = {0, 1, right - 1, right + 1, right + 4, 2 * right} - {right}
    return {f"len{length}": b"\1" * length
            for length in sorted(lengths) if length >= 0}


def octet(name, *others, base=None):
    """One byte, any value of which may be sent."""
    values = {"zero": b"\0", "one": b"\1", "two": b"\2", "max": b"\xff"}
    for other in others:
        values[str(other)] = u8(other)
    return Attribute(name, values, wrong(1), base or V4)


def flag(name, base=None):
    """Says all by being there."""
    return Attribute(name, {"set": b""}, {
        "len1": b"\0", "len1-one": b"\1", "len4": bytes(4)}, base or V4)


def ip(text):
    import ipaddress
    return ipaddress.ip_address(text).packed


def addresses(*texts):
    return {text.replace(":", "_"): ip(text) for text in texts}


V4_REMOTES = addresses("0.0.0.0", "10.0.0.9", "127.0.0.1", "239.1.1.1",
                       "224.0.0.1", "240.0.0.1", "255.255.255.255")
V6_REMOTES = addresses("::", "::1", "fd00::9", "fe80::9", "ff02::9",
                       "ff05::9", "2001:db8::9", "::ffff:10.0.0.9")
LENGTHS4 = {**wrong(4), "len16": ip("fd00::9")}
LENGTHS6 = {**wrong(16), "len4": ip("10.0.0.9")}
ON_V6 = addresses("10.0.0.9", "0.0.0.0", "239.1.1.1")
ON_V4 = addresses("fd00::9", "::", "ff05::9")

ATTRIBUTES = [
    Attribute("ID", numbers(u32, min=0, one=1, five=5, max=0xffffff,
                            beyond=0x1000000, huge=0xffffffff), wrong(4),
              data(PORT=PORT)),
    Attribute("GROUP", V4_REMOTES, LENGTHS4, V4, (
        ("dev", LOWER4, V4_REMOTES), ("on-v6", V6, ON_V6),
        ("on-v6-dev", LOWER6, ON_V6))),
    Attribute("LINK", numbers(u32, none=0, missing=0x7ffffff0,
                              huge=0xffffffff, lo=1), wrong(4)),
    Attribute("LOCAL", V4_REMOTES, LENGTHS4, V4, (
        ("dev", LOWER4, V4_REMOTES), ("on-v6", V6, ON_V6))),
    octet("TTL", 64),
    octet("TOS", 0x10, 0xb8),
    octet("LEARNING"),
    Attribute("AGEING", numbers(u32, zero=0, one=1, default=300,
                                big=0x7fffffff, max=0xffffffff), wrong(4)),
    Attribute("LIMIT", numbers(u32, zero=0, one=1, max=0xffffffff), wrong(4)),
    Attribute("PORT_RANGE", {
        "none": bytes(4), "one": be16(5000) + be16(5000),
        "all": be16(1) + be16(65535), "last": be16(65535) + be16(65535),
        "from-zero": be16(0) + be16(100), "reversed": be16(6000) + be16(5999),
        "to-zero": be16(5000) + be16(0)}, wrong(4)),
    octet("PROXY"), octet("RSC"), octet("L2MISS"), octet("L3MISS"),
    Attribute("PORT", numbers(be16, zero=0, one=1, iana=4789, kernel=8472,
                              max=65535), wrong(2), data(ID=5)),
    Attribute("GROUP6", V6_REMOTES, LENGTHS6, V6, (
        ("dev", LOWER6, V6_REMOTES), ("on-v4", V4, ON_V4),
        ("on-v4-local", data(ID=5, PORT=PORT, LOCAL="10.0.0.1"), ON_V4))),
    Attribute("LOCAL6", V6_REMOTES, LENGTHS6, V6, (
        ("dev", LOWER6, V6_REMOTES), ("on-v4", V4, ON_V4),
        ("on-v4-remote", data(ID=5, PORT=PORT, GROUP="10.0.0.9"), ON_V4))),
    octet("UDP_CSUM"),
    Attribute("UDP_ZERO_CSUM6_TX", {"zero": b"\0", "one": b"\1",
                                    "max": b"\xff"}, wrong(1), V6, (
        ("on-v4", V4, {"zero": b"\0", "one": b"\1"}),)),
    Attribute("UDP_ZERO_CSUM6_RX", {"zero": b"\0", "one": b"\1",
                                    "max": b"\xff"}, wrong(1), V6, (
        ("on-v4", V4, {"zero": b"\0", "one": b"\1"}),)),
    octet("REMCSUM_TX"), octet("REMCSUM_RX"),
    flag("GBP"), flag("REMCSUM_NOPARTIAL"),
    octet("COLLECT_METADATA", base=data(PORT=PORT)),
    Attribute("LABEL", numbers(be32, zero=0, one=1, max=0xfffff,
                               beyond=0x100000, beyond_one=0x100001,
                               huge=0xffffffff), wrong(4), V6, (
        ("on-v4", V4, numbers(be32, zero=0, one=1, beyond=0x100000)),)),
    flag("GPE", EXTERNAL),
    flag("TTL_INHERIT"),
    Attribute("DF", {"unset": b"\0", "set": b"\1", "inherit": b"\2",
                     "beyond": b"\3", "max": b"\xff"}, wrong(1), V4, (
        ("on-v6", V6, {"unset": b"\0", "set": b"\1", "inherit": b"\2"}),)),
    octet("VNIFILTER", base=EXTERNAL),
    octet("LOCALBYPASS"),
    Attribute("LABEL_POLICY", numbers(u32, fixed=0, inherit=1, beyond=2,
                                      max=0xffffffff), wrong(4), V6, (
        ("on-v4", V4, numbers(u32, fixed=0, inherit=1)),)),
    Attribute("RESERVED_BITS", {
        "all": b"\xff" * 8, "none": bytes(8),
        "default": bytes.fromhex("f7ffffff000000ff"),
        "flags": bytes.fromhex("f700000000000000"),
        "i-flag": bytes.fromhex("0800000000000000"),
        "vni": bytes.fromhex("0000000000000100"),
        "one": bytes.fromhex("0000000000000001")}, wrong(8)),
    octet("MC_ROUTE"),
]
#: Numbers that nobody has given a meaning.
UNKNOWN = [Attribute(str(number), {"empty": b"", "u32": u32(1)})
           for number in (0, 35, 49, 50, 51, 200)]


def creates(base, attrs):
    def run(kind):
        with Trial(kind) as trial:
            trial.create("create", [*base, *attrs])
            trial.link("made")
        return trial.outcome
    return run


def changes(base, attrs):
    def run(kind):
        with Trial(kind) as trial:
            trial.create("create", base)
            trial.change("change", attrs)
            trial.link("changed")
        return trial.outcome
    return run


def changes_to_same(base, attrs):
    def run(kind):
        with Trial(kind) as trial:
            if trial.create("create", [*base, *attrs]):
                trial.change("change", attrs)
                trial.link("changed")
        return trial.outcome
    return run


def changes_something_else(base, attrs):
    """The attribute keeps its value when a request does not name it."""
    def run(kind):
        with Trial(kind) as trial:
            if trial.create("create", [*base, *attrs]):
                trial.change("change", data(AGEING=77))
                trial.link("changed")
        return trial.outcome
    return run


WAYS = {"create": creates, "change": changes, "same": changes_to_same}


def cases_of(attribute):
    number = NUMBER.get(attribute.name)
    if number is None:
        number = int(attribute.name)
    row = f"1.2 {attribute.name}" if attribute.name in NUMBER \
        else "1.2 unknown attributes"
    stem = f"link/{attribute.name}"
    groups = [("", attribute.base, {**attribute.values, **attribute.wrong}),
              *((f"{name}/", base, values)
                for name, base, values in attribute.other)]
    for group, base, values in groups:
        for value, raw in values.items():
            # What was given twice would prove something else.
            rest = [pair for pair in base if pair[0] != number]
            for way, make in WAYS.items():
                of = base if way == "change" else rest
                yield Case(f"{stem}/{group}{value}/{way}", row,
                           make(of, [(number, raw)]))
    value, raw = list(attribute.values.items())[-1]
    yield Case(f"{stem}/{value}/kept", row,
               changes_something_else(
                   [pair for pair in attribute.base if pair[0] != number],
                   [(number, raw)]))


CASES = [case for attribute in ATTRIBUTES + UNKNOWN
         for case in cases_of(attribute)]
