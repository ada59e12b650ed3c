// SPDX-License-Identifier: GPL-2.0
/*
 * The VNI filter in rtnetlink, "bridge vni": requests and dump.
 *
 * These messages have one owner in the kernel, the driver of kind "vxlan":
 * under another name this driver has devices with a filter, but nobody can put
 * a VNI in.
 *
 * All of it runs under RTNL, dumps too, so no table changes while a message is
 * written. Between two messages of a dump it may: the cursor is a number.
 */
#include "vxlan_vnifilter_nl.h"
#include "vxlan.h"
#include "vxlan_attr.h"
#include "vxlan_dev.h"
#include "vxlan_extack.h"
#include "vxlan_vnifilter_change.h"
#include "vxlan_vnifilter_msg.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/module.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>

/* Requests */

static const struct nla_policy filter_nl_msg_policy[VXLAN_VNIFILTER_MAX + 1] = {
	[VXLAN_VNIFILTER_ENTRY] = { .type = NLA_NESTED },
};

static const struct nla_policy
filter_nl_entry_policy[VXLAN_VNIFILTER_ENTRY_MAX + 1] = {
	[VXLAN_VNIFILTER_ENTRY_START] = { .type = NLA_U32 },
	[VXLAN_VNIFILTER_ENTRY_END] = { .type = NLA_U32 },
	[VXLAN_VNIFILTER_ENTRY_GROUP] = NLA_POLICY_EXACT_LEN(sizeof(__be32)),
	[VXLAN_VNIFILTER_ENTRY_GROUP6] =
		NLA_POLICY_EXACT_LEN(sizeof(struct in6_addr)),
};

static int filter_nl_vni(const struct nlattr *attr, u32 *vni,
			 struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;
	*vni = nla_get_u32(attr);
	if (*vni > VTEP_VNI_MAX)
		return vtep_refuse(extack, attr,
				   "VNI must be lower than 16777216", -ERANGE);
	return 0;
}

static int filter_nl_vnis(const struct nlattr *entry, struct nlattr *tb[],
			  struct vtep_filter_range *range,
			  struct netlink_ext_ack *extack)
{
	int err;

	err = filter_nl_vni(tb[VXLAN_VNIFILTER_ENTRY_START], &range->first,
			    extack);
	if (err)
		return err;
	range->last = range->first;
	err = filter_nl_vni(tb[VXLAN_VNIFILTER_ENTRY_END], &range->last,
			    extack);
	if (err)
		return err;
	if (!range->first && !range->last)
		return vtep_refuse(extack, entry,
				   "Entry has neither a first nor a last VNI",
				   -EINVAL);
	if (range->last < range->first)
		return vtep_refuse(extack, tb[VXLAN_VNIFILTER_ENTRY_END],
				   "Last VNI of a range is lower than the first",
				   -EINVAL);
	return 0;
}

static int filter_nl_group(const struct vtep_dev *vtep, struct nlattr *tb[],
			   struct vtep_filter_range *range,
			   struct netlink_ext_ack *extack)
{
	const struct nlattr *v4 = tb[VXLAN_VNIFILTER_ENTRY_GROUP];
	const struct nlattr *v6 = tb[VXLAN_VNIFILTER_ENTRY_GROUP6];

	if (v4 && v6)
		return vtep_refuse(extack, v6,
				   "A VNI has one remote or group, IPv4 or IPv6",
				   -EINVAL);
	if ((v4 || v6) && !vtep_attr_addr(v4 ?: v6, &range->group))
		return vtep_refuse(extack, v4 ?: v6,
				   "The remote must be an IPv4 or IPv6 address",
				   -EINVAL);
	if (vtep_addr_any(&range->group))
		range->group.family = AF_UNSPEC;
	if (vtep_addr_multicast(&range->group) &&
	    !vtep_cfg_rtnl(vtep)->ifindex)
		return vtep_refuse(extack, v4 ?: v6,
				   "Local interface required for multicast group",
				   -EINVAL);
	return 0;
}

static int filter_nl_parse(const struct vtep_dev *vtep,
			   const struct nlattr *entry,
			   struct vtep_filter_range *range,
			   struct netlink_ext_ack *extack)
{
	struct nlattr *tb[VXLAN_VNIFILTER_ENTRY_MAX + 1];
	int err;

	*range = (struct vtep_filter_range) {};
	err = nla_parse_nested(tb, VXLAN_VNIFILTER_ENTRY_MAX, entry,
			       filter_nl_entry_policy, extack);
	if (!err)
		err = filter_nl_vnis(entry, tb, range, extack);
	if (!err)
		err = filter_nl_group(vtep, tb, range, extack);
	return err;
}

static int filter_nl_entry(struct vtep_filter_change *change, int type,
			   const struct nlattr *entry,
			   struct netlink_ext_ack *extack)
{
	struct vtep_filter_range range;
	int err;

