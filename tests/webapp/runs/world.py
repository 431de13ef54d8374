"""Rows of a data set that was frozen, trained on and evaluated: small, and wrong in known places."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from ml.specs import make_spec
from tests.support.rows import image_row
from webapp.datasets.models import Dataset, Image, LabelClass
from webapp.datasets.services import category_for_bin, class_create
from webapp.evaluations.models import Evaluation, Prediction
from webapp.jobs.models import QUEUE_OF_KIND, Job, JobKind, JobState
from webapp.runs.models import EpochMetric, Run
from webapp.snapshots.models import Snapshot, SnapshotClass, SnapshotItem

CLASSES = {"bottle": "recyclable", "can": "recyclable", "peel": "kitchen"}


def make_classes(dataset: Dataset) -> list[LabelClass]:
    return [
        class_create(dataset=dataset, name=name, category=category_for_bin(dataset=dataset, bin=of_bin))
        for name, of_bin in CLASSES.items()
    ]


def make_image(dataset: Dataset, label: LabelClass | None, name: str) -> Image:
    image = image_row(
        dataset,
        name,
        state="accepted" if label else "inbox",
        label=label,
        original_name=name,
        width=40,
        height=30,
    )
    image.save()
    return image


def make_job(dataset: Dataset, kind: JobKind, state: str, **fields: Any) -> Job:
    now = timezone.now()
    if state == JobState.RUNNING:
        fields = {"lease_owner": "host/1/1", "lease_until": now + timedelta(minutes=5), **fields}
    return Job.objects.create(kind=kind, dataset=dataset, state=state, queue=QUEUE_OF_KIND[kind], **fields)


def make_snapshot(dataset: Dataset, *, number: int = 1, state: str = "ready", per_split: int = 4) -> Snapshot:
    """`per_split` photos of each class in each split; one that is being made is empty."""
    job_state = {"ready": "succeeded", "building": "running", "failed": "failed"}[state]
    snapshot = Snapshot.objects.create(
        dataset=dataset,
        number=number,
        state=state,
        digest=hashlib.sha256(str(number).encode()).hexdigest(),
        job=make_job(dataset, JobKind.SNAPSHOT, job_state, progress=0.25),
    )
    if state != "ready":
        return snapshot
    for position, label in enumerate(list(dataset.classes.all()) or make_classes(dataset)):
        frozen = SnapshotClass.objects.create(
            snapshot=snapshot,
            key=label.key,
            position=position,
            name_en=label.name_en,
            name_zh=label.name_zh,
            category=label.category.key if label.category else "",
            category_en=label.category.name_en if label.category else "",
            bin=label.category.bin if label.category else "",
        )
        for split in ("train", "val", "test"):
            for index in range(per_split):
                image = make_image(dataset, label, f"{number}-{label.key}-{split}-{index}.jpg")
                SnapshotItem.objects.create(
                    snapshot=snapshot,
                    image=image,
                    sha256=image.sha256,
                    label=frozen,
                    split=split,
                    group=image.pk,
                )
    count = per_split * dataset.classes.count()
    Snapshot.objects.filter(pk=snapshot.pk).update(n_train=count, n_val=count, n_test=count)
    snapshot.refresh_from_db()
    return snapshot


def make_run(
    snapshot: Snapshot,
    *,
    number: int = 1,
    state: str = "succeeded",
    recipe: str = "partial_finetune",
    overrides: Mapping[str, str] | None = None,
    seed: int = 0,
    epochs: int = 0,
    job: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Run:
    spec = make_spec(recipe, overrides or {}, seed)
    run = Run.objects.create(
        dataset=snapshot.dataset,
        number=number,
        snapshot=snapshot,
        job=make_job(snapshot.dataset, JobKind.TRAIN, state, **(job or {})),
        recipe=recipe,
        spec=spec.to_json(),
        seed=seed,
        **fields,
    )
    for epoch in range(1, epochs + 1):
        EpochMetric.objects.create(
            run=run, epoch=epoch, epochs=spec.epochs, train_loss=1 / epoch, train_accuracy=0.9,
            val_loss=1.1 / epoch, val_accuracy=0.8 + epoch / 100, lr=1e-3, seconds=2.0,
        )  # fmt: skip
    return run


def make_evaluation(run: Run, wrong: Sequence[tuple[str, str, str, int]] = ()) -> Evaluation:
    """Everything is answered right but `wrong`: (split, truth, answer, how many)."""
    keys = list(run.snapshot.classes.values_list("key", flat=True))
    left = {(split, truth): [] for split, truth, _answer, _n in wrong}
    for split, truth, answer, n in wrong:
        left[split, truth] += [answer] * n
    splits: dict[str, Any] = {}
    rows = []
    for item in run.snapshot.items.select_related("label").order_by("id"):
        truth = item.label.position
        queue = left.get((item.split, item.label.key), [])
        answer = keys.index(queue.pop(0)) if queue else truth
        confusion = splits.setdefault(item.split, [[0] * len(keys) for _ in keys])
        confusion[truth][answer] += 1
        probability = 0.9 - 0.001 * len(rows)
        top = [[answer, probability], [(answer + 1) % len(keys), 0.05], [(answer + 2) % len(keys), 0.01]]
        rows.append((item, truth, answer, probability, top))
    stored = {split: {"confusion": counts} for split, counts in splits.items() if split != "train"}
    evaluation = Evaluation.objects.create(
        run=run,
        snapshot=run.snapshot,
        classes=keys,
        splits=stored,
        calibration={
            "temperature": 1.2, "threshold": 0.6, "target": 0.97, "coverage": 0.8, "promised": False,
            "note": "Not enough photos to promise 97 %.", "ece_before": 0.08, "ece_after": 0.03,
            "curve": [[0.0, 1.0, 0.9], [0.6, 0.8, 0.96], [0.9, 0.4, 1.0]],
        },
    )  # fmt: skip
    Prediction.objects.bulk_create(
        Prediction(
            evaluation=evaluation, image=item.image, sha256=item.sha256, split=item.split, truth=truth,
            answer=answer, probability=probability, top=top,
            truth_probability=probability if truth == answer else 0.05,
        )
        for item, truth, answer, probability, top in rows
    )  # fmt: skip
    return evaluation
