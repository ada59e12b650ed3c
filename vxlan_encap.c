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
#include "vxlan_path.h"
#include "vxlan_remcsum.h"
#include "vxlan_remote.h"
#include "vxlan_route.h"
#include "vxlan_route_usual.h"
#include "vxlan_sock.h"
#include "vxlan_vnifilter.h"

#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <net/addrconf.h>
#include <net/inet_ecn.h>
#include <net/ip6_route.h>
#include <net/ip_tunnels.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

/* The peers of an external device may be of the other family. */
static const struct vtep_addr *vtep_outer_local(const struct vtep_config *cfg,
						u16 family)
{
	static const struct vtep_addr any;

	return likely(cfg->local.family == family) ? &cfg->local : &any;
}

/* What plain VXLAN does not have. */
static noinline __be16 vtep_push_extras(const struct vtep_tx *tx,
					struct sk_buff *skb,
					struct vtep_hdr *hdr, bool remcsum)
{
	if (remcsum)
		vtep_remcsum_push(skb, hdr);
	if (tx->cfg->gbp)
		vtep_hdr_set_gbp(hdr, tx->gbp);
	if (!tx->cfg->gpe)
		return htons(ETH_P_TEB);
	vtep_gpe_push(hdr, skb->protocol);
	return skb->protocol;
}

/*
 * As the core, which takes longer for what has nothing to be offloaded. @fits:
 * it is one packet. @nested: segmented in part, the innermost headers are the
 * next segmenter's.
 */
static int vtep_prepare_offloads(struct sk_buff *skb, bool csum, bool fits,
				 bool *nested)
{
	if (unlikely(!fits || skb->encapsulation ||
		     skb->ip_summed == CHECKSUM_PARTIAL)) {
		*nested = udp_tunnel_handle_partial(skb);
		return udp_tunnel_handle_offloads(skb, csum);
	}
	skb_reset_inner_headers(skb);
	skb->ip_summed = CHECKSUM_NONE;
	return 0;
}

/* Makes room and puts the VXLAN header in front of the frame. */
static int vtep_push_header(const struct vtep_tx *tx, struct sk_buff *skb,
			    const struct vtep_path *path, unsigned int overhead,
			    bool fits)
{
	const struct vtep_config *cfg = tx->cfg;
	bool remcsum = cfg->remcsum_tx && vtep_remcsum_possible(skb);
	__be16 protocol = htons(ETH_P_TEB);
	struct vtep_hdr *hdr;
	bool nested = false;
	int err;

	err = skb_cow_head(skb, LL_RESERVED_SPACE(path->lower) +
				path->dst->header_len + overhead);
	if (unlikely(err))
		return err;
	err = vtep_prepare_offloads(skb, tx->csum, fits, &nested);
	if (unlikely(err))
		return err;
	hdr = __skb_push(skb, sizeof(*hdr));
	vtep_hdr_build(hdr, tx->wire_vni);
	if (unlikely(cfg->extras))
		protocol = vtep_push_extras(tx, skb, hdr, remcsum);
	udp_tunnel_set_inner_protocol(skb, nested, protocol);
	return 0;
}

/*
 * The core has turned the packet into the "too big" error that its sender is
 * to get: let it come in through this device.
 */
static void vtep_return_error(const struct vtep_tx *tx, struct sk_buff *skb,
			      const void *saddr)
{
	struct vtep_dev *vtep = tx->vtep;

	vtep_count(vtep->counters, VTEP_TX_TOO_BIG);
	skb->encapsulation = 0;
	/* A bridge needs the VNI of the answer to know its VLAN. */
	if (!skb_metadata_dst(skb))
		skb_scrub_packet(skb, false);
	else if (!vtep_info_turn(skb, &tx->peer->key.addr, saddr))
		goto free_skb;
	skb->protocol = eth_type_trans(skb, vtep->dev);
	netif_rx(skb);
	return;

free_skb:
	kfree_skb(skb);
}

