// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of the multicast database.
 *
 * A remote with a list of sources is several entries: its own, and one for
 * each source. So a change has several steps. First all that can fail is
 * prepared for each of them, of which packets and listeners see nothing; then
 * either all steps are made or all that was prepared is given back.
 */
#include "vxlan_mdb.h"
#include "vxlan.h"
#include "vxlan_mdb_table.h"

#include <linux/mm.h>
#include <linux/slab.h>

/**
 * struct mdb_step - what becomes of one remote of one entry
 * @entry: the entry
 * @old: it goes, or NULL
 * @new: it comes, in the place of @old if there is one, or NULL
 * @slots: room for the remotes of the entry afterwards; NULL if none is left
 */
struct mdb_step {
	struct vtep_mdb_entry *entry;
	struct vtep_mdb_dst *old;
	struct vtep_mdb_dst *new;
	struct vtep_mdb_slots *slots;
};

/**
 * struct mdb_change - a change under way
 * @vtep: the device
 * @count: steps prepared so far
 * @step: the first is what was asked for, the others are about its sources
 */
struct mdb_change {
	struct vtep_dev *vtep;
	u32 count;
	struct mdb_step step[];
};

static struct mdb_change *mdb_change_alloc(struct vtep_dev *vtep, u32 steps)
{
	struct mdb_change *change;

	change = kvzalloc(struct_size(change, step, steps), GFP_KERNEL);
	if (change)
		change->vtep = vtep;
	return change;
}

static void mdb_change_undo(struct mdb_change *change)
{
	struct mdb_step *step;

	while (change->count) {
		step = &change->step[--change->count];
		kfree(step->slots);
		if (step->new)
			vtep_mdb_dst_free(change->vtep, step->new);
		vtep_mdb_entry_put(change->vtep, step->entry);
	}
}

/* 0 would mean that dumps need not look. */
static void mdb_changed(struct vtep_dev *vtep)
{
	if (!++vtep->mdb.seq)
		vtep->mdb.seq = 1;
}

static void mdb_step_set(struct vtep_dev *vtep, struct mdb_step *step)
{
	if (step->old)
		vtep_mdb_dst_replace(step->old, step->new);
	else
		vtep_mdb_dst_add(step->entry, step->new);
	vtep_mdb_slots_publish(step->entry, step->slots);
	vtep_mdb_tell(vtep, step->entry, step->new, VTEP_MDB_NEW);
}

static void mdb_step_remove(struct vtep_dev *vtep, struct mdb_step *step)
{
	vtep_mdb_tell(vtep, step->entry, step->old, VTEP_MDB_DEL);
	vtep_mdb_dst_remove(step->entry, step->old);
	if (step->slots)
		vtep_mdb_slots_publish(step->entry, step->slots);
	vtep_mdb_entry_put(vtep, step->entry);
}

/* Does not fail. */
static void mdb_step_commit(struct vtep_dev *vtep, struct mdb_step *step)
{
	if (step->new)
		mdb_step_set(vtep, step);
	else
		mdb_step_remove(vtep, step);
	if (step->old)
		vtep_mdb_dst_free(vtep, step->old);
	mdb_changed(vtep);
}

static void mdb_change_commit_sources(struct mdb_change *change)
{
	u32 i;

	for (i = 1; i < change->count; i++) {
		mdb_step_commit(change->vtep, &change->step[i]);
		cond_resched();
	}
}

/* Remotes that come */

static bool mdb_has_source(const struct vtep_addr *source, u32 count,
			   const struct vtep_addr *addr)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (vtep_addr_equal(&source[i], addr))
			return true;
	return false;
}

static bool mdb_dst_has_source(const struct vtep_mdb_dst *dst,
			       const struct vtep_addr *addr)
{
	return dst && mdb_has_source(dst->source, dst->count, addr);
}

/* Is this source of the request the first of its kind? */
static bool mdb_source_first(const struct vtep_mdb_request *req, u32 i)
{
	return !mdb_has_source(req->source, i, &req->source[i]);
}

