// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over the forwarding table, and what takes out many entries at once.
 *
 * vtep_dev.lock is never held for a walk: walks go by ascending entry id, in
 * process context, and look at one entry at a time.
 */
#include "vxlan_fdb.h"
#include "vxlan.h"
#include "vxlan_fdb_table.h"
#include "vxlan_nexthop.h"
#include "vxlan_remote.h"

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

/*
 * Takes those of several remotes out that match; at least one stays. Listeners
 * find the others in place.
 */
static int vtep_fdb_slots_filter(struct vtep_dev *vtep,
				 struct vtep_fdb_entry *entry, u32 stay,
				 vtep_fdb_match_t match, const void *arg)
{
	struct vtep_fdb_slots *old = vtep_fdb_slots(vtep, entry);
	struct vtep_fdb_slots *slots = vtep_fdb_slots_alloc(stay);
	struct vtep_fdb_dst dst;
	u32 i, kept = 0;

	if (!slots)
		return -ENOMEM;
	for (i = 0; vtep_fdb_dst(vtep, entry, i, &dst); i++) {
		if (match(entry, &dst, arg))
			continue;
		slots->remote[kept] = old->remote[i];
		vtep_fdb_slots_offloaded(slots)[kept++] = dst.offloaded;
	}
	vtep_fdb_slots_publish(vtep, entry, slots);

	for (i = 0; i < old->count; i++) {
		dst = (struct vtep_fdb_dst) {
			.remote = old->remote[i],
			.offloaded = vtep_fdb_slots_offloaded(old)[i],
		};
		if (!match(entry, &dst, arg))
			continue;
		vtep_fdb_tell(vtep, entry, &dst, VTEP_FDB_DEL);
		vtep_remote_put(vtep, old->remote[i]);
	}
	return 0;
}

/* Takes out those remotes of an entry that match; the last one ends it. */
static int vtep_fdb_flush_entry(struct vtep_dev *vtep,
				struct vtep_fdb_entry *entry,
				vtep_fdb_match_t match, const void *arg)
{
	struct vtep_fdb_dst dst;
	u32 i, stay = 0;

	for (i = 0; match && vtep_fdb_dst(vtep, entry, i, &dst); i++)
		stay += !match(entry, &dst, arg);

	if (!stay)
		vtep_fdb_entry_destroy(vtep, entry);
	else if (stay < i)
		return vtep_fdb_slots_filter(vtep, entry, stay, match, arg);
	return 0;
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
		if (xa_load(&vtep->fdb.ids, id) == entry)
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

struct vtep_fdb_flush {
	vtep_fdb_match_t match;
	const void *arg;
	int err;
};

/* One that could not be done is no reason to leave the others. */
static int vtep_fdb_flush_step(struct vtep_dev *vtep,
			       struct vtep_fdb_entry *entry, void *arg)
{
	struct vtep_fdb_flush *flush = arg;
	int err;

	err = vtep_fdb_flush_entry(vtep, entry, flush->match, flush->arg);
	if (err)
		flush->err = err;
	return 0;
}

/**
 * vtep_fdb_flush() - take out what matches
 * @vtep: the device
 * @match: chooses among the destinations of the entries; NULL for all
 * @arg: for @match
 *
 * Context: process context, may sleep.
 * Return: 0; -ENOMEM when not all destinations that match could be taken out of
 * a flood entry, which cannot happen without @match.
 */
int vtep_fdb_flush(struct vtep_dev *vtep, vtep_fdb_match_t match,
		   const void *arg)
{
	struct vtep_fdb_flush flush = { .match = match, .arg = arg };

	vtep_fdb_walk(vtep, vtep_fdb_flush_step, &flush);
	return flush.err;
}

/**
 * vtep_fdb_flush_nexthop() - take out what leads to a nexthop group
 * @vtep: the device
 * @nhid: number of the group, which is going away
 *
 * Context: RTNL, may sleep.
 */
void vtep_fdb_flush_nexthop(struct vtep_dev *vtep, u32 nhid)
{
	struct vtep_nexthop *nexthop;
	struct vtep_fdb_entry *entry;
	unsigned long id = 0;

	ASSERT_RTNL();

	do {
		entry = NULL;
		spin_lock_bh(&vtep->lock);
		nexthop = xa_load(&vtep->nexthops, nhid);
		if (nexthop)
			entry = xa_find(&nexthop->entries, &id, ULONG_MAX,
					XA_PRESENT);
		if (entry)
			vtep_fdb_entry_destroy(vtep, entry);
		spin_unlock_bh(&vtep->lock);
		cond_resched();
	} while (entry);
}
