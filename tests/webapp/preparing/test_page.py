"""The page Prepare and the pages of its runs: what they count, what they show, who may start what."""

from __future__ import annotations

import json
import uuid

import pytest
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from tests.support.rows import add_images, add_job, add_snapshot, freeze, image_row
from webapp.core.store import site_store
from webapp.datasets.filters import ImageFilter, images_matching
from webapp.datasets.models import Image, ImageState, LabelClass
from webapp.datasets.services import class_create
from webapp.jobs.models import Job, JobKind, JobState
from webapp.preparing import selectors
from webapp.preparing.models import Preparation, Step
from webapp.preparing.rules import Limits
from webapp.snapshots.models import SnapshotItem, Transform

pytestmark = pytest.mark.django_db

RESULTS = {
    Step.SIZES: (
        {
            "photos": 3, "unlabelled": 1, "points": 3, "landscape": 2, "portrait": 1,
            "classes": [{"pk": 1, "key": "glass", "name_en": "Glass", "name_zh": "玻璃", "bin": "recyclable", "n": 2}],
            "width": [10, 20, 30, 40, 50], "height": [11, 21, 31, 41, 51], "aspect": [1, 1, 1, 2, 3],
        },
        {"points": [[10, 11, 0], [50, 51, 0], [30, 31, -1]]},
    ),
    Step.STATISTICS: (
        {"photos": 3, "pixels": 9, "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6],
         "seed_estimator": {"mean": [0.11, 0.22, 0.33], "std": [0.44, 0.55, 0.66]}},
        {},
    ),
}  # fmt: skip


def add_run(dataset, step: Step, state: str = JobState.SUCCEEDED, **fields) -> Preparation:
    result, details = RESULTS.get(step, ({}, {}))
    job = add_job(dataset, JobKind.PREPARE, state, log_tail="12:00:00  the log of it")
    one = Preparation.objects.create(
        **{"dataset": dataset, "step": step, "job": job, "result": result, "details": details, **fields}
    )
    Job.objects.filter(pk=job.pk).update(payload={"preparation": one.pk})
    return one


@pytest.fixture
def odd(dataset):
    """Photos of which each breaks other rules, one in quarantine already."""
    rows = [
        image_row(dataset, "small", width=80, height=90),
        image_row(dataset, "strip", width=100, height=500),
        image_row(dataset, "poster", width=9000, height=5000),
        image_row(dataset, "blurred", width=300, height=300, sharpness=2.0),
        image_row(dataset, "night", width=300, height=300, brightness=0.01),
        image_row(dataset, "white", width=300, height=300, brightness=0.99, entropy=0.5),
        image_row(dataset, "good", width=300, height=300),
        image_row(dataset, "gone", width=10, height=10, state=ImageState.QUARANTINED),
    ]
    for row in rows:
        row.sharpness = 400 if row.sharpness == 1.0 else row.sharpness
        row.state = ImageState.ACCEPTED if row.state == ImageState.INBOX and row.width != 100 else row.state
    Image.objects.bulk_create(rows)


LIMITS = Limits(short_side=100, long_side=8000, aspect=3, blur=10, dark=0.08, bright=0.97, flat=3)


def test_rules_are_counted_in_one_query_and_each_photo_once_in_the_sum(
    dataset, odd, django_assert_num_queries
):
    with django_assert_num_queries(1):
        found = selectors.rule_counts(dataset, LIMITS)
    assert {rule.rule: rule.n for rule in found.rules} == {
        "short_side": 1, "long_side": 1, "aspect": 1, "blur": 1, "dark": 1, "bright": 1, "flat": 1,
    }  # fmt: skip
    assert (found.photos, found.caught) == (7, 6)


def test_a_limit_itself_is_still_allowed_and_an_empty_one_is_off(dataset):
    Image.objects.bulk_create([image_row(dataset, "edge", width=100, height=300)])
    assert selectors.rule_counts(dataset, Limits(short_side=100, long_side=300, aspect=3)).caught == 0
    assert selectors.rule_counts(dataset, Limits(aspect=2.99)).caught == 1
    assert selectors.rule_counts(dataset, Limits()).caught == 0


