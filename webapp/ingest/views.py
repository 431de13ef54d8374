"""Uploads: the page, the three requests of a batch, and the page that tells what became of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from ml.durable import StoreFull
from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.core.pagination import whole_number
from webapp.datasets.models import Dataset
from webapp.datasets.selectors import dataset_for
from webapp.ingest import selectors, services, verdicts
from webapp.ingest.folders import visible
from webapp.ingest.forms import LICENCES, BatchForm
from webapp.ingest.labels import MAX_LIST_BYTES
from webapp.ingest.models import BatchState, UploadBatch, UploadItem, Verdict
from webapp.ingest.parts import MAX_PART_BYTES
from webapp.ingest.sending import addresses, batch_for, incoming, opened, user_of
from webapp.jobs.selectors import why_waiting

PAGE = 100
MAX_FILES_A_REQUEST = 20
MAX_BYTES_A_REQUEST = 8 * 2**20
RUNNING_WITHIN = timedelta(seconds=20)


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    """The upload page. Its form alone, without JavaScript, sends everything in one request."""
    dataset = dataset_for(user_of(request), slug)
    form = BatchForm(request.POST or None, initial={"use_folders": True})
    if request.method == "POST" and form.is_valid():
        files = request.FILES.getlist("files")
        if not files:
            form.add_error(None, _("Choose at least one file."))
        else:
            return _take_all(request, dataset, form, files)
    unfinished = selectors.unfinished_batches(dataset, user_of(request))
    page = _page(dataset, form, [_offered(batch) for batch in unfinished])
    return render(request, "ingest/upload.html", page, status=422 if form.errors else 200)


def _page(dataset: Dataset, form: BatchForm, unfinished: list[UploadBatch]) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "section": "upload",
        "form": form,
        "licences": LICENCES,
        "unfinished": unfinished,
        "recent": selectors.recent_batches(dataset),
        "max_file_mb": settings.MAX_FILE_BYTES >> 20,
        "max_archive_mb": settings.MAX_ARCHIVE_BYTES >> 20,
        "max_files_plain": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        "upload_config": {
            "openUrl": reverse("ingest:open", args=[dataset.slug]),
            "listUrl": reverse("ingest:read_list", args=[dataset.slug]),
            "maxListBytes": MAX_LIST_BYTES,
            "classes": selectors.known_class_names(dataset),
            "categories": selectors.known_category_names(dataset),
            "maxFileBytes": settings.MAX_FILE_BYTES,
            "maxArchiveBytes": settings.MAX_ARCHIVE_BYTES,
            "maxFiles": MAX_FILES_A_REQUEST,
            "maxBytes": MAX_BYTES_A_REQUEST,
            "partBytes": MAX_PART_BYTES,
            "unfinished": [_unfinished(batch) for batch in unfinished],
        },
    }


def _offered(batch: UploadBatch) -> UploadBatch:
    """The batch with what its card says: when it began, and whether somebody may be sending right now."""
    begun = timezone.localtime(batch.created_at)
    is_today = begun.date() == timezone.localdate()
    batch.when = date_format(begun, "H:i" if is_today else "SHORT_DATETIME_FORMAT")  # type: ignore[attr-defined]
    batch.may_be_running = timezone.now() - batch.touched_at < RUNNING_WITHIN  # type: ignore[attr-defined]
    return batch


def _unfinished(batch: UploadBatch) -> dict[str, Any]:
    """What the script needs to go on with a batch."""
    return addresses(batch) | {
        "author": batch.author,
        "licence": batch.licence,
        "useFolders": batch.use_folders,
        "when": batch.when,  # type: ignore[attr-defined]
        "arrived": batch.n_items,  # type: ignore[attr-defined]
        "fromFolder": batch.is_of_folder,  # type: ignore[attr-defined]
        "expected": batch.expected_files,
    }


def _take_all(
    request: HttpRequest, dataset: Dataset, form: BatchForm, files: list[UploadedFile[bytes]]
) -> HttpResponse:
    batch = opened(request, dataset, form)
    try:
        services.batch_add_files(batch=batch, files=incoming(files, [f.name or "" for f in files], False))
    except StoreFull as error:
        messages.error(request, str(error))
        return redirect("ingest:upload", slug=dataset.slug)
    services.batch_close(batch=batch)
    return redirect("ingest:batch", slug=dataset.slug, pk=batch.pk)


@allow(Role.VIEWER)
@require_GET
def batch(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """What became of every file; while the batch is unfinished htmx asks for the figures again and again."""
    the_batch = batch_for(request, slug, pk)
    progress = selectors.batch_progress(the_batch)
    context = {
        "dataset": the_batch.dataset,
        "section": "upload",
        "batch": the_batch,
        "progress": progress,
        "abandoned": the_batch.state == BatchState.RECEIVING,
        "may_go_on": the_batch.created_by == user_of(request),
        "why": why_waiting(progress.job) if progress.job and progress.job.state == "queued" else "",
        "groups": _groups(progress),
        "may_upload": user_of(request).may(Role.CURATOR),
    }
    if getattr(request, "htmx", False):
        return _tick(request, context)
    verdict = request.GET.get("verdict", "")
    verdict = verdict if verdict in Verdict.values else ""
    page = selectors.items_page(
        the_batch,
        verdict=verdict,
        after=whole_number(request.GET.get("after")),
        size=PAGE,
    )
    for item in page.items:
        _shown(item)
    context |= {
        "page": page,
        "number": selectors.batch_number(the_batch),
        "verdict": verdict,
        "steps": None if progress.is_unfinished else selectors.next_steps(the_batch),
    }
    return render(request, "ingest/batch.html", context)


def _tick(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The figures alone; once everything has its verdict, the whole page with what to do next."""
    progress: selectors.BatchProgress = context["progress"]
    response = render(request, "ingest/_progress.html", context)
    if not progress.is_unfinished:
        response["HX-Refresh"] = "true"
    return response


