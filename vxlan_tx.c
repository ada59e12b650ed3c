// SPDX-License-Identifier: GPL-2.0
/*
 * Transmission: finds the remotes of a frame and sends a copy to each.
 */
#include "vxlan_tx.h"
#include "vxlan.h"
#include "vxlan_encap.h"
#include "vxlan_fdb.h"
#include "vxlan_proxy.h"
#include "vxlan_sock.h"

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/jhash.h>
#include <net/ip_tunnels.h>

/* Sends to one remote or drops, but in any case consumes. */
static void vtep_send(const struct vtep_tx *tx, struct sk_buff *skb,
		      const struct vtep_remote *remote)
{
	enum vtep_counter verdict = vtep_encap(tx, skb, remote);

	if (unlikely(verdict != VTEP_OK))
		vtep_drop(tx->vtep, skb, verdict);
}

/* Head-end replication: one copy to each remote. */
static void vtep_replicate(const struct vtep_tx *tx, struct sk_buff *skb,
			   const struct vtep_fdb_slots *slots)
{
	u32 i, last = slots->count - 1;
	struct sk_buff *copy;

	for (i = 0; i < last; i++) {
		copy = skb_clone(skb, GFP_ATOMIC);
		if (likely(copy))
			vtep_send(tx, copy, slots->remote[i]);
		else
			vtep_count(tx->vtep->counters, VTEP_TX_NOMEM);
	}
	vtep_send(tx, skb, slots->remote[last]);
}

/*
 * The flow, which the source port of all copies tells. The core's hash loses
 * its way behind a VLAN tag in the packet: it takes the network header for the
 * tag's place. Of what is not IP it may know no more than the type.
 */
static void vtep_tx_hash(struct sk_buff *skb)
{
	__be16 type = skb->protocol;

	if (skb->l4_hash)
		return;
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

/* One of several VTEPs, always the same for a flow. */
static enum vtep_counter vtep_tx_nexthop(const struct vtep_tx *tx,
					 struct sk_buff *skb,
					 const struct vtep_nexthop *nexthop)
{
	struct vtep_dest dest = { .port = tx->cfg->port };
	struct vtep_remote remote = { .key.vni = tx->cfg->vni };
	struct vtep_peer peer = {};

	if (!vtep_nexthop_select(nexthop, skb_get_hash(skb), tx->cfg->family,
				 &dest))
		return VTEP_TX_NO_REMOTE;

	/* Mostly an entry leads there, too, and has a route. */
	peer.key = dest.peer;
	remote.key.peer = vtep_peer_find(tx->vtep, &dest.peer) ?: &peer;
	remote.key.port = dest.port;
	return vtep_encap(tx, skb, &remote);
}

/* What is neither one remote nor unknown: a flood or a nexthop group. */
static enum vtep_counter vtep_tx_many(const struct vtep_tx *tx,
				      struct sk_buff *skb,
				      const struct vtep_fdb_entry *entry)
{
	const struct vtep_nexthop *nexthop;
	const struct vtep_fdb_slots *slots;

	slots = rcu_dereference_bh(entry->slots);
	if (slots) {
		vtep_replicate(tx, skb, slots);
		return VTEP_OK;
	}

	nexthop = rcu_dereference_bh(entry->nexthop);
	return nexthop ? vtep_tx_nexthop(tx, skb, nexthop) :
			 VTEP_TX_NO_REMOTE;
}

static enum vtep_counter vtep_tx_miss(const struct vtep_tx *tx, const u8 *mac)
{
	if (tx->cfg->l2miss && !is_multicast_ether_addr(mac))
		vtep_fdb_miss(tx->vtep, mac, NULL);
	return VTEP_TX_NO_DESTINATION;
}

/* The entry of the destination, else the default entry, else NULL. */
static struct vtep_fdb_entry *vtep_tx_entry(const struct vtep_tx *tx,
					    const u8 *mac)
{
	unsigned long now = jiffies;
	struct vtep_fdb_entry *entry;

	entry = vtep_fdb_find(tx->vtep, mac, tx->cfg->vni);
	if (!entry)
		entry = rcu_dereference_bh(tx->vtep->fdb.flood);
	if (entry && READ_ONCE(entry->used) != now)
		WRITE_ONCE(entry->used, now);
	return entry;
}

/* To a router: to the station behind it at once, if it is known. */
static struct vtep_fdb_entry *vtep_tx_route(struct vtep_tx *tx,
					    struct sk_buff *skb,
					    struct vtep_fdb_entry *entry)
{
	if (!(READ_ONCE(entry->ndm_flags) & NTF_ROUTER) ||
	    !is_valid_ether_addr(entry->key.mac) ||
	    !vtep_short_circuit(tx, skb))
		return entry;

	tx->routed = true;
	return vtep_tx_entry(tx, eth_hdr(skb)->h_dest);
}

static enum vtep_counter vtep_tx_forward(struct vtep_tx *tx,
					 struct sk_buff *skb)
{
	const struct vtep_remote *remote;
	struct vtep_fdb_entry *entry;

	entry = vtep_tx_entry(tx, eth_hdr(skb)->h_dest);
	if (unlikely(tx->cfg->short_circuit) && entry)
		entry = vtep_tx_route(tx, skb, entry);
	if (!entry)
		return vtep_tx_miss(tx, eth_hdr(skb)->h_dest);

	remote = rcu_dereference_bh(entry->remote);
	if (likely(remote))
		return vtep_encap(tx, skb, remote);
	return vtep_tx_many(tx, skb, entry);
}

static enum vtep_counter vtep_tx(struct vtep_tx *tx, struct sk_buff *skb)
{
	enum vtep_counter verdict;

	if (unlikely(tx->cfg->proxy)) {
		verdict = vtep_proxy(tx, skb);
		if (verdict != VTEP_OK)
			return verdict;
	}
	if (unlikely(skb_vlan_inet_prepare(skb, false)))
		return VTEP_TX_INNER_SHORT;
	vtep_tx_hash(skb);
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
		.sock = rcu_dereference_bh(vtep->sock),
	};
	enum vtep_counter verdict = VTEP_TX_NO_SOCKET;

	skb_reset_mac_header(skb);
	if (likely(tx.sock))
		verdict = vtep_tx(&tx, skb);
	if (unlikely(verdict != VTEP_OK && verdict != VTEP_COUNTERS))
		vtep_drop(vtep, skb, verdict);
	return NETDEV_TX_OK;
}
