// SPDX-License-Identifier: GPL-2.0
/*
 * The forwarding table: {MAC, source VNI} to one remote VTEP, or to several
 * for multicast and all-zeros MACs.
 *
 * Readers hold RCU only. All changes are made under vtep_dev.lock, which is
 * never held for a walk: walks go by ascending entry id, in process context,
 * and look at one entry at a time. An entry that gets another destination has
 * its pointer replaced, so a reader sees the former or the new one, whole.
 */
#include "vxlan_fdb.h"
#include "vxlan.h"
#include "vxlan_fdb_table.h"
#include "vxlan_remote.h"

#include <linux/slab.h>

static const struct rhashtable_params vtep_fdb_params = {
	.head_offset = offsetof(struct vtep_fdb_entry, node),
	.key_offset = offsetof(struct vtep_fdb_entry, key),
	.key_len = sizeof(struct vtep_fdb_key),
	.automatic_shrinking = true,
};

static struct kmem_cache *vtep_fdb_cache;
static vtep_fdb_notify_t vtep_fdb_notify;

/**
 * vtep_fdb_set_notifier() - name the one who is told of changes
 * @notify: called for each change; NULL for nobody
 *
 * Context: module init and exit only, when no device exists.
 */
void vtep_fdb_set_notifier(vtep_fdb_notify_t notify)
{
	vtep_fdb_notify = notify;
}

/**
 * vtep_fdb_tell() - report a change
 * @vtep: the device
 * @entry: the entry
 * @remote: the destination it is about
 * @event: what happened
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_tell(struct vtep_dev *vtep, const struct vtep_fdb_entry *entry,
		   const struct vtep_remote *remote, enum vtep_fdb_event event)
{
	if (vtep_fdb_notify)
		vtep_fdb_notify(vtep, entry, remote, event);
}

static bool vtep_fdb_is_default(const struct vtep_dev *vtep,
				const struct vtep_fdb_entry *entry)
{
	return entry == rcu_access_pointer(vtep->fdb.flood);
}

/**
 * vtep_fdb_find() - look an entry up
 * @vtep: the device
 * @mac: inner MAC address
 * @vni: source VNI, host order
 *
 * Context: RCU (or BH disabled), or vtep_dev.lock.
 * Return: the entry or NULL.
 */
struct vtep_fdb_entry *vtep_fdb_find(struct vtep_dev *vtep, const u8 *mac,
				     u32 vni)
{
	struct vtep_fdb_key key = vtep_fdb_key(mac, vni);

	return rhashtable_lookup_fast(&vtep->fdb.table, &key, vtep_fdb_params);
}

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

/* Slots */

