/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What ethtool shows.
 */
#ifndef VTEP_ETHTOOL_H
#define VTEP_ETHTOOL_H

struct ethtool_ops;

extern const struct ethtool_ops vtep_ethtool_ops;

#endif /* VTEP_ETHTOOL_H */
