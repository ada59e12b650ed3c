// SPDX-License-Identifier: GPL-2.0
/*
 * Reception, in steps: header, device, admission, decapsulation, inner
 * headers, learning, up the stack. A step returns VTEP_OK or the reason why
 * the packet is dropped. Nothing is learned from a packet that is dropped.
 */
#include "vxlan_rx.h"
#include "vxlan.h"
#include "vxlan_cell.h"
#include "vxlan_fdb.h"
#include "vxlan_gpe.h"
#include "vxlan_metadata.h"
#include "vxlan_remcsum.h"
#include "vxlan_vnifilter.h"

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <net/inet_ecn.h>
#include <net/ip_tunnels.h>
#include <net/udp.h>

bool vtep_log_ecn_error = true;

/**
 * struct vtep_rx - a packet on its way in
 * @vtep: the device
 * @cfg: its configuration
 * @vni: its VNI, host order
 * @filter: that VNI in the filter of the device, or NULL
 * @from: the VTEP it came from, and the VNI and port to answer to
 * @outer_tos: outer DS field
 * @hdr: the VXLAN header, if it says more than a VNI
 * @remcsum: it tells of an unfinished inner checksum
 * @policy: it carries a group policy
 * @gbp: that policy, as skb->mark has it; 0 without
 */
struct vtep_rx {
	struct vtep_dev *vtep;
	const struct vtep_config *cfg;
	u32 vni;
	struct vtep_filter_vni *filter;
	struct vtep_dest from;
	u8 outer_tos;
	struct vtep_hdr hdr;
	bool remcsum;
	bool policy;
	u32 gbp;
};

/* Notes what the outer headers say, before they are gone. */
static void vtep_rx_outer(struct vtep_rx *rx, const struct sk_buff *skb,
			  const struct vtep_hdr *hdr)
{
	const struct ipv6hdr *ip6;

	if (rx->cfg->gbp && hdr->flags & VTEP_FLAG_GBP) {
		rx->policy = true;
		rx->gbp = vtep_hdr_gbp(hdr);
	}
	if (unlikely(rx->cfg->remcsum_rx) && hdr->flags & VTEP_FLAG_RCO) {
		rx->remcsum = true;
		rx->hdr = *hdr;
	}
	rx->from.vni = rx->cfg->vni;
	rx->from.port = rx->cfg->port;
	if (ip_hdr(skb)->version == 4) {
		rx->from.peer.addr = vtep_addr_v4(ip_hdr(skb)->saddr);
		rx->outer_tos = ip_hdr(skb)->tos;
		return;
	}
	ip6 = ipv6_hdr(skb);
	rx->from.peer.addr = vtep_addr_v6(&ip6->saddr);
	rx->outer_tos = ipv6_get_dsfield(ip6);
	if (ipv6_addr_type(&ip6->saddr) & IPV6_ADDR_LINKLOCAL)
		rx->from.peer.ifindex = skb->dev->ifindex;
}

/*
 * May this packet come in at all? The one place for such decisions, before
 * anything is learned or changed.
 */
static enum vtep_counter vtep_rx_admit(const struct vtep_rx *rx,
				       const struct sk_buff *skb,
				       const struct vtep_hdr *hdr)
{
	if (unlikely(vtep_hdr_has(hdr, &rx->cfg->reserved)))
		return VTEP_RX_RESERVED_BITS;
	if (unlikely(skb->len < VTEP_HLEN + ETH_HLEN && !rx->cfg->gpe))
		return VTEP_RX_INNER_SHORT;
	if (unlikely(!netif_running(rx->vtep->dev)))
		return VTEP_RX_DOWN;
	return VTEP_OK;
}

/*
 * What the header said and the frame does not: to the packet's description or,
 * without one, to its mark. Needs the outer headers still to be found.
 */
