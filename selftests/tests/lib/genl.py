# SPDX-License-Identifier: GPL-2.0
"""Generic netlink in a namespace, as much of it as Open vSwitch needs."""

import socket
import struct

from . import nl
from . import nldefs as d
from .wait import scaled

NETLINK_GENERIC, GENL_ID_CTRL = 16, 16
CTRL_GETFAMILY, CTRL_ATTR_ID, CTRL_ATTR_NAME = 3, 1, 2


class Genl:
    """A socket; requests of it are answered before the next one."""

    def __init__(self, ns):
        with ns.entered():
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                      NETLINK_GENERIC)
        self.sock.settimeout(scaled(10))
        self.sock.bind((0, 0))
        self.pid = self.sock.getsockname()[0]

    def request(self, family, command, header, attrs):
        """The body of the last message that came before the ack, or None."""
        body = struct.pack("=BBH", command, 1, 0) + header + \
            nl.pack_attrs(attrs)
        self.sock.send(struct.pack(
            "=IHHII", 16 + len(body), family,
            d.NLM_F_REQUEST | d.NLM_F_ACK, 1, 0) + body)
        answer = None
        while True:
            for code, _, _, found in nl.messages(self.sock.recv(65536)):
                if code != d.NLMSG_ERROR:
                    answer = found
                    continue
                number = struct.unpack_from("=i", found)[0]
                if number:
                    raise nl.NlError(-number)
                return answer

    def family(self, name):
        """The number of a family."""
        answer = self.request(GENL_ID_CTRL, CTRL_GETFAMILY, b"",
                              [(CTRL_ATTR_NAME, nl.text(name))])
        return struct.unpack("=H", nl.parse_attrs(answer[4:])[
            CTRL_ATTR_ID][:2])[0]

    def close(self):
        self.sock.close()
