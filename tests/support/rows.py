"""Rows of a data set made directly, for pages that only read them."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from django.utils import timezone

from webapp.datasets.models import Dataset, Image, ImageState, LabelClass
from webapp.jobs.models import QUEUE_OF_KIND, Job, JobKind, JobState, WorkerProcess
from webapp.runs.models import Run
from webapp.snapshots.models import Snapshot, SnapshotClass, SnapshotItem, SnapshotState
from webapp.snapshots.plans import SnapshotPlan
from webapp.snapshots.services import labels_fingerprint

OWNER = "laptop/4242/1"


def sha_of(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def image_row(dataset: Dataset, name: object, **fields: Any) -> Image:
    """An unsaved photo whose hash follows from `name`."""
    return Image(
        **{
            "dataset": dataset,
            "sha256": sha_of(f"{dataset.pk}-{name}"),
            "width": 64,
            "height": 48,
            "format": "JPEG",
            "size": 1000,
            "phash": "0" * 16,
            "phash_mirror": "0" * 16,
            "brightness": 0.5,
            "sharpness": 1.0,
            "entropy": 5.0,
            "channel_sums": {"n": 1, "sum": [0.5] * 3, "sumsq": [0.3] * 3},
            **fields,
        }
    )


def add_images(
    dataset: Dataset, n: int, label: LabelClass | None = None, state: str = ImageState.ACCEPTED
) -> list[Image]:
    start = Image.objects.count()
    return Image.objects.bulk_create(
        image_row(dataset, start + i, label=label, state=state) for i in range(n)
    )


def add_job(
    dataset: Dataset | None, kind: str = JobKind.IMPORT, state: str = JobState.QUEUED, **fields: Any
) -> Job:
    now = timezone.now()
    if state == JobState.RUNNING:
        fields = {"lease_owner": OWNER, "lease_until": now + timedelta(hours=1), "started_at": now, **fields}
    elif state != JobState.QUEUED:
        fields = {"started_at": now - timedelta(seconds=75), "finished_at": now, **fields}
    return Job.objects.create(
        dataset=dataset, kind=kind, state=state, queue=QUEUE_OF_KIND[JobKind(kind)], **fields
    )


def add_look(dataset: Dataset, plan: SnapshotPlan | None = None, **fields: Any) -> Job:
    """A finished look at what a plan would give: three of seven near-duplicate pairs cross, one photo is held out."""
    classes = [
        {"id": one.pk, "key": one.key, "splits": [7, 1, 1, int(place == 0)], "weight": 0.76}
        for place, one in enumerate(dataset.classes.all())
    ]
    leak = {
        "near_pairs": 7,
        "crossing_pairs": 3,
        "twins": 0,
        "known_test": 2,
        "test_photos": 3,
        "more": False,
    }
    result = {
        "train": 16, "val": 2, "test": 3, "held_out": 1, "groups": 18, "photos": 22, "classes": classes,
        "too_small": {}, "missing": {}, "leak": leak, "fingerprint": labels_fingerprint(dataset),
    }  # fmt: skip
    payload = {"plan": (plan or SnapshotPlan()).as_json()}
    state = fields.pop("state", JobState.SUCCEEDED)
    return add_job(dataset, JobKind.PREVIEW, state, **{"payload": payload, "result": result, **fields})


def add_worker(queues: str, name: str = OWNER) -> WorkerProcess:
    return WorkerProcess.objects.create(name=name, queues=queues)


def add_snapshot(dataset: Dataset, number: int = 1, **fields: Any) -> Snapshot:
    """A ready snapshot; `freeze` puts the data set's photos into it."""
    return Snapshot.objects.create(
        **{
            "dataset": dataset,
            "number": number,
            "state": SnapshotState.READY,
            "digest": sha_of(f"snapshot {number}"),
            "job": add_job(dataset, JobKind.SNAPSHOT, JobState.SUCCEEDED),
            **fields,
        }
    )


def freeze(snapshot: Snapshot) -> None:
    """The accepted photos of each class: the last to test, the one before it to val, the others to train."""
    for position, label in enumerate(snapshot.dataset.classes.select_related("category")):
        bin_ = label.category.bin if label.category else ""
        frozen = SnapshotClass.objects.create(
            snapshot=snapshot,
            key=label.key,
            position=position,
            name_en=label.name_en,
            name_zh=label.name_zh,
            bin=bin_,
        )
        photos = list(label.images.filter(state=ImageState.ACCEPTED).order_by("id"))
        for place, photo in enumerate(reversed(photos)):
            SnapshotItem.objects.create(
                snapshot=snapshot,
                image=photo,
                sha256=photo.sha256,
                label=frozen,
                split=("test", "val")[place] if place < 2 else "train",
                group=photo.pk,
            )


def add_run(snapshot: Snapshot, number: int = 1, state: str = JobState.SUCCEEDED, **fields: Any) -> Run:
    return Run.objects.create(
        dataset=snapshot.dataset,
        number=number,
        snapshot=snapshot,
        job=fields.pop("job", None) or add_job(snapshot.dataset, JobKind.TRAIN, state),
        recipe="linear_probe",
        spec={},
        **fields,
    )
