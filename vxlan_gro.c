// SPDX-License-Identifier: GPL-2.0
/*
 * Receive aggregation: packets of one VNI whose inner frames can be merged
 * travel up the stack as one.
 */
#include "vxlan_rx.h"
#include "vxlan_config.h"
#include "vxlan_gpe.h"
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
	if (rx_flags & VTEP_RX_GPE)
		rest.flags &= ~VTEP_GPE_USED;
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
		hdr = vtep_remcsum_gro(skb, hdr, off, grc);
		if (!hdr)
			return NULL;
	}
	skb_gro_pull(skb, sizeof(*hdr));
	return hdr;
}

/* What follows the header of a packet; NULL: nothing that can be merged. */
static const struct packet_offload *
vtep_gro_inner(const struct vtep_hdr *hdr,
	       struct packet_offload *(*find)(__be16 type))
{
	__be16 protocol;

	if (vtep_gpe_parse(hdr, &protocol) != VTEP_OK)
		return NULL;
	return find(protocol);
}

static struct sk_buff *vtep_gro_merge(struct list_head *head,
				      struct sk_buff *skb,
				      const struct vtep_hdr *hdr, u32 rx_flags,
				      bool *alone)
{
	const struct packet_offload *inner;

	if (likely(!(rx_flags & VTEP_RX_GPE)))
		return call_gro_receive(eth_gro_receive, head, skb);

	inner = vtep_gro_inner(hdr, gro_find_receive_by_type);
	if (inner)
		return call_gro_receive(inner->callbacks.gro_receive, head,
					skb);
	*alone = true;
	return NULL;
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
	const u32 rx_flags = sock ? sock->rx_flags : 0;
	const unsigned int off = skb_gro_offset(skb);
	const struct vtep_hdr *hdr;
	struct sk_buff *done = NULL;
	struct gro_remcsum grc;
	bool alone;

	skb_gro_remcsum_init(&grc);
	hdr = vtep_gro_enter(skb, off, &grc, rx_flags);
	alone = !hdr;
	if (hdr) {
		vtep_gro_compare(head, hdr, off);
		done = vtep_gro_merge(head, skb, hdr, rx_flags, &alone);
	}
	skb_gro_flush_final_remcsum(skb, done, alone, &grc);
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

/**
 * vtep_gro_complete_gpe() - the same where the header says what follows
 * @sk: our socket
 * @skb: the packet
 * @nhoff: offset of the VXLAN header
 *
 * Context: NAPI.
 * Return: 0 or a negative error of an inner protocol.
 */
int vtep_gro_complete_gpe(struct sock *sk, struct sk_buff *skb, int nhoff)
{
	const struct vtep_hdr *hdr = (const void *)(skb->data + nhoff);
	const struct packet_offload *inner;

	inner = vtep_gro_inner(hdr, gro_find_complete_by_type);
	if (!inner)
		return -EPROTONOSUPPORT;
	return inner->callbacks.gro_complete(skb, nhoff + sizeof(*hdr));
}
