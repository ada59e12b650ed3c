/* SPDX-License-Identifier: GPL-2.0 */
/*
 * External mode: instructions and descriptions that travel with a packet
 * (struct ip_tunnel_info), made by routes, tc, the bridge, Open vSwitch, BPF.
 */
#ifndef VTEP_METADATA_H
#define VTEP_METADATA_H

#include <net/dst_metadata.h>
#include <net/ip_tunnels.h>
#include "vxlan_addr.h"

struct metadata_dst;
struct net_device;
struct vtep_hdr;
struct vtep_rx;

/* 24 bits; whoever gives more means the lower ones. */
static inline u32 vtep_info_vni(const struct ip_tunnel_info *info)
{
	return be32_to_cpu(tunnel_id_to_key32(info->key.tun_id)) & 0xffffff;
}

static inline struct vtep_addr
vtep_info_remote(const struct ip_tunnel_info *info)
{
	return ip_tunnel_info_af(info) == AF_INET6 ?
	       vtep_addr_v6(&info->key.u.ipv6.dst) :
	       vtep_addr_v4(info->key.u.ipv4.dst);
}

static inline struct vtep_addr
vtep_info_local(const struct ip_tunnel_info *info)
{
	return ip_tunnel_info_af(info) == AF_INET6 ?
	       vtep_addr_v6(&info->key.u.ipv6.src) :
	       vtep_addr_v4(info->key.u.ipv4.src);
}

static inline struct dst_cache *vtep_info_cache(struct ip_tunnel_info *info)
{
#ifdef CONFIG_DST_CACHE
	return &info->dst_cache;
#else
	return NULL;
#endif
}

bool vtep_info_gbp(const struct ip_tunnel_info *info, u32 *gbp);
struct ip_tunnel_info *vtep_info_describe(struct sk_buff *skb);
bool vtep_info_turn(struct sk_buff *skb, const struct vtep_addr *remote,
		    const void *saddr);
bool vtep_metadata_set(struct sk_buff *skb, u16 family, u32 vni);
void vtep_metadata_set_gbp(struct sk_buff *skb, u32 gbp);
int vtep_metadata_fill(struct net_device *dev, struct sk_buff *skb);

#endif /* VTEP_METADATA_H */
