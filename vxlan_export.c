// SPDX-License-Identifier: GPL-2.0
/*
 * What other modules import from "vxlan": functions of <net/vxlan.h>, with the
 * prototypes of the kernel's driver. mlxsw calls those about the forwarding
 * table, the vport of Open vSwitch on older kernels the one that makes a
 * device.
 *
 * A symbol's version depends on which structs are complete where it is
 * exported: the includes from the kernel are those of its own driver, and
 * tools/check-exports compares the result.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <linux/igmp.h>
#include <linux/if_ether.h>
#include <linux/ethtool.h>
#include <linux/rhashtable.h>
#include <net/arp.h>
#include <net/ndisc.h>
#include <net/gro.h>
#include <net/ip.h>
#include <net/icmp.h>
#include <net/rtnetlink.h>
#include <net/inet_ecn.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/tun_proto.h>
#include <net/vxlan.h>
#include <net/nexthop.h>
#include <net/ip6_tunnel.h>
#include <net/ip6_checksum.h>

#include "vxlan.h"
#include "vxlan_abi.h"
#include "vxlan_dev.h"
#include "vxlan_fdb.h"
#include "vxlan_netlink.h"
#include "vxlan_switchdev.h"

/**
 * vxlan_fdb_find_uc() - where does a unicast MAC address lead to?
 * @dev: a device of this driver
 * @mac: the MAC address
 * @vni: source VNI, network order
 * @fdb_info: filled
 *
 * Context: any but hard interrupts.
 * Return: 0, -EINVAL for an address that is not unicast or a device that is
 * not ours, -ENOENT.
 */
int vxlan_fdb_find_uc(struct net_device *dev, const u8 *mac, __be32 vni,
		      struct switchdev_notifier_vxlan_fdb_info *fdb_info)
{
	struct vtep_dev *vtep = vtep_dev_of(dev);

	if (!vtep || is_multicast_ether_addr(mac) || is_zero_ether_addr(mac))
		return -EINVAL;
	return vtep_switchdev_find(vtep, mac, vni, fdb_info);
}
EXPORT_SYMBOL_GPL(vxlan_fdb_find_uc);

/**
 * vxlan_fdb_replay() - tell a switch all entries of a VNI
 * @dev: a device of this driver
 * @vni: source VNI, network order
 * @nb: the switch; gets SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE for each remote
 * @extack: for what the switch refuses
 *
 * Context: process context; @nb is called with a spinlock held.
 * Return: 0, -EINVAL for a device that is not ours, the error of @nb.
 */
int vxlan_fdb_replay(const struct net_device *dev, __be32 vni,
		     struct notifier_block *nb, struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = vtep_dev_of(dev);

	if (!vtep)
		return -EINVAL;
	return vtep_switchdev_replay(vtep, be32_to_cpu(vni), nb, extack);
}
EXPORT_SYMBOL_GPL(vxlan_fdb_replay);

/**
 * vxlan_fdb_clear_offload() - no switch forwards to a VNI by itself any more
 * @dev: a device of this driver
 * @vni: source VNI, network order
 *
 * Context: process context.
 */
void vxlan_fdb_clear_offload(const struct net_device *dev, __be32 vni)
{
	struct vtep_dev *vtep = vtep_dev_of(dev);

	if (vtep)
		vtep_switchdev_clear(vtep, be32_to_cpu(vni));
}
EXPORT_SYMBOL_GPL(vxlan_fdb_clear_offload);

/**
 * vxlan_dev_create() - make a device without netlink
 * @net: namespace
 * @name: name or pattern
 * @name_assign_type: NET_NAME_*
 * @conf: its configuration
 *
 * Context: RTNL.
 * Return: the device, not up, or an ERR_PTR().
 */
struct net_device *vxlan_dev_create(struct net *net, const char *name,
				    u8 name_assign_type,
				    struct vxlan_config *conf)
{
	struct nlattr *tb[IFLA_MAX + 1] = {};
	struct net_device *dev;
	int err;

	dev = rtnl_create_link(net, name, name_assign_type, &vtep_link_ops, tb,
			       NULL);
	if (IS_ERR(dev))
		return dev;

	err = vtep_link_create(net, dev, conf);
	if (err) {
		free_netdev(dev);
		return ERR_PTR(err);
	}
	return dev;
}

VTEP_EXPORT_DEV_CREATE;
