// SPDX-License-Identifier: GPL-2.0
/*
 * What ethtool shows: the driver, the lower device's link settings and the
 * named counters.
 */
#include "vxlan_ethtool.h"
#include "vxlan.h"
#include "vxlan_stats.h"

#include <linux/ethtool.h>

static void vtep_get_drvinfo(struct net_device *dev,
			     struct ethtool_drvinfo *info)
{
	strscpy(info->driver, VTEP_KIND, sizeof(info->driver));
	strscpy(info->version, VTEP_VERSION, sizeof(info->version));
}

static int vtep_get_link_ksettings(struct net_device *dev,
				   struct ethtool_link_ksettings *cmd)
{
	struct vtep_dev *vtep = netdev_priv(dev);

	if (vtep->lower)
		return __ethtool_get_link_ksettings(vtep->lower, cmd);
	cmd->base.duplex = DUPLEX_UNKNOWN;
	cmd->base.port = PORT_OTHER;
	cmd->base.speed = SPEED_UNKNOWN;
	return 0;
}

static int vtep_get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? vtep_stats_count() : -EOPNOTSUPP;
}

static void vtep_get_strings(struct net_device *dev, u32 set, u8 *data)
{
	if (set == ETH_SS_STATS)
		vtep_stats_strings(data);
}

static void vtep_get_ethtool_stats(struct net_device *dev,
				   struct ethtool_stats *stats, u64 *data)
{
	vtep_stats_values(netdev_priv(dev), data);
}

/** vtep_ethtool_ops - all run under RTNL */
const struct ethtool_ops vtep_ethtool_ops = {
	.get_drvinfo = vtep_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = vtep_get_link_ksettings,
	.get_sset_count = vtep_get_sset_count,
	.get_strings = vtep_get_strings,
	.get_ethtool_stats = vtep_get_ethtool_stats,
};
