"""Snapshots by the real handler: real hashes, real embeddings, frozen rows and a manifest that agrees with them."""

import io
import os

import pytest
from PIL import Image as Pillow

from ml.manifest import Manifest
from tests.support.photos import jpeg
from webapp.core.store import site_store
from webapp.datasets.models import Image, LabelClass, LabelOrigin
from webapp.datasets.services import category_for_bin, class_rename, class_set_category
from webapp.jobs.models import JobState
from webapp.snapshots.models import Snapshot, SnapshotItem, SnapshotState, SplitAssignment
from webapp.snapshots.services import SnapshotError, current_or_new_snapshot, snapshot_request
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


def made(snapshot: Snapshot) -> Snapshot:
    assert run_job(snapshot.job_id)
    snapshot.refresh_from_db()
    assert snapshot.state == SnapshotState.READY, snapshot.job.error
    return snapshot


def photos(n: int, *, start: int = 0) -> dict[str, bytes]:
    return {
        f"{name}/{i}.jpg": jpeg(start + 1000 * c + i)
        for c, name in enumerate(("glass", "paper"))
        for i in range(n)
    }


def mirrored_and_small(data: bytes) -> bytes:
    with Pillow.open(io.BytesIO(data)) as image:
        copy = image.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT).resize((120, 90))
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


def splits(snapshot: Snapshot) -> dict[str, str]:
    return dict(snapshot.items.values_list("sha256", "split"))


def test_rows_counts_and_manifest_say_the_same(imported, dataset):
    imported(photos(20))
    class_set_category(
        label_class=LabelClass.objects.get(key="glass"),
        category=category_for_bin(dataset=dataset, bin="recyclable"),
    )
    snapshot = made(snapshot_request(dataset=dataset, created_by=None, val=0.2, test=0.2))
    manifest = Manifest.read(site_store().manifest_path(snapshot.digest))
    assert manifest.digest == snapshot.digest
    assert {item.sha256: item.split for item in manifest.items} == splits(snapshot)
    assert (snapshot.n_train, snapshot.n_val, snapshot.n_test) == (24, 8, 8)
    glass = snapshot.classes.get(key="glass")
    assert (glass.category, glass.category_en, glass.bin) == ("可回收物", "Recyclable", "recyclable")
    assert [one.key for one in manifest.classes] == [one.key for one in snapshot.classes.all()]


def test_near_duplicates_never_cross_a_split(imported, dataset):
    files = photos(15)
    copies = {f"glass/copy-{i}.jpg": mirrored_and_small(files[f"glass/{i}.jpg"]) for i in range(10)}
    imported(files | copies)
    snapshot = made(snapshot_request(dataset=dataset, created_by=None, val=0.2, test=0.2))
    for i in range(10):
        pair = SnapshotItem.objects.filter(
            snapshot=snapshot, image__original_name__in=[f"glass/{i}.jpg", f"glass/copy-{i}.jpg"]
        )
        assert pair.count() == 2
        assert len({(item.group, item.split) for item in pair}) == 1


def test_a_split_is_given_once_and_kept_when_photos_and_labels_change(imported, dataset):
    imported(photos(15))
    first = splits(made(snapshot_request(dataset=dataset, created_by=None)))
    imported(photos(10, start=300))
    Image.objects.filter(original_name="glass/0.jpg").update(label=LabelClass.objects.get(key="paper"))
    second = splits(made(snapshot_request(dataset=dataset, created_by=None)))
    assert {sha: second[sha] for sha in first} == first
    assert len(second) == 50


def test_another_seed_is_another_plan(imported, dataset):
    imported(photos(20))
    first = splits(made(snapshot_request(dataset=dataset, created_by=None, seed=0)))
    second = splits(made(snapshot_request(dataset=dataset, created_by=None, seed=1)))
    assert first != second
    assert SplitAssignment.objects.filter(dataset=dataset).values("plan").distinct().count() == 2


