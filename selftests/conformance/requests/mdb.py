# SPDX-License-Identifier: GPL-2.0
"""RTM_*MDB: what is added, replaced, deleted, flushed, shown and refused.

    mdb/table/<before>/<operation>/<what is asked for>

runs through all combinations; the others are about one attribute or field.
"""

from itertools import product

from case import Case
from lab import DEV, Names, Trial, space
from lib import mdb as m
from lib import nl
from lib import nldefs as d
from lib.linkattr import data
from lib.mdb import EXCLUDE, INCLUDE, Listener, Mdb
from lib.nl import u32

CASES = []
ROW = "1.4 MDB"
PORT = 4790
GROUP, GROUP6, OTHER = "239.1.1.1", "ff0e::1:1", "239.1.1.2"
S1, S2, S3 = "192.0.2.1", "192.0.2.2", "192.0.2.3"
CREATE, EXCL, REPLACE = d.NLM_F_CREATE, d.NLM_F_EXCL, d.NLM_F_REPLACE
OPERATIONS = {"plain": 0, "create": CREATE, "excl": CREATE | EXCL,
              "replace": CREATE | REPLACE, "replace-only": REPLACE}
DEVICES = {
    "v4": data(ID=5, PORT=PORT),
    "v6": data(ID=5, PORT=PORT, LOCAL6="fd00::1"),
    "external": data(COLLECT_METADATA=1, PORT=PORT, LEARNING=0),
}
#: Kernels whose core knows the MDB of other devices than bridges.
KERNELS = ("6.12", "7.3")


def told(info, names):
    """An entry without numbers of interfaces."""
    kept = {key: value for key, value in info.items() if key != "ifindex"}
    kept["port-device"] = names[info["ifindex"]]
    if "via" in kept:
        kept["via"] = names[kept["via"]]
    return {str(key): value for key, value in kept.items()}


class Table(Trial):
    """A device with an MDB."""

    def __init__(self, kind, device):
        super().__init__(kind)
        self.listener = Listener(self.host)
        self.device = device

    def __enter__(self):
        super().__enter__()
        self.create("device", DEVICES[self.device])
        self.need("device")
        self.mdb = Mdb(self.host, DEV)
        self.names = Names(self.host)
        return self

    def __exit__(self, *args):
        super().__exit__(*args)
        self.listener.close()

    def ask(self, step, op, nl_flags, group, **words):
        words = self.resolved(words)
        return self.step(step, self.mdb.request, op, nl_flags, group, **words)

    def resolved(self, words):
        """Names of interfaces -> numbers."""
        words = dict(words)
        if isinstance(words.get("via"), str):
            words["via"] = self.host.rtnl.index(words["via"])
        return words

    def add(self, step, group=GROUP, dst="10.0.0.2", nl_flags=CREATE | EXCL,
            **words):
        self.ask(step, d.RTM_NEWMDB, nl_flags, group, dst=dst, **words)

    def delete(self, step, group=GROUP, dst="10.0.0.2", **words):
        self.ask(step, d.RTM_DELMDB, 0, group, dst=dst, **words)

    def flush(self, step, head=None, **words):
        self.step(step, self.mdb.flush, head, **self.resolved(words))

    def get(self, step, group=GROUP, **words):
        found = []
        if self.step(step, lambda: found.extend(self.mdb.get(group,
                                                             **words))):
            self.outcome[step]["answer"] = [told(i, self.names)
                                            for i in found]

    def show(self, step):
        """Table and notifications, both in their order."""
        self.outcome[step] = [told(i, self.names) for i in self.mdb.dump()]
        self.told(f"{step}-told")

    def told(self, step):
        self.outcome[step] = [{"event": word, **told(info, self.names)}
                              for word, info in self.listener.events()]


