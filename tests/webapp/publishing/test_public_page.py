"""The public page through Django's client, with a real worker behind it: without JavaScript, and refusals."""

from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.webapp.publishing import world
from webapp.datasets.models import LabelClass
from webapp.publishing import wire
from webapp.publishing.models import ClassifyRequest, PublishedModel

pytestmark = pytest.mark.django_db


def upload(content: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/jpeg")


def send(client: Client, model: PublishedModel, content: bytes, **headers: str):
    url = reverse("publishing:model", args=[model.dataset.slug])
    return client.post(url, {"photo": upload(content)}, **headers)


def test_it_says_that_nothing_is_published_and_where_to_sign_in(client):
    page = client.get("/")
    assert page.status_code == 200
    assert "Nothing is published here yet" in page.content.decode()
    assert reverse("accounts:sign_in") in page.content.decode()


def test_without_javascript_a_form_leads_to_an_answer(client, published, house):
    page = client.get("/").content.decode()
    url = reverse("publishing:model", args=[published.dataset.slug])
    assert f'action="{url}"' in page
    assert 'enctype="multipart/form-data"' in page
    assert 'capture="environment"' in page

    # A browser sends an input that was left alone as a file without a name or content.
    body = {"photo": [upload(world.photo(world.RED))]}
    answer = client.post(url, body)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert '<h2 class="big">Recyclable</h2>' in text
    assert "Very likely Tin can." in text
    assert 'class="answer bin-recyclable"' in text
    assert answer["Cache-Control"] == "no-store"
    assert house.photos_in_spool() == []


def test_the_answer_is_kept_and_the_photo_is_not(client, published, house):
    send(client, published, world.photo(world.GREEN))
    kept = ClassifyRequest.objects.get()
    assert kept.model == published
    assert kept.answer["label"] == "peel"
    assert kept.answer["name"] == "厨余垃圾_peel"
    assert kept.answer["top"][0][0] == "peel"
    assert kept.milliseconds > 0
    assert house.photos_in_spool() == []


def test_it_speaks_chinese(client, published):
    client.cookies["django_language"] = "zh-hans"
    text = send(client, published, world.photo(world.RED)).content.decode()
    assert '<h2 class="big">可回收物</h2>' in text
    assert "易拉罐" in text


def test_a_class_with_advice_gives_it(client, published):
    advice = {"advice_en": "Rinse <it>.", "advice_zh": "冲洗。"}
    LabelClass.objects.create(dataset=published.dataset, key="tin", **advice)
    assert "Rinse &lt;it&gt;." in send(client, published, world.photo(world.RED)).content.decode()
    client.cookies["django_language"] = "zh-hans"
    assert "冲洗。" in send(client, published, world.photo(world.RED)).content.decode()


def test_a_photo_like_nothing_it_knows_is_not_given_a_bin(client, published):
    text = send(client, published, world.photo(world.GREY)).content.decode()
    assert "Not sure" in text
    assert "It could be Tin can, Peel or Glass." in text
    assert 'class="answer nobin unsure"' in text


def test_a_photo_unlike_the_training_photos_is_called_so_and_not_guessed_at(client, house, finished_run):
    from webapp.publishing.services import run_publish

    digest = world.make_bundle(house.data, limit=2.0)
    published = run_publish(run=finished_run(digest), published_by=None)
    known = send(client, published, world.photo(world.RED)).content.decode()
    assert '<h2 class="big">Recyclable</h2>' in known
    text = send(client, published, world.photo(world.GREY)).content.decode()
    assert "This photo is unlike all that the model has learned from." in text
    assert "It could be" not in text
    kept = ClassifyRequest.objects.order_by("created_at").last()
    assert (kept.answer["abstained"], kept.answer["reason"]) == (True, "unfamiliar")
    assert kept.answer["unfamiliarity"] > 1
    client.cookies["django_language"] = "zh-hans"
    text = send(client, published, world.photo(world.GREY)).content.decode()
    assert "这张照片与模型学过的所有照片都不相似。" in text


def test_two_candidates_of_one_bin_still_name_that_bin(client, published):
    text = send(client, published, world.photo((206, 20, 200), kind="PNG")).content.decode()
    assert "It could be Tin can or Glass." in text
    assert "Either way: Recyclable." in text


def test_the_script_gets_the_answer_alone(client, published):
    answer = send(client, published, world.photo(world.RED), HTTP_HX_REQUEST="true")
    text = answer.content.decode()
    assert answer["X-Fragment"] == "1"
    assert text.lstrip().startswith("<section")
    assert "<html" not in text


@pytest.mark.parametrize("kind", [*world.hostile_files(), "empty"])
def test_a_file_that_is_no_photo_is_refused_in_plain_words(client, published, house, kind):
    content = {**world.hostile_files(), "empty": b""}[kind]
    said = {
        "text": "not a photo",
        "truncated": "cut short",
        "huge": "50 million pixels",
        "svg": "cannot be read",
        "damaged": "damaged",
        "empty": "empty",
    }
    answer = send(client, published, content)
    assert answer.status_code == 400
    assert said[kind] in answer.content.decode()
    assert house.photos_in_spool() == []
    assert not ClassifyRequest.objects.exists()


def test_a_form_without_a_file_asks_for_one(client, published):
    answer = client.post(reverse("publishing:model", args=[published.dataset.slug]))
    assert answer.status_code == 400
    assert "Take or choose one first" in answer.content.decode()


def test_eleven_megabytes_are_too_many_and_their_body_is_not_even_read(client, published):
    class NeverRead(io.BytesIO):
        def read(self, *_):
            raise AssertionError("the body was read")

    url = reverse("publishing:model", args=[published.dataset.slug])
    body = {"wsgi.input": NeverRead(), "CONTENT_LENGTH": str(11 * 2**20)}
    answer = client.generic("POST", url, b"", "multipart/form-data; boundary=x", **body)
    assert answer.status_code == 413
    assert "larger than 10 MB" in answer.content.decode()


def test_a_little_more_than_ten_megabytes_are_too_many_as_well(client, published, house):
    answer = send(client, published, world.photo(world.RED) + bytes(10 * 2**20))
    assert answer.status_code == 413
    assert house.photos_in_spool() == []


def test_a_form_of_another_site_is_refused(published):
    stranger = Client(enforce_csrf_checks=True)
    assert send(stranger, published, world.photo(world.RED)).status_code == 403
    page = stranger.get(reverse("publishing:model", args=[published.dataset.slug]))
    token = page.context["csrf_token"]
    url = reverse("publishing:model", args=[published.dataset.slug])
    own = stranger.post(url, {"photo": upload(world.photo(world.RED)), "csrfmiddlewaretoken": str(token)})
    assert own.status_code == 200


def test_when_too_many_wait_it_says_when_to_come_back(client, published, quiet_broker):
    broker = quiet_broker.client()
    broker.zadd(wire.ALIVE, {"somebody": 1})
    broker.lpush(wire.QUEUE, *["waiting"] * wire.MAX_WAITING)
    answer = send(client, published, world.photo(world.RED), HTTP_HX_REQUEST="true")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert f'data-retry-after="{answer["Retry-After"]}"' in answer.content.decode()


def test_when_no_worker_lives_it_says_so(client, published, quiet_broker):
    answer = send(client, published, world.photo(world.RED))
    assert answer.status_code == 503
    assert "not running" in answer.content.decode()
    assert int(answer["Retry-After"]) > 0


def test_other_published_data_sets_are_offered_on_the_first_page(
    client, published, django_assert_num_queries
):
    from webapp.datasets.services import dataset_create

    for number in range(5):
        other = dataset_create(name=f"Other {number}")
        PublishedModel.objects.create(
            dataset=other, bundle=published.bundle, published_at="2020-01-01T00:00Z"
        )
    with django_assert_num_queries(1):
        text = client.get("/").content.decode()
    assert f"<title>{published.dataset.name}" in text
    assert text.count('href="/m/other-') == 5


def test_an_address_without_a_model_is_not_found(client, dataset):
    assert client.get(reverse("publishing:model", args=[dataset.slug])).status_code == 404
    assert client.post(reverse("publishing:model", args=["no-such-set"])).status_code == 404


def test_a_drawn_model_says_that_it_is_drawn(client, published):
    published.dataset.is_drawn = True
    published.dataset.save(update_fields=["is_drawn"])
    assert "drawn pictures only" in client.get("/").content.decode()


def test_what_the_model_knows_and_how_often_it_is_right_stand_on_the_page(client, published):
    text = client.get("/").content.decode()
    assert "It knows 3 kinds of things" in text
    assert "on 200 photos that it had never seen, 90 % of its answers were right" in text
    assert "It is not kept" in text
