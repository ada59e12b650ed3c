// SPDX-License-Identifier: GPL-2.0
/*
 * The forwarding table: {MAC, source VNI} to one remote VTEP, or to several
 * for multicast and all-zeros MACs.
 *
 * Readers hold RCU only. All changes are made under vtep_dev.lock. An entry
 * that gets another destination has its pointer replaced, so a reader sees the
 * former or the new one, whole.
 */
#include "vxlan_fdb.h"
#include "vxlan.h"
#include "vxlan_fdb_find.h"
#include "vxlan_fdb_table.h"
#include "vxlan_remote.h"

#include <linux/prefetch.h>
#include <linux/slab.h>

/* With fewer entries the table may be made smaller. */
#define VTEP_FDB_SHRINK	4096

static struct kmem_cache *vtep_fdb_cache;
static const struct vtep_fdb_hooks *vtep_fdb_hooks;

/**
 * vtep_fdb_set_hooks() - name those who are told of changes
 * @hooks: called for each change
 *
 * Context: module init, before the first device.
 */
void vtep_fdb_set_hooks(const struct vtep_fdb_hooks *hooks)
{
	vtep_fdb_hooks = hooks;
}

/**
 * vtep_fdb_offer() - ask the switches whether a remote may be
 * @vtep: the device
 * @key: the entry
 * @dest: the remote that it will have, or that has changed
 * @user: asked for by netlink
 * @extack: says why not
 *
 * Context: vtep_dev.lock.
 * Return: 0 or a negative error, the veto of a switch.
 */
int vtep_fdb_offer(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
		   const struct vtep_dest *dest, bool user,
		   struct netlink_ext_ack *extack)
{
	if (vtep->fdb.from_switch)
		return 0;
	return vtep_fdb_hooks->offer(vtep, key, dest, user, extack);
}

static void vtep_fdb_withdraw(struct vtep_dev *vtep,
			      const struct vtep_fdb_entry *entry,
			      const struct vtep_fdb_dst *dst)
{
	if (dst->remote && !vtep->fdb.from_switch)
		vtep_fdb_hooks->withdraw(vtep, entry, dst);
}

/* What was offered does not come after all. */
static void vtep_fdb_withdraw_all(struct vtep_dev *vtep,
				  const struct vtep_fdb_entry *entry)
{
	struct vtep_fdb_dst dst;
	u32 i;

	for (i = 0; vtep_fdb_dst(vtep, entry, i, &dst); i++)
		vtep_fdb_withdraw(vtep, entry, &dst);
}

/**
 * vtep_fdb_tell() - report a change
 * @vtep: the device
 * @entry: the entry
 * @dst: the destination it is about
 * @event: what happened
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_tell(struct vtep_dev *vtep, const struct vtep_fdb_entry *entry,
		   const struct vtep_fdb_dst *dst, enum vtep_fdb_event event)
{
	if (event == VTEP_FDB_DEL)
		vtep_fdb_withdraw(vtep, entry, dst);
	vtep_fdb_hooks->notify(vtep, entry, dst, event);
}

/**
 * vtep_fdb_tell_all() - report a change of all destinations
 * @vtep: the device
 * @entry: the entry
 * @event: what happened
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_tell_all(struct vtep_dev *vtep,
		       const struct vtep_fdb_entry *entry,
		       enum vtep_fdb_event event)
{
	struct vtep_fdb_dst dst;
	u32 i;

	for (i = 0; vtep_fdb_dst(vtep, entry, i, &dst); i++)
		vtep_fdb_tell(vtep, entry, &dst, event);
}

/**
 * vtep_fdb_miss() - report that something is not known here
 * @vtep: the device
 * @mac: a MAC address without an entry, or NULL
 * @addr: an address of the overlay without a neighbour, or NULL
 *
 * Context: RCU, BH disabled.
 */
void vtep_fdb_miss(struct vtep_dev *vtep, const u8 *mac,
		   const struct vtep_addr *addr)
{
	vtep_fdb_hooks->miss(vtep, mac, addr);
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
	struct vtep_fdb_entry *entry;

	rcu_read_lock();
	entry = vtep_fdb_find_rcu(vtep, mac, vni);
	rcu_read_unlock();
	return entry;
}

/**
 * vtep_fdb_dst() - a destination of an entry
 * @vtep: the device
 * @entry: the entry
 * @index: 0 for the first one
 * @dst: filled
 *
 * Context: RCU (or BH disabled), or vtep_dev.lock.
 * Return: false if there is none of that index.
 */
