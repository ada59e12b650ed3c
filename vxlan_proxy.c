// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that the device answers or routes itself: whoever fills the host's
 * neighbour tables for this device (a control plane, mostly) knows who is
 * where.
 *
 * Proxy: an ARP request or neighbour solicitation is answered and never
 * leaves. Short circuit: a packet to a router's MAC address gets that of the
 * station it is for, as if the router had forwarded it.
 */
#include "vxlan_proxy.h"
#include "vxlan.h"
#include "vxlan_encap.h"
#include "vxlan_fdb.h"

#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <net/addrconf.h>
#include <net/arp.h>
#include <net/ip6_checksum.h>
#include <net/ndisc.h>

/**
 * struct vtep_station - what the host knows of an address of the overlay
 * @mac: its MAC address
 * @state: NUD_* of the neighbour entry
 */
struct vtep_station {
	u8 mac[ETH_ALEN] __aligned(2);
	u8 state;
};

/* Length of the only option of an answer: the target's MAC address. */
#define VTEP_ND_OPT_LEN		8

static struct neigh_table *vtep_neigh_table(const struct vtep_addr *addr)
{
	if (addr->family == AF_INET)
		return &arp_tbl;
	return ipv6_mod_enabled() ? &nd_tbl : NULL;
}

/* Listeners are asked about an address without a neighbour entry, if wanted. */
static bool vtep_station_find(const struct vtep_tx *tx,
			      const struct vtep_addr *addr,
			      struct vtep_station *station)
{
	struct neigh_table *table = vtep_neigh_table(addr);
	struct net_device *dev = tx->vtep->dev;
	struct neighbour *neigh;

	if (!table)
		return false;
	neigh = neigh_lookup(table, &addr->v6, dev);
	if (!neigh) {
		if (tx->cfg->l3miss)
			vtep_fdb_miss(tx->vtep, NULL, addr);
		return false;
	}
	station->state = READ_ONCE(neigh->nud_state);
	neigh_ha_snapshot(station->mac, neigh, dev);
	neigh_release(neigh);
	return true;
}

/**
 * struct vtep_answer - what is known of the one asked for
 * @station: its MAC address
 * @router: it is a router, says its FDB entry
 */
struct vtep_answer {
	struct vtep_station station;
	bool router;
};

/*
 * A station without an FDB entry can be answered for. One whose remote is the
 * zero address is on this side of the device and answers itself.
 */
static bool vtep_proxy_find(const struct vtep_tx *tx,
			    const struct vtep_addr *target,
			    struct vtep_answer *answer)
{
	const struct vtep_fdb_entry *entry;
	struct vtep_fdb_dst dst;

	if (!vtep_station_find(tx, target, &answer->station) ||
	    !(answer->station.state & NUD_CONNECTED))
		return false;

	entry = vtep_fdb_find(tx->vtep, answer->station.mac, tx->vni);
	answer->router = entry && READ_ONCE(entry->ndm_flags) & NTF_ROUTER;
	return !entry || !vtep_fdb_dst(tx->vtep, entry, 0, &dst) ||
	       !dst.remote || !vtep_addr_any(&dst.remote->key.peer->key.addr);
}

static enum vtep_counter vtep_proxy_done(const struct vtep_tx *tx,
					 struct sk_buff *request,
					 struct sk_buff *reply)
{
	struct vtep_dev *vtep = tx->vtep;

	if (!reply)
		return VTEP_TX_NOMEM;

	reply->ip_summed = CHECKSUM_UNNECESSARY;
	reply->pkt_type = PACKET_HOST;
	vtep_count(vtep->counters, netif_rx(reply) == NET_RX_SUCCESS ?
				   VTEP_PROXY_ANSWERED : VTEP_RX_BACKLOG);
	consume_skb(request);
	return VTEP_COUNTERS;
}

/* ARP, RFC 826 */

