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

/* The paths to the peer if this packet may use them, made when missing. */
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

/* A good path is borrowed. */
static bool vtep_via_path(struct vtep_via *via,
			  struct vtep_paths __percpu *paths, u32 genid)
{
	via->path = paths ? vtep_path_get(paths, genid) : NULL;
	if (unlikely(!via->path))
		return false;
	via->dst = via->path->dst;
	return true;
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

/* @asked stays as it is. */
static int vtep_route_find_v4(const struct vtep_route_key *key,
			      const struct flowi4 *asked, struct vtep_via *via)
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
	via->dst = &rt->dst;
	via->saddr4 = fl4.saddr;
	return 0;
}

static int vtep_route_search_v4(const struct vtep_route_key *key,
				struct vtep_paths __percpu *paths,
				u32 config, struct vtep_via *via)
{
	struct flowi4 fl4 = vtep_route_flow_v4(key);
	u32 genid = vtep_route_genid(key->vtep, AF_INET);
	struct net *net = key->vtep->net;
	int err;

	err = vtep_route_find_v4(key, &fl4, via);
	if (err || !paths)
		return err;
	if (!vtep_route_note_multipath(key, genid,
				       vtep_route_v4_multipath(net, &fl4)))
		via->path = vtep_path_set(paths, &(struct vtep_path) {
			.dst = via->dst,
			.genid = config,
			.saddr4 = via->saddr4,
		});
	return 0;
}

/**
 * vtep_route_v4() - route of a packet over IPv4
 * @key: the packet
 * @via: filled
 *
 * Context: BH disabled, RCU, which lasts until @via is used up.
 * Return: 0, -ENETUNREACH or -ELOOP.
 */
int vtep_route_v4(const struct vtep_route_key *key, struct vtep_via *via)
{
	const u32 config = READ_ONCE(key->vtep->route_genid);
	struct vtep_paths __percpu *paths = vtep_route_paths(key);
	struct dst_cache *given = vtep_route_given(key);
	struct rtable *rt;
	int err;

	if (likely(vtep_via_path(via, paths, config))) {
		via->saddr4 = via->path->saddr4;
		return 0;
	}
	rt = given ? dst_cache_get_ip4(given, &via->saddr4) : NULL;
	if (rt) {
		via->dst = &rt->dst;
		return 0;
	}
	err = vtep_route_search_v4(key, paths, config, via);
	if (!err && given)
		dst_cache_set_ip4(given, via->dst, via->saddr4);
	return err;
}

static int vtep_route_find_v6(const struct vtep_route_key *key,
			      struct vtep_via *via)
{
	struct flowi6 fl6 = {
		.flowi6_mark = key->mark,
		.flowi6_proto = IPPROTO_UDP,
		.flowi6_oif = vtep_route_oif(key),
		.daddr = key->peer->key.addr.v6,
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
	via->dst = dst;
	via->saddr6 = fl6.saddr;
	return 0;
}

static int vtep_route_search_v6(const struct vtep_route_key *key,
				struct vtep_paths __percpu *paths,
				u32 config, struct vtep_via *via)
{
	u32 genid = vtep_route_genid(key->vtep, AF_INET6);
	int err;

	err = vtep_route_find_v6(key, via);
	if (err || !paths)
		return err;
	if (!vtep_route_note_multipath(key, genid,
				       vtep_route_v6_multipath(via->dst)))
		via->path = vtep_path_set(paths, &(struct vtep_path) {
			.dst = via->dst,
			.cookie = rt6_get_cookie(dst_rt6_info(via->dst)),
			.genid = config,
			.saddr6 = via->saddr6,
		});
	return 0;
}

/**
 * vtep_route_v6() - route of a packet over IPv6
 * @key: the packet
 * @via: filled
 *
 * Context: BH disabled, RCU, which lasts until @via is used up.
 * Return: 0, -ENETUNREACH or -ELOOP.
 */
int vtep_route_v6(const struct vtep_route_key *key, struct vtep_via *via)
{
	const u32 config = READ_ONCE(key->vtep->route_genid);
	struct vtep_paths __percpu *paths = vtep_route_paths(key);
	struct dst_cache *given = vtep_route_given(key);
	int err;

	if (likely(vtep_via_path(via, paths, config))) {
		via->saddr6 = via->path->saddr6;
		return 0;
	}
	via->dst = given ? dst_cache_get_ip6(given, &via->saddr6) : NULL;
	if (via->dst)
		return 0;
	err = vtep_route_search_v6(key, paths, config, via);
	if (!err && given)
		dst_cache_set_ip6(given, via->dst, &via->saddr6);
	return err;
}
