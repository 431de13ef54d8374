"""The upload page, its three requests, and the page of a batch."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.webapp.datasets.rows import make_images
from webapp.datasets.models import Image, ImageState
from webapp.datasets.services import class_create, dataset_create
from webapp.ingest.models import BatchState, UploadBatch, UploadItem, Verdict
from webapp.ingest.services import batch_close, batch_open
from webapp.jobs.models import Job, JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client_of, curator, data_dir):
    return client_of(curator)


def url(name, dataset, *args):
    return reverse(f"ingest:{name}", args=[dataset.slug, *args])


def file(name, content=b"photo"):
    return SimpleUploadedFile(name, content)


def open_batch(browser, dataset, **values):
    return browser.post(url("open", dataset), {"use_folders": "on", **values}).json()


def finished(dataset, verdicts, **fields):
    batch = batch_open(dataset=dataset, created_by=None, **fields)
    UploadItem.objects.bulk_create(
        UploadItem(batch=batch, name=f"glass/{n}.jpg", verdict=verdict) for n, verdict in enumerate(verdicts)
    )
    UploadBatch.objects.filter(pk=batch.pk).update(state=BatchState.FINISHED)
    return batch


def test_uploads_are_counted_in_each_data_set_for_itself(dataset, browser):
    finished(dataset_create(name="Other"), [Verdict.SAVED])
    batch_open(dataset=dataset, created_by=None)  # nothing arrived in it
    for number in (1, 2):
        batch = finished(dataset, [Verdict.SAVED, Verdict.EMPTY])
        page = browser.get(url("batch", dataset, batch.pk)).content.decode()
        assert f"<h1>Upload {number}</h1>" in page
        assert "Saved." not in page  # the figure's own name says it


def test_only_files_that_are_taken_are_offered_for_choosing(dataset, browser):
    page = browser.get(url("upload", dataset)).content.decode()
    assert 'accept=".jpg,.jpeg,.png,.webp,.heic,.heif,.zip,.csv,.tsv"' in page


def test_a_batch_is_opened_filled_and_closed(dataset, browser):
    batch = open_batch(browser, dataset, author="Li", licence="CC0")
    sent = {
        "files": [file("1.jpg"), file("2.jpg", b"other")],
        "paths": json.dumps(["s/glass/1.jpg", "2.jpg"]),
    }
    answer = browser.post(batch["addUrl"], sent).json()
    assert answer == {"taken": 2, "rejected": []}
    items = UploadItem.objects.order_by("id")
    assert [(i.name, i.folder) for i in items] == [("s/glass/1.jpg", "glass"), ("2.jpg", "")]
    closed = browser.post(batch["closeUrl"], headers={"Accept": "application/json"}).json()
    assert closed["url"] == batch["url"]
    assert Job.objects.get().payload == {"batch": batch["batch"]}


def test_folder_names_are_left_out_when_the_person_says_so(dataset, browser):
    batch = open_batch(browser, dataset, use_folders="")
    browser.post(batch["addUrl"], {"files": [file("1.jpg")], "paths": '["glass/1.jpg"]'})
    assert UploadItem.objects.get().folder == ""


def test_files_that_are_refused_at_once_come_back_with_a_sentence(dataset, browser):
    batch = open_batch(browser, dataset)
    sent = {"files": [file("1.jpg", b""), file("2.jpg")], "paths": '["1.jpg", "2.jpg"]'}
    answer = browser.post(batch["addUrl"], sent).json()
    assert answer["taken"] == 2
    assert [(r["name"], r["verdict"]) for r in answer["rejected"]] == [("1.jpg", "empty")]
    assert "0 bytes" in answer["rejected"][0]["sentence"]


@pytest.mark.parametrize("paths", ["", "[]", "nonsense", '["a", "b"]', "[1]", '{"a": 1}'])
def test_a_request_whose_paths_do_not_fit_its_files_is_refused(dataset, browser, paths):
    batch = open_batch(browser, dataset)
    response = browser.post(batch["addUrl"], {"files": [file("1.jpg")], "paths": paths})
    assert response.status_code == 400
    assert response.json()["error"]
    assert not UploadItem.objects.exists()


def test_a_closed_batch_answers_409(dataset, browser):
    batch = open_batch(browser, dataset)
    browser.post(batch["closeUrl"])
    response = browser.post(batch["addUrl"], {"files": [file("1.jpg")], "paths": '["1.jpg"]'})
    assert response.status_code == 409


def test_a_full_disk_answers_507_with_a_sentence(dataset, browser, monkeypatch):
    from ml.durable import StoreFull
    from ml.store import Store

    def full(self, streams, **more):
        raise StoreFull(self.root)

    batch = open_batch(browser, dataset)
    monkeypatch.setattr(Store, "put_blobs", full)
    response = browser.post(batch["addUrl"], {"files": [file("1.jpg")], "paths": '["1.jpg"]'})
    assert response.status_code == 507
    assert "full" in response.json()["error"]


def test_categories_that_a_person_confirmed_exist_before_the_first_file_comes(dataset, browser):
    open_batch(browser, dataset, categories='["soft"]')
    assert list(dataset.categories.values_list("key", flat=True)) == ["soft"]
    response = browser.post(url("open", dataset), {"categories": '{"a": 1}'})
    assert response.status_code == 400


def test_without_scripts_the_form_alone_uploads(dataset, browser):
    response = browser.post(url("upload", dataset), {"files": [file("1.jpg"), file("2.png")], "author": "Li"})
    batch = UploadBatch.objects.get()
    assert response["Location"] == url("batch", dataset, batch.pk)
    assert (batch.author, batch.state, batch.items.count()) == ("Li", "processing", 2)


def test_a_form_without_files_says_so(dataset, browser):
    response = browser.post(url("upload", dataset), {"author": "Li"})
    assert response.status_code == 422
    assert "Choose at least one file." in response.content.decode()


def test_only_curators_upload_and_viewers_may_read_the_verdicts(dataset, client_of, annotator, viewer):
    batch = finished(dataset, [Verdict.SAVED])
    for name, args in (("upload", []), ("open", []), ("add", [batch.pk]), ("close", [batch.pk])):
        assert client_of(annotator).post(url(name, dataset, *args)).status_code == 403
    assert client_of(viewer).get(url("batch", dataset, batch.pk)).status_code == 200


def test_a_batch_belongs_to_its_data_set(dataset, browser, curator):
    other = dataset_create(name="Other", created_by=curator)
    batch = finished(other, [Verdict.SAVED])
    for name in ("batch", "csv"):
        assert browser.get(url(name, dataset, batch.pk)).status_code == 404


def test_the_page_groups_files_by_verdict_and_filters_by_it(dataset, browser):
    batch = finished(dataset, [Verdict.SAVED, Verdict.SAVED, Verdict.TRUNCATED])
    page = browser.get(url("batch", dataset, batch.pk))
    assert [(g["verdict"], g["count"]) for g in page.context["groups"]] == [("saved", 2), ("truncated", 1)]
    assert "breaks off before its end" in page.content.decode()
    filtered = browser.get(url("batch", dataset, batch.pk), {"verdict": "truncated"}).context["page"]
    assert [item.verdict for item in filtered.items] == ["truncated"]


def test_long_lists_come_in_keyset_pages_with_as_many_queries_as_short_ones(
    dataset, browser, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr("webapp.ingest.views.PAGE", 2)
    batch = finished(dataset, [Verdict.SAVED] * 5)
    images = make_images(dataset, 5)
    for item, image in zip(batch.items.order_by("id"), images, strict=True):
        UploadItem.objects.filter(pk=item.pk).update(image=image)
    seen, after = [], ""
    while after is not None:
        with django_assert_num_queries(13):
            page = browser.get(url("batch", dataset, batch.pk), {"after": after}).context["page"]
        seen += [item.name for item in page.items]
        after = page.next_after
    assert seen == [f"glass/{n}.jpg" for n in range(5)]


def test_while_the_import_runs_the_figures_are_asked_for_again_and_at_its_end_the_page_is_loaded_anew(
    dataset, browser
):
    batch = finished(dataset, [Verdict.SAVED, Verdict.PENDING])
    UploadBatch.objects.filter(pk=batch.pk).update(state=BatchState.RECEIVING)
    batch.refresh_from_db()
    job = batch_close(batch=batch)
    address = url("batch", dataset, batch.pk)
    tick = browser.get(address, headers={"HX-Request": "true"})
    assert 'hx-trigger="every 1s"' in tick.content.decode()
    assert "<html" not in tick.content.decode()
    assert "HX-Refresh" not in tick
    UploadBatch.objects.filter(pk=batch.pk).update(state=BatchState.FINISHED)
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    tick = browser.get(address, headers={"HX-Request": "true"})
    assert tick["HX-Refresh"] == "true"
    assert "hx-trigger" not in tick.content.decode()


def test_a_failed_import_says_so_and_stops_asking(dataset, browser):
    batch = finished(dataset, [Verdict.PENDING])
    UploadBatch.objects.filter(pk=batch.pk).update(state=BatchState.RECEIVING)
    batch.refresh_from_db()
    job = batch_close(batch=batch)
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED, error="The disk is full.")
    page = browser.get(url("batch", dataset, batch.pk)).content.decode()
    assert "The disk is full." in page
    assert "every 1s" not in page


def test_an_upload_whose_browser_went_away_can_be_finished(dataset, browser):
    batch = open_batch(browser, dataset)
    browser.post(batch["addUrl"], {"files": [file("1.jpg")], "paths": '["1.jpg"]'})
    page = browser.get(batch["url"]).content.decode()
    assert "Import what has arrived" in page
    assert "every 1s" not in page
    assert browser.post(batch["closeUrl"])["Location"] == batch["url"]
    assert Job.objects.count() == 1


def test_the_next_steps_fit_what_came(dataset, browser):
    glass, metal = class_create(dataset=dataset, name="glass"), class_create(dataset=dataset, name="metal")
    batch = finished(dataset, [Verdict.SAVED] * 3)
    make_images(dataset, 1, label=glass)
    make_images(dataset, 1, label=metal, start=1)
    make_images(dataset, 1, state=ImageState.INBOX, start=2)
    Image.objects.update(batch=batch)
    page = browser.get(url("batch", dataset, batch.pk))
    steps = page.context["steps"]
    assert (steps.classes_without_category, steps.in_inbox, steps.may_train) == (2, 1, True)
    html = page.content.decode()
    assert "Which bin? 2 classes" in html
    assert "Label 1 photo in the inbox" in html


def test_a_duplicate_leads_to_the_photo_that_is_here(dataset, browser):
    batch = finished(dataset, [Verdict.DUPLICATE])
    (image,) = make_images(dataset, 1)
    batch.items.update(image=image)
    html = browser.get(url("batch", dataset, batch.pk)).content.decode()
    address = reverse("datasets:image", args=[dataset.slug, image.pk])
    assert f'<a href="{address}">Duplicate of “{image.original_name}”</a>' in html


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb.jpg", "a␊b.jpg"),
        ("<img src=x onerror=alert(1)>.jpg", "&lt;img src=x onerror=alert(1)&gt;.jpg"),
        ("gpj.\u202eexe.jpg", "gpj.\ufffdexe.jpg"),
        ("照片 1.jpg", "照片 1.jpg"),
    ],
)
def test_any_name_shows_safely(dataset, browser, name, shown):
    batch = finished(dataset, [Verdict.BROKEN])
    batch.items.update(name=name)
    html = browser.get(url("batch", dataset, batch.pk)).content.decode()
    assert f">{shown}</b>" in html
    assert "<img src=x" not in html


def test_the_verdicts_download_as_csv_that_no_spreadsheet_runs(dataset, browser):
    batch = finished(dataset, [Verdict.SAVED, Verdict.EMPTY])
    batch.items.filter(verdict=Verdict.EMPTY).update(name="=cmd|'/c calc'!A1\n.jpg")
    response = browser.get(url("csv", dataset, batch.pk))
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert [row[2] for row in rows[1:]] == ["saved", "empty"]
    assert rows[2][0].startswith("'=cmd")
    assert "0 bytes" in rows[2][3]
    assert "attachment" in response["Content-Disposition"]


def test_the_page_of_10_000_files_reads_only_what_it_shows(dataset, browser, django_assert_num_queries):
    batch = finished(dataset, [Verdict.BROKEN] * 10_000)
    after = batch.items.order_by("id")[9_000].pk
    with django_assert_num_queries(13):
        page = browser.get(url("batch", dataset, batch.pk), {"after": after, "verdict": "broken"})
    assert len(page.context["page"].items) == 100
    assert len(page.content) < 100_000
