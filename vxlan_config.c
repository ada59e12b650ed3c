// SPDX-License-Identifier: GPL-2.0
/*
 * What a device may be told to do: defaults, the rules that tie several
 * settings together, and the clash of two devices that want the same packets.
 *
 * Nothing here knows netlink messages. A rule that is broken leaves its
 * sentence in the extack and the link attributes that take part in it in a
 * mask; which of them a request contained is known to vxlan_netlink.c only.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "vxlan.h"
#include "vxlan_vnifilter.h"
#include <linux/if_link.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <net/addrconf.h>

#define VTEP_AGEING_DEFAULT	300

#define ATTR(name)		BIT_ULL(IFLA_VXLAN_##name)
#define ATTR_REMOTE		(ATTR(GROUP) | ATTR(GROUP6))
#define ATTR_LOCAL		(ATTR(LOCAL) | ATTR(LOCAL6))

static unsigned short default_port = IANA_VXLAN_UDP_PORT;
module_param_named(udp_port, default_port, ushort, 0444);
MODULE_PARM_DESC(udp_port,
		 "UDP port of devices made without one (default 4789; the kernel's own driver: 8472)");

static bool default_csum;
module_param_named(udp_csum, default_csum, bool, 0444);
MODULE_PARM_DESC(udp_csum,
		 "Outer IPv4 UDP checksum of devices made without a choice (default N; the kernel's own driver: Y)");

/* See vxlan_config.h; a parameter of the module, vxlan_main.c. */
bool vtep_shortcut __read_mostly = true;

/**
 * vtep_config_default_port - UDP port of a device that was given none
 * @cfg: the rest of its configuration
 *
 * Return: the port in network order, never 0.
 */
__be16 vtep_config_default_port(const struct vtep_config *cfg)
{
	if (cfg->gpe)
		return htons(IANA_VXLAN_GPE_UDP_PORT);
	return htons(default_port ?: IANA_VXLAN_UDP_PORT);
}

/**
 * vtep_config_announce_port - say once which port is the default one
 *
 * To be called when a device exists that took it: its peers may be set up for
 * the default of another driver.
 */
void vtep_config_announce_port(void)
{
	pr_info_once("UDP port %u is used for devices made without a port\n",
		     default_port ?: IANA_VXLAN_UDP_PORT);
}

/**
 * vtep_config_defaults - the configuration of a device that was told nothing
 * @cfg: filled; its family and port are left open until
 *	vtep_config_validate()
 */
void vtep_config_defaults(struct vtep_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->ageing = VTEP_AGEING_DEFAULT;
	cfg->learning = true;
	cfg->udp_csum = default_csum;
	cfg->local_bypass = true;
}

/**
 * vtep_config_overhead - bytes in front of an inner frame's payload
 * @cfg: configuration
 *
 * Return: length of the outer IP, UDP and VXLAN headers and the inner
 * Ethernet header: 50 for IPv4, 70 for IPv6; 14 less where there is none.
 */
unsigned int vtep_config_overhead(const struct vtep_config *cfg)
{
	unsigned int ip = cfg->family == AF_INET6 ? sizeof(struct ipv6hdr) :
						    sizeof(struct iphdr);

	return ip + VTEP_HLEN + (cfg->gpe ? 0 : ETH_HLEN);
}

/* The address family is settled at creation, by the first address given. */
static int settle_family(struct vtep_config *cfg, u64 *involved,
			 struct netlink_ext_ack *extack)
{
	u16 remote = cfg->remote.family;
	u16 local = cfg->local.family;

	if (cfg->family && remote && remote != cfg->family) {
		*involved = ATTR_REMOTE;
		NL_SET_ERR_MSG(extack,
			       "Cannot change the address family of the remote or group");
		return -EOPNOTSUPP;
	}

	if (cfg->family && local && local != cfg->family) {
		*involved = ATTR_LOCAL;
		NL_SET_ERR_MSG(extack,
			       "Cannot change the address family of the local address");
		return -EOPNOTSUPP;
	}

	if (remote && local && remote != local) {
		*involved = ATTR_LOCAL;
		NL_SET_ERR_MSG(extack,
			       "Local and remote address must be of the same family");
		return -EINVAL;
	}

	if (!cfg->family)
		cfg->family = remote ?: local ?: AF_INET;

	if (cfg->family == AF_INET6 && !IS_ENABLED(CONFIG_IPV6)) {
		*involved = ATTR_REMOTE | ATTR_LOCAL;
		NL_SET_ERR_MSG(extack, "This kernel has no IPv6");
		return -EPFNOSUPPORT;
	}

	return 0;
}

/* "Any" and "not given" mean the same: from here on there is only one. */
static void forget_any(struct vtep_addr *addr)
{
	if (vtep_addr_any(addr))
		addr->family = AF_UNSPEC;
}

/*
 * A link-local source cannot reach a global unicast address or group, nor the
 * other way round. A link-local group is within reach of any source.
 */
