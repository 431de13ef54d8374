"""The requests of the upload page's script: open a batch, send files and parts, ask what is there, close, discard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from ml.durable import StoreFull
from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.core.pagination import whole_number
from webapp.datasets.models import Dataset, Source
from webapp.datasets.selectors import dataset_for
from webapp.ingest import selectors, services, verdicts
from webapp.ingest.folders import class_folder
from webapp.ingest.forms import BatchForm
from webapp.ingest.labels import MAX_LIST_BYTES, ListError, read_labels
from webapp.ingest.models import BatchState, UploadBatch, UploadItem, Verdict
from webapp.ingest.parts import PartElsewhere, PartRefused, part_add, whole_file

ARRIVED_A_PAGE = 5000
FAULTS_SHOWN = 10


def user_of(request: HttpRequest) -> User:
    return cast(User, request.user)


def batch_for(request: HttpRequest, slug: str, pk: int) -> UploadBatch:
    rows = dataset_for(user_of(request), slug).batches.exclude(state=BatchState.DISCARDED)
    return get_object_or_404(rows.select_related("dataset", "created_by"), pk=pk)


def own_batch_for(request: HttpRequest, slug: str, pk: int) -> UploadBatch:
    """Only who began an upload goes on with it."""
    batch = batch_for(request, slug, pk)
    if batch.created_by != user_of(request):
        raise Http404
    return batch


def opened(request: HttpRequest, dataset: Dataset, form: BatchForm) -> UploadBatch:
    """A new batch as a valid form describes it."""
    data = form.cleaned_data
    services.categories_confirm(dataset=dataset, names=data["categories"])
    services.uploads_sweep()
    return services.batch_open(
        dataset=dataset,
        created_by=user_of(request),
        source=Source.UPLOAD,
        author=data["author"],
        licence=data["licence"],
        use_folders=data["use_folders"],
        expected_files=data["expected"] or 0,
    )


def incoming(
    files: Sequence[UploadedFile[bytes]], paths: Sequence[str], use_folders: bool
) -> Iterator[services.Incoming]:
    for file, path in zip(files, paths, strict=True):
        yield services.Incoming(path, class_folder(path) if use_folders else "", cast(Any, file))


def addresses(batch: UploadBatch) -> dict[str, Any]:
    """Where the script sends what belongs to a batch."""
    here = [batch.dataset.slug, batch.pk]
    return {
        "batch": batch.pk,
        "addUrl": reverse("ingest:add", args=here),
        "partUrl": reverse("ingest:part", args=here),
        "arrivedUrl": reverse("ingest:arrived", args=here),
        "closeUrl": reverse("ingest:close", args=here),
        "url": reverse("ingest:batch", args=here),
    }


@allow(Role.CURATOR)
@require_POST
def open_batch(request: HttpRequest, slug: str) -> JsonResponse:
    """Begin a batch; answers where its files go."""
    dataset = dataset_for(user_of(request), slug)
    form = BatchForm(request.POST)
    if not form.is_valid():
        return _refused(" ".join(str(e) for errors in form.errors.values() for e in errors))
    return JsonResponse(addresses(opened(request, dataset, form)))


@allow(Role.CURATOR)
@require_POST
def add_files(request: HttpRequest, slug: str, pk: int) -> JsonResponse:
    """Take some files. Django drops the folders from their names, so those come in `paths`, a JSON list."""
    batch = own_batch_for(request, slug, pk)
    files = request.FILES.getlist("files")
    try:
        paths = json.loads(request.POST.get("paths", "[]"))
    except ValueError:
        paths = None
    if not isinstance(paths, list) or len(paths) != len(files) or not all(isinstance(p, str) for p in paths):
        return _refused(_("The request must name the path of each of its files."))
    if not files:
        return _refused(_("The request holds no file."))
    try:
        items = services.batch_add_files(batch=batch, files=incoming(files, paths, batch.use_folders))
    except services.BatchClosed as error:
        return _refused(str(error), 409)
    except StoreFull as error:
        return _refused(str(error), 507)
    return JsonResponse({"taken": len(items), "rejected": _rejected(items)})


@allow(Role.CURATOR)
@require_POST
def add_part(request: HttpRequest, slug: str, pk: int) -> JsonResponse:
    """Take a part of a large file: `path`, `size`, `modified` (ms) and `offset`, with the bytes as `part`.

    409 with `received` where the file has come to another offset, so that the sender goes on from there.
    """
    batch = own_batch_for(request, slug, pk)
    size, offset, modified = (whole_number(request.POST.get(name)) for name in ("size", "offset", "modified"))
    chunk = request.FILES.get("part")
    if size is None or offset is None:
        return _refused(_("The request must name the path and size of its file."))
    try:
        file = whole_file(name=request.POST.get("path", ""), size=size, modified=modified or 0)
        taken = part_add(
            batch=batch,
            file=file,
            offset=offset,
            length=(chunk.size or 0) if chunk else 0,
            stream=cast(Any, chunk),
        )
    except PartRefused as error:
        return _refused(str(error))
    except PartElsewhere as error:
        words = _("The file has arrived as far as byte %(n)d.") % {"n": error.received}
        return JsonResponse({"error": words, "received": error.received}, status=409)
    except services.BatchClosed as error:
        return _refused(str(error), 409)
    except StoreFull as error:
        return _refused(str(error), 507)
    rejected = _rejected([taken.item] if taken.item else [])
    return JsonResponse({"received": taken.received, "whole": taken.is_whole, "rejected": rejected})


@allow(Role.CURATOR)
@require_POST
def read_list(request: HttpRequest, slug: str) -> JsonResponse:
    """What a list of labels says, for the preview; nothing is kept. The list itself is sent with the photos."""
    dataset_for(user_of(request), slug)
    file = request.FILES.get("list")
    if file is None:
        return _refused(_("The request holds no file."))
    try:
        rows = read_labels(file.read(MAX_LIST_BYTES + 1))
    except ListError as error:
        return _refused(verdicts.sentence(Verdict.BAD_LIST, error.code), 422)
    faults = [row for row in rows if row.fault]
    return JsonResponse(
        {
            "rows": [[row.path, row.label, row.category] for row in rows if not row.fault],
            "faulty": len(faults),
            "faults": [
                {"line": row.line, "sentence": verdicts.what_happened(Verdict.ROW_NOT_USED, row.fault)}
                for row in faults[:FAULTS_SHOWN]
            ],
        }
    )


@allow(Role.CURATOR)
@require_GET
def arrived(request: HttpRequest, slug: str, pk: int) -> JsonResponse:
    """What an open batch has already, in pages, so that the sender leaves it out."""
    batch = own_batch_for(request, slug, pk)
    if batch.state != BatchState.RECEIVING:
        return _refused(str(services.closed()), 409)
    after = whole_number(request.GET.get("after"))
    page = selectors.arrived_page(batch, after=after, size=ARRIVED_A_PAGE)
    return JsonResponse({"files": page.files, "parts": page.parts, "next": page.next_after})


@allow(Role.CURATOR)
@require_POST
def close_batch(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """All files are here: queue the import. Also the button for an upload whose browser went away."""
    batch = batch_for(request, slug, pk)
    services.batch_close(batch=batch)
    url = reverse("ingest:batch", args=[batch.dataset.slug, batch.pk])
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse({"url": url})
    return redirect(url)


@allow(Role.CURATOR)
@require_POST
def discard_batch(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Throw away an upload that was never finished; only who began it may."""
    batch = own_batch_for(request, slug, pk)
    try:
        services.batch_discard(batch=batch)
    except services.BatchClosed:
        messages.error(request, _("This upload was finished meanwhile, so it was not discarded."))
        return redirect("ingest:batch", slug=slug, pk=pk)
    messages.success(request, _("The unfinished upload was discarded."))
    return redirect("ingest:upload", slug=slug)


def _rejected(items: Sequence[UploadItem]) -> list[dict[str, str]]:
    return [
        {"name": item.name, "verdict": item.verdict, "sentence": verdicts.sentence(item.verdict, item.detail)}
        for item in items
        if item.verdict != Verdict.PENDING
    ]


def _refused(error: str, status: int = 400) -> JsonResponse:
    return JsonResponse({"error": error}, status=status)
