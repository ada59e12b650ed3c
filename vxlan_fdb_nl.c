// SPDX-License-Identifier: GPL-2.0
/*
 * The forwarding table in netlink: requests are parsed into a struct, checked
 * and handed to the table; its events and contents become messages.
 *
 * RTNL is held in all operations. Learning and ageing go on meanwhile, so
 * what is read from the table is read under RCU.
 */
#include "vxlan_fdb_nl.h"
#include "vxlan.h"
#include "vxlan_fdb.h"
#include "vxlan_remote.h"

#include <linux/limits.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/netlink.h>

/* What a flush may ask of state and flags in the message header. */
#define FLUSH_STATES		(NUD_PERMANENT | NUD_NOARP)
#define FLUSH_FLAGS		(NTF_EXT_LEARNED | NTF_OFFLOADED | NTF_ROUTER)
#define FLUSH_IGNORED_FLAGS	(NTF_MASTER | NTF_SELF)

/* NL_SET_ERR_MSG_ATTR() for a text that is not a literal, but constant. */
static int refuse(struct netlink_ext_ack *extack, const struct nlattr *attr,
		  const char *sentence, int err)
{
	do_trace_netlink_extack(sentence);
	if (extack) {
		extack->_msg = sentence;
		NL_SET_BAD_ATTR(extack, attr);
	}
	return err;
}

/* Requests */

/**
 * struct fdb_nl_length - the length an attribute must have
 * @attr: number of the attribute
 * @len: in bytes
 * @sentence: for the extack
 */
struct fdb_nl_length {
	u16 attr;
	u16 len;
	const char *sentence;
};

/* The core parses without a policy: all of this is for us to check. */
static const struct fdb_nl_length fdb_nl_lengths[] = {
	{ NDA_PORT, sizeof(__be16), "NDA_PORT must be 2 bytes long" },
	{ NDA_VNI, sizeof(u32), "NDA_VNI must be 4 bytes long" },
	{ NDA_SRC_VNI, sizeof(u32), "NDA_SRC_VNI must be 4 bytes long" },
	{ NDA_IFINDEX, sizeof(u32), "NDA_IFINDEX must be 4 bytes long" },
	{ NDA_NH_ID, sizeof(u32), "NDA_NH_ID must be 4 bytes long" },
};

static int check_lengths(struct nlattr *tb[], struct netlink_ext_ack *extack)
{
	const struct fdb_nl_length *rule;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fdb_nl_lengths); i++) {
		rule = &fdb_nl_lengths[i];
		if (tb[rule->attr] && nla_len(tb[rule->attr]) != rule->len)
			return refuse(extack, tb[rule->attr],
				      rule->sentence, -EINVAL);
	}
	return 0;
}

static int refuse_nexthop(struct nlattr *tb[], struct netlink_ext_ack *extack)
{
	if (!tb[NDA_NH_ID])
		return 0;
	return refuse(extack, tb[NDA_NH_ID],
		      "Nexthop groups (NDA_NH_ID) are not supported yet",
		      -EOPNOTSUPP);
}

static int check_nexthop(struct nlattr *tb[], struct netlink_ext_ack *extack)
{
	if (tb[NDA_NH_ID] &&
	    (tb[NDA_DST] || tb[NDA_VNI] || tb[NDA_IFINDEX] || tb[NDA_PORT]))
		return refuse(extack, tb[NDA_NH_ID],
			      "NDA_NH_ID excludes NDA_DST, NDA_VNI, NDA_IFINDEX and NDA_PORT",
			      -EINVAL);
	return refuse_nexthop(tb, extack);
}

static int check_vni(const struct nlattr *attr, const char *sentence,
		     struct netlink_ext_ack *extack)
{
	if (attr && nla_get_u32(attr) > VTEP_VNI_MAX)
		return refuse(extack, attr, sentence, -ERANGE);
	return 0;
}

/*
 * Form of the attributes that add and delete have in common. NDA_SRC_VNI is
 * the key of devices that serve several VNIs; a device with one VNI files all
 * its entries under that one, whatever the request says.
 */
static int check_attrs(struct nlattr *tb[], struct netlink_ext_ack *extack)
{
	int err;

	err = check_lengths(tb, extack);
	if (err)
		return err;
	err = check_vni(tb[NDA_VNI], "NDA_VNI must be lower than 16777216",
			extack);
	if (err)
		return err;
	err = check_vni(tb[NDA_SRC_VNI],
			"NDA_SRC_VNI must be lower than 16777216", extack);
	if (err)
		return err;
	return check_nexthop(tb, extack);
}

