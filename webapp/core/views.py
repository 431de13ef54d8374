"""Views that belong to no noun: language, the JavaScript catalogue, error pages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.views.i18n import JavaScriptCatalog
from django.views.i18n import set_language as django_set_language

from webapp.accounts.access import public
from webapp.accounts.models import User
from webapp.core.catalog import catalog_version

_catalog = JavaScriptCatalog.as_view(packages=None)


@public
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Remembers the language in a cookie, and for someone signed in with the account too."""
    response = django_set_language(request)
    if isinstance(request.user, User) and request.method == "POST":
        from webapp.accounts.services import user_set_language

        user_set_language(user=request.user, language=request.POST.get("language", ""))
    return response


@public
def javascript_catalog(request: HttpRequest) -> HttpResponseBase:
    """The strings of the modules in the language that the address names.

    The language comes from the address alone: an answer kept under it can never be in another language.
    """
    language = request.GET.get("language", settings.LANGUAGE_CODE)
    if language not in dict(settings.LANGUAGES):
        language = settings.LANGUAGE_CODE
    with translation.override(language):
        response: HttpResponseBase = _catalog(request)
    # Only the address of the present translations may be kept for good.
    is_current = request.GET.get("v") == catalog_version()
    response["Cache-Control"] = "public, max-age=31536000, immutable" if is_current else "no-cache"
    return response


def _error(request: HttpRequest, status: int) -> HttpResponse:
    """An error page in the frame of the place it happened in; a sentence in JSON for a module's request."""
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": str(translation.gettext(SENTENCES[status]))}, status=status)
    signed_in = isinstance(getattr(request, "user", None), User)
    base = "base_studio.html" if signed_in else "base_plain.html"
    return render(request, f"errors/{status}.html", {"base": base}, status=status)


SENTENCES = {
    400: translation.gettext_noop("The request can't be read. Load the page again."),
    403: translation.gettext_noop("Your role does not allow this."),
    404: translation.gettext_noop("This is not here any more."),
    500: translation.gettext_noop("Something broke on the server. Try again."),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 — Django passes it
    return _error(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 — Django passes it
    return _error(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 — Django passes it
    return _error(request, 404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 — Django passes it
    """A form older than the session: say what to do rather than what failed."""
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse(
            {"error": translation.gettext("This page is too old. Load it again.")}, status=403
        )
    return render(request, "errors/csrf.html", status=403)


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:  # noqa: ARG001 — Django passes it
    """Rendered without the request: whatever broke may break a context processor too."""
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": translation.gettext(SENTENCES[500])}, status=500)
    return HttpResponse(render_to_string("errors/500.html"), status=500)