def _shown(item: UploadItem) -> UploadItem:
    """The item with what its line in the list says."""
    item.shown_name = visible(item.name)  # type: ignore[attr-defined]
    item.image_name = visible(str(item.image)) if item.image else ""  # type: ignore[attr-defined]
    item.what = verdicts.what_happened(item.verdict, item.detail)  # type: ignore[attr-defined]
    item.todo = verdicts.what_to_do(item.verdict)  # type: ignore[attr-defined]
    item.is_bad = item.verdict not in selectors.GOOD  # type: ignore[attr-defined]
    return item


def _groups(progress: selectors.BatchProgress) -> list[dict[str, Any]]:
    """Verdicts that occurred, each with its sentence: what was saved, then what was not."""
    rejections = [v for v in Verdict if v not in selectors.GOOD]
    order = [Verdict.SAVED, *rejections, *(v for v in selectors.GOOD if v != Verdict.SAVED)]
    return [
        {
            "verdict": verdict.value,
            "label": verdict.label,
            "count": progress.counts[verdict],
            "bad": verdict not in selectors.GOOD,
            "what": verdicts.what_happened(verdict),
            "todo": verdicts.what_to_do(verdict),
        }
        for verdict in order
        if progress.counts.get(verdict)
    ]


@allow(Role.VIEWER)
@require_GET
def batch_csv(request: HttpRequest, slug: str, pk: int) -> HttpResponseBase:
    """A line per file, for a spreadsheet."""
    the_batch = batch_for(request, slug, pk)
    head = [
        _("File"),
        _("Class folder"),
        _("Verdict"),
        _("What happened and what to do"),
        "sha256",
        _("Photo here"),
    ]

    def lines() -> Iterator[list[str]]:
        yield head
        for item in the_batch.items.select_related("image").order_by("id").iterator(chunk_size=1000):
            words = verdicts.sentence(item.verdict, item.detail)
            here = _cell(str(item.image)) if item.image else ""
            yield [_cell(item.name), _cell(item.folder), item.verdict, words, item.sha256, here]

    writer = csv.writer(cast(Any, _Echo()))
    # The mark at the start makes spreadsheet programs read it as UTF-8.
    body = (("\ufeff" if n == 0 else "") + writer.writerow(line) for n, line in enumerate(lines()))
    response = StreamingHttpResponse(body, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="upload-{the_batch.pk}.csv"'
    return response


def _cell(text: str) -> str:
    """A spreadsheet runs a cell that begins like a formula: file names come from strangers."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


class _Echo:
    """What csv.writer writes to: it hands each line back."""

    def write(self, line: str) -> str:
        return line