static struct vtep_fdb_slots *
vtep_fdb_slots_copy(const struct vtep_fdb_slots *old, u32 count)
{
	struct vtep_fdb_slots *slots;

	slots = kmalloc(struct_size(slots, remote, count), GFP_ATOMIC);
	if (!slots)
		return NULL;
	slots->count = count;
	if (old)
		memcpy(slots->remote, old->remote,
		       min(count, old->count) * sizeof(slots->remote[0]));
	return slots;
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

static void vtep_fdb_slots_replace(struct vtep_dev *vtep,
				   struct vtep_fdb_entry *entry,
				   struct vtep_fdb_slots *slots)
{
	struct vtep_fdb_slots *old = vtep_fdb_slots(vtep, entry);

	rcu_assign_pointer(entry->slots, slots);
	if (old)
		kfree_rcu(old, rcu);
}

/**
 * vtep_fdb_slots_append() - add a destination
 * @vtep: the device
 * @entry: a flood entry without that destination
 * @dest: the destination
 *
 * Context: vtep_dev.lock.
 * Return: 0, -ENOSPC at a limit, -ENOMEM.
 */
int vtep_fdb_slots_append(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
			  const struct vtep_dest *dest)
{
	struct vtep_fdb_slots *old = vtep_fdb_slots(vtep, entry);
	u32 count = old ? old->count : 0;
	struct vtep_fdb_slots *slots;
	struct vtep_remote *remote;

	if (count >= VTEP_FDB_SLOTS_MAX)
		return -ENOSPC;
	slots = vtep_fdb_slots_copy(old, count + 1);
	if (!slots)
		return -ENOMEM;
	remote = vtep_remote_get(vtep, dest);
	if (IS_ERR(remote)) {
		kfree(slots);
		return PTR_ERR(remote);
	}
	slots->remote[count] = remote;
	vtep_fdb_slots_replace(vtep, entry, slots);
	return 0;
}

/**
 * vtep_fdb_slots_remove() - take one of several destinations out
 * @vtep: the device
 * @entry: a flood entry with more than one destination
 * @index: which; listeners are told
 *
 * Context: vtep_dev.lock.
 * Return: 0 or -ENOMEM: the array shrinks in a copy.
 */
int vtep_fdb_slots_remove(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
			  u32 index)
{
	struct vtep_fdb_slots *old = vtep_fdb_slots(vtep, entry);
	struct vtep_remote *remote = old->remote[index];
	struct vtep_fdb_slots *slots;

	slots = vtep_fdb_slots_copy(old, old->count - 1);
	if (!slots)
		return -ENOMEM;
	memcpy(&slots->remote[index], &old->remote[index + 1],
	       (old->count - 1 - index) * sizeof(old->remote[0]));
	vtep_fdb_slots_replace(vtep, entry, slots);
	vtep_fdb_tell(vtep, entry, remote, VTEP_FDB_DEL);
	vtep_remote_put(vtep, remote);
	return 0;
}

/* Entries */

static void vtep_fdb_entry_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(vtep_fdb_cache,
			container_of(rcu, struct vtep_fdb_entry, rcu));
}

/* The entry is out of the table or never was in it: let the remotes go. */
static void vtep_fdb_entry_put_remotes(struct vtep_dev *vtep,
				       struct vtep_fdb_entry *entry)
{
	struct vtep_fdb_slots *slots = vtep_fdb_slots(vtep, entry);
	struct vtep_remote *remote = vtep_fdb_remote(vtep, entry);
	u32 i;

	if (remote)
		vtep_remote_put(vtep, remote);
	if (!slots)
		return;
	for (i = 0; i < slots->count; i++)
		vtep_remote_put(vtep, slots->remote[i]);
	kfree_rcu(slots, rcu);
}

static int vtep_fdb_entry_set_dest(struct vtep_dev *vtep,
				   struct vtep_fdb_entry *entry,
				   const struct vtep_dest *dest)
{
	struct vtep_remote *remote;

	if (vtep_fdb_floods(entry->key.mac))
		return vtep_fdb_slots_append(vtep, entry, dest);

	remote = vtep_remote_get(vtep, dest);
	if (IS_ERR(remote))
		return PTR_ERR(remote);
	rcu_assign_pointer(entry->remote, remote);
	return 0;
}

static int vtep_fdb_entry_insert(struct vtep_dev *vtep,
				 struct vtep_fdb_entry *entry)
{
	struct vtep_fdb *fdb = &vtep->fdb;
	int err;

	err = xa_alloc_cyclic(&fdb->ids, &entry->id, entry, xa_limit_32b,
			      &fdb->next_id, GFP_ATOMIC);
	if (err < 0)
		return err;
	err = rhashtable_insert_fast(&fdb->table, &entry->node,
				     vtep_fdb_params);
	if (err) {
		xa_erase(&fdb->ids, entry->id);
		return err;
	}
	fdb->count++;
	if (is_zero_ether_addr(entry->key.mac) &&
	    entry->key.vni == rcu_dereference_bh(vtep->cfg)->vni)
		rcu_assign_pointer(fdb->flood, entry);
	return 0;
}

/**
 * vtep_fdb_entry_create() - put an entry with one destination into the table
 * @vtep: the device
 * @req: key, destination, state and flags
 *
 * Listeners are not told yet.
 *
 * Context: vtep_dev.lock.
 * Return: the entry, or an ERR_PTR(): -ENOSPC when there are too many VTEPs,
 * -ENOMEM.
 */
