// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to the multicast database: parsed into a struct, checked and handed
 * to the table. The core has checked struct br_mdb_entry by then: lengths,
 * VLAN, and that an IPv4 address is a group or zero. RTNL is held in all
 * operations.
 */
#include "vxlan_mdb_nl.h"
#include "vxlan.h"
#include "vxlan_attr.h"
#include "vxlan_extack.h"
#include "vxlan_mdb.h"
#include "vxlan_mdb_msg.h"

#include <linux/if_bridge.h>
#include <linux/mm.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>

/* Policies */

static struct netlink_range_validation mdb_nl_vni_range = {
	.max = VTEP_VNI_MAX,
};

#define MDB_NL_ADDR	NLA_POLICY_RANGE(NLA_BINARY, sizeof(struct in_addr), \
					 sizeof(struct in6_addr))
#define MDB_NL_VNI	NLA_POLICY_FULL_RANGE(NLA_U32, &mdb_nl_vni_range)
#define MDB_NL_RTPROT	NLA_POLICY_MIN(NLA_U8, RTPROT_STATIC)

static const struct nla_policy mdb_nl_source_policy[MDBE_SRCATTR_MAX + 1] = {
	[MDBE_SRCATTR_ADDRESS] = MDB_NL_ADDR,
};

static const struct nla_policy mdb_nl_sources_policy[MDBE_SRC_LIST_MAX + 1] = {
	[MDBE_SRC_LIST_ENTRY] = NLA_POLICY_NESTED(mdb_nl_source_policy),
};

static const struct nla_policy mdb_nl_set_policy[MDBE_ATTR_MAX + 1] = {
	[MDBE_ATTR_SOURCE] = MDB_NL_ADDR,
	[MDBE_ATTR_SRC_LIST] = NLA_POLICY_NESTED(mdb_nl_sources_policy),
	[MDBE_ATTR_GROUP_MODE] = NLA_POLICY_RANGE(NLA_U8, MCAST_EXCLUDE,
						  MCAST_INCLUDE),
	[MDBE_ATTR_RTPROT] = MDB_NL_RTPROT,
	[MDBE_ATTR_DST] = MDB_NL_ADDR,
	[MDBE_ATTR_DST_PORT] = { .type = NLA_U16 },
	[MDBE_ATTR_VNI] = MDB_NL_VNI,
	[MDBE_ATTR_IFINDEX] = NLA_POLICY_MIN(NLA_S32, 1),
	[MDBE_ATTR_SRC_VNI] = MDB_NL_VNI,
};

static const struct nla_policy mdb_nl_flush_policy[MDBE_ATTR_MAX + 1] = {
	[MDBE_ATTR_RTPROT] = MDB_NL_RTPROT,
	[MDBE_ATTR_DST] = MDB_NL_ADDR,
	[MDBE_ATTR_DST_PORT] = { .type = NLA_U16 },
	[MDBE_ATTR_VNI] = MDB_NL_VNI,
	[MDBE_ATTR_SRC_VNI] = MDB_NL_VNI,
	[MDBE_ATTR_STATE_MASK] = NLA_POLICY_MASK(NLA_U8, MDB_PERMANENT),
};

static const struct nla_policy mdb_nl_get_policy[MDBE_ATTR_MAX + 1] = {
	[MDBE_ATTR_SOURCE] = MDB_NL_ADDR,
	[MDBE_ATTR_SRC_VNI] = MDB_NL_VNI,
};

/* Parts of a request */

static int parse_addr(const struct nlattr *attr, struct vtep_addr *addr,
		      const char *sentence, struct netlink_ext_ack *extack)
{
	if (vtep_attr_addr(attr, addr))
		return 0;
	return vtep_refuse(extack, attr, sentence, -EINVAL);
}

static int parse_remote(const struct nlattr *attr, struct vtep_addr *addr,
			struct netlink_ext_ack *extack)
{
	return parse_addr(attr, addr,
			  "The remote must be an IPv4 or IPv6 address",
			  extack);
}

