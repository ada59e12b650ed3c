/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Local bypass: a frame to a VTEP of the same host is not encapsulated.
 */
#ifndef VTEP_BYPASS_H
#define VTEP_BYPASS_H

#include "vxlan_stats.h"

struct sk_buff;
struct vtep_tx;

enum vtep_counter vtep_bypass(const struct vtep_tx *tx, struct sk_buff *skb);
enum vtep_counter vtep_bypass_back(const struct vtep_tx *tx,
				   struct sk_buff *skb);

#endif /* VTEP_BYPASS_H */
