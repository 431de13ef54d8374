"""A filter and its query string."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from tests.support.rows import add_images
from webapp.datasets.filters import ImageFilter
from webapp.datasets.selectors_gallery import first_rows, sorted_images
from webapp.datasets.services import class_create


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=any",
        "class=glass&class=metal&category=a&source=crawl&split=test&q=cup&unlabelled=1&batch=3&sort=oldest",
        "class=%E9%BC%A0%E6%A0%87",
    ],
)
def test_a_filter_survives_its_own_query_string(query):
    image_filter = ImageFilter.from_query(QueryDict(query))
    assert ImageFilter.from_query(QueryDict(image_filter.to_query())) == image_filter


def test_the_page_decides_what_state_is_meant_when_the_url_names_none():
    assert ImageFilter.from_query(QueryDict(""), state="inbox").to_query(state="inbox") == ""
    assert ImageFilter.from_query(QueryDict(""), state="inbox").to_query() == "state=inbox"


@pytest.mark.parametrize(
    "query", ["state=x&sort=x&split=x&source=x", "batch=-1", "batch=" + "9" * 40, "q=%00"]
)
def test_what_is_not_understood_is_left_out(query):
    assert ImageFilter.from_query(QueryDict(query)) == ImageFilter()


def test_a_class_is_toggled_and_ends_the_search_for_unlabelled_photos():
    both = ImageFilter(unlabelled=True).with_class_toggled("glass").with_class_toggled("metal")
    assert (both.classes, both.unlabelled) == (("glass", "metal"), False)
    assert both.with_class_toggled("glass").classes == ("metal",)


@pytest.mark.django_db
@pytest.mark.parametrize("sort", ["newest", "oldest", "blurred"])
@pytest.mark.parametrize("state", ["accepted", "any"])
@pytest.mark.parametrize(
    ("classes", "unlabelled"),
    [(("glass",), False), (("glass", "metal"), False), (("metal",), True), ((), True), (("gone",), False)],
)
def test_pages_of_a_filter_by_class_hold_the_same_photos_in_the_same_order_as_one_look_at_all(
    dataset, sort, state, classes, unlabelled
):
    """Several classes are read part by part, so that the index answers at any depth."""
    glass, metal = (class_create(dataset=dataset, name=name) for name in ("glass", "metal"))
    for label in (glass, None, metal, glass, metal):
        add_images(dataset, 3, label)
        add_images(dataset, 1, label, "inbox")
    image_filter = ImageFilter(state=state, classes=classes, unlabelled=unlabelled, sort=sort)
    wanted = list(sorted_images(dataset, image_filter).values_list("pk", flat=True))
    assert bool(wanted) == (classes != ("gone",))
    found, after = [], None
    for _page in range(len(wanted) // 4 + 1):
        rows, after = first_rows(dataset, image_filter, after=after, size=4)
        found += [row.pk for row in rows]
        if after is None:
            break
    assert (found, after) == (wanted, None)
