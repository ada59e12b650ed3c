// SPDX-License-Identifier: GPL-2.0
/*
 * The outer IP and UDP headers, and out. IPv4 and IPv6 are two functions of one
 * shape.
 *
 * The long way is the core's: it writes one header after the other, and between
 * writing and sending asks all who might have a word in it. Where nobody has
 * (no netfilter, no IPsec, no VRF, nothing to fragment) the short way writes
 * the headers and hands the packet to the neighbour. What the core counts,
 * cleans and leaves in the packet on its way is done here, too: nobody must be
 * able to tell which way a packet took.
 */
#include "vxlan_output.h"
#include "vxlan.h"
#include "vxlan_path.h"
#include "vxlan_route.h"

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

static struct rtable *vtep_rtable(const struct vtep_output *out)
{
	return container_of(out->via->dst, struct rtable, dst);
}

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

/* As nf_hook(), for hooks that were looked at. Returns 1 to go on. */
static int vtep_ask(const struct nf_hook_entries *hooks, u8 family,
		    struct sk_buff *skb, struct net_device *dev,
		    struct net_device *lower, struct sock *sk)
{
	struct nf_hook_state state;

	if (likely(!hooks))
		return 1;
	nf_hook_state_init(&state, NF_INET_POST_ROUTING, family, dev, lower,
			   sk, dev_net(lower), dst_output);
	return nf_hook_slow(skb, &state, hooks, 0);
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

/* What routes of both families have in common. @len: with outer headers. */
static bool vtep_direct(const struct vtep_output *out,
			const struct sk_buff *skb,
			const struct net_device *dev, unsigned int len)
{
	const struct dst_entry *dst = out->via->dst;

	return !dst_xfrm(dst) && !dst->lwtstate && !netif_is_l3_slave(dev) &&
	       !skb_is_gso(skb) && len <= out->mtu && !vtep_tunnel_deep();
}

static bool vtep_direct_v4(const struct vtep_output *out,
			   const struct sk_buff *skb,
			   const struct net_device *dev,
			   const struct nf_hook_entries **last)
{
	const struct rtable *rt = vtep_rtable(out);
	const unsigned int overhead = sizeof(struct iphdr) +
				      sizeof(struct udphdr);

	return rt->dst.output == ip_output && rt->rt_type == RTN_UNICAST &&
	       vtep_direct(out, skb, dev, skb->len + overhead) &&
	       !vtep_hooked(dev_net(dev), NFPROTO_IPV4, last);
}

static bool vtep_direct_v6(const struct vtep_output *out,
			   const struct sk_buff *skb,
			   const struct net_device *dev,
			   const struct nf_hook_entries **last)
{
	const struct rt6_info *rt6 = dst_rt6_info(out->via->dst);
	const struct inet6_dev *idev = ip6_dst_idev(&rt6->dst);
	const unsigned int overhead = sizeof(struct ipv6hdr) +
				      sizeof(struct udphdr);

	return rt6->dst.output == ip6_output && idev &&
	       !READ_ONCE(idev->cnf.disable_ipv6) &&
	       !(rt6->rt6i_flags & RTF_LOCAL) &&
	       !dst_feature(&rt6->dst, RTAX_FEATURE_ALLFRAG) &&
	       !ipv6_addr_is_multicast(&out->daddr->v6) &&
	       vtep_direct(out, skb, dev, skb->len + overhead) &&
	       !vtep_hooked(dev_net(dev), NFPROTO_IPV6, last);
}

/* The route goes with the packet, borrowed if it is a path's. */
static void vtep_attach_route(const struct vtep_output *out,
			      struct sk_buff *skb)
{
	if (out->via->path)
		skb_dst_set_noref(skb, out->via->dst);
	else
		skb_dst_set(skb, out->via->dst);
}

static void vtep_push_udp(const struct vtep_output *out, struct sk_buff *skb)
{
	struct udphdr *uh = __skb_push(skb, sizeof(*uh));

	skb_reset_transport_header(skb);
	uh->source = out->sport;
	uh->dest = out->dport;
	uh->len = htons(skb->len);
	uh->check = 0;
}

static void vtep_push_v4(const struct vtep_output *out, struct sk_buff *skb,
			 struct net *net)
{
	const struct rtable *rt = vtep_rtable(out);
	struct iphdr *iph = __skb_push(skb, sizeof(*iph));

