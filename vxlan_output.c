// SPDX-License-Identifier: GPL-2.0
/*
 * The outer IP and UDP headers, and out.
 *
 * The long way is the core's: it writes one header after the other, and between
 * writing and sending asks all who might have a word in it. The short way
 * writes the headers at once. Where nobody has a word in it (no netfilter, no
 * IPsec, no VRF, nothing to fragment) it then hands the packet to the
 * neighbour, else to the core. What the core counts, cleans and leaves in the
 * packet on its way is done here, too: nobody must be able to tell which way a
 * packet took.
 */
#include "vxlan_output.h"
#include "vxlan.h"
#include "vxlan_encap.h"
#include "vxlan_path.h"
#include "vxlan_sock.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <net/addrconf.h>
#include <net/arp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ip6_tunnel.h>
#include <net/ip_tunnels.h>
#include <net/l3mdev.h>
#include <net/ndisc.h>
#include <net/route.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

#ifdef CONFIG_NETFILTER
/*
 * AppArmor has one hook, which nearly never has to do, but is there from boot
 * on. It lets a packet pass or not, no more, so it can be asked on the short
 * way, too.
 */
static bool vtep_security_only(const struct nf_hook_entries *hooks)
{
	const struct nf_hook_ops *ops;

	if (hooks->num_hook_entries != 1)
		return false;
	ops = nf_hook_entries_get_hook_ops(hooks)[0];
	return ops->hook_ops_type == NF_HOOK_OP_UNDEFINED &&
	       ops->priority == NF_IP_PRI_SELINUX_FIRST;
}

/*
 * Does anybody look at the packets that this host sends? @last: filled with
 * those who are asked on the short way, or NULL.
 */
static bool vtep_hooked(const struct net *net, u8 family,
			const struct nf_hook_entries **last)
{
	struct nf_hook_entries __rcu *const *hooks;

	hooks = family == NFPROTO_IPV4 ? net->nf.hooks_ipv4 :
					 net->nf.hooks_ipv6;
	*last = rcu_dereference(hooks[NF_INET_POST_ROUTING]);
	return rcu_access_pointer(hooks[NF_INET_LOCAL_OUT]) ||
	       (*last && !vtep_security_only(*last));
}

/* As nf_hook(), for the hook that was looked at. Returns 1 to go on. */
static int vtep_ask(const struct nf_hook_entries *hooks, u8 family,
		    struct sk_buff *skb, struct net_device *dev,
		    struct net_device *lower, struct sock *sk)
{
	struct nf_hook_state state = {
		.hook = NF_INET_POST_ROUTING,
		.pf = family,
		.in = dev,
		.out = lower,
		.sk = sk,
		.net = dev_net(lower),
		.okfn = dst_output,
	};
	unsigned int verdict;

	if (!hooks)
		return 1;
	verdict = nf_hook_entry_hookfn(&hooks->hooks[0], skb, &state);
	if (likely(verdict == NF_ACCEPT))
		return 1;
	kfree_skb_reason(skb, SKB_DROP_REASON_NETFILTER_DROP);
	return NF_DROP_GETERR(verdict) ?: -EPERM;
}
#else
static bool vtep_hooked(const struct net *net, u8 family,
			const struct nf_hook_entries **last)
{
	*last = NULL;
	return false;
}

static int vtep_ask(const struct nf_hook_entries *hooks, u8 family,
		    struct sk_buff *skb, struct net_device *dev,
		    struct net_device *lower, struct sock *sk)
{
	return 1;
}
#endif

/*
 * The route goes with the packet, which borrows it if nobody keeps the packet
 * for longer than RCU without asking.
 */
static void vtep_attach_route(const struct vtep_path *path,
			      struct sk_buff *skb, bool direct)
{
	if (path->kept && direct)
		skb_dst_set_noref(skb, path->dst);
	else
		skb_dst_set(skb, path->dst);
}

/* To a group of the underlay, unless the packet says how far itself. */
static bool vtep_one_hop(const struct vtep_tx *tx, bool multicast)
{
	return unlikely(multicast) && !tx->info;
}

static u8 vtep_ttl_v4(const struct vtep_tx *tx, const struct vtep_path *path)
{
	if (tx->ttl)
		return tx->ttl;
	if (vtep_one_hop(tx, ipv4_is_multicast(path->daddr4)))
		return 1;
	return dst_metric_raw(path->dst, RTAX_HOPLIMIT) ?:
	       READ_ONCE(dev_net(path->lower)->ipv4.sysctl_ip_default_ttl);
}

static u8 vtep_ttl_v6(const struct vtep_tx *tx, const struct vtep_path *path)
{
	const struct inet6_dev *idev;

	if (tx->ttl)
		return tx->ttl;
	idev = __in6_dev_get(path->lower);
	if (vtep_one_hop(tx, ipv6_addr_is_multicast(&path->daddr6)))
		return 1;
	if (unlikely(!idev))
		return ip6_dst_hoplimit(path->dst);
	return dst_metric_raw(path->dst, RTAX_HOPLIMIT) ?:
	       READ_ONCE(idev->cnf.hop_limit);
}

