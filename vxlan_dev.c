// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a device: set-up, registration, up and down, removal. All of it
 * runs under RTNL. Each step that takes something has its mirror
 * image that gives it back, in reverse order.
 */
#include "vxlan_dev.h"
#include "vxlan.h"
#include "vxlan_abi.h"
#include "vxlan_attach.h"
#include "vxlan_cell.h"
#include "vxlan_ethtool.h"
#include "vxlan_fdb.h"
#include "vxlan_fdb_msg.h"
#include "vxlan_fdb_nl.h"
#include "vxlan_mcast.h"
#include "vxlan_mdb.h"
#include "vxlan_mdb_msg.h"
#include "vxlan_mdb_nl.h"
#include "vxlan_metadata.h"
#include "vxlan_nexthop.h"
#include "vxlan_remote.h"
#include "vxlan_tx.h"
#include "vxlan_vnifilter_change.h"
#include "vxlan_vnifilter_msg.h"

#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/slab.h>
#include <net/rtnetlink.h>

/* ndo_init and ndo_uninit: what exists while the device is registered */

static int vtep_dev_init(struct net_device *dev)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	int err;

	vtep->counters = vtep_counters_alloc();
	if (!vtep->counters)
		return -ENOMEM;
	err = -ENOMEM;
	vtep->cells = vtep_cells_start(dev);
	if (!vtep->cells)
		goto free_counters;
	err = vtep_remotes_init(vtep);
	if (err)
		goto stop_cells;
	vtep_nexthops_init(vtep);
	vtep_filter_init(vtep);
	vtep_fdb_age_init(vtep);
	err = vtep_fdb_init(vtep);
	if (err)
		goto exit_remotes;
	err = vtep_mdb_init(vtep);
	if (err)
		goto exit_fdb;
	netdev_lockdep_set_classes(dev);
	return 0;

exit_fdb:
	vtep_fdb_exit(vtep);
exit_remotes:
	vtep_nexthops_exit(vtep);
	vtep_remotes_exit(vtep);
stop_cells:
	vtep_cells_stop(vtep->cells);	/* vtep_dev_free() frees them */
free_counters:
	free_percpu(vtep->counters);
	return err;
}

static void vtep_dev_uninit(struct net_device *dev)
{
	struct vtep_dev *vtep = netdev_priv(dev);

	list_del_init(&vtep->list);
	vtep_mdb_flush(vtep, NULL, NULL);
	vtep_mdb_exit(vtep);
	vtep_fdb_flush(vtep, NULL, NULL);
	vtep_filter_exit(vtep, vtep_filter_msg_notify);
	vtep_fdb_exit(vtep);
	vtep_nexthops_exit(vtep);
	vtep_remotes_exit(vtep);
	vtep_cells_stop(vtep->cells);
	free_percpu(vtep->counters);
}

static void vtep_dev_free(struct net_device *dev)
{
	struct vtep_dev *vtep = netdev_priv(dev);

	/* A grace period after vtep_dev_uninit(), or nobody ever saw it. */
	free_percpu(vtep->cells);
	vtep->cells = NULL;
	kfree(rcu_dereference_protected(vtep->cfg, true));
	RCU_INIT_POINTER(vtep->cfg, NULL);
}

/* ndo_open and ndo_stop: what exists while the device is up */

/**
 * vtep_dev_join() - join the group that is the default destination
 * @vtep: the device
 * @cfg: configuration that names the group
 * @extack: filled on failure, or NULL
 *
 * Context: RTNL, may sleep.
 * Return: the membership, NULL if the default destination is no group, or a
 * negative error.
 */
struct vtep_group *vtep_dev_join(struct vtep_dev *vtep,
				 const struct vtep_config *cfg,
				 struct netlink_ext_ack *extack)
{
	if (!vtep_addr_multicast(&cfg->remote))
		return NULL;
	return vtep_group_get(vtep->net, &cfg->remote, cfg->ifindex, extack);
}

/**
 * vtep_dev_leave() - give back what vtep_dev_join() returned
 * @group: the membership, or NULL
 *
 * Context: RTNL, may sleep.
 */
void vtep_dev_leave(struct vtep_group *group)
{
	if (group)
		vtep_group_put(group);
}

static int vtep_dev_open(struct net_device *dev)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	struct vtep_config *cfg = vtep_cfg_rtnl(vtep);
	struct vtep_group *group;
	int err;

	group = vtep_dev_join(vtep, cfg, NULL);
	if (IS_ERR(group))
		return PTR_ERR(group);
	err = vtep_filter_join(vtep, cfg) ?: vtep_attach(vtep, cfg);
	if (err) {
		vtep_filter_leave(vtep);
		vtep_dev_leave(group);
		return err;
	}
	vtep->group = group;
	vtep_fdb_start(vtep);
	return 0;
}