static bool vtep_rx_describe(const struct vtep_rx *rx, struct sk_buff *skb)
{
	if (likely(!rx->cfg->metadata)) {
		if (unlikely(rx->policy))
			skb->mark = rx->gbp;
		return true;
	}
	if (!vtep_metadata_set(skb, rx->from.peer.addr.family, rx->vni))
		return false;
	if (rx->policy)
		vtep_metadata_set_gbp(skb, rx->gbp);
	return true;
}

/*
 * From the outer UDP header to the inner Ethernet header. The network header
 * is then what follows the VLAN tags, if there are any.
 */
static enum vtep_counter vtep_rx_decap(const struct vtep_rx *rx,
				       struct sk_buff *skb)
{
	struct vtep_dev *vtep = rx->vtep;
	enum vtep_counter verdict;

	if (iptunnel_pull_header(skb, VTEP_HLEN, htons(ETH_P_TEB),
				 !net_eq(vtep->net, dev_net(vtep->dev))))
		return VTEP_RX_NOMEM;
	if (unlikely(rx->remcsum)) {
		verdict = vtep_remcsum_receive(skb, &rx->hdr,
					       rx->cfg->remcsum_whole);
		if (verdict != VTEP_OK)
			return verdict;
	}
	if (!vtep_rx_describe(rx, skb))
		return VTEP_RX_NOMEM;

	skb_reset_mac_header(skb);
	skb->mac_len = 0;
	if (eth_type_vlan(skb->protocol) && skb->len < VLAN_ETH_HLEN)
		return VTEP_RX_INNER_HEADER;
	if (skb_vlan_inet_prepare(skb, false))
		return VTEP_RX_INNER_HEADER;
	return VTEP_OK;
}

static void vtep_rx_log_ecn(const struct vtep_rx *rx)
{
	const struct vtep_addr *addr = &rx->from.peer.addr;

	if (!READ_ONCE(vtep_log_ecn_error))
		return;
	if (addr->family == AF_INET)
		net_info_ratelimited("%s: non-ECT from %pI4 with TOS=%#x\n",
				     rx->vtep->dev->name, &addr->v4,
				     rx->outer_tos);
	else
		net_info_ratelimited("%s: non-ECT from %pI6c\n",
				     rx->vtep->dev->name, &addr->v6);
}

/* RFC 6040 section 4.2: brings an outer congestion mark to the inner header. */
static enum vtep_counter vtep_rx_ecn(const struct vtep_rx *rx,
				     struct sk_buff *skb)
{
	u8 inner;
	int err;

	switch (skb_protocol(skb, true)) {
	case htons(ETH_P_IP):
		inner = ip_hdr(skb)->tos;
		break;
	case htons(ETH_P_IPV6):
		inner = ipv6_get_dsfield(ipv6_hdr(skb));
		break;
	default:
		return VTEP_OK;
	}

	err = INET_ECN_decapsulate(skb, rx->outer_tos, inner);
	if (unlikely(err))
		vtep_rx_log_ecn(rx);
	return err > 1 ? VTEP_RX_ECN : VTEP_OK;
}

/* An external device has the entries of all VNIs, others those of their own. */
static u32 vtep_rx_key_vni(const struct vtep_rx *rx)
{
	return rx->cfg->metadata ? rx->vni : rx->cfg->vni;
}

static enum vtep_counter vtep_rx_source(const struct vtep_rx *rx,
					const struct sk_buff *skb)
{
	const u8 *mac = eth_hdr(skb)->h_source;

	if (unlikely(!is_valid_ether_addr(mac)))
		return VTEP_RX_BAD_SOURCE_MAC;
	if (unlikely(ether_addr_equal(mac, rx->vtep->dev->dev_addr)))
		return VTEP_RX_OWN_MAC;
	if (!rx->cfg->learning || rx->gbp & VTEP_GBP_DONT_LEARN)
		return VTEP_OK;
	return vtep_fdb_learn(rx->vtep, mac, vtep_rx_key_vni(rx), &rx->from);
}

static enum vtep_counter vtep_rx_frame(struct vtep_rx *rx, struct sk_buff *skb)
{
	enum vtep_counter verdict;

