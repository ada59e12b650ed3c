/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Refusals whose sentence comes out of a table.
 */
#ifndef VTEP_EXTACK_H
#define VTEP_EXTACK_H

#include <linux/netlink.h>

/**
 * vtep_refuse() - say what is wrong with an attribute
 * @extack: gets the sentence, may be NULL
 * @attr: the attribute, may be NULL
 * @sentence: a text that stays
 * @err: negative error
 *
 * NL_SET_ERR_MSG_ATTR() for a text that is not a literal: the macro takes
 * literals only, and the core of 6.1 cannot format.
 *
 * Return: @err.
 */
static inline int vtep_refuse(struct netlink_ext_ack *extack,
			      const struct nlattr *attr, const char *sentence,
			      int err)
{
	do_trace_netlink_extack(sentence);

	if (extack) {
		extack->_msg = sentence;
		NL_SET_BAD_ATTR(extack, attr);
	}

	return err;
}

#endif /* VTEP_EXTACK_H */
