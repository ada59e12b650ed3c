/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before everything else: which kernels this driver can be built for.
 *
 * What differs between them is found by probe.sh and dealt with in include/,
 * see README.rst. Here is the only test of a version in the tree.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <linux/kconfig.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "This driver needs Linux 6.1 or later."
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 4, 0) && !defined(VTEP_NEWER_KERNEL)
#error "This driver knows Linux up to 7.3. To try: make NEWER_KERNEL=1"
#endif

#if !IS_ENABLED(CONFIG_IPV6)
#error "This driver needs a kernel with CONFIG_IPV6."
#endif

#endif /* COMPAT_H */
