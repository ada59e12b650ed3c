/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests to change the multicast database.
 */
#ifndef VTEP_MDB_NL_H
#define VTEP_MDB_NL_H

#include <linux/types.h>

struct net_device;
struct netlink_ext_ack;
struct nlattr;

int vtep_mdb_nl_add(struct net_device *dev, struct nlattr *tb[], u16 flags,
		    struct netlink_ext_ack *extack);
int vtep_mdb_nl_del(struct net_device *dev, struct nlattr *tb[],
		    struct netlink_ext_ack *extack);
int vtep_mdb_nl_del_bulk(struct net_device *dev, struct nlattr *tb[],
			 struct netlink_ext_ack *extack);
int vtep_mdb_nl_get(struct net_device *dev, struct nlattr *tb[], u32 portid,
		    u32 seq, struct netlink_ext_ack *extack);

#endif /* VTEP_MDB_NL_H */