struct vtep_fdb_entry *
vtep_fdb_entry_create(struct vtep_dev *vtep, const struct vtep_fdb_request *req)
{
	struct vtep_fdb_entry *entry;
	int err;

	entry = kmem_cache_zalloc(vtep_fdb_cache, GFP_ATOMIC);
	if (!entry)
		return ERR_PTR(-ENOMEM);
	entry->key = req->key;
	entry->state = req->state;
	entry->ndm_flags = req->ndm_flags & ~NTF_USE;
	entry->updated = jiffies;
	entry->used = jiffies;

	err = vtep_fdb_entry_set_dest(vtep, entry, &req->dest);
	if (err)
		goto free_entry;
	err = vtep_fdb_entry_insert(vtep, entry);
	if (err)
		goto put_remotes;
	return entry;

put_remotes:
	vtep_fdb_entry_put_remotes(vtep, entry);
free_entry:
	/* Its id may have been found by a walker in the meantime. */
	call_rcu(&entry->rcu, vtep_fdb_entry_free_rcu);
	return ERR_PTR(err);
}

/**
 * vtep_fdb_entry_tell_all() - report a change of all destinations
 * @vtep: the device
 * @entry: the entry
 * @event: what happened
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_entry_tell_all(struct vtep_dev *vtep,
			     struct vtep_fdb_entry *entry,
			     enum vtep_fdb_event event)
{
	struct vtep_fdb_slots *slots = vtep_fdb_slots(vtep, entry);
	struct vtep_remote *remote = vtep_fdb_remote(vtep, entry);
	u32 i;

	if (remote)
		vtep_fdb_tell(vtep, entry, remote, event);
	for (i = 0; slots && i < slots->count; i++)
		vtep_fdb_tell(vtep, entry, slots->remote[i], event);
}

/**
 * vtep_fdb_entry_destroy() - take an entry out of the table and free it
 * @vtep: the device
 * @entry: the entry; listeners are told
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_entry_destroy(struct vtep_dev *vtep,
			    struct vtep_fdb_entry *entry)
{
	struct vtep_fdb *fdb = &vtep->fdb;

	lockdep_assert_held(&vtep->lock);

	if (vtep_fdb_is_default(vtep, entry))
		RCU_INIT_POINTER(fdb->flood, NULL);
	rhashtable_remove_fast(&fdb->table, &entry->node, vtep_fdb_params);
	xa_erase(&fdb->ids, entry->id);
	fdb->count--;
	vtep_fdb_entry_tell_all(vtep, entry, VTEP_FDB_DEL);
	vtep_fdb_entry_put_remotes(vtep, entry);
	call_rcu(&entry->rcu, vtep_fdb_entry_free_rcu);
}

/**
 * vtep_fdb_full() - is there no room for one more entry?
 * @vtep: the device
 * @cfg: its configuration
 *
 * Context: vtep_dev.lock.
 * Return: true if the limit is reached.
 */
bool vtep_fdb_full(struct vtep_dev *vtep, const struct vtep_config *cfg)
{
	return cfg->limit && vtep->fdb.count >= cfg->limit;
}

/**
 * vtep_fdb_entry_redirect() - point a unicast entry to another destination
 * @vtep: the device
 * @entry: the entry
 * @dest: the destination
 *
 * Context: vtep_dev.lock.
 * Return: 0, -ENOSPC when there are too many VTEPs, -ENOMEM.
 */
int vtep_fdb_entry_redirect(struct vtep_dev *vtep,
			    struct vtep_fdb_entry *entry,
			    const struct vtep_dest *dest)
{
	struct vtep_remote *old = vtep_fdb_remote(vtep, entry);
	struct vtep_remote *remote = vtep_remote_get(vtep, dest);

	if (IS_ERR(remote))
		return PTR_ERR(remote);
	rcu_assign_pointer(entry->remote, remote);
	vtep_remote_put(vtep, old);
	return 0;
}

/* Walks */

