/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VNI filter: which VNIs an external device receives, where the default entry
 * of each leads to, and what was sent and received under each.
 */
#ifndef VTEP_VNIFILTER_H
#define VTEP_VNIFILTER_H

#include <linux/list.h>
#include <linux/u64_stats_sync.h>
#include "vxlan.h"

struct netlink_ext_ack;
struct vtep_group;
struct vtep_vni;

/* What is counted for each VNI; an index of vtep_filter_counters.value. */
enum vtep_filter_stat {
	VTEP_FILTER_RX_BYTES,
	VTEP_FILTER_RX_PACKETS,
	VTEP_FILTER_RX_DROPS,
	VTEP_FILTER_RX_ERRORS,
	VTEP_FILTER_TX_BYTES,
	VTEP_FILTER_TX_PACKETS,
	VTEP_FILTER_TX_DROPS,
	VTEP_FILTER_TX_ERRORS,
	VTEP_FILTER_STATS
};

/**
 * struct vtep_filter_counters - one CPU's counters of a VNI
 * @value: indexed by enum vtep_filter_stat
 * @syncp: makes 64 bit reads whole on 32 bit machines
 */
struct vtep_filter_counters {
	u64_stats_t value[VTEP_FILTER_STATS];
	struct u64_stats_sync syncp;
};

/**
 * struct vtep_filter_vni - a VNI in the filter of a device
 * @vni: host order; constant
 * @leaving: a request under way takes it out; RTNL
 * @group: VTEP or group of its default entry; AF_UNSPEC: the device's; RTNL
 * @member: membership of @group while the device is up, or NULL; RTNL
 * @place: in the VNI tables of the device's sockets while up, by
 *	vtep_family_index(); RTNL
 * @counters: per CPU
 * @rcu: frees it after the last reader
 */
struct vtep_filter_vni {
	u32 vni;
	bool leaving;
	struct vtep_addr group;
	struct vtep_group *member;
	struct vtep_vni *place[VTEP_FAMILIES];
	struct vtep_filter_counters __percpu *counters;
	struct rcu_head rcu;
};

/**
 * typedef vtep_filter_told_t - tells the listeners that a VNI is there or gone
 * @vtep: the device
 * @filter: the VNI
 * @gone: it is gone
 *
 * Context: RTNL.
 */
typedef void (*vtep_filter_told_t)(const struct vtep_dev *vtep,
				   const struct vtep_filter_vni *filter,
				   bool gone);

/**
 * vtep_filter_find() - a VNI in the filter of a device
 * @vtep: the device
 * @vni: host order
 *
 * Context: RCU (or BH disabled) or RTNL.
 * Return: the VNI, or NULL if the device has no filter or not that VNI.
 */
static inline struct vtep_filter_vni *
vtep_filter_find(const struct vtep_dev *vtep, u32 vni)
{
	return xa_load((struct xarray *)&vtep->filter, vni);
}

struct vtep_filter_vni *vtep_filter_alloc(u32 vni);
void vtep_filter_free(struct vtep_filter_vni *filter);
int vtep_filter_place(struct vtep_dev *vtep, struct vtep_filter_vni *filter);
void vtep_filter_displace(struct vtep_filter_vni *filter);

void vtep_filter_init(struct vtep_dev *vtep);
void vtep_filter_exit(struct vtep_dev *vtep, vtep_filter_told_t told);
int vtep_filter_attach(struct vtep_dev *vtep, int family);
void vtep_filter_detach(struct vtep_dev *vtep, int family);
int vtep_filter_join(struct vtep_dev *vtep, const struct vtep_config *cfg);
void vtep_filter_leave(struct vtep_dev *vtep);

void vtep_filter_count_rx(struct vtep_filter_vni *filter, unsigned int len);
void vtep_filter_count_tx(struct vtep_filter_vni *filter, unsigned int len);
void vtep_filter_count_loss(struct vtep_filter_vni *filter,
			    enum vtep_counter id);
void vtep_filter_sum(const struct vtep_filter_vni *filter, u64 *sum);

#endif /* VTEP_VNIFILTER_H */