def test_counts_follow_what_is_typed_and_a_wrong_limit_is_named(client_of, viewer, dataset, odd):
    client, address = client_of(viewer), reverse("preparing:counts", args=[dataset.slug])
    page = client.get(address, {"short_side": "100.5", "blur": ""}).content.decode()
    assert "2 of 7 photos break a rule" in page
    assert 'data-rule="blur"' not in page
    assert "to quarantine</button>" not in page  # a viewer can't send any
    page = client.get(address, {"dark": "7"}).content.decode()
    assert "A limit is not a number in its range" in page
    assert "less than or equal to 1" in page


def test_that_nothing_breaks_a_rule_can_be_recorded_so_that_the_next_step_comes(client_of, curator, dataset):
    add_images(dataset, 2)
    client = client_of(curator)
    page = client.get(reverse("preparing:counts", args=[dataset.slug]), {"short_side": "5"}).content.decode()
    assert "Record that no photo breaks a rule" in page
    assert "<button" not in client.get(reverse("preparing:counts", args=[dataset.slug]), {}).content.decode()


def test_samples_show_what_each_rule_would_catch(client_of, viewer, dataset, odd):
    page = (
        client_of(viewer)
        .get(reverse("preparing:samples", args=[dataset.slug]), {"short_side": 100})
        .content.decode()
    )
    small = Image.objects.get(width=80)
    assert page.count("<img") == 1
    assert small.sha256 in page


def test_the_first_step_never_done_comes_next(client_of, viewer, dataset):
    add_images(dataset, 3)
    client, address = client_of(viewer), reverse("preparing:home", args=[dataset.slug])
    page = client.get(address).content.decode()
    assert page.index("Comes next") < page.index("Filter rules")
    one = add_run(dataset, Step.SIZES)
    page = client.get(address).content.decode()
    assert page.index("Filter rules") < page.index("Comes next") < page.index("Mirrored copies")
    assert "3 photos, 10–50 px wide and 11–51 px high" in page
    assert reverse("preparing:detail", args=[dataset.slug, one.pk]) in page
    assert "<form" not in page.split("<main")[1]  # a viewer starts nothing


def test_the_page_costs_as_many_queries_with_many_runs(client_of, viewer, dataset):
    from django.db import connection

    def queries() -> int:
        client = client_of(viewer)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            client.get(reverse("preparing:home", args=[dataset.slug]))
        return len(seen)

    add_run(dataset, Step.SIZES)
    few = queries()
    for _number in range(15):
        add_run(dataset, Step.SIZES)
        add_run(dataset, Step.STATISTICS)
    assert queries() == few


def test_a_run_is_reopened_with_result_settings_time_and_log(client_of, viewer, dataset):
    one = add_run(dataset, Step.STATISTICS, created_at=timezone.now() - timezone.timedelta(days=7))
    page = client_of(viewer).get(reverse("preparing:detail", args=[dataset.slug, one.pk])).content.decode()
    for text in ("0.1000", "0.4400", "0.6392", "0.2293", "15,442", "the log of it", "took 1 min 15 s"):
        assert text in page
    assert page.count("<pre") == 1


def test_figures_are_data_and_classes_have_the_names_of_then(client_of, viewer, dataset):
    one = add_run(dataset, Step.SIZES)
    page = client_of(viewer).get(reverse("preparing:detail", args=[dataset.slug, one.pk])).content.decode()
    text = page.split('id="sizes-figure" type="application/json">')[1].split("</script>")[0]
    figure = json.loads(text)
    assert [trace["name"] for trace in figure["data"]] == ["Recyclable", "no label"]
    assert figure["data"][0]["x"] == [10, 50]
    assert figure["layout"]["dragmode"] == "select"
    assert "Glass" in page
    assert "style=" not in page.split("<main")[1]


def test_a_region_of_sizes_opens_those_photos(client_of, viewer, dataset, odd):
    chosen = ImageFilter(min_width=250, max_width=350, min_height=300, max_height=300)
    assert {row.width for row in images_matching(dataset, chosen)} == {300}
    assert chosen.to_query() == "min_width=250&max_width=350&min_height=300&max_height=300"
    client = client_of(viewer)
    page = client.get(
        reverse("preparing:within", args=[dataset.slug]) + "?" + chosen.to_query()
    ).content.decode()
    assert "4 photos of these sizes" in page
    assert page.count("<img") == 4
    target = page.split('class="btn primary" href="')[1].split('"')[0].replace("&amp;", "&")
    gallery = client.get(target).content.decode()
    assert "250–350 × 300–300 px" in gallery
    steps = client.get(reverse("datasets:ids", args=[dataset.slug]) + "?" + chosen.to_query()).json()["steps"]
    assert len(steps) == 4


