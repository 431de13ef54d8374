"""Photos like one: asked for in its details, found by a job, shown in the gallery the most alike first."""

from __future__ import annotations

import re

import pytest
from django.http import QueryDict
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from tests.support.rows import add_images, add_job
from webapp.datasets.filters import ImageFilter
from webapp.datasets.selectors_gallery import first_rows, image_ids
from webapp.guessing.services import likeness_request, likeness_save
from webapp.jobs.models import Job, JobKind, JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def photos(dataset):
    return add_images(dataset, 8)


def find(photos, *order: int) -> None:
    found = [(photos[place].pk, 1 - n / 10) for n, place in enumerate(order)]
    likeness_save(image=photos[order[0]], photos=found, seen=photos[-1].pk)


def gallery(dataset, image) -> str:
    return f"{reverse('datasets:images', args=[dataset.slug])}?state=any&like={image.pk}"


def test_asking_leads_to_the_gallery_which_says_that_they_are_looked_for(
    client_of, annotator, dataset, photos
):
    client = client_of(annotator)
    answer = client.post(reverse("guessing:alike", args=[dataset.slug]), {"image": photos[0].pk})
    assertRedirects(answer, gallery(dataset, photos[0]), fetch_redirect_response=False)
    assertContains(client.get(answer.url), "Looking for photos like")
    assert likeness_request(image=photos[0], created_by=None) == Job.objects.get(kind=JobKind.LIKENESS)


def test_the_gallery_shows_them_the_most_alike_first_page_by_page(client_of, viewer, dataset, photos):
    find(photos, 3, 7, 0, 5, 1)
    wanted = [photos[place].pk for place in (3, 7, 0, 5, 1)]
    page = client_of(viewer).get(gallery(dataset, photos[3]))
    assertContains(page, "Most alike first")
    assertContains(page, "the most alike first")
    shown = ImageFilter.from_query(QueryDict(f"state=any&like={photos[3].pk}"))
    first, after = first_rows(dataset, shown, after=None, size=2)
    rest, end = first_rows(dataset, shown, after=after, size=5)
    assert ([row.pk for row in (*first, *rest)], end) == (wanted, None)
    assert image_ids(dataset, shown) == (wanted, None)


def test_another_order_ends_the_search(client_of, viewer, dataset, photos):
    find(photos, 3, 7)
    page = client_of(viewer).get(gallery(dataset, photos[3])).content.decode()
    assert re.search(r'href="[^"]*\?state=any&amp;sort=oldest"', page)


def test_what_is_known_is_asked_again_only_once_photos_came(dataset, photos):
    find(photos, 3, 7)
    assert likeness_request(image=photos[3], created_by=None) is None
    add_images(dataset, 1)
    job = likeness_request(image=photos[3], created_by=None)
    assert job is not None
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    again = likeness_request(image=photos[3], created_by=None)
    assert again != job
    assert list(Job.objects.filter(kind=JobKind.LIKENESS)) == [again]


def test_the_details_show_the_nearest_and_lead_to_the_rest(client_of, annotator, viewer, dataset, photos):
    address = reverse("datasets:image", args=[dataset.slug, photos[3].pk])
    assertContains(client_of(annotator).get(address), "Look for photos like it")
    assertContains(client_of(viewer).get(address), "Nobody has looked for them yet.")
    find(photos, 3, 7, 0)
    page = client_of(annotator).get(address)
    for place in (7, 0):
        assertContains(page, reverse("datasets:image", args=[dataset.slug, photos[place].pk]))
    assertContains(page, "Show more like it")


def test_a_look_that_failed_says_why(client_of, viewer, dataset, photos):
    add_job(
        dataset, JobKind.LIKENESS, JobState.FAILED, payload={"image": photos[0].pk}, error="The disk is full."
    )
    assertContains(client_of(viewer).get(gallery(dataset, photos[0])), "The disk is full.")


@pytest.mark.parametrize("like", ["0", "999999", "x"])
def test_an_address_of_no_photo_says_so(client_of, viewer, dataset, photos, like):
    page = client_of(viewer).get(f"{reverse('datasets:images', args=[dataset.slug])}?like={like}")
    assert page.status_code == 200
    check = assertNotContains if like == "x" else assertContains
    check(page, "This photo is no longer there.")
