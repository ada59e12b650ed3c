/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a packet that a tunnel sends counts for: for nothing as long as the
 * kernel counted only what was asked for, which tunnels never do.
 */
#ifndef COMPAT_NET_IPV6_H
#define COMPAT_NET_IPV6_H

#include_next <net/ipv6.h>

static inline void vtep_ip6_count_sent(struct net *net, struct inet6_dev *idev,
				       unsigned int len)
{
#if HAVE_IPSTATS_OUTREQUESTS
	IP6_UPD_PO_STATS(net, idev, IPSTATS_MIB_OUT, len);
#endif
}

#endif /* COMPAT_NET_IPV6_H */
