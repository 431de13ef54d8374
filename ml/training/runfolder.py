"""A run's folder: state, curves and log as files that can be read without torch."""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from ml.backbones.sessions import cpu_count
from ml.durable import make_folder, remove_asides, write_atomic
from ml.specs import TrainSpec
from ml.training.errors import RunMismatchError, TrainingProblemError
from ml.training.lock import RunLock

log = logging.getLogger("ml.run")

_RESERVE_BYTES = 65_536
_LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "onnx",
    "onnxruntime",
    "torch",
    "torchvision",
    "timm",
)


class RunFolder:
    """One run's folder, open for writing by this process. Use as a context: the lock is held inside."""

    def __init__(self, path: Path, spec: TrainSpec, manifest_digest: str, *, takeover: bool = False) -> None:
        self.path = path
        self.spec = spec
        self.manifest_digest = manifest_digest
        self.state: dict[str, Any] = {}
        self._takeover = takeover
        self._lock = RunLock(path)
        self._handler: logging.Handler | None = None

    def __enter__(self) -> RunFolder:
        """Lock the folder and begin or go on. RunLockedError, RunMismatchError, TrainingProblemError."""
        if self.path.exists() and not self.path.is_dir():
            raise TrainingProblemError(f"{self.path} is a file; --out needs a folder")
        if self.path.is_dir() and not (self.path / "run.json").exists() and not _is_fresh(self.path):
            raise TrainingProblemError(f"{self.path} is not empty and holds no run; choose another folder")
        make_folder(self.path)
        self._lock.acquire(takeover=self._takeover)
        try:
            self._begin()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._handler is not None:
            logging.getLogger("ml").removeHandler(self._handler)
            self._handler.close()
        self._lock.release()

    @property
    def finished(self) -> bool:
        """Whether an earlier attempt ended well: there is nothing left to do."""
        return bool(self.state["state"] == "succeeded")

    def _begin(self) -> None:
        before = self._read_state()
        if before:
            same = (before.get("spec_digest"), before.get("manifest_digest"))
            if same != (self.spec.digest(), self.manifest_digest):
                what = "other settings" if same[0] != self.spec.digest() else "another data set version"
                raise RunMismatchError(f"{self.path} belongs to a run with {what}; choose another folder")
        self.state = before or self._fresh_state()
        if self.finished:
            return
        if self.state["state"] == "cancelled":
            (self.path / "cancel").unlink(missing_ok=True)  # an old wish; this start is a new one
        # Of an attempt that was killed while it wrote: a checkpoint is no small file.
        remove_asides(self.path)
        self.state.update(state="running", error="", finished_at=None)
        with suppress(OSError):  # freed when the disk is full, so that the last words can be written
            (self.path / ".reserve").write_bytes(b"\0" * _RESERVE_BYTES)
        self.save()
        self._open_log(self.path / "log.txt")
        (self.path / "metrics.jsonl").touch()
        (self.path / "steps.jsonl").touch()

    def _open_log(self, path: Path) -> None:
        """Log to `path`, unless stderr already leads there: a supervisor may have opened it for us."""
        path.touch()
        logger = logging.getLogger("ml")
        logger.setLevel(logging.INFO)
        speaks_there = any(type(handler) is logging.StreamHandler for handler in logger.handlers)
        if speaks_there and _is_stderr(path):
            return
        self._handler = logging.FileHandler(path, encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(self._handler)

    def _read_state(self) -> dict[str, Any] | None:
        try:
            content = json.loads((self.path / "run.json").read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise TrainingProblemError(f"{self.path / 'run.json'} is damaged: {error}") from error
        if not isinstance(content, dict):
            raise TrainingProblemError(f"{self.path / 'run.json'} is damaged")
        return content

    def _fresh_state(self) -> dict[str, Any]:
        return {
            "run": self.path.resolve().name,
            "state": "running",
            "recipe": self.spec.recipe,
            "seed": self.spec.seed,
            "spec": self.spec.to_json(),
            "spec_digest": self.spec.digest(),
            "manifest_digest": self.manifest_digest,
            "code_version": code_version(),
            "device": "cpu",
            "dtype": "float32",
            "started_at": now(),
            "finished_at": None,
            "seconds": 0.0,
            "val": None,
            "test": None,
            "best_epoch": None,
            "error": "",
        }

    def save(self) -> None:
        """Write run.json durably."""
        write_atomic(self.path / "run.json", _pretty(self.state))

    def end(self, state: str, **more: Any) -> None:
        """Write the final (or, for `running`, the interrupted) state. Works on a full disk too."""
        (self.path / ".reserve").unlink(missing_ok=True)
        self.state.update(state=state, **more)
        if state != "running":
            self.state["finished_at"] = now()
        self.save()

    def write_environment(self, **more: Any) -> None:
        """environment.json: versions, threads, processor, and what `more` tells."""
        versions = {}
        for name in _LIBRARIES:
            with suppress(metadata.PackageNotFoundError):
                versions[name] = metadata.version(name)
        content = {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": _processor(),
            "threads": cpu_count(),
            "versions": versions,
            **more,
        }
        self.write_json("environment.json", content)

    def write_json(self, name: str, content: Any) -> None:
        """One of the folder's JSON files, durably."""
        write_atomic(self.path / name, _pretty(content))

    def write_lines(self, name: str, rows: Sequence[Any]) -> None:
        """A whole JSON-lines file, durably; replaces what an interrupted attempt had written."""
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_atomic(self.path / name, text.encode())

    def append_line(self, name: str, row: Any) -> None:
        """One more line in one write, so that a reader never sees half of it."""
        with (self.path / name).open("ab", buffering=0) as file:
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())

    def keep_steps_until(self, epoch: int) -> None:
        """Drop the steps of epochs after `epoch`, which will be trained again."""
        lines = (self.path / "steps.jsonl").read_text().splitlines()
        rows = []
        for line in lines:
            with suppress(ValueError):
                rows.append(json.loads(line))
        self.write_lines("steps.jsonl", [row for row in rows if row["epoch"] <= epoch])


def now() -> str:
    """The time in UTC, to the second, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def code_version() -> str:
    """A digest of this package's sources: equal code, equal version, installed or not."""
    root = Path(__file__).resolve().parents[1]
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"ml-{whole.hexdigest()[:12]}"


def _is_fresh(folder: Path) -> bool:
    """Empty but for what a supervisor may have placed: its log, a request to cancel, the lock."""
    return all(path.name in ("lock", "log.txt", "cancel", "manifest.json") for path in folder.iterdir())


def _is_stderr(path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(2), path.stat())
    except OSError:
        return False


def _pretty(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
