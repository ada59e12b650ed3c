/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests to change the forwarding table: ndo_fdb_add, _del, _del_bulk.
 *
 * The functions have the shape that the newest kernel gives the operations of
 * struct net_device_ops; an older kernel calls them through a thunk.
 */
#ifndef VTEP_FDB_NL_H
#define VTEP_FDB_NL_H

#include <linux/netdevice.h>

struct ndmsg;
struct nlattr;
struct nlmsghdr;

int vtep_fdb_nl_add(struct ndmsg *ndm, struct nlattr *tb[],
		    struct net_device *dev, const unsigned char *addr, u16 vid,
		    u16 flags, bool *notified, struct netlink_ext_ack *extack);
int vtep_fdb_nl_del(struct ndmsg *ndm, struct nlattr *tb[],
		    struct net_device *dev, const unsigned char *addr, u16 vid,
		    bool *notified, struct netlink_ext_ack *extack);
int vtep_fdb_nl_del_bulk(struct nlmsghdr *nlh, struct net_device *dev,
			 struct netlink_ext_ack *extack);
int vtep_fdb_nl_flush(const struct ndmsg *ndm, struct nlattr *tb[],
		      struct net_device *dev, struct netlink_ext_ack *extack);

#endif /* VTEP_FDB_NL_H */
