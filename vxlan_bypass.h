/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Local bypass: a frame to a VTEP of the same host is not encapsulated.
 */
#ifndef VTEP_BYPASS_H
#define VTEP_BYPASS_H

#include <linux/ipv6_route.h>
#include <net/route.h>
#include "vxlan_config.h"
#include "vxlan_stats.h"

struct sk_buff;
struct vtep_peer;
struct vtep_sock;
struct vtep_tx;

/* The flag that marks a route to a local address is the same for IPv6. */
static_assert(RTCF_LOCAL == RTF_LOCAL);

/* Does a route with these flags lead to this host, and nowhere else? */
static inline bool vtep_bypass_wanted(const struct vtep_config *cfg, u32 flags)
{
	return flags & RTCF_LOCAL && cfg->local_bypass &&
	       !(flags & (RTCF_BROADCAST | RTCF_MULTICAST));
}

enum vtep_counter vtep_bypass(const struct vtep_tx *tx, struct sk_buff *skb,
			      const struct vtep_sock *sock,
			      const struct vtep_peer *peer, u32 vni,
			      __be16 port);
enum vtep_counter vtep_bypass_back(const struct vtep_tx *tx,
				   struct sk_buff *skb);

#endif /* VTEP_BYPASS_H */