bool vtep_fdb_dst(const struct vtep_dev *vtep,
		  const struct vtep_fdb_entry *entry, u32 index,
		  struct vtep_fdb_dst *dst)
{
	const bool held = rcu_read_lock_bh_held() ||
			  lockdep_is_held(&vtep->lock);
	struct vtep_nexthop *nexthop;
	struct vtep_fdb_slots *slots;
	void *to;

	*dst = (struct vtep_fdb_dst) {};
	to = rcu_dereference_check(entry->to, held);
	slots = vtep_fdb_to(to, VTEP_FDB_TO_SLOTS);
	if (slots) {
		if (index >= slots->count)
			return false;
		dst->remote = slots->remote[index];
		dst->offloaded =
			READ_ONCE(vtep_fdb_slots_offloaded(slots)[index]);
		return true;
	}

	if (index)
		return false;
	nexthop = vtep_fdb_to(to, VTEP_FDB_TO_NEXTHOP);
	if (nexthop) {
		dst->nhid = nexthop->id;
		return true;
	}
	dst->remote = vtep_fdb_to(to, VTEP_FDB_TO_REMOTE);
	dst->offloaded = READ_ONCE(entry->offloaded);
	return dst->remote;
}

/* Targets */

/**
 * vtep_fdb_target_get() - prepare where an entry is to lead
 * @vtep: the device
 * @entry: the entry, with its id
 * @req: what is wanted
 * @target: filled, with references
 * @extack: says why it cannot be had
 *
 * Context: vtep_dev.lock; RTNL for a nexthop.
 * Return: 0; -ENOSPC when there are too many VTEPs; -ENOMEM; or what
 * vtep_nexthop_get() answers.
 */
int vtep_fdb_target_get(struct vtep_dev *vtep,
			const struct vtep_fdb_entry *entry,
			const struct vtep_fdb_request *req,
			struct vtep_fdb_target *target,
			struct netlink_ext_ack *extack)
{
	int err;

	*target = (struct vtep_fdb_target) {};
	if (!req->nhid) {
		target->remote = vtep_remote_get(vtep, &req->dest);
		return PTR_ERR_OR_ZERO(target->remote);
	}

	target->nexthop = vtep_nexthop_get(vtep, req->nhid, extack);
	if (IS_ERR(target->nexthop))
		return PTR_ERR(target->nexthop);
	err = xa_insert(&target->nexthop->entries, entry->id, (void *)entry,
			GFP_ATOMIC);
	if (err)
		vtep_nexthop_put(vtep, target->nexthop);
	return err;
}

/**
 * vtep_fdb_target_put() - an entry does not lead there (any more)
 * @vtep: the device
 * @entry: the entry
 * @target: its references are given back
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_target_put(struct vtep_dev *vtep,
			 const struct vtep_fdb_entry *entry,
			 const struct vtep_fdb_target *target)
{
	if (target->remote)
		vtep_remote_put(vtep, target->remote);
	if (!target->nexthop)
		return;
	xa_erase(&target->nexthop->entries, entry->id);
	vtep_nexthop_put(vtep, target->nexthop);
}

static struct vtep_fdb_target vtep_fdb_target(struct vtep_dev *vtep,
					      struct vtep_fdb_entry *entry)
{
	return (struct vtep_fdb_target) {
		.remote = vtep_fdb_remote(vtep, entry),
		.nexthop = vtep_fdb_nexthop(vtep, entry),
	};
}

/**
 * vtep_fdb_redirect() - let an entry lead to another target
 * @vtep: the device
 * @entry: a unicast entry, or one with a nexthop
 * @target: the target; the entry takes over its references
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_redirect(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
		       const struct vtep_fdb_target *target)
{
	struct vtep_fdb_target old = vtep_fdb_target(vtep, entry);

	if (target->remote)
		vtep_fdb_set_to(entry, target->remote, VTEP_FDB_TO_REMOTE);
	else
		vtep_fdb_set_to(entry, target->nexthop, VTEP_FDB_TO_NEXTHOP);
	WRITE_ONCE(entry->offloaded, false);
	vtep_fdb_target_put(vtep, entry, &old);
}

/* Entries */

static void vtep_fdb_entry_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(vtep_fdb_cache,
			container_of(rcu, struct vtep_fdb_entry, rcu));
}

/**
 * vtep_fdb_entries_free() - free what no reader can have any more
 * @entry: the entries
 * @count: how many
 *
 * Context: any.
 */
void vtep_fdb_entries_free(struct vtep_fdb_entry **entry, unsigned int count)
{
	kmem_cache_free_bulk(vtep_fdb_cache, count, (void **)entry);
}

