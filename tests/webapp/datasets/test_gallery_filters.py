"""A filter and its query string."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from webapp.datasets.filters import ImageFilter


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
