// SPDX-License-Identifier: GPL-2.0
/*
 * Messages about the VNI filter, as notifications and as parts of a dump.
 */
#include "vxlan_vnifilter_msg.h"
#include "vxlan.h"
#include "vxlan_vnifilter.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>

static int filter_msg_put_group(struct sk_buff *skb,
				const struct vtep_addr *group)
{
	switch (group->family) {
	case AF_INET:
		return nla_put_in_addr(skb, VXLAN_VNIFILTER_ENTRY_GROUP,
				       group->v4);
	case AF_INET6:
		return nla_put_in6_addr(skb, VXLAN_VNIFILTER_ENTRY_GROUP6,
					&group->v6);
	}
	return 0;
}

static int filter_msg_put_stats(struct sk_buff *skb,
				const struct vtep_filter_vni *filter)
{
	static const int types[VTEP_FILTER_STATS] = {
		[VTEP_FILTER_RX_BYTES] = VNIFILTER_ENTRY_STATS_RX_BYTES,
		[VTEP_FILTER_RX_PACKETS] = VNIFILTER_ENTRY_STATS_RX_PKTS,
		[VTEP_FILTER_RX_DROPS] = VNIFILTER_ENTRY_STATS_RX_DROPS,
		[VTEP_FILTER_RX_ERRORS] = VNIFILTER_ENTRY_STATS_RX_ERRORS,
		[VTEP_FILTER_TX_BYTES] = VNIFILTER_ENTRY_STATS_TX_BYTES,
		[VTEP_FILTER_TX_PACKETS] = VNIFILTER_ENTRY_STATS_TX_PKTS,
		[VTEP_FILTER_TX_DROPS] = VNIFILTER_ENTRY_STATS_TX_DROPS,
		[VTEP_FILTER_TX_ERRORS] = VNIFILTER_ENTRY_STATS_TX_ERRORS,
	};
	u64 sum[VTEP_FILTER_STATS];
	struct nlattr *nest;
	int i;

	nest = nla_nest_start(skb, VXLAN_VNIFILTER_ENTRY_STATS);
	if (!nest)
		return -EMSGSIZE;
	vtep_filter_sum(filter, sum);
	for (i = 0; i < VTEP_FILTER_STATS; i++)
		if (nla_put_u64_64bit(skb, types[i], sum[i],
				      VNIFILTER_ENTRY_STATS_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * vtep_filter_msg_put() - show VNIs that are alike
 * @skb: message
 * @filter: the first of them
 * @last: number of the last one
 * @stats: show the counters, of the first one
 *
 * Context: RTNL.
 * Return: 0 or -EMSGSIZE; nothing was added then.
 */
int vtep_filter_msg_put(struct sk_buff *skb,
			const struct vtep_filter_vni *filter, u32 last,
			bool stats)
{
	struct nlattr *nest = nla_nest_start(skb, VXLAN_VNIFILTER_ENTRY);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u32(skb, VXLAN_VNIFILTER_ENTRY_START, filter->vni))
		goto cancel;
	if (last != filter->vni &&
	    nla_put_u32(skb, VXLAN_VNIFILTER_ENTRY_END, last))
		goto cancel;
	if (filter_msg_put_group(skb, &filter->group))
		goto cancel;
	if (stats && filter_msg_put_stats(skb, filter))
		goto cancel;
	nla_nest_end(skb, nest);
	return 0;

cancel:
	nla_nest_cancel(skb, nest);
	return -EMSGSIZE;
}

/**
 * vtep_filter_msg_head() - begin a message about VNIs of a device
 * @skb: message
 * @vtep: the device
 * @portid: who asked, or 0
 * @seq: number of the request, or 0
 * @type: RTM_*TUNNEL
 * @flags: NLM_F_*
 *
 * Context: RTNL.
 * Return: the message, or NULL if it does not fit.
 */
struct nlmsghdr *vtep_filter_msg_head(struct sk_buff *skb,
				      const struct vtep_dev *vtep, u32 portid,
				      u32 seq, int type, int flags)
{
	struct tunnel_msg *msg;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(skb, portid, seq, type, sizeof(*msg), flags);
	if (!nlh)
		return NULL;
	msg = nlmsg_data(nlh);
	*msg = (struct tunnel_msg) {
		.family = PF_BRIDGE,
		.ifindex = vtep->dev->ifindex,
	};
	return nlh;
}

static size_t filter_msg_size(void)
{
	return NLMSG_ALIGN(sizeof(struct tunnel_msg)) + nla_total_size(0) +
	       2 * nla_total_size(sizeof(u32)) +
	       nla_total_size(sizeof(struct in6_addr));
}

/**
 * vtep_filter_msg_notify() - vtep_filter_told_t: RTM_NEWTUNNEL, RTM_DELTUNNEL
 * @vtep: the device
 * @filter: the VNI
 * @gone: it is gone
 *
 * Context: RTNL, may sleep.
 */
void vtep_filter_msg_notify(const struct vtep_dev *vtep,
			    const struct vtep_filter_vni *filter, bool gone)
{
	struct net *net = dev_net(vtep->dev);
	struct nlmsghdr *nlh;
	struct sk_buff *skb;

	if (!rtnl_has_listeners(net, RTNLGRP_TUNNEL))
		return;
	skb = nlmsg_new(filter_msg_size(), GFP_KERNEL);
	if (!skb)
		goto lost;
	nlh = vtep_filter_msg_head(skb, vtep, 0, 0,
				   gone ? RTM_DELTUNNEL : RTM_NEWTUNNEL, 0);
	if (WARN_ON_ONCE(!nlh || vtep_filter_msg_put(skb, filter, filter->vni,
						     false)))
		goto lost;
	nlmsg_end(skb, nlh);
	rtnl_notify(skb, net, 0, RTNLGRP_TUNNEL, NULL, GFP_KERNEL);
	return;

lost:
	kfree_skb(skb);
	rtnl_set_sk_err(net, RTNLGRP_TUNNEL, -ENOBUFS);
}
