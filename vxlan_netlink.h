/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rtnetlink face of a link of this kind.
 */
#ifndef VTEP_NETLINK_H
#define VTEP_NETLINK_H

struct net;
struct net_device;
struct rtnl_link_ops;
struct vxlan_config;

extern struct rtnl_link_ops vtep_link_ops;

int vtep_link_create(struct net *net, struct net_device *dev,
		     const struct vxlan_config *conf);

#endif /* VTEP_NETLINK_H */
