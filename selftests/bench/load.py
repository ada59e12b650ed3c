# SPDX-License-Identifier: GPL-2.0
"""Requests for very many FDB entries, so that the kernel's work is what counts.

Making a request takes Python longer than the kernel takes for it. So a message
of BATCH requests is made once, and MACs and destinations are written into it;
the time for that is not part of what is measured.
"""

import socket
import struct
import time

from lib import nl
from lib import nldefs as d
from rig import DEV, mac, vtep

BATCH = 256
STATIC = d.NUD_PERMANENT | d.NUD_NOARP
HEAD = 16 + 12          # struct nlmsghdr, struct ndmsg
LAST = 1                # sequence number of the last request of a message


class Load:
    """Requests about the MACs 0 to count - 1 of the device in rig.here.

    The VTEP of MAC n is 1 + (n + shift) % vteps. Neighbours in the table are
    far from each other in a message: what is sent is not what was added last.
    """

    def __init__(self, rig, count, vteps=100):
        self.rtnl = rig.here.rtnl
        self.index = self.rtnl.index(DEV)
        self.count, self.vteps = count, vteps
        self.targets = [socket.inet_aton(vtep(1 + n)) for n in range(vteps)]

    # ---- what can be asked for; each returns nanoseconds

    def add(self, state=STATIC):
        return self._send(d.RTM_NEWNEIGH, d.NLM_F_CREATE | d.NLM_F_EXCL,
                          state, 0)

    def replace(self, shift=1):
        """All of them move to another VTEP, or back; or are added at last."""
        return self._send(d.RTM_NEWNEIGH, d.NLM_F_CREATE | d.NLM_F_REPLACE,
                          STATIC, shift)

    def get(self):
        return self._send(d.RTM_GETNEIGH, 0)

    def delete(self):
        return self._send(d.RTM_DELNEIGH, 0)

    def has(self, number):
        """Is this MAC in the table?"""
        try:
            self.rtnl.neigh(d.RTM_GETNEIGH, self.index,
                            [(d.NDA_LLADDR, mac(number))])
        except nl.NlError as error:
            if error.name != "ENOENT":
                raise
            return False
        return True

    # ---- messages

    def _template(self, kind, flags, state, with_target, count):
        body = nl.ndmsg(self.index, state, d.NTF_SELF) + nl.pack_attrs(
            [(d.NDA_LLADDR, bytes(6))]
            + ([(d.NDA_DST, bytes(4))] if with_target else []))
        head = struct.pack("=IHHII", 16 + len(body), kind,
                           flags | d.NLM_F_REQUEST, 0, 0)
        message = bytearray((head + body) * count)
        size = len(head + body)     # the last one is acknowledged
        struct.pack_into("=HI", message, len(message) - size + 6,
                         flags | d.NLM_F_REQUEST | d.NLM_F_ACK, LAST)
        return message, size

    def _fill(self, message, size, numbers, shift):
        macs = [mac(n) for n in numbers]
        for place in range(6):
            message[HEAD + 4 + place::size] = bytes(m[place] for m in macs)
        if shift is None:
            return
        targets = [self.targets[(n + shift) % self.vteps] for n in numbers]
        for place in range(4):
            message[HEAD + 16 + place::size] = bytes(
                t[place] for t in targets)

    def _send(self, kind, flags, state=0, shift=None):
        steps = -(-self.count // BATCH)
        spent, message, size = 0, b"", 1
        for step in range(steps):
            numbers = range(step, self.count, steps)
            if len(message) // size != len(numbers):
                message, size = self._template(
                    kind, flags, state, shift is not None, len(numbers))
            self._fill(message, size, numbers, shift)
            start = time.perf_counter_ns()
            self.rtnl.sock.send(message)
            spent += time.perf_counter_ns() - start
            self._acknowledged()
        return spent

    def _acknowledged(self):
        """Waits for the last answer; raises if one was refused."""
        error = number = 0
        while number != LAST:
            for kind, _, sequence, body in nl.messages(self.rtnl.receive()):
                if kind == d.NLMSG_ERROR:       # not an entry that was found
                    number = sequence
                    error = error or struct.unpack_from("=i", body)[0]
        if error:
            raise nl.NlError(-error)
