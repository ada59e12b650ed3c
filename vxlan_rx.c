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

/* What a socket's devices have in common that is more than plain VXLAN. */
#define VTEP_RX_EXTENSIONS \
	(VTEP_RX_METADATA | VTEP_RX_GBP | VTEP_RX_REMCSUM_ON | VTEP_RX_GPE)

/**
 * struct vtep_rx - a packet on its way in
 * @vtep: the device
 * @cfg: its configuration
 * @filter: its VNI in the filter of the device, or NULL
 * @from: local: where it came from, or NULL if nothing is to be learned;
 *	otherwise the outer header, see @outer, tells
 * @hdr: the VXLAN header
 * @vni: its VNI, host order
 * @gbp: its group policy, as skb->mark has it; 0 without
 * @outer: where the outer IP header is, counted from the inner frame
 * @extensions: VTEP_RX_EXTENSIONS of the socket
 * @outer_tos: outer DS field
 * @policy: it carries a group policy
 * @local: it comes from a transmission, not from a socket
 */
struct vtep_rx {
	struct vtep_dev *vtep;
	const struct vtep_config *cfg;
	struct vtep_filter_vni *filter;
	const struct vtep_dest *from;
	struct vtep_hdr hdr;
	u32 vni;
	u32 gbp;
	int outer;
	u8 extensions;
	u8 outer_tos;
	bool policy;
	bool local;
};

/* Notes what the outer headers say, before they are gone. */
static void vtep_rx_outer(struct vtep_rx *rx, const struct sk_buff *skb)
{
	rx->outer = skb_network_offset(skb) - VTEP_HLEN;
	rx->outer_tos = likely(ip_hdr(skb)->version == 4) ?
			ip_hdr(skb)->tos : ipv6_get_dsfield(ipv6_hdr(skb));
	if (unlikely(rx->extensions & VTEP_RX_GBP) &&
	    rx->hdr.flags & VTEP_FLAG_GBP) {
		rx->policy = true;
		rx->gbp = vtep_hdr_gbp(&rx->hdr);
	}
}

/* The outer IP header, as long as @skb begins with the inner frame. */
static const void *vtep_rx_outer_hdr(const struct vtep_rx *rx,
				     const struct sk_buff *skb)
{
	return skb->data + rx->outer;
}

/*
 * May this packet come in at all? The one place for such decisions, before
 * anything is learned or changed.
 */
static enum vtep_counter vtep_rx_admit(const struct vtep_rx *rx,
				       const struct sk_buff *skb)
{
	if (unlikely(vtep_hdr_has(&rx->hdr, &rx->cfg->reserved)))
		return VTEP_RX_RESERVED_BITS;
	if (unlikely(skb->len < VTEP_HLEN + ETH_HLEN &&
		     !(rx->extensions & VTEP_RX_GPE)))
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
	if (!(rx->extensions & VTEP_RX_METADATA)) {
		if (rx->policy)
			skb->mark = rx->gbp;
		return true;
	}
	if (!vtep_metadata_set(skb, ip_hdr(skb)->version == 4 ? AF_INET :
							       AF_INET6,
			       rx->vni))
		return false;
	if (rx->policy)
		vtep_metadata_set_gbp(skb, rx->gbp);
	return true;
}

static enum vtep_counter vtep_rx_extend(const struct vtep_rx *rx,
					struct sk_buff *skb)
{
	enum vtep_counter verdict;

	if (rx->extensions & VTEP_RX_REMCSUM_ON &&
	    rx->hdr.flags & VTEP_FLAG_RCO) {
		verdict = vtep_remcsum_receive(skb, &rx->hdr,
					       rx->cfg->remcsum_whole);
		if (verdict != VTEP_OK)
			return verdict;
	}
	return vtep_rx_describe(rx, skb) ? VTEP_OK : VTEP_RX_NOMEM;
}

/* Is the device in another namespace than its underlay? */
static bool vtep_rx_crosses(const struct vtep_rx *rx)
{
	return !net_eq(rx->vtep->net, dev_net(rx->vtep->dev));
}

/*
 * From the outer UDP header to the inner frame, and nothing is left that was
 * said about the outer packet: what iptunnel_pull_header() does to a frame,
 * which is known to be as long as a header.
 */
