"""The page where anybody may ask. It works without JavaScript; the script that improves it gets fragments."""

from __future__ import annotations

from typing import IO, Any, cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from webapp.accounts.access import public
from webapp.publishing.classify import BadPhoto, ClassifyError, PhotoTooLarge, classes_of, classify
from webapp.publishing.limits import count_request
from webapp.publishing.models import PublishedModel
from webapp.publishing.present import shown
from webapp.publishing.selectors import advice_for, current_model, current_models
from webapp.publishing.services import request_record

# Boundaries, headers and the CSRF token of the form, besides the photo itself.
FORM_OVERHEAD_BYTES = 64 * 1024
MAX_CHOICES = 24


@public
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    models = list(current_models()[: MAX_CHOICES + 1])
    if not models:
        return render(request, "publishing/none.html")
    return _page(request, models[0], others=models[1:])


# The token is checked by the view inside: to find it the whole body is read, so its length comes first.
@csrf_exempt
@public
@require_http_methods(["GET", "HEAD", "POST"])
def model(request: HttpRequest, slug: str) -> HttpResponse:
    found = current_model(slug)
    if found is None:
        raise Http404(_("Nothing is published here."))
    if request.method != "POST":
        return _page(request, found)
    if _declared_length(request) > settings.MAX_PUBLIC_BYTES + FORM_OVERHEAD_BYTES:
        return _refusal(request, found, PhotoTooLarge(settings.MAX_PUBLIC_BYTES))
    response: HttpResponse = _answer_photo(request, found)
    return response


@csrf_protect
def _answer_photo(request: HttpRequest, found: PublishedModel) -> HttpResponse:
    try:
        count_request(request, found)
        answer = classify(found, photo_of(request))
    except ClassifyError as error:
        return _refusal(request, found, error)
    request_record(model=found, answer=answer)
    label_class = None if answer.abstained else advice_for(found.dataset, answer.label)
    context: dict[str, Any] = {"shown": shown(answer, label_class)}
    if request.htmx:  # type: ignore[attr-defined]
        return as_fragment(render(request, "publishing/_answer.html", context))
    return _page(request, found, **context)


def photo_of(request: HttpRequest) -> IO[bytes]:
    """The photo of whichever of the form's inputs was used."""
    files = request.FILES.getlist("photo")
    if not files:
        raise BadPhoto(_("No photo has arrived. Take or choose one first."))
    return cast(IO[bytes], files[0])


def _refusal(request: HttpRequest, found: PublishedModel, error: ClassifyError) -> HttpResponse:
    context: dict[str, Any] = {"problem": error.sentence, "retry_after": error.retry_after}
    if request.htmx:  # type: ignore[attr-defined]
        response = as_fragment(render(request, "publishing/_problem.html", context, status=error.status))
    else:
        response = _page(request, found, status=error.status, **context)
    if error.retry_after:
        response["Retry-After"] = str(error.retry_after)
    return response


def _page(
    request: HttpRequest,
    found: PublishedModel,
    *,
    others: list[PublishedModel] | None = None,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    classes = classes_of(found.bundle)
    context |= {
        "model": found,
        "run": found.bundle.run,
        "groups": _by_category(classes),
        "n_classes": len(classes),
        "has_bins": any(one.get("bin") for one in classes),
        "others": others or [],
    }
    response = render(request, "publishing/public.html", context, status=status)
    # An answer is for the one who asked; the page itself carries a token.
    response["Cache-Control"] = "no-store" if request.method == "POST" else "private, no-cache"
    return response


def as_fragment(response: HttpResponse) -> HttpResponse:
    """Tells the script that this is the part it asked for, and not some error page on the way."""
    response["X-Fragment"] = "1"
    response["Cache-Control"] = "no-store"
    return response


def _by_category(classes: list[dict[str, str]]) -> list[tuple[dict[str, str], list[dict[str, str]]]]:
    """Classes under their category, in the order in which the categories first appear."""
    groups: dict[str, list[dict[str, str]]] = {}
    for one in classes:
        groups.setdefault(one.get("category", ""), []).append(one)
    return [(members[0], members) for members in groups.values()]


def _declared_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
