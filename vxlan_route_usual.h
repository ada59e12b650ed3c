/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The route that a packet mostly takes: the one that its CPU has kept. It is
 * asked for in line.
 */
#ifndef VTEP_ROUTE_USUAL_H
#define VTEP_ROUTE_USUAL_H

#include "vxlan.h"
#include "vxlan_path.h"
#include "vxlan_remote.h"

#include <linux/ipv6_route.h>
#include <net/ip6_fib.h>
#include <net/net_namespace.h>

static inline u32 vtep_route_genid(const struct vtep_dev *vtep, u16 family)
{
	int genid = family == AF_INET6 ? rt_genid_ipv6(vtep->net) :
					 rt_genid_ipv4(vtep->net);

	return genid | 0x80000000U;
}

/* As ipv4_dst_check(), of which this is the usual case. */
static inline bool vtep_path_fresh_v4(const struct vtep_path *path,
				      const struct vtep_dev *vtep)
{
	return path->routes == vtep_route_genid(vtep, AF_INET) &&
	       READ_ONCE(path->dst->obsolete) == DST_OBSOLETE_FORCE_CHK;
}

/* As ip6_dst_check(), likewise; a router may change how long a route lasts. */
static inline bool vtep_path_fresh_v6(const struct vtep_path *path)
{
	const struct rt6_info *rt6 = dst_rt6_info(path->dst);
	const struct fib6_info *from = rcu_dereference(rt6->from);
	const struct fib6_node *node;

	if (unlikely(!from || from->fib6_flags & RTF_EXPIRES))
		return false;
	node = rcu_dereference(from->fib6_node);
	return node && READ_ONCE(node->fn_sernum) == path->cookie &&
	       READ_ONCE(path->dst->obsolete) == DST_OBSOLETE_FORCE_CHK;
}

/* A bundle of IPsec depends on more than routes, and is never direct. */
static inline bool vtep_path_fresh(const struct vtep_path *path,
				   const struct vtep_dev *vtep)
{
	return path->lasting && (path->v6 ? vtep_path_fresh_v6(path) :
					    vtep_path_fresh_v4(path, vtep));
}

/**
 * vtep_route_usual() - the route to a peer that is cached
 * @vtep: the device
 * @peer: where to
 *
 * For the packets whose route depends on nothing but that.
 *
 * Context: BH disabled, rcu_read_lock().
 * Return: the path, for as long as RCU lasts; NULL: it is to be looked for.
 */
static inline struct vtep_path *vtep_route_usual(struct vtep_dev *vtep,
						 const struct vtep_peer *peer)
{
	struct vtep_paths __percpu *paths = READ_ONCE(peer->paths);
	struct vtep_path *path;

	if (unlikely(!paths))
		return NULL;
	path = rcu_dereference(this_cpu_ptr(paths)->path);
	if (unlikely(!path))
		return NULL;
	if (likely(path->genid == READ_ONCE(vtep->route_genid)) &&
	    (likely(vtep_path_fresh(path, vtep)) ||
	     dst_check(path->dst, path->cookie)))
		return path;
	vtep_path_forget(paths);
	return NULL;
}

#endif /* VTEP_ROUTE_USUAL_H */
