// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers such as mlx5 and mlxsw take any device of kind "vxlan" for the
 * kernel's own and read its private part as struct vxlan_dev. Ours begins
 * with one, filled here and read nowhere in this driver.
 */
#include "vxlan_abi.h"
#include "vxlan.h"

/**
 * vtep_abi_addr() - an address as the kernel's header has it
 * @addr: the address
 * @family: family to show, also for an address that is not given
 *
 * Return: the address.
 */
union vxlan_addr vtep_abi_addr(const struct vtep_addr *addr, u16 family)
{
	union vxlan_addr abi = {};

	abi.sa.sa_family = family;
	if (addr->family == AF_INET6)
		abi.sin6.sin6_addr = addr->v6;
	else if (addr->family == AF_INET)
		abi.sin.sin_addr.s_addr = addr->v4;
	return abi;
}

/**
 * vtep_abi_addr_of() - an address of the kernel's header as ours
 * @abi: the address
 *
 * Return: the address, AF_UNSPEC if it is of no family.
 */
struct vtep_addr vtep_abi_addr_of(const union vxlan_addr *abi)
{
	if (abi->sa.sa_family == AF_INET6)
		return vtep_addr_v6(&abi->sin6.sin6_addr);
	if (abi->sa.sa_family == AF_INET)
		return vtep_addr_v4(abi->sin.sin_addr.s_addr);
	return (struct vtep_addr) {};
}

static u32 vtep_abi_flags(const struct vtep_dev *vtep,
			  const struct vtep_config *cfg)
{
	u32 flags = 0;

	if (vtep->has_mdb)
		flags |= VXLAN_F_MDB;
	if (cfg->learning)
		flags |= VXLAN_F_LEARN;
	if (cfg->family == AF_INET6)
		flags |= VXLAN_F_IPV6;
	if (vtep_config_linklocal(cfg))
		flags |= VXLAN_F_IPV6_LINKLOCAL;
	if (!cfg->udp_csum)
		flags |= VXLAN_F_UDP_ZERO_CSUM_TX;
	if (cfg->zero_csum6_tx)
		flags |= VXLAN_F_UDP_ZERO_CSUM6_TX;
	if (cfg->zero_csum6_rx)
		flags |= VXLAN_F_UDP_ZERO_CSUM6_RX;
	if (cfg->ttl_inherit)
		flags |= VXLAN_F_TTL_INHERIT;
	if (cfg->local_bypass)
		flags |= VXLAN_F_LOCALBYPASS;
	if (cfg->mc_route)
		flags |= VXLAN_F_MC_ROUTE;
	if (cfg->metadata)
		flags |= VXLAN_F_COLLECT_METADATA;
	if (cfg->vnifilter)
		flags |= VXLAN_F_VNIFILTER;
	if (cfg->gbp)
		flags |= VXLAN_F_GBP;
	if (cfg->gpe)
		flags |= VXLAN_F_GPE;
	if (cfg->remcsum_tx)
		flags |= VXLAN_F_REMCSUM_TX;
	if (cfg->remcsum_rx)
		flags |= VXLAN_F_REMCSUM_RX;
	if (cfg->remcsum_whole)
		flags |= VXLAN_F_REMCSUM_NOPARTIAL;
	if (cfg->proxy)
		flags |= VXLAN_F_PROXY;
	if (cfg->short_circuit)
		flags |= VXLAN_F_RSC;
	if (cfg->l2miss)
		flags |= VXLAN_F_L2MISS;
	if (cfg->l3miss)
		flags |= VXLAN_F_L3MISS;
	return flags;
}

/**
 * vtep_abi_fill() - let others see a configuration
 * @vtep: the device; its namespace and lower device are set, and in
 *	vtep_dev.abi the MTU that was asked for
 * @cfg: the configuration
 *
 * Context: RTNL, under which the readers run too.
 */
void vtep_abi_fill(struct vtep_dev *vtep, const struct vtep_config *cfg)
{
	struct vxlan_dev *abi = &vtep->abi;

	abi->dev = vtep->dev;
	abi->net = vtep->net;

	abi->cfg.remote_ip = vtep_abi_addr(&cfg->remote, cfg->family);
	abi->cfg.saddr = vtep_abi_addr(&cfg->local, cfg->family);
	abi->cfg.vni = cpu_to_be32(cfg->vni);
	abi->cfg.remote_ifindex = cfg->ifindex;
	abi->cfg.dst_port = cfg->port;
	abi->cfg.port_min = cfg->port_min;
	abi->cfg.port_max = cfg->port_max;
	abi->cfg.tos = cfg->tos;
	abi->cfg.ttl = cfg->ttl;
	abi->cfg.label = cfg->label;
	abi->cfg.flags = vtep_abi_flags(vtep, cfg);
	abi->cfg.age_interval = cfg->ageing;
	abi->cfg.addrmax = cfg->limit;
	abi->cfg.df = cfg->df;
	vtep_abi_set_newer(&abi->cfg, cfg->label_policy, cfg->reserved.flags,
			   cfg->reserved.vni);

	abi->default_dst.remote_ip = abi->cfg.remote_ip;
	abi->default_dst.remote_vni = abi->cfg.vni;
	abi->default_dst.remote_ifindex = cfg->ifindex;
	abi->default_dst.remote_dev = vtep->lower;
}

