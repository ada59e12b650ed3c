// SPDX-License-Identifier: GPL-2.0
/*
 * Transmission: finds the remotes of a frame and sends a copy to each.
 *
 * Here and in vxlan_encap.c and vxlan_output.c, what is rare is "noinline": the
 * room that it needs on the stack is cleared only when it is needed.
 */
#include "vxlan_tx.h"
#include "vxlan.h"
#include "vxlan_encap.h"
#include "vxlan_fdb_find.h"
#include "vxlan_gpe.h"
#include "vxlan_hash.h"
#include "vxlan_mdb.h"
#include "vxlan_metadata.h"
#include "vxlan_proxy.h"
#include "vxlan_sock.h"
#include "vxlan_vnifilter.h"

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <net/inet_ecn.h>
#include <net/ip_tunnels.h>
#include <net/udp.h>

static void vtep_tx_count_loss(const struct vtep_tx *tx, enum vtep_counter why)
{
	struct vtep_filter_vni *filter;

	if (likely(!tx->cfg->vnifilter))
		return;
	filter = vtep_filter_find(tx->vtep, tx->vni);
	if (filter)
		vtep_filter_count_loss(filter, why);
}

static void vtep_tx_drop(const struct vtep_tx *tx, struct sk_buff *skb,
			 enum vtep_counter why)
{
	switch (why) {
	case VTEP_TX_NO_DESTINATION:
	case VTEP_TX_NO_REMOTE:
	case VTEP_TX_NO_SOCKET:
	case VTEP_TX_MDB_NO_REMOTE:
	case VTEP_TX_GPE_PROTOCOL:
		vtep_tx_count_loss(tx, why);
		break;
	default:
		/*
		 * What vtep_encap() tried to send is counted there, under the
		 * VNI it had; else the VNI was not known yet.
		 */
		break;
	}
	vtep_drop(tx->vtep, skb, why);
}

/* The packet is still here, and is not to be. */
static bool vtep_tx_lost(enum vtep_counter verdict)
{
	return verdict != VTEP_OK && verdict != VTEP_COUNTERS;
}

/* Sends to one remote or drops, but in any case consumes. */
static void vtep_send(struct vtep_tx *tx, struct sk_buff *skb,
		      const struct vtep_remote *remote)
{
	enum vtep_counter verdict = vtep_encap(tx, skb, remote);

	if (unlikely(vtep_tx_lost(verdict)))
		vtep_tx_drop(tx, skb, verdict);
}

/*
 * Headers are written into each copy, so it needs a head of its own: it gets
 * one at once, and the original can keep the one it has. If that is too small,
 * a larger one is made with the headers.
 */
static struct sk_buff *vtep_tx_copy(const struct vtep_tx *tx,
				    struct sk_buff *skb)
{
	if (unlikely(!tx->shortcut ||
		     skb_headroom(skb) < LL_RESERVED_SPACE(tx->vtep->dev)))
		return skb_clone(skb, GFP_ATOMIC);
	return pskb_copy(skb, GFP_ATOMIC);
}

/* Head-end replication: one copy to each remote. */
static void vtep_replicate(struct vtep_tx *tx, struct sk_buff *skb,
			   struct vtep_remote *const *remote, u32 count)
{
	u32 i, last = count - 1;
	struct sk_buff *copy;

	for (i = 0; i < last; i++) {
		copy = vtep_tx_copy(tx, skb);
		if (likely(copy)) {
			vtep_send(tx, copy, remote[i]);
			continue;
		}
		vtep_tx_count_loss(tx, VTEP_TX_NOMEM);
		vtep_count(tx->vtep->counters, VTEP_TX_NOMEM);
	}
	vtep_send(tx, skb, remote[last]);
}

