/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Network devices: two properties that were flags, what segmentation can do,
 * what polling holds, and the operations on the forwarding table.
 *
 * An operation of the driver has the newest shape. Where the kernel wants an
 * older one, a macro with arguments gives the driver's function, where it is
 * declared and defined, a name that ends in _7_3. Where its plain name stands
 * in a table of operations the macro does not apply, and so the thunk of that
 * name gets there.
 */
#ifndef COMPAT_LINUX_NETDEVICE_H
#define COMPAT_LINUX_NETDEVICE_H

#include_next <linux/netdevice.h>

/* The device transmits without the core's lock. */
static inline void vtep_netdev_set_lltx(struct net_device *dev)
{
#if HAVE_NETDEV_LLTX
	dev->lltx = true;
#else
	dev->features |= NETIF_F_LLTX;
#endif
}

/* "ip link set DEV protodown on" is possible. */
static inline void vtep_netdev_set_change_proto_down(struct net_device *dev)
{
#if HAVE_NETDEV_CHANGE_PROTO_DOWN
	dev->change_proto_down = true;
#else
	dev->priv_flags |= IFF_CHANGE_PROTO_DOWN;
#endif
}

/*
 * The device takes packets that are encapsulated already without finishing
 * them first, and those of more than 64 KB (BIG TCP); segmenting the former in
 * part is possible, and off until somebody asks for it.
 */
static inline void vtep_netdev_set_large_gso(struct net_device *dev)
{
#if HAVE_UDP_TUNNEL_PARTIAL
	dev->hw_features |= NETIF_F_GSO_ENCAP_ALL | NETIF_F_GSO_PARTIAL;
	dev->hw_enc_features |= dev->hw_features;
	dev->gso_partial_features = NETIF_F_GSO_ENCAP_ALL;
	dev->mangleid_features = NETIF_F_GSO_PARTIAL;
	netif_set_tso_max_size(dev, GSO_MAX_SIZE);
#endif
}

/* Has it packets that it has not handed over, to be merged or with others? */
static inline bool vtep_napi_holds(const struct napi_struct *napi)
{
#if HAVE_GRO_NODE
	return napi->gro.bitmask || napi->gro.rx_count;
#else
	return napi->gro_bitmask || napi->rx_count;
#endif
}

#if !HAVE_NDO_FDB_NOTIFIED
int vtep_fdb_nl_add_7_3(struct ndmsg *ndm, struct nlattr *tb[],
			struct net_device *dev, const unsigned char *addr,
			u16 vid, u16 flags, bool *notified,
			struct netlink_ext_ack *extack);
int vtep_fdb_nl_del_7_3(struct ndmsg *ndm, struct nlattr *tb[],
			struct net_device *dev, const unsigned char *addr,
			u16 vid, bool *notified,
			struct netlink_ext_ack *extack);

/* Whatever was notified, the core sends its own notification as well. */
static inline int vtep_fdb_nl_add(struct ndmsg *ndm, struct nlattr *tb[],
				  struct net_device *dev,
				  const unsigned char *addr, u16 vid, u16 flags,
				  struct netlink_ext_ack *extack)
{
	bool notified = false;

	return vtep_fdb_nl_add_7_3(ndm, tb, dev, addr, vid, flags, &notified,
				   extack);
}

static inline int vtep_fdb_nl_del(struct ndmsg *ndm, struct nlattr *tb[],
				  struct net_device *dev,
				  const unsigned char *addr, u16 vid,
				  struct netlink_ext_ack *extack)
{
	bool notified = false;

	return vtep_fdb_nl_del_7_3(ndm, tb, dev, addr, vid, &notified, extack);
}

#define vtep_fdb_nl_add(...)		vtep_fdb_nl_add_7_3(__VA_ARGS__)
#define vtep_fdb_nl_del(...)		vtep_fdb_nl_del_7_3(__VA_ARGS__)
#endif /* !HAVE_NDO_FDB_NOTIFIED */

#if !HAVE_NDO_FDB_DEL_BULK_NLMSG
int vtep_fdb_nl_flush(const struct ndmsg *ndm, struct nlattr *tb[],
		      struct net_device *dev, struct netlink_ext_ack *extack);

/* The core has parsed the message, by a policy that knows few attributes. */
static inline int vtep_fdb_nl_del_bulk(struct ndmsg *ndm, struct nlattr *tb[],
				       struct net_device *dev, u16 vid,
				       struct netlink_ext_ack *extack)
{
	return vtep_fdb_nl_flush(ndm, tb, dev, extack);
}

#define vtep_fdb_nl_del_bulk(...)	vtep_fdb_nl_del_bulk_7_3(__VA_ARGS__)
#endif /* !HAVE_NDO_FDB_DEL_BULK_NLMSG */

/*
 * The operations on the multicast database in struct net_device_ops. An older
 * kernel has none: there is nothing to hook the driver's functions to.
 */
#if HAVE_NDO_MDB
#define VTEP_NDO_MDB(add, del, del_bulk, dump, get)	\
	.ndo_mdb_add = add,				\
	.ndo_mdb_del = del,				\
	.ndo_mdb_del_bulk = del_bulk,			\
	.ndo_mdb_dump = dump,				\
	.ndo_mdb_get = get,
#else
#define VTEP_NDO_MDB(add, del, del_bulk, dump, get)
#endif

#endif /* COMPAT_LINUX_NETDEVICE_H */
