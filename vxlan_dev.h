/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life of a device: set-up, registration, removal, netdev ops.
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
struct vtep_group;

struct vtep_dev *vtep_dev_of(const struct net_device *dev);
void vtep_dev_setup(struct net_device *dev);
int vtep_dev_create(struct net *net, struct net_device *dev,
		    struct vtep_config *cfg, struct net_device *lower,
		    bool mtu_given, struct netlink_ext_ack *extack);
void vtep_dev_delete(struct net_device *dev, struct list_head *head);

struct vtep_group *vtep_dev_join(struct vtep_dev *vtep,
				 const struct vtep_config *cfg,
				 struct netlink_ext_ack *extack);
void vtep_dev_leave(struct vtep_group *group);
unsigned int vtep_dev_mtu_limit(const struct net_device *lower,
				const struct vtep_config *cfg);
void vtep_dev_fit(struct net_device *dev, const struct net_device *lower,
		  const struct vtep_config *cfg);
void vtep_dev_unlink_lower(struct vtep_dev *vtep);

#endif /* VTEP_DEV_H */
