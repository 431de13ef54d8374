"""The page on which photos are given out, the reader's own queue, the inbox by source; for each role."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from tests.support.crawl_rows import add_candidates, add_crawl
from tests.support.rows import add_images, add_job
from webapp.accounts.models import User
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Image, ImageState, Source
from webapp.datasets.services import class_create
from webapp.guessing.selectors import offers
from webapp.guessing.services import FittedGroup, groups_replace
from webapp.ingest.models import UploadBatch, UploadItem
from webapp.jobs.models import JobKind, JobState
from webapp.reviewing.models import Share
from webapp.reviewing.services import photos_give, photos_take_back

pytestmark = pytest.mark.django_db


def url(dataset, name="page"):
    return reverse(f"reviewing:{name}", args=[dataset.slug])


def inbox_url(dataset):
    return reverse("datasets:inbox", args=[dataset.slug])


def holders(dataset) -> dict[int, str]:
    rows = dataset.images.filter(share__isnull=False).order_by("share_place", "pk")
    return dict(rows.values_list("pk", "share__annotator__username"))


def said(answer) -> str:
    return " ".join(str(one) for one in answer.context["messages"])


def shown(page) -> list[int]:
    return [row.pk for row, _choice in page.context["tiles"]]


@pytest.fixture
def boss(client_of, curator):
    return client_of(curator)


def test_the_next_of_an_order_are_given_to_those_chosen(boss, dataset, inbox, mei, jun):
    add_job(dataset, JobKind.ORDER, JobState.SUCCEEDED, result={"by": "labels", "labels": 40})
    for place, pk in enumerate(inbox):
        Image.objects.filter(pk=pk).update(uncertainty=place / 10)
    values = {"people": [mei.pk, jun.pk], "n": "4", "sort": "uncertain", "filter": ""}
    page = boss.post(url(dataset, "give"), values, follow=True)
    assert holders(dataset) == {inbox[9]: "jun", inbox[8]: "mei", inbox[7]: "jun", inbox[6]: "mei"}
    assert said(page) == "4 photos given: jun 2, mei 2."
    assertContains(page, "Most uncertain first")
    assert Share.objects.filter(model_chose=True).count() == 2  # four of ten
    boss.post(url(dataset, "give"), {**values, "n": ""})
    assert Share.objects.filter(model_chose=True).count() == 2  # all that were left


def test_an_order_that_was_never_made_is_not_given_out_in(boss, dataset, inbox, mei):
    values = {"people": [mei.pk], "n": "4", "sort": "uncertain", "filter": ""}
    assert "was not put in order yet" in said(boss.post(url(dataset, "give"), values, follow=True))
    assert holders(dataset) == {}


@pytest.mark.parametrize("n", ["0", "-3", "many", "1.5"])
def test_what_is_no_number_from_1_on_gives_nothing(boss, dataset, inbox, mei, n):
    values = {"people": [mei.pk], "n": n, "sort": "oldest", "filter": ""}
    assert "a number from 1 on" in said(boss.post(url(dataset, "give"), values, follow=True))
    assert holders(dataset) == {}


def test_without_a_number_all_that_pass_the_filter_are_given(boss, dataset, inbox, mei):
    Image.objects.filter(pk__in=inbox[:3]).update(source=Source.COMMAND)
    values = {"people": [mei.pk], "n": "", "filter": "source=command&sort=oldest", "sort": "oldest"}
    page = boss.post(url(dataset, "give"), values)
    assert list(holders(dataset)) == inbox[:3]
    assertRedirects(page, url(dataset) + "?source=command&sort=oldest", fetch_redirect_response=False)


def test_the_page_counts_what_passes_its_filter_and_is_free(boss, dataset, inbox, mei, curator):
    Image.objects.filter(pk__in=inbox[:3]).update(source=Source.COMMAND)
    photos_give(dataset=dataset, ids=inbox[:1], people=[mei], given_by=curator)
    assertContains(boss.get(url(dataset)), "10 photos in the inbox, 9 free to give")
    assertContains(boss.get(url(dataset), {"source": "command"}), "3 photos of the inbox pass, 2 free")


@pytest.mark.parametrize("people", [[], ["nobody"], ["viewer"]])
def test_photos_are_given_only_to_people_who_may_label(boss, dataset, inbox, viewer, people):
    ids = [str(viewer.pk) if one == "viewer" else one for one in people]
    page = boss.post(url(dataset, "give"), {"people": ids, "n": "5"}, follow=True)
    assert holders(dataset) == {}
    assert said(page) == "Choose who is to label them."


def test_a_selection_is_given_as_json_and_taken_back_by_the_act_it_names(boss, dataset, inbox, mei):
    def post(name, **values):
        return boss.post(url(dataset, name), json.dumps(values), content_type="application/json")

    told = post("give", ids=inbox[2:5], people=[str(mei.pk)], sort="varied").json()
    assert Share.objects.get().model_chose
    assert (told["given"], told["message"]) == (3, "3 photos given: mei 3.")
    assert set(holders(dataset)) == set(inbox[2:5])
    assert post("give", ids=inbox[2:5], people=[str(mei.pk)]).json()["given"] == 0
    assert post("take_back", operation=told["operation"]).json()["changed"] == 3
    assert holders(dataset) == {}
    assert post("give", ids=["x"], people=[]).status_code == 400
    assert post("give", ids=list(range(1, 10_002)), people=[str(mei.pk)]).status_code == 400
    assert post("take_back", operation=5).json()["changed"] == 0


def test_what_is_left_of_a_person_is_taken_back_or_handed_over(boss, dataset, inbox, mei, jun, curator):
    photos_give(dataset=dataset, ids=inbox[:4], people=[mei], given_by=curator)
    page = boss.post(url(dataset, "hand_over"), {"person": mei.pk, "to": jun.pk}, follow=True)
    assert set(holders(dataset).values()) == {"jun"}
    assert said(page) == "4 photos given: jun 4."
    page = boss.post(url(dataset, "take_back"), {"person": jun.pk}, follow=True)
    assert (holders(dataset), said(page)) == ({}, "4 photos taken back.")
    page = boss.post(url(dataset, "hand_over"), {"person": mei.pk, "to": mei.pk}, follow=True)
    assert said(page) == "Choose who is to label them."


def test_my_queue_is_the_inbox_with_what_the_reader_was_given_in_that_order(
    client_of, dataset, inbox, mei, curator, glass
):
    photos_give(dataset=dataset, ids=[inbox[6], inbox[1], inbox[3]], people=[mei], given_by=curator)
    images_label(dataset=dataset, ids=[inbox[1]], label=glass, actor=mei)
    page = client_of(mei).get(url(dataset, "mine"), follow=True)
    assert shown(page) == [inbox[6], inbox[3]]
    assertContains(page, "<h1>My queue</h1>", html=True)
    assertContains(page, "1 of 3 done")
    assert page.context["section"] == "mine"
    counts = reverse("datasets:counts", args=[dataset.slug])
    told = client_of(mei).get(counts, {"assigned": "mei", "state": "inbox"}).json()
    assert told["queue"] == {"done": 1, "total": 3, "held": 3}


def test_the_figures_of_a_queue_tell_what_was_taken_back_from_what_is_done(
    client_of, dataset, inbox, mei, curator, glass
):
    photos_give(dataset=dataset, ids=inbox[:4], people=[mei], given_by=curator)
    there = f"{reverse('datasets:counts', args=[dataset.slug])}?state=inbox&assigned=mei"

    def figures() -> tuple[int, int, int]:
        queue = client_of(mei).get(there).json()["queue"]
        return queue["done"], queue["total"], queue["held"]

    images_label(dataset=dataset, ids=inbox[:1], label=glass, actor=mei)
    assert figures() == (1, 4, 4)
    photos_take_back(dataset=dataset, person=mei)
    assert figures()[2] == 1
    photos_give(dataset=dataset, ids=inbox[1:2], people=[mei], given_by=curator)
    images_label(dataset=dataset, ids=inbox[1:2], label=glass, actor=mei)
    assert figures() == (0, 0, 2)  # all is done: nothing of it was taken back


def test_an_empty_queue_says_why(client_of, dataset, inbox, mei, jun, curator):
    assertContains(client_of(mei).get(url(dataset, "mine"), follow=True), "Your queue is empty")
    page = client_of(jun).get(inbox_url(dataset), {"assigned": "mei"})
    assertContains(page, "Nothing waits for mei")


@pytest.mark.parametrize(("role", "sees"), [("viewer", False), ("annotator", False), ("curator", True)])
def test_only_curators_find_ways_to_give_out(client_of, dataset, inbox, role, sees):
    reader = User.objects.create_user(username="reader", role=role)
    page = client_of(reader).get(inbox_url(dataset))
    assert (f'href="{url(dataset)}"' in page.content.decode()) == sees
    assert (url(dataset, "give") in page.content.decode()) == sees
    assert ('id="give"' in page.content.decode()) == sees
    assert ("My queue" in page.content.decode()) == (role != "viewer")


def test_a_viewer_sees_how_the_inbox_was_put_in_order_but_nothing_to_act_on(
    client_of, dataset, inbox, viewer
):
    page = client_of(viewer).get(inbox_url(dataset), {"sort": "uncertain"})
    assertContains(page, "The inbox was not put in order yet")
    assertNotContains(page, url(dataset, "order") + '"')


def test_the_overview_leads_to_what_waits_for_its_reader(client_of, dataset, inbox, mei, jun, curator):
    photos_give(dataset=dataset, ids=inbox[:4], people=[mei], given_by=curator)
    overview = reverse("datasets:overview", args=[dataset.slug])
    assertContains(client_of(mei).get(overview), "4 photos wait in your queue.")
    assertNotContains(client_of(jun).get(overview), "in your queue.")


def test_the_sorted_inbox_offers_nobody_what_somebody_else_was_given(
    dataset, inbox, mei, jun, curator, glass
):
    groups_replace(dataset=dataset, groups=[FittedGroup(glass.pk, 4, [(pk, 0.9) for pk in inbox[:4]])])
    photos_give(dataset=dataset, ids=inbox[:2], people=[mei], given_by=curator)
    assert offers(dataset, jun)[0].waiting == inbox[2:4]
    assert offers(dataset, mei)[0].waiting == inbox[:4]
    assert offers(dataset)[0].waiting == inbox[:4]


# Where the photos of the inbox come from.


@pytest.fixture
def mixed(dataset, inbox, glass):
    """Three photos of an upload, four of a second one, two of a crawl, one from feedback."""
    _empty, *batches = (UploadBatch.objects.create(dataset=dataset) for _ in range(3))
    for batch in batches:
        UploadItem.objects.create(batch=batch, name="a.jpg")
    Image.objects.filter(pk__in=inbox[:3]).update(batch=batches[0])
    Image.objects.filter(pk__in=inbox[3:7]).update(batch=batches[1])
    crawl = add_crawl(glass, "finished")
    for pk in inbox[7:9]:
        (item,) = add_candidates(crawl, 1, "saved")
        type(item).objects.filter(pk=item.pk).update(image_id=pk)
    Image.objects.filter(pk__in=inbox[7:9]).update(source=Source.CRAWL)
    Image.objects.filter(pk=inbox[9]).update(source=Source.FEEDBACK)
    return inbox


def chips(page) -> dict[str, int]:
    bar = page.context["bar"]
    from webapp.reviewing.sources import inbox_sources

    found = inbox_sources(bar.dataset, bar)
    return {one.label: one.n for one in [*found.chips, *found.more]}


def test_each_source_of_the_inbox_is_a_filter_with_its_count(client_of, annotator, dataset, mixed):
    client = client_of(annotator)
    page = client.get(inbox_url(dataset))
    assert chips(page) == {"Upload 2": 4, "Upload 1": 3, "Crawl 1": 2, "Feedback": 1}
    from webapp.reviewing.sources import inbox_sources

    ids = {}
    for one in inbox_sources(dataset, page.context["bar"]).chips:
        ids[one.label] = sorted(shown(client.get(one.url)))
    assert ids == {
        "Upload 1": mixed[:3], "Upload 2": mixed[3:7], "Crawl 1": mixed[7:9], "Feedback": mixed[9:],
    }  # fmt: skip


def test_a_source_that_is_chosen_leads_back_to_all_and_a_crawl_to_its_review(
    client_of, annotator, dataset, mixed, glass
):
    client = client_of(annotator)
    page = client.get(inbox_url(dataset), {"crawl": "1"})
    assertContains(page, reverse("crawls:review", args=[dataset.slug, glass.pk]))
    assertContains(page, f'href="{inbox_url(dataset)}" aria-current="true"')
    assertNotContains(client.get(inbox_url(dataset)), reverse("crawls:review", args=[dataset.slug, glass.pk]))


def test_one_source_alone_is_not_worth_a_row(client_of, annotator, dataset, inbox):
    assertNotContains(client_of(annotator).get(inbox_url(dataset)), "Where these photos come from")


def test_what_is_free_is_a_filter_once_something_was_given(
    client_of, annotator, dataset, inbox, mei, curator
):
    photos_give(dataset=dataset, ids=inbox[:4], people=[mei], given_by=curator)
    client = client_of(annotator)
    assertContains(client.get(inbox_url(dataset)), "Given to nobody")
    page = client.get(inbox_url(dataset), {"assigned": ":nobody", "sort": "oldest"})
    assert shown(page) == inbox[4:]


def test_the_inbox_reads_as_often_for_many_sources_as_for_two(
    client_of, annotator, dataset, mixed, django_assert_max_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = client_of(annotator)
    client.get(inbox_url(dataset))

    def counted() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(inbox_url(dataset))
        return len(queries)

    few = counted()
    for n in range(6):
        batch = UploadBatch.objects.create(dataset=dataset)
        UploadItem.objects.create(batch=batch, name="a.jpg")
        crawl = add_crawl(class_create(dataset=dataset, name=f"class {n}"), "finished", number=2 + n)
        (item,) = add_candidates(crawl, 1, "saved")
        uploaded, crawled = add_images(dataset, 2, state=ImageState.INBOX)
        Image.objects.filter(pk=uploaded.pk).update(batch=batch)
        Image.objects.filter(pk=crawled.pk).update(source=Source.CRAWL)
        type(item).objects.filter(pk=item.pk).update(image_id=crawled.pk)
    assert counted() == few