/* A station that may send to the group: of its family, and one only. */
static int parse_source(const struct nlattr *attr,
			const struct vtep_addr *group, struct vtep_addr *source,
			struct netlink_ext_ack *extack)
{
	int err;

	err = parse_addr(attr, source,
			 "A source must be an IPv4 or IPv6 address", extack);
	if (err)
		return err;
	if (source->family != group->family)
		return vtep_refuse(extack, attr,
				   "A source must be of the address family of the group",
				   -EINVAL);
	if (vtep_addr_multicast(source))
		return vtep_refuse(extack, attr,
				   "A source cannot be a multicast address",
				   -EINVAL);
	if (vtep_addr_any(source))
		return vtep_refuse(extack, attr,
				   "A source cannot be the zero address",
				   -EINVAL);
	return 0;
}

/* The core also knows groups that are MAC addresses; they match nothing. */
static struct vtep_addr parse_group(const struct br_mdb_entry *entry)
{
	switch (entry->addr.proto) {
	case htons(ETH_P_IP):
		return vtep_addr_v4(entry->addr.u.ip4);
	case htons(ETH_P_IPV6):
		return vtep_addr_v6(&entry->addr.u.ip6);
	}
	return (struct vtep_addr) {};
}

/* Port 0 stands for the device's own. */
static __be16 parse_port(const struct nlattr *attr,
			 const struct vtep_config *cfg)
{
	u16 port = attr ? nla_get_u16(attr) : 0;

	return port ? htons(port) : cfg->port;
}

static u32 parse_vni(const struct nlattr *attr, const struct vtep_config *cfg)
{
	return attr ? nla_get_u32(attr) : cfg->vni;
}

/* Add and delete */

static int check_entry(const struct br_mdb_entry *entry,
		       const struct net_device *dev, const struct nlattr *attr,
		       struct netlink_ext_ack *extack)
{
	if (entry->ifindex != dev->ifindex)
		return vtep_refuse(extack, attr,
				   "The port of an MDB entry of a VXLAN device is the device itself",
				   -EINVAL);
	if (entry->flags)
		return vtep_refuse(extack, attr,
				   "An MDB entry of a VXLAN device has no flags",
				   -EINVAL);
	if (entry->vid)
		return vtep_refuse(extack, attr,
				   "An MDB entry of a VXLAN device has no VLAN",
				   -EINVAL);
	if (entry->addr.proto != htons(ETH_P_IP) &&
	    entry->addr.proto != htons(ETH_P_IPV6))
		return vtep_refuse(extack, attr,
				   "The group must be an IPv4 or IPv6 address",
				   -EINVAL);
	return 0;
}

static int parse_key(struct nlattr *entry_attr, struct nlattr *attrs[],
		     const struct vtep_config *cfg, struct vtep_mdb_key *key,
		     struct netlink_ext_ack *extack)
{
	const struct nlattr *source = attrs[MDBE_ATTR_SOURCE];
	int err;

	key->group = parse_group(nla_data(entry_attr));
	key->vni = parse_vni(attrs[MDBE_ATTR_SRC_VNI], cfg);
	if (source) {
		err = parse_source(source, &key->group, &key->source, extack);
		if (err)
			return err;
	}

	/* Of IPv6 the core takes any address. */
	if (!vtep_addr_multicast(&key->group) && !vtep_addr_any(&key->group))
		return vtep_refuse(extack, entry_attr,
				   "The group must be a multicast address, or zero",
				   -EINVAL);
	if (vtep_addr_any(&key->group) && source)
		return vtep_refuse(extack, source,
				   "The entry of all groups cannot have a source",
				   -EINVAL);
	return 0;
}

