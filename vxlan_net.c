// SPDX-License-Identifier: GPL-2.0
/*
 * Where the state of a network namespace is found. Its life is in
 * vxlan_main.c; this is apart because everybody asks for it.
 */
#include "vxlan.h"

#include <net/netns/generic.h>

/* Given by the core when vxlan_main.c registers. */
unsigned int vtep_net_id __read_mostly;

/**
 * vtep_net() - what the driver keeps for a namespace
 * @net: the namespace
 *
 * Return: the state, which lives as long as the namespace.
 */
struct vtep_net *vtep_net(const struct net *net)
{
	return net_generic(net, vtep_net_id);
}
