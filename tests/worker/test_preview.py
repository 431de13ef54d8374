"""A look before freezing deals as the snapshot will, counts what leaks, and leaves nothing behind."""

import os

import pytest

from tests.worker.test_snapshot import made, mirrored_and_small, photos
from webapp.core.store import site_store
from webapp.datasets.models import Image
from webapp.jobs.models import JobState
from webapp.snapshots.models import Snapshot, SplitAssignment
from webapp.snapshots.plans import PhotoFilter, SnapshotPlan
from webapp.snapshots.previews import forecast, look_for
from webapp.snapshots.services import SnapshotError, preview_request, snapshot_request
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


def looked(dataset, **options):
    job = preview_request(dataset=dataset, created_by=None, plan=SnapshotPlan(**options))
    assert run_job(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    return job.result


@pytest.fixture
def with_copies(imported, dataset):
    files = photos(15)
    imported(files | {f"glass/copy-{i}.jpg": mirrored_and_small(files[f"glass/{i}.jpg"]) for i in range(10)})
    return dataset


PLANS = [
    {"rule": "grouped", "val": 0.2, "test": 0.2},
    {"rule": "random", "val": 0.2, "test": 0.2, "cap": 12},
    {"rule": "paper", "val": 0.1, "test": 0.2, "enhanced": True, "cap": 40},
    {"rule": "grouped", "val": 0.2, "test": 0.2, "enhanced": True, "filter": PhotoFilter(min_side=100)},
]


@pytest.mark.parametrize("options", PLANS)
def test_freezing_gives_the_figures_of_the_look(with_copies, options):
    found = looked(with_copies, **options)
    assert not Snapshot.objects.exists()
    assert not SplitAssignment.objects.exists()
    assert not list((site_store().root / "runs").glob("preview-*"))
    snapshot = made(snapshot_request(dataset=with_copies, created_by=None, **options))
    assert (found["train"], found["val"], found["test"], found["held_out"], found["groups"]) == (
        snapshot.n_train, snapshot.n_val, snapshot.n_test, snapshot.n_held_out, snapshot.n_groups,
    )  # fmt: skip
    for row in found["classes"]:
        label = snapshot.classes.get(key=row["key"])
        counts = [label.items.filter(split=split).count() for split in ("train", "val", "test", "held_out")]
        assert row["splits"] == counts
    assert [row["key"] for row in found["classes"]] == [one.key for one in snapshot.classes.all()]


def crossing(snapshot, pairs):
    """Counted again from the frozen rows: of (photo, copy) by name, how many stand in two splits."""
    split = dict(snapshot.items.filter(transform="original").values_list("image__original_name", "split"))
    return sum(split[a] != split[b] for a, b in pairs)


def test_near_duplicates_that_would_cross_are_counted_under_each_rule(with_copies):
    pairs = [(f"glass/{i}.jpg", f"glass/copy-{i}.jpg") for i in range(10)]
    for rule in ("grouped", "random", "paper"):
        options = {"rule": rule, "val": 0.2, "test": 0.2}
        leak = looked(with_copies, **options)["leak"]
        snapshot = made(snapshot_request(dataset=with_copies, created_by=None, **options))
        assert leak["near_pairs"] == 10
        assert leak["crossing_pairs"] == crossing(snapshot, pairs)
        assert (leak["crossing_pairs"] == 0) == (rule == "grouped")
        assert leak["test_photos"] == snapshot.n_test
        assert leak["known_test"] <= leak["crossing_pairs"]


def test_under_the_papers_rule_mirrored_twins_leak_and_under_the_grouped_one_they_do_not(imported, dataset):
    imported(photos(20))
    paper = looked(dataset, rule="paper", enhanced=True, val=0.1, test=0.1)["leak"]
    assert paper["twins"] > 5
    assert 0 < paper["known_test"] <= paper["test_photos"]
    assert looked(dataset, rule="grouped", enhanced=True)["leak"]["twins"] == 0


def test_labels_that_change_make_a_look_old(imported, dataset):
    imported(photos(10))
    job = preview_request(dataset=dataset, created_by=None, plan=SnapshotPlan())
    assert run_job(job.pk)
    assert look_for(dataset, job.pk).is_current
    Image.objects.filter(original_name="glass/1.jpg").update(state="quarantined")
    assert not look_for(dataset, job.pk).is_current


def test_a_plan_that_makes_no_sense_is_not_queued(imported, dataset):
    imported(photos(5))
    with pytest.raises(SnapshotError, match="less than all"):
        preview_request(dataset=dataset, created_by=None, plan=SnapshotPlan(val=0.6, test=0.5))


def test_the_forecast_by_counting_is_near_what_is_frozen(imported, dataset):
    imported(photos(20))
    plan = SnapshotPlan(cap=12, val=0.25, test=0.25)
    expected = forecast(dataset, plan)
    assert [(row.before, row.passing, row.after, row.splits) for row in expected.classes] == [
        (20, 20, 12, (6, 3, 3, 0)),
        (20, 20, 12, (6, 3, 3, 0)),
    ]
    assert [row.weight for row in expected.classes] == [1.0, 1.0]
    exact = forecast(dataset, plan, looked(dataset, cap=12, val=0.25, test=0.25))
    assert exact.is_exact
    assert [row.splits for row in exact.classes] == [row.splits for row in expected.classes]
