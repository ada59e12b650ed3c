/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remote VTEPs of a device (peers) and the handles that table entries point
 * to (remotes).
 */
#ifndef VTEP_REMOTE_H
#define VTEP_REMOTE_H

#include <linux/rhashtable-types.h>
#include "vxlan_addr.h"

struct vtep_dev;
struct vtep_paths;

/* A stranger who can send to us must not make us remember more than this. */
#define VTEP_PEERS_MAX 65536

/**
 * struct vtep_peer_key - what makes a peer one peer
 * @addr: its underlay address
 * @ifindex: interface it is reached through; 0 = by the routing table
 */
struct vtep_peer_key {
	struct vtep_addr addr;
	int ifindex;
};

/**
 * struct vtep_peer - a remote VTEP; there is one per device, however many
 *	MAC addresses live behind it
 * @node: in vtep_remotes.peers
 * @key: address and interface; constant
 * @refs: remotes that point here; vtep_dev.lock. 0 for a peer that is in no
 *	table, but on the stack of a packet: it has no route cache
 * @multipath_genid: generation of the routing table for which the route to
 *	this peer was found to have several next hops; see vxlan_route.c
 * @first_seen: jiffies of its creation; constant
 * @last_seen: jiffies of the last frame received from it, written at most
 *	once a jiffy, no lock
 * @paths: the route that each CPU has found, NULL until something was sent;
 *	set once by cmpxchg
 * @rcu: frees it after the last reader
 */
struct vtep_peer {
	struct rhash_head node;
	struct vtep_peer_key key;
	u32 refs;
	u32 multipath_genid;
	unsigned long first_seen;
	unsigned long last_seen;
	struct vtep_paths __percpu *paths;
	struct rcu_head rcu;
};

/**
 * struct vtep_remote_key - what makes a remote one remote
 * @peer: the VTEP
 * @vni: VNI that goes on the wire, host order
 * @port: UDP destination port, network order
 * @pad: zero
 */
struct vtep_remote_key {
	struct vtep_peer *peer;
	u32 vni;
	__be16 port;
	u16 pad;
};

/**
 * struct vtep_remote - where to send: a peer, a port and a VNI
 * @node: in vtep_remotes.handles
 * @key: constant
 * @refs: entries that point here; vtep_dev.lock
 * @rcu: frees it after the last reader
 *
 * Interned: two entries with the same destination share one remote. Never
 * edited; an entry that moves gets another one.
 */
struct vtep_remote {
	struct rhash_head node;
	struct vtep_remote_key key;
	u32 refs;
	struct rcu_head rcu;
};

/**
 * struct vtep_dest - a destination in words, before it is a remote
 * @peer: address and interface
 * @vni: host order
 * @port: network order
 */
struct vtep_dest {
	struct vtep_peer_key peer;
	u32 vni;
	__be16 port;
};

static inline bool vtep_dest_equal(const struct vtep_dest *a,
				   const struct vtep_dest *b)
{
	return a->vni == b->vni && a->port == b->port &&
	       a->peer.ifindex == b->peer.ifindex &&
	       vtep_addr_equal(&a->peer.addr, &b->peer.addr);
}

int vtep_remotes_init(struct vtep_dev *vtep);
void vtep_remotes_exit(struct vtep_dev *vtep);

struct vtep_remote *vtep_remote_get(struct vtep_dev *vtep,
				    const struct vtep_dest *dest);
void vtep_remote_put(struct vtep_dev *vtep, struct vtep_remote *remote);
struct vtep_dest vtep_remote_dest(const struct vtep_remote *remote);
bool vtep_remote_matches(const struct vtep_remote *remote,
			 const struct vtep_dest *dest);
struct vtep_peer *vtep_peer_find(struct vtep_dev *vtep,
				 const struct vtep_peer_key *key);
void vtep_peers_forget_routes(struct vtep_dev *vtep);

#endif /* VTEP_REMOTE_H */
