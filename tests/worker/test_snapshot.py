"""Snapshots by the real handler: real hashes, real embeddings, frozen rows and a manifest that agrees with them."""

import io
import os

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from ml.images.moments import Moments
from ml.manifest import Manifest
from tests.support.photos import jpeg
from webapp.core.store import site_store
from webapp.datasets.class_services import class_edit, classes_merge
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import Image, LabelClass, LabelOrigin, Source
from webapp.datasets.services import category_for_bin
from webapp.jobs.models import JobState
from webapp.snapshots.models import (
    Snapshot,
    SnapshotContent,
    SnapshotItem,
    SnapshotState,
    SplitAssignment,
    Transform,
)
from webapp.snapshots.plans import PhotoFilter
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


@pytest.mark.parametrize("seed", [-5, 2**31])
def test_a_seed_that_cannot_be_kept_is_refused(imported, dataset, seed):
    imported(photos(5))
    with pytest.raises(SnapshotError, match="seed is a whole number from 0 to 2147483647"):
        snapshot_request(dataset=dataset, created_by=None, seed=seed)
    assert not Snapshot.objects.exists()


def test_rows_counts_and_manifest_say_the_same(imported, dataset):
    imported(photos(20))
    class_edit(
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
    class_edit(label_class=LabelClass.objects.get(key="glass"), name_en="Glassware", name_zh="玻璃")
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


def test_an_enhanced_snapshot_keeps_copies_with_their_photo_and_scores_photos_only(imported, dataset):
    imported(photos(20))
    plain = splits(made(snapshot_request(dataset=dataset, created_by=None, val=0.2, test=0.2)))
    snapshot = made(snapshot_request(dataset=dataset, created_by=None, val=0.2, test=0.2, enhanced=True))
    rows = set(snapshot.items.values_list("sha256", "transform", "split"))
    assert rows == {(sha, turn, part) for sha, part in plain.items() for turn in Transform.values}
    assert (snapshot.n_train, snapshot.n_val, snapshot.n_test) == (72, 24, 24)
    assert (snapshot.report["photos"], snapshot.report["judges"]) == (40, {"val": 8, "test": 8})
    manifest = Manifest.read(site_store().manifest_path(snapshot.digest))
    assert manifest.plan.enhanced
    assert {(item.sha256, item.transform, item.split) for item in manifest.items} == rows


def test_the_papers_order_is_flips_then_the_cap_then_the_cut(imported, dataset):
    imported(photos(20))
    asked = {"rule": "paper", "val": 0.1, "test": 0.1, "cap": 30, "enhanced": True}
    snapshot = made(snapshot_request(dataset=dataset, created_by=None, **asked))
    assert [one.items.count() for one in snapshot.classes.all()] == [30, 30]
    assert (snapshot.n_train, snapshot.n_val, snapshot.n_test) == (48, 6, 6)
    tested = snapshot.items.filter(split="test").values("sha256")
    assert snapshot.items.filter(split="train", sha256__in=tested).exists(), "twins stand on both sides"
    again = made(snapshot_request(dataset=dataset, created_by=None, **asked, note="kept"))
    assert again.digest == snapshot.digest


def test_a_photo_of_which_the_cap_left_a_copy_alone_keeps_its_split_for_good(imported, dataset):
    imported(photos(20))
    capped = made(snapshot_request(dataset=dataset, created_by=None, cap=20, enhanced=True))
    given = splits(capped)
    alone = set(given) - set(capped.items.filter(transform="original").values_list("sha256", flat=True))
    assert alone
    later = splits(made(snapshot_request(dataset=dataset, created_by=None)))
    assert {sha: later[sha] for sha in given} == given


def test_mean_and_std_of_the_training_photos_are_those_of_all_their_pixels(imported, dataset):
    files = photos(10) | {
        "glass/large.jpg": jpeg(7, size=(640, 480)),
        "glass/wide.jpg": jpeg(8, size=(50, 20)),
    }
    imported(files)
    snapshot = made(snapshot_request(dataset=dataset, created_by=None, enhanced=True))
    trained = {
        item.image.original_name for item in snapshot.items.filter(split="train").select_related("image")
    }
    each = [cv2.imdecode(np.frombuffer(files[name], np.uint8), cv2.IMREAD_COLOR_RGB) for name in trained]
    flat = [pixels.reshape(-1, 3) / 255 for pixels in each]
    everything = np.concatenate(flat)
    found = snapshot.statistics
    assert found["images"] == len(trained)
    assert found["mean"] == pytest.approx(everything.mean(axis=0), rel=1e-9)
    assert found["std"] == pytest.approx(everything.std(axis=0), rel=1e-9)
    loop = found["seed_estimator"]
    assert loop["mean"] == pytest.approx(np.mean([one.mean(axis=0) for one in flat], axis=0), rel=1e-9)
    assert loop["std"] == pytest.approx(np.mean([one.std(axis=0, ddof=1) for one in flat], axis=0), rel=1e-9)
    stored = Moments.read(site_store().statistics_path(snapshot.digest))
    assert stored.as_json() == found


def test_a_photo_from_before_sums_were_kept_leaves_the_statistics_to_the_trainer(imported, dataset):
    imported(photos(10))
    Image.objects.filter(original_name="glass/1.jpg").update(channel_sums={})
    snapshot = made(snapshot_request(dataset=dataset, created_by=None))
    assert snapshot.items.get(image__original_name="glass/1.jpg").split == "train"
    assert snapshot.statistics == {}
    assert not site_store().statistics_path(snapshot.digest).exists()


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


@pytest.mark.parametrize("rule", ["random", "paper"])
@pytest.mark.parametrize("enhanced", [False, True])
def test_under_every_rule_photos_that_a_model_chose_only_train(imported, dataset, rule, enhanced):
    imported(photos(20))
    Image.objects.filter(original_name__startswith="glass/1").update(label_origin=LabelOrigin.MODEL)
    asked = {"rule": rule, "enhanced": enhanced, "val": 0.2, "test": 0.2}
    snapshot = made(snapshot_request(dataset=dataset, created_by=None, **asked))
    chosen = snapshot.items.filter(image__label_origin=LabelOrigin.MODEL)
    assert chosen.count() == (33 if enhanced else 11)
    assert {item.split for item in chosen} == {"train"}


def test_a_filter_lets_in_what_meets_all_its_conditions_and_stands_in_the_manifest(imported, dataset):
    imported(photos(12))
    imported(photos(6, start=400), source=Source.CRAWL)
    Image.objects.filter(original_name="glass/1.jpg", source="upload").update(licence="")
    Image.objects.filter(original_name="glass/2.jpg", source="upload").update(height=30)
    Image.objects.filter(original_name="glass/3.jpg", source="upload").update(sharpness=0.01)
    passing = PhotoFilter(sources=("upload",), licensed=True, min_side=100, min_sharpness=0.1)
    snapshot = made(snapshot_request(dataset=dataset, created_by=None, filter=passing))
    names = {
        (image.source, image.original_name)
        for image in Image.objects.filter(snapshot_items__snapshot=snapshot)
    }
    out = {("upload", f"glass/{n}.jpg") for n in (1, 2, 3)}
    everything = {("upload", f"{name}/{n}.jpg") for name in ("glass", "paper") for n in range(12)}
    assert names == everything - out
    told = {"sources": ["upload"], "licensed": True, "min_side": 100, "min_sharpness": 0.1}
    assert snapshot.filter == told
    assert Manifest.read(site_store().manifest_path(snapshot.digest)).plan.filter == told


def test_a_filter_that_lets_nothing_in_is_refused_before_anything_is_queued(imported, dataset):
    imported(photos(5))
    with pytest.raises(SnapshotError, match="lets no photo in"):
        snapshot_request(dataset=dataset, created_by=None, filter=PhotoFilter(sources=("crawl",)))
    assert not Snapshot.objects.exists()


def test_training_again_does_not_take_a_filtered_snapshot_for_the_whole(imported, dataset):
    imported(photos(8))
    filtered = made(snapshot_request(dataset=dataset, created_by=None, filter=PhotoFilter(min_side=10)))
    assert current_or_new_snapshot(dataset=dataset, created_by=None) != filtered


def test_what_happens_while_it_waits_in_the_queue_does_not_change_what_was_asked_for(imported, dataset):
    imported(photos(10))
    glass, paper = (LabelClass.objects.get(key=key) for key in ("glass", "paper"))
    asked = dict(Image.objects.values_list("sha256", "label__key"))
    snapshot = snapshot_request(dataset=dataset, created_by=None)
    relabelled, out, *_rest = glass.images.order_by("id").values_list("pk", flat=True)
    images_label(dataset=dataset, ids=[relabelled], label=paper, actor=None, origin=LabelOrigin.MODEL)
    images_set_state(dataset=dataset, ids=[out], state="quarantined", actor=None)
    class_edit(label_class=glass, name_en="Glassware")
    imported(photos(3, start=300))
    classes_merge(sources=[glass], into=paper, actor=None)
    made(snapshot)
    assert dict(snapshot.items.values_list("sha256", "label__key")) == asked
    assert snapshot.classes.get(key="glass").name_en == "glass"
    assert {item.label for item in Manifest.read(site_store().manifest_path(snapshot.digest)).items} == {
        "glass",
        "paper",
    }
    assert not SnapshotContent.objects.exists()


def test_training_waits_for_a_snapshot_that_is_being_made_only_while_it_holds_the_labels_of_now(
    imported, dataset
):
    imported(photos(8))
    first = current_or_new_snapshot(dataset=dataset, created_by=None)
    assert current_or_new_snapshot(dataset=dataset, created_by=None) == first
    photo = LabelClass.objects.get(key="glass").images.first()
    images_label(dataset=dataset, ids=[photo.pk], label=LabelClass.objects.get(key="paper"), actor=None)
    second = current_or_new_snapshot(dataset=dataset, created_by=None)
    assert second != first
    assert made(first).classes.get(key="glass").items.count() == 8
    assert made(second).classes.get(key="glass").items.count() == 7
    assert current_or_new_snapshot(dataset=dataset, created_by=None) == second


def test_one_asked_for_before_contents_were_kept_is_dealt_out_as_things_are_then(imported, dataset):
    imported(photos(8))
    snapshot = snapshot_request(dataset=dataset, created_by=None)
    SnapshotContent.objects.all().delete()
    Snapshot.objects.update(fingerprint="")
    assert current_or_new_snapshot(dataset=dataset, created_by=None) == snapshot
    imported(photos(2, start=300))
    assert made(snapshot).items.count() == 20
