"""A whole Sortyard of a test's own: `manage.py up` on a free port, with its data in a temporary folder."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# Short periods, so that a death is noticed within a test's patience.
QUICK = {"SORTYARD_LEASE_SECONDS": "3", "SORTYARD_HEARTBEAT_SECONDS": "0.5", "SORTYARD_REAPER_SECONDS": "1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], Any], *, seconds: float = 60, what: str = "it") -> Any:
    """The first true answer of `condition`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := condition():
            return answer
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.1)


class Site:
    """`start` returns once the page answers; `stop` is Ctrl-C."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("SORTYARD_", "DJANGO_"))
            },
            **QUICK,
            **environment,
            "SORTYARD_DATA": str(self.data),
            "PYTHONUNBUFFERED": "1",
        }
        # Exported trunks and embeddings are kept by content, so that tests may share them: an export takes 20 s.
        if "SORTYARD_CACHE" not in environment:
            self.environment["SORTYARD_CACHE"] = os.environ["SORTYARD_TEST_CACHE"]
        self.environment.pop("REDIS_URL", None)
        self.environment.pop("DATABASE_URL", None)
        self.process: subprocess.Popen[str] | None = None
        self.output = folder / "up.txt"
        self.link = ""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self, *arguments: str) -> Site:
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        try:
            found = wait_until(self._greeting, seconds=180, what="the greeting with the sign-in link")
        except BaseException:
            self.stop(signal.SIGKILL)  # a fixture that fails here is never asked to clean up
            raise
        self.link = found.group(0)
        return self

    def _greeting(self) -> re.Match[str] | None:
        assert self.process is not None
        assert self.process.poll() is None, f"up ended: {self.output.read_text()}"
        return re.search(r"http://\S+/sign-in/link/\S+", self.output.read_text())

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ends `up`; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=60)

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A management command on this site's data."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=1800,
        )
        assert not check or done.returncode == 0, (
            f"{arguments} ended with {done.returncode}: {done.stderr[-3000:]}"
        )
        return done

    def answer(self, *arguments: str) -> dict[str, Any]:
        """The JSON object that a command prints."""
        answer: dict[str, Any] = json.loads(self.manage(*arguments).stdout.splitlines()[-1])
        return answer

    def count(self, slug: str, table: str, where: str = "1") -> int:
        """Rows of a table that belong to one data set: other tests' data sets are on the same site."""
        query = f"SELECT count(*) FROM {table} one JOIN datasets_dataset d ON d.id = one.dataset_id"
        (found,) = self.rows(f"{query} WHERE d.slug = ? AND {where}", slug)[0]
        return int(found)

    def wait_for_job(self, slug: str, kind: str, *, seconds: float = 400) -> None:
        """Until a job of that kind of the data set has ended well and none waits or runs."""
        ended, busy = (
            f"one.kind = '{kind}' AND one.state IN {states}"
            for states in ("('succeeded')", "('queued', 'running')")
        )
        wait_until(
            lambda: self.count(slug, "jobs_job", ended) and not self.count(slug, "jobs_job", busy),
            seconds=seconds,
            what=f"the job {kind} of {slug}",
        )

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Reads the database beside the running site."""
        with sqlite3.connect(
            f"file:{self.data / 'sortyard.sqlite3'}?mode=ro", uri=True, timeout=20
        ) as connection:
            return connection.execute(query, values).fetchall()

    def processes(self) -> dict[str, list[int]]:
        """Pids below `up` by what they are: web, worker-prep, …, broker, trainer."""
        assert self.process is not None
        marks = {
            "granian": "web", " prep@": "worker-prep", " train@": "worker-train", " crawl@": "worker-crawl",
            "worker reap": "worker-reap", "worker predict": "worker-predict", "valkey": "broker",
            "ml train": "trainer",
        }  # fmt: skip
        found: dict[str, list[int]] = {}
        for pid in descendants(self.process.pid):
            line = command_line(pid)
            name = next((name for mark, name in marks.items() if mark in line), "other")
            found.setdefault(name, []).append(pid)
        return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(pid: int) -> list[int]:
    """All living processes below `pid`."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
