/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Encapsulation towards one remote.
 */
#ifndef VTEP_ENCAP_H
#define VTEP_ENCAP_H

#include "vxlan_stats.h"

struct ip_tunnel_info;
struct sk_buff;
struct vtep_config;
struct vtep_remote;
struct vtep_sock;

/**
 * struct vtep_tx - what all copies of a packet have in common
 * @vtep: the device
 * @cfg: its configuration
 * @vni: source VNI, host order: that of the device, or of the packet where the
 *	device is an external one
 * @label: IPv6 flow label; this and the next five are there after
 *	vtep_encap_begin()
 * @sport: UDP source port
 * @tos: outer DS field
 * @ttl: outer TTL, 0 = the route's
 * @df: outer IPv4 DF bit
 * @shortcut: packets may take short ways
 * @inherit_vni: VNI 0 of a remote stands for @vni
 * @routed: the device has done what a router would do; what is for this side
 *	comes back
 */
struct vtep_tx {
	struct vtep_dev *vtep;
	const struct vtep_config *cfg;
	u32 vni;
	__be32 label;
	__be16 sport;
	u8 tos;
	u8 ttl;
	bool df;
	bool shortcut;
	bool inherit_vni;
	bool routed;
};

void vtep_encap_begin(struct vtep_tx *tx, struct sk_buff *skb);
enum vtep_counter vtep_encap(const struct vtep_tx *tx, struct sk_buff *skb,
			     const struct vtep_remote *remote);
enum vtep_counter vtep_encap_info(const struct vtep_tx *tx, struct sk_buff *skb,
				  struct ip_tunnel_info *info);

#endif /* VTEP_ENCAP_H */