	skb_reset_network_header(skb);
	iph->version = 4;
	iph->ihl = sizeof(*iph) >> 2;
	iph->tos = out->tos;
	iph->tot_len = htons(skb->len);
	iph->frag_off = out->df && !ip_mtu_locked(&rt->dst) ? htons(IP_DF) : 0;
	iph->ttl = out->ttl;
	iph->protocol = IPPROTO_UDP;
	iph->saddr = out->via->saddr4;
	iph->daddr = out->daddr->v4;
	if (likely(out->via->path))
		vtep_path_ident(out->via->path, net, iph);
	else
		__ip_select_ident(net, iph, 1);
	iph->check = 0;
	iph->check = ip_fast_csum(iph, sizeof(*iph) >> 2);
}

/* From the device @dev to @lower. */
static int vtep_neigh_v4(const struct vtep_output *out, struct sk_buff *skb,
			 struct net_device *dev, struct net_device *lower,
			 const struct nf_hook_entries *hooks)
{
	struct rtable *rt = vtep_rtable(out);
	struct neighbour *neigh;
	bool other = false;
	int pass;

	pass = vtep_ask(hooks, NFPROTO_IPV4, skb, dev, lower, out->sk);
	if (unlikely(pass != 1))
		return pass;
	vtep_ip_count_sent(dev_net(lower), skb->len);
	neigh = ip_neigh_for_gw(rt, skb, &other);
	if (IS_ERR(neigh)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_CREATEFAIL);
		return PTR_ERR(neigh);
	}
	sock_confirm_neigh(skb, neigh);
	return neigh_output(neigh, skb, other);
}

/* The statistics of the device, as the core leads them. */
static void vtep_count_sent(struct net_device *dev, int len, int err,
			    int failed)
{
	iptunnel_xmit_stats(dev, unlikely(net_xmit_eval(err)) ? failed : len);
}

static void vtep_short_v4(const struct vtep_output *out, struct sk_buff *skb,
			  struct net_device *lower,
			  const struct nf_hook_entries *hooks)
{
	struct net *net = dev_net(lower);
	struct net_device *dev = skb->dev;
	int len;

	vtep_push_udp(out, skb);
	len = skb->len - skb_inner_network_offset(skb);
	if (out->csum)
		udp_set_csum(false, skb, out->via->saddr4, out->daddr->v4,
			     skb->len);
	vtep_tunnel_enter();
	skb_scrub_packet(skb, out->xnet);
	skb_clear_hash_if_not_l4(skb);
	vtep_attach_route(out, skb);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	IPCB(skb)->flags = out->flags;
	vtep_push_v4(out, skb, net);
	skb->protocol = htons(ETH_P_IP);
	skb->dev = lower;
	vtep_ip_count_begin(net, skb->len);
	vtep_count_sent(dev, len, vtep_neigh_v4(out, skb, dev, lower, hooks),
			0);
	vtep_tunnel_leave();
}

/**
 * vtep_output_v4() - write UDP and IPv4 header and send
 * @out: what they say
 * @skb: the packet, which begins with the VXLAN header and has room for all
 *	others
 * @shortcut: it may take the short way
 *
 * Context: BH disabled, RCU.
 * Return: true, the packet is consumed and so is the reference to the route;
 * false if the route has just gone, nothing has been done then.
 */
bool vtep_output_v4(const struct vtep_output *out, struct sk_buff *skb,
		    bool shortcut)
{
	const struct nf_hook_entries *hooks;
	struct net_device *lower;
	bool direct;

	rcu_read_lock();
	lower = dst_dev_rcu(out->via->dst);
	direct = shortcut && vtep_direct_v4(out, skb, lower, &hooks);
	if (likely(direct))
		vtep_short_v4(out, skb, lower, hooks);
	rcu_read_unlock();
	if (likely(direct))
		return true;

	if (!vtep_via_hold(out->via))
		return false;
	udp_tunnel_xmit_skb(vtep_rtable(out), out->sk, skb,
			    out->via->saddr4, out->daddr->v4, out->tos,
			    out->ttl, out->df ? htons(IP_DF) : 0, out->sport,
			    out->dport, out->xnet, !out->csum, out->flags);
	return true;
}

