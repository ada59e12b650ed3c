// SPDX-License-Identifier: GPL-2.0
/*
 * Encapsulation: from an Ethernet frame and a remote to a packet on the
 * underlay. IPv4 and IPv6 are two functions of one shape.
 */
#include "vxlan_encap.h"
#include "vxlan.h"
#include "vxlan_bypass.h"
#include "vxlan_gpe.h"
#include "vxlan_metadata.h"
#include "vxlan_output.h"
#include "vxlan_remcsum.h"
#include "vxlan_remote.h"
#include "vxlan_route.h"
#include "vxlan_sock.h"
#include "vxlan_vnifilter.h"

#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <net/inet_ecn.h>
#include <net/ip6_route.h>
#include <net/ip_tunnels.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

/**
 * struct vtep_outer - all that the outer headers say
 * @route: addresses, ports, DS field (with the inner ECN bits), flow label:
 *	what the route depends on
 * @info: the packet's own instructions, or NULL
 * @vni: host order
 * @gbp: group policy, as skb->mark has it
 * @ttl: 0 = the route's
 * @df: IPv4 DF bit
 * @csum: UDP checksum
 */
struct vtep_outer {
	struct vtep_route_key route;
	struct ip_tunnel_info *info;
	u32 vni;
	u32 gbp;
	u8 ttl;
	bool df;
	bool csum;
};

/* Inner IP fields; @ip is false for what is not IP, and all else then zero. */
struct vtep_inner {
	bool ip;
	bool df;
	u8 dsfield;
	u8 ttl;
	__be32 label;
};

static struct vtep_inner vtep_inner(const struct sk_buff *skb)
{
	const struct ipv6hdr *ip6;
	const struct iphdr *ip4;

	switch (skb_protocol(skb, true)) {
	case htons(ETH_P_IP):
		ip4 = ip_hdr(skb);
		return (struct vtep_inner) {
			.ip = true,
			.df = ip4->frag_off & htons(IP_DF),
			.dsfield = ip4->tos,
			.ttl = ip4->ttl,
		};
	case htons(ETH_P_IPV6):
		ip6 = ipv6_hdr(skb);
		return (struct vtep_inner) {
			.ip = true,
			.df = true,
			.dsfield = ipv6_get_dsfield(ip6),
			.ttl = ip6->hop_limit,
			.label = ip6_flowlabel(ip6),
		};
	}
	return (struct vtep_inner) {};
}

/* RFC 6040 section 4.1, normal mode: all four ECN values are copied. */
static u8 vtep_outer_tos(u8 tos, const struct vtep_inner *inner)
{
	return (tos & ~INET_ECN_MASK) | (inner->dsfield & INET_ECN_MASK);
}

static __be16 vtep_outer_sport(const struct vtep_tx *tx, struct sk_buff *skb)
{
	return udp_flow_src_port(tx->vtep->net, skb, tx->cfg->port_min,
				 tx->cfg->port_max, !tx->cfg->gpe);
}

/* The peers of an external device may be of the other family. */
static const struct vtep_addr *vtep_outer_local(const struct vtep_config *cfg,
						u16 family)
{
	static const struct vtep_addr any;

	return likely(cfg->local.family == family) ? &cfg->local : &any;
}

/**
 * vtep_encap_begin() - what the outer headers of all copies say
 * @tx: device and configuration; filled
 * @skb: the frame, as for vtep_encap(), and with its hash
 *
 * Context: BH disabled, RCU.
 */
void vtep_encap_begin(struct vtep_tx *tx, struct sk_buff *skb)
{
	const struct vtep_config *cfg = tx->cfg;
	struct vtep_inner inner = vtep_inner(skb);

	tx->sport = vtep_outer_sport(tx, skb);
	tx->tos = vtep_outer_tos(cfg->tos == 1 ? inner.dsfield : cfg->tos,
				 &inner);
	tx->label = cfg->label_policy == VXLAN_LABEL_INHERIT ? inner.label :
							       cfg->label;
	tx->ttl = cfg->ttl_inherit ? inner.ttl : cfg->ttl;
	tx->df = cfg->df == VTEP_DF_SET ||
		 (cfg->df == VTEP_DF_INHERIT && inner.df);
}

