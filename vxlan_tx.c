// SPDX-License-Identifier: GPL-2.0
/*
 * Transmission: finds the remotes of a frame and sends a copy to each.
 */
#include "vxlan_tx.h"
#include "vxlan.h"
#include "vxlan_encap.h"
#include "vxlan_fdb.h"
#include "vxlan_gpe.h"
#include "vxlan_hash.h"
#include "vxlan_mdb.h"
#include "vxlan_metadata.h"
#include "vxlan_proxy.h"
#include "vxlan_sock.h"
#include "vxlan_vnifilter.h"

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <net/ip_tunnels.h>

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

/* Sends to one remote or drops, but in any case consumes. */
static void vtep_send(const struct vtep_tx *tx, struct sk_buff *skb,
		      const struct vtep_remote *remote)
{
	enum vtep_counter verdict = vtep_encap(tx, skb, remote);

	if (unlikely(verdict != VTEP_OK))
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
static void vtep_replicate(const struct vtep_tx *tx, struct sk_buff *skb,
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

/* The flow, which the source port of all copies tells. */
static void vtep_tx_hash(const struct vtep_tx *tx, struct sk_buff *skb)
{
	if (skb->l4_hash)
		return;
	if (likely(tx->shortcut) &&
	    likely(vtep_hash_inet(skb, skb_protocol(skb, true))))
		return;
	vtep_hash_ether(skb);
}

/* To a VTEP that no entry may lead to; mostly one does, and has a route. */
static enum vtep_counter vtep_tx_dest(const struct vtep_tx *tx,
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
static enum vtep_counter vtep_tx_nexthop(const struct vtep_tx *tx,
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
static enum vtep_counter vtep_tx_backup(const struct vtep_tx *tx,
					struct sk_buff *skb, u32 nhid)
{
	struct vtep_dest dest = { .port = tx->cfg->port };

	if (!vtep_nexthop_select_id(tx->vtep, tx->cfg, nhid, skb_get_hash(skb),
				    &dest))
		return VTEP_TX_NO_REMOTE;
	return vtep_tx_dest(tx, skb, &dest);
}

/* What is neither one remote nor unknown: a flood or a nexthop group. */
static enum vtep_counter vtep_tx_many(const struct vtep_tx *tx,
				      struct sk_buff *skb,
				      void *to)
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

	entry = vtep_fdb_find(tx->vtep, mac, tx->vni);
	return vtep_tx_use(entry ?: vtep_tx_default(tx));
}

/* To a router: to the station behind it at once, if it is known. */
static const struct vtep_fdb_entry *
vtep_tx_route(struct vtep_tx *tx, struct sk_buff *skb,
	      const struct vtep_fdb_entry *entry)
{
	if (!(READ_ONCE(entry->ndm_flags) & NTF_ROUTER) ||
	    !is_valid_ether_addr(entry->key.mac) ||
	    !vtep_short_circuit(tx, skb))
		return entry;

	tx->routed = true;
	return vtep_tx_entry(tx, eth_hdr(skb)->h_dest);
}

/* To those who want the frames of a group, which may be nobody. */
static enum vtep_counter vtep_tx_group(struct vtep_tx *tx, struct sk_buff *skb,
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

	entry = vtep_tx_entry(tx, eth_hdr(skb)->h_dest);
	if (unlikely(tx->cfg->short_circuit) && entry)
		entry = vtep_tx_route(tx, skb, entry);
	if (!entry)
		return vtep_tx_miss(tx, eth_hdr(skb)->h_dest);

	to = rcu_dereference_bh(entry->to);
	remote = vtep_fdb_to(to, VTEP_FDB_TO_REMOTE);
	if (likely(remote))
		return vtep_encap(tx, skb, remote);
	return vtep_tx_many(tx, skb, to);
}

/*
 * External mode: a packet brings its instructions along. A bridge names the VNI
 * only, and the FDB knows where to.
 */
static enum vtep_counter vtep_tx_external(struct vtep_tx *tx,
					  struct sk_buff *skb)
{
	struct ip_tunnel_info *info = skb_tunnel_info(skb);

	if (!info || !(info->mode & IP_TUNNEL_INFO_TX))
		return VTEP_TX_NO_TUNNEL_INFO;
	tx->vni = vtep_info_vni(info);
	if (!(info->mode & IP_TUNNEL_INFO_BRIDGE))
		return vtep_encap_info(tx, skb, info);

	vtep_encap_begin(tx, skb);
	if (vtep_tun_nhid(&info->key))
		return vtep_tx_backup(tx, skb, vtep_tun_nhid(&info->key));
	return vtep_tx_forward(tx, skb);
}

static enum vtep_counter vtep_tx(struct vtep_tx *tx, struct sk_buff *skb)
{
	if (unlikely(skb_vlan_inet_prepare(skb, false)))
		return VTEP_TX_INNER_SHORT;
	vtep_tx_hash(tx, skb);
	if (unlikely(tx->cfg->metadata))
		return vtep_tx_external(tx, skb);
	vtep_encap_begin(tx, skb);
	return vtep_tx_forward(tx, skb);
}

/**
 * vtep_xmit() - ndo_start_xmit
 * @skb: an Ethernet frame
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
	verdict = vtep_tx(&tx, skb);
	if (unlikely(verdict != VTEP_OK && verdict != VTEP_COUNTERS))
		vtep_tx_drop(&tx, skb, verdict);
	return NETDEV_TX_OK;
}

static enum vtep_counter vtep_tx_gpe(struct vtep_tx *tx, struct sk_buff *skb)
{
	struct ip_tunnel_info *info = skb_tunnel_info(skb);

	if (!info || !(info->mode & IP_TUNNEL_INFO_TX))
		return VTEP_TX_NO_TUNNEL_INFO;
	tx->vni = vtep_info_vni(info);
	/* A bridge's: it names no VTEP, and there is no FDB to ask. */
	if (info->mode & IP_TUNNEL_INFO_BRIDGE)
		return VTEP_TX_NO_REMOTE;
	if (!vtep_gpe_carries(skb->protocol))
		return VTEP_TX_GPE_PROTOCOL;
	if (skb_vlan_inet_prepare(skb, skb->protocol != htons(ETH_P_TEB)))
		return VTEP_TX_INNER_SHORT;
	return vtep_encap_info(tx, skb, info);
}

/**
 * vtep_gpe_xmit() - ndo_start_xmit of a device without Ethernet header
 * @skb: a packet of the protocol that it says
 * @dev: the device
 *
 * Context: BH disabled, RCU; no queue, no lock.
 * Return: NETDEV_TX_OK: the packet was sent or dropped and counted.
 */
netdev_tx_t vtep_gpe_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	struct vtep_tx tx = {
		.vtep = vtep,
		.cfg = rcu_dereference_bh(vtep->cfg),
		.shortcut = READ_ONCE(vtep_shortcut),
	};
	enum vtep_counter verdict;

	skb_reset_mac_header(skb);
	verdict = vtep_tx_gpe(&tx, skb);
	if (unlikely(verdict != VTEP_OK))
		vtep_tx_drop(&tx, skb, verdict);
	return NETDEV_TX_OK;
}
