// SPDX-License-Identifier: GPL-2.0
/*
 * What takes many entries out of the forwarding table at once: flush, and on
 * behalf of others ageing and the end of a device.
 *
 * Entries are looked at by ascending id under RCU, without a lock. Those that
 * seem to be due are collected, and what has been collected goes under one
 * hold of vtep_dev.lock: out of the hash table, whose buckets were fetched into
 * the processor's cache meanwhile, and out of the index. Hundreds wait for a
 * grace period together. They are freed by a worker: in a softirq, where RCU
 * would do it, a million of them would hold up packets for milliseconds.
 */
#include "vxlan_fdb.h"
#include "vxlan.h"
#include "vxlan_fdb_table.h"
#include "vxlan_nexthop.h"
#include "vxlan_remote.h"

#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

/* Entries that are looked at, and that go, and their remotes, in one go. */
#define SWEEP_LOOK	256
#define SWEEP_TAKE	60U
#define SWEEP_REMOTES	256
/* Entries that are freed in one go: with what else there is, a page. */
#define SWEEP_FREE	(8 * SWEEP_TAKE)
/*
 * So many of these wait for RCU and the worker, no more: the sweep waits for
 * them. The index, too, leaves RCU something to free for each 64 entries, and
 * with 10,000 callbacks waiting RCU does not stop for anything else any more.
 */
#define SWEEP_WAIT	512
/* No id is as high. */
#define SWEEP_END	((u64)U32_MAX + 1)

/**
 * struct vtep_fdb_gone - entries that are freed together
 * @work: frees them after the last reader
 * @count: how many there are
 * @entry: these
 */
struct vtep_fdb_gone {
	struct rcu_work work;
	unsigned int count;
	struct vtep_fdb_entry *entry[SWEEP_FREE];
};

/**
 * struct vtep_fdb_chunk - entries that are taken out together
 * @entry: these, in struct vtep_fdb_gone
 * @room: how many there can be
 * @count: how many there are
 */
struct vtep_fdb_chunk {
	struct vtep_fdb_entry **entry;
	unsigned int room;
	unsigned int count;
};

static struct workqueue_struct *vtep_fdb_sweep_queue;
static struct semaphore vtep_fdb_sweep_room;

/**
 * vtep_fdb_sweep_init() - make the queue of those who free entries
 *
 * Return: 0 or -ENOMEM.
 */
int vtep_fdb_sweep_init(void)
{
	sema_init(&vtep_fdb_sweep_room, SWEEP_WAIT);
	vtep_fdb_sweep_queue = alloc_workqueue(VTEP_KIND "_fdb", WQ_UNBOUND, 0);
	return vtep_fdb_sweep_queue ? 0 : -ENOMEM;
}

/**
 * vtep_fdb_sweep_exit() - wait until all entries are freed
 *
 * Context: may sleep. All devices are gone, and grace periods over.
 */
void vtep_fdb_sweep_exit(void)
{
	destroy_workqueue(vtep_fdb_sweep_queue);
}

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

	xas_for_each(&xas, entry, U32_MAX) {
		if (xas_retry(&xas, entry))
			continue;
		if (seen++ == SWEEP_LOOK || chunk->count == chunk->room ||
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

/* Context: may sleep, until there is room. */
static struct vtep_fdb_gone *vtep_fdb_gone_alloc(void)
{
	down(&vtep_fdb_sweep_room);
	return kzalloc_obj(struct vtep_fdb_gone, GFP_KERNEL | __GFP_NOFAIL);
}

static void vtep_fdb_gone_work(struct work_struct *work)
{
	struct vtep_fdb_gone *gone = container_of(to_rcu_work(work),
						  struct vtep_fdb_gone, work);

	if (gone->count)
		vtep_fdb_entries_free(gone->entry, gone->count);
	kfree(gone);
	up(&vtep_fdb_sweep_room);
}

static void vtep_fdb_gone_free(struct vtep_fdb_gone *gone)
{
	INIT_RCU_WORK(&gone->work, vtep_fdb_gone_work);
	if (gone->count)
		queue_rcu_work(vtep_fdb_sweep_queue, &gone->work);
	else
		vtep_fdb_gone_work(&gone->work.work);
}

/* Leaves those in the chunk that are gone. */
static void vtep_fdb_sweep_take(struct vtep_dev *vtep,
				const struct vtep_fdb_sweep *sweep,
				struct vtep_fdb_chunk *chunk)
{
	unsigned int i;

	if (!chunk->count)
		return;
	spin_lock_bh(&vtep->lock);
	vtep_fdb_sweep_choose(vtep, sweep, chunk);
	for (i = 0; i < chunk->count; i++)
		vtep_fdb_entry_unhash(vtep, chunk->entry[i]);
	if (chunk->count)
		vtep_fdb_sweep_erase(vtep, chunk);
	for (i = 0; i < chunk->count; i++)
		vtep_fdb_entry_end(vtep, chunk->entry[i]);
	spin_unlock_bh(&vtep->lock);
}

/* Returns the id to go on with. */
static u64 vtep_fdb_sweep_some(struct vtep_dev *vtep, u64 from,
			       const struct vtep_fdb_sweep *sweep,
			       struct vtep_fdb_gone *gone)
{
	struct vtep_fdb_chunk chunk = {
		.entry = gone->entry + gone->count,
		.room = min(SWEEP_TAKE, SWEEP_FREE - gone->count),
	};

	rcu_read_lock();
	from = vtep_fdb_sweep_collect(vtep, from, sweep, &chunk);
	vtep_fdb_prefetch(vtep, chunk.entry, chunk.count);
	vtep_fdb_sweep_take(vtep, sweep, &chunk);
	rcu_read_unlock();
	gone->count += chunk.count;
	return from;
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
	struct vtep_fdb_gone *gone = NULL;
	u64 from = 0;

	while (from != SWEEP_END) {
		if (!gone)
			gone = vtep_fdb_gone_alloc();
		from = vtep_fdb_sweep_some(vtep, from, sweep, gone);
		if (gone->count == SWEEP_FREE) {
			vtep_fdb_gone_free(gone);
			gone = NULL;
		}
		cond_resched();
	}
	if (gone)
		vtep_fdb_gone_free(gone);
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
