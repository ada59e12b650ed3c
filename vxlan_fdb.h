/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The forwarding table: inner MAC address to remote VTEP.
 *
 * The table speaks neither netlink nor switchdev: it reports what happens to it
 * through struct vtep_fdb_hooks.
 */
#ifndef VTEP_FDB_H
#define VTEP_FDB_H

#include <linux/etherdevice.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/neighbour.h>
#include <linux/rhashtable-types.h>
#include "vxlan.h"
#include "vxlan_nexthop.h"
#include "vxlan_remote.h"

struct netlink_ext_ack;

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
 * Replaced as a whole, never edited once it is visible. Behind the remotes
 * stands a byte for each of them, see vtep_fdb_slots_offloaded().
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
 * @user: asked for by netlink, not learned; written under vtep_dev.lock
 * @to: where it leads, see vtep_fdb_to(); readers RCU, writers vtep_dev.lock
 * @updated: vtep_fdb_now() of the last reception or change, decides about
 *	ageing; written when it changes only, no lock
 * @used: vtep_fdb_now() of the last transmission; likewise
 * @id: index in vtep_fdb.ids, constant while the entry is in the table
 * @offloaded: a switch forwards to the remote by itself; written under
 *	vtep_dev.lock
 * @gone: the entry was taken out of the table; vtep_dev.lock
 * @rcu: frees it after the last reader
 *
 * As large as a line of the processor's cache: at a million entries, to find
 * one is to wait for it.
 */
struct vtep_fdb_entry {
	struct rhash_head node;
	struct vtep_fdb_key key;
	u16 state;
	u8 ndm_flags;
	bool user;
	void __rcu *to;
	u32 updated;
	u32 used;
	u32 id;
	bool offloaded;
	bool gone;
	struct rcu_head rcu;
};

/*
 * The kinds of what an entry leads to, in the lowest bits of the pointer: one
 * remote; struct vtep_fdb_slots of a multicast or all-zeros entry; a nexthop
 * group. One store takes an entry from one to another.
 */
#define VTEP_FDB_TO_REMOTE	0UL
#define VTEP_FDB_TO_SLOTS	1UL
#define VTEP_FDB_TO_NEXTHOP	2UL
#define VTEP_FDB_TO_MASK	3UL

/**
 * vtep_fdb_to() - what an entry leads to, if it is of this kind
 * @to: vtep_fdb_entry.to, dereferenced
 * @kind: VTEP_FDB_TO_*
 *
 * Return: the remote, slots or nexthop; NULL for another kind, and for an entry
 * that is being made.
 */
static inline void *vtep_fdb_to(void *to, unsigned long kind)
{
	if (((unsigned long)to & VTEP_FDB_TO_MASK) != kind)
		return NULL;
	return (void *)((unsigned long)to & ~VTEP_FDB_TO_MASK);
}

/*
 * Times of entries: 32 bits of a thirtieth to a sixtieth of a second, so they
 * come round in two years or more. What is to age after a longer time than that
 * does not age.
 */
#define VTEP_FDB_SHIFT	(HZ > 64 ? ilog2(HZ / 32) : 0)

static inline u32 vtep_fdb_now(void)
{
	u64 now = get_jiffies_64();

	return now >> VTEP_FDB_SHIFT;
}

/* In jiffies. Who writes @then may be a little ahead of who reads it. */
static inline u64 vtep_fdb_since(u32 then)
{
	u32 age = vtep_fdb_now() - then;

	return age > U32_MAX - 64 ? 0 : (u64)age << VTEP_FDB_SHIFT;
}

/**
 * struct vtep_fdb_request - a change asked for
 * @key: which entry
 * @dest: the destination, if @nhid is 0
 * @nhid: a nexthop group instead of @dest
 * @state: NUD_*
 * @ndm_flags: NTF_* to keep; NTF_USE refreshes
 * @nlm_flags: NLM_F_CREATE, _EXCL, _REPLACE, _APPEND
 * @user: asked for by netlink
 */
struct vtep_fdb_request {
	struct vtep_fdb_key key;
	struct vtep_dest dest;
	u32 nhid;
	u16 state;
	u8 ndm_flags;
	u16 nlm_flags;
	bool user;
};

/**
 * struct vtep_fdb_move - a default entry on its way to another destination
 * @vni: source VNI of the entry
 * @from: destination to be taken out; none if its address is any
 * @to: destination to be added; none if its address is any
 * @spare: room for the destinations that stay, or NULL
 * @added: @to was not there before
 * @state: NUD_* the entry had, 0 if there was none
 * @ndm_flags: NTF_* it had
 * @user: it was asked for by netlink
 */
struct vtep_fdb_move {
	u32 vni;
	struct vtep_dest from;
	struct vtep_dest to;
	struct vtep_fdb_slots *spare;
	bool added;
	u16 state;
	u8 ndm_flags;
	bool user;
};

/**
 * struct vtep_fdb_dst - a destination of an entry, as a reader finds it
 * @remote: the remote, or NULL for a nexthop group
 * @nhid: number of the nexthop group, or 0
 * @offloaded: a switch forwards to it by itself
 */
