// SPDX-License-Identifier: GPL-2.0
/*
 * FDB nexthop groups: what the core knows of them, seen from a device.
 */
#include "vxlan_nexthop.h"
#include "vxlan.h"
#include "vxlan_remote.h"

#include <linux/slab.h>
#include <net/nexthop.h>

/**
 * vtep_nexthops_init() - prepare the empty table of a device
 * @vtep: the device
 */
void vtep_nexthops_init(struct vtep_dev *vtep)
{
	xa_init(&vtep->nexthops);
}

/**
 * vtep_nexthops_exit() - free the table, which nobody uses any more
 * @vtep: the device; no entry uses a nexthop any more
 */
void vtep_nexthops_exit(struct vtep_dev *vtep)
{
	WARN_ON_ONCE(!xa_empty(&vtep->nexthops));
	xa_destroy(&vtep->nexthops);
}

static int vtep_nexthop_refuse(struct netlink_ext_ack *extack,
			       const struct nexthop *nh,
			       const struct vtep_config *cfg)
{
	if (!nh) {
		NL_SET_ERR_MSG(extack, "Nexthop does not exist");
		return -EINVAL;
	}
	if (!nexthop_is_fdb(nh)) {
		NL_SET_ERR_MSG(extack, "Nexthop is not an FDB nexthop");
		return -EINVAL;
	}
	if (!nexthop_is_multipath(nh)) {
		NL_SET_ERR_MSG(extack, "Nexthop is not a multipath group");
		return -EINVAL;
	}
	if (!vtep_config_uses(cfg, nexthop_has_v4(nh) ? AF_INET : AF_INET6)) {
		NL_SET_ERR_MSG(extack,
			       "Nexthop group must be of the address family of the device");
		return -EAFNOSUPPORT;
	}
	return 0;
}

static struct vtep_nexthop *vtep_nexthop_create(struct vtep_dev *vtep,
						struct nexthop *nh)
{
	struct vtep_nexthop *nexthop;
	int err;

	nexthop = kzalloc_obj(*nexthop, GFP_ATOMIC);
	if (!nexthop)
		return ERR_PTR(-ENOMEM);
	nexthop->nh = nh;
	nexthop->id = nh->id;
	nexthop->refs = 1;
	xa_init(&nexthop->entries);

	err = xa_insert(&vtep->nexthops, nh->id, nexthop, GFP_ATOMIC);
	if (err)
		goto free_nexthop;
	err = -EINVAL;
	if (!nexthop_get(nh))
		goto erase;
	return nexthop;

erase:
	xa_erase(&vtep->nexthops, nh->id);
free_nexthop:
	kfree(nexthop);
	return ERR_PTR(err);
}

/**
 * vtep_nexthop_get() - a reference to a group
 * @vtep: the device
 * @id: number of the nexthop, in the namespace of the underlay
 * @extack: says why it cannot be had
 *
 * Context: RTNL and vtep_dev.lock.
 * Return: the group, or an ERR_PTR(): -EINVAL if there is no FDB nexthop group
 * of that number, -EAFNOSUPPORT if it is of the other family, -EBUSY, -ENOMEM.
 */
struct vtep_nexthop *vtep_nexthop_get(struct vtep_dev *vtep, u32 id,
				      struct netlink_ext_ack *extack)
{
	struct vtep_nexthop *nexthop;
	struct nexthop *nh;
	int err;

	ASSERT_RTNL();
	lockdep_assert_held(&vtep->lock);

	nh = nexthop_find_by_id(vtep->net, id);
	err = vtep_nexthop_refuse(extack, nh, vtep_cfg_rtnl(vtep));
	if (err)
		return ERR_PTR(err);

	nexthop = xa_load(&vtep->nexthops, id);
	if (!nexthop)
		return vtep_nexthop_create(vtep, nh);
	/* The core may have had no memory to tell that the former one went. */
	if (nexthop->nh != nh) {
		NL_SET_ERR_MSG(extack,
			       "Entries with a former nexthop of this number are left");
		return ERR_PTR(-EBUSY);
	}
	nexthop->refs++;
	return nexthop;
}

