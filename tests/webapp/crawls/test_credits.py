"""Credits: whose photos they are, under which licence, as a page and as a table."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.crawl_rows import add_crawl, add_found, found_row
from tests.support.rows import add_images
from webapp.datasets.models import Image, ImageState
from webapp.datasets.services import class_create

pytestmark = pytest.mark.django_db


@pytest.fixture
def bottle(dataset):
    return class_create(dataset=dataset, name="bottle")


def url(dataset, name="credits") -> str:
    return reverse(f"crawls:{name}", args=[dataset.slug])


def taken(bottle, n, **fields) -> list[Image]:
    start = Image.objects.count()
    rows = (
        found_row(bottle.dataset, start + i, state=ImageState.ACCEPTED, label=bottle, **fields)
        for i in range(n)
    )
    return Image.objects.bulk_create(rows)


def test_accepted_photos_of_crawls_stand_there_with_author_licence_and_page(
    client_of, viewer, dataset, bottle
):
    taken(bottle, 1, author="Jane <b>Doe</b>")
    add_found(add_crawl(bottle), 1, title="still waits")
    add_images(dataset, 1, bottle)
    page = client_of(viewer).get(url(dataset))
    assertContains(page, "1 photo from the web")
    assertContains(page, "Jane &lt;b&gt;Doe&lt;/b&gt;")
    assertContains(page, 'href="https://creativecommons.org/licenses/by/4.0/"')
    assertContains(page, 'href="https://photos.example/0"')
    assertNotContains(page, "still waits")


def test_licences_are_counted_and_filter_the_list(client_of, viewer, dataset, bottle):
    taken(bottle, 2)
    taken(bottle, 1, licence="CC BY & more", author="Lina")
    taken(bottle, 1, licence="", author="Nobody known")
    client = client_of(viewer)
    page = client.get(url(dataset))
    assertContains(page, "?licence=CC%20BY%20%26%20more")
    assertContains(page, "1 photo states no licence")
    only = client.get(url(dataset), {"licence": "CC BY & more"})
    assertContains(only, "Lina")
    assertNotContains(only, "Jane Doe")
    unstated = client.get(url(dataset), {"licence": ""})
    assertContains(unstated, "Nobody known")
    assertNotContains(unstated, "Lina")
    assertContains(client.get(url(dataset), {"licence": "none such"}), "No photo has this licence")


def test_hostile_addresses_become_no_links(client_of, viewer, dataset, bottle):
    taken(
        bottle, 1, page_url="javascript:alert(1)",
        provenance={"licence_url": "data:text/html,x", "title": "<script>alert(1)</script>"},
    )  # fmt: skip
    page = client_of(viewer).get(url(dataset)).content.decode()
    assert 'href="javascript' not in page
    assert 'href="data:' not in page
    assert "<script>alert" not in page


def test_without_such_photos_the_page_says_when_they_come(client_of, viewer, dataset):
    assertContains(client_of(viewer).get(url(dataset)), "No photo from the web is accepted yet")


def test_the_table_has_all_photos_of_crawls_and_no_cell_is_a_formula(client_of, viewer, dataset, bottle):
    taken(bottle, 1, author="=HYPERLINK(1)")
    add_found(add_crawl(bottle), 1)
    answer = client_of(viewer).get(url(dataset, "credits_csv") + "?all=1")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="kerbside-credits.csv"' in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["state"] for row in rows] == ["accepted", "inbox"]
    assert rows[0]["author"] == "'=HYPERLINK(1)"
    assert rows[1]["licence_url"] == "https://creativecommons.org/licenses/by/4.0/"


def test_the_table_beside_the_page_holds_what_the_page_shows(client_of, viewer, dataset, bottle):
    taken(bottle, 2, licence="CC0 1.0")
    taken(bottle, 3)
    add_found(add_crawl(bottle), 4)
    client = client_of(viewer)

    def rows(query: str) -> int:
        page = client.get(url(dataset) + query).content.decode()
        (link,) = re.findall(r'class="btn" href="([^"]*credits[^"]*)" download', page)
        text = b"".join(client.get(html.unescape(link)).streaming_content).decode("utf-8-sig")
        return len(list(csv.DictReader(io.StringIO(text))))

    assert rows("") == 5
    assert rows("?licence=CC0+1.0") == 2


def test_two_thousand_photos_are_paged_at_the_same_cost(client_of, viewer, dataset, bottle):
    taken(bottle, 3)
    client = client_of(viewer)

    def counted(query: str = "") -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url(dataset) + query).status_code == 200
        return len(queries)

    few = counted()
    photos = taken(bottle, 2000)
    assert counted() == few
    assert counted(f"?before={photos[500].pk}") == few


def test_counting_and_listing_read_an_index_and_not_the_other_photos(dataset, bottle):
    from webapp.crawls.credits import credited, licence_counts
    from webapp.datasets.selectors import found_photos

    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's plan")
    taken(bottle, 3)
    with CaptureQueriesContext(connection) as queries:
        licence_counts(dataset)
        found_photos().filter(dataset=dataset).count()
        list(credited(dataset).order_by("-id")[:100])
    for one in queries.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {one['sql']}")
            plan = " ".join(str(row) for row in cursor.fetchall())
        assert "image_of_crawl" in plan, plan
