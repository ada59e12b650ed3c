/* SPDX-License-Identifier: GPL-2.0 */
/*
 * End of a network namespace: the operation that unregisters its devices was
 * called once for many namespaces. <linux/netdevice.h> of this folder tells
 * how the thunk's name gets into the table of operations.
 */
#ifndef COMPAT_NET_NET_NAMESPACE_H
#define COMPAT_NET_NET_NAMESPACE_H

#include_next <net/net_namespace.h>

#if !HAVE_PERNET_EXIT_RTNL
#define exit_rtnl	exit_batch_rtnl

#define vtep_net_exit_rtnl(...)						\
	vtep_net_exit_rtnl_7_3(__VA_ARGS__);				\
									\
static void __net_exit vtep_net_exit_rtnl(struct list_head *nets,	\
					  struct list_head *kill)	\
{									\
	struct net *net;						\
									\
	list_for_each_entry(net, nets, exit_list)			\
		vtep_net_exit_rtnl_7_3(net, kill);			\
}									\
									\
static void __net_exit vtep_net_exit_rtnl_7_3(__VA_ARGS__)
#endif /* !HAVE_PERNET_EXIT_RTNL */

#endif /* COMPAT_NET_NET_NAMESPACE_H */
