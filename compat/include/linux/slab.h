/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocation by type.
 */
#ifndef COMPAT_LINUX_SLAB_H
#define COMPAT_LINUX_SLAB_H

#include_next <linux/slab.h>

#if !HAVE_KZALLOC_OBJ
/* A zeroed object: (variable or type) or (variable or type, GFP flags). */
#define compat_gfp(nothing, gfp, ...)	gfp
#define kzalloc_obj(type, ...) \
	kzalloc(sizeof(type), compat_gfp(, ##__VA_ARGS__, GFP_KERNEL))
#endif

#endif /* COMPAT_LINUX_SLAB_H */