static int parse_addr(const struct nlattr *attr, struct vtep_addr *addr,
		      struct netlink_ext_ack *extack)
{
	struct in6_addr v6;

	switch (nla_len(attr)) {
	case sizeof(struct in_addr):
		*addr = vtep_addr_v4(nla_get_in_addr(attr));
		return 0;
	case sizeof(struct in6_addr):
		v6 = nla_get_in6_addr(attr);
		*addr = vtep_addr_v6(&v6);
		return 0;
	}
	return refuse(extack, attr,
		      "NDA_DST must be an IPv4 or IPv6 address",
		      -EAFNOSUPPORT);
}

/* Port 0 stands for the device's own. */
static __be16 parse_port(const struct nlattr *attr,
			 const struct vtep_config *cfg)
{
	__be16 port = attr ? nla_get_be16(attr) : 0;

	return port ?: cfg->port;
}

/* Leaves the address AF_UNSPEC when the request has none. */
static int parse_dest(struct nlattr *tb[], const struct vtep_dev *vtep,
		      struct vtep_dest *dest, struct netlink_ext_ack *extack)
{
	const struct vtep_config *cfg = vtep_cfg_rtnl(vtep);
	struct nlattr *link = tb[NDA_IFINDEX];
	int err;

	err = check_attrs(tb, extack);
	if (err)
		return err;

	memset(dest, 0, sizeof(*dest));
	dest->port = parse_port(tb[NDA_PORT], cfg);
	dest->vni = tb[NDA_VNI] ? nla_get_u32(tb[NDA_VNI]) : cfg->vni;
	if (link) {
		dest->peer.ifindex = nla_get_u32(link);
		if (!__dev_get_by_index(dev_net(vtep->dev), dest->peer.ifindex))
			return refuse(extack, link,
				      "NDA_IFINDEX is not an interface of this namespace",
				      -EADDRNOTAVAIL);
	}
	return tb[NDA_DST] ? parse_addr(tb[NDA_DST], &dest->peer.addr, extack) :
			     0;
}

static int check_add(const struct ndmsg *ndm, struct nlattr *tb[],
		     struct netlink_ext_ack *extack)
{
	if (!(ndm->ndm_state & (NUD_PERMANENT | NUD_REACHABLE))) {
		NL_SET_ERR_MSG(extack,
			       "State must be permanent or reachable (ndm_state)");
		return -EINVAL;
	}
	if (!tb[NDA_DST] && !tb[NDA_NH_ID]) {
		NL_SET_ERR_MSG(extack, "NDA_DST is required");
		NL_SET_ERR_ATTR_MISS(extack, NULL, NDA_DST);
		return -EINVAL;
	}
	return 0;
}

/**
 * vtep_fdb_nl_add() - ndo_fdb_add: add, append to or replace an entry
 * @ndm: header of the request
 * @tb: its attributes, unchecked
 * @dev: our device
 * @addr: inner MAC address
 * @vid: ignored: the entries of a VXLAN device have no VLAN
 * @flags: NLM_F_*
 * @notified: set to true: the table has told the listeners
 * @extack: filled when the request is refused
 *
 * Context: RTNL.
 * Return: 0 or a negative errno, see vtep_fdb_update().
 */
int vtep_fdb_nl_add(struct ndmsg *ndm, struct nlattr *tb[],
		    struct net_device *dev, const unsigned char *addr, u16 vid,
		    u16 flags, bool *notified, struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	const struct vtep_config *cfg = vtep_cfg_rtnl(vtep);
	struct vtep_fdb_request req = {
		.key = vtep_fdb_key(addr, cfg->vni),
		.state = ndm->ndm_state,
		.ndm_flags = ndm->ndm_flags,
		.nlm_flags = flags,
	};
	int err;

	err = check_add(ndm, tb, extack);
	if (err)
		return err;
	err = parse_dest(tb, vtep, &req.dest, extack);
	if (err)
		return err;
	if (req.dest.peer.addr.family != cfg->family)
		return refuse(extack, tb[NDA_DST],
			      "NDA_DST must be of the address family of the device",
			      -EAFNOSUPPORT);

	err = vtep_fdb_update(vtep, &req, extack);
	if (!err)
		*notified = true;
	return err;
}

