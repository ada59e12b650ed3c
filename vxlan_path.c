// SPDX-License-Identifier: GPL-2.0
/*
 * The route that a CPU has found to a peer.
 *
 * Each CPU has a path of its own, for the core gives each CPU a route of its
 * own, too, and nobody counts references: a packet borrows the route for as
 * long as it is under RCU. A path is never edited but for its store of IP
 * idents, so it can be read without a lock on every kind of kernel.
 */
#include "vxlan_path.h"

#include <linux/jiffies.h>
#include <linux/slab.h>
#include <net/dst.h>
#include <net/ip.h>

/* As many IP idents are taken at a time, at most. */
#define VTEP_IDENTS 16

/**
 * vtep_paths_alloc() - room for the paths to a peer
 *
 * Context: any.
 * Return: the room, one empty place for each CPU, or NULL.
 */
struct vtep_paths __percpu *vtep_paths_alloc(void)
{
	return alloc_percpu_gfp(struct vtep_paths, GFP_ATOMIC | __GFP_NOWARN);
}

static void vtep_path_free(struct vtep_path *path)
{
	if (!path)
		return;
	/* Its end waits for those who borrow it, as that of the path does. */
	dst_release(path->dst);
	kfree_rcu(path, rcu);
}

/**
 * vtep_paths_free() - free the paths to a peer
 * @paths: what vtep_paths_alloc() returned, or NULL; nobody uses it any more
 *
 * Context: any.
 */
void vtep_paths_free(struct vtep_paths __percpu *paths)
{
	int cpu;

	if (!paths)
		return;
	for_each_possible_cpu(cpu)
		vtep_path_free(unrcu_pointer(per_cpu_ptr(paths, cpu)->path));
	free_percpu(paths);
}

/* Whoever has the former path may use it until a grace period has passed. */
static void vtep_path_replace(struct vtep_paths __percpu *paths,
			      struct vtep_path *path)
{
	struct vtep_path __rcu **place = &this_cpu_ptr(paths)->path;

	vtep_path_free(unrcu_pointer(xchg(place, RCU_INITIALIZER(path))));
}

/**
 * vtep_path_forget() - the path of this CPU is no good any more
 * @paths: the paths to a peer
 *
 * Context: BH disabled, RCU.
 */
void vtep_path_forget(struct vtep_paths __percpu *paths)
{
	vtep_path_replace(paths, NULL);
}

/**
 * vtep_path_set() - keep a route as the path of this CPU
 * @paths: the paths to a peer
 * @path: a packet's path, of which a copy is made; the reference to its route
 *	is then the copy's
 *
 * Context: BH disabled, RCU.
 * Return: the copy, or @path without memory.
 */
struct vtep_path *vtep_path_set(struct vtep_paths __percpu *paths,
				struct vtep_path *path)
{
	struct vtep_path *copy;

	copy = kmemdup(path, sizeof(*path), GFP_ATOMIC | __GFP_NOWARN);
	if (!copy)
		return path;
	copy->kept = true;
	vtep_path_replace(paths, copy);
	return copy;
}

/**
 * vtep_path_ident() - give a packet an IP ident that no other one has
 * @path: its path
 * @net: namespace of the underlay
 * @iph: its IP header with addresses and protocol
 *
 * The core's generator counts for each pair of addresses in one place for all
 * CPUs. Some idents are taken at a time; what is left of them is not kept for
 * later, when others may have come round to the same. Only who sends many
 * within a jiffy takes many, so that they come round no sooner than the core's.
 *
 * Context: BH disabled, RCU.
 */
void vtep_path_ident(struct vtep_path *path, struct net *net,
		     struct iphdr *iph)
{
	unsigned long now = jiffies;

	/* Where BH disabled does not mean alone on this CPU; and netpoll. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || unlikely(irqs_disabled())) {
		__ip_select_ident(net, iph, 1);
		return;
	}
	if (unlikely(!path->idents || path->ident_time != now)) {
		path->batch = path->ident_time == now && path->batch ?
			      min(2 * path->batch, VTEP_IDENTS) : 1;
		__ip_select_ident(net, iph, path->batch);
		path->ident = ntohs(iph->id);
		path->idents = path->batch;
		path->ident_time = now;
	}
	iph->id = htons(path->ident++);
	path->idents--;
}
