// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to change the forwarding table: parsed into a struct, checked and
 * handed to the table. RTNL is held in all operations.
 */
#include "vxlan_fdb_nl.h"
#include "vxlan.h"
#include "vxlan_attr.h"
#include "vxlan_extack.h"
#include "vxlan_fdb.h"
#include "vxlan_remote.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>

/* What a flush may ask of state and flags in the message header. */
#define FLUSH_STATES		(NUD_PERMANENT | NUD_NOARP)
#define FLUSH_FLAGS		(NTF_EXT_LEARNED | NTF_OFFLOADED | NTF_ROUTER)
#define FLUSH_IGNORED_FLAGS	(NTF_MASTER | NTF_SELF)

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
			return vtep_refuse(extack, tb[rule->attr],
					   rule->sentence, -EINVAL);
	}
	return 0;
}

static int check_nexthop(struct nlattr *tb[], struct netlink_ext_ack *extack)
{
	if (tb[NDA_NH_ID] &&
	    (tb[NDA_DST] || tb[NDA_VNI] || tb[NDA_IFINDEX] || tb[NDA_PORT]))
		return vtep_refuse(extack, tb[NDA_NH_ID],
				   "NDA_NH_ID excludes NDA_DST, NDA_VNI, NDA_IFINDEX and NDA_PORT",
				   -EINVAL);
	return 0;
}

static int check_vni(const struct nlattr *attr, const char *sentence,
		     struct netlink_ext_ack *extack)
{
	if (attr && nla_get_u32(attr) > VTEP_VNI_MAX)
		return vtep_refuse(extack, attr, sentence, -ERANGE);
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
	if (vtep_attr_addr(attr, addr))
		return 0;
	return vtep_refuse(extack, attr,
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
			return vtep_refuse(extack, link,
					   "NDA_IFINDEX is not an interface of this namespace",
					   -EADDRNOTAVAIL);
	}
	return tb[NDA_DST] ? parse_addr(tb[NDA_DST], &dest->peer.addr, extack) :
			     0;
}

/* Only an external device has entries of several VNIs. */
static struct vtep_fdb_key parse_key(const u8 *mac, struct nlattr *tb[],
				     const struct vtep_config *cfg)
{
	if (cfg->metadata && tb[NDA_SRC_VNI])
		return vtep_fdb_key(mac, nla_get_u32(tb[NDA_SRC_VNI]));
	return vtep_fdb_key(mac, cfg->vni);
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
		NL_SET_ERR_MSG(extack, "NDA_DST or NDA_NH_ID is required");
		NL_SET_ERR_ATTR_MISS(extack, NULL, NDA_DST);
		return -EINVAL;
	}
	return 0;
}

/* Where the entry is to lead: a destination or a nexthop group. */
static int check_target(const struct vtep_fdb_request *req,
			struct nlattr *tb[], const struct vtep_config *cfg,
			struct netlink_ext_ack *extack)
{
	if (tb[NDA_NH_ID] && !req->nhid)
		return vtep_refuse(extack, tb[NDA_NH_ID],
				   "Nexthop 0 does not exist", -EINVAL);
	if (req->nhid && !(req->state & (NUD_PERMANENT | NUD_NOARP)))
		return vtep_refuse(extack, tb[NDA_NH_ID],
				   "An entry with a nexthop group cannot be dynamic",
				   -EINVAL);
	if (!req->nhid && !vtep_config_uses(cfg, req->dest.peer.addr.family))
		return vtep_refuse(extack, tb[NDA_DST],
				   "NDA_DST must be of the address family of the device",
				   -EAFNOSUPPORT);
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
		.state = ndm->ndm_state,
		.ndm_flags = ndm->ndm_flags,
		.nlm_flags = flags,
		.user = true,
	};
	int err;

	err = check_add(ndm, tb, extack);
	if (err)
		return err;
	err = parse_dest(tb, vtep, &req.dest, extack);
	if (err)
		return err;
	req.key = parse_key(addr, tb, cfg);
	if (tb[NDA_NH_ID])
		req.nhid = nla_get_u32(tb[NDA_NH_ID]);
	err = check_target(&req, tb, cfg, extack);
	if (err)
		return err;

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
	struct vtep_fdb_key key;
	struct vtep_dest dest;
	int err;

	err = parse_dest(tb, vtep, &dest, extack);
	if (err)
		return err;
	key = parse_key(addr, tb, vtep_cfg_rtnl(vtep));

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
 * @nhid: only entries with this nexthop group; 0 = all
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
	u32 nhid;
	u32 vni;
	u32 src_vni;
	__be16 port;
	struct vtep_addr addr;
};

/* A nexthop group has no address, port or VNI of its own. */
static bool fdb_nl_remote_matches(const struct vtep_remote *remote,
				  const struct fdb_nl_filter *filter)
{
	if (!remote)
		return !filter->by_vni && !filter->port && !filter->addr.family;
	if (filter->by_vni && remote->key.vni != filter->vni)
		return false;
	if (filter->port && remote->key.port != filter->port)
		return false;
	return !filter->addr.family ||
	       vtep_addr_equal(&remote->key.peer->key.addr, &filter->addr);
}

static bool fdb_nl_flush_matches(const struct vtep_fdb_entry *entry,
				 const struct vtep_fdb_dst *dst,
				 const void *arg)
{
	const struct fdb_nl_filter *filter = arg;
	u8 flags = entry->ndm_flags;

	if (dst->offloaded)
		flags |= NTF_OFFLOADED;
	if (filter->state_mask &&
	    (entry->state & filter->state_mask) != filter->state)
		return false;
	if (filter->flags_mask &&
	    (flags & filter->flags_mask) != filter->flags)
		return false;
	if (filter->by_src_vni && entry->key.vni != filter->src_vni)
		return false;
	if (filter->nhid && dst->nhid != filter->nhid)
		return false;
	return fdb_nl_remote_matches(dst->remote, filter);
}

static int check_flush(const struct ndmsg *ndm, struct nlattr *tb[],
		       struct netlink_ext_ack *extack)
{
	int i;

	for (i = 1; i <= NDA_MAX; i++)
		if (tb[i] && !fdb_nl_flush_policy[i].type)
			return vtep_refuse(extack, tb[i],
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
	return 0;
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
	if (tb[NDA_NH_ID])
		filter->nhid = nla_get_u32(tb[NDA_NH_ID]);
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
