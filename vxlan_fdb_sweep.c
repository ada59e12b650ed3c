// SPDX-License-Identifier: GPL-2.0
/*
 * What takes many entries out of the forwarding table at once: flush, and on
 * behalf of others ageing and the end of a device.
 *
 * Entries are looked at by ascending id under RCU, without a lock. Those that
 * seem to be due are collected, and what has been collected goes under one
 * hold of vtep_dev.lock: out of the hash table, whose buckets were fetched into
 * the processor's cache meanwhile, out of the index, and with one wait for a
 * grace period for all of them.
 */
#include "vxlan_fdb.h"
#include "vxlan.h"
#include "vxlan_fdb_table.h"
#include "vxlan_nexthop.h"
#include "vxlan_remote.h"

#include <linux/slab.h>

/* Entries that are looked at, and that go, and their remotes, in one go. */
#define SWEEP_LOOK	256
#define SWEEP_TAKE	60
#define SWEEP_REMOTES	256
/* No id is as high. */
#define SWEEP_END	((u64)U32_MAX + 1)

/**
 * struct vtep_fdb_chunk - entries that go together
 * @rcu: frees them after the last reader
 * @count: how many there are
 * @entry: these
 */
struct vtep_fdb_chunk {
	struct rcu_head rcu;
	unsigned int count;
	struct vtep_fdb_entry *entry[SWEEP_TAKE];
};

/* A flood entry takes as long as it has remotes. Context: RCU. */
static u32 vtep_fdb_sweep_weight(const struct vtep_fdb_entry *entry)
{
	const struct vtep_fdb_slots *slots;

	slots = vtep_fdb_to(rcu_dereference(entry->to), VTEP_FDB_TO_SLOTS);
	return slots ? slots->count : 1;
}

/* Returns the id behind the last one that was looked at. */
static u64 vtep_fdb_sweep_collect(struct vtep_dev *vtep, u64 from,
				  const struct vtep_fdb_sweep *sweep,
				  struct vtep_fdb_chunk *chunk)
{
	XA_STATE(xas, &vtep->fdb.ids, from);
	struct vtep_fdb_entry *entry;
	unsigned int seen = 0;
	u32 weight = 0;

	chunk->count = 0;
	xas_for_each(&xas, entry, U32_MAX) {
		if (xas_retry(&xas, entry))
			continue;
		if (seen++ == SWEEP_LOOK || chunk->count == SWEEP_TAKE ||
		    weight >= SWEEP_REMOTES)
			return xas.xa_index;
		if (!sweep->due(vtep, entry, sweep->arg))
			continue;
		weight += vtep_fdb_sweep_weight(entry);
		chunk->entry[chunk->count++] = entry;
	}
	return SWEEP_END;
}

/* Leaves those in the chunk that go; the others stay, as a whole or in part. */
static void vtep_fdb_sweep_choose(struct vtep_dev *vtep,
				  const struct vtep_fdb_sweep *sweep,
				  struct vtep_fdb_chunk *chunk)
{
	unsigned int i, count = 0;

	for (i = 0; i < chunk->count; i++) {
		struct vtep_fdb_entry *entry = chunk->entry[i];

		if (!entry->gone && sweep->take(vtep, entry, sweep->arg))
			chunk->entry[count++] = entry;
	}
	chunk->count = count;
}

/* Their ids ascend. */
static void vtep_fdb_sweep_erase(struct vtep_dev *vtep,
				 const struct vtep_fdb_chunk *chunk)
{
	XA_STATE(xas, &vtep->fdb.ids, chunk->entry[0]->id);
	struct vtep_fdb_entry *entry;
	unsigned int i = 0;

	xas_lock(&xas);
	xas_for_each(&xas, entry, U32_MAX) {
		if (entry != chunk->entry[i])
			continue;
		xas_store(&xas, NULL);
		if (++i == chunk->count)
			break;
	}
	xas_unlock(&xas);
}

static void vtep_fdb_chunk_free_rcu(struct rcu_head *rcu)
{
	struct vtep_fdb_chunk *chunk = container_of(rcu, struct vtep_fdb_chunk,
						    rcu);

	vtep_fdb_entries_free(chunk->entry, chunk->count);
	kfree(chunk);
}

/* Returns false if nothing is gone, so that the chunk is the caller's still. */
static bool vtep_fdb_sweep_take(struct vtep_dev *vtep,
				const struct vtep_fdb_sweep *sweep,
				struct vtep_fdb_chunk *chunk)
{
	unsigned int i;

	spin_lock_bh(&vtep->lock);
	vtep_fdb_sweep_choose(vtep, sweep, chunk);
	for (i = 0; i < chunk->count; i++)
		vtep_fdb_entry_unhash(vtep, chunk->entry[i]);
	if (chunk->count)
		vtep_fdb_sweep_erase(vtep, chunk);
	for (i = 0; i < chunk->count; i++)
		vtep_fdb_entry_end(vtep, chunk->entry[i]);
	spin_unlock_bh(&vtep->lock);
	return chunk->count;
}

/**
 * vtep_fdb_sweep() - take out what is due
 * @vtep: the device
 * @sweep: says what is due
 *
 * Context: process context, may sleep.
 */
void vtep_fdb_sweep(struct vtep_dev *vtep, const struct vtep_fdb_sweep *sweep)
{
	struct vtep_fdb_chunk *chunk = NULL;
	u64 from = 0;

	while (from != SWEEP_END) {
		if (!chunk)
			chunk = kzalloc_obj(*chunk, GFP_KERNEL | __GFP_NOFAIL);
		rcu_read_lock();
		from = vtep_fdb_sweep_collect(vtep, from, sweep, chunk);
		vtep_fdb_prefetch(vtep, chunk->entry, chunk->count);
		if (chunk->count && vtep_fdb_sweep_take(vtep, sweep, chunk)) {
			call_rcu(&chunk->rcu, vtep_fdb_chunk_free_rcu);
			chunk = NULL;
		}
		rcu_read_unlock();
		cond_resched();
	}
	kfree(chunk);
}

/* Flush */

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

struct vtep_fdb_flush {
	vtep_fdb_match_t match;
	const void *arg;
	int err;
};

static bool vtep_fdb_flush_due(struct vtep_dev *vtep,
			       struct vtep_fdb_entry *entry, void *arg)
{
	return true;
}

/* One that could not be done is no reason to leave the others. */
static bool vtep_fdb_flush_take(struct vtep_dev *vtep,
				struct vtep_fdb_entry *entry, void *arg)
{
	struct vtep_fdb_flush *flush = arg;
	struct vtep_fdb_dst dst;
	u32 i, stay = 0;

	for (i = 0; flush->match && vtep_fdb_dst(vtep, entry, i, &dst); i++)
		stay += !flush->match(entry, &dst, flush->arg);

	if (stay && stay < i &&
	    vtep_fdb_slots_filter(vtep, entry, stay, flush->match, flush->arg))
		flush->err = -ENOMEM;
	return !stay;
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
	const struct vtep_fdb_sweep sweep = {
		.due = vtep_fdb_flush_due,
		.take = vtep_fdb_flush_take,
		.arg = &flush,
	};

	vtep_fdb_sweep(vtep, &sweep);
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
