"""The review: what is shown first, many decided at once, two people, copies, the tail, and the way back."""

from __future__ import annotations

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from tests.support.crawl_rows import add_candidates, add_crawl, add_found, add_rank
from tests.support.rows import add_images
from webapp.crawls.models import CrawlItem, CrawlVerdict
from webapp.crawls.selectors_review import SHOWN, inbox_of
from webapp.datasets.class_services import class_delete
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Image, ImageState
from webapp.datasets.services import class_create, dataset_create
from webapp.jobs.models import Job, JobKind, JobState

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def bottle(dataset):
    return class_create(dataset=dataset, name="bottle")


@pytest.fixture
def crawl(bottle):
    return add_crawl(bottle)


@pytest.fixture
def found(crawl) -> list[int]:
    """Image ids of eight photos that wait, the best first."""
    return [item.image_id for item in add_found(crawl, 8)]


@pytest.fixture
def decided(client_of, annotator, bottle):
    """`decided(shown, refuse)` sends the form of the page; the ids' versions are those of the rows now."""

    def send(shown=(), refuse=(), **values):
        versions = dict(Image.objects.filter(pk__in=shown).values_list("pk", "version"))
        form = {"shown": [f"{pk}:{versions[pk]}" for pk in shown], "refuse": list(refuse), **values}
        return client_of(annotator).post(url(bottle, "decide"), form, headers=HTMX)

    return send


def url(label, name="review") -> str:
    return reverse(f"crawls:{name}", args=[label.dataset.slug, label.pk])


def shown(page) -> list[int]:
    text = page.content.decode()
    return [int(pk) for pk in re.findall(r'name="shown" value="(\d+):\d+"><input type="checkbox"', text)]


def told(answer) -> dict[str, str]:
    return json.loads(answer["HX-Trigger-After-Settle"])["reviewed"]


def states(ids) -> list[str]:
    rows = Image.objects.in_bulk(ids)
    return [rows[pk].state for pk in ids]


def test_what_fits_best_is_shown_first_and_copies_of_what_is_there_last(client_of, annotator, bottle, crawl):
    (have,) = add_images(bottle.dataset, 1, bottle)
    items = [add_found(crawl, 1, fit=fit)[0] for fit in (0.2, 0.9, None, 0.5)]
    CrawlItem.objects.filter(pk=items[1].pk).update(copy_of=have)
    page = client_of(annotator).get(url(bottle))
    assert shown(page) == [items[n].image_id for n in (3, 0, 2, 1)]
    assertContains(page, "like one you have", count=1)
    assertContains(page, "4 photos found for bottle")


def test_near_duplicates_stand_behind_the_one_that_leads(client_of, annotator, bottle, crawl):
    items = add_found(crawl, 4)
    CrawlItem.objects.filter(pk__in=[one.pk for one in items[:3]]).update(group=7)
    CrawlItem.objects.filter(pk__in=[one.pk for one in items[1:3]]).update(is_lead=False)
    page = client_of(annotator).get(url(bottle))
    assert shown(page) == [items[0].image_id, items[3].image_id]
    assertContains(page, "+2 copies")


def test_only_so_many_are_shown_and_the_page_says_how_many_follow(client_of, annotator, bottle, crawl):
    add_found(crawl, SHOWN + 12)
    page = client_of(annotator).get(url(bottle))
    assert len(shown(page)) == SHOWN
    assertContains(page, "Refuse the 12 below")


def test_the_page_says_how_the_ranking_was_made(client_of, viewer, bottle, crawl, found):
    client = client_of(viewer)
    assertContains(client.get(url(bottle)), "Not ranked yet: shown as they came.")
    add_rank(bottle)
    assertContains(client.get(url(bottle)), "Ranked by how alike they are to 34 accepted photos.")
    add_rank(bottle, result={"method": "agreement", "references": 0, "missing": 2})
    page = client.get(url(bottle))
    assertContains(page, "Ranked by agreement among themselves: take some good ones first")
    assertContains(page, "2 could not be looked at.")
    add_rank(bottle, result={"method": "none", "references": 0, "missing": 0})
    assertContains(client.get(url(bottle)), "There are too few photos to rank them.")


