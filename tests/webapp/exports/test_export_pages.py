"""The pages of exports: asked for, made by the real handler, downloaded, cleaned up."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import timedelta
from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.support.photos import jpeg
from tests.support.rows import add_images, add_snapshot, image_row
from webapp.core.store import site_store
from webapp.datasets.services import class_create
from webapp.exports.download import DamagedFile
from webapp.exports.models import Export
from webapp.exports.services import export_path, export_request, exports_clean
from webapp.jobs.models import Job, JobState
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def photos(dataset):
    label = class_create(dataset=dataset, name="glass")
    for seed in range(3):
        blob = site_store().put_blob(BytesIO(jpeg(seed)))
        image_row(
            dataset,
            seed,
            sha256=blob.sha256,
            size=blob.size,
            label=label,
            original_name=f"{seed}.jpg",
            state="accepted",
        ).save()
    return dataset


def made(dataset, **options) -> Export:
    export = export_request(dataset=dataset, created_by=None, **options)
    assert run_job(export.job_id)
    export.refresh_from_db()
    export.job.refresh_from_db()
    return export


def page(client, name, export):
    return client.get(reverse(f"exports:{name}", args=[export.dataset.slug, export.pk]))


def test_a_curator_asks_waits_and_downloads_what_the_digest_names(photos, curator, client_of):
    client = client_of(curator)
    answer = client.post(reverse("exports:create", args=[photos.slug]), {"format": "imagefolder"})
    export = Export.objects.get()
    assert answer["Location"] == reverse("exports:detail", args=[photos.slug, export.pk])
    assert "Waiting" in client.get(answer["Location"]).content.decode()
    assert run_job(export.job_id)
    export.refresh_from_db()
    assert export.digest in page(client, "detail", export).content.decode()
    told = page(client, "download", export)
    data = b"".join(told.streaming_content)
    assert told.streaming
    assert told["Content-Disposition"] == 'attachment; filename="kerbside-imagefolder.zip"'
    assert (told["ETag"], told["Content-Length"]) == (f'"{export.digest}"', str(len(data)))
    assert hashlib.sha256(data).hexdigest() == export.digest
    assert "glass/0.jpg" in zipfile.ZipFile(io.BytesIO(data)).namelist()


def test_the_job_page_leads_to_the_export(photos, curator, client_of):
    export = made(photos)
    text = client_of(curator).get(reverse("jobs:detail", args=[export.job_id])).content.decode()
    assert reverse("exports:detail", args=[photos.slug, export.pk]) in text
    assert export.job.result == {"images": 3, "bytes": export.size, "digest": export.digest}


def test_originals_are_for_curators_and_a_viewer_is_told_so(photos, viewer, client_of):
    export = made(photos)
    text = page(client_of(viewer), "detail", export).content.decode()
    assert "a curator can download it" in text
    assert page(client_of(viewer), "download", export).status_code == 403


def test_a_file_that_was_damaged_since_never_arrives_whole(photos, curator, client_of):
    export = made(photos)
    path = export_path(export)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    answer = page(client_of(curator), "download", export)
    received = []
    with pytest.raises(DamagedFile):
        received.extend(answer.streaming_content)
    assert sum(map(len, received)) < export.size
    path.write_bytes(b"short")
    assert page(client_of(curator), "download", export).status_code == 404


def test_files_go_by_the_stated_rule_and_their_pages_stay(photos, curator, client_of):
    exports = [made(photos) for _n in range(4)]
    assert [one.is_there for one in Export.objects.order_by("pk")] == [False, True, True, True]
    assert not export_path(exports[0]).exists()
    Export.objects.filter(pk=exports[1].pk).update(made_at=timezone.now() - timedelta(days=8))
    assert exports_clean() == 1
    assert not export_path(exports[1]).exists()
    text = page(client_of(curator), "detail", exports[1]).content.decode()
    assert "was cleaned up on" in text
    assert "Make it again" in text
    assert page(client_of(curator), "download", exports[1]).status_code == 404


def test_an_export_that_cannot_be_made_says_why(photos, curator, client_of):
    site_store().blob_path(photos.images.first().sha256).unlink()
    export = made(photos)
    assert export.job.state == JobState.FAILED
    text = page(client_of(curator), "detail", export).content.decode()
    assert "is not in the store. Restore it from a backup" in text
    assert not list(site_store().exports.iterdir())


def test_nothing_is_queued_for_an_empty_data_set_or_a_wish_that_makes_no_sense(dataset, curator, client_of):
    client = client_of(curator)
    empty = client.get(reverse("exports:list", args=[dataset.slug])).content.decode()
    assert "There are no photos yet." in empty
    client.post(reverse("exports:create", args=[dataset.slug]), {"format": "imagefolder"})
    add_images(dataset, 1)
    client.post(reverse("exports:create", args=[dataset.slug]), {"format": "tar"})
    add_snapshot(dataset, state="failed", digest="")
    client.post(reverse("exports:create", args=[dataset.slug]), {"snapshot": "1"})
    absent = client.post(reverse("exports:create", args=[dataset.slug]), {"snapshot": "99999999999999999999"})
    assert absent.status_code == 404
    assert not Export.objects.exists()
    assert not Job.objects.filter(kind="export").exists()


def test_the_list_costs_the_same_whatever_its_length(photos, curator, client_of):
    client = client_of(curator)
    counts = []
    for _n in range(2):
        for _m in range(4):
            export_request(dataset=photos, created_by=curator)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("exports:list", args=[photos.slug]))
        counts.append(len(queries))
    assert counts[0] == counts[1]
