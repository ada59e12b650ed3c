/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the forwarding table finds an entry. A packet asks in line.
 */
#ifndef VTEP_FDB_FIND_H
#define VTEP_FDB_FIND_H

#include "vxlan.h"
#include "vxlan_fdb.h"
#include "vxlan_hash.h"

#include <linux/etherdevice.h>
#include <linux/rhashtable.h>

/* What is looked for, where it is. */
struct vtep_fdb_name {
	const u8 *mac;
	u32 vni;
};

/*
 * Three multiplications for ten bytes, where the table's own way takes forty
 * steps. @seed is another one for each table, and each time it grows.
 */
static inline u32 vtep_fdb_hash(const u8 *mac, u32 vni, u32 seed)
{
	u64 hash = vtep_fold(((u64)get_unaligned((const u32 *)mac) << 16 |
			      get_unaligned((const u16 *)(mac + 4))) ^
			     vtep_secret[6],
			     ((u64)seed << 32 | vni) ^ vtep_secret[7]);

	return vtep_hash_end(hash);
}

static inline u32 vtep_fdb_hash_name(const void *data, u32 len, u32 seed)
{
	const struct vtep_fdb_name *name = data;

	return vtep_fdb_hash(name->mac, name->vni, seed);
}

static inline u32 vtep_fdb_hash_entry(const void *data, u32 len, u32 seed)
{
	const struct vtep_fdb_entry *entry = data;

	return vtep_fdb_hash(entry->key.mac, entry->key.vni, seed);
}

static inline int vtep_fdb_differs(struct rhashtable_compare_arg *arg,
				   const void *obj)
{
	const struct vtep_fdb_entry *entry = obj;
	const struct vtep_fdb_name *name = arg->key;

	return !ether_addr_equal(entry->key.mac, name->mac) ||
	       entry->key.vni != name->vni;
}

static const struct rhashtable_params vtep_fdb_params = {
	.head_offset = offsetof(struct vtep_fdb_entry, node),
	.key_len = sizeof(struct vtep_fdb_name),
	.hashfn = vtep_fdb_hash_name,
	.obj_hashfn = vtep_fdb_hash_entry,
	.obj_cmpfn = vtep_fdb_differs,
	.automatic_shrinking = true,
};

/**
 * vtep_fdb_find_rcu() - look an entry up
 * @vtep: the device
 * @mac: inner MAC address
 * @vni: source VNI, host order
 *
 * Context: rcu_read_lock().
 * Return: the entry or NULL.
 */
static inline struct vtep_fdb_entry *
vtep_fdb_find_rcu(struct vtep_dev *vtep, const u8 *mac, u32 vni)
{
	const struct vtep_fdb_name name = { .mac = mac, .vni = vni };

	return rhashtable_lookup(&vtep->fdb.table, &name, vtep_fdb_params);
}

#endif /* VTEP_FDB_FIND_H */