def test_a_viewer_may_look_and_finds_no_buttons(client_of, viewer, bottle, found):
    page = client_of(viewer).get(url(bottle))
    assertContains(page, "8 photos found")
    for part in ('name="shown"', "review-take", "Rank again"):
        assertNotContains(page, part)


def test_one_act_takes_what_is_not_marked_and_refuses_what_is(decided, dataset, bottle, found):
    answer = decided(found, found[5:])
    assert states(found) == ["accepted"] * 5 + ["quarantined"] * 3
    rows = Image.objects.in_bulk(found)
    assert {rows[pk].label for pk in found[:5]} == {bottle}
    assert rows[found[5]].state_reason == "not bottle"
    assert told(answer)["message"] == "5 taken as bottle. 3 refused."
    assert Job.objects.filter(kind=JobKind.RANK, state=JobState.QUEUED).count() == 1
    assertContains(answer, "Nothing waits for bottle")


def test_refusing_all_shown_takes_nothing(decided, found):
    assert told(decided(found[:6], found[:1], act="all"))["message"] == "6 refused."
    assert states(found) == ["quarantined"] * 6 + ["inbox"] * 2


def test_copies_are_decided_with_the_photo_they_stand_behind(decided, crawl, bottle):
    items = add_found(crawl, 5)
    CrawlItem.objects.filter(pk__in=[one.pk for one in items[:2]]).update(group=1)
    CrawlItem.objects.filter(pk__in=[one.pk for one in items[2:]]).update(group=2)
    CrawlItem.objects.filter(pk__in=[items[1].pk, items[3].pk, items[4].pk]).update(is_lead=False)
    ids = [one.image_id for one in items]
    answer = decided([ids[0], ids[2]], [ids[2]])
    assert states(ids) == ["accepted"] + ["quarantined"] * 4
    reasons = Image.objects.in_bulk(ids)
    assert reasons[ids[1]].state_reason.startswith("near-duplicate of Photo")
    assert {reasons[pk].state_reason for pk in ids[2:]} == {"not bottle"}
    assert "3 copies put aside with them." in told(answer)["message"]


def test_an_act_is_taken_back_as_a_whole(client_of, annotator, decided, bottle, found):
    operation = told(decided(found, found[5:]))["operation"]
    answer = client_of(annotator).post(url(bottle, "undo"), {"operation": operation}, headers=HTMX)
    assert states(found) == ["inbox"] * 8
    assert told(answer) == {
        "message": "8 photos wait again.", "kind": "success", "operation": "", "undone": operation,
    }  # fmt: skip
    assert shown(answer) == found


def test_the_last_act_can_be_taken_back_without_scripts_and_after_a_look_at_another_page(
    client_of, annotator, bottle, found
):
    client = client_of(annotator)
    values = {"shown": [f"{pk}:1" for pk in found], "refuse": found[:2]}
    answer = client.post(url(bottle, "decide"), values)
    assert answer["Location"] == url(bottle)
    page = client.get(answer["Location"])
    assertContains(page, "6 taken as bottle. 2 refused.")
    client.get(reverse("crawls:list", args=[bottle.dataset.slug]))
    page = client.get(url(bottle))
    assertContains(page, "The last act can be taken back.")
    (operation,) = re.findall(r'name="operation" value="([^"]+)"', page.content.decode())
    assertRedirects(client.post(url(bottle, "undo"), {"operation": operation}), url(bottle))
    assert states(found) == ["inbox"] * 8
    assertNotContains(client.get(url(bottle)), "The last act can be taken back.")


def test_a_photo_that_another_person_decided_meanwhile_is_left_alone_and_told(
    client_of, annotator, curator, dataset, bottle, found
):
    can = class_create(dataset=dataset, name="can")
    images_label(dataset=dataset, ids=found[:1], label=can, actor=curator)
    values = {"shown": [f"{pk}:1" for pk in found]}
    answer = client_of(annotator).post(url(bottle, "decide"), values, headers=HTMX)
    assert told(answer)["message"] == "7 taken as bottle. 1 was changed by someone else meanwhile."
    assert Image.objects.get(pk=found[0]).label == can


