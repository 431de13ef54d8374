"""Kills a run at chosen moments, as seen from what its trainer writes to its folder."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.site import Site, is_alive, wait_until

# A run takes a minute; a machine that trains something else besides takes many.
PATIENCE_SECONDS = 1800
# A checkpoint is written within some tens of milliseconds.
LOOK_SECONDS = 0.001


@dataclass(frozen=True)
class Kill:
    """`moment` (step, validation, checkpoint, export, evaluate) of `epoch`, and what is killed then.

    `victim`: the trainer's process, its group, the worker above it, or everything from `up` downwards.
    """

    epoch: int
    moment: str
    victim: str = "trainer"


class Killer:
    """Follows one run of a site from attempt to attempt."""

    def __init__(self, site: Site, number: int, steps_per_epoch: int) -> None:
        self._site = site
        ((name, self._job),) = site.rows("select folder, job_id from runs_run where number = ?", number)
        self.folder = site.data / "runs" / name
        self._steps = steps_per_epoch
        self._left: set[str] = set()
        self._killed = 0

    def strike(self, kill: Kill) -> bool:
        """Waits for the moment and kills; whether the blow fell in it, judged by what was left behind."""
        self._wait(lambda: self._trainer() not in (None, self._killed))
        pid = self._trainer()
        assert pid is not None
        workers = self._site.processes()["worker-train"]  # looked up now: it takes longer than a moment lasts
        self._wait(lambda: self._is_now(kill) and self._is_relayed(kill))
        if kill.victim == "everything":
            self._site.stop(signal.SIGKILL)
        elif kill.victim == "worker":
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
        elif kill.victim == "group":
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), seconds=20, what="the trainer's end")
        self._killed = pid
        struck = self._was(kill)
        self._left = self._asides()
        if kill.victim == "everything":
            self._site.start()
        return struck

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        looked = time.monotonic()
        while not condition():
            now = time.monotonic()
            assert now < deadline, f"waited in vain; progress: {self._progress()}"
            if now - looked > 1:
                looked = now
                ((state, error),) = self._site.rows(
                    "select state, error from jobs_job where id = ?", self._job
                )
                assert state in ("queued", "running"), f"the job {state}: {error}"
            time.sleep(LOOK_SECONDS)

    def _trainer(self) -> int | None:
        """The process that holds the run's folder, if it lives."""
        holder = _json(self.folder / "lock")
        return holder["pid"] if "pid" in holder and is_alive(holder["pid"]) else None

    def _is_now(self, kill: Kill) -> bool:
        progress = self._progress()
        if kill.moment in ("export", "evaluate"):
            return bool(progress.get("phase") == kill.moment)
        if not str(progress.get("message", "")).startswith(f"Epoch {kill.epoch} of"):
            return False
        if kill.moment == "checkpoint":
            mark = f".epoch-{kill.epoch:04d}.safetensors."
            return any(name.startswith(mark) for name in self._asides() - self._left)
        last = self._last_step()
        if kill.moment == "validation":
            return last == kill.epoch * self._steps
        return last > (kill.epoch - 1) * self._steps

    def _is_relayed(self, kill: Kill) -> bool:
        """Whether the site knows of the epoch before: what it has not heard of does not excuse earlier losses."""
        over = kill.epoch if kill.moment in ("export", "evaluate") else kill.epoch - 1
        query = (
            "select count(*) from runs_epochmetric m join runs_run r on r.id = m.run_id where r.job_id = ?"
        )
        return bool(self._site.rows(query, self._job)[0][0] >= over)

    def _was(self, kill: Kill) -> bool:
        if kill.moment in ("export", "evaluate"):
            return not (self.folder / "bundle" / "SHA256SUMS").exists()
        checkpointed = (self.folder / "checkpoints" / f"epoch-{kill.epoch:04d}.json").exists()
        begun = bool(self._asides() - self._left)
        if kill.moment == "checkpoint":
            return begun and not checkpointed
        over = self._last_step() == kill.epoch * self._steps
        return over == (kill.moment == "validation") and not begun and not checkpointed

    def _progress(self) -> dict[str, Any]:
        """What this attempt says of itself: what an earlier one left is older than the lock."""
        path = self.folder / "progress.json"
        try:
            if path.stat().st_mtime_ns < (self.folder / "lock").stat().st_mtime_ns:
                return {}
        except FileNotFoundError:
            return {}
        return _json(path)

    def _last_step(self) -> int:
        try:
            lines = (self.folder / "steps.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return 0
        return int(json.loads(lines[-1])["step"]) if lines else 0

    def _asides(self) -> set[str]:
        """Names of files that are being written, or were when their writer died."""
        try:
            names = os.listdir(self.folder / "checkpoints")  # noqa: PTH208 — a thousand times a second
            return {name for name in names if name.startswith(".")}
        except FileNotFoundError:
            return set()


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content
