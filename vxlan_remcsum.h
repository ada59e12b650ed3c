/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remote checksum offload: the receiver finishes the inner checksum.
 */
#ifndef VTEP_REMCSUM_H
#define VTEP_REMCSUM_H

#include "vxlan_stats.h"

struct gro_remcsum;
struct sk_buff;
struct vtep_hdr;

bool vtep_remcsum_possible(const struct sk_buff *skb);
void vtep_remcsum_push(struct sk_buff *skb, struct vtep_hdr *hdr);
enum vtep_counter vtep_remcsum_receive(struct sk_buff *skb,
				       const struct vtep_hdr *hdr, bool whole);
struct vtep_hdr *vtep_remcsum_gro(struct sk_buff *skb, struct vtep_hdr *hdr,
				  unsigned int off, struct gro_remcsum *grc);

#endif /* VTEP_REMCSUM_H */
