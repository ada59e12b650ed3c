// SPDX-License-Identifier: GPL-2.0
/*
 * Remote checksum offload, draft-herbert-vxlan-rco. The sender leaves the
 * inner TCP or UDP checksum unfinished and says in the header where it is; the
 * outer checksum covers it on the way. The receiver finishes it, or hands the
 * rest of the work up the stack.
 */
#include "vxlan_remcsum.h"
#include "vxlan_hdr.h"

#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/gro.h>

/* No transport header is nearer to the beginning of a frame. */
#define VTEP_RCO_START_MIN	(ETH_HLEN + sizeof(struct iphdr))

static unsigned int vtep_remcsum_start_min(__be16 protocol)
{
	if (protocol == htons(ETH_P_IPV6))
		return ETH_HLEN + sizeof(struct ipv6hdr);
	if (eth_type_vlan(protocol))
		return VLAN_HLEN + VTEP_RCO_START_MIN;
	return VTEP_RCO_START_MIN;
}

/**
 * vtep_remcsum_possible() - can the header tell where the checksum is?
 * @skb: a frame that is to be sent
 *
 * Return: true if the checksum of @skb is unfinished, that of TCP or UDP, and
 * not too far from the beginning.
 */
bool vtep_remcsum_possible(const struct sk_buff *skb)
{
	int start;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return false;
	start = skb_checksum_start_offset(skb);
	if (start > VTEP_RCO_START_MAX || start & 1)
		return false;
	return skb->csum_offset == offsetof(struct udphdr, check) ||
	       skb->csum_offset == offsetof(struct tcphdr, check);
}

/**
 * vtep_remcsum_push() - leave the inner checksum to the receiver
 * @skb: a frame of which vtep_remcsum_possible() was true, ready for offloads,
 *	behind its VXLAN header
 * @hdr: that header
 */
void vtep_remcsum_push(struct sk_buff *skb, struct vtep_hdr *hdr)
{
	unsigned int start = skb_checksum_start_offset(skb) - sizeof(*hdr);

	vtep_hdr_set_rco(hdr, start,
			 skb->csum_offset == offsetof(struct udphdr, check));
	if (skb_is_gso(skb)) {
		skb_shinfo(skb)->gso_type |= SKB_GSO_TUNNEL_REMCSUM;
		return;
	}
	skb->ip_summed = CHECKSUM_NONE;
	skb->encapsulation = 0;
}

static unsigned int vtep_remcsum_field(const struct vtep_hdr *hdr)
{
	return vtep_hdr_rco_start(hdr) + (vtep_hdr_rco_udp(hdr) ?
					  offsetof(struct udphdr, check) :
					  offsetof(struct tcphdr, check));
}

/*
 * Several packets in one: whoever put them together has noted where each of
 * them has its checksum, for whoever takes them apart. The header must not say
 * anything else: a card that segments would believe it.
 */
static enum vtep_counter vtep_remcsum_merged(const struct sk_buff *skb,
					     unsigned int start,
					     unsigned int field)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    skb_checksum_start_offset(skb) == start &&
	    skb->csum_offset == field - start)
		return VTEP_OK;
	return VTEP_RX_REMCSUM;
}

/**
 * vtep_remcsum_receive() - take over an unfinished checksum
 * @skb: a received frame; its data begin with the inner Ethernet header,
 *	skb->protocol is what that says
 * @hdr: copy of its VXLAN header, with the flag set
 * @whole: finish the checksum now, instead of leaving it to the stack
 *
 * What the header says is not to be trusted: the place may be behind the end
 * of the frame, or in its Ethernet or IP header, where a checksum would spoil
 * what it is written over.
 *
 * Context: softirq.
 * Return: VTEP_OK or VTEP_RX_REMCSUM.
 */
enum vtep_counter vtep_remcsum_receive(struct sk_buff *skb,
				       const struct vtep_hdr *hdr, bool whole)
{
	unsigned int start = vtep_hdr_rco_start(hdr);
	unsigned int field = vtep_remcsum_field(hdr);

	if (unlikely(start < vtep_remcsum_start_min(skb->protocol) ||
		     !pskb_may_pull(skb, field + sizeof(__sum16))))
		return VTEP_RX_REMCSUM;
	/* The mark of the sender's segmentation, when it was on this host. */
	skb->remcsum_offload = 0;
	if (skb_is_gso(skb))
		return vtep_remcsum_merged(skb, start, field);
	/* The checksum is written to: not into somebody else's copy. */
	if (unlikely(whole && skb_ensure_writable(skb,
						  field + sizeof(__sum16))))
		return VTEP_RX_NOMEM;
	skb_remcsum_process(skb, skb->data, start, field, whole);
	return VTEP_OK;
}

/**
 * vtep_remcsum_gro() - take over an unfinished checksum for aggregation
 * @skb: the packet, its VXLAN header not yet pulled
 * @hdr: that header, with the flag set
 * @off: offset of it
 * @grc: what would have to be undone: nothing, see below
 *
 * Only one checksum of a packet can be taken over at a time, and only where
 * the outer one was found to be right.
 *
 * It is taken for granted here and left unfinished, whatever the device is to
 * do when it receives the packet: the core undoes a finished one behind its
 * place, in the payload, when the packet was merged by a list of fragments.
 *
 * Context: NAPI.
 * Return: the header, which may have moved; NULL if the packet is to go on
 * alone.
 */
struct vtep_hdr *vtep_remcsum_gro(struct sk_buff *skb, struct vtep_hdr *hdr,
				  unsigned int off, struct gro_remcsum *grc)
{
	unsigned int start = vtep_hdr_rco_start(hdr);

	if (skb->remcsum_offload)
		return hdr;
	if (!NAPI_GRO_CB(skb)->csum_valid || start < VTEP_RCO_START_MIN)
		return NULL;
	/* Merged as a list each keeps its checksum, and none is finished. */
	if (skb->dev->features & NETIF_F_GRO_FRAGLIST)
		return NULL;
	hdr = skb_gro_remcsum_process(skb, hdr, off, sizeof(*hdr), start,
				      vtep_remcsum_field(hdr), grc, false);
	skb->remcsum_offload = 1;
	return hdr;
}
