/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Link attributes: from a netlink message into struct vtep_config and back.
 * And addresses, which other messages have, too.
 */
#ifndef VTEP_ATTR_H
#define VTEP_ATTR_H

#include <linux/types.h>

/*
 * The one nest for everything the kernel's driver does not have. The highest
 * number that rtnetlink can carry, so far from those the kernel will add.
 */
#define VTEP_LINK_ATTR_EXT	50
#define VTEP_LINK_ATTR_MAX	VTEP_LINK_ATTR_EXT

struct netlink_ext_ack;
struct nlattr;
struct sk_buff;
struct vtep_addr;
struct vtep_config;

int vtep_attr_check(const struct nlattr *attr, struct netlink_ext_ack *extack);
int vtep_attrs_apply(struct nlattr *data[], const struct vtep_config *old,
		     struct vtep_config *cfg, struct netlink_ext_ack *extack);
void vtep_attrs_blame(struct nlattr *data[], u64 involved,
		      struct netlink_ext_ack *extack);
size_t vtep_attrs_size(const struct vtep_config *cfg);
int vtep_attrs_fill(struct sk_buff *skb, const struct vtep_config *cfg);
bool vtep_attr_addr(const struct nlattr *attr, struct vtep_addr *addr);

#endif /* VTEP_ATTR_H */
