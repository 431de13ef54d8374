"""Steps of preparation by the real handler: results that agree with the photos, acts that can be taken back."""

from __future__ import annotations

import os
import zipfile
from collections import Counter

import cv2
import numpy as np
import pytest

from tests.support.photos import jpeg
from webapp.core.store import site_store
from webapp.datasets.models import Image, ImageState
from webapp.jobs.models import JobState
from webapp.preparing import services
from webapp.preparing.models import Preparation
from webapp.preparing.rules import Limits
from webapp.snapshots.models import SnapshotItem, SnapshotState
from webapp.snapshots.services import snapshot_request
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


def done(preparation: Preparation) -> Preparation:
    assert run_job(preparation.job_id)
    preparation.refresh_from_db()
    preparation.job.refresh_from_db()
    assert preparation.job.state == JobState.SUCCEEDED, preparation.job.error
    return preparation


def photos(n: int) -> dict[str, bytes]:
    """`n` photos of glass and half as many of paper, of two sizes."""
    files = {f"glass/{i}.jpg": jpeg(i, size=(160, 120)) for i in range(n)}
    return files | {f"paper/{i}.jpg": jpeg(1000 + i, size=(90, 240)) for i in range(n // 2)}


def test_sizes_counts_every_photo_and_keeps_a_log(imported, dataset, curator):
    imported(photos(6))
    one = done(services.sizes_start(dataset=dataset, created_by=curator))
    assert (one.result["photos"], one.result["landscape"], one.result["portrait"]) == (9, 6, 3)
    assert [(row["key"], row["n"]) for row in one.result["classes"]] == [("glass", 6), ("paper", 3)]
    assert Counter(map(tuple, one.details["points"])) == {(160, 120, 0): 6, (90, 240, 1): 3}
    assert one.result["width"] == [90, 90, 160, 160, 160]
    assert "9 photos of 2 classes, 9 points in the figure" in one.job.log_tail


def test_a_figure_takes_its_points_evenly_where_photos_are_many(imported, dataset, curator, monkeypatch):
    monkeypatch.setattr("worker.handlers.prepare.MOST_POINTS", 3)
    imported(photos(6))
    one = done(services.sizes_start(dataset=dataset, created_by=curator))
    assert (one.result["photos"], one.result["points"]) == (9, 3)
    sizes = list(Image.objects.order_by("id").values_list("width", "height"))
    assert [tuple(point[:2]) for point in one.details["points"]] == sizes[::3]


def test_rules_move_what_breaks_them_in_one_act_and_undo_brings_all_back(imported, dataset, curator):
    imported(photos(6))
    before = dict(Image.objects.values_list("pk", "state"))
    limits = Limits(short_side=100, aspect=1.2)
    one = done(services.rules_start(dataset=dataset, limits=limits, created_by=curator))
    # All break the second rule; those of paper have broken the first already.
    assert (one.result["moved"], one.result["rules"]) == (9, {"short_side": 3, "aspect": 6})
    assert one.result["photos"] == 9
    reasons = Counter(Image.objects.values_list("state", "state_reason"))
    assert reasons == {
        ("quarantined", "a side is shorter than 100 px"): 3,
        ("quarantined", "one side is more than 1.2 times the other"): 6,
    }
    touched = Image.objects.order_by("pk").last()
    Image.objects.filter(pk=touched.pk).update(version=touched.version + 1)
    outcome = services.preparation_undo(preparation=one, actor=curator)
    assert len(outcome.changed) == 9
    assert dict(Image.objects.values_list("pk", "state")) == before
    with pytest.raises(services.PreparationError, match="taken back already"):
        services.preparation_undo(preparation=one, actor=curator)


def test_an_attempt_that_was_lost_half_way_is_gone_on_with_in_the_same_act(imported, dataset, curator):
    imported(photos(4))
    one = services.rules_start(dataset=dataset, limits=Limits(short_side=100), created_by=curator)
    operation = services.preparation_act(preparation=one)
    from webapp.datasets.labelling import images_set_state

    first = Image.objects.filter(width=90).order_by("pk")[:1].values_list("pk", flat=True)
    images_set_state(
        dataset=dataset, ids=first, state=ImageState.QUARANTINED, actor=curator,
        reason="a side is shorter than 100 px", operation=operation,
    )  # fmt: skip
    one = done(one)
    assert one.operation == operation
    assert (one.result["moved"], one.result["photos"]) == (2, 6)
    services.preparation_undo(preparation=one, actor=curator)
    assert not Image.objects.filter(state=ImageState.QUARANTINED).exists()


def test_statistics_agree_with_numpy_over_the_decoded_pixels(imported, dataset, curator):
    files = photos(6)
    imported(files)
    one = done(services.statistics_start(dataset=dataset, created_by=curator))
    check_statistics(one.result, list(files.values()))


def check_statistics(result, files: list[bytes]) -> None:
    decoded = [
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].reshape(-1, 3) / 255
        for data in files
    ]
    whole = np.concatenate(decoded)
    assert result["photos"] == len(files)
    assert result["mean"] == pytest.approx(whole.mean(0), abs=1e-6)
    assert result["std"] == pytest.approx(whole.std(0), abs=1e-6)
    loop = result["seed_estimator"]
    assert loop["mean"] == pytest.approx(np.mean([one.mean(0) for one in decoded], axis=0), abs=1e-6)
    assert loop["std"] == pytest.approx(np.mean([one.std(0, ddof=1) for one in decoded], axis=0), abs=1e-6)


def test_on_trashnet_statistics_agree_with_numpy_and_rules_with_a_direct_count(
    imported, dataset, curator, trashnet
):
    paths = sorted(trashnet.glob("*/*.jpg"))[::40]
    files = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths}
    imported(files)
    one = done(services.statistics_start(dataset=dataset, created_by=curator))
    check_statistics(one.result, list(files.values()))
    limits = Limits(blur=300, dark=0.5, bright=0.75, flat=6.5)
    rows = list(Image.objects.values("sharpness", "brightness", "entropy"))
    direct = {
        "blur": sum(row["sharpness"] < 300 for row in rows),
        "dark": sum(row["brightness"] < 0.5 for row in rows),
        "bright": sum(row["brightness"] > 0.75 for row in rows),
        "flat": sum(row["entropy"] < 6.5 for row in rows),
    }
    from webapp.preparing.selectors import rule_counts

    counted = rule_counts(dataset, limits)
    assert {rule.rule: rule.n for rule in counted.rules} == direct
    assert all(0 < n < len(files) for n in direct.values()), direct
    moved = done(services.rules_start(dataset=dataset, limits=limits, created_by=curator))
    assert moved.result["moved"] == counted.caught


