// SPDX-License-Identifier: GPL-2.0
/*
 * Named counters. Each packet that does not go on ends in exactly one of
 * them, by one call, which also frees it and moves the standard statistic.
 */
#include "vxlan_stats.h"
#include "vxlan.h"

#include <linux/ethtool.h>
#include <linux/skbuff.h>

/* The standard interface statistics that a named drop moves as well. */
enum vtep_stat {
	VTEP_STAT_NONE,
	VTEP_STAT_RX_DROPPED,
	VTEP_STAT_RX_ERROR,
	VTEP_STAT_RX_FRAME,
	VTEP_STAT_RX_LENGTH,
	VTEP_STAT_TX_DROPPED,
	VTEP_STAT_TX_ERROR,
	VTEP_STAT_TX_CARRIER,
	VTEP_STAT_COLLISION,
};

/* Where a counter is kept: with the namespace or with the device. */
#define VTEP_PER_NET true
#define VTEP_PER_DEV false

static const struct vtep_counter_info {
	char name[ETH_GSTRING_LEN];
	enum skb_drop_reason reason;
	enum vtep_stat stat;
	bool per_net;
} vtep_counter_info[VTEP_COUNTERS] = {
#define COUNTER(id, net, name, stat, reason)				\
	[id] = { name, SKB_DROP_REASON_##reason, VTEP_STAT_##stat, net }
	COUNTER(VTEP_RX_TRUNCATED, VTEP_PER_NET, "netns_rx_truncated",
		NONE, VXLAN_INVALID_HDR),
	COUNTER(VTEP_RX_NO_VNI_FLAG, VTEP_PER_NET, "netns_rx_no_vni_flag",
		NONE, VXLAN_INVALID_HDR),
	COUNTER(VTEP_RX_UNKNOWN_VNI, VTEP_PER_NET, "netns_rx_unknown_vni",
		NONE, VXLAN_VNI_NOT_FOUND),
	COUNTER(VTEP_RX_RESERVED_BITS, VTEP_PER_DEV, "rx_reserved_bits",
		RX_FRAME, VXLAN_INVALID_HDR),
	COUNTER(VTEP_RX_GPE_HEADER, VTEP_PER_DEV, "rx_gpe_header",
		RX_FRAME, VXLAN_INVALID_HDR),
	COUNTER(VTEP_RX_GPE_PROTOCOL, VTEP_PER_DEV, "rx_gpe_protocol",
		RX_FRAME, UNHANDLED_PROTO),
	COUNTER(VTEP_RX_REMCSUM, VTEP_PER_DEV, "rx_remote_checksum",
		RX_FRAME, VXLAN_INVALID_HDR),
	COUNTER(VTEP_RX_INNER_SHORT, VTEP_PER_DEV, "rx_inner_short",
		RX_LENGTH, PKT_TOO_SMALL),
	COUNTER(VTEP_RX_INNER_HEADER, VTEP_PER_DEV, "rx_inner_header",
		RX_LENGTH, PKT_TOO_SMALL),
	COUNTER(VTEP_RX_BAD_SOURCE_MAC, VTEP_PER_DEV, "rx_bad_source_mac",
		RX_ERROR, MAC_INVALID_SOURCE),
	COUNTER(VTEP_RX_OWN_MAC, VTEP_PER_DEV, "rx_own_mac",
		RX_DROPPED, LOCAL_MAC),
	COUNTER(VTEP_RX_STATIC_ENTRY, VTEP_PER_DEV, "rx_static_entry",
		RX_DROPPED, VXLAN_ENTRY_EXISTS),
	COUNTER(VTEP_RX_PEER_LIMIT, VTEP_PER_DEV, "rx_peer_limit",
		RX_DROPPED, NOMEM),
	COUNTER(VTEP_RX_ECN, VTEP_PER_DEV, "rx_ecn",
		RX_FRAME, IP_TUNNEL_ECN),
	COUNTER(VTEP_RX_DOWN, VTEP_PER_DEV, "rx_down",
		RX_DROPPED, DEV_READY),
	COUNTER(VTEP_RX_NOMEM, VTEP_PER_DEV, "rx_nomem",
		RX_DROPPED, NOMEM),
	COUNTER(VTEP_RX_BACKLOG, VTEP_PER_DEV, "rx_backlog",
		RX_DROPPED, CPU_BACKLOG),
	COUNTER(VTEP_TX_NO_TUNNEL_INFO, VTEP_PER_DEV, "tx_no_tunnel_info",
		TX_DROPPED, TUNNEL_TXINFO),
	COUNTER(VTEP_TX_NO_DESTINATION, VTEP_PER_DEV, "tx_no_destination",
		TX_DROPPED, NO_TX_TARGET),
	COUNTER(VTEP_TX_NO_REMOTE, VTEP_PER_DEV, "tx_no_remote",
		TX_DROPPED, NO_TX_TARGET),
	COUNTER(VTEP_TX_MDB_NO_REMOTE, VTEP_PER_DEV, "tx_mdb_no_remote",
		TX_DROPPED, NO_TX_TARGET),
	COUNTER(VTEP_TX_NO_LOCAL_VNI, VTEP_PER_DEV, "tx_no_local_vni",
		TX_ERROR, VXLAN_VNI_NOT_FOUND),
	COUNTER(VTEP_TX_NO_SOCKET, VTEP_PER_DEV, "tx_no_socket",
		TX_ERROR, DEV_READY),
	COUNTER(VTEP_TX_NO_ROUTE, VTEP_PER_DEV, "tx_no_route",
		TX_CARRIER, IP_OUTNOROUTES),
	COUNTER(VTEP_TX_LOOP, VTEP_PER_DEV, "tx_loop",
		COLLISION, IP_OUTNOROUTES),
	COUNTER(VTEP_TX_PROXY_SILENT, VTEP_PER_DEV, "tx_proxy_silent",
		NONE, NOT_SPECIFIED),
	COUNTER(VTEP_TX_TOO_BIG, VTEP_PER_DEV, "tx_too_big",
		TX_DROPPED, PKT_TOO_BIG),
	COUNTER(VTEP_TX_INNER_SHORT, VTEP_PER_DEV, "tx_inner_short",
		TX_DROPPED, PKT_TOO_SMALL),
	COUNTER(VTEP_TX_GPE_PROTOCOL, VTEP_PER_DEV, "tx_gpe_protocol",
		TX_ERROR, UNHANDLED_PROTO),
	COUNTER(VTEP_TX_NOMEM, VTEP_PER_DEV, "tx_nomem",
		TX_DROPPED, NOMEM),
	COUNTER(VTEP_FDB_LEARNED, VTEP_PER_DEV, "fdb_learned",
		NONE, NOT_SPECIFIED),
	COUNTER(VTEP_FDB_MOVED, VTEP_PER_DEV, "fdb_moved",
		NONE, NOT_SPECIFIED),
	COUNTER(VTEP_FDB_AGED, VTEP_PER_DEV, "fdb_aged",
		NONE, NOT_SPECIFIED),
	COUNTER(VTEP_FDB_LIMIT, VTEP_PER_DEV, "fdb_limit",
		NONE, NOT_SPECIFIED),
	COUNTER(VTEP_PROXY_ANSWERED, VTEP_PER_DEV, "proxy_answered",
		NONE, NOT_SPECIFIED),
#undef COUNTER
};

/**
 * vtep_counters_alloc() - a zeroed set of counters
 *
 * Context: may sleep.
 * Return: the counters, to be freed by free_percpu(), or NULL.
 */
struct vtep_counters __percpu *vtep_counters_alloc(void)
{
	struct vtep_counters __percpu *counters;
	int cpu;

	counters = alloc_percpu(struct vtep_counters);
	if (!counters)
		return NULL;
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(counters, cpu)->syncp);
	return counters;
}

