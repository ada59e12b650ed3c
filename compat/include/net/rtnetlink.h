/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Creation of a link: the parameters come in a struct. The macro puts a thunk
 * of the older shape before the driver's function; <linux/netdevice.h> of this
 * folder tells how its name gets into the table of operations.
 */
#ifndef COMPAT_NET_RTNETLINK_H
#define COMPAT_NET_RTNETLINK_H

#include_next <net/rtnetlink.h>

#if !HAVE_RTNL_NEWLINK_PARAMS
/**
 * struct rtnl_newlink_params - what a link is made of
 * @src_net: namespace of the request or, if given, of the link
 * @link_net: NULL
 * @tb: attributes of the device
 * @data: attributes of its kind
 */
struct rtnl_newlink_params {
	struct net *src_net;
	struct net *link_net;
	struct nlattr **tb;
	struct nlattr **data;
};

static inline struct net *
rtnl_newlink_link_net(const struct rtnl_newlink_params *params)
{
	return params->link_net ?: params->src_net;
}

#define vtep_link_new(...)						\
	vtep_link_new_7_3(__VA_ARGS__);					\
									\
static int vtep_link_new(struct net *src_net, struct net_device *dev,	\
			 struct nlattr *tb[], struct nlattr *data[],	\
			 struct netlink_ext_ack *extack)		\
{									\
	struct rtnl_newlink_params params = {				\
		.src_net = src_net, .tb = tb, .data = data,		\
	};								\
									\
	return vtep_link_new_7_3(dev, &params, extack);			\
}									\
									\
static int vtep_link_new_7_3(__VA_ARGS__)
#endif /* !HAVE_RTNL_NEWLINK_PARAMS */

#endif /* COMPAT_NET_RTNETLINK_H */
