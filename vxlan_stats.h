/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Named counters: every packet that is dropped ends in exactly one of them.
 */
#ifndef VTEP_STATS_H
#define VTEP_STATS_H

#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>

struct sk_buff;
struct vtep_dev;
struct vtep_net;

/*
 * enum vtep_counter - index of a named counter
 *
 * The order is the order in "ethtool -S". Names, the standard interface
 * statistic that moves with a counter and the kernel drop reason stand in
 * one table in vxlan_stats.c; what makes a counter move is told there and in
 * Documentation/statistics.rst.
 */
enum vtep_counter {
	/* Not a drop: VTEP_OK is also the "go on" of a packet path step. */
	VTEP_OK,

	/* Received, dropped before a device was found: per namespace. */
	VTEP_RX_TRUNCATED,
	VTEP_RX_NO_VNI_FLAG,
	VTEP_RX_UNKNOWN_VNI,

	/* Received, dropped by a device. */
	VTEP_RX_RESERVED_BITS,
	VTEP_RX_GPE_HEADER,
	VTEP_RX_GPE_PROTOCOL,
	VTEP_RX_REMCSUM,
	VTEP_RX_INNER_SHORT,
	VTEP_RX_INNER_HEADER,
	VTEP_RX_BAD_SOURCE_MAC,
	VTEP_RX_OWN_MAC,
	VTEP_RX_STATIC_ENTRY,
	VTEP_RX_PEER_LIMIT,
	VTEP_RX_ECN,
	VTEP_RX_DOWN,
	VTEP_RX_NOMEM,
	VTEP_RX_BACKLOG,

	/* Not sent. */
	VTEP_TX_NO_TUNNEL_INFO,
	VTEP_TX_NO_DESTINATION,
	VTEP_TX_NO_REMOTE,
	VTEP_TX_MDB_NO_REMOTE,
	VTEP_TX_NO_LOCAL_VNI,
	VTEP_TX_NO_SOCKET,
	VTEP_TX_NO_ROUTE,
	VTEP_TX_LOOP,
	VTEP_TX_TOO_BIG,
	VTEP_TX_PROXY_SILENT,
	VTEP_TX_INNER_SHORT,
	VTEP_TX_GPE_PROTOCOL,
	VTEP_TX_NOMEM,

	/* Events, no packet is lost. */
	VTEP_FDB_LEARNED,
	VTEP_FDB_MOVED,
	VTEP_FDB_AGED,
	VTEP_FDB_LIMIT,
	VTEP_PROXY_ANSWERED,

	VTEP_COUNTERS
};

/* What a drop is for a statistic that knows no names. */
enum vtep_loss {
	VTEP_LOSS_NONE,
	VTEP_LOSS_RX_DROP,
	VTEP_LOSS_RX_ERROR,
	VTEP_LOSS_TX_DROP,
	VTEP_LOSS_TX_ERROR,
};

/**
 * struct vtep_counters - one CPU's named counters
 * @value: indexed by enum vtep_counter
 * @syncp: makes 64 bit reads whole on 32 bit machines
 */
struct vtep_counters {
	u64_stats_t value[VTEP_COUNTERS];
	struct u64_stats_sync syncp;
};

struct vtep_counters __percpu *vtep_counters_alloc(void);
void vtep_count(struct vtep_counters __percpu *counters, enum vtep_counter id);

void vtep_drop(struct vtep_dev *vtep, struct sk_buff *skb,
	       enum vtep_counter id);
void vtep_drop_nodev(struct vtep_net *vn, struct sk_buff *skb,
		     enum vtep_counter id);

enum vtep_loss vtep_stats_loss(enum vtep_counter id);
void vtep_stats_get64(struct net_device *dev, struct rtnl_link_stats64 *sum);
int vtep_stats_strings(u8 *data);
void vtep_stats_values(struct vtep_dev *vtep, u64 *data);
int vtep_stats_count(void);

#endif /* VTEP_STATS_H */
