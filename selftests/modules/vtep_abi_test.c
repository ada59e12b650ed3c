// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the private part of VXLAN devices as drivers of network cards do: any
 * device of kind "vxlan" is taken for the kernel's own, and what netdev_priv()
 * gives for its struct vxlan_dev.
 *
 * In debugfs, file vtep_abi_test/devices: a line for each such device of the
 * reader's network namespace, NAME FIELD=VALUE ...
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>
#include <net/vxlan.h>

static struct dentry *folder;

static void show_ip(struct seq_file *seq, const char *name,
		    const union vxlan_addr *ip)
{
	if (ip->sa.sa_family == AF_INET)
		seq_printf(seq, " %s=%pI4", name, &ip->sin.sin_addr);
	else if (ip->sa.sa_family == AF_INET6)
		seq_printf(seq, " %s=%pI6c", name, &ip->sin6.sin6_addr);
	else
		seq_printf(seq, " %s=family-%u", name, ip->sa.sa_family);
}

static void show_cfg(struct seq_file *seq, const struct vxlan_config *cfg)
{
	show_ip(seq, "remote_ip", &cfg->remote_ip);
	show_ip(seq, "saddr", &cfg->saddr);
	seq_printf(seq, " vni=%u remote_ifindex=%d mtu=%d dst_port=%u",
		   be32_to_cpu(cfg->vni), cfg->remote_ifindex, cfg->mtu,
		   be16_to_cpu(cfg->dst_port));
	seq_printf(seq, " port_min=%u port_max=%u tos=%u ttl=%u label=%u",
		   cfg->port_min, cfg->port_max, cfg->tos, cfg->ttl,
		   be32_to_cpu(cfg->label));
	seq_printf(seq, " flags=%u age_interval=%lu addrmax=%u no_share=%u",
		   cfg->flags, cfg->age_interval, cfg->addrmax, cfg->no_share);
	seq_printf(seq, " df=%u", cfg->df);
#ifdef HAS_LABEL_POLICY
	seq_printf(seq, " label_policy=%u", cfg->label_policy);
#endif
#ifdef HAS_RESERVED_BITS
	seq_printf(seq, " reserved_bits=%08x%08x",
		   be32_to_cpu(cfg->reserved_bits.vx_flags),
		   be32_to_cpu(cfg->reserved_bits.vx_vni));
#endif
}

static void show_default(struct seq_file *seq, const struct vxlan_rdst *remote)
{
	show_ip(seq, "default_ip", &remote->remote_ip);
	seq_printf(seq, " default_port=%u default_vni=%u default_ifindex=%u",
		   be16_to_cpu(remote->remote_port),
		   be32_to_cpu(remote->remote_vni), remote->remote_ifindex);
	seq_printf(seq, " default_dev=%s default_offloaded=%u",
		   remote->remote_dev ? remote->remote_dev->name : "-",
		   remote->offloaded);
}

static int devices_show(struct seq_file *seq, void *unused)
{
	struct net *net = current->nsproxy->net_ns;
	const struct vxlan_dev *vxlan;
	struct net_device *dev;

	rtnl_lock();
	for_each_netdev(net, dev) {
		if (!netif_is_vxlan(dev))
			continue;
		vxlan = netdev_priv(dev);
		seq_printf(seq, "%s itself=%u same_net=%u", dev->name,
			   vxlan->dev == dev, net_eq(vxlan->net, net));
		show_cfg(seq, &vxlan->cfg);
		show_default(seq, &vxlan->default_dst);
		seq_puts(seq, "\n");
	}
	rtnl_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(devices);

static int __init reader_init(void)
{
	folder = debugfs_create_dir("vtep_abi_test", NULL);
	debugfs_create_file("devices", 0400, folder, NULL, &devices_fops);
	return 0;
}
module_init(reader_init);

static void __exit reader_exit(void)
{
	debugfs_remove(folder);
}
module_exit(reader_exit);

MODULE_DESCRIPTION("A reader of the private part of VXLAN devices, for tests");
MODULE_LICENSE("GPL");
