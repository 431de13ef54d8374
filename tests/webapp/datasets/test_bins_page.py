"""Which bin?"""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images
from webapp.datasets.class_services import class_edit
from webapp.datasets.models import Category
from webapp.datasets.services import category_for_bin, class_create, dataset_create

TRASHNET_BINS = {
    "cardboard": "recyclable",
    "glass": "recyclable",
    "metal": "recyclable",
    "paper": "recyclable",
    "plastic": "recyclable",
    "trash": "other",
}


@pytest.fixture
def six(dataset):
    return {name: class_create(dataset=dataset, name=name) for name in TRASHNET_BINS}


def url(dataset):
    return reverse("datasets:bins", args=[dataset.slug])


def bins_of(dataset):
    return dict(dataset.classes.values_list("key", "category__bin"))


def test_guesses_are_chosen_already_and_called_guesses(client_of, curator, dataset, six):
    class_create(dataset=dataset, name="mystery")
    page = client_of(curator).get(url(dataset))
    for name, bin_ in TRASHNET_BINS.items():
        assertContains(page, f'name="bin-{six[name].pk}" value="{bin_}" checked')
    assertContains(page, "a guess from the name", count=6)


def test_each_class_shows_four_of_its_photos(client_of, curator, dataset, six):
    photos = add_images(dataset, 9, six["glass"])
    page = client_of(curator).get(url(dataset))
    assertContains(page, "/thumb.jpg", count=4)
    assertContains(page, photos[-1].sha256)


def test_one_save_gives_every_class_its_bin(client_of, curator, dataset, six):
    answers = {f"bin-{label.pk}": TRASHNET_BINS[name] for name, label in six.items()}
    response = client_of(curator).post(url(dataset), answers)
    assert response.url == reverse("datasets:overview", args=[dataset.slug])
    assert bins_of(dataset) == TRASHNET_BINS
    assert Category.objects.count() == 2


def test_no_bin_leaves_a_class_as_it_is(client_of, curator, dataset, six):
    client_of(curator).post(url(dataset), {f"bin-{six['glass'].pk}": "none"})
    assert bins_of(dataset)["glass"] is None


def test_a_class_that_got_its_bin_meanwhile_keeps_it(client_of, curator, dataset, six):
    class_edit(label_class=six["glass"], category=category_for_bin(dataset=dataset, bin="hazardous"))
    client_of(curator).post(url(dataset), {f"bin-{six['glass'].pk}": "kitchen"})
    assert bins_of(dataset)["glass"] == "hazardous"


@pytest.mark.parametrize("value", ["landfill", "", "recyclable' OR 1=1"])
def test_a_bin_that_is_none_changes_nothing(client_of, curator, dataset, six, value):
    client_of(curator).post(url(dataset), {f"bin-{six['glass'].pk}": value})
    assert set(bins_of(dataset).values()) == {None}


def test_classes_of_another_data_set_are_out_of_reach(client_of, curator, dataset, six):
    other = class_create(dataset=dataset_create(name="Other", created_by=curator), name="glass")
    client_of(curator).post(url(dataset), {f"bin-{other.pk}": "kitchen"})
    other.refresh_from_db()
    assert other.category is None


def test_with_nothing_left_to_do_it_says_so(client_of, curator, dataset):
    assertContains(client_of(curator).get(url(dataset)), "Every class has its bin")


def test_annotators_may_not_choose_bins(client_of, annotator, dataset, six):
    client = client_of(annotator)
    assert client.get(url(dataset)).status_code == 403
    assert client.post(url(dataset), {f"bin-{six['glass'].pk}": "kitchen"}).status_code == 403
    assert set(bins_of(dataset).values()) == {None}


def test_the_overview_sends_people_here_only_while_a_class_has_no_bin(client_of, curator, dataset, six):
    add_images(dataset, 1, six["glass"])
    overview = reverse("datasets:overview", args=[dataset.slug])
    client = client_of(curator)
    assertContains(client.get(overview), url(dataset))
    client.post(url(dataset), {f"bin-{label.pk}": TRASHNET_BINS[name] for name, label in six.items()})
    assertNotContains(client.get(overview), url(dataset))


def test_sixty_classes_take_as_many_queries_as_two(client_of, curator, dataset, django_assert_num_queries):
    client = client_of(curator)
    for number in range(60):
        add_images(dataset, 2, class_create(dataset=dataset, name=f"class {number}"))
    # session, person, data set, classes, photos, rail, switcher, queue
    with django_assert_num_queries(8):
        client.get(url(dataset))
