# SPDX-License-Identifier: GPL-2.0
"""Library of the selftests: one concept a module, stdlib only (but scapy).

netns     Netns(label): ns("cmd") and ns.run(cmd, check, timeout, stdin) run a
          command in it, ns.ip(line, ...) / ns.bridge(line, ...) by one spawn,
          ns.popen, ns.socket(...), ns.sysctl("ipv4/..." [, value]),
          ns.read("net/igmp"), ns.entered() (context), ns.rtnl (nl.Rtnl),
          ns.delete() (waits until really gone); delete_all([...]).
topo      Fabric(hosts=3, mtu=1600, snooping, offloads): .host[n], .hosts, .ns,
          .settle() (all sent on the underlay has arrived), .forget() (drops
          everything learned), .delete() / `with`.
          Host: .ns .mac .ip4 .ip6 .number, add_vxlan(vni, "ip link words",
          name, bridge=True, up=True), add_vm(number, vni, ip="a/len"),
          capture("eth0"), fdb(dev) -> {mac: [dst]}, forget(),
          delete_vxlans().
          VM: .ns .mac .ip .ipv6, ping(other, count), send(frame, ...),
          capture(), know(other vms), add_leg(vni, ip), forget().
          segment(fabric, underlay, vni, vms={vm: host}, options, group);
          wait_learned(host, vm, behind, underlay, dev); kind(); DEFAULTS.
underlay  V4, V6: .group .other_group .new_group() .address(host)
          .options(host, group) .group_mac(group) .members(ns) -> {group: users}
          .check(outer, vni, host, dst host or group): all bytes that have
          one right value; .check_report(report).
shortcut  both(scenario): the same result with shortcuts and without; set_to(),
          Toggling(); Lane: a Bench of one source port, .burst() .through()
          .untapped(); seen(packets), growth(places), calm_wired(), rest(); the
          fixtures underlay, fabric, able.
ecn       LEAVES: what ECN says after a tunnel, VALUES, PASS.
nft       rules(ns, table(family, hook(...), rule...)), counted(ns).
gso       Unfinished(ns, dev): frames with unfilled checksums and large
          segments; tcp(), udp().
gro       merging(fabric, host): its eth0 merges packets that come one by one.
batch     Batch(namespaces): many underlay packets in one softirq; shortcut(on).
capture   Capture(ns, ifname): open BEFORE the action. packets(match, sent),
          outers(sent, match), reports(group, record), wait_for(match),
          wait_count(match, n), quiet(seconds, match), clear(), save(path),
          close(). Packet: .raw .time .sent .eth .outer .reports.
          Failing tests show all open captures; conftest closes them.
wire      parse(raw) -> Outer or None: eth ip src dst ttl tos df sport dport
          udp_len udp_csum flags rsvd1 vni rsvd2 inner frame time, check();
          parse_ether, parse_ip (Ether, Ip: header_ok, payload_ok, fragment),
          parse_reports -> [Report(record, group, sources)]; TO_EX (join),
          TO_IN (leave), csum, pseudo.
build     ether arp arp_request ipv4 ipv6 ip udp ip_frame udp_frame vxlan
          vxlan_frame: frames from fields, any of which may be wrong.
inject    send_frames(ns, dev, frame...), Injector, send_udp(ns, dst, port,
          data, sport, src), ping(ns, dst, count) -> answered,
          listener(ns, addr, port), connect(ns, addr, port).
counters  link_stats(ns, dev), ethtool_stats(ns, dev), device(ns, dev), snmp(ns);
          with delta(ns, dev) as moved: ... -> {counter: growth}.
nl        Rtnl(ns): request, newlink(name, kind, data, extra), changelink,
          setlink, dellink, link(name), links, info_data(name) ->
          {number: bytes}, neigh(op, dev, attrs, state, flags, nl_flags),
          fdb(dev), neighbours(family); NlError .errno .name .msg .offset;
          Monitor(ns, groups): events(), wait_for(match); u8 u16 u32 be16
          be32 text ip mac make attribute values. nldefs: the numbers.
fdb       Fdb(ns, dev): add, append, replace, delete, get, flush, entries, dsts,
          snapshot; refusal(call) -> "EINVAL" or None; states, flags, mac(n).
nexthop   Nexthops(ns): add, group, regroup, change, delete, clear; add and
          replace of FDB entries that point to groups, entries, groups.
mdb       Mdb(ns, dev): add, replace, delete, flush, get, dump, parts;
          Listener(ns): events(); entry, attrs: of malformed requests; HAS_MDB.
vnifilter Filter(ns, dev): add, delete, ranges, stats; entry(); told(monitor).
fdbdump   parts(ns, way, index, bridge): a dump part by part; WAYS to ask.
snapshot  snapshot(ns): links, tables, memberships, sockets; differences(a, b).
switchdev Switch(): the listening switch of ../modules: events, veto, say.
abi       read(ns): what other drivers see of a device; load(), flags().
netdevsim Card(ns): a network card that is told of tunnel ports.
failslab  failing(cache), FailingRtnl(ns): allocations that fail.
links     add_veth, add_bridge, set_port, add_address, flush_bridge: plumbing
          that is not under test, by netlink (no spawn).
instruct  route(), tunnel_key(), flower(): instructions of external mode and
          what received packets tell, by netlink.
bpf       Program, Array, set_key, report, tally: tiny programs for tc, routes
          and cgroups.
genl      Genl(ns): generic netlink, as far as Open vSwitch needs it.
vm, nlattr, nldefs: the VM class, attribute bytes, netlink numbers.
ethtool   statistics(ns, dev), offload(ns, dev, on, names) by ioctl.
klog      KernelLog: new_lines(), splats(lines).
wait      eventually(check, timeout), steadily, scaled, deadline: all times are
          multiplied by $VXLAN_SLOW.
layers    layers(): scapy's VXLAN and friends, imported at the first use.

Fixtures (conftest.py): kind; underlay (V4, or the module's UNDERLAY); fabric
(3 hosts of the module), tenants / vms (5 VMs in two VNIs on it, vms: nothing
learned yet); vteps (3 hosts without VXLAN, shared: devices are deleted after
the test); namespaces() -> a Netns that is deleted after the test.
"""
