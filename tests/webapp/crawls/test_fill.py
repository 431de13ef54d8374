"""Fill thin classes: one form starts a crawl for each class that lacks photos."""

from __future__ import annotations

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from tests.support.crawl_rows import add_crawl, add_found
from tests.support.rows import add_images
from webapp.crawls.models import CrawlState, SourceDay
from webapp.crawls.services import source_turn
from webapp.crawls.sources import next_day
from webapp.datasets.models import ImageState
from webapp.datasets.overview import overview
from webapp.datasets.services import class_create, dataset_create, dataset_use_preset55

pytestmark = pytest.mark.django_db


@pytest.fixture
def classes(dataset):
    """bottle has 4 photos, can 8, peel 40."""
    found = {}
    for name, n in (("bottle", 4), ("can", 8), ("peel", 40)):
        found[name] = class_create(dataset=dataset, name=name)
        add_images(dataset, n, found[name])
    return found


@pytest.fixture
def sent(client_of, curator, dataset, classes):
    def send(*names, **values):
        form = {
            "provider": "openverse", "enough": 20, "licence": "any",
            "classes": [classes[name].pk for name in names], **values,
        }  # fmt: skip
        return client_of(curator).post(url(dataset), form)

    return send


def url(dataset, name="fill") -> str:
    return reverse(f"crawls:{name}", args=[dataset.slug])


def test_thin_classes_are_listed_the_thinnest_first_with_what_they_lack(client_of, curator, dataset, classes):
    add_found(add_crawl(classes["can"]), 5)
    page = client_of(curator).get(url(dataset) + "?enough=20").content.decode()
    rows = re.findall(r'data-lacking="(\d+)" (checked|disabled)?', page)
    assert [int(n) for n, _state in rows] == [16, 7]
    assert "Start 2 crawls" in page
    assert 'aria-label="peel"' not in page


def test_a_class_at_work_is_not_ticked_and_one_that_lacks_nothing_cannot_be(
    client_of, curator, dataset, classes
):
    add_crawl(classes["bottle"], CrawlState.RUNNING)
    add_found(add_crawl(classes["can"]), 12)
    page = client_of(curator).get(url(dataset) + "?enough=20").content.decode()
    tags = re.findall(r'<input type="checkbox" name="classes"[^>]*>', page)
    assert "checked" not in tags[0]
    assert "disabled" in tags[1]
    assert "at work" in page


@pytest.mark.parametrize(("query", "enough"), [("", 300), ("?enough=1", 1), ("?enough=10000", 10_000)])
def test_how_many_a_class_should_have_is_in_the_address(client_of, curator, dataset, classes, query, enough):
    page = client_of(curator).get(url(dataset) + query)
    assertContains(page, f'name="enough" min="1" max="10000" required value="{enough}"')
    assertNotContains(page, "is a whole number")


@pytest.mark.parametrize("asked", ["x", "0", "-5", "99999999", "9" * 30, "1.5", "٣"])
def test_a_number_that_no_class_can_have_is_told_and_the_usual_one_counts(
    client_of, curator, dataset, classes, asked
):
    page = client_of(curator).get(url(dataset), {"enough": asked})
    assertContains(page, "“Photos per class” is a whole number from 1 to 10,000.")
    assertContains(page, "Shown are the classes with fewer than 300 photos.")
    assertContains(page, 'max="10000" required value="300"')


def test_a_data_set_without_thin_classes_says_so(client_of, curator, dataset, classes):
    assertContains(client_of(curator).get(url(dataset) + "?enough=4"), "Every class has 4 photos")
    assertContains(client_of(curator).get(url(dataset) + "?enough=1"), "Every class has a photo")
    other = dataset_create(name="Other", created_by=curator)
    assertContains(client_of(curator).get(url(other)), "No classes yet")