def case(name, device="v4", kernels=KERNELS, **options):
    """A decorator that makes cases of functions which get a Table."""
    def wrap(function):
        def run(kind):
            with Table(kind, device) as table:
                function(table)
            return table.outcome
        CASES.append(Case(f"mdb/{name}", ROW, run, kernels=kernels,
                          **options))
        return function
    return wrap


# ---- all combinations

BEFORE = {
    "missing": [],
    "one": [{}],
    "two": [{}, {"dst": "10.0.0.3"}],
    "exclude": [{"mode": EXCLUDE, "sources": [S1, S2]}],
    "include": [{"mode": INCLUDE, "sources": [S2, S3]}],
    "source": [{"source": S1}],
    "other-exclude": [{"dst": "10.0.0.3", "mode": EXCLUDE,
                       "sources": [S1, S2]}],
}
ASKED = {
    "same": {}, "other": {"dst": "10.0.0.3"}, "port": {"port": 4791},
    "vni": {"vni": 6}, "rtprot": {"rtprot": m.ZEBRA}, "via": {"via": "eth0"},
    "source": {"source": S1},
    "exclude": {"mode": EXCLUDE, "sources": [S1, S2]},
    "exclude-more": {"mode": EXCLUDE, "sources": [S3, S1, S2]},
    "exclude-nobody": {"mode": EXCLUDE, "sources": []},
    "exclude-all": {"mode": EXCLUDE},
    "include": {"mode": INCLUDE, "sources": [S1, S3], "port": 4791},
    "include-fewer": {"mode": INCLUDE, "sources": [S2]},
}
for before, operation, asked in product(BEFORE, OPERATIONS, ASKED):
    if operation == "create" and before not in ("missing", "one"):
        continue

    @case(f"table/{before}/{operation}/{asked}")
    def _(table, before=before, operation=operation, asked=asked):
        for number, words in enumerate(BEFORE[before]):
            table.add(f"before{number}", **words)
        table.told("before-told")
        table.add("request", nl_flags=OPERATIONS[operation], **ASKED[asked])
        table.show("after")
        table.delete("delete")
        table.show("end")

# ---- group and source

GROUPS = {
    "v4": GROUP, "v6": GROUP6, "all4": "0.0.0.0", "all6": "::",
    "zeronet": "0.0.0.1", "unicast4": "10.0.0.1", "unicast6": "fd00::1",
    "local4": "224.0.0.1", "local6": "ff02::1", "local6-2": "ff02::fb",
    "node6": "ff01::1", "broadcast": "255.255.255.255",
    "mac": bytes.fromhex("01005e010101"), "none": None}
SOURCES = {"": {}, "-source4": {"source": S1},
           "-source6": {"source": "2001:db8::1"}}
for group, source in product(GROUPS, SOURCES):
    @case(f"group/{group}{source}")
    def _(table, group=group, source=source):
        words = dict(SOURCES[source])
        table.add("request", GROUPS[group], **words)
        table.show("after")
        table.get("get", GROUPS[group], **words)
        table.delete("delete", GROUPS[group], **words)
        table.show("end")

for name, raw in {
        "multicast4": "239.9.9.9", "multicast6": "ff0e::9", "zero4": "0.0.0.0",
        "zeronet": "0.1.2.3", "zero6": "::", "mapped": "::ffff:192.0.2.1",
        "linklocal": "fe80::1", "broadcast": "255.255.255.255",
        "loopback": "127.0.0.1", "len0": b"", "len1": b"a", "len5": b"abcde",
        "len15": bytes(15), "len17": bytes(17)}.items():
    for group in (GROUP, GROUP6):
        family = "v6" if ":" in group else "v4"

        @case(f"source/{name}/{family}")
        def _(table, raw=raw, group=group):
            table.add("request", group, source=raw)
            table.show("after")
            table.get("get", group, source=raw)

        @case(f"listed/{name}/{family}")
        def _(table, raw=raw, group=group):
            good = "2001:db8::1" if ":" in group else S1
            table.add("request", group, mode=EXCLUDE, sources=[good, raw])
            table.show("after")

