/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life of a device: set-up, registration, change, removal, netdev ops.
 */
#ifndef VTEP_DEV_H
#define VTEP_DEV_H

#include <linux/types.h>

struct list_head;
struct net;
struct net_device;
struct netlink_ext_ack;
struct vtep_config;
struct vtep_dev;
struct vtep_net;

struct vtep_dev *vtep_dev_of(const struct net_device *dev);
void vtep_dev_setup(struct net_device *dev);
int vtep_dev_create(struct net *net, struct net_device *dev,
		    struct vtep_config *cfg, struct net_device *lower,
		    bool mtu_given, struct netlink_ext_ack *extack);
int vtep_dev_change(struct net_device *dev, struct vtep_config *cfg,
		    struct net_device *lower, struct netlink_ext_ack *extack);
void vtep_dev_delete(struct net_device *dev, struct list_head *head);
void vtep_dev_lower_moved(struct vtep_net *vn, const struct net_device *lower);

#endif /* VTEP_DEV_H */
