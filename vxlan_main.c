// SPDX-License-Identifier: GPL-2.0
/*
 * VXLAN (RFC 7348) network devices: module, namespaces, notifier.
 */
#include "vxlan.h"
#include "vxlan_attach.h"
#include "vxlan_dev.h"
#include "vxlan_fdb.h"
#include "vxlan_fdb_msg.h"
#include "vxlan_hash.h"
#include "vxlan_mcast.h"
#include "vxlan_mdb.h"
#include "vxlan_mdb_msg.h"
#include "vxlan_netlink.h"
#include "vxlan_rx.h"
#include "vxlan_sock.h"
#include "vxlan_switchdev.h"
#include "vxlan_vnifilter_nl.h"

#include <linux/module.h>
#include <net/net_namespace.h>
#include <net/nexthop.h>

/**
 * DOC: locking
 *
 * RTNL
 *	all configuration: devices, sockets, VNI tables, memberships, lower
 *	devices, lists of a namespace; the MDB
 *
 * vtep_dev.lock (spinlock, BH disabled; inside RTNL)
 *	changes of the FDB, of peers and remotes. Learning takes it in softirq,
 *	so it is held for one entry at a time, for a few when many go at once,
 *	and never for a walk over a whole table.
 *
 * RCU
 *	the packet path: configuration snapshot, socket, VNI table, FDB, MDB,
 *	remotes and peers. An object is freed a grace period after the last
 *	pointer to it is gone.
 *
 * Documentation/locking.rst tells the same field by field.
 */

static const struct vtep_fdb_hooks vtep_fdb_told = {
	.offer = vtep_switchdev_offer,
	.withdraw = vtep_switchdev_withdraw,
	.notify = vtep_fdb_msg_notify,
	.miss = vtep_fdb_msg_miss,
};

static const struct vtep_mdb_hooks vtep_mdb_told = {
	.notify = vtep_mdb_msg_notify,
};

/* Entries go with the nexthop group they lead to. Context: RTNL. */
static int vtep_nexthop_event(struct notifier_block *nb, unsigned long event,
			      void *ptr)
{
	struct vtep_net *vn = container_of(nb, struct vtep_net,
					   nexthop_notifier);
	const struct nh_notifier_info *info = ptr;
	struct vtep_dev *vtep;

	if (event != NEXTHOP_EVENT_DEL)
		return NOTIFY_DONE;

	list_for_each_entry(vtep, &vn->devs, list)
		vtep_fdb_flush_nexthop(vtep, info->id);
	return NOTIFY_DONE;
}

static int __net_init vtep_net_init(struct net *net)
{
	struct vtep_net *vn = vtep_net(net);
	int err;

	vn->net = net;
	INIT_LIST_HEAD(&vn->devs);
	INIT_LIST_HEAD(&vn->socks);
	vn->counters = vtep_counters_alloc();
	if (!vn->counters)
		return -ENOMEM;
	vtep_mcast_net_init(vn);

	vn->nexthop_notifier.notifier_call = vtep_nexthop_event;
	err = register_nexthop_notifier(net, &vn->nexthop_notifier, NULL);
	if (!err)
		return 0;
	vtep_mcast_net_exit(vn);
	free_percpu(vn->counters);
	return err;
}

/* Devices whose underlay goes away go with it, wherever they are. */
static void __net_exit vtep_net_exit_rtnl(struct net *net,
					  struct list_head *dev_kill_list)
{
	struct vtep_net *vn = vtep_net(net);
	struct vtep_dev *vtep, *next;

	list_for_each_entry_safe(vtep, next, &vn->devs, list)
		vtep_dev_delete(vtep->dev, dev_kill_list);
}

static void __net_exit vtep_net_exit(struct net *net)
{
	struct vtep_net *vn = vtep_net(net);

	unregister_nexthop_notifier(net, &vn->nexthop_notifier);
	vtep_mcast_net_exit(vn);
	WARN_ON_ONCE(!list_empty(&vn->socks));
	free_percpu(vn->counters);
}

