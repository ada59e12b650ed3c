// SPDX-License-Identifier: GPL-2.0
/*
 * Membership of underlay multicast groups.
 *
 * A group is joined on the lower interface and not on the receive socket, so
 * net.ipv4.igmp_max_memberships does not count it, and once for all devices
 * of a namespace that want it there: the first user sends the IGMP or MLD
 * report, the last one the leave. The receive sockets get the datagrams
 * because IP_MULTICAST_ALL and IPV6_MULTICAST_ALL are on by default.
 *
 * The memberships of an interface live in its instance of the protocol, a
 * struct in_device or inet6_dev. The kernel keeps them while the interface is
 * down, moves into a VRF or changes its type, and reports them again without
 * our help. It destroys the instance and everything in it when the MTU falls
 * below the minimum of the protocol and when the interface goes away or moves
 * to another namespace; a sufficient MTU brings a new and empty instance.
 * Therefore we keep a reference to the very instance that we joined on. No
 * other can have its address meanwhile, so "is it still the one?" is one
 * comparison: a group is left only where it was joined, and joined again when
 * there is a new instance. An instance holds its device, so our reference is
 * dropped at NETDEV_UNREGISTER at the latest.
 *
 * Everything here runs under RTNL. The netdevice notifiers of IPv4 and IPv6
 * were registered before ours, so what an event does to the instances has
 * been done when vtep_mcast_netdev_event() looks.
 */
#include "vxlan_mcast.h"
#include "vxlan.h"

#include <linux/err.h>
#include <linux/hash.h>
#include <linux/igmp.h>
#include <linux/inetdevice.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/if_inet6.h>

/**
 * struct vtep_mcast_if - one protocol of one lower interface, with its groups
 * @vn: namespace of the interface
 * @ops: what differs between IPv4 and IPv6
 * @groups: struct vtep_group by address; RTNL
 * @members: the same groups in a list, for walks; RTNL
 * @dev: the device while there is an instance, else NULL; RTNL
 * @in_dev: the instance of IPv4, with a reference; valid if @dev is; RTNL
 * @in6_dev: the instance of IPv6, with a reference; valid if @dev is; RTNL
 * @index: place in vtep_net.mcast
 * @incomplete: a group could not be joined again, for want of memory; RTNL
 */
struct vtep_mcast_if {
	struct vtep_net *vn;
	const struct vtep_mcast_ops *ops;
	struct rhashtable groups;
	struct list_head members;
	struct net_device *dev;
	union {
		struct in_device *in_dev;
		struct inet6_dev *in6_dev;
	};
	unsigned long index;
	bool incomplete;
};

/**
 * struct vtep_group - membership of one group on one interface
 * @node: in vtep_mcast_if.groups
 * @list: in vtep_mcast_if.members
 * @addr: address of the group
 * @mif: the interface
 * @users: number of vtep_group_get() without vtep_group_put(); RTNL
 * @joined: the instance that @mif has now was told to join; RTNL
 */
struct vtep_group {
	struct rhash_head node;
	struct list_head list;
	struct vtep_addr addr;
	struct vtep_mcast_if *mif;
	unsigned int users;
	bool joined;
};

/**
 * struct vtep_mcast_ops - what differs between IPv4 and IPv6
 * @attach: take a reference to the instance of a device; false, and a
 *	sentence for the user, if the device has none
 * @detach: give that reference back
 * @alive: true if the device still has the instance we hold
 * @join: join on the instance, which is alive; 0 or -ENOMEM
 * @leave: leave on the instance, which is alive
 *
 * Context: RTNL. @join and @leave may sleep.
 */
struct vtep_mcast_ops {
	bool (*attach)(struct vtep_mcast_if *mif, struct net_device *dev,
		       struct netlink_ext_ack *extack);
	void (*detach)(struct vtep_mcast_if *mif);
	bool (*alive)(const struct vtep_mcast_if *mif);
	int (*join)(struct vtep_mcast_if *mif, const struct vtep_addr *group);
	void (*leave)(struct vtep_mcast_if *mif,
		      const struct vtep_addr *group);
};

