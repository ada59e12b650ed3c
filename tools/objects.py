# SPDX-License-Identifier: GPL-2.0
"""Symbols of object files, by nm. Used by check-layers and check-symbols."""

import pathlib
import subprocess

# Of the compiler and the kernel's build system, not of a source file.
GENERATED = ("__pfx_", "__cfi_", "__kcfi_", "__UNIQUE_ID", "__this_module")


class Objects:
    """The vxlan_*.o of a folder.

    defined: symbol -> (file, type letter of nm), global symbols only
    used: file -> set of symbols that it wants from elsewhere
    """

    def __init__(self, folder):
        self.defined = {}
        self.used = {}
        paths = sorted(pathlib.Path(folder).glob("vxlan_*.o"))
        if not paths:
            raise SystemExit(f"no object files in {folder}")
        for path in paths:
            self.read(path)

    def read(self, path):
        result = subprocess.run(["nm", "-P", path], check=True, text=True,
                                stdout=subprocess.PIPE)
        used = self.used[path.stem] = set()
        for line in result.stdout.splitlines():
            symbol, kind = line.split()[:2]
            if symbol.startswith(GENERATED):
                continue
            if kind == "U":
                used.add(symbol)
            elif kind.isupper():
                self.defined[symbol] = (path.stem, kind)

    def edges(self):
        """(file, file it uses) -> symbols"""
        edges = {}
        for user, symbols in self.used.items():
            for symbol in symbols & self.defined.keys():
                edge = (user, self.defined[symbol][0])
                edges.setdefault(edge, set()).add(symbol)
        return edges
