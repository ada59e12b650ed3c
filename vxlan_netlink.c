// SPDX-License-Identifier: GPL-2.0
/*
 * A link of this kind in rtnetlink.
 *
 * A request goes through three steps. vtep_link_validate() looks at each
 * attribute by itself. build_config() writes the attributes into a copy of
 * the defaults or of the present configuration, refuses to change what is
 * fixed, and has the whole checked by vxlan_config.c. Only then the device is
 * touched, by vxlan_dev.c.
 */
#include "vxlan_netlink.h"
#include "vxlan.h"
#include "vxlan_abi.h"
#include "vxlan_attr.h"
#include "vxlan_change.h"
#include "vxlan_dev.h"
#include <linux/etherdevice.h>
#include <linux/if_link.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>

/**
 * struct vtep_link_request - a device that is made or changed
 * @net: namespace of the underlay
 * @self: the device that is changed, NULL when one is made
 * @data: the link attributes by number
 * @lower: the lower device that was found, or NULL; no reference
 * @extack: gets the reason of a refusal
 */
struct vtep_link_request {
	struct net *net;
	const struct vtep_dev *self;
	struct nlattr **data;
	struct net_device *lower;
	struct netlink_ext_ack *extack;
};

/* The core hides what is above maxtype: look at the message itself. */
static int check_hidden(const struct nlattr *linkinfo,
			struct netlink_ext_ack *extack)
{
	const struct nlattr *info, *attr;
	int rem_info, rem;

	nla_for_each_nested(info, linkinfo, rem_info) {
		if (nla_type(info) != IFLA_INFO_DATA)
			continue;

		nla_for_each_nested(attr, info, rem) {
			int err;

			if (nla_type(attr) <= VTEP_LINK_ATTR_MAX)
				continue;

			err = vtep_attr_check(attr, extack);
			if (err)
				return err;
		}
	}

	return 0;
}

/* Attributes of any link that have rules of their own here. */
static int check_link(struct nlattr *tb[], struct netlink_ext_ack *extack)
{
	const struct nlattr *address = tb[IFLA_ADDRESS];
	const struct nlattr *mtu = tb[IFLA_MTU];

	if (address && nla_len(address) != ETH_ALEN) {
		NL_SET_ERR_MSG_ATTR(extack, address,
				    "Link layer address is not an Ethernet address");
		return -EINVAL;
	}

	if (address && !is_valid_ether_addr(nla_data(address))) {
		NL_SET_ERR_MSG_ATTR(extack, address,
				    "Ethernet address is not unicast");
		return -EADDRNOTAVAIL;
	}

	if (mtu && (nla_get_u32(mtu) < ETH_MIN_MTU ||
		    nla_get_u32(mtu) > ETH_MAX_MTU)) {
		NL_SET_ERR_MSG_ATTR(extack, mtu,
				    "MTU must be between 68 and 65535");
		return -EINVAL;
	}

	return 0;
}

static int vtep_link_validate(struct nlattr *tb[], struct nlattr *data[],
			      struct netlink_ext_ack *extack)
{
	int err, i;

	err = check_link(tb, extack);
	if (err)
		return err;

	if (!data) {
		NL_SET_ERR_MSG(extack,
			       "Required attributes not provided: IFLA_INFO_DATA");
		return -EINVAL;
	}

	for (i = 1; i <= VTEP_LINK_ATTR_MAX; i++) {
		err = data[i] ? vtep_attr_check(data[i], extack) : 0;
		if (err)
			return err;
	}

	if (data[IFLA_VXLAN_GROUP] && data[IFLA_VXLAN_GROUP6]) {
		NL_SET_ERR_MSG_ATTR(extack, data[IFLA_VXLAN_GROUP6],
				    "A device has one remote or group, IPv4 or IPv6");
		return -EINVAL;
	}

	if (data[IFLA_VXLAN_LOCAL] && data[IFLA_VXLAN_LOCAL6]) {
		NL_SET_ERR_MSG_ATTR(extack, data[IFLA_VXLAN_LOCAL6],
				    "A device has one local address, IPv4 or IPv6");
		return -EINVAL;
	}

	return tb[IFLA_LINKINFO] ? check_hidden(tb[IFLA_LINKINFO], extack) : 0;
}

/* The core refuses this too, but without a word. */
static int check_loop(const struct vtep_link_request *req)
{
	if (!req->self || !req->lower)
		return 0;

	if (req->lower != req->self->dev &&
	    !netdev_has_upper_dev(req->self->dev, req->lower))
		return 0;

	NL_SET_ERR_MSG(req->extack,
		       "Local interface is this device or depends on it");
	return -EBUSY;
}

static int check_config(struct vtep_link_request *req, struct vtep_config *cfg)
{
	u64 involved;
	int err;

	err = vtep_config_validate(req->net, cfg, &req->lower, &involved,
				   req->extack);
	if (err) {
		vtep_attrs_blame(req->data, involved, req->extack);
		return err;
	}

	err = check_loop(req);
	if (err) {
		vtep_attrs_blame(req->data, BIT_ULL(IFLA_VXLAN_LINK),
				 req->extack);
		return err;
	}

	err = vtep_config_conflict(req->net, cfg, req->self, req->extack);
	if (err)
		vtep_attrs_blame(req->data, BIT_ULL(IFLA_VXLAN_ID) |
					    BIT_ULL(IFLA_VXLAN_PORT) |
					    BIT_ULL(IFLA_VXLAN_LINK),
				 req->extack);
	return err;
}

