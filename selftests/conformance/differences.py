# SPDX-License-Identifier: GPL-2.0
"""The differences that are meant: which leaves of which outcomes.

Each rule has the name of an item of Documentation/differences.rst, where the
reason stands behind the comment `.. difference: NAME`. The first rule that
knows a difference takes it. A rule that knows none on any kernel fails the run.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from compare import MISSING


def anything(_theirs, _ours):
    return True


@dataclass(frozen=True)
class Rule:
    """One item of the list; several rules may belong to the same.

    case, field: regular expressions that match the whole name.

    when(theirs, ours): looks at the two values. said: a phrase that ours says
    in one of its refusals. everywhere: shows in so many cases that those in
    which nothing else differs count as the same.
    """

    name: str
    case: str = ".*"
    field: str = ".*"
    kernels: tuple = ()
    when: Callable = anything
    said: str = ""
    everywhere: bool = False

    def knows(self, case, kernel, diff, said):
        """Is this difference of a case one of this rule?"""
        return bool(
            re.fullmatch(self.case, case)
            and re.fullmatch(self.field, diff.field)
            and (not self.kernels or kernel in self.kernels)
            and self.when(diff.theirs, diff.ours)
            and (not self.said or any(self.said in text for text in said)))


def says_more(theirs, ours):
    """The kernel has no sentence, or names no (or another message's) part."""
    return ours not in (False, None) and (
        theirs in (False, None) or str(theirs).startswith("link."))


def accepts_same(theirs, ours):
    """The kernel refuses, whatever the value; ours looks at it."""
    return (theirs, ours) == ("EOPNOTSUPP", "ok") or \
        ours == MISSING and theirs is not MISSING


def marks_ce(theirs, ours):
    """An IP header whose ECN field is ECT(0), and CE in ours; else equal."""
    def ecn(header):
        return int(header[1:4], 16) >> (4 if header[0] == "6" else 0) & 3

    def rest(header):
        return header[0] + header[4:]
    return (ecn(theirs), ecn(ours)) == (2, 3) and rest(theirs) == rest(ours)


#: Kernels whose drivers do not know all of the attributes.
OLDER = ("6.1", "6.12")

RULES = [
    # Whatever the case, ours may say more.
    Rule("extack", field=r"(.*\.)?(sentence|at)", when=says_more,
         everywhere=True),
    # Shows in every dump of the link.
    Rule("mc-route-dumped", field=r".*\bdata\.MC_ROUTE", everywhere=True,
         when=lambda theirs, _: theirs == MISSING),

    Rule("newer-dumped", kernels=OLDER, everywhere=True,
         field=r".*\bdata\.(LOCALBYPASS|LABEL_POLICY|RESERVED_BITS)",
         when=lambda theirs, _: theirs == MISSING),

    # Links
    Rule("needs-newer-kernel", said="needs Linux", kernels=OLDER),
    Rule("newer-attribute", "link/(LOCALBYPASS|LABEL_POLICY|RESERVED_BITS|"
         "MC_ROUTE|reserved)/.*", kernels=OLDER),
    Rule("wrong-length", "link/.*", said="has a wrong length"),
    Rule("unknown-attribute", "link/.*", said="Unknown VXLAN attribute"),
    Rule("unknown-attribute", "link/50/.*", said="Extended attributes"),
    Rule("two-families", "link/.*", said="IPv4 or IPv6"),
    Rule("same-value", "link/.*", r"(change|again)\.(errno|sentence|at)",
         when=accepts_same),
    Rule("same-value", "link/mtu/change/1400/.*", "dump.*"),
    Rule("remcsum-zero", "link/REMCSUM_RX/zero/.*", ".*RESERVED_BITS"),
    Rule("remcsum-zero", "link/remcsum/.*/rx-0/.*", ".*RESERVED_BITS"),
    Rule("reserved-kept", "link/gpe/(change|fdb)/.*",
         r"changed\.data\.RESERVED_BITS", ("7.3",)),
    Rule("reserved-kept", "link/(GBP|GPE|REMCSUM_RX|RESERVED_BITS)/.*/kept",
         r"changed\.data\.RESERVED_BITS", ("7.3",)),
    Rule("no-lower", "link/LINK/changes", "none-dump.data.LINK"),
    Rule("lower-gone", "link/notify/lower-gone", "gone-told", OLDER),
    Rule("default-port", "default/.*", r"made\.data\.PORT",
         when=lambda theirs, ours: (theirs, ours) == ("2118", "12b5")),
    Rule("default-checksum", "default/.*", r"made\.data\.UDP_CSUM"),
    Rule("ethtool-counters", "ethtool/driver", "driver.(version|numbers)"),

    # The forwarding table
    Rule("bulk-flush", "fdb/(nexthop/)?flush/.*", kernels=("6.1",)),
    Rule("half-done",
         r"fdb/table/.*/(append-)?replace(-only)?/(multicast|broadcast|zero)/.*",
         "after"),
    # A veto, too, comes after the kernel has changed the state.
    Rule("half-done", "switchdev/(veto|change)/.*/0x2", "end",
         when=lambda theirs, ours: len(theirs) == len(ours)),
    Rule("extern-learn", "switchdev/learned/protocol"),
    Rule("flush-offloaded", "switchdev/flush-marked"),
    Rule("extern-learn", "fdb/owner/protocol.*/protocol.*", "after.*"),
    Rule("nda-length", "fdb/(length|flush/length)-?/?.*",
         said="must be an IPv4 or IPv6 address"),
    Rule("vni-24-bits", "fdb/.*", said="must be lower than 16777216"),
    Rule("src-vni", "fdb/value/src_vni/.*"),
    Rule("port-zero", "fdb/flood/port/0"),
    Rule("flush-vni-zero", "fdb/flush/(external/(src-0|vni-0)|vni-0)"),
    Rule("remote-told", "fdb/changelink/remote/known-remote/.*",
         "after-told"),
    Rule("new-lower", "fdb/changelink/(remote|group)/dev/.*"),
    Rule("nexthop-told", "fdb/nexthop/(group|last-member)-deleted",
         "after-told"),
    Rule("nexthop-zero", "fdb/nexthop/new/zero/.*",
         said="Nexthop 0 does not exist"),
    Rule("append-to-nexthop", "fdb/nexthop/append-remote"),
    Rule("replace-nexthop", "fdb/nexthop/table/group/.*replace.*/remote",
         "after.*"),
    Rule("new-lower", "link/notify/dev/.*", "(change|delete)-told"),

    # The VNI filter
    Rule("vni-24-bits", "vnifilter/.*", said="must be lower than 16777216"),
    Rule("two-families", "vnifilter/.*", said="IPv4 or IPv6"),
    Rule("vni-range", "vnifilter/.*", said="lower than the first"),
    Rule("half-done", "vnifilter/(missing|two|refused)/.*",
         r".*-(dump\.said\..*|tunnels|(fdb|neighbours)\..*)"),
    Rule("vni-many-groups", "vnifilter/many/40/up"),
    Rule("vni-group-kept", "vnifilter/(changelink/group|shared-group|range)"
         "/.*up", r".*-members|still|middle\..*"),
    Rule("vni-group-kept", "vnifilter/range/up", "changed-tunnels"),
    Rule("vni-group-kept", "vnifilter/shared-group/up"),
    Rule("vni-group-replaced", "vnifilter/(change|range)/.*",
         r".*-(fdb|neighbours)\..*"),
    Rule("vni-group-replaced", "vnifilter/one-message/.*"),

    # The multicast database
    Rule("mdb-half-done", "mdb/table/(exclude|include|source)/.*|mdb/list/.*",
         "(after|end)(-told)?",
         when=lambda theirs, ours: len(theirs) > len(ours)),
    Rule("mdb-half-done", "mdb/table/(exclude|include)/replace-only/.*",
         "(after|end)(-told)?",
         when=lambda theirs, ours: len(theirs) == len(ours)),
    Rule("mdb-length", "mdb/(flush/)?length/5/.*",
         said="must be an IPv4 or IPv6 address"),
    Rule("mdb-flush-zero", "mdb/flush/(port|vni|src-vni)-0/.*",
         "after(-told)?"),

    # Packets
    Rule("mdb-other-family", "packet/mdb/other-family/.*",
         r"up|counters\..*|fdb\..*|events", kernels=("6.12", "7.3")),
    Rule("torn-counted-once", "packet/mdb/beside/flood-list",
         r"counters\.tx_dropped", kernels=("6.12", "7.3"),
         when=lambda theirs, ours: (theirs, ours) == (2, 1)),
    Rule("mdb-drop-counted", "packet/mdb/.*", r"counters\.tx_dropped",
         kernels=("6.12", "7.3"),
         when=lambda theirs, ours: theirs == MISSING or ours > theirs),
    Rule("bypass-bytes", "packet/(local/.*|nexthop/own-address/.*|rsc/here|"
         "vlan-tunnel/rsc/here.*|rsc/bridge/here)",
         r"(vx\d\.)?counters\.rx_bytes"),
    Rule("bypass-learned", "packet/local/.*",
         r"(vx\d\.)?fdb\..*|devices\..*|events"),
    Rule("bypass-packet-type", "packet/local/.*", r"mib\.Ip\.InAddrErrors"),
    Rule("bypass-tagged", "packet/local/which/frame-vlan/.*",
         r"vx1\.(up|counters\.rx_dropped)"),
    Rule("bypass-source", "packet/local/which/frame-from-(own|zero)/.*",
         r"vx1\.(up|counters\..*)"),
    Rule("proxy-nd", "packet/proxy/question/otherwise-.*", "up"),
    Rule("rsc-unresolved", "packet/rsc/state/(incomplete|failed)"),
    Rule("ecn-ce", r"packet/(tx/ecn/.*/3|external/route/tos-.*-of-3-.|"
         "vlan-tunnel/ecn/3)(/.*)?", r"wire\.1\.ip", when=marks_ce),
    Rule("df-behind-tag", "packet/tx/df/inherit/v4/tagged-.*",
         r"wire\.1\.ip"),
    Rule("ttl-inherit-group", "packet/tx/ttl/group-inherit/.*/other",
         r"wire\.1\.ip"),
    Rule("gbp-dont-learn", "packet/(gbp/rx/no-learning|external/told/gbp-4|"
         "vlan-tunnel/learn/gbp-no-learning).*", r"fdb\..*|events"),
    Rule("no-remote", "packet/external/(route/to-(any|nothing)|"
         "tc/word/to-any)/.*", r"up|counters\..*|fdb\..*|events"),
    Rule("external-id", "packet/external/rx/id/.*"),
    Rule("external-df", "packet/vlan-tunnel/device/df.*", r"wire\..\.ip",
         when=lambda theirs, ours: theirs[12:13] + ours[12:13] == "04"),
    Rule("instructions-ignored", "packet/external/ignored/df/v4",
         r"wire\.1\.ip"),
    Rule("instructions-ignored", "packet/external/ignored/to-here/.*"),
    Rule("either-family",
         "packet/vlan-tunnel/(learn/other-family|backup/group.)/.*"),
    Rule("either-family", "fdb/external/(dst|nexthop)/.*"),
    Rule("tx-info-counted", "packet/(external/(without|tc/(unset|nothing))|"
         "vlan-tunnel/out/no-tunnel).*", r"counters\.tx_dropped",
         when=lambda theirs, _: theirs == MISSING),
    Rule("gro-refused", "packet/offload/gro/(no-flag|reserved|no-gbp)/.*",
         r"counters\.rx_(frame_)?errors|mib\.Udp6?\.?InDatagrams",
         when=lambda theirs, ours: theirs != MISSING and theirs < ours == 6),
    Rule("tapped", "packet/offload/gro/gap/.*", "up",
         when=lambda theirs, ours: sorted(theirs) == sorted(ours)),
    Rule("flood-order", "packet/tx/order/.*", r"wire\.\d\..*"),
    Rule("source-port", "packet/tx/port/.*/(not-ip|arp|tagged|tagged-arp)",
         "spread", when=lambda theirs, ours: (theirs, ours) == (False, True)),
    Rule("too-big-counted", "packet/(tx/(offload/)?big/|external/route/size-"
         "|external/tc/no-frag/|vlan-tunnel/size/).*",
         r"counters\.([rt]x_(packets|bytes)|tx_(dropped|(aborted_)?errors))"),
    Rule("torn-not-sent", "packet/(tx|external/tc|gpe/tx)/torn/.*",
         r"wire\..*|counters\.tx_.*", kernels=("6.1",)),
    Rule("source-mac", "packet/rx/source/nolearning/"
         "(broadcast|group6?|odd|zero)/.*",
         r"up|counters\.rx_(packets|bytes|errors)"),
    Rule("dropped-not-learned",
         "packet/(rx/(ecn|torn|length)|external/rx/ecn)/.*",
         r"fdb\..*|events"),
    Rule("torn-behind-tag", "packet/rx/torn/.*/vlan-.*",
         r"up|counters\..*"),
    Rule("ecn-behind-tag", "packet/vlan-tunnel/frame/inner-tag/.*",
         r"wire\.1\.ip|counters\.tx_bytes", kernels=("6.1",)),
    Rule("ecn-behind-tag", "packet/rx/ecn/.*/tagged.*", r"up|counters\..*"),
    Rule("static-via", "packet/learn/entry/via/.*", r"up|counters\..*"),
    Rule("static-via", "packet/learn/entry/via-dynamic/.*", "events"),
    Rule("nexthop-told", "packet/nexthop/group-gone/.*", "events"),
    Rule("nexthop-source", "packet/nexthop/learning/same/.*",
         r"up|counters\.rx_(packets|bytes)"),
    Rule("remcsum-place", "packet/remcsum/rx/[^/]*/inside/.*"),
    Rule("ecn-ce", "packet/gpe/tx/ecn/.*-3/.*", r"wire\.1\.ip",
         when=marks_ce),
    Rule("too-big-counted", "packet/gpe/tx/mtu/.*",
         r"counters\.([rt]x_(packets|bytes)|tx_(dropped|(aborted_)?errors))"),
    Rule("gpe-frame-bytes", "packet/gpe/tx/kind/ether/.*",
         r"counters\.tx_bytes", ("6.1",),
         when=lambda theirs, ours: theirs - ours == 14),
    Rule("drops-counted", "packet/gpe/tx/gso/.*/udp./.*",
         r"counters\.tx_dropped", ("6.1",),
         when=lambda theirs, _: theirs == MISSING),
    Rule("drops-counted", "packet/gpe/tx/no-instructions/.*",
         r"counters\.tx_dropped", when=lambda theirs, _: theirs == MISSING),
    Rule("drops-counted", "packet/gpe/rx/.*",
         r"counters\.rx_(errors|frame_errors)",
         when=lambda theirs, _: theirs == MISSING),
    Rule("drops-counted", "packet/offload/gro/.*(reserved|no-gbp)/.*",
         r"counters\.rx_(frame_)?errors", OLDER,
         when=lambda theirs, _: theirs == MISSING),
    Rule("drops-counted", "packet/(rx|learn|nexthop|remcsum|gbp|reserved|"
         "external|vlan-tunnel)/.*",
         r"counters\.rx_(errors|dropped|length_errors|frame_errors)",
         when=lambda theirs, _: theirs == MISSING),
    Rule("drops-counted", "packet/vnifilter/.*",
         r"counters\.rx_(errors|dropped|(length|frame)_errors)|"
         r"vnis\.\d+\.rx_(errors|drops)",
         when=lambda theirs, _: theirs == MISSING),
]
