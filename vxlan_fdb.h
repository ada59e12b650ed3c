/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The forwarding table: inner MAC address to remote VTEP.
 *
 * The table speaks no netlink: it reports what happens to it through one
 * callback, see vtep_fdb_set_notifier().
 */
#ifndef VTEP_FDB_H
#define VTEP_FDB_H

#include <linux/etherdevice.h>
#include <linux/neighbour.h>
#include <linux/rhashtable-types.h>
#include "vxlan.h"
#include "vxlan_remote.h"

/* Most remotes of one flood or multicast entry (head-end replication). */
#define VTEP_FDB_SLOTS_MAX 4096

/**
 * struct vtep_fdb_key - what makes an entry one entry
 * @mac: inner destination address; all zeros is the default entry
 * @pad: zero
 * @vni: source VNI, host order: the device's own, but for metadata devices
 */
struct vtep_fdb_key {
	u8 mac[ETH_ALEN];
	u16 pad;
	u32 vni;
};

/**
 * struct vtep_fdb_slots - the remotes of a flood or multicast entry
 * @rcu: frees a replaced array
 * @count: number of remotes
 * @remote: each holds a reference
 *
 * Replaced as a whole, never edited once it is visible.
 */
struct vtep_fdb_slots {
	struct rcu_head rcu;
	u32 count;
	struct vtep_remote *remote[] __counted_by(count);
};

/**
 * struct vtep_fdb_entry - one entry
 * @node: in vtep_fdb.table
 * @key: constant
 * @state: NUD_* of <linux/neighbour.h>; written under vtep_dev.lock
 * @ndm_flags: NTF_* that a dump shows; written under vtep_dev.lock
 * @user: configured, not learned: an external-learning update may not change
 *	its state and flags; written under vtep_dev.lock
 * @remote: destination of a unicast entry, else NULL; readers RCU, writers
 *	vtep_dev.lock
 * @slots: destinations of a multicast or all-zeros entry, else NULL; readers
 *	RCU, writers vtep_dev.lock
 * @updated: jiffies of the last reception or change, decides about ageing;
 *	written at most once a jiffy, no lock
 * @used: jiffies of the last transmission; likewise
 * @id: index in vtep_fdb.ids, constant while the entry is in the table
 * @rcu: frees it after the last reader
 */
struct vtep_fdb_entry {
	struct rhash_head node;
	struct vtep_fdb_key key;
	u16 state;
	u8 ndm_flags;
	bool user;
	struct vtep_remote __rcu *remote;
	struct vtep_fdb_slots __rcu *slots;
	unsigned long updated;
	unsigned long used;
	u32 id;
	struct rcu_head rcu;
};

/**
 * struct vtep_fdb_request - a change asked for by netlink
 * @key: which entry
 * @dest: the destination, always given
 * @state: NUD_*
 * @ndm_flags: NTF_* to keep; NTF_USE refreshes
 * @nlm_flags: NLM_F_CREATE, _EXCL, _REPLACE, _APPEND
 */
struct vtep_fdb_request {
	struct vtep_fdb_key key;
	struct vtep_dest dest;
	u16 state;
	u8 ndm_flags;
	u16 nlm_flags;
};

enum vtep_fdb_event {
	VTEP_FDB_NEW,
	VTEP_FDB_DEL,
};

/**
 * typedef vtep_fdb_notify_t - told of each change, in order
 * @vtep: the device
 * @entry: the entry as it is now, for VTEP_FDB_DEL as it was last
 * @remote: the destination the event is about
 * @event: what happened
 *
 * Context: vtep_dev.lock with BH disabled: must not sleep.
 */
typedef void (*vtep_fdb_notify_t)(struct vtep_dev *vtep,
				  const struct vtep_fdb_entry *entry,
				  const struct vtep_remote *remote,
				  enum vtep_fdb_event event);

/**
 * typedef vtep_fdb_match_t - chooses what vtep_fdb_flush() takes out
 * @entry: the entry
 * @remote: one of its destinations
 * @arg: the caller's
 *
 * Context: vtep_dev.lock.
 * Return: true if this destination of the entry is to go.
 */
typedef bool (*vtep_fdb_match_t)(const struct vtep_fdb_entry *entry,
				 const struct vtep_remote *remote,
				 const void *arg);

int vtep_fdb_module_init(void);
void vtep_fdb_module_exit(void);
void vtep_fdb_set_notifier(vtep_fdb_notify_t notify);

int vtep_fdb_init(struct vtep_dev *vtep);
void vtep_fdb_exit(struct vtep_dev *vtep);
void vtep_fdb_start(struct vtep_dev *vtep);
void vtep_fdb_stop(struct vtep_dev *vtep);
void vtep_fdb_age_init(struct vtep_dev *vtep);
void vtep_fdb_age_now(struct vtep_dev *vtep);

struct vtep_fdb_entry *vtep_fdb_find(struct vtep_dev *vtep, const u8 *mac,
				     u32 vni);
struct vtep_fdb_entry *vtep_fdb_next(struct vtep_dev *vtep, u32 *id);

enum vtep_counter vtep_fdb_learn(struct vtep_dev *vtep, const u8 *mac,
				 const struct vtep_dest *from);
int vtep_fdb_update(struct vtep_dev *vtep, const struct vtep_fdb_request *req,
		    struct netlink_ext_ack *extack);
int vtep_fdb_delete(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
		    const struct vtep_dest *dest);
int vtep_fdb_set_default(struct vtep_dev *vtep, const struct vtep_config *old,
			 const struct vtep_config *new);
int vtep_fdb_flush(struct vtep_dev *vtep, vtep_fdb_match_t match,
		   const void *arg);

static inline struct vtep_fdb_key vtep_fdb_key(const u8 *mac, u32 vni)
{
	struct vtep_fdb_key key = { .vni = vni };

	ether_addr_copy(key.mac, mac);
	return key;
}

/* May this entry be forgotten when nothing was heard of it? */
static inline bool vtep_fdb_ages(const struct vtep_fdb_entry *entry)
{
	return !(READ_ONCE(entry->state) & (NUD_PERMANENT | NUD_NOARP)) &&
	       !(READ_ONCE(entry->ndm_flags) & NTF_EXT_LEARNED);
}

#endif /* VTEP_FDB_H */
