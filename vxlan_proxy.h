/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames that the device answers or routes itself, from the host's neighbour
 * tables: ARP and ND proxy, route short circuit.
 */
#ifndef VTEP_PROXY_H
#define VTEP_PROXY_H

#include "vxlan_stats.h"

struct sk_buff;
struct vtep_tx;

enum vtep_counter vtep_proxy(const struct vtep_tx *tx, struct sk_buff *skb);
bool vtep_short_circuit(const struct vtep_tx *tx, struct sk_buff *skb);

#endif /* VTEP_PROXY_H */
