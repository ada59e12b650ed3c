/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transmission: which remotes does a frame go to?
 */
#ifndef VTEP_TX_H
#define VTEP_TX_H

#include <linux/netdevice.h>

netdev_tx_t vtep_xmit(struct sk_buff *skb, struct net_device *dev);

#endif /* VTEP_TX_H */
