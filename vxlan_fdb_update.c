// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of the table that somebody asked for: by netlink, or by the
 * configuration of the device, which owns the default destination.
 */
#include "vxlan_fdb.h"
#include "vxlan.h"
#include "vxlan_fdb_table.h"
#include "vxlan_remote.h"

/**
 * struct vtep_fdb_step - a change of an existing entry, prepared
 * @req: what is wanted
 * @slots: array of destinations to publish, or NULL
 * @target: to redirect to; both pointers NULL if not
 * @state: the state and flags change, too
 */
struct vtep_fdb_step {
	const struct vtep_fdb_request *req;
	struct vtep_fdb_slots *slots;
	struct vtep_fdb_target target;
	bool state;
};

static bool vtep_fdb_step_empty(const struct vtep_fdb_step *step)
{
	return !step->slots && !step->target.remote &&
	       !step->target.nexthop && !step->state;
}

static bool vtep_fdb_leads_to(struct vtep_dev *vtep,
			      struct vtep_fdb_entry *entry,
			      const struct vtep_fdb_request *req)
{
	struct vtep_nexthop *nexthop = vtep_fdb_nexthop(vtep, entry);
	struct vtep_remote *remote = vtep_fdb_remote(vtep, entry);

	if (req->nhid)
		return nexthop && nexthop->id == req->nhid;
	return remote && vtep_remote_matches(remote, &req->dest);
}

static int vtep_fdb_step_append(struct vtep_dev *vtep,
				struct vtep_fdb_entry *entry,
				struct vtep_fdb_step *step)
{
	const struct vtep_dest *dest = &step->req->dest;
	struct vtep_fdb_slots *slots;

	if (!(step->req->nlm_flags & NLM_F_APPEND) ||
	    vtep_fdb_slots_find(vtep_fdb_slots(vtep, entry), dest) >= 0)
		return 0;
	slots = vtep_fdb_slots_extend(vtep, entry, dest);
	if (IS_ERR(slots))
		return PTR_ERR(slots);
	step->slots = slots;
	return 0;
}

static bool vtep_fdb_step_state(const struct vtep_fdb_entry *entry,
				const struct vtep_fdb_request *req)
{
	/* What a person configured is not for a protocol to change. */
	if (req->ndm_flags & NTF_EXT_LEARNED && entry->user &&
	    !(entry->ndm_flags & NTF_EXT_LEARNED))
		return false;
	return entry->state != req->state || entry->user != req->user ||
	       entry->ndm_flags != (req->ndm_flags & ~NTF_USE);
}

/* Which of its destinations a message about a change names. */
static bool vtep_fdb_step_dst(struct vtep_dev *vtep,
			      struct vtep_fdb_entry *entry,
			      const struct vtep_fdb_request *req,
			      struct vtep_fdb_dst *dst)
{
	struct vtep_fdb_slots *slots = vtep_fdb_slots(vtep, entry);
	int i = slots ? vtep_fdb_slots_find(slots, &req->dest) : 0;

	return vtep_fdb_dst(vtep, entry, max(i, 0), dst);
}

/* Switches are asked about the destination that is new, or stays. */
static int vtep_fdb_step_offer(struct vtep_dev *vtep,
			       struct vtep_fdb_entry *entry,
			       const struct vtep_fdb_step *step,
			       struct netlink_ext_ack *extack)
{
	const struct vtep_fdb_request *req = step->req;
	struct vtep_dest dest = req->dest;
	struct vtep_fdb_dst dst;

	if (!step->slots && !step->target.remote) {
		if (step->target.nexthop ||
		    !vtep_fdb_step_dst(vtep, entry, req, &dst) || !dst.remote)
			return 0;
		dest = vtep_remote_dest(dst.remote);
	}
	return vtep_fdb_offer(vtep, &entry->key, &dest, req->user, extack);
}

