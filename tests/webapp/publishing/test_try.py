"""Try a photo on a run, published or not: the data set's own naming, truth and split where they are known."""

from __future__ import annotations

import hashlib
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from ml.store import Store
from tests.webapp.publishing import world
from webapp.datasets.models import Image, ImageState
from webapp.publishing.models import ClassifyRequest, PublishedModel
from webapp.snapshots.models import SnapshotClass, SnapshotItem, Split

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(house, finished_run):
    return finished_run(house.digest)


@pytest.fixture
def put(house, dataset, run):
    """`put(content, truth, split)` makes a photo of the data set and of the run's snapshot."""
    names = {
        one["key"]: SnapshotClass.objects.create(
            snapshot=run.snapshot, position=at, **{k: v for k, v in one.items() if k != "colour"}
        )
        for at, one in enumerate(world.CLASSES)
    }

    def make(content: bytes, truth: str, split: str = Split.TEST) -> Image:
        sha256 = Store(house.data).put_blob(io.BytesIO(content)).sha256
        image = Image.objects.create(
            dataset=dataset, sha256=sha256, width=64, height=48, format="JPEG", size=len(content),
            phash="0" * 16, phash_mirror="0" * 16, brightness=0, sharpness=0, entropy=0, channel_sums={},
            state=ImageState.ACCEPTED,
        )  # fmt: skip
        SnapshotItem.objects.create(
            snapshot=run.snapshot, image=image, sha256=sha256, label=names[truth], split=split, group=image.pk
        )
        return image

    return make


def page_of(run) -> str:
    return reverse("evaluations:try", args=[run.dataset.slug, run.number])


def upload(content: bytes) -> dict[str, SimpleUploadedFile]:
    return {"photo": SimpleUploadedFile("photo.jpg", content, "image/jpeg")}


def test_a_new_file_is_answered_by_a_run_that_is_not_published(client_of, viewer, run, house):
    assert not PublishedModel.objects.exists()
    answer = client_of(viewer).post(page_of(run), upload(world.photo(world.RED)))
    text = answer.content.decode()
    assert answer.status_code == 200
    # Names for the reader; the data set's own naming stands below.
    assert '<div class="output bin-recyclable">Tin can</div>' in text
    assert '<span class="mono">可回收物_tin</span>' in text
    assert text.count("可回收物_") == 1
    assert "厨余垃圾_peel" not in text
    assert "Not a photo of this run" in text
    assert house.photos_in_spool() == []
    assert not ClassifyRequest.objects.exists()


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (Split.TRAIN, "has learned from this very photo"),
        (Split.VAL, "best epoch was chosen"),
        (Split.TEST, "had not seen this photo"),
        (Split.HELD_OUT, "held out"),
    ],
)
def test_a_photo_of_the_snapshot_shows_its_truth_and_split(client_of, viewer, run, put, split, said):
    image = put(world.photo(world.RED), "glass", split)
    text = client_of(viewer).get(page_of(run), {"image": image.pk}).content.decode()
    assert "可回收物_tin" in text
    assert '<span class="mono">可回收物_glass</span>.' in text
    assert ">Wrong<" in text.replace("\n", "").replace("</svg>", ">")
    assert said in text


def test_a_file_with_the_bytes_of_a_snapshot_photo_is_recognised(client_of, viewer, run, put):
    content = world.photo(world.GREEN)
    put(content, "peel", Split.TRAIN)
    answer = client_of(viewer).post(page_of(run), upload(content), HTTP_HX_REQUEST="true")
    text = answer.content.decode()
    assert answer["X-Fragment"] == "1"
    assert "Right" in text
    assert "has learned from this very photo" in text


def test_test_photos_are_offered(client_of, viewer, run, put):
    offered = put(world.photo(world.RED), "tin", Split.TEST)
    put(world.photo(world.GREEN), "peel", Split.TRAIN)
    text = client_of(viewer).get(page_of(run)).content.decode()
    assert f'href="?image={offered.pk}"' in text
    assert text.count('href="?image=') == 1


def test_a_file_larger_than_the_public_page_takes_is_still_taken(client_of, viewer, run):
    content = world.photo(world.RED) + bytes(11 * 2**20)
    text = client_of(viewer).post(page_of(run), upload(content)).content.decode()
    assert "可回收物_tin" in text


def test_what_is_wrong_with_a_file_is_said(client_of, viewer, run):
    answer = client_of(viewer).post(page_of(run), upload(b"text"))
    assert answer.status_code == 400
    assert "not a photo" in answer.content.decode()


def test_a_photo_of_another_data_set_is_not_found(client_of, viewer, run, put):
    from webapp.datasets.services import dataset_create

    image = put(world.photo(world.RED), "tin")
    image.dataset = dataset_create(name="Other")
    image.save(update_fields=["dataset"])
    assert client_of(viewer).get(page_of(run), {"image": image.pk}).status_code == 404
    assert client_of(viewer).get(page_of(run), {"image": "x"}).status_code == 200


def test_a_photo_whose_file_is_gone_says_so(client_of, viewer, run, put, house):
    image = put(world.photo(world.BLUE, (70, 50)), "glass")
    Store(house.data).blob_path(image.sha256).unlink()
    answer = client_of(viewer).get(page_of(run), {"image": image.pk})
    assert answer.status_code == 400
    assert "gone from the store" in answer.content.decode()
    assert hashlib.sha256(world.photo(world.BLUE, (70, 50))).hexdigest() == image.sha256


def test_a_run_without_a_model_says_that_it_has_none(client_of, viewer, house, finished_run):
    text = client_of(viewer).get(page_of(finished_run(None))).content.decode()
    assert "no model yet" in text


def test_it_needs_a_sign_in(client, run):
    assert client.get(page_of(run)).status_code == 302
    assert client.post(page_of(run), upload(world.photo(world.RED))).status_code == 302
