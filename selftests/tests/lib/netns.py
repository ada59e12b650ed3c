# SPDX-License-Identifier: GPL-2.0
"""Network namespaces, entered by setns() instead of spawning `ip netns`.

A child process inherits the namespace of the thread that spawns it, so a
command costs one spawn; sockets, sysctls and ioctls cost none.
"""

import ctypes
import itertools
import os
import re
import shlex
import struct
import subprocess
import threading
from contextlib import contextmanager

from . import nl
from . import nldefs as d
from .wait import eventually, scaled

CLONE_NEWNET = 0x40000000
MS_BIND, MNT_DETACH = 0x1000, 2
RUN = "/run/netns"

_libc = ctypes.CDLL(None, use_errno=True)
_count = itertools.count(1)

#: Namespaces that were created and not yet deleted.
live = []

#: Neighbour discovery is silent; TCP makes packets as large as they may be,
#: however long an answer takes.
QUIET_SYSCTLS = {
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/tcp_tso_rtt_log": 31,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/dad_transmits": 0,
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/default/router_solicitations": 0,
    "ipv6/conf/default/addr_gen_mode": 1,
}
#: With br_netfilter loaded: bridges do not ask the IP firewall.
BRIDGE_SYSCTLS = [f"bridge/bridge-nf-call-{table}"
                  for table in ("iptables", "ip6tables", "arptables")]


class CommandFailed(AssertionError):
    """A command ended with another status than 0."""