/* A new configuration: @old with the attributes of @req on top, and valid. */
static struct vtep_config *build_config(struct vtep_link_request *req,
					const struct vtep_config *old)
{
	struct vtep_config *cfg;
	int err;

	cfg = kmemdup(old, sizeof(*old), GFP_KERNEL);
	if (!cfg)
		return ERR_PTR(-ENOMEM);

	err = vtep_attrs_apply(req->data, req->self ? old : NULL, cfg,
			       req->extack);
	if (!err)
		err = check_config(req, cfg);
	if (err) {
		kfree(cfg);
		return ERR_PTR(err);
	}

	return cfg;
}

static int vtep_link_new(struct net_device *dev,
			 struct rtnl_newlink_params *params,
			 struct netlink_ext_ack *extack)
{
	struct nlattr *port = params->data[IFLA_VXLAN_PORT];
	struct vtep_link_request req = {
		.net = rtnl_newlink_link_net(params),
		.data = params->data,
		.extack = extack,
	};
	struct vtep_config defaults;
	struct vtep_config *cfg;
	int err;

	vtep_config_defaults(&defaults);
	cfg = build_config(&req, &defaults);
	if (IS_ERR(cfg))
		return PTR_ERR(cfg);

	err = vtep_dev_create(req.net, dev, cfg, req.lower,
			      params->tb[IFLA_MTU], extack);
	if (err)
		return err;

	if ((!port || !nla_get_be16(port)) && !params->data[IFLA_VXLAN_GPE])
		vtep_config_announce_port();
	return 0;
}

/**
 * vtep_link_create() - make a device as another module wants it
 * @net: its namespace
 * @dev: the device, set up
 * @conf: what the other module wants
 *
 * Context: RTNL.
 * Return: 0 or a negative error; the device is then not registered.
 */
int vtep_link_create(struct net *net, struct net_device *dev,
		     const struct vxlan_config *conf)
{
	struct nlattr *none[VTEP_LINK_ATTR_MAX + 1] = {};
	struct vtep_link_request req = { .net = net, .data = none };
	struct vtep_config *cfg;
	int err;

	cfg = kzalloc_obj(*cfg);
	if (!cfg)
		return -ENOMEM;
	vtep_config_defaults(cfg);
	err = vtep_abi_config(conf, cfg) ?: check_config(&req, cfg);
	if (err) {
		kfree(cfg);
		return err;
	}

	if (conf->mtu)
		dev->mtu = min_t(unsigned int, conf->mtu, ETH_MAX_MTU);
	return vtep_dev_create(net, dev, cfg, req.lower, conf->mtu, NULL);
}

static int vtep_link_change(struct net_device *dev, struct nlattr *tb[],
			    struct nlattr *data[],
			    struct netlink_ext_ack *extack)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	struct vtep_link_request req = {
		.net = vtep->net,
		.self = vtep,
		.data = data,
		.extack = extack,
	};
	struct vtep_config *cfg;
	int err;

	if (!rtnl_dev_link_net_capable(dev, vtep->net)) {
		NL_SET_ERR_MSG(extack,
			       "No permission in the namespace of the underlay");
		return -EPERM;
	}

	if (tb[IFLA_MTU] && nla_get_u32(tb[IFLA_MTU]) != READ_ONCE(dev->mtu)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_MTU],
				    "Cannot change mtu together with VXLAN attributes");
		return -EOPNOTSUPP;
	}

	cfg = build_config(&req, vtep_cfg_rtnl(vtep));
	if (IS_ERR(cfg))
		return PTR_ERR(cfg);

	err = vtep_dev_change(dev, cfg, req.lower, extack);
	if (err)
		kfree(cfg);
	return err;
}

static size_t vtep_link_size(const struct net_device *dev)
{
	const struct vtep_dev *vtep = netdev_priv(dev);
	size_t size;

	rcu_read_lock();
	size = vtep_attrs_size(rcu_dereference(vtep->cfg));
	rcu_read_unlock();

	return size;
}

static int vtep_link_fill(struct sk_buff *skb, const struct net_device *dev)
{
	const struct vtep_dev *vtep = netdev_priv(dev);
	int err;

	rcu_read_lock();
	err = vtep_attrs_fill(skb, rcu_dereference(vtep->cfg));
	rcu_read_unlock();

	return err;
}

static struct net *vtep_link_net(const struct net_device *dev)
{
	const struct vtep_dev *vtep = netdev_priv(dev);

	return vtep->net;
}

struct rtnl_link_ops vtep_link_ops __read_mostly = {
	.kind		= VTEP_KIND,
	.maxtype	= VTEP_LINK_ATTR_MAX,
	.priv_size	= sizeof(struct vtep_dev),
	.setup		= vtep_dev_setup,
	.validate	= vtep_link_validate,
	.newlink	= vtep_link_new,
	.changelink	= vtep_link_change,
	.dellink	= vtep_dev_delete,
	.get_size	= vtep_link_size,
	.fill_info	= vtep_link_fill,
	.get_link_net	= vtep_link_net,
};
