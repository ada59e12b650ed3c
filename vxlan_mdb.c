// SPDX-License-Identifier: GPL-2.0
/*
 * The multicast database: {group, source, source VNI} to the remotes that want
 * its frames.
 *
 * All changes are made under RTNL, so that is what protects entries and their
 * lists; vtep_dev.lock is taken in it only to get and put remotes. Packets
 * hold RCU and read one array per entry, which has no other remotes than
 * those that want the frames.
 */
#include "vxlan_mdb.h"
#include "vxlan.h"
#include "vxlan_abi.h"
#include "vxlan_mdb_table.h"
#include "vxlan_remote.h"

#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/mm.h>
#include <linux/slab.h>

/*
 * Ids of entries go down, so that the newest comes first in a walk; there are
 * more than there may be entries.
 */
#define MDB_IDS_MAX (BIT(24) - 1)

static const struct rhashtable_params vtep_mdb_params = {
	.head_offset = offsetof(struct vtep_mdb_entry, node),
	.key_offset = offsetof(struct vtep_mdb_entry, key),
	.key_len = sizeof(struct vtep_mdb_key),
	.automatic_shrinking = true,
};

static const struct vtep_mdb_hooks *vtep_mdb_hooks;

/**
 * vtep_mdb_set_hooks() - name those who are told of changes
 * @hooks: called for each change
 *
 * Context: module init, before the first device.
 */
void vtep_mdb_set_hooks(const struct vtep_mdb_hooks *hooks)
{
	vtep_mdb_hooks = hooks;
}

/**
 * vtep_mdb_tell() - report a change
 * @vtep: the device
 * @entry: the entry
 * @dst: the remote it is about
 * @event: what happened
 *
 * Context: RTNL, may sleep.
 */
void vtep_mdb_tell(struct vtep_dev *vtep, const struct vtep_mdb_entry *entry,
		   const struct vtep_mdb_dst *dst, enum vtep_mdb_event event)
{
	vtep_mdb_hooks->notify(vtep, entry, dst, event);
}

/* Lookup */

/**
 * vtep_mdb_find() - look an entry up
 * @vtep: the device
 * @key: group, source and source VNI
 *
 * Context: RCU (or BH disabled), or RTNL.
 * Return: the entry or NULL.
 */
struct vtep_mdb_entry *vtep_mdb_find(struct vtep_dev *vtep,
				     const struct vtep_mdb_key *key)
{
	return rhashtable_lookup_fast(&vtep->mdb.table, key, vtep_mdb_params);
}

/**
 * vtep_mdb_next() - walk by ascending id, which is from the newest entry on
 * @vtep: the device
 * @id: where to go on; set to the id of the entry that was found
 *
 * A caller that lets go of RTNL goes on with *@id, or *@id + 1. Entries that
 * are there from the beginning to the end of the walk are seen exactly once.
 *
 * Context: RTNL.
 * Return: the entry with the lowest id not below *@id, or NULL.
 */
struct vtep_mdb_entry *vtep_mdb_next(struct vtep_dev *vtep, u32 *id)
{
	unsigned long index = *id;
	struct vtep_mdb_entry *entry;

	ASSERT_RTNL();
	entry = xa_find(&vtep->mdb.ids, &index, MDB_IDS_MAX, XA_PRESENT);
	*id = index;
	return entry;
}

/* Group and source of a frame; false if it is not sent to a group. */
static bool mdb_frame_key(const struct sk_buff *skb, struct vtep_mdb_key *key)
{
	const u8 *mac = eth_hdr(skb)->h_dest;

	if (!is_multicast_ether_addr(mac) || is_broadcast_ether_addr(mac))
		return false;

	switch (skb->protocol) {
	case htons(ETH_P_IP):
		key->group = vtep_addr_v4(ip_hdr(skb)->daddr);
		key->source = vtep_addr_v4(ip_hdr(skb)->saddr);
		return true;
	case htons(ETH_P_IPV6):
		key->group = vtep_addr_v6(&ipv6_hdr(skb)->daddr);
		key->source = vtep_addr_v6(&ipv6_hdr(skb)->saddr);
		return true;
	}
	return false;
}

/* What stays on a link is not for those who want all of the groups. */
static bool mdb_local_group(const struct vtep_addr *group)
{
	if (group->family == AF_INET)
		return ipv4_is_local_multicast(group->v4);
	return vtep_addr_linklocal(group);
}

static const struct vtep_mdb_slots *
mdb_slots(struct vtep_dev *vtep, const struct vtep_mdb_key *key)
{
	struct vtep_mdb_entry *entry = vtep_mdb_find(vtep, key);

	return entry ? rcu_dereference_bh(entry->slots) : NULL;
}

/**
 * vtep_mdb_route() - the remotes that a frame is for
 * @vtep: the device
 * @skb: the frame, its inner IP header linear
 * @vni: source VNI, host order
 *
 * The most special entry counts: that of the source and the group, that of the
 * group, that of all groups.
 *
 * Context: RCU, BH disabled.
 * Return: the remotes, of which there may be none; NULL if there is no entry,
 * and the FDB has to know.
 */