/* Takes those of several remotes out that match; at least one stays. */
static int vtep_fdb_slots_filter(struct vtep_dev *vtep,
				 struct vtep_fdb_entry *entry, u32 stay,
				 vtep_fdb_match_t match, const void *arg)
{
	struct vtep_fdb_slots *old = vtep_fdb_slots(vtep, entry);
	struct vtep_fdb_slots *slots = vtep_fdb_slots_copy(NULL, stay);
	u32 i, kept = 0;

	if (!slots)
		return -ENOMEM;
	for (i = 0; i < old->count; i++)
		if (!match(entry, old->remote[i], arg))
			slots->remote[kept++] = old->remote[i];
	vtep_fdb_slots_replace(vtep, entry, slots);
	for (i = 0; i < old->count; i++) {
		if (!match(entry, old->remote[i], arg))
			continue;
		vtep_fdb_tell(vtep, entry, old->remote[i], VTEP_FDB_DEL);
		vtep_remote_put(vtep, old->remote[i]);
	}
	return 0;
}

/* Takes out those remotes of an entry that match; the last one ends it. */
static int vtep_fdb_flush_entry(struct vtep_dev *vtep,
				struct vtep_fdb_entry *entry,
				vtep_fdb_match_t match, const void *arg)
{
	struct vtep_remote *remote = vtep_fdb_remote(vtep, entry);
	struct vtep_fdb_slots *slots = vtep_fdb_slots(vtep, entry);
	u32 i, count = slots ? slots->count : 1, stay = 0;

	if (remote)
		stay = match && !match(entry, remote, arg);
	else if (match)
		for (i = 0; i < count; i++)
			stay += !match(entry, slots->remote[i], arg);

	if (stay == count)
		return 0;
	if (stay)
		return vtep_fdb_slots_filter(vtep, entry, stay, match, arg);
	vtep_fdb_entry_destroy(vtep, entry);
	return 0;
}

/**
 * vtep_fdb_flush() - take out what matches
 * @vtep: the device
 * @match: chooses among the remotes of the entries; NULL for all
 * @arg: for @match
 *
 * The lock is taken for one entry at a time.
 *
 * Context: process context, may sleep.
 * Return: 0; -ENOMEM when not all destinations that match could be taken out of
 * a flood entry, which cannot happen without @match.
 */
int vtep_fdb_flush(struct vtep_dev *vtep, vtep_fdb_match_t match,
		   const void *arg)
{
	struct vtep_fdb_entry *entry;
	int err = 0;
	unsigned int seen = 0;
	u32 id = 0;

	rcu_read_lock();
	while ((entry = vtep_fdb_next(vtep, &id))) {
		spin_lock_bh(&vtep->lock);
		if (xa_load(&vtep->fdb.ids, id) == entry)
			err = vtep_fdb_flush_entry(vtep, entry, match, arg) ?:
			      err;
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

/**
 * vtep_fdb_init() - prepare the empty table of a device
 * @vtep: the device
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int vtep_fdb_init(struct vtep_dev *vtep)
{
	struct vtep_fdb *fdb = &vtep->fdb;

	BUILD_BUG_ON(sizeof(struct vtep_fdb_key) != 12);

	xa_init_flags(&fdb->ids, XA_FLAGS_ALLOC);
	return rhashtable_init(&fdb->table, &vtep_fdb_params);
}

/**
 * vtep_fdb_exit() - empty and free the table
 * @vtep: the device; no packet is on its way through it any more
 *
 * Context: may sleep.
 */
void vtep_fdb_exit(struct vtep_dev *vtep)
{
	cancel_delayed_work_sync(&vtep->fdb.ageing);
	vtep_fdb_flush(vtep, NULL, NULL);
	rhashtable_destroy(&vtep->fdb.table);
	xa_destroy(&vtep->fdb.ids);
}

/**
 * vtep_fdb_module_init() - make the cache that entries come from
 *
 * Return: 0 or -ENOMEM.
 */
int vtep_fdb_module_init(void)
{
	vtep_fdb_cache = KMEM_CACHE(vtep_fdb_entry, 0);
	return vtep_fdb_cache ? 0 : -ENOMEM;
}

/**
 * vtep_fdb_module_exit() - free the cache
 *
 * All devices are gone; the last entries may still wait for their grace
 * period.
 */
void vtep_fdb_module_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(vtep_fdb_cache);
}
