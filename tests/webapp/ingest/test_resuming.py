"""An upload that was broken off: what the server knows of it, large files in parts, going on, ending, discarding."""

from __future__ import annotations

import io
import json
import os
import threading
import time
import zipfile
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from webapp.core.store import site_store
from webapp.ingest import parts
from webapp.ingest.models import BatchState, UploadBatch, UploadItem, UploadPart, Verdict
from webapp.ingest.parts import PartElsewhere, PartRefused, part_add, whole_file
from webapp.ingest.services import (
    BatchClosed,
    Incoming,
    batch_add_files,
    batch_close,
    batch_discard,
    batch_open,
    uploads_sweep,
)
from webapp.jobs.models import Job

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * 40  # 10,240 bytes
STEP = 4096


@pytest.fixture
def browser(client_of, curator):
    return client_of(curator)


@pytest.fixture
def batch(dataset, curator):
    return batch_open(
        dataset=dataset, created_by=curator, author="Li", licence="CC0", use_folders=True, expected_files=3
    )


def url(name, batch):
    return reverse(f"ingest:{name}", args=[batch.dataset.slug, batch.pk])


def upload_page(browser, dataset):
    return browser.get(reverse("ingest:upload", args=[dataset.slug]))


def add(batch, *names, content=b"photo"):
    return batch_add_files(
        batch=batch, files=[Incoming(n, "", io.BytesIO(content + n.encode())) for n in names]
    )


def send_part(batch, offset, *, name="all/big.zip", content=CONTENT, step=STEP, modified=7):
    piece = content[offset : offset + step]
    return part_add(
        batch=batch,
        file=whole_file(name=name, size=len(content), modified=modified),
        offset=offset,
        length=len(piece),
        stream=io.BytesIO(piece),
    )


def spooled():
    return sorted(site_store().spool.iterdir())


def test_an_unfinished_upload_is_offered_to_who_began_it_and_to_nobody_else(
    browser, batch, admin, client_of, dataset
):
    assert "Go on with the upload" not in upload_page(browser, dataset).content.decode()
    add(batch, "glass/1.jpg", "glass/2.jpg")
    page = upload_page(browser, dataset)
    html = page.content.decode()
    assert "2 of 3 files have arrived" in html
    assert "Finish with what has arrived" in html
    (config,) = page.context["upload_config"]["unfinished"]
    assert (config["author"], config["licence"], config["useFolders"]) == ("Li", "CC0", True)
    assert "Go on with the upload" not in upload_page(client_of(admin), dataset).content.decode()
    for name in ("arrived", "add", "part", "discard"):
        ask = client_of(admin).get if name == "arrived" else client_of(admin).post
        assert ask(url(name, batch)).status_code == 404
    assert UploadBatch.objects.filter(pk=batch.pk).exists()


