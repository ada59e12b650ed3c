// SPDX-License-Identifier: GPL-2.0
/*
 * The attributes of a link, IFLA_VXLAN_* of <linux/if_link.h>: all there is to
 * know about one of them stands in one row of vtep_rules[].
 *
 * There is no nla_policy: the core's would accept attributes that are too
 * long, and refuse others without naming them.
 */
#include "vxlan_attr.h"
#include "vxlan.h"
#include "vxlan_extack.h"

#include <linux/if_link.h>
#include <net/netlink.h>
#include <net/udp_tunnel.h>

/* The longest value of an attribute: an IPv6 address. */
#define VTEP_VALUE_MAX	sizeof(struct in6_addr)

/**
 * struct vtep_rule - all there is to know about a link attribute
 * @len: length of the payload in a request, exactly
 * @offset: of the member of struct vtep_config it stands for
 * @fixed: a device keeps the value it was made with
 * @max: highest value, 0 = any; for attributes of one and four bytes
 * @max_error: what a higher value is answered with
 * @check: looks at the value of an attribute of the right length
 * @set: writes a checked value into a configuration; NULL where only one
 *	value is accepted
 * @get: copies the value that a dump shows to @value and returns its length,
 *	negative if a dump does not show it; NULL where it never does
 * @bad_len: sentence for a wrong length; NULL if there is no such attribute
 * @bad_max: sentence for a value above @max
 * @changed: sentence for a change of a fixed attribute
 * @later: sentence for any value but 0, which is what the driver does
 */
struct vtep_rule {
	u16 len;
	u16 offset;
	bool fixed;
	u32 max;
	int max_error;
	int (*check)(const struct nlattr *attr, struct netlink_ext_ack *extack);
	void (*set)(const struct vtep_rule *rule, struct vtep_config *cfg,
		    const struct nlattr *attr);
	int (*get)(const struct vtep_rule *rule, const struct vtep_config *cfg,
		   void *value);
	const char *bad_len;
	const char *bad_max;
	const char *changed;
	const char *later;
};

static void set_bytes(const struct vtep_rule *rule, struct vtep_config *cfg,
		      const struct nlattr *attr)
{
	memcpy((void *)cfg + rule->offset, nla_data(attr), rule->len);
}

static int get_bytes(const struct vtep_rule *rule,
		     const struct vtep_config *cfg, void *value)
{
	memcpy(value, (const void *)cfg + rule->offset, rule->len);
	return rule->len;
}

/* As one byte that is 0 or 1, or by an empty attribute. */
static void set_bool(const struct vtep_rule *rule, struct vtep_config *cfg,
		     const struct nlattr *attr)
{
	bool *member = (void *)cfg + rule->offset;

	*member = !nla_len(attr) || nla_get_u8(attr);
}

static int get_bool(const struct vtep_rule *rule,
		    const struct vtep_config *cfg, void *value)
{
	const bool *member = (const void *)cfg + rule->offset;

	*(u8 *)value = *member;
	return sizeof(u8);
}

/* Four bytes are an IPv4 address, sixteen an IPv6 address. */
static u16 addr_family(const struct vtep_rule *rule)
{
	return rule->len == sizeof(__be32) ? AF_INET : AF_INET6;
}

static void set_addr(const struct vtep_rule *rule, struct vtep_config *cfg,
		     const struct nlattr *attr)
{
	struct vtep_addr *addr = (void *)cfg + rule->offset;

	memset(addr, 0, sizeof(*addr));
	addr->family = addr_family(rule);
	memcpy(&addr->v6, nla_data(attr), rule->len);
}

static int get_addr(const struct vtep_rule *rule,
		    const struct vtep_config *cfg, void *value)
{
	const struct vtep_addr *addr = (const void *)cfg + rule->offset;

	if (addr->family != addr_family(rule))
		return -ENODATA;

	memcpy(value, &addr->v6, rule->len);
	return rule->len;
}

static int get_link(const struct vtep_rule *rule,
		    const struct vtep_config *cfg, void *value)
{
	return cfg->ifindex ? get_bytes(rule, cfg, value) : -ENODATA;
}

static void set_port(const struct vtep_rule *rule, struct vtep_config *cfg,
		     const struct nlattr *attr)
{
	cfg->port = nla_get_be16(attr);
	/* What the default of a new device is depends on what comes yet. */
	if (!cfg->port && cfg->family)
		cfg->port = vtep_config_default_port(cfg);
}

static void set_label(const struct vtep_rule *rule, struct vtep_config *cfg,
		      const struct nlattr *attr)
{
	cfg->label = nla_get_be32(attr) & IPV6_FLOWLABEL_MASK;
}

static void set_reserved(const struct vtep_rule *rule, struct vtep_config *cfg,
			 const struct nlattr *attr)
{
	set_bytes(rule, cfg, attr);
	cfg->reserved_given = true;
}

