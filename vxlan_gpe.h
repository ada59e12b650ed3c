/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generic protocol extension: the header says what it carries.
 */
#ifndef VTEP_GPE_H
#define VTEP_GPE_H

#include "vxlan_stats.h"

struct vtep_hdr;

bool vtep_gpe_carries(__be16 protocol);
void vtep_gpe_push(struct vtep_hdr *hdr, __be16 protocol);
enum vtep_counter vtep_gpe_parse(const struct vtep_hdr *hdr,
				 __be16 *protocol);

#endif /* VTEP_GPE_H */
