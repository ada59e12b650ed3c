/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keyed hashes: of an inner flow, and what tables can use.
 */
#ifndef VTEP_HASH_H
#define VTEP_HASH_H

#include <linux/math64.h>

struct sk_buff;

#define VTEP_SECRETS	9
#define VTEP_SECRET_ODD	8

extern u64 vtep_secret[VTEP_SECRETS];

/* Both halves of the product: each bit depends on all bits of both factors. */
static inline u64 vtep_fold(u64 a, u64 b)
{
	return a * b ^ mul_u64_u64_shr(a, b, 64);
}

/*
 * Keys that follow one another have products at equal steps, of which some
 * secrets make a few heaps. That ends here.
 */
static inline u32 vtep_hash_end(u64 hash)
{
	return hash * vtep_secret[VTEP_SECRET_ODD] >> 32;
}

void vtep_hash_init(void);
void vtep_hash(struct sk_buff *skb, __be16 type, bool shortcut);

#endif /* VTEP_HASH_H */
