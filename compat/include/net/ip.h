/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a packet that a tunnel sends counts for: newer kernels tell packets that
 * were asked for from those that were sent.
 */
#ifndef COMPAT_NET_IP_H
#define COMPAT_NET_IP_H

#include_next <net/ip.h>

/* Before anybody had a word in it. */
static inline void vtep_ip_count_begin(struct net *net, unsigned int len)
{
#if HAVE_IPSTATS_OUTREQUESTS
	IP_INC_STATS(net, IPSTATS_MIB_OUTREQUESTS);
#else
	IP_UPD_PO_STATS(net, IPSTATS_MIB_OUT, len);
#endif
}

/* After that. */
static inline void vtep_ip_count_sent(struct net *net, unsigned int len)
{
#if HAVE_IPSTATS_OUTREQUESTS
	IP_UPD_PO_STATS(net, IPSTATS_MIB_OUT, len);
#endif
}

#endif /* COMPAT_NET_IP_H */
