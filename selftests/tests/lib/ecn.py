# SPDX-License-Identifier: GPL-2.0
"""The ECN field of a packet in a tunnel (RFC 6040).

    LEAVES[inner, outer]    what the inner packet says afterwards; None: it
                            is dropped
"""

NOT_ECT, ECT1, ECT0, CE = range(4)
VALUES = (NOT_ECT, ECT1, ECT0, CE)

#: RFC 6040 figure 4.
LEAVES = {(i, o): i for i in VALUES for o in VALUES}
LEAVES.update({(i, CE): CE for i in (ECT0, ECT1)})
LEAVES[ECT0, ECT1] = ECT1
LEAVES[NOT_ECT, CE] = None
PASS = [pair for pair, out in LEAVES.items() if out is not None]
