/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The multicast database: which remotes want the frames of a multicast group?
 *
 * The table does not speak netlink: it reports what happens to it through
 * struct vtep_mdb_hooks.
 */
#ifndef VTEP_MDB_H
#define VTEP_MDB_H

#include <linux/list.h>
#include <linux/rhashtable-types.h>
#include "vxlan_addr.h"
#include "vxlan_remote.h"

struct netlink_ext_ack;
struct sk_buff;
struct vtep_dev;

/* Most entries of a device. */
#define VTEP_MDB_ENTRIES_MAX BIT(20)
/* Most remotes of an entry; each gets its own copy of a frame. */
#define VTEP_MDB_DSTS_MAX 4096
/* Most sources of a remote: what one says of it must fit into one message. */
#define VTEP_MDB_SOURCES_MAX 1024

/**
 * struct vtep_mdb_key - what makes an entry one entry
 * @group: the group; 0.0.0.0 or :: stands for all that have no entry
 * @source: who sends to it; AF_UNSPEC stands for everybody
 * @vni: source VNI, host order: the device's own, but for external devices
 */
struct vtep_mdb_key {
	struct vtep_addr group;
	struct vtep_addr source;
	u32 vni;
};

/**
 * struct vtep_mdb_slots - the remotes that a frame is sent to
 * @rcu: frees a replaced array
 * @count: number of remotes
 * @remote: those of the entry that want the frames
 *
 * What the packet path reads of an entry. Replaced as a whole, never edited
 * once it is visible. Holds no references of its own: it is replaced before
 * one of its remotes is put.
 */
struct vtep_mdb_slots {
	struct rcu_head rcu;
	u32 count;
	struct vtep_remote *remote[] __counted_by(count);
};

/**
 * struct vtep_mdb_dst - one remote of an entry, as it was asked for
 * @list: in vtep_mdb_entry.dsts; RTNL
 * @remote: where to, with a reference; constant
 * @id: grows with the age of the entry's remotes, for dumps that resume;
 *	RTNL
 * @filter_mode: MCAST_INCLUDE or MCAST_EXCLUDE; constant
 * @rtprot: who asked for it, RTPROT_*; constant
 * @blocked: it does not want what this source sends; constant
 * @count: number of sources; constant
 * @source: sources that are let in (MCAST_INCLUDE) or kept out
 *	(MCAST_EXCLUDE), each with an entry of its own; constant
 *
 * Not seen by packets. Replaced as a whole, never edited.
 */
struct vtep_mdb_dst {
	struct list_head list;
	struct vtep_remote *remote;
	u32 id;
	u8 filter_mode;
	u8 rtprot;
	bool blocked;
	u32 count;
	struct vtep_addr source[] __counted_by(count);
};

/**
 * struct vtep_mdb_entry - one entry
 * @node: in vtep_mdb.table
 * @key: constant
 * @slots: what packets use; NULL while the entry is being made, then packets
 *	do not find it; readers RCU, writers RTNL
 * @dsts: struct vtep_mdb_dst, the newest first; RTNL
 * @count: number of @dsts; RTNL
 * @next_id: id of the next one; RTNL
 * @id: index in vtep_mdb.ids; constant
 * @rcu: frees it after the last reader
 */
struct vtep_mdb_entry {
	struct rhash_head node;
	struct vtep_mdb_key key;
	struct vtep_mdb_slots __rcu *slots;
	struct list_head dsts;
	u32 count;
	u32 next_id;
	u32 id;
	struct rcu_head rcu;
};

/**
 * struct vtep_mdb_request - an entry or a remote asked for
 * @key: which entry
 * @dest: the remote; VNI 0 is the source VNI
 * @filter_mode: MCAST_INCLUDE or MCAST_EXCLUDE
 * @rtprot: RTPROT_*
 * @nlm_flags: NLM_F_CREATE, NLM_F_REPLACE
 * @blamed: set when it was @source that could not be had
 * @count: number of sources
 * @source: the sources; only where @key has none
 */
struct vtep_mdb_request {
	struct vtep_mdb_key key;
	struct vtep_dest dest;
	u8 filter_mode;
	u8 rtprot;
	u16 nlm_flags;
	bool blamed;
	u32 count;
	struct vtep_addr *source;
};

enum vtep_mdb_event {
	VTEP_MDB_NEW,
	VTEP_MDB_DEL,
};

/**
 * struct vtep_mdb_hooks - who is told of changes, in order
 * @notify: tells the listeners that a remote of an entry is as it is now or,
 *	for VTEP_MDB_DEL, was as it is now
 *
 * Context: RTNL, may sleep.
 */
struct vtep_mdb_hooks {
	void (*notify)(struct vtep_dev *vtep,
		       const struct vtep_mdb_entry *entry,
		       const struct vtep_mdb_dst *dst,
		       enum vtep_mdb_event event);
};

/**
 * typedef vtep_mdb_match_t - chooses what vtep_mdb_flush() takes out
 * @entry: the entry
 * @dst: one of its remotes
 * @arg: the caller's
 *
 * Context: RTNL.
 * Return: true if this remote of the entry is to go.
 */
typedef bool (*vtep_mdb_match_t)(const struct vtep_mdb_entry *entry,
				 const struct vtep_mdb_dst *dst,
				 const void *arg);

void vtep_mdb_set_hooks(const struct vtep_mdb_hooks *hooks);
int vtep_mdb_init(struct vtep_dev *vtep);
void vtep_mdb_exit(struct vtep_dev *vtep);

const struct vtep_mdb_slots *vtep_mdb_route(struct vtep_dev *vtep,
					    const struct sk_buff *skb,
					    u32 vni);
struct vtep_mdb_entry *vtep_mdb_find(struct vtep_dev *vtep,
				     const struct vtep_mdb_key *key);
struct vtep_mdb_entry *vtep_mdb_next(struct vtep_dev *vtep, u32 *id);

int vtep_mdb_update(struct vtep_dev *vtep, struct vtep_mdb_request *req,
		    struct netlink_ext_ack *extack);
int vtep_mdb_delete(struct vtep_dev *vtep, const struct vtep_mdb_key *key,
		    const struct vtep_addr *remote,
		    struct netlink_ext_ack *extack);
int vtep_mdb_flush(struct vtep_dev *vtep, vtep_mdb_match_t match,
		   const void *arg);

/* For a group, whoever sends to it? The all-zeros entries are for no group. */
static inline bool vtep_mdb_any_source(const struct vtep_mdb_key *key)
{
	return !vtep_addr_any(&key->group) && vtep_addr_any(&key->source);
}

/* Does a remote of an entry want the frames that find the entry? */
static inline bool vtep_mdb_wants(const struct vtep_mdb_entry *entry,
				  const struct vtep_mdb_dst *dst)
{
	if (dst->blocked)
		return false;
	/* Who lets in some sources only has an entry for each of these. */
	return !vtep_mdb_any_source(&entry->key) ||
	       dst->filter_mode == MCAST_EXCLUDE;
}

#endif /* VTEP_MDB_H */