static struct pernet_operations vtep_net_ops = {
	.init = vtep_net_init,
	.exit_rtnl = vtep_net_exit_rtnl,
	.exit = vtep_net_exit,
	.id = &vtep_net_id,
	.size = sizeof(struct vtep_net),
};

/* A device without its lower device has nowhere to send to. */
static void vtep_lower_gone(struct net_device *lower)
{
	struct vtep_net *vn = vtep_net(dev_net(lower));
	struct vtep_dev *vtep, *next;
	LIST_HEAD(kill);

	list_for_each_entry_safe(vtep, next, &vn->devs, list)
		if (vtep->lower == lower)
			vtep_dev_delete(vtep->dev, &kill);
	unregister_netdevice_many(&kill);
}

static int vtep_netdev_event(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	const struct netdev_notifier_changeupper_info *changed;

	switch (event) {
	case NETDEV_UNREGISTER:
		vtep_lower_gone(dev);
		break;
	case NETDEV_CHANGEUPPER:
		changed = ptr;
		if (netif_is_l3_master(changed->upper_dev))
			vtep_attach_lower_moved(vtep_net(dev_net(dev)), dev);
		break;
	case NETDEV_UDP_TUNNEL_PUSH_INFO:
		vtep_sock_offload_ports(dev, true);
		break;
	case NETDEV_UDP_TUNNEL_DROP_INFO:
		vtep_sock_offload_ports(dev, false);
		break;
	}
	vtep_mcast_netdev_event(dev, event);
	return NOTIFY_DONE;
}

static struct notifier_block vtep_netdev_notifier = {
	.notifier_call = vtep_netdev_event,
};

static int __init vtep_module_init(void)
{
	int err;

	vtep_hash_init();
	vtep_sock_set_ops(&vtep_rx_ops);
	err = vtep_fdb_module_init();
	if (err)
		return err;
	vtep_fdb_set_hooks(&vtep_fdb_told);
	vtep_mdb_set_hooks(&vtep_mdb_told);
	err = register_pernet_subsys(&vtep_net_ops);
	if (err)
		goto exit_fdb;
	err = register_netdevice_notifier(&vtep_netdev_notifier);
	if (err)
		goto unregister_net;
	err = vtep_switchdev_init();
	if (err)
		goto unregister_notifier;
	err = rtnl_link_register(&vtep_link_ops);
	if (err)
		goto exit_switchdev;
	err = vtep_filter_nl_init();
	if (err)
		goto unregister_link;
	return 0;

unregister_link:
	rtnl_link_unregister(&vtep_link_ops);
exit_switchdev:
	vtep_switchdev_exit();
unregister_notifier:
	unregister_netdevice_notifier(&vtep_netdev_notifier);
unregister_net:
	unregister_pernet_subsys(&vtep_net_ops);
exit_fdb:
	vtep_fdb_module_exit();
	return err;
}
module_init(vtep_module_init);

static void __exit vtep_module_exit(void)
{
	vtep_filter_nl_exit();
	rtnl_link_unregister(&vtep_link_ops);
	vtep_switchdev_exit();
	unregister_netdevice_notifier(&vtep_netdev_notifier);
	unregister_pernet_subsys(&vtep_net_ops);
	vtep_fdb_module_exit();
}
module_exit(vtep_module_exit);

module_param_named(log_ecn_error, vtep_log_ecn_error, bool, 0644);
MODULE_PARM_DESC(log_ecn_error,
		 "log packets dropped for a wrong ECN mark (default Y)");

module_param_named(shortcut, vtep_shortcut, bool, 0644);
MODULE_PARM_DESC(shortcut,
		 "let packets take shorter ways than through the functions of the core (default Y)");

MODULE_LICENSE("GPL");
MODULE_VERSION(VTEP_VERSION);
MODULE_DESCRIPTION("VXLAN (RFC 7348) network devices");
MODULE_ALIAS_RTNL_LINK(VTEP_KIND);