static bool scopes_match(const struct vtep_config *cfg)
{
	int remote = ipv6_addr_type(&cfg->remote.v6);

	if (vtep_addr_linklocal(&cfg->local))
		return vtep_addr_any(&cfg->remote) ||
		       remote & IPV6_ADDR_LINKLOCAL;

	return !(remote & IPV6_ADDR_LINKLOCAL) ||
	       remote & IPV6_ADDR_MULTICAST;
}

static int check_addresses(const struct vtep_config *cfg, u64 *involved,
			   struct netlink_ext_ack *extack)
{
	if (vtep_addr_multicast(&cfg->local)) {
		*involved = ATTR_LOCAL;
		NL_SET_ERR_MSG(extack, "Local address cannot be multicast");
		return -EINVAL;
	}

	/* An external device does not use these addresses itself. */
	if (cfg->family == AF_INET6 && !cfg->metadata && !scopes_match(cfg)) {
		*involved = ATTR_LOCAL | ATTR_REMOTE;
		NL_SET_ERR_MSG(extack,
			       "Invalid combination of local and remote address scopes");
		return -EINVAL;
	}

	if (cfg->label_policy && cfg->family != AF_INET6) {
		*involved = ATTR(LABEL_POLICY);
		NL_SET_ERR_MSG(extack,
			       "Flow label policy needs an IPv6 remote or local address");
		return -EINVAL;
	}

	if (cfg->label && cfg->family != AF_INET6) {
		*involved = ATTR(LABEL);
		NL_SET_ERR_MSG(extack,
			       "Flow label needs an IPv6 remote or local address");
		return -EINVAL;
	}

	return 0;
}

/* The header bits that a device of this configuration knows. */
static struct vtep_hdr used_bits(const struct vtep_config *cfg)
{
	struct vtep_hdr used = {
		.flags = VTEP_FLAG_VNI,
		.vni = VTEP_VNI_FIELD_MASK,
	};

	if (cfg->gbp)
		used.flags |= VTEP_GBP_USED;
	if (cfg->remcsum_rx) {
		used.flags |= VTEP_FLAG_RCO;
		used.vni |= VTEP_RCO_FIELD;
	}
	if (cfg->gpe)
		used.flags |= VTEP_GPE_USED;
	return used;
}

static int check_vnifilter(const struct vtep_config *cfg, u64 *involved,
			   struct netlink_ext_ack *extack)
{
	if (!cfg->vnifilter || cfg->metadata)
		return 0;
	*involved = ATTR(VNIFILTER);
	NL_SET_ERR_MSG(extack, "VNI filter is for external devices only");
	return -EINVAL;
}

static int check_header(struct vtep_config *cfg, u64 *involved,
			struct netlink_ext_ack *extack)
{
	struct vtep_hdr used = used_bits(cfg);

	if (!cfg->reserved_given) {
		cfg->reserved.flags = ~used.flags;
		cfg->reserved.vni = ~used.vni;
		return 0;
	}
	if (!vtep_hdr_has(&cfg->reserved, &used))
		return 0;
	*involved = ATTR(RESERVED_BITS);
	NL_SET_ERR_MSG(extack,
		       "Reserved bits overlap with the bits that are used");
	return -EINVAL;
}

/* The attributes of what is about Ethernet frames or the header's bits. */
static u64 not_for_gpe(const struct vtep_config *cfg)
{
	return (cfg->learning ? ATTR(LEARNING) : 0) |
	       (cfg->proxy ? ATTR(PROXY) : 0) |
	       (cfg->short_circuit ? ATTR(RSC) : 0) |
	       (cfg->l2miss ? ATTR(L2MISS) : 0) |
	       (cfg->l3miss ? ATTR(L3MISS) : 0) |
	       (cfg->remcsum_tx ? ATTR(REMCSUM_TX) : 0) |
	       (cfg->remcsum_rx ? ATTR(REMCSUM_RX) : 0) |
	       (cfg->remcsum_whole ? ATTR(REMCSUM_NOPARTIAL) : 0) |
	       (cfg->gbp ? ATTR(GBP) : 0) |
	       (cfg->ttl_inherit ? ATTR(TTL_INHERIT) : 0);
}

static int check_gpe(const struct vtep_config *cfg, u64 *involved,
		     struct netlink_ext_ack *extack)
{
	if (!cfg->gpe)
		return 0;

	if (!cfg->metadata) {
		*involved = ATTR(GPE);
		NL_SET_ERR_MSG(extack,
			       "Protocol extension needs external mode");
		return -EINVAL;
	}

	*involved = not_for_gpe(cfg);
	if (!*involved)
		return 0;

	if (*involved == ATTR(LEARNING))
		NL_SET_ERR_MSG(extack,
			       "Protocol extension does not learn: nolearning is required");
	else
		NL_SET_ERR_MSG(extack,
			       "Attribute cannot be combined with protocol extension");
	*involved |= ATTR(GPE);
	return -EINVAL;
}

static int check_no_lower(const struct vtep_config *cfg, u64 *involved,
			  struct netlink_ext_ack *extack)
{
	if (vtep_addr_multicast(&cfg->remote)) {
		*involved = ATTR(LINK) | ATTR_REMOTE;
		NL_SET_ERR_MSG(extack,
			       "Local interface required for multicast remote");
		return -EINVAL;
	}

