/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The DS field of an IPv4 route lookup. Its ECN bits do not belong there: the
 * oldest kernel takes the lowest for RTO_ONLINK.
 */
#ifndef COMPAT_NET_FLOW_H
#define COMPAT_NET_FLOW_H

#include_next <net/flow.h>
#include <net/inet_dscp.h>

static inline void vtep_flowi4_set_dsfield(struct flowi4 *fl4, u8 dsfield)
{
#if HAVE_FLOWI4_DSCP
	fl4->flowi4_dscp = inet_dsfield_to_dscp(dsfield);
#else
	fl4->flowi4_tos = dsfield & INET_DSCP_MASK;
#endif
}

#endif /* COMPAT_NET_FLOW_H */
