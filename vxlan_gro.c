// SPDX-License-Identifier: GPL-2.0
/*
 * Receive aggregation: packets of one VNI whose inner frames can be merged
 * travel up the stack as one.
 */
#include "vxlan_rx.h"
#include "vxlan_config.h"
#include "vxlan_hdr.h"
#include "vxlan_remcsum.h"

#include <linux/etherdevice.h>
#include <net/gro.h>

static struct vtep_hdr *vtep_gro_hdr(struct sk_buff *skb)
{
	unsigned int off = skb_gro_offset(skb);

	return skb_gro_header(skb, off + sizeof(struct vtep_hdr), off);
}

static void vtep_gro_compare(struct list_head *head, const struct vtep_hdr *hdr,
			     unsigned int off)
{
	const struct vtep_hdr *held;
	struct sk_buff *p;

	list_for_each_entry(p, head, list) {
		if (!NAPI_GRO_CB(p)->same_flow)
			continue;
		held = (const struct vtep_hdr *)(p->data + off);
		if (held->flags != hdr->flags || held->vni != hdr->vni)
			NAPI_GRO_CB(p)->same_flow = 0;
	}
}

/* Bits that the devices of this socket do not use. */
static bool vtep_gro_odd(u32 rx_flags, const struct vtep_hdr *hdr)
{
	struct vtep_hdr rest = *hdr;

	if (rx_flags & VTEP_RX_GBP)
		rest.flags &= ~VTEP_GBP_USED;
	if (rx_flags & VTEP_RX_REMCSUM_ON) {
		rest.flags &= ~VTEP_FLAG_RCO;
		rest.vni &= ~VTEP_RCO_FIELD;
	}
	return vtep_hdr_reserved(&rest);
}

/* From the header to the inner frame; NULL if the packet is to go on alone. */
static struct vtep_hdr *vtep_gro_enter(struct sk_buff *skb, unsigned int off,
				       struct gro_remcsum *grc, u32 rx_flags)
{
	struct vtep_hdr *hdr = vtep_gro_hdr(skb);

	if (unlikely(!hdr || !(hdr->flags & VTEP_FLAG_VNI) ||
		     vtep_gro_odd(rx_flags, hdr)))
		return NULL;

	skb_gro_postpull_rcsum(skb, hdr, sizeof(*hdr));
	if (rx_flags & VTEP_RX_REMCSUM_ON && hdr->flags & VTEP_FLAG_RCO) {
		hdr = vtep_remcsum_gro(skb, hdr, off, grc,
				       rx_flags & VTEP_RX_REMCSUM_WHOLE);
		if (!hdr)
			return NULL;
	}
	skb_gro_pull(skb, sizeof(*hdr));
	return hdr;
}

/**
 * vtep_gro_receive() - may this packet be merged with those held?
 * @sk: our socket
 * @head: packets held
 * @skb: the packet, its GRO offset at the VXLAN header
 *
 * Only packets with a well-formed header are held; all others go on alone, so
 * that reception drops and counts each of them.
 *
 * Context: NAPI.
 * Return: a held packet that is complete, or NULL.
 */
struct sk_buff *vtep_gro_receive(struct sock *sk, struct list_head *head,
				 struct sk_buff *skb)
{
	const struct vtep_sock *sock = rcu_dereference_sk_user_data(sk);
	const unsigned int off = skb_gro_offset(skb);
	const struct vtep_hdr *hdr;
	struct sk_buff *done = NULL;
	struct gro_remcsum grc;

	skb_gro_remcsum_init(&grc);
	hdr = vtep_gro_enter(skb, off, &grc, sock ? sock->rx_flags : 0);
	if (hdr) {
		vtep_gro_compare(head, hdr, off);
		done = call_gro_receive(eth_gro_receive, head, skb);
	}
	skb_gro_flush_final_remcsum(skb, done, !hdr, &grc);
	return done;
}

/**
 * vtep_gro_complete() - finish the headers of a merged packet
 * @sk: our socket
 * @skb: the packet
 * @nhoff: offset of the VXLAN header
 *
 * Context: NAPI.
 * Return: 0 or a negative error of an inner protocol.
 */
int vtep_gro_complete(struct sock *sk, struct sk_buff *skb, int nhoff)
{
	return eth_gro_complete(skb, nhoff + sizeof(struct vtep_hdr));
}
