/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The route that a CPU has found to a peer.
 */
#ifndef VTEP_PATH_H
#define VTEP_PATH_H

#include <linux/in6.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <net/dst.h>

struct iphdr;
struct net;

/**
 * struct vtep_path - a route and what goes with it
 * @dst: the route, with a reference; constant like all else but the idents
 * @lower: its device, which is there for as long as the route is good
 * @cookie: what dst_check() wants
 * @routes: generation of the routes for which it was found, IPv4 only
 * @genid: vtep_dev.route_genid for which it is good
 * @v6: over IPv6
 * @kept: the path is the peer's, and packets borrow its route; else it belongs
 *	to one packet, which has the reference
 * @direct: an unfragmented packet may go to the neighbour at once if nobody
 *	wants to look at it
 * @lasting: the route is good until somebody changes it, as time does not
 * @local: the route leads to this host and nowhere else
 * @saddr4: addresses over IPv4, as in the header
 * @daddr4: destination
 * @saddr6: addresses over IPv6, as in the header
 * @daddr6: destination
 * @pseudo: sum of the pseudo-header of IPv6 but for the length
 * @ident: the next of the IP idents that were taken in advance; like the three
 *	below for the CPU that owns the path
 * @idents: how many there are
 * @batch: how many were taken at a time
 * @ident_time: jiffies when they were taken
 * @rcu: frees it after the last reader
 */
struct vtep_path {
	struct dst_entry *dst;
	struct net_device *lower;
	u32 cookie;
	u32 routes;
	u32 genid;
	bool v6;
	bool kept;
	bool direct;
	bool lasting;
	bool local;
	union {
		struct {
			__be32 saddr4;
			__be32 daddr4;
		};
		struct {
			struct in6_addr saddr6;
			struct in6_addr daddr6;
		};
	};
	__wsum pseudo;
	u16 ident;
	u16 idents;
	u16 batch;
	unsigned long ident_time;
	struct rcu_head rcu;
};

/**
 * struct vtep_paths - one CPU's way to a peer
 * @path: replaced as a whole, by this CPU only; readers RCU
 */
struct vtep_paths {
	struct vtep_path __rcu *path;
};

struct vtep_paths __percpu *vtep_paths_alloc(void);
void vtep_paths_free(struct vtep_paths __percpu *paths);
struct vtep_path *vtep_path_set(struct vtep_paths __percpu *paths,
				struct vtep_path *path);
void vtep_path_forget(struct vtep_paths __percpu *paths);
void vtep_path_ident(struct vtep_path *path, struct net *net,
		     struct iphdr *iph);

/* The packet is not sent after all. */
static inline void vtep_path_put(const struct vtep_path *path)
{
	if (!path->kept)
		dst_release(path->dst);
}

/* The packet wants a reference. False if the route has gone just now. */
static inline bool vtep_path_hold(const struct vtep_path *path)
{
	return !path->kept || dst_hold_safe(path->dst);
}

#endif /* VTEP_PATH_H */
