# SPDX-License-Identifier: GPL-2.0
"""Plots of what was measured, by gnuplot."""

import re
import subprocess

import targets

COLOURS = {"kernel": "#b5482f", "ours": "#3a7d44"}
HEAD = """\
set terminal svg noenhanced size {width},{height} font 'sans-serif,12' \\
    background '#ffffff'
set grid
"""


def ratios(measured, title):
    """A bar for each case: ours, the kernel's driver being 1."""
    cases = [case for case in measured["cases"]
             if "ours" in case and targets.ratio(case) is not None][::-1]
    lines = []
    for number, case in enumerate(cases):
        part = targets.share(case)
        lines.append(f'"{case["name"]}" {number} {targets.ratio(case):.4f} '
                     f'{"NaN" if part is None else f"{part:.4f}"}')
    return _svg(HEAD.format(width=900, height=90 + 17 * len(cases)) + f"""\
set title "{title}"
set xlabel "ours, the kernel's own driver being 1.00"
set xrange [0:1.6]
set yrange [-1:{len(cases)}]
set style fill solid noborder
set key outside top right horizontal
set arrow from 1, graph 0 to 1, graph 1 nohead dashtype 2 lc rgb 'black' front
plot $data using 3:2:(0):3:($2-0.38):($2+0.38):ytic(1) with boxxyerror \\
    lc rgb '{COLOURS['ours']}' title "total", \\
    $data using 4:2 with points pt 7 ps 0.5 lc rgb 'black' \\
    title "the tunnel's share"
""", lines)


def scale(measured, title, pattern, label):
    """Cost over the number in the name; none if nothing was measured."""
    lines = []
    for case in measured["cases"]:
        match = re.fullmatch(pattern, case["name"])
        if match and "ours" in case:
            lines.append(f"{match[1]} {case['kernel']['min']} "
                         f"{case['ours']['min']}")
    if len(lines) < 2:
        return None
    curves = ", ".join(
        f"$data using 1:{column} with linespoints pt 7 lw 2 lc rgb "
        f"'{COLOURS[who]}' title \"{said}\"" for who, column, said in (
            ("kernel", 2, "kernel's driver"), ("ours", 3, "ours")))
    return _svg(HEAD.format(width=600, height=360) + f"""\
set title "{title}"
set xlabel "{label}"
set ylabel "{case_unit(measured, pattern)}"
set logscale x
set yrange [0:*]
set key top left
plot {curves}
""", lines)


def case_unit(measured, pattern):
    return next(case["unit"] for case in measured["cases"]
                if re.fullmatch(pattern, case["name"]))


def _svg(script, lines):
    data = "$data << END\n" + "\n".join(lines) + "\nEND\n"
    done = subprocess.run(["gnuplot"], input=data + script, text=True,
                          capture_output=True, check=False)
    if done.returncode or not done.stdout:
        raise RuntimeError(f"gnuplot: {done.stderr}")
    return done.stdout
