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
#include "vxlan_path.h"
#include "vxlan_remote.h"
#include "vxlan_route_usual.h"

#include <linux/ipv6_route.h>
#include <net/addrconf.h>
#include <net/dst_cache.h>
#include <net/ip6_checksum.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/l3mdev.h>
#include <net/nexthop.h>
#include <net/route.h>

/* Never a valid generation mark: see vtep_route_genid(). */
#define VTEP_NOT_MULTIPATH 0

/* Room to keep the route if this packet's is what others may use. */
static struct vtep_paths __percpu *
vtep_route_paths(const struct vtep_route_key *key)
{
	struct vtep_peer *peer = key->peer;
	struct vtep_paths __percpu *paths;
	u32 genid;

	if (key->uncached || key->given || key->cfg->tos == 1 ||
	    key->dport != key->cfg->port)
		return NULL;

	genid = READ_ONCE(peer->multipath_genid);
	if (genid != VTEP_NOT_MULTIPATH &&
	    genid == vtep_route_genid(key->vtep, peer->key.addr.family))
		return NULL;

	paths = READ_ONCE(peer->paths);
	if (likely(paths) || !READ_ONCE(peer->refs))
		return paths;

	paths = vtep_paths_alloc();
	if (!paths || !cmpxchg(&peer->paths, NULL, paths))
		return paths;
	vtep_paths_free(paths);
	return READ_ONCE(peer->paths);
}

/* A cache that came with the packet and may be used. */
static struct dst_cache *vtep_route_given(const struct vtep_route_key *key)
{
	return key->uncached ? NULL : key->given;
}

/* Is the route one of several, so that another packet may get another one? */
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

static struct flowi4 vtep_route_flow_v4(const struct vtep_route_key *key)
{
	struct flowi4 fl4 = {};

	fl4.flowi4_mark = key->mark;
	fl4.flowi4_proto = IPPROTO_UDP;
	fl4.flowi4_oif = vtep_route_oif(key);
	fl4.daddr = key->peer->key.addr.v4;
	fl4.saddr = key->local->v4;
	fl4.fl4_dport = key->dport;
	fl4.fl4_sport = key->sport;
	vtep_flowi4_set_dsfield(&fl4, key->tos);
	return fl4;
}

/*
 * Is there nobody between the IP header and the neighbour, but for hooks and
 * size? None of it changes as long as the route is good.
 */
static bool vtep_route_direct(const struct dst_entry *dst,
			      const struct net_device *lower)
{
	return !dst_xfrm(dst) && !dst->lwtstate && !netif_is_l3_slave(lower);
}

static bool vtep_route_direct_v4(const struct rtable *rt,
				 const struct net_device *lower)
{
	return rt->dst.output == ip_output && rt->rt_type == RTN_UNICAST &&
	       vtep_route_direct(&rt->dst, lower);
}

static bool vtep_route_direct_v6(const struct rt6_info *rt6,
				 const struct net_device *lower,
				 const struct in6_addr *daddr)
{
	return rt6->dst.output == ip6_output && ip6_dst_idev(&rt6->dst) &&
	       !(rt6->rt6i_flags & RTF_LOCAL) &&
	       !dst_feature(&rt6->dst, RTAX_FEATURE_ALLFRAG) &&
	       !ipv6_addr_is_multicast(daddr) &&
	       vtep_route_direct(&rt6->dst, lower);
}

/*
 * Does it stay good until its node in the table changes? Flags of a route that
 * is no exception stay as they are.
 */
static bool vtep_route_lasts_v6(const struct rt6_info *rt6)
{
	return !rt6->sernum && !(rt6->rt6i_flags & (RTF_EXPIRES | RTF_CACHE));
}

/* The flag that marks a route to a local address is the same for IPv6. */
static_assert(RTCF_LOCAL == RTF_LOCAL);

/* Does a route with these flags lead to this host, and nowhere else? */
static bool vtep_route_local(u32 flags)
{
	return flags & RTCF_LOCAL &&
	       !(flags & (RTCF_BROADCAST | RTCF_MULTICAST));
}

static void vtep_route_fill_v4(struct vtep_path *path, struct rtable *rt,
			       __be32 saddr, __be32 daddr)
{
	struct net_device *lower;
	bool direct;

	rcu_read_lock();
	lower = dst_dev_rcu(&rt->dst);
	direct = vtep_route_direct_v4(rt, lower);
	*path = (struct vtep_path) {
		.dst = &rt->dst,
		.lower = lower,
		.direct = direct,
		.lasting = direct,
		.local = vtep_route_local(rt->rt_flags),
		.saddr4 = saddr,
		.daddr4 = daddr,
	};
	rcu_read_unlock();
}

/* @asked stays as it is. */
static int vtep_route_find_v4(const struct vtep_route_key *key,
			      const struct flowi4 *asked,
			      struct vtep_path *path)
{
	struct flowi4 fl4 = *asked;
	struct rtable *rt;

	rt = ip_route_output_key(key->vtep->net, &fl4);
	if (IS_ERR(rt))
		return -ENETUNREACH;
	if (rt->dst.dev == key->vtep->dev) {
		ip_rt_put(rt);
		return -ELOOP;
	}
	vtep_route_fill_v4(path, rt, fl4.saddr, asked->daddr);
	return 0;
}

