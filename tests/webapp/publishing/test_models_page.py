"""The studio's list of models: who may do what, the way back, the card, the download."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.webapp.publishing import world
from webapp.publishing.models import PublishedModel
from webapp.publishing.services import run_publish

pytestmark = pytest.mark.django_db

CARD = r"""# Bins

<script>alert(1)</script> and **bold**

| class | n |
|---|---:|
| a\|b | 3 |

- one
- `two`
"""


@pytest.fixture
def data(data_dir, settings):
    settings.REDIS_URL = ""
    return data_dir


@pytest.fixture
def two_models(data, finished_run):
    digest = world.make_bundle(data, sharpness=2.0, card=CARD)
    first = run_publish(run=finished_run(digest), published_by=None)
    second = run_publish(run=finished_run(world.make_bundle(data, sharpness=3.0)), published_by=None)
    return first, second


def test_the_list_marks_the_current_model_and_shows_its_figures(client_of, curator, two_models, dataset):
    text = client_of(curator).get(reverse("publishing:models", args=[dataset.slug])).content.decode()
    assert text.count(">Current<") == 1
    assert text.index("Run 2") < text.index("Run 1")
    assert "90.0 %" in text
    assert "85.0 % – 94.0 %" in text
    assert f"http://testserver/m/{dataset.slug}/" in text


def test_the_list_costs_the_same_for_many_models(client_of, curator, data, finished_run, dataset):
    browser, url = client_of(curator), reverse("publishing:models", args=[dataset.slug])
    costs = []
    for number in range(6):
        run_publish(run=finished_run(world.make_bundle(data, sharpness=2.0 + number)), published_by=curator)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(url).content.decode().count("Model card") == number + 1
        costs.append(len(queries))
    assert len(set(costs)) == 1


def test_one_click_goes_back(client_of, curator, two_models, dataset):
    first, _ = two_models
    answer = client_of(curator).post(reverse("publishing:make_current", args=[dataset.slug, first.pk]))
    assert answer.status_code == 302
    assert PublishedModel.objects.get(is_current=True) == first


def test_publishing_from_the_run_page(client_of, curator, data, finished_run, dataset):
    run = finished_run(world.make_bundle(data))
    answer = client_of(curator).post(reverse("publishing:publish", args=[dataset.slug, run.number]))
    assert answer["Location"] == reverse("publishing:models", args=[dataset.slug])
    assert PublishedModel.objects.get().published_by == curator


def test_a_refusal_leads_back_to_the_run_with_its_sentence(client_of, curator, data, finished_run, dataset):
    run = finished_run(None)
    browser = client_of(curator)
    answer = browser.post(reverse("publishing:publish", args=[dataset.slug, run.number]))
    assert answer["Location"] == reverse("runs:detail", args=[dataset.slug, run.number])
    assert "no model" in browser.get(reverse("publishing:models", args=[dataset.slug])).content.decode()


def test_a_viewer_reads_but_does_not_publish(client_of, viewer, annotator, two_models, dataset):
    first, _ = two_models
    browser = client_of(viewer)
    page = browser.get(reverse("publishing:models", args=[dataset.slug]))
    assert page.status_code == 200
    assert "Use again" not in page.content.decode()
    for person in (viewer, annotator):
        for url in (
            reverse("publishing:make_current", args=[dataset.slug, first.pk]),
            reverse("publishing:publish", args=[dataset.slug, 1]),
        ):
            assert client_of(person).post(url).status_code == 403
    first.refresh_from_db()
    assert not first.is_current


def test_nothing_is_switched_by_following_a_link(client_of, curator, two_models, dataset):
    first, _ = two_models
    answer = client_of(curator).get(reverse("publishing:make_current", args=[dataset.slug, first.pk]))
    assert answer.status_code == 405


def test_a_model_of_another_data_set_is_not_found_under_this_one(client_of, curator, two_models):
    from webapp.datasets.services import dataset_create

    other = dataset_create(name="Other")
    for name in ("card", "download"):
        url = reverse(f"publishing:{name}", args=[other.slug, two_models[0].pk])
        assert client_of(curator).get(url).status_code == 404


def test_the_card_is_a_page_in_which_nothing_typed_comes_alive(client_of, viewer, two_models, dataset):
    page = client_of(viewer).get(reverse("publishing:card", args=[dataset.slug, two_models[0].pk]))
    text = page.content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<strong>bold</strong>" in text
    assert "<td>a|b</td><td>3</td>" in text
    assert "<li><code>two</code></li>" in text


def test_the_download_is_the_whole_bundle(client_of, viewer, two_models, dataset, data):
    answer = client_of(viewer).get(reverse("publishing:download", args=[dataset.slug, two_models[0].pk]))
    assert f"{dataset.slug}-run-1.zip" in answer["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {
            "model.onnx", "labels.json", "preprocess.json", "calibration.json", "card.md", "SHA256SUMS",
        }  # fmt: skip
        assert archive.read("card.md").decode() == CARD


def test_files_that_are_gone_are_not_found(client_of, viewer, two_models, dataset, data):
    import shutil

    shutil.rmtree(data / "bundles")
    for name in ("card", "download"):
        url = reverse(f"publishing:{name}", args=[dataset.slug, two_models[0].pk])
        assert client_of(viewer).get(url).status_code == 404
