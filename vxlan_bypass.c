// SPDX-License-Identifier: GPL-2.0
/*
 * Local bypass: what goes to an address of this host is handed to the device
 * that would receive it there. Without ("nolocalbypass") it is encapsulated
 * and sent to that address, where a program may be the VTEP.
 */
#include "vxlan_bypass.h"
#include "vxlan.h"
#include "vxlan_encap.h"
#include "vxlan_metadata.h"
#include "vxlan_remote.h"
#include "vxlan_rx.h"
#include "vxlan_sock.h"

#include <linux/etherdevice.h>

/*
 * Where the sender's address is learned: on this host. With the port and VNI of
 * the sending device, else the answer would come back to the one that sends it.
 */
static struct vtep_addr vtep_bypass_source(u16 family)
{
	return family == AF_INET6 ? vtep_addr_v6(&in6addr_loopback) :
				    vtep_addr_v4(htonl(INADDR_LOOPBACK));
}

static void vtep_bypass_leave(const struct vtep_tx *tx, struct sk_buff *skb,
			      const struct vtep_dev *to)
{
	struct net_device *dev = tx->vtep->dev;

	dev_sw_netstats_tx_add(dev, 1, skb->len);
	/* Reception may merge it with packets of other senders. */
	skb_orphan(skb);
	skb->encapsulation = 0;
	skb_scrub_packet(skb, !net_eq(dev_net(dev), dev_net(to->dev)));
}

/**
 * vtep_bypass() - hand a frame over to a local VTEP
 * @tx: what sends it, and where to: to a local address
 * @skb: the frame, private to the caller
 *
 * Context: BH disabled, RCU.
 * Return: VTEP_COUNTERS when the packet was consumed; VTEP_TX_NO_LOCAL_VNI when
 * nobody here serves that VNI and port.
 */
enum vtep_counter vtep_bypass(const struct vtep_tx *tx, struct sk_buff *skb)
{
	const struct vtep_peer_key *peer = &tx->peer->key;
	const struct vtep_dest from = {
		.peer.addr = vtep_bypass_source(peer->addr.family),
		.vni = tx->vni,
		.port = tx->cfg->port,
	};
	const struct vtep_sock *sock;
	struct vtep_dev *to = NULL;

	sock = vtep_sock_find_port(tx->sock, tx->dport);
	if (sock)
		to = vtep_sock_find_vni(sock, tx->wire_vni, peer->ifindex);
	if (!to)
		return VTEP_TX_NO_LOCAL_VNI;

	vtep_bypass_leave(tx, skb, to);
	vtep_rx_local(to, skb, &from, tx->wire_vni);
	return VTEP_COUNTERS;
}

/**
 * vtep_bypass_back() - let a frame come back to where it came from
 * @tx: the device that was to send it
 * @skb: the frame. Nothing is learned from it.
 *
 * Context: BH disabled, RCU.
 * Return: VTEP_OK when the frame was consumed, VTEP_TX_NOMEM.
 */
enum vtep_counter vtep_bypass_back(const struct vtep_tx *tx,
				   struct sk_buff *skb)
{
	struct metadata_dst *described = NULL;

	/* A bridge needs the VNI of the frame to know its VLAN. */
	if (tx->cfg->metadata && skb_metadata_dst(skb)) {
		if (!vtep_info_describe(skb))
			return VTEP_TX_NOMEM;
		described = skb_metadata_dst(skb);
		dst_hold(&described->dst);
	}
	vtep_bypass_leave(tx, skb, tx->vtep);
	if (described)
		skb_dst_set(skb, &described->dst);
	vtep_rx_local(tx->vtep, skb, NULL, tx->vni);
	return VTEP_OK;
}
