"""Looks by the real handler: real hashes, real embeddings, groups in the table."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image as Pillow

from tests.support.photos import jpeg
from webapp.cleaning import services
from webapp.cleaning.models import ComparedImage, DuplicateGroup, DuplicateMember, GroupState
from webapp.cleaning.selectors import group_counts, group_row, has_fresh
from webapp.datasets.models import Image, ImageState
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import job_create, look_request
from worker import giving_way, supervisor
from worker.handlers import duplicates
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


def saved(image: Pillow.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def smaller(data: bytes) -> bytes:
    return saved(Pillow.open(io.BytesIO(data)).resize((120, 90)), 80)


def mirrored(data: bytes) -> bytes:
    return saved(Pillow.open(io.BytesIO(data)).transpose(Pillow.Transpose.FLIP_LEFT_RIGHT))


def photos(n: int, start: int = 0) -> dict[str, bytes]:
    return {f"glass/{start + i}.jpg": jpeg(start + i) for i in range(n)}


def looked(dataset) -> Job:
    """The look that the import asked for, or one that is asked for now, run to its end."""
    job = look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None)
    assert run_job(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    return job


def groups(dataset, state=GroupState.OPEN) -> list[list[str]]:
    """Names by group, the best first."""
    rows = (
        DuplicateGroup.objects.filter(dataset=dataset, state=state).order_by("pk").select_related("dataset")
    )
    return [[one.image.original_name for one in row.members] for group in rows if (row := group_row(group))]


def test_an_import_asks_for_a_look_and_copies_become_groups_around_the_best(imported, dataset):
    files = photos(8)
    first = files["glass/3.jpg"]
    copies = {"paper/small.jpg": smaller(first), "glass/turned.jpg": mirrored(files["glass/5.jpg"])}
    imported(files | copies)
    assert Job.objects.filter(dataset=dataset, kind=JobKind.DUPLICATES).count() == 1
    job = looked(dataset)
    assert {frozenset(one) for one in groups(dataset)} == {
        frozenset({"glass/3.jpg", "paper/small.jpg"}), frozenset({"glass/5.jpg", "glass/turned.jpg"}),
    }  # fmt: skip
    assert groups(dataset)[0][0] == "glass/3.jpg"
    assert (job.result["photos"], job.result["compared"]) == (10, 10)
    assert (job.result["groups"], job.result["conflicts"], job.result["used_embeddings"]) == (2, 1, True)
    turned = DuplicateMember.objects.filter(
        group__best__original_name__in=["glass/5.jpg", "glass/turned.jpg"]
    )
    assert turned.filter(is_mirrored=True).count() == 1
    assert not has_fresh(dataset)


def test_only_new_photos_are_compared_and_they_join_the_group_that_is_there(imported, dataset):
    files = photos(6)
    imported(files | {"glass/copy.jpg": smaller(files["glass/2.jpg"])})
    looked(dataset)
    before = DuplicateGroup.objects.get(dataset=dataset)
    imported({"glass/again.jpg": mirrored(files["glass/2.jpg"]), "glass/lone.jpg": jpeg(700)})
    job = looked(dataset)
    assert job.result["compared"] == 2
    after = DuplicateGroup.objects.get(dataset=dataset)
    assert after.pk == before.pk
    assert after.version > before.version
    assert set(groups(dataset)[0]) == {"glass/2.jpg", "glass/copy.jpg", "glass/again.jpg"}


def test_a_look_with_nothing_new_starts_no_process_and_changes_nothing(imported, dataset, monkeypatch):
    files = photos(4)
    imported(files | {"glass/copy.jpg": smaller(files["glass/2.jpg"])})
    looked(dataset)
    version = DuplicateGroup.objects.get(dataset=dataset).version
    monkeypatch.setattr(duplicates, "supervise", None)
    assert looked(dataset).result["compared"] == 0
    assert DuplicateGroup.objects.get(dataset=dataset).version == version


def test_what_a_person_decided_stays_decided(imported, dataset, annotator):
    files = photos(6)
    imported(files | {f"glass/copy-{i}.jpg": smaller(files[f"glass/{i}.jpg"]) for i in (1, 2)})
    looked(dataset)
    apart, kept = DuplicateGroup.objects.filter(dataset=dataset).order_by("pk")
    services.group_keep_all(group=apart, seen=group_row(apart).seen, actor=annotator)
    services.group_keep_best(group=kept, seen=group_row(kept).seen, actor=annotator)
    # Even where everything is compared anew, and what was quarantined came back by hand.
    Image.objects.filter(dataset=dataset).update(state=ImageState.ACCEPTED)
    ComparedImage.objects.all().delete()
    looked(dataset)
    assert groups(dataset) == []
    assert not has_fresh(dataset)


def test_a_copy_of_two_photos_that_were_told_apart_comes_to_one_of_them_at_a_time(
    imported, dataset, annotator
):
    original = photos(5)["glass/1.jpg"]
    imported(photos(5) | {"glass/copy.jpg": saved(Pillow.open(io.BytesIO(original)), 60)})
    looked(dataset)
    group = DuplicateGroup.objects.get(dataset=dataset)
    services.group_keep_all(group=group, seen=group_row(group).seen, actor=annotator)
    imported({"glass/third.jpg": smaller(original)})
    looked(dataset)
    (names,) = groups(dataset)
    assert len(names) == 2
    assert "glass/third.jpg" in names
    # The pair that found no place is asked about once this one is decided.
    group = DuplicateGroup.objects.get(dataset=dataset, state=GroupState.OPEN)
    services.group_keep_all(group=group, seen=group_row(group).seen, actor=annotator)
    looked(dataset)
    (later,) = groups(dataset)
    assert "glass/third.jpg" in later
    assert later != names


def test_photos_in_quarantine_are_not_compared_until_they_come_back(imported, dataset):
    files = photos(4)
    imported(files | {"glass/copy.jpg": smaller(files["glass/2.jpg"])})
    copy = Image.objects.filter(original_name="glass/copy.jpg")
    copy.update(state=ImageState.QUARANTINED)
    assert looked(dataset).result["compared"] == 4
    assert groups(dataset) == []
    copy.update(state=ImageState.INBOX)
    assert has_fresh(dataset)
    assert looked(dataset).result["compared"] == 1
    assert len(groups(dataset)) == 1


def test_a_group_loses_its_question_when_a_photo_of_it_is_quarantined_elsewhere(imported, dataset):
    files = photos(4)
    imported(files | {"glass/copy.jpg": smaller(files["glass/2.jpg"])})
    looked(dataset)
    Image.objects.filter(original_name="glass/copy.jpg").update(state=ImageState.QUARANTINED)
    looked(dataset)
    assert not DuplicateGroup.objects.exists()
    Image.objects.filter(original_name="glass/copy.jpg").update(state=ImageState.ACCEPTED)
    looked(dataset)
    assert len(groups(dataset)) == 1


def test_a_look_that_is_killed_and_begun_again_makes_the_same_groups(imported, dataset, monkeypatch):
    files = photos(8)
    imported(files | {f"glass/copy-{i}.jpg": smaller(files[f"glass/{i}.jpg"]) for i in range(4)})
    job = look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None)
    real, calls = duplicates.images_compared, []

    def killed(**arguments):
        calls.append(arguments)
        raise supervisor.ProcessDied("killed between the groups and the note of what was compared")

    monkeypatch.setattr(duplicates, "images_compared", killed)
    assert run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, job.losses) == (JobState.QUEUED, 1)
    first = groups(dataset)
    assert len(first) == 4
    assert not ComparedImage.objects.exists()
    monkeypatch.setattr(duplicates, "images_compared", real)
    assert run_job(job.pk)
    assert groups(dataset) == first
    assert set(DuplicateGroup.objects.values_list("version", flat=True)) == {1}
    assert not has_fresh(dataset)


def test_a_decision_made_while_a_look_is_under_way_stands(imported, dataset, annotator, monkeypatch):
    files = photos(5)
    imported(files | {"glass/copy.jpg": smaller(files["glass/2.jpg"])})
    looked(dataset)
    imported({"glass/third.jpg": mirrored(files["glass/2.jpg"])})
    real = duplicates.look

    def decided_meanwhile(*arguments):
        answer = real(*arguments)
        group = DuplicateGroup.objects.get(dataset=dataset)
        services.group_keep_all(group=group, seen=group_row(group).seen, actor=annotator)
        return answer

    monkeypatch.setattr(duplicates, "look", decided_meanwhile)
    looked(dataset)
    assert len(groups(dataset, GroupState.DECIDED)) == 1
    assert groups(dataset) == []
    monkeypatch.setattr(duplicates, "look", real)
    # What it could not place is looked at again, by a job that it asked for itself.
    assert Job.objects.filter(dataset=dataset, kind=JobKind.DUPLICATES, state=JobState.QUEUED).exists()
    looked(dataset)
    assert len(groups(dataset)) == 1


def test_without_the_network_hashes_alone_are_compared_and_the_job_says_so(imported, dataset, monkeypatch):
    files = photos(4)
    imported(files | {"glass/copy.jpg": smaller(files["glass/2.jpg"])})
    from webapp.core.store import site_store

    gone = Image.objects.get(original_name="glass/0.jpg")
    site_store().blob_path(gone.sha256).unlink()
    another = site_store().root / "another-cache"
    shutil.copytree(Path(os.environ["SORTYARD_CACHE"], "trunks"), another / "trunks")  # making it takes long
    monkeypatch.setenv("SORTYARD_CACHE", str(another))
    job = looked(dataset)
    assert job.result["used_embeddings"] is False
    assert "cannot be read" in job.result["note"]
    assert group_counts(dataset).open == 1


def test_a_cancelled_look_leaves_what_is_there_and_the_next_one_does_the_rest(imported, dataset, monkeypatch):
    files = photos(4)
    imported(files | {"glass/copy.jpg": smaller(files["glass/2.jpg"])})
    job = look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None)
    real = duplicates.look

    def cancelled(context, *rest):
        context._cancel.set()
        return real(context, *rest)

    monkeypatch.setattr(duplicates, "look", cancelled)
    assert run_job(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert has_fresh(dataset)
    monkeypatch.setattr(duplicates, "look", real)
    looked(dataset)
    assert len(groups(dataset)) == 1


def test_a_look_gives_way_to_an_import_and_goes_on_after_it(imported, dataset, monkeypatch):
    files = photos(4)
    imported(files | {"glass/copy.jpg": smaller(files["glass/2.jpg"])})
    job = look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None)
    urgent = job_create(kind=JobKind.SNAPSHOT, dataset=dataset, payload={}, created_by=None)

    def embedding(context, _arguments, *, console, on_poll):
        progress = console.parent / "progress.json"
        progress.write_text('{"phase": "features", "fraction": 0.4, "message": "Embedding photos"}')
        on_poll()

    monkeypatch.setattr(giving_way, "LOOK_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(duplicates, "supervise", embedding)
        assert run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, job.losses) == (JobState.QUEUED, 0)
    assert look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None) == job
    urgent.delete()
    looked(dataset)
    assert len(groups(dataset)) == 1
