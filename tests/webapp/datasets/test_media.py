"""Pictures are served to those who may see them, re-encoded, and kept by the browser for good."""

from __future__ import annotations

import hashlib

import pytest
from django.urls import reverse

from tests.webapp.datasets.rows import make_images
from webapp.core.store import site_store
from webapp.datasets.services import dataset_create

pytestmark = pytest.mark.django_db


@pytest.fixture
def image(dataset, data_dir):
    (image,) = make_images(dataset, 1)
    put(site_store().thumb_path(image.sha256), b"thumb")
    return image


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def url(name, dataset, sha256):
    return reverse(f"datasets:{name}", args=[dataset.slug, sha256])


def body(response):
    return b"".join(response.streaming_content)


def test_a_thumbnail_is_a_jpeg_that_a_browser_may_keep_for_good(dataset, image, client_of, viewer):
    response = client_of(viewer).get(url("thumb", dataset, image.sha256))
    assert body(response) == b"thumb"
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_the_view_falls_back_to_the_thumbnail_where_the_photo_is_small(dataset, image, client_of, viewer):
    browser = client_of(viewer)
    assert body(browser.get(url("view", dataset, image.sha256))) == b"thumb"
    put(site_store().view_path(image.sha256), b"view")
    assert body(browser.get(url("view", dataset, image.sha256))) == b"view"


def test_a_picture_is_found_only_in_the_data_set_that_holds_it(dataset, image, client_of, viewer, curator):
    other = dataset_create(name="Other", created_by=curator)
    browser = client_of(viewer)
    assert browser.get(url("thumb", other, image.sha256)).status_code == 404
    assert browser.get(url("thumb", dataset, hashlib.sha256(b"x").hexdigest())).status_code == 404


def test_a_missing_file_is_not_found(dataset, image, client_of, viewer):
    site_store().thumb_path(image.sha256).unlink()
    browser = client_of(viewer)
    assert browser.get(url("thumb", dataset, image.sha256)).status_code == 404
    assert browser.get(url("view", dataset, image.sha256)).status_code == 404


def test_a_thumbnail_costs_three_queries(dataset, image, client_of, viewer, django_assert_num_queries):
    browser = client_of(viewer)
    with django_assert_num_queries(3):  # session, user, picture
        browser.get(url("thumb", dataset, image.sha256))


def test_strangers_are_asked_to_sign_in(dataset, image, client):
    assert client.get(url("thumb", dataset, image.sha256)).status_code == 302


def test_an_original_is_only_ever_a_download_and_only_for_curators(
    dataset, image, client_of, annotator, curator
):
    address = url("original", dataset, image.sha256)
    assert client_of(annotator).get(address).status_code == 403
    assert client_of(curator).get(address).status_code == 404  # the blob is not there
    put(site_store().blob_path(image.sha256), b"<svg onload=alert(1)>")
    type(image).objects.filter(pk=image.pk).update(original_name="袋/photo\n1.jpg")
    response = client_of(curator).get(address)
    assert body(response) == b"<svg onload=alert(1)>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    assert "sandbox" in response["Content-Security-Policy"]