/* It does not: its sender is to know, if it is told here. */
static enum vtep_counter vtep_too_big(const struct vtep_tx *tx,
				      struct sk_buff *skb,
				      struct vtep_path *path, int headroom)
{
	struct net_device *dev = tx->vtep->dev;
	bool ether = dev->type == ARPHRD_ETHER;
	int err;

	err = skb_tunnel_check_pmtu(skb, path->dst, headroom,
				    ether && netif_is_any_bridge_port(dev));
	if (err > 0) {
		vtep_return_error(tx, skb, &path->saddr6);
		return VTEP_COUNTERS;
	}
	return err ? VTEP_TX_TOO_BIG : VTEP_OK;
}

/* The packet must not be fragmented on this host. */
static bool vtep_whole(const struct vtep_tx *tx, const struct vtep_path *path)
{
	return path->v6 || (tx->df && !ip_mtu_locked(path->dst));
}

/*
 * What if the frame does not fit? @overhead is the length of the outer headers.
 * VTEP_COUNTERS: it did not fit, its sender was told, and there is no packet
 * any more.
 */
static noinline enum vtep_counter vtep_check_mtu(const struct vtep_tx *tx,
						 struct sk_buff *skb,
						 struct vtep_path *path,
						 u32 mtu, int overhead)
{
	bool ether = tx->vtep->dev->type == ARPHRD_ETHER;
	int headroom = overhead + (ether ? ETH_HLEN : 0);
	enum vtep_counter verdict;

	if (unlikely(skb_is_gso(skb)))
		return vtep_too_big(tx, skb, path, headroom);
	if (unlikely(skb->len - skb_network_offset(skb) > mtu - headroom)) {
		verdict = vtep_too_big(tx, skb, path, headroom);
		if (verdict != VTEP_OK)
			return verdict;
	}
	/* The IP layer would drop it, without a name. */
	if (skb->len + overhead > mtu && vtep_whole(tx, path))
		return VTEP_TX_TOO_BIG;
	return VTEP_OK;
}

/*
 * What fits into a packet. The route mostly has nothing to say about it, and
 * the core says so, too, but at greater length.
 */
static u32 vtep_path_mtu_v4(const struct vtep_path *path)
{
	const struct rtable *rt = container_of(path->dst, struct rtable, dst);

	if (unlikely(rt->rt_pmtu || ip_mtu_locked(path->dst) || !path->direct ||
		     dst_metric_raw(path->dst, RTAX_MTU)))
		return dst_mtu(path->dst);
	return min_t(u32, READ_ONCE(path->lower->mtu), IP_MAX_MTU);
}

static u32 vtep_path_mtu_v6(const struct vtep_path *path)
{
	const struct inet6_dev *idev = __in6_dev_get(path->lower);

	if (unlikely(!path->direct || !idev ||
		     dst_metric_raw(path->dst, RTAX_MTU)))
		return dst_mtu(path->dst);
	return min_t(u32, READ_ONCE(idev->cnf.mtu6), IP6_MAX_MTU);
}

/* Nearly all do, by whatever rule. */
static bool vtep_fits(const struct sk_buff *skb, u32 mtu, int overhead)
{
	return likely(!skb_is_gso(skb) && skb->len + overhead <= mtu);
}

static enum vtep_counter vtep_route_error(int err)
{
	return err == -ELOOP ? VTEP_TX_LOOP : VTEP_TX_NO_ROUTE;
}

/* A packet with instructions of its own goes where they say. */
static bool vtep_stays_here(const struct vtep_tx *tx,
			    const struct vtep_path *path)
{
	return unlikely(path->local) && tx->cfg->local_bypass && !tx->info &&
	       !tx->cfg->metadata;
}

