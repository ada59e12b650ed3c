// SPDX-License-Identifier: GPL-2.0
/*
 * The last step of reception. A frame waits in a queue of this CPU until a
 * poll merges it with its like (GRO) and hands it over; a stack of tunnels
 * does not become a stack of function calls that way. A frame that nothing can
 * be merged with goes up at once, if it does not overtake another one.
 *
 * The queues of the core (gro_cells) do the same, but do not say whether
 * something waits in them, and send shared packets another way, so that these
 * and others change places.
 */
#include "vxlan_cell.h"
#include "vxlan_config.h"

#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/udp.h>
#include <net/busy_poll.h>
#include <net/hotdata.h>
#include <net/ip.h>
#include <net/net_namespace.h>
#include <net/udp.h>

/**
 * struct vtep_cell - one CPU's way up the stack
 * @queue: what has arrived. Its lock is there for threaded polling, which can
 *	run on any CPU, and for PREEMPT_RT, where packets are received by
 *	several tasks of one CPU.
 * @taken: what the poll has taken from there; nobody else's
 * @napi: the poll
 */
struct vtep_cell {
	struct sk_buff_head queue;
	struct sk_buff_head taken;
	struct napi_struct napi;
};

/* How many tunnels this CPU is inside of by going up straight. */
static DEFINE_PER_CPU(int, vtep_cell_depth);

/* Polling */

static struct sk_buff *vtep_cell_next(struct vtep_cell *cell)
{
	if (skb_queue_empty(&cell->taken)) {
		spin_lock(&cell->queue.lock);
		skb_queue_splice_init(&cell->queue, &cell->taken);
		spin_unlock(&cell->queue.lock);
	}
	return __skb_dequeue(&cell->taken);
}

/*
 * Merging writes to a packet. A shared one goes on alone, but behind those
 * that are held: it is made private if there are any, and memory.
 */
static void vtep_cell_merge(struct napi_struct *napi, struct sk_buff *skb)
{
	if (unlikely(skb_cloned(skb)) &&
	    (!vtep_napi_holds(napi) || skb_unclone(skb, GFP_ATOMIC))) {
		skb_mark_napi_id(skb, napi);
		netif_receive_skb(skb);
		return;
	}
	napi_gro_receive(napi, skb);
}

/* Netpoll asks with a budget of 0: there is nothing to be done for it. */
static int vtep_cell_poll(struct napi_struct *napi, int budget)
{
	struct vtep_cell *cell = container_of(napi, struct vtep_cell, napi);
	struct sk_buff *skb;
	int done;

	for (done = 0; done < budget; done++) {
		skb = vtep_cell_next(cell);
		if (!skb) {
			napi_complete_done(napi, done);
			break;
		}
		vtep_cell_merge(napi, skb);
	}
	return done;
}

/**
 * vtep_cell_receive() - queue a frame for its way up
 * @cells: of the device it is received by
 * @skb: the frame, from behind its Ethernet header on
 *
 * Context: BH disabled, RCU.
 * Return: VTEP_OK and @skb is consumed; VTEP_RX_DOWN when the device is not up
 * (it may be about to); VTEP_RX_BACKLOG when too many are waiting already, as
 * many again as the poll may have taken.
 */
enum vtep_counter vtep_cell_receive(struct vtep_cell __percpu *cells,
				    struct sk_buff *skb)
{
	unsigned int max = READ_ONCE(net_hotdata.max_backlog);
	struct vtep_cell *cell = this_cpu_ptr(cells);
	bool first;

	if (unlikely(!(skb->dev->flags & IFF_UP)))
		return VTEP_RX_DOWN;
	skb_unset_transport_header(skb);

	spin_lock(&cell->queue.lock);
	if (unlikely(skb_queue_len(&cell->queue) > max)) {
		spin_unlock(&cell->queue.lock);
		return VTEP_RX_BACKLOG;
	}
	first = skb_queue_empty(&cell->queue);
	__skb_queue_tail(&cell->queue, skb);
	spin_unlock(&cell->queue.lock);

	/* Asked for while it polls, the poll comes once more. */
	if (first)
		napi_schedule(&cell->napi);
	return VTEP_OK;
}

/* Going up straight */

/*
 * Has all that came before gone up? From the first packet in an empty queue to
 * the last that a poll hands over the poll is scheduled; with a timeout
 * (gro_flush_timeout) packets are held even longer. What a thread is to poll
 * is left to the thread. On PREEMPT_RT another task of this CPU can queue a
 * packet right after: not one of the same flow, which comes through one task.
 */
static bool vtep_cell_idle(struct vtep_cell *cell)
{
	return skb_queue_empty_lockless(&cell->queue) &&
	       !(READ_ONCE(cell->napi.state) &
		 (NAPIF_STATE_SCHED | NAPIF_STATE_THREADED)) &&
	       !vtep_napi_holds(&cell->napi);
}

/*
 * Datagrams are merged for a socket that wants it, which is looked for by the
 * port, or for a device that wants it. A BPF program can choose a socket of
 * any port.
 */