static int parse_listed_source(struct nlattr *attr,
			       struct vtep_mdb_request *req,
			       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MDBE_SRCATTR_MAX + 1];
	int err;

	err = nla_parse_nested(tb, MDBE_SRCATTR_MAX, attr,
			       mdb_nl_source_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, attr, tb, MDBE_SRCATTR_ADDRESS)) {
		NL_SET_ERR_MSG(extack, "An item of the source list has no address");
		return -EINVAL;
	}
	err = parse_source(tb[MDBE_SRCATTR_ADDRESS], &req->key.group,
			   &req->source[req->count], extack);
	if (!err)
		req->count++;
	return err;
}

static int parse_sources(struct nlattr *list, struct vtep_mdb_request *req,
			 struct netlink_ext_ack *extack)
{
	struct nlattr *attr;
	u32 count = 0;
	int rem, err;

	nla_for_each_nested(attr, list, rem)
		count++;
	if (!count)
		return 0;
	if (count > VTEP_MDB_SOURCES_MAX)
		return vtep_refuse(extack, list,
				   "The source list has more than 1024 items",
				   -EINVAL);

	req->source = kvcalloc(count, sizeof(*req->source), GFP_KERNEL);
	if (!req->source)
		return -ENOMEM;
	nla_for_each_nested(attr, list, rem) {
		err = parse_listed_source(attr, req, extack);
		if (err)
			return err;
	}
	return 0;
}

static int check_filter(const struct vtep_mdb_key *key, struct nlattr *attrs[],
			struct netlink_ext_ack *extack)
{
	const struct nlattr *mode = attrs[MDBE_ATTR_GROUP_MODE];
	const struct nlattr *sources = attrs[MDBE_ATTR_SRC_LIST];

	if (vtep_mdb_any_source(key)) {
		if (sources && !mode)
			return vtep_refuse(extack, sources,
					   "A source list needs a filter mode",
					   -EINVAL);
		return 0;
	}
	if (mode)
		return vtep_refuse(extack, mode,
				   "Only the entry of a group without a source has a filter mode",
				   -EINVAL);
	if (sources)
		return vtep_refuse(extack, sources,
				   "Only the entry of a group without a source has a source list",
				   -EINVAL);
	return 0;
}

/* Who lets nobody in wants nothing. */
static int parse_filter(struct nlattr *attrs[], struct vtep_mdb_request *req,
			struct netlink_ext_ack *extack)
{
	const struct nlattr *mode = attrs[MDBE_ATTR_GROUP_MODE];
	int err;

	err = check_filter(&req->key, attrs, extack);
	if (err)
		return err;
	req->filter_mode = MCAST_EXCLUDE;
	if (!vtep_addr_any(&req->key.source))
		req->filter_mode = MCAST_INCLUDE;
	if (mode)
		req->filter_mode = nla_get_u8(mode);
	if (attrs[MDBE_ATTR_SRC_LIST]) {
		err = parse_sources(attrs[MDBE_ATTR_SRC_LIST], req, extack);
		if (err)
			return err;
	}
	if (mode && req->filter_mode == MCAST_INCLUDE && !req->count)
		return vtep_refuse(extack, mode,
				   "Filter mode include needs a source list that is not empty",
				   -EINVAL);
	return 0;
}

static int parse_dest(struct nlattr *attrs[], const struct vtep_dev *vtep,
		      struct vtep_dest *dest, struct netlink_ext_ack *extack)
{
	const struct vtep_config *cfg = vtep_cfg_rtnl(vtep);
	const struct nlattr *link = attrs[MDBE_ATTR_IFINDEX];
	int err;

	err = parse_remote(attrs[MDBE_ATTR_DST], &dest->peer.addr, extack);
	if (err)
		return err;
	dest->port = parse_port(attrs[MDBE_ATTR_DST_PORT], cfg);
	dest->vni = parse_vni(attrs[MDBE_ATTR_VNI], cfg);
	if (!link)
		return 0;
	dest->peer.ifindex = nla_get_s32(link);
	if (!__dev_get_by_index(vtep->net, dest->peer.ifindex))
		return vtep_refuse(extack, link,
				   "The interface of the remote does not exist",
				   -EINVAL);
	return 0;
}

