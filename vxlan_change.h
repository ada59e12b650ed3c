/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Change of a device's configuration.
 */
#ifndef VTEP_CHANGE_H
#define VTEP_CHANGE_H

struct net_device;
struct netlink_ext_ack;
struct vtep_config;

int vtep_dev_change(struct net_device *dev, struct vtep_config *cfg,
		    struct net_device *lower, struct netlink_ext_ack *extack);

#endif /* VTEP_CHANGE_H */
