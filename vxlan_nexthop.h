/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FDB nexthop groups ("ip nexthop add id ... group ... fdb"): VTEPs among which
 * the frames to a MAC address are spread, flow by flow.
 */
#ifndef VTEP_NEXTHOP_H
#define VTEP_NEXTHOP_H

#include <linux/types.h>
#include <linux/xarray.h>

struct netlink_ext_ack;
struct nexthop;
struct vtep_addr;
struct vtep_config;
struct vtep_dest;
struct vtep_dev;

/**
 * struct vtep_nexthop - a group as one device uses it
 * @nh: the core's object, with a reference
 * @entries: struct vtep_fdb_entry by id: who uses it; vtep_dev.lock
 * @id: its number, in vtep_dev.nexthops; constant
 * @refs: entries, and those that are about to be; vtep_dev.lock
 * @rcu: frees it after the last reader
 *
 * The core has a list of its own for the users of a nexthop. It is not for us:
 * whoever is first on it is taken for an entry of the kernel's own driver.
 */
struct vtep_nexthop {
	struct nexthop *nh;
	struct xarray entries;
	u32 id;
	u32 refs;
	struct rcu_head rcu;
};

void vtep_nexthops_init(struct vtep_dev *vtep);
void vtep_nexthops_exit(struct vtep_dev *vtep);

struct vtep_nexthop *vtep_nexthop_get(struct vtep_dev *vtep, u32 id,
				      struct netlink_ext_ack *extack);
void vtep_nexthop_put(struct vtep_dev *vtep, struct vtep_nexthop *nexthop);

bool vtep_nexthop_select(struct nexthop *nh, u32 hash,
			 const struct vtep_config *cfg, struct vtep_dest *dest);
bool vtep_nexthop_select_id(const struct vtep_dev *vtep,
			    const struct vtep_config *cfg, u32 id, u32 hash,
			    struct vtep_dest *dest);
bool vtep_nexthop_leads_to(const struct vtep_nexthop *nexthop,
			   const struct vtep_addr *addr);

#endif /* VTEP_NEXTHOP_H */
