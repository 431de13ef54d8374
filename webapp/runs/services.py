"""Writers of runs. A run waits for its snapshot's job; its own job is done by a worker on the train queue."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.db.models import Max

from ml.specs import DEFAULT_RECIPE, make_spec
from webapp.accounts.models import User
from webapp.datasets.models import Dataset
from webapp.jobs.models import JobKind
from webapp.jobs.services import job_create
from webapp.runs.models import Run
from webapp.snapshots.models import Snapshot
from webapp.snapshots.services import current_or_new_snapshot


def run_start(
    *,
    dataset: Dataset,
    recipe: str,
    overrides: Mapping[str, str],
    seed: int,
    snapshot: Snapshot,
    created_by: User | None,
    preset: str = "",
) -> Run:
    """Queues a training run. Raises ml.specs.SpecError naming the setting that is wrong."""
    spec = make_spec(recipe, overrides, seed, preset)
    with transaction.atomic():
        last = dataset.runs.aggregate(last=Max("number"))["last"] or 0
        job = job_create(
            kind=JobKind.TRAIN, dataset=dataset, payload={}, created_by=created_by, after=snapshot.job
        )
        run = Run.objects.create(
            dataset=dataset,
            number=last + 1,
            snapshot=snapshot,
            job=job,
            recipe=recipe,
            spec=spec.to_json(),
            seed=seed,
            created_by=created_by,
        )
        job.payload = {"run": run.pk}
        job.save(update_fields=["payload"])
    return run


def run_default(*, dataset: Dataset, created_by: User | None) -> Run:
    """One click: freezes a snapshot if anything changed, and starts the default recipe on it.

    Raises snapshots.services.SnapshotError where the data set can't be trained on yet.
    """
    snapshot = current_or_new_snapshot(dataset=dataset, created_by=created_by)
    return run_start(
        dataset=dataset, recipe=DEFAULT_RECIPE, overrides={}, seed=0, snapshot=snapshot, created_by=created_by
    )
