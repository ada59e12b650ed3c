# SPDX-License-Identifier: GPL-2.0
"""What a case of the twin run is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One thing done to the driver, and how to tell its outcome.

    `run` is given the kind of the link and returns what came of it: data
    that goes into JSON and holds nothing that differs between two runs of
    the same driver (no ifindexes, times, addresses made up, kinds).
    """

    name: str               # unique path: "fdb/add/no-dst"
    row: str                # row of the specification: "1.3 delete"
    run: Callable[[str], dict]
    alone: bool = False     # the driver must be the only one loaded
    kernels: tuple = ()     # only on these ("6.12", "7.3"); empty = all
