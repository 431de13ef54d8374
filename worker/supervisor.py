"""Runs one `python -m ml …` for a job: its own process group, its output kept, ended when the job has to stop.

A process of its own because multiprocessing is forbidden inside Celery's children, CUDA can't be used after a fork, and
memory comes back only when a process ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from worker.context import JobCancelled, JobContext, JobError, ProcessDied

TERM_GRACE_SECONDS = 30.0
POLL_SECONDS = 0.25
# Kind to the web server and to the person at this machine. What a person waits for with a page open goes first.
NICE, NICE_AWAITED = 15, 5
LOG_TAIL_BYTES = 16_000


def supervise(
    context: JobContext,
    arguments: list[str],
    *,
    console: Path,
    on_poll: Callable[[], None] = lambda: None,
    before_cancel: Callable[[], None] = lambda: None,
    nice: int = NICE,
) -> None:
    """Runs `python -m ml ARGUMENTS` to its end, calling `on_poll` four times a second.

    Raises JobError with the last line of its console where it ends with an error (exit code 1 or 2), ProcessDied
    where it was killed, and passes on what `context.check` raises, after ending the whole process group.
    """
    console.parent.mkdir(parents=True, exist_ok=True)
    with console.open("ab") as output:
        output.write(f"--- attempt {context.attempt} ---\n".encode())
        output.flush()
        process = subprocess.Popen(
            ["nice", "-n", str(nice), sys.executable, "-m", "ml", *arguments],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "SORTYARD_PARENT_PID": str(os.getpid())},
        )
    try:
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            on_poll()
            context.check()
    except JobCancelled:
        before_cancel()
        raise
    finally:
        end_group(process)
    on_poll()
    if process.returncode < 0:
        raise ProcessDied(f"process {process.pid} was ended by signal {-process.returncode}")
    if process.returncode != 0:
        raise JobError(
            last_sentence(console) or f"python -m ml {arguments[0]} ended with code {process.returncode}"
        )


def relay_progress(context: JobContext, progress: Path, *, share: float = 1.0) -> None:
    """Reports what the process has written to its progress file as that `share` of the job."""
    try:
        state = json.loads(progress.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return
    context.report(
        share * state["fraction"],
        state["message"],
        phase=state["phase"],
        eta_seconds=state.get("eta_seconds"),
    )


def end_group(process: subprocess.Popen[bytes], grace: float = TERM_GRACE_SECONDS) -> None:
    """SIGTERM to the process, SIGKILL to its whole group when it has not ended after `grace` seconds."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def log_tail(log: Path, size: int = LOG_TAIL_BYTES) -> str:
    """The end of the log, cut at a line, with a progress bar's overwritten states left out."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            start = max(0, file.tell() - size)
            file.seek(start)
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    lines = [line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join(lines[1:] if start else lines).replace("\x00", "").strip("\n")


def last_sentence(console: Path) -> str:
    """The last line, which is where `python -m ml` says why it ended; without the command's name in front."""
    lines = [line.strip() for line in log_tail(console).splitlines() if line.strip()]
    return re.sub(r"^ml \w+: ", "", lines[-1]) if lines else ""