def test_a_form_that_is_sent_twice_decides_once(client_of, annotator, bottle, found):
    values = {"shown": [f"{pk}:1" for pk in found], "refuse": found[5:]}
    client = client_of(annotator)
    client.post(url(bottle, "decide"), values, headers=HTMX)
    second = told(client.post(url(bottle, "decide"), values, headers=HTMX))
    assert second["operation"] == ""
    assert states(found) == ["accepted"] * 5 + ["quarantined"] * 3
    assert all(image.events.count() == 1 for image in Image.objects.filter(pk__in=found))


def test_refusing_what_is_below_spares_what_is_shown_and_what_came_since(
    client_of, annotator, decided, bottle, crawl, found
):
    rank, newest = add_rank(bottle), crawl.items.last().pk
    late = add_found(crawl, 2)
    answer = decided(found[:5], act="below", rank=rank.pk, newest=newest)
    assert states(found) == ["inbox"] * 5 + ["quarantined"] * 3
    assert states([one.image_id for one in late]) == ["inbox"] * 2
    assert told(answer)["message"] == "3 refused."


def test_what_is_below_is_not_refused_by_a_ranking_that_nobody_saw(decided, bottle, crawl, found):
    old = add_rank(bottle)
    add_rank(bottle)
    answer = decided(found[:5], act="below", rank=old.pk, newest=crawl.items.last().pk)
    assert states(found) == ["inbox"] * 8
    assert told(answer)["kind"] == "warning"
    assert "A newer ranking came meanwhile." in told(answer)["message"]


def test_a_tail_of_thousands_is_refused_in_one_act_and_taken_back(
    decided, client_of, annotator, bottle, crawl
):
    items = add_found(crawl, 3000)
    CrawlItem.objects.filter(pk__in=[one.pk for one in items[100:200]]).update(group=3, is_lead=False)
    CrawlItem.objects.filter(pk=items[100].pk).update(is_lead=True)
    top = [one.image_id for one in items[:60]]
    done = told(decided(top, act="below", rank="", newest=items[-1].pk))
    assert done["message"] == "2,841 refused. 99 copies put aside with them."
    client_of(annotator).post(url(bottle, "undo"), {"operation": done["operation"]}, headers=HTMX)
    assert crawl.dataset.images.filter(state=ImageState.INBOX).count() == 3000


@pytest.mark.parametrize("entry", ["x", "1", "1:x", "9" * 40 + ":1", ":", "-1:1", "0:0"])
def test_what_names_no_photo_is_left_out(client_of, annotator, bottle, found, entry):
    values = {"shown": [entry], "refuse": [entry]}
    answer = client_of(annotator).post(url(bottle, "decide"), values, headers=HTMX)
    assert told(answer)["message"] == "Nothing was left to decide."
    assert states(found) == ["inbox"] * 8


def test_photos_that_no_crawl_for_the_class_brought_are_not_decided_here(
    client_of, annotator, curator, dataset, bottle, crawl
):
    (own,) = add_images(dataset, 1, state=ImageState.INBOX)
    other = dataset_create(name="Other", created_by=curator)
    (foreign,) = add_found(add_crawl(class_create(dataset=other, name="theirs")), 1)
    (elsewhere,) = add_found(add_crawl(class_create(dataset=dataset, name="can")), 1)
    ids = [own.pk, foreign.image_id, elsewhere.image_id]
    for act in ("decide", "all"):
        values = {"shown": [f"{pk}:1" for pk in ids], "act": act}
        client_of(annotator).post(url(bottle, "decide"), values)
    assert states(ids) == ["inbox"] * 3


def test_the_class_of_another_data_set_is_not_found(client_of, annotator, curator, bottle):
    other = dataset_create(name="Other", created_by=curator)
    for name in ("review", "work", "decide", "undo", "rank"):
        there = reverse(f"crawls:{name}", args=[other.slug, bottle.pk])
        answer = (
            client_of(annotator).get(there)
            if name in ("review", "work")
            else client_of(annotator).post(there)
        )
        assert answer.status_code == 404, name