/* The counters of all CPUs together, VTEP_COUNTERS values. */
static void vtep_counters_sum(const struct vtep_counters __percpu *counters,
			      u64 *sum)
{
	const struct vtep_counters *pcpu;
	u64 value[VTEP_COUNTERS];
	unsigned int start;
	int cpu, i;

	memset(sum, 0, sizeof(value));
	for_each_possible_cpu(cpu) {
		pcpu = per_cpu_ptr(counters, cpu);
		do {
			start = u64_stats_fetch_begin(&pcpu->syncp);
			for (i = 0; i < VTEP_COUNTERS; i++)
				value[i] = u64_stats_read(&pcpu->value[i]);
		} while (u64_stats_fetch_retry(&pcpu->syncp, start));
		for (i = 0; i < VTEP_COUNTERS; i++)
			sum[i] += value[i];
	}
}

/**
 * vtep_count() - one more
 * @counters: of a device or a namespace
 * @id: which
 *
 * Context: any but hard interrupts.
 */
void vtep_count(struct vtep_counters __percpu *counters, enum vtep_counter id)
{
	struct vtep_counters *pcpu;

	local_bh_disable();
	pcpu = this_cpu_ptr(counters);
	u64_stats_update_begin(&pcpu->syncp);
	u64_stats_inc(&pcpu->value[id]);
	u64_stats_update_end(&pcpu->syncp);
	local_bh_enable();
}

/**
 * vtep_drop() - count and free a packet of a device
 * @vtep: the device
 * @skb: the packet
 * @id: why
 *
 * Context: BH disabled.
 */
