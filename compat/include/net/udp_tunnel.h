/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UDP tunnels are made of struct sock, formerly of struct socket, and the
 * functions that send take flags for the control block.
 */
#ifndef COMPAT_NET_UDP_TUNNEL_H
#define COMPAT_NET_UDP_TUNNEL_H

#include_next <net/udp_tunnel.h>

/*
 * One of these functions after the other was converted, and stable releases
 * took over some of the conversions only.
 */

#if !HAVE_UDP_TUNNEL_SETUP_SOCK
static inline void vtep_setup_udp_tunnel_sock(struct net *net, struct sock *sk,
					      struct udp_tunnel_sock_cfg *cfg)
{
	setup_udp_tunnel_sock(net, sk->sk_socket, cfg);
}

#define setup_udp_tunnel_sock		vtep_setup_udp_tunnel_sock
#endif

#if !HAVE_UDP_TUNNEL_RELEASE_SOCK
static inline void vtep_udp_tunnel_sock_release(struct sock *sk)
{
	udp_tunnel_sock_release(sk->sk_socket);
}

#define udp_tunnel_sock_release		vtep_udp_tunnel_sock_release
#endif

#if !HAVE_UDP_TUNNEL_PUSH_SOCK
static inline void
vtep_udp_tunnel_push_rx_port(struct net_device *dev, struct sock *sk,
			     unsigned short type)
{
	udp_tunnel_push_rx_port(dev, sk->sk_socket, type);
}

static inline void
vtep_udp_tunnel_drop_rx_port(struct net_device *dev, struct sock *sk,
			     unsigned short type)
{
	udp_tunnel_drop_rx_port(dev, sk->sk_socket, type);
}

#define udp_tunnel_push_rx_port		vtep_udp_tunnel_push_rx_port
#define udp_tunnel_drop_rx_port		vtep_udp_tunnel_drop_rx_port
#endif

#if !HAVE_UDP_TUNNEL_NOTIFY_SOCK
static inline void
vtep_udp_tunnel_notify_add_rx_port(struct sock *sk, unsigned short type)
{
	udp_tunnel_notify_add_rx_port(sk->sk_socket, type);
}

static inline void
vtep_udp_tunnel_notify_del_rx_port(struct sock *sk, unsigned short type)
{
	udp_tunnel_notify_del_rx_port(sk->sk_socket, type);
}

#define udp_tunnel_notify_add_rx_port	vtep_udp_tunnel_notify_add_rx_port
#define udp_tunnel_notify_del_rx_port	vtep_udp_tunnel_notify_del_rx_port
#endif

/* What says no to any value but 0 where the core cannot. */
#if HAVE_UDP_TUNNEL_IPCB_FLAGS
#define VTEP_NO_MC_ROUTE NULL
#else
#define VTEP_NO_MC_ROUTE "Multicast routing of the underlay needs Linux 6.17"
#endif

#if !HAVE_UDP_TUNNEL_IPCB_FLAGS
/* The flags say how to multicast, which these kernels cannot do. */
#define IPSKB_MCROUTE			0
#define IP6SKB_MCROUTE			0

static inline void
vtep_udp_tunnel_xmit_skb(struct rtable *rt, struct sock *sk,
			 struct sk_buff *skb, __be32 src, __be32 dst,
			 __u8 tos, __u8 ttl, __be16 df, __be16 src_port,
			 __be16 dst_port, bool xnet, bool nocheck,
			 u16 ipcb_flags)
{
	udp_tunnel_xmit_skb(rt, sk, skb, src, dst, tos, ttl, df, src_port,
			    dst_port, xnet, nocheck);
}

#define udp_tunnel_xmit_skb		vtep_udp_tunnel_xmit_skb
#endif

#if !HAVE_UDP_TUNNEL6_IPCB_FLAGS
/* The addresses were not always const, but are only read. */
static inline void
vtep_udp_tunnel6_xmit_skb(struct dst_entry *dst, struct sock *sk,
			  struct sk_buff *skb, struct net_device *dev,
			  const struct in6_addr *saddr,
			  const struct in6_addr *daddr, __u8 prio, __u8 ttl,
			  __be32 label, __be16 src_port, __be16 dst_port,
			  bool nocheck, u16 ip6cb_flags)
{
	udp_tunnel6_xmit_skb(dst, sk, skb, dev, (struct in6_addr *)saddr,
			     (struct in6_addr *)daddr, prio, ttl, label,
			     src_port, dst_port, nocheck);
}

#define udp_tunnel6_xmit_skb		vtep_udp_tunnel6_xmit_skb
#endif

#if !HAVE_UDP_TUNNEL_PARTIAL
/* No partial segmentation of what is encapsulated twice. */
static inline bool udp_tunnel_handle_partial(struct sk_buff *skb)
{
	return false;
}

static inline void udp_tunnel_set_inner_protocol(struct sk_buff *skb,
						 bool double_encap,
						 __be16 inner_proto)
{
	skb_set_inner_protocol(skb, inner_proto);
}
#endif

/* The description of a received packet, which has a tunnel id. */
static inline struct metadata_dst *
vtep_udp_tun_rx_dst(struct sk_buff *skb, unsigned short family,
		    __be64 tunnel_id, int md_size)
{
#if HAVE_IP_TUNNEL_FLAGS_BITMAP
	IP_TUNNEL_DECLARE_FLAGS(flags) = { };

	__set_bit(IP_TUNNEL_KEY_BIT, flags);
	return udp_tun_rx_dst(skb, family, flags, tunnel_id, md_size);
#else
	return udp_tun_rx_dst(skb, family, TUNNEL_KEY, tunnel_id, md_size);
#endif
}

#endif /* COMPAT_NET_UDP_TUNNEL_H */