/* The entry is out of the table or never was in it: let all of them go. */
static void vtep_fdb_entry_put(struct vtep_dev *vtep,
			       struct vtep_fdb_entry *entry)
{
	struct vtep_fdb_slots *slots = vtep_fdb_slots(vtep, entry);
	struct vtep_fdb_target target = vtep_fdb_target(vtep, entry);
	u32 i;

	vtep_fdb_target_put(vtep, entry, &target);
	if (!slots)
		return;
	for (i = 0; i < slots->count; i++)
		vtep_remote_put(vtep, slots->remote[i]);
	kfree_rcu(slots, rcu);
}

static int vtep_fdb_entry_aim(struct vtep_dev *vtep,
			      struct vtep_fdb_entry *entry,
			      const struct vtep_fdb_request *req,
			      struct netlink_ext_ack *extack)
{
	struct vtep_fdb_target target;
	struct vtep_fdb_slots *slots;
	int err;

	if (!req->nhid && vtep_fdb_floods(entry->key.mac)) {
		slots = vtep_fdb_slots_extend(vtep, entry, &req->dest);
		if (IS_ERR(slots))
			return PTR_ERR(slots);
		vtep_fdb_slots_publish(vtep, entry, slots);
		return 0;
	}

	err = vtep_fdb_target_get(vtep, entry, req, &target, extack);
	if (!err)
		vtep_fdb_redirect(vtep, entry, &target);
	return err;
}

/* Packets and walks find it from here on. */
static int vtep_fdb_entry_insert(struct vtep_dev *vtep,
				 struct vtep_fdb_entry *entry)
{
	struct vtep_fdb *fdb = &vtep->fdb;
	int err;

	err = rhashtable_insert_fast(&fdb->table, &entry->node,
				     vtep_fdb_params);
	if (err)
		return err;
	/* Its place was reserved: this does not fail. */
	xa_store(&fdb->ids, entry->id, entry, GFP_ATOMIC);
	fdb->count++;
	if (is_zero_ether_addr(entry->key.mac) &&
	    entry->key.vni == rcu_dereference_bh(vtep->cfg)->vni)
		rcu_assign_pointer(fdb->flood, entry);
	return 0;
}

static struct vtep_fdb_entry *
vtep_fdb_entry_alloc(struct vtep_dev *vtep, const struct vtep_fdb_request *req)
{
	struct vtep_fdb_entry *entry;
	int err;

	entry = kmem_cache_zalloc(vtep_fdb_cache, GFP_ATOMIC);
	if (!entry)
		return NULL;
	entry->key = req->key;
	entry->state = req->state;
	entry->ndm_flags = req->ndm_flags & ~NTF_USE;
	entry->user = req->user;
	entry->updated = vtep_fdb_now();
	entry->used = entry->updated;

	err = xa_alloc_cyclic(&vtep->fdb.ids, &entry->id, NULL, xa_limit_32b,
			      &vtep->fdb.next_id, GFP_ATOMIC);
	if (err >= 0)
		return entry;
	kmem_cache_free(vtep_fdb_cache, entry);
	return NULL;
}

/**
 * vtep_fdb_entry_create() - put an entry with one destination into the table
 * @vtep: the device
 * @req: key, destination, state and flags
 * @extack: says why it cannot be
 *
 * Switches are asked; listeners are not told yet.
 *
 * Context: vtep_dev.lock; RTNL for a nexthop.
 * Return: the entry, or an ERR_PTR(): -ENOSPC when there are too many VTEPs,
 * -ENOMEM, the veto of a switch, what vtep_nexthop_get() answers.
 */
struct vtep_fdb_entry *
vtep_fdb_entry_create(struct vtep_dev *vtep, const struct vtep_fdb_request *req,
		      struct netlink_ext_ack *extack)
{
	struct vtep_fdb_entry *entry;
	int err;

	entry = vtep_fdb_entry_alloc(vtep, req);
	if (!entry)
		return ERR_PTR(-ENOMEM);
	err = vtep_fdb_entry_aim(vtep, entry, req, extack);
	if (err)
		goto free_entry;
	if (!req->nhid)
		err = vtep_fdb_offer(vtep, &req->key, &req->dest, req->user,
				     extack);
	if (err)
		goto put_entry;
	err = vtep_fdb_entry_insert(vtep, entry);
	if (err)
		goto withdraw;
	return entry;

withdraw:
	vtep_fdb_withdraw_all(vtep, entry);
put_entry:
	vtep_fdb_entry_put(vtep, entry);
free_entry:
	xa_erase(&vtep->fdb.ids, entry->id);
	kmem_cache_free(vtep_fdb_cache, entry);
	return ERR_PTR(err);
}

