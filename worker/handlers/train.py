"""Training: supervises `python -m ml train`, relays what it writes to its run folder, keeps what it made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from ml.specs import RECIPES, TrainSpec
from webapp.core.pagination import chunks
from webapp.evaluations.models import Evaluation, Prediction
from webapp.publishing.services import bundle_record
from webapp.runs.models import EpochMetric, Run
from webapp.snapshots.models import SnapshotItem, SnapshotState, Transform
from worker.bundles import keep_bundle
from worker.context import JobContext, JobError
from worker.lines import GrowingLines
from worker.supervisor import log_tail, supervise

MAX_STEPS = 600
EPOCH_FIELDS = ("epochs", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "seconds")
ROWS_A_WRITE = 200


def handle(context: JobContext) -> dict[str, Any]:
    run = Run.objects.select_related("snapshot", "dataset", "job").get(pk=context.job.payload["run"])
    if run.snapshot.state != SnapshotState.READY:
        raise JobError(
            _("Its snapshot was not finished, so there is nothing to train on. Make a new snapshot.")
        )
    folder = context.store.run_dir(run.folder)
    # Of a cancelled attempt that somebody starts again.
    (folder / "cancel").unlink(missing_ok=True)
    relay = RunRelay(context, run, folder)
    supervise(
        context,
        command(context, run, folder),
        # Beside the folder, which belongs to the trainer; its own log.txt is what people read.
        console=folder.with_name(f"{folder.name}.console.txt"),
        on_poll=relay.poll,
        before_cancel=lambda: mark_cancelled(folder),
    )
    return save_results(context, run, folder)


def mark_cancelled(folder: Path) -> None:
    """Tells the trainer that it is not merely to pause; it may not have made its folder yet."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cancel").touch()


def command(context: JobContext, run: Run, folder: Path) -> list[str]:
    """The arguments of `python -m ml` that repeat this run anywhere."""
    spec = TrainSpec.from_json(run.spec)
    values = spec.to_json()
    settings = [f"{setting.name}={values[setting.name]}" for setting in RECIPES[spec.recipe].settings]
    return [
        "train",
        "--manifest", str(context.store.manifest_path(run.snapshot.digest)),
        "--store", str(context.store.root),
        "--recipe", spec.recipe,
        *(word for setting in settings for word in ("--set", setting)),
        "--seed", str(spec.seed),
        "--out", str(folder),
        "--takeover",
        "--die-with-parent",
    ]  # fmt: skip


class RunRelay:
    """Copies epochs, a thinned series of batch losses, progress and the end of the log into the tables."""

    def __init__(self, context: JobContext, run: Run, folder: Path) -> None:
        self._context, self._run, self._folder = context, run, folder
        self._epochs = GrowingLines(folder / "metrics.jsonl")
        self._step_lines = GrowingLines(folder / "steps.jsonl")
        self._steps: list[list[float]] = []
        self._shown: tuple[float, str, int] | None = None
        # A new attempt first has to find its checkpoint: until then, what the one before had reached stands.
        self._floor = context.job.progress
        # Its first lines repeat what was known, which is no reason to forget the losses since.
        self._reached: int = run.epochs.aggregate(last=Max("epoch"))["last"] or 0

    def poll(self) -> None:
        for row in self._epochs.new():
            EpochMetric.objects.update_or_create(
                run=self._run, epoch=row["epoch"], defaults={name: row.get(name) for name in EPOCH_FIELDS}
            )
            if row["epoch"] > self._reached:
                self._reached = row["epoch"]
                self._context.checkpointed()
        self._keep_steps()
        self._keep_progress()

    def _keep_steps(self) -> None:
        new = [[row["epoch"], row["step"], row["loss"]] for row in self._step_lines.new()]
        if not new:
            return
        # A resumed epoch writes its steps again: the later ones count.
        first = (new[0][0], new[0][1])
        self._steps = [step for step in self._steps if (step[0], step[1]) < first] + new
        Run.objects.filter(pk=self._run.pk).update(steps=thin(self._steps, MAX_STEPS))

    def _keep_progress(self) -> None:
        log = self._folder / "log.txt"
        try:
            state = json.loads((self._folder / "progress.json").read_text())
            size = log.stat().st_size
        except (FileNotFoundError, json.JSONDecodeError):
            return
        shown = (state["fraction"], state["message"], size)
        if shown == self._shown:
            return
        self._shown = shown
        self._context.write(log_tail=log_tail(log))
        self._context.report(
            max(self._floor, state["fraction"]),
            state["message"],
            phase=state["phase"],
            eta_seconds=state.get("eta_seconds"),
        )