static int vtep_dev_stop(struct net_device *dev)
{
	struct vtep_dev *vtep = netdev_priv(dev);

	vtep_fdb_stop(vtep);
	vtep_detach(vtep);
	vtep_filter_leave(vtep);
	vtep_dev_leave(vtep->group);
	vtep->group = NULL;
	return 0;
}

/* Size and headroom, which follow the lower device */

/**
 * vtep_dev_mtu_limit() - the largest MTU that a lower device carries
 * @lower: the lower device, or NULL for none
 * @cfg: configuration: family, header and so on
 *
 * Context: RTNL.
 * Return: bytes, ETH_MIN_MTU at least.
 */
unsigned int vtep_dev_mtu_limit(const struct net_device *lower,
				const struct vtep_config *cfg)
{
	unsigned int overhead = vtep_config_overhead(cfg);

	if (!lower)
		return ETH_MAX_MTU;
	if (lower->mtu < overhead + ETH_MIN_MTU)
		return ETH_MIN_MTU;
	return lower->mtu - overhead;
}

/**
 * vtep_dev_fit() - make room in packets for the headers below
 * @dev: the device
 * @lower: its lower device, or NULL
 * @cfg: its configuration
 *
 * Context: RTNL.
 */
void vtep_dev_fit(struct net_device *dev, const struct net_device *lower,
		  const struct vtep_config *cfg)
{
	unsigned int headroom = ETH_HLEN;

	if (lower) {
		netif_inherit_tso_max(dev, lower);
		headroom = lower->hard_header_len + lower->needed_headroom;
		dev->needed_tailroom = lower->needed_tailroom;
	}
	/* An external device may send over IPv6 whatever its own family is. */
	if (cfg->metadata && cfg->family == AF_INET)
		headroom += sizeof(struct ipv6hdr) - sizeof(struct iphdr);
	dev->needed_headroom = headroom + vtep_config_overhead(cfg);
}

/* Frames are not filtered by group, so every filter is accepted. */
static void vtep_dev_set_rx_mode(struct net_device *dev)
{
}

static int vtep_dev_change_mtu(struct net_device *dev, int mtu)
{
	struct vtep_dev *vtep = netdev_priv(dev);

	if (mtu > vtep_dev_mtu_limit(vtep->lower, vtep_cfg_rtnl(vtep)))
		return -EINVAL;
	WRITE_ONCE(dev->mtu, mtu);
	return 0;
}

static const struct net_device_ops vtep_netdev_ops = {
	.ndo_init = vtep_dev_init,
	.ndo_uninit = vtep_dev_uninit,
	.ndo_open = vtep_dev_open,
	.ndo_stop = vtep_dev_stop,
	.ndo_start_xmit = vtep_xmit,
	.ndo_get_stats64 = vtep_stats_get64,
	.ndo_set_rx_mode = vtep_dev_set_rx_mode,
	.ndo_change_mtu = vtep_dev_change_mtu,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_fill_metadata_dst = vtep_metadata_fill,
	.ndo_fdb_add = vtep_fdb_nl_add,
	.ndo_fdb_del = vtep_fdb_nl_del,
	.ndo_fdb_del_bulk = vtep_fdb_nl_del_bulk,
	.ndo_fdb_dump = vtep_fdb_msg_dump,
	.ndo_fdb_get = vtep_fdb_msg_get,
	VTEP_NDO_MDB(vtep_mdb_nl_add, vtep_mdb_nl_del, vtep_mdb_nl_del_bulk,
		     vtep_mdb_msg_dump, vtep_mdb_nl_get)
};

/* There is no FDB, nor an address that could be changed. */
static const struct net_device_ops vtep_gpe_netdev_ops = {
	.ndo_init = vtep_dev_init,
	.ndo_uninit = vtep_dev_uninit,
	.ndo_open = vtep_dev_open,
	.ndo_stop = vtep_dev_stop,
	.ndo_start_xmit = vtep_xmit,
	.ndo_get_stats64 = vtep_stats_get64,
	.ndo_change_mtu = vtep_dev_change_mtu,
	.ndo_fill_metadata_dst = vtep_metadata_fill,
};

/**
 * vtep_dev_of() - the private part of one of our devices
 * @dev: any network device
 *
 * The kernel's own driver may run beside this one, and other drivers hand
 * devices around that are of neither kind.
 *
 * Return: the private part, or NULL if the device is not ours.
 */
struct vtep_dev *vtep_dev_of(const struct net_device *dev)
{
	if (dev->netdev_ops != &vtep_netdev_ops &&
	    dev->netdev_ops != &vtep_gpe_netdev_ops)
		return NULL;
	return netdev_priv(dev);
}

static const struct device_type vtep_device_type = {
	.name = "vxlan",
};

/**
 * vtep_dev_setup() - rtnl_link_ops.setup: defaults of a new device
 * @dev: the device, its private part zeroed
 */
