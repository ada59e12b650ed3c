/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The outer IP and UDP headers, and out.
 */
#ifndef VTEP_OUTPUT_H
#define VTEP_OUTPUT_H

#include <linux/types.h>

struct sk_buff;
struct vtep_path;
struct vtep_tx;

bool vtep_output(const struct vtep_tx *tx, struct sk_buff *skb,
		 struct vtep_path *path, bool fits);

#endif /* VTEP_OUTPUT_H */
