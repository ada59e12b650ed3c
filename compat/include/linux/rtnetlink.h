/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a dump of forwarding tables keeps the number of entries already sent:
 * in a struct, before in the third word of netlink_callback.args.
 */
#ifndef COMPAT_LINUX_RTNETLINK_H
#define COMPAT_LINUX_RTNETLINK_H

#include_next <linux/rtnetlink.h>
#include <linux/netlink.h>

static inline unsigned long
vtep_fdb_dump_idx(const struct netlink_callback *cb)
{
#if HAVE_NDO_FDB_DUMP_CONTEXT
	return ((const struct ndo_fdb_dump_context *)cb->ctx)->fdb_idx;
#else
	return cb->args[2];
#endif
}

#endif /* COMPAT_LINUX_RTNETLINK_H */
