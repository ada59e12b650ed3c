# SPDX-License-Identifier: GPL-2.0
"""Loading and unloading: our module, its twin of kind vtep, the kernel's own.

Where the files are, the environment says: VXLAN_KO (ours, as vxlan),
VXLAN_VTEP_KO (ours, as vtep), VXLAN_INTREE (the kernel's own driver).
"""

import os
import subprocess
from contextlib import contextmanager

import pytest

from .wait import scaled

FILE = {"vxlan": "VXLAN_KO", "vtep": "VXLAN_VTEP_KO"}


def path(kind):
    """The file of our module of that kind; skips the test without one."""
    return needed(FILE[kind])


def needed(variable):
    """An environment variable that names a file, or skip."""
    found = os.environ.get(variable, "")
    if not os.path.isfile(found):
        pytest.skip(f"{variable} names no module file: {found!r}")
    return found


def loaded():
    """{name: (users, size)} of the modules in the kernel."""
    if not os.path.exists("/proc/modules"):     # a kernel without any
        return {}
    with open("/proc/modules", encoding="ascii") as file:
        return {name: (int(users), int(size)) for name, size, users, *_ in
                map(str.split, file)}


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True,
                          timeout=scaled(60), check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def load(file):
    _run("insmod", file)


def probe(name):
    """A module of the kernel's package, and what it needs."""
    _run("modprobe", name)


def unload(name):
    _run("rmmod", name)


@contextmanager
def beside_the_kernels_own():
    """The kernel's driver as "vxlan" and ours as "vtep"; before and after
    it is as it was.
    """
    theirs, twin = needed("VXLAN_INTREE"), path("vtep")
    before = loaded()
    ours = path("vxlan") if "vxlan" in before else None
    if ours:
        unload("vxlan")
    try:
        load(theirs)
        if "vtep" not in before:
            load(twin)
        yield
    finally:
        now = loaded()
        if "vtep" in now and "vtep" not in before:
            unload("vtep")
        if "vxlan" in now:
            unload("vxlan")
        if ours:
            load(ours)
