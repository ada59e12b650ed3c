// SPDX-License-Identifier: GPL-2.0
/*
 * Receive sockets. All devices of a namespace that use the same family, port,
 * VRF and receive options share one; its VNI table finds the device of a
 * packet. Sockets are not bound to an address or, but for a VRF, to an
 * interface: the core's GRO lookup wants them that way.
 */
#include "vxlan_sock.h"
#include "vxlan.h"
#include "vxlan_vnifilter.h"

#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/l3mdev.h>

static const struct rhashtable_params vtep_vni_params = {
	.head_offset = offsetof(struct vtep_vni, node.rhead),
	.key_offset = offsetof(struct vtep_vni, key),
	.key_len = sizeof(struct vtep_vni_key),
	.automatic_shrinking = true,
};

static const struct vtep_sock_ops *vtep_sock_ops;

/**
 * vtep_sock_set_ops() - name those who handle received packets
 * @ops: the handlers, for the module's lifetime
 *
 * Context: module init.
 */
void vtep_sock_set_ops(const struct vtep_sock_ops *ops)
{
	vtep_sock_ops = ops;
}

/* Of several devices the one that came last. */
static struct vtep_vni *vtep_sock_lookup(const struct vtep_sock *sock,
					 const struct vtep_vni_key *key)
{
	struct rhlist_head *found;

	found = rhltable_lookup((struct rhltable *)&sock->vnis, key,
				vtep_vni_params);
	return found ? container_of(found, struct vtep_vni, node) : NULL;
}

/**
 * vtep_sock_find_place() - whose is a received packet?
 * @sock: the socket it came through
 * @vni: its VNI, host order
 * @ifindex: the interface it came through
 *
 * Context: RCU.
 * Return: the place in the table, or NULL.
 */
const struct vtep_vni *vtep_sock_find_place(const struct vtep_sock *sock,
					    u32 vni, int ifindex)
{
	struct vtep_vni_key key = { .vni = vni };
	struct vtep_vni *found;

	/* An external device takes all that comes, unless it has a filter. */
	if ((sock->rx_flags & (VTEP_RX_METADATA | VTEP_RX_VNIFILTER)) ==
	    VTEP_RX_METADATA)
		key.vni = 0;
	found = vtep_sock_lookup(sock, &key);
	if (!found && READ_ONCE(sock->linklocal)) {
		key.ifindex = ifindex;
		found = vtep_sock_lookup(sock, &key);
	}
	return found;
}

/**
 * vtep_sock_find_vni() - the device of a received packet
 * @sock: the socket it came through
 * @vni: its VNI, host order
 * @ifindex: the interface it came through
 *
 * Context: RCU.
 * Return: the device, or NULL.
 */
struct vtep_dev *vtep_sock_find_vni(const struct vtep_sock *sock, u32 vni,
				    int ifindex)
{
	const struct vtep_vni *place = vtep_sock_find_place(sock, vni, ifindex);

	return place ? place->vtep : NULL;
}

/**
 * vtep_sock_find_port() - a socket like another one, but for its port
 * @sock: that one
 * @port: port, network order
 *
 * Context: RCU.
 * Return: the socket, which may be @sock itself, or NULL.
 */
const struct vtep_sock *vtep_sock_find_port(const struct vtep_sock *sock,
					    __be16 port)
{
	const struct vtep_sock *other;

	if (likely(sock->port == port))
		return sock;
	list_for_each_entry_rcu(other, &sock->vn->socks, list,
				rcu_read_lock_bh_held())
		if (other->port == port && other->family == sock->family &&
		    other->l3mdev == sock->l3mdev &&
		    other->rx_flags == sock->rx_flags)
			return other;
	return NULL;
}

static int vtep_sock_l3mdev(const struct vtep_dev *vtep,
			    const struct vtep_config *cfg)
{
	if (!cfg->ifindex)
		return 0;
	return l3mdev_master_upper_ifindex_by_index(vtep->net, cfg->ifindex);
}

static bool vtep_sock_fits(const struct vtep_sock *sock,
			   const struct vtep_config *cfg, u16 family,
			   int l3mdev)
{
	return sock->family == family && sock->port == cfg->port &&
	       sock->l3mdev == l3mdev &&
	       sock->rx_flags == vtep_config_rx_flags(cfg);
}

/* What network cards are told that the port carries. */
static unsigned short vtep_sock_type(const struct vtep_sock *sock)
{
	return sock->rx_flags & VTEP_RX_GPE ? UDP_TUNNEL_TYPE_VXLAN_GPE :
					      UDP_TUNNEL_TYPE_VXLAN;
}