/* All that can fail; a request that changes nothing leaves an empty step. */
static int vtep_fdb_step_prepare(struct vtep_dev *vtep,
				 struct vtep_fdb_entry *entry,
				 struct vtep_fdb_step *step,
				 struct netlink_ext_ack *extack)
{
	const struct vtep_fdb_request *req = step->req;
	int err = 0;

	step->state = vtep_fdb_step_state(entry, req);
	if (vtep_fdb_slots(vtep, entry))
		err = vtep_fdb_step_append(vtep, entry, step);
	else if (req->nlm_flags & NLM_F_REPLACE &&
		 !vtep_fdb_leads_to(vtep, entry, req))
		err = vtep_fdb_target_get(vtep, entry, req, &step->target,
					  extack);
	/* Append is for flood entries; to another it changes nothing. */
	if (err || vtep_fdb_step_empty(step))
		return err;

	err = vtep_fdb_step_offer(vtep, entry, step, extack);
	if (!err)
		return 0;
	if (step->slots)
		vtep_fdb_slots_drop(vtep, step->slots);
	vtep_fdb_target_put(vtep, entry, &step->target);
	return err;
}

static void vtep_fdb_step_apply(struct vtep_dev *vtep,
				struct vtep_fdb_entry *entry,
				const struct vtep_fdb_step *step)
{
	const struct vtep_fdb_request *req = step->req;
	struct vtep_fdb_dst dst;

	if (step->slots)
		vtep_fdb_slots_publish(vtep, entry, step->slots);
	if (step->target.remote || step->target.nexthop)
		vtep_fdb_redirect(vtep, entry, &step->target);
	if (step->state) {
		WRITE_ONCE(entry->state, req->state);
		WRITE_ONCE(entry->ndm_flags, req->ndm_flags & ~NTF_USE);
		entry->user = req->user;
	}
	WRITE_ONCE(entry->updated, vtep_fdb_now());
	if (vtep_fdb_step_dst(vtep, entry, req, &dst))
		vtep_fdb_tell(vtep, entry, &dst, VTEP_FDB_NEW);
}

static int vtep_fdb_refuse(int err, struct netlink_ext_ack *extack)
{
	if (err == -ENOSPC)
		NL_SET_ERR_MSG(extack, "Too many remote VTEPs");
	else if (err == -ENOMEM)
		NL_SET_ERR_MSG(extack, "Out of memory");
	return err;
}

static int vtep_fdb_refuse_update(struct vtep_dev *vtep,
				  struct vtep_fdb_entry *entry,
				  const struct vtep_fdb_request *req,
				  struct netlink_ext_ack *extack)
{
	struct vtep_nexthop *nexthop = vtep_fdb_nexthop(vtep, entry);