static bool vtep_cell_merges_port(const struct net_device *dev, __be16 port)
{
	struct net *net = dev_net(dev);
	const struct udp_hslot *slot;

	if (dev->features & (NETIF_F_GRO_UDP_FWD | NETIF_F_GRO_FRAGLIST) ||
	    rcu_access_pointer(net->bpf.run_array[NETNS_BPF_SK_LOOKUP]))
		return true;
	slot = udp_hashslot(vtep_udp_table(net), net, ntohs(port));
	return READ_ONCE(slot->count);
}

/* @offset: of the UDP header, which may not have arrived. */
static bool vtep_cell_merges_udp(struct sk_buff *skb, unsigned int offset)
{
	const struct udphdr *udp;

	if (unlikely(!pskb_may_pull(skb, offset + sizeof(*udp))))
		return true;
	udp = (const struct udphdr *)(skb->data + offset);
	return vtep_cell_merges_port(skb->dev, udp->dest);
}

/* The transport protocol, or -1 if it is not right behind the header. */
static int vtep_cell_proto_ip4(struct sk_buff *skb)
{
	const struct iphdr *ip;

	if (unlikely(!pskb_may_pull(skb, sizeof(*ip))))
		return -1;
	ip = (const struct iphdr *)skb->data;
	return ip->ihl == 5 && !ip_is_fragment(ip) ? ip->protocol : -1;
}

static int vtep_cell_proto_ip6(struct sk_buff *skb)
{
	if (unlikely(!pskb_may_pull(skb, sizeof(struct ipv6hdr))))
		return -1;
	return ((const struct ipv6hdr *)skb->data)->nexthdr;
}

/*
 * Could this packet be merged with others, now or if it waited? Of all that
 * is not known for sure the answer is yes.
 */
static bool vtep_cell_merges(struct sk_buff *skb)
{
	unsigned int len;
	int proto;

	if (skb_is_gso(skb) || netif_elide_gro(skb->dev))
		return true;
	if (skb->protocol == htons(ETH_P_IP)) {
		proto = vtep_cell_proto_ip4(skb);
		len = sizeof(struct iphdr);
		if (proto == IPPROTO_ICMP)
			return false;
	} else if (skb->protocol == htons(ETH_P_IPV6)) {
		proto = vtep_cell_proto_ip6(skb);
		len = sizeof(struct ipv6hdr);
		if (proto == IPPROTO_ICMPV6)
			return false;
	} else {
		return skb->protocol != htons(ETH_P_ARP);
	}
	return proto != IPPROTO_UDP || vtep_cell_merges_udp(skb, len);
}

/**
 * vtep_cell_pass() - send a frame up, straight if nothing is lost by it
 * @cells: of the device it is received by
 * @skb: the frame, from behind its Ethernet header on
 *
 * Not for frames that come from the transmission of another device: that is
 * deep in a stack already.
 *
 * Context: BH disabled, RCU.
 * Return: as vtep_cell_receive().
 */
enum vtep_counter vtep_cell_pass(struct vtep_cell __percpu *cells,
				 struct sk_buff *skb)
{
	struct vtep_cell *cell = this_cpu_ptr(cells);

	if (!READ_ONCE(vtep_shortcut) || !vtep_cell_idle(cell) ||
	    vtep_cell_merges(skb) || this_cpu_read(vtep_cell_depth) ||
	    unlikely(!(skb->dev->flags & IFF_UP)))
		return vtep_cell_receive(cells, skb);

	skb_unset_transport_header(skb);
	/* Segments of what UDP has just taken apart come as a list. */
	skb_mark_not_on_list(skb);
	skb_mark_napi_id(skb, &cell->napi);
	this_cpu_inc(vtep_cell_depth);
	netif_receive_skb(skb);
	this_cpu_dec(vtep_cell_depth);
	return VTEP_OK;
}

/* Life */

/**
 * vtep_cells_start() - the ways up of a device
 * @dev: the device, about to be registered
 *
 * Context: RTNL, may sleep.
 * Return: one for each CPU, or NULL when there is no memory.
 */
struct vtep_cell __percpu *vtep_cells_start(struct net_device *dev)
{
	struct vtep_cell __percpu *cells = alloc_percpu(struct vtep_cell);
	struct vtep_cell *cell;
	int cpu;

	if (!cells)
		return NULL;
	for_each_possible_cpu(cpu) {
		cell = per_cpu_ptr(cells, cpu);
		skb_queue_head_init(&cell->queue);
		__skb_queue_head_init(&cell->taken);
		/* Nothing but this CPU fills it: no use in polling for it. */
		set_bit(NAPI_STATE_NO_BUSY_POLL, &cell->napi.state);
		netif_napi_add(dev, &cell->napi, vtep_cell_poll);
		napi_enable(&cell->napi);
	}
	return cells;
}

/**
 * vtep_cells_stop() - let nothing up any more
 * @cells: of a device that receives no more
 *
 * Netpoll may look at them for another RCU grace period; then they are to be
 * freed by free_percpu().
 *
 * Context: RTNL, may sleep.
 */
void vtep_cells_stop(struct vtep_cell __percpu *cells)
{
	struct vtep_cell *cell;
	int cpu;

	for_each_possible_cpu(cpu) {
		cell = per_cpu_ptr(cells, cpu);
		napi_disable(&cell->napi);
		__netif_napi_del(&cell->napi);
		skb_queue_purge(&cell->queue);
		__skb_queue_purge(&cell->taken);
	}
}