def test_what_has_arrived_is_told_in_pages_with_the_parts_on_the_first(
    browser, batch, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr("webapp.ingest.sending.ARRIVED_A_PAGE", 2)
    add(batch, "a/1.jpg", "a/2.jpg", "照片/3.jpg")
    send_part(batch, 0)
    with django_assert_max_num_queries(8):
        first = browser.get(url("arrived", batch)).json()
    second = browser.get(url("arrived", batch), {"after": first["next"]}).json()
    assert first["files"] == [["a/1.jpg", 12], ["a/2.jpg", 12]]
    assert first["parts"] == [["all/big.zip", len(CONTENT), 7, STEP]]
    assert second == {"files": [["照片/3.jpg", 17]], "parts": [], "next": None}


def test_a_closed_upload_tells_that_it_is_closed_when_asked_what_has_arrived(browser, batch):
    batch_close(batch=batch)
    answer = browser.get(url("arrived", batch))
    assert answer.status_code == 409
    assert "closed" in answer.json()["error"]


def test_a_large_archive_arrives_in_parts_and_becomes_an_item_with_its_last_one(batch):
    assert send_part(batch, 0).is_whole is False
    assert not batch.items.exists()
    send_part(batch, STEP)
    done = send_part(batch, 2 * STEP)
    assert (done.received, done.is_whole, done.item.is_archive) == (len(CONTENT), True, True)
    assert not batch.parts.exists()
    (file,) = spooled()
    assert file.read_bytes() == CONTENT
    assert file.stat().st_mode & 0o777 == 0o600
    assert done.item.detail == file.name


def test_a_large_photo_in_parts_goes_to_the_blob_store_with_the_class_of_its_folder(batch):
    for offset in (0, STEP, 2 * STEP):
        taken = send_part(batch, offset, name="glass/large.jpg")
    assert site_store().blob_path(taken.item.sha256).read_bytes() == CONTENT
    assert (taken.item.folder, taken.item.size) == ("glass", len(CONTENT))
    assert spooled() == []


def test_a_part_at_another_offset_is_refused_with_the_right_one(batch):
    send_part(batch, 0)
    for offset in (0, 2 * STEP):
        with pytest.raises(PartElsewhere) as told:
            send_part(batch, offset)
        assert told.value.received == STEP
    with pytest.raises(PartElsewhere) as told:
        send_part(batch, STEP, name="other.zip")
    assert told.value.received == 0
    assert batch.parts.get().received == STEP


def test_a_file_that_was_changed_meanwhile_begins_anew(batch):
    send_part(batch, 0)
    with pytest.raises(PartElsewhere) as told:
        send_part(batch, STEP, modified=8)
    assert told.value.received == 0


@pytest.mark.parametrize(
    ("size", "offset", "length"),
    [(10, 0, 11), (10, 9, 2), (10, -1, 2), (10, 0, 0), (10, 4, 0), (100 << 20, 0, parts.MAX_PART_BYTES + 1)],
)
def test_a_part_that_does_not_fit_into_its_file_is_refused(batch, size, offset, length):
    with pytest.raises(PartRefused):
        part_add(
            batch=batch,
            file=whole_file(name="a.zip", size=size, modified=1),
            offset=offset,
            length=length,
            stream=io.BytesIO(b"x" * length),
        )
    assert spooled() == []
    assert not UploadPart.objects.filter(received__gt=0).exists()


@pytest.mark.parametrize(("name", "size"), [("a.zip", 0), ("", 5), ("a.jpg", 3 << 20), ("a.zip", 5 << 20)])
def test_a_file_that_can_not_be_is_refused_before_its_first_part(settings, name, size):
    settings.MAX_FILE_BYTES, settings.MAX_ARCHIVE_BYTES = 2 << 20, 4 << 20
    with pytest.raises(PartRefused):
        whole_file(name=name, size=size, modified=1)


def test_two_tabs_that_send_one_file_finish_it_together(batch):
    send_part(batch, 0)
    with pytest.raises(PartElsewhere) as told:
        send_part(batch, 0)
    send_part(batch, told.value.received)
    send_part(batch, 2 * STEP)
    late = send_part(batch, STEP)
    assert (late.is_whole, late.item) == (True, None)
    assert batch.items.count() == 1
    assert spooled()[0].read_bytes() == CONTENT


@pytest.mark.django_db(transaction=True)
def test_two_tabs_at_the_very_same_moment_store_each_byte_once(dataset, curator):
    batch = batch_open(dataset=dataset, created_by=curator)
    faults: list[BaseException] = []

    def tab() -> None:
        offset = 0
        try:
            while offset < len(CONTENT):
                try:
                    offset = send_part(UploadBatch.objects.get(pk=batch.pk), offset, step=512).received
                except PartElsewhere as told:
                    offset = told.received
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    tabs = [threading.Thread(target=tab) for _ in range(3)]
    for one in tabs:
        one.start()
    for one in tabs:
        one.join(timeout=60)
    assert not faults
    item = batch.items.get()
    assert (site_store().spool / item.detail).read_bytes() == CONTENT
    assert [path.name for path in spooled()] == [item.detail]


def test_a_last_part_that_was_stored_but_not_finished_is_finished_without_bytes(batch):
    send_part(batch, 0, step=len(CONTENT) - 1)
    UploadPart.objects.update(received=len(CONTENT))
    done = send_part(batch, len(CONTENT))
    assert done.is_whole
    assert batch.items.get() == done.item


def test_parts_go_over_the_wire_and_a_wrong_offset_is_told(browser, batch):
    fields = {"path": "glass/big.jpg", "size": len(CONTENT), "modified": 5, "offset": 0}
    answer = browser.post(url("part", batch), {**fields, "part": SimpleUploadedFile("p", CONTENT[:STEP])})
    assert answer.json() == {"received": STEP, "whole": False, "rejected": []}
    answer = browser.post(url("part", batch), {**fields, "part": SimpleUploadedFile("p", CONTENT[:STEP])})
    assert (answer.status_code, answer.json()["received"]) == (409, STEP)
    answer = browser.post(
        url("part", batch), {**fields, "offset": STEP, "part": SimpleUploadedFile("p", CONTENT[STEP:])}
    )
    assert answer.json() == {"received": len(CONTENT), "whole": True, "rejected": []}
    for wrong in ({"size": "x"}, {"offset": ""}, {"path": ""}):
        assert browser.post(url("part", batch), {**fields, **wrong}).status_code == 400
    batch_close(batch=batch)
    answer = browser.post(url("part", batch), {**fields, "part": SimpleUploadedFile("p", CONTENT[:STEP])})
    assert answer.status_code == 409
    assert "received" not in answer.json()


def test_ending_with_what_has_arrived_tells_what_came_in_part_and_removes_its_bytes(browser, batch):
    add(batch, "glass/1.jpg")
    send_part(batch, 0)
    browser.post(url("close", batch))
    item = batch.items.get(verdict=Verdict.INCOMPLETE)
    assert (item.name, item.detail) == ("all/big.zip", "part:40")
    page = browser.get(url("batch", batch)).content.decode()
    assert "Only 40 % of the file had arrived" in page
    assert spooled() == []
    assert not UploadPart.objects.exists()
    assert Job.objects.count() == 1


def test_the_page_of_an_unfinished_upload_leads_to_where_it_is_gone_on_with(browser, batch, client_of, admin):
    add(batch, "glass/1.jpg")
    back = f"{reverse('ingest:upload', args=[batch.dataset.slug])}#unfinished-{batch.pk}"
    assert back in browser.get(url("batch", batch)).content.decode()
    assert f'id="unfinished-{batch.pk}"' in upload_page(browser, batch.dataset).content.decode()
    assert back not in client_of(admin).get(url("batch", batch)).content.decode()


def test_discarding_removes_rows_and_waiting_files_and_starts_nothing(browser, batch, dataset):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("glass/1.jpg", b"x")
    batch_add_files(batch=batch, files=[Incoming("a.zip", "", io.BytesIO(buffer.getvalue()))])
    add(batch, "glass/1.jpg")
    send_part(batch, 0)
    answer = browser.post(url("discard", batch), follow=True)
    assert "The unfinished upload was discarded." in answer.content.decode()
    assert not UploadBatch.objects.exists()
    assert not UploadItem.objects.exists()
    assert not UploadPart.objects.exists()
    assert spooled() == []
    assert not Job.objects.exists()


def test_the_preview_asks_what_a_list_says_and_nothing_is_kept(browser, dataset):
    content = "path,label\n1.jpg,鼠标\n,glass\n"
    address = reverse("ingest:read_list", args=[dataset.slug])
    answer = browser.post(address, {"list": SimpleUploadedFile("l.csv", content.encode("gbk"))}).json()
    assert answer["rows"] == [["1.jpg", "鼠标", ""]]
    assert (answer["faulty"], answer["faults"]) == (1, [{"line": 3, "sentence": "The row names no file."}])
    refused = browser.post(address, {"list": SimpleUploadedFile("l.csv", b"a,b\n1,2\n")})
    assert (refused.status_code, "path and label" in refused.json()["error"]) == (422, True)
    assert browser.post(address).status_code == 400
    assert not UploadBatch.objects.exists()


def test_an_upload_that_was_finished_meanwhile_is_not_discarded(browser, batch):
    add(batch, "glass/1.jpg")
    batch_close(batch=batch)
    with pytest.raises(BatchClosed):
        batch_discard(batch=batch)
    assert "finished meanwhile" in browser.post(url("discard", batch), follow=True).content.decode()
    assert batch.items.count() == 1


def test_files_and_parts_that_race_with_the_end_are_refused_and_leave_nothing(batch):
    """The tab read the row before another one closed it."""
    send_part(batch, 0)
    stale = UploadBatch.objects.get(pk=batch.pk)
    batch_close(batch=batch)
    before = batch.items.count()
    buffer = io.BytesIO(b"PK\5\6" + b"\0" * 18)
    for late in (Incoming("late.zip", "", buffer), Incoming("late.jpg", "", io.BytesIO(b"x"))):
        with pytest.raises(BatchClosed):
            batch_add_files(batch=stale, files=[late])
    for offset in (0, STEP):
        with pytest.raises((BatchClosed, PartElsewhere)):
            send_part(stale, offset)
    assert batch.items.count() == before
    assert spooled() == []


def test_an_empty_file_or_one_passed_over_that_is_sent_twice_has_one_line(batch):
    for _again in range(2):
        batch_add_files(
            batch=batch, files=[Incoming("a.jpg", "", io.BytesIO()), Incoming("n.txt", "", io.BytesIO())]
        )
    assert batch.items.count() == 2


def test_parts_that_nobody_went_on_with_are_swept_after_a_week_and_the_upload_stays(batch):
    add(batch, "glass/1.jpg")
    send_part(batch, 0)
    assert uploads_sweep() == 0
    UploadPart.objects.update(touched_at=timezone.now() - timedelta(days=8))
    orphan = site_store().spool / f"upload-{'0' * 32}.part"
    orphan.write_bytes(b"x")
    os.utime(orphan, (time.time() - 8 * 86_400,) * 2)
    assert uploads_sweep() == 2
    assert spooled() == []
    assert UploadBatch.objects.get(pk=batch.pk).state == BatchState.RECEIVING
    assert send_part(batch, 0).received == STEP


def test_opening_keeps_how_many_files_are_meant_to_come_and_what_folders_mean(browser, dataset):
    sent = {"expected": 1200, "use_folders": ""}
    answer = browser.post(reverse("ingest:open", args=[dataset.slug]), sent).json()
    batch = UploadBatch.objects.get(pk=answer["batch"])
    assert (batch.expected_files, batch.use_folders) == (1200, False)
    files = {"files": [SimpleUploadedFile("1.jpg", b"x")], "paths": json.dumps(["glass/1.jpg"])}
    browser.post(answer["addUrl"], files)
    assert batch.items.get().folder == ""