def _call(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _setns(fd):
    _call(_libc.setns(fd, CLONE_NEWNET), "setns")


def _make(path):
    """Create a namespace bound to path, by a thread that ends at once."""
    trouble = []

    def body():
        try:
            _call(_libc.unshare(CLONE_NEWNET), "unshare")
            _call(_libc.mount(b"/proc/thread-self/ns/net", path.encode(),
                              b"none", MS_BIND, None), path)
        except OSError as error:
            trouble.append(error)

    os.makedirs(RUN, exist_ok=True)
    with open(path, "x", encoding="ascii"):
        pass
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if trouble:
        os.unlink(path)
        raise trouble[0]


def _write_sysctl(key, value):
    with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as file:
        file.write(str(value))


class Netns:
    """One namespace with a unique name; quiet: no DAD, RS, RA, link-locals.

        ns = Netns("host1")
        ns("ip link set lo up")                   # any command
        ns.ip("link set lo up", "addr add ...")   # many, by one spawn
        with ns.entered(): ...                    # this thread goes there
    """

    def __init__(self, label="ns", bare=False):
        self.label = label
        self.name = f"vxt{os.getpid()}-{next(_count)}-{label}"
        self.path = f"{RUN}/{self.name}"
        _make(self.path)
        self.fd = os.open(self.path, os.O_RDONLY)
        self.children = []
        self.rtnl_socket = None
        live.append(self)
        self.nsid = _assign_nsid(self.fd)
        if not bare:
            self._settle_in()

    def _settle_in(self):
        with self.entered():
            for key, value in QUIET_SYSCTLS.items():
                _write_sysctl(key, value)
            if os.path.exists("/proc/sys/net/bridge"):
                for key in BRIDGE_SYSCTLS:
                    _write_sysctl(key, 0)
        self.rtnl.setlink("lo", up=True)

    def __repr__(self):
        return f"<{self.label}>"

    @contextmanager
    def entered(self):
        """The calling thread is in this namespace."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _setns(self.fd)
            yield self
        finally:
            _setns(back)
            os.close(back)

    @property
    def rtnl(self):
        """A raw rtnetlink socket in this namespace (see nl.Rtnl)."""
        if self.rtnl_socket is None:
            self.rtnl_socket = nl.Rtnl(self)
        return self.rtnl_socket

    def sysctl(self, key, value=None):
        """Read or write /proc/sys/net/<key>."""
        if value is None:
            return self.read(f"/proc/sys/net/{key}").strip()
        with self.entered():
            _write_sysctl(key, value)
        return None

    def read(self, path):
        """A file as seen from this namespace; "net/igmp" is below /proc."""
        if not path.startswith("/"):
            path = "/proc/thread-self/" + path
        with self.entered(), open(path, encoding="ascii") as file:
            return file.read()

    def run(self, cmd, check=True, timeout=60, stdin=None):
        """Run a command (string or list), return its stdout.

        check=False: return the CompletedProcess instead, whatever happened.
        """
        argv = shlex.split(cmd) if isinstance(cmd, str) else cmd
        with self.entered():
            done = subprocess.run(
                argv, input=stdin, text=True, capture_output=True,
                timeout=scaled(timeout), close_fds=False, check=False,
                stdin=subprocess.DEVNULL if stdin is None else None)
        if not check:
            return done
        if done.returncode:
            raise CommandFailed(
                f"{self.label}: {shlex.join(argv)} -> {done.returncode}\n"
                f"{stdin or ''}{done.stdout}{done.stderr}")
        return done.stdout

    __call__ = run

    def _batch(self, tool, lines):
        if len(lines) == 1:
            return self.run(f"{tool} {lines[0]}")
        return self.run([tool, "-batch", "-"],
                        stdin="".join(line + "\n" for line in lines))

    def ip(self, *lines):
        """One or many `ip` commands by one spawn."""
        return self._batch("ip", lines)

    def bridge(self, *lines):
        """One or many `bridge` commands by one spawn."""
        return self._batch("bridge", lines)

    def popen(self, cmd, **kwargs):
        """Start a command; it is killed when the namespace is deleted."""
        argv = shlex.split(cmd) if isinstance(cmd, str) else cmd
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("text", True)
        with self.entered():
            child = subprocess.Popen(argv, close_fds=False, **kwargs)
        self.children.append(child)
        return child

    def socket(self, *args):
        """socket.socket(*args) made in this namespace."""
        import socket
        with self.entered():
            return socket.socket(*args)

    def delete(self, wait=True):
        """Remove the namespace; wait until the kernel has finished with it.

        Sockets that tests opened in it must be closed before.
        """
        if self not in live:
            return
        live.remove(self)
        for child in self.children:
            child.kill()
            child.wait()
        if self.rtnl_socket:
            self.rtnl_socket.close()
        os.close(self.fd)
        _call(_libc.umount2(self.path.encode(), MNT_DETACH), self.path)
        os.unlink(self.path)
        if wait:
            wait_gone([self])


def _assign_nsid(fd):
    """Give a namespace an id here, by which its end can be watched."""
    with nl.Rtnl() as rtnl:
        rtnl.request(d.RTM_NEWNSID, 0, bytes(4), [
            (d.NETNSA_NSID, struct.pack("=i", -1)),
            (d.NETNSA_FD, struct.pack("=i", fd))])
        answer = rtnl.request(d.RTM_GETNSID, 0, bytes(4), [
            (d.NETNSA_FD, struct.pack("=i", fd))])
    attrs = nl.parse_attrs(answer[0][1][4:])
    return struct.unpack("=i", attrs[d.NETNSA_NSID])[0]


def _has_ended(rtnl, nsid):
    """Has the kernel begun to take it apart? A list of all ids tells; who asks
    for one id is told that it is gone as soon as nobody holds the namespace.
    """
    return nsid not in [
        struct.unpack("=i", nl.parse_attrs(body[4:])[d.NETNSA_NSID])[0]
        for _, body in rtnl.request(d.RTM_GETNSID, d.NLM_F_DUMP, bytes(4))]


def wait_gone(namespaces, timeout=30):
    """Wait until deleted namespaces are gone with all their devices.

    The kernel takes namespaces apart one batch after the other: when the next
    batch has begun, with one made later, the cleanup of ours is complete.
    """
    with nl.Rtnl() as rtnl:
        for ns in namespaces:
            eventually(lambda ns=ns: _has_ended(rtnl, ns.nsid), timeout,
                       what=f"namespace {ns.name} gone")
        if namespaces:
            sentinel = Netns("sentinel", bare=True)
            sentinel.delete(wait=False)
            eventually(lambda: _has_ended(rtnl, sentinel.nsid), timeout,
                       what="cleanup of namespaces")


def delete_all(namespaces):
    """Delete several at once and wait once."""
    mine = [ns for ns in namespaces if ns in live]
    for ns in mine:
        ns.delete(wait=False)
    wait_gone(mine)


def delete_stale():
    """Remove what a killed test run has left behind."""
    for name in os.listdir(RUN) if os.path.isdir(RUN) else ():
        pid = re.match(r"vxt(\d+)-", name)
        if pid and not os.path.exists(f"/proc/{pid[1]}"):
            _libc.umount2(f"{RUN}/{name}".encode(), MNT_DETACH)
            os.unlink(f"{RUN}/{name}")
