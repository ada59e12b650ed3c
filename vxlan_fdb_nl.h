/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The forwarding table in netlink: ndo_fdb_* and notifications.
 *
 * The functions have the shape that the newest kernel gives the operations of
 * struct net_device_ops; an older kernel calls them through a thunk.
 */
#ifndef VTEP_FDB_NL_H
#define VTEP_FDB_NL_H

#include <linux/netdevice.h>

struct ndmsg;
struct netlink_callback;
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
int vtep_fdb_nl_get(struct sk_buff *skb, struct nlattr *tb[],
		    struct net_device *dev, const unsigned char *addr, u16 vid,
		    u32 portid, u32 seq, struct netlink_ext_ack *extack);
int vtep_fdb_nl_dump(struct sk_buff *skb, struct netlink_callback *cb,
		     struct net_device *dev, struct net_device *filter_dev,
		     int *idx);
void vtep_fdb_nl_init(void);
void vtep_fdb_nl_exit(void);

#endif /* VTEP_FDB_NL_H */