static const struct rhashtable_params mcast_groups_params = {
	.key_len = sizeof(struct vtep_addr),
	.key_offset = offsetof(struct vtep_group, addr),
	.head_offset = offsetof(struct vtep_group, node),
	.automatic_shrinking = true,
};

/* vtep_mcast_ops of IPv4 */

static bool mcast_attach_v4(struct vtep_mcast_if *mif,
			    struct net_device *dev,
			    struct netlink_ext_ack *extack)
{
	struct in_device *in_dev = __in_dev_get_rtnl(dev);

	if (!in_dev) {
		NL_SET_ERR_MSG(extack,
			       "Lower device has no IPv4, which needs an MTU of 68");
		return false;
	}
	in_dev_hold(in_dev);
	mif->in_dev = in_dev;
	return true;
}

static void mcast_detach_v4(struct vtep_mcast_if *mif)
{
	in_dev_put(mif->in_dev);
}

static bool mcast_alive_v4(const struct vtep_mcast_if *mif)
{
	return __in_dev_get_rtnl(mif->dev) == mif->in_dev;
}

/**
 * mcast_known_v4() - look for a membership in an instance of IPv4
 * @in_dev: the instance
 * @group: address
 *
 * A membership that was just created is the first in the list, so the usual
 * answer costs the same however many there are. Else the kernel's hash table
 * is asked; it exists from the fourth membership on.
 *
 * Context: RTNL.
 * Return: true if anybody is a member of @group.
 */
static bool mcast_known_v4(const struct in_device *in_dev, __be32 group)
{
	const struct ip_mc_list *im = rtnl_dereference(in_dev->mc_list);
	struct ip_mc_list __rcu **hash = rtnl_dereference(in_dev->mc_hash);

	if (im && im->multiaddr == group)
		return true;

	if (hash) {
		hash += hash_32((__force u32)group, MC_HASH_SZ_LOG);
		im = rtnl_dereference(*hash);
		while (im && im->multiaddr != group)
			im = rtnl_dereference(im->next_hash);
	} else {
		while (im && im->multiaddr != group)
			im = rtnl_dereference(im->next_rcu);
	}
	return im;
}

/* __ip_mc_inc_group() is silent when it has no memory: see what it did. */
static int mcast_join_v4(struct vtep_mcast_if *mif,
			 const struct vtep_addr *group)
{
	__ip_mc_inc_group(mif->in_dev, group->v4, GFP_KERNEL);
	return mcast_known_v4(mif->in_dev, group->v4) ? 0 : -ENOMEM;
}

static void mcast_leave_v4(struct vtep_mcast_if *mif,
			   const struct vtep_addr *group)
{
	__ip_mc_dec_group(mif->in_dev, group->v4, GFP_KERNEL);
}

static const struct vtep_mcast_ops mcast_v4 = {
	.attach = mcast_attach_v4,
	.detach = mcast_detach_v4,
	.alive = mcast_alive_v4,
	.join = mcast_join_v4,
	.leave = mcast_leave_v4,
};

/* vtep_mcast_ops of IPv6 */

static bool mcast_attach_v6(struct vtep_mcast_if *mif,
			    struct net_device *dev,
			    struct netlink_ext_ack *extack)
{
	struct inet6_dev *in6_dev = __in6_dev_get(dev);

	if (!in6_dev) {
		NL_SET_ERR_MSG(extack,
			       "Lower device has no IPv6, which needs an MTU of 1280");
		return false;
	}
	in6_dev_hold(in6_dev);
	mif->in6_dev = in6_dev;
	return true;
}

static void mcast_detach_v6(struct vtep_mcast_if *mif)
{
	in6_dev_put(mif->in6_dev);
}

static bool mcast_alive_v6(const struct vtep_mcast_if *mif)
{
	return __in6_dev_get(mif->dev) == mif->in6_dev;
}