def test_flips_writes_the_small_pictures_that_its_page_shows(imported, dataset, curator):
    imported(photos(8))
    one = done(services.flips_start(dataset=dataset, created_by=curator))
    assert (one.result["photos"], one.result["after"], len(one.result["samples"])) == (12, 36, 12)
    labels = dict(Image.objects.values_list("sha256", "label__key"))
    assert Counter(labels[sha] for sha in one.result["samples"][:8]) == {"glass": 4, "paper": 4}
    store = site_store()
    for sha in one.result["samples"]:
        thumb = cv2.imread(str(store.thumb_path(sha)))
        for transform, code in (("hflip", 1), ("vflip", 0)):
            flipped = cv2.imread(str(store.flip_path(sha, transform)))
            assert np.abs(flipped.astype(int) - cv2.flip(thumb, code)).mean() < 3


def test_balance_draws_as_a_snapshot_with_that_cap_draws(imported, dataset, curator):
    imported(photos(12))
    one = done(services.balance_start(dataset=dataset, cap=10, seed=3, flips=True, created_by=curator))
    assert (one.result["before"], one.result["after"]) == (54, 20)
    assert len(one.details["left"]["glass"]) == 26
    snapshot = snapshot_request(
        dataset=dataset, created_by=curator, rule="paper", cap=10, seed=3, enhanced=True, val=0.2, test=0.2
    )
    assert run_job(snapshot.job_id)
    frozen = set(SnapshotItem.objects.filter(snapshot=snapshot).values_list("image", "transform"))
    names = ("original", "hflip", "vflip")
    left = {(pk, names[place]) for rows in one.details["left"].values() for pk, place in rows}
    assert not left & frozen
    assert len(left | frozen) == 54


def test_an_enhanced_snapshot_becomes_a_zip_once(imported, dataset, curator):
    files = photos(8)
    imported(files)
    snapshot = snapshot_request(
        dataset=dataset, created_by=curator, rule="paper", cap=9, enhanced=True, val=0.2, test=0.2
    )
    with pytest.raises(services.PreparationError, match="not ready"):
        services.enhance_start(snapshot=snapshot, created_by=curator)
    assert run_job(snapshot.job_id)
    snapshot.refresh_from_db()
    assert snapshot.state == SnapshotState.READY
    one = done(services.enhance_start(snapshot=snapshot, created_by=curator))
    store = site_store()
    items = list(SnapshotItem.objects.filter(snapshot=snapshot).select_related("label", "image"))
    assert one.result["files"] == len(items) == 18
    by_class = Counter((item.split, item.label.key) for item in items)
    with zipfile.ZipFile(store.enhanced_path(snapshot.digest)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert Counter(tuple(name.split("/")[:2]) for name in names) == by_class
        decoded = {
            name: cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR)
            for name in names
        }
    originals = {name: pixels for name, pixels in decoded.items() if name.endswith("_original.jpg")}
    sources = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in files.values()]
    assert originals
    assert all(any(np.array_equal(one, source) for source in sources) for one in originals.values())
    # Made already: nothing is queued a second time. Once the file is gone it is made anew.
    assert services.enhance_start(snapshot=snapshot, created_by=curator) == one
    store.enhanced_path(snapshot.digest).unlink()
    assert services.enhance_start(snapshot=snapshot, created_by=curator) != one


@pytest.mark.parametrize("start", ["sizes_start", "flips_start", "statistics_start"])
def test_an_empty_data_set_is_refused_with_what_to_do(dataset, start):
    with pytest.raises(services.PreparationError, match="Add photos"):
        getattr(services, start)(dataset=dataset, created_by=None)
    assert not Preparation.objects.exists()