/* To a VTEP that no entry may lead to; mostly one does, and has a route. */
static enum vtep_counter vtep_tx_dest(struct vtep_tx *tx,
				      struct sk_buff *skb,
				      const struct vtep_dest *dest)
{
	struct vtep_peer peer = { .key = dest->peer };
	struct vtep_remote remote = { .key.port = dest->port };

	remote.key.peer = vtep_peer_find(tx->vtep, &dest->peer) ?: &peer;
	remote.key.vni = tx->vni;
	return vtep_encap(tx, skb, &remote);
}

/* One of several VTEPs, always the same for a flow. */
static enum vtep_counter vtep_tx_nexthop(struct vtep_tx *tx,
					 struct sk_buff *skb,
					 const struct vtep_nexthop *nexthop)
{
	struct vtep_dest dest = { .port = tx->cfg->port };

	if (!vtep_nexthop_select(nexthop->nh, skb_get_hash(skb), tx->cfg,
				 &dest))
		return VTEP_TX_NO_REMOTE;
	return vtep_tx_dest(tx, skb, &dest);
}

/*
 * The bridge's port to the station is down, and it names a nexthop group that
 * knows another way.
 */
static enum vtep_counter vtep_tx_backup(struct vtep_tx *tx,
					struct sk_buff *skb, u32 nhid)
{
	struct vtep_dest dest = { .port = tx->cfg->port };

	if (!vtep_nexthop_select_id(tx->vtep, tx->cfg, nhid, skb_get_hash(skb),
				    &dest))
		return VTEP_TX_NO_REMOTE;
	return vtep_tx_dest(tx, skb, &dest);
}

/* What is neither one remote nor unknown: a flood or a nexthop group. */
static noinline enum vtep_counter vtep_tx_many(struct vtep_tx *tx,
					       struct sk_buff *skb, void *to)
{
	const struct vtep_nexthop *nexthop;
	const struct vtep_fdb_slots *slots;

	slots = vtep_fdb_to(to, VTEP_FDB_TO_SLOTS);
	if (slots) {
		vtep_replicate(tx, skb, slots->remote, slots->count);
		return VTEP_OK;
	}

	nexthop = vtep_fdb_to(to, VTEP_FDB_TO_NEXTHOP);
	return nexthop ? vtep_tx_nexthop(tx, skb, nexthop) : VTEP_TX_NO_REMOTE;
}

static enum vtep_counter vtep_tx_miss(const struct vtep_tx *tx, const u8 *mac)
{
	if (tx->cfg->l2miss && !is_multicast_ether_addr(mac))
		vtep_fdb_miss(tx->vtep, mac, NULL);
	return VTEP_TX_NO_DESTINATION;
}

static const struct vtep_fdb_entry *
vtep_tx_use(struct vtep_fdb_entry *entry)
{
	u32 now = vtep_fdb_now();

	if (entry && READ_ONCE(entry->used) != now)
		WRITE_ONCE(entry->used, now);
	return entry;
}

/* The default entry; each VNI of an external device has its own. */
static struct vtep_fdb_entry *vtep_tx_default(const struct vtep_tx *tx)
{
	static const u8 zero[ETH_ALEN];

	if (unlikely(tx->cfg->metadata))
		return vtep_fdb_find(tx->vtep, zero, tx->vni);
	return rcu_dereference_bh(tx->vtep->fdb.flood);
}

/* The entry of the destination, else the default entry, else NULL. */
static const struct vtep_fdb_entry *vtep_tx_entry(const struct vtep_tx *tx,
						  const u8 *mac)
{
	struct vtep_fdb_entry *entry;

	entry = vtep_fdb_find_rcu(tx->vtep, mac, tx->vni);
	return vtep_tx_use(entry ?: vtep_tx_default(tx));
}

/*
 * To a router: to the station behind it at once, if it is known. True: the
 * frame has another destination now. There is no second router.
 */
static bool vtep_tx_route(struct vtep_tx *tx, struct sk_buff *skb,
			  const struct vtep_fdb_entry *entry)
{
	if (!entry || tx->routed ||
	    !(READ_ONCE(entry->ndm_flags) & NTF_ROUTER) ||
	    !is_valid_ether_addr(entry->key.mac) ||
	    !vtep_short_circuit(tx, skb))
		return false;

	tx->routed = true;
	return true;
}

