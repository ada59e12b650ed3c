// SPDX-License-Identifier: GPL-2.0
/*
 * The remotes of an entry that has several: arrays that are replaced as a
 * whole, never edited once packets can see them.
 */
#include "vxlan_fdb.h"
#include "vxlan.h"
#include "vxlan_fdb_table.h"
#include "vxlan_remote.h"

#include <linux/slab.h>

/**
 * vtep_fdb_slots_alloc() - room for destinations
 * @count: how many
 *
 * Return: the array, zeroed, or NULL.
 */
struct vtep_fdb_slots *vtep_fdb_slots_alloc(u32 count)
{
	struct vtep_fdb_slots *slots;

	slots = kzalloc(struct_size(slots, remote, count) + count, GFP_ATOMIC);
	if (slots)
		slots->count = count;
	return slots;
}

/* @count of them, from index @from of one array to index @to of another. */
static void vtep_fdb_slots_copy(struct vtep_fdb_slots *slots, u32 to,
				struct vtep_fdb_slots *old, u32 from, u32 count)
{
	memcpy(&slots->remote[to], &old->remote[from],
	       count * sizeof(slots->remote[0]));
	memcpy(&vtep_fdb_slots_offloaded(slots)[to],
	       &vtep_fdb_slots_offloaded(old)[from], count);
}

/**
 * vtep_fdb_slots_find() - look for a destination
 * @slots: the destinations of an entry, or NULL
 * @dest: the destination
 *
 * Context: RCU or vtep_dev.lock.
 * Return: its index or -ENOENT.
 */
int vtep_fdb_slots_find(const struct vtep_fdb_slots *slots,
			const struct vtep_dest *dest)
{
	u32 i;

	for (i = 0; slots && i < slots->count; i++)
		if (vtep_remote_matches(slots->remote[i], dest))
			return i;
	return -ENOENT;
}

/**
 * vtep_fdb_slots_extend() - prepare one destination more
 * @vtep: the device
 * @entry: a flood entry without that destination
 * @dest: the destination
 *
 * Context: vtep_dev.lock.
 * Return: the array, for vtep_fdb_slots_publish() or vtep_fdb_slots_drop(); or
 * an ERR_PTR(): -ENOSPC at a limit, -ENOMEM.
 */
struct vtep_fdb_slots *
vtep_fdb_slots_extend(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
		      const struct vtep_dest *dest)
{
	struct vtep_fdb_slots *old = vtep_fdb_slots(vtep, entry);
	u32 count = old ? old->count : 0;
	struct vtep_fdb_slots *slots;
	struct vtep_remote *remote;

	if (count >= VTEP_FDB_SLOTS_MAX)
		return ERR_PTR(-ENOSPC);
	slots = vtep_fdb_slots_alloc(count + 1);
	if (!slots)
		return ERR_PTR(-ENOMEM);
	if (old)
		vtep_fdb_slots_copy(slots, 0, old, 0, count);
	remote = vtep_remote_get(vtep, dest);
	if (IS_ERR(remote)) {
		kfree(slots);
		return ERR_CAST(remote);
	}
	slots->remote[count] = remote;
	return slots;
}

/**
 * vtep_fdb_slots_drop() - the opposite of vtep_fdb_slots_extend()
 * @vtep: the device
 * @slots: an array that was not published
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_slots_drop(struct vtep_dev *vtep, struct vtep_fdb_slots *slots)
{
	vtep_remote_put(vtep, slots->remote[slots->count - 1]);
	kfree(slots);
}

/**
 * vtep_fdb_slots_publish() - let packets use another array of destinations
 * @vtep: the device
 * @entry: the entry
 * @slots: the array, whose references are in order
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_slots_publish(struct vtep_dev *vtep,
			    struct vtep_fdb_entry *entry,
			    struct vtep_fdb_slots *slots)
{
	struct vtep_fdb_slots *old = vtep_fdb_slots(vtep, entry);

	vtep_fdb_set_to(entry, slots, VTEP_FDB_TO_SLOTS);
	if (old)
		kfree_rcu(old, rcu);
}

/**
 * vtep_fdb_slots_omit() - an array without one of its destinations
 * @slots: room for all but one of them, at least; filled
 * @old: the array
 * @index: which is left out
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_slots_omit(struct vtep_fdb_slots *slots,
			 struct vtep_fdb_slots *old, u32 index)
{
	u32 behind = old->count - 1 - index;

	slots->count = old->count - 1;
	vtep_fdb_slots_copy(slots, 0, old, 0, index);
	vtep_fdb_slots_copy(slots, index, old, index + 1, behind);
}