static void vtep_write_udp(const struct vtep_tx *tx, struct sk_buff *skb,
			   unsigned int len)
{
	struct udphdr *uh = udp_hdr(skb);

	uh->source = tx->sport;
	uh->dest = tx->dport;
	uh->len = htons(len);
	uh->check = 0;
}

static void vtep_write_v4(const struct vtep_tx *tx, struct sk_buff *skb,
			  struct vtep_path *path)
{
	struct net *net = dev_net(path->lower);
	struct iphdr *iph = ip_hdr(skb);

	skb_set_transport_header(skb, sizeof(*iph));
	vtep_write_udp(tx, skb, skb->len - sizeof(*iph));
	if (tx->csum)
		udp_set_csum(false, skb, path->saddr4, path->daddr4,
			     skb->len - sizeof(*iph));
	skb_scrub_packet(skb, vtep_crosses(tx));
	skb_clear_hash_if_not_l4(skb);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	IPCB(skb)->flags = tx->cfg->mc_route ? IPSKB_MCROUTE : 0;

	iph->version = 4;
	iph->ihl = sizeof(*iph) >> 2;
	iph->tos = tx->tos;
	iph->tot_len = htons(skb->len);
	iph->frag_off = tx->df && !ip_mtu_locked(path->dst) ? htons(IP_DF) : 0;
	iph->ttl = vtep_ttl_v4(tx, path);
	iph->protocol = IPPROTO_UDP;
	iph->saddr = path->saddr4;
	iph->daddr = path->daddr4;
	if (unlikely(skb_is_gso(skb)))
		__ip_select_ident(net, iph, skb_shinfo(skb)->gso_segs ?: 1);
	else
		vtep_path_ident(path, net, iph);
	iph->check = 0;
	iph->check = ip_fast_csum(iph, sizeof(*iph) >> 2);
}

/* As udp6_set_csum(), which adds the addresses up for each packet. */
static void vtep_set_csum_v6(struct sk_buff *skb, const struct vtep_path *path,
			     unsigned int len)
{
	if (unlikely(skb_is_gso(skb) || skb->ip_summed == CHECKSUM_PARTIAL)) {
		udp6_set_csum(false, skb, &path->saddr6, &path->daddr6, len);
		return;
	}
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct udphdr, check);
	udp_hdr(skb)->check = ~csum_fold(csum_add(path->pseudo,
						  (__force __wsum)htonl(len)));
}

static void vtep_write_v6(const struct vtep_tx *tx, struct sk_buff *skb,
			  const struct vtep_path *path)
{
	const unsigned int len = skb->len - sizeof(struct ipv6hdr);
	struct ipv6hdr *ip6 = ipv6_hdr(skb);

	skb_set_transport_header(skb, sizeof(*ip6));
	vtep_write_udp(tx, skb, len);
	if (likely(tx->csum))
		vtep_set_csum_v6(skb, path, len);
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	IP6CB(skb)->flags = tx->cfg->mc_route ? IP6SKB_MCROUTE : 0;
	IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);

	ip6_flow_hdr(ip6, tx->tos, tx->label);
	ip6->payload_len = htons(len);
	ip6->nexthdr = IPPROTO_UDP;
	ip6->hop_limit = vtep_ttl_v6(tx, path);
	ip6->saddr = path->saddr6;
	ip6->daddr = path->daddr6;
}

static int vtep_neigh_v4(struct sk_buff *skb, const struct vtep_path *path)
{
	struct rtable *rt = container_of(path->dst, struct rtable, dst);
	struct neighbour *neigh;
	bool other = false;

	vtep_ip_count_sent(dev_net(path->lower), skb->len);
	neigh = ip_neigh_for_gw(rt, skb, &other);
	if (IS_ERR(neigh)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_CREATEFAIL);
		return PTR_ERR(neigh);
	}
	sock_confirm_neigh(skb, neigh);
	return neigh_output(neigh, skb, other);
}

static int vtep_neigh_v6(struct sk_buff *skb, const struct vtep_path *path)
{
	struct rt6_info *rt6 = dst_rt6_info(path->dst);
	struct inet6_dev *idev = ip6_dst_idev(&rt6->dst);
	struct net *net = dev_net(path->lower);
	const struct in6_addr *nexthop;
	struct neighbour *neigh;

	vtep_ip6_count_sent(net, idev, skb->len);
	nexthop = rt6_nexthop(rt6, &ipv6_hdr(skb)->daddr);
	neigh = ip_neigh_gw6(path->lower, nexthop);
	if (IS_ERR(neigh)) {
		IP6_INC_STATS(net, idev, IPSTATS_MIB_OUTNOROUTES);
		kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_CREATEFAIL);
		return -EINVAL;
	}
	sock_confirm_neigh(skb, neigh);
	return neigh_output(neigh, skb, false);
}

