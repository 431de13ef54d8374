"""The lock on a run folder: one living trainer each, and a way to end one that hangs."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import IO, Any

from ml.training.errors import RunLockedError

_GRACE_SECONDS = 5.0


class RunLock:
    """An advisory lock that the kernel gives up with the process, with a note of who holds it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._file: IO[str] | None = None

    def acquire(self, *, takeover: bool = False) -> None:
        """Take the lock or raise RunLockedError. `takeover` first ends the process group that holds it."""
        file = self.path.open("a+")
        if not _try(file):
            holder = self._holder()
            if not takeover:
                file.close()
                raise RunLockedError(
                    f"another trainer (process {holder.get('pid', '?')}) is at work in {self.path.parent}; "
                    "wait for it, or start with --takeover to end it first"
                )
            _end(holder)
            deadline = time.monotonic() + _GRACE_SECONDS
            while not _try(file):
                if time.monotonic() > deadline:
                    file.close()
                    raise RunLockedError(f"the trainer in {self.path.parent} could not be ended")
                time.sleep(0.05)
        self._file = file
        file.truncate(0)
        file.write(json.dumps(_myself()))
        file.flush()

    def release(self) -> None:
        """Give the lock up; harmless when it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _holder(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text() or "{}")
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def _try(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _myself() -> dict[str, Any]:
    pid = os.getpid()
    return {"pid": pid, "pgid": os.getpgrp(), "started": start_ticks(pid), "host": socket.gethostname()}


def _end(holder: dict[str, Any]) -> None:
    """SIGTERM, then SIGKILL; to the whole group where it is not ours.

    Never a process that only has the number.
    """
    pid, pgid = holder.get("pid"), holder.get("pgid")
    if not isinstance(pid, int) or holder.get("host") != socket.gethostname():
        raise RunLockedError("the run folder is locked from another machine; end that trainer there")
    for number in (signal.SIGTERM, signal.SIGCONT, signal.SIGKILL):
        if start_ticks(pid) != holder.get("started"):
            return
        try:
            if isinstance(pgid, int) and pgid not in (0, 1, os.getpgrp()):
                os.killpg(pgid, number)
            else:
                os.kill(pid, number)
        except ProcessLookupError:
            return
        if number == signal.SIGCONT:  # a stopped process first has to wake up to obey
            _wait_gone(pid, holder.get("started"))


def _wait_gone(pid: int, started: object) -> None:
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline and start_ticks(pid) == started:
        time.sleep(0.05)


def start_ticks(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; with the pid it names a process for good."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])