/* The addresses behind the fixed part, for Ethernet and IPv4. */
struct vtep_arp {
	u8 sender_mac[ETH_ALEN];
	__be32 sender;
	u8 target_mac[ETH_ALEN];
	__be32 target;
} __packed;

/* A request for an IPv4 address on Ethernet, or NULL; the header is linear. */
static const struct vtep_arp *vtep_proxy_arp_request(const struct sk_buff *skb)
{
	const struct arphdr *arp = (const void *)(skb->data + ETH_HLEN);

	if ((arp->ar_hrd != htons(ARPHRD_ETHER) &&
	     arp->ar_hrd != htons(ARPHRD_IEEE802)) ||
	    arp->ar_pro != htons(ETH_P_IP) ||
	    arp->ar_op != htons(ARPOP_REQUEST) ||
	    arp->ar_hln != ETH_ALEN || arp->ar_pln != sizeof(__be32))
		return NULL;
	return (const void *)(arp + 1);
}

/* All ARP is for the proxy, and nothing but requests is answered. */
static enum vtep_counter vtep_proxy_arp(const struct vtep_tx *tx,
					struct sk_buff *skb)
{
	struct net_device *dev = tx->vtep->dev;
	const struct vtep_arp *arp;
	struct vtep_answer answer;
	struct vtep_addr target;
	struct sk_buff *reply;

	if (!pskb_may_pull(skb, ETH_HLEN + sizeof(struct arphdr) +
				sizeof(*arp)))
		return VTEP_TX_INNER_SHORT;
	arp = vtep_proxy_arp_request(skb);
	if (!arp || dev->flags & IFF_NOARP)
		return VTEP_TX_PROXY_SILENT;
	if (ipv4_is_loopback(arp->target) || ipv4_is_multicast(arp->target))
		return VTEP_TX_PROXY_SILENT;
	target = vtep_addr_v4(arp->target);
	if (!vtep_proxy_find(tx, &target, &answer))
		return VTEP_TX_PROXY_SILENT;

	reply = arp_create(ARPOP_REPLY, ETH_P_ARP, arp->sender, dev,
			   arp->target, arp->sender_mac, answer.station.mac,
			   arp->sender_mac);
	if (reply) {
		skb_reset_mac_header(reply);
		__skb_pull(reply, skb_network_offset(reply));
	}
	return vtep_proxy_done(tx, skb, reply);
}

/* Neighbour discovery, RFC 4861 */

/* A neighbour solicitation, all of it linear, with @ip6 in front; or NULL. */
static const struct nd_msg *vtep_proxy_solicitation(struct sk_buff *skb)
{
	const unsigned int len = ETH_HLEN + sizeof(struct ipv6hdr);
	const struct ipv6hdr *ip6;
	const struct nd_msg *nd;

	if (!pskb_may_pull(skb, len + sizeof(*nd)))
		return NULL;
	ip6 = (const void *)(skb->data + ETH_HLEN);
	nd = (const void *)(skb->data + len);
	if (ip6->nexthdr != IPPROTO_ICMPV6 || nd->icmph.icmp6_code ||
	    nd->icmph.icmp6_type != NDISC_NEIGHBOUR_SOLICITATION)
		return NULL;
	return nd;
}

/*
 * Whom to answer: the MAC address in the option, else the sender of the frame.
 * False if the solicitation is not valid (RFC 4861 section 7.1.1). All of the
 * packet is linear then.
 */
static bool vtep_proxy_asker(struct sk_buff *skb, u8 *mac)
{
	unsigned int off = ETH_HLEN + sizeof(struct ipv6hdr);
	const struct nd_opt_hdr *opt;
	const struct ipv6hdr *ip6;
	unsigned int len, end;

	if (skb_linearize(skb))
		return false;
	ip6 = (const void *)(skb->data + ETH_HLEN);
	end = off + ntohs(ip6->payload_len);
	off += sizeof(struct nd_msg);
	if (ip6->hop_limit != 255 || end < off || end > skb->len)
		return false;

	ether_addr_copy(mac, eth_hdr(skb)->h_source);
	for (; off + sizeof(*opt) <= end; off += len) {
		opt = (const void *)(skb->data + off);
		len = opt->nd_opt_len * 8;
		if (!len || off + len > end)
			return false;
		if (opt->nd_opt_type == ND_OPT_SOURCE_LL_ADDR)
			ether_addr_copy(mac, (const u8 *)(opt + 1));
	}
	return is_valid_ether_addr(mac);
}

