"""The inbox is put in order by the real job: by the labels, by a model, and again after it was broken off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from webapp.datasets.labelling import images_label
from webapp.datasets.models import ImageState
from webapp.datasets.services import class_create
from webapp.jobs.models import Job, JobKind, JobState
from webapp.reviewing.selectors import order_state
from webapp.reviewing.services import order_request
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)

CLASSES = ("glass", "metal", "paper")
EACH, LABELLED = 8, 4


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


def done(job: Job) -> Job:
    assert run_job(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    return job


def nothing_else_waits() -> None:
    """While it embeds photos this job gives way to a look for near-duplicates, which each import asks for."""
    Job.objects.filter(kind=JobKind.DUPLICATES, state=JobState.QUEUED).delete()


def named(dataset, name: str) -> list[int]:
    return list(
        dataset.images.filter(original_name__startswith=name).order_by("pk").values_list("pk", flat=True)
    )


@pytest.fixture
def inbox(imported, dataset, curator, trashnet: Path):
    """Eight photos of three classes each; four of glass and of metal have labels, and nothing is embedded yet."""
    paths = [path for name in CLASSES for path in sorted((trashnet / name).glob("*.jpg"))[:EACH]]
    imported({path.name: path.read_bytes() for path in paths})
    nothing_else_waits()
    for name in CLASSES[:2]:
        label = class_create(dataset=dataset, name=name)
        images_label(dataset=dataset, ids=named(dataset, name)[:LABELLED], label=label, actor=curator)
    return dataset


def test_a_class_that_nobody_named_yet_comes_first_in_the_varied_order(inbox, curator):
    job = done(order_request(dataset=inbox, created_by=curator))
    waiting = inbox.images.filter(state=ImageState.INBOX)
    assert (job.result["by"], job.result["labels"], job.result["photos"]) == ("labels", 8, 16)
    assert set(waiting.values_list("uncertainty", flat=True)) != {0.0}
    assert waiting.filter(variety__gt=0).count() == 16
    first = list(waiting.order_by("-variety").values_list("pk", flat=True)[:4])
    assert len(set(first) & set(named(inbox, "paper"))) >= 2  # of sixteen, eight are paper
    state = order_state(inbox)
    assert (state.is_stale, state.by) == (False, "labels")
    labelled = inbox.images.filter(state=ImageState.ACCEPTED)
    assert set(labelled.values_list("uncertainty", "variety")) == {(0.0, 0.0)}


def test_an_inbox_without_labels_is_varied_and_an_empty_one_is_nothing_to_order(imported, dataset, trashnet):
    assert done(order_request(dataset=dataset, created_by=None)).result["photos"] == 0
    paths = sorted((trashnet / "glass").glob("*.jpg"))[:3]
    imported({path.name: path.read_bytes() for path in paths})
    nothing_else_waits()
    job = done(order_request(dataset=dataset, created_by=None))
    assert (job.result["by"], job.result["photos"]) == ("nothing", 3)
    assert sorted(dataset.images.values_list("uncertainty", flat=True)) == [0.0] * 3
    assert Job.objects.filter(kind=JobKind.ORDER).count() == 2