def test_nothing_is_counted_before_a_region_is_chosen(client_of, viewer, dataset, odd):
    page = client_of(viewer).get(reverse("preparing:within", args=[dataset.slug])).content.decode()
    assert "Drag a box" in page
    assert "<img" not in page


def test_a_step_that_cannot_start_says_why(client_of, curator, dataset):
    client = client_of(curator)
    for values in ({"step": "sizes"}, {"step": "rules"}, {"step": "balance", "cap": "-1"}, {"step": "dance"}):
        page = client.post(
            reverse("preparing:start", args=[dataset.slug]), values, follow=True
        ).content.decode()
        assert "toast" in page
    assert not Preparation.objects.exists()


def test_starting_a_step_queues_its_job_and_leads_to_its_page(client_of, curator, dataset):
    add_images(dataset, 2, LabelClass.objects.create(dataset=dataset, key="glass"))
    answer = client_of(curator).post(
        reverse("preparing:start", args=[dataset.slug]),
        {"step": "balance", "cap": "7", "seed": "2", "flips": "on"},
    )
    one = Preparation.objects.get()
    assert answer["Location"] == reverse("preparing:detail", args=[dataset.slug, one.pk])
    assert one.settings == {"cap": 7, "seed": 2, "flips": True}
    assert one.job.payload == {"preparation": one.pk}
    page = client_of(curator).get(reverse("jobs:detail", args=[one.job.pk])).content.decode()
    assert answer["Location"] in page


def test_a_run_under_way_asks_for_itself_and_reloads_the_page_once_it_ended(client_of, viewer, dataset):
    one = add_run(dataset, Step.FLIPS, JobState.RUNNING)
    client, address = client_of(viewer), reverse("preparing:live", args=[dataset.slug, one.pk])
    answer = client.get(address)
    assert "HX-Refresh" not in answer
    assert "data-poll" in answer.content.decode()
    Job.objects.update(state=JobState.SUCCEEDED, lease_owner="", lease_until=None)
    answer = client.get(address)
    assert answer["HX-Refresh"] == "true"
    assert "data-poll" not in answer.content.decode()


def test_what_failed_half_way_can_still_be_taken_back(client_of, curator, dataset):
    one = add_run(dataset, Step.RULES, JobState.FAILED, settings={"blur": 3}, operation=uuid.uuid4())
    page = client_of(curator).get(reverse("preparing:detail", args=[dataset.slug, one.pk])).content.decode()
    assert "It failed." in page
    assert reverse("preparing:undo", args=[dataset.slug, one.pk]) in page


def test_a_run_of_another_data_set_is_not_found(client_of, viewer, dataset):
    from webapp.datasets.services import dataset_create

    one = add_run(dataset_create(name="Other"), Step.SIZES)
    assert client_of(viewer).get(reverse("preparing:detail", args=[dataset.slug, one.pk])).status_code == 404


@pytest.fixture
def enhanced(dataset):
    label = LabelClass.objects.create(dataset=dataset, key="glass", name_en="Glass")
    add_images(dataset, 30, label)
    snapshot = add_snapshot(dataset, enhanced=True, cap=300, n_train=87, n_val=1, n_test=2)
    freeze(snapshot)
    for item in list(snapshot.items.all()):
        for transform in (Transform.HFLIP, Transform.VFLIP):
            SnapshotItem.objects.create(
                snapshot=snapshot, image=item.image, sha256=item.sha256, label=item.label, split="train",
                group=item.group, transform=transform,
            )  # fmt: skip
    return snapshot


def test_the_gallery_of_copies_pages_through_all_of_them_once(
    client_of, viewer, dataset, enhanced, django_assert_num_queries
):
    seen, after = [], None
    for _page in range(2):
        with django_assert_num_queries(1):
            page = selectors.enhanced_page(enhanced, selectors.EnhancedFilter(), after=after)
            seen += [(item.sha256, item.transform, item.label.key, item.label.bin) for item in page.items]
        after = page.next_after
    assert after is None
    assert len(set(seen)) == len(seen) == 90
    answer = client_of(viewer).get(
        reverse("preparing:enhanced", args=[dataset.slug, 1]), {"transform": "hflip"}
    )
    text = answer.content.decode()
    assert text.count("<figure") == 30
    assert "/hflip.jpg" in text
    assert "Download" not in text  # originals leave the house only with a curator


