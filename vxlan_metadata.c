// SPDX-License-Identifier: GPL-2.0
/*
 * External mode: what travels with a packet instead of being configured. Going
 * out a packet carries instructions (remote, VNI, ...), coming in it gets a
 * description of the same form.
 */
#include "vxlan_metadata.h"
#include "vxlan.h"
#include "vxlan_hash.h"
#include "vxlan_path.h"
#include "vxlan_remote.h"
#include "vxlan_route.h"
#include "vxlan_sock.h"

#include <linux/if_vlan.h>
#include <net/udp_tunnel.h>
#include <net/vxlan.h>

/**
 * vtep_info_gbp() - group policy of a packet's instructions
 * @info: the instructions
 * @gbp: set if they contain one
 *
 * Return: false if what they contain is no group policy.
 */
bool vtep_info_gbp(const struct ip_tunnel_info *info, u32 *gbp)
{
	const struct vxlan_metadata *md;

	if (!vtep_tun_vxlan_opt(&info->key))
		return true;
	if (info->options_len < sizeof(*md))
		return false;
	md = (const void *)(info + 1);
	*gbp = md->gbp;
	return true;
}

/**
 * vtep_info_describe() - make instructions the description of a packet
 * @skb: a packet with instructions that comes in instead of going out
 *
 * Nobody who gets the packet is to take the description for instructions.
 *
 * Return: the description, the packet's own, or NULL without memory.
 */
struct ip_tunnel_info *vtep_info_describe(struct sk_buff *skb)
{
	struct ip_tunnel_info *info = skb_tunnel_info_unclone(skb);

	if (info)
		info->mode &= ~(IP_TUNNEL_INFO_TX | IP_TUNNEL_INFO_BRIDGE);
	return info;
}

/**
 * vtep_info_turn() - make instructions the description of the answer
 * @skb: a packet that is its own answer, an ICMP error
 * @remote: the VTEP it would have been sent to
 * @saddr: address it would have been sent from, of the same family
 *
 * Return: false without memory.
 */
bool vtep_info_turn(struct sk_buff *skb, const struct vtep_addr *remote,
		    const void *saddr)
{
	struct ip_tunnel_info *info = vtep_info_describe(skb);

	if (!info)
		return false;
	if (remote->family == AF_INET6) {
		info->mode |= IP_TUNNEL_INFO_IPV6;
		info->key.u.ipv6.src = remote->v6;
		info->key.u.ipv6.dst = *(const struct in6_addr *)saddr;
	} else {
		info->mode &= ~IP_TUNNEL_INFO_IPV6;
		info->key.u.ipv4.src = remote->v4;
		info->key.u.ipv4.dst = *(const __be32 *)saddr;
	}
	return true;
}

/**
 * vtep_metadata_set() - describe a received packet
 * @skb: the packet; network and transport header are the outer ones
 * @family: of the underlay
 * @vni: host order
 *
 * Context: softirq.
 * Return: false without memory.
 */
bool vtep_metadata_set(struct sk_buff *skb, u16 family, u32 vni)
{
	__be64 id = key32_to_tunnel_id(cpu_to_be32(vni));
	struct metadata_dst *dst;

	dst = vtep_udp_tun_rx_dst(skb, family, id,
				  sizeof(struct vxlan_metadata));
	if (!dst)
		return false;
	skb_dst_set(skb, (struct dst_entry *)dst);
	return true;
}

/**
 * vtep_metadata_set_gbp() - add a group policy to the description
 * @skb: a packet after vtep_metadata_set()
 * @gbp: the policy, as skb->mark has it elsewhere
 */
void vtep_metadata_set_gbp(struct sk_buff *skb, u32 gbp)
{
	struct ip_tunnel_info *info = &skb_metadata_dst(skb)->u.tun_info;
	struct vxlan_metadata *md = (void *)(info + 1);

	md->gbp = gbp;
	vtep_tun_set_vxlan_opt(&info->key);
	info->options_len = sizeof(*md);
}

static int vtep_metadata_source(struct ip_tunnel_info *info,
				const struct vtep_route_key *key, bool v6)
{
	const struct vtep_path *path;
	struct vtep_path room;

	path = v6 ? vtep_route_v6(key, &room) : vtep_route_v4(key, &room);
	if (IS_ERR(path))
		return PTR_ERR(path);
	if (v6)
		info->key.u.ipv6.src = path->saddr6;
	else
		info->key.u.ipv4.src = path->saddr4;
	vtep_path_put(path);
	return 0;
}

/*
 * As the packet will get it, whose VLAN tag is in the frame by then. Headers
 * and tag stay where Open vSwitch has them.
 */
static void vtep_metadata_hash(struct sk_buff *skb)
{
	const bool tagged = skb_vlan_tag_present(skb);
	const u16 network = skb->network_header;
	const __be16 proto = skb->vlan_proto;
	const u16 tci = skb->vlan_tci;

	if (tagged)
		__vlan_hwaccel_clear_tag(skb);
	if (!skb_vlan_inet_prepare(skb, false))
		vtep_hash(skb, skb_protocol(skb, true),
			  READ_ONCE(vtep_shortcut));
	if (tagged)
		__vlan_hwaccel_put_tag(skb, proto, tci);
	skb->network_header = network;
}

/**
 * vtep_metadata_fill() - ndo_fill_metadata_dst: what would the packet get?
 * @dev: our device
 * @skb: a packet with instructions, of Open vSwitch; source address and ports
 *	are filled in
 *
 * Context: RCU, BH disabled.
 * Return: 0; -EIO when the device is not up; -ENETUNREACH; -ELOOP.
 */
int vtep_metadata_fill(struct net_device *dev, struct sk_buff *skb)
{
	struct ip_tunnel_info *info = skb_tunnel_info(skb);
	struct vtep_dev *vtep = netdev_priv(dev);
	const struct vtep_config *cfg = rcu_dereference_bh(vtep->cfg);
	u16 family = ip_tunnel_info_af(info);
	struct vtep_peer peer = { .key.addr = vtep_info_remote(info) };
	struct vtep_addr own = vtep_info_local(info);
	struct vtep_route_key key = {
		.vtep = vtep,
		.cfg = cfg,
		.peer = &peer,
		.local = &own,
		.given = vtep_info_cache(info),
		.uncached = !ip_tunnel_dst_cache_usable(skb, info),
		.mark = skb->mark,
		.label = info->key.label,
		.dport = info->key.tp_dst ?: cfg->port,
		.tos = info->key.tos,
	};
	const struct vtep_sock *sock;
	int err;

	sock = rcu_dereference_bh(vtep->sock[vtep_family_index(family)]);
	if (!sock)
		return -EIO;
	key.sk = sock->sk;
	if (!cfg->gpe && skb->mac_len)
		vtep_metadata_hash(skb);
	key.sport = udp_flow_src_port(vtep->net, skb, cfg->port_min,
				      cfg->port_max, !cfg->gpe);

	err = vtep_metadata_source(info, &key, family == AF_INET6);
	if (err)
		return err;
	info->key.tp_src = key.sport;
	info->key.tp_dst = key.dport;
	return 0;
}