/* One byte, which a dump has only if it is not zero. */
static int get_if_set(const struct vtep_rule *rule,
		      const struct vtep_config *cfg, void *value)
{
	return get_bool(rule, cfg, value) == sizeof(u8) && *(u8 *)value ?
	       sizeof(u8) : -ENODATA;
}

/* An empty attribute, which a dump has only if it is set. */
static int get_flag(const struct vtep_rule *rule, const struct vtep_config *cfg,
		    void *value)
{
	const bool *member = (const void *)cfg + rule->offset;

	return *member ? 0 : -ENODATA;
}

static int check_range(const struct nlattr *attr,
		       struct netlink_ext_ack *extack)
{
	const struct ifla_vxlan_port_range *range = nla_data(attr);

	if (ntohs(range->high) >= ntohs(range->low))
		return 0;

	return vtep_refuse(extack, attr,
		      "Last UDP source port is lower than the first", -EINVAL);
}

static void set_range(const struct vtep_rule *rule, struct vtep_config *cfg,
		      const struct nlattr *attr)
{
	const struct ifla_vxlan_port_range *range = nla_data(attr);

	cfg->port_min = ntohs(range->low);
	cfg->port_max = ntohs(range->high);
}

static int get_range(const struct vtep_rule *rule,
		     const struct vtep_config *cfg, void *value)
{
	struct ifla_vxlan_port_range *range = value;

	range->low = htons(cfg->port_min);
	range->high = htons(cfg->port_max);
	return sizeof(*range);
}

#define NAME(name) \
	.bad_len = name " attribute has a wrong length"
#define FIXED(name) \
	.fixed = true, \
	.changed = "Cannot change " name " of an existing device"
#define HIGHEST(highest, error, sentence) \
	.max = (highest), .max_error = (error), .bad_max = (sentence)
#define FIELD(type, member) \
	.len = sizeof(type), .offset = offsetof(struct vtep_config, member)
#define BYTES(type, member) \
	FIELD(type, member), .set = set_bytes, .get = get_bytes
#define ADDR(type, member) \
	FIELD(type, member), .set = set_addr, .get = get_addr
#define BOOL(member) \
	FIELD(u8, member), .set = set_bool, .get = get_bool
#define FLAG(member) \
	.offset = offsetof(struct vtep_config, member), \
	.set = set_bool, .get = get_flag

