/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the multicast database, for vxlan_mdb*.c only.
 */
#ifndef VTEP_MDB_TABLE_H
#define VTEP_MDB_TABLE_H

#include "vxlan_mdb.h"

struct vtep_mdb_entry *vtep_mdb_entry_get(struct vtep_dev *vtep,
					  const struct vtep_mdb_key *key,
					  struct netlink_ext_ack *extack);
void vtep_mdb_entry_put(struct vtep_dev *vtep, struct vtep_mdb_entry *entry);

struct vtep_mdb_slots *vtep_mdb_slots_alloc(u32 count);
void vtep_mdb_slots_publish(struct vtep_mdb_entry *entry,
			    struct vtep_mdb_slots *slots);

struct vtep_mdb_dst *vtep_mdb_dst_find(const struct vtep_mdb_entry *entry,
				       const struct vtep_addr *remote);
struct vtep_mdb_dst *vtep_mdb_dst_create(struct vtep_dev *vtep,
					 const struct vtep_dest *dest,
					 u32 count,
					 struct netlink_ext_ack *extack);
void vtep_mdb_dst_free(struct vtep_dev *vtep, struct vtep_mdb_dst *dst);
void vtep_mdb_dst_add(struct vtep_mdb_entry *entry, struct vtep_mdb_dst *dst);
void vtep_mdb_dst_remove(struct vtep_mdb_entry *entry,
			 struct vtep_mdb_dst *dst);
void vtep_mdb_dst_replace(struct vtep_mdb_dst *old, struct vtep_mdb_dst *dst);

void vtep_mdb_tell(struct vtep_dev *vtep, const struct vtep_mdb_entry *entry,
		   const struct vtep_mdb_dst *dst, enum vtep_mdb_event event);

#endif /* VTEP_MDB_TABLE_H */