/**
 * vtep_abi_set_mdb() - let others see whether there is an MDB
 * @vtep: the device
 * @on: its MDB has entries
 *
 * A switch may not want to take over a device that has one.
 *
 * Context: RTNL, under which the readers run too.
 */
void vtep_abi_set_mdb(struct vtep_dev *vtep, bool on)
{
	if (on)
		vtep->abi.cfg.flags |= VXLAN_F_MDB;
	else
		vtep->abi.cfg.flags &= ~VXLAN_F_MDB;
}

#define VTEP_ABI_FLAGS \
	(VXLAN_F_LEARN | VXLAN_F_IPV6 | VXLAN_F_UDP_ZERO_CSUM_TX | \
	 VXLAN_F_UDP_ZERO_CSUM6_TX | VXLAN_F_UDP_ZERO_CSUM6_RX | \
	 VXLAN_F_COLLECT_METADATA | VXLAN_F_GBP | VXLAN_F_PROXY | \
	 VXLAN_F_GPE | VXLAN_F_REMCSUM_TX | VXLAN_F_REMCSUM_RX | \
	 VXLAN_F_REMCSUM_NOPARTIAL | VXLAN_F_VNIFILTER | \
	 VXLAN_F_RSC | VXLAN_F_L2MISS | VXLAN_F_L3MISS | \
	 VXLAN_F_TTL_INHERIT | VXLAN_F_LOCALBYPASS)

/**
 * vtep_abi_config() - a configuration as other modules give it
 * @abi: theirs
 * @cfg: ours, after vtep_config_defaults(); filled, not yet validated
 *
 * Return: 0; -EOPNOTSUPP for what this driver cannot do; -EINVAL.
 */
int vtep_abi_config(const struct vxlan_config *abi, struct vtep_config *cfg)
{
	if (abi->flags & ~VTEP_ABI_FLAGS)
		return -EOPNOTSUPP;
	if (be32_to_cpu(abi->vni) > VTEP_VNI_MAX ||
	    abi->port_max < abi->port_min || (u8)abi->df > VTEP_DF_INHERIT)
		return -EINVAL;

	cfg->remote = vtep_abi_addr_of(&abi->remote_ip);
	cfg->local = vtep_abi_addr_of(&abi->saddr);
	cfg->vni = be32_to_cpu(abi->vni);
	cfg->ifindex = abi->remote_ifindex;
	if (abi->dst_port)
		cfg->port = abi->dst_port;
	cfg->port_min = abi->port_min;
	cfg->port_max = abi->port_max;
	cfg->tos = abi->tos;
	cfg->ttl = abi->ttl;
	cfg->label = abi->label & IPV6_FLOWLABEL_MASK;
	cfg->ageing = abi->age_interval;
	cfg->limit = abi->addrmax;
	cfg->df = abi->df;
	cfg->learning = abi->flags & VXLAN_F_LEARN;
	cfg->udp_csum = !(abi->flags & VXLAN_F_UDP_ZERO_CSUM_TX);
	cfg->zero_csum6_tx = abi->flags & VXLAN_F_UDP_ZERO_CSUM6_TX;
	cfg->zero_csum6_rx = abi->flags & VXLAN_F_UDP_ZERO_CSUM6_RX;
	cfg->metadata = abi->flags & VXLAN_F_COLLECT_METADATA;
	cfg->vnifilter = abi->flags & VXLAN_F_VNIFILTER;
	cfg->gbp = abi->flags & VXLAN_F_GBP;
	cfg->gpe = abi->flags & VXLAN_F_GPE;
	cfg->remcsum_tx = abi->flags & VXLAN_F_REMCSUM_TX;
	cfg->remcsum_rx = abi->flags & VXLAN_F_REMCSUM_RX;
	cfg->remcsum_whole = abi->flags & VXLAN_F_REMCSUM_NOPARTIAL;
	cfg->proxy = abi->flags & VXLAN_F_PROXY;
	cfg->short_circuit = abi->flags & VXLAN_F_RSC;
	cfg->l2miss = abi->flags & VXLAN_F_L2MISS;
	cfg->l3miss = abi->flags & VXLAN_F_L3MISS;
	cfg->ttl_inherit = abi->flags & VXLAN_F_TTL_INHERIT;
	if (VXLAN_F_LOCALBYPASS)
		cfg->local_bypass = abi->flags & VXLAN_F_LOCALBYPASS;
	return 0;
}