def test_a_class_merged_meanwhile_leads_to_the_one_that_took_its_photos(
    client_of, annotator, curator, decided, dataset, bottle, found
):
    can = class_create(dataset=dataset, name="can")
    class_delete(label_class=bottle, to=can, actor=curator)
    assert decided(found)["HX-Redirect"] == url(can)
    assert states(found) == ["inbox"] * 8
    assertRedirects(client_of(annotator).get(url(bottle)), url(can))
    assertContains(client_of(annotator).get(url(can)), "8 photos found for can")


def test_a_class_deleted_meanwhile_sends_everybody_to_the_list(
    client_of, annotator, curator, decided, dataset, bottle, found
):
    class_delete(label_class=bottle, to=None, actor=curator)
    crawls = reverse("crawls:list", args=[dataset.slug])
    assert decided(found)["HX-Redirect"] == crawls
    page = client_of(annotator).get(url(bottle), follow=True)
    assertContains(page, "This class was deleted. What was found for it waits in the inbox.")
    assertContains(page, reverse("datasets:inbox", args=[dataset.slug]) + "?source=crawl")
    answer = client_of(annotator).post(url(bottle, "decide"), {"shown": [f"{found[0]}:1"]}, follow=True)
    assertContains(answer, "This class was closed meanwhile. Nothing was decided.")
    assert states(found) == ["inbox"] * 8


def test_a_ranking_under_way_is_waited_for_and_then_offered(client_of, annotator, bottle, found):
    client = client_of(annotator)
    client.post(url(bottle, "rank"))
    assertContains(client.get(url(bottle)), "Ranking the photos anew")
    assertContains(client.get(url(bottle, "work")), 'hx-trigger="every 1s"')
    Job.objects.filter(kind=JobKind.RANK).update(state=JobState.SUCCEEDED)
    part = client.get(url(bottle, "work"))
    assertContains(part, "There is a newer ranking.")
    assertNotContains(part, "every 1s")


def test_copies_whose_lead_was_decided_in_the_gallery_are_not_lost(client_of, annotator, bottle, crawl):
    lead, copy = add_found(crawl, 2, group=4)
    CrawlItem.objects.filter(pk=copy.pk).update(is_lead=False)
    images_label(dataset=bottle.dataset, ids=[lead.image_id], label=bottle, actor=annotator)
    page = client_of(annotator).get(url(bottle))
    assertContains(page, "Only copies are left")
    assertContains(page, url(bottle, "rank"))


def test_candidates_of_a_trial_do_not_wait_for_a_review(client_of, annotator, bottle, crawl):
    add_candidates(crawl, 3, CrawlVerdict.CANDIDATE)
    page = client_of(annotator).get(url(bottle))
    assertContains(page, "Nothing waits for bottle")
    assertContains(page, "All found photos are decided.")


def test_the_page_leads_on_to_the_next_class(client_of, annotator, dataset, bottle):
    can = class_create(dataset=dataset, name="can")
    add_found(add_crawl(can), 2)
    page = client_of(annotator).get(url(bottle))
    assertContains(page, "Go on with can")
    assertContains(page, url(can))


def test_a_page_that_is_no_web_address_is_not_handed_to_the_viewer_of_photos(
    client_of, annotator, bottle, crawl
):
    add_found(crawl, 1, page_url="javascript:alert(1)", title="<script>")
    page = client_of(annotator).get(url(bottle))
    assertContains(page, 'data-page=""')
    assertNotContains(page, "javascript:alert")


def test_the_page_reads_as_often_for_few_photos_as_for_five_thousand(client_of, annotator, bottle, crawl):
    add_found(crawl, 3)
    client = client_of(annotator)

    def counted() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(url(bottle))
        return len(queries)

    few = counted()
    add_found(crawl, 4997)
    assert counted() == few
    with CaptureQueriesContext(connection) as queries:
        assert len(inbox_of(bottle).shown) == SHOWN
    assert len(queries) == 3