# ---- what the lists may be

LISTS = {
    "twice": [S1, S1], "twice-apart": [S1, S2, S1], "empty": [],
    "many": [f"198.51.100.{n}" for n in range(1, 200)]}
for name, operation in product(LISTS, ("excl", "replace")):
    @case(f"list/{name}/{operation}")
    def _(table, name=name, operation=operation):
        table.add("request", nl_flags=OPERATIONS[operation], mode=EXCLUDE,
                  sources=LISTS[name])
        table.show("after")
for name, words in {
        "no-mode": {"sources": [S1]}, "mode-only": {"mode": EXCLUDE},
        "include-only": {"mode": INCLUDE},
        "include-empty": {"mode": INCLUDE, "sources": []},
        "of-source": {"source": S1, "mode": EXCLUDE, "sources": [S2]},
        "of-source-no-mode": {"source": S1, "sources": [S2]},
        "mode-of-source": {"source": S1, "mode": INCLUDE},
        "of-all": {"group": "0.0.0.0", "mode": EXCLUDE, "sources": [S2]},
        "mode-of-all": {"group": "0.0.0.0", "mode": EXCLUDE},
        "mode2": {"mode": 2}, "mode255": {"mode": 255, "sources": [S1]},
        }.items():
    @case(f"list/{name}/words")
    def _(table, words=words):
        table.add("request", **words)
        table.show("after")
        table.delete("delete", **words)
        table.show("end")


def nest(*items):
    """MDBE_ATTR_SRC_LIST from attributes."""
    return [(m.MDBE_GROUP_MODE, nl.u8(EXCLUDE)), (m.MDBE_SRC_LIST,
                                                  list(items))]


for name, extra in {
        "no-address": nest((1, [])), "unknown-item": nest((2, [(1, nl.ip(S1))])),
        "unknown-in-item": nest((1, [(1, nl.ip(S1)), (2, b"abcd")])),
        "flat-item": nest((1, nl.ip(S1))), "flat": [
            (m.MDBE_GROUP_MODE, nl.u8(0)), (m.MDBE_SRC_LIST, b"abcd")],
        "zero-item": nest((0, [(1, nl.ip(S1))]))}.items():
    @case(f"list/form/{name}")
    def _(table, extra=extra):
        table.add("request", extra=extra)
        table.show("after")


@case("list/replaced-by-other-owner")
def _(table):
    """The entry of a source of two remotes."""
    table.add("one", mode=EXCLUDE, sources=[S1, S2])
    table.add("two", dst="10.0.0.3", mode=INCLUDE, sources=[S1])
    table.show("both")
    table.delete("delete-one")
    table.show("left")
    table.delete("source-by-hand", dst="10.0.0.3", source=S1)
    table.show("by-hand")
    table.delete("delete-two", dst="10.0.0.3")
    table.show("end")


@case("list/source-deleted-then-replaced")
def _(table):
    table.add("add", mode=EXCLUDE, sources=[S1, S2])
    table.delete("source", source=S2)
    table.add("replace-only", nl_flags=REPLACE, mode=EXCLUDE,
              sources=[S1])
    table.show("replaced")
    table.add("again", nl_flags=CREATE | REPLACE, mode=EXCLUDE,
              sources=[S3, S2, S1])
    table.show("after")

# ---- struct br_mdb_entry

HEADS = {
    **{f"state-{n}": {"state": n} for n in (0, 1, 2, 255)},
    **{f"flags-{1 << n}": {"flags": 1 << n} for n in range(5)},
    **{f"vid-{n}": {"vid": n} for n in (1, 100, 4094, 4095, 4096)},
    **{f"proto-{n:#x}": {"proto": n} for n in (0, 0x0806, 0x88cc, 0x86dd)},
    "ifindex-0": {"ifindex": 0}, "ifindex-lo": {"ifindex": 1},
    "ifindex-none": {"ifindex": 0x7ffffff0}}
