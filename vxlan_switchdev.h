/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Switches that forward VXLAN by themselves: what they are told, and what
 * they tell.
 */
#ifndef VTEP_SWITCHDEV_H
#define VTEP_SWITCHDEV_H

#include "vxlan_fdb.h"

struct netlink_ext_ack;
struct switchdev_notifier_vxlan_fdb_info;

int vtep_switchdev_init(void);
void vtep_switchdev_exit(void);

int vtep_switchdev_offer(struct vtep_dev *vtep, const struct vtep_fdb_key *key,
			 const struct vtep_dest *dest, bool user,
			 struct netlink_ext_ack *extack);
void vtep_switchdev_withdraw(struct vtep_dev *vtep,
			     const struct vtep_fdb_entry *entry,
			     const struct vtep_fdb_dst *dst);

int vtep_switchdev_find(struct vtep_dev *vtep, const u8 *mac, __be32 vni,
			struct switchdev_notifier_vxlan_fdb_info *info);
int vtep_switchdev_replay(struct vtep_dev *vtep, u32 vni,
			  struct notifier_block *nb,
			  struct netlink_ext_ack *extack);
void vtep_switchdev_clear(struct vtep_dev *vtep, u32 vni);

#endif /* VTEP_SWITCHDEV_H */
