/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How received frames go up the stack: through an aggregation of their own,
 * or straight on where none can do anything for them.
 */
#ifndef VTEP_CELL_H
#define VTEP_CELL_H

#include "vxlan_stats.h"

struct net_device;
struct sk_buff;
struct vtep_cell;

struct vtep_cell __percpu *vtep_cells_start(struct net_device *dev);
void vtep_cells_stop(struct vtep_cell __percpu *cells);

enum vtep_counter vtep_cell_receive(struct vtep_cell __percpu *cells,
				    struct sk_buff *skb);
enum vtep_counter vtep_cell_pass(struct vtep_cell __percpu *cells,
				 struct sk_buff *skb);

#endif /* VTEP_CELL_H */