/* All nodes of the link, for whoever has no address yet (RFC 4861 7.2.4). */
static const struct in6_addr vtep_all_nodes = {
	.s6_addr = { 0xff, 0x02, [15] = 0x01 },
};

/* From the answer's IPv6 header on; the Ethernet header is in front of it. */
static void vtep_proxy_advertise(struct sk_buff *reply,
				 const struct ipv6hdr *request,
				 const struct in6_addr *target,
				 const struct vtep_answer *answer)
{
	const unsigned int len = sizeof(struct nd_msg) + VTEP_ND_OPT_LEN;
	bool probe = ipv6_addr_any(&request->saddr);
	struct ipv6hdr *ip6;
	struct nd_msg *nd;

	skb_reset_network_header(reply);
	ip6 = skb_put_zero(reply, sizeof(*ip6));
	ip6->version = 6;
	ip6->priority = request->priority;
	ip6->payload_len = htons(len);
	ip6->nexthdr = IPPROTO_ICMPV6;
	ip6->hop_limit = 255;
	ip6->saddr = *target;
	ip6->daddr = probe ? vtep_all_nodes : request->saddr;

	skb_set_transport_header(reply, sizeof(*ip6));
	nd = skb_put_zero(reply, len);
	nd->icmph.icmp6_type = NDISC_NEIGHBOUR_ADVERTISEMENT;
	nd->icmph.icmp6_router = answer->router;
	nd->icmph.icmp6_override = 1;
	nd->icmph.icmp6_solicited = !probe;
	nd->target = *target;
	nd->opt[0] = ND_OPT_TARGET_LL_ADDR;
	nd->opt[1] = VTEP_ND_OPT_LEN / 8;
	ether_addr_copy(&nd->opt[2], answer->station.mac);
	nd->icmph.icmp6_cksum = csum_ipv6_magic(target, &ip6->daddr, len,
						IPPROTO_ICMPV6,
						csum_partial(nd, len, 0));
}

static struct sk_buff *vtep_proxy_na(struct net_device *dev,
				     const struct ipv6hdr *request,
				     const u8 *asker,
				     const struct in6_addr *target,
				     const struct vtep_answer *answer)
{
	struct sk_buff *reply;
	struct ethhdr *eth;

	reply = netdev_alloc_skb_ip_align(dev, ETH_HLEN + sizeof(*request) +
					  sizeof(struct nd_msg) +
					  VTEP_ND_OPT_LEN);
	if (!reply)
		return NULL;

	skb_reset_mac_header(reply);
	eth = skb_put(reply, sizeof(*eth));
	if (ipv6_addr_any(&request->saddr))
		ipv6_eth_mc_map(&vtep_all_nodes, eth->h_dest);
	else
		ether_addr_copy(eth->h_dest, asker);
	ether_addr_copy(eth->h_source, answer->station.mac);
	eth->h_proto = htons(ETH_P_IPV6);
	reply->protocol = eth->h_proto;
	__skb_pull(reply, sizeof(*eth));

	vtep_proxy_advertise(reply, request, target, answer);
	return reply;
}

/* Of ICMPv6 only solicitations are for the proxy. */
static enum vtep_counter vtep_proxy_nd(const struct vtep_tx *tx,
				       struct sk_buff *skb)
{
	const struct nd_msg *nd = vtep_proxy_solicitation(skb);
	const struct ipv6hdr *ip6;
	struct vtep_answer answer;
	struct vtep_addr target;
	u8 asker[ETH_ALEN] __aligned(2);
	struct sk_buff *reply;