static u32 mdb_sources(const struct vtep_mdb_request *req)
{
	u32 i, count = 0;

	for (i = 0; i < req->count; i++)
		count += mdb_source_first(req, i);
	return count;
}

/* Those that are new come first, the last one at the head. */
static void mdb_dst_set_sources(struct vtep_mdb_dst *dst,
				const struct vtep_mdb_request *req,
				const struct vtep_mdb_dst *old)
{
	u32 i, count = 0;

	for (i = req->count; i-- > 0;)
		if (mdb_source_first(req, i) &&
		    !mdb_dst_has_source(old, &req->source[i]))
			dst->source[count++] = req->source[i];
	for (i = 0; old && i < old->count; i++)
		if (mdb_has_source(req->source, req->count, &old->source[i]))
			dst->source[count++] = old->source[i];
}

static int mdb_check_set(const struct vtep_mdb_entry *entry,
			 const struct vtep_mdb_dst *old, u16 nlm_flags,
			 struct netlink_ext_ack *extack)
{
	if (old && !(nlm_flags & NLM_F_REPLACE)) {
		NL_SET_ERR_MSG(extack,
			       "The MDB entry has this remote, and replace was not asked for");
		return -EEXIST;
	}
	if (!old && !(nlm_flags & NLM_F_CREATE)) {
		NL_SET_ERR_MSG(extack,
			       "The MDB entry does not have this remote, and create was not asked for");
		return -ENOENT;
	}
	if (!old && entry->count >= VTEP_MDB_DSTS_MAX) {
		NL_SET_ERR_MSG(extack, "The MDB entry has too many remotes");
		return -ENOSPC;
	}
	return 0;
}

/* @req is complete, but for @key; @count sources are to follow. */
static int mdb_prepare_set(struct mdb_change *change,
			   const struct vtep_mdb_request *req,
			   const struct vtep_mdb_key *key, u32 count,
			   struct netlink_ext_ack *extack)
{
	struct mdb_step *step = &change->step[change->count];
	struct vtep_mdb_entry *entry;
	struct vtep_mdb_dst *dst;
	int err;

	entry = vtep_mdb_entry_get(change->vtep, key, extack);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	step->entry = entry;
	step->old = vtep_mdb_dst_find(entry, &req->dest.peer.addr);
	change->count++;

	err = mdb_check_set(entry, step->old, req->nlm_flags, extack);
	if (err)
		return err;
	dst = vtep_mdb_dst_create(change->vtep, &req->dest, count, extack);
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	dst->rtprot = req->rtprot;
	dst->filter_mode = req->filter_mode;
	step->new = dst;
	step->slots = vtep_mdb_slots_alloc(entry->count + !step->old);
	return step->slots ? 0 : -ENOMEM;
}

/* The entry of one of the sources. */
static int mdb_prepare_source(struct mdb_change *change,
			      const struct vtep_mdb_request *req,
			      const struct vtep_addr *source,
			      struct netlink_ext_ack *extack)
{
	struct vtep_mdb_key key = req->key;
	struct mdb_step *step;
	int err;

	key.source = *source;
	err = mdb_prepare_set(change, req, &key, 0, extack);
	if (err)
		return err;
	step = &change->step[change->count - 1];
	step->new->filter_mode = MCAST_INCLUDE;
	step->new->blocked = req->filter_mode == MCAST_EXCLUDE;
	return 0;
}

static int mdb_prepare_sources(struct mdb_change *change,
			       struct vtep_mdb_request *req,
			       struct netlink_ext_ack *extack)
{
	int err;
	u32 i;

	for (i = 0; i < req->count; i++) {
		if (mdb_source_first(req, i)) {
			err = mdb_prepare_source(change, req, &req->source[i],
						 extack);
		} else if (req->nlm_flags & NLM_F_REPLACE) {
			continue;
		} else {
			NL_SET_ERR_MSG(extack,
				       "A source is in the list more than once");
			err = -EEXIST;
		}
		req->blamed = err;
		if (err)
			return err;
	}
	return 0;
}