def test_a_new_copy_of_a_test_photo_joins_it_there(imported, dataset):
    files = photos(15)
    imported(files)
    first = made(snapshot_request(dataset=dataset, created_by=None))
    judge = first.items.filter(split="test").first().image
    imported({"glass/copy.jpg": mirrored_and_small(files[judge.original_name])})
    second = made(snapshot_request(dataset=dataset, created_by=None))
    assert second.items.get(image__original_name="glass/copy.jpg").split == "test"


def test_photos_that_a_model_chose_only_train(imported, dataset):
    imported(photos(20))
    Image.objects.filter(original_name__startswith="glass/1").update(label_origin=LabelOrigin.MODEL)
    snapshot = made(snapshot_request(dataset=dataset, created_by=None, val=0.2, test=0.2))
    chosen = snapshot.items.filter(image__label_origin=LabelOrigin.MODEL)
    assert chosen.count() == 11
    assert {item.split for item in chosen} == {"train"}


def test_a_cap_draws_so_many_of_each_class_and_deletes_nothing(imported, dataset):
    imported(photos(20))
    snapshot = made(snapshot_request(dataset=dataset, created_by=None, cap=10))
    assert [one.items.count() for one in snapshot.classes.all()] == [10, 10]
    assert Image.objects.count() == 40


def test_quarantined_and_unlabelled_photos_stay_out(imported, dataset):
    imported(photos(10) | {"loose.jpg": jpeg(77)})
    Image.objects.filter(original_name="glass/3.jpg").update(state="quarantined")
    snapshot = made(snapshot_request(dataset=dataset, created_by=None))
    names = set(snapshot.items.values_list("image__original_name", flat=True))
    assert len(names) == 19
    assert not names & {"glass/3.jpg", "loose.jpg"}


def test_a_frozen_snapshot_keeps_the_names_of_its_day(imported, dataset):
    imported(photos(8))
    snapshot = made(snapshot_request(dataset=dataset, created_by=None))
    class_rename(label_class=LabelClass.objects.get(key="glass"), name_en="Glassware", name_zh="玻璃")
    assert snapshot.classes.get(key="glass").name_en == "glass"


def test_training_again_reuses_the_snapshot_until_something_changes(imported, dataset):
    imported(photos(8))
    snapshot = made(current_or_new_snapshot(dataset=dataset, created_by=None))
    assert current_or_new_snapshot(dataset=dataset, created_by=None) == snapshot
    image = Image.objects.first()
    Image.objects.filter(pk=image.pk).update(
        label=LabelClass.objects.exclude(pk=image.label_id).first(), version=image.version + 1
    )
    assert current_or_new_snapshot(dataset=dataset, created_by=None) != snapshot


def test_an_attempt_that_was_lost_before_its_end_is_made_whole_by_the_next(imported, dataset):
    imported(photos(8))
    snapshot = made(snapshot_request(dataset=dataset, created_by=None))
    digest = snapshot.digest
    Snapshot.objects.filter(pk=snapshot.pk).update(state=SnapshotState.BUILDING)
    snapshot.job.state = JobState.QUEUED
    snapshot.job.save(update_fields=["state"])
    again = made(snapshot)
    assert again.digest == digest
    assert again.items.count() == 16


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"val": 0.6, "test": 0.5}, "less than all"),
        ({"val": 0.0}, "between 0 and 1"),
        ({"rule": "lucky"}, "grouped, random, paper"),
        ({"cap": 1}, "3 or more"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_the_reason(imported, dataset, plan, words):
    imported(photos(5))
    with pytest.raises(SnapshotError, match=words):
        snapshot_request(dataset=dataset, created_by=None, **plan)


def test_one_class_or_no_photos_is_told_before_anything_is_queued(imported, dataset):
    with pytest.raises(SnapshotError, match="no labelled photos yet"):
        snapshot_request(dataset=dataset, created_by=None)
    imported({f"glass/{i}.jpg": jpeg(i) for i in range(4)})
    with pytest.raises(SnapshotError, match="second one"):
        snapshot_request(dataset=dataset, created_by=None)
    assert not Snapshot.objects.exists()
