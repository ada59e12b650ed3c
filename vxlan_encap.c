// SPDX-License-Identifier: GPL-2.0
/*
 * Encapsulation: from an Ethernet frame and a remote to a packet on the
 * underlay. IPv4 and IPv6 are two functions of one shape.
 */
#include "vxlan_encap.h"
#include "vxlan.h"
#include "vxlan_bypass.h"
#include "vxlan_remote.h"
#include "vxlan_route.h"
#include "vxlan_sock.h"

#include <linux/etherdevice.h>
#include <linux/if_bridge.h>
#include <net/inet_ecn.h>
#include <net/ip6_route.h>
#include <net/ip_tunnels.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

/**
 * struct vtep_outer - what the inner packet has to say about the outer one
 * @sport: UDP source port: entropy from the inner flow
 * @tos: DS field with the inner ECN bits
 * @ttl: 0 = the route's
 * @df: IPv4 DF bit
 * @label: IPv6 flow label
 */
struct vtep_outer {
	__be16 sport;
	u8 tos;
	u8 ttl;
	bool df;
	__be32 label;
};

/* Inner IP fields; @ip is false for what is not IP, and all else then zero. */
struct vtep_inner {
	bool ip;
	bool df;
	u8 dsfield;
	u8 ttl;
	__be32 label;
};

static struct vtep_inner vtep_inner(const struct sk_buff *skb)
{
	const struct ipv6hdr *ip6;
	const struct iphdr *ip4;

	switch (skb_protocol(skb, true)) {
	case htons(ETH_P_IP):
		ip4 = ip_hdr(skb);
		return (struct vtep_inner) {
			.ip = true,
			.df = ip4->frag_off & htons(IP_DF),
			.dsfield = ip4->tos,
			.ttl = ip4->ttl,
		};
	case htons(ETH_P_IPV6):
		ip6 = ipv6_hdr(skb);
		return (struct vtep_inner) {
			.ip = true,
			.df = true,
			.dsfield = ipv6_get_dsfield(ip6),
			.ttl = ip6->hop_limit,
			.label = ip6_flowlabel(ip6),
		};
	}
	return (struct vtep_inner) {};
}

static struct vtep_outer vtep_outer(const struct vtep_tx *tx,
				    struct sk_buff *skb,
				    const struct vtep_remote *remote)
{
	const struct vtep_config *cfg = tx->cfg;
	struct vtep_inner inner = vtep_inner(skb);
	struct vtep_outer outer;

	outer.sport = udp_flow_src_port(tx->vtep->net, skb, cfg->port_min,
					cfg->port_max, true);

	/* RFC 6040 section 4.1, normal mode: all four ECN values are copied. */
	outer.tos = cfg->tos == 1 ? inner.dsfield : cfg->tos;
	outer.tos &= ~INET_ECN_MASK;
	outer.tos |= inner.dsfield & INET_ECN_MASK;

	outer.ttl = cfg->ttl_inherit ? inner.ttl : cfg->ttl;
	if (!outer.ttl && vtep_addr_multicast(&remote->key.peer->key.addr))
		outer.ttl = 1;

	outer.df = cfg->df == VTEP_DF_SET ||
		   (cfg->df == VTEP_DF_INHERIT && inner.df);
	outer.label = cfg->label_policy == VXLAN_LABEL_INHERIT ? inner.label :
								 cfg->label;
	return outer;
}

/* Makes room and puts the VXLAN header in front of the frame. */
static int vtep_push_header(struct sk_buff *skb, const struct dst_entry *dst,
			    unsigned int overhead, int gso_type, u32 vni)
{
	int err;

	err = skb_cow_head(skb, LL_RESERVED_SPACE(dst_dev(dst)) +
				dst->header_len + overhead);
	if (unlikely(err))
		return err;
	err = iptunnel_handle_offloads(skb, gso_type);
	if (unlikely(err))
		return err;
	vtep_hdr_build(__skb_push(skb, sizeof(struct vtep_hdr)), vni);
	skb_set_inner_protocol(skb, htons(ETH_P_TEB));
	return 0;
}

