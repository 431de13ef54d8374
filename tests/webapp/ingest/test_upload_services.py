"""Files on their way in: what is stored, what is refused, and what a second sending does."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from webapp.core.store import site_store
from webapp.datasets.models import Source
from webapp.ingest.models import BatchState, UploadItem
from webapp.ingest.services import (
    BatchClosed,
    Incoming,
    batch_add_file,
    batch_add_files,
    batch_close,
    batch_open,
    categories_confirm,
)
from webapp.ingest.spool import archive_path
from webapp.jobs.models import JobKind, JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(dataset, curator, data_dir):
    return batch_open(dataset=dataset, created_by=curator, author=" Li ", licence="CC0")


def add(batch, name, content, folder=""):
    return batch_add_file(batch=batch, name=name, folder=folder, stream=io.BytesIO(content))


def a_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # An entry of its own time: two archives made a moment apart have to be the same bytes.
        archive.writestr(zipfile.ZipInfo("glass/1.jpg"), b"x")
    return buffer.getvalue()


def test_a_batch_keeps_who_took_the_photos_and_under_what_licence(batch):
    assert (batch.author, batch.licence, batch.source, batch.state) == (
        "Li",
        "CC0",
        Source.UPLOAD,
        "receiving",
    )


def test_a_photos_bytes_are_stored_whole_and_it_waits_for_its_verdict(batch):
    content = bytes(range(256)) * 9000
    item = add(batch, "glass/1.jpg", content, "glass")
    assert item.verdict == "pending"
    assert (item.sha256, item.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert site_store().blob_path(item.sha256).read_bytes() == content


def test_an_empty_file_is_told_and_nothing_is_stored(batch):
    item = add(batch, "1.jpg", b"")
    assert (item.verdict, item.sha256) == ("empty", "")
    assert not list((site_store().root / "blobs").rglob("*.jpg"))


def test_a_file_past_the_limit_is_told_and_nothing_is_stored(batch, settings):
    settings.MAX_FILE_BYTES = 2 << 20
    item = add(batch, "1.jpg", bytes((2 << 20) + 1))
    assert (item.verdict, item.detail, item.sha256) == ("too_large", "max_mb:2", "")
    assert not [p for p in (site_store().root / "blobs").rglob("*") if p.is_file()]


def test_one_bad_file_costs_only_itself(batch, settings):
    settings.MAX_FILE_BYTES = 1 << 20
    files = [("good.jpg", b"a"), ("empty.jpg", b""), ("big.jpg", bytes(2 << 20)), ("also good.jpg", b"b")]
    items = batch_add_files(batch=batch, files=[Incoming(n, "", io.BytesIO(c)) for n, c in files])
    assert [item.verdict for item in items] == ["pending", "empty", "too_large", "pending"]
    assert batch.items.count() == 4


def test_what_systems_leave_behind_gets_no_line_and_other_files_are_passed_over(batch):
    names = ["a/.DS_Store", "Thumbs.db", "__MACOSX/a/._1.jpg", "notes.txt", "labels.json"]
    batch_add_files(batch=batch, files=[Incoming(name, "", io.BytesIO(b"x")) for name in names])
    assert list(batch.items.values_list("name", "verdict")) == [
        ("notes.txt", "ignored"),
        ("labels.json", "ignored"),
    ]


def test_an_archive_waits_in_the_spool_under_a_name_of_ours(batch):
    item = add(batch, "../../evil/照片.zip", a_zip())
    path = archive_path(item)
    assert path.parent == site_store().spool
    assert path.read_bytes() == a_zip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert item.is_archive


def test_an_empty_archive_or_one_past_the_limit_is_told_and_leaves_nothing_in_the_spool(batch, settings):
    settings.MAX_ARCHIVE_BYTES = 1 << 20
    empty, big = add(batch, "empty.zip", b""), add(batch, "big.zip", bytes((1 << 20) + 1))
    assert (empty.verdict, empty.detail) == ("bad_archive", "zero_bytes")
    assert (big.verdict, big.detail) == ("too_large", "max_mb:1")
    assert not list(site_store().spool.iterdir())


def test_only_a_waiting_archive_has_a_path(batch):
    photo = add(batch, "1.jpg", b"x")
    with pytest.raises(ValueError, match="no archive"):
        archive_path(photo)
    item = add(batch, "a.zip", a_zip())
    item.detail = "../secret-key"
    with pytest.raises(ValueError, match="no file of the upload spool"):
        archive_path(item)


def test_a_request_sent_twice_stores_its_files_once(batch):
    first = [add(batch, "glass/1.jpg", b"x"), add(batch, "a.zip", a_zip())]
    second = [add(batch, "glass/1.jpg", b"x"), add(batch, "a.zip", a_zip())]
    assert [i.pk for i in first] == [i.pk for i in second]
    assert len(list(site_store().spool.iterdir())) == 1
    # The same bytes under another name are another file, whose verdict will be "already here".
    assert add(batch, "glass/2.jpg", b"x").pk not in [i.pk for i in first]


@pytest.mark.parametrize("name", ["袋/新\n行.jpg", "<b>.jpg", "x" * 3000 + ".jpg", "nul\0.jpg", "\ud800.jpg"])
def test_any_name_can_be_kept(batch, name):
    item = UploadItem.objects.get(pk=add(batch, name, b"x").pk)
    assert item.name[:3] == name[:3].replace("\ud800", "?")
    assert len(item.name) <= 1000


def test_closing_queues_one_import_however_often_it_is_asked(batch):
    job = batch_close(batch=batch)
    assert (job.kind, job.state, job.payload) == (JobKind.IMPORT, JobState.QUEUED, {"batch": batch.pk})
    assert batch.state == BatchState.PROCESSING
    assert batch_close(batch=batch) == job


def test_a_closed_batch_takes_no_more_files(batch):
    batch_close(batch=batch)
    with pytest.raises(BatchClosed):
        add(batch, "1.jpg", b"x")


def test_confirmed_categories_are_made_and_the_four_bins_are_known_in_both_languages(dataset):
    categories_confirm(dataset=dataset, names=["可回收物", "kitchen waste", "soft", "soft", " "])
    categories_confirm(dataset=dataset, names=["Recyclable waste"])
    found = list(dataset.categories.order_by("key").values_list("key", "bin"))
    assert ("soft", "") in found
    assert ("可回收物", "recyclable") in found
    assert ("厨余垃圾", "kitchen") in found
    assert len([key for key, bin_ in found if bin_ == "recyclable"]) == 1