const struct vtep_mdb_slots *vtep_mdb_route(struct vtep_dev *vtep,
					    const struct sk_buff *skb,
					    u32 vni)
{
	const struct vtep_mdb_slots *slots;
	struct vtep_mdb_key key = {};

	if (!mdb_frame_key(skb, &key))
		return NULL;
	key.vni = vni;
	slots = mdb_slots(vtep, &key);
	if (slots)
		return slots;

	memset(&key.source, 0, sizeof(key.source));
	slots = mdb_slots(vtep, &key);
	if (slots || mdb_local_group(&key.group))
		return slots;

	memset(&key.group.v6, 0, sizeof(key.group.v6));
	return mdb_slots(vtep, &key);
}

/* Slots */

/**
 * vtep_mdb_slots_alloc() - room for remotes
 * @count: how many at most
 *
 * Return: the array or NULL.
 */
struct vtep_mdb_slots *vtep_mdb_slots_alloc(u32 count)
{
	struct vtep_mdb_slots *slots;

	slots = kzalloc(struct_size(slots, remote, count), GFP_KERNEL);
	if (slots)
		slots->count = count;
	return slots;
}

/**
 * vtep_mdb_slots_publish() - let packets use what the list of an entry says
 * @entry: the entry
 * @slots: room for all remotes of the entry, at least
 *
 * Context: RTNL.
 */
void vtep_mdb_slots_publish(struct vtep_mdb_entry *entry,
			    struct vtep_mdb_slots *slots)
{
	struct vtep_mdb_slots *old = rtnl_dereference(entry->slots);
	const struct vtep_mdb_dst *dst;
	u32 count = 0;

	list_for_each_entry(dst, &entry->dsts, list)
		if (vtep_mdb_wants(entry, dst))
			slots->remote[count++] = dst->remote;
	slots->count = count;
	rcu_assign_pointer(entry->slots, slots);
	if (old)
		kfree_rcu(old, rcu);
}

/* Remotes of an entry */

/**
 * vtep_mdb_dst_find() - look for a remote of an entry
 * @entry: the entry
 * @remote: its address, which is all that counts
 *
 * Context: RTNL.
 * Return: the remote or NULL.
 */
struct vtep_mdb_dst *vtep_mdb_dst_find(const struct vtep_mdb_entry *entry,
				       const struct vtep_addr *remote)
{
	struct vtep_mdb_dst *dst;

	list_for_each_entry(dst, &entry->dsts, list)
		if (vtep_addr_equal(&dst->remote->key.peer->key.addr, remote))
			return dst;
	return NULL;
}

/**
 * vtep_mdb_dst_create() - make a remote that is in no entry yet
 * @vtep: the device
 * @dest: where to
 * @count: room for sources
 * @extack: says why not
 *
 * Context: RTNL, may sleep.
 * Return: the remote, or an ERR_PTR(): -ENOMEM; -ENOSPC when the device knows
 * VTEP_PEERS_MAX VTEPs.
 */
struct vtep_mdb_dst *vtep_mdb_dst_create(struct vtep_dev *vtep,
					 const struct vtep_dest *dest,
					 u32 count,
					 struct netlink_ext_ack *extack)
{
	struct vtep_mdb_dst *dst;
	int err;

	dst = kvzalloc(struct_size(dst, source, count), GFP_KERNEL);
	if (!dst)
		return ERR_PTR(-ENOMEM);
	dst->count = count;

	spin_lock_bh(&vtep->lock);
	dst->remote = vtep_remote_get(vtep, dest);
	spin_unlock_bh(&vtep->lock);
	if (!IS_ERR(dst->remote))
		return dst;

	err = PTR_ERR(dst->remote);
	if (err == -ENOSPC)
		NL_SET_ERR_MSG(extack, "The device knows too many VTEPs");
	kvfree(dst);
	return ERR_PTR(err);
}

/**
 * vtep_mdb_dst_free() - free a remote that is in no entry (any more)
 * @vtep: the device
 * @dst: the remote
 *
 * Context: RTNL; packets do not find it in any array.
 */
void vtep_mdb_dst_free(struct vtep_dev *vtep, struct vtep_mdb_dst *dst)
{
	spin_lock_bh(&vtep->lock);
	vtep_remote_put(vtep, dst->remote);
	spin_unlock_bh(&vtep->lock);
	kvfree(dst);
}

/**
 * vtep_mdb_dst_add() - put a remote into the list of an entry
 * @entry: the entry
 * @dst: the remote
 *
 * Context: RTNL.
 */
void vtep_mdb_dst_add(struct vtep_mdb_entry *entry, struct vtep_mdb_dst *dst)
{
	dst->id = entry->next_id++;
	list_add(&dst->list, &entry->dsts);
	entry->count++;
}