def thin(steps: list[list[float]], most: int) -> list[list[float]]:
    """Every k-th of `steps`, so that at most `most` remain; the last one always."""
    if len(steps) <= most:
        return steps
    stride = -(-len(steps) // (most - 1))
    kept = steps[::stride]
    return kept if kept[-1] == steps[-1] else [*kept, steps[-1]]


def save_results(context: JobContext, run: Run, folder: Path) -> dict[str, Any]:
    """Evaluation, predictions, bundle and log, from the folder into tables and blob storage; safe to repeat."""
    outcome = json.loads((folder / "run.json").read_text())
    if outcome["state"] != "succeeded":
        raise JobError(outcome.get("error") or _("Training ended without a result. The log says more."))
    digest, size, labels = keep_bundle(context.store, folder / "bundle")
    save_evaluation(context, run, folder)
    log_blob = keep_log(context, folder / "log.txt")
    val, test = outcome["val"], outcome["test"]
    low, high = test.get("interval") or (None, None)
    with transaction.atomic():
        context.check()
        bundle_record(run=run, digest=digest, size=size, labels=labels)
        Run.objects.filter(pk=run.pk).update(
            device=outcome.get("device", ""),
            best_epoch=outcome.get("best_epoch"),
            val_accuracy=val["accuracy"],
            val_n=val["n"],
            test_accuracy=test["accuracy"],
            test_n=test["n"],
            test_low=low,
            test_high=high,
            seconds=outcome["seconds"],
            log_sha256=log_blob,
        )
    context.write(log_tail=log_tail(folder / "log.txt"))
    return {"val": val, "test": test, "bundle": digest, "seconds": outcome["seconds"]}


def save_evaluation(context: JobContext, run: Run, folder: Path) -> None:
    figures = json.loads((folder / "evaluation.json").read_text())
    Evaluation.objects.filter(run=run, snapshot=run.snapshot).delete()
    evaluation = Evaluation.objects.create(
        run=run,
        snapshot=run.snapshot,
        classes=figures["classes"],
        splits=figures["splits"],
        calibration=figures.get("calibration", {}),
    )
    # Of all items: the cap may have left only a mirrored copy of a photo.
    images = dict(SnapshotItem.objects.filter(snapshot=run.snapshot).values_list("sha256", "image_id"))
    rows = (prediction_row(evaluation, row, images) for row in read_lines(folder / "predictions.jsonl"))
    for chunk in chunks(rows, ROWS_A_WRITE):
        context.check()
        Prediction.objects.bulk_create(chunk)


def prediction_row(
    evaluation: Evaluation, row: Mapping[str, Any], images: Mapping[str, int | None]
) -> Prediction:
    probabilities: list[float] = row["probabilities"]
    truth = evaluation.classes.index(row["truth"]) if isinstance(row["truth"], str) else int(row["truth"])
    order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
    return Prediction(
        evaluation=evaluation,
        image_id=images.get(row["sha256"]),
        sha256=row["sha256"],
        transform=row.get("transform", Transform.ORIGINAL),
        split=row["split"],
        truth=truth,
        answer=order[0],
        probability=min(1.0, probabilities[order[0]]),
        truth_probability=probabilities[truth],
        top=[[index, round(probabilities[index], 5)] for index in islice(order, 5)],
    )


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def keep_log(context: JobContext, log: Path) -> str:
    with log.open("rb") as file:
        return context.store.put_blob(file).sha256
