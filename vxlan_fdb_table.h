/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the forwarding table, for vxlan_fdb*.c only.
 */
#ifndef VTEP_FDB_TABLE_H
#define VTEP_FDB_TABLE_H

#include "vxlan_fdb.h"

/* Values under the lock of the device. */
static inline void *vtep_fdb_to_locked(struct vtep_dev *vtep,
				       struct vtep_fdb_entry *entry,
				       unsigned long kind)
{
	void *to = rcu_dereference_protected(entry->to,
					     lockdep_is_held(&vtep->lock));

	return vtep_fdb_to(to, kind);
}

static inline void vtep_fdb_set_to(struct vtep_fdb_entry *entry, void *to,
				   unsigned long kind)
{
	rcu_assign_pointer(entry->to, (void *)((unsigned long)to | kind));
}

static inline struct vtep_remote *
vtep_fdb_remote(struct vtep_dev *vtep, struct vtep_fdb_entry *entry)
{
	return vtep_fdb_to_locked(vtep, entry, VTEP_FDB_TO_REMOTE);
}

static inline struct vtep_fdb_slots *
vtep_fdb_slots(struct vtep_dev *vtep, struct vtep_fdb_entry *entry)
{
	return vtep_fdb_to_locked(vtep, entry, VTEP_FDB_TO_SLOTS);
}

static inline struct vtep_nexthop *
vtep_fdb_nexthop(struct vtep_dev *vtep, struct vtep_fdb_entry *entry)
{
	return vtep_fdb_to_locked(vtep, entry, VTEP_FDB_TO_NEXTHOP);
}

/* One for each remote of @slots: does a switch forward to it by itself? */
static inline bool *vtep_fdb_slots_offloaded(struct vtep_fdb_slots *slots)
{
	return (void *)slots + struct_size(slots, remote, slots->count);
}

/* Entries for these MACs may have several remotes. */
static inline bool vtep_fdb_floods(const u8 *mac)
{
	return is_multicast_ether_addr(mac) || is_zero_ether_addr(mac);
}

/**
 * struct vtep_fdb_target - where a unicast entry or one with a nexthop leads
 * @remote: with a reference, or NULL
 * @nexthop: with a reference, or NULL
 */
struct vtep_fdb_target {
	struct vtep_remote *remote;
	struct vtep_nexthop *nexthop;
};

/**
 * struct vtep_fdb_sweep - what many entries are taken out for
 * @due: may an entry have to go? Under RCU, without the lock.
 * @take: does it have to go, as a whole? Under vtep_dev.lock.
 * @arg: for both
 */
struct vtep_fdb_sweep {
	bool (*due)(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
		    void *arg);
	bool (*take)(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
		     void *arg);
	void *arg;
};

int vtep_fdb_offer(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
		   const struct vtep_dest *dest, bool user,
		   struct netlink_ext_ack *extack);
void vtep_fdb_tell(struct vtep_dev *vtep, const struct vtep_fdb_entry *entry,
		   const struct vtep_fdb_dst *dst, enum vtep_fdb_event event);
void vtep_fdb_tell_all(struct vtep_dev *vtep,
		       const struct vtep_fdb_entry *entry,
		       enum vtep_fdb_event event);

struct vtep_fdb_slots *vtep_fdb_slots_alloc(u32 count);
int vtep_fdb_slots_find(const struct vtep_fdb_slots *slots,
			const struct vtep_dest *dest);
struct vtep_fdb_slots *
vtep_fdb_slots_extend(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
		      const struct vtep_dest *dest);
void vtep_fdb_slots_drop(struct vtep_dev *vtep, struct vtep_fdb_slots *slots);
void vtep_fdb_slots_publish(struct vtep_dev *vtep,
			    struct vtep_fdb_entry *entry,
			    struct vtep_fdb_slots *slots);
void vtep_fdb_slots_omit(struct vtep_fdb_slots *slots,
			 struct vtep_fdb_slots *old, u32 index);
void vtep_fdb_slots_remove(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
			   u32 index, struct vtep_fdb_slots *slots);

int vtep_fdb_target_get(struct vtep_dev *vtep,
			const struct vtep_fdb_entry *entry,
			const struct vtep_fdb_request *req,
			struct vtep_fdb_target *target,
			struct netlink_ext_ack *extack);
void vtep_fdb_target_put(struct vtep_dev *vtep,
			 const struct vtep_fdb_entry *entry,
			 const struct vtep_fdb_target *target);
void vtep_fdb_redirect(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
		       const struct vtep_fdb_target *target);

bool vtep_fdb_full(struct vtep_dev *vtep);
struct vtep_fdb_entry *
vtep_fdb_entry_create(struct vtep_dev *vtep,
		      const struct vtep_fdb_request *req,
		      struct netlink_ext_ack *extack);
void vtep_fdb_entry_destroy(struct vtep_dev *vtep,
			    struct vtep_fdb_entry *entry);
void vtep_fdb_entry_unhash(struct vtep_dev *vtep,
			   struct vtep_fdb_entry *entry);
void vtep_fdb_entry_end(struct vtep_dev *vtep, struct vtep_fdb_entry *entry);
void vtep_fdb_entries_free(struct vtep_fdb_entry **entry, unsigned int count);
void vtep_fdb_prefetch(struct vtep_dev *vtep, struct vtep_fdb_entry **entry,
		       unsigned int count);
void vtep_fdb_sweep(struct vtep_dev *vtep, const struct vtep_fdb_sweep *sweep);

#endif /* VTEP_FDB_TABLE_H */
