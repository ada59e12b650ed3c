// SPDX-License-Identifier: GPL-2.0
/*
 * Imports from "vxlan" what drivers of switches and Open vSwitch import, built
 * against the kernel's headers alone: where symbols have versions, it has those
 * of the kernel's own driver and loads only if ours are the same.
 */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/net_namespace.h>
#include <net/vxlan.h>

/* What is read in init() must be in the module. */
static const void *imported[] = {
	vxlan_fdb_find_uc,
	vxlan_fdb_replay,
	vxlan_fdb_clear_offload,
#ifdef HAS_DEV_CREATE
	vxlan_dev_create,
#endif
};

static int __init importer_init(void)
{
	static const u8 nothing[ETH_ALEN];
	struct switchdev_notifier_vxlan_fdb_info info = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(imported); i++)
		if (!READ_ONCE(imported[i]))
			return -ENOENT;
	/* All zeros is no unicast address, whatever the device. */
	if (vxlan_fdb_find_uc(init_net.loopback_dev, nothing, 0,
			      &info) != -EINVAL)
		return -EBADF;
	return 0;
}
module_init(importer_init);

static void __exit importer_exit(void)
{
}
module_exit(importer_exit);

MODULE_DESCRIPTION("Imports what VXLAN devices export, for tests");
MODULE_LICENSE("GPL");
