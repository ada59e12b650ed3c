/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reception: from a UDP packet to the inner frame.
 */
#ifndef VTEP_RX_H
#define VTEP_RX_H

#include "vxlan_sock.h"

struct vtep_dest;

extern const struct vtep_sock_ops vtep_rx_ops;
extern bool vtep_log_ecn_error;

void vtep_rx_local(struct vtep_dev *vtep, struct sk_buff *skb,
		   const struct vtep_dest *from, u32 vni);
struct sk_buff *vtep_gro_receive(struct sock *sk, struct list_head *head,
				 struct sk_buff *skb);
int vtep_gro_complete(struct sock *sk, struct sk_buff *skb, int nhoff);
int vtep_gro_complete_gpe(struct sock *sk, struct sk_buff *skb, int nhoff);

#endif /* VTEP_RX_H */
