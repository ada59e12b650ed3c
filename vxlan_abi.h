/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of a device that other drivers read.
 */
#ifndef VTEP_ABI_H
#define VTEP_ABI_H

struct vtep_config;
struct vtep_dev;

void vtep_abi_fill(struct vtep_dev *vtep, const struct vtep_config *cfg);

#endif /* VTEP_ABI_H */
