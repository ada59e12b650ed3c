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
#include "vxlan_remote.h"

#include <linux/slab.h>

/* Longest time between two looks at the table. */
#define VTEP_AGE_STEP (10 * HZ)

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

static void vtep_fdb_tell(struct vtep_dev *vtep,
			  const struct vtep_fdb_entry *entry,
			  const struct vtep_remote *remote,
			  enum vtep_fdb_event event)
{
	if (vtep_fdb_notify)
		vtep_fdb_notify(vtep, entry, remote, event);
}

/* Values under the lock of the device. */
static struct vtep_remote *vtep_fdb_remote(struct vtep_dev *vtep,
					   struct vtep_fdb_entry *entry)
{
	return rcu_dereference_protected(entry->remote,
					 lockdep_is_held(&vtep->lock));
}

static struct vtep_fdb_slots *vtep_fdb_slots(struct vtep_dev *vtep,
					     struct vtep_fdb_entry *entry)
{
	return rcu_dereference_protected(entry->slots,
					 lockdep_is_held(&vtep->lock));
}

/* Entries for these MACs may have several remotes. */
static bool vtep_fdb_floods(const u8 *mac)
{
	return is_multicast_ether_addr(mac) || is_zero_ether_addr(mac);
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

static int vtep_fdb_slots_find(const struct vtep_fdb_slots *slots,
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

static int vtep_fdb_slots_append(struct vtep_dev *vtep,
				 struct vtep_fdb_entry *entry,
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

/* Takes one of several remotes out; the array shrinks in a copy. */
static int vtep_fdb_slots_remove(struct vtep_dev *vtep,
				 struct vtep_fdb_entry *entry, u32 index)
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

/* An entry in the table with one destination, not yet told of. */
static struct vtep_fdb_entry *
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

static void vtep_fdb_entry_tell_all(struct vtep_dev *vtep,
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

static void vtep_fdb_entry_destroy(struct vtep_dev *vtep,
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

static bool vtep_fdb_full(struct vtep_dev *vtep, const struct vtep_config *cfg)
{
	return cfg->limit && vtep->fdb.count >= cfg->limit;
}

/* Points a unicast entry to another destination. */
static int vtep_fdb_entry_redirect(struct vtep_dev *vtep,
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

/* Learning */

static enum vtep_counter vtep_fdb_learn_error(int err)
{
	return err == -ENOSPC ? VTEP_RX_PEER_LIMIT : VTEP_RX_NOMEM;
}

static enum vtep_counter vtep_fdb_learn_new(struct vtep_dev *vtep,
					    const struct vtep_fdb_key *key,
					    const struct vtep_dest *from)
{
	struct vtep_fdb_request req = {
		.key = *key,
		.dest = *from,
		.state = NUD_REACHABLE,
		.ndm_flags = NTF_SELF,
	};
	struct vtep_fdb_entry *entry;

	if (!netif_running(vtep->dev))
		return VTEP_OK;
	if (vtep_fdb_full(vtep, rcu_dereference_bh(vtep->cfg))) {
		vtep_count(vtep->counters, VTEP_FDB_LIMIT);
		return VTEP_OK;
	}
	entry = vtep_fdb_entry_create(vtep, &req);
	if (IS_ERR(entry))
		return vtep_fdb_learn_error(PTR_ERR(entry));
	vtep_fdb_entry_tell_all(vtep, entry, VTEP_FDB_NEW);
	vtep_count(vtep->counters, VTEP_FDB_LEARNED);
	return VTEP_OK;
}

static void vtep_fdb_log_move(struct vtep_dev *vtep, const u8 *mac,
			      const struct vtep_addr *to)
{
	if (!net_ratelimit())
		return;
	if (to->family == AF_INET6)
		netdev_info(vtep->dev, "%pM moved to %pI6c\n", mac, &to->v6);
	else
		netdev_info(vtep->dev, "%pM moved to %pI4\n", mac, &to->v4);
}

static enum vtep_counter vtep_fdb_learn_move(struct vtep_dev *vtep,
					     struct vtep_fdb_entry *entry,
					     const struct vtep_dest *from)
{
	struct vtep_remote *old = vtep_fdb_remote(vtep, entry);
	struct vtep_dest dest = vtep_remote_dest(old);
	int err;

	dest.peer = from->peer;
	err = vtep_fdb_entry_redirect(vtep, entry, &dest);
	if (err)
		return vtep_fdb_learn_error(err);

	WRITE_ONCE(entry->updated, jiffies);
	vtep_fdb_entry_tell_all(vtep, entry, VTEP_FDB_NEW);
	vtep_count(vtep->counters, VTEP_FDB_MOVED);
	vtep_fdb_log_move(vtep, entry->key.mac, &from->peer.addr);
	return VTEP_OK;
}

static bool vtep_fdb_from(const struct vtep_remote *remote,
			  const struct vtep_dest *from)
{
	const struct vtep_peer_key *key = &remote->key.peer->key;

	return vtep_addr_equal(&key->addr, &from->peer.addr) &&
	       key->ifindex == from->peer.ifindex;
}

/*
 * What is known of a source already? VTEP_COUNTERS: nothing or another place,
 * so that something is to be learned.
 */
static enum vtep_counter vtep_fdb_known(struct vtep_fdb_entry *entry,
					struct vtep_remote *remote,
					const struct vtep_dest *from)
{
	if (!entry)
		return VTEP_COUNTERS;
	if (!remote)
		return VTEP_RX_STATIC_ENTRY;
	if (vtep_fdb_from(remote, from))
		return VTEP_OK;
	if (READ_ONCE(entry->state) & (NUD_PERMANENT | NUD_NOARP))
		return VTEP_RX_STATIC_ENTRY;
	return VTEP_COUNTERS;
}

static void vtep_fdb_touch(struct vtep_fdb_entry *entry,
			   struct vtep_peer *peer)
{
	unsigned long now = jiffies;

	if (READ_ONCE(entry->updated) != now)
		WRITE_ONCE(entry->updated, now);
	if (READ_ONCE(peer->last_seen) != now)
		WRITE_ONCE(peer->last_seen, now);
}

/**
 * vtep_fdb_learn() - a frame came from this MAC address at this VTEP
 * @vtep: the device
 * @mac: inner source address, a valid unicast address
 * @from: the VTEP, and the port and VNI to answer to
 *
 * RFC 7348 section 4.1. A known source costs a lookup and no lock.
 *
 * Context: RCU, BH disabled.
 * Return: VTEP_OK, or why the frame is to be dropped: VTEP_RX_STATIC_ENTRY
 * when the MAC address is nailed to another VTEP, VTEP_RX_PEER_LIMIT or
 * VTEP_RX_NOMEM.
 */
enum vtep_counter vtep_fdb_learn(struct vtep_dev *vtep, const u8 *mac,
				 const struct vtep_dest *from)
{
	struct vtep_fdb_key key = vtep_fdb_key(mac, from->vni);
	struct vtep_fdb_entry *entry;
	struct vtep_remote *remote;
	enum vtep_counter verdict;

	entry = rhashtable_lookup_fast(&vtep->fdb.table, &key, vtep_fdb_params);
	remote = entry ? rcu_dereference_bh(entry->remote) : NULL;
	verdict = vtep_fdb_known(entry, remote, from);
	if (likely(verdict == VTEP_OK)) {
		vtep_fdb_touch(entry, remote->key.peer);
		return VTEP_OK;
	}
	if (verdict != VTEP_COUNTERS)
		return verdict;

	spin_lock(&vtep->lock);
	entry = vtep_fdb_find(vtep, mac, from->vni);
	remote = entry ? vtep_fdb_remote(vtep, entry) : NULL;
	verdict = vtep_fdb_known(entry, remote, from);
	if (verdict == VTEP_COUNTERS && entry)
		verdict = vtep_fdb_learn_move(vtep, entry, from);
	else if (verdict == VTEP_COUNTERS)
		verdict = vtep_fdb_learn_new(vtep, &key, from);
	spin_unlock(&vtep->lock);
	return verdict;
}

/* Changes asked for */

static int vtep_fdb_update_remote(struct vtep_dev *vtep,
				  struct vtep_fdb_entry *entry,
				  const struct vtep_fdb_request *req)
{
	struct vtep_remote *remote = vtep_fdb_remote(vtep, entry);
	int err;

	if (remote) {
		/* Append is for flood entries; here it changes nothing. */
		if (!(req->nlm_flags & NLM_F_REPLACE) ||
		    vtep_remote_matches(remote, &req->dest))
			return 0;
		err = vtep_fdb_entry_redirect(vtep, entry, &req->dest);
	} else {
		if (!(req->nlm_flags & NLM_F_APPEND) ||
		    vtep_fdb_slots_find(vtep_fdb_slots(vtep, entry),
					&req->dest) >= 0)
			return 0;
		err = vtep_fdb_slots_append(vtep, entry, &req->dest);
	}
	return err ?: 1;
}

static bool vtep_fdb_update_state(struct vtep_fdb_entry *entry,
				  const struct vtep_fdb_request *req)
{
	u8 flags = req->ndm_flags & ~NTF_USE;
	bool changed = false;

	/* What a person configured is not for a protocol to change. */
	if (req->ndm_flags & NTF_EXT_LEARNED && entry->user)
		return false;
	if (!(req->ndm_flags & NTF_EXT_LEARNED))
		entry->user = true;

	if (entry->state != req->state) {
		WRITE_ONCE(entry->state, req->state);
		changed = true;
	}
	if (entry->ndm_flags != flags) {
		WRITE_ONCE(entry->ndm_flags, flags);
		changed = true;
	}
	return changed;
}

/* The remote an event about @dest names: that one, else the first. */
static struct vtep_remote *vtep_fdb_remote_of(struct vtep_dev *vtep,
					      struct vtep_fdb_entry *entry,
					      const struct vtep_dest *dest)
{
	struct vtep_fdb_slots *slots = vtep_fdb_slots(vtep, entry);
	int i;

	if (!slots)
		return vtep_fdb_remote(vtep, entry);
	i = vtep_fdb_slots_find(slots, dest);
	return slots->remote[i < 0 ? 0 : i];
}

static int vtep_fdb_refuse(int err, struct netlink_ext_ack *extack)
{
	if (err == -ENOSPC)
		NL_SET_ERR_MSG(extack, "Too many remote VTEPs");
	else
		NL_SET_ERR_MSG(extack, "Out of memory");
	return err;
}

static int vtep_fdb_update_existing(struct vtep_dev *vtep,
				    struct vtep_fdb_entry *entry,
				    const struct vtep_fdb_request *req,
				    struct netlink_ext_ack *extack)
{
	bool changed;
	int err;

	if (req->nlm_flags & NLM_F_EXCL) {
		NL_SET_ERR_MSG(extack, "FDB entry exists");
		return -EEXIST;
	}
	if (req->nlm_flags & NLM_F_REPLACE &&
	    vtep_fdb_floods(entry->key.mac)) {
		NL_SET_ERR_MSG(extack,
			       "Cannot replace a multicast or all-zeros entry");
		return -EOPNOTSUPP;
	}

	err = vtep_fdb_update_remote(vtep, entry, req);
	if (err < 0)
		return vtep_fdb_refuse(err, extack);
	changed = vtep_fdb_update_state(entry, req) || err;
	if (changed)
		WRITE_ONCE(entry->updated, jiffies);
	if (req->ndm_flags & NTF_USE)
		WRITE_ONCE(entry->updated, jiffies);
	if (changed)
		vtep_fdb_tell(vtep, entry,
			      vtep_fdb_remote_of(vtep, entry, &req->dest),
			      VTEP_FDB_NEW);
	return 0;
}

static int vtep_fdb_update_create(struct vtep_dev *vtep,
				  const struct vtep_fdb_request *req,
				  struct netlink_ext_ack *extack)
{
	struct vtep_fdb_entry *entry;

	if (!(req->nlm_flags & NLM_F_CREATE)) {
		NL_SET_ERR_MSG(extack, "No such FDB entry");
		return -ENOENT;
	}
	if (req->nlm_flags & NLM_F_REPLACE && vtep_fdb_floods(req->key.mac)) {
		NL_SET_ERR_MSG(extack,
			       "Cannot replace a multicast or all-zeros entry");
		return -EOPNOTSUPP;
	}
	if (vtep_fdb_full(vtep, vtep_cfg_rtnl(vtep))) {
		NL_SET_ERR_MSG(extack, "FDB is full (maxaddress)");
		return -ENOSPC;
	}

	entry = vtep_fdb_entry_create(vtep, req);
	if (IS_ERR(entry))
		return vtep_fdb_refuse(PTR_ERR(entry), extack);
	entry->user = !(req->ndm_flags & NTF_EXT_LEARNED);
	vtep_fdb_entry_tell_all(vtep, entry, VTEP_FDB_NEW);
	return 0;
}

/**
 * vtep_fdb_update() - add, append to or replace an entry
 * @vtep: the device
 * @req: what is wanted, checked by the caller for form
 * @extack: filled when it is refused
 *
 * Context: RTNL.
 * Return: 0; -EEXIST with NLM_F_EXCL; -ENOENT without NLM_F_CREATE;
 * -EOPNOTSUPP to replace a flood entry; -ENOSPC at a limit; -ENOMEM.
 */
int vtep_fdb_update(struct vtep_dev *vtep, const struct vtep_fdb_request *req,
		    struct netlink_ext_ack *extack)
{
	struct vtep_fdb_entry *entry;
	int err;

	ASSERT_RTNL();

	spin_lock_bh(&vtep->lock);
	entry = vtep_fdb_find(vtep, req->key.mac, req->key.vni);
	if (entry)
		err = vtep_fdb_update_existing(vtep, entry, req, extack);
	else
		err = vtep_fdb_update_create(vtep, req, extack);
	spin_unlock_bh(&vtep->lock);
	return err;
}

/**
 * vtep_fdb_delete() - take an entry or one of its remotes out
 * @vtep: the device
 * @key: the entry
 * @dest: only this destination; NULL for the whole entry
 *
 * Control planes rely on it that deleting a destination which is not there
 * succeeds.
 *
 * Context: RTNL.
 * Return: 0, -ENOENT without such an entry, -ENOMEM.
 */
int vtep_fdb_delete(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
		    const struct vtep_dest *dest)
{
	struct vtep_fdb_entry *entry;
	struct vtep_fdb_slots *slots;
	int err = 0;
	int i;

	spin_lock_bh(&vtep->lock);
	entry = vtep_fdb_find(vtep, key->mac, key->vni);
	if (!entry) {
		err = -ENOENT;
		goto unlock;
	}
	slots = vtep_fdb_slots(vtep, entry);
	if (dest && slots) {
		i = vtep_fdb_slots_find(slots, dest);
		if (i < 0)
			goto unlock;
		if (slots->count > 1) {
			err = vtep_fdb_slots_remove(vtep, entry, i);
			goto unlock;
		}
	} else if (dest && !vtep_remote_matches(vtep_fdb_remote(vtep, entry),
						dest)) {
		goto unlock;
	}
	vtep_fdb_entry_destroy(vtep, entry);
unlock:
	spin_unlock_bh(&vtep->lock);
	return err;
}

/* The default destination */

static struct vtep_fdb_request
vtep_fdb_default_request(const struct vtep_config *cfg)
{
	return (struct vtep_fdb_request) {
		.key.vni = cfg->vni,
		.dest = {
			.peer = {
				.addr = cfg->remote,
				.ifindex = cfg->ifindex,
			},
			.port = cfg->port,
			.vni = cfg->vni,
		},
		.state = NUD_REACHABLE | NUD_PERMANENT,
		.ndm_flags = NTF_SELF,
		.nlm_flags = NLM_F_CREATE | NLM_F_APPEND,
	};
}

/**
 * vtep_fdb_set_default() - let the all-zeros entry follow the configuration
 * @vtep: the device
 * @old: former configuration, NULL for a new device
 * @new: new configuration
 *
 * The new destination is added before the old one is taken out, so that no
 * BUM frame falls between the two. When it fails nothing has changed.
 *
 * Context: RTNL.
 * Return: 0, -ENOSPC at a limit, -ENOMEM.
 */
int vtep_fdb_set_default(struct vtep_dev *vtep, const struct vtep_config *old,
			 const struct vtep_config *new)
{
	struct vtep_fdb_request req = vtep_fdb_default_request(new);
	struct vtep_fdb_request was = {};
	int err;

	if (old)
		was = vtep_fdb_default_request(old);
	if (vtep_dest_equal(&req.dest, &was.dest))
		return 0;

	if (!vtep_addr_any(&new->remote)) {
		err = vtep_fdb_update(vtep, &req, NULL);
		if (err)
			return err;
	}
	if (!old || vtep_addr_any(&old->remote))
		return 0;
	err = vtep_fdb_delete(vtep, &was.key, &was.dest);
	if (err == -ENOMEM) {
		if (!vtep_addr_any(&new->remote))
			vtep_fdb_delete(vtep, &req.key, &req.dest);
		return err;
	}
	return 0;
}

/* Walks */

/* Takes out those remotes of an entry that match; the last one ends it. */
static void vtep_fdb_flush_entry(struct vtep_dev *vtep,
				 struct vtep_fdb_entry *entry,
				 vtep_fdb_match_t match, const void *arg)
{
	struct vtep_remote *remote = vtep_fdb_remote(vtep, entry);
	struct vtep_fdb_slots *slots = vtep_fdb_slots(vtep, entry);
	u32 i, matching = 0;

	if (remote) {
		if (!match || match(entry, remote, arg))
			vtep_fdb_entry_destroy(vtep, entry);
		return;
	}

	for (i = 0; i < slots->count; i++)
		matching += !match || match(entry, slots->remote[i], arg);
	if (matching == slots->count) {
		vtep_fdb_entry_destroy(vtep, entry);
		return;
	}
	for (i = slots->count; matching && i-- > 0;) {
		if (!match(entry, slots->remote[i], arg))
			continue;
		if (vtep_fdb_slots_remove(vtep, entry, i))
			return;
		slots = vtep_fdb_slots(vtep, entry);
		matching--;
	}
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
 */
void vtep_fdb_flush(struct vtep_dev *vtep, vtep_fdb_match_t match,
		    const void *arg)
{
	struct vtep_fdb_entry *entry;
	unsigned int seen = 0;
	u32 id = 0;

	rcu_read_lock();
	while ((entry = vtep_fdb_next(vtep, &id))) {
		spin_lock_bh(&vtep->lock);
		if (xa_load(&vtep->fdb.ids, id) == entry)
			vtep_fdb_flush_entry(vtep, entry, match, arg);
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
}

struct vtep_fdb_ageing {
	unsigned long now;
	unsigned long interval;
	unsigned long next;
};

/* Also notes when the next entry is due. */
static bool vtep_fdb_expired(const struct vtep_fdb_entry *entry,
			     struct vtep_fdb_ageing *ageing)
{
	unsigned long due;

	if (!vtep_fdb_ages(entry))
		return false;
	due = READ_ONCE(entry->updated) + ageing->interval;
	if (time_before_eq(due, ageing->now))
		return true;
	if (time_before(due, ageing->next))
		ageing->next = due;
	return false;
}

static void vtep_fdb_age_one(struct vtep_dev *vtep,
			     struct vtep_fdb_entry *entry)
{
	/* Listeners are told that it is stale, not that it was reachable. */
	WRITE_ONCE(entry->state, NUD_STALE);
	vtep_count(vtep->counters, VTEP_FDB_AGED);
	vtep_fdb_entry_destroy(vtep, entry);
}

static void vtep_fdb_age_chunk(struct vtep_dev *vtep, u32 *id,
			       struct vtep_fdb_ageing *ageing)
{
	struct vtep_fdb_entry *entry;
	unsigned int seen;

	rcu_read_lock();
	for (seen = 0; seen < 256; seen++, ++*id) {
		entry = vtep_fdb_next(vtep, id);
		if (!entry) {
			*id = U32_MAX;
			break;
		}
		if (!vtep_fdb_expired(entry, ageing))
			continue;
		spin_lock_bh(&vtep->lock);
		if (xa_load(&vtep->fdb.ids, *id) == entry &&
		    vtep_fdb_expired(entry, ageing))
			vtep_fdb_age_one(vtep, entry);
		spin_unlock_bh(&vtep->lock);
	}
	rcu_read_unlock();
}

static void vtep_fdb_age_work(struct work_struct *work)
{
	struct vtep_dev *vtep = container_of(work, struct vtep_dev,
					     fdb.ageing.work);
	struct vtep_fdb_ageing ageing = {
		.now = jiffies,
		.next = jiffies + VTEP_AGE_STEP,
	};
	u32 id = 0;

	rcu_read_lock();
	ageing.interval = rcu_dereference(vtep->cfg)->ageing * HZ;
	rcu_read_unlock();
	if (!ageing.interval)
		return;

	while (id != U32_MAX) {
		vtep_fdb_age_chunk(vtep, &id, &ageing);
		cond_resched();
	}
	queue_delayed_work(system_long_wq, &vtep->fdb.ageing,
			   ageing.next - ageing.now);
}

/**
 * vtep_fdb_age_now() - look at the ages at once
 * @vtep: a running device; its ageing interval has changed
 *
 * Context: RTNL.
 */
void vtep_fdb_age_now(struct vtep_dev *vtep)
{
	mod_delayed_work(system_long_wq, &vtep->fdb.ageing, 0);
}

/**
 * vtep_fdb_start() - the device comes up
 * @vtep: the device
 *
 * Context: RTNL.
 */
void vtep_fdb_start(struct vtep_dev *vtep)
{
	vtep_fdb_age_now(vtep);
}

static bool vtep_fdb_goes_at_stop(const struct vtep_fdb_entry *entry,
				  const struct vtep_remote *remote,
				  const void *arg)
{
	return !(entry->state & (NUD_PERMANENT | NUD_NOARP));
}

/**
 * vtep_fdb_stop() - the device goes down: forget what is not permanent
 * @vtep: the device; it is not running any more
 *
 * Context: RTNL, may sleep.
 */
void vtep_fdb_stop(struct vtep_dev *vtep)
{
	cancel_delayed_work_sync(&vtep->fdb.ageing);
	/*
	 * Who learns asks under the lock whether the device runs: behind this
	 * point all that was learned is visible and nothing more comes.
	 */
	spin_lock_bh(&vtep->lock);
	spin_unlock_bh(&vtep->lock);
	vtep_fdb_flush(vtep, vtep_fdb_goes_at_stop, NULL);
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
	INIT_DELAYED_WORK(&fdb->ageing, vtep_fdb_age_work);
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
