"""Pictures, for those who may see the data set. Originals are never shown, only handed over as a download."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.core.store import site_store
from webapp.datasets.models import Image
from webapp.datasets.selectors import dataset_for, datasets_for

# The name is the content's hash: what stands under it can never change.
FOR_GOOD = "private, max-age=31536000, immutable"


@allow(Role.VIEWER)
@require_safe
def thumb(request: HttpRequest, slug: str, sha256: str) -> FileResponse:
    """The thumbnail, long side at most 384 px."""
    _check(request, slug, sha256)
    return jpeg(site_store().thumb_path(sha256))


@allow(Role.VIEWER)
@require_safe
def view(request: HttpRequest, slug: str, sha256: str) -> FileResponse:
    """The picture at 1280 px at most; a photo no larger than its thumbnail has only that."""
    _check(request, slug, sha256)
    store = site_store()
    path = store.view_path(sha256)
    return jpeg(path if path.is_file() else store.thumb_path(sha256))


@allow(Role.CURATOR)
@require_safe
def original(request: HttpRequest, slug: str, sha256: str) -> FileResponse:
    """The bytes as uploaded, only ever as a download: a browser must not open a stranger's file here."""
    dataset = dataset_for(cast(User, request.user), slug)
    image = dataset.images.filter(sha256=sha256).first()
    if image is None:
        raise Http404
    name = Path(image.original_name.replace("\\", "/")).name or f"{sha256[:12]}.{image.format.lower()}"
    try:
        stream = site_store().open_blob(sha256)
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(
        stream, as_attachment=True, filename=name, content_type="application/octet-stream"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _check(request: HttpRequest, slug: str, sha256: str) -> None:
    """404 unless a data set that the user may see holds the image. One query: pages ask by the hundred."""
    mine = datasets_for(cast(User, request.user)).filter(slug=slug).order_by().values("pk")
    if not Image.objects.filter(dataset__in=mine, sha256=sha256).exists():
        raise Http404


def jpeg(path: Path) -> FileResponse:
    """A picture of the store as an answer: kept by the browser for good, never sniffed. Http404 where there is none."""
    try:
        response = FileResponse(path.open("rb"), content_type="image/jpeg")
    except FileNotFoundError:
        raise Http404 from None
    response["Cache-Control"] = FOR_GOOD
    response["X-Content-Type-Options"] = "nosniff"
    return response
