// SPDX-License-Identifier: GPL-2.0
/*
 * VNI filter: the VNIs of an external device.
 *
 * They are in an XArray by number: packets find one under RCU at a cost that
 * does not depend on how many there are, walks go in order and resume at a
 * number. While the device is up each has a place in the VNI tables of the
 * sockets, and receives what a device with that one VNI would receive.
 */
#include "vxlan_vnifilter.h"
#include "vxlan.h"
#include "vxlan_mcast.h"
#include "vxlan_sock.h"

#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>

/**
 * vtep_filter_alloc() - a VNI that is in no table yet
 * @vni: host order
 *
 * Context: may sleep.
 * Return: the VNI, to be given to vtep_filter_free(), or NULL.
 */
struct vtep_filter_vni *vtep_filter_alloc(u32 vni)
{
	struct vtep_filter_vni *filter;

	filter = kzalloc_obj(*filter);
	if (!filter)
		return NULL;
	filter->vni = vni;
	filter->counters = netdev_alloc_pcpu_stats(struct vtep_filter_counters);
	if (filter->counters)
		return filter;
	kfree(filter);
	return NULL;
}

static void vtep_filter_free_rcu(struct rcu_head *rcu)
{
	struct vtep_filter_vni *filter;

	filter = container_of(rcu, struct vtep_filter_vni, rcu);
	free_percpu(filter->counters);
	kfree(filter);
}

/**
 * vtep_filter_free() - free a VNI once no packet counts for it any more
 * @filter: the VNI; it is in no table (any more)
 */
void vtep_filter_free(struct vtep_filter_vni *filter)
{
	call_rcu(&filter->rcu, vtep_filter_free_rcu);
}

/* Places in the sockets */

static int vtep_filter_place_family(struct vtep_dev *vtep,
				    struct vtep_filter_vni *filter, int i)
{
	struct vtep_vni *place;

	if (!vtep->vni[i] || filter->place[i])
		return 0;
	place = vtep_vni_add(vtep->vni[i], filter);
	if (IS_ERR(place))
		return PTR_ERR(place);
	filter->place[i] = place;
	return 0;
}

static void vtep_filter_displace_family(struct vtep_filter_vni *filter, int i)
{
	if (filter->place[i])
		vtep_vni_remove(filter->place[i]);
	filter->place[i] = NULL;
}

/**
 * vtep_filter_place() - receive what is sent to a VNI
 * @vtep: the device; if it has no sockets nothing is done
 * @filter: the VNI
 *
 * Context: RTNL.
 * Return: 0; -EEXIST when the VNI is taken; -ENOMEM. Nothing is left then.
 */
int vtep_filter_place(struct vtep_dev *vtep, struct vtep_filter_vni *filter)
{
	int i, err;

	for (i = 0; i < VTEP_FAMILIES; i++) {
		err = vtep_filter_place_family(vtep, filter, i);
		if (err) {
			vtep_filter_displace(filter);
			return err;
		}
	}
	return 0;
}

/**
 * vtep_filter_displace() - receive nothing more for a VNI
 * @filter: the VNI
 *
 * Packets may still count for it until a grace period has passed.
 *
 * Context: RTNL.
 */
void vtep_filter_displace(struct vtep_filter_vni *filter)
{
	int i;

	for (i = 0; i < VTEP_FAMILIES; i++)
		vtep_filter_displace_family(filter, i);
}

/**
 * vtep_filter_attach() - give all VNIs a place in a socket
 * @vtep: the device, which has that socket
 * @family: index of the address family
 *
 * Context: RTNL, may sleep.
 * Return: 0, -EEXIST, -ENOMEM; some may have a place then:
 * vtep_filter_detach().
 */
