/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A function for received packets, and drop reasons. They are no ABI: where one
 * is missing, the nearest that the kernel has is reported instead.
 */
#ifndef COMPAT_LINUX_SKBUFF_H
#define COMPAT_LINUX_SKBUFF_H

#include_next <linux/skbuff.h>

#if !HAVE_SKB_UNSET_TRANSPORT_HEADER
static inline void skb_unset_transport_header(struct sk_buff *skb)
{
	skb->transport_header = (typeof(skb->transport_header))~0U;
}
#endif

#if !HAVE_DROP_REASONS_VXLAN
#define SKB_DROP_REASON_VXLAN_INVALID_HDR	SKB_DROP_REASON_HDR_TRUNC
#define SKB_DROP_REASON_VXLAN_VNI_NOT_FOUND	SKB_DROP_REASON_NO_SOCKET
#define SKB_DROP_REASON_VXLAN_ENTRY_EXISTS	SKB_DROP_REASON_NOT_SPECIFIED
#define SKB_DROP_REASON_MAC_INVALID_SOURCE	SKB_DROP_REASON_NOT_SPECIFIED
#define SKB_DROP_REASON_NO_TX_TARGET		SKB_DROP_REASON_NOT_SPECIFIED
#define SKB_DROP_REASON_IP_TUNNEL_ECN		SKB_DROP_REASON_IP_INHDR
#define SKB_DROP_REASON_TUNNEL_TXINFO		SKB_DROP_REASON_NOT_SPECIFIED
#define SKB_DROP_REASON_LOCAL_MAC		SKB_DROP_REASON_NOT_SPECIFIED
#endif

#endif /* COMPAT_LINUX_SKBUFF_H */
