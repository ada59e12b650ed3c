/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Underlay addresses: one small type for IPv4 and IPv6.
 */
#ifndef VTEP_ADDR_H
#define VTEP_ADDR_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <net/ipv6.h>

/**
 * struct vtep_addr - an IPv4 or IPv6 underlay address
 * @family: AF_INET, AF_INET6, or AF_UNSPEC for "not given"
 * @pad: always zero, so that the whole struct can be hashed and compared
 * @v4: the IPv4 address; the bytes behind it are zero
 * @v6: the IPv6 address
 *
 * 20 bytes without holes. Always start from a zeroed struct.
 */
struct vtep_addr {
	u16 family;
	u16 pad;
	union {
		__be32 v4;
		struct in6_addr v6;
	};
};

/* How many address families there are, and the index of one in an array. */
#define VTEP_FAMILIES 2

static inline int vtep_family_index(u16 family)
{
	return family == AF_INET6;
}

static inline struct vtep_addr vtep_addr_v4(__be32 v4)
{
	struct vtep_addr addr;

	/* An initializer may leave the rest of the union as it is. */
	memset(&addr, 0, sizeof(addr));
	addr.family = AF_INET;
	addr.v4 = v4;
	return addr;
}

static inline struct vtep_addr vtep_addr_v6(const struct in6_addr *v6)
{
	struct vtep_addr addr = { .family = AF_INET6 };

	addr.v6 = *v6;
	return addr;
}

static inline bool vtep_addr_equal(const struct vtep_addr *a,
				   const struct vtep_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* True for an address that is absent, 0.0.0.0 or ::. */
static inline bool vtep_addr_any(const struct vtep_addr *addr)
{
	return ipv6_addr_any(&addr->v6);
}

static inline bool vtep_addr_multicast(const struct vtep_addr *addr)
{
	if (addr->family == AF_INET6)
		return ipv6_addr_is_multicast(&addr->v6);
	return addr->family == AF_INET && ipv4_is_multicast(addr->v4);
}

static inline bool vtep_addr_linklocal(const struct vtep_addr *addr)
{
	return addr->family == AF_INET6 &&
	       ipv6_addr_type(&addr->v6) & IPV6_ADDR_LINKLOCAL;
}

#endif /* VTEP_ADDR_H */
