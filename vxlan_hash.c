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
#include <linux/math64.h>
#include <linux/random.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>

#define KEYS 6

/* Nobody outside is to know which flows meet. */
static u64 key[KEYS] __read_mostly;

/**
 * vtep_hash_init() - choose the secret
 *
 * Context: module init.
 */
void vtep_hash_init(void)
{
	get_random_bytes(key, sizeof(key));
}

/* Both halves of the product: each bit depends on all bits of both factors. */
static u64 vtep_fold(u64 a, u64 b)
{
	return a * b ^ mul_u64_u64_shr(a, b, 64);
}

static u64 vtep_words(__be32 high, __be32 low)
{
	return (u64)(__force u32)high << 32 | (__force u32)low;
}

static u64 vtep_hash_pair(const struct in6_addr *addr, u64 key0, u64 key1)
{
	return vtep_fold(vtep_words(addr->s6_addr32[0], addr->s6_addr32[1]) ^
			 key0,
			 vtep_words(addr->s6_addr32[2], addr->s6_addr32[3]) ^
			 key1);
}

/* How the ports of a protocol are found. */
enum vtep_ports {
	VTEP_PORTS,
	VTEP_PORTLESS,
	VTEP_PORTS_UNKNOWN,
};

static enum vtep_ports vtep_ports(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return VTEP_PORTS;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return VTEP_PORTLESS;
	}
	return VTEP_PORTS_UNKNOWN;
}

/*
 * @addresses: all that is known of them. @more: ports or flow label; with one
 * of them the hash is that of a flow, as it is for the core.
 */
static bool vtep_hash_set(struct sk_buff *skb, u64 addresses, u32 more)
{
	u64 hash = vtep_fold(addresses ^ key[4], more ^ key[5]);

	/* 0 is no hash. */
	__skb_set_sw_hash(skb, (u32)(hash ^ (hash >> 32)) ?: 1, more);
	return true;
}

/* @end: length of all in front of the ports, which may lie anywhere. */
static bool vtep_hash_l4(struct sk_buff *skb, u64 addresses, u8 protocol,
			 unsigned int end)
{
	enum vtep_ports kind = vtep_ports(protocol);
	u32 copy, ports = 0;
	const u32 *found;

	if (kind == VTEP_PORTS_UNKNOWN)
		return false;
	if (kind == VTEP_PORTS) {
		found = skb_header_pointer(skb, end, sizeof(copy), &copy);
		if (unlikely(!found))
			return false;
		ports = get_unaligned(found);
	}
	return vtep_hash_set(skb, addresses, ports);
}

static bool vtep_hash_v4(struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	u64 addresses;

	if (unlikely(iph->ihl < 5 || iph->version != 4))
		return false;
	addresses = vtep_fold(vtep_words(iph->saddr, iph->daddr) ^ key[0],
			      iph->protocol ^ key[1]);
	if (unlikely(ip_is_fragment(iph)))
		return vtep_hash_set(skb, addresses, 0);
	return vtep_hash_l4(skb, addresses, iph->protocol,
			    skb_network_offset(skb) + iph->ihl * 4);
}

static bool vtep_hash_v6(struct sk_buff *skb)
{
	const struct ipv6hdr *ip6 = ipv6_hdr(skb);
	__be32 label = ip6_flowlabel(ip6);
	u64 addresses;

	if (unlikely(ip6->version != 6))
		return false;
	addresses = vtep_hash_pair(&ip6->saddr, key[0], key[1]) +
		    vtep_hash_pair(&ip6->daddr, key[2], key[3]);
	if (label)
		return vtep_hash_set(skb, addresses, (__force u32)label);
	return vtep_hash_l4(skb, addresses, ip6->nexthdr,
			    skb_network_offset(skb) + sizeof(*ip6));
}

static bool vtep_dissects(const struct net *net)
{
	return rcu_access_pointer(net->bpf.run_array[NETNS_BPF_FLOW_DISSECTOR]);
}

/**
 * vtep_hash_inet() - hash of a packet that has none, the short way
 * @skb: the packet; its IP header is linear, and where the network header is
 * @type: what that header is
 *
 * Return: false for a packet that only the core can tell.
 */
bool vtep_hash_inet(struct sk_buff *skb, __be16 type)
{
	/* The core lets the tag take part, and a BPF program decide. */
	if (unlikely(skb_vlan_tag_present(skb) ||
		     vtep_dissects(&init_net) ||
		     vtep_dissects(dev_net(skb->dev))))
		return false;
	switch (type) {
	case htons(ETH_P_IP):
		return vtep_hash_v4(skb);
	case htons(ETH_P_IPV6):
		return vtep_hash_v6(skb);
	}
	return false;
}

/**
 * vtep_hash_ether() - hash of a frame that has none, by the core
 * @skb: the frame
 *
 * The core's hash loses its way behind a VLAN tag in the packet: it takes the
 * network header for the tag's place. Of what is not IP it may know no more
 * than the type.
 */
void vtep_hash_ether(struct sk_buff *skb)
{
	__be16 type = skb->protocol;

	if (eth_type_vlan(type)) {
		skb_clear_hash(skb);
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
