// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over the forwarding table.
 *
 * vtep_dev.lock is never held for a walk: walks go by ascending entry id, in
 * process context, and look at one entry at a time.
 */
#include "vxlan_fdb.h"
#include "vxlan.h"
#include "vxlan_fdb_table.h"

/**
 * vtep_fdb_next() - walk by ascending id
 * @vtep: the device
 * @id: where to go on; set to the id of the entry that was found
 *
 * A caller that lets go of RCU goes on with *@id + 1. Entries that are there
 * from the beginning to the end of the walk are seen exactly once.
 *
 * Context: RCU.
 * Return: the entry with the lowest id not below *@id, or NULL.
 */
struct vtep_fdb_entry *vtep_fdb_next(struct vtep_dev *vtep, u32 *id)
{
	unsigned long index = *id;
	struct vtep_fdb_entry *entry;

	entry = xa_find(&vtep->fdb.ids, &index, U32_MAX, XA_PRESENT);
	*id = index;
	return entry;
}

/**
 * vtep_fdb_walk() - do something with each entry
 * @vtep: the device
 * @step: what; called with vtep_dev.lock held, for one entry at a time
 * @arg: for @step
 *
 * Context: process context, may sleep.
 * Return: 0, or the error of the first @step that had one; the walk ends there.
 */
int vtep_fdb_walk(struct vtep_dev *vtep, vtep_fdb_step_t step, void *arg)
{
	struct vtep_fdb_entry *entry;
	unsigned int seen = 0;
	int err = 0;
	u32 id = 0;

	rcu_read_lock();
	while (!err && (entry = vtep_fdb_next(vtep, &id))) {
		spin_lock_bh(&vtep->lock);
		if (!entry->gone)
			err = step(vtep, entry, arg);
		spin_unlock_bh(&vtep->lock);
		if (id++ == U32_MAX)
			break;
		if (!(++seen % 64)) {
			rcu_read_unlock();
			cond_resched();
			rcu_read_lock();
		}
	}
	rcu_read_unlock();
	return err;
}
