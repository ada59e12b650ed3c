/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Encapsulation towards one remote.
 */
#ifndef VTEP_ENCAP_H
#define VTEP_ENCAP_H

#include <net/net_namespace.h>
#include "vxlan.h"
#include "vxlan_stats.h"

struct ip_tunnel_info;
struct sk_buff;
struct vtep_config;
struct vtep_peer;
struct vtep_remote;
struct vtep_sock;

/**
 * struct vtep_tx - a packet on its way
 * @vtep: the device
 * @cfg: its configuration
 * @info: the packet's own instructions, if they say where to, or NULL
 * @vni: source VNI, host order: that of the device, or of the packet where the
 *	device is an external one
 * @gbp: group policy, as skb->mark has it; this and the next six are
 *	what all copies have in common
 * @label: IPv6 flow label
 * @sport: UDP source port
 * @tos: outer DS field
 * @ttl: outer TTL, 0 = the route's
 * @df: outer IPv4 DF bit
 * @usual: its route depends on the VTEP it goes to and on nothing else
 * @shortcut: packets may take short ways
 * @inherit_vni: VNI 0 of a remote stands for @vni
 * @routed: the device has done what a router would do; what is for this side
 *	comes back
 * @csum: UDP checksum; this and the rest are of the copy that is being sent
 * @dport: UDP destination port
 * @wire_vni: VNI in the header, host order
 * @peer: where to
 * @sock: socket that sends
 */
struct vtep_tx {
	struct vtep_dev *vtep;
	const struct vtep_config *cfg;
	struct ip_tunnel_info *info;
	u32 vni;
	u32 gbp;
	__be32 label;
	__be16 sport;
	u8 tos;
	u8 ttl;
	bool df;
	bool usual;
	bool shortcut;
	bool inherit_vni;
	bool routed;
	bool csum;
	__be16 dport;
	u32 wire_vni;
	struct vtep_peer *peer;
	const struct vtep_sock *sock;
};

/* The packet leaves for another namespace, which its marks do not concern. */
static inline bool vtep_crosses(const struct vtep_tx *tx)
{
	return !net_eq(tx->vtep->net, dev_net(tx->vtep->dev));
}

enum vtep_counter vtep_encap(struct vtep_tx *tx, struct sk_buff *skb,
			     const struct vtep_remote *remote);
enum vtep_counter vtep_encap_info(struct vtep_tx *tx, struct sk_buff *skb,
				  struct ip_tunnel_info *info);

#endif /* VTEP_ENCAP_H */
