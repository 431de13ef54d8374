"""The order of an inbox: what is written, whose doubt it is, when it is out of date, and what the page says of it."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images, add_job, add_run, add_snapshot
from webapp.datasets.filters import ImageFilter
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Image, ImageState
from webapp.datasets.selectors_gallery import first_rows
from webapp.guessing.selectors import newest_rows
from webapp.jobs.models import Job, JobKind, JobState
from webapp.publishing.models import Bundle, PublishedModel
from webapp.reviewing import services
from webapp.reviewing.selectors import current_model, order_state, photos_to_order
from webapp.reviewing.services import order_request, order_save

pytestmark = pytest.mark.django_db


def add_order(dataset, **result) -> Job:
    result = {"by": "labels", "labels": 40, "accuracy": 0.91, "seen": newest_rows(dataset), **result}
    return add_job(dataset, JobKind.ORDER, JobState.SUCCEEDED, result=result)


def add_model(dataset, number: int, *, published: bool = False) -> Bundle:
    snapshot = dataset.snapshots.first() or add_snapshot(dataset)
    bundle = Bundle.objects.create(run=add_run(snapshot, number), digest=f"{number:064x}", size=1, labels=[])
    if published:
        PublishedModel.objects.filter(dataset=dataset).update(is_current=False)
        PublishedModel.objects.create(dataset=dataset, bundle=bundle)
    return bundle


def seen(dataset, sort: str) -> list[int]:
    """The whole inbox in an order, read in pages of three."""
    found, after = [], None
    while True:
        rows, after = first_rows(dataset, ImageFilter(state="inbox", sort=sort), after=after, size=3)
        found += [row.pk for row in rows]
        if after is None:
            return found


def test_the_inbox_stands_in_the_order_that_was_written_and_what_came_since_at_the_end(dataset, inbox):
    rows = {pk: (n % 4 / 4, n * 7 % 10 / 10 + 0.05) for n, pk in enumerate(inbox)}
    order_save(dataset=dataset, rows=rows)
    (late,) = add_images(dataset, 1, state=ImageState.INBOX)
    assert seen(dataset, "varied") == [*sorted(inbox, key=lambda pk: -rows[pk][1]), late.pk]
    uncertain = sorted([*inbox, late.pk], key=lambda pk: (-rows.get(pk, (0, 0))[0], -pk))
    assert seen(dataset, "uncertain") == uncertain


def test_only_what_differs_is_written_and_nothing_that_left_the_inbox(
    dataset, inbox, glass, django_assert_num_queries
):
    rows = dict.fromkeys(inbox, (0.5, 0.25))
    images_label(dataset=dataset, ids=inbox[:1], label=glass, actor=None)
    order_save(dataset=dataset, rows=rows)
    assert Image.objects.get(pk=inbox[0]).uncertainty == 0
    with django_assert_num_queries(1):
        order_save(dataset=dataset, rows=rows)


def test_writing_an_order_stops_when_its_job_is_cancelled(dataset, inbox, monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 4)
    calls = []

    def check() -> None:
        calls.append(None)
        if len(calls) == 2:
            raise RuntimeError("cancelled")

    with pytest.raises(RuntimeError):
        order_save(dataset=dataset, rows=dict.fromkeys(inbox, (0.5, 0.25)), check=check)
    assert dataset.images.filter(uncertainty=0.5).count() == 4


def test_it_is_by_the_published_model_or_else_by_that_of_the_newest_run(dataset):
    assert current_model(dataset) is None
    first = add_model(dataset, 1)
    second = add_model(dataset, 2)
    assert current_model(dataset) == second
    PublishedModel.objects.create(dataset=dataset, bundle=first)
    assert current_model(dataset) == first


def test_an_order_by_a_probe_is_out_of_date_once_labels_are_given_or_photos_come(dataset, inbox, glass):
    add_order(dataset)
    assert not order_state(dataset).is_stale
    images_label(dataset=dataset, ids=inbox[:1], label=glass, actor=None)
    assert order_state(dataset).relabelled
    add_order(dataset)
    add_images(dataset, 2, state=ImageState.INBOX)
    state = order_state(dataset)
    assert (state.fresh, state.relabelled, state.is_stale) == (2, False, True)


def test_an_order_by_a_model_is_out_of_date_once_another_model_is_current_but_not_by_labels(
    dataset, inbox, glass
):
    model = add_model(dataset, 1)
    add_order(dataset, by="model", model={"digest": model.digest, "run": 1})
    images_label(dataset=dataset, ids=inbox[:1], label=glass, actor=None)
    assert not order_state(dataset).is_stale
    add_model(dataset, 2, published=True)
    assert order_state(dataset).model_changed


def test_of_a_data_set_one_order_is_made_at_a_time_and_one_waits(dataset, annotator):
    first = order_request(dataset=dataset, created_by=annotator)
    assert order_request(dataset=dataset, created_by=annotator) == first
    Job.objects.filter(pk=first.pk).update(
        state=JobState.RUNNING, lease_owner="a/1/1", lease_until="2030-01-01T00:00Z"
    )
    second = order_request(dataset=dataset, created_by=annotator, by_labels=True)
    assert (second.after, second.payload) == (first, {"by": "labels"})


def test_the_list_names_labels_first_and_then_the_whole_inbox(dataset, inbox, glass):
    (labelled,) = add_images(dataset, 1, glass)
    lines = photos_to_order(dataset)
    assert [(one["id"], one["label"]) for one in lines] == [
        (labelled.pk, glass.pk), *((pk, None) for pk in inbox)
    ]  # fmt: skip


def note(client, dataset):
    return client.get(reverse("datasets:inbox", args=[dataset.slug]), {"sort": "uncertain"})


def test_the_inbox_says_how_it_was_put_in_order_and_what_is_out_of_date(
    client_of, annotator, dataset, inbox, glass
):
    client = client_of(annotator)
    assertContains(note(client, dataset), "The inbox was not put in order yet")
    add_order(dataset)
    page = note(client, dataset)
    assertContains(page, "a probe on 40 labels is least sure come first.")
    assertNotContains(page, "Put in order again")
    add_images(dataset, 2, state=ImageState.INBOX)
    images_label(dataset=dataset, ids=inbox[:1], label=glass, actor=annotator)
    page = note(client, dataset)
    for words in ("2 photos came since", "Labels were given since.", "Put in order again"):
        assertContains(page, words)
    model = add_model(dataset, 3)
    add_order(dataset, by="model", model={"digest": model.digest, "run": 3})
    page = note(client, dataset)
    assertContains(page, "the model of run 3 is least sure come first.")
    assertContains(page, "By the labels instead")
    add_order(dataset, by="nothing")
    assertContains(note(client, dataset), "only “most varied” says something")
    add_job(dataset, JobKind.ORDER, JobState.FAILED, error="The disk is full.")
    assertContains(note(client, dataset), "The last look failed. The disk is full.")


def test_the_line_asks_for_itself_again_only_while_a_job_is_at_it(client_of, annotator, dataset, inbox):
    client = client_of(annotator)
    where = reverse("reviewing:order", args=[dataset.slug])
    answer = client.post(where, {"by": "labels"}, headers={"HX-Request": "true"})
    assertContains(answer, "data-poll")
    assert Job.objects.get(kind=JobKind.ORDER).payload == {"by": "labels"}
    Job.objects.all().delete()
    add_order(dataset)
    work = client.get(reverse("reviewing:order_work", args=[dataset.slug]))
    assertContains(work, "The inbox is in order.")
    assertNotContains(work, "data-poll")


def test_the_orders_of_the_inbox_are_offered_in_the_inbox_only(client_of, annotator, dataset, inbox, glass):
    add_images(dataset, 1, glass)
    client = client_of(annotator)
    names = {"Most uncertain first", "Most varied first"}

    def offered(name):
        page = client.get(reverse(f"datasets:{name}", args=[dataset.slug]))
        return {str(one.label) for one in page.context["bar"].sorts}

    assert names <= offered("inbox")
    assert not names & offered("images")
    assert "In the order given" not in offered("inbox")