	if (!nd)
		return VTEP_OK;
	ip6 = (const struct ipv6hdr *)nd - 1;
	if (ipv6_addr_loopback(&ip6->daddr) ||
	    ipv6_addr_is_multicast(&nd->target))
		return VTEP_TX_PROXY_SILENT;
	target = vtep_addr_v6(&nd->target);
	if (!vtep_proxy_find(tx, &target, &answer) ||
	    !vtep_proxy_asker(skb, asker))
		return VTEP_TX_PROXY_SILENT;
	/* Who probes for its own address is not told that it is taken. */
	ip6 = (const void *)(skb->data + ETH_HLEN);
	if (ipv6_addr_any(&ip6->saddr) &&
	    ether_addr_equal(asker, answer.station.mac))
		return VTEP_TX_PROXY_SILENT;

	reply = vtep_proxy_na(tx->vtep->dev, ip6, asker, &target.v6, &answer);
	return vtep_proxy_done(tx, skb, reply);
}

/**
 * vtep_proxy() - answer instead of those who are asked
 * @tx: device with proxy
 * @skb: a frame, its MAC header set
 *
 * Context: BH disabled, RCU.
 * Return: VTEP_OK if the frame is none of the proxy's business;
 * VTEP_COUNTERS if it was answered and is gone; or why it is dropped.
 */
enum vtep_counter vtep_proxy(const struct vtep_tx *tx, struct sk_buff *skb)
{
	switch (eth_hdr(skb)->h_proto) {
	case htons(ETH_P_ARP):
		return vtep_proxy_arp(tx, skb);
	case htons(ETH_P_IPV6):
		return vtep_proxy_nd(tx, skb);
	default:
		return VTEP_OK;
	}
}

/* Route short circuit */

/* By the frame's own type: what the sender says beside may be another. */
static bool vtep_inner_dst(struct sk_buff *skb, struct vtep_addr *dst)
{
	const struct ipv6hdr *ip6;
	const struct iphdr *ip4;

	switch (eth_hdr(skb)->h_proto) {
	case htons(ETH_P_IP):
		if (!pskb_may_pull(skb, ETH_HLEN + sizeof(*ip4)))
			return false;
		ip4 = (const void *)(skb->data + ETH_HLEN);
		*dst = vtep_addr_v4(ip4->daddr);
		return true;
	case htons(ETH_P_IPV6):
		if (!pskb_may_pull(skb, ETH_HLEN + sizeof(*ip6)))
			return false;
		ip6 = (const void *)(skb->data + ETH_HLEN);
		*dst = vtep_addr_v6(&ip6->daddr);
		return true;
	default:
		return false;
	}
}

/**
 * vtep_short_circuit() - do what the router would do
 * @tx: device with short circuit
 * @skb: a frame to the MAC address of a router, private to the caller
 *
 * Context: BH disabled, RCU.
 * Return: true if the frame now comes from the router's MAC address and goes
 * to that of the station.
 */
bool vtep_short_circuit(const struct vtep_tx *tx, struct sk_buff *skb)
{
	struct vtep_station station;
	struct vtep_addr dst;
	struct ethhdr *eth;

	if (!vtep_inner_dst(skb, &dst) ||
	    !vtep_station_find(tx, &dst, &station))
		return false;
	/* What is being resolved has no address yet: let the router do it. */
	if (!(station.state & NUD_VALID) || !is_valid_ether_addr(station.mac))
		return false;
	if (ether_addr_equal_unaligned(eth_hdr(skb)->h_dest, station.mac))
		return false;
	if (skb_cow_head(skb, 0))
		return false;

	eth = eth_hdr(skb);
	memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	memcpy(eth->h_dest, station.mac, ETH_ALEN);
	return true;
}
