"""What a leak is worth, on made features whose leak is known, and through the command on photos."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.leak import Comparison, Photos, make_arms, measure_leak, paired_interval
from ml.manifest import Manifest
from tests.ml.worlds import ml, tiny_manifest, written

# More features than items, as with real photos: only then can a linear probe learn an item by heart.
N, CLASSES, WIDTH = 240, 3, 500
# Distance of a class from the middle, at which a probe without twins is right on more than half of the photos.
TOLD = 3.0
PER_CLASS = N // CLASSES


def made(*, own: float, per_copy: float = 0.1, group_size: int = 1) -> Photos:
    """Photos whose class is partly told by their features.

    `own` is the strength of what is each group's alone and shared by its copies: what a probe can learn by heart
    from a twin. `per_copy` is what is no other item's.
    """
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), PER_CLASS)
    groups = np.arange(N) // group_size
    centres = rng.normal(size=(CLASSES, WIDTH))
    told = TOLD * (centres / np.linalg.norm(centres, axis=1, keepdims=True))[labels]
    shared = own * rng.normal(size=(N, WIDTH))[groups]
    features = (told + shared)[:, None] + per_copy * rng.normal(size=(N, 3, WIDTH))
    return Photos([f"{n:04}" for n in range(N)], labels, groups, features.astype(np.float32), CLASSES)


def by_name(photos: Photos, seeds: int = 3, cap: int | None = None) -> dict[str, Comparison]:
    return {one.leak: one for one in measure_leak(photos, range(seeds), cap).comparisons}


@pytest.fixture(scope="module")
def leaking() -> dict[str, Comparison]:
    """Each photo is like no other but its own copies."""
    return by_name(made(own=2.0))


def test_mirrored_twins_of_photos_that_can_be_learnt_by_heart_are_worth_many_points(leaking):
    found = leaking["mirrored_twins"]
    assert 0.4 < found.accuracy_without < 0.8, "the world is neither told nor untold without twins"
    assert found.difference > 0.2
    assert found.is_measurable
    assert found.interval[0] < found.difference < found.interval[1]
    assert found.difference == pytest.approx(found.accuracy_with - found.accuracy_without)
    assert found.verdict.startswith("worth +")


def test_without_near_duplicates_grouping_alone_is_not_measurable(leaking):
    found = leaking["near_duplicates"]
    assert (found.twins, found.difference, found.interval) == (0, 0, (0, 0))
    assert not found.is_measurable
    assert found.verdict.startswith("not measurable")


def test_near_duplicates_that_can_be_learnt_by_heart_are_found_too():
    found = by_name(made(own=2.0, group_size=4))
    assert found["near_duplicates"].is_measurable
    assert found["near_duplicates"].twins > 1
    assert found["paper_order"].twins > found["mirrored_twins"].twins


def test_copies_that_say_nothing_of_their_photo_are_worth_nothing():
    found = by_name(made(own=0.0, per_copy=2.0))["mirrored_twins"]
    assert found.twins > 1
    assert not found.is_measurable


def test_most_copies_of_a_test_photo_train_in_the_papers_order_and_a_cap_leaves_fewer(leaking):
    assert 1.5 < leaking["mirrored_twins"].twins < 2.0
    capped = by_name(made(own=2.0), cap=PER_CLASS)["mirrored_twins"]
    assert 0.3 < capped.twins < 1.0
    assert capped.trained_on < CLASSES * PER_CLASS


def test_the_papers_protocol_reports_more_than_the_grouped_one_on_leaking_photos():
    leak = measure_leak(made(own=2.0), range(3))
    paper, grouped = leak.reported
    assert (paper.protocol, grouped.protocol) == ("paper", "grouped")
    assert paper.accuracy > grouped.accuracy + 0.2
    assert (paper.tested, grouped.tested) == (3 * N / 10, N / 10)
    assert len(paper.per_seed) == 3


def test_both_arms_have_equally_many_items_of_each_class_and_differ_by_the_twins():
    photos = made(own=1.0)
    rng = np.random.default_rng(1)
    train = np.arange(3 * N)
    is_twin = rng.random(3 * N) < 0.1
    arms = make_arms(photos, train, np.array([0]), is_twin, rng)
    assert set(arms.with_twins) >= set(train[is_twin])
    assert not set(arms.without) & set(train[is_twin])
    counts = [Counter(photos.labels[rows // 3].tolist()) for rows in (arms.with_twins, arms.without)]
    assert counts[0] == counts[1]
    assert len(set(arms.with_twins)) == len(arms.with_twins)


def test_a_class_with_more_twins_than_others_keeps_both_arms_equal():
    photos = made(own=1.0)
    train = np.arange(3 * PER_CLASS)
    is_twin = np.arange(len(train)) % 10 != 0
    arms = make_arms(photos, train, np.array([0]), is_twin, np.random.default_rng(0))
    assert len(arms.with_twins) == len(arms.without) == 24
    assert is_twin[arms.with_twins].all()


def test_the_interval_of_one_seed_is_the_bootstrap_over_groups():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(60), 5)
    values = np.repeat(rng.choice([0.0, 1.0], 60), 5)
    low, high = paired_interval([values], [groups])
    spread = values[::5].std(ddof=1) / np.sqrt(60)
    assert low == pytest.approx(values.mean() - 1.96 * spread, abs=0.02)
    assert high == pytest.approx(values.mean() + 1.96 * spread, abs=0.02)
    apart = paired_interval([values], [np.arange(300)])
    assert apart[1] - apart[0] < (high - low) * 0.6, "photos of one group count together"


def test_the_same_photos_under_more_seeds_do_not_narrow_it_like_new_ones():
    values = np.random.default_rng(3).choice([-1.0, 0.0, 1.0], 100)
    groups = np.arange(100)
    one, ten = paired_interval([values], [groups]), paired_interval([values] * 10, [groups] * 10)
    assert ten[1] - ten[0] == pytest.approx(one[1] - one[0], rel=0.1)


def test_seeds_that_disagree_widen_it():
    groups = np.arange(400)
    low, high = paired_interval([np.full(400, value) for value in (0.0, 0.1, 0.2)], [groups] * 3)
    assert low < 0.05
    assert high > 0.15


def test_a_class_that_cannot_be_trained_is_said():
    photos = made(own=1.0)
    lonely = Photos(photos.ids, photos.labels, photos.groups, photos.features, CLASSES + 1)
    with pytest.raises(ValueError, match="too few photos"):
        measure_leak(lonely, [0])


@pytest.fixture
def manifest_path(tmp_path: Path) -> Path:
    return written(tiny_manifest(tmp_path / "photos", per_class=15), tmp_path / "m.json")


def test_the_command_prints_one_object_and_its_progress_apart(store, manifest_path):
    words = ["--seeds", 2, "--size", 64, "--store", store.root]
    done = ml("leak", "--manifest", manifest_path, *words)
    said = json.loads(done.stdout)
    assert (said["photos"], said["classes"], said["seeds"], said["cap"]) == (45, 3, 2, None)
    assert [one["leak"] for one in said["comparisons"]] == [
        "near_duplicates",
        "mirrored_twins",
        "paper_order",
    ]
    assert all(
        {"measurable", "verdict", "interval", "difference"} <= one.keys() for one in said["comparisons"]
    )
    assert [one["protocol"] for one in said["reported"]] == ["paper", "grouped"]
    assert "probe" in done.stderr
    folder = Path(Manifest.read(manifest_path).items[0].path).parents[1]
    few = json.loads(ml("leak", "--data", folder, *words, "--photos", 30).stdout)
    assert few["photos"] == 30


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "nowhere"], "There is no folder nowhere"),
        (["--manifest", "nowhere.json"], "cannot be read"),
        (["--data", ".", "--seeds", "0"], "--seeds must be at least 1"),
        (["--data", ".", "--cap", "0"], "--cap must be at least 1"),
    ],
)
def test_bad_input_ends_with_2_and_one_sentence(words, said):
    done = ml("leak", *words, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
