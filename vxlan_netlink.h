/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rtnetlink face of a link of this kind.
 */
#ifndef VTEP_NETLINK_H
#define VTEP_NETLINK_H

/*
 * The one nest for everything the kernel's driver does not have. The highest
 * number that rtnetlink can carry, so far from those the kernel will add.
 */
#define VTEP_LINK_ATTR_EXT	50
#define VTEP_LINK_ATTR_MAX	VTEP_LINK_ATTR_EXT

struct rtnl_link_ops;

extern struct rtnl_link_ops vtep_link_ops;

#endif /* VTEP_NETLINK_H */
