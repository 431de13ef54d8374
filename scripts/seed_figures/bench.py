"""The site that does the trainings: started for the purpose, with a data folder of its own."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml.manifest import Manifest
from ml.store import Store
from tests.support.site import Site

from .plan import Wanted
from .results import Row

# Not the tests' hurry: a machine that is busy training must not look dead.
PATIENT = {
    "SORTYARD_LEASE_SECONDS": "120",
    "SORTYARD_HEARTBEAT_SECONDS": "10",
    "SORTYARD_REAPER_SECONDS": "5",
}
EPOCH_FIELDS = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")
POLL_SECONDS = 1.0


class TrainingFailedError(Exception):
    """A run ended without a result; the message is the job's sentence."""


@contextmanager
def running_site(out: Path) -> Iterator[Site]:
    """`manage.py up` on `out`/data until the block is left; what it did not finish it will go on with."""
    out.mkdir(parents=True, exist_ok=True)
    site = Site(out.resolve(), SORTYARD_CACHE=str(out.resolve() / "data" / "cache"), **PATIENT)
    try:
        yield site.start()
    finally:
        site.stop()


def say(sentence: str) -> None:
    """Progress goes to stderr."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {sentence}\n")
    sys.stderr.flush()


class Bench:
    """One data set and one snapshot of it in a running site, and the trainings on it."""

    def __init__(self, site: Site, photos: Path) -> None:
        self._site = site
        self._store = Store(site.data)
        self._dataset = re.sub(r"\W+", "-", photos.name.lower()).strip("-") or "photos"
        if not self._snapshots():
            say(f"importing {photos}")
            site.manage("import_images", self._dataset, str(photos.resolve()))
            site.manage("snapshot", self._dataset)
        self._snapshot, self._digest = self._snapshots()[0]
        self._manifest = Manifest.read(self._store.manifest_path(self._digest))

    def _snapshots(self) -> list[tuple[int, str]]:
        """(number, digest) of the finished ones, the first first: all trainings are on that one."""
        query = "select number, digest from snapshots_snapshot where state = 'ready' order by number"
        return [(int(number), str(digest)) for number, digest in self._site.rows(query)]

    def about(self) -> dict[str, Any]:
        """The data set in figures, for results.json."""
        counts = {name: len(self._manifest.items_of(name)) for name in ("train", "val", "test")}
        return {
            "name": self._dataset,
            "classes": [info.key for info in self._manifest.classes],
            "snapshot": self._digest,
            "rule": self._manifest.plan.rule,
            **counts,
        }

    def train(self, run: Wanted) -> Row:
        """Queue that training, or find it in the queue; wait for its end. TrainingFailedError."""
        number = self._find(run)
        if number is None:
            words = [word for name, value in run.overrides.items() for word in ("--set", f"{name}={value}")]
            answer = self._site.answer(
                "train", self._dataset, "--recipe", run.recipe, *words,
                "--seed", str(run.seed), "--snapshot", str(self._snapshot),
            )  # fmt: skip
            number = int(answer["run"].rpartition("/")[2])
        self._follow(run, number)
        return self._row(run, number)

    def _find(self, run: Wanted) -> int | None:
        """The number of a run like this that waits, runs or succeeded: an earlier call queued it."""
        rows = self._site.rows(
            "select r.number, r.spec from runs_run r join jobs_job j on j.id = r.job_id"
            " join snapshots_snapshot s on s.id = r.snapshot_id"
            " where s.digest = ? and j.state in ('queued', 'running', 'succeeded') order by r.number",
            self._digest,
        )
        spec = run.spec().to_json()
        return next((int(number) for number, text in rows if json.loads(text) == spec), None)

    def _follow(self, run: Wanted, number: int) -> None:
        shown = ""
        query = (
            "select j.state, j.message, j.error from jobs_job j join runs_run r on r.job_id = j.id"
            " where r.number = ?"
        )
        while True:
            state, message, error = self._site.rows(query, number)[0]
            if message != shown:
                shown = message
                say(f"{run.name}: {message}")
            if state == "succeeded":
                return
            if state not in ("queued", "running"):
                raise TrainingFailedError(f"Run {number} ({run.name}) {state}: {error}")
            time.sleep(POLL_SECONDS)

    def _row(self, run: Wanted, number: int) -> Row:
        ((name, attempts),) = self._site.rows(
            "select r.folder, j.attempt from runs_run r join jobs_job j on j.id = r.job_id where r.number = ?",
            number,
        )
        folder = self._store.run_dir(name)
        state = json.loads((folder / "run.json").read_text())
        environment = json.loads((folder / "environment.json").read_text())
        preprocess = json.loads((folder / "bundle" / "preprocess.json").read_text())
        test = json.loads((folder / "evaluation.json").read_text())["splits"]["test"]
        return {
            "figure": run.figure,
            "cell": run.cell,
            "run": number,
            "attempts": attempts,
            **{
                name: state[name]
                for name in ("spec", "best_epoch", "seconds", "device", "dtype", "code_version")
            },
            "threads": environment["threads"],
            "processor": environment["processor"],
            "mean": preprocess["mean"],
            "std": preprocess["std"],
            "val": state["val"],
            "test": {name: test[name] for name in ("accuracy", "n", "interval", "loss")},
            "epochs": [
                {name: line[name] for name in EPOCH_FIELDS} for line in _lines(folder / "metrics.jsonl")
            ],
            "answers": self._answers(folder),
        }

    def _answers(self, folder: Path) -> list[list[int]]:
        """[group, 1 where the answer was right] of each test photo, in the snapshot's order."""
        keys = [info.key for info in self._manifest.classes]
        right = {}
        for line in _lines(folder / "predictions.jsonl"):
            if line["split"] == "test":
                probs = line["probabilities"]
                right[line["sha256"]] = int(keys[probs.index(max(probs))] == line["truth"])
        return [[item.group, right[item.sha256]] for item in self._manifest.items_of("test")]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
