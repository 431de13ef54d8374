"""Try a photo on a run, published or not: a new file, or one of the data set's own."""

from __future__ import annotations

import hashlib
import secrets
from typing import IO, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.core.store import site_store
from webapp.datasets.models import Image
from webapp.datasets.selectors import dataset_for
from webapp.publishing.classify import BadPhoto, ClassifyError, classify
from webapp.publishing.models import Bundle
from webapp.publishing.present import class_name, rows_of
from webapp.publishing.views_public import as_fragment, photo_of
from webapp.runs.models import Run
from webapp.snapshots.models import SnapshotItem, Split, Transform

N_EXAMPLES = 8


@allow(Role.VIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def try_photo(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    dataset = dataset_for(cast(User, request.user), slug)
    run = get_object_or_404(Run.objects.select_related("snapshot", "job"), dataset=dataset, number=number)
    bundle = Bundle.objects.filter(run=run).first()
    context = {"dataset": dataset, "section": "runs", "run": run, "bundle": bundle}
    chosen = request.GET.get("image", "")
    image = None
    if request.method == "POST" and bundle is not None:
        context |= _answer_upload(request, run, bundle)
        if request.htmx:  # type: ignore[attr-defined]
            return _fragment(request, context)
    elif chosen.isdecimal():
        image = get_object_or_404(Image, dataset=dataset, pk=int(chosen))
        if bundle is not None:
            context |= _answer_image(image, run, bundle)
    context |= {"image": image, "examples": examples(run)}
    return render(request, "evaluations/try.html", context, status=cast(int, context.get("status", 200)))


def examples(run: Run) -> list[SnapshotItem]:
    """A few of the snapshot's test photos, others each time."""
    items = SnapshotItem.objects.filter(snapshot=run.snapshot, split=Split.TEST, transform=Transform.ORIGINAL)
    items = items.filter(image__isnull=False).select_related("label").order_by("sha256")
    # Hashes are spread evenly: whatever follows a random one is a random choice, found by the index.
    later = list(items.filter(sha256__gte=secrets.token_hex(32))[:N_EXAMPLES])
    missing = N_EXAMPLES - len(later)
    return later + list(items.exclude(pk__in=[one.pk for one in later])[:missing])


def _answer_upload(request: HttpRequest, run: Run, bundle: Bundle) -> dict[str, object]:
    try:
        stream = photo_of(request)
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
        stream.seek(0)
        return _answered(bundle, stream, run, sha256)
    except ClassifyError as error:
        return _problem(error)


def _answer_image(image: Image, run: Run, bundle: Bundle) -> dict[str, object]:
    try:
        with site_store().open_blob(image.sha256) as stream:
            return _answered(bundle, stream, run, image.sha256)
    except FileNotFoundError:
        return _problem(BadPhoto(_("The file of this photo is gone from the store.")))
    except ClassifyError as error:
        return _problem(error)


def _answered(bundle: Bundle, stream: IO[bytes], run: Run, sha256: str) -> dict[str, object]:
    answer = classify(bundle, stream, max_bytes=settings.MAX_FILE_BYTES)
    known = SnapshotItem.objects.filter(snapshot=run.snapshot, sha256=sha256, transform=Transform.ORIGINAL)
    item = known.select_related("label").first()
    return {
        "answer": answer,
        "headline": class_name(answer.best),
        "rows": rows_of(answer),
        "item": item,
        "is_right": item and item.label.key == answer.label,
    }


def _problem(error: ClassifyError) -> dict[str, object]:
    return {"problem": error.sentence, "retry_after": error.retry_after, "status": error.status}


def _fragment(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    status = cast(int, context.get("status", 200))
    template = "evaluations/_try_answer.html" if "answer" in context else "publishing/_problem.html"
    response = as_fragment(render(request, template, context, status=status))
    if context.get("retry_after"):
        response["Retry-After"] = str(context["retry_after"])
    return response