	if (vtep_config_linklocal(cfg)) {
		*involved = ATTR(LINK) | ATTR_LOCAL;
		NL_SET_ERR_MSG(extack,
			       "Local interface required for link-local addresses");
		return -EINVAL;
	}

	return 0;
}

static int check_lower(const struct vtep_config *cfg,
		       const struct net_device *lower, u64 *involved,
		       struct netlink_ext_ack *extack)
{
	const struct inet6_dev *idev;

	*involved = ATTR(LINK);
	if (!lower) {
		NL_SET_ERR_MSG(extack, "Local interface not found");
		return -ENODEV;
	}

	if (cfg->family != AF_INET6)
		return 0;

	idev = __in6_dev_get(lower);
	if (idev && READ_ONCE(idev->cnf.disable_ipv6)) {
		NL_SET_ERR_MSG(extack,
			       "IPv6 is disabled on the local interface");
		return -EPERM;
	}

	return 0;
}

/* What each packet would ask otherwise. */
static void sum_up(struct vtep_config *cfg)
{
	cfg->inherits = cfg->ttl_inherit || cfg->df == VTEP_DF_INHERIT ||
			cfg->label_policy == VXLAN_LABEL_INHERIT;
	cfg->extras = cfg->gbp || cfg->gpe || cfg->remcsum_tx;
}

/**
 * vtep_config_validate - complete a configuration and check it as a whole
 * @net: namespace of the underlay
 * @cfg: configuration; what was left open is filled in. Its family is that of
 *	the present configuration when a device changes, AF_UNSPEC when a
 *	device is made.
 * @lowerp: where to put the lower device, or NULL if there is none; without a
 *	reference, so good for as long as RTNL is held
 * @involved: where to put a mask of the link attributes (bit n for number n)
 *	that take part in the rule that is broken
 * @extack: gets the sentence
 *
 * Called under RTNL.
 *
 * Return: 0 or a negative error, then @cfg is not to be used.
 */
int vtep_config_validate(struct net *net, struct vtep_config *cfg,
			 struct net_device **lowerp, u64 *involved,
			 struct netlink_ext_ack *extack)
{
	int err;

	ASSERT_RTNL();

	*lowerp = NULL;
	*involved = 0;

	err = check_gpe(cfg, involved, extack);
	if (err)
		return err;

	err = settle_family(cfg, involved, extack);
	if (err)
		return err;

	if (!cfg->port)
		cfg->port = vtep_config_default_port(cfg);
	forget_any(&cfg->remote);
	forget_any(&cfg->local);
	if (!cfg->ageing)
		cfg->ageing = VTEP_AGEING_DEFAULT;

	err = check_addresses(cfg, involved, extack);
	if (err)
		return err;

	err = check_header(cfg, involved, extack);
	if (err)
		return err;

	err = check_vnifilter(cfg, involved, extack);
	if (err)
		return err;

	sum_up(cfg);
	if (!cfg->ifindex)
		return check_no_lower(cfg, involved, extack);

	*lowerp = __dev_get_by_index(net, cfg->ifindex);
	return check_lower(cfg, *lowerp, involved, extack);
}

/* Each VNI in the filter of a device is one it has. */
static bool has_vni(const struct vtep_dev *vtep, u32 vni)
{
	const struct vtep_config *cfg = vtep_cfg_rtnl(vtep);

	if (cfg->vnifilter)
		return vtep_filter_find(vtep, vni);
	return cfg->vni == vni;
}

/* Would a receive socket hand the same packets to both? */
static bool same_packets(const struct vtep_config *cfg,
			 const struct vtep_dev *vtep)
{
	const struct vtep_config *other = vtep_cfg_rtnl(vtep);

	if (!has_vni(vtep, cfg->vni) || cfg->port != other->port)
		return false;

	if (vtep_config_rx_flags(cfg) != vtep_config_rx_flags(other))
		return false;
	if (cfg->family != other->family)
		return false;

	return !vtep_config_linklocal(cfg) || cfg->ifindex == other->ifindex;
}

/**
 * vtep_config_conflict - look for another device with the same VNI
 * @net: namespace of the underlay
 * @cfg: a valid configuration
 * @self: the device it is for, or NULL if it does not exist yet
 * @extack: gets the sentence
 *
 * Devices that differ in what their socket must accept (@zero_csum6_rx) do
 * not conflict here, but when the second one goes up. Called under RTNL; cost
 * grows with the number of devices in @net.
 *
 * Return: 0, or -EEXIST.
 */
int vtep_config_conflict(struct net *net, const struct vtep_config *cfg,
			 const struct vtep_dev *self,
			 struct netlink_ext_ack *extack)
{
	const struct vtep_dev *vtep;

	ASSERT_RTNL();

	list_for_each_entry(vtep, &vtep_net(net)->devs, list) {
		if (vtep == self || !same_packets(cfg, vtep))
			continue;

		NL_SET_ERR_MSG(extack,
			       "A VXLAN device with the specified VNI already exists");
		return -EEXIST;
	}

	return 0;
}
