"""Exports of a data set: asked for, waited for, downloaded."""

from __future__ import annotations

import base64

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import page_by_id, whole_number
from webapp.datasets.selectors import dataset_for
from webapp.exports import selectors
from webapp.exports.download import checked_stream
from webapp.exports.errors import ExportError
from webapp.exports.models import ExportFormat
from webapp.exports.services import (
    KEPT_A_DATASET,
    KEPT_DAYS,
    export_path,
    export_request,
    why_not_exportable,
)
from webapp.snapshots.models import Snapshot, SnapshotState

PAGE = 20
CHOSEN_AMONG = 200


@allow(Role.VIEWER)
@require_GET
def export_list(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    ready = dataset.snapshots.filter(state=SnapshotState.READY)
    page = page_by_id(
        selectors.exports_of(dataset), before=whole_number(request.GET.get("before")), size=PAGE
    )
    context = {
        "dataset": dataset,
        "section": "overview",
        "page": page,
        "snapshots": list(ready.values_list("number", "note")[:CHOSEN_AMONG]),
        "chosen": whole_number(request.GET.get("snapshot")),
        "formats": ExportFormat.choices,
        "cannot_export": why_not_exportable(dataset),
        "kept_days": KEPT_DAYS,
        "kept": KEPT_A_DATASET,
    }
    return render(request, "exports/list.html", context)


@allow(Role.CURATOR)
@require_POST
def export_create(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    dataset = dataset_for(user, slug)
    snapshot: Snapshot | None = None
    if asked := request.POST.get("snapshot", ""):
        number = whole_number(asked)
        snapshot = dataset.snapshots.filter(number=number).first() if number is not None else None
        if snapshot is None:
            raise Http404
    wanted = request.POST.get("format", ExportFormat.IMAGEFOLDER)
    try:
        made = export_request(dataset=dataset, created_by=user, format=wanted, snapshot=snapshot)
    except ExportError as error:
        messages.error(request, str(error))
        return redirect("exports:list", slug)
    return redirect("exports:detail", slug, made.pk)


@allow(Role.VIEWER)
@require_GET
def export_detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The page stays when the file is gone; asked by htmx it answers the part that changes."""
    dataset = dataset_for(person(request), slug)
    export = selectors.export_for(dataset, pk)
    context = {
        "dataset": dataset,
        "section": "overview",
        "export": export,
        "kept_until": selectors.kept_until(export),
        "name": selectors.download_name(export),
    }
    is_part = getattr(request, "htmx", False)
    return render(request, "exports/_live.html" if is_part else "exports/detail.html", context)


@allow(Role.CURATOR)
@require_GET
def export_download(request: HttpRequest, slug: str, pk: int) -> HttpResponseBase:
    """The ZIP, streamed. Its photos are originals with all that their cameras wrote into them: for curators."""
    dataset = dataset_for(person(request), slug)
    export = selectors.export_for(dataset, pk)
    path = export_path(export)
    if not export.is_there or not path.is_file() or path.stat().st_size != export.size:
        raise Http404
    response = StreamingHttpResponse(checked_stream(path, export.digest), content_type="application/zip")
    response["Content-Length"] = str(export.size)
    response["Content-Disposition"] = str(content_disposition_header(True, selectors.download_name(export)))
    response["ETag"] = f'"{export.digest}"'
    response["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(export.digest)).decode()}:"
    response["Cache-Control"] = "private, no-store"
    return response
