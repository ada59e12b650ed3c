/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rtnetlink face of a link of this kind.
 */
#ifndef VTEP_NETLINK_H
#define VTEP_NETLINK_H

struct rtnl_link_ops;

extern struct rtnl_link_ops vtep_link_ops;

#endif /* VTEP_NETLINK_H */