for head, operation in product(HEADS, ("add", "add-plain", "replace",
                                       "delete", "get")):
    @case(f"head/{head}/{operation}")
    def _(table, head=head, operation=operation):
        table.add("before")
        group = OTHER if operation.startswith("add") else GROUP
        if operation == "delete":
            table.delete("request", head=HEADS[head])
        elif operation == "get":
            table.get("request", head=HEADS[head])
        else:
            table.add("request", group, head=HEADS[head], nl_flags={
                "add": CREATE, "add-plain": 0,
                "replace": REPLACE}[operation])
        table.show("after")

# ---- attributes

LENGTHS = {
    m.MDBE_DST: (0, 1, 3, 4, 5, 8, 15, 16, 17, 20),
    m.MDBE_DST_PORT: (0, 1, 2, 3, 4), m.MDBE_VNI: (0, 1, 3, 4, 5, 8),
    m.MDBE_SRC_VNI: (0, 3, 4, 5), m.MDBE_IFINDEX: (0, 3, 4, 5),
    m.MDBE_RTPROT: (0, 1, 2), m.MDBE_GROUP_MODE: (0, 1, 2),
    m.MDBE_STATE_MASK: (0, 1), 11: (0, 4), 60: (0, 4)}
for number, lengths in LENGTHS.items():
    for length in lengths:
        @case(f"length/{number}/{length}")
        def _(table, number=number, length=length):
            dst = None if number == m.MDBE_DST else "10.0.0.2"
            table.add("request", dst=dst, extra=[
                (number, (b"\5" + bytes(19))[:length])])
            table.show("after")

        @case(f"flush/length/{number}/{length}")
        def _(table, number=number, length=length):
            table.add("before")
            table.flush("request", extra=[
                (number, (b"\5" + bytes(19))[:length])])
            table.show("after")

VALUES = {
    "port": (0, 1, PORT, 4791, 65535),
    "vni": (0, 5, 6, 0xffffff, 0x1000000, 0xffffffff),
    "src_vni": (0, 5, 6, 0xffffff, 0x1000000, 0xffffffff),
    "via": (0, "eth0", "eth1", DEV, "lo", 0x7ffffff0, 0xffffffff),
    "rtprot": (0, 1, 2, 3, 4, 5, 11, 255),
    "dst": ("10.0.0.2", "0.0.0.0", "255.255.255.255", "239.1.1.2",
            "127.0.0.1", "fd00::2", "::", "fe80::2", "ff02::2",
            "::ffff:10.0.0.2")}
for word, values in VALUES.items():
    for value, device in product(values, DEVICES):
        if word not in ("dst", "vni", "src_vni") and device != "v4":
            continue

        @case(f"value/{word}/{str(value).replace(':', '_')}/{device}", device)
        def _(table, word=word, value=value):
            table.add("request", **{word: value})
            table.show("after")
            if word == "src_vni":
                table.get("get", src_vni=value)
            table.add("again", nl_flags=CREATE | REPLACE, **{word: value})
            table.show("again-after")
            table.delete("delete", **{word: value})
            table.show("end")


@case("value/no-dst")
def _(table):
    table.add("request", dst=None, port=1)
    table.add("no-attributes", dst=None)
    table.delete("delete", dst=None, port=1)
    table.show("after")


# ---- delete

HELD = {"none": [], "one": [{}], "two": [{}, {"dst": "10.0.0.3"}],
        "source": [{"source": S1}],
        "list": [{"mode": EXCLUDE, "sources": [S1, S2]}]}
DELETED = {"same": {}, "other": {"dst": "10.0.0.99"}, "port": {"port": 1},
           "vni": {"vni": 77}, "source": {"source": S1},
           "other-source": {"source": S3}, "src-vni": {"src_vni": 77},
           "family": {"dst": "fd00::2"}, "group": {"group": OTHER},
           "mode": {"mode": EXCLUDE},
           "list": {"mode": INCLUDE, "sources": [S3]}}
