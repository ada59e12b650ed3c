# SPDX-License-Identifier: GPL-2.0
"""Fixtures, and what every test gets for free: clean-up, captures in the
failure report, and a kernel log without splats.

    python3 -m pytest selftests/tests -k flow02
    VXLAN_KIND=vtep IP_LIB_DIR=...   drive the variant beside the kernel's
    VXLAN_SLOW=10                    deadlines for an emulator
    OUT=DIR                          pcap files of failing tests
"""

import os
import re

import pytest

pytest.register_assert_rewrite("lib")

from lib import capture, netns, topo            # noqa: E402
from lib.klog import KernelLog                  # noqa: E402
from lib.underlay import V4                     # noqa: E402

KLOG = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption(
        "--kernel-log", choices=("check", "show", "off"), default="check",
        help="splats fail the test (check), and new lines are shown (show)")


def pytest_configure(config):
    if os.geteuid():
        pytest.exit("the selftests need root", 2)
    netns.delete_stale()
    if config.getoption("--kernel-log") != "off":
        config.stash[KLOG] = KernelLog()


def pytest_unconfigure(config):
    netns.delete_all(list(netns.live))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        _add_captures(item, report)
    if KLOG in item.config.stash:
        _check_log(item, report)


def _add_captures(item, report):
    for cap in list(capture.live):
        try:
            report.sections.append(("capture", cap.describe()))
        except (AssertionError, OSError) as error:
            report.sections.append(("capture", str(error)))
    if os.environ.get("OUT"):
        name = re.sub(r"[^\w.-]+", "_", item.name)
        capture.save_all(os.environ["OUT"], name)


def _check_log(item, report):
    lines = item.config.stash[KLOG].new_lines()
    if lines and item.config.getoption("--kernel-log") == "show":
        report.sections.append(("kernel log", "\n".join(lines)))
        print("\n" + "\n".join(lines))
    splat = KernelLog.splats(lines)
    if splat:
        report.outcome = "failed"
        text = "kernel log during " + report.when + ":\n" + "\n".join(splat)
        before = f"{report.longrepr}\n" if report.longrepr else ""
        report.longrepr = before + text


@pytest.fixture(autouse=True)
def _close_captures():
    yield
    capture.close_all()


@pytest.fixture(scope="session")
def kind():
    """Link kind under test: "vxlan" or "vtep"."""
    return topo.kind()


@pytest.fixture(scope="module")
def underlay(request):
    """IPv4, unless the test module says UNDERLAY = V6."""
    return getattr(request.module, "UNDERLAY", V4)


@pytest.fixture(scope="module")
def fabric():
    """Three hosts on an underlay, no VXLAN yet; shared by the module."""
    with topo.Fabric(hosts=3) as made:
        yield made


@pytest.fixture(scope="session")
def session_fabric():
    """Three hosts without VXLAN; who adds devices deletes them again."""
    with topo.Fabric(hosts=3) as made:
        yield made
        capture.close_all()


@pytest.fixture
def vteps(session_fabric):
    """Three hosts, whose VXLAN devices are deleted after the test."""
    yield session_fabric
    for host in session_fabric.hosts:
        host.delete_vxlans()


@pytest.fixture(scope="module")
def tenants(fabric, underlay):
    """{number: VM}: 1, 2, 3 of VNI 100 on hosts 1, 2, 3; 4 and 5 of VNI 200
    on hosts 1 and 2. Both VNIs use the same group.
    """
    vms = topo.segment(fabric, underlay, 100, {1: 1, 2: 2, 3: 3})
    vms.update(topo.segment(fabric, underlay, 200, {4: 1, 5: 2}))
    return vms


@pytest.fixture
def vms(fabric, tenants):
    """The tenants, when nobody has learned anything yet."""
    fabric.forget()
    return tenants


@pytest.fixture
def namespaces():
    """Call it to get a Netns that is deleted after the test."""
    made = []

    def make(label="ns"):
        made.append(netns.Netns(label))
        return made[-1]

    yield make
    capture.close_all()
    netns.delete_all(made)