static const struct vtep_rule vtep_rules[] = {
	[IFLA_VXLAN_ID] = {
		NAME("VNI"), BYTES(u32, vni), FIXED("VNI"),
		HIGHEST(VTEP_VNI_MAX, -ERANGE,
			"VNI must be lower than 16777216"),
	},
	[IFLA_VXLAN_GROUP] = {
		NAME("IPv4 remote or group"), ADDR(__be32, remote),
	},
	[IFLA_VXLAN_LINK] = {
		NAME("Local interface"), FIELD(u32, ifindex),
		.set = set_bytes, .get = get_link,
	},
	[IFLA_VXLAN_LOCAL] = {
		NAME("IPv4 local address"), ADDR(__be32, local),
	},
	[IFLA_VXLAN_TTL] = { NAME("TTL"), BYTES(u8, ttl) },
	[IFLA_VXLAN_TOS] = { NAME("TOS"), BYTES(u8, tos) },
	[IFLA_VXLAN_LEARNING] = { NAME("Learning"), BOOL(learning) },
	[IFLA_VXLAN_AGEING] = { NAME("Ageing time"), BYTES(u32, ageing) },
	[IFLA_VXLAN_LIMIT] = {
		NAME("FDB limit"), BYTES(u32, limit), FIXED("FDB limit"),
	},
	[IFLA_VXLAN_PORT_RANGE] = {
		NAME("Source port range"), FIXED("source port range"),
		.len = sizeof(struct ifla_vxlan_port_range),
		.check = check_range, .set = set_range, .get = get_range,
	},
	[IFLA_VXLAN_PROXY] = {
		NAME("ARP proxy"), BOOL(proxy), FIXED("ARP proxy"),
	},
	[IFLA_VXLAN_RSC] = {
		NAME("Route short circuit"), BOOL(short_circuit),
		FIXED("route short circuit"),
	},
	[IFLA_VXLAN_L2MISS] = {
		NAME("L2 miss"), BOOL(l2miss), FIXED("L2 miss"),
	},
	[IFLA_VXLAN_L3MISS] = {
		NAME("L3 miss"), BOOL(l3miss), FIXED("L3 miss"),
	},
	[IFLA_VXLAN_PORT] = {
		NAME("UDP port"), FIELD(__be16, port),
		.set = set_port, .get = get_bytes, FIXED("UDP port"),
	},
	[IFLA_VXLAN_GROUP6] = {
		NAME("IPv6 remote or group"), ADDR(struct in6_addr, remote),
	},
	[IFLA_VXLAN_LOCAL6] = {
		NAME("IPv6 local address"), ADDR(struct in6_addr, local),
	},
	[IFLA_VXLAN_UDP_CSUM] = {
		NAME("UDP checksum"), BOOL(udp_csum), FIXED("UDP checksum"),
	},
	[IFLA_VXLAN_UDP_ZERO_CSUM6_TX] = {
		NAME("IPv6 zero checksum TX"), BOOL(zero_csum6_tx),
		FIXED("IPv6 zero checksum TX"),
	},
	[IFLA_VXLAN_UDP_ZERO_CSUM6_RX] = {
		NAME("IPv6 zero checksum RX"), BOOL(zero_csum6_rx),
		FIXED("IPv6 zero checksum RX"),
	},
	[IFLA_VXLAN_REMCSUM_TX] = {
		NAME("Remote checksum TX"), BOOL(remcsum_tx),
		FIXED("remote checksum TX"),
	},
	[IFLA_VXLAN_REMCSUM_RX] = {
		NAME("Remote checksum RX"), BOOL(remcsum_rx),
		FIXED("remote checksum RX"),
	},
	[IFLA_VXLAN_GBP] = {
		NAME("Group policy"), FLAG(gbp), FIXED("group policy"),
	},
	[IFLA_VXLAN_REMCSUM_NOPARTIAL] = {
		NAME("Remote checksum no partial"), FLAG(remcsum_whole),
		FIXED("remote checksum no partial"),
	},
	[IFLA_VXLAN_COLLECT_METADATA] = {
		NAME("External mode"), BOOL(metadata), FIXED("external mode"),
	},
	[IFLA_VXLAN_LABEL] = {
		NAME("Flow label"), FIELD(__be32, label),
		.set = set_label, .get = get_bytes,
	},
	[IFLA_VXLAN_GPE] = {
		NAME("Protocol extension"), FLAG(gpe),
		FIXED("protocol extension"),
	},
	[IFLA_VXLAN_TTL_INHERIT] = {
		NAME("TTL inherit"), FIXED("TTL inherit"),
		.offset = offsetof(struct vtep_config, ttl_inherit),
		.set = set_bool, .get = get_bool,
	},
	[IFLA_VXLAN_DF] = {
		NAME("DF"), BYTES(u8, df),
		HIGHEST(VTEP_DF_INHERIT, -EINVAL,
			"DF must be 0 (unset), 1 (set) or 2 (inherit)"),
	},
	[IFLA_VXLAN_VNIFILTER] = {
		NAME("VNI filter"), FIXED("VNI filter"),
		FIELD(u8, vnifilter), .set = set_bool, .get = get_if_set,
	},
	[IFLA_VXLAN_LOCALBYPASS] = {
		NAME("Local bypass"), BOOL(local_bypass),
		HIGHEST(1, -ERANGE, "Local bypass must be 0 or 1"),
	},
	[IFLA_VXLAN_LABEL_POLICY] = {
		NAME("Flow label policy"), BYTES(u32, label_policy),
		HIGHEST(VXLAN_LABEL_MAX, -ERANGE,
			"Flow label policy must be 0 (fixed) or 1 (inherit)"),
	},
	[IFLA_VXLAN_RESERVED_BITS] = {
		NAME("Reserved bits"), FIELD(struct vtep_hdr, reserved),
		.set = set_reserved, .get = get_bytes, FIXED("reserved bits"),
	},
	[IFLA_VXLAN_MC_ROUTE] = {
		NAME("Multicast routing"), BOOL(mc_route),
		.later = VTEP_NO_MC_ROUTE,
		HIGHEST(1, -ERANGE, "Multicast routing must be 0 or 1"),
	},
};

#define RULES	ARRAY_SIZE(vtep_rules)

/* The number of an attribute of one or four bytes, 0 of any other. */
static u32 scalar(const struct nlattr *attr)
{
	switch (nla_len(attr)) {
	case sizeof(u8):
		return nla_get_u8(attr);
	case sizeof(u32):
		return nla_get_u32(attr);
	default:
		return 0;
	}
}

/**
 * vtep_attr_check() - look at one attribute by itself
 * @attr: from the nest IFLA_INFO_DATA
 * @extack: gets the sentence and the attribute
 *
 * Return: 0; -EOPNOTSUPP for an attribute or a value that is not known; -ERANGE
 * or -EINVAL for a wrong length or value, as the kernel's driver has it.
 */
