// SPDX-License-Identifier: GPL-2.0
/*
 * Underlay routes, cached once per peer and CPU.
 *
 * A cached route is right for every packet to the peer only if the route does
 * not depend on the packet. Three things make it depend: a mark or DS field
 * taken from the packet, a port of its own, and a route with several next
 * hops, which the core spreads by a hash that may contain the source port.
 * Such packets are looked up one by one: the spread over the next hops is then
 * exactly the core's, and per flow. That a route is multipath is remembered in
 * the peer together with the generation of the routing table, so it is asked
 * once per change.
 */
#include "vxlan_route.h"
#include "vxlan.h"
#include "vxlan_remote.h"

#include <net/addrconf.h>
#include <net/dst_cache.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/nexthop.h>
#include <net/route.h>

/* Never a valid generation mark: see vtep_route_genid(). */
#define VTEP_NOT_MULTIPATH 0

static u32 vtep_route_genid(const struct vtep_dev *vtep, u16 family)
{
	int genid = family == AF_INET6 ? rt_genid_ipv6(vtep->net) :
					 rt_genid_ipv4(vtep->net);

	return genid | 0x80000000U;
}

/* Empties a cache that was filled before the last change of configuration. */
static struct vtep_route *vtep_route_fresh(const struct vtep_dev *vtep,
					   struct vtep_route *route)
{
	u32 genid = READ_ONCE(vtep->route_genid);

	/* Whoever sees the new number is to see the cache reset as well. */
	if (unlikely(smp_load_acquire(&route->genid) != genid)) {
		dst_cache_reset(&route->cache);
		/* Pairs with the load above. */
		smp_store_release(&route->genid, genid);
	}
	return route;
}

/* The peer's cache if this packet may use it, made when there is none yet. */
static struct vtep_route *vtep_route_of_peer(const struct vtep_route_key *key)
{
	struct vtep_peer *peer = key->peer;
	struct vtep_route *route, *other;
	u32 genid;

	if (key->cfg->tos == 1 || key->dport != key->cfg->port)
		return NULL;

	genid = READ_ONCE(peer->multipath_genid);
	if (genid != VTEP_NOT_MULTIPATH &&
	    genid == vtep_route_genid(key->vtep, peer->key.addr.family))
		return NULL;

	route = rcu_dereference_bh(peer->route);
	if (likely(route))
		return vtep_route_fresh(key->vtep, route);

	if (!READ_ONCE(peer->refs))
		return NULL;
	route = kzalloc_obj(*route, GFP_ATOMIC);
	if (!route)
		return NULL;
	route->genid = READ_ONCE(key->vtep->route_genid);
	if (dst_cache_init(&route->cache, GFP_ATOMIC)) {
		kfree(route);
		return NULL;
	}
	other = unrcu_pointer(cmpxchg(&peer->route, NULL,
				      RCU_INITIALIZER(route)));
	if (!other)
		return route;
	dst_cache_destroy(&route->cache);
	kfree(route);
	return other;
}

static struct dst_cache *vtep_route_cache(const struct vtep_route_key *key)
{
	struct vtep_route *route;

	if (key->uncached)
		return NULL;
	if (key->given)
		return key->given;
	route = vtep_route_of_peer(key);
	return route ? &route->cache : NULL;
}

/*
 * Is the route one of several, so that another packet may get another one? A
 * cache that came with the packet is the caller's affair.
 */
static bool vtep_route_note_multipath(const struct vtep_route_key *key,
				      u32 genid, bool multipath)
{
	if (multipath)
		WRITE_ONCE(key->peer->multipath_genid, genid);
	return multipath;
}

/*
 * The interface to route through: the one that belongs to the peer's address,
 * else the VRF the socket is bound to, else whatever the routing table says.
 */
static int vtep_route_oif(const struct vtep_route_key *key)
{
	return key->peer->key.ifindex ?: READ_ONCE(key->sk->sk_bound_dev_if);
}

/* @fl4: as the core was asked, not as it filled it in. */
static bool vtep_route_v4_multipath(struct net *net, struct flowi4 *fl4)
{
	struct fib_result res;
	bool multipath;

	fl4->flowi4_iif = LOOPBACK_IFINDEX;
	rcu_read_lock();
	multipath = !fib_lookup(net, fl4, &res, 0) &&
		    res.type == RTN_UNICAST &&
		    fib_info_num_path(res.fi) > 1;
	rcu_read_unlock();
	return multipath;
}

