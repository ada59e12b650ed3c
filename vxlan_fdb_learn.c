// SPDX-License-Identifier: GPL-2.0
/*
 * What the table does by itself: it learns where MAC addresses are from the
 * frames that come in, and forgets what it has not heard of for too long.
 */
#include "vxlan.h"
#include "vxlan_fdb_find.h"
#include "vxlan_fdb_table.h"
#include "vxlan_remote.h"

/* Longest time between two looks at the table. */
#define VTEP_AGE_STEP (10 * HZ)

/* Learning */

/* What a switch refuses is not learned, but no reason to drop the frame. */
static enum vtep_counter vtep_fdb_learn_error(int err)
{
	switch (err) {
	case -ENOSPC:
		return VTEP_RX_PEER_LIMIT;
	case -ENOMEM:
		return VTEP_RX_NOMEM;
	default:
		return VTEP_OK;
	}
}

static enum vtep_counter vtep_fdb_learn_new(struct vtep_dev *vtep,
					    const u8 *mac, u32 vni,
					    const struct vtep_dest *from)
{
	struct vtep_fdb_request req = {
		.key = vtep_fdb_key(mac, vni),
		.dest = *from,
		.state = NUD_REACHABLE,
		.ndm_flags = NTF_SELF,
	};
	struct vtep_fdb_entry *entry;

	if (!netif_running(vtep->dev))
		return VTEP_OK;
	if (vtep_fdb_full(vtep)) {
		vtep_count(vtep->counters, VTEP_FDB_LIMIT);
		return VTEP_OK;
	}
	entry = vtep_fdb_entry_create(vtep, &req, NULL);
	if (IS_ERR(entry))
		return vtep_fdb_learn_error(PTR_ERR(entry));
	vtep_fdb_tell_all(vtep, entry, VTEP_FDB_NEW);
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
	struct vtep_fdb_request req = { .dest = vtep_remote_dest(old) };
	struct vtep_fdb_target target;
	int err;

	req.dest.peer = from->peer;
	err = vtep_fdb_target_get(vtep, entry, &req, &target, NULL);
	if (err)
		return vtep_fdb_learn_error(err);
	/* A veto would not bring the MAC address back to where it was. */
	vtep_fdb_offer(vtep, &entry->key, &req.dest, entry->user, NULL);
	vtep_fdb_redirect(vtep, entry, &target);

	WRITE_ONCE(entry->updated, vtep_fdb_now());
	vtep_fdb_tell_all(vtep, entry, VTEP_FDB_NEW);
	vtep_count(vtep->counters, VTEP_FDB_MOVED);
	vtep_fdb_log_move(vtep, entry->key.mac, &from->peer.addr);
	return VTEP_OK;
}

static bool vtep_fdb_from(const struct vtep_remote *remote,
			  const struct vtep_dest *from)
{
	const struct vtep_peer_key *key = &remote->key.peer->key;

	return vtep_addr_equal(&key->addr, &from->peer.addr) &&
	       (!from->peer.ifindex || key->ifindex == from->peer.ifindex);
}

/*
 * What is known of a source already? VTEP_COUNTERS: nothing or another place,
 * so that something is to be learned.
 */
static enum vtep_counter vtep_fdb_known(struct vtep_fdb_entry *entry, void *to,
					const struct vtep_dest *from)
{
	const struct vtep_remote *remote;
	const struct vtep_nexthop *nexthop;

	if (!entry)
		return VTEP_COUNTERS;
	remote = vtep_fdb_to(to, VTEP_FDB_TO_REMOTE);
	if (likely(remote)) {
		if (likely(vtep_fdb_from(remote, from)))
			return VTEP_OK;
		if (READ_ONCE(entry->state) & (NUD_PERMANENT | NUD_NOARP))
			return VTEP_RX_STATIC_ENTRY;
		return VTEP_COUNTERS;
	}

	nexthop = vtep_fdb_to(to, VTEP_FDB_TO_NEXTHOP);
	if (nexthop && vtep_nexthop_leads_to(nexthop, &from->peer.addr))
		return VTEP_OK;
	return VTEP_RX_STATIC_ENTRY;
}

static void vtep_fdb_touch(struct vtep_fdb_entry *entry, void *to)
{
	struct vtep_remote *remote = vtep_fdb_to(to, VTEP_FDB_TO_REMOTE);
	unsigned long now = jiffies;
	u32 updated = vtep_fdb_now();

	if (READ_ONCE(entry->updated) != updated)
		WRITE_ONCE(entry->updated, updated);
	if (remote && READ_ONCE(remote->key.peer->last_seen) != now)
		WRITE_ONCE(remote->key.peer->last_seen, now);
}