static struct vtep_path *vtep_route_search_v4(const struct vtep_route_key *key,
					      struct vtep_path *room)
{
	const u32 config = READ_ONCE(key->vtep->route_genid);
	struct vtep_paths __percpu *paths = vtep_route_paths(key);
	u32 routes = vtep_route_genid(key->vtep, AF_INET);
	struct flowi4 fl4 = vtep_route_flow_v4(key);
	struct net *net = key->vtep->net;
	int err;

	err = vtep_route_find_v4(key, &fl4, room);
	if (err)
		return ERR_PTR(err);
	if (!paths ||
	    vtep_route_note_multipath(key, routes,
				      vtep_route_v4_multipath(net, &fl4)))
		return room;
	room->genid = config;
	room->routes = routes;
	return vtep_path_set(paths, room);
}

/**
 * vtep_route_v4() - route of a packet over IPv4 that is not cached for its peer
 * @key: the packet
 * @room: for a path that is the packet's own
 *
 * Context: BH disabled, RCU, which lasts until the path is used up.
 * Return: the path, -ENETUNREACH or -ELOOP.
 */
struct vtep_path *vtep_route_v4(const struct vtep_route_key *key,
				struct vtep_path *room)
{
	struct dst_cache *given = vtep_route_given(key);
	struct vtep_path *path;
	struct rtable *rt;
	__be32 saddr;

	rt = given ? dst_cache_get_ip4(given, &saddr) : NULL;
	if (rt) {
		vtep_route_fill_v4(room, rt, saddr, key->peer->key.addr.v4);
		return room;
	}
	path = vtep_route_search_v4(key, room);
	if (!IS_ERR(path) && given)
		dst_cache_set_ip4(given, path->dst, path->saddr4);
	return path;
}

static void vtep_route_fill_v6(struct vtep_path *path, struct dst_entry *dst,
			       const struct in6_addr *saddr,
			       const struct in6_addr *daddr)
{
	const struct rt6_info *rt6 = dst_rt6_info(dst);
	struct net_device *lower;
	bool direct;

	rcu_read_lock();
	lower = dst_dev_rcu(dst);
	direct = vtep_route_direct_v6(rt6, lower, daddr);
	*path = (struct vtep_path) {
		.dst = dst,
		.lower = lower,
		.v6 = true,
		.direct = direct,
		.lasting = direct && vtep_route_lasts_v6(rt6),
		.local = vtep_route_local(rt6->rt6i_flags),
		.saddr6 = *saddr,
		.daddr6 = *daddr,
		.pseudo = ~csum_unfold(csum_ipv6_magic(saddr, daddr, 0,
						       IPPROTO_UDP, 0)),
	};
	rcu_read_unlock();
}

static int vtep_route_find_v6(const struct vtep_route_key *key,
			      struct vtep_path *path)
{
	const struct in6_addr *daddr = &key->peer->key.addr.v6;
	struct flowi6 fl6 = {
		.flowi6_mark = key->mark,
		.flowi6_proto = IPPROTO_UDP,
		.flowi6_oif = vtep_route_oif(key),
		.daddr = *daddr,
		.saddr = key->local->v6,
		.flowlabel = ip6_make_flowinfo(key->tos, key->label),
	};
	struct dst_entry *dst;

	fl6.fl6_dport = key->dport;
	fl6.fl6_sport = key->sport;
	dst = ip6_dst_lookup_flow(key->vtep->net, key->sk, &fl6, NULL);
	if (IS_ERR(dst))
		return -ENETUNREACH;
	if (dst_dev(dst) == key->vtep->dev) {
		dst_release(dst);
		return -ELOOP;
	}
	vtep_route_fill_v6(path, dst, &fl6.saddr, daddr);
	return 0;
}

static struct vtep_path *vtep_route_search_v6(const struct vtep_route_key *key,
					      struct vtep_path *room)
{
	const u32 config = READ_ONCE(key->vtep->route_genid);
	struct vtep_paths __percpu *paths = vtep_route_paths(key);
	u32 routes = vtep_route_genid(key->vtep, AF_INET6);
	int err;

	err = vtep_route_find_v6(key, room);
	if (err)
		return ERR_PTR(err);
	if (!paths ||
	    vtep_route_note_multipath(key, routes,
				      vtep_route_v6_multipath(room->dst)))
		return room;
	room->genid = config;
	room->cookie = rt6_get_cookie(dst_rt6_info(room->dst));
	return vtep_path_set(paths, room);
}

/**
 * vtep_route_v6() - route of a packet over IPv6 that is not cached for its peer
 * @key: the packet
 * @room: for a path that is the packet's own
 *
 * Context: BH disabled, RCU, which lasts until the path is used up.
 * Return: the path, -ENETUNREACH or -ELOOP.
 */
struct vtep_path *vtep_route_v6(const struct vtep_route_key *key,
				struct vtep_path *room)
{
	const struct in6_addr *daddr = &key->peer->key.addr.v6;
	struct dst_cache *given = vtep_route_given(key);
	struct vtep_path *path;
	struct dst_entry *dst;
	struct in6_addr saddr;

	dst = given ? dst_cache_get_ip6(given, &saddr) : NULL;
	if (dst) {
		vtep_route_fill_v6(room, dst, &saddr, daddr);
		return room;
	}
	path = vtep_route_search_v6(key, room);
	if (!IS_ERR(path) && given)
		dst_cache_set_ip6(given, path->dst, &path->saddr6);
	return path;
}
