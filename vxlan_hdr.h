/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VXLAN header on the wire, RFC 7348 section 5. Pure functions: no
 * packet, no device, no lock.
 */
#ifndef VTEP_HDR_H
#define VTEP_HDR_H

#include <linux/bits.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#define VTEP_VNI_MAX		0xffffffU
#define VTEP_FLAG_VNI		cpu_to_be32(BIT(27))
#define VTEP_VNI_FIELD_MASK	cpu_to_be32(0xffffff00U)

/* Group policy, draft-smith-vxlan-group-policy: flag, id and two bits. */
#define VTEP_FLAG_GBP		cpu_to_be32(BIT(31))
#define VTEP_GBP_DONT_LEARN	BIT(22)
#define VTEP_GBP_APPLIED	BIT(19)
#define VTEP_GBP_ID_MASK	0xffffU
#define VTEP_GBP_MASK \
	(VTEP_GBP_DONT_LEARN | VTEP_GBP_APPLIED | VTEP_GBP_ID_MASK)
#define VTEP_GBP_USED \
	(VTEP_FLAG_GBP | cpu_to_be32(0xffffffU))

/*
 * Remote checksum, draft-herbert-vxlan-rco: flag, and in the last byte half of
 * where the checksum begins, counted from behind the header, and whether it is
 * that of UDP.
 */
#define VTEP_FLAG_RCO		cpu_to_be32(BIT(21))
#define VTEP_RCO_FIELD		cpu_to_be32(0xffU)
#define VTEP_RCO_UDP		0x80U
#define VTEP_RCO_START_MAX	(0x7fU << 1)

/*
 * Generic protocol extension, draft-ietf-nvo3-vxlan-gpe: version, "next
 * protocol" (in the last byte of the word) and OAM.
 */
#define VTEP_FLAG_VERSION	cpu_to_be32(BIT(29) | BIT(28))
#define VTEP_FLAG_NEXT		cpu_to_be32(BIT(26))
#define VTEP_FLAG_OAM		cpu_to_be32(BIT(24))
#define VTEP_GPE_FLAGS \
	(VTEP_FLAG_VERSION | VTEP_FLAG_NEXT | VTEP_FLAG_OAM)
#define VTEP_GPE_USED		(VTEP_GPE_FLAGS | cpu_to_be32(0xffU))

/* Outer UDP and VXLAN header together. */
#define VTEP_HLEN		16

/**
 * struct vtep_hdr - the VXLAN header
 * @flags: eight flag bits (only I, 0x08000000, is defined) and 24 reserved
 * @vni: VXLAN network identifier in the upper 24 bits, then 8 reserved
 */
struct vtep_hdr {
	__be32 flags;
	__be32 vni;
};

/* Host-order VNI from the second word of the header. */
static inline u32 vtep_hdr_vni(const struct vtep_hdr *hdr)
{
	return be32_to_cpu(hdr->vni) >> 8;
}

static inline void vtep_hdr_build(struct vtep_hdr *hdr, u32 vni)
{
	hdr->flags = VTEP_FLAG_VNI;
	hdr->vni = cpu_to_be32(vni << 8);
}

/* Group policy of a header with VTEP_FLAG_GBP, as skb->mark has it. */
static inline u32 vtep_hdr_gbp(const struct vtep_hdr *hdr)
{
	return be32_to_cpu(hdr->flags) & VTEP_GBP_MASK;
}

static inline void vtep_hdr_set_gbp(struct vtep_hdr *hdr, u32 gbp)
{
	if (gbp)
		hdr->flags |= VTEP_FLAG_GBP |
			      cpu_to_be32(gbp & VTEP_GBP_MASK);
}

/* Where the unfinished checksum of a header with VTEP_FLAG_RCO begins. */
static inline unsigned int vtep_hdr_rco_start(const struct vtep_hdr *hdr)
{
	return (be32_to_cpu(hdr->vni) & (VTEP_RCO_START_MAX >> 1)) << 1;
}

static inline bool vtep_hdr_rco_udp(const struct vtep_hdr *hdr)
{
	return be32_to_cpu(hdr->vni) & VTEP_RCO_UDP;
}

static inline void vtep_hdr_set_rco(struct vtep_hdr *hdr, unsigned int start,
				    bool udp)
{
	hdr->flags |= VTEP_FLAG_RCO;
	hdr->vni |= cpu_to_be32(start >> 1 | (udp ? VTEP_RCO_UDP : 0));
}

/* Any bit that plain VXLAN leaves reserved. */
static inline bool vtep_hdr_reserved(const struct vtep_hdr *hdr)
{
	return (hdr->flags & ~VTEP_FLAG_VNI) ||
	       (hdr->vni & ~VTEP_VNI_FIELD_MASK);
}

/* Any bit of a mask. */
static inline bool vtep_hdr_has(const struct vtep_hdr *hdr,
				const struct vtep_hdr *mask)
{
	return (hdr->flags & mask->flags) || (hdr->vni & mask->vni);
}

#endif /* VTEP_HDR_H */
