/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers of VXLAN link attributes that the kernel's header does not know yet.
 * They are ABI: programs send them to any kernel.
 */
#ifndef COMPAT_LINUX_IF_LINK_H
#define COMPAT_LINUX_IF_LINK_H

#include_next <linux/if_link.h>

#if !HAVE_IFLA_VXLAN_LOCALBYPASS
#define IFLA_VXLAN_LOCALBYPASS		31
#endif

#if !HAVE_IFLA_VXLAN_LABEL_POLICY
#define IFLA_VXLAN_LABEL_POLICY		32
enum ifla_vxlan_label_policy {
	VXLAN_LABEL_FIXED,
	VXLAN_LABEL_INHERIT,
	VXLAN_LABEL_MAX = VXLAN_LABEL_INHERIT,
};
#endif

#if !HAVE_IFLA_VXLAN_RESERVED_BITS
#define IFLA_VXLAN_RESERVED_BITS	33
#endif

#if !HAVE_IFLA_VXLAN_MC_ROUTE
#define IFLA_VXLAN_MC_ROUTE		34
#endif

#endif /* COMPAT_LINUX_IF_LINK_H */