/**
 * vtep_nexthop_put() - give a reference back; the last one frees
 * @vtep: the device
 * @nexthop: the group; readers may use it until a grace period has passed
 *
 * Context: vtep_dev.lock.
 */
void vtep_nexthop_put(struct vtep_dev *vtep, struct vtep_nexthop *nexthop)
{
	lockdep_assert_held(&vtep->lock);

	if (--nexthop->refs)
		return;
	xa_erase(&vtep->nexthops, nexthop->id);
	nexthop_put(nexthop->nh);
	kfree_rcu(nexthop, rcu);
}

static struct vtep_addr vtep_nexthop_addr(const struct fib_nh_common *nhc)
{
	if (nhc->nhc_gw_family == AF_INET6)
		return vtep_addr_v6(&nhc->nhc_gw.ipv6);
	return vtep_addr_v4(nhc->nhc_gw.ipv4);
}

/**
 * vtep_nexthop_select() - the VTEP of a flow
 * @nh: the group
 * @hash: hash of the flow
 * @cfg: configuration of the device
 * @dest: its address is set, and its port if the nexthop has one
 *
 * Context: RCU, with or without BH disabled.
 * Return: false if the group leads nowhere now.
 */
bool vtep_nexthop_select(struct nexthop *nh, u32 hash,
			 const struct vtep_config *cfg, struct vtep_dest *dest)
{
	const struct fib_nh_common *nhc;
	__be16 port = 0;

	/* The lowest bit may choose the underlay's path. */
	rcu_read_lock();
	nhc = vtep_nexthop_path(nh, hash >> 1, &port);
	if (nhc)
		dest->peer.addr = vtep_nexthop_addr(nhc);
	rcu_read_unlock();

	if (port)
		dest->port = port;
	return nhc && vtep_config_uses(cfg, dest->peer.addr.family);
}

/**
 * vtep_nexthop_select_id() - the VTEP of a flow, of a group by its number
 * @vtep: the device
 * @cfg: its configuration
 * @id: number of the nexthop, in the namespace of the device
 * @hash: hash of the flow
 * @dest: as for vtep_nexthop_select()
 *
 * Context: RCU, with or without BH disabled.
 * Return: false if there is no such FDB nexthop group, or it leads nowhere.
 */
bool vtep_nexthop_select_id(const struct vtep_dev *vtep,
			    const struct vtep_config *cfg, u32 id, u32 hash,
			    struct vtep_dest *dest)
{
	struct nexthop *nh;
	bool found = false;

	rcu_read_lock();
	nh = nexthop_find_by_id(dev_net(vtep->dev), id);
	if (nh && nexthop_is_fdb(nh) && nexthop_is_multipath(nh))
		found = vtep_nexthop_select(nh, hash, cfg, dest);
	rcu_read_unlock();
	return found;
}

/**
 * vtep_nexthop_leads_to() - is a VTEP one of the group?
 * @nexthop: the group
 * @addr: address of the VTEP
 *
 * Context: RCU, with or without BH disabled. Cost grows with the group.
 * Return: true if it is.
 */
bool vtep_nexthop_leads_to(const struct vtep_nexthop *nexthop,
			   const struct vtep_addr *addr)
{
	const struct fib_nh_common *nhc;
	struct vtep_addr path;
	bool found = false;
	int i, count;

	rcu_read_lock();
	count = nexthop_num_path(nexthop->nh);
	for (i = 0; i < count && !found; i++) {
		nhc = nexthop_fib_nhc(nexthop->nh, i);
		if (!nhc)
			break;
		path = vtep_nexthop_addr(nhc);
		found = vtep_addr_equal(&path, addr);
	}
	rcu_read_unlock();
	return found;
}