static int vtep_sock_bind(struct vtep_sock *sock)
{
	struct udp_port_cfg udp = {
		.family = sock->family,
		.local_udp_port = sock->port,
		.bind_ifindex = sock->l3mdev,
		.ipv6_v6only = sock->family == AF_INET6,
		.use_udp6_rx_checksums = !(sock->rx_flags & VTEP_RX_ZERO_CSUM6),
	};
	struct udp_tunnel_sock_cfg tunnel = {
		.sk_user_data = sock,
		.encap_type = 1,
		.encap_rcv = vtep_sock_ops->rcv,
		.encap_err_lookup = vtep_sock_ops->err_lookup,
		.gro_receive = vtep_sock_ops->gro_receive,
		.gro_complete = vtep_sock_ops->gro_complete,
	};
	struct socket *socket;
	int err;

	if (sock->rx_flags & VTEP_RX_GPE)
		tunnel.gro_complete = vtep_sock_ops->gro_complete_gpe;
	err = udp_sock_create(sock->vn->net, &udp, &socket);
	if (err)
		return err;
	sock->sk = socket->sk;
	/* Aggregated packets inside the tunnel are not to be split here. */
	udp_allow_gso(sock->sk);
	setup_udp_tunnel_sock(sock->vn->net, sock->sk, &tunnel);
	udp_tunnel_notify_add_rx_port(sock->sk, vtep_sock_type(sock));
	return 0;
}

static struct vtep_sock *vtep_sock_create(struct vtep_net *vn,
					  const struct vtep_config *cfg,
					  u16 family, int l3mdev)
{
	struct vtep_sock *sock;
	int err;

	sock = kzalloc_obj(*sock);
	if (!sock)
		return ERR_PTR(-ENOMEM);
	sock->vn = vn;
	sock->family = family;
	sock->port = cfg->port;
	sock->l3mdev = l3mdev;
	sock->rx_flags = vtep_config_rx_flags(cfg);

	err = rhltable_init(&sock->vnis, &vtep_vni_params);
	if (err)
		goto free_sock;
	err = vtep_sock_bind(sock);
	if (err)
		goto destroy_vnis;
	list_add_rcu(&sock->list, &vn->socks);
	return sock;

destroy_vnis:
	rhltable_destroy(&sock->vnis);
free_sock:
	kfree(sock);
	return ERR_PTR(err);
}

static void vtep_sock_destroy(struct vtep_sock *sock)
{
	list_del_rcu(&sock->list);
	udp_tunnel_notify_del_rx_port(sock->sk, vtep_sock_type(sock));
	/* Those who send through it have read vtep_dev.sock before. */
	synchronize_net();
	udp_tunnel_sock_release(sock->sk);
	/* Those who receive from it have read sk_user_data before. */
	synchronize_net();
	rhltable_destroy(&sock->vnis);
	kfree(sock);
}

static struct vtep_sock *vtep_sock_get(struct vtep_net *vn,
				       const struct vtep_config *cfg,
				       u16 family, int l3mdev)
{
	struct vtep_sock *sock;

	list_for_each_entry(sock, &vn->socks, list)
		if (vtep_sock_fits(sock, cfg, family, l3mdev))
			goto found;
	sock = vtep_sock_create(vn, cfg, family, l3mdev);
	if (IS_ERR(sock))
		return sock;
found:
	sock->users++;
	return sock;
}

static void vtep_sock_put(struct vtep_sock *sock)
{
	if (!--sock->users)
		vtep_sock_destroy(sock);
}

static struct vtep_vni_key vtep_vni_key(const struct vtep_config *cfg)
{
	return (struct vtep_vni_key) {
		.vni = cfg->metadata ? 0 : cfg->vni,
		.ifindex = vtep_config_linklocal(cfg) ? cfg->ifindex : 0,
	};
}

/*
 * Two external devices of one port, one over IPv4 and one over IPv6, have the
 * same place: the last one that came up gets the packets. @cfg is NULL for a
 * VNI of a filter, which has one place only.
 */
static bool vtep_vni_taken(const struct vtep_vni *vni,
			   const struct vtep_config *cfg)
{
	struct rhlist_head *list, *at;
	struct vtep_vni *other;
	bool taken = false;

	rcu_read_lock();
	list = rhltable_lookup(&vni->sock->vnis, &vni->key, vtep_vni_params);
	rhl_for_each_entry_rcu(other, at, list, node)
		taken |= !cfg || !cfg->metadata ||
			 vtep_cfg_rtnl(other->vtep)->family == cfg->family;
	rcu_read_unlock();
	return taken;
}

static int vtep_vni_insert(struct vtep_vni *vni, const struct vtep_config *cfg)
{
	struct vtep_sock *sock = vni->sock;
	int err;

	if (vtep_vni_taken(vni, cfg)) {
		if (!cfg || !cfg->metadata)
			return -EEXIST;
		/* It has a VNI, for no good: the one without gets them all. */
		if (cfg->vni)
			return 0;
	}
	err = rhltable_insert(&sock->vnis, &vni->node, vtep_vni_params);
	if (err)
		return err;
	vni->listed = true;
	rcu_assign_pointer(sock->only, sock->places++ ? NULL : vni);
	if (vni->key.ifindex)
		WRITE_ONCE(sock->linklocal, sock->linklocal + 1);
	return 0;
}

static void vtep_vni_erase(struct vtep_vni *vni)
{
	struct vtep_sock *sock = vni->sock;

	if (!vni->listed)
		return;
	if (vni->key.ifindex)
		WRITE_ONCE(sock->linklocal, sock->linklocal - 1);
	sock->places--;
	RCU_INIT_POINTER(sock->only, NULL);
	rhltable_remove(&sock->vnis, &vni->node, vtep_vni_params);
}

