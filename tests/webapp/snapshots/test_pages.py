"""Snapshots: the list, a new one, and one with what is in it."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from ml.store import Store
from tests.support.rows import add_images, add_job, add_run, add_snapshot, freeze
from webapp.datasets.services import category_for_bin, class_create, dataset_create
from webapp.jobs.models import JobKind, JobState
from webapp.snapshots.models import Snapshot, SnapshotState


def url(dataset, name="list", *more):
    return reverse(f"snapshots:{name}", args=[dataset.slug, *more])


@pytest.fixture
def trainable(dataset):
    for name, bin_, n in (("glass", "recyclable", 12), ("trash", "other", 4)):
        label = class_create(dataset=dataset, name=name, category=category_for_bin(dataset=dataset, bin=bin_))
        add_images(dataset, n, label)
    return dataset


def asked(**changes):
    return {"val": "10", "test": "20", "rule": "grouped", "seed": "0", "cap": "", "note": "", **changes}


def test_an_empty_list_says_what_is_missing_first(client_of, curator, dataset):
    assertContains(client_of(curator).get(url(dataset)), "There are no labelled photos yet.")


def test_an_empty_list_of_a_data_set_with_photos_offers_a_first_one(client_of, curator, viewer, trainable):
    assertContains(client_of(curator).get(url(trainable)), url(trainable, "create"))
    assertNotContains(client_of(viewer).get(url(trainable)), url(trainable, "create"))


def test_a_line_shows_counts_rule_seed_cap_and_note(client_of, viewer, dataset):
    add_snapshot(
        dataset, n_train=1500, n_val=200, n_test=200, seed=7, cap=300, note="before the second upload"
    )
    page = client_of(viewer).get(url(dataset))
    for text in ("Train 1,500", "Test 200", "seed 7", "at most 300 a class", "before the second upload"):
        assertContains(page, text)
    assertContains(page, "split-train w-79")


def test_a_snapshot_that_is_being_made_shows_its_progress_until_it_is_ready(client_of, viewer, dataset):
    job = add_job(dataset, JobKind.SNAPSHOT, JobState.RUNNING, progress=0.3, message="Comparing photos")
    snapshot = add_snapshot(dataset, state=SnapshotState.BUILDING, digest="", job=job)
    client = client_of(viewer)
    assertContains(client.get(url(dataset)), "Comparing photos")
    assertContains(client.get(url(dataset, "row", 1)), "every 3s")
    assert "HX-Refresh" not in client.get(url(dataset, "live", 1)).headers
    snapshot.state, snapshot.digest = SnapshotState.READY, "a" * 64
    snapshot.save()
    assertNotContains(client.get(url(dataset, "row", 1)), "every 3s")
    assert client.get(url(dataset, "live", 1)).headers["HX-Refresh"] == "true"


def test_a_failed_one_says_why(client_of, viewer, dataset):
    job = add_job(dataset, JobKind.SNAPSHOT, JobState.FAILED, error="The disk is full.")
    add_snapshot(dataset, state=SnapshotState.FAILED, digest="", job=job)
    client = client_of(viewer)
    assertContains(client.get(url(dataset)), "The disk is full.")
    assertContains(client.get(url(dataset, "detail", 1)), "The disk is full.")


def test_a_request_with_percents_becomes_a_snapshot_with_shares(client_of, curator, trainable):
    form = asked(val="12.5", seed="3", cap="50", note="first")
    response = client_of(curator).post(url(trainable, "create"), form)
    made = Snapshot.objects.get()
    assert response.url == url(trainable, "detail", made.number)
    assert (made.val_fraction, made.test_fraction, made.seed, made.cap, made.note) == (
        0.125,
        0.2,
        3,
        50,
        "first",
    )
    assert made.state == SnapshotState.BUILDING
    assert made.job.payload == {"snapshot": made.pk}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"val": "60", "test": "60"}, "leave nothing to train on"),
        ({"val": "0"}, "greater than or equal to 1"),
        ({"val": "nan"}, "Enter a number"),
        ({"seed": "-1"}, "greater than or equal to 0"),
        ({"cap": "2"}, "greater than or equal to 3"),
        ({"rule": "fair"}, "not one of the available choices"),
    ],
)
def test_a_bad_value_is_refused_and_nothing_is_queued(client_of, curator, trainable, changes, said):
    page = client_of(curator).post(url(trainable, "create"), asked(**changes))
    assert page.status_code == 422
    assert not Snapshot.objects.exists()
    assertContains(page, said, status_code=422)


def test_a_data_set_that_can_t_be_frozen_says_so(client_of, curator, dataset):
    page = client_of(curator).post(url(dataset, "create"), asked())
    assert page.status_code == 422
    assertContains(page, "There are no labelled photos yet.", status_code=422)


def test_only_curators_freeze(client_of, annotator, trainable):
    client = client_of(annotator)
    assert client.get(url(trainable, "create")).status_code == 403
    assert client.post(url(trainable, "create"), asked()).status_code == 403
    assert not Snapshot.objects.exists()


def test_one_shows_its_classes_by_split_its_digest_and_the_runs_on_it(client_of, viewer, trainable):
    report = {"too_small": {"trash": 4}, "missing": {"trash": ["val"]}}
    snapshot = add_snapshot(
        trainable, n_train=12, n_val=2, n_test=2, n_held_out=3, n_groups=15, report=report
    )
    freeze(snapshot)
    add_run(snapshot, 5, test_accuracy=0.75)
    page = client_of(viewer).get(url(trainable, "detail", 1))
    rows = {row.label.key: row.counts for row in page.context["classes"]}
    assert rows["glass"] == {"train": 10, "val": 1, "test": 1, "held_out": 0}
    for text in (
        snapshot.digest,
        "Run 5",
        "75.0 %",
        "3 photos are like both a train and a test photo",
        "“trash” has only 4 photos",
        "“trash” has no photo in: Validation.",
    ):
        assertContains(page, text)


def test_an_enhanced_one_says_how_many_photos_it_has_and_what_is_scored(client_of, viewer, trainable):
    snapshot = add_snapshot(
        trainable, enhanced=True, n_train=36, n_val=6, n_test=6, n_groups=15,
        report={"photos": 16, "judges": {"val": 2, "test": 2}},
    )  # fmt: skip
    page = client_of(viewer).get(url(trainable, "detail", 1))
    for text in (
        "with mirrored copies",
        "16 photos stand here as 48",
        "validation counts 2 photos, the test 2",
        "15 groups: 1 photo is a near-duplicate",
    ):
        assertContains(page, text)
    snapshot.rule = "paper"
    snapshot.save()
    assertContains(client_of(viewer).get(url(trainable, "detail", 1)), "it leaks")


def test_mean_and_deviation_stand_there_by_both_estimators(client_of, viewer, trainable):
    loop = {"mean": [0.639, 0.571, 0.506], "std": [0.212, 0.22, 0.229]}
    exact = {"mean": [0.61, 0.55, 0.49], "std": [0.25, 0.26, 0.27]}
    add_snapshot(trainable, statistics={"images": 12, **exact, "seed_estimator": loop})
    page = client_of(viewer).get(url(trainable, "detail", 1))
    for text in ("Exact", "0.6100", "0.2700", "As the paper’s loop", "0.6390", "0.2290"):
        assertContains(page, text)


def test_one_from_before_statistics_were_kept_shows_no_empty_table(client_of, viewer, trainable):
    add_snapshot(trainable)
    assertNotContains(client_of(viewer).get(url(trainable, "detail", 1)), "Colours of the training photos")


def test_mirrored_copies_are_asked_for_by_a_check_box(client_of, curator, trainable):
    client = client_of(curator)
    page = client.get(url(trainable, "create"))
    assertContains(page, "Add mirrored copies first")
    assertContains(page, 'aria-describedby="id_enhanced_helptext"')
    client.post(url(trainable, "create"), asked())
    client.post(url(trainable, "create"), asked(enhanced="on"))
    assert list(Snapshot.objects.order_by("number").values_list("enhanced", flat=True)) == [False, True]


def test_its_class_names_are_those_of_the_moment_it_was_frozen(client_of, viewer, trainable):
    freeze(add_snapshot(trainable))
    trainable.classes.filter(key="glass").update(name_en="Renamed since")
    page = client_of(viewer).get(url(trainable, "detail", 1))
    assertNotContains(page, "Renamed since")
    assertContains(page, "glass")


def test_the_manifest_is_the_file_itself(client_of, viewer, dataset, data_dir):
    snapshot = add_snapshot(dataset)
    path = Store(root=data_dir).manifest_path(snapshot.digest)
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"format": "sortyard-manifest"}')
    answer = client_of(viewer).get(url(dataset, "manifest", 1))
    assert b"".join(answer.streaming_content) == b'{"format": "sortyard-manifest"}'
    assert answer["Content-Disposition"].startswith("attachment")


def test_a_manifest_that_is_gone_is_not_found(client_of, viewer, dataset):
    add_snapshot(dataset)
    assert client_of(viewer).get(url(dataset, "manifest", 1)).status_code == 404


def test_a_snapshot_of_another_data_set_is_not_found(client_of, curator, dataset):
    add_snapshot(dataset_create(name="Other", created_by=curator))
    assert client_of(curator).get(url(dataset, "detail", 1)).status_code == 404


def test_the_list_takes_as_many_queries_for_twenty_as_for_one(
    client_of, viewer, dataset, django_assert_num_queries
):
    client = client_of(viewer)
    for number in range(1, 21):
        add_run(add_snapshot(dataset, number), number)
    # session, person, data set, snapshots, what is missing, rail, switcher, queue
    with django_assert_num_queries(8):
        client.get(url(dataset))
