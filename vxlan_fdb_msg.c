// SPDX-License-Identifier: GPL-2.0
/*
 * Messages about the forwarding table: notifications, answers, dumps.
 *
 * Learning and ageing go on meanwhile, so what is read from the table is read
 * under RCU.
 */
#include "vxlan_fdb_msg.h"
#include "vxlan.h"
#include "vxlan_fdb.h"
#include "vxlan_remote.h"

#include <linux/limits.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/netlink.h>

/**
 * struct fdb_nl_head - what differs between the messages about an entry
 * @portid: receiver of an answer, 0 for a notification
 * @seq: sequence number of the request, 0 for a notification
 * @type: RTM_NEWNEIGH or RTM_DELNEIGH
 * @flags: NLM_F_*
 */
struct fdb_nl_head {
	u32 portid;
	u32 seq;
	u16 type;
	u16 flags;
};

static size_t fdb_nl_msg_size(void)
{
	return NLMSG_ALIGN(sizeof(struct ndmsg)) +
	       nla_total_size(sizeof(s32)) +		/* NDA_LINK_NETNSID */
	       nla_total_size(ETH_ALEN) +		/* NDA_LLADDR */
	       nla_total_size(sizeof(struct in6_addr)) +	/* NDA_DST */
	       nla_total_size(sizeof(__be16)) +		/* NDA_PORT */
	       nla_total_size(sizeof(u32)) +		/* NDA_VNI */
	       nla_total_size(sizeof(u32)) +		/* NDA_IFINDEX */
	       nla_total_size(sizeof(u32)) +		/* NDA_NH_ID */
	       nla_total_size(sizeof(u32)) +		/* NDA_SRC_VNI */
	       nla_total_size(sizeof(struct nda_cacheinfo));
}

static int fdb_nl_put_addr(struct sk_buff *skb, const struct vtep_addr *addr)
{
	if (addr->family == AF_INET6)
		return nla_put_in6_addr(skb, NDA_DST, &addr->v6);
	return nla_put_in_addr(skb, NDA_DST, addr->v4);
}

static int fdb_nl_put_remote(struct sk_buff *skb, const struct vtep_config *cfg,
			     const struct vtep_remote *remote)
{
	const struct vtep_peer_key *peer = &remote->key.peer->key;

	if (fdb_nl_put_addr(skb, &peer->addr))
		return -EMSGSIZE;
	if (remote->key.port != cfg->port &&
	    nla_put_be16(skb, NDA_PORT, remote->key.port))
		return -EMSGSIZE;
	if (remote->key.vni != cfg->vni &&
	    nla_put_u32(skb, NDA_VNI, remote->key.vni))
		return -EMSGSIZE;
	if (peer->ifindex && nla_put_u32(skb, NDA_IFINDEX, peer->ifindex))
		return -EMSGSIZE;
	return 0;
}

static int fdb_nl_put_times(struct sk_buff *skb,
			    const struct vtep_fdb_entry *entry)
{
	u64 used = vtep_fdb_since(READ_ONCE(entry->used));
	u64 updated = vtep_fdb_since(READ_ONCE(entry->updated));
	struct nda_cacheinfo info = {
		.ndm_used = jiffies_to_clock_t(used),
		.ndm_updated = jiffies_to_clock_t(updated),
	};

	return nla_put(skb, NDA_CACHEINFO, sizeof(info), &info);
}

static int fdb_nl_put_netns(struct sk_buff *skb, const struct vtep_dev *vtep)
{
	const struct net *net = dev_net(vtep->dev);

	if (net_eq(net, vtep->net))
		return 0;
	return nla_put_s32(skb, NDA_LINK_NETNSID, peernet2id(net, vtep->net));
}

static int fdb_nl_put_attrs(struct sk_buff *skb, const struct vtep_dev *vtep,
			    const struct vtep_fdb_entry *entry,
			    const struct vtep_fdb_dst *dst)
{
	const struct vtep_config *cfg = rcu_dereference(vtep->cfg);

	if (fdb_nl_put_netns(skb, vtep))
		return -EMSGSIZE;
	if (nla_put(skb, NDA_LLADDR, ETH_ALEN, entry->key.mac))
		return -EMSGSIZE;
	if (dst->remote ? fdb_nl_put_remote(skb, cfg, dst->remote) :
			  nla_put_u32(skb, NDA_NH_ID, dst->nhid))
		return -EMSGSIZE;
	if (cfg->metadata && entry->key.vni &&
	    nla_put_u32(skb, NDA_SRC_VNI, entry->key.vni))
		return -EMSGSIZE;
	return fdb_nl_put_times(skb, entry);
}