static bool vtep_rx_pull(const struct vtep_rx *rx, struct sk_buff *skb)
{
	const void *outer;
	__be16 proto;

	if (unlikely(!pskb_may_pull(skb, VTEP_HLEN + ETH_HLEN)))
		return false;
	outer = skb->data;
	__skb_pull(skb, VTEP_HLEN);
	skb_postpull_rcsum(skb, outer, VTEP_HLEN);

	proto = ((const struct ethhdr *)skb->data)->h_proto;
	skb->protocol = likely(eth_proto_is_802_3(proto)) ? proto :
							    htons(ETH_P_802_2);
	skb_clear_hash_if_not_l4(skb);
	__vlan_hwaccel_clear_tag(skb);
	skb_set_queue_mapping(skb, 0);
	skb_scrub_packet(skb, vtep_rx_crosses(rx));
	return !iptunnel_pull_offloads(skb);
}

/*
 * The network header is what follows the VLAN tags, if there are any; that of
 * IP can be read.
 */
static enum vtep_counter vtep_rx_inner(struct sk_buff *skb)
{
	unsigned int len = ETH_HLEN;

	if (likely(skb->protocol == htons(ETH_P_IP)))
		len += sizeof(struct iphdr);
	else if (skb->protocol == htons(ETH_P_IPV6))
		len += sizeof(struct ipv6hdr);
	else if (eth_type_vlan(skb->protocol))
		return skb->len < VLAN_ETH_HLEN ||
		       skb_vlan_inet_prepare(skb, false) ?
		       VTEP_RX_INNER_HEADER : VTEP_OK;

	if (unlikely(!pskb_may_pull(skb, len)))
		return VTEP_RX_INNER_HEADER;
	skb_set_network_header(skb, ETH_HLEN);
	return VTEP_OK;
}

/* From the outer UDP header to the inner Ethernet header. */
static enum vtep_counter vtep_rx_decap(const struct vtep_rx *rx,
				       struct sk_buff *skb)
{
	enum vtep_counter verdict;

	if (unlikely(!vtep_rx_pull(rx, skb)))
		return VTEP_RX_NOMEM;
	if (unlikely(rx->extensions)) {
		verdict = vtep_rx_extend(rx, skb);
		if (verdict != VTEP_OK)
			return verdict;
	}
	skb_reset_mac_header(skb);
	skb->mac_len = 0;
	return vtep_rx_inner(skb);
}

static void vtep_rx_log_ecn(const struct vtep_rx *rx,
			    const struct sk_buff *skb)
{
	const struct ipv6hdr *ip6 = vtep_rx_outer_hdr(rx, skb);
	const struct iphdr *ip = vtep_rx_outer_hdr(rx, skb);

	if (!READ_ONCE(vtep_log_ecn_error))
		return;
	if (ip->version == 4)
		net_info_ratelimited("%s: non-ECT from %pI4 with TOS=%#x\n",
				     rx->vtep->dev->name, &ip->saddr,
				     rx->outer_tos);
	else
		net_info_ratelimited("%s: non-ECT from %pI6c\n",
				     rx->vtep->dev->name, &ip6->saddr);
}

static noinline_for_stack __be16
vtep_rx_behind_vlan(const struct sk_buff *skb)
{
	return skb_protocol(skb, true);
}

/* RFC 6040 section 4.2: brings an outer congestion mark to the inner header. */
static enum vtep_counter vtep_rx_ecn(const struct vtep_rx *rx,
				     struct sk_buff *skb)
{
	__be16 protocol = skb->protocol;
	u8 inner;
	int err;

	if (unlikely(eth_type_vlan(protocol)))
		protocol = vtep_rx_behind_vlan(skb);
	if (protocol == htons(ETH_P_IP))
		inner = ip_hdr(skb)->tos;
	else if (protocol == htons(ETH_P_IPV6))
		inner = ipv6_get_dsfield(ipv6_hdr(skb));
	else
		return VTEP_OK;

	err = INET_ECN_decapsulate(skb, rx->outer_tos, inner);
	if (unlikely(err))
		vtep_rx_log_ecn(rx, skb);
	return unlikely(err > 1) ? VTEP_RX_ECN : VTEP_OK;
}

/* The VTEP a packet came from, and the VNI and port to answer to. */
static struct vtep_dest vtep_rx_from(const struct vtep_rx *rx,
				     const struct sk_buff *skb)
{
	struct vtep_dest from = { .vni = rx->cfg->vni, .port = rx->cfg->port };
	const struct ipv6hdr *ip6 = vtep_rx_outer_hdr(rx, skb);
	const struct iphdr *ip = vtep_rx_outer_hdr(rx, skb);

	if (ip->version == 4) {
		from.peer.addr = vtep_addr_v4(ip->saddr);
		return from;
	}
	from.peer.addr = vtep_addr_v6(&ip6->saddr);
	if (ipv6_addr_type(&ip6->saddr) & IPV6_ADDR_LINKLOCAL)
		from.peer.ifindex = skb->dev->ifindex;
	return from;
}

