"""How far a run is and when it will end, in progress.json."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

_EVERY_SECONDS = 0.5


class Progress:
    """A run as a row of stages with expected seconds; what is measured corrects what was expected.

    A stage belongs to a phase of the contract (prepare, features, train, evaluate, export). Stages left out
    of the plan may not be reported. Until a stage has run long enough to be measured, its expected time is
    scaled by how the stages before it did.
    """

    def __init__(self, path: Path, plan: Mapping[str, tuple[str, float]]) -> None:
        self.path = path
        self._phase = {stage: phase for stage, (phase, _) in plan.items()}
        self._expected = {stage: max(seconds, 0.01) for stage, (_, seconds) in plan.items()}
        self._spent: dict[str, float] = {}
        self._before = 0.0  # expected seconds of what an earlier attempt has done
        self._stage: str | None = None
        self._began = 0.0
        self._written = 0.0
        self._state: dict[str, object] = {}
        self._highest = 0.0

    def stage(self, name: str, message: str = "") -> None:
        """Begin a stage; the one before is over."""
        now = time.monotonic()
        if self._stage is not None:
            self._spent[self._stage] = now - self._began
        self._stage, self._began = name, now
        self._write(0, 0, message, force=True)

    def skip(self, name: str) -> None:
        """A stage turns out to be unnecessary."""
        if name in self._expected:
            self._expected[name] = 0.0
            self._spent[name] = 0.0

    def done_before(self, name: str) -> None:
        """A stage was done by an earlier attempt: it takes no time now, and yet is part of what is done."""
        self._before += self._expected.get(name, 0.0)
        self.skip(name)

    def update(self, done: int, total: int, message: str = "") -> None:
        """`done` of `total` steps of the current stage. Written at most twice a second."""
        self._write(done, total, message)

    def finish(self, message: str) -> None:
        """The run is over."""
        self._state = {**self._state, "fraction": 1.0, "eta_seconds": 0, "message": message}
        self._save()

    def remaining(self, done: int, total: int) -> tuple[float, float]:
        """(seconds still expected, seconds of the whole run) by what is known now."""
        assert self._stage is not None
        elapsed = time.monotonic() - self._began
        ended = sum(self._spent.values())
        planned = sum(self._expected[stage] for stage in self._spent)
        speed = (ended + 5.0) / (planned + 5.0)  # five seconds of belief in the plan
        current = self._expected[self._stage] * speed
        if total and done:
            share = done / total
            trust = min(1.0, elapsed / 3.0)
            current = trust * elapsed / share + (1 - trust) * max(current, elapsed)
            speed = trust * current / self._expected[self._stage] + (1 - trust) * speed
        left = max(current - elapsed, 0.0)
        for stage, seconds in self._expected.items():
            if stage not in self._spent and stage != self._stage:
                left += seconds * min(max(speed, 0.2), 20.0)
        return left, left + ended + elapsed + self._before * speed

    def _write(self, done: int, total: int, message: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._stage is None or (not force and now - self._written < _EVERY_SECONDS):
            return
        self._written = now
        left, whole = self.remaining(done, total)
        # Never backwards: a better estimate of the end must not look like lost work.
        self._highest = max(self._highest, min(1 - left / whole if whole else 0.0, 0.999))
        self._state = {
            "phase": self._phase[self._stage],
            "done": done,
            "total": total,
            "fraction": round(self._highest, 4),
            "eta_seconds": round(left),
            "message": message or self._state.get("message", ""),
        }
        self._save()

    def _save(self) -> None:
        # Replaced, not synced: it is worth nothing after a crash, and is written twice a second.
        aside = self.path.with_suffix(".aside")
        aside.write_text(json.dumps(self._state, ensure_ascii=False))
        aside.replace(self.path)
