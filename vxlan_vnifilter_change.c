// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of the VNI filter, wholly or not at all.
 *
 * A change is a list of steps, one for each VNI. A step first does all that can
 * fail: it makes the VNI, gives it its places in the sockets, joins the group
 * and adds the destination to the default entry. When all steps have done that
 * they are committed: what was before is given back and the listeners hear of
 * it. When one cannot they are undone, the last one first.
 */
#include "vxlan_vnifilter_change.h"
#include "vxlan.h"
#include "vxlan_extack.h"
#include "vxlan_fdb.h"
#include "vxlan_mcast.h"

#include <linux/sched/signal.h>
#include <linux/slab.h>

/**
 * enum vtep_filter_what - what a step does
 * @VTEP_FILTER_NEW: puts a VNI in
 * @VTEP_FILTER_CHANGED: somebody asked for another group
 * @VTEP_FILTER_FOLLOWS: the configuration of the device changes
 * @VTEP_FILTER_GONE: takes a VNI out
 */
enum vtep_filter_what {
	VTEP_FILTER_NEW,
	VTEP_FILTER_CHANGED,
	VTEP_FILTER_FOLLOWS,
	VTEP_FILTER_GONE,
};

/**
 * struct vtep_filter_step - what is done to a VNI
 * @list: in vtep_filter_change.steps
 * @filter: the VNI
 * @what: what is done
 * @quiet: listeners need not hear of it
 * @group: what it had before
 * @member: what it had before, with the reference
 * @move: of its default entry
 */
struct vtep_filter_step {
	struct list_head list;
	struct vtep_filter_vni *filter;
	enum vtep_filter_what what;
	bool quiet;
	struct vtep_addr group;
	struct vtep_group *member;
	struct vtep_fdb_move move;
};

/* Where the default entry of a VNI leads to; any address: there is none. */
static struct vtep_dest vtep_filter_dest(const struct vtep_config *cfg,
					 u32 vni, const struct vtep_addr *group)
{
	return (struct vtep_dest) {
		.peer = {
			.addr = vtep_addr_any(group) ? cfg->remote : *group,
			.ifindex = cfg->ifindex,
		},
		.port = cfg->port,
		.vni = vni,
	};
}

/**
 * vtep_filter_begin() - begin a change without steps
 * @change: filled
 * @vtep: the device
 * @old: its configuration
 * @new: the configuration it will have when this is done
 *
 * Context: RTNL.
 */
void vtep_filter_begin(struct vtep_filter_change *change,
		       struct vtep_dev *vtep, const struct vtep_config *old,
		       const struct vtep_config *new)
{
	ASSERT_RTNL();

	change->vtep = vtep;
	change->old = old;
	change->new = new;
	INIT_LIST_HEAD(&change->steps);
}

static int vtep_filter_join_step(struct vtep_filter_change *change,
				 const struct vtep_addr *group,
				 struct vtep_group **member,
				 struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = change->vtep;

	*member = NULL;
	if (!vtep_addr_multicast(group))
		return 0;
	if (!change->new->ifindex) {
		NL_SET_ERR_MSG(extack,
			       "Local interface required for the group of a VNI");
		return -EINVAL;
	}
	if (!netif_running(vtep->dev))
		return 0;
	*member = vtep_group_get(vtep->net, group, change->new->ifindex,
				 extack);
	return PTR_ERR_OR_ZERO(*member);
}

/*
 * Brings a VNI from the group it has to another one, or takes it out where
 * there is none (@group is NULL). Afterwards the step has what was before.
 */
static int vtep_filter_step(struct vtep_filter_change *change,
			    struct vtep_filter_step *step,
			    const struct vtep_addr *group,
			    struct netlink_ext_ack *extack)
{
	struct vtep_filter_vni *filter = step->filter;
	struct vtep_group *member = NULL;
	int err = 0;

	step->group = filter->group;
	step->member = filter->member;
	if (step->what != VTEP_FILTER_NEW)
		step->move.from = vtep_filter_dest(change->old, filter->vni,
						   &filter->group);
	if (group)
		step->move.to = vtep_filter_dest(change->new, filter->vni,
						 group);
	step->move.vni = filter->vni;

	if (group)
		err = vtep_filter_join_step(change, group, &member, extack);
	if (err)
		return err;
	err = vtep_fdb_move_begin(change->vtep, &step->move, extack);
	if (err) {
		vtep_group_put(member);
		return err;
	}
	filter->member = member;
	if (group)
		filter->group = *group;
	filter->leaving = !group;
	list_add_tail(&step->list, &change->steps);
	return 0;
}