def test_one_crawl_starts_for_each_ticked_class_and_the_list_shows_them(
    sent, client_of, curator, dataset, classes
):
    answer = sent("bottle", "can", min_side=150, licence="open")
    crawls = {one.label_class.key: one for one in dataset.crawls.all()}
    assert set(crawls) == {"bottle", "can"}
    assert (crawls["bottle"].target, crawls["can"].target) == (16, 12)
    assert {one.plan for one in crawls.values()} == {crawls["can"].plan}
    assert {(one.state, one.min_side, one.licence) for one in crawls.values()} == {("running", 150, "open")}
    assertRedirects(
        answer, f"{url(dataset, 'list')}?plan={crawls['can'].plan}", fetch_redirect_response=False
    )
    page = answer.client.get(answer["Location"])
    assertContains(page, "2 crawls were started.")
    chosen = re.findall(r'<a class="chip on"[^>]*>([^<]+)<', page.content.decode())
    assert chosen == ["Started together"]
    assertContains(page, f'href="{url(dataset, "list")}?">All', msg_prefix="“All” shows the others too")


def test_a_form_that_is_sent_twice_fills_once(sent, dataset):
    token = str(uuid.uuid4())
    first, second = sent("bottle", token=token), sent("bottle", token=token)
    assert first["Location"] == second["Location"]
    assert dataset.crawls.count() == 1


def test_nothing_ticked_and_classes_that_are_not_thin_are_refused(sent, dataset):
    assertContains(sent(), "Tick at least one class that lacks photos.", status_code=422)
    assert sent("peel").status_code == 422
    assert not dataset.crawls.exists()


def test_a_class_of_another_data_set_starts_nothing(sent, curator, dataset):
    other = dataset_create(name="Other", created_by=curator)
    foreign = class_create(dataset=other, name="theirs")
    assert sent(classes=[foreign.pk]).status_code == 422
    assert not dataset.crawls.exists()
    assert not other.crawls.exists()


@pytest.mark.parametrize(
    "values", [{"provider": "urls"}, {"provider": "baidu"}, {"provider": "x"}, {"classes": ["x"]}]
)
def test_a_source_that_cannot_be_asked_starts_nothing_and_the_ticks_stay(sent, dataset, values):
    page = sent("bottle", **values)
    assert page.status_code == 422
    if "classes" not in values:
        tags = re.findall(r'<input type="checkbox" name="classes"[^>]*>', page.content.decode())
        assert ["checked" in tag for tag in tags] == [True, False]
    assert not dataset.crawls.exists()


def test_the_words_follow_the_language_of_the_source(client_of, curator, admin, dataset, classes):
    source_turn(key="baidu", on=True, actor=admin)
    label = classes["bottle"]
    label.name_en, label.name_zh = "Bottle", "瓶子"
    label.save()
    page = client_of(curator).get(url(dataset) + "?provider=baidu").content.decode()
    assert '<span class="zh">瓶子</span><span class="en" hidden>Bottle</span>' in page


def test_the_form_says_when_the_source_will_not_answer_so_often(client_of, curator, dataset, classes):
    from datetime import timedelta

    SourceDay.objects.create(provider="openverse", day=next_day().date() - timedelta(days=1), requests=199)
    page = client_of(curator).get(url(dataset))
    assertContains(page, "Up to 60 requests.")
    assertContains(page, "The source answers 1 more today")


def test_the_page_reads_as_often_for_two_classes_as_for_fifty_five(client_of, curator, dataset, classes):
    client = client_of(curator)

    def counted() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(url(dataset))
        return len(queries)

    few = counted()
    dataset_use_preset55(dataset=dataset)
    assert counted() == few


def test_the_overview_leads_here_and_to_the_review(client_of, viewer, dataset, classes):
    steps = {step.action: step for step in overview(dataset).steps}
    assert steps["Find photos on the web"].url == url(dataset)
    assert "Review them" not in steps
    add_found(add_crawl(classes["bottle"]), 3)
    add_found(add_crawl(classes["bottle"]), 1, ImageState.QUARANTINED)
    (step,) = [step for step in overview(dataset).steps if step.action == "Review them"]
    assert step.text == "3 photos found on the web wait for a review."
    assertContains(client_of(viewer).get(reverse("datasets:overview", args=[dataset.slug])), step.text)
    assertNotContains(client_of(viewer).get(url(dataset, "list")), "No crawls yet")
