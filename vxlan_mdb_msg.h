/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages about the multicast database.
 */
#ifndef VTEP_MDB_MSG_H
#define VTEP_MDB_MSG_H

#include "vxlan_mdb.h"

struct net_device;
struct netlink_callback;

void vtep_mdb_msg_notify(struct vtep_dev *vtep,
			 const struct vtep_mdb_entry *entry,
			 const struct vtep_mdb_dst *dst,
			 enum vtep_mdb_event event);
int vtep_mdb_msg_answer(struct vtep_dev *vtep,
			const struct vtep_mdb_entry *entry, u32 portid,
			u32 seq, struct netlink_ext_ack *extack);
int vtep_mdb_msg_dump(struct net_device *dev, struct sk_buff *skb,
		      struct netlink_callback *cb);

#endif /* VTEP_MDB_MSG_H */