static void vtep_filter_step_undo(struct vtep_filter_change *change,
				  struct vtep_filter_step *step)
{
	struct vtep_filter_vni *filter = step->filter;

	vtep_fdb_move_undo(change->vtep, &step->move);
	vtep_group_put(filter->member);
	filter->member = step->member;
	filter->group = step->group;
	filter->leaving = false;
}

/* Puts a VNI in, without a destination as yet. */
static struct vtep_filter_vni *vtep_filter_make(struct vtep_dev *vtep, u32 vni)
{
	struct vtep_filter_vni *filter = vtep_filter_alloc(vni);
	int err;

	if (!filter)
		return ERR_PTR(-ENOMEM);
	err = xa_insert(&vtep->filter, vni, filter, GFP_KERNEL);
	if (err)
		goto free_filter;
	err = vtep_filter_place(vtep, filter);
	if (err)
		goto erase_filter;
	return filter;

erase_filter:
	xa_erase(&vtep->filter, vni);
free_filter:
	vtep_filter_free(filter);
	return ERR_PTR(err);
}

static void vtep_filter_unmake(struct vtep_dev *vtep,
			       struct vtep_filter_vni *filter)
{
	vtep_filter_displace(filter);
	xa_erase(&vtep->filter, filter->vni);
	vtep_filter_free(filter);
}

/* Nothing changes, so nobody is to hear of it. */
static bool vtep_filter_same(const struct vtep_filter_change *change,
			     const struct vtep_filter_vni *filter,
			     const struct vtep_addr *group)
{
	return vtep_addr_equal(&filter->group, group) &&
	       vtep_addr_any(group) && vtep_addr_any(&change->new->remote);
}

static int vtep_filter_add_one(struct vtep_filter_change *change, u32 vni,
			       const struct vtep_addr *group,
			       struct netlink_ext_ack *extack)
{
	struct vtep_filter_step *step;
	int err;

	step = kzalloc_obj(*step);
	if (!step)
		return -ENOMEM;
	step->what = VTEP_FILTER_CHANGED;
	step->filter = vtep_filter_find(change->vtep, vni);
	if (!step->filter) {
		step->what = VTEP_FILTER_NEW;
		step->filter = vtep_filter_make(change->vtep, vni);
	}
	if (IS_ERR(step->filter)) {
		err = PTR_ERR(step->filter);
		goto free_step;
	}

	step->quiet = step->what != VTEP_FILTER_NEW &&
		      vtep_filter_same(change, step->filter, group);
	err = vtep_filter_step(change, step, group, extack);
	if (!err)
		return 0;
	if (step->what == VTEP_FILTER_NEW)
		vtep_filter_unmake(change->vtep, step->filter);
free_step:
	kfree(step);
	return err;
}

static int vtep_filter_remove_one(struct vtep_filter_change *change, u32 vni,
				  struct netlink_ext_ack *extack)
{
	struct vtep_filter_vni *filter = vtep_filter_find(change->vtep, vni);
	struct vtep_filter_step *step;
	int err;

	if (!filter || filter->leaving)
		return vtep_refuse(extack, NULL, "VNI is not in the filter",
				   -ENOENT);
	step = kzalloc_obj(*step);
	if (!step)
		return -ENOMEM;
	step->what = VTEP_FILTER_GONE;
	step->filter = filter;
	err = vtep_filter_step(change, step, NULL, extack);
	if (err)
		kfree(step);
	return err;
}

/* Does another device receive one of these VNIs through the same socket? */
static bool vtep_filter_taken(const struct vtep_dev *vtep,
			      const struct vtep_filter_range *range)
{
	const struct vtep_config *cfg = vtep_cfg_rtnl(vtep);
	struct vtep_dev *other;

	list_for_each_entry(other, &vtep_net(vtep->net)->devs, list) {
		const struct vtep_config *theirs = vtep_cfg_rtnl(other);
		unsigned long vni = range->first;

		if (other != vtep && theirs->port == cfg->port &&
		    vtep_config_rx_flags(theirs) == vtep_config_rx_flags(cfg) &&
		    xa_find(&other->filter, &vni, range->last, XA_PRESENT))
			return true;
	}
	return false;
}

/* Millions of VNIs take their time: let others run, let the user give up. */
static int vtep_filter_pause(void)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/**
 * vtep_filter_add() - put VNIs in, or let them lead to another group
 * @change: the change
 * @range: the VNIs
 * @extack: says why it cannot be
 *
 * Context: RTNL, may sleep.
 * Return: 0; -EEXIST when another device has one of them; -EINVAL for a group
 * without lower device; -ENOMEM; -EINTR; what vtep_group_get() and
 * vtep_fdb_update() answer. After an error the change is to be undone.
 */