/* An external device has the entries of all VNIs, others those of their own. */
static u32 vtep_rx_key_vni(const struct vtep_rx *rx)
{
	return rx->cfg->metadata ? rx->vni : rx->cfg->vni;
}

static noinline_for_stack enum vtep_counter
vtep_rx_learn(const struct vtep_rx *rx, const struct sk_buff *skb,
	      const u8 *mac)
{
	struct vtep_dest from;

	from = rx->from ? *rx->from : vtep_rx_from(rx, skb);
	return vtep_fdb_learn(rx->vtep, mac, vtep_rx_key_vni(rx), &from);
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
	return vtep_rx_learn(rx, skb, mac);
}

static void vtep_rx_drop(const struct vtep_rx *rx, struct sk_buff *skb,
			 enum vtep_counter why)
{
	if (unlikely(rx->filter))
		vtep_filter_count_loss(rx->filter, why);
	vtep_drop(rx->vtep, skb, why);
}

static void vtep_rx_up(const struct vtep_rx *rx, struct sk_buff *skb)
{
	struct vtep_dev *vtep = rx->vtep;
	enum vtep_counter verdict;

	dev_sw_netstats_rx_add(vtep->dev, skb->len);
	if (unlikely(rx->filter))
		vtep_filter_count_rx(rx->filter, skb->len);
	verdict = unlikely(rx->local) ? vtep_cell_receive(vtep->cells, skb) :
					vtep_cell_pass(vtep->cells, skb);
	if (unlikely(verdict != VTEP_OK))
		vtep_rx_drop(rx, skb, verdict);
}

/* A frame that is well-formed: whose is it, and up it goes. */
static void vtep_rx_deliver(const struct vtep_rx *rx, struct sk_buff *skb)
{
	enum vtep_counter verdict = VTEP_OK;

	if (likely(!(rx->extensions & VTEP_RX_GPE))) {
		if (likely(!rx->local || rx->from))
			verdict = vtep_rx_source(rx, skb);
		if (unlikely(verdict != VTEP_OK)) {
			vtep_rx_drop(rx, skb, verdict);
			return;
		}
		skb->protocol = eth_type_trans(skb, rx->vtep->dev);
		skb_postpull_rcsum(skb, eth_hdr(skb), ETH_HLEN);
		skb_reset_network_header(skb);
	}
	vtep_rx_up(rx, skb);
}

/*
 * Generic protocol extension: what follows the header is what it says, and
 * goes up as it is. There is no address to check or learn.
 */
static enum vtep_counter vtep_rx_packet(const struct vtep_rx *rx,
					struct sk_buff *skb)
{
	struct vtep_dev *vtep = rx->vtep;
	enum vtep_counter verdict;
	__be16 protocol;

	verdict = vtep_gpe_parse(&rx->hdr, &protocol);
	if (verdict != VTEP_OK)
		return verdict;
	if (__iptunnel_pull_header(skb, VTEP_HLEN, protocol, true,
				   vtep_rx_crosses(rx)) ||
	    !vtep_rx_describe(rx, skb))
		return VTEP_RX_NOMEM;

	skb_reset_mac_header(skb);
	skb->mac_len = 0;
	skb->dev = vtep->dev;
	skb->pkt_type = PACKET_HOST;
	if (skb_vlan_inet_prepare(skb, true))
		return VTEP_RX_INNER_HEADER;
	return VTEP_OK;
}

/* A packet with a VNI header; @hdr is inside @skb and is gone afterwards. */
static void vtep_rx(struct vtep_sock *sock, struct sk_buff *skb,
		    const struct vtep_hdr *hdr)
{
	struct vtep_rx rx = {
		.hdr = *hdr,
		.vni = vtep_hdr_vni(hdr),
		.extensions = sock->rx_flags & VTEP_RX_EXTENSIONS,
	};
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

	verdict = vtep_rx_admit(&rx, skb);
	if (likely(verdict == VTEP_OK)) {
		vtep_rx_outer(&rx, skb);
		verdict = unlikely(rx.extensions & VTEP_RX_GPE) ?
			  vtep_rx_packet(&rx, skb) : vtep_rx_decap(&rx, skb);
	}
	if (likely(verdict == VTEP_OK))
		verdict = vtep_rx_ecn(&rx, skb);
	if (likely(verdict == VTEP_OK))
		vtep_rx_deliver(&rx, skb);
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
		.filter = vtep_filter_find(vtep, vni),
		.from = from,
		.vni = vni,
		.local = true,
	};

	if (likely(netif_running(vtep->dev)))
		vtep_rx_deliver(&rx, skb);
	else
		vtep_rx_drop(&rx, skb, VTEP_RX_DOWN);
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