	err = filter_nl_parse(change->vtep, entry, &range, extack);
	if (err)
		return err;
	err = type == RTM_DELTUNNEL ?
	      vtep_filter_remove(change, &range, extack) :
	      vtep_filter_add(change, &range, extack);
	if (err && extack && !extack->bad_attr)
		NL_SET_BAD_ATTR(extack, entry);
	return err;
}

/* All entries of a request, or none. */
static int filter_nl_entries(struct vtep_dev *vtep, const struct nlmsghdr *nlh,
			     struct netlink_ext_ack *extack)
{
	const struct vtep_config *cfg = vtep_cfg_rtnl(vtep);
	struct vtep_filter_change change;
	const struct nlattr *entry;
	bool any = false;
	int err = 0, rem;

	vtep_filter_begin(&change, vtep, cfg, cfg);
	nlmsg_for_each_attr(entry, nlh, sizeof(struct tunnel_msg), rem) {
		if (nla_type(entry) != VXLAN_VNIFILTER_ENTRY)
			continue;
		any = true;
		err = filter_nl_entry(&change, nlh->nlmsg_type, entry, extack);
		if (err)
			break;
	}
	if (!any)
		err = vtep_refuse(extack, NULL, "Request has no VNIs", -EINVAL);
	if (err)
		vtep_filter_undo(&change);
	else
		vtep_filter_commit(&change, vtep_filter_msg_notify);
	return err;
}

/* The device, whose filter is asked for or changed. */
static struct vtep_dev *filter_nl_dev(struct net *net, u32 ifindex,
				      struct netlink_ext_ack *extack, int *err)
{
	struct net_device *dev = __dev_get_by_index(net, ifindex);
	struct vtep_dev *vtep;

	if (!dev) {
		*err = vtep_refuse(extack, NULL, "Device does not exist",
				   -ENODEV);
		return NULL;
	}
	vtep = vtep_dev_of(dev);
	if (!vtep)
		*err = vtep_refuse(extack, NULL,
				   "The device is not a vxlan device", -EINVAL);
	return vtep;
}

/* RTM_NEWTUNNEL and RTM_DELTUNNEL. Context: RTNL. */
static int filter_nl_request(struct sk_buff *skb, struct nlmsghdr *nlh,
			     struct netlink_ext_ack *extack)
{
	const struct tunnel_msg *msg;
	struct vtep_dev *vtep;
	int err;

	err = nlmsg_parse(nlh, sizeof(*msg), NULL, VXLAN_VNIFILTER_MAX,
			  filter_nl_msg_policy, extack);
	if (err)
		return err;
	msg = nlmsg_data(nlh);
	vtep = filter_nl_dev(sock_net(skb->sk), msg->ifindex, extack, &err);
	if (!vtep)
		return err;
	if (!vtep_cfg_rtnl(vtep)->vnifilter)
		return vtep_refuse(extack, NULL,
				   "The device has no VNI filter",
				   -EOPNOTSUPP);
	return filter_nl_entries(vtep, nlh, extack);
}

/* Dump */

/**
 * struct filter_nl_cursor - where a dump goes on with its next message
 * @ifindex: the device that did not fit
 * @vni: its first VNI that did not fit
 *
 * Nothing to be undone when a dump is given up: values only.
 */
struct filter_nl_cursor {
	u32 ifindex;
	u32 vni;
};

/* The last of the VNIs that follow @filter and are like it. */
static u32 filter_nl_last(const struct vtep_dev *vtep,
			  const struct vtep_filter_vni *filter)
{
	const struct vtep_filter_vni *next;
	u32 last = filter->vni;

	while ((next = vtep_filter_find(vtep, last + 1)) &&
	       vtep_addr_equal(&next->group, &filter->group))
		last++;
	return last;
}

static int filter_nl_dump_vnis(struct sk_buff *skb, const struct vtep_dev *vtep,
			       bool stats, u32 *vni)
{
	struct xarray *table = (struct xarray *)&vtep->filter;
	const struct vtep_filter_vni *filter;
	unsigned long index = *vni;
	u32 last;
	int err;

	for (filter = xa_find(table, &index, VTEP_VNI_MAX, XA_PRESENT); filter;
	     filter = xa_find(table, &index, VTEP_VNI_MAX, XA_PRESENT)) {
		last = stats ? filter->vni : filter_nl_last(vtep, filter);
		err = vtep_filter_msg_put(skb, filter, last, stats);
		if (err) {
			*vni = filter->vni;
			return err;
		}
		index = (unsigned long)last + 1;
	}
	return 0;
}

