/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the packet path reads all the time stands in one struct; formerly each
 * was a variable of its own.
 */
#ifndef COMPAT_NET_HOTDATA_H
#define COMPAT_NET_HOTDATA_H

#if HAVE_NET_HOTDATA
#include_next <net/hotdata.h>
#else
#include <linux/netdevice.h>

struct vtep_net_hotdata {
	int max_backlog;
};

#define net_hotdata \
	(*(struct vtep_net_hotdata *)&netdev_max_backlog)
#endif

#endif /* COMPAT_NET_HOTDATA_H */