static int mcast_join_v6(struct vtep_mcast_if *mif,
			 const struct vtep_addr *group)
{
	return ipv6_dev_mc_inc(mif->dev, &group->v6);
}

static void mcast_leave_v6(struct vtep_mcast_if *mif,
			   const struct vtep_addr *group)
{
	ipv6_dev_mc_dec(mif->dev, &group->v6);
}

static const struct vtep_mcast_ops mcast_v6 = {
	.attach = mcast_attach_v6,
	.detach = mcast_detach_v6,
	.alive = mcast_alive_v6,
	.join = mcast_join_v6,
	.leave = mcast_leave_v6,
};

/**
 * mcast_leave() - leave a group where it was joined
 * @group: any group
 *
 * Nothing is to be done on an instance that the kernel has destroyed: its
 * memberships went with it.
 *
 * Context: RTNL, may sleep.
 */
static void mcast_leave(struct vtep_group *group)
{
	struct vtep_mcast_if *mif = group->mif;

	if (group->joined && mif->ops->alive(mif))
		mif->ops->leave(mif, &group->addr);
	group->joined = false;
}

/**
 * mcast_detach() - leave all groups of an interface, then its instance
 * @mif: the interface; may have no instance
 *
 * Context: RTNL, may sleep.
 */
static void mcast_detach(struct vtep_mcast_if *mif)
{
	struct vtep_group *group;

	if (!mif->dev)
		return;

	list_for_each_entry(group, &mif->members, list)
		mcast_leave(group);
	mif->ops->detach(mif);
	mif->dev = NULL;
}

/**
 * mcast_sync() - follow an interface to the instance it has now
 * @mif: the interface
 * @dev: its device
 * @extack: told why there is no instance; may be NULL
 *
 * Joins again what a destroyed instance knew. A group that cannot be joined
 * for want of memory is tried again at the next event of the interface.
 *
 * Context: RTNL, may sleep. Constant time when nothing has changed.
 * Return: true if there is an instance.
 */
static bool mcast_sync(struct vtep_mcast_if *mif, struct net_device *dev,
		       struct netlink_ext_ack *extack)
{
	struct vtep_group *group;

	if (mif->dev && mif->ops->alive(mif)) {
		if (!mif->incomplete)
			return true;
	} else {
		mcast_detach(mif);
		if (!mif->ops->attach(mif, dev, extack))
			return false;
		mif->dev = dev;
	}

	mif->incomplete = false;
	list_for_each_entry(group, &mif->members, list) {
		if (!group->joined)
			group->joined = !mif->ops->join(mif, &group->addr);
		if (!group->joined)
			mif->incomplete = true;
	}
	if (mif->incomplete && net_ratelimit())
		netdev_warn(dev, "No memory to join VXLAN groups again\n");
	return true;
}

/**
 * mcast_index() - place of an interface in vtep_net.mcast
 * @family: AF_INET or AF_INET6
 * @ifindex: the interface, greater than 0
 *
 * Return: the index.
 */
static unsigned long mcast_index(u16 family, int ifindex)
{
	return (unsigned long)ifindex << 1 | (family == AF_INET6);
}

/**
 * mcast_if_put() - free an interface without groups
 * @mif: the interface; stays if it has groups
 *
 * Context: RTNL, may sleep.
 */
static void mcast_if_put(struct vtep_mcast_if *mif)
{
	if (!list_empty(&mif->members))
		return;

	mcast_detach(mif);
	xa_erase(&mif->vn->mcast, mif->index);
	rhashtable_destroy(&mif->groups);
	kfree(mif);
}

/**
 * mcast_if_get() - find or create an interface
 * @vn: its namespace
 * @family: AF_INET or AF_INET6
 * @ifindex: the interface, greater than 0
 *
 * Context: RTNL, may sleep.
 * Return: the interface, to be given to mcast_if_put() when it gets no group,
 * or an ERR_PTR(), usually -ENOMEM.
 */
