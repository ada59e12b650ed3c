/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Underlay route of one packet.
 */
#ifndef VTEP_ROUTE_H
#define VTEP_ROUTE_H

#include <linux/types.h>
#include "vxlan_addr.h"

struct dst_cache;
struct sk_buff;
struct sock;
struct vtep_config;
struct vtep_dev;
struct vtep_path;
struct vtep_peer;

/**
 * struct vtep_route_key - what the route of a packet depends on
 * @vtep: the device
 * @cfg: its configuration
 * @peer: the VTEP the packet goes to
 * @local: source address, of the family of @peer; any: the routing table
 *	chooses
 * @given: a route cache that came with the packet, used instead of the peer's
 * @uncached: the packet must not use any route cache
 * @sk: socket it is sent from
 * @mark: skb->mark
 * @label: IPv6 flow label
 * @sport: outer UDP source port
 * @dport: outer UDP destination port
 * @tos: outer DS field
 */
struct vtep_route_key {
	struct vtep_dev *vtep;
	const struct vtep_config *cfg;
	struct vtep_peer *peer;
	const struct vtep_addr *local;
	struct dst_cache *given;
	bool uncached;
	struct sock *sk;
	u32 mark;
	__be32 label;
	__be16 sport;
	__be16 dport;
	u8 tos;
};

struct vtep_path *vtep_route_v4(const struct vtep_route_key *key,
				struct vtep_path *room);
struct vtep_path *vtep_route_v6(const struct vtep_route_key *key,
				struct vtep_path *room);

#endif /* VTEP_ROUTE_H */