/**
 * vtep_mdb_dst_remove() - take a remote out of the list of an entry
 * @entry: the entry
 * @dst: the remote
 *
 * Context: RTNL.
 */
void vtep_mdb_dst_remove(struct vtep_mdb_entry *entry,
			 struct vtep_mdb_dst *dst)
{
	list_del(&dst->list);
	entry->count--;
}

/**
 * vtep_mdb_dst_replace() - put a remote in the place of another one
 * @old: in the list of an entry
 * @dst: in its place
 *
 * Context: RTNL.
 */
void vtep_mdb_dst_replace(struct vtep_mdb_dst *old, struct vtep_mdb_dst *dst)
{
	dst->id = old->id;
	list_replace(&old->list, &dst->list);
}

/* Entries */

/* The first id below the last one that nobody has. Context: RTNL. */
static int mdb_entry_number(struct vtep_mdb *mdb, struct vtep_mdb_entry *entry)
{
	int err;

	do {
		entry->id = mdb->last_id ? mdb->last_id - 1 : MDB_IDS_MAX;
		err = xa_insert(&mdb->ids, entry->id, entry, GFP_KERNEL);
		if (!err || err == -EBUSY)
			mdb->last_id = entry->id;
	} while (err == -EBUSY);
	return err;
}

static void mdb_count(struct vtep_dev *vtep, int change)
{
	vtep->mdb.count += change;
	if (vtep->has_mdb == !!vtep->mdb.count)
		return;
	WRITE_ONCE(vtep->has_mdb, !!vtep->mdb.count);
	vtep_abi_set_mdb(vtep, vtep->has_mdb);
}

/**
 * vtep_mdb_entry_get() - find an entry or make an empty one
 * @vtep: the device
 * @key: which entry
 * @extack: says why there can be none
 *
 * Packets find a new one when it has remotes. To be followed by
 * vtep_mdb_entry_put().
 *
 * Context: RTNL, may sleep.
 * Return: the entry, or an ERR_PTR(): -ENOSPC at the limit, -ENOMEM.
 */
struct vtep_mdb_entry *vtep_mdb_entry_get(struct vtep_dev *vtep,
					  const struct vtep_mdb_key *key,
					  struct netlink_ext_ack *extack)
{
	struct vtep_mdb_entry *entry = vtep_mdb_find(vtep, key);
	struct vtep_mdb *mdb = &vtep->mdb;
	int err = -ENOMEM;

	ASSERT_RTNL();
	if (entry)
		return entry;
	if (mdb->count >= VTEP_MDB_ENTRIES_MAX) {
		NL_SET_ERR_MSG(extack, "The MDB of the device is full");
		return ERR_PTR(-ENOSPC);
	}

	entry = kzalloc_obj(*entry);
	if (!entry)
		return ERR_PTR(-ENOMEM);
	entry->key = *key;
	INIT_LIST_HEAD(&entry->dsts);
	err = mdb_entry_number(mdb, entry);
	if (err)
		goto free_entry;
	err = rhashtable_insert_fast(&mdb->table, &entry->node,
				     vtep_mdb_params);
	if (err)
		goto erase_id;
	mdb_count(vtep, 1);
	return entry;

erase_id:
	xa_erase(&mdb->ids, entry->id);
free_entry:
	kfree(entry);
	return ERR_PTR(err);
}

/**
 * vtep_mdb_entry_put() - take an entry out of the table if it is empty
 * @vtep: the device
 * @entry: the entry
 *
 * Context: RTNL.
 */
void vtep_mdb_entry_put(struct vtep_dev *vtep, struct vtep_mdb_entry *entry)
{
	struct vtep_mdb_slots *slots = rtnl_dereference(entry->slots);
	struct vtep_mdb *mdb = &vtep->mdb;

	ASSERT_RTNL();
	if (entry->count)
		return;

	rhashtable_remove_fast(&mdb->table, &entry->node, vtep_mdb_params);
	xa_erase(&mdb->ids, entry->id);
	mdb_count(vtep, -1);
	if (slots)
		kfree_rcu(slots, rcu);
	kfree_rcu(entry, rcu);
}

/**
 * vtep_mdb_init() - prepare the empty table of a device
 * @vtep: the device
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int vtep_mdb_init(struct vtep_dev *vtep)
{
	BUILD_BUG_ON(sizeof(struct vtep_mdb_key) != 44);
	BUILD_BUG_ON(VTEP_MDB_ENTRIES_MAX > MDB_IDS_MAX);

	xa_init(&vtep->mdb.ids);
	vtep->mdb.seq = 1;
	return rhashtable_init(&vtep->mdb.table, &vtep_mdb_params);
}

/**
 * vtep_mdb_exit() - free the table, which is empty
 * @vtep: the device; no packet is on its way through it any more
 *
 * Context: may sleep.
 */
void vtep_mdb_exit(struct vtep_dev *vtep)
{
	WARN_ON_ONCE(vtep->mdb.count);
	rhashtable_destroy(&vtep->mdb.table);
	xa_destroy(&vtep->mdb.ids);
}