/* All routes come here, and those who have a path start here. */
static enum vtep_counter vtep_encap_via(struct vtep_tx *tx, struct sk_buff *skb,
					struct vtep_path *path)
{
	const bool v6 = path->v6;
	const int overhead = VTEP_HLEN + (v6 ? sizeof(struct ipv6hdr) :
					       sizeof(struct iphdr));
	const u32 mtu = v6 ? vtep_path_mtu_v6(path) : vtep_path_mtu_v4(path);
	const bool fits = vtep_fits(skb, mtu, overhead);
	enum vtep_counter verdict;

	if (vtep_stays_here(tx, path)) {
		verdict = vtep_bypass(tx, skb);
		goto put_path;
	}
	if (unlikely(!fits)) {
		verdict = vtep_check_mtu(tx, skb, path, mtu, overhead);
		if (verdict != VTEP_OK)
			goto put_path;
	}
	/* The core does this for IPv4 only; the instructions go with it. */
	if (v6)
		skb_scrub_packet(skb, vtep_crosses(tx));
	verdict = VTEP_TX_NOMEM;
	if (unlikely(vtep_push_header(tx, skb, path, overhead, fits)))
		goto put_path;
	return vtep_output(tx, skb, path, fits) ? VTEP_OK : VTEP_TX_NO_ROUTE;

put_path:
	vtep_path_put(path);
	return verdict;
}

/* 0.0.0.0 and :: are black holes, or this side of the device. */
static noinline enum vtep_counter vtep_to_nowhere(const struct vtep_tx *tx,
						  struct sk_buff *skb)
{
	return tx->routed ? vtep_bypass_back(tx, skb) : VTEP_TX_NO_REMOTE;
}

static const struct vtep_sock *vtep_encap_sock(const struct vtep_tx *tx)
{
	u16 family = tx->peer->key.addr.family;

	return rcu_dereference_bh(tx->vtep->sock[vtep_family_index(family)]);
}

/* The route is to be looked up, @key says what for. */
static enum vtep_counter vtep_encap_route(struct vtep_tx *tx,
					  struct sk_buff *skb,
					  struct vtep_route_key *key)
{
	struct vtep_path room, *path;

	key->vtep = tx->vtep;
	key->cfg = tx->cfg;
	key->peer = tx->peer;
	key->sk = tx->sock->sk;
	key->mark = skb->mark;
	key->label = tx->label;
	key->sport = tx->sport;
	key->dport = tx->dport;
	key->tos = tx->tos;
	if (tx->peer->key.addr.family == AF_INET)
		path = vtep_route_v4(key, &room);
	else
		path = vtep_route_v6(key, &room);
	if (IS_ERR(path))
		return vtep_route_error(PTR_ERR(path));
	return vtep_encap_via(tx, skb, path);
}

/* The first to a peer from this CPU, or one that has a route of its own. */
static noinline enum vtep_counter vtep_encap_search(struct vtep_tx *tx,
						    struct sk_buff *skb)
{
	struct vtep_route_key key = {
		.local = vtep_outer_local(tx->cfg, tx->peer->key.addr.family),
		.uncached = skb->mark,
	};

	return vtep_encap_route(tx, skb, &key);
}

static enum vtep_counter vtep_encap_to(struct vtep_tx *tx, struct sk_buff *skb)
{
	struct vtep_path *path = NULL;

	tx->sock = vtep_encap_sock(tx);
	if (likely(tx->usual && tx->dport == tx->cfg->port && tx->sock))
		path = vtep_route_usual(tx->vtep, tx->peer);
	if (likely(path)) {
		tx->csum = path->v6 ? !tx->cfg->zero_csum6_tx :
				      tx->cfg->udp_csum;
		return vtep_encap_via(tx, skb, path);
	}
	if (vtep_addr_any(&tx->peer->key.addr))
		return vtep_to_nowhere(tx, skb);
	if (!tx->sock)
		return VTEP_TX_NO_SOCKET;
	tx->csum = tx->peer->key.addr.family == AF_INET6 ?
		   !tx->cfg->zero_csum6_tx : tx->cfg->udp_csum;
	return vtep_encap_search(tx, skb);
}