int vtep_filter_add(struct vtep_filter_change *change,
		    const struct vtep_filter_range *range,
		    struct netlink_ext_ack *extack)
{
	int err = 0;
	u32 vni;

	if (vtep_filter_taken(change->vtep, range))
		return vtep_refuse(extack, NULL,
				   "VNI in use by another device", -EEXIST);
	for (vni = range->first; vni <= range->last && !err; vni++)
		err = vtep_filter_add_one(change, vni, &range->group,
					  extack) ?: vtep_filter_pause();
	return err;
}

/**
 * vtep_filter_remove() - take VNIs out
 * @change: the change
 * @range: the VNIs; its group does not matter
 * @extack: says why it cannot be
 *
 * Context: RTNL, may sleep.
 * Return: 0; -ENOENT when one of them is not there; -ENOMEM; -EINTR. After an
 * error the change is to be undone.
 */
int vtep_filter_remove(struct vtep_filter_change *change,
		       const struct vtep_filter_range *range,
		       struct netlink_ext_ack *extack)
{
	int err = 0;
	u32 vni;

	for (vni = range->first; vni <= range->last && !err; vni++)
		err = vtep_filter_remove_one(change, vni, extack) ?:
		      vtep_filter_pause();
	return err;
}

/**
 * vtep_filter_follow() - let all VNIs follow another configuration
 * @change: the change
 * @extack: says why it cannot be
 *
 * Those without a group of their own lead where the device does; the others'
 * groups are on another lower device perhaps.
 *
 * Context: RTNL, may sleep.
 * Return: as vtep_filter_add().
 */
int vtep_filter_follow(struct vtep_filter_change *change,
		       struct netlink_ext_ack *extack)
{
	struct vtep_filter_step *step;
	struct vtep_filter_vni *filter;
	unsigned long vni;
	int err;

	if (vtep_addr_equal(&change->old->remote, &change->new->remote) &&
	    change->old->ifindex == change->new->ifindex)
		return 0;

	xa_for_each(&change->vtep->filter, vni, filter) {
		const struct vtep_addr group = filter->group;

		step = kzalloc_obj(*step);
		if (!step)
			return -ENOMEM;
		step->what = VTEP_FILTER_FOLLOWS;
		step->filter = filter;
		step->quiet = true;
		err = vtep_filter_step(change, step, &group, extack);
		if (err) {
			kfree(step);
			return err;
		}
		err = vtep_filter_pause();
		if (err)
			return err;
	}
	return 0;
}

/* Is that still where the VNI leads to, by a later step of the same change? */
static bool vtep_filter_leads(const struct vtep_filter_change *change,
			      const struct vtep_filter_vni *filter,
			      const struct vtep_dest *dest)
{
	struct vtep_dest now = vtep_filter_dest(change->new, filter->vni,
						&filter->group);

	return !filter->leaving && vtep_dest_equal(&now, dest);
}

static void vtep_filter_step_commit(struct vtep_filter_change *change,
				    struct vtep_filter_step *step,
				    vtep_filter_told_t told)
{
	struct vtep_filter_vni *filter = step->filter;

	if (vtep_filter_leads(change, filter, &step->move.from))
		vtep_fdb_move_keep(&step->move);
	else
		vtep_fdb_move_commit(change->vtep, &step->move);
	vtep_group_put(step->member);
	if (!step->quiet)
		told(change->vtep, filter, filter->leaving);
	if (filter->leaving)
		vtep_filter_unmake(change->vtep, filter);
}

/**
 * vtep_filter_commit() - let a change be
 * @change: the change
 * @told: tells the listeners
 *
 * Context: RTNL, may sleep.
 */
void vtep_filter_commit(struct vtep_filter_change *change,
			vtep_filter_told_t told)
{
	struct vtep_filter_step *step, *next;

	list_for_each_entry_safe(step, next, &change->steps, list) {
		vtep_filter_step_commit(change, step, told);
		list_del(&step->list);
		kfree(step);
		cond_resched();
	}
}

/**
 * vtep_filter_undo() - let all be as it was
 * @change: the change
 *
 * Context: RTNL, may sleep.
 */
void vtep_filter_undo(struct vtep_filter_change *change)
{
	struct vtep_filter_step *step, *next;

	list_for_each_entry_safe_reverse(step, next, &change->steps, list) {
		vtep_filter_step_undo(change, step);
		if (step->what == VTEP_FILTER_NEW)
			vtep_filter_unmake(change->vtep, step->filter);
		list_del(&step->list);
		kfree(step);
		cond_resched();
	}
}