static int parse_attrs(struct nlattr *tb[], struct nlattr *attrs[],
		       struct netlink_ext_ack *extack)
{
	int err;

	if (NL_REQ_ATTR_CHECK(extack, NULL, tb, MDBA_SET_ENTRY_ATTRS)) {
		NL_SET_ERR_MSG(extack,
			       "An MDB entry of a VXLAN device needs a remote, MDBA_SET_ENTRY_ATTRS");
		return -EINVAL;
	}
	err = nla_parse_nested(attrs, MDBE_ATTR_MAX, tb[MDBA_SET_ENTRY_ATTRS],
			       mdb_nl_set_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, tb[MDBA_SET_ENTRY_ATTRS], attrs,
			      MDBE_ATTR_DST)) {
		NL_SET_ERR_MSG(extack,
			       "An MDB entry of a VXLAN device needs a remote, MDBE_ATTR_DST");
		return -EINVAL;
	}
	return 0;
}

/* To be followed by free_request(), also on failure. */
static int parse_request(struct net_device *dev, struct nlattr *tb[],
			 struct nlattr *attrs[], struct vtep_mdb_request *req,
			 struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	int err;

	err = check_entry(nla_data(tb[MDBA_SET_ENTRY]), dev,
			  tb[MDBA_SET_ENTRY], extack);
	if (err)
		return err;
	err = parse_attrs(tb, attrs, extack);
	if (err)
		return err;
	err = parse_key(tb[MDBA_SET_ENTRY], attrs, vtep_cfg_rtnl(vtep),
			&req->key, extack);
	if (err)
		return err;
	err = parse_filter(attrs, req, extack);
	if (err)
		return err;
	req->rtprot = RTPROT_STATIC;
	if (attrs[MDBE_ATTR_RTPROT])
		req->rtprot = nla_get_u8(attrs[MDBE_ATTR_RTPROT]);
	return parse_dest(attrs, vtep, &req->dest, extack);
}

static void free_request(struct vtep_mdb_request *req)
{
	kvfree(req->source);
}

/**
 * vtep_mdb_nl_add() - ndo_mdb_add: add a remote to an entry, or replace it
 * @dev: our device
 * @tb: MDBA_SET_ENTRY_*; the entry is there and of the right length
 * @flags: NLM_F_*
 * @extack: filled when the request is refused
 *
 * Context: RTNL.
 * Return: 0; -EINVAL; or what vtep_mdb_update() answers.
 */
int vtep_mdb_nl_add(struct net_device *dev, struct nlattr *tb[], u16 flags,
		    struct netlink_ext_ack *extack)
{
	const struct br_mdb_entry *entry = nla_data(tb[MDBA_SET_ENTRY]);
	struct vtep_mdb_request req = { .nlm_flags = flags };
	struct nlattr *attrs[MDBE_ATTR_MAX + 1];
	int err;

	err = parse_request(dev, tb, attrs, &req, extack);
	if (!err && flags & (NLM_F_CREATE | NLM_F_REPLACE) &&
	    entry->state != MDB_PERMANENT)
		err = vtep_refuse(extack, tb[MDBA_SET_ENTRY],
				  "An MDB entry of a VXLAN device must be permanent",
				  -EINVAL);
	if (err)
		goto out;

	err = vtep_mdb_update(netdev_priv(dev), &req, extack);
	if (err)
		NL_SET_BAD_ATTR(extack, attrs[req.blamed ? MDBE_ATTR_SRC_LIST :
							   MDBE_ATTR_DST]);
out:
	free_request(&req);
	return err;
}

/**
 * vtep_mdb_nl_del() - ndo_mdb_del: take a remote out of an entry
 * @dev: our device
 * @tb: MDBA_SET_ENTRY_*; the entry is there and of the right length
 * @extack: filled when the request is refused
 *
 * Entry and address of the remote count; all else is checked, but not used.
 *
 * Context: RTNL.
 * Return: 0; -EINVAL; or what vtep_mdb_delete() answers.
 */
