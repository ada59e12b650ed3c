/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flags of a tunnel key: a bitmap, formerly a word; and the nexthop group that
 * a bridge may name.
 */
#ifndef COMPAT_NET_IP_TUNNELS_H
#define COMPAT_NET_IP_TUNNELS_H

#include_next <net/ip_tunnels.h>

#if HAVE_IP_TUNNEL_FLAGS_BITMAP
#define VTEP_TUN_FLAG(key, name) \
	test_bit(IP_TUNNEL_##name##_BIT, (key)->tun_flags)
#define VTEP_TUN_SET_FLAG(key, name) \
	__set_bit(IP_TUNNEL_##name##_BIT, (key)->tun_flags)
#else
#define VTEP_TUN_FLAG(key, name)	((key)->tun_flags & TUNNEL_##name)
#define VTEP_TUN_SET_FLAG(key, name)	((key)->tun_flags |= TUNNEL_##name)
#endif

static inline bool vtep_tun_csum(const struct ip_tunnel_key *key)
{
	return VTEP_TUN_FLAG(key, CSUM);
}

static inline bool vtep_tun_dont_fragment(const struct ip_tunnel_key *key)
{
	return VTEP_TUN_FLAG(key, DONT_FRAGMENT);
}

/* The packet carries a struct vxlan_metadata. */
static inline bool vtep_tun_vxlan_opt(const struct ip_tunnel_key *key)
{
	return VTEP_TUN_FLAG(key, VXLAN_OPT);
}

static inline void vtep_tun_set_vxlan_opt(struct ip_tunnel_key *key)
{
	VTEP_TUN_SET_FLAG(key, VXLAN_OPT);
}

static inline u32 vtep_tun_nhid(const struct ip_tunnel_key *key)
{
#if HAVE_IP_TUNNEL_KEY_NHID
	return key->nhid;
#else
	return 0;
#endif
}

/*
 * Tunnels in tunnels: newer kernels count how deep they are, and end it. Those
 * for which vtep_tunnel_deep() says yes are the core's to drop.
 */
#ifdef IP_TUNNEL_RECURSION_LIMIT
#define vtep_tunnel_deep()	\
	(dev_recursion_level() > IP_TUNNEL_RECURSION_LIMIT)
#define vtep_tunnel_enter()	dev_xmit_recursion_inc()
#define vtep_tunnel_leave()	dev_xmit_recursion_dec()
#else
#define vtep_tunnel_deep()	false
#define vtep_tunnel_enter()	do { } while (0)
#define vtep_tunnel_leave()	do { } while (0)
#endif

#endif /* COMPAT_NET_IP_TUNNELS_H */
