/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Membership of underlay multicast groups, shared by all devices of a
 * namespace.
 */
#ifndef VTEP_MCAST_H
#define VTEP_MCAST_H

#include "vxlan_addr.h"

struct net;
struct net_device;
struct netlink_ext_ack;
struct vtep_group;
struct vtep_net;

struct vtep_group *vtep_group_get(struct net *net,
				  const struct vtep_addr *addr, int ifindex,
				  struct netlink_ext_ack *extack);
void vtep_group_put(struct vtep_group *group);

void vtep_mcast_netdev_event(struct net_device *dev, unsigned long event);
void vtep_mcast_net_init(struct vtep_net *vn);
void vtep_mcast_net_exit(struct vtep_net *vn);

#endif /* VTEP_MCAST_H */
