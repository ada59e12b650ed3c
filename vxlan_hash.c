// SPDX-License-Identifier: GPL-2.0
/*
 * The hash of an inner flow, for packets that come without one. It becomes the
 * source port, and stays with the packet for those who want it next: queues of
 * the lower device, fair queueing, bonds.
 *
 * The core's way to it costs more than all headers together. Here it is
 * computed from the headers that nearly all packets have: IPv4 or IPv6, then
 * TCP, UDP and the like, ICMP, or a fragment. All else is the core's, but never
 * some packets of a flow and not the others.
 */
#include "vxlan_hash.h"

#include <linux/if_vlan.h>
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>

/* Nobody outside is to know which flows or addresses meet. */
u64 vtep_secret[VTEP_SECRETS] __read_mostly;

/**
 * vtep_hash_init() - choose the secret
 *
 * Context: module init.
 */
void vtep_hash_init(void)
{
	get_random_bytes(vtep_secret, sizeof(vtep_secret));
	vtep_secret[VTEP_SECRET_ODD] |= 1;
}

static u64 vtep_words(__be32 high, __be32 low)
{
	return (u64)(__force u32)high << 32 | (__force u32)low;
}

static u64 vtep_hash_pair(const struct in6_addr *addr, const u64 *secret)
{
	return vtep_fold(vtep_words(addr->s6_addr32[0], addr->s6_addr32[1]) ^
			 secret[0],
			 vtep_words(addr->s6_addr32[2], addr->s6_addr32[3]) ^
			 secret[1]);
}

/* Protocols whose headers begin with two ports. */
static bool vtep_has_ports(u8 protocol)
{
	return likely(protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
	       protocol == IPPROTO_UDPLITE;
}

/**
 * struct vtep_flow - what tells a flow from others
 * @addresses: hash of the addresses, and perhaps more
 * @more: flow label or ports; with one of them the hash is that of a flow, as
 *	it is for the core
 * @ports: where the ports are, which may be anywhere; 0: there are none
 */
struct vtep_flow {
	u64 addresses;
	u32 more;
	unsigned int ports;
};

/* Version 4 and a header of 20 to 60 bytes, which is all in the first byte. */
static bool vtep_is_ipv4(const struct iphdr *iph)
{
	return *(const u8 *)iph - 0x45U <= 0x4f - 0x45;
}

/* False for what only the core can tell, as below. */
static bool vtep_flow_v4(const struct sk_buff *skb, struct vtep_flow *flow)
{
	const struct iphdr *iph = ip_hdr(skb);

	if (unlikely(!vtep_is_ipv4(iph)))
		return false;
	flow->addresses = vtep_fold(vtep_words(iph->saddr, iph->daddr) ^
				    vtep_secret[0],
				    iph->protocol ^ vtep_secret[1]);
	if (unlikely(ip_is_fragment(iph)))
		return true;
	if (unlikely(!vtep_has_ports(iph->protocol)))
		return iph->protocol == IPPROTO_ICMP;
	flow->ports = skb_network_offset(skb) + iph->ihl * 4;
	return true;
}

static bool vtep_flow_v6(const struct sk_buff *skb, struct vtep_flow *flow)
{
	const struct ipv6hdr *ip6 = ipv6_hdr(skb);

	if (unlikely(ip6->version != 6))
		return false;
	flow->addresses = vtep_hash_pair(&ip6->saddr, &vtep_secret[0]) +
			  vtep_hash_pair(&ip6->daddr, &vtep_secret[2]);
	flow->more = (__force u32)ip6_flowlabel(ip6);
	if (flow->more)
		return true;
	if (unlikely(!vtep_has_ports(ip6->nexthdr)))
		return ip6->nexthdr == IPPROTO_ICMPV6;
	flow->ports = skb_network_offset(skb) + sizeof(*ip6);
	return true;
}

static bool vtep_flow(const struct sk_buff *skb, __be16 type,
		      struct vtep_flow *flow)
{
	switch (type) {
	case htons(ETH_P_IP):
		return vtep_flow_v4(skb, flow);
	case htons(ETH_P_IPV6):
		return vtep_flow_v6(skb, flow);
	}
	return false;
}

/* Ports that are not linear; 0 if there are none after all. */
static noinline u32 vtep_ports_far(const struct sk_buff *skb, unsigned int at)
{
	u32 ports = 0;

	return skb_copy_bits(skb, at, &ports, sizeof(ports)) ? 0 : ports;
}

static u32 vtep_ports(const struct sk_buff *skb, unsigned int at)
{
	if (unlikely(at + sizeof(u32) > skb_headlen(skb)))
		return vtep_ports_far(skb, at);
	return get_unaligned((const u32 *)(skb->data + at));
}

static bool vtep_dissects(const struct net *net)
{
	return rcu_access_pointer(net->bpf.run_array[NETNS_BPF_FLOW_DISSECTOR]);
}

/* The short way. False for a packet that only the core can tell. */
static bool vtep_hash_inet(struct sk_buff *skb, __be16 type)
{
	struct vtep_flow flow = {};
	u64 hash;

	/* The core lets the tag take part, and a BPF program decide. */
	if (unlikely(skb_vlan_tag_present(skb) ||
		     vtep_dissects(&init_net) ||
		     vtep_dissects(dev_net(skb->dev))))
		return false;
	if (unlikely(!vtep_flow(skb, type, &flow)))
		return false;
	if (likely(flow.ports))
		flow.more = vtep_ports(skb, flow.ports);
	hash = vtep_fold(flow.addresses ^ vtep_secret[4],
			 flow.more ^ vtep_secret[5]);
	/* 0 is no hash. */
	__skb_set_sw_hash(skb, vtep_hash_end(hash) ?: 1, flow.more);
	return true;
}

/*
 * The core's way. Its hash loses its way behind a VLAN tag in the packet: it
 * takes the network header for the tag's place. Of what is not IP it may know
 * no more than the type.
 */
static noinline void vtep_hash_core(struct sk_buff *skb)
{
	__be16 type = skb->protocol;

	/* It may be this one. */
	skb_clear_hash(skb);
	if (eth_type_vlan(type)) {
		skb->protocol = skb_protocol(skb, true);
		skb_get_hash(skb);
		swap(skb->protocol, type);
	} else {
		skb_get_hash(skb);
	}
	if (type != htons(ETH_P_IP) && type != htons(ETH_P_IPV6))
		__skb_set_sw_hash(skb, jhash(skb->data, 2 * ETH_ALEN,
					     skb_get_hash(skb)), false);
}

/**
 * vtep_hash() - give a frame the hash of its flow, which is its source port
 * @skb: the frame; its IP header, if it has one, is linear, and where the
 *	network header is
 * @type: what that header is
 * @shortcut: the short way may be taken
 *
 * Context: BH disabled, RCU.
 */
void vtep_hash(struct sk_buff *skb, __be16 type, bool shortcut)
{
	if (skb->l4_hash || (likely(shortcut) && vtep_hash_inet(skb, type)))
		return;
	vtep_hash_core(skb);
}