/* Makes room and puts the VXLAN header in front of the frame. */
static int vtep_push_header(struct sk_buff *skb, const struct dst_entry *dst,
			    unsigned int overhead,
			    const struct vtep_outer *outer)
{
	const struct vtep_config *cfg = outer->route.cfg;
	bool remcsum = cfg->remcsum_tx && vtep_remcsum_possible(skb);
	__be16 protocol = htons(ETH_P_TEB);
	struct vtep_hdr *hdr;
	bool nested;
	int err;

	err = skb_cow_head(skb, LL_RESERVED_SPACE(dst_dev(dst)) +
				dst->header_len + overhead);
	if (unlikely(err))
		return err;
	/* Segmented in part: the innermost headers are the next segmenter's. */
	nested = udp_tunnel_handle_partial(skb);
	err = udp_tunnel_handle_offloads(skb, outer->csum);
	if (unlikely(err))
		return err;
	hdr = __skb_push(skb, sizeof(*hdr));
	vtep_hdr_build(hdr, outer->vni);
	if (unlikely(remcsum))
		vtep_remcsum_push(skb, hdr);
	if (unlikely(cfg->gbp))
		vtep_hdr_set_gbp(hdr, outer->gbp);
	if (unlikely(cfg->gpe)) {
		protocol = skb->protocol;
		vtep_gpe_push(hdr, protocol);
	}
	udp_tunnel_set_inner_protocol(skb, nested, protocol);
	return 0;
}

/*
 * The core has turned the packet into the "too big" error that its sender is
 * to get: let it come in through this device.
 */
static void vtep_return_error(struct vtep_dev *vtep, struct sk_buff *skb,
			      const struct vtep_outer *outer,
			      const void *saddr)
{
	const struct vtep_addr *remote = &outer->route.peer->key.addr;

	vtep_count(vtep->counters, VTEP_TX_TOO_BIG);
	skb->encapsulation = 0;
	/* A bridge needs the VNI of the answer to know its VLAN. */
	if (!skb_metadata_dst(skb))
		skb_scrub_packet(skb, false);
	else if (!vtep_info_turn(skb, remote, saddr))
		goto free_skb;
	skb->protocol = eth_type_trans(skb, vtep->dev);
	netif_rx(skb);
	return;

free_skb:
	kfree_skb(skb);
}

/* It does not: its sender is to know, if it is told here. */
static enum vtep_counter vtep_too_big(struct vtep_dev *vtep,
				      struct sk_buff *skb,
				      struct dst_entry *dst, int headroom,
				      const struct vtep_outer *outer,
				      const void *saddr)
{
	bool bridged = vtep->dev->type == ARPHRD_ETHER &&
		       netif_is_any_bridge_port(vtep->dev);
	int err = skb_tunnel_check_pmtu(skb, dst, headroom, bridged);

	if (err > 0) {
		vtep_return_error(vtep, skb, outer, saddr);
		return VTEP_COUNTERS;
	}
	return err ? VTEP_TX_TOO_BIG : VTEP_OK;
}

/*
 * Does the frame fit? @overhead is the length of the outer headers, @saddr
 * their source address, @whole says that the packet must not be fragmented.
 * VTEP_COUNTERS: it did not fit, its sender was told, and there is no packet
 * any more.
 */
static enum vtep_counter vtep_check_mtu(struct vtep_dev *vtep,
					struct sk_buff *skb,
					struct dst_entry *dst, u32 mtu,
					int overhead,
					const struct vtep_outer *outer,
					const void *saddr, bool whole)
{
	bool ether = vtep->dev->type == ARPHRD_ETHER;
	int headroom = overhead + (ether ? ETH_HLEN : 0);
	enum vtep_counter verdict;

	if (unlikely(skb_is_gso(skb)))
		return vtep_too_big(vtep, skb, dst, headroom, outer, saddr);
	if (unlikely(skb->len - skb_network_offset(skb) > mtu - headroom)) {
		verdict = vtep_too_big(vtep, skb, dst, headroom, outer, saddr);
		if (verdict != VTEP_OK)
			return verdict;
	}
	/* The IP layer would drop it, without a name. */
	if (unlikely(whole && skb->len + overhead > mtu))
		return VTEP_TX_TOO_BIG;
	return VTEP_OK;
}

static enum vtep_counter vtep_route_error(int err)
{
	return err == -ELOOP ? VTEP_TX_LOOP : VTEP_TX_NO_ROUTE;
}

/* A packet with instructions of its own goes where they say. */
static bool vtep_stays_here(const struct vtep_tx *tx,
			    const struct vtep_outer *outer, u32 route_flags)
{
	return unlikely(vtep_bypass_wanted(tx->cfg, route_flags)) &&
	       !outer->info && !tx->cfg->metadata;
}

static struct vtep_output vtep_output(const struct vtep_tx *tx,
				      const struct vtep_outer *outer,
				      struct vtep_via *via, u32 mtu)
{
	const struct vtep_route_key *to = &outer->route;