void vtep_dev_setup(struct net_device *dev)
{
	const netdev_features_t features = NETIF_F_SG | NETIF_F_HW_CSUM |
					   NETIF_F_FRAGLIST | NETIF_F_RXCSUM |
					   NETIF_F_GSO_SOFTWARE;
	struct vtep_dev *vtep = netdev_priv(dev);

	ether_setup(dev);
	eth_hw_addr_random(dev);
	SET_NETDEV_DEVTYPE(dev, &vtep_device_type);
	dev->netdev_ops = &vtep_netdev_ops;
	dev->ethtool_ops = &vtep_ethtool_ops;
	dev->priv_destructor = vtep_dev_free;
	dev->needs_free_netdev = true;

	dev->features |= features;
	dev->vlan_features |= features;
	dev->hw_features |= features;
	vtep_netdev_set_large_gso(dev);

	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE | IFF_NO_QUEUE;
	vtep_netdev_set_lltx(dev);
	vtep_netdev_set_change_proto_down(dev);
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	netif_keep_dst(dev);
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU;

	vtep->dev = dev;
	spin_lock_init(&vtep->lock);
	INIT_LIST_HEAD(&vtep->list);
}

/* Packets of several protocols, point to point: no Ethernet header. */
static void vtep_dev_setup_gpe(struct net_device *dev)
{
	dev->header_ops = NULL;
	dev->type = ARPHRD_NONE;
	dev->hard_header_len = 0;
	dev->addr_len = 0;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
	dev->priv_flags &= ~IFF_LIVE_ADDR_CHANGE;
	dev->netdev_ops = &vtep_gpe_netdev_ops;
}

static int vtep_dev_link_lower(struct vtep_dev *vtep, struct net_device *lower,
			       struct netlink_ext_ack *extack)
{
	int err;

	if (!lower)
		return 0;
	err = netdev_upper_dev_link(lower, vtep->dev, extack);
	if (err)
		return err;
	vtep->lower = lower;
	return 0;
}

/**
 * vtep_dev_unlink_lower() - let go of the lower device
 * @vtep: the device; nothing happens if it has none
 *
 * Context: RTNL, may sleep.
 */
void vtep_dev_unlink_lower(struct vtep_dev *vtep)
{
	struct net_device *lower = vtep->lower;

	if (!lower)
		return;
	/* Events about the lower device are none of our business any more. */
	vtep->lower = NULL;
	netdev_upper_dev_unlink(lower, vtep->dev);
}

/**
 * vtep_dev_create() - register a new device
 * @net: the namespace of its underlay
 * @dev: the device, after vtep_dev_setup()
 * @cfg: its configuration, checked; belongs to the device from here on,
 *	also when this fails
 * @lower: lower device, or NULL
 * @mtu_given: somebody asked for dev->mtu: keep it if it fits
 * @extack: filled on failure
 *
 * Context: RTNL, may sleep.
 * Return: 0 or a negative error; the device is then not registered.
 */
int vtep_dev_create(struct net *net, struct net_device *dev,
		    struct vtep_config *cfg, struct net_device *lower,
		    bool mtu_given, struct netlink_ext_ack *extack)
{
	unsigned int limit = vtep_dev_mtu_limit(lower, cfg);
	struct vtep_dev *vtep = netdev_priv(dev);
	int err;

	vtep->net = net;
	vtep->abi.cfg.mtu = mtu_given ? dev->mtu : 0;
	if (cfg->gpe)
		vtep_dev_setup_gpe(dev);
	rcu_assign_pointer(vtep->cfg, cfg);
	if ((lower && !mtu_given) || dev->mtu > limit)
		dev->mtu = limit;
	vtep_dev_fit(dev, lower, cfg);

	err = register_netdevice(dev);
	if (err) {
		/* The core calls the destructor only once ndo_init was run. */
		vtep_dev_free(dev);
		return err;
	}
	err = vtep_dev_link_lower(vtep, lower, extack);
	if (err)
		goto unregister;
	vtep_abi_fill(vtep, cfg);
	/* Listeners are to know the device before they hear of its FDB. */
	rtnl_configure_link(dev, NULL, 0, NULL);
	err = vtep_fdb_set_default(vtep, NULL, cfg, extack);
	if (err)
		goto unlink;
	list_add(&vtep->list, &vtep_net(net)->devs);
	return 0;

unlink:
	vtep_dev_unlink_lower(vtep);
unregister:
	unregister_netdevice(dev);
	return err;
}

/**
 * vtep_dev_delete() - rtnl_link_ops.dellink
 * @dev: the device
 * @head: list for unregister_netdevice_many()
 *
 * Context: RTNL.
 */
void vtep_dev_delete(struct net_device *dev, struct list_head *head)
{
	struct vtep_dev *vtep = netdev_priv(dev);

	/* Listeners hear of what becomes of the FDB while there is a device. */
	vtep_fdb_flush(vtep, NULL, NULL);
	vtep_dev_unlink_lower(vtep);
	unregister_netdevice_queue(dev, head);
}
