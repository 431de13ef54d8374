"""A filter and its query string."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from tests.support.rows import add_images
from webapp.cleaning.models import Suspect
from webapp.datasets.filters import SORTS, ImageFilter, images_matching
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Image, LabelOrigin
from webapp.datasets.selectors_gallery import first_rows, sorted_images
from webapp.datasets.services import class_create


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=any",
        "class=glass&class=metal&category=a&source=crawl&split=test&q=cup&unlabelled=1&batch=3&sort=oldest",
        "class=%E9%BC%A0%E6%A0%87",
        "since=2026-11-01&until=2026-11-25&by=ann&doubt=odd&sort=suspicion",
        "by=%3Amodel&doubt=label&sort=largest",
    ],
)
def test_a_filter_survives_its_own_query_string(query):
    image_filter = ImageFilter.from_query(QueryDict(query))
    assert ImageFilter.from_query(QueryDict(image_filter.to_query())) == image_filter


def test_the_page_decides_what_state_is_meant_when_the_url_names_none():
    assert ImageFilter.from_query(QueryDict(""), state="inbox").to_query(state="inbox") == ""
    assert ImageFilter.from_query(QueryDict(""), state="inbox").to_query() == "state=inbox"


@pytest.mark.parametrize(
    "query",
    [
        "state=x&sort=x&split=x&source=x&doubt=x",
        "since=yesterday&until=9999-12-31",
        "batch=-1",
        "batch=" + "9" * 40,
        "q=%00",
    ],
)
def test_what_is_not_understood_is_left_out(query):
    assert ImageFilter.from_query(QueryDict(query)) == ImageFilter()


def test_a_class_is_toggled_and_ends_the_search_for_unlabelled_photos():
    both = ImageFilter(unlabelled=True).with_class_toggled("glass").with_class_toggled("metal")
    assert (both.classes, both.unlabelled) == (("glass", "metal"), False)
    assert both.with_class_toggled("glass").classes == ("metal",)


@pytest.mark.django_db
@pytest.mark.parametrize("sort", SORTS)
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
    for place, image in enumerate(Image.objects.all()):  # with ties in each of what they are sorted by
        Image.objects.filter(pk=image.pk).update(
            sharpness=place % 3, suspicion=place % 4 / 4, width=1 + place % 5, height=1 + place % 2
        )
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


@pytest.mark.django_db
@pytest.mark.parametrize(("sort", "first"), [("suspicion", 2), ("largest", 1), ("smallest", 0)])
def test_the_first_photo_of_an_order_is_the_one_it_names(dataset, sort, first):
    images = add_images(dataset, 3)
    for image, (width, height, suspicion) in zip(
        images, [(9, 9, 0.1), (30, 30, 0.2), (5, 90, 0.9)], strict=True
    ):
        Image.objects.filter(pk=image.pk).update(width=width, height=height, suspicion=suspicion)
    assert sorted_images(dataset, ImageFilter(sort=sort)).first() == images[first]


def passing(dataset, query: str) -> list[int]:
    rows = images_matching(dataset, ImageFilter.from_query(QueryDict(query)))
    return sorted(rows.values_list("pk", flat=True))


@pytest.mark.django_db
def test_photos_are_found_by_the_day_they_came_the_last_day_included(dataset, settings):
    settings.TIME_ZONE = "UTC"
    early, noon, late = (image.pk for image in add_images(dataset, 3))
    for pk, moment in ((early, "24T23:59:59Z"), (noon, "25T12:00:00Z"), (late, "26T00:00:00Z")):
        Image.objects.filter(pk=pk).update(created_at=f"2026-11-{moment}")
    assert passing(dataset, "since=2026-11-25") == [noon, late]
    assert passing(dataset, "until=2026-11-25") == [early, noon]
    assert passing(dataset, "since=2026-11-25&until=2026-11-25") == [noon]


@pytest.mark.django_db
def test_photos_are_found_by_who_labelled_them(dataset, annotator, curator):
    glass = class_create(dataset=dataset, name="glass")
    by_ann, by_model, by_curator, bare = (image.pk for image in add_images(dataset, 4))
    images_label(dataset=dataset, ids=[by_ann], label=glass, actor=annotator)
    images_label(dataset=dataset, ids=[by_model], label=glass, actor=annotator, origin=LabelOrigin.MODEL)
    images_label(dataset=dataset, ids=[by_curator], label=glass, actor=curator)
    assert passing(dataset, f"by={annotator.username}") == [by_ann]
    assert passing(dataset, "by=:model") == [by_model]
    assert passing(dataset, "by=nobody") == []
    assert bare not in passing(dataset, "by=:folder")


@pytest.mark.django_db
def test_photos_in_doubt_are_found_until_the_doubt_is_void(dataset, annotator):
    glass, metal = (class_create(dataset=dataset, name=name) for name in ("glass", "metal"))
    doubted, odd = (image.pk for image in add_images(dataset, 2, glass))
    Suspect.objects.create(
        dataset=dataset, image_id=doubted, kind="label", score=0.9, given=glass, suggested=metal
    )
    Suspect.objects.create(dataset=dataset, image_id=odd, kind="odd", score=4.0, given=glass)
    assert passing(dataset, "doubt=label") == [doubted]
    assert passing(dataset, "doubt=odd") == [odd]
    images_label(dataset=dataset, ids=[doubted], label=metal, actor=annotator)
    assert passing(dataset, "doubt=label") == []
