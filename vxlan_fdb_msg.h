/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages about the forwarding table: ndo_fdb_get, ndo_fdb_dump and
 * notifications.
 */
#ifndef VTEP_FDB_MSG_H
#define VTEP_FDB_MSG_H

#include <linux/netdevice.h>
#include "vxlan_fdb.h"

struct netlink_callback;
struct nlattr;

int vtep_fdb_msg_get(struct sk_buff *skb, struct nlattr *tb[],
		     struct net_device *dev, const unsigned char *addr, u16 vid,
		     u32 portid, u32 seq, struct netlink_ext_ack *extack);
int vtep_fdb_msg_dump(struct sk_buff *skb, struct netlink_callback *cb,
		      struct net_device *dev, struct net_device *filter_dev,
		      int *idx);
void vtep_fdb_msg_notify(struct vtep_dev *vtep,
			 const struct vtep_fdb_entry *entry,
			 const struct vtep_fdb_dst *dst,
			 enum vtep_fdb_event event);
void vtep_fdb_msg_miss(struct vtep_dev *vtep, const u8 *mac,
		       const struct vtep_addr *addr);

#endif /* VTEP_FDB_MSG_H */
