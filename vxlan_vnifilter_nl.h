/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VNI filter in rtnetlink: RTM_NEWTUNNEL, RTM_DELTUNNEL, RTM_GETTUNNEL.
 */
#ifndef VTEP_VNIFILTER_NL_H
#define VTEP_VNIFILTER_NL_H

int vtep_filter_nl_init(void);
void vtep_filter_nl_exit(void);

#endif /* VTEP_VNIFILTER_NL_H */
