/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The outer IP and UDP headers, and out.
 */
#ifndef VTEP_OUTPUT_H
#define VTEP_OUTPUT_H

#include <linux/types.h>

struct sk_buff;
struct sock;
struct vtep_addr;
struct vtep_via;

/**
 * struct vtep_output - what the outer IP and UDP headers say
 * @via: route and source address
 * @sk: socket that sends
 * @daddr: destination address
 * @sport: UDP source port
 * @dport: UDP destination port
 * @label: IPv6 flow label
 * @mtu: of the route
 * @flags: for the control block of the IP layer
 * @tos: DS field
 * @ttl: TTL or hop limit
 * @df: IPv4 DF bit
 * @csum: UDP checksum
 * @xnet: the packet goes to another namespace
 */
struct vtep_output {
	struct vtep_via *via;
	struct sock *sk;
	const struct vtep_addr *daddr;
	__be16 sport;
	__be16 dport;
	__be32 label;
	u32 mtu;
	u16 flags;
	u8 tos;
	u8 ttl;
	bool df;
	bool csum;
	bool xnet;
};

bool vtep_output_v4(const struct vtep_output *out, struct sk_buff *skb,
		    bool shortcut);
bool vtep_output_v6(const struct vtep_output *out, struct sk_buff *skb,
		    bool shortcut);

#endif /* VTEP_OUTPUT_H */