	return (struct vtep_output) {
		.via = via,
		.sk = to->sk,
		.daddr = &to->peer->key.addr,
		.sport = to->sport,
		.dport = to->dport,
		.label = to->label,
		.mtu = mtu,
		.tos = to->tos,
		.ttl = outer->ttl,
		.df = outer->df,
		.csum = outer->csum,
		.xnet = !net_eq(tx->vtep->net, dev_net(tx->vtep->dev)),
	};
}

static enum vtep_counter vtep_encap_v4(const struct vtep_tx *tx,
				       struct sk_buff *skb,
				       const struct vtep_outer *outer,
				       const struct vtep_sock *sock)
{
	const int overhead = sizeof(struct iphdr) + VTEP_HLEN;
	const struct vtep_route_key *to = &outer->route;
	enum vtep_counter verdict;
	struct vtep_output out;
	struct vtep_via via;
	struct rtable *rt;
	u32 mtu;
	int err;

	err = vtep_route_v4(to, &via);
	if (unlikely(err))
		return vtep_route_error(err);

	rt = container_of(via.dst, struct rtable, dst);
	if (vtep_stays_here(tx, outer, rt->rt_flags)) {
		verdict = vtep_bypass(tx, skb, sock, to->peer, outer->vni,
				      to->dport);
		goto put_route;
	}

	mtu = dst_mtu(via.dst);
	verdict = vtep_check_mtu(tx->vtep, skb, via.dst, mtu, overhead, outer,
				 &via.saddr4,
				 outer->df && !ip_mtu_locked(via.dst));
	if (unlikely(verdict != VTEP_OK))
		goto put_route;

	verdict = VTEP_TX_NOMEM;
	if (unlikely(vtep_push_header(skb, via.dst, overhead, outer)))
		goto put_route;

	out = vtep_output(tx, outer, &via, mtu);
	if (!out.ttl)
		out.ttl = ip4_dst_hoplimit(via.dst);
	out.flags = tx->cfg->mc_route ? IPSKB_MCROUTE : 0;
	return vtep_output_v4(&out, skb, tx->shortcut) ? VTEP_OK :
							 VTEP_TX_NO_ROUTE;

put_route:
	vtep_via_put(&via);
	return verdict;
}

static enum vtep_counter vtep_encap_v6(const struct vtep_tx *tx,
				       struct sk_buff *skb,
				       const struct vtep_outer *outer,
				       const struct vtep_sock *sock)
{
	const int overhead = sizeof(struct ipv6hdr) + VTEP_HLEN;
	const struct vtep_route_key *to = &outer->route;
	enum vtep_counter verdict;
	struct vtep_output out;
	struct vtep_via via;
	u32 mtu;
	int err;

	err = vtep_route_v6(to, &via);
	if (unlikely(err))
		return vtep_route_error(err);

	if (vtep_stays_here(tx, outer, dst_rt6_info(via.dst)->rt6i_flags)) {
		verdict = vtep_bypass(tx, skb, sock, to->peer, outer->vni,
				      to->dport);
		goto put_route;
	}

	mtu = dst_mtu(via.dst);
	verdict = vtep_check_mtu(tx->vtep, skb, via.dst, mtu, overhead, outer,
				 &via.saddr6, true);
	if (unlikely(verdict != VTEP_OK))
		goto put_route;

	out = vtep_output(tx, outer, &via, mtu);
	/* The core does this for IPv4 only; the instructions go with it. */
	skb_scrub_packet(skb, out.xnet);
	verdict = VTEP_TX_NOMEM;
	if (unlikely(vtep_push_header(skb, via.dst, overhead, outer)))
		goto put_route;

	if (!out.ttl)
		out.ttl = ip6_dst_hoplimit(via.dst);
	out.flags = tx->cfg->mc_route ? IP6SKB_MCROUTE : 0;
	return vtep_output_v6(&out, skb, tx->shortcut) ? VTEP_OK :
							 VTEP_TX_NO_ROUTE;

put_route:
	vtep_via_put(&via);
	return verdict;
}

/* 0.0.0.0 and :: are black holes, or this side of the device. */
static enum vtep_counter vtep_to_nowhere(const struct vtep_tx *tx,
					 struct sk_buff *skb)
{
	return tx->routed ? vtep_bypass_back(tx, skb) : VTEP_TX_NO_REMOTE;
}

/* What became of a packet of @len bytes, for the statistics of its VNI. */
static void vtep_encap_count(const struct vtep_tx *tx, u32 vni,
			     enum vtep_counter verdict, unsigned int len)
{
	struct vtep_filter_vni *filter = vtep_filter_find(tx->vtep, vni);

