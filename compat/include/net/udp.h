/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A namespace can have a table of UDP sockets of its own; formerly there was
 * one for all.
 */
#ifndef COMPAT_NET_UDP_H
#define COMPAT_NET_UDP_H

#include_next <net/udp.h>

static inline struct udp_table *vtep_udp_table(const struct net *net)
{
#if HAVE_NET_UDP_TABLE
	return net->ipv4.udp_table;
#else
	return &udp_table;
#endif
}

#endif /* COMPAT_NET_UDP_H */