static int filter_nl_dump_dev(struct sk_buff *skb, struct netlink_callback *cb,
			      const struct vtep_dev *vtep, u32 *vni)
{
	const struct tunnel_msg *msg = nlmsg_data(cb->nlh);
	struct nlmsghdr *nlh;
	unsigned int empty;
	int err;

	if (xa_empty(&vtep->filter))
		return 0;
	nlh = vtep_filter_msg_head(skb, vtep, NETLINK_CB(cb->skb).portid,
				   cb->nlh->nlmsg_seq, RTM_NEWTUNNEL,
				   NLM_F_MULTI);
	if (!nlh)
		return -EMSGSIZE;
	empty = skb->len;
	err = filter_nl_dump_vnis(skb, vtep,
				  msg->flags & TUNNEL_MSG_FLAG_STATS, vni);
	if (skb->len == empty)
		nlmsg_cancel(skb, nlh);
	else
		nlmsg_end(skb, nlh);
	return err;
}

/* The device of a filter with the lowest number from @ifindex on. */
static struct vtep_dev *filter_nl_next(struct net *net, u32 ifindex)
{
	struct vtep_dev *vtep, *found = NULL;
	struct net_device *dev;

	for_each_netdev(net, dev) {
		vtep = vtep_dev_of(dev);
		if (vtep && vtep_cfg_rtnl(vtep)->vnifilter &&
		    dev->ifindex >= ifindex &&
		    (!found || dev->ifindex < found->dev->ifindex))
			found = vtep;
	}
	return found;
}

static int filter_nl_dump_all(struct sk_buff *skb, struct netlink_callback *cb,
			      struct filter_nl_cursor *cursor)
{
	struct net *net = sock_net(skb->sk);
	struct vtep_dev *vtep;
	int err;

	while ((vtep = filter_nl_next(net, cursor->ifindex))) {
		if (cursor->ifindex != vtep->dev->ifindex)
			cursor->vni = 0;
		cursor->ifindex = vtep->dev->ifindex;
		err = filter_nl_dump_dev(skb, cb, vtep, &cursor->vni);
		if (err)
			return err;
		cursor->ifindex++;
		cursor->vni = 0;
	}
	return 0;
}

static int filter_nl_dump_one(struct sk_buff *skb, struct netlink_callback *cb,
			      u32 ifindex, struct filter_nl_cursor *cursor)
{
	struct vtep_dev *vtep;
	int err;

	if (cursor->vni > VTEP_VNI_MAX)
		return 0;
	vtep = filter_nl_dev(sock_net(skb->sk), ifindex, cb->extack, &err);
	if (!vtep)
		return err;
	if (!vtep_cfg_rtnl(vtep)->vnifilter)
		return vtep_refuse(cb->extack, NULL,
				   "The device has no VNI filter", -EINVAL);
	err = filter_nl_dump_dev(skb, cb, vtep, &cursor->vni);
	if (!err)
		cursor->vni = VTEP_VNI_MAX + 1;
	return err;
}

/* RTM_GETTUNNEL. Context: RTNL. */
static int filter_nl_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct filter_nl_cursor *cursor = (void *)cb->ctx;
	const struct tunnel_msg *msg;
	int err;

	ASSERT_RTNL();
	BUILD_BUG_ON(sizeof(*cursor) > sizeof(cb->ctx));

	if (nlmsg_len(cb->nlh) < sizeof(*msg))
		return vtep_refuse(cb->extack, NULL,
				   "Message is shorter than its header",
				   -EINVAL);
	msg = nlmsg_data(cb->nlh);
	if (msg->flags & ~TUNNEL_MSG_VALID_USER_FLAGS)
		return vtep_refuse(cb->extack, NULL,
				   "Unknown flags in the message", -EINVAL);

	err = msg->ifindex ?
	      filter_nl_dump_one(skb, cb, msg->ifindex, cursor) :
	      filter_nl_dump_all(skb, cb, cursor);
	/* Full: there is another message. */
	return err == -EMSGSIZE ? skb->len : err ?: skb->len;
}

static const struct rtnl_msg_handler filter_nl_handlers[] = {
	{
		.owner = THIS_MODULE,
		.protocol = PF_BRIDGE,
		.msgtype = RTM_GETTUNNEL,
		.dumpit = filter_nl_dump,
	},
	{
		.owner = THIS_MODULE,
		.protocol = PF_BRIDGE,
		.msgtype = RTM_NEWTUNNEL,
		.doit = filter_nl_request,
	},
	{
		.owner = THIS_MODULE,
		.protocol = PF_BRIDGE,
		.msgtype = RTM_DELTUNNEL,
		.doit = filter_nl_request,
	},
};

/* The messages are those of the kind whose name the kernel's driver has. */
static bool filter_nl_ours(void)
{
	return !strcmp(VTEP_KIND, "vxlan");
}

/**
 * vtep_filter_nl_init() - take over the messages
 *
 * Context: module init.
 * Return: 0 or -ENOMEM.
 */
int vtep_filter_nl_init(void)
{
	return filter_nl_ours() ? rtnl_register_many(filter_nl_handlers) : 0;
}

/**
 * vtep_filter_nl_exit() - give the messages back
 *
 * Context: module exit.
 */
void vtep_filter_nl_exit(void)
{
	if (filter_nl_ours())
		rtnl_unregister_many(filter_nl_handlers);
}