	verdict = vtep_rx_decap(rx, skb);
	if (verdict == VTEP_OK)
		verdict = vtep_rx_ecn(rx, skb);
	if (verdict == VTEP_OK)
		verdict = vtep_rx_source(rx, skb);
	return verdict;
}

static void vtep_rx_drop(const struct vtep_rx *rx, struct sk_buff *skb,
			 enum vtep_counter why)
{
	if (unlikely(rx->filter))
		vtep_filter_count_loss(rx->filter, why);
	vtep_drop(rx->vtep, skb, why);
}

/* @local: it comes from a transmission, not from a socket. */
static void vtep_rx_up(const struct vtep_rx *rx, struct sk_buff *skb,
		       bool local)
{
	struct vtep_dev *vtep = rx->vtep;
	enum vtep_counter verdict;

	dev_sw_netstats_rx_add(vtep->dev, skb->len);
	if (unlikely(rx->filter))
		vtep_filter_count_rx(rx->filter, skb->len);
	verdict = local ? vtep_cell_receive(vtep->cells, skb) :
			  vtep_cell_pass(vtep->cells, skb);
	if (unlikely(verdict != VTEP_OK))
		vtep_rx_drop(rx, skb, verdict);
}

static void vtep_rx_deliver(const struct vtep_rx *rx, struct sk_buff *skb,
			    bool local)
{
	struct vtep_dev *vtep = rx->vtep;

	skb->protocol = eth_type_trans(skb, vtep->dev);
	skb_postpull_rcsum(skb, eth_hdr(skb), ETH_HLEN);
	skb_reset_network_header(skb);
	vtep_rx_up(rx, skb, local);
}

/*
 * Generic protocol extension: what follows the header is what it says, and
 * goes up as it is. There is no address to check or learn.
 */
static enum vtep_counter vtep_rx_packet(const struct vtep_rx *rx,
					struct sk_buff *skb,
					const struct vtep_hdr *hdr)
{
	struct vtep_dev *vtep = rx->vtep;
	enum vtep_counter verdict;
	__be16 protocol;

	verdict = vtep_gpe_parse(hdr, &protocol);
	if (verdict != VTEP_OK)
		return verdict;
	if (__iptunnel_pull_header(skb, VTEP_HLEN, protocol, true,
				   !net_eq(vtep->net, dev_net(vtep->dev))) ||
	    !vtep_rx_describe(rx, skb))
		return VTEP_RX_NOMEM;

	skb_reset_mac_header(skb);
	skb->mac_len = 0;
	skb->dev = vtep->dev;
	skb->pkt_type = PACKET_HOST;
	if (skb_vlan_inet_prepare(skb, true))
		return VTEP_RX_INNER_HEADER;
	return vtep_rx_ecn(rx, skb);
}

static void vtep_rx_gpe(const struct vtep_rx *rx, struct sk_buff *skb,
			const struct vtep_hdr *hdr)
{
	enum vtep_counter verdict = vtep_rx_packet(rx, skb, hdr);

	if (likely(verdict == VTEP_OK))
		vtep_rx_up(rx, skb, false);
	else
		vtep_rx_drop(rx, skb, verdict);
}

/* A packet with a VNI header; @hdr is inside @skb and is gone afterwards. */
static void vtep_rx(struct vtep_sock *sock, struct sk_buff *skb,
		    const struct vtep_hdr *hdr)
{
	struct vtep_rx rx = { .vni = vtep_hdr_vni(hdr) };
	const struct vtep_vni *place;
	enum vtep_counter verdict;

	place = vtep_sock_place(sock, rx.vni, skb->dev->ifindex);
	if (unlikely(!place)) {
		vtep_drop_nodev(sock->vn, skb, VTEP_RX_UNKNOWN_VNI);
		return;
	}
	rx.vtep = place->vtep;
	rx.filter = place->filter;
	rx.cfg = rcu_dereference_bh(rx.vtep->cfg);

	verdict = vtep_rx_admit(&rx, skb, hdr);
	if (likely(verdict == VTEP_OK)) {
		vtep_rx_outer(&rx, skb, hdr);
		if (unlikely(rx.cfg->gpe)) {
			vtep_rx_gpe(&rx, skb, hdr);
			return;
		}
		verdict = vtep_rx_frame(&rx, skb);
	}
	if (likely(verdict == VTEP_OK))
		vtep_rx_deliver(&rx, skb, false);
	else
		vtep_rx_drop(&rx, skb, verdict);
}