/**
 * vtep_fdb_learn() - a frame came from this MAC address at this VTEP
 * @vtep: the device
 * @mac: inner source address, a valid unicast address
 * @vni: source VNI of the entry, host order
 * @from: the VTEP, and the port and VNI to answer to
 *
 * RFC 7348 section 4.1. A known source costs a lookup and no lock.
 *
 * Context: RCU, BH disabled.
 * Return: VTEP_OK, or why the frame is to be dropped: VTEP_RX_STATIC_ENTRY
 * when the MAC address is nailed to another VTEP, VTEP_RX_PEER_LIMIT or
 * VTEP_RX_NOMEM.
 */
enum vtep_counter vtep_fdb_learn(struct vtep_dev *vtep, const u8 *mac, u32 vni,
				 const struct vtep_dest *from)
{
	struct vtep_fdb_entry *entry;
	enum vtep_counter verdict;
	void *to;

	entry = vtep_fdb_find_rcu(vtep, mac, vni);
	to = entry ? rcu_dereference_bh(entry->to) : NULL;
	verdict = vtep_fdb_known(entry, to, from);
	if (likely(verdict == VTEP_OK)) {
		vtep_fdb_touch(entry, to);
		return VTEP_OK;
	}
	if (verdict != VTEP_COUNTERS)
		return verdict;

	spin_lock(&vtep->lock);
	entry = vtep_fdb_find(vtep, mac, vni);
	to = entry ? rcu_dereference_bh(entry->to) : NULL;
	verdict = vtep_fdb_known(entry, to, from);
	if (verdict == VTEP_COUNTERS && entry)
		verdict = vtep_fdb_learn_move(vtep, entry, from);
	else if (verdict == VTEP_COUNTERS)
		verdict = vtep_fdb_learn_new(vtep, mac, vni, from);
	spin_unlock(&vtep->lock);
	return verdict;
}

/* Ageing */

/**
 * struct vtep_fdb_ageing - one look at the ages
 * @interval: jiffies after which an entry goes
 * @wait: jiffies until the next one goes
 */
struct vtep_fdb_ageing {
	u64 interval;
	u64 wait;
};

/* Also notes when the next entry is due. */
static bool vtep_fdb_expired(struct vtep_dev *vtep,
			     struct vtep_fdb_entry *entry, void *arg)
{
	struct vtep_fdb_ageing *ageing = arg;
	u64 age;

	if (!vtep_fdb_ages(entry))
		return false;
	age = vtep_fdb_since(READ_ONCE(entry->updated));
	if (age >= ageing->interval)
		return true;
	ageing->wait = min(ageing->wait, ageing->interval - age);
	return false;
}

static bool vtep_fdb_expire(struct vtep_dev *vtep,
			    struct vtep_fdb_entry *entry, void *arg)
{
	if (!vtep_fdb_expired(vtep, entry, arg))
		return false;
	/* Listeners are told that it is stale, not that it was reachable. */
	WRITE_ONCE(entry->state, NUD_STALE);
	vtep_count(vtep->counters, VTEP_FDB_AGED);
	return true;
}

/* Goes through the table, and comes back when the next entry is due. */
static void vtep_fdb_age_work(struct work_struct *work)
{
	struct vtep_dev *vtep = container_of(work, struct vtep_dev,
					     fdb.ageing.work);
	struct vtep_fdb_ageing ageing = {
		.wait = VTEP_AGE_STEP,
	};
	const struct vtep_fdb_sweep sweep = {
		.due = vtep_fdb_expired,
		.take = vtep_fdb_expire,
		.arg = &ageing,
	};

	rcu_read_lock();
	ageing.interval = (u64)rcu_dereference(vtep->cfg)->ageing * HZ;
	rcu_read_unlock();
	if (!ageing.interval)
		return;

	vtep_fdb_sweep(vtep, &sweep);
	/* However many entries there are: no more than one walk a second. */
	queue_delayed_work(system_long_wq, &vtep->fdb.ageing,
			   max_t(unsigned long, HZ, ageing.wait));
}

/**
 * vtep_fdb_age_init() - prepare the ageing of a device
 * @vtep: the device
 */
void vtep_fdb_age_init(struct vtep_dev *vtep)
{
	INIT_DELAYED_WORK(&vtep->fdb.ageing, vtep_fdb_age_work);
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
				  const struct vtep_fdb_dst *dst,
				  const void *arg)
{
	const struct vtep_dev *vtep = arg;

	return !(entry->state & (NUD_PERMANENT | NUD_NOARP)) &&
	       entry != rcu_access_pointer(vtep->fdb.flood);
}

/**
 * vtep_fdb_stop() - the device goes down: forget what was learned
 * @vtep: the device; it is not running any more
 *
 * Permanent and static entries stay, and so does the default entry.
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
	vtep_fdb_flush(vtep, vtep_fdb_goes_at_stop, vtep);
}