struct vtep_fdb_dst {
	const struct vtep_remote *remote;
	u32 nhid;
	bool offloaded;
};

enum vtep_fdb_event {
	VTEP_FDB_NEW,
	VTEP_FDB_DEL,
};

/**
 * struct vtep_fdb_hooks - who is told of changes, in order
 * @offer: asks the switches whether they can do what is about to be: an entry
 *	@key with the remote @dest; a negative error and a sentence is a veto
 * @withdraw: tells the switches that a remote of an entry is gone
 * @notify: tells the listeners that a destination of an entry is as it is now
 *	or, for VTEP_FDB_DEL, was as it is now
 * @miss: tells the listeners that a MAC address found no entry, or an address
 *	of the overlay no neighbour; the other one is NULL
 *
 * Context: vtep_dev.lock with BH disabled, @miss RCU with BH disabled: must not
 * sleep.
 */
struct vtep_fdb_hooks {
	int (*offer)(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
		     const struct vtep_dest *dest, bool user,
		     struct netlink_ext_ack *extack);
	void (*withdraw)(struct vtep_dev *vtep,
			 const struct vtep_fdb_entry *entry,
			 const struct vtep_fdb_dst *dst);
	void (*notify)(struct vtep_dev *vtep,
		       const struct vtep_fdb_entry *entry,
		       const struct vtep_fdb_dst *dst,
		       enum vtep_fdb_event event);
	void (*miss)(struct vtep_dev *vtep, const u8 *mac,
		     const struct vtep_addr *addr);
};

/**
 * typedef vtep_fdb_match_t - chooses what vtep_fdb_flush() takes out
 * @entry: the entry
 * @dst: one of its destinations
 * @arg: the caller's
 *
 * Context: vtep_dev.lock.
 * Return: true if this destination of the entry is to go.
 */
typedef bool (*vtep_fdb_match_t)(const struct vtep_fdb_entry *entry,
				 const struct vtep_fdb_dst *dst,
				 const void *arg);

/* What vtep_fdb_walk() does with an entry; an error ends the walk. */
typedef int (*vtep_fdb_step_t)(struct vtep_dev *vtep,
			       struct vtep_fdb_entry *entry, void *arg);

int vtep_fdb_module_init(void);
void vtep_fdb_module_exit(void);
void vtep_fdb_set_hooks(const struct vtep_fdb_hooks *hooks);

int vtep_fdb_init(struct vtep_dev *vtep);
void vtep_fdb_exit(struct vtep_dev *vtep);
void vtep_fdb_start(struct vtep_dev *vtep);
void vtep_fdb_stop(struct vtep_dev *vtep);
void vtep_fdb_age_init(struct vtep_dev *vtep);
void vtep_fdb_age_now(struct vtep_dev *vtep);

struct vtep_fdb_entry *vtep_fdb_find(struct vtep_dev *vtep, const u8 *mac,
				     u32 vni);
struct vtep_fdb_entry *vtep_fdb_next(struct vtep_dev *vtep, u32 *id);
bool vtep_fdb_dst(const struct vtep_dev *vtep,
		  const struct vtep_fdb_entry *entry, u32 index,
		  struct vtep_fdb_dst *dst);
void vtep_fdb_miss(struct vtep_dev *vtep, const u8 *mac,
		   const struct vtep_addr *addr);

enum vtep_counter vtep_fdb_learn(struct vtep_dev *vtep, const u8 *mac, u32 vni,
				 const struct vtep_dest *from);
int vtep_fdb_update(struct vtep_dev *vtep, const struct vtep_fdb_request *req,
		    struct netlink_ext_ack *extack);
int vtep_fdb_delete(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
		    const struct vtep_dest *dest);
int vtep_fdb_switch_add(struct vtep_dev *vtep,
			const struct vtep_fdb_key *key,
			const struct vtep_dest *dest,
			struct netlink_ext_ack *extack);
int vtep_fdb_switch_del(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
			const struct vtep_dest *dest);
void vtep_fdb_set_offloaded(struct vtep_dev *vtep,
			    const struct vtep_fdb_key *key,
			    const struct vtep_dest *dest, bool offloaded);
int vtep_fdb_set_default(struct vtep_dev *vtep, const struct vtep_config *old,
			 const struct vtep_config *new,
			 struct netlink_ext_ack *extack);
int vtep_fdb_move_begin(struct vtep_dev *vtep, struct vtep_fdb_move *move,
			struct netlink_ext_ack *extack);
void vtep_fdb_move_keep(struct vtep_fdb_move *move);
void vtep_fdb_move_commit(struct vtep_dev *vtep, struct vtep_fdb_move *move);
void vtep_fdb_move_undo(struct vtep_dev *vtep, struct vtep_fdb_move *move);
void vtep_fdb_entry_set_offloaded(struct vtep_dev *vtep,
				  struct vtep_fdb_entry *entry, u32 index,
				  bool offloaded);
int vtep_fdb_walk(struct vtep_dev *vtep, vtep_fdb_step_t step, void *arg);
int vtep_fdb_flush(struct vtep_dev *vtep, vtep_fdb_match_t match,
		   const void *arg);
void vtep_fdb_flush_nexthop(struct vtep_dev *vtep, u32 nhid);

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
