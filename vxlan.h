/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private umbrella of the VXLAN driver: the device and the per-namespace
 * state. Each concept has its own header; this one ties them together.
 *
 * Not to be confused with <net/vxlan.h>, whose names (vxlan_dev, vxlan_sock,
 * vxlan_config, ...) belong to the kernel: everything of ours begins with
 * vtep_. The lock order is told in vxlan_main.c.
 */
#ifndef VTEP_H
#define VTEP_H

#include <linux/netdevice.h>
#include <linux/rhashtable.h>
#include <linux/rtnetlink.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/vxlan.h>

#include "vxlan_addr.h"
#include "vxlan_config.h"
#include "vxlan_hdr.h"
#include "vxlan_stats.h"

struct vtep_cell;
struct vtep_fdb_entry;
struct vtep_group;
struct vtep_sock;
struct vtep_vni;

/* The link kind and the module's name: "vxlan", or another by make NAME=. */
#ifndef VTEP_KIND
#define VTEP_KIND "vxlan"
#endif

/**
 * struct vtep_fdb - the forwarding table of a device
 * @table: entries by {MAC, source VNI}; readers RCU, writers vtep_dev.lock
 * @ids: entries by ascending id, for walks that resume; vtep_dev.lock
 * @next_id: where the search for the next free id begins; vtep_dev.lock
 * @count: entries that count towards the limit; vtep_dev.lock
 * @flood: the all-zeros default entry of the device's own VNI, or NULL;
 *	readers RCU, writers vtep_dev.lock
 * @from_switch: a switch asks for the change under way, so it is not asked or
 *	told; vtep_dev.lock
 * @ageing: looks for entries that were not heard of for too long
 */
struct vtep_fdb {
	struct rhashtable table;
	struct xarray ids;
	u32 next_id;
	u32 count;
	struct vtep_fdb_entry __rcu *flood;
	bool from_switch;
	struct delayed_work ageing;
};

/**
 * struct vtep_mdb - the multicast database of a device
 * @table: entries by {group, source, source VNI}; readers RCU, writers RTNL
 * @ids: entries by id, for walks that resume; RTNL
 * @last_id: the last one that was given away; RTNL
 * @count: number of entries; RTNL
 * @seq: grows with each change, never 0; RTNL
 */
struct vtep_mdb {
	struct rhashtable table;
	struct xarray ids;
	u32 last_id;
	u32 count;
	u32 seq;
};

/**
 * struct vtep_remotes - the VTEPs a device knows and the handles to them
 * @peers: struct vtep_peer by address and interface; readers RCU, writers
 *	vtep_dev.lock
 * @handles: struct vtep_remote by peer, port and VNI; vtep_dev.lock
 * @recent: the handle that was asked for last, or NULL; vtep_dev.lock. What is
 *	learned or told one after the other is often behind one VTEP.
 * @count: number of peers, bounded by VTEP_PEERS_MAX; vtep_dev.lock
 */
struct vtep_remotes {
	struct rhashtable peers;
	struct rhashtable handles;
	struct vtep_remote *recent;
	u32 count;
};

/**
 * struct vtep_dev - private part of a VXLAN device
 * @abi: what drivers such as mlx5 and mlxsw read when they cast the private
 *	part of any device of kind "vxlan"; must be first, is filled from
 *	@cfg by vxlan_abi.c and never read by this driver
 * @dev: the device itself
 * @net: the namespace of the underlay, fixed at creation; the device can be
 *	moved away from it, its packets cannot
 * @cfg: configuration snapshot; readers RCU, writers RTNL
 * @sock: receive sockets while the device is up, by vtep_family_index(): one,
 *	or both for an external device; readers RCU, writers RTNL
 * @vni: the device's places in the VNI tables of @sock while up; RTNL
 * @filter: struct vtep_filter_vni by VNI, empty without "vnifilter"; readers
 *	RCU, writers RTNL
 * @group: membership of the default group while up, or NULL; RTNL
 * @lower: lower device with a reference, or NULL; RTNL
 * @lower_tracker: debugging of that reference
 * @list: in vtep_net.devs; RTNL
 * @fdb: forwarding table
 * @remotes: VTEPs and handles
 * @nexthops: struct vtep_nexthop by id of the nexthop; @lock
 * @lock: spinlock, BH: changes of @fdb, @remotes and @nexthops. Learning takes
 *	it in softirq, so nothing walks a table while holding it.
 * @cells: the ways of received frames up the stack, per CPU
 * @counters: named counters per CPU
 * @route_genid: cached routes with another number are outdated; written under
 *	RTNL
 * @has_mdb: @mdb has entries, so that packets have to ask it; written under
 *	RTNL
 * @mdb: multicast database
 */
struct vtep_dev {
	struct vxlan_dev abi;

	struct net_device *dev;
	struct net *net;
	struct vtep_config __rcu *cfg;
	struct vtep_sock __rcu *sock[VTEP_FAMILIES];
	struct vtep_fdb fdb;
	struct vtep_counters __percpu *counters;
	struct vtep_cell __percpu *cells;
	u32 route_genid;
	bool has_mdb;

	spinlock_t lock ____cacheline_aligned_in_smp;
	struct vtep_remotes remotes;
	struct xarray nexthops;
	struct vtep_mdb mdb;
	struct vtep_vni *vni[VTEP_FAMILIES];
	struct xarray filter;
	struct vtep_group *group;
	struct net_device *lower;
	netdevice_tracker lower_tracker;
	struct list_head list;
};

/**
 * struct vtep_net - what the driver keeps per network namespace
 * @net: that namespace
 * @devs: all devices whose underlay is here; RTNL
 * @socks: receive sockets; readers RCU, writers RTNL
 * @mcast: multicast memberships: struct vtep_mcast_if by interface and
 *	protocol; RTNL
 * @counters: packets that belong to no device, per CPU
 * @nexthop_notifier: tells when a nexthop goes
 */
struct vtep_net {
	struct net *net;
	struct list_head devs;
	struct list_head socks;
	struct xarray mcast;
	struct vtep_counters __percpu *counters;
	struct notifier_block nexthop_notifier;
};

extern unsigned int vtep_net_id;

struct vtep_net *vtep_net(const struct net *net);

static inline struct vtep_config *vtep_cfg_rtnl(const struct vtep_dev *vtep)
{
	return rtnl_dereference(vtep->cfg);
}

#endif /* VTEP_H */
