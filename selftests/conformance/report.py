# SPDX-License-Identifier: GPL-2.0
"""What the twin runs of all kernels say together; runs on the host.

A result is a dict: name, row, module, verdict, rules (of its differences).
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.realpath(os.path.join(HERE, "../.."))
sys.path += [HERE, os.path.join(HERE, "../tests")]

from differences import RULES   # noqa: E402
from rows import ROWS           # noqa: E402

LIST = f"{TREE}/Documentation/differences.rst"
TABLE = f"{TREE}/Documentation/conformance.rst"
DEBUG = "debug"         # the kernel that has more built in than the others
HEAD = """\
.. SPDX-License-Identifier: GPL-2.0
.. Written by `make conformance`; `make check` sees whether it is up to date.

===========
Conformance
===========

The same requests and packets go to the kernel's driver and to ours, in one boot
of each kernel, and what comes of them is compared: errno, which attribute an
error points to, dumps, notifications, bytes on the wire, counters. The rows are
those of the specification; a module is a file of ``selftests/conformance/``.

*same*: in no case of the row a difference, but for those that show in every
dump or refusal: ``extack``, ``mc-route-dumped``, on 6.1 and 6.12
``newer-dumped``. A name: there are differences, which
are meant, and are listed under that name in ``differences.rst`` (in its
sources: ``.. difference: NAME``). Sentences of refusals are not compared, but
where the kernel has one, ours has, too. *Debug kernel*: the stock kernels are
built without what the row is about, and a 7.3 built for debugging has it.

"""


def counts(results):
    """{"same": number, "listed": ..., "differ": ...}"""
    found = {"same": 0, "listed": 0, "differ": 0}
    for result in results:
        found[_outcome(result)] += 1
    return found


def _outcome(result):
    verdict = result["verdict"].split(":")[0]
    return verdict if verdict in ("same", "listed") else "differ"


def summary(results):
    return ", ".join(f"{n} {what}" for what, n in counts(results).items())


# ---- the list of differences

def labels():
    with open(LIST, encoding="utf-8") as file:
        return re.findall(r"^\s*\.\. difference: (\S+)\s*$", file.read(), re.M)


def problems_of_list():
    """Labels without a rule and rules without a label."""
    named, written = {rule.name for rule in RULES}, labels()
    twice = {name for name in written if written.count(name) > 1}
    return ([f"differences.rst does not have '.. difference: {name}'"
             for name in sorted(named - set(written))]
            + [f"differences.rst has {name}, differences.py no such rule"
               for name in sorted(set(written) - named)]
            + [f"differences.rst has {name} twice"
               for name in sorted(twice)])


def gone(kernels):
    """Rules that know no difference; kernels: {kernel: its results}.

    Not those whose cases have not run: some need what few kernels have.
    """
    found = [result for results in kernels.values() for result in results]
    seen = {name for result in found for name in result["rules"]}
    run = {rule.name for rule in RULES if any(
        re.fullmatch(rule.case, result["name"]) for result in found)}
    return [f"no kernel shows the difference {name} any more"
            for name in dict.fromkeys(rule.name for rule in RULES)
            if name in run - seen]


# ---- the table

def state(results):
    """What stands in the table for the cases of one row on one kernel."""
    if not results:
        return "-"
    if any(_outcome(result) == "differ" for result in results):
        return "DIFFERS"
    names = sorted({name for result in results
                    if _outcome(result) == "listed"
                    for name in result["verdict"].split(":")[1].split(",")})
    return ", ".join(names) or "same"


def _row(row, kernels, debug):
    """The cells of a row. Cases that the stock kernels do not run, for want of
    what they are about, stand for 7.3 with what the debug kernel, a 7.3, said.
    """
    of_row = {kernel: [r for r in results if r["row"] == row]
              for kernel, results in kernels.items()}
    told = {kernel: state(results) for kernel, results in of_row.items()}
    everything = [r for results in of_row.values() for r in results]
    if not everything and "7.3" in told:
        everything = [r for r in debug if r["row"] == row]
        told["7.3"] = state(everything) + " (debug kernel)"
    if not everything:
        return [row, ROWS.get(row) or "no case", "", *("" for _ in kernels)]
    cases = len({result["name"] for result in everything})
    modules = sorted({result["module"].removesuffix(".py")
                      for result in everything})
    return [row, str(cases), ", ".join(modules), *told.values()]


def table(verdicts):
    """The text of conformance.rst; verdicts: {kernel: results}."""
    kernels = {kernel: results for kernel, results in verdicts.items()
               if kernel != DEBUG}
    debug = verdicts.get(DEBUG, [])
    seen = {r["row"] for results in kernels.values() for r in results}
    rows = [*ROWS, *sorted(seen - set(ROWS))]
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: auto", ""]
    for cells in [["row", "cases", "module", *kernels],
                  *(_row(row, kernels, debug) for row in rows)]:
        for number, cell in enumerate(cells):
            lines += _cell("   * - " if number == 0 else "     - ", cell)
    lines += ["", "In all:", ""]
    lines += [f"* Linux {kernel}: {summary(results)}"
              for kernel, results in kernels.items()]
    return HEAD + "\n".join(lines) + "\n"


def _cell(start, text, width=78):
    """A cell, folded at its commas."""
    lines, line = [], start
    for word in text.split():
        if len(line) + len(word) > width:
            lines.append(line.rstrip())
            line = " " * len(start)
        line += word + " "
    return [*lines, line.rstrip()]


def out_of_date(kernels):
    """Why conformance.rst does not say what was found, or nothing."""
    try:
        with open(TABLE, encoding="utf-8") as file:
            written = file.read().splitlines()
    except OSError as error:
        return [str(error)]
    wanted = table(kernels).splitlines()
    if written == wanted:
        return []
    return ["Documentation/conformance.rst is out of date: run `make "
            "conformance`", *(f"+ {line}" for line in wanted
                              if line not in written),
            *(f"- {line}" for line in written if line not in wanted)]
