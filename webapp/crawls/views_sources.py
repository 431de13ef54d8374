"""Where photos may come from: turned on and off for the whole site, and asked one real question on demand."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.crawls.errors import CrawlError
from webapp.crawls.presenting import SourceCard, host_of, provider_name, source_cards
from webapp.crawls.providers.registry import PROVIDERS
from webapp.crawls.services import source_check_request, source_turn
from webapp.crawls.sources import next_day, provider_here
from webapp.datasets.answers import wants_part
from webapp.datasets.models import Dataset
from webapp.datasets.selectors import dataset_for


@allow(Role.VIEWER)
@require_http_methods(["GET"])
def source_list(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    context = {
        "dataset": dataset,
        "section": "crawls",
        "rows": [_row(card) for card in source_cards(None)],
        "contact": settings.CRAWL_CONTACT,
        "proxy": _proxy(),
        "next_day": next_day(),
    }
    return render(request, "crawls/sources.html", context)


def _row(card: SourceCard) -> dict[str, Any]:
    return {
        "card": card,
        "source": card.source,
        "name": provider_name(card.source.key),
        "host": host_of(provider_here(card.source.key).base_url),
        "job": card.source.check_job,
    }


def _proxy() -> str:
    """Host and port of the proxy, never its password."""
    if not settings.CRAWL_PROXY:
        return ""
    try:
        parts = urlsplit(settings.CRAWL_PROXY)
        return f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError:
        return ""


@allow(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def turn(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """`on`: "1" or "". A source that states no licences is turned on with `sure` alone; without it that is asked."""
    user = person(request)
    dataset = dataset_for(user, slug)
    _known(key)
    on = request.POST.get("on") == "1"
    needs_asking = on and PROVIDERS[key].traits.needs_consent and request.POST.get("sure") != "yes"
    if request.method == "GET" or needs_asking:
        context = {
            "dataset": dataset,
            "section": "crawls",
            "key": key,
            "name": provider_name(key),
            "unsure": needs_asking,
        }
        return render(request, "crawls/turn_on.html", context, status=422 if needs_asking else 200)
    source_turn(key=key, on=on, actor=user)
    said = _("%(name)s is on.") if on else _("%(name)s is off. Crawls that are under way go on to their end.")
    messages.success(request, said % {"name": provider_name(key)})
    return redirect("crawls:sources", slug)


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """POST asks the source for `words`; GET is what it answered, and asks for itself again until there is an answer."""
    user = person(request)
    dataset = dataset_for(user, slug)
    _known(key)
    refused = ""
    if request.method == "POST":
        try:
            source_check_request(key=key, dataset=dataset, words=request.POST.get("words", ""), actor=user)
        except CrawlError as error:
            refused = str(error)
    if not wants_part(request):
        if refused:
            messages.error(request, refused)
        return redirect(f"{reverse('crawls:sources', args=[slug])}#source-{key}")
    return render(request, "crawls/_check.html", {**_check_context(dataset, key), "refused": refused})


def _check_context(dataset: Dataset, key: str) -> dict[str, Any]:
    card = next(one for one in source_cards(None) if one.source.key == key)
    return {"dataset": dataset, **_row(card)}


def _known(key: str) -> None:
    if key not in PROVIDERS:
        raise Http404
