"""The list of data sets, and making one."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images, add_run, add_snapshot
from webapp.datasets.models import Dataset
from webapp.datasets.services import class_create, dataset_create

LIST = "datasets:list"
CREATE = "datasets:create"


def test_an_empty_list_tells_a_curator_what_to_do(client_of, curator):
    page = client_of(curator).get(reverse(LIST))
    assertContains(page, "No data set yet")
    assertContains(page, reverse(CREATE))


def test_an_empty_list_offers_a_viewer_nothing_they_may_not_do(client_of, viewer):
    page = client_of(viewer).get(reverse(LIST))
    assertContains(page, "A curator can make one")
    assertNotContains(page, reverse(CREATE))


def test_a_card_shows_counts_four_photos_of_different_classes_and_the_best_figure(client_of, viewer, dataset):
    classes = [
        class_create(dataset=dataset, name=name) for name in ("glass", "metal", "paper", "cans", "tins")
    ]
    photos = [add_images(dataset, 3, one)[-1] for one in classes]
    add_images(dataset, 2, state="inbox")
    snapshot = add_snapshot(dataset)
    add_run(snapshot, 1, test_accuracy=0.912)
    add_run(snapshot, 2, test_accuracy=0.874)
    page = client_of(viewer).get(reverse(LIST))
    assertContains(page, "15 photos")
    assertContains(page, "5 classes")
    assertContains(page, "2 in the inbox")
    assertContains(page, "91.2 %")
    assertNotContains(page, "87.4 %")
    shown = [photo for photo in photos if photo.sha256 in page.content.decode()]
    assert len(shown) == 4


def test_the_list_asks_the_same_number_of_queries_for_any_number_of_data_sets(
    client_of, viewer, curator, django_assert_num_queries
):
    client = client_of(viewer)
    for number in range(9):
        one = dataset_create(name=f"Set {number}", created_by=curator)
        add_images(one, 2, class_create(dataset=one, name="glass"))
    # session, person, data sets, counts, classes, newest photos, hashes, best runs; switcher, queue
    with django_assert_num_queries(10):
        client.get(reverse(LIST))


@pytest.mark.parametrize(("start", "classes"), [("empty", 0), ("preset55", 55)])
def test_a_new_data_set_starts_with_the_classes_that_were_chosen(client_of, curator, start, classes):
    response = client_of(curator).post(reverse(CREATE), {"name": "生活垃圾", "start": start})
    made = Dataset.objects.get()
    assert response.status_code == 302
    assert response.url == reverse("datasets:overview", args=[made.slug])
    assert made.classes.count() == classes
    assert made.created_by == curator
    assert client_of(curator).get(response.url).status_code == 200


@pytest.mark.parametrize("name", ["", "   ", "x" * 121])
def test_a_bad_name_is_refused_beside_its_field(client_of, curator, name):
    page = client_of(curator).post(reverse(CREATE), {"name": name, "start": "empty"})
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.content.decode()
    assert not Dataset.objects.exists()


@pytest.mark.parametrize("who", ["viewer", "annotator"])
def test_only_curators_make_data_sets(client_of, request, who):
    client = client_of(request.getfixturevalue(who))
    assert client.get(reverse(CREATE)).status_code == 403
    assert client.post(reverse(CREATE), {"name": "x", "start": "empty"}).status_code == 403
    assert not Dataset.objects.exists()
