# SPDX-License-Identifier: GPL-2.0
"""pytest plugin that runs in the machine and tells the host what happens.

Each event is one line of JSON behind MARK on a file descriptor, at once, so
that nothing is lost when the machine dies:

    {"collected": [test...]}    what will run
    {"start": test}
    {"end": test, "outcome": passed | failed | skipped, "seconds", "text"}
    {"broken": file, "text"}    could not be collected
    {"done": status}

Environment: VXLAN_REPORT_FD; VXLAN_KERNEL for @pytest.mark.kernels("7.3", ...);
VXLAN_DONE, a file of tests not to be run again; VXLAN_TEST_LIMIT, seconds.
"""

import json
import os
import signal

import pytest

MARK = "@vxlan "
FD = int(os.environ.get("VXLAN_REPORT_FD", "1"))
LIMIT = int(os.environ.get("VXLAN_TEST_LIMIT", "300"))
LONGEST = 30000


def tell(**event):
    line = (MARK + json.dumps(event) + "\n").encode()
    while line:
        line = line[os.write(FD, line):]


def too_long(*_):
    pytest.fail(f"took longer than {LIMIT} s")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "kernels(name, ...): run on 6.1, 6.12, 7.3, debug only")
    os.set_inheritable(FD, False)
    signal.signal(signal.SIGALRM, too_long)


def done_before():
    path = os.environ.get("VXLAN_DONE")
    if not path:
        return set()
    with open(path, encoding="utf-8") as file:
        return set(file.read().splitlines())


def pytest_collection_modifyitems(config, items):
    kernel, done = os.environ.get("VXLAN_KERNEL"), done_before()
    keep, drop = [], []
    for item in items:
        only = [name for mark in item.iter_markers("kernels")
                for name in mark.args]
        here = not only or not kernel or kernel in only
        (keep if here and item.nodeid not in done else drop).append(item)
    config.hook.pytest_deselected(items=drop)
    items[:] = keep


def pytest_collection_finish(session):
    tell(collected=[item.nodeid for item in session.items])


def pytest_collectreport(report):
    if report.failed:
        tell(broken=report.nodeid, text=report.longreprtext[-LONGEST:])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol():
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)


class Outcome:
    """What the three phases of the running test came to."""

    def __init__(self):
        self.outcome, self.seconds, self.text = "passed", 0.0, ""

    def add(self, report):
        self.seconds += report.duration
        if report.failed:
            self.outcome = "failed"
            self.text += f"{report.when}: {report.longreprtext}\n"
            self.text += "".join(f"---- {title}\n{text}\n"
                                 for title, text in report.sections)
        elif report.skipped and self.outcome == "passed":
            self.outcome = "skipped"
            self.text = skip_reason(report)


def skip_reason(report):
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}"
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return report.longreprtext


now = Outcome()


def pytest_runtest_logstart(nodeid):
    now.__init__()
    tell(start=nodeid)


def pytest_runtest_logreport(report):
    now.add(report)


def pytest_runtest_logfinish(nodeid):
    tell(end=nodeid, outcome=now.outcome, seconds=round(now.seconds, 2),
         text=now.text[:LONGEST])


def pytest_sessionfinish(exitstatus):
    tell(done=int(exitstatus))
