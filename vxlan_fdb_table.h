/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the forwarding table, for vxlan_fdb*.c only.
 */
#ifndef VTEP_FDB_TABLE_H
#define VTEP_FDB_TABLE_H

#include "vxlan_fdb.h"

/* Values under the lock of the device. */
static inline struct vtep_remote *
vtep_fdb_remote(struct vtep_dev *vtep, struct vtep_fdb_entry *entry)
{
	return rcu_dereference_protected(entry->remote,
					 lockdep_is_held(&vtep->lock));
}

static inline struct vtep_fdb_slots *
vtep_fdb_slots(struct vtep_dev *vtep, struct vtep_fdb_entry *entry)
{
	return rcu_dereference_protected(entry->slots,
					 lockdep_is_held(&vtep->lock));
}

/* Entries for these MACs may have several remotes. */
static inline bool vtep_fdb_floods(const u8 *mac)
{
	return is_multicast_ether_addr(mac) || is_zero_ether_addr(mac);
}

void vtep_fdb_tell(struct vtep_dev *vtep, const struct vtep_fdb_entry *entry,
		   const struct vtep_remote *remote,
		   enum vtep_fdb_event event);
void vtep_fdb_entry_tell_all(struct vtep_dev *vtep,
			     struct vtep_fdb_entry *entry,
			     enum vtep_fdb_event event);

int vtep_fdb_slots_find(const struct vtep_fdb_slots *slots,
			const struct vtep_dest *dest);
int vtep_fdb_slots_append(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
			  const struct vtep_dest *dest);
int vtep_fdb_slots_remove(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
			  u32 index);

bool vtep_fdb_full(struct vtep_dev *vtep, const struct vtep_config *cfg);
struct vtep_fdb_entry *
vtep_fdb_entry_create(struct vtep_dev *vtep,
		      const struct vtep_fdb_request *req);
int vtep_fdb_entry_redirect(struct vtep_dev *vtep,
			    struct vtep_fdb_entry *entry,
			    const struct vtep_dest *dest);
void vtep_fdb_entry_destroy(struct vtep_dev *vtep,
			    struct vtep_fdb_entry *entry);

#endif /* VTEP_FDB_TABLE_H */
