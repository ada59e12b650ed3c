# SPDX-License-Identifier: GPL-2.0
"""The test files: which are wanted, and how they are spread over machines."""

import glob
import json
import os
import re

FOLDER = os.path.realpath(os.path.join(os.path.dirname(__file__), "../tests"))
GUESS = 3.0         # seconds for a test function that was never timed


def _words(expression):
    """Names in a pytest expression; none if it also says what is not wanted."""
    words = set(re.findall(r"[\w.\-]+", expression))
    return set() if "not" in words else words - {"and", "or"}


def _text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def matching_files(expression):
    """Test files in which tests may match; pytest decides in the machine."""
    files = sorted(glob.glob(f"{FOLDER}/test_*.py"))
    words = _words(expression)
    found = [path for path in files if any(
        word.lower() in (path + _text(path)).lower() for word in words)]
    return found or files


def mention(files, word):
    """Does any of the files contain this?"""
    return any(word in _text(path) for path in files)


def wanted_functions(path, expression=""):
    """Names of the test functions of a file."""
    names = re.findall(r"^\s*def (test_\w+)", _text(path), re.M)
    words = _words(expression)
    return [name for name in names if not words or any(
        word.lower() in f"{path}::{name}".lower() for word in words)]


class Times:
    """What each file took on each kernel the last time."""

    def __init__(self, path):
        self.path = path
        try:
            with open(path, encoding="utf-8") as file:
                self.known = json.load(file)
        except (OSError, ValueError):
            self.known = {}

    def seconds(self, kernel, path):
        known = self.known.get(kernel, {}).get(os.path.basename(path))
        return known or GUESS * len(wanted_functions(path))

    def split(self, kernel, files, parts):
        """[(seconds, files)]: the longest file first to the emptiest part."""
        bins = [[0.0, []] for _ in range(parts)]
        for path in sorted(files, key=lambda f: -self.seconds(kernel, f)):
            least = min(bins, key=lambda part: part[0])
            least[0] += self.seconds(kernel, path)
            least[1].append(path)
        return [(seconds, sorted(part)) for seconds, part in bins if part]

    def save(self, results):
        """Remember them; tests that were not run (0 s) say nothing."""
        sums = {}
        for r in results:
            if "::" in r.name and r.seconds:
                files = sums.setdefault(r.group, {})
                name = r.name.split("::")[0]
                files[name] = round(files.get(name, 0) + r.seconds, 2)
        for kernel, files in sums.items():
            self.known.setdefault(kernel, {}).update(files)
        try:
            with open(self.path, "w", encoding="utf-8") as file:
                json.dump(self.known, file, indent=1)
        except OSError:
            pass        # the next run guesses
