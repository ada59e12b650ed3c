// SPDX-License-Identifier: GPL-2.0
/*
 * The places of a device in the VNI tables of the receive sockets: they are
 * what it can receive by while it is up. One place, or one for each family of
 * an external device. They follow the lower device into a VRF.
 */
#include "vxlan_attach.h"
#include "vxlan.h"
#include "vxlan_remote.h"
#include "vxlan_sock.h"
#include "vxlan_vnifilter.h"

#include <linux/err.h>
#include <linux/netdevice.h>

static const u16 vtep_families[VTEP_FAMILIES] = { AF_INET, AF_INET6 };

/**
 * vtep_attached() - does a device have a place in a VNI table?
 * @vtep: the device
 *
 * Context: RTNL.
 * Return: false for a device that is down, and for one that could not be
 * attached again after a change.
 */
bool vtep_attached(const struct vtep_dev *vtep)
{
	return vtep->vni[0] || vtep->vni[1];
}

/**
 * vtep_attach_fits() - would attaching give the places again that there are?
 * @vtep: the device
 * @cfg: configuration to attach by
 *
 * Context: RTNL.
 * Return: true if it would.
 */
bool vtep_attach_fits(const struct vtep_dev *vtep,
		      const struct vtep_config *cfg)
{
	int i;

	for (i = 0; i < VTEP_FAMILIES; i++) {
		if (vtep->vni[i] && !vtep_vni_fits(vtep->vni[i], cfg))
			return false;
		if (!vtep->vni[i] && cfg->family == vtep_families[i])
			return false;
	}
	return true;
}

/**
 * vtep_detach() - give up all places in VNI tables
 * @vtep: the device; nothing happens if it has none
 *
 * Context: RTNL, may sleep.
 */
void vtep_detach(struct vtep_dev *vtep)
{
	int i;

	for (i = 0; i < VTEP_FAMILIES; i++) {
		if (!vtep->vni[i])
			continue;
		RCU_INIT_POINTER(vtep->sock[i], NULL);
		vtep_filter_detach(vtep, i);
		vtep_vni_close(vtep->vni[i]);
		vtep->vni[i] = NULL;
	}
}

static int vtep_attach_family(struct vtep_dev *vtep,
			      const struct vtep_config *cfg, u16 family)
{
	struct vtep_vni *vni = vtep_vni_open(vtep, cfg, family);
	int i = vtep_family_index(family);

	if (IS_ERR(vni))
		return PTR_ERR(vni);
	vtep->vni[i] = vni;
	rcu_assign_pointer(vtep->sock[i], vni->sock);
	return vtep_filter_attach(vtep, i);
}

/**
 * vtep_attach() - take the places in VNI tables that a configuration wants
 * @vtep: the device; it has none
 * @cfg: the configuration
 *
 * An external device does without IPv6 where the host has none.
 *
 * Context: RTNL, may sleep.
 * Return: 0, or a negative error; the device has no place then.
 */
int vtep_attach(struct vtep_dev *vtep, const struct vtep_config *cfg)
{
	int i, err;

	for (i = 0; i < VTEP_FAMILIES; i++) {
		if (!vtep_config_uses(cfg, vtep_families[i]))
			continue;
		err = vtep_attach_family(vtep, cfg, vtep_families[i]);
		if (err == -EAFNOSUPPORT && cfg->family != vtep_families[i])
			err = 0;
		if (err)
			goto detach;
	}
	return 0;

detach:
	vtep_detach(vtep);
	return err;
}

static bool vtep_attach_strayed(const struct vtep_dev *vtep,
				const struct net_device *lower)
{
	return vtep->lower == lower && vtep_attached(vtep) &&
	       !vtep_attach_fits(vtep, vtep_cfg_rtnl(vtep));
}

static void vtep_reattach(struct vtep_dev *vtep)
{
	int err;

	vtep_peers_forget_routes(vtep);
	err = vtep_attach(vtep, vtep_cfg_rtnl(vtep));
	if (err)
		netdev_err(vtep->dev,
			   "cannot receive where %s is now: error %d\n",
			   vtep->lower->name, err);
}

/**
 * vtep_attach_lower_moved() - a lower device has entered or left a VRF
 * @vn: its namespace
 * @lower: the device, after NETDEV_CHANGEUPPER
 *
 * Sockets are bound to the VRF, so the devices above move to another one. They
 * all let go of the former one first, which would be in the way as long as
 * one of them has it. A device that finds the port taken stays up and says
 * so; it tries again at the next move, change, or when it is set down and up.
 *
 * A lower device that is about to go takes its devices with it: they must not
 * come up in the default VRF before.
 *
 * Context: RTNL, may sleep.
 */
void vtep_attach_lower_moved(struct vtep_net *vn,
			     const struct net_device *lower)
{
	struct vtep_dev *vtep;
	bool any = false;

	if (lower->reg_state != NETREG_REGISTERED)
		return;

	list_for_each_entry(vtep, &vn->devs, list) {
		if (!vtep_attach_strayed(vtep, lower))
			continue;
		vtep_detach(vtep);
		any = true;
	}
	/* Packets that saw the former socket must not cache a route. */
	if (any)
		synchronize_net();
	list_for_each_entry(vtep, &vn->devs, list)
		if (vtep->lower == lower && !vtep_attached(vtep) &&
		    netif_running(vtep->dev))
			vtep_reattach(vtep);
}