/* To those who want the frames of a group, which may be nobody. */
static noinline enum vtep_counter
vtep_tx_group(struct vtep_tx *tx, struct sk_buff *skb,
	      const struct vtep_mdb_slots *slots)
{
	if (!slots->count)
		return VTEP_TX_MDB_NO_REMOTE;
	tx->inherit_vni = true;
	vtep_replicate(tx, skb, slots->remote, slots->count);
	return VTEP_OK;
}

static enum vtep_counter vtep_tx_forward(struct vtep_tx *tx,
					 struct sk_buff *skb)
{
	const struct vtep_mdb_slots *slots;
	const struct vtep_fdb_entry *entry;
	const struct vtep_remote *remote;
	enum vtep_counter verdict;
	void *to;

	if (unlikely(tx->cfg->proxy)) {
		verdict = vtep_proxy(tx, skb);
		if (verdict != VTEP_OK)
			return verdict;
	}
	if (unlikely(READ_ONCE(tx->vtep->has_mdb))) {
		slots = vtep_mdb_route(tx->vtep, skb, tx->vni);
		if (slots)
			return vtep_tx_group(tx, skb, slots);
	}

	do {
		entry = vtep_tx_entry(tx, eth_hdr(skb)->h_dest);
	} while (unlikely(tx->cfg->short_circuit) &&
		 vtep_tx_route(tx, skb, entry));
	if (!entry)
		return vtep_tx_miss(tx, eth_hdr(skb)->h_dest);

	to = rcu_dereference_bh(entry->to);
	remote = vtep_fdb_to(to, VTEP_FDB_TO_REMOTE);
	if (likely(remote))
		return vtep_encap(tx, skb, remote);
	return vtep_tx_many(tx, skb, to);
}

/* Inner IP fields, all zero for what is not IP. */
struct vtep_inner {
	bool df;
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
			.df = ip4->frag_off & htons(IP_DF),
			.ttl = ip4->ttl,
		};
	case htons(ETH_P_IPV6):
		ip6 = ipv6_hdr(skb);
		return (struct vtep_inner) {
			.df = true,
			.ttl = ip6->hop_limit,
			.label = ip6_flowlabel(ip6),
		};
	}
	return (struct vtep_inner) {};
}

static u8 vtep_inner_dsfield(const struct sk_buff *skb, __be16 type)
{
	switch (type) {
	case htons(ETH_P_IP):
		return ip_hdr(skb)->tos;
	case htons(ETH_P_IPV6):
		return ipv6_get_dsfield(ipv6_hdr(skb));
	}
	return 0;
}

/* RFC 6040 section 4.1, normal mode: all four ECN values are copied. */
static u8 vtep_outer_tos(u8 tos, u8 inner)
{
	return (tos & ~INET_ECN_MASK) | (inner & INET_ECN_MASK);
}

/* What a configuration that says so takes from the inner header. */
static noinline void vtep_tx_inherit(struct vtep_tx *tx,
				     const struct sk_buff *skb)
{
	const struct vtep_config *cfg = tx->cfg;
	struct vtep_inner inner = vtep_inner(skb);

	if (cfg->label_policy == VXLAN_LABEL_INHERIT)
		tx->label = inner.label;
	if (cfg->ttl_inherit)
		tx->ttl = inner.ttl;
	if (cfg->df == VTEP_DF_INHERIT)
		tx->df = inner.df;
}

/* What the outer headers of all copies say. @type: VLAN tags aside. */
static void vtep_tx_begin(struct vtep_tx *tx, struct sk_buff *skb, __be16 type)
{
	const struct vtep_config *cfg = tx->cfg;
	u8 dsfield;

	/* RFC 7348 section 5: entropy for the underlay. */
	tx->sport = udp_flow_src_port(tx->vtep->net, skb, cfg->port_min,
				      cfg->port_max, !cfg->gpe);
	dsfield = vtep_inner_dsfield(skb, type);
	tx->gbp = skb->mark;
	tx->tos = vtep_outer_tos(cfg->tos == 1 ? dsfield : cfg->tos, dsfield);
	tx->ttl = cfg->ttl;
	tx->label = cfg->label;
	tx->df = cfg->df == VTEP_DF_SET;
	tx->usual = cfg->tos != 1 && !skb->mark;
	if (unlikely(cfg->inherits))
		vtep_tx_inherit(tx, skb);
}