/* The packet is as the IP layer would have it: to the neighbour. */
static int vtep_direct(const struct vtep_tx *tx, struct sk_buff *skb,
		       const struct vtep_path *path,
		       const struct nf_hook_entries *hooks)
{
	const bool v6 = path->v6;
	int pass;

	skb->protocol = v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	skb->dev = path->lower;
	if (!v6)
		vtep_ip_count_begin(dev_net(path->lower), skb->len);
	pass = vtep_ask(hooks, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4, skb,
			tx->vtep->dev, path->lower, tx->sock->sk);
	if (unlikely(pass != 1))
		return pass;
	return v6 ? vtep_neigh_v6(skb, path) : vtep_neigh_v4(skb, path);
}

static noinline int vtep_local_out(const struct vtep_tx *tx,
				   struct sk_buff *skb,
				   const struct vtep_path *path)
{
	struct net *net = dev_net(path->lower);

	return path->v6 ? ip6_local_out(net, tx->sock->sk, skb) :
			  ip_local_out(net, tx->sock->sk, skb);
}

static void vtep_short(const struct vtep_tx *tx, struct sk_buff *skb,
		       struct vtep_path *path, bool direct,
		       const struct nf_hook_entries *hooks)
{
	const bool v6 = path->v6;
	int err, len;

	len = skb->len - skb_inner_network_offset(skb);
	__skb_push(skb, sizeof(struct udphdr) +
			(v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)));
	skb_reset_network_header(skb);
	vtep_tunnel_enter();
	if (v6)
		vtep_write_v6(tx, skb, path);
	else
		vtep_write_v4(tx, skb, path);
	vtep_attach_route(path, skb, direct);
	err = likely(direct) ? vtep_direct(tx, skb, path, hooks) :
			       vtep_local_out(tx, skb, path);
	/* What is lost does not count over IPv4, and as an error over IPv6. */
	if (unlikely(net_xmit_eval(err)))
		len = v6 ? -1 : 0;
	iptunnel_xmit_stats(tx->vtep->dev, len);
	vtep_tunnel_leave();
}

static noinline void vtep_long_v4(const struct vtep_tx *tx, struct sk_buff *skb,
				  const struct vtep_path *path)
{
	const bool group = ipv4_is_multicast(path->daddr4);
	const u8 ttl = tx->ttl ?: vtep_one_hop(tx, group) ? 1 :
				  ip4_dst_hoplimit(path->dst);

	udp_tunnel_xmit_skb(container_of(path->dst, struct rtable, dst),
			    tx->sock->sk, skb, path->saddr4, path->daddr4,
			    tx->tos, ttl, tx->df ? htons(IP_DF) : 0, tx->sport,
			    tx->dport, vtep_crosses(tx), !tx->csum,
			    tx->cfg->mc_route ? IPSKB_MCROUTE : 0);
}

static noinline void vtep_long_v6(const struct vtep_tx *tx, struct sk_buff *skb,
				  const struct vtep_path *path)
{
	const bool group = ipv6_addr_is_multicast(&path->daddr6);
	const u8 ttl = tx->ttl ?: vtep_one_hop(tx, group) ? 1 :
				  ip6_dst_hoplimit(path->dst);

	udp_tunnel6_xmit_skb(path->dst, tx->sock->sk, skb, tx->vtep->dev,
			     &path->saddr6, &path->daddr6, tx->tos, ttl,
			     tx->label, tx->sport, tx->dport, !tx->csum,
			     tx->cfg->mc_route ? IP6SKB_MCROUTE : 0);
}

/* IPv6 may be switched off where routes by nexthop objects stay. */
static bool vtep_speaks(const struct vtep_path *path)
{
	return !path->v6 ||
	       !READ_ONCE(ip6_dst_idev(path->dst)->cnf.disable_ipv6);
}

/**
 * vtep_output() - write UDP and IP header and send
 * @tx: what they say
 * @skb: the packet, which begins with the VXLAN header and has room for all
 *	others; over IPv6 it has nothing that is for this host only
 * @path: its route
 * @fits: it is one packet and need not be fragmented
 *
 * Context: BH disabled, rcu_read_lock().
 * Return: true, the packet is consumed and so is the reference to the route if
 * it has one; false if the route has just gone, nothing has been done then.
 */
bool vtep_output(const struct vtep_tx *tx, struct sk_buff *skb,
		 struct vtep_path *path, bool fits)
{
	/* What a length field cannot tell differs from kernel to kernel. */
	const bool shortcut = tx->shortcut && !vtep_tunnel_deep() &&
			      skb->len <= U16_MAX - sizeof(struct udphdr);
	const struct nf_hook_entries *hooks = NULL;
	bool direct;

	direct = shortcut && fits && path->direct && vtep_speaks(path) &&
		 !vtep_hooked(dev_net(path->lower),
			      path->v6 ? NFPROTO_IPV6 : NFPROTO_IPV4, &hooks);
	if (unlikely(!direct && !vtep_path_hold(path)))
		return false;
	if (likely(shortcut))
		vtep_short(tx, skb, path, direct, hooks);
	else if (path->v6)
		vtep_long_v6(tx, skb, path);
	else
		vtep_long_v4(tx, skb, path);
	return true;
}
