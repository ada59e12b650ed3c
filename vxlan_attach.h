/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The places of a device in the VNI tables of the receive sockets.
 */
#ifndef VTEP_ATTACH_H
#define VTEP_ATTACH_H

#include <linux/types.h>

struct net_device;
struct vtep_config;
struct vtep_dev;
struct vtep_net;

bool vtep_attached(const struct vtep_dev *vtep);
bool vtep_attach_fits(const struct vtep_dev *vtep,
		      const struct vtep_config *cfg);
int vtep_attach(struct vtep_dev *vtep, const struct vtep_config *cfg);
void vtep_detach(struct vtep_dev *vtep);
void vtep_attach_lower_moved(struct vtep_net *vn,
			     const struct net_device *lower);

#endif /* VTEP_ATTACH_H */
