// SPDX-License-Identifier: GPL-2.0
/*
 * Generic protocol extension, draft-ietf-nvo3-vxlan-gpe: the header says what
 * follows it, which need not be an Ethernet frame.
 */
#include "vxlan_gpe.h"
#include "vxlan_hdr.h"

#include <net/tun_proto.h>

/**
 * vtep_gpe_carries() - is there a number for that protocol?
 * @protocol: EtherType, ETH_P_TEB for Ethernet frames
 *
 * Return: true if a header can announce it.
 */
bool vtep_gpe_carries(__be16 protocol)
{
	return tun_p_from_eth_p(protocol);
}

/**
 * vtep_gpe_push() - say in a header what follows
 * @hdr: the header
 * @protocol: one of which vtep_gpe_carries() is true
 */
void vtep_gpe_push(struct vtep_hdr *hdr, __be16 protocol)
{
	hdr->flags |= VTEP_FLAG_NEXT | cpu_to_be32(tun_p_from_eth_p(protocol));
}

/**
 * vtep_gpe_parse() - what does a received header announce?
 * @hdr: the header
 * @protocol: set to the EtherType of what follows
 *
 * Return: VTEP_OK; VTEP_RX_GPE_HEADER for a header without a protocol, of
 * another version, or of a packet that is meant for the VTEP itself (OAM);
 * VTEP_RX_GPE_PROTOCOL for a protocol that is not known.
 */
enum vtep_counter vtep_gpe_parse(const struct vtep_hdr *hdr, __be16 *protocol)
{
	if ((hdr->flags & VTEP_GPE_FLAGS) != VTEP_FLAG_NEXT)
		return VTEP_RX_GPE_HEADER;
	*protocol = tun_p_to_eth_p(be32_to_cpu(hdr->flags) & 0xff);
	return *protocol ? VTEP_OK : VTEP_RX_GPE_PROTOCOL;
}