/* One message about one destination of an entry. Context: RCU. */
static int fdb_nl_fill(struct sk_buff *skb, const struct vtep_dev *vtep,
		       const struct vtep_fdb_entry *entry,
		       const struct vtep_fdb_dst *dst,
		       const struct fdb_nl_head *head)
{
	struct nlmsghdr *nlh;
	struct ndmsg *ndm;

	nlh = nlmsg_put(skb, head->portid, head->seq, head->type, sizeof(*ndm),
			head->flags);
	if (!nlh)
		return -EMSGSIZE;

	ndm = nlmsg_data(nlh);
	*ndm = (struct ndmsg) {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = vtep->dev->ifindex,
		.ndm_state = READ_ONCE(entry->state),
		.ndm_flags = READ_ONCE(entry->ndm_flags),
		.ndm_type = RTN_UNICAST,
	};
	if (dst->offloaded)
		ndm->ndm_flags |= NTF_OFFLOADED;
	if (fdb_nl_put_attrs(skb, vtep, entry, dst)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

static struct sk_buff *fdb_nl_event(const struct vtep_dev *vtep,
				    const struct vtep_fdb_entry *entry,
				    const struct vtep_fdb_dst *dst,
				    enum vtep_fdb_event event)
{
	const struct fdb_nl_head head = {
		.type = event == VTEP_FDB_DEL ? RTM_DELNEIGH : RTM_NEWNEIGH,
	};
	struct sk_buff *skb;
	int err;

	skb = nlmsg_new(fdb_nl_msg_size(), GFP_ATOMIC);
	if (!skb)
		return NULL;

	rcu_read_lock();
	err = fdb_nl_fill(skb, vtep, entry, dst, &head);
	rcu_read_unlock();
	if (!err)
		return skb;

	/* Then fdb_nl_msg_size() has forgotten something. */
	WARN_ON_ONCE(err == -EMSGSIZE);
	kfree_skb(skb);
	return NULL;
}

/* Without a message the listeners are told that they have lost one. */
static void fdb_nl_send(const struct vtep_dev *vtep, struct sk_buff *skb)
{
	struct net *net = dev_net(vtep->dev);

	if (skb)
		rtnl_notify(skb, net, 0, RTNLGRP_NEIGH, NULL, GFP_ATOMIC);
	else
		rtnl_set_sk_err(net, RTNLGRP_NEIGH, -ENOBUFS);
}

/**
 * vtep_fdb_msg_notify() - vtep_fdb_hooks.notify: RTM_NEWNEIGH and RTM_DELNEIGH
 * @vtep: the device
 * @entry: the entry
 * @dst: the destination the event is about
 * @event: what happened
 *
 * Context: vtep_dev.lock, so that the messages keep the order.
 */
void vtep_fdb_msg_notify(struct vtep_dev *vtep,
			 const struct vtep_fdb_entry *entry,
			 const struct vtep_fdb_dst *dst,
			 enum vtep_fdb_event event)
{
	if (rtnl_has_listeners(dev_net(vtep->dev), RTNLGRP_NEIGH))
		fdb_nl_send(vtep, fdb_nl_event(vtep, entry, dst, event));
}

/*
 * A VNI that is none, to be told as NDA_VNI where a message is about no VNI.
 * Programs that listen may look for it, as the kernel's driver sends it.
 */
#define FDB_NL_NO_VNI_OF_MAC	0
#define FDB_NL_NO_VNI_OF_ADDR	(VTEP_VNI_MAX + 1)

static int fdb_nl_put_asked(struct sk_buff *skb, const struct vtep_dev *vtep,
			    const u8 *mac, const struct vtep_addr *addr)
{
	const struct vtep_config *cfg = rcu_dereference_bh(vtep->cfg);
	u32 vni = mac ? FDB_NL_NO_VNI_OF_MAC : FDB_NL_NO_VNI_OF_ADDR;
	const struct nda_cacheinfo info = {};

	if (fdb_nl_put_netns(skb, vtep))
		return -EMSGSIZE;
	if (mac && !is_zero_ether_addr(mac) &&
	    nla_put(skb, NDA_LLADDR, ETH_ALEN, mac))
		return -EMSGSIZE;
	if (addr && fdb_nl_put_addr(skb, addr))
		return -EMSGSIZE;
	if (vni != cfg->vni && nla_put_u32(skb, NDA_VNI, vni))
		return -EMSGSIZE;
	return nla_put(skb, NDA_CACHEINFO, sizeof(info), &info);
}

static struct sk_buff *fdb_nl_question(const struct vtep_dev *vtep,
				       const u8 *mac,
				       const struct vtep_addr *addr)
{
	struct nlmsghdr *nlh;
	struct ndmsg *ndm;
	struct sk_buff *skb;

	skb = nlmsg_new(fdb_nl_msg_size(), GFP_ATOMIC);
	if (!skb)
		return NULL;

	nlh = nlmsg_put(skb, 0, 0, RTM_GETNEIGH, sizeof(*ndm), 0);
	if (!nlh)
		goto free_skb;
	ndm = nlmsg_data(nlh);
	*ndm = (struct ndmsg) {
		.ndm_family = addr ? addr->family : AF_INET,
		.ndm_ifindex = vtep->dev->ifindex,
		.ndm_state = NUD_STALE,
		.ndm_type = RTN_UNICAST,
	};
	if (fdb_nl_put_asked(skb, vtep, mac, addr))
		goto free_skb;
	nlmsg_end(skb, nlh);
	return skb;

free_skb:
	kfree_skb(skb);
	return NULL;
}

/**
 * vtep_fdb_msg_miss() - vtep_fdb_hooks.miss: RTM_GETNEIGH, who knows?
 * @vtep: the device
 * @mac: destination of a frame that found no entry, or NULL
 * @addr: address in the overlay that found no neighbour, or NULL
 *
 * Context: RCU, BH disabled.
 */
void vtep_fdb_msg_miss(struct vtep_dev *vtep, const u8 *mac,
		       const struct vtep_addr *addr)
{
	/* An address that is none is left out. */
	if (addr && vtep_addr_any(addr))
		addr = NULL;
	if (rtnl_has_listeners(dev_net(vtep->dev), RTNLGRP_NEIGH))
		fdb_nl_send(vtep, fdb_nl_question(vtep, mac, addr));
}

/**
 * vtep_fdb_msg_get() - ndo_fdb_get: one entry with its first destination
 * @skb: the answer
 * @tb: attributes of the request, checked by the core
 * @dev: our device
 * @addr: inner MAC address
 * @vid: ignored
 * @portid: who asks
 * @seq: sequence number of the request
 * @extack: filled when there is no such entry
 *
 * NDA_VNI is the source VNI for devices that serve several; a device with one
 * VNI has its entries under that one, so there it makes no difference.
 *
 * Context: RTNL.
 * Return: 0, -ENOENT or -EMSGSIZE.
 */
int vtep_fdb_msg_get(struct sk_buff *skb, struct nlattr *tb[],
		     struct net_device *dev, const unsigned char *addr, u16 vid,
		     u32 portid, u32 seq, struct netlink_ext_ack *extack)
{
	const struct fdb_nl_head head = {
		.portid = portid,
		.seq = seq,
		.type = RTM_NEWNEIGH,
	};
	struct vtep_dev *vtep = netdev_priv(dev);
	const struct vtep_config *cfg = vtep_cfg_rtnl(vtep);
	const struct vtep_fdb_entry *entry;
	struct vtep_fdb_dst dst;
	u32 vni = cfg->vni;
	int err = -ENOENT;

	rcu_read_lock();
	if (cfg->metadata && tb[NDA_VNI])
		vni = nla_get_u32(tb[NDA_VNI]);
	entry = vtep_fdb_find(vtep, addr, vni);
	if (entry && vtep_fdb_dst(vtep, entry, 0, &dst))
		err = fdb_nl_fill(skb, vtep, entry, &dst, &head);
	else
		NL_SET_ERR_MSG(extack, "FDB entry not found");
	rcu_read_unlock();
	return err;
}

/* Dump */

/**
 * struct fdb_nl_cursor - where a dump goes on with its next message
 * @ifindex: of the device in which the last message was full
 * @id: the entry that did not fit
 * @slot: its first destination that did not fit
 *
 * There is nothing to be undone when a dump is given up: values only.
 */
struct fdb_nl_cursor {
	int ifindex;
	u32 id;
	u32 slot;
};

/*
 * The core hands the entries of a device, first of the bridge above it and
 * then its own, to one dump and knows one position: the number of entries
 * already sent, which a driver can find again only by counting them all. This
 * is the number that says "as many as there are": the bridge then skips all
 * of its own, also those that it has learned since, and the place in our
 * table is in the cursor.
 *
 * (Should the device go away at this moment, the bridge above the next one in
 * the dump skips its entries, too; with a true number it would skip some.)
 */
#define FDB_NL_RESUME INT_MAX

/* At the end of the dump's memory, where neither core nor bridge keeps any. */
static struct fdb_nl_cursor *fdb_nl_cursor_of(struct netlink_callback *cb)
{
	const size_t offset = sizeof(cb->ctx) - sizeof(struct fdb_nl_cursor);

	BUILD_BUG_ON(offset < 3 * sizeof(cb->args[0]));
	BUILD_BUG_ON(offset % __alignof__(struct fdb_nl_cursor));
	return (struct fdb_nl_cursor *)&cb->ctx[offset];
}

static int fdb_nl_dump_entry(struct sk_buff *skb, const struct vtep_dev *vtep,
			     const struct vtep_fdb_entry *entry,
			     const struct fdb_nl_head *head, u32 *slot)
{
	struct vtep_fdb_dst dst;
	int err;

	for (; vtep_fdb_dst(vtep, entry, *slot, &dst); ++*slot) {
		err = fdb_nl_fill(skb, vtep, entry, &dst, head);
		if (err)
			return err;
	}
	return 0;
}

static int fdb_nl_dump_table(struct sk_buff *skb, struct vtep_dev *vtep,
			     const struct fdb_nl_head *head,
			     struct fdb_nl_cursor *cursor)
{
	const struct vtep_fdb_entry *entry;
	u32 id = cursor->id;
	int err;

	while ((entry = vtep_fdb_next(vtep, &id))) {
		if (id != cursor->id)
			cursor->slot = 0;
		cursor->id = id;
		err = fdb_nl_dump_entry(skb, vtep, entry, head, &cursor->slot);
		if (err)
			return err;
		if (id++ == U32_MAX)
			break;
	}
	return 0;
}

/**
 * vtep_fdb_msg_dump() - ndo_fdb_dump: as many entries as fit
 * @skb: the message
 * @cb: the dump
 * @dev: our device
 * @filter_dev: not used; only a bridge has entries of other devices
 * @idx: set to FDB_NL_RESUME when the message is full
 *
 * Each destination of an entry is a message. An entry that is there all the
 * time is reported once, whatever is learned, moved or deleted between two
 * messages.
 *
 * Context: RTNL.
 * Return: 0, or -EMSGSIZE when the message is full.
 */
int vtep_fdb_msg_dump(struct sk_buff *skb, struct netlink_callback *cb,
		      struct net_device *dev, struct net_device *filter_dev,
		      int *idx)
{
	struct fdb_nl_cursor *cursor = fdb_nl_cursor_of(cb);
	const struct fdb_nl_head head = {
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.type = RTM_NEWNEIGH,
		.flags = NLM_F_MULTI,
	};
	int err;

	if (vtep_fdb_dump_idx(cb) != FDB_NL_RESUME ||
	    cursor->ifindex != dev->ifindex)
		*cursor = (struct fdb_nl_cursor) { .ifindex = dev->ifindex };

	rcu_read_lock();
	err = fdb_nl_dump_table(skb, netdev_priv(dev), &head, cursor);
	rcu_read_unlock();
	if (err)
		*idx = FDB_NL_RESUME;
	return err;
}