int vtep_filter_attach(struct vtep_dev *vtep, int family)
{
	struct vtep_filter_vni *filter;
	unsigned long vni;
	int err;

	xa_for_each(&vtep->filter, vni, filter) {
		err = vtep_filter_place_family(vtep, filter, family);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/**
 * vtep_filter_detach() - take all VNIs out of a socket
 * @vtep: the device
 * @family: index of the address family
 *
 * Context: RTNL, may sleep.
 */
void vtep_filter_detach(struct vtep_dev *vtep, int family)
{
	struct vtep_filter_vni *filter;
	unsigned long vni;

	xa_for_each(&vtep->filter, vni, filter) {
		vtep_filter_displace_family(filter, family);
		cond_resched();
	}
}

/* Groups */

/**
 * vtep_filter_leave() - leave the groups of all VNIs
 * @vtep: the device, which goes down
 *
 * Context: RTNL, may sleep.
 */
void vtep_filter_leave(struct vtep_dev *vtep)
{
	struct vtep_filter_vni *filter;
	unsigned long vni;

	xa_for_each(&vtep->filter, vni, filter) {
		vtep_group_put(filter->member);
		filter->member = NULL;
		cond_resched();
	}
}

/**
 * vtep_filter_join() - join the groups of all VNIs
 * @vtep: the device, which comes up
 * @cfg: its configuration
 *
 * Context: RTNL, may sleep.
 * Return: 0, or what vtep_group_get() answers; none is joined then.
 */
int vtep_filter_join(struct vtep_dev *vtep, const struct vtep_config *cfg)
{
	struct vtep_filter_vni *filter;
	struct vtep_group *member;
	unsigned long vni;

	xa_for_each(&vtep->filter, vni, filter) {
		if (!vtep_addr_multicast(&filter->group))
			continue;
		member = vtep_group_get(vtep->net, &filter->group,
					cfg->ifindex, NULL);
		if (IS_ERR(member)) {
			vtep_filter_leave(vtep);
			return PTR_ERR(member);
		}
		filter->member = member;
		cond_resched();
	}
	return 0;
}

/* Life */

/**
 * vtep_filter_init() - prepare the empty filter of a device
 * @vtep: the device
 */
void vtep_filter_init(struct vtep_dev *vtep)
{
	xa_init(&vtep->filter);
}

/**
 * vtep_filter_exit() - free all VNIs
 * @vtep: the device, which is down
 * @told: tells the listeners
 *
 * Context: RTNL, may sleep.
 */
void vtep_filter_exit(struct vtep_dev *vtep, vtep_filter_told_t told)
{
	struct vtep_filter_vni *filter;
	unsigned long vni;

	xa_for_each(&vtep->filter, vni, filter) {
		told(vtep, filter, true);
		xa_erase(&vtep->filter, vni);
		vtep_filter_free(filter);
		cond_resched();
	}
	xa_destroy(&vtep->filter);
}

/* Counters */

static void vtep_filter_count(struct vtep_filter_vni *filter,
			      enum vtep_filter_stat packets,
			      enum vtep_filter_stat bytes, unsigned int len)
{
	struct vtep_filter_counters *pcpu;

	local_bh_disable();
	pcpu = this_cpu_ptr(filter->counters);
	u64_stats_update_begin(&pcpu->syncp);
	u64_stats_inc(&pcpu->value[packets]);
	if (bytes != packets)
		u64_stats_add(&pcpu->value[bytes], len);
	u64_stats_update_end(&pcpu->syncp);
	local_bh_enable();
}

/**
 * vtep_filter_count_rx() - a frame was received
 * @filter: its VNI
 * @len: its length, as the device counts it
 *
 * Context: RCU.
 */
void vtep_filter_count_rx(struct vtep_filter_vni *filter, unsigned int len)
{
	vtep_filter_count(filter, VTEP_FILTER_RX_PACKETS, VTEP_FILTER_RX_BYTES,
			  len);
}

/**
 * vtep_filter_count_tx() - a frame was sent to a remote
 * @filter: its VNI
 * @len: length of the frame
 *
 * Context: RCU.
 */
void vtep_filter_count_tx(struct vtep_filter_vni *filter, unsigned int len)
{
	vtep_filter_count(filter, VTEP_FILTER_TX_PACKETS, VTEP_FILTER_TX_BYTES,
			  len);
}

/**
 * vtep_filter_count_loss() - a frame was dropped
 * @filter: its VNI
 * @id: the named counter; what moves no statistic of the device moves none
 *	here
 *
 * Context: RCU.
 */
void vtep_filter_count_loss(struct vtep_filter_vni *filter,
			    enum vtep_counter id)
{
	static const enum vtep_filter_stat stats[] = {
		[VTEP_LOSS_RX_DROP] = VTEP_FILTER_RX_DROPS,
		[VTEP_LOSS_RX_ERROR] = VTEP_FILTER_RX_ERRORS,
		[VTEP_LOSS_TX_DROP] = VTEP_FILTER_TX_DROPS,
		[VTEP_LOSS_TX_ERROR] = VTEP_FILTER_TX_ERRORS,
	};
	enum vtep_loss loss = vtep_stats_loss(id);

	if (loss != VTEP_LOSS_NONE)
		vtep_filter_count(filter, stats[loss], stats[loss], 0);
}

/**
 * vtep_filter_sum() - the counters of all CPUs together
 * @filter: the VNI
 * @sum: filled, VTEP_FILTER_STATS values
 */
void vtep_filter_sum(const struct vtep_filter_vni *filter, u64 *sum)
{
	const struct vtep_filter_counters *pcpu;
	u64 value[VTEP_FILTER_STATS];
	unsigned int start;
	int cpu, i;

	memset(sum, 0, sizeof(value));
	for_each_possible_cpu(cpu) {
		pcpu = per_cpu_ptr(filter->counters, cpu);
		do {
			start = u64_stats_fetch_begin(&pcpu->syncp);
			for (i = 0; i < VTEP_FILTER_STATS; i++)
				value[i] = u64_stats_read(&pcpu->value[i]);
		} while (u64_stats_fetch_retry(&pcpu->syncp, start));
		for (i = 0; i < VTEP_FILTER_STATS; i++)
			sum[i] += value[i];
	}
}
