# SPDX-License-Identifier: GPL-2.0
"""Rows of the specification that the twin run proves, in their order.

A row of which there is no case yet says why.
"""

from lib import nldefs as d

_ATTRIBUTES = [name for name, number in d.IFLA_VXLAN.items() if number]

#: {row: reason why it has no case, or ""}
ROWS = {
    "1.1 netdev": "",
    **{f"1.2 {name}": "" for name in _ATTRIBUTES},
    "1.2 unknown attributes": "",
    "1.2 IFLA_ADDRESS": "",
    "1.2 IFLA_MTU": "",
    "1.2 no INFO_DATA": "",
    "1.2 uniqueness": "",
    "1.2 dump": "",
    "1.2 default FDB": "",
    "1.3 core checks": "",
    "1.3 add: state": "",
    "1.3 add: destination": "",
    "1.3 defaults": "",
    "1.3 flags": "",
    "1.3 ownership": "",
    "1.3 nexthop": "",
    "1.3 delete": "",
    "1.3 get": "",
    "1.3 dump": "",
    "1.3 message": "",
    "1.3 flush": "",
    "1.3 miss": "",
    "1.3 ageing": "",
    "1.3 learning": "",
    "1.3 down": "",
    "1.4 MDB": "",
    "1.5 VNI filter": "",
    "1.6 tx": "",
    "1.6 proxy": "",
    "1.6 route short circuit": "",
    "1.6 local bypass": "",
    "1.6 outer": "",
    "1.6 ECN": "",
    "1.6 GSO": "",
    "1.6 GRO": "",
    "1.6 PMTU": "",
    "1.6 rx": "",
    "1.6 GBP": "",
    "1.6 metadata users": "",
    "1.6 netns": "",
    "1.6 MTU": "",
    "1.6 lower device": "",
    "1.6 multicast": "",
    "1.6 ethtool": "",
    "1.6 statistics": "",
    "1.6 switchdev": "",
    "1.6 struct contract": "",
    "1.6 port offload": "",
}
