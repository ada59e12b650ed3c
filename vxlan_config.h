/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration of a device: an immutable snapshot behind one RCU pointer.
 */
#ifndef VTEP_CONFIG_H
#define VTEP_CONFIG_H

#include <linux/bits.h>
#include <linux/rcupdate.h>
#include "vxlan_addr.h"
#include "vxlan_hdr.h"

struct net;
struct net_device;
struct netlink_ext_ack;
struct vtep_dev;

enum vtep_df {
	VTEP_DF_UNSET,
	VTEP_DF_SET,
	VTEP_DF_INHERIT,
};

/*
 * May packets take shorter ways than through the functions of the core? Read
 * by every packet, with READ_ONCE(): it can change while one is on its way.
 */
extern bool vtep_shortcut;

/*
 * What a receive socket and its devices have in common: devices that differ
 * in one of these cannot share a port.
 */
#define VTEP_RX_ZERO_CSUM6	BIT(0)
#define VTEP_RX_METADATA	BIT(1)
#define VTEP_RX_GBP		BIT(2)
#define VTEP_RX_REMCSUM_ON	BIT(3)
#define VTEP_RX_REMCSUM_WHOLE	BIT(4)
#define VTEP_RX_GPE		BIT(5)
#define VTEP_RX_VNIFILTER	BIT(6)

/**
 * struct vtep_config - what a device was told to do
 * @rcu: frees a replaced snapshot
 * @remote: default destination: VTEP or group; AF_UNSPEC when not given or any
 * @local: source address; AF_UNSPEC when not given or any
 * @family: AF_INET or AF_INET6, of the underlay; settled at creation
 * @port: UDP destination and listening port, network order; settled at
 *	creation
 * @ifindex: lower device in the underlay's namespace; 0 when not given
 * @vni: VXLAN network identifier, host order, 24 bits
 * @label: IPv6 flow label, 20 bits in network order
 * @ageing: seconds without reception until a dynamic entry goes; never 0
 * @limit: most FDB entries; 0 = no limit
 * @port_min: first UDP source port, host order; 0 with @port_max 0: the
 *	namespace's local port range
 * @port_max: last UDP source port, host order
 * @ttl: outer TTL or hop limit; 0 = the route's (1 to a group)
 * @tos: outer DS field; 1 = copy the inner one
 * @df: outer IPv4 DF bit, enum vtep_df
 * @label_policy: where the flow label comes from, enum ifla_vxlan_label_policy
 * @reserved: a received packet with one of these header bits is dropped
 * @reserved_given: @reserved was asked for, else it is all that is not used
 * @ttl_inherit: copy the inner TTL or hop limit
 * @learning: learn inner source MAC addresses
 * @udp_csum: IPv4: send UDP checksums
 * @zero_csum6_tx: IPv6: send without UDP checksum (RFC 6935)
 * @zero_csum6_rx: IPv6: accept zero UDP checksums (RFC 6935)
 * @local_bypass: hand frames to a local VTEP over without encapsulation
 * @mc_route: let the underlay's multicast routing forward what is sent
 * @metadata: "external": VNI and remote come and go with each packet
 * @vnifilter: an external device receives the VNIs in its filter only
 * @gbp: the header carries a group policy id
 * @gpe: the header says what it carries; there is no Ethernet header else
 * @remcsum_tx: leave unfinished inner checksums to the receiver
 * @remcsum_rx: finish inner checksums that a sender left unfinished
 * @remcsum_whole: finish them at once, not when somebody needs them
 * @proxy: answer ARP requests and neighbour solicitations
 * @short_circuit: route to stations whose MAC address the host knows
 * @l2miss: report MAC addresses that nobody knows
 * @l3miss: report overlay addresses without a neighbour
 * @inherits: a field of the outer headers but the DS field comes from the
 *	inner ones; this and the next say what the others do, for packets
 * @extras: the header has more in it than the VNI
 *
 * Never edited once vtep_config_publish() has made it visible: readers hold
 * rcu_read_lock() and see one consistent state, writers hold RTNL.
 */
struct vtep_config {
	struct rcu_head rcu;
	struct vtep_addr remote;
	struct vtep_addr local;
	u16 family;
	__be16 port;
	int ifindex;
	u32 vni;
	__be32 label;
	u32 ageing;
	u32 limit;
	u16 port_min;
	u16 port_max;
	u8 ttl;
	u8 tos;
	u8 df;
	struct vtep_hdr reserved;
	bool reserved_given;
	u32 label_policy;
	bool ttl_inherit;
	bool learning;
	bool udp_csum;
	bool zero_csum6_tx;
	bool zero_csum6_rx;
	bool local_bypass;
	bool mc_route;
	bool metadata;
	bool vnifilter;
	bool gbp;
	bool gpe;
	bool remcsum_tx;
	bool remcsum_rx;
	bool remcsum_whole;
	bool proxy;
	bool short_circuit;
	bool l2miss;
	bool l3miss;
	bool inherits;
	bool extras;
};

/*
 * The underlay is one IPv6 link: the interface is part of the address. A
 * unicast remote on the link needs a local address there; a group such as
 * ff02::1 does not, its members may send from global addresses.
 */
static inline bool vtep_config_linklocal(const struct vtep_config *cfg)
{
	return vtep_addr_linklocal(&cfg->local) && !cfg->metadata;
}

static inline u32 vtep_config_rx_flags(const struct vtep_config *cfg)
{
	return (cfg->zero_csum6_rx ? VTEP_RX_ZERO_CSUM6 : 0) |
	       (cfg->metadata ? VTEP_RX_METADATA : 0) |
	       (cfg->gbp ? VTEP_RX_GBP : 0) |
	       (cfg->remcsum_rx ? VTEP_RX_REMCSUM_ON : 0) |
	       (cfg->remcsum_whole ? VTEP_RX_REMCSUM_WHOLE : 0) |
	       (cfg->gpe ? VTEP_RX_GPE : 0) |
	       (cfg->vnifilter ? VTEP_RX_VNIFILTER : 0);
}

/* Does a device receive over this address family? External ones over both. */
static inline bool vtep_config_uses(const struct vtep_config *cfg, u16 family)
{
	return cfg->metadata || cfg->family == family;
}

__be16 vtep_config_default_port(const struct vtep_config *cfg);
void vtep_config_announce_port(void);
void vtep_config_defaults(struct vtep_config *cfg);
int vtep_config_validate(struct net *net, struct vtep_config *cfg,
			 struct net_device **lowerp, u64 *involved,
			 struct netlink_ext_ack *extack);
int vtep_config_conflict(struct net *net, const struct vtep_config *cfg,
			 const struct vtep_dev *self,
			 struct netlink_ext_ack *extack);
unsigned int vtep_config_overhead(const struct vtep_config *cfg);

#endif /* VTEP_CONFIG_H */