/**
 * vtep_fdb_nl_del() - ndo_fdb_del: take an entry or one of its remotes out
 * @ndm: header of the request
 * @tb: its attributes, unchecked; without NDA_DST, or with 0.0.0.0 or ::,
 *	the whole entry is meant
 * @dev: our device
 * @addr: inner MAC address
 * @vid: ignored
 * @notified: set to true: the table has told the listeners
 * @extack: filled when the request is refused
 *
 * Context: RTNL.
 * Return: 0, also when the entry has no such remote; -ENOENT without such an
 * entry; or another negative errno.
 */
int vtep_fdb_nl_del(struct ndmsg *ndm, struct nlattr *tb[],
		    struct net_device *dev, const unsigned char *addr, u16 vid,
		    bool *notified, struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	struct vtep_fdb_key key = vtep_fdb_key(addr, vtep_cfg_rtnl(vtep)->vni);
	struct vtep_dest dest;
	int err;

	err = parse_dest(tb, vtep, &dest, extack);
	if (err)
		return err;

	err = vtep_fdb_delete(vtep, &key,
			      vtep_addr_any(&dest.peer.addr) ? NULL : &dest);
	if (err == -ENOENT)
		NL_SET_ERR_MSG(extack, "FDB entry not found");
	if (!err)
		*notified = true;
	return err;
}

/* Flush */

static const struct nla_policy fdb_nl_flush_policy[NDA_MAX + 1] = {
	[NDA_DST] = NLA_POLICY_RANGE(NLA_BINARY, sizeof(struct in_addr),
				     sizeof(struct in6_addr)),
	[NDA_PORT] = { .type = NLA_U16 },
	[NDA_VNI] = { .type = NLA_U32 },
	[NDA_SRC_VNI] = { .type = NLA_U32 },
	[NDA_NH_ID] = { .type = NLA_U32 },
	[NDA_NDM_STATE_MASK] = { .type = NLA_U16 },
	[NDA_NDM_FLAGS_MASK] = { .type = NLA_U8 },
};

/**
 * struct fdb_nl_filter - what a flush takes out
 * @state: NUD_* bits that must be set
 * @state_mask: NUD_* bits that are looked at
 * @flags: NTF_* bits that must be set
 * @flags_mask: NTF_* bits that are looked at
 * @by_vni: only remotes with this @vni
 * @by_src_vni: only entries with this @src_vni
 * @vni: VNI on the wire
 * @src_vni: VNI of the key
 * @port: only remotes with this port; 0 = all
 * @addr: only remotes with this address; AF_UNSPEC = all
 */
struct fdb_nl_filter {
	u16 state;
	u16 state_mask;
	u8 flags;
	u8 flags_mask;
	bool by_vni;
	bool by_src_vni;
	u32 vni;
	u32 src_vni;
	__be16 port;
	struct vtep_addr addr;
};

static bool fdb_nl_flush_matches(const struct vtep_fdb_entry *entry,
				 const struct vtep_remote *remote,
				 const void *arg)
{
	const struct fdb_nl_filter *filter = arg;
	const struct vtep_addr *addr = &remote->key.peer->key.addr;

	if (filter->state_mask &&
	    (entry->state & filter->state_mask) != filter->state)
		return false;
	if (filter->flags_mask &&
	    (entry->ndm_flags & filter->flags_mask) != filter->flags)
		return false;
	if (filter->by_src_vni && entry->key.vni != filter->src_vni)
		return false;
	if (filter->by_vni && remote->key.vni != filter->vni)
		return false;
	if (filter->port && remote->key.port != filter->port)
		return false;
	return !filter->addr.family || vtep_addr_equal(addr, &filter->addr);
}

static int check_flush(const struct ndmsg *ndm, struct nlattr *tb[],
		       struct netlink_ext_ack *extack)
{
	int i;

	for (i = 1; i <= NDA_MAX; i++)
		if (tb[i] && !fdb_nl_flush_policy[i].type)
			return refuse(extack, tb[i],
				      "A VXLAN device cannot be flushed by this attribute",
				      -EINVAL);

	if (ndm->ndm_flags & ~(FLUSH_FLAGS | FLUSH_IGNORED_FLAGS)) {
		NL_SET_ERR_MSG(extack,
			       "Flush knows the flags extern_learn, offloaded and router only (ndm_flags)");
		return -EINVAL;
	}
	if (ndm->ndm_state & ~FLUSH_STATES) {
		NL_SET_ERR_MSG(extack,
			       "Flush knows the states permanent and noarp only (ndm_state)");
		return -EINVAL;
	}
	return refuse_nexthop(tb, extack);
}