/* Remotes that go */

static int mdb_prepare_remove(struct mdb_change *change,
			      struct vtep_mdb_entry *entry,
			      struct vtep_mdb_dst *dst)
{
	struct mdb_step *step = &change->step[change->count++];

	*step = (struct mdb_step) { .entry = entry, .old = dst };
	if (entry->count == 1)
		return 0;
	step->slots = vtep_mdb_slots_alloc(entry->count - 1);
	return step->slots ? 0 : -ENOMEM;
}

/* Somebody else may have taken the entry of the source out before. */
static int mdb_prepare_remove_source(struct mdb_change *change,
				     const struct vtep_mdb_dst *of,
				     const struct vtep_addr *source)
{
	const struct mdb_step *first = &change->step[0];
	struct vtep_mdb_key key = first->entry->key;
	struct vtep_mdb_entry *entry;
	struct vtep_mdb_dst *dst;

	key.source = *source;
	entry = vtep_mdb_find(change->vtep, &key);
	if (!entry)
		return 0;
	dst = vtep_mdb_dst_find(entry, &of->remote->key.peer->key.addr);
	return dst ? mdb_prepare_remove(change, entry, dst) : 0;
}

/* Sources of @of go that are not among those of @keep, which may be NULL. */
static int mdb_prepare_remove_sources(struct mdb_change *change,
				      const struct vtep_mdb_dst *of,
				      const struct vtep_mdb_dst *keep)
{
	int err;
	u32 i;

	for (i = 0; of && i < of->count; i++) {
		if (mdb_dst_has_source(keep, &of->source[i]))
			continue;
		err = mdb_prepare_remove_source(change, of, &of->source[i]);
		if (err)
			return err;
	}
	return 0;
}

/* Requests */

static int mdb_prepare_update(struct mdb_change *change,
			      struct vtep_mdb_request *req,
			      struct netlink_ext_ack *extack)
{
	const struct mdb_step *first = &change->step[0];
	int err;

	err = mdb_prepare_set(change, req, &req->key, mdb_sources(req),
			      extack);
	if (err)
		return err;
	mdb_dst_set_sources(first->new, req, first->old);
	err = mdb_prepare_sources(change, req, extack);
	if (err)
		return err;
	return mdb_prepare_remove_sources(change, first->old, first->new);
}

static u32 mdb_old_sources(struct vtep_dev *vtep,
			   const struct vtep_mdb_request *req)
{
	struct vtep_mdb_entry *entry = vtep_mdb_find(vtep, &req->key);
	const struct vtep_mdb_dst *old;

	old = entry ? vtep_mdb_dst_find(entry, &req->dest.peer.addr) : NULL;
	return old ? old->count : 0;
}

/**
 * vtep_mdb_update() - add a remote to an entry, or replace it
 * @vtep: the device
 * @req: what is asked for; @blamed is filled
 * @extack: says why it cannot be
 *
 * With a list of sources, the remote is added to the entries of the sources as
 * well, as one that wants their frames or one that does not. Listeners hear
 * of those first.
 *
 * Context: RTNL, may sleep.
 * Return: 0; -EEXIST, -ENOENT by NLM_F_REPLACE and NLM_F_CREATE; -ENOSPC at a
 * limit; -ENOMEM. Nothing has changed then.
 */
int vtep_mdb_update(struct vtep_dev *vtep, struct vtep_mdb_request *req,
		    struct netlink_ext_ack *extack)
{
	struct mdb_change *change;
	int err;

	ASSERT_RTNL();
	change = mdb_change_alloc(vtep, 1 + req->count +
					mdb_old_sources(vtep, req));
	if (!change)
		return -ENOMEM;

	err = mdb_prepare_update(change, req, extack);
	if (err) {
		mdb_change_undo(change);
	} else {
		mdb_change_commit_sources(change);
		mdb_step_commit(vtep, &change->step[0]);
	}
	kvfree(change);
	return err;
}

