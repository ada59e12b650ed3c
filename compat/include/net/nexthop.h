/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The path of a flow in an FDB nexthop group: newer kernels also tell a UDP
 * destination port, which may belong to the nexthop. Not under the function's
 * own name: <net/vxlan.h> of the older kernels calls that in their shape.
 */
#ifndef COMPAT_NET_NEXTHOP_H
#define COMPAT_NET_NEXTHOP_H

#include_next <net/nexthop.h>

static inline const struct fib_nh_common *
vtep_nexthop_path(struct nexthop *nh, int hash, __be16 *dst_port)
{
#if HAVE_NEXTHOP_FDB_DST_PORT
	return nexthop_path_fdb_result(nh, hash, dst_port);
#else
	*dst_port = 0;
	return nexthop_path_fdb_result(nh, hash);
#endif
}

#endif /* COMPAT_NET_NEXTHOP_H */