int vtep_mdb_nl_del(struct net_device *dev, struct nlattr *tb[],
		    struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[MDBE_ATTR_MAX + 1];
	struct vtep_mdb_request req = {};
	int err;

	err = parse_request(dev, tb, attrs, &req, extack);
	if (err)
		goto out;
	err = vtep_mdb_delete(netdev_priv(dev), &req.key, &req.dest.peer.addr,
			      extack);
	if (err)
		NL_SET_BAD_ATTR(extack, attrs[MDBE_ATTR_DST]);
out:
	free_request(&req);
	return err;
}

/* Flush */

/**
 * struct mdb_nl_filter - what a flush takes out
 * @remote: only remotes with this address; AF_UNSPEC = all
 * @port: only remotes with this port; 0 = all
 * @rtprot: only remotes of this protocol; 0 = all
 * @by_vni: only remotes that are sent to with @vni
 * @by_src_vni: only entries with @src_vni
 * @vni: VNI on the wire
 * @src_vni: VNI of the key
 */
struct mdb_nl_filter {
	struct vtep_addr remote;
	__be16 port;
	u8 rtprot;
	bool by_vni;
	bool by_src_vni;
	u32 vni;
	u32 src_vni;
};

static bool mdb_nl_flush_matches(const struct vtep_mdb_entry *entry,
				 const struct vtep_mdb_dst *dst,
				 const void *arg)
{
	const struct vtep_remote_key *key = &dst->remote->key;
	const struct mdb_nl_filter *filter = arg;

	if (filter->by_src_vni && entry->key.vni != filter->src_vni)
		return false;
	if (filter->by_vni && (key->vni ?: entry->key.vni) != filter->vni)
		return false;
	if (filter->port && key->port != filter->port)
		return false;
	if (filter->rtprot && dst->rtprot != filter->rtprot)
		return false;
	return !filter->remote.family ||
	       vtep_addr_equal(&key->peer->key.addr, &filter->remote);
}

static int check_flush(const struct net_device *dev,
		       const struct nlattr *attr,
		       struct netlink_ext_ack *extack)
{
	const struct br_mdb_entry *entry = nla_data(attr);

	if (entry->ifindex && entry->ifindex != dev->ifindex)
		return vtep_refuse(extack, attr,
				   "The port of an MDB entry of a VXLAN device is the device itself",
				   -EINVAL);
	if (entry->vid)
		return vtep_refuse(extack, attr,
				   "An MDB entry of a VXLAN device has no VLAN",
				   -EINVAL);
	return 0;
}

/* All entries are permanent. */
static int check_flush_state(const struct nlattr *mask,
			     const struct br_mdb_entry *entry,
			     struct netlink_ext_ack *extack)
{
	if (mask && nla_get_u8(mask) & MDB_PERMANENT &&
	    !(entry->state & MDB_PERMANENT))
		return vtep_refuse(extack, mask,
				   "All MDB entries of a VXLAN device are permanent",
				   -EINVAL);
	return 0;
}

static int parse_flush(struct nlattr *tb[], const struct vtep_config *cfg,
		       struct mdb_nl_filter *filter,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[MDBE_ATTR_MAX + 1];
	int err;

	err = nla_parse_nested(attrs, MDBE_ATTR_MAX, tb[MDBA_SET_ENTRY_ATTRS],
			       mdb_nl_flush_policy, extack);
	if (err)
		return err;
	err = check_flush_state(attrs[MDBE_ATTR_STATE_MASK],
				nla_data(tb[MDBA_SET_ENTRY]), extack);
	if (err)
		return err;

	if (attrs[MDBE_ATTR_RTPROT])
		filter->rtprot = nla_get_u8(attrs[MDBE_ATTR_RTPROT]);
	if (attrs[MDBE_ATTR_DST_PORT])
		filter->port = parse_port(attrs[MDBE_ATTR_DST_PORT], cfg);
	filter->by_vni = attrs[MDBE_ATTR_VNI];
	filter->vni = parse_vni(attrs[MDBE_ATTR_VNI], cfg);
	filter->by_src_vni = attrs[MDBE_ATTR_SRC_VNI];
	filter->src_vni = parse_vni(attrs[MDBE_ATTR_SRC_VNI], cfg);
	if (attrs[MDBE_ATTR_DST])
		return parse_remote(attrs[MDBE_ATTR_DST], &filter->remote,
				    extack);
	return 0;
}