/**
 * vtep_rx_local() - a frame that another device of this host hands over
 * @vtep: the device that receives it
 * @skb: the frame; it is consumed
 * @from: where to learn that its source is; NULL to learn nothing
 * @vni: VNI it was sent to
 *
 * Context: BH disabled, RCU.
 */
void vtep_rx_local(struct vtep_dev *vtep, struct sk_buff *skb,
		   const struct vtep_dest *from, u32 vni)
{
	struct vtep_rx rx = {
		.vtep = vtep,
		.cfg = rcu_dereference_bh(vtep->cfg),
		.vni = vni,
		.filter = vtep_filter_find(vtep, vni),
	};
	enum vtep_counter verdict = VTEP_RX_DOWN;

	if (likely(netif_running(vtep->dev)))
		verdict = VTEP_OK;
	if (verdict == VTEP_OK && from) {
		rx.from = *from;
		verdict = vtep_rx_source(&rx, skb);
	}
	if (likely(verdict == VTEP_OK))
		vtep_rx_deliver(&rx, skb, true);
	else
		vtep_rx_drop(&rx, skb, verdict);
}

/* The UDP tunnel receive hook. Returns 0: the packet was consumed. */
static int vtep_udp_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct vtep_sock *sock = rcu_dereference_sk_user_data(sk);
	const struct vtep_hdr *hdr;

	if (unlikely(!sock)) {
		/* The socket is being closed: its last device went down. */
		vtep_drop_nodev(vtep_net(sock_net(sk)), skb,
				VTEP_RX_UNKNOWN_VNI);
		return 0;
	}
	if (unlikely(!pskb_may_pull(skb, VTEP_HLEN))) {
		vtep_drop_nodev(sock->vn, skb, VTEP_RX_TRUNCATED);
		return 0;
	}
	hdr = (const struct vtep_hdr *)(udp_hdr(skb) + 1);
	if (unlikely(!(hdr->flags & VTEP_FLAG_VNI))) {
		vtep_drop_nodev(sock->vn, skb, VTEP_RX_NO_VNI_FLAG);
		return 0;
	}
	vtep_rx(sock, skb, hdr);
	return 0;
}

/*
 * An ICMP error quotes a packet that was sent from this port: ours? The
 * network header points to the quoted outer IP header, the transport header
 * to its UDP header. Returns 0 if one of our devices has that VNI.
 */
static int vtep_udp_err_lookup(struct sock *sk, struct sk_buff *skb)
{
	const struct vtep_sock *sock = rcu_dereference_sk_user_data(sk);
	const struct vtep_hdr *hdr;

	if (!sock)
		return -ENOENT;
	if (!pskb_may_pull(skb, skb_transport_offset(skb) + VTEP_HLEN))
		return -EINVAL;
	hdr = (const struct vtep_hdr *)(udp_hdr(skb) + 1);
	if (!(hdr->flags & VTEP_FLAG_VNI))
		return -EINVAL;
	if (!vtep_sock_find_vni(sock, vtep_hdr_vni(hdr), skb->dev->ifindex))
		return -ENOENT;
	return 0;
}

/** vtep_rx_ops - what vxlan_main.c hands to the sockets */
const struct vtep_sock_ops vtep_rx_ops = {
	.rcv = vtep_udp_rcv,
	.err_lookup = vtep_udp_err_lookup,
	.gro_receive = vtep_gro_receive,
	.gro_complete = vtep_gro_complete,
	.gro_complete_gpe = vtep_gro_complete_gpe,
};
