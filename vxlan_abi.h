/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of a device that other drivers read.
 */
#ifndef VTEP_ABI_H
#define VTEP_ABI_H

#include <linux/types.h>
#include <net/vxlan.h>
#include "vxlan_addr.h"

struct vtep_config;
struct vtep_dev;

union vxlan_addr vtep_abi_addr(const struct vtep_addr *addr, u16 family);
struct vtep_addr vtep_abi_addr_of(const union vxlan_addr *abi);
int vtep_abi_config(const struct vxlan_config *abi, struct vtep_config *cfg);
void vtep_abi_fill(struct vtep_dev *vtep, const struct vtep_config *cfg);
void vtep_abi_set_mdb(struct vtep_dev *vtep, bool on);

#endif /* VTEP_ABI_H */
