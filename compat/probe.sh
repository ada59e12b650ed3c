#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# probe.sh KERNEL-SOURCE - look at a kernel's headers and print what they have
#
# Writes a C header to standard output: one HAVE_* macro a line, 1 or 0. Kbuild
# makes compat-autoconf.h of it. The headers are read as text, so the answers
# do not depend on a compiler or a configuration, and a feature that a stable
# release has taken over from a newer kernel is found there as well. What each
# supported kernel must answer stands in compat/expected/; what the answers
# mean and are for, in compat/README.rst.

set -eu
export LC_ALL=C

include=$1/include

# has FILE WORD...: does a header have all these words?
has() {
	file=$include/$1
	shift
	for word; do
		grep -qw -- "$word" "$file" 2>/dev/null || return 1
	done
}

# declares FILE NAME PATTERN: is PATTERN in the declaration that NAME begins?
# The declaration is all from NAME and an opening or closing parenthesis to the
# next semicolon, on one line and with single blanks.
declares() {
	awk -v name="$2" -v pattern="$3" '
		!inside && $0 ~ "(^|[^a-zA-Z0-9_])" name "[()]" { inside = 1 }
		inside { text = text " " $0 }
		inside && /[;{]/ {
			gsub(/[ \t]+/, " ", text)
			if (text ~ pattern)
				found = 1
			inside = 0
			text = ""
		}
		END { exit !found }
	' "$include/$1" 2>/dev/null
}

# result NAME COMMAND...: prints HAVE_NAME, 1 if the command succeeds
result() {
	name=HAVE_$1
	shift
	if "$@"; then
		echo "#define $name 1"
	else
		echo "#define $name 0"
	fi
}

# needs FILE WORD...: there is no substitute for these
needs() {
	has "$@" && return
	echo "$0: $include lacks $*; the driver needs Linux 6.1.192 or later" >&2
	exit 1
}

needs linux/netdevice.h NETDEV_PCPU_STAT_TSTATS pcpu_stat_type
needs net/dst.h dst_dev
needs net/ip6_fib.h dst_rt6_info
needs net/ip_tunnels.h skb_vlan_inet_prepare SKB_NOT_DROPPED_YET

# Network devices
result NETDEV_LLTX \
	has linux/netdevice.h 'lltx:1'
result NETDEV_CHANGE_PROTO_DOWN \
	has linux/netdevice.h 'change_proto_down:1'
result NDO_FDB_NOTIFIED \
	declares linux/netdevice.h '[*]ndo_fdb_add' 'bool [*]notified'
result NDO_FDB_DEL_BULK_NLMSG \
	declares linux/netdevice.h '[*]ndo_fdb_del_bulk' 'struct nlmsghdr [*]'
result NDO_FDB_DUMP_CONTEXT \
	has linux/rtnetlink.h ndo_fdb_dump_context
result NDO_MDB \
	has linux/netdevice.h ndo_mdb_add ndo_mdb_del ndo_mdb_del_bulk \
	ndo_mdb_dump ndo_mdb_get
result RTNL_NEWLINK_PARAMS \
	has net/rtnetlink.h rtnl_newlink_params
result PERNET_EXIT_RTNL \
	has net/net_namespace.h exit_rtnl

# UDP tunnels and routes
result UDP_TUNNEL_SETUP_SOCK \
	declares net/udp_tunnel.h setup_udp_tunnel_sock 'struct sock [*]'
result UDP_TUNNEL_RELEASE_SOCK \
	declares net/udp_tunnel.h udp_tunnel_sock_release 'struct sock [*]'
result UDP_TUNNEL_PUSH_SOCK \
	declares net/udp_tunnel.h udp_tunnel_push_rx_port 'struct sock [*]'
result UDP_TUNNEL_NOTIFY_SOCK \
	declares net/udp_tunnel.h udp_tunnel_notify_add_rx_port 'struct sock [*]'
result UDP_TUNNEL_IPCB_FLAGS \
	declares net/udp_tunnel.h udp_tunnel_xmit_skb 'u16 ipcb_flags'
result UDP_TUNNEL6_IPCB_FLAGS \
	declares net/udp_tunnel.h udp_tunnel6_xmit_skb 'u16 ip6cb_flags'
result UDP_TUNNEL_PARTIAL \
	has net/udp_tunnel.h udp_tunnel_handle_partial \
	udp_tunnel_set_inner_protocol
result IPSTATS_OUTREQUESTS \
	has uapi/linux/snmp.h IPSTATS_MIB_OUTREQUESTS
result FLOWI4_DSCP \
	has net/flow.h flowi4_dscp
result IP_TUNNEL_FLAGS_BITMAP \
	has net/ip_tunnels.h IP_TUNNEL_DECLARE_FLAGS
result IP_TUNNEL_KEY_NHID \
	has net/ip_tunnels.h nhid
result NEXTHOP_FDB_DST_PORT \
	declares net/nexthop.h '[*]nexthop_path_fdb_result' '[*]dst_port'

result VXLAN_DEV_CREATE \
	has net/vxlan.h vxlan_dev_create

result NET_UDP_TABLE \
	has net/netns/ipv4.h udp_table

# Packets and memory
if [ -e "$include/net/dropreason-core.h" ]; then
	reasons=net/dropreason-core.h
else
	reasons=net/dropreason.h
fi
result DROP_REASONS_VXLAN \
	has "$reasons" SKB_DROP_REASON_VXLAN_INVALID_HDR \
	SKB_DROP_REASON_VXLAN_VNI_NOT_FOUND SKB_DROP_REASON_VXLAN_ENTRY_EXISTS \
	SKB_DROP_REASON_MAC_INVALID_SOURCE SKB_DROP_REASON_NO_TX_TARGET \
	SKB_DROP_REASON_TUNNEL_TXINFO \
	SKB_DROP_REASON_IP_TUNNEL_ECN SKB_DROP_REASON_LOCAL_MAC
result SKB_UNSET_TRANSPORT_HEADER \
	has linux/skbuff.h skb_unset_transport_header
result NET_HOTDATA \
	has net/hotdata.h max_backlog
result GRO_NODE \
	has linux/netdevice.h gro_node
result KZALLOC_OBJ \
	has linux/slab.h kzalloc_obj

# Link attributes
result IFLA_VXLAN_LOCALBYPASS \
	has uapi/linux/if_link.h IFLA_VXLAN_LOCALBYPASS
result IFLA_VXLAN_LABEL_POLICY \
	has uapi/linux/if_link.h IFLA_VXLAN_LABEL_POLICY
result IFLA_VXLAN_RESERVED_BITS \
	has uapi/linux/if_link.h IFLA_VXLAN_RESERVED_BITS
result IFLA_VXLAN_MC_ROUTE \
	has uapi/linux/if_link.h IFLA_VXLAN_MC_ROUTE

# Attributes of the multicast database
result MDBE_ATTRS \
	has uapi/linux/if_bridge.h MDBE_ATTR_DST MDBE_ATTR_STATE_MASK \
	MDBA_MDB_EATTR_SRC_VNI MDBA_GET_ENTRY
