# SPDX-License-Identifier: GPL-2.0
"""What is said to the user: whole lines, each with its age, also in a file."""

import threading
import time


def clock(seconds):
    """Seconds as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Console:
    def __init__(self, path):
        self.start = time.monotonic()
        self.file = open(path, "w", encoding="utf-8")
        self.lock = threading.Lock()

    def age(self):
        return time.monotonic() - self.start

    def say(self, text):
        """A line of progress."""
        self.plain(f"[{clock(self.age()):>5}] {text}")

    def plain(self, text=""):
        with self.lock:
            print(text, flush=True)
            print(text, file=self.file, flush=True)
