# SPDX-License-Identifier: GPL-2.0
"""Flow 8: flows 1 to 4 over an IPv6 underlay, with an ff05:: group and MLD.

The tests are those of flows 1 to 4; UNDERLAY makes their fixtures IPv6.
"""

# pylint: disable=unused-import
from lib.underlay import V6
from test_flow01_initialisation import (    # noqa: F401
    test_flow01_again, test_flow01_groups_apart,
    test_flow01_leave_with_last_vni, test_flow01_report_when_device_goes_up)
from test_flow02_arp_query import (         # noqa: F401
    test_flow02_query_goes_to_the_group, test_flow02_query_stays_in_its_vni)
from test_flow03_arp_reply import (         # noqa: F401
    test_flow03_reply_is_unicast)
from test_flow04_steady_state import (      # noqa: F401
    test_flow04_after_ageing, test_flow04_hundred_pings)

UNDERLAY = V6