static int parse_flush(const struct ndmsg *ndm, struct nlattr *tb[],
		       const struct vtep_config *cfg,
		       struct fdb_nl_filter *filter,
		       struct netlink_ext_ack *extack)
{
	*filter = (struct fdb_nl_filter) {
		.state = ndm->ndm_state,
		.flags = ndm->ndm_flags & ~FLUSH_IGNORED_FLAGS,
		.by_vni = tb[NDA_VNI],
		.by_src_vni = tb[NDA_SRC_VNI],
	};
	if (tb[NDA_NDM_STATE_MASK])
		filter->state_mask = nla_get_u16(tb[NDA_NDM_STATE_MASK]);
	if (tb[NDA_NDM_FLAGS_MASK])
		filter->flags_mask = nla_get_u8(tb[NDA_NDM_FLAGS_MASK]);
	if (tb[NDA_VNI])
		filter->vni = nla_get_u32(tb[NDA_VNI]);
	if (tb[NDA_SRC_VNI])
		filter->src_vni = nla_get_u32(tb[NDA_SRC_VNI]);
	if (tb[NDA_PORT])
		filter->port = parse_port(tb[NDA_PORT], cfg);
	if (tb[NDA_DST])
		return parse_addr(tb[NDA_DST], &filter->addr, extack);
	return 0;
}

/**
 * vtep_fdb_nl_flush() - take out all entries and remotes that match
 * @ndm: header of the request
 * @tb: its attributes, of the right lengths
 * @dev: our device
 * @extack: filled when the request is refused
 *
 * A state or a flag in the header counts only if its bit is set in
 * NDA_NDM_STATE_MASK or NDA_NDM_FLAGS_MASK. The default entry goes like any
 * other that matches.
 *
 * Context: RTNL, may sleep.
 * Return: 0 or a negative errno.
 */
int vtep_fdb_nl_flush(const struct ndmsg *ndm, struct nlattr *tb[],
		      struct net_device *dev, struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	struct fdb_nl_filter filter;
	int err;

	err = check_flush(ndm, tb, extack);
	if (err)
		return err;
	err = parse_flush(ndm, tb, vtep_cfg_rtnl(vtep), &filter, extack);
	if (err)
		return err;

	err = vtep_fdb_flush(vtep, fdb_nl_flush_matches, &filter);
	if (err)
		NL_SET_ERR_MSG(extack, "Out of memory, not all was flushed");
	return err;
}

/**
 * vtep_fdb_nl_del_bulk() - ndo_fdb_del_bulk: "bridge fdb flush"
 * @nlh: the request
 * @dev: our device
 * @extack: filled when the request is refused
 *
 * Context: RTNL, may sleep.
 * Return: 0 or a negative errno, see vtep_fdb_nl_flush().
 */
int vtep_fdb_nl_del_bulk(struct nlmsghdr *nlh, struct net_device *dev,
			 struct netlink_ext_ack *extack)
{
	struct nlattr *tb[NDA_MAX + 1];
	int err;

	err = nlmsg_parse(nlh, sizeof(struct ndmsg), tb, NDA_MAX,
			  fdb_nl_flush_policy, extack);
	if (err)
		return err;
	return vtep_fdb_nl_flush(nlmsg_data(nlh), tb, dev, extack);
}

/* Messages */

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
	unsigned long now = jiffies;
	struct nda_cacheinfo info = {
		.ndm_used = jiffies_to_clock_t(now - READ_ONCE(entry->used)),
		.ndm_updated = jiffies_to_clock_t(now -
						  READ_ONCE(entry->updated)),
	};

	return nla_put(skb, NDA_CACHEINFO, sizeof(info), &info);
}

static int fdb_nl_put_attrs(struct sk_buff *skb, const struct vtep_dev *vtep,
			    const struct vtep_fdb_entry *entry,
			    const struct vtep_remote *remote)
{
	const struct net *net = dev_net(vtep->dev);

	if (!net_eq(net, vtep->net) &&
	    nla_put_s32(skb, NDA_LINK_NETNSID, peernet2id(net, vtep->net)))
		return -EMSGSIZE;
	if (nla_put(skb, NDA_LLADDR, ETH_ALEN, entry->key.mac))
		return -EMSGSIZE;
	if (fdb_nl_put_remote(skb, rcu_dereference(vtep->cfg), remote))
		return -EMSGSIZE;
	return fdb_nl_put_times(skb, entry);
}

