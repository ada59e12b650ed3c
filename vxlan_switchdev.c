// SPDX-License-Identifier: GPL-2.0
/*
 * switchdev (Documentation/networking/switchdev.rst of the kernel): a switch
 * that forwards VXLAN by itself is asked before an entry gets a remote and told
 * when it has lost one; it reports which remotes it has taken over and what
 * it has learned.
 */
#include "vxlan_switchdev.h"
#include "vxlan.h"
#include "vxlan_abi.h"
#include "vxlan_dev.h"
#include "vxlan_remote.h"

#include <net/switchdev.h>

static struct switchdev_notifier_vxlan_fdb_info
vtep_switchdev_info(const struct vtep_fdb_key *key,
		    const struct vtep_dest *dest, bool user, bool offloaded)
{
	const struct vtep_addr *addr = &dest->peer.addr;
	struct switchdev_notifier_vxlan_fdb_info info = {
		.remote_ip = vtep_abi_addr(addr, addr->family),
		.remote_port = dest->port,
		.remote_vni = cpu_to_be32(dest->vni),
		.remote_ifindex = dest->peer.ifindex,
		.vni = cpu_to_be32(key->vni),
		.offloaded = offloaded,
		.added_by_user = user,
	};

	ether_addr_copy(info.eth_addr, key->mac);
	return info;
}

/**
 * vtep_switchdev_offer() - vtep_fdb_hooks.offer
 * @vtep: the device
 * @key: the entry
 * @dest: its remote-to-be
 * @user: asked for by netlink
 * @extack: says why a switch cannot do it
 *
 * Context: vtep_dev.lock.
 * Return: 0 or the error of the first switch that refuses.
 */
int vtep_switchdev_offer(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
			 const struct vtep_dest *dest, bool user,
			 struct netlink_ext_ack *extack)
{
	struct switchdev_notifier_vxlan_fdb_info info =
		vtep_switchdev_info(key, dest, user, false);
	int answer;

	answer = call_switchdev_notifiers(SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE,
					  vtep->dev, &info.info, extack);
	return notifier_to_errno(answer);
}

/**
 * vtep_switchdev_withdraw() - vtep_fdb_hooks.withdraw
 * @vtep: the device
 * @entry: the entry
 * @dst: the remote it has lost
 *
 * Context: vtep_dev.lock.
 */
void vtep_switchdev_withdraw(struct vtep_dev *vtep,
			     const struct vtep_fdb_entry *entry,
			     const struct vtep_fdb_dst *dst)
{
	struct vtep_dest dest = vtep_remote_dest(dst->remote);
	struct switchdev_notifier_vxlan_fdb_info info =
		vtep_switchdev_info(&entry->key, &dest, entry->user,
				    dst->offloaded);

	call_switchdev_notifiers(SWITCHDEV_VXLAN_FDB_DEL_TO_DEVICE, vtep->dev,
				 &info.info, NULL);
}

static struct vtep_dest
vtep_switchdev_dest(const struct switchdev_notifier_vxlan_fdb_info *info)
{
	return (struct vtep_dest) {
		.peer = {
			.addr = vtep_abi_addr_of(&info->remote_ip),
			.ifindex = info->remote_ifindex,
		},
		.vni = be32_to_cpu(info->remote_vni),
		.port = info->remote_port,
	};
}

/* A device with one VNI has its entries under that one. */
static u32 vtep_switchdev_vni(const struct vtep_dev *vtep)
{
	u32 vni;

	rcu_read_lock();
	vni = rcu_dereference(vtep->cfg)->vni;
	rcu_read_unlock();
	return vni;
}

static int
vtep_switchdev_fdb(struct vtep_dev *vtep, unsigned long event,
		   struct switchdev_notifier_vxlan_fdb_info *info)
{
	const struct vtep_dest dest = vtep_switchdev_dest(info);
	const struct vtep_fdb_key key =
		vtep_fdb_key(info->eth_addr, vtep_switchdev_vni(vtep));
	struct netlink_ext_ack *extack =
		switchdev_notifier_info_to_extack(&info->info);
	bool offloaded = info->offloaded;
	int err = 0;

	if (event == SWITCHDEV_VXLAN_FDB_ADD_TO_BRIDGE) {
		err = vtep_fdb_switch_add(vtep, &key, &dest, extack);
		offloaded = true;
	} else if (event == SWITCHDEV_VXLAN_FDB_DEL_TO_BRIDGE) {
		err = vtep_fdb_switch_del(vtep, &key, &dest);
		offloaded = false;
	}
	if (!err)
		vtep_fdb_set_offloaded(vtep, &key, &dest, offloaded);
	return err;
}

static int vtep_switchdev_event(struct notifier_block *nb, unsigned long event,
				void *ptr)
{
	struct vtep_dev *vtep = vtep_dev_of(switchdev_notifier_info_to_dev(ptr));
	int err;

	if (!vtep)
		return NOTIFY_DONE;

	switch (event) {
	case SWITCHDEV_VXLAN_FDB_OFFLOADED:
	case SWITCHDEV_VXLAN_FDB_ADD_TO_BRIDGE:
	case SWITCHDEV_VXLAN_FDB_DEL_TO_BRIDGE:
		err = vtep_switchdev_fdb(vtep, event, ptr);
		return err ? notifier_from_errno(err) : NOTIFY_DONE;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block vtep_switchdev_notifier = {
	.notifier_call = vtep_switchdev_event,
};

/**
 * vtep_switchdev_init() - listen to switches
 *
 * Return: 0 or a negative error.
 */
int vtep_switchdev_init(void)
{
	return register_switchdev_notifier(&vtep_switchdev_notifier);
}

/**
 * vtep_switchdev_exit() - the reverse of vtep_switchdev_init()
 */
void vtep_switchdev_exit(void)
{
	unregister_switchdev_notifier(&vtep_switchdev_notifier);
}