int vtep_attr_check(const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	const struct vtep_rule *rule;
	int type = nla_type(attr);

	if (type == VTEP_LINK_ATTR_EXT)
		return vtep_refuse(extack, attr,
			      "Extended attributes are not supported yet",
			      -EOPNOTSUPP);

	if (type >= RULES || !vtep_rules[type].bad_len)
		return vtep_refuse(extack, attr,
			      "Unknown VXLAN attribute, made for a newer driver",
			      -EOPNOTSUPP);

	/* As the core has it: strict since the first attribute of 6.5. */
	rule = &vtep_rules[type];
	if (nla_len(attr) != rule->len)
		return vtep_refuse(extack, attr, rule->bad_len,
			      type < IFLA_VXLAN_LOCALBYPASS ? -ERANGE :
							      -EINVAL);

	if (rule->max && scalar(attr) > rule->max)
		return vtep_refuse(extack, attr, rule->bad_max,
				   rule->max_error);

	if (rule->later && (scalar(attr) || !rule->len))
		return vtep_refuse(extack, attr, rule->later, -EOPNOTSUPP);

	return rule->check ? rule->check(attr, extack) : 0;
}

/* Would a dump of both show the same? */
static bool same_value(const struct vtep_rule *rule,
		       const struct vtep_config *a, const struct vtep_config *b)
{
	u8 value_a[VTEP_VALUE_MAX] __aligned(4);
	u8 value_b[VTEP_VALUE_MAX] __aligned(4);
	int len = rule->get(rule, a, value_a);

	return len == rule->get(rule, b, value_b) &&
	       (len <= 0 || !memcmp(value_a, value_b, len));
}

/**
 * vtep_attrs_apply() - write checked attributes into a configuration
 * @data: attributes by number
 * @old: configuration of the device that is changed, NULL for a new one
 * @cfg: configuration to write to
 * @extack: gets the sentence and the attribute
 *
 * Return: 0, or -EOPNOTSUPP when a value that is fixed would change.
 */
int vtep_attrs_apply(struct nlattr *data[], const struct vtep_config *old,
		     struct vtep_config *cfg, struct netlink_ext_ack *extack)
{
	int i;

	for (i = 1; i < RULES; i++) {
		const struct vtep_rule *rule = &vtep_rules[i];

		if (!data[i] || !rule->set)
			continue;

		rule->set(rule, cfg, data[i]);
		if (old && rule->fixed && !same_value(rule, old, cfg))
			return vtep_refuse(extack, data[i], rule->changed,
					   -EOPNOTSUPP);
	}

	return 0;
}

/**
 * vtep_attrs_blame() - point the extack at an attribute of the request
 * @data: attributes by number
 * @involved: mask of those that broke a rule together
 * @extack: gets the first of them that the request contained
 */
void vtep_attrs_blame(struct nlattr *data[], u64 involved,
		      struct netlink_ext_ack *extack)
{
	int i;

	for (i = 1; i < RULES; i++) {
		if (!(involved & BIT_ULL(i)) || !data[i])
			continue;

		NL_SET_BAD_ATTR(extack, data[i]);
		return;
	}
}

/**
 * vtep_attrs_size() - room that vtep_attrs_fill() needs
 * @cfg: configuration
 *
 * Return: bytes.
 */
size_t vtep_attrs_size(const struct vtep_config *cfg)
{
	u8 value[VTEP_VALUE_MAX] __aligned(4);
	size_t size = 0;
	int i;

	for (i = 1; i < RULES; i++) {
		const struct vtep_rule *rule = &vtep_rules[i];
		int len = rule->get ? rule->get(rule, cfg, value) : -ENODATA;

		if (len >= 0)
			size += nla_total_size(len);
	}

	return size;
}

/**
 * vtep_attrs_fill() - show a configuration
 * @skb: message, in the nest IFLA_INFO_DATA
 * @cfg: configuration
 *
 * Return: 0 or -EMSGSIZE.
 */
int vtep_attrs_fill(struct sk_buff *skb, const struct vtep_config *cfg)
{
	u8 value[VTEP_VALUE_MAX] __aligned(4);
	int err = 0;
	int i;

	for (i = 1; i < RULES && !err; i++) {
		const struct vtep_rule *rule = &vtep_rules[i];
		int len = rule->get ? rule->get(rule, cfg, value) : -ENODATA;

		if (len >= 0)
			err = nla_put(skb, i, len, value);
	}

	return err;
}

/**
 * vtep_attr_addr() - read an address attribute of any message
 * @attr: the attribute
 * @addr: filled with the address
 *
 * Return: false if its length is that of neither an IPv4 nor an IPv6 address.
 */
bool vtep_attr_addr(const struct nlattr *attr, struct vtep_addr *addr)
{
	struct in6_addr v6;

	switch (nla_len(attr)) {
	case sizeof(struct in_addr):
		*addr = vtep_addr_v4(nla_get_in_addr(attr));
		return true;
	case sizeof(struct in6_addr):
		v6 = nla_get_in6_addr(attr);
		*addr = vtep_addr_v6(&v6);
		return true;
	}
	return false;
}
