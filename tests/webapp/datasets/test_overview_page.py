"""The overview: counts, bars, what to do next, and the one click that trains."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.http import urlencode
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images, add_job, add_run, add_snapshot
from webapp.cleaning.models import Suspect
from webapp.cleaning.suspects import suspect_accept
from webapp.datasets.class_services import class_edit
from webapp.datasets.overview import overview
from webapp.datasets.services import category_for_bin, class_create, dataset_use_preset55
from webapp.jobs.models import JobKind, JobState
from webapp.runs.models import Run
from webapp.snapshots.services import labels_fingerprint


@pytest.fixture
def trainable(dataset):
    """Two classes in their bins, with enough photos each."""
    for name, bin_ in (("glass", "recyclable"), ("trash", "other")):
        category = category_for_bin(dataset=dataset, bin=bin_)
        add_images(dataset, 12, class_create(dataset=dataset, name=name, category=category))
    return dataset


def url(dataset, name="datasets:overview"):
    return reverse(name, args=[dataset.slug])


def steps(dataset):
    return [step.text for step in overview(dataset).steps]


def test_an_empty_data_set_says_how_photos_come_in(client_of, curator, dataset):
    page = client_of(curator).get(url(dataset))
    assertContains(page, "No photos yet")
    assertContains(page, reverse("ingest:upload", args=[dataset.slug]))


def test_it_counts_accepted_inbox_and_quarantined(client_of, viewer, trainable):
    add_images(trainable, 5, state="inbox")
    add_images(trainable, 1234, state="quarantined")
    assertContains(client_of(viewer).get(url(trainable)), "24 accepted · 5 in the inbox · 1,234 quarantined")


def test_a_bar_stands_in_its_bin_s_colour_and_leads_to_the_photos(client_of, viewer, trainable):
    page = client_of(viewer).get(url(trainable))
    assertContains(page, '<div class="bargroup bin-recyclable">')
    assertContains(page, f"{reverse('datasets:images', args=[trainable.slug])}?class=glass")


def test_a_key_with_signs_of_its_own_stays_whole_in_its_link(client_of, viewer, dataset):
    add_images(dataset, 1, class_create(dataset=dataset, name="A&B 塑料?"))
    assertContains(client_of(viewer).get(url(dataset)), urlencode({"class": "A&B 塑料?"}).replace("+", "%20"))


def test_the_largest_class_fills_the_width_and_the_others_follow_it(dataset):
    for name, n in (("few", 10), ("many", 40)):
        add_images(dataset, n, class_create(dataset=dataset, name=name))
    bars = overview(dataset).groups[0].bars
    assert [(bar.choice.key, bar.share) for bar in bars] == [("many", 1.0), ("few", 0.25)]


def test_names_of_others_are_shown_as_text(client_of, viewer, dataset):
    label = class_create(dataset=dataset, name="glass")
    class_edit(label_class=label, name_en="<script>alert(1)</script>", name_zh="")
    add_images(dataset, 1, label)
    page = client_of(viewer).get(url(dataset))
    assertNotContains(page, "<script>alert(1)</script>")
    assertContains(page, "&lt;script&gt;alert(1)&lt;/script&gt;")


def test_what_to_do_next_starts_with_what_holds_up_the_rest(dataset):
    add_images(dataset, 4, class_create(dataset=dataset, name="glass"))
    add_images(dataset, 12, class_create(dataset=dataset, name="metal"))
    add_images(dataset, 3, state="inbox")
    add_images(dataset, 2)
    assert steps(dataset) == [
        "2 classes have no bin yet.",
        "3 photos in the inbox wait for a look.",
        "1 class has fewer than 10 photos: a model learns little from it.",
        "2 accepted photos have no label.",
        "Everything is there for a first model. One click trains it.",
    ]


def test_it_names_labels_in_doubt_and_odd_photos_until_they_are_decided(dataset, curator):
    glass, metal = (class_create(dataset=dataset, name=name) for name in ("glass", "metal"))
    doubted, odd = add_images(dataset, 2, glass)
    suspect = Suspect.objects.create(
        dataset=dataset, image=doubted, kind="label", score=0.9, given=glass, suggested=metal
    )
    Suspect.objects.create(dataset=dataset, image=odd, kind="odd", score=4.0, given=glass)
    texts = [step.text for step in overview(dataset).steps]
    assert any(text.startswith("1 label is in doubt") for text in texts)
    assert "1 photo is unlike all others." in texts
    suspect_accept(suspect=suspect, seen=1, actor=curator)
    assert not any("label is in doubt" in step.text for step in overview(dataset).steps)


def test_the_inbox_is_to_be_sorted_by_looks_once_there_are_labels_to_learn_from(dataset):
    glass = class_create(dataset=dataset, name="glass")
    add_images(dataset, 1, state="inbox")
    add_images(dataset, 19, glass)
    assert overview(dataset).steps[1].action == "Open the inbox"
    add_images(dataset, 1, glass)
    assert overview(dataset).steps[1].action == "Sort the inbox by looks"


def test_the_step_to_train_has_its_button_for_those_who_may(client_of, curator, viewer, trainable):
    address, train = (reverse(f"datasets:{name}", args=[trainable.slug]) for name in ("overview", "train"))
    button = f'<form method="post" action="{train}">'
    # One in the head, one in the step.
    assert client_of(curator).get(address).content.decode().count(button) == 2
    assert button not in client_of(viewer).get(address).content.decode()


def test_after_a_run_with_nothing_changed_it_points_at_the_mistakes(trainable):
    add_run(add_snapshot(trainable, fingerprint=labels_fingerprint(trainable)))
    assert steps(trainable) == [
        "Nothing changed since the last run. Look at what it confuses, and fix labels there."
    ]


def test_after_a_changed_label_it_says_train_again(trainable):
    add_run(add_snapshot(trainable, fingerprint=labels_fingerprint(trainable)))
    photo = trainable.images.first()
    photo.version += 1
    photo.save()
    assert any(text.startswith("Labels or photos changed") for text in steps(trainable))


def test_a_running_job_shows_its_progress_and_is_asked_for_again(client_of, viewer, trainable):
    add_job(trainable, JobKind.IMPORT, JobState.RUNNING, progress=0.4, message="40 of 100 photos")
    page = client_of(viewer).get(url(trainable))
    assertContains(page, "40 of 100 photos")
    assertContains(page, f'hx-get="{url(trainable, "datasets:work")}"')


def test_with_no_job_nothing_is_polled(client_of, viewer, trainable):
    assertNotContains(client_of(viewer).get(url(trainable)), "every 3s")
    part = client_of(viewer).get(url(trainable, "datasets:work"))
    assertContains(part, "The work has ended.")
    assertNotContains(part, "hx-get")


def test_one_click_freezes_a_snapshot_queues_a_run_and_goes_to_it(client_of, curator, trainable):
    response = client_of(curator).post(url(trainable, "datasets:train"))
    run = Run.objects.get()
    assert response.status_code == 302
    assert response.url == reverse("runs:detail", args=[trainable.slug, run.number])
    assert run.job.after == run.snapshot.job


def test_training_too_little_is_refused_with_the_reason(client_of, curator, dataset):
    page = client_of(curator).post(url(dataset, "datasets:train"), follow=True)
    assertContains(page, "There are no labelled photos yet.")
    assert not Run.objects.exists()


def test_the_button_is_off_with_the_reason_beside_it(client_of, curator, dataset):
    add_images(dataset, 5, class_create(dataset=dataset, name="glass"))
    page = client_of(curator).get(url(dataset))
    assertContains(page, 'disabled aria-describedby="cannot-train"')
    assertContains(page, "All labelled photos are of one class.")


@pytest.mark.parametrize("who", ["viewer", "annotator"])
def test_only_curators_train(client_of, request, trainable, who):
    client = client_of(request.getfixturevalue(who))
    assertNotContains(client.get(url(trainable)), url(trainable, "datasets:train"))
    assert client.post(url(trainable, "datasets:train")).status_code == 403
    assert not Run.objects.exists()


def test_it_never_trains_by_a_look(client_of, curator, trainable):
    assert client_of(curator).get(url(trainable, "datasets:train")).status_code == 405


def test_a_data_set_that_is_not_there_is_not_found(client_of, viewer):
    assert client_of(viewer).get("/studio/d/nowhere/").status_code == 404


def test_a_demo_says_on_its_pages_that_it_is_drawn(client_of, viewer, trainable):
    trainable.is_drawn = True
    trainable.save()
    assertContains(client_of(viewer).get(url(trainable)), "drawn, not photographed")


def test_its_reads_and_the_rails_are_twelve_queries_for_six_classes_and_for_fifty_five(
    dataset, django_assert_num_queries
):
    dataset_use_preset55(dataset=dataset)
    for label in dataset.classes.all()[:6]:
        add_images(dataset, 3, label)
    add_run(add_snapshot(dataset))
    add_job(dataset, JobKind.IMPORT, JobState.RUNNING)
    add_job(dataset, JobKind.IMPORT)
    # counts, classes, jobs, workers, queue order, latest run, latest snapshot, fingerprint, what is missing,
    # groups of near-duplicates; the figures of the rail, which the page hands on instead of reading them itself
    with django_assert_num_queries(12):
        overview(dataset)
    for label in dataset.classes.all()[6:]:
        add_images(dataset, 3, label)
    with django_assert_num_queries(12):
        overview(dataset)
