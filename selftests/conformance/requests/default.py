# SPDX-License-Identifier: GPL-2.0
"""What a device is that was told next to nothing, without module parameters
that restore the kernel's defaults.
"""

from case import Case
from lab import Trial
from lib.linkattr import data

CASES = []
for name, row, attrs in (
        ("nothing", "1.2 PORT", data()),
        ("vni", "1.2 PORT", data(ID=5)),
        ("port-zero", "1.2 PORT", data(ID=5, PORT=0)),
        ("port-given", "1.2 UDP_CSUM", data(ID=5, PORT=8472)),
        ("checksum-on", "1.2 UDP_CSUM", data(ID=5, UDP_CSUM=1)),
        ("checksum-off", "1.2 UDP_CSUM", data(ID=5, UDP_CSUM=0)),
        ("v6", "1.2 UDP_CSUM", data(ID=5, LOCAL6="fd00::1")),
        ("group", "1.2 PORT", data(ID=5, GROUP="239.1.1.1", LINK="eth0"))):
    def run(kind, attrs=attrs):
        with Trial(kind) as trial:
            trial.create("create", attrs)
            trial.link("made")
            trial.fdb("fdb")
        return trial.outcome
    CASES.append(Case(f"default/{name}", row, run))