/**
 * vtep_vni_open() - receive what is sent to a device's VNI
 * @vtep: the device
 * @cfg: configuration to do it by, not yet the device's present one perhaps
 * @family: address family to receive over
 *
 * A device with a VNI filter gets the socket, but nothing as yet that comes
 * through it: vtep_vni_add().
 *
 * Context: RTNL, may sleep.
 * Return: the place in a socket's VNI table; -EAFNOSUPPORT without that family;
 * -EADDRINUSE when the port is
 * taken by somebody with other receive options; -EEXIST when the VNI is;
 * -ENOMEM.
 */
struct vtep_vni *vtep_vni_open(struct vtep_dev *vtep,
			       const struct vtep_config *cfg, u16 family)
{
	struct vtep_vni *vni;
	int err;

	ASSERT_RTNL();

	if (family == AF_INET6 && !IS_ENABLED(CONFIG_IPV6))
		return ERR_PTR(-EAFNOSUPPORT);

	vni = kzalloc_obj(*vni);
	if (!vni)
		return ERR_PTR(-ENOMEM);
	vni->key = vtep_vni_key(cfg);
	vni->vtep = vtep;
	vni->sock = vtep_sock_get(vtep_net(vtep->net), cfg, family,
				  vtep_sock_l3mdev(vtep, cfg));
	if (IS_ERR(vni->sock)) {
		err = PTR_ERR(vni->sock);
		goto free_vni;
	}
	err = cfg->vnifilter ? 0 : vtep_vni_insert(vni, cfg);
	if (err)
		goto put_sock;
	return vni;

put_sock:
	vtep_sock_put(vni->sock);
free_vni:
	kfree(vni);
	return ERR_PTR(err);
}

/**
 * vtep_vni_close() - receive no more
 * @vni: what vtep_vni_open() returned; vtep_dev.sock does not lead to its
 *	socket any more
 *
 * Packets that were found to be the device's may still be on their way to it
 * until a grace period has passed.
 *
 * Context: RTNL, may sleep.
 */
void vtep_vni_close(struct vtep_vni *vni)
{
	struct vtep_sock *sock = vni->sock;

	ASSERT_RTNL();

	vtep_vni_erase(vni);
	kfree_rcu(vni, rcu);
	vtep_sock_put(sock);
}

/**
 * vtep_vni_add() - receive what is sent to a VNI of a filter
 * @home: the device's own place in the socket, which has it open
 * @filter: the VNI
 *
 * Context: RTNL, may sleep.
 * Return: the place, to be given to vtep_vni_remove() before @home is closed;
 * -EEXIST when the VNI is taken; -ENOMEM.
 */
struct vtep_vni *vtep_vni_add(const struct vtep_vni *home,
			      struct vtep_filter_vni *filter)
{
	struct vtep_vni *vni;
	int err;

	ASSERT_RTNL();

	vni = kzalloc_obj(*vni);
	if (!vni)
		return ERR_PTR(-ENOMEM);
	vni->key.vni = filter->vni;
	vni->filter = filter;
	vni->vtep = home->vtep;
	vni->sock = home->sock;
	err = vtep_vni_insert(vni, NULL);
	if (!err)
		return vni;
	kfree(vni);
	return ERR_PTR(err);
}

/**
 * vtep_vni_remove() - receive no more for a VNI of a filter
 * @vni: what vtep_vni_add() returned
 *
 * Context: RTNL.
 */
void vtep_vni_remove(struct vtep_vni *vni)
{
	ASSERT_RTNL();

	vtep_vni_erase(vni);
	kfree_rcu(vni, rcu);
}

/**
 * vtep_vni_fits() - would vtep_vni_open() give the same place again?
 * @vni: the place a device has
 * @cfg: a configuration for the same device
 *
 * Context: RTNL.
 * Return: true if nothing needs to be opened for @cfg.
 */
bool vtep_vni_fits(const struct vtep_vni *vni, const struct vtep_config *cfg)
{
	struct vtep_vni_key key = vtep_vni_key(cfg);

	return !memcmp(&vni->key, &key, sizeof(key)) &&
	       vtep_sock_fits(vni->sock, cfg, vni->sock->family,
			      vtep_sock_l3mdev(vni->vtep, cfg));
}

/**
 * vtep_sock_offload_ports() - tell a network card which ports carry VXLAN
 * @dev: the card's device
 * @push: true when it asks for them, false when it forgets them
 *
 * Context: RTNL, from NETDEV_UDP_TUNNEL_{PUSH,DROP}_INFO.
 */
void vtep_sock_offload_ports(struct net_device *dev, bool push)
{
	struct vtep_sock *sock;

	list_for_each_entry(sock, &vtep_net(dev_net(dev))->socks, list) {
		if (push)
			udp_tunnel_push_rx_port(dev, sock->sk,
						vtep_sock_type(sock));
		else
			udp_tunnel_drop_rx_port(dev, sock->sk,
						vtep_sock_type(sock));
	}
}