/**
 * vtep_mdb_nl_del_bulk() - ndo_mdb_del_bulk: "bridge mdb flush"
 * @dev: our device
 * @tb: MDBA_SET_ENTRY_*; the entry is there and of the right length
 * @extack: filled when the request is refused
 *
 * Context: RTNL, may sleep.
 * Return: 0; -EINVAL; -ENOMEM.
 */
int vtep_mdb_nl_del_bulk(struct net_device *dev, struct nlattr *tb[],
			 struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	struct mdb_nl_filter filter = {};
	int err;

	err = check_flush(dev, tb[MDBA_SET_ENTRY], extack);
	if (err)
		return err;
	if (!tb[MDBA_SET_ENTRY_ATTRS])
		return vtep_mdb_flush(vtep, NULL, NULL);

	err = parse_flush(tb, vtep_cfg_rtnl(vtep), &filter, extack);
	if (err)
		return err;
	err = vtep_mdb_flush(vtep, mdb_nl_flush_matches, &filter);
	if (err)
		NL_SET_ERR_MSG(extack, "Out of memory, not all was flushed");
	return err;
}

/* Get */

static int parse_get(struct nlattr *tb[], const struct vtep_config *cfg,
		     struct vtep_mdb_key *key, struct netlink_ext_ack *extack)
{
	const struct br_mdb_entry *entry = nla_data(tb[MDBA_GET_ENTRY]);
	struct nlattr *attrs[MDBE_ATTR_MAX + 1];
	int err;

	key->group = parse_group(entry);
	key->vni = cfg->vni;
	if (!tb[MDBA_GET_ENTRY_ATTRS])
		return 0;

	err = nla_parse_nested(attrs, MDBE_ATTR_MAX, tb[MDBA_GET_ENTRY_ATTRS],
			       mdb_nl_get_policy, extack);
	if (err)
		return err;
	key->vni = parse_vni(attrs[MDBE_ATTR_SRC_VNI], cfg);
	if (!attrs[MDBE_ATTR_SOURCE])
		return 0;
	return parse_source(attrs[MDBE_ATTR_SOURCE], &key->group, &key->source,
			    extack);
}

/**
 * vtep_mdb_nl_get() - ndo_mdb_get: an entry with all its remotes
 * @dev: our device
 * @tb: MDBA_GET_ENTRY_*; the entry is there and of the right length
 * @portid: who asks
 * @seq: sequence number of the request
 * @extack: filled when the request is refused
 *
 * Context: RTNL, may sleep.
 * Return: 0; -EINVAL; -ENOENT; or what vtep_mdb_msg_answer() answers.
 */
int vtep_mdb_nl_get(struct net_device *dev, struct nlattr *tb[], u32 portid,
		    u32 seq, struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	struct vtep_mdb_key key = {};
	struct vtep_mdb_entry *entry;
	int err;

	err = parse_get(tb, vtep_cfg_rtnl(vtep), &key, extack);
	if (err)
		return err;
	entry = vtep_mdb_find(vtep, &key);
	if (!entry)
		return vtep_refuse(extack, tb[MDBA_GET_ENTRY],
				   "MDB entry not found", -ENOENT);
	return vtep_mdb_msg_answer(vtep, entry, portid, seq, extack);
}
