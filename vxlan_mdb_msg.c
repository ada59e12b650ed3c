// SPDX-License-Identifier: GPL-2.0
/*
 * Messages about the multicast database: notifications, answers, dumps. All of
 * them are made under RTNL, under which nothing changes.
 */
#include "vxlan_mdb_msg.h"
#include "vxlan.h"
#include "vxlan_mdb.h"
#include "vxlan_remote.h"

#include <linux/if_bridge.h>
#include <linux/limits.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>

/**
 * struct mdb_nl_head - what differs between the messages
 * @portid: receiver of an answer, 0 for a notification
 * @seq: sequence number of the request, 0 for a notification
 * @type: RTM_NEWMDB or RTM_DELMDB
 * @flags: NLM_F_*
 */
struct mdb_nl_head {
	u32 portid;
	u32 seq;
	u16 type;
	u16 flags;
};

/**
 * struct mdb_nl_msg - a message under way
 * @nlh: its header
 * @table: the nest of all entries, MDBA_MDB
 */
struct mdb_nl_msg {
	struct nlmsghdr *nlh;
	struct nlattr *table;
};

/* Sizes */

/* An upper limit for one remote of an entry, MDBA_MDB_ENTRY_INFO. */
static size_t mdb_nl_dst_size(const struct vtep_mdb_dst *dst)
{
	const size_t addr = nla_total_size(sizeof(struct in6_addr));

	return nla_total_size(0) +
	       NLA_ALIGN(sizeof(struct br_mdb_entry)) +
	       nla_total_size(sizeof(u32)) +	/* MDBA_MDB_EATTR_TIMER */
	       addr +				/* MDBA_MDB_EATTR_SOURCE */
	       nla_total_size(sizeof(u8)) +	/* MDBA_MDB_EATTR_RTPROT */
	       nla_total_size(sizeof(u8)) +	/* MDBA_MDB_EATTR_GROUP_MODE */
	       nla_total_size(0) +		/* MDBA_MDB_EATTR_SRC_LIST */
	       dst->count * (nla_total_size(0) + addr +
			     nla_total_size(sizeof(u32))) +
	       addr +				/* MDBA_MDB_EATTR_DST */
	       nla_total_size(sizeof(u16)) +	/* MDBA_MDB_EATTR_DST_PORT */
	       nla_total_size(sizeof(u32)) +	/* MDBA_MDB_EATTR_VNI */
	       nla_total_size(sizeof(u32)) +	/* MDBA_MDB_EATTR_IFINDEX */
	       nla_total_size(sizeof(u32));	/* MDBA_MDB_EATTR_SRC_VNI */
}

/* The same of a whole message, around the remotes. */
static size_t mdb_nl_frame_size(void)
{
	return NLMSG_ALIGN(sizeof(struct br_port_msg)) +
	       nla_total_size(0) +		/* MDBA_MDB */
	       nla_total_size(0);		/* MDBA_MDB_ENTRY */
}

/* Parts */

static int mdb_nl_put_addr(struct sk_buff *skb, int attr,
			   const struct vtep_addr *addr)
{
	if (addr->family == AF_INET6)
		return nla_put_in6_addr(skb, attr, &addr->v6);
	return nla_put_in_addr(skb, attr, addr->v4);
}

static int mdb_nl_put_head(struct sk_buff *skb, const struct vtep_dev *vtep,
			   const struct vtep_mdb_entry *entry,
			   const struct vtep_mdb_dst *dst)
{
	const struct vtep_addr *group = &entry->key.group;
	struct br_mdb_entry head;

	memset(&head, 0, sizeof(head));
	head.ifindex = vtep->dev->ifindex;
	head.state = MDB_PERMANENT;
	if (dst->blocked)
		head.flags |= MDB_FLAGS_BLOCKED;
	if (group->family == AF_INET6) {
		head.addr.u.ip6 = group->v6;
		head.addr.proto = htons(ETH_P_IPV6);
	} else {
		head.addr.u.ip4 = group->v4;
		head.addr.proto = htons(ETH_P_IP);
	}
	return nla_put_nohdr(skb, sizeof(head), &head);
}

