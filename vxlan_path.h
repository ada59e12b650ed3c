/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The route that a CPU has found to a peer.
 */
#ifndef VTEP_PATH_H
#define VTEP_PATH_H

#include <linux/in6.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>

struct dst_entry;
struct iphdr;
struct net;

/**
 * struct vtep_path - a route and what goes with it
 * @dst: the route, with a reference; constant
 * @cookie: what dst_check() wants; constant
 * @genid: vtep_dev.route_genid for which it is good; constant
 * @saddr4: source address over IPv4; constant
 * @saddr6: source address over IPv6; constant
 * @ident: the next of the IP idents that were taken in advance; like the three
 *	below for the CPU that owns the path
 * @idents: how many there are
 * @batch: how many were taken at a time
 * @ident_time: jiffies when they were taken
 * @rcu: frees it after the last reader
 */
struct vtep_path {
	struct dst_entry *dst;
	u32 cookie;
	u32 genid;
	union {
		__be32 saddr4;
		struct in6_addr saddr6;
	};
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
struct vtep_path *vtep_path_get(struct vtep_paths __percpu *paths, u32 genid);
struct vtep_path *vtep_path_set(struct vtep_paths __percpu *paths,
				const struct vtep_path *path);
void vtep_path_ident(struct vtep_path *path, struct net *net,
		     struct iphdr *iph);

#endif /* VTEP_PATH_H */
