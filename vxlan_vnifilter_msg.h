/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages about the VNI filter.
 */
#ifndef VTEP_VNIFILTER_MSG_H
#define VTEP_VNIFILTER_MSG_H

#include <linux/types.h>

struct nlmsghdr;
struct sk_buff;
struct vtep_dev;
struct vtep_filter_vni;

struct nlmsghdr *vtep_filter_msg_head(struct sk_buff *skb,
				      const struct vtep_dev *vtep, u32 portid,
				      u32 seq, int type, int flags);
int vtep_filter_msg_put(struct sk_buff *skb,
			const struct vtep_filter_vni *filter, u32 last,
			bool stats);
void vtep_filter_msg_notify(const struct vtep_dev *vtep,
			    const struct vtep_filter_vni *filter, bool gone);

#endif /* VTEP_VNIFILTER_MSG_H */
