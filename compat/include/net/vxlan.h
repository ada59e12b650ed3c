/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flags and members of the kernel's struct vxlan_config that it does not know
 * yet (others would not know them either), and a function that newer ones have
 * no more.
 */
#ifndef COMPAT_NET_VXLAN_H
#define COMPAT_NET_VXLAN_H

#include_next <net/vxlan.h>

#ifndef VXLAN_F_LOCALBYPASS
#define VXLAN_F_LOCALBYPASS	0
#endif

#ifndef VXLAN_F_MDB
#define VXLAN_F_MDB		0
#endif

#ifndef VXLAN_F_MC_ROUTE
#define VXLAN_F_MC_ROUTE	0
#endif

static inline void vtep_abi_set_newer(struct vxlan_config *abi,
				      u32 label_policy, __be32 reserved_flags,
				      __be32 reserved_vni)
{
#if HAVE_IFLA_VXLAN_LABEL_POLICY
	abi->label_policy = label_policy;
#endif
#if HAVE_IFLA_VXLAN_RESERVED_BITS
	abi->reserved_bits.vx_flags = reserved_flags;
	abi->reserved_bits.vx_vni = reserved_vni;
#endif
}

/* Other modules make devices by this, where the kernel's driver lets them. */
#if HAVE_VXLAN_DEV_CREATE
#define VTEP_EXPORT_DEV_CREATE	EXPORT_SYMBOL_GPL(vxlan_dev_create)
#else
struct net_device *vxlan_dev_create(struct net *net, const char *name,
				    u8 name_assign_type,
				    struct vxlan_config *conf);
#define VTEP_EXPORT_DEV_CREATE	static_assert(1)
#endif

#endif /* COMPAT_NET_VXLAN_H */