for held, deleted in product(HELD, DELETED):
    @case(f"delete/{held}/{deleted}")
    def _(table, held=held, deleted=deleted):
        for number, words in enumerate(HELD[held]):
            table.add(f"before{number}", **words)
        table.told("before-told")
        table.delete("delete", **DELETED[deleted])
        table.show("after")
        table.delete("again", **DELETED[deleted])
        table.show("end")

# ---- flush

FLUSHED = {
    "all": {}, "dst": {"dst": "10.0.0.2"}, "dst6": {"dst": "fd00::2"},
    "dst-any": {"dst": "0.0.0.0"}, "other-dst": {"dst": "10.0.0.99"},
    "port": {"port": 4791}, "own-port": {"port": PORT},
    "port-0": {"port": 0}, "vni": {"vni": 6}, "own-vni": {"vni": 5},
    "vni-0": {"vni": 0}, "src-vni": {"src_vni": 7},
    "own-src-vni": {"src_vni": 5}, "src-vni-0": {"src_vni": 0},
    "rtprot": {"rtprot": m.ZEBRA}, "static": {"rtprot": m.STATIC},
    "rtprot-3": {"rtprot": 3},
    "two": {"rtprot": m.ZEBRA, "dst": "10.0.0.2"},
    "neither": {"rtprot": m.ZEBRA, "port": 4791},
    "permanent": {"head": {"state": 1}, "mask": 1},
    "not-permanent": {"head": {"state": 0}, "mask": 1},
    "mask-0": {"head": {"state": 0}, "mask": 0}, "mask-2": {"mask": 2},
    "state-2": {"head": {"state": 2}},
    "source": {"source": S1}, "via": {"via": "eth0"}, "mode": {"mode": 0},
    "list": {"sources": [S1]},
    "port-device": {"head": {"ifindex": "own"}},
    "other-device": {"head": {"ifindex": 1}},
    "flags": {"head": {"flags": 1}}, "vid": {"head": {"vid": 1}},
    "group": {"head": {"proto": 0x800}}}
for flushed, device in product(FLUSHED, ("v4", "external")):
    @case(f"flush/{flushed}/{device}", device)
    def _(table, flushed=flushed):
        table.add("plain")
        table.add("port", dst="10.0.0.3", port=4791)
        table.add("vni", dst="10.0.0.4", vni=6)
        table.add("rtprot", OTHER, "10.0.0.2", rtprot=m.ZEBRA)
        table.add("src-vni", OTHER, "10.0.0.5", src_vni=7)
        table.add("six", GROUP6, "fd00::2", source="2001:db8::1")
        table.add("list", "239.1.1.3", "10.0.0.2", mode=EXCLUDE,
                  sources=[S1, S2], rtprot=m.ZEBRA)
        table.add("list2", "239.1.1.3", "10.0.0.3", mode=INCLUDE,
                  sources=[S1, S3])
        table.told("before-told")
        words = dict(FLUSHED[flushed])
        head = dict(words.pop("head", {}))
        if head.get("ifindex") == "own":
            head["ifindex"] = table.mdb.index
        table.flush("flush", head, **words)
        table.show("after")

# ---- get

for device, asked in product(("v4", "external"), (
        {}, {"src_vni": 0}, {"src_vni": 5}, {"src_vni": 7},
        {"src_vni": 1 << 24}, {"source": S1}, {"source": S3},
        {"source": "2001:db8::1"}, {"dst": "10.0.0.2"}, {"mode": 0},
        {"port": 1})):
    words = "-".join(f"{k}-{v}" for k, v in asked.items()) or "plain"

    @case(f"get/{device}/{words.replace(':', '_')}", device)
    def _(table, asked=asked):
        table.add("one", mode=EXCLUDE, sources=[S1, S2])
        table.add("two", dst="10.0.0.3")
        table.add("src-vni", dst="10.0.0.4", src_vni=7)
        table.get("get", **asked)

