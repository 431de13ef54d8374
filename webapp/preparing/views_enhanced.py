"""A snapshot's photos and mirrored copies: browsed as a gallery, handed over as one ZIP."""

from __future__ import annotations

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import whole_number
from webapp.core.store import site_store
from webapp.datasets.selectors import dataset_for
from webapp.datasets.views_media import FOR_GOOD
from webapp.preparing import selectors
from webapp.preparing.services import PreparationError, enhance_start
from webapp.snapshots.models import SnapshotState, Transform
from webapp.snapshots.selectors import parts_of, snapshot_for


@allow(Role.VIEWER)
@require_GET
def gallery(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """By class, split and transform; `after` is the last row of the page before."""
    dataset = dataset_for(person(request), slug)
    snapshot = snapshot_for(dataset, number)
    chosen = selectors.EnhancedFilter.read(request.GET)
    making = selectors.enhancing_of(snapshot)
    path = site_store().enhanced_path(snapshot.digest) if snapshot.state == SnapshotState.READY else None
    counts = selectors.transform_counts(snapshot)
    context = {
        "dataset": dataset,
        "section": "prepare",
        "snapshot": snapshot,
        "chosen": chosen,
        "splits": [part for part in parts_of(snapshot) if part.n],
        "transforms": [(name, label, counts[name]) for name, label in Transform.choices if name in counts],
        "classes": selectors.enhanced_classes(snapshot),
        "page": selectors.enhanced_page(snapshot, chosen, after=whole_number(request.GET.get("after"))),
        "making": making,
        "zip_size": path.stat().st_size if path is not None and path.is_file() else None,
    }
    return render(request, "preparing/enhanced.html", context)


@allow(Role.CURATOR)
@require_POST
def make(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    user = person(request)
    snapshot = snapshot_for(dataset_for(user, slug), number)
    try:
        made = enhance_start(snapshot=snapshot, created_by=user)
    except PreparationError as error:
        messages.error(request, str(error))
        return redirect("preparing:enhanced", slug, number)
    return redirect("preparing:detail", slug, made.pk)


@allow(Role.CURATOR)
@require_safe
def download(request: HttpRequest, slug: str, number: int) -> HttpResponseBase:
    """The file that a job has made; originals leave the house only with a curator, as from the gallery."""
    dataset = dataset_for(person(request), slug)
    snapshot = snapshot_for(dataset, number)
    if snapshot.state != SnapshotState.READY:
        raise Http404
    try:
        stream = site_store().enhanced_path(snapshot.digest).open("rb")
    except FileNotFoundError:
        messages.info(request, _("The ZIP is not made yet. Make it first."))
        return redirect("preparing:enhanced", slug, number)
    name = f"{dataset.slug}-snapshot-{number}-enhanced.zip"
    response = FileResponse(stream, as_attachment=True, filename=name, content_type="application/zip")
    response["X-Content-Type-Options"] = "nosniff"
    return response


@allow(Role.VIEWER)
@require_safe
def flip(request: HttpRequest, slug: str, sha256: str, transform: str) -> HttpResponseBase:
    """A small picture, mirrored or upside down, as a worker has made it."""
    dataset = dataset_for(person(request), slug)
    if not selectors.has_flips(dataset, sha256):
        raise Http404
    try:
        stream = site_store().flip_path(sha256, transform).open("rb")
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(stream, content_type="image/jpeg")
    response["Cache-Control"] = FOR_GOOD
    return response