/*
 * The core has turned the packet into the "too big" error that its sender is
 * to get: let it come in through this device.
 */
static void vtep_return_error(struct vtep_dev *vtep, struct sk_buff *skb)
{
	vtep_count(vtep->counters, VTEP_TX_TOO_BIG);
	skb->encapsulation = 0;
	skb_scrub_packet(skb, false);
	skb->protocol = eth_type_trans(skb, vtep->dev);
	netif_rx(skb);
}

/*
 * Does the frame fit? @overhead is the length of the outer headers, @whole
 * says that the packet must not be fragmented. VTEP_COUNTERS: it did not fit,
 * its sender was told, and there is no packet any more.
 */
static enum vtep_counter vtep_check_mtu(struct vtep_dev *vtep,
					struct sk_buff *skb,
					struct dst_entry *dst, int overhead,
					bool whole)
{
	int err = skb_tunnel_check_pmtu(skb, dst, overhead + ETH_HLEN,
					netif_is_any_bridge_port(vtep->dev));

	if (unlikely(err > 0)) {
		vtep_return_error(vtep, skb);
		return VTEP_COUNTERS;
	}
	/* The IP layer would drop it, without a name. */
	if (unlikely(err || (whole && !skb_is_gso(skb) &&
			     skb->len + overhead > dst_mtu(dst))))
		return VTEP_TX_TOO_BIG;
	return VTEP_OK;
}

static enum vtep_counter vtep_route_error(int err)
{
	return err == -ELOOP ? VTEP_TX_LOOP : VTEP_TX_NO_ROUTE;
}

static struct vtep_route_key vtep_encap_route_key(const struct vtep_tx *tx,
						  const struct sk_buff *skb,
						  const struct vtep_remote *to,
						  const struct vtep_outer *out)
{
	return (struct vtep_route_key) {
		.vtep = tx->vtep,
		.cfg = tx->cfg,
		.peer = to->key.peer,
		.sk = tx->sock->sk,
		.mark = skb->mark,
		.label = out->label,
		.sport = out->sport,
		.dport = to->key.port,
		.tos = out->tos,
	};
}

static enum vtep_counter vtep_encap_v4(const struct vtep_tx *tx,
				       struct sk_buff *skb,
				       const struct vtep_remote *remote)
{
	struct vtep_outer outer = vtep_outer(tx, skb, remote);
	struct vtep_route_key key = vtep_encap_route_key(tx, skb, remote,
							 &outer);
	const int overhead = sizeof(struct iphdr) + VTEP_HLEN;
	bool csum = tx->cfg->udp_csum;
	enum vtep_counter verdict;
	struct rtable *rt;
	__be32 saddr;

	rt = vtep_route_v4(&key, &saddr);
	if (IS_ERR(rt))
		return vtep_route_error(PTR_ERR(rt));

	if (unlikely(vtep_bypass_wanted(tx->cfg, rt->rt_flags))) {
		verdict = vtep_bypass(tx, skb, remote);
		goto put_route;
	}

	verdict = vtep_check_mtu(tx->vtep, skb, &rt->dst, overhead,
				 outer.df && !ip_mtu_locked(&rt->dst));
	if (unlikely(verdict != VTEP_OK))
		goto put_route;

	verdict = VTEP_TX_NOMEM;
	if (vtep_push_header(skb, &rt->dst, overhead,
			     csum ? SKB_GSO_UDP_TUNNEL_CSUM :
				    SKB_GSO_UDP_TUNNEL, remote->key.vni))
		goto put_route;

	udp_tunnel_xmit_skb(rt, tx->sock->sk, skb, saddr,
			    remote->key.peer->key.addr.v4, outer.tos,
			    outer.ttl ?: ip4_dst_hoplimit(&rt->dst),
			    outer.df ? htons(IP_DF) : 0, outer.sport,
			    remote->key.port,
			    !net_eq(tx->vtep->net, dev_net(tx->vtep->dev)),
			    !csum, tx->cfg->mc_route ? IPSKB_MCROUTE : 0);
	return VTEP_OK;

put_route:
	ip_rt_put(rt);
	return verdict;
}

