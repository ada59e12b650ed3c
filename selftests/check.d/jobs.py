# SPDX-License-Identifier: GPL-2.0
"""Jobs that need each other, as many at a time as there are processors."""

import os
import re
import signal
import subprocess
import threading
import time
import traceback

from console import clock

TICK = 30       # seconds between lines that say what is going on


class JobFailed(Exception):
    """What the job is for cannot be had; its text says why."""


class Job:
    """action(job) is called when all of needs have ended well.

    lost(reason): called instead when one of them has not. note: what status
    lines say behind the name; action may change it.
    """

    def __init__(self, stage, name, action, needs=(), lost=None):
        self.stage, self.name, self.action = stage, name, action
        self.needs, self.lost = list(needs), lost
        self.state = "waiting"      # running, ok, failed
        self.note = ""
        self.begin = self.end = None

    def __str__(self):
        return f"{self.stage} {self.name}"

    @property
    def seconds(self):
        return (self.end or time.monotonic()) - self.begin if self.begin else 0


class Processes:
    """The processes that run now, so that an interrupt can end them all."""

    def __init__(self):
        self.running = set()
        self.lock = threading.Lock()
        self.stopped = False

    def start(self, argv, **options):
        with self.lock:
            if self.stopped:
                raise JobFailed("interrupted")
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, start_new_session=True,
                text=True, errors="replace", **options)
            self.running.add(child)
        return child

    def finish(self, child):
        status = child.wait()
        with self.lock:
            self.running.discard(child)
        return status

    def end(self, child):
        """The process and what it started; its traps clean up."""
        try:
            os.killpg(child.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass

    def stop(self):
        with self.lock:
            self.stopped = True
            for child in self.running:
                self.end(child)


class Scheduler:
    def __init__(self, console, workers):
        self.console, self.workers = console, workers
        self.processes = Processes()
        self.changed = threading.Condition()
        self.jobs = []
        self.said = 0.0

    def add(self, *args, **options):
        self.jobs.append(Job(*args, **options))
        return self.jobs[-1]

    def command(self, job, argv, log, env=None):
        """Run a command with its output in a file; the status."""
        with open(log, "w", encoding="utf-8") as out:
            child = self.processes.start(
                argv, stdout=out, stderr=subprocess.STDOUT, env=env)
            watcher = threading.Thread(target=_follow, args=(job, child, log),
                                       daemon=True)
            watcher.start()
            return self.processes.finish(child)

    def stop(self):
        """Start nothing more and end what runs."""
        self.processes.stop()

    def run(self):
        """Until all jobs have ended; earlier ones of the list go first."""
        with self.changed:
            while any(job.state in ("waiting", "running") for job in self.jobs):
                self._start_what_can()
                self.changed.wait(timeout=1)
                self._status_line()

    def _start_what_can(self):
        for job in self.jobs:
            if job.state != "waiting":
                continue
            if self.processes.stopped:
                job.state = "failed"
                continue
            bad = [need for need in job.needs if need.state == "failed"]
            if bad:
                self._lose(job, bad[0])
            elif (all(need.state == "ok" for need in job.needs)
                  and len(self.running()) < self.workers):
                self._start(job)

    def running(self):
        return [job for job in self.jobs if job.state == "running"]

    def _lose(self, job, need):
        job.state = "failed"
        self.console.say(f"{job}: not possible without {need}")
        if job.lost:
            job.lost(f"no {need}")

    def _start(self, job):
        job.state, job.begin = "running", time.monotonic()
        self.said = time.monotonic()
        threading.Thread(target=self._body, args=(job,)).start()

    def _body(self, job):
        state = "failed"
        try:
            job.action(job)
            state = "ok"
        except JobFailed as error:
            self._failed(job, str(error))
        except Exception:       # pylint: disable=broad-exception-caught
            self._failed(job, traceback.format_exc())
        finally:
            with self.changed:
                job.state, job.end = state, time.monotonic()
                self.changed.notify()

    def _failed(self, job, reason):
        if not self.processes.stopped:
            self.console.say(f"{job}: FAILED: {reason}")
            if job.lost:
                job.lost(reason)

    def _status_line(self):
        if time.monotonic() - self.said < TICK or not self.running():
            return
        self.said = time.monotonic()
        self.console.say("... " + "; ".join(
            f"{job} {clock(job.seconds)} {job.note}".rstrip()
            for job in self.running()))


def _follow(job, child, log):
    """The last line of the log is the note of the job."""
    while child.poll() is None:
        time.sleep(2)
        try:
            with open(log, "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 500))
                lines = file.read().decode(errors="replace").split("\n")
        except OSError:
            continue
        full = [line.strip() for line in lines if line.strip()]
        # paths are long; the end of one tells enough
        job.note = f"({re.sub('[^ ]*/', '', full[-1])[:60]})" if full else ""
