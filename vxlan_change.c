// SPDX-License-Identifier: GPL-2.0
/*
 * Change of a device's configuration: all that can fail, then all that cannot.
 * Each step has its undo, and they are undone in reverse order.
 */
#include "vxlan_change.h"
#include "vxlan.h"
#include "vxlan_abi.h"
#include "vxlan_attach.h"
#include "vxlan_dev.h"
#include "vxlan_fdb.h"
#include "vxlan_remote.h"
#include "vxlan_vnifilter_change.h"
#include "vxlan_vnifilter_msg.h"

#include <linux/netdevice.h>
#include <linux/slab.h>

/**
 * struct vtep_change - a change under way
 * @vtep: the device
 * @old: present configuration
 * @new: wanted configuration
 * @lower: wanted lower device, or NULL
 * @reattached: the device has another place in a VNI table, for @new
 * @group: membership for @new; the present one if it fits
 * @filter: what changes for the VNIs of the filter
 * @mtu: MTU of before
 */
struct vtep_change {
	struct vtep_dev *vtep;
	struct vtep_config *old;
	struct vtep_config *new;
	struct net_device *lower;
	bool reattached;
	struct vtep_group *group;
	struct vtep_filter_change filter;
	unsigned int mtu;
};

static int vtep_change_lower(struct vtep_change *change,
			     struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = change->vtep;

	if (change->lower == vtep->lower)
		return 0;
	return netdev_adjacent_change_prepare(vtep->lower, change->lower,
					      vtep->dev, extack);
}

static void vtep_change_lower_undo(struct vtep_change *change)
{
	struct vtep_dev *vtep = change->vtep;

	if (change->lower != vtep->lower)
		netdev_adjacent_change_abort(vtep->lower, change->lower,
					     vtep->dev);
}

static void vtep_change_lower_commit(struct vtep_change *change)
{
	struct vtep_dev *vtep = change->vtep;

	if (change->lower && change->lower != vtep->lower)
		netdev_adjacent_change_commit(vtep->lower, change->lower,
					      vtep->dev);
	else if (!change->lower)
		vtep_dev_unlink_lower(vtep);
	vtep->lower = change->lower;
}

static void vtep_change_receive_undo(struct vtep_change *change)
{
	int err;

	if (!change->reattached)
		return;
	vtep_detach(change->vtep);
	/* Packets may have cached routes by the socket that is given up. */
	synchronize_net();
	vtep_peers_forget_routes(change->vtep);
	err = vtep_attach(change->vtep, change->old);
	if (err)
		netdev_err(change->vtep->dev,
			   "cannot receive any more: error %d\n", err);
}

/*
 * The former place is given up first: a port can be bound in a VRF only when
 * nobody has it outside, and the other way round.
 */
static int vtep_change_receive(struct vtep_change *change)
{
	struct vtep_dev *vtep = change->vtep;
	int err;

	if (!netif_running(vtep->dev) ||
	    (vtep_attached(vtep) && vtep_attach_fits(vtep, change->new)))
		return 0;
	vtep_detach(vtep);
	change->reattached = true;
	err = vtep_attach(vtep, change->new);
	if (err)
		vtep_change_receive_undo(change);
	return err;
}

static int vtep_change_group(struct vtep_change *change,
			     struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = change->vtep;

	change->group = vtep->group;
	if (!netif_running(vtep->dev) ||
	    (vtep_addr_equal(&change->old->remote, &change->new->remote) &&
	     change->old->ifindex == change->new->ifindex))
		return 0;
	change->group = vtep_dev_join(vtep, change->new, extack);
	return PTR_ERR_OR_ZERO(change->group);
}

static void vtep_change_group_undo(struct vtep_change *change)
{
	if (change->group != change->vtep->group)
		vtep_dev_leave(change->group);
}

/* What was fit for the former lower device may be too big for another one. */
static int vtep_change_mtu(struct vtep_change *change,
			   struct netlink_ext_ack *extack)
{
	unsigned int limit = vtep_dev_mtu_limit(change->lower, change->new);
	struct net_device *dev = change->vtep->dev;
	int err;

	change->mtu = dev->mtu;
	if (change->lower == change->vtep->lower || dev->mtu <= limit)
		return 0;
	err = dev_set_mtu(dev, limit);
	if (err)
		NL_SET_ERR_MSG(extack,
			       "Cannot lower the MTU to what the new local interface carries");
	return err;
}

static void vtep_change_mtu_undo(struct vtep_change *change)
{
	struct net_device *dev = change->vtep->dev;

	if (dev->mtu != change->mtu)
		dev_set_mtu(dev, change->mtu);
}

static void vtep_change_commit(struct vtep_change *change)
{
	struct vtep_dev *vtep = change->vtep;
	struct vtep_group *old_group = vtep->group;
	struct net_device *dev = vtep->dev;

	rcu_assign_pointer(vtep->cfg, change->new);
	vtep->group = change->group;

	vtep_change_lower_commit(change);
	vtep_dev_fit(dev, change->lower, change->new);
	vtep_abi_fill(vtep, change->new);

	/* Packets that saw the former configuration must not cache a route. */
	synchronize_net();
	vtep_peers_forget_routes(vtep);
	if (old_group != change->group)
		vtep_dev_leave(old_group);
	vtep_filter_commit(&change->filter, vtep_filter_msg_notify);
	kfree(change->old);
	if (netif_running(dev))
		vtep_fdb_age_now(vtep);
}

/**
 * vtep_dev_change() - give a device another configuration
 * @dev: the device
 * @cfg: the configuration, checked; belongs to the device on success
 * @lower: lower device that goes with it, or NULL
 * @extack: filled on failure
 *
 * Context: RTNL, may sleep.
 * Return: 0, or a negative error; nothing has changed then.
 */
int vtep_dev_change(struct net_device *dev, struct vtep_config *cfg,
		    struct net_device *lower, struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	struct vtep_change change = {
		.vtep = vtep,
		.old = vtep_cfg_rtnl(vtep),
		.new = cfg,
		.lower = lower,
	};
	int err;

	err = vtep_change_lower(&change, extack);
	if (err)
		return err;
	err = vtep_change_receive(&change);
	if (err) {
		NL_SET_ERR_MSG(extack, "Cannot receive from the new device");
		goto undo_lower;
	}
	err = vtep_change_group(&change, extack);
	if (err)
		goto undo_receive;
	err = vtep_change_mtu(&change, extack);
	if (err)
		goto undo_group;
	vtep_filter_begin(&change.filter, vtep, change.old, cfg);
	err = vtep_filter_follow(&change.filter, extack);
	if (!err)
		err = vtep_fdb_set_default(vtep, change.old, cfg, extack);
	if (err)
		goto undo_filter;
	vtep_change_commit(&change);
	return 0;

undo_filter:
	vtep_filter_undo(&change.filter);
	vtep_change_mtu_undo(&change);
undo_group:
	vtep_change_group_undo(&change);
undo_receive:
	vtep_change_receive_undo(&change);
undo_lower:
	vtep_change_lower_undo(&change);
	return err;
}
