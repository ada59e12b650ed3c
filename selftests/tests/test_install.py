# SPDX-License-Identifier: GPL-2.0
"""What "make install", "make uninstall" and "make status" do once the module is
built: tools/driver on a small copy of the modules' folder, in a mount namespace.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lib import modules
from lib.wait import scaled

RELEASE = os.uname().release
MODULES = Path(f"/lib/modules/{RELEASE}")
OPTIONS = Path("/etc/modprobe.d/vxlan-options.conf")
DRIVER = Path(__file__).parents[2] / "tools/driver"
THEIRS = "the kernel's own driver"
OURS = "this driver, version"


def copy_of_modules(copy):
    """The kernel's own vxlan and what it depends on: the index of all modules
    takes long to make.
    """
    (copy / "updates").mkdir(parents=True)
    for path in MODULES.glob("modules.*"):
        shutil.copy(path, copy)
    depends = subprocess.run(
        ["modprobe", "-i", "--show-depends", "vxlan"], check=True, text=True,
        capture_output=True).stdout
    for word in depends.split():
        if word.startswith("/"):
            target = copy / Path(word).relative_to(MODULES)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, target)


class Machine:
    """A shell in a mount namespace with a small /lib/modules/RELEASE and an
    empty /etc/modprobe.d, which can be written to.
    """

    def __init__(self, folder):
        copy, conf = folder / "modules", folder / "modprobe.d"
        conf.mkdir()
        self.shell = subprocess.Popen(
            ["unshare", "--mount", "sh"], stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        copy_of_modules(copy)
        self.run(f"mount --bind {copy} {MODULES}")
        self.run(f"mount --bind {conf} {OPTIONS.parent}")

    def run(self, command):
        """Its output; it must succeed."""
        self.shell.stdin.write(f"{command} </dev/null; echo; echo status $?\n")
        self.shell.stdin.flush()
        lines = []
        while not lines or not lines[-1].startswith("status "):
            line = self.shell.stdout.readline()
            assert line, f"{command}: the shell is gone"
            lines.append(line.rstrip("\n"))
        return "\n".join(lines[:-1])

    def close(self):
        self.shell.stdin.close()
        self.shell.wait(timeout=scaled(30))

    def driver(self, command, **environment):
        variables = " ".join(f"{k}={v}" for k, v in environment.items())
        return self.run(f"{variables} bash {DRIVER} {command}")

    def options(self):
        return self.run(f"cat {OPTIONS} 2>/dev/null")

    def status(self):
        """{"live": ..., "modprobe": ...}"""
        lines = self.driver("status").splitlines()
        return {name: text.strip() for name, colon, text in
                (line.partition(":") for line in lines) if colon}


@pytest.fixture
def machine(tmp_path):
    """No vxlan module is loaded, ours is installed."""
    if not DRIVER.exists():
        pytest.skip("tools/driver is not there")
    ours, _ = modules.path("vxlan"), modules.needed("VXLAN_INTREE")
    was_loaded = "vxlan" in modules.loaded()
    if was_loaded:
        modules.unload("vxlan")
    made = Machine(tmp_path)
    try:
        made.run("modprobe vxlan")
        yield made
    finally:
        made.close()
        if "vxlan" in modules.loaded():
            modules.unload("vxlan")
        if was_loaded:
            modules.load(ours)


def install(machine):
    """The part of "make install" that needs the kernel's headers."""
    machine.run(f"cp {modules.path('vxlan')} {MODULES}/updates/vxlan.ko")


def change_over(machine):
    machine.run("modprobe -r vxlan && modprobe vxlan")


@pytest.fixture
def container(namespaces):
    """A network namespace without a name, held by a process."""
    netns = namespaces()
    with netns.popen(["sleep", "3600"]) as process:
        yield netns
        process.kill()


def test_install_changes_over_and_uninstall_gives_back(machine):
    """modprobe prefers ours after "make install", the kernel's own after
    "make uninstall", and "make status" says so at each step.
    """
    before = machine.status()
    assert before["live"].startswith(THEIRS)
    assert before["modprobe"].startswith(THEIRS)

    install(machine)
    assert "To change over" in machine.driver("installed")
    between = machine.status()
    assert between["live"].startswith(THEIRS)
    assert between["modprobe"].startswith(OURS)

    change_over(machine)
    after = machine.status()
    assert after["live"].startswith(OURS)
    assert "To change over" not in machine.driver("status")

    machine.driver("uninstall")
    change_over(machine)
    again = machine.status()
    assert again["live"].startswith(THEIRS)
    assert again["modprobe"].startswith(THEIRS)


def test_defaults_of_a_driver_in_use_are_kept(machine, container):
    """The kernel's own driver has a device, in some network namespace: its
    port and its checksums stay the defaults, until "make uninstall".
    """
    container.ip("link add vx0 type vxlan id 1 dstport 4789 remote 192.0.2.1")
    install(machine)
    assert str(OPTIONS) in machine.driver("installed")
    assert "options vxlan udp_port=8472 udp_csum=1" in machine.options()

    container.ip("link del vx0")
    change_over(machine)
    parameters = Path("/sys/module/vxlan/parameters")
    assert (parameters / "udp_port").read_text() == "8472\n"
    assert (parameters / "udp_csum").read_text() == "Y\n"

    machine.driver("uninstall")
    assert not machine.options().strip()


def test_defaults_of_an_idle_driver_are_not_kept(machine):
    """Nobody relies on them."""
    install(machine)
    machine.driver("installed")
    assert not machine.options().strip()


def test_the_administrator_decides_about_defaults(machine, container):
    """KEEP_DEFAULTS=1 keeps them anyway, KEEP_DEFAULTS=0 never."""
    install(machine)
    machine.driver("installed", KEEP_DEFAULTS=1)
    assert "udp_port=8472" in machine.options()
    container.ip("link add vx0 type vxlan id 1 dstport 4789 remote 192.0.2.1")
    machine.driver("installed", KEEP_DEFAULTS=0)
    assert not machine.options().strip()


def test_options_of_the_administrator_stay(machine):
    """A file of that name that is not ours is neither changed nor removed."""
    machine.run(f"echo 'options vxlan udp_port=4789' >{OPTIONS}")
    install(machine)
    machine.driver("installed", KEEP_DEFAULTS=1)
    machine.driver("uninstall")
    assert machine.options().strip() == "options vxlan udp_port=4789"
