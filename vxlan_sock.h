/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Receive sockets, shared by all devices of a port, and the VNI table of each.
 */
#ifndef VTEP_SOCK_H
#define VTEP_SOCK_H

#include <linux/rhashtable-types.h>
#include <net/udp_tunnel.h>

struct net_device;
struct vtep_config;
struct vtep_dev;
struct vtep_filter_vni;
struct vtep_net;
struct vtep_vni;

/**
 * struct vtep_sock - a UDP socket that receives VXLAN packets
 * @list: in vtep_net.socks; readers RCU, writers RTNL
 * @sk: the socket; also what packets are sent from
 * @vn: the namespace
 * @vnis: struct vtep_vni by VNI and, for IPv6 link-local underlays,
 *	interface, the last one first; readers RCU, writers RTNL
 * @only: the one place in @vnis, or NULL when there are several, or were;
 *	readers RCU, writers RTNL
 * @places: how many there are in @vnis; RTNL
 * @linklocal: how many of @vnis have an interface; writers RTNL
 * @users: how many devices; RTNL
 * @l3mdev: VRF the socket is bound to, 0 = none
 * @family: AF_INET or AF_INET6
 * @port: UDP port, network order
 * @rx_flags: VTEP_RX_*, what its devices have in common
 */
struct vtep_sock {
	struct list_head list;
	struct sock *sk;
	struct vtep_net *vn;
	struct vtep_vni __rcu *only;
	struct rhltable vnis;
	u32 places;
	u32 linklocal;
	u32 users;
	int l3mdev;
	u16 family;
	__be16 port;
	u32 rx_flags;
};

/**
 * struct vtep_vni_key - what a received packet's device is found by
 * @vni: host order
 * @ifindex: 0, or the interface of an IPv6 link-local underlay
 */
struct vtep_vni_key {
	u32 vni;
	int ifindex;
};

/**
 * struct vtep_vni - a device's place in the VNI table of a socket
 * @node: in vtep_sock.vnis
 * @key: constant
 * @listed: it is in the table; the socket's user with a VNI filter is not, its
 *	VNIs are; constant
 * @filter: the VNI in the filter of the device, or NULL; constant
 * @vtep: the device
 * @sock: the socket
 * @rcu: frees it after the last reader
 */
struct vtep_vni {
	struct rhlist_head node;
	struct vtep_vni_key key;
	bool listed;
	struct vtep_filter_vni *filter;
	struct vtep_dev *vtep;
	struct vtep_sock *sock;
	struct rcu_head rcu;
};

/**
 * struct vtep_sock_ops - who handles what a socket receives
 * @rcv: a packet
 * @err_lookup: an ICMP error: is the packet it quotes one of ours?
 * @gro_receive: aggregation, see <net/gro.h>
 * @gro_complete: its end
 * @gro_complete_gpe: the same for sockets with VTEP_RX_GPE
 */
struct vtep_sock_ops {
	udp_tunnel_encap_rcv_t rcv;
	udp_tunnel_encap_err_lookup_t err_lookup;
	udp_tunnel_gro_receive_t gro_receive;
	udp_tunnel_gro_complete_t gro_complete;
	udp_tunnel_gro_complete_t gro_complete_gpe;
};

void vtep_sock_set_ops(const struct vtep_sock_ops *ops);

struct vtep_vni *vtep_vni_open(struct vtep_dev *vtep,
			       const struct vtep_config *cfg, u16 family);
void vtep_vni_close(struct vtep_vni *vni);
struct vtep_vni *vtep_vni_add(const struct vtep_vni *home,
			      struct vtep_filter_vni *filter);
void vtep_vni_remove(struct vtep_vni *vni);
bool vtep_vni_fits(const struct vtep_vni *vni, const struct vtep_config *cfg);
const struct vtep_vni *vtep_sock_find_place(const struct vtep_sock *sock,
					    u32 vni, int ifindex);
struct vtep_dev *vtep_sock_find_vni(const struct vtep_sock *sock, u32 vni,
				    int ifindex);
const struct vtep_sock *vtep_sock_find_port(const struct vtep_sock *sock,
					    __be16 port);
void vtep_sock_offload_ports(struct net_device *dev, bool push);

/**
 * vtep_sock_place() - whose is a received packet? The short way
 * @sock: the socket it came through
 * @vni: its VNI, host order
 * @ifindex: the interface it came through
 *
 * A socket of one device needs no search.
 *
 * Context: BH disabled, RCU.
 * Return: what vtep_sock_find_place() returns.
 */
static inline const struct vtep_vni *
vtep_sock_place(const struct vtep_sock *sock, u32 vni, int ifindex)
{
	const struct vtep_vni *only = rcu_dereference_bh(sock->only);

	if (likely(only && only->key.vni == vni && !only->key.ifindex))
		return only;
	return vtep_sock_find_place(sock, vni, ifindex);
}

#endif /* VTEP_SOCK_H */
