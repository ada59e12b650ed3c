/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes of the VNI filter, wholly or not at all.
 */
#ifndef VTEP_VNIFILTER_CHANGE_H
#define VTEP_VNIFILTER_CHANGE_H

#include "vxlan_vnifilter.h"

/**
 * struct vtep_filter_range - VNIs and where they lead to
 * @first: host order
 * @last: not less
 * @group: VTEP or group of the default entry; AF_UNSPEC: the device's
 */
struct vtep_filter_range {
	u32 first;
	u32 last;
	struct vtep_addr group;
};

/**
 * struct vtep_filter_change - a change of a filter under way
 * @vtep: the device
 * @old: its configuration
 * @new: the configuration it will have, mostly the same
 * @steps: struct vtep_filter_step, in order
 *
 * Begins with vtep_filter_begin(), gets steps, and ends with either
 * vtep_filter_commit() or vtep_filter_undo(), all under one RTNL.
 */
struct vtep_filter_change {
	struct vtep_dev *vtep;
	const struct vtep_config *old;
	const struct vtep_config *new;
	struct list_head steps;
};

void vtep_filter_begin(struct vtep_filter_change *change,
		       struct vtep_dev *vtep, const struct vtep_config *old,
		       const struct vtep_config *new);
int vtep_filter_add(struct vtep_filter_change *change,
		    const struct vtep_filter_range *range,
		    struct netlink_ext_ack *extack);
int vtep_filter_remove(struct vtep_filter_change *change,
		       const struct vtep_filter_range *range,
		       struct netlink_ext_ack *extack);
int vtep_filter_follow(struct vtep_filter_change *change,
		       struct netlink_ext_ack *extack);
void vtep_filter_commit(struct vtep_filter_change *change,
			vtep_filter_told_t told);
void vtep_filter_undo(struct vtep_filter_change *change);

#endif /* VTEP_VNIFILTER_CHANGE_H */