static struct vtep_mcast_if *mcast_if_get(struct vtep_net *vn, u16 family,
					  int ifindex)
{
	unsigned long index = mcast_index(family, ifindex);
	struct vtep_mcast_if *mif = xa_load(&vn->mcast, index);
	int err;

	if (mif)
		return mif;

	mif = kzalloc_obj(*mif);
	if (!mif)
		return ERR_PTR(-ENOMEM);
	mif->vn = vn;
	mif->ops = family == AF_INET6 ? &mcast_v6 : &mcast_v4;
	mif->index = index;
	INIT_LIST_HEAD(&mif->members);

	err = rhashtable_init(&mif->groups, &mcast_groups_params);
	if (err)
		goto free_mif;
	err = xa_insert(&vn->mcast, index, mif, GFP_KERNEL);
	if (err)
		goto destroy_groups;
	return mif;

destroy_groups:
	rhashtable_destroy(&mif->groups);
free_mif:
	kfree(mif);
	return ERR_PTR(err);
}

/**
 * mcast_group_create() - make a group and join it
 * @mif: its interface, which has an instance
 * @addr: its address
 *
 * Context: RTNL, may sleep.
 * Return: the group, without users, or an ERR_PTR(), usually -ENOMEM.
 */
static struct vtep_group *mcast_group_create(struct vtep_mcast_if *mif,
					     const struct vtep_addr *addr)
{
	struct vtep_group *group;
	int err;

	group = kzalloc_obj(*group);
	if (!group)
		return ERR_PTR(-ENOMEM);
	group->addr = *addr;
	group->mif = mif;

	err = rhashtable_insert_fast(&mif->groups, &group->node,
				     mcast_groups_params);
	if (err)
		goto free_group;
	err = mif->ops->join(mif, addr);
	if (err)
		goto remove_group;
	group->joined = true;
	list_add_tail(&group->list, &mif->members);
	return group;

remove_group:
	rhashtable_remove_fast(&mif->groups, &group->node,
			       mcast_groups_params);
free_group:
	kfree(group);
	return ERR_PTR(err);
}

/**
 * mcast_group_find() - find or create a group that is joined
 * @mif: its interface
 * @addr: its address
 * @dev: device of the interface
 * @extack: told what is missing; may be NULL
 *
 * The device may be down: the kernel sends the reports when it comes up. But
 * when it has no instance of the protocol the answer is an error, as it is
 * from the kernel's own driver: a VXLAN device that comes up without a word
 * and then hears nothing of its group is harder to find than one that does
 * not come up. Only what was joined once is remembered and joined again.
 *
 * Context: RTNL, may sleep.
 * Return: the group or an ERR_PTR() of -ENODEV or, usually, -ENOMEM.
 */
static struct vtep_group *mcast_group_find(struct vtep_mcast_if *mif,
					   const struct vtep_addr *addr,
					   struct net_device *dev,
					   struct netlink_ext_ack *extack)
{
	struct vtep_group *group;

	if (!mcast_sync(mif, dev, extack))
		return ERR_PTR(-ENODEV);

	group = rhashtable_lookup_fast(&mif->groups, addr,
				       mcast_groups_params);
	if (!group)
		group = mcast_group_create(mif, addr);
	else if (!group->joined)
		group = ERR_PTR(-ENOMEM);
	if (IS_ERR(group))
		NL_SET_ERR_MSG(extack, "No memory to join the group");
	return group;
}

/**
 * vtep_group_get() - become a user of a multicast group
 * @net: namespace of the underlay
 * @addr: address of the group
 * @ifindex: lower interface in @net
 * @extack: told why it failed; may be NULL
 *
 * The first user joins the group on the interface, which sends the IGMP or
 * MLD report.
 *
 * Context: RTNL, may sleep.
 * Return: the group, to be given back with vtep_group_put(), or an ERR_PTR():
 * -EINVAL without an interface or when @addr is no group, -ENODEV when the
 * interface does not exist or has no instance of the protocol, -ENOMEM.
 */
