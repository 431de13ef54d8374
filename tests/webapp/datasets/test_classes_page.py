"""Classes: names in both languages, category, key."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images
from webapp.datasets.models import LabelClass
from webapp.datasets.services import (
    category_for_bin,
    class_create,
    class_get_or_create,
    dataset_create,
    dataset_use_preset55,
)
from webapp.ingest.folders import class_folder


def url(dataset, name="classes", *more):
    return reverse(f"datasets:{name}", args=[dataset.slug, *more])


@pytest.fixture
def glass(dataset):
    return class_create(dataset=dataset, name="glass")


def test_without_classes_it_says_how_they_come_about(client_of, curator, dataset):
    assertContains(client_of(curator).get(url(dataset)), "No classes yet")


def test_all_55_classes_stand_under_their_bins_with_both_names(client_of, viewer, dataset):
    dataset_use_preset55(dataset=dataset)
    page = client_of(viewer).get(url(dataset))
    assertContains(page, 'class="classline"', count=55)
    assertContains(page, "厨余垃圾")
    assertContains(page, "French fries")
    assertContains(page, "薯条")


def test_a_class_is_added_with_its_bin(client_of, curator, dataset):
    response = client_of(curator).post(
        url(dataset, "class_add"), {"name": "电池", "category": "bin:hazardous"}
    )
    assert response.status_code == 302
    made = LabelClass.objects.get()
    assert (made.key, made.name_zh, made.category.bin) == ("电池", "电池", "hazardous")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("glass", "“glass” exists already"),
        ("GLASS", "“glass” exists already"),
        ("  ", "Give the class a name"),
    ],
)
def test_a_taken_or_empty_name_is_told_and_changes_nothing(client_of, curator, dataset, glass, name, said):
    page = client_of(curator).post(url(dataset, "class_add"), {"name": name}, follow=True)
    assertContains(page, said)
    assert LabelClass.objects.count() == 1


@pytest.mark.parametrize("chosen", ["", "bin:recyclable"])
def test_a_name_that_begins_with_a_known_category_is_taken_apart_as_in_an_import(
    client_of, curator, dataset, chosen
):
    page = client_of(curator).post(
        url(dataset, "class_add"), {"name": "可回收物_鼠标", "category": chosen}, follow=True
    )
    assertContains(page, "Class “鼠标” added.")
    made = LabelClass.objects.get()
    assert (made.key, made.category.bin) == ("鼠标", "recyclable")


def test_a_name_with_an_unknown_beginning_or_another_category_chosen_stays_whole(client_of, curator, dataset):
    client = client_of(curator)
    client.post(url(dataset, "class_add"), {"name": "plastic_bottle", "category": ""})
    client.post(url(dataset, "class_add"), {"name": "可回收物_鼠标", "category": "bin:other"})
    assert dict(LabelClass.objects.values_list("key", "category__bin")) == {
        "plastic_bottle": None,
        "可回收物_鼠标": "other",
    }


@pytest.mark.parametrize(
    "written", ["砂\u200b锅", "砂\n 锅", "\u202e砂锅", "砂锅\ue0f1", "锅" * 150, "Bu\u0308chse"]
)
def test_a_name_typed_and_the_same_name_of_a_folder_are_one_class(dataset, written):
    typed = class_create(dataset=dataset, name=written)
    folder = class_folder(f"photos/{written}/1.jpg")
    assert typed.key == folder
    assert class_get_or_create(dataset=dataset, name=folder) == (typed, False)
    assert dataset.classes.count() == 1


def test_a_row_becomes_a_form_with_and_without_scripts(client_of, curator, dataset, glass):
    client = client_of(curator)
    whole = client.get(url(dataset, "class_edit", glass.pk))
    assertContains(whole, 'name="name_zh"')
    assertContains(whole, "<html")
    part = client.get(url(dataset, "class_edit", glass.pk), headers={"HX-Request": "true"})
    assertContains(part, 'name="name_zh"')
    assertNotContains(part, "<html")


def test_names_and_category_change_and_the_key_stays(client_of, curator, dataset, glass):
    kitchen = category_for_bin(dataset=dataset, bin="kitchen")
    form = {"name_en": "Bottles & jars", "name_zh": "玻璃瓶", "category": str(kitchen.pk)}
    client_of(curator).post(url(dataset, "class_edit", glass.pk), form)
    glass.refresh_from_db()
    assert (glass.key, glass.name_en, glass.name_zh, glass.category) == (
        "glass",
        "Bottles & jars",
        "玻璃瓶",
        kitchen,
    )
    assert glass.pinyin == "boliping"


def test_a_category_of_another_data_set_is_not_found_and_nothing_changes(client_of, curator, dataset, glass):
    foreign = category_for_bin(dataset=dataset_create(name="Other", created_by=curator), bin="kitchen")
    form = {"name_en": "changed", "name_zh": "", "category": str(foreign.pk)}
    assert client_of(curator).post(url(dataset, "class_edit", glass.pk), form).status_code == 404
    glass.refresh_from_db()
    assert (glass.name_en, glass.category) == ("glass", None)


def test_a_class_of_another_data_set_is_not_found(client_of, curator, dataset):
    foreign = class_create(dataset=dataset_create(name="Other", created_by=curator), name="glass")
    assert client_of(curator).get(url(dataset, "class_edit", foreign.pk)).status_code == 404


def test_viewers_read_and_do_not_write(client_of, viewer, dataset, glass):
    client = client_of(viewer)
    assertNotContains(client.get(url(dataset)), url(dataset, "class_add"))
    assert client.post(url(dataset, "class_add"), {"name": "x"}).status_code == 403
    assert client.post(url(dataset, "class_edit", glass.pk), {"name_en": "x"}).status_code == 403


def test_55_classes_take_as_many_queries_as_none(client_of, curator, dataset, django_assert_num_queries):
    client = client_of(curator)
    client.get(url(dataset))
    dataset_use_preset55(dataset=dataset)
    for label in dataset.classes.all():
        add_images(dataset, 2, label)
    # session, person, data set, counts, classes, categories, photos, changes (the acts, names of classes and of
    # categories, what was taken back), switcher, queue, rail
    with django_assert_num_queries(14):
        client.get(url(dataset))
