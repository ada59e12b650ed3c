# SPDX-License-Identifier: GPL-2.0
"""Tables and plots of what was measured; Documentation/performance/."""

import os
import re

import plots
from targets import TARGETS, ratio, reached, share

HERE = os.path.dirname(os.path.realpath(__file__))
FOLDER = os.path.realpath(os.path.join(HERE, "../../Documentation/performance"))
HEAD = """\
.. SPDX-License-Identifier: GPL-2.0
.. Written by `make bench`.

===========
Performance
===========

What a packet, a table entry or a request costs with the kernel's own driver and
with this one, measured by turns in one boot.

:commit: {commit}
:machine: {processors} x {model}
:kernels: {releases}
:repeat: ``sudo make bench`` (all of this page), ``sudo make bench-quick`` (the
         main cases, time only, writes nothing), ``sudo make bench T='^tx/'``
         (the cases whose name matches a regular expression)

How to read it
==============

- Packets are made by the kernel's packet generator. Those of ``tx``, ``random``
  and ``flood`` end on a device without wire; those of ``tx+rx`` and
  ``learning`` go through a cable and end in a second network namespace, so that
  their cost is that of sending and receiving. Nothing but the driver under test
  has open sockets meanwhile.
- *Time* is taken in User-Mode Linux, which runs at native speed. Of the rounds
  the least is what the ratios are made of (whatever else the machine does only
  adds to it); the median is beside it. *Instructions* are counted by an
  emulator and repeat within 0.2 %; one round will do. They know nothing of
  caches.
- *floor* is the cost of the same packets without a tunnel, measured in the same
  boot. *Share* is the tunnel's own: the cost minus the floor, ours divided by
  the kernel's. *Ratio* is that of the total costs. Smaller is better.
- ``csum``: with UDP checksum over IPv4; ``zero``: without over IPv6 (else:
  without over IPv4, with over IPv6). ``hash``: an action on the way out has
  asked for the packet's hash; else the packet has none, as those of a generator
  or of a virtual machine. ``1000-flows``: at random, otherwise one. ``macs``,
  ``vteps``: destinations at random of so many. GENEVE is the kernel's driver of
  another tunnel with one remote.
- *Memory* is that of all objects, of per-CPU areas and of large areas of the
  kernel, for each entry or VTEP, with two and with 64 possible processors.
- Two processors at a time are measured in the emulator without counting,
  because User-Mode Linux pays too much for interrupts between processors: only
  the ratio says something.
- Where the time goes is in ``profile-before.txt`` (the first version of the
  benchmark's driver, d83364c) and ``profile-after.txt``: samples of the
  processor's clock, by function (``sudo selftests/bench/profile``).
- The cases are those of ``selftests/bench/cases_*.py``.

What stands in the way
======================

Of what is missed below, as far as it is understood:

- *TX over IPv6 on 6.1*, 0.53 (7.3: 0.50). The kernel's driver spends 280 fewer
  instructions over IPv6 than over IPv4, as there is no IP ident, and on 6.1 230
  fewer still: the same target is a harder one. Of 1,457 from the driver's
  transmit function to its return 585 are the core's, which queues to the lower
  device. Of the driver's 872 no function stands out: 306 write headers, ask the
  security module's hook and find the neighbour, 253 are for the inner packet,
  its entry and its source port, 125 for room and MTU, 88 for the hash, 78 for
  the path, 22 to scrub. 90 fewer would do.
- *TCP in time* swings: runs of the same driver gave 0.63, 1.22, 1.40 and 1.78 of
  the kernel's. The instructions of most cases are the same within 4 %, and so
  are the packets; how many of them come together is a matter of timing, though:
  plain IPv4 on 7.3 had 1.00 of the kernel's in one run and 1.10 in the next, in
  0.78 of the instructions.
- *Worst gaps* in User-Mode Linux are mostly the host's: it stops everything for
  3.5 to 4.8 ms twice a second. Where instructions are the clock, and the
  processor never waits for the host, a million entries that are flushed or age
  make gaps of 1.11 to 1.15 ms and 1.11 to 1.13 ms on 7.3, idle 1.01 (the
  kernel's driver: 60 and 2,600 ms). On 6.1 they are 2.1 and 2.2 ms: the memory
  of the index goes back to the page allocator, thousands of pages in one go.
- *A million MACs at random*: no profile was taken. That it is missed does not
  mean that it cannot be reached.

"""
TITLES = {
    "time": "Time",
    "instructions": "Instructions",
    "processors": "Two processors, in the emulator",
    "memory": "Memory",
}
SCALES = {
    "macs": (r"random/(\d+)-macs/100-vteps",
             "MACs at random behind 100 VTEPs"),
    "flood": (r"flood/(\d+)", "remotes of a flood, cost of a copy"),
    "learning": (r"learning/known/(\d+)", "known sources at random"),
    "dump": (r"fdb/(\d+)/dump", "entries of a dump, time of each"),
    "add": (r"fdb/(\d+)/add", "entries added, time of each"),
}


