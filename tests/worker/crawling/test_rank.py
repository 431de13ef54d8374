"""Ranking and review of what a crawl brought, with the real network and real photos."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.support.providers import Catalogue
from tests.support.providers.catalogue import Picture
from tests.worker.crawling.conftest import gone_on, verdicts
from webapp.crawls.models import CrawlItem
from webapp.crawls.reviewing import review_decide, review_undo
from webapp.crawls.selectors import candidates_of_class, to_review
from webapp.crawls.selectors_rates import accept_rates
from webapp.crawls.services import rank_request
from webapp.datasets.labelling import images_set_state
from webapp.datasets.models import Image, ImageState
from webapp.datasets.services import class_create
from webapp.jobs.models import Job, JobKind, JobState
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


@pytest.fixture
def glass(dataset, curator):
    return class_create(dataset=dataset, name="glass", actor=curator)


@pytest.fixture
def mixed(trashnet) -> Catalogue:
    """Of ten pictures that “glass” finds seven are glass."""
    pictures: list[Picture] = []
    for label, n in (("glass", 35), ("cardboard", 8), ("paper", 7)):
        of_class = Catalogue.of_folder(trashnet, per_class=n).pictures
        pictures += [
            replace(one, title=f"glass, really {label} {one.id}", words=("glass",))
            for one in of_class
            if one.words[0] == label
        ]
    order = sorted(pictures, key=lambda one: hash_of(one.id))
    return Catalogue(order)


def hash_of(text: str) -> int:
    import zlib

    return zlib.crc32(text.encode())


def ranked(label) -> Job:
    job = Job.objects.filter(kind=JobKind.RANK, state=JobState.QUEUED).first()
    job = job or rank_request(label_class=label, created_by=None)
    assert run_job(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    return job


def is_glass(item: CrawlItem) -> bool:
    return "really glass" in item.title


def first_half_right(items: list[CrawlItem]) -> float:
    half = items[: len(items) // 2]
    return sum(map(is_glass, half)) / len(half)


def test_a_trial_is_ranked_before_any_photo_is_in_the_data_set(serve, crawl, glass, mixed, dataset):
    serve(mixed)
    trial = crawl("openverse", label_class=glass, queries=["glass"], total_page=3, trial=True)
    job = ranked(glass)
    assert dataset.images.count() == 0
    assert job.result["candidates"] == 50
    items = sorted(trial.items.all(), key=lambda one: -one.fit)
    assert all(0 <= one.fit <= 1 for one in items)
    assert first_half_right(items) > 0.8
    gone_on(trial)
    assert dataset.images.count() == 50


def test_what_is_taken_teaches_the_ranking_of_the_rest_and_all_of_it_can_be_undone(
    serve, crawl, glass, mixed, dataset, curator
):
    serve(mixed)
    done = crawl("openverse", label_class=glass, queries=["glass"], total_page=3)
    assert ranked(glass).result["method"] == "agreement"
    items = list(to_review(glass))
    right = [one for one in items if is_glass(one)][:10]
    wrong = [one for one in items if not is_glass(one)][:5]
    outcome = review_decide(
        label_class=glass,
        take={one.image_id: one.image.version for one in right},
        refuse={one.image_id: one.image.version for one in wrong},
        actor=curator,
    )
    assert set(outcome.taken) == {one.image_id for one in right}
    assert set(outcome.refused) == {one.image_id for one in wrong}
    taken = Image.objects.filter(pk__in=outcome.taken)
    assert {(one.label, one.state, one.labelled_by) for one in taken} == {(glass, "accepted", curator)}
    refused = Image.objects.filter(pk__in=outcome.refused)
    assert {(one.state, one.state_reason) for one in refused} == {("quarantined", "not glass")}
    job = ranked(glass)
    assert (job.result["method"], job.result["references"]) == ("references", len(right))
    rest = list(to_review(glass))
    assert len(rest) == len(items) - 15
    (rate,) = accept_rates(glass)
    assert (rate.provider, rate.query, rate.found) == ("openverse", "glass", verdicts(done)["saved"])
    assert (rate.accepted, rate.rejected, rate.share) == (10, 5, 10 / 15)
    back = review_undo(label_class=glass, operation=outcome.operation, actor=curator)
    assert set(back) == set(outcome.taken) | set(outcome.refused)
    assert {one.pk for one in to_review(glass)} == {one.pk for one in items}


def test_copies_stand_behind_the_largest_and_are_decided_with_it(
    serve, crawl, glass, trashnet, dataset, curator, tmp_path
):
    from PIL import Image as Pillow

    from tests.support.photos import saved

    photos = Catalogue.of_folder(trashnet, per_class=6).pictures
    own = [replace(one, words=("glass",)) for one in photos if one.words[0] == "glass"]
    small = tmp_path / "small.jpg"
    with Pillow.open(own[0].path) as photo:
        small.write_bytes(saved(photo.resize((220, 293)), "JPEG"))
    copy = replace(own[0], id="copy", path=small, width=220, height=293)
    serve(Catalogue([copy, *own]))
    crawl("openverse", label_class=glass, queries=["glass"], total_page=1)
    assert dataset.images.count() == 7
    ranked(glass)
    shown = list(to_review(glass))
    assert len(shown) == 6
    behind = candidates_of_class(glass).get(is_lead=False)
    lead = candidates_of_class(glass).get(group=behind.group, is_lead=True)
    assert (behind.width, lead.width) == (220, 256)
    outcome = review_decide(
        label_class=glass, take={lead.image_id: lead.image.version}, refuse={}, actor=curator
    )
    assert outcome.copies == (behind.image_id,)
    image = Image.objects.get(pk=behind.image_id)
    assert (image.state, image.state_reason) == ("quarantined", f"near-duplicate of {lead.image}")
    review_undo(label_class=glass, operation=outcome.operation, actor=curator)
    image.refresh_from_db()
    assert image.state == ImageState.INBOX


def test_a_copy_of_an_accepted_photo_is_told_and_shown_last(
    serve, crawl, glass, trashnet, imported, dataset, tmp_path
):
    from PIL import Image as Pillow

    from tests.support.photos import saved

    photos = [one for one in Catalogue.of_folder(trashnet, per_class=5).pictures if one.words[0] == "glass"]
    imported({"glass/mine.jpg": photos[0].data()})
    mine = dataset.images.get()
    again = tmp_path / "again.jpg"
    with Pillow.open(photos[0].path) as photo:
        again.write_bytes(saved(photo, "JPEG", quality=60))
    serve(Catalogue([replace(photos[0], path=again, words=("glass",)), *photos[1:]]))
    crawl("openverse", label_class=glass, queries=["glass"], total_page=1)
    ranked(glass)
    shown = list(to_review(glass))
    assert [one.copy_of for one in shown] == [None, None, None, None, mine]


def test_a_photo_decided_elsewhere_meanwhile_is_left_alone_and_told(
    serve, crawl, glass, mixed, dataset, curator, admin
):
    serve(mixed)
    crawl("openverse", label_class=glass, queries=["glass"], total_page=1, target=5)
    one, other = list(to_review(glass))[:2]
    images_set_state(dataset=dataset, ids=[one.image_id], state=ImageState.QUARANTINED, actor=admin)
    outcome = review_decide(
        label_class=glass,
        take={one.image_id: one.image.version, other.image_id: other.image.version},
        refuse={},
        actor=curator,
    )
    assert (outcome.stale, outcome.taken) == ((one.image_id,), (other.image_id,))
    assert Image.objects.get(pk=one.image_id).state == ImageState.QUARANTINED


def test_one_ranking_of_a_class_waits_at_a_time(dataset, glass):
    first = rank_request(label_class=glass, created_by=None)
    assert rank_request(label_class=glass, created_by=None) == first
