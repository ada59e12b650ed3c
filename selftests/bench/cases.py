# SPDX-License-Identifier: GPL-2.0
"""All cases: each module has a cases(quick), which yields them.

quick: tables as small as still say something.
"""

import cases_device
import cases_latency
import cases_memory
import cases_packet
import cases_table
import cases_tcp

MODULES = (cases_packet, cases_tcp, cases_table, cases_latency,
           cases_memory, cases_device)


def cases(quick):
    """Floors come before the cases that need them."""
    for module in MODULES:
        yield from module.cases(quick)
