/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hash of an inner flow.
 */
#ifndef VTEP_HASH_H
#define VTEP_HASH_H

#include <linux/types.h>

struct sk_buff;

void vtep_hash_init(void);
void vtep_hash_ether(struct sk_buff *skb);
bool vtep_hash_inet(struct sk_buff *skb, __be16 type);

#endif /* VTEP_HASH_H */
