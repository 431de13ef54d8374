"""Maps by the real handler: real embeddings and a real layout, what a kill leaves, and who is let past."""

from __future__ import annotations

import json
import os

import pytest

from tests.support.photos import jpeg
from webapp.datasets.models import ImageState
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import job_create
from webapp.mapping.models import MapPoint
from webapp.mapping.selectors import current_map
from webapp.mapping.services import map_request
from worker import asking, giving_way
from worker.context import JobCancelled, ProcessDied
from worker.handlers import projection
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


@pytest.fixture
def photos(imported, dataset):
    imported({f"{'glass' if seed % 2 else 'metal'}/{seed}.jpg": jpeg(9_300_000 + seed) for seed in range(16)})
    # Its own look for near-duplicates would be served first.
    Job.objects.filter(dataset=dataset, kind=JobKind.DUPLICATES).delete()
    return dataset


def drawn(dataset, state: str = JobState.SUCCEEDED) -> Job:
    job = map_request(dataset=dataset, created_by=None)
    assert run_job(job.pk)
    job.refresh_from_db()
    assert job.state == state, job.error
    return job


def pretended(places=None, missing=0):
    """A stand-in for the process: it leaves these places, in the order of the list, or one place for all."""

    def supervise(context, arguments, *, console, on_poll, nice):
        lines = console.with_name("photos.jsonl").read_text().splitlines()
        content = {"places": places or [[0.5, 0.5]] * len(lines), "missing": missing, "why": ""}
        console.with_name("places.json").write_text(json.dumps(content))

    return supervise


def test_every_photo_gets_a_place_those_in_quarantine_too_and_the_same_again(photos, capsys):
    dataset = photos
    dataset.images.filter(pk=dataset.images.latest("pk").pk).update(state=ImageState.QUARANTINED)
    job = drawn(dataset)
    assert job.result == {"photos": 16, "missing": 0}
    first = dict(current_map(dataset).points.values_list("image", "x"))
    assert set(first) == set(dataset.images.values_list("pk", flat=True))
    assert len(set(first.values())) == 16
    drawn(dataset)
    assert dict(current_map(dataset).points.values_list("image", "x")) == first
    assert MapPoint.objects.count() == 16


def test_the_list_goes_by_content_so_that_the_order_of_arrival_has_no_say(photos, monkeypatch, data_dir):
    monkeypatch.setattr(asking, "supervise", pretended())
    drawn(photos)
    lines = (data_dir / "runs" / f"map-{photos.pk}" / "photos.jsonl").read_text().splitlines()
    hashes = [json.loads(line)["sha256"] for line in lines]
    assert hashes == sorted(hashes)


def test_a_photo_without_a_place_is_counted_and_the_others_are_shown(photos, monkeypatch):
    monkeypatch.setattr(asking, "supervise", pretended([None] + [[0.1, 0.2]] * 15, missing=1))
    assert drawn(photos).result == {"photos": 15, "missing": 1}
    assert (current_map(photos).missing, current_map(photos).points.count()) == (1, 15)


def test_without_photos_it_fails_with_a_sentence(dataset):
    assert drawn(dataset, JobState.FAILED).error == "There are no photos yet. Add photos first."


def test_a_killed_process_is_tried_again_and_the_old_map_stands_meanwhile(photos, monkeypatch):
    monkeypatch.setattr(asking, "supervise", pretended())
    drawn(photos)
    before = current_map(photos)

    def killed(*_arguments, **_options):
        raise ProcessDied("process 7 was ended by signal 9")

    with monkeypatch.context() as patch:
        patch.setattr(asking, "supervise", killed)
        job = drawn(photos, JobState.QUEUED)
    assert job.losses == 1
    assert current_map(photos) == before
    assert map_request(dataset=photos, created_by=None) == job
    drawn(photos)
    assert current_map(photos) != before


def test_a_cancel_while_it_is_written_leaves_the_old_map_and_the_next_clears_up(photos, monkeypatch):
    monkeypatch.setattr(asking, "supervise", pretended())
    drawn(photos)
    before = current_map(photos)
    real = projection.map_save

    def cancelled(*, check, **found):
        def stop(_share):
            raise JobCancelled

        return real(check=stop, **found)

    with monkeypatch.context() as patch:
        patch.setattr(projection, "map_save", cancelled)
        drawn(photos, JobState.CANCELLED)
    assert current_map(photos) == before
    drawn(photos)
    assert (photos.maps.count(), MapPoint.objects.count()) == (1, 16)


@pytest.mark.parametrize(
    ("waiting", "state"),
    [(JobKind.SNAPSHOT, JobState.QUEUED), (JobKind.DUPLICATES, JobState.QUEUED), (None, JobState.SUCCEEDED)],
)
def test_while_it_embeds_it_lets_others_past(photos, monkeypatch, waiting, state):
    if waiting:
        job_create(kind=waiting, dataset=photos, payload={}, created_by=None)

    def embedding(context, arguments, *, console, on_poll, nice):
        state = {"phase": "features", "fraction": 0.4, "message": "Embedding photos"}
        console.with_name("progress.json").write_text(json.dumps(state))
        on_poll()
        pretended()(context, arguments, console=console, on_poll=on_poll, nice=nice)

    monkeypatch.setattr(giving_way, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(asking, "supervise", embedding)
    assert drawn(photos, state).losses == 0


def test_the_look_for_near_duplicates_does_not_wait_for_a_map_in_turn(dataset):
    assert JobKind.PROJECTION in giving_way.GIVES_WAY_TO_ALL_BUT[JobKind.DUPLICATES]