void vtep_drop(struct vtep_dev *vtep, struct sk_buff *skb,
	       enum vtep_counter id)
{
	vtep_count(vtep->counters, id);
	kfree_skb_reason(skb, vtep_counter_info[id].reason);
}

/**
 * vtep_drop_nodev() - count and free a packet that belongs to no device
 * @vn: the namespace it was received in
 * @skb: the packet
 * @id: why
 *
 * Context: BH disabled.
 */
void vtep_drop_nodev(struct vtep_net *vn, struct sk_buff *skb,
		     enum vtep_counter id)
{
	vtep_count(vn->counters, id);
	kfree_skb_reason(skb, vtep_counter_info[id].reason);
}

/**
 * vtep_stats_loss() - what a named counter is for a statistic without names
 * @id: which
 *
 * Return: a drop or an error where the counter moves such a statistic of the
 * device, else VTEP_LOSS_NONE.
 */
enum vtep_loss vtep_stats_loss(enum vtep_counter id)
{
	switch (vtep_counter_info[id].stat) {
	case VTEP_STAT_RX_DROPPED:
		return VTEP_LOSS_RX_DROP;
	case VTEP_STAT_RX_ERROR:
	case VTEP_STAT_RX_FRAME:
	case VTEP_STAT_RX_LENGTH:
		return VTEP_LOSS_RX_ERROR;
	case VTEP_STAT_TX_DROPPED:
		return VTEP_LOSS_TX_DROP;
	case VTEP_STAT_TX_ERROR:
	case VTEP_STAT_TX_CARRIER:
	case VTEP_STAT_COLLISION:
		return VTEP_LOSS_TX_ERROR;
	default:
		return VTEP_LOSS_NONE;
	}
}

static void vtep_stat_add(struct rtnl_link_stats64 *sum, enum vtep_stat stat,
			  u64 value)
{
	switch (stat) {
	case VTEP_STAT_NONE:
		break;
	case VTEP_STAT_RX_FRAME:
		sum->rx_frame_errors += value;
		sum->rx_errors += value;
		break;
	case VTEP_STAT_RX_LENGTH:
		sum->rx_length_errors += value;
		sum->rx_errors += value;
		break;
	case VTEP_STAT_RX_ERROR:
		sum->rx_errors += value;
		break;
	case VTEP_STAT_RX_DROPPED:
		sum->rx_dropped += value;
		break;
	case VTEP_STAT_TX_CARRIER:
		sum->tx_carrier_errors += value;
		sum->tx_errors += value;
		break;
	case VTEP_STAT_COLLISION:
		sum->collisions += value;
		sum->tx_errors += value;
		break;
	case VTEP_STAT_TX_ERROR:
		sum->tx_errors += value;
		break;
	case VTEP_STAT_TX_DROPPED:
		sum->tx_dropped += value;
		break;
	}
}

/**
 * vtep_stats_get64() - ndo_get_stats64
 * @dev: the device
 * @sum: filled
 */
void vtep_stats_get64(struct net_device *dev, struct rtnl_link_stats64 *sum)
{
	struct vtep_dev *vtep = netdev_priv(dev);
	u64 value[VTEP_COUNTERS];
	int i;

	netdev_stats_to_stats64(sum, &dev->stats);
	dev_fetch_sw_netstats(sum, dev->tstats);
	vtep_counters_sum(vtep->counters, value);
	for (i = 0; i < VTEP_COUNTERS; i++)
		vtep_stat_add(sum, vtep_counter_info[i].stat, value[i]);
}

/**
 * vtep_stats_count() - number of named counters
 *
 * Return: that number.
 */
int vtep_stats_count(void)
{
	return VTEP_COUNTERS - 1;
}

/**
 * vtep_stats_strings() - the names, in order
 * @data: room for vtep_stats_count() strings of ETH_GSTRING_LEN bytes
 *
 * Return: number of names.
 */
int vtep_stats_strings(u8 *data)
{
	int i;

	for (i = VTEP_OK + 1; i < VTEP_COUNTERS; i++, data += ETH_GSTRING_LEN)
		memcpy(data, vtep_counter_info[i].name, ETH_GSTRING_LEN);
	return vtep_stats_count();
}

/**
 * vtep_stats_values() - the values, in the order of the names
 * @vtep: the device; counters of its underlay's namespace are among them
 * @data: room for vtep_stats_count() values
 */
void vtep_stats_values(struct vtep_dev *vtep, u64 *data)
{
	u64 own[VTEP_COUNTERS], net[VTEP_COUNTERS];
	int i;

	vtep_counters_sum(vtep->counters, own);
	vtep_counters_sum(vtep_net(vtep->net)->counters, net);
	for (i = VTEP_OK + 1; i < VTEP_COUNTERS; i++)
		*data++ = vtep_counter_info[i].per_net ? net[i] : own[i];
}