def test_the_zip_is_streamed_under_its_name_and_asked_for_once(client_of, curator, dataset, enhanced):
    client, address = client_of(curator), reverse("preparing:download", args=[dataset.slug, 1])
    assert client.get(address)["Location"] == reverse("preparing:enhanced", args=[dataset.slug, 1])
    path = site_store().enhanced_path(enhanced.digest)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK the zip")
    for _time in range(2):
        answer = client.get(address)
        assert b"".join(answer.streaming_content) == b"PK the zip"
        assert answer["Content-Disposition"] == 'attachment; filename="kerbside-snapshot-1-enhanced.zip"'
    assert not Job.objects.filter(kind=JobKind.PREPARE).exists()


def test_a_second_wish_for_the_zip_answers_with_the_first(client_of, curator, dataset, enhanced):
    client, address = client_of(curator), reverse("preparing:make", args=[dataset.slug, 1])
    assert client.post(address)["Location"] == client.post(address)["Location"]
    assert Job.objects.filter(kind=JobKind.PREPARE).count() == 1


def test_a_flipped_picture_is_shown_only_for_photos_of_the_data_set(client_of, viewer, dataset, enhanced):
    sha = enhanced.items.first().sha256
    client = client_of(viewer)
    assert client.get(reverse("preparing:flip", args=[dataset.slug, sha, "hflip"])).status_code == 404
    for one in (sha, "0" * 64):
        path = site_store().flip_path(one, "hflip")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"jpeg")
    answer = client.get(reverse("preparing:flip", args=[dataset.slug, sha, "hflip"]))
    assert b"".join(answer.streaming_content) == b"jpeg"
    assert client.get(reverse("preparing:flip", args=[dataset.slug, "0" * 64, "hflip"])).status_code == 404


def test_a_link_fills_in_the_form_of_a_snapshot(client_of, curator, dataset):
    address = reverse("snapshots:create", args=[dataset.slug])
    page = (
        client_of(curator)
        .get(address, {"enhanced": "1", "cap": "300", "rule": "paper", "val": "5"})
        .content.decode()
    )
    assert 'value="paper" checked' in page
    assert 'name="cap" value="300"' in page
    assert 'name="val" value="5"' in page
    assert 'name="test" value="10"' in page
    assert page.split('name="enhanced"')[1].split(">")[0].strip().endswith("checked")


@pytest.mark.parametrize("values", [{"cap": "9" * 30, "seed": "0"}, {"cap": "300", "seed": "9" * 30}])
def test_a_cap_or_seed_past_its_limit_is_told_the_limit(client_of, curator, dataset, values):
    add_images(dataset, 1, class_create(dataset=dataset, name="glass"))
    where = reverse("preparing:start", args=[dataset.slug])
    page = client_of(curator).post(where, {"step": "balance", **values}, follow=True)
    assert (
        "The cap is a whole number from 1 to 2,147,483,647, and the seed one from 0 to 2,147,483,647."
        in page.content.decode()
    )


def test_a_date_that_ends_in_a_full_stop_is_not_given_a_second_one(dataset):
    one = add_run(dataset, Step.RULES, operation=uuid.uuid4(), undone_at=timezone.now())
    one.result = {"photos": 3, "moved": 1}
    with translation.override("en"):
        said = render_to_string("preparing/_rules.html", {"one": one, "dataset": dataset})
    assert "Taken back on" in said
    assert ".m.." not in said


def test_the_log_of_a_step_is_told_in_the_readers_language(client_of, curator, dataset):
    log = "11:22:33  3 photos of 2 classes, 3 points in the figure\nwarning: as a library wrote it"
    job = add_job(dataset, JobKind.PREPARE, JobState.SUCCEEDED, log_tail=log)
    one = Preparation.objects.create(dataset=dataset, step="sizes", settings={}, job=job)
    where = reverse("preparing:detail", args=[dataset.slug, one.pk])
    client = client_of(curator)
    assert "3 points in the figure" in client.get(where).content.decode()
    page = client.get(where, headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "points in the figure" not in page
    assert "11:22:33  " in page
    assert "warning: as a library wrote it" in page