	if (req->nlm_flags & NLM_F_EXCL) {
		NL_SET_ERR_MSG(extack, "FDB entry exists");
		return -EEXIST;
	}
	if (req->nhid && !nexthop) {
		NL_SET_ERR_MSG(extack,
			       "Cannot replace a remote by a nexthop group");
		return -EOPNOTSUPP;
	}
	if (req->nlm_flags & NLM_F_APPEND &&
	    (req->nhid || (nexthop && vtep_fdb_floods(entry->key.mac)))) {
		NL_SET_ERR_MSG(extack, "Cannot append to a nexthop group");
		return -EOPNOTSUPP;
	}
	if (nexthop && !(req->state & (NUD_PERMANENT | NUD_NOARP))) {
		NL_SET_ERR_MSG(extack,
			       "An entry with a nexthop group cannot be dynamic");
		return -EOPNOTSUPP;
	}
	if (req->nlm_flags & NLM_F_REPLACE &&
	    vtep_fdb_floods(entry->key.mac)) {
		NL_SET_ERR_MSG(extack,
			       "Cannot replace a multicast or all-zeros entry");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int vtep_fdb_update_existing(struct vtep_dev *vtep,
				    struct vtep_fdb_entry *entry,
				    const struct vtep_fdb_request *req,
				    struct netlink_ext_ack *extack)
{
	struct vtep_fdb_step step = { .req = req };
	int err;

	err = vtep_fdb_refuse_update(vtep, entry, req, extack);
	if (err)
		return err;
	err = vtep_fdb_step_prepare(vtep, entry, &step, extack);
	if (err)
		return vtep_fdb_refuse(err, extack);

	if (!vtep_fdb_step_empty(&step))
		vtep_fdb_step_apply(vtep, entry, &step);
	else if (req->ndm_flags & NTF_USE)
		WRITE_ONCE(entry->updated, vtep_fdb_now());
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
	if (vtep_fdb_full(vtep)) {
		NL_SET_ERR_MSG(extack, "FDB is full (maxaddress)");
		return -ENOSPC;
	}

	entry = vtep_fdb_entry_create(vtep, req, extack);
	if (IS_ERR(entry))
		return vtep_fdb_refuse(PTR_ERR(entry), extack);
	vtep_fdb_tell_all(vtep, entry, VTEP_FDB_NEW);
	return 0;
}

static int vtep_fdb_update_locked(struct vtep_dev *vtep,
				  const struct vtep_fdb_request *req,
				  struct netlink_ext_ack *extack)
{
	struct vtep_fdb_entry *entry;

	entry = vtep_fdb_find(vtep, req->key.mac, req->key.vni);
	if (entry)
		return vtep_fdb_update_existing(vtep, entry, req, extack);
	return vtep_fdb_update_create(vtep, req, extack);
}

/**
 * vtep_fdb_update() - add, append to or replace an entry
 * @vtep: the device
 * @req: what is wanted, checked by the caller for form
 * @extack: filled when it is refused
 *
 * Context: RTNL.
 * Return: 0; -EEXIST with NLM_F_EXCL; -ENOENT without NLM_F_CREATE;
 * -EOPNOTSUPP to replace a flood entry, or where a nexthop group does not fit;
 * -ENOSPC at a limit; -ENOMEM; the veto of a switch; what vtep_nexthop_get()
 * answers.
 */
int vtep_fdb_update(struct vtep_dev *vtep, const struct vtep_fdb_request *req,
		    struct netlink_ext_ack *extack)
{
	int err;

	ASSERT_RTNL();

	spin_lock_bh(&vtep->lock);
	err = vtep_fdb_update_locked(vtep, req, extack);
	spin_unlock_bh(&vtep->lock);
	return err;
}

/*
 * @spare: room for the destinations that stay, taken over if it is needed; when
 * there is none it is made, which may fail.
 */
static int vtep_fdb_delete_dest(struct vtep_dev *vtep,
				struct vtep_fdb_entry *entry,
				const struct vtep_dest *dest,
				struct vtep_fdb_slots **spare)
{
	const struct vtep_fdb_request req = { .dest = *dest };
	struct vtep_fdb_slots *slots = vtep_fdb_slots(vtep, entry);
	int i;

	if (!slots) {
		if (vtep_fdb_leads_to(vtep, entry, &req))
			vtep_fdb_entry_destroy(vtep, entry);
		return 0;
	}

	i = vtep_fdb_slots_find(slots, dest);
	if (i < 0)
		return 0;
	if (slots->count == 1) {
		vtep_fdb_entry_destroy(vtep, entry);
		return 0;
	}
	if (!*spare)
		*spare = vtep_fdb_slots_alloc(slots->count - 1);
	if (!*spare)
		return -ENOMEM;
	vtep_fdb_slots_remove(vtep, entry, i, *spare);
	*spare = NULL;
	return 0;
}

static int vtep_fdb_delete_locked(struct vtep_dev *vtep,
				  const struct vtep_fdb_key *key,
				  const struct vtep_dest *dest)
{
	struct vtep_fdb_slots *spare = NULL;
	struct vtep_fdb_entry *entry;

	entry = vtep_fdb_find(vtep, key->mac, key->vni);
	if (!entry)
		return -ENOENT;
	if (dest)
		return vtep_fdb_delete_dest(vtep, entry, dest, &spare);
	vtep_fdb_entry_destroy(vtep, entry);
	return 0;
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
	int err;

	spin_lock_bh(&vtep->lock);
	err = vtep_fdb_delete_locked(vtep, key, dest);
	spin_unlock_bh(&vtep->lock);
	return err;
}

/* What a switch asks for; it is not asked or told itself. */

/**
 * vtep_fdb_switch_add() - a switch has learned a MAC address
 * @vtep: the device
 * @key: the entry
 * @dest: where the switch sends to
 * @extack: filled when it is refused
 *
 * Context: any but hard interrupts.
 * Return: 0 or a negative error, see vtep_fdb_update().
 */
int vtep_fdb_switch_add(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
			const struct vtep_dest *dest,
			struct netlink_ext_ack *extack)
{
	const struct vtep_fdb_request req = {
		.key = *key,
		.dest = *dest,
		.state = NUD_REACHABLE,
		.ndm_flags = NTF_SELF | NTF_EXT_LEARNED | NTF_USE,
		.nlm_flags = NLM_F_CREATE | NLM_F_REPLACE,
	};
	int err;

	spin_lock_bh(&vtep->lock);
	vtep->fdb.from_switch = true;
	err = vtep_fdb_update_locked(vtep, &req, extack);
	vtep->fdb.from_switch = false;
	spin_unlock_bh(&vtep->lock);
	return err;
}

/**
 * vtep_fdb_switch_del() - a switch has forgotten a MAC address
 * @vtep: the device
 * @key: the entry; it goes only if it was learned externally
 * @dest: where the switch sent to
 *
 * Context: any but hard interrupts.
 * Return: 0, -ENOENT without such an entry, -ENOMEM.
 */
int vtep_fdb_switch_del(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
			const struct vtep_dest *dest)
{
	const struct vtep_fdb_entry *entry;
	int err = 0;

	spin_lock_bh(&vtep->lock);
	entry = vtep_fdb_find(vtep, key->mac, key->vni);
	vtep->fdb.from_switch = true;
	if (!entry || entry->ndm_flags & NTF_EXT_LEARNED)
		err = vtep_fdb_delete_locked(vtep, key, dest);
	vtep->fdb.from_switch = false;
	spin_unlock_bh(&vtep->lock);
	return err;
}

/**
 * vtep_fdb_entry_set_offloaded() - mark a destination of an entry
 * @vtep: the device
 * @entry: the entry
 * @index: of the destination, 0 for the first one
 * @offloaded: a switch forwards to it by itself
 *
 * Context: vtep_dev.lock.
 */
void vtep_fdb_entry_set_offloaded(struct vtep_dev *vtep,
				  struct vtep_fdb_entry *entry, u32 index,
				  bool offloaded)
{
	struct vtep_fdb_slots *slots = vtep_fdb_slots(vtep, entry);

	if (slots)
		WRITE_ONCE(vtep_fdb_slots_offloaded(slots)[index], offloaded);
	else
		WRITE_ONCE(entry->offloaded, offloaded);
}

/**
 * vtep_fdb_set_offloaded() - a switch forwards by itself, or does not any more
 * @vtep: the device
 * @key: the entry
 * @dest: which of its destinations
 * @offloaded: true if it does
 *
 * Context: any but hard interrupts.
 */
void vtep_fdb_set_offloaded(struct vtep_dev *vtep,
			    const struct vtep_fdb_key *key,
			    const struct vtep_dest *dest, bool offloaded)
{
	const struct vtep_fdb_request req = { .dest = *dest };
	struct vtep_fdb_entry *entry;
	int i;

	spin_lock_bh(&vtep->lock);
	entry = vtep_fdb_find(vtep, key->mac, key->vni);
	if (!entry)
		goto unlock;
	i = vtep_fdb_slots_find(vtep_fdb_slots(vtep, entry), dest);
	if (i < 0 && vtep_fdb_leads_to(vtep, entry, &req))
		i = 0;
	if (i >= 0)
		vtep_fdb_entry_set_offloaded(vtep, entry, i, offloaded);
unlock:
	spin_unlock_bh(&vtep->lock);
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

/*
 * The new destination is added before the old one is taken out, so that no
 * BUM frame falls between the two. The second cannot fail.
 */
static int vtep_fdb_move_default(struct vtep_dev *vtep,
				 const struct vtep_fdb_request *was,
				 const struct vtep_fdb_request *req,
				 struct netlink_ext_ack *extack)
{
	struct vtep_fdb_slots *slots, *spare = NULL;
	struct vtep_fdb_entry *entry;
	int err = 0;

	entry = vtep_fdb_find(vtep, was->key.mac, was->key.vni);
	slots = entry ? vtep_fdb_slots(vtep, entry) : NULL;
	if (slots && !vtep_addr_any(&was->dest.peer.addr)) {
		spare = vtep_fdb_slots_alloc(slots->count);
		if (!spare)
			return vtep_fdb_refuse(-ENOMEM, extack);
	}

	if (!vtep_addr_any(&req->dest.peer.addr))
		err = vtep_fdb_update_locked(vtep, req, extack);
	if (!err && entry && !vtep_addr_any(&was->dest.peer.addr))
		vtep_fdb_delete_dest(vtep, entry, &was->dest, &spare);
	kfree(spare);
	return err;
}

/**
 * vtep_fdb_set_default() - let the all-zeros entry follow the configuration
 * @vtep: the device
 * @old: former configuration, NULL for a new device
 * @new: new configuration
 * @extack: says why it cannot be
 *
 * When it fails nothing has changed.
 *
 * Context: RTNL.
 * Return: 0, -ENOSPC at a limit, -ENOMEM, the veto of a switch.
 */
int vtep_fdb_set_default(struct vtep_dev *vtep, const struct vtep_config *old,
			 const struct vtep_config *new,
			 struct netlink_ext_ack *extack)
{
	struct vtep_fdb_request req = vtep_fdb_default_request(new);
	struct vtep_fdb_request was = {};
	int err = 0;

	ASSERT_RTNL();

	if (old)
		was = vtep_fdb_default_request(old);
	spin_lock_bh(&vtep->lock);
	if (!vtep_dest_equal(&req.dest, &was.dest))
		err = vtep_fdb_move_default(vtep, &was, &req, extack);
	spin_unlock_bh(&vtep->lock);
	return err;
}

/* The default destination of one VNI of many, in steps that can be undone */

static struct vtep_fdb_entry *vtep_fdb_move_entry(struct vtep_dev *vtep,
						  const struct vtep_fdb_move *m)
{
	static const u8 zero[ETH_ALEN];

	return vtep_fdb_find(vtep, zero, m->vni);
}

static int vtep_fdb_move_prepare(struct vtep_dev *vtep,
				 struct vtep_fdb_move *move,
				 struct netlink_ext_ack *extack)
{
	const struct vtep_fdb_request req = {
		.key.vni = move->vni,
		.dest = move->to,
		.state = NUD_REACHABLE | NUD_PERMANENT,
		.ndm_flags = NTF_SELF,
		.nlm_flags = NLM_F_CREATE | NLM_F_APPEND,
	};
	struct vtep_fdb_slots *slots = NULL;
	struct vtep_fdb_entry *entry;
	int err;

	entry = vtep_fdb_move_entry(vtep, move);
	if (entry) {
		move->state = entry->state;
		move->ndm_flags = entry->ndm_flags;
		move->user = entry->user;
		slots = vtep_fdb_slots(vtep, entry);
	}
	if (slots) {
		move->spare = vtep_fdb_slots_alloc(slots->count + 1);
		if (!move->spare)
			return vtep_fdb_refuse(-ENOMEM, extack);
	}
	if (vtep_addr_any(&move->to.peer.addr) ||
	    vtep_fdb_slots_find(slots, &move->to) >= 0)
		return 0;
	err = vtep_fdb_update_locked(vtep, &req, extack);
	move->added = !err;
	return err;
}

/**
 * vtep_fdb_move_begin() - add the new destination of a default entry
 * @vtep: the device
 * @move: from where to where; all else is filled
 * @extack: says why it cannot be
 *
 * Context: RTNL.
 * Return: 0; then one of vtep_fdb_move_keep(), vtep_fdb_move_commit() and
 * vtep_fdb_move_undo() follows, which cannot fail. Or what vtep_fdb_update()
 * answers; nothing has changed then.
 */
int vtep_fdb_move_begin(struct vtep_dev *vtep, struct vtep_fdb_move *move,
			struct netlink_ext_ack *extack)
{
	int err;

	ASSERT_RTNL();

	spin_lock_bh(&vtep->lock);
	err = vtep_fdb_move_prepare(vtep, move, extack);
	spin_unlock_bh(&vtep->lock);
	if (err)
		vtep_fdb_move_keep(move);
	return err;
}

/**
 * vtep_fdb_move_keep() - leave both destinations in
 * @move: the move; it ends here
 */
void vtep_fdb_move_keep(struct vtep_fdb_move *move)
{
	kfree(move->spare);
	move->spare = NULL;
}

static void vtep_fdb_move_remove(struct vtep_dev *vtep,
				 struct vtep_fdb_move *move,
				 const struct vtep_dest *dest)
{
	struct vtep_fdb_slots *slots;
	struct vtep_fdb_entry *entry;

	spin_lock_bh(&vtep->lock);
	entry = vtep_fdb_move_entry(vtep, move);
	slots = entry ? vtep_fdb_slots(vtep, entry) : NULL;
	/* A switch has added some meanwhile. */
	if (slots && move->spare && move->spare->count + 1 < slots->count)
		vtep_fdb_move_keep(move);
	if (slots)
		vtep_fdb_delete_dest(vtep, entry, dest, &move->spare);
	spin_unlock_bh(&vtep->lock);
	vtep_fdb_move_keep(move);
}

/**
 * vtep_fdb_move_commit() - take the former destination out
 * @vtep: the device
 * @move: the move; it ends here
 *
 * Context: RTNL.
 */
void vtep_fdb_move_commit(struct vtep_dev *vtep, struct vtep_fdb_move *move)
{
	if (vtep_addr_any(&move->from.peer.addr))
		vtep_fdb_move_keep(move);
	else
		vtep_fdb_move_remove(vtep, move, &move->from);
}

/* Somebody had the entry for himself; it was made ours with the addition. */
static void vtep_fdb_move_restore(struct vtep_dev *vtep,
				  const struct vtep_fdb_move *move)
{
	struct vtep_fdb_entry *entry;
	struct vtep_fdb_dst dst;

	spin_lock_bh(&vtep->lock);
	entry = vtep_fdb_move_entry(vtep, move);
	if (entry && vtep_fdb_dst(vtep, entry, 0, &dst)) {
		WRITE_ONCE(entry->state, move->state);
		WRITE_ONCE(entry->ndm_flags, move->ndm_flags);
		entry->user = move->user;
		vtep_fdb_tell(vtep, entry, &dst, VTEP_FDB_NEW);
	}
	spin_unlock_bh(&vtep->lock);
}

/**
 * vtep_fdb_move_undo() - take the new destination out, if it was added
 * @vtep: the device
 * @move: the move; it ends here
 *
 * Context: RTNL.
 */
void vtep_fdb_move_undo(struct vtep_dev *vtep, struct vtep_fdb_move *move)
{
	if (!move->added) {
		vtep_fdb_move_keep(move);
		return;
	}
	vtep_fdb_move_remove(vtep, move, &move->to);
	if (move->state)
		vtep_fdb_move_restore(vtep, move);
}
