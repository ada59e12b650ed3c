// SPDX-License-Identifier: GPL-2.0
/* A module with one mistake, to prove that the test machines find it. */

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/slab.h>

static char *fault = "none";
module_param(fault, charp, 0);
MODULE_PARM_DESC(fault, "none, use-after-free, lock-order, leak or netdev");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static netdevice_tracker tracker;

static void use_after_free(void)
{
	int *number = kzalloc(sizeof(*number), GFP_KERNEL);

	kfree(number);
	pr_info("a freed number: %d\n", READ_ONCE(*number));
}

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void leak(void)
{
	int *number = kzalloc(1000, GFP_KERNEL);

	/* a use, or the compiler leaves the allocation out */
	pr_info("a lost pointer: %p\n", number);
}

/* dummy0 must exist; it cannot go away from now on. */
static int keep_netdev(void)
{
	struct net_device *dev = dev_get_by_name(&init_net, "dummy0");

	if (!dev)
		return -ENODEV;
	netdev_hold(dev, &tracker, GFP_KERNEL);
	dev_put(dev);
	return 0;
}

static int __init planted_init(void)
{
	if (!strcmp(fault, "use-after-free"))
		use_after_free();
	else if (!strcmp(fault, "lock-order"))
		lock_order();
	else if (!strcmp(fault, "leak"))
		leak();
	else if (!strcmp(fault, "netdev"))
		return keep_netdev();
	return 0;
}
module_init(planted_init);

static void __exit planted_exit(void)
{
}
module_exit(planted_exit);

MODULE_DESCRIPTION("A planted mistake");
MODULE_LICENSE("GPL");
