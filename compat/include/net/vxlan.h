/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flags of the kernel's struct vxlan_config that it does not know yet: others
 * would not know them either.
 */
#ifndef COMPAT_NET_VXLAN_H
#define COMPAT_NET_VXLAN_H

#include_next <net/vxlan.h>

#ifndef VXLAN_F_LOCALBYPASS
#define VXLAN_F_LOCALBYPASS	0
#endif

#ifndef VXLAN_F_MC_ROUTE
#define VXLAN_F_MC_ROUTE	0
#endif

#endif /* COMPAT_NET_VXLAN_H */
