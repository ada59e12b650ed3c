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

static struct switchdev_notifier_vxlan_fdb_info
vtep_switchdev_info_of(const struct vtep_fdb_entry *entry,
		       const struct vtep_fdb_dst *dst)
{
	struct vtep_dest dest = vtep_remote_dest(dst->remote);

	return vtep_switchdev_info(&entry->key, &dest, entry->user,
				   dst->offloaded);
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
	struct switchdev_notifier_vxlan_fdb_info info =
		vtep_switchdev_info_of(entry, dst);

	call_switchdev_notifiers(SWITCHDEV_VXLAN_FDB_DEL_TO_DEVICE, vtep->dev,
				 &info.info, NULL);
}

/* A device with one VNI has its entries under that one. */
static u32 vtep_switchdev_vni(const struct vtep_dev *vtep, __be32 asked)
{
	const struct vtep_config *cfg;
	u32 vni;

	rcu_read_lock();
	cfg = rcu_dereference(vtep->cfg);
	vni = cfg->metadata ? be32_to_cpu(asked) : cfg->vni;
	rcu_read_unlock();
	return vni;
}

/**
 * vtep_switchdev_find() - the first remote of an entry, as switches see it
 * @vtep: the device
 * @mac: MAC address of the entry
 * @vni: its source VNI, network order; looked at on external devices only
 * @info: filled
 *
 * Context: any but hard interrupts.
 * Return: 0 or -ENOENT.
 */
int vtep_switchdev_find(struct vtep_dev *vtep, const u8 *mac, __be32 vni,
			struct switchdev_notifier_vxlan_fdb_info *info)
{
	const struct vtep_fdb_entry *entry;
	struct vtep_fdb_dst dst;
	int err = -ENOENT;

	rcu_read_lock();
	entry = vtep_fdb_find(vtep, mac, vtep_switchdev_vni(vtep, vni));
	if (entry && vtep_fdb_dst(vtep, entry, 0, &dst) && dst.remote) {
		*info = vtep_switchdev_info_of(entry, &dst);
		info->info.dev = vtep->dev;
		err = 0;
	}
	rcu_read_unlock();
	return err;
}

struct vtep_switchdev_replay {
	u32 vni;
	struct notifier_block *nb;
	struct netlink_ext_ack *extack;
};

static int vtep_switchdev_replay_entry(struct vtep_dev *vtep,
				       struct vtep_fdb_entry *entry, void *arg)
{
	const struct vtep_switchdev_replay *replay = arg;
	struct switchdev_notifier_vxlan_fdb_info info;
	struct notifier_block *nb = replay->nb;
	struct vtep_fdb_dst dst;
	int i, answer, err = 0;

	if (entry->key.vni != replay->vni)
		return 0;
	for (i = 0; !err && vtep_fdb_dst(vtep, entry, i, &dst); i++) {
		if (!dst.remote)
			continue;
		info = vtep_switchdev_info_of(entry, &dst);
		info.info.dev = vtep->dev;
		info.info.extack = replay->extack;
		answer = nb->notifier_call(nb,
					   SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE,
					   &info);
		err = notifier_to_errno(answer);
	}
	return err;
}

/**
 * vtep_switchdev_replay() - tell a switch all entries of a VNI
 * @vtep: the device
 * @vni: their source VNI, host order
 * @nb: the switch
 * @extack: says why the switch cannot do it
 *
 * Context: process context.
 * Return: 0 or the error of the switch; it knows a part of the entries then.
 */
int vtep_switchdev_replay(struct vtep_dev *vtep, u32 vni,
			  struct notifier_block *nb,
			  struct netlink_ext_ack *extack)
{
	struct vtep_switchdev_replay replay = {
		.vni = vni,
		.nb = nb,
		.extack = extack,
	};

	return vtep_fdb_walk(vtep, vtep_switchdev_replay_entry, &replay);
}

static int vtep_switchdev_clear_entry(struct vtep_dev *vtep,
				      struct vtep_fdb_entry *entry, void *arg)
{
	const u32 *vni = arg;
	struct vtep_fdb_dst dst;
	int i;

	if (entry->key.vni != *vni)
		return 0;
	for (i = 0; vtep_fdb_dst(vtep, entry, i, &dst); i++)
		vtep_fdb_entry_set_offloaded(vtep, entry, i, false);
	return 0;
}

/**
 * vtep_switchdev_clear() - no switch forwards to a VNI by itself any more
 * @vtep: the device
 * @vni: source VNI of the entries, host order
 *
 * Context: process context.
 */
void vtep_switchdev_clear(struct vtep_dev *vtep, u32 vni)
{
	vtep_fdb_walk(vtep, vtep_switchdev_clear_entry, &vni);
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

static int
vtep_switchdev_fdb(struct vtep_dev *vtep, unsigned long event,
		   struct switchdev_notifier_vxlan_fdb_info *info)
{
	const struct vtep_dest dest = vtep_switchdev_dest(info);
	const struct vtep_fdb_key key =
		vtep_fdb_key(info->eth_addr,
			     vtep_switchdev_vni(vtep, info->vni));
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
	const struct net_device *dev = switchdev_notifier_info_to_dev(ptr);
	struct vtep_dev *vtep = vtep_dev_of(dev);
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