def cost(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def fraction(value):
    return "" if value is None else f"{value:.2f}"


def unit(case, counted):
    return case["unit"].replace("ns/", "instr./") if counted else case["unit"]


def row(case, counted, median):
    """Cells of a case."""
    if "ours" not in case:
        only = case.get("none") or case.get("kernel")
        cells = ["", "", cost(only["min"]), "", ""]
        return [case["name"], unit(case, counted), *cells,
                *([""] * (3 if median else 1))]
    kernel, ours = case.get("kernel"), case["ours"]
    geneve = cost(case["geneve"]["min"]) if "geneve" in case else ""
    cells = [cost(kernel["min"]) if kernel else "", cost(ours["min"]),
             cost(case["floor"]) if case["floor"] else "",
             fraction(ratio(case)), fraction(share(case)) if kernel else ""]
    if median:
        cells += [cost(kernel["median"]) if kernel else "",
                  cost(ours["median"])]
    return [case["name"], unit(case, counted), *cells, geneve]


def text(measured, counted=False):
    """A table; reStructuredText takes it, too."""
    median = any(len(each["all"]) > 1 for case in measured["cases"]
                 for each in case.values() if isinstance(each, dict))
    head = ["case", "unit", "kernel", "ours", "floor", "ratio", "share"]
    head += ["kernel, median", "ours, median"] if median else []
    return table([[*head, "GENEVE"], *(
        row(case, counted, median) for case in measured["cases"])])


def table(rows):
    """Simple table of which empty cells are dots; the first row is the head."""
    rows = [[cell or ".." for cell in cells] for cells in rows]
    wide = [max(map(len, column)) for column in zip(*rows)]
    line = "  ".join("=" * n for n in wide)
    body = ["  ".join(f"{cell:{n}}" if i < 2 else f"{cell:>{n}}"
                      for i, (cell, n) in enumerate(zip(cells, wide))).rstrip()
            for cells in rows]
    return "\n".join([line, body[0], line, *body[1:], line])


def met(target, value):
    missed = round(value, 2) > target.limit
    said = f"{value:.2f}" if value < 10 else f"{value:.0f}"
    return said + (" !" if missed else "")


def goals(measured):
    """What is to be reached, and what was, in each measurement."""
    names = [name for name in measured if not name.startswith("processors")]
    rows = [["target", "at most", *names]]
    for target in TARGETS:
        cells = []
        for name in names:
            found = re.match(target.where, name) and reached(target,
                                                             measured[name])
            cells.append(met(target, found[0]) if found else "")
        if any(cells):
            rows.append([target.text, f"{target.limit:g}", *cells])
    return table(rows)


def title(name, found):
    what, _, which = name.partition("-")
    more = f", {which.replace('-', ' possible ')}" if what == "memory" else ""
    return f"{TITLES[what]}{more}, Linux {found['release']}"


def write(measured, commit, machine):
    """The page and its plots; their paths."""
    os.makedirs(FOLDER, exist_ok=True)
    page = HEAD.format(commit=commit, **machine, releases=", ".join(
        dict.fromkeys(found["release"] for found in measured.values())))
    page += section("Targets", "Of several cases the worst. ``!``: missed. "
                    "``..``: not measured there.\n\n" + goals(measured))
    written = []
    for name, found in measured.items():
        body, paths = measurement(name, found)
        page += section(title(name, found), body)
        written += paths
    return [*written, _save("README.rst", page.rstrip() + "\n")]


def measurement(name, found):
    """Text and plots of one machine."""
    written = [_save(f"{name}.svg", plots.ratios(found, title(name, found)))]
    counted = name.startswith("instructions")
    body = f"{text(found, counted)}\n\n.. image:: {name}.svg\n"
    for case, why in found.get("failed", {}).items():
        body += f"\nNot measured: ``{case}`` ({why}).\n"
    for label, (pattern, axis) in SCALES.items():
        svg = plots.scale(found, title(name, found), pattern, axis)
        if svg:
            written.append(_save(f"{name}-{label}.svg", svg))
            body += f"\n.. image:: {name}-{label}.svg\n"
    return body, written


def section(head, body):
    return f"{head}\n{'=' * len(head)}\n\n{body.strip()}\n\n"


def _save(name, content):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    return path