struct vtep_group *vtep_group_get(struct net *net,
				  const struct vtep_addr *addr, int ifindex,
				  struct netlink_ext_ack *extack)
{
	struct vtep_mcast_if *mif;
	struct vtep_group *group;
	struct net_device *dev;

	ASSERT_RTNL();

	if (ifindex <= 0 || !vtep_addr_multicast(addr)) {
		NL_SET_ERR_MSG(extack,
			       "A group needs a multicast address and a lower device");
		return ERR_PTR(-EINVAL);
	}
	dev = __dev_get_by_index(net, ifindex);
	if (!dev) {
		NL_SET_ERR_MSG(extack, "Lower device does not exist");
		return ERR_PTR(-ENODEV);
	}

	mif = mcast_if_get(vtep_net(net), addr->family, ifindex);
	if (IS_ERR(mif)) {
		NL_SET_ERR_MSG(extack, "No memory for a group");
		return ERR_CAST(mif);
	}
	group = mcast_group_find(mif, addr, dev, extack);
	if (IS_ERR(group))
		mcast_if_put(mif);
	else
		group->users++;
	return group;
}

/**
 * vtep_group_put() - cease to be a user of a multicast group
 * @group: from vtep_group_get(), or NULL
 *
 * The last user leaves the group, which sends the IGMP or MLD leave, and
 * frees it.
 *
 * Context: RTNL, may sleep.
 */
void vtep_group_put(struct vtep_group *group)
{
	struct vtep_mcast_if *mif;

	ASSERT_RTNL();

	if (!group || --group->users)
		return;

	mif = group->mif;
	mcast_leave(group);
	list_del(&group->list);
	rhashtable_remove_fast(&mif->groups, &group->node,
			       mcast_groups_params);
	kfree(group);
	mcast_if_put(mif);
}

/**
 * mcast_event() - see what an event did to one protocol of an interface
 * @vn: namespace of the interface
 * @family: AF_INET or AF_INET6
 * @dev: its device
 * @event: NETDEV_*
 *
 * Any event is a reason to compare the instances: a list of those that can
 * change them would save nothing and might be incomplete on the next kernel.
 *
 * NETDEV_UNREGISTER comes when a device dies or leaves its namespace; again
 * for a dead device that somebody still holds, when another may have its
 * number already; and for living devices when a notifier is unregistered.
 *
 * Context: RTNL, may sleep.
 */
static void mcast_event(struct vtep_net *vn, u16 family,
			struct net_device *dev, unsigned long event)
{
	struct vtep_mcast_if *mif;

	mif = xa_load(&vn->mcast, mcast_index(family, dev->ifindex));
	if (!mif)
		return;

	if (event != NETDEV_UNREGISTER)
		mcast_sync(mif, dev, NULL);
	else if (mif->dev == dev)
		mcast_detach(mif);
}

/**
 * vtep_mcast_netdev_event() - keep the memberships when an interface changes
 * @dev: any device of any namespace
 * @event: any NETDEV_* event
 *
 * To be called for every event, by a notifier of default priority so that
 * those of IPv4 and IPv6 have run before. Cheap for a device without groups.
 *
 * Context: RTNL, may sleep.
 */
void vtep_mcast_netdev_event(struct net_device *dev, unsigned long event)
{
	struct vtep_net *vn = vtep_net(dev_net(dev));

	ASSERT_RTNL();

	if (xa_empty(&vn->mcast))
		return;

	mcast_event(vn, AF_INET, dev, event);
	mcast_event(vn, AF_INET6, dev, event);
}

/**
 * vtep_mcast_net_init() - prepare a namespace for memberships
 * @vn: the namespace
 */
void vtep_mcast_net_init(struct vtep_net *vn)
{
	xa_init(&vn->mcast);
}

/**
 * vtep_mcast_net_exit() - see off a namespace
 * @vn: the namespace; its devices are gone and gave back their groups
 */
void vtep_mcast_net_exit(struct vtep_net *vn)
{
	WARN_ON_ONCE(!xa_empty(&vn->mcast));
}