	if (!filter)
		return;
	if (verdict == VTEP_OK)
		vtep_filter_count_tx(filter, len);
	else if (verdict == VTEP_COUNTERS)
		vtep_filter_count_loss(filter, VTEP_TX_TOO_BIG);
	else
		vtep_filter_count_loss(filter, verdict);
}

static enum vtep_counter vtep_encap_outer(const struct vtep_tx *tx,
					  struct sk_buff *skb,
					  struct vtep_outer *outer)
{
	u16 family = outer->route.peer->key.addr.family;
	const unsigned int len = skb->len;
	const struct vtep_sock *sock;
	enum vtep_counter verdict;

	sock = rcu_dereference_bh(tx->vtep->sock[vtep_family_index(family)]);
	if (unlikely(!sock))
		return VTEP_TX_NO_SOCKET;
	outer->route.sk = sock->sk;

	if (family == AF_INET)
		verdict = vtep_encap_v4(tx, skb, outer, sock);
	else
		verdict = vtep_encap_v6(tx, skb, outer, sock);
	if (unlikely(tx->cfg->vnifilter))
		vtep_encap_count(tx, outer->vni, verdict, len);
	return verdict == VTEP_COUNTERS ? VTEP_OK : verdict;
}

/**
 * vtep_encap() - encapsulate a frame and send it to one remote
 * @tx: device and configuration, after vtep_encap_begin()
 * @skb: the frame, private to the caller; the inner IP header, if there is
 *	one, is linear and the network header points to it
 * @remote: where to
 *
 * Context: BH disabled, RCU.
 * Return: VTEP_OK when the packet was consumed; otherwise the reason why the
 * caller is to drop it.
 */
enum vtep_counter vtep_encap(const struct vtep_tx *tx, struct sk_buff *skb,
			     const struct vtep_remote *remote)
{
	const struct vtep_config *cfg = tx->cfg;
	struct vtep_peer *peer = remote->key.peer;
	const u16 family = peer->key.addr.family;
	struct vtep_outer outer = {
		.route = {
			.vtep = tx->vtep,
			.cfg = cfg,
			.peer = peer,
			.local = vtep_outer_local(cfg, family),
			.uncached = skb->mark,
			.mark = skb->mark,
			.label = tx->label,
			.sport = tx->sport,
			.dport = remote->key.port,
			.tos = tx->tos,
		},
		.vni = remote->key.vni,
		.gbp = skb->mark,
		.ttl = tx->ttl,
		.df = tx->df,
		.csum = family == AF_INET ? cfg->udp_csum : !cfg->zero_csum6_tx,
	};

	if (unlikely(vtep_addr_any(&peer->key.addr)))
		return vtep_to_nowhere(tx, skb);
	/* A remote may leave the VNI as it is. */
	if (tx->inherit_vni && !outer.vni)
		outer.vni = tx->vni;
	if (!outer.ttl && vtep_addr_multicast(&peer->key.addr))
		outer.ttl = 1;
	return vtep_encap_outer(tx, skb, &outer);
}

/**
 * vtep_encap_info() - encapsulate a frame as it says itself
 * @tx: external device, configuration
 * @skb: the frame, as for vtep_encap()
 * @info: its instructions: remote, VNI, ports and more, of a route ("encap
 *	ip"), tc, a bridge, Open vSwitch or BPF
 *
 * Context: BH disabled, RCU.
 * Return: as vtep_encap().
 */
enum vtep_counter vtep_encap_info(const struct vtep_tx *tx, struct sk_buff *skb,
				  struct ip_tunnel_info *info)
{
	struct vtep_inner inner = vtep_inner(skb);
	struct vtep_peer peer = { .key.addr = vtep_info_remote(info) };
	struct vtep_addr own = vtep_info_local(info);
	struct vtep_outer outer = {
		.route = {
			.vtep = tx->vtep,
			.cfg = tx->cfg,
			.peer = &peer,
			.local = &own,
			.given = vtep_info_cache(info),
			.uncached = !ip_tunnel_dst_cache_usable(skb, info),
			.mark = skb->mark,
			.label = info->key.label,
			.sport = vtep_outer_sport(tx, skb),
			.dport = info->key.tp_dst ?: tx->cfg->port,
			.tos = vtep_outer_tos(info->key.tos, &inner),
		},
		.vni = vtep_info_vni(info),
		.ttl = info->key.ttl,
		.df = vtep_tun_dont_fragment(&info->key),
		.csum = vtep_tun_csum(&info->key),
		.info = info,
	};

	if (vtep_addr_any(&peer.key.addr) || !vtep_info_gbp(info, &outer.gbp))
		return VTEP_TX_NO_REMOTE;
	return vtep_encap_outer(tx, skb, &outer);
}
