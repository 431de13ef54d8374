"""Classes: names in both languages, category, key."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images
from webapp.datasets.class_selectors import lacks_preset
from webapp.datasets.class_services import class_delete, class_edit
from webapp.datasets.errors import DatasetError
from webapp.datasets.models import LabelClass
from webapp.datasets.selectors import class_choices
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


@pytest.mark.parametrize("name", ["Glassware", "glassWARE", "玻璃"])
def test_a_name_that_another_open_class_is_shown_under_is_refused_and_that_class_is_named(
    client_of, curator, dataset, glass, name
):
    class_edit(label_class=glass, name_en="Glassware", name_zh="玻璃")
    page = client_of(curator).post(url(dataset, "class_add"), {"name": name}, follow=True)
    assertContains(page, "is what the class with the key “glass” is called already. Choose another name.")
    assert LabelClass.objects.count() == 1


def test_a_class_is_not_renamed_to_what_another_one_is_shown_under_in_either_language(dataset, glass):
    preset = class_create(dataset=dataset, name="鼠标")
    for names in ({"name_en": "computer MOUSE"}, {"name_zh": "鼠标"}, {"name_en": "", "name_zh": "鼠标"}):
        with pytest.raises(DatasetError, match="the class with the key “鼠标” is called already"):
            class_edit(label_class=glass, **names)
    assert class_edit(label_class=preset, name_en="MOUSE").name_en == "MOUSE"


def test_a_closed_class_keeps_no_name_from_others_and_is_not_opened_under_one_that_is_taken(
    dataset, glass, curator
):
    class_edit(label_class=glass, name_en="Jar")
    class_delete(label_class=glass, to=None, actor=curator)
    class_create(dataset=dataset, name="jar")
    with pytest.raises(DatasetError, match="“Jar” is what the class with the key “jar” is called"):
        class_create(dataset=dataset, name="glass")


def test_names_that_are_there_twice_already_hinder_no_other_change(dataset, glass):
    """Imports go by the key alone, so a folder may bring a class that is shown as another one is."""
    class_edit(label_class=glass, name_en="Glassware")
    folder, created = class_get_or_create(dataset=dataset, name="Glassware")
    assert created
    assert class_edit(label_class=folder, name_en="Glassware", colour="#336699").colour == "#336699"


def test_a_class_of_the_55_that_is_there_under_an_english_key_is_not_added_a_second_time(dataset):
    mouse, _created = class_get_or_create(dataset=dataset, name="Computer mouse")
    dataset_use_preset55(dataset=dataset)
    assert dataset.classes.count() == 55
    assert not dataset.classes.filter(key="鼠标").exists()
    mouse.refresh_from_db()
    assert mouse.advice_en
    assert not lacks_preset(class_choices(dataset))


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