static enum vtep_counter vtep_encap_v6(const struct vtep_tx *tx,
				       struct sk_buff *skb,
				       const struct vtep_remote *remote)
{
	struct vtep_outer outer = vtep_outer(tx, skb, remote);
	struct vtep_route_key key = vtep_encap_route_key(tx, skb, remote,
							 &outer);
	const int overhead = sizeof(struct ipv6hdr) + VTEP_HLEN;
	bool csum = !tx->cfg->zero_csum6_tx;
	enum vtep_counter verdict;
	struct dst_entry *dst;
	struct in6_addr saddr;

	dst = vtep_route_v6(&key, &saddr);
	if (IS_ERR(dst))
		return vtep_route_error(PTR_ERR(dst));

	if (unlikely(vtep_bypass_wanted(tx->cfg,
					dst_rt6_info(dst)->rt6i_flags))) {
		verdict = vtep_bypass(tx, skb, remote);
		goto put_route;
	}

	verdict = vtep_check_mtu(tx->vtep, skb, dst, overhead, true);
	if (unlikely(verdict != VTEP_OK))
		goto put_route;

	verdict = VTEP_TX_NOMEM;
	if (vtep_push_header(skb, dst, overhead,
			     csum ? SKB_GSO_UDP_TUNNEL_CSUM :
				    SKB_GSO_UDP_TUNNEL, remote->key.vni))
		goto put_route;

	/* The core does this for IPv4 only. */
	skb_scrub_packet(skb, !net_eq(tx->vtep->net,
				      dev_net(tx->vtep->dev)));
	udp_tunnel6_xmit_skb(dst, tx->sock->sk, skb, tx->vtep->dev, &saddr,
			     &remote->key.peer->key.addr.v6, outer.tos,
			     outer.ttl ?: ip6_dst_hoplimit(dst), key.label,
			     outer.sport, remote->key.port, !csum,
			     tx->cfg->mc_route ? IP6SKB_MCROUTE : 0);
	return VTEP_OK;

put_route:
	dst_release(dst);
	return verdict;
}

/* 0.0.0.0 and :: are black holes, or this side of the device. */
static enum vtep_counter vtep_to_nowhere(const struct vtep_tx *tx,
					 struct sk_buff *skb)
{
	if (!tx->routed)
		return VTEP_TX_NO_REMOTE;
	vtep_bypass_back(tx, skb);
	return VTEP_OK;
}

/**
 * vtep_encap() - encapsulate a frame and send it to one remote
 * @tx: device, configuration, socket
 * @skb: the frame, private to the caller; the inner IP header, if there is
 *	one, is linear and the network header points to it
 * @remote: where to
 *
 * Context: BH disabled, RCU.
 * Return: VTEP_OK when the packet was consumed; otherwise the reason why the
 * caller is to drop it.
 */
enum vtep_counter vtep_encap(const struct vtep_tx *tx, struct sk_buff *skb,
			     const struct vtep_remote *remote)
{
	const struct vtep_addr *addr = &remote->key.peer->key.addr;
	enum vtep_counter verdict;

	if (unlikely(vtep_addr_any(addr)))
		return vtep_to_nowhere(tx, skb);
	if (addr->family == AF_INET)
		verdict = vtep_encap_v4(tx, skb, remote);
	else
		verdict = vtep_encap_v6(tx, skb, remote);
	return verdict == VTEP_COUNTERS ? VTEP_OK : verdict;
}