static int mdb_nl_put_source(struct sk_buff *skb, const struct vtep_addr *addr)
{
	struct nlattr *nest = nla_nest_start(skb, MDBA_MDB_SRCLIST_ENTRY);

	if (!nest || mdb_nl_put_addr(skb, MDBA_MDB_SRCATTR_ADDRESS, addr) ||
	    nla_put_u32(skb, MDBA_MDB_SRCATTR_TIMER, 0))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int mdb_nl_put_sources(struct sk_buff *skb,
			      const struct vtep_mdb_dst *dst)
{
	struct nlattr *nest;
	u32 i;

	if (!dst->count)
		return 0;
	nest = nla_nest_start(skb, MDBA_MDB_EATTR_SRC_LIST);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < dst->count; i++)
		if (mdb_nl_put_source(skb, &dst->source[i]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int mdb_nl_put_remote(struct sk_buff *skb, const struct vtep_dev *vtep,
			     const struct vtep_mdb_entry *entry,
			     const struct vtep_mdb_dst *dst)
{
	const struct vtep_config *cfg = vtep_cfg_rtnl(vtep);
	const struct vtep_remote_key *key = &dst->remote->key;

	if (mdb_nl_put_addr(skb, MDBA_MDB_EATTR_DST, &key->peer->key.addr))
		return -EMSGSIZE;
	if (key->port != cfg->port &&
	    nla_put_u16(skb, MDBA_MDB_EATTR_DST_PORT, ntohs(key->port)))
		return -EMSGSIZE;
	if (key->vni != cfg->vni &&
	    nla_put_u32(skb, MDBA_MDB_EATTR_VNI, key->vni))
		return -EMSGSIZE;
	if (key->peer->key.ifindex &&
	    nla_put_u32(skb, MDBA_MDB_EATTR_IFINDEX, key->peer->key.ifindex))
		return -EMSGSIZE;
	if (cfg->metadata && entry->key.vni &&
	    nla_put_u32(skb, MDBA_MDB_EATTR_SRC_VNI, entry->key.vni))
		return -EMSGSIZE;
	return 0;
}

static int mdb_nl_put_attrs(struct sk_buff *skb, const struct vtep_dev *vtep,
			    const struct vtep_mdb_entry *entry,
			    const struct vtep_mdb_dst *dst)
{
	const struct vtep_addr *source = &entry->key.source;

	if (mdb_nl_put_head(skb, vtep, entry, dst) ||
	    nla_put_u32(skb, MDBA_MDB_EATTR_TIMER, 0))
		return -EMSGSIZE;
	if (!vtep_addr_any(source) &&
	    mdb_nl_put_addr(skb, MDBA_MDB_EATTR_SOURCE, source))
		return -EMSGSIZE;
	if (nla_put_u8(skb, MDBA_MDB_EATTR_RTPROT, dst->rtprot) ||
	    nla_put_u8(skb, MDBA_MDB_EATTR_GROUP_MODE, dst->filter_mode) ||
	    mdb_nl_put_sources(skb, dst))
		return -EMSGSIZE;
	return mdb_nl_put_remote(skb, vtep, entry, dst);
}

/* One remote of an entry, all of it or nothing. */
static int mdb_nl_put_dst(struct sk_buff *skb, const struct vtep_dev *vtep,
			  const struct vtep_mdb_entry *entry,
			  const struct vtep_mdb_dst *dst)
{
	struct nlattr *nest;

	nest = nla_nest_start_noflag(skb, MDBA_MDB_ENTRY_INFO);
	if (!nest)
		return -EMSGSIZE;
	if (mdb_nl_put_attrs(skb, vtep, entry, dst)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int mdb_nl_begin(struct sk_buff *skb, const struct vtep_dev *vtep,
			const struct mdb_nl_head *head, struct mdb_nl_msg *msg)
{
	struct br_port_msg *port;

	msg->nlh = nlmsg_put(skb, head->portid, head->seq, head->type,
			     sizeof(*port), head->flags);
	if (!msg->nlh)
		return -EMSGSIZE;
	port = nlmsg_data(msg->nlh);
	memset(port, 0, sizeof(*port));
	port->family = AF_BRIDGE;
	port->ifindex = vtep->dev->ifindex;

	msg->table = nla_nest_start_noflag(skb, MDBA_MDB);
	if (msg->table)
		return 0;
	nlmsg_cancel(skb, msg->nlh);
	return -EMSGSIZE;
}

static void mdb_nl_end(struct sk_buff *skb, const struct mdb_nl_msg *msg)
{
	nla_nest_end(skb, msg->table);
	nlmsg_end(skb, msg->nlh);
}

/* Notifications */

static int mdb_nl_fill_event(struct sk_buff *skb, const struct vtep_dev *vtep,
			     const struct vtep_mdb_entry *entry,
			     const struct vtep_mdb_dst *dst,
			     enum vtep_mdb_event event)
{
	const struct mdb_nl_head head = {
		.type = event == VTEP_MDB_DEL ? RTM_DELMDB : RTM_NEWMDB,
	};
	struct mdb_nl_msg msg;
	struct nlattr *nest;

	if (mdb_nl_begin(skb, vtep, &head, &msg))
		return -EMSGSIZE;
	nest = nla_nest_start_noflag(skb, MDBA_MDB_ENTRY);
	if (!nest || mdb_nl_put_dst(skb, vtep, entry, dst))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	mdb_nl_end(skb, &msg);
	return 0;
}

/**
 * vtep_mdb_msg_notify() - vtep_mdb_hooks.notify: RTM_NEWMDB and RTM_DELMDB
 * @vtep: the device
 * @entry: the entry
 * @dst: the remote the event is about
 * @event: what happened
 *
 * Without a message the listeners are told that they have lost one.
 *
 * Context: RTNL, may sleep.
 */
void vtep_mdb_msg_notify(struct vtep_dev *vtep,
			 const struct vtep_mdb_entry *entry,
			 const struct vtep_mdb_dst *dst,
			 enum vtep_mdb_event event)
{
	struct net *net = dev_net(vtep->dev);
	struct sk_buff *skb;

	if (!rtnl_has_listeners(net, RTNLGRP_MDB))
		return;
	skb = nlmsg_new(mdb_nl_frame_size() + mdb_nl_dst_size(dst),
			GFP_KERNEL);
	if (!skb) {
		rtnl_set_sk_err(net, RTNLGRP_MDB, -ENOBUFS);
		return;
	}
	if (WARN_ON_ONCE(mdb_nl_fill_event(skb, vtep, entry, dst, event))) {
		/* Then mdb_nl_dst_size() has forgotten something. */
		kfree_skb(skb);
		return;
	}
	rtnl_notify(skb, net, 0, RTNLGRP_MDB, NULL, GFP_KERNEL);
}

/* Answers */

/* A nest tells its length in 16 bits. */
#define MDB_NL_NEST_MAX U16_MAX

static int mdb_nl_fill_entry(struct sk_buff *skb, const struct vtep_dev *vtep,
			     const struct vtep_mdb_entry *entry,
			     const struct mdb_nl_head *head)
{
	const struct vtep_mdb_dst *dst;
	struct mdb_nl_msg msg;
	struct nlattr *nest;

	if (mdb_nl_begin(skb, vtep, head, &msg))
		return -EMSGSIZE;
	nest = nla_nest_start_noflag(skb, MDBA_MDB_ENTRY);
	if (!nest)
		return -EMSGSIZE;
	list_for_each_entry(dst, &entry->dsts, list)
		if (mdb_nl_put_dst(skb, vtep, entry, dst))
			return -EMSGSIZE;
	if (skb_tail_pointer(skb) - (u8 *)msg.table > MDB_NL_NEST_MAX)
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	mdb_nl_end(skb, &msg);
	return 0;
}

/**
 * vtep_mdb_msg_answer() - send an entry with all its remotes
 * @vtep: the device
 * @entry: the entry
 * @portid: who asks
 * @seq: sequence number of the request
 * @extack: filled when it cannot be sent
 *
 * Context: RTNL, may sleep.
 * Return: 0; -ENOMEM; -EMSGSIZE if the entry is more than a message can hold,
 * which is a nest of 64 KB.
 */
int vtep_mdb_msg_answer(struct vtep_dev *vtep,
			const struct vtep_mdb_entry *entry, u32 portid,
			u32 seq, struct netlink_ext_ack *extack)
{
	const struct mdb_nl_head head = {
		.portid = portid,
		.seq = seq,
		.type = RTM_NEWMDB,
	};
	size_t size = mdb_nl_frame_size();
	const struct vtep_mdb_dst *dst;
	struct sk_buff *skb;

	list_for_each_entry(dst, &entry->dsts, list)
		size += mdb_nl_dst_size(dst);
	/* The size is an upper limit: what is above may still fit. */
	skb = nlmsg_new(min_t(size_t, size, 2 * MDB_NL_NEST_MAX), GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	if (mdb_nl_fill_entry(skb, vtep, entry, &head)) {
		NL_SET_ERR_MSG(extack,
			       "The MDB entry is too big for one message, a dump has it in parts");
		kfree_skb(skb);
		return -EMSGSIZE;
	}
	return rtnl_unicast(skb, dev_net(vtep->dev), portid);
}

/* Dump */

/**
 * struct mdb_nl_cursor - where a dump goes on with its next message
 * @core: the core's own, at the beginning of the dump's memory
 * @ifindex: of the device in which the last message was full
 * @id: the entry of the remote that did not fit
 * @dst: that remote
 *
 * There is nothing to be undone when a dump is given up: values only.
 */
struct mdb_nl_cursor {
	unsigned long core;
	int ifindex;
	u32 id;
	u32 dst;
};

/* The remotes of an entry from the newest, or from where the last one ended. */
static int mdb_nl_dump_dsts(struct sk_buff *skb, struct netlink_callback *cb,
			    const struct vtep_dev *vtep,
			    const struct vtep_mdb_entry *entry,
			    struct mdb_nl_cursor *cursor)
{
	const struct vtep_mdb_dst *dst;
	u32 size;

	list_for_each_entry(dst, &entry->dsts, list) {
		if (dst->id > cursor->dst)
			continue;
		cursor->dst = dst->id;
		if (!mdb_nl_put_dst(skb, vtep, entry, dst))
			continue;
		/* It must fit when it is the only one. */
		size = NLMSG_HDRLEN + mdb_nl_frame_size() +
		       mdb_nl_dst_size(dst);
		cb->min_dump_alloc = max(cb->min_dump_alloc, size);
		return -EMSGSIZE;
	}
	return 0;
}

static int mdb_nl_dump_entry(struct sk_buff *skb, struct netlink_callback *cb,
			     const struct vtep_dev *vtep,
			     const struct vtep_mdb_entry *entry,
			     struct mdb_nl_cursor *cursor)
{
	struct nlattr *nest = nla_nest_start_noflag(skb, MDBA_MDB_ENTRY);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = mdb_nl_dump_dsts(skb, cb, vtep, entry, cursor);
	if (skb_tail_pointer(skb) > (u8 *)nest + NLA_HDRLEN)
		nla_nest_end(skb, nest);
	else
		nla_nest_cancel(skb, nest);
	return err;
}

static int mdb_nl_dump_table(struct sk_buff *skb, struct netlink_callback *cb,
			     struct vtep_dev *vtep,
			     struct mdb_nl_cursor *cursor)
{
	const struct vtep_mdb_entry *entry;
	u32 id = cursor->id;
	int err;

	for (; (entry = vtep_mdb_next(vtep, &id)); id++) {
		if (id != cursor->id)
			cursor->dst = U32_MAX;
		cursor->id = id;
		err = mdb_nl_dump_entry(skb, cb, vtep, entry, cursor);
		if (err)
			return err;
	}
	return 0;
}

/**
 * vtep_mdb_msg_dump() - ndo_mdb_dump: as many remotes of entries as fit
 * @dev: our device
 * @skb: the message
 * @cb: the dump
 *
 * A remote of an entry that is there all the time is reported once, whatever
 * is added, replaced or deleted between two messages; that something was is
 * told nevertheless (NLM_F_DUMP_INTR).
 *
 * Context: RTNL.
 * Return: 0, or -EMSGSIZE when the message is full.
 */
int vtep_mdb_msg_dump(struct net_device *dev, struct sk_buff *skb,
		      struct netlink_callback *cb)
{
	struct mdb_nl_cursor *cursor = (void *)cb->ctx;
	const struct mdb_nl_head head = {
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.type = RTM_NEWMDB,
		.flags = NLM_F_MULTI,
	};
	struct vtep_dev *vtep = netdev_priv(dev);
	struct mdb_nl_msg msg;
	int err;

	BUILD_BUG_ON(sizeof(*cursor) > sizeof(cb->ctx));
	if (cursor->ifindex != dev->ifindex) {
		cursor->ifindex = dev->ifindex;
		cursor->id = 0;
		cursor->dst = U32_MAX;
	}

	if (mdb_nl_begin(skb, vtep, &head, &msg))
		return -EMSGSIZE;
	err = mdb_nl_dump_table(skb, cb, vtep, cursor);
	mdb_nl_end(skb, &msg);

	cb->seq = vtep->mdb.seq;
	nl_dump_check_consistent(cb, msg.nlh);
	return err;
}
