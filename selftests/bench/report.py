# SPDX-License-Identifier: GPL-2.0
"""Tables and plots of what was measured; Documentation/performance/."""

import os
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.realpath(__file__))
FOLDER = os.path.realpath(os.path.join(HERE, "../../Documentation/performance"))
HEAD = """\
.. SPDX-License-Identifier: GPL-2.0
.. Written by `make bench`.

===========
Performance
===========

The cost of a packet, or of an entry, with the kernel's own driver and with this
one, measured by turns in one boot by ``make bench`` at commit {commit}. A
packet is made by the kernel's packet generator and ends on a device without
wire (``tx``) or in a second network namespace at the end of a cable
(``tx+rx``). *Share* is the tunnel's own: the cost minus that of the same
packets without a tunnel, ours divided by the kernel's. Smaller is better, 1.00
is the kernel's own driver. The cases are those of ``selftests/bench/cases.py``.

"""
TITLES = {
    "time": "nanoseconds in User-Mode Linux (least of all pieces)",
    "instructions": "instructions in an emulator (repeatable)",
}


def ratio(case):
    return case["ours"]["min"] / case["kernel"]["min"]


def share(case):
    """The tunnel's part of the cost; None without a floor."""
    floor = case["floor"]
    if not floor or case["kernel"]["min"] <= floor:
        return None
    return (case["ours"]["min"] - floor) / (case["kernel"]["min"] - floor)


def rows(measured):
    """[case, kernel's cost, ours, ratio, share]"""
    for case in measured["cases"]:
        if case["name"].startswith("floor/"):
            yield (case["name"], f"{case['none']['min']:.0f}", "", "", "")
            continue
        part = share(case)
        yield (case["name"], f"{case['kernel']['min']:.0f}",
               f"{case['ours']['min']:.0f}", f"{ratio(case):.2f}",
               "" if part is None else f"{part:.2f}")


def text(measured):
    """A table; reStructuredText takes it, too."""
    head = ("case", "kernel", "ours", "ratio", "share")
    table = [head, *rows(measured)]
    wide = [max(len(row[n]) for row in table) for n in range(len(head))]
    line = "  ".join("=" * n for n in wide)
    body = ["  ".join(f"{cell:{n}}" if i == 0 else f"{cell or '..':>{n}}"
                      for i, (cell, n) in enumerate(zip(row, wide)))
            for row in table]
    return "\n".join([line, body[0], line, *body[1:], line])


def plot(measured):
    """Bars of the ratios; a line where the kernel's driver is."""
    cases = [c for c in measured["cases"] if not c["name"].startswith("floor/")]
    step, left, scale = 18, 240, 260
    height = step * len(cases) + 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + 460}" '
             f'height="{height}" font-family="sans-serif" font-size="12">']
    for number, case in enumerate(cases):
        y = 20 + number * step
        value = ratio(case)
        colour = "#3a7d44" if value <= 1 else "#b5482f"
        parts.append(
            f'<text x="{left - 8}" y="{y + 11}" text-anchor="end">'
            f'{escape(case["name"])}</text>'
            f'<rect x="{left}" y="{y}" height="{step - 5}" fill="{colour}" '
            f'width="{min(value, 1.6) * scale:.0f}"/>'
            f'<text x="{left + min(value, 1.6) * scale + 5:.0f}" '
            f'y="{y + 11}">{value:.2f}</text>')
    parts.append(f'<line x1="{left + scale}" x2="{left + scale}" y1="12" '
                 f'y2="{height - 8}" stroke="black" stroke-dasharray="4 3"/>'
                 f'<text x="{left + scale}" y="10" text-anchor="middle">'
                 f'kernel\'s driver</text></svg>')
    return "\n".join(parts) + "\n"


def write(measured, commit):
    """The page and its plots; their paths."""
    os.makedirs(FOLDER, exist_ok=True)
    page = HEAD.format(commit=commit)
    written = []
    for name, found in measured.items():
        title = f"Linux {found['release']}: {TITLES[name.partition('-')[0]]}"
        page += f"{title}\n{'=' * len(title)}\n\n{text(found)}\n\n" \
                f".. image:: {name}.svg\n\n"
        written.append(_save(f"{name}.svg", plot(found)))
    return [*written, _save("performance.rst", page.rstrip() + "\n")]


def _save(name, content):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    return path