/* One message about one destination of an entry. Context: RCU. */
static int fdb_nl_fill(struct sk_buff *skb, const struct vtep_dev *vtep,
		       const struct vtep_fdb_entry *entry,
		       const struct vtep_remote *remote,
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
	if (fdb_nl_put_attrs(skb, vtep, entry, remote)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

/* vtep_fdb_notify_t: holds the device's lock, so messages keep the order. */
static void fdb_nl_notify(struct vtep_dev *vtep,
			  const struct vtep_fdb_entry *entry,
			  const struct vtep_remote *remote,
			  enum vtep_fdb_event event)
{
	const struct fdb_nl_head head = {
		.type = event == VTEP_FDB_DEL ? RTM_DELNEIGH : RTM_NEWNEIGH,
	};
	struct net *net = dev_net(vtep->dev);
	struct sk_buff *skb;
	int err = -ENOBUFS;

	if (!rtnl_has_listeners(net, RTNLGRP_NEIGH))
		return;

	skb = nlmsg_new(fdb_nl_msg_size(), GFP_ATOMIC);
	if (!skb)
		goto tell_loss;

	rcu_read_lock();
	err = fdb_nl_fill(skb, vtep, entry, remote, &head);
	rcu_read_unlock();
	if (err) {
		/* Then fdb_nl_msg_size() has forgotten something. */
		WARN_ON_ONCE(err == -EMSGSIZE);
		kfree_skb(skb);
		goto tell_loss;
	}
	rtnl_notify(skb, net, 0, RTNLGRP_NEIGH, NULL, GFP_ATOMIC);
	return;

tell_loss:
	rtnl_set_sk_err(net, RTNLGRP_NEIGH, err);
}

static const struct vtep_remote *
fdb_nl_first_remote(const struct vtep_fdb_entry *entry)
{
	const struct vtep_remote *remote = rcu_dereference(entry->remote);
	const struct vtep_fdb_slots *slots = rcu_dereference(entry->slots);

	return remote || !slots ? remote : slots->remote[0];
}

/**
 * vtep_fdb_nl_get() - ndo_fdb_get: one entry with its first destination
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
int vtep_fdb_nl_get(struct sk_buff *skb, struct nlattr *tb[],
		    struct net_device *dev, const unsigned char *addr, u16 vid,
		    u32 portid, u32 seq, struct netlink_ext_ack *extack)
{
	const struct fdb_nl_head head = {
		.portid = portid,
		.seq = seq,
		.type = RTM_NEWNEIGH,
	};
	struct vtep_dev *vtep = netdev_priv(dev);
	const struct vtep_fdb_entry *entry;
	const struct vtep_remote *remote;
	int err = -ENOENT;

	rcu_read_lock();
	entry = vtep_fdb_find(vtep, addr, vtep_cfg_rtnl(vtep)->vni);
	remote = entry ? fdb_nl_first_remote(entry) : NULL;
	if (remote)
		err = fdb_nl_fill(skb, vtep, entry, remote, &head);
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
	const struct vtep_remote *remote = rcu_dereference(entry->remote);
	const struct vtep_fdb_slots *slots = rcu_dereference(entry->slots);
	int err;

	if (remote)
		return fdb_nl_fill(skb, vtep, entry, remote, head);

	for (; slots && *slot < slots->count; ++*slot) {
		err = fdb_nl_fill(skb, vtep, entry, slots->remote[*slot], head);
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
 * vtep_fdb_nl_dump() - ndo_fdb_dump: as many entries as fit
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
int vtep_fdb_nl_dump(struct sk_buff *skb, struct netlink_callback *cb,
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

/**
 * vtep_fdb_nl_init() - let the table tell its changes to netlink listeners
 *
 * Context: module init, before the first device.
 */
void vtep_fdb_nl_init(void)
{
	vtep_fdb_set_notifier(fdb_nl_notify);
}

/**
 * vtep_fdb_nl_exit() - the reverse of vtep_fdb_nl_init()
 *
 * Context: module exit, after the last device.
 */
void vtep_fdb_nl_exit(void)
{
	vtep_fdb_set_notifier(NULL);
}