/*
 * External mode: a packet brings its instructions along. True: only where to is
 * still to be found, as a bridge names the VNI and nothing else.
 */
static noinline bool vtep_tx_external(struct vtep_tx *tx, struct sk_buff *skb,
				      enum vtep_counter *verdict)
{
	struct ip_tunnel_info *info = skb_tunnel_info(skb);

	if (!(info->mode & IP_TUNNEL_INFO_BRIDGE))
		*verdict = vtep_encap_info(tx, skb, info);
	else if (tx->cfg->gpe)	/* There is no FDB to ask. */
		*verdict = VTEP_TX_NO_REMOTE;
	else if (vtep_tun_nhid(&info->key))
		*verdict = vtep_tx_backup(tx, skb, vtep_tun_nhid(&info->key));
	else
		return true;
	return false;
}

/* What an external device cannot send, whatever it is. */
static enum vtep_counter vtep_tx_check(struct vtep_tx *tx, struct sk_buff *skb)
{
	const struct ip_tunnel_info *info = skb_tunnel_info(skb);

	if (!info || !(info->mode & IP_TUNNEL_INFO_TX))
		return VTEP_TX_NO_TUNNEL_INFO;
	tx->vni = vtep_info_vni(info);
	if (tx->cfg->gpe && !vtep_gpe_carries(skb->protocol))
		return VTEP_TX_GPE_PROTOCOL;
	return VTEP_OK;
}

/* A device without Ethernet header sends other things, too. */
static bool vtep_tx_etherless(const struct vtep_tx *tx,
			      const struct sk_buff *skb)
{
	return unlikely(tx->cfg->gpe) && skb->protocol != htons(ETH_P_TEB);
}

static enum vtep_counter vtep_tx(struct vtep_tx *tx, struct sk_buff *skb)
{
	const bool external = unlikely(tx->cfg->metadata);
	enum vtep_counter verdict;
	__be16 type;

	if (external) {
		verdict = vtep_tx_check(tx, skb);
		if (verdict != VTEP_OK)
			return verdict;
	}
	if (unlikely(skb_vlan_inet_prepare(skb, vtep_tx_etherless(tx, skb))))
		return VTEP_TX_INNER_SHORT;
	type = skb_protocol(skb, true);
	if (likely(!tx->cfg->gpe))
		vtep_hash(skb, type, tx->shortcut);
	vtep_tx_begin(tx, skb, type);
	if (external && !vtep_tx_external(tx, skb, &verdict))
		return verdict;
	return vtep_tx_forward(tx, skb);
}

/**
 * vtep_xmit() - ndo_start_xmit
 * @skb: an Ethernet frame; of a device without Ethernet header, what it carries
 * @dev: the device
 *
 * Context: BH disabled, RCU; no queue, no lock.
 * Return: NETDEV_TX_OK: the frame was sent or dropped and counted.
 */
netdev_tx_t vtep_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	struct vtep_tx tx = {
		.vtep = vtep,
		.cfg = rcu_dereference_bh(vtep->cfg),
		.shortcut = READ_ONCE(vtep_shortcut),
	};
	enum vtep_counter verdict;

	tx.vni = tx.cfg->vni;
	tx.inherit_vni = tx.cfg->metadata;
	skb_reset_mac_header(skb);
	rcu_read_lock();
	verdict = vtep_tx(&tx, skb);
	if (unlikely(vtep_tx_lost(verdict)))
		vtep_tx_drop(&tx, skb, verdict);
	rcu_read_unlock();
	return NETDEV_TX_OK;
}
