"""The pages on which classes are merged, deleted, ordered and split, and their changes taken back."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images
from webapp.datasets.class_services import class_edit
from webapp.datasets.models import LabelClass
from webapp.datasets.services import category_create, category_for_bin, class_create

pytestmark = pytest.mark.django_db


def url(dataset, name, *more):
    return reverse(f"datasets:{name}", args=[dataset.slug, *more])


@pytest.fixture
def towel(dataset):
    return class_create(dataset=dataset, name="towel")


@pytest.fixture
def cloth(dataset):
    return class_create(dataset=dataset, name="cloth")


def send(client, address, **values):
    return client.post(address, json.dumps(values), content_type="application/json")


def test_ticked_classes_are_shown_with_their_photos_before_they_are_merged(
    client_of, curator, dataset, towel, cloth
):
    photo = add_images(dataset, 1, towel)[0]
    page = client_of(curator).get(url(dataset, "class_merge"), {"from": [towel.pk, cloth.pk]})
    assertContains(page, photo.sha256)
    assertContains(page, "One of these")
    assertContains(page, "1 accepted photo")


def test_merging_says_how_many_photos_moved_and_can_be_undone_on_the_page(
    client_of, curator, dataset, towel, cloth
):
    add_images(dataset, 3, towel)
    client = client_of(curator)
    form = {"from": [towel.pk], "into": cloth.pk}
    page = client.post(url(dataset, "class_merge"), form, follow=True)
    assertContains(page, "Merged into “cloth”: 3 photos moved.")
    assertContains(page, "“towel” merged into “cloth” (3 photos)")
    undo = url(dataset, "class_undo", dataset.class_operations.first().pk)
    assertContains(page, undo)
    page = client.post(undo, follow=True)
    assertContains(page, "Undone; 3 photos put back.")
    assert towel.images.count() == 3


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Tick the classes to merge first."),
        ({"from": ["abc", "9999999999999999999999"]}, "Tick the classes to merge first."),
    ],
)
def test_without_ticks_the_page_says_what_to_do(client_of, curator, dataset, towel, form, said):
    assertContains(client_of(curator).post(url(dataset, "class_merge"), form, follow=True), said)


def test_a_destination_that_is_gone_is_told_and_nothing_changes(client_of, curator, dataset, towel, cloth):
    form = {"from": [towel.pk], "into": 10**6}
    page = client_of(curator).post(url(dataset, "class_merge"), form)
    assert page.status_code == 422
    assertContains(page, "Choose the class that the others are merged into.", status_code=422)
    towel.refresh_from_db()
    assert not towel.is_retired


def test_a_class_is_deleted_with_a_destination_for_its_photos(client_of, curator, dataset, towel, cloth):
    add_images(dataset, 2, towel)
    client = client_of(curator)
    assertContains(client.get(url(dataset, "class_delete", towel.pk)), "the inbox, without a label")
    page = client.post(url(dataset, "class_delete", towel.pk), {"into": cloth.pk}, follow=True)
    assertContains(page, "“towel” deleted; 2 photos moved.")
    assert cloth.images.count() == 2
    assert client.get(url(dataset, "class_delete", towel.pk)).status_code == 404


def test_a_deleted_class_stands_on_no_page_and_its_filter_shows_nothing(client_of, curator, dataset, towel):
    client = client_of(curator)
    client.post(url(dataset, "class_delete", towel.pk), {"into": ""})
    assertNotContains(client.get(url(dataset, "classes")), f'id="class-{towel.pk}"')
    page = client.get(url(dataset, "images"), {"class": "towel"})
    assert page.status_code == 200
    answer = send(client, url(dataset, "label"), ids=[], label="towel")
    assert answer.status_code == 400


def test_a_class_gets_names_advice_and_a_colour_of_its_own(client_of, curator, dataset, towel):
    form = {
        "name_en": "Towel",
        "name_zh": "毛巾",
        "advice_en": "Wash it first.",
        "advice_zh": "先洗净。",
        "own_colour": "1",
        "colour": "#336699",
    }
    client = client_of(curator)
    page = client.post(url(dataset, "class_edit", towel.pk), form, follow=True)
    assertContains(page, 'fill="#336699"')
    assertContains(page, "has advice")
    towel.refresh_from_db()
    assert (towel.advice_en, towel.advice_zh, towel.colour) == ("Wash it first.", "先洗净。", "#336699")
    client.post(url(dataset, "class_edit", towel.pk), {**form, "own_colour": ""})
    towel.refresh_from_db()
    assert towel.colour == ""


def test_a_bad_colour_is_told_and_nothing_is_saved(client_of, curator, dataset, towel):
    form = {"name_en": "X", "name_zh": "", "own_colour": "1", "colour": "red"}
    page = client_of(curator).post(url(dataset, "class_edit", towel.pk), form, follow=True)
    assertContains(page, "A colour is written as #")
    towel.refresh_from_db()
    assert towel.name_en == "towel"


def test_a_category_of_ones_own_is_renamed_and_coloured(client_of, curator, dataset, towel):
    textiles = category_create(dataset=dataset, name="Textiles")
    class_edit(label_class=towel, category=textiles)
    client = client_of(curator)
    assertContains(client.get(url(dataset, "category_edit", textiles.pk)), 'value="Textiles"')
    form = {"name_en": "Fabric", "name_zh": "织物", "own_colour": "1", "colour": "#aa3377"}
    page = client.post(url(dataset, "category_edit", textiles.pk), form, follow=True)
    assertContains(page, "Fabric")
    assertContains(page, 'fill="#aa3377"')


def test_a_bin_offers_no_colour(client_of, curator, dataset, towel):
    kitchen = category_for_bin(dataset=dataset, bin="kitchen")
    class_edit(label_class=towel, category=kitchen)
    page = client_of(curator).get(url(dataset, "category_edit", kitchen.pk))
    assertContains(page, "A bin keeps the colour of the standard.")
    assertNotContains(page, 'type="color"')


def test_a_class_moves_down_by_a_button(client_of, curator, dataset, towel, cloth):
    client_of(curator).post(url(dataset, "class_move", towel.pk), {"step": "1"})
    assert list(dataset.classes.values_list("key", flat=True)) == ["cloth", "towel"]


def test_the_55_classes_are_added_by_one_click_and_then_not_offered_again(client_of, curator, dataset):
    client = client_of(curator)
    assertContains(client.get(url(dataset, "classes")), url(dataset, "class_preset"))
    page = client.post(url(dataset, "class_preset"), follow=True)
    assertContains(page, "The 55 classes are there")
    assert LabelClass.objects.filter(is_retired=False).count() == 55
    assertNotContains(page, url(dataset, "class_preset"))


def test_the_history_pages_through_everything_that_was_done(client_of, viewer, dataset, towel):
    for number in range(60):
        class_edit(label_class=towel, name_en=f"towel {number}")
    client = client_of(viewer)
    page = client.get(url(dataset, "class_history"))
    assertContains(page, "towel 58")
    assertNotContains(page, "was “towel 3”")
    assertNotContains(page, url(dataset, "class_undo", dataset.class_operations.first().pk))
    older = client.get(url(dataset, "class_history"), {"before": page.context["page"]["next_before"]})
    assertContains(older, "was “towel 3”")


def test_an_undo_that_is_not_possible_says_why(client_of, curator, dataset, towel):
    class_edit(label_class=towel, name_en="one")
    first = dataset.class_operations.first()
    class_edit(label_class=towel, name_en="two")
    page = client_of(curator).post(url(dataset, "class_undo", first.pk), follow=True)
    assertContains(page, "“two” was changed again since. Undo that change first.")


def test_the_gallery_splits_off_a_new_class_and_takes_it_back_with_the_same_key(
    client_of, curator, dataset, towel
):
    images = add_images(dataset, 3, towel)
    client = client_of(curator)
    ids = [images[0].pk, images[1].pk]
    answer = send(client, url(dataset, "split"), ids=ids, name="tea towel").json()
    assert answer["class"]["key"] == "tea towel"
    assert answer["message"] == "New class “tea towel” with 2 photos."
    assert {row["label"] for row in answer["rows"]} == {"tea towel"}
    back = send(client, url(dataset, "undo"), operation=answer["operation"]).json()
    assert sorted(back["changed"]) == ids
    assert back["closed"] == ["tea towel"], "the page must not offer it any longer"
    assert {row["label"] for row in back["rows"]} == {"towel"}
    assert not dataset.classes.filter(key="tea towel", is_retired=False).exists()


def test_a_taken_name_is_told_to_the_gallery(client_of, curator, dataset, towel):
    (image,) = add_images(dataset, 1, towel)
    answer = send(client_of(curator), url(dataset, "split"), ids=[image.pk], name="Towel")
    assert answer.status_code == 400
    assert "exists already" in answer.json()["error"]


def test_an_annotator_does_not_take_back_what_a_curator_did_to_the_classes(
    client_of, annotator, curator, dataset, towel
):
    (image,) = add_images(dataset, 1, towel)
    made = send(client_of(curator), url(dataset, "split"), ids=[image.pk], name="tea towel").json()
    answer = send(client_of(annotator), url(dataset, "undo"), operation=made["operation"])
    assert answer.status_code == 400
    assert "Only a curator" in answer.json()["error"]


def test_reference_pictures_come_first_in_the_row_of_their_class(client_of, curator, dataset, towel):
    images = add_images(dataset, 6, towel)
    client = client_of(curator)
    answer = send(client, url(dataset, "reference"), ids=[images[0].pk], on="1")
    assert answer.json()["message"] == "1 reference picture added."
    page = client.get(url(dataset, "classes")).content.decode()
    shown = [page.find(image.sha256) for image in images]
    assert shown[0] == min(place for place in shown if place >= 0)
    assert sum(place >= 0 for place in shown) == 4
    page = client.post(url(dataset, "reference"), {"ids": [images[0].pk], "on": ""}, follow=True)
    assertContains(page, "1 reference picture taken away.")
