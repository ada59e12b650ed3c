// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of the table that somebody asked for: by netlink, or by the
 * configuration of the device, which owns the default destination.
 */
#include "vxlan_fdb.h"
#include "vxlan.h"
#include "vxlan_fdb_table.h"
#include "vxlan_remote.h"

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