static void vtep_push_v6(const struct vtep_output *out, struct sk_buff *skb)
{
	struct ipv6hdr *ip6 = __skb_push(skb, sizeof(*ip6));

	skb_reset_network_header(skb);
	ip6_flow_hdr(ip6, out->tos, out->label);
	ip6->payload_len = htons(skb->len - sizeof(*ip6));
	ip6->nexthdr = IPPROTO_UDP;
	ip6->hop_limit = out->ttl;
	ip6->saddr = out->via->saddr6;
	ip6->daddr = out->daddr->v6;
}

static int vtep_neigh_v6(const struct vtep_output *out, struct sk_buff *skb,
			 struct net_device *dev, struct net_device *lower,
			 const struct nf_hook_entries *hooks)
{
	struct rt6_info *rt6 = dst_rt6_info(out->via->dst);
	struct inet6_dev *idev = ip6_dst_idev(&rt6->dst);
	const struct in6_addr *nexthop;
	struct neighbour *neigh;
	int pass;

	pass = vtep_ask(hooks, NFPROTO_IPV6, skb, dev, lower, out->sk);
	if (unlikely(pass != 1))
		return pass;
	vtep_ip6_count_sent(dev_net(lower), idev, skb->len);
	nexthop = rt6_nexthop(rt6, &ipv6_hdr(skb)->daddr);
	neigh = ip_neigh_gw6(lower, nexthop);
	if (IS_ERR(neigh)) {
		IP6_INC_STATS(dev_net(lower), idev, IPSTATS_MIB_OUTNOROUTES);
		kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_CREATEFAIL);
		return -EINVAL;
	}
	sock_confirm_neigh(skb, neigh);
	return neigh_output(neigh, skb, false);
}

static void vtep_short_v6(const struct vtep_output *out, struct sk_buff *skb,
			  struct net_device *dev, struct net_device *lower,
			  const struct nf_hook_entries *hooks)
{
	int len;

	vtep_push_udp(out, skb);
	len = skb->len - skb_inner_network_offset(skb);
	vtep_attach_route(out, skb);
	if (out->csum)
		udp6_set_csum(false, skb, &out->via->saddr6, &out->daddr->v6,
			      skb->len);
	vtep_tunnel_enter();
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	IP6CB(skb)->flags = out->flags;
	IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
	vtep_push_v6(out, skb);
	skb->protocol = htons(ETH_P_IPV6);
	skb->dev = lower;
	vtep_count_sent(dev, len, vtep_neigh_v6(out, skb, dev, lower, hooks),
			-1);
	vtep_tunnel_leave();
}

/**
 * vtep_output_v6() - write UDP and IPv6 header and send
 * @out: what they say
 * @skb: the packet, which begins with the VXLAN header, has room for all
 *	others and nothing that is for this host only
 * @shortcut: it may take the short way
 *
 * Context: BH disabled, RCU.
 * Return: as vtep_output_v4().
 */
bool vtep_output_v6(const struct vtep_output *out, struct sk_buff *skb,
		    bool shortcut)
{
	const struct nf_hook_entries *hooks;
	struct net_device *dev = skb->dev;
	struct net_device *lower;
	bool direct;

	rcu_read_lock();
	lower = dst_dev_rcu(out->via->dst);
	direct = shortcut && vtep_direct_v6(out, skb, lower, &hooks);
	if (likely(direct))
		vtep_short_v6(out, skb, dev, lower, hooks);
	rcu_read_unlock();
	if (likely(direct))
		return true;

	if (!vtep_via_hold(out->via))
		return false;
	udp_tunnel6_xmit_skb(out->via->dst, out->sk, skb, dev,
			     &out->via->saddr6, &out->daddr->v6, out->tos,
			     out->ttl, out->label, out->sport, out->dport,
			     !out->csum, out->flags);
	return true;
}