/**
 * vtep_fdb_prefetch() - have the processor fetch the places of some entries
 * @vtep: the device
 * @entry: the entries, which are about to be taken out
 * @count: how many
 *
 * In a large table each place is far away from all others, and to wait for one
 * after the other costs more than all else.
 *
 * Context: RCU.
 */
void vtep_fdb_prefetch(struct vtep_dev *vtep, struct vtep_fdb_entry **entry,
		       unsigned int count)
{
	struct rhashtable *table = &vtep->fdb.table;
	const struct bucket_table *buckets;
	unsigned int i;

	buckets = rht_dereference_rcu(table->tbl, table);
	for (i = 0; i < count; i++)
		prefetchw(rht_bucket(buckets,
				     rht_head_hashfn(table, buckets,
						     &entry[i]->node,
						     vtep_fdb_params)));
}

/**
 * vtep_fdb_entry_unhash() - the first step of an entry's end
 * @vtep: the device
 * @entry: the entry, which packets do not find any more
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_entry_unhash(struct vtep_dev *vtep,
			   struct vtep_fdb_entry *entry)
{
	struct vtep_fdb *fdb = &vtep->fdb;

	lockdep_assert_held(&vtep->lock);

	if (vtep_fdb_is_default(vtep, entry))
		RCU_INIT_POINTER(fdb->flood, NULL);
	/* To shrink a large table takes as long as to fill it. */
	WRITE_ONCE(fdb->table.p.automatic_shrinking,
		   fdb->count < VTEP_FDB_SHRINK);
	rhashtable_remove_fast(&fdb->table, &entry->node, vtep_fdb_params);
	entry->gone = true;
	fdb->count--;
}

/**
 * vtep_fdb_entry_end() - the last step, when the entry has no id any more
 * @vtep: the device
 * @entry: the entry; listeners are told. The caller frees it after a grace
 *	period.
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_entry_end(struct vtep_dev *vtep, struct vtep_fdb_entry *entry)
{
	vtep_fdb_tell_all(vtep, entry, VTEP_FDB_DEL);
	vtep_fdb_entry_put(vtep, entry);
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
	vtep_fdb_entry_unhash(vtep, entry);
	xa_erase(&vtep->fdb.ids, entry->id);
	vtep_fdb_entry_end(vtep, entry);
	call_rcu(&entry->rcu, vtep_fdb_entry_free_rcu);
}

/**
 * vtep_fdb_slots_remove() - take one of several destinations out
 * @vtep: the device
 * @entry: a flood entry with more than one destination
 * @index: which; listeners are told
 * @slots: room for the others, at least
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_slots_remove(struct vtep_dev *vtep, struct vtep_fdb_entry *entry,
			   u32 index, struct vtep_fdb_slots *slots)
{
	struct vtep_fdb_slots *old = vtep_fdb_slots(vtep, entry);
	struct vtep_remote *remote = old->remote[index];
	struct vtep_fdb_dst dst = {
		.remote = remote,
		.offloaded = vtep_fdb_slots_offloaded(old)[index],
	};

	vtep_fdb_slots_omit(slots, old, index);
	vtep_fdb_slots_publish(vtep, entry, slots);
	vtep_fdb_tell(vtep, entry, &dst, VTEP_FDB_DEL);
	vtep_remote_put(vtep, remote);
}

/**
 * vtep_fdb_full() - is there no room for one more entry?
 * @vtep: the device
 *
 * Context: vtep_dev.lock.
 * Return: true if the limit is reached.
 */
bool vtep_fdb_full(struct vtep_dev *vtep)
{
	u32 limit = rcu_dereference_bh(vtep->cfg)->limit;

	return limit && vtep->fdb.count >= limit;
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
	BUILD_BUG_ON(IS_ENABLED(CONFIG_64BIT) &&
		     sizeof(struct vtep_fdb_entry) != 64);

	xa_init_flags(&fdb->ids, XA_FLAGS_ALLOC);
	return rhashtable_init(&fdb->table, &vtep_fdb_params);
}

/**
 * vtep_fdb_exit() - free the table, which is empty
 * @vtep: the device; no packet is on its way through it any more
 *
 * Context: may sleep.
 */
void vtep_fdb_exit(struct vtep_dev *vtep)
{
	cancel_delayed_work_sync(&vtep->fdb.ageing);
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
	/* Its own name, should the module be loaded under two. */
	vtep_fdb_cache = kmem_cache_create(VTEP_KIND "_fdb_entry",
					   sizeof(struct vtep_fdb_entry), 0,
					   SLAB_HWCACHE_ALIGN, NULL);
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
