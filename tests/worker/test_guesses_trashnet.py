"""The inbox sorts itself: real photos, a handful of labels, a fit by the real job, and what a person accepts of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.photos import jpeg
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Image, ImageState, LabelOrigin
from webapp.datasets.services import class_create
from webapp.guessing.models import GuessGroup, RefusedGuess
from webapp.guessing.selectors import alike_ids, is_stale, latest_fit, offers
from webapp.guessing.services import accept_undo, fit_request, group_accept, likeness_request
from webapp.jobs.models import Job, JobKind, JobState
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)

CLASSES = ("glass", "metal", "paper")
EACH, LABELLED = 40, 8


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


def done(job: Job) -> Job:
    assert run_job(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    return job


def fit(dataset) -> Job:
    return done(fit_request(dataset=dataset, created_by=None))


def truth(image: Image) -> str:
    return image.original_name.split("/")[-1].rstrip("0123456789.jpg")


@pytest.fixture
def inbox(imported, dataset, curator, trashnet: Path):
    """Photos without a class, embedded on arrival; eight of each class are labelled by a person."""
    paths = [path for name in CLASSES for path in sorted((trashnet / name).glob("*.jpg"))[:EACH]]
    imported({path.name: path.read_bytes() for path in paths})
    done(Job.objects.get(dataset=dataset, kind=JobKind.DUPLICATES))
    for name in CLASSES:
        label = class_create(dataset=dataset, name=name)
        ids = list(
            dataset.images.filter(original_name__startswith=name).order_by("pk").values_list("pk", flat=True)
        )
        images_label(dataset=dataset, ids=ids[:LABELLED], label=label, actor=curator)
    return dataset


def test_the_inbox_is_sorted_accepted_by_group_and_sorted_again(inbox, curator):
    dataset = inbox
    job = fit(dataset)
    assert (job.result["labels"], job.result["missing"]) == (3 * LABELLED, 0)
    found = offers(dataset)
    asked = [pk for one in found for pk in one.waiting]
    names = {pk: truth(image) for pk, image in dataset.images.in_bulk(asked).items()}
    right = sum(names[pk] == one.label_class.key for one in found for pk in one.waiting)
    print(
        f"{right} of {len(asked)} guesses right; promised {sum(sum(one.sure.values()) for one in found):.0f}"
    )
    assert len(asked) >= EACH
    assert right / len(asked) >= 0.8
    assert not is_stale(dataset, latest_fit(dataset))

    first = found[0]
    refused, taken = first.waiting[:2], first.waiting[2:]
    versions = dict(dataset.images.filter(pk__in=taken).values_list("pk", "version"))
    outcome = group_accept(
        dataset=dataset, label_class=first.label_class, taken=versions, refused=refused, actor=curator
    )
    assert set(outcome.changed) == set(taken)
    rows = dataset.images.filter(pk__in=taken)
    assert set(rows.values_list("state", "label_origin")) == {(ImageState.ACCEPTED, LabelOrigin.MODEL)}
    assert rows.first().events.latest("pk").origin == LabelOrigin.MODEL
    assert is_stale(dataset, latest_fit(dataset))

    done(Job.objects.get(dataset=dataset, kind=JobKind.GUESSES, state=JobState.QUEUED))
    again = {one.label_class: set(one.waiting) for one in offers(dataset)}
    assert not again.get(first.label_class, set()) & set(refused)
    assert not set(taken) & {pk for waiting in again.values() for pk in waiting}

    accept_undo(dataset=dataset, operation=outcome.operation, actor=curator)
    assert set(rows.values_list("state", "label")) == {(ImageState.INBOX, None)}
    assert not RefusedGuess.objects.exists()


def test_the_photos_most_like_one_are_mostly_of_its_class(inbox):
    image = inbox.images.filter(original_name__startswith="paper").order_by("pk").first()
    job = likeness_request(image=image, created_by=None)
    assert job is not None
    assert done(job).result == {"found": 3 * EACH, "missing": 0}
    ids = alike_ids(inbox, image.pk)
    assert ids[0] == image.pk
    names = [truth(one) for one in (Image.objects.get(pk=pk) for pk in ids[1:11])]
    assert names.count("paper") >= 7  # chance is three or four
    assert likeness_request(image=image, created_by=None) is None


def test_a_photo_that_is_gone_or_not_embedded_fails_with_a_sentence(imported, dataset):
    imported({"1.jpg": jpeg(8_100_001)})
    image = dataset.images.get()
    job = likeness_request(image=image, created_by=None)
    assert job is not None
    assert run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, "was not looked at yet" in job.error) == (JobState.FAILED, True)


def test_a_photo_that_somebody_labelled_meanwhile_keeps_that_label(inbox, curator, annotator):
    dataset = inbox
    fit(dataset)
    offer = offers(dataset)[0]
    versions = dict(dataset.images.filter(pk__in=offer.waiting).values_list("pk", "version"))
    other = dataset.classes.exclude(pk=offer.label_class.pk).first()
    images_label(dataset=dataset, ids=offer.waiting[:1], label=other, actor=annotator)
    outcome = group_accept(
        dataset=dataset, label_class=offer.label_class, taken=versions, refused=(), actor=curator
    )
    assert outcome.stale == (offer.waiting[0],)
    assert Image.objects.get(pk=offer.waiting[0]).label == other


def test_a_fit_leaves_one_job_and_one_row_a_class(inbox):
    fit(inbox)
    fit(inbox)
    jobs = Job.objects.filter(dataset=inbox, kind=JobKind.GUESSES)
    assert jobs.count() == 1
    assert GuessGroup.objects.filter(dataset=inbox).count() <= len(CLASSES)


def test_photos_that_are_not_embedded_yet_are_counted_and_left_for_later(imported, dataset, curator):
    imported({f"{seed}.jpg": jpeg(8_200_000 + seed) for seed in range(6)})
    ids = list(dataset.images.values_list("pk", flat=True))
    for name, part in (("a", ids[:2]), ("b", ids[2:4])):
        images_label(dataset=dataset, ids=part, label=class_create(dataset=dataset, name=name), actor=curator)
    job = fit(dataset)
    assert (job.result["missing"], job.result["offered"]) == (2, 0)