/* A remote goes, with what it has in the entries of its sources. */
static int mdb_remove(struct vtep_dev *vtep, struct vtep_mdb_entry *entry,
		      struct vtep_mdb_dst *dst)
{
	struct mdb_change *change;
	int err;

	change = mdb_change_alloc(vtep, 1 + dst->count);
	if (!change)
		return -ENOMEM;

	err = mdb_prepare_remove(change, entry, dst);
	if (!err)
		err = mdb_prepare_remove_sources(change, dst, NULL);
	if (err) {
		mdb_change_undo(change);
	} else {
		mdb_step_commit(vtep, &change->step[0]);
		mdb_change_commit_sources(change);
	}
	kvfree(change);
	return err;
}

/**
 * vtep_mdb_delete() - take a remote out of an entry
 * @vtep: the device
 * @key: which entry
 * @remote: address of the remote
 * @extack: says what there is not
 *
 * Context: RTNL, may sleep.
 * Return: 0; -ENOENT without such an entry or remote; -ENOMEM.
 */
int vtep_mdb_delete(struct vtep_dev *vtep, const struct vtep_mdb_key *key,
		    const struct vtep_addr *remote,
		    struct netlink_ext_ack *extack)
{
	struct vtep_mdb_entry *entry;
	struct vtep_mdb_dst *dst;

	ASSERT_RTNL();
	entry = vtep_mdb_find(vtep, key);
	if (!entry) {
		NL_SET_ERR_MSG(extack, "MDB entry not found");
		return -ENOENT;
	}
	dst = vtep_mdb_dst_find(entry, remote);
	if (!dst) {
		NL_SET_ERR_MSG(extack, "The MDB entry has no such remote");
		return -ENOENT;
	}
	return mdb_remove(vtep, entry, dst);
}

/* Flush */

/* Needs no memory: that of an entry with all remotes cannot fail. */
static void mdb_flush_whole(struct vtep_dev *vtep,
			    struct vtep_mdb_entry *entry)
{
	struct vtep_mdb_dst *dst, *next;
	LIST_HEAD(gone);

	list_for_each_entry(dst, &entry->dsts, list)
		vtep_mdb_tell(vtep, entry, dst, VTEP_MDB_DEL);
	list_splice_init(&entry->dsts, &gone);
	entry->count = 0;
	vtep_mdb_entry_put(vtep, entry);
	list_for_each_entry_safe(dst, next, &gone, list)
		vtep_mdb_dst_free(vtep, dst);
	mdb_changed(vtep);
}

static int mdb_flush_entry(struct vtep_dev *vtep, struct vtep_mdb_entry *entry,
			   vtep_mdb_match_t match, const void *arg)
{
	struct vtep_mdb_dst *dst, *next;
	int err, failed = 0;
	bool last;

	list_for_each_entry_safe(dst, next, &entry->dsts, list) {
		if (!match(entry, dst, arg))
			continue;
		last = entry->count == 1;
		err = mdb_remove(vtep, entry, dst);
		if (err)
			failed = err;
		else if (last)
			break;	/* and so is the entry */
	}
	return failed;
}

/**
 * vtep_mdb_flush() - take out what matches
 * @vtep: the device
 * @match: chooses among the remotes of the entries; NULL for all
 * @arg: for @match
 *
 * Context: RTNL, may sleep.
 * Return: 0; -ENOMEM when not all that matches could be taken out, which
 * cannot happen without @match.
 */
int vtep_mdb_flush(struct vtep_dev *vtep, vtep_mdb_match_t match,
		   const void *arg)
{
	struct vtep_mdb_entry *entry;
	int err, failed = 0;
	u32 id;

	for (id = 0; (entry = vtep_mdb_next(vtep, &id)); id++) {
		if (match) {
			err = mdb_flush_entry(vtep, entry, match, arg);
			if (err)
				failed = err;
		} else {
			mdb_flush_whole(vtep, entry);
		}
		cond_resched();
	}
	return failed;
}