/* What became of a packet of @len bytes, for the statistics of its VNI. */
static noinline enum vtep_counter vtep_encap_count(const struct vtep_tx *tx,
						   enum vtep_counter verdict,
						   unsigned int len)
{
	struct vtep_filter_vni *filter;

	filter = vtep_filter_find(tx->vtep, tx->wire_vni);
	if (!filter)
		return verdict;
	if (verdict == VTEP_OK)
		vtep_filter_count_tx(filter, len);
	else if (verdict == VTEP_COUNTERS)
		vtep_filter_count_loss(filter, VTEP_TX_TOO_BIG);
	else
		vtep_filter_count_loss(filter, verdict);
	return verdict;
}

/**
 * vtep_encap() - encapsulate a frame and send it to one remote
 * @tx: device and configuration, whose common part is filled in
 * @skb: the frame, private to the caller; the inner IP header, if there is
 *	one, is linear and the network header points to it
 * @remote: where to
 *
 * Context: BH disabled, RCU.
 * Return: VTEP_OK or VTEP_COUNTERS when the packet was consumed; otherwise the
 * reason why the caller is to drop it.
 */
enum vtep_counter vtep_encap(struct vtep_tx *tx, struct sk_buff *skb,
			     const struct vtep_remote *remote)
{
	enum vtep_counter verdict;
	unsigned int len;

	tx->peer = remote->key.peer;
	tx->dport = remote->key.port;
	/* A remote may leave the VNI as it is. */
	tx->wire_vni = remote->key.vni;
	if (tx->inherit_vni && !tx->wire_vni)
		tx->wire_vni = tx->vni;
	len = skb->len;
	verdict = vtep_encap_to(tx, skb);
	return likely(!tx->cfg->vnifilter) ? verdict :
					     vtep_encap_count(tx, verdict, len);
}

/**
 * vtep_encap_info() - encapsulate a frame as it says itself
 * @tx: external device, configuration; whose common part is filled in
 * @skb: the frame, as for vtep_encap()
 * @info: its instructions: remote, VNI, ports and more, of a route ("encap
 *	ip"), tc, a bridge, Open vSwitch or BPF
 *
 * Context: BH disabled, RCU.
 * Return: as vtep_encap().
 */
enum vtep_counter vtep_encap_info(struct vtep_tx *tx, struct sk_buff *skb,
				  struct ip_tunnel_info *info)
{
	struct vtep_peer peer = { .key.addr = vtep_info_remote(info) };
	struct vtep_addr own = vtep_info_local(info);
	struct vtep_route_key key = {
		.local = &own,
		.given = vtep_info_cache(info),
		.uncached = !ip_tunnel_dst_cache_usable(skb, info),
	};
	const unsigned int len = skb->len;
	enum vtep_counter verdict;

	/* The mark is not what it says. */
	tx->gbp = 0;
	if (vtep_addr_any(&peer.key.addr) || !vtep_info_gbp(info, &tx->gbp))
		return VTEP_TX_NO_REMOTE;
	tx->info = info;
	tx->peer = &peer;
	tx->dport = info->key.tp_dst ?: tx->cfg->port;
	tx->wire_vni = vtep_info_vni(info);
	tx->label = info->key.label;
	/* RFC 6040: the ECN bits are the packet's. */
	tx->tos = (info->key.tos & ~INET_ECN_MASK) |
		  (tx->tos & INET_ECN_MASK);
	tx->ttl = info->key.ttl;
	tx->df = vtep_tun_dont_fragment(&info->key);
	tx->csum = vtep_tun_csum(&info->key);
	tx->sock = vtep_encap_sock(tx);
	verdict = tx->sock ? vtep_encap_route(tx, skb, &key) :
			     VTEP_TX_NO_SOCKET;
	return likely(!tx->cfg->vnifilter) ? verdict :
					     vtep_encap_count(tx, verdict, len);
}