static bool vtep_route_v6_multipath(const struct dst_entry *dst)
{
	const struct rt6_info *rt6 = dst_rt6_info(dst);
	const struct fib6_info *from;
	bool multipath;

	rcu_read_lock();
	from = rcu_dereference(rt6->from);
	multipath = from && (from->nh ? nexthop_is_multipath(from->nh) :
					from->fib6_nsiblings);
	rcu_read_unlock();
	return multipath;
}

/**
 * vtep_route_v4() - route of a packet over IPv4
 * @key: the packet
 * @saddr: filled with the source address to use
 *
 * Context: BH disabled, RCU.
 * Return: the route with a reference, -ENETUNREACH or -ELOOP.
 */
struct rtable *vtep_route_v4(const struct vtep_route_key *key, __be32 *saddr)
{
	struct dst_cache *cache = vtep_route_cache(key);
	struct net *net = key->vtep->net;
	struct flowi4 fl4 = {};
	struct flowi4 asked;
	struct rtable *rt;
	u32 genid;

	if (likely(cache)) {
		rt = dst_cache_get_ip4(cache, saddr);
		if (likely(rt))
			return rt;
	}

	fl4.flowi4_mark = key->mark;
	fl4.flowi4_proto = IPPROTO_UDP;
	fl4.flowi4_oif = vtep_route_oif(key);
	fl4.daddr = key->peer->key.addr.v4;
	fl4.saddr = key->local.v4;
	fl4.fl4_dport = key->dport;
	fl4.fl4_sport = key->sport;
	vtep_flowi4_set_dsfield(&fl4, key->tos);

	asked = fl4;
	genid = vtep_route_genid(key->vtep, AF_INET);
	rt = ip_route_output_key(net, &fl4);
	if (IS_ERR(rt))
		return ERR_PTR(-ENETUNREACH);
	if (rt->dst.dev == key->vtep->dev) {
		ip_rt_put(rt);
		return ERR_PTR(-ELOOP);
	}

	*saddr = fl4.saddr;
	if (!cache)
		return rt;
	if (key->given ||
	    !vtep_route_note_multipath(key, genid,
				       vtep_route_v4_multipath(net, &asked)))
		dst_cache_set_ip4(cache, &rt->dst, fl4.saddr);
	return rt;
}

/**
 * vtep_route_v6() - route of a packet over IPv6
 * @key: the packet
 * @saddr: filled with the source address to use
 *
 * Context: BH disabled, RCU.
 * Return: the route with a reference, -ENETUNREACH or -ELOOP.
 */
struct dst_entry *vtep_route_v6(const struct vtep_route_key *key,
				struct in6_addr *saddr)
{
	struct dst_cache *cache = vtep_route_cache(key);
	struct net *net = key->vtep->net;
	struct flowi6 fl6 = {};
	struct dst_entry *dst;
	u32 genid;

	if (likely(cache)) {
		dst = dst_cache_get_ip6(cache, saddr);
		if (likely(dst))
			return dst;
	}

	fl6.flowi6_mark = key->mark;
	fl6.flowi6_proto = IPPROTO_UDP;
	fl6.flowi6_oif = vtep_route_oif(key);
	fl6.daddr = key->peer->key.addr.v6;
	fl6.saddr = key->local.v6;
	fl6.fl6_dport = key->dport;
	fl6.fl6_sport = key->sport;
	fl6.flowlabel = ip6_make_flowinfo(key->tos, key->label);

	genid = vtep_route_genid(key->vtep, AF_INET6);
	dst = ip6_dst_lookup_flow(net, key->sk, &fl6, NULL);
	if (IS_ERR(dst))
		return ERR_PTR(-ENETUNREACH);
	if (dst_dev(dst) == key->vtep->dev) {
		dst_release(dst);
		return ERR_PTR(-ELOOP);
	}

	*saddr = fl6.saddr;
	if (!cache)
		return dst;
	if (key->given ||
	    !vtep_route_note_multipath(key, genid,
				       vtep_route_v6_multipath(dst)))
		dst_cache_set_ip6(cache, dst, &fl6.saddr);
	return dst;
}