# ---- the core's own checks


@case("core/bpm-0")
def _(table):
    table.add("add", bpm=0)
    table.delete("delete", bpm=0)
    table.get("get", bpm=0)


@case("core/bpm-unknown")
def _(table):
    table.add("add", bpm=0x7ffffff0)
    table.delete("delete", bpm=0x7ffffff0)
    table.get("get", bpm=0x7ffffff0)


for length in (0, 1, 27, 29, 32):
    @case(f"core/entry-length/{length}")
    def _(table, length=length):
        for op in (d.RTM_NEWMDB, d.RTM_DELMDB):
            table.step(f"request-{op}", table.host.rtnl.request, op, CREATE,
                       m.port_msg(table.mdb.index),
                       [(1, m.entry(table.mdb.index, GROUP).ljust(
                           32, b"\0")[:length])])


@case("core/no-entry")
def _(table):
    for op in (d.RTM_NEWMDB, d.RTM_DELMDB, d.RTM_GETMDB):
        table.step(f"request-{op}", table.host.rtnl.request, op, CREATE,
                   m.port_msg(table.mdb.index), [])


@case("core/flat-attributes")
def _(table):
    """MDBA_SET_ENTRY_ATTRS that does not say that it is a nest."""
    table.step("request", table.host.rtnl.request, d.RTM_NEWMDB, CREATE,
               m.port_msg(table.mdb.index),
               [(1, m.entry(table.mdb.index, GROUP)),
                (2, nl.pack_attrs(m.attrs("10.0.0.2")))])
    table.show("after")


@case("core/without", kernels=("6.1",))
def _(table):
    """What the core of a kernel answers that has no such operation."""
    table.host.rtnl.newlink("br0", "bridge")    # has the bridge module loaded
    table.add("add")
    table.delete("delete")
    table.flush("flush")
    table.get("get")
    table.show("dump")


# ---- the life of the device

@case("life/down-up")
def _(table):
    table.add("one", mode=EXCLUDE, sources=[S1])
    table.set("up", up=True)
    table.set("down", up=False)
    table.show("after")


@case("life/delete")
def _(table):
    table.add("one", mode=EXCLUDE, sources=[S1, S2])
    table.add("two", dst="10.0.0.3")
    table.add("three", GROUP6, "fd00::2")
    table.show("before")
    table.host.rtnl.dellink(DEV)
    table.told("end")


@case("life/changelink")
def _(table):
    """Another remote, another local address: the MDB stays."""
    table.add("one", port=99)
    table.change("remote", data(GROUP="10.0.0.9"))
    table.change("local", data(LOCAL="10.0.0.1"))
    table.show("after")


@case("life/via-gone")
def _(table):
    """The interface of a remote goes away."""
    table.host.rtnl.newlink("dummy0", "dummy", None)
    table.add("one", via="dummy0")
    table.host.rtnl.dellink("dummy0")
    table.names.by_index = None
    table.show("after")
    table.delete("delete")
    table.show("end")


@case("life/moved")
def _(table):
    """In another namespace: interfaces are those of the underlay."""
    other = space("other")
    table.set("move", extra=[(d.IFLA_NET_NS_FD, u32(other.fd))])
    mdb = Mdb(other, DEV)
    via = table.host.rtnl.index("eth0")
    told_by = Listener(other)
    for step, words in {"plain": {}, "via": {"via": via, "group": OTHER},
                        "via-none": {"via": 0x7ffffff0}}.items():
        words = {"group": GROUP, **words}
        table.step(step, mdb.request, d.RTM_NEWMDB, CREATE,
                   words.pop("group"), dst="10.0.0.2", ns=other, **words)
    table.outcome["dump"] = [
        {k: v for k, v in told(i, table.names).items()
         if k != "port-device"} for i in mdb.dump()]
    table.outcome["told"] = [word for word, _ in told_by.events()]
    told_by.close()
    other.rtnl.dellink(DEV)
