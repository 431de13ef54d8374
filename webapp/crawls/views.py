"""Crawls of a data set: the list, and the page of each with what became of every candidate."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import page_by_id, whole_number
from webapp.core.store import site_store
from webapp.crawls import selectors, selectors_rates, services
from webapp.crawls.errors import CrawlError
from webapp.crawls.homes import classes_at, home_of, homes_of
from webapp.crawls.models import WORKING, Crawl, CrawlItem, CrawlState, CrawlVerdict
from webapp.crawls.presenting import item_rows, verdict_chips
from webapp.crawls.providers.urllist import n_addresses
from webapp.crawls.selectors_review import waiting_classes
from webapp.datasets.answers import wants_part
from webapp.datasets.models import Dataset
from webapp.datasets.selectors import classes_of, dataset_for, datasets_for
from webapp.datasets.views_media import jpeg
from webapp.jobs.listing import job_row

PAGE = 20
ITEMS = 60
STATES = {
    "working": WORKING,
    "tried": (CrawlState.TRIED,),
    "stopped": (CrawlState.STOPPED,),
    "finished": (CrawlState.FINISHED,),
}


@allow(Role.VIEWER)
@require_GET
def crawl_list(request: HttpRequest, slug: str) -> HttpResponse:
    """`class`: a key; `state`: one of STATES; `plan`: crawls that one act started. htmx asks for the rows alone."""
    dataset = dataset_for(person(request), slug)
    context = {"dataset": dataset, "section": "crawls", **_rows(request, dataset)}
    if wants_part(request):
        return render(request, "crawls/_rows.html", context)
    context |= {
        "classes": list(classes_of(dataset)),
        "states": _state_chips(dataset),
        "waiting": waiting_classes(dataset),
    }
    return render(request, "crawls/list.html", context)


def _rows(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    crawls = selectors.crawls_of(dataset).defer("job__log_tail", "queries", "cursor")
    if key := request.GET.get("class", ""):
        label_class = dataset.classes.filter(key=key).first()
        crawls = crawls.filter(label_class__in=classes_at(label_class)) if label_class else crawls.none()
    if states := STATES.get(request.GET.get("state", "")):
        crawls = crawls.filter(state__in=states)
    if plan := _uuid(request.GET.get("plan", "")):
        crawls = crawls.filter(plan=plan)
    page = page_by_id(crawls, before=whole_number(request.GET.get("before")), size=PAGE)
    counts = selectors.crawl_counts(page.rows)
    queries = selectors.queries_of(dataset.crawls.filter(pk__in=[one.pk for one in page.rows]))
    decided = selectors_rates.decisions(page.rows)
    homes = homes_of(dataset, page.rows)
    return {
        "page": page,
        "rows": [
            {
                "crawl": one,
                "counts": counts[one.pk],
                "words": queries.get(one.pk, []),
                "decided": decided.get(one.pk),
                "home": homes.get(one.label_class_id),
            }
            for one in page.rows
        ],
        "is_working": any(one.is_working for one in page.rows),
        "shown_class": key,
        "shown_state": request.GET.get("state", ""),
        "plan": plan,
    }


def _state_chips(dataset: Dataset) -> list[tuple[str, str, int]]:
    n = selectors.state_counts(dataset)
    labels = {
        "working": _("At work"),
        "tried": _("To look at"),
        "stopped": CrawlState.STOPPED.label,
        "finished": CrawlState.FINISHED.label,
    }
    return [(key, str(labels[key]), sum(n.get(one, 0) for one in states)) for key, states in STATES.items()]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


@allow(Role.VIEWER)
@require_GET
def detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One crawl. While it works, or its trial is ranked, htmx asks for the part that changes."""
    dataset = dataset_for(person(request), slug)
    crawl = selectors.crawl_for(dataset, number)
    verdict = request.GET.get("verdict", "")
    verdict = verdict if verdict in CrawlVerdict.values else ""
    context = {
        "dataset": dataset,
        "section": "crawls",
        "crawl": crawl,
        "verdict": verdict,
        "is_list": crawl.provider == "urls",
        **_live(crawl),
    }
    is_part = wants_part(request)
    # The list below is swapped only where it changed: who reads it, or stands in it by key, is left in peace.
    if not is_part or context["seen"] != request.GET.get("seen", ""):
        context |= {"oob": is_part, "shows_items": True, **_items(request, crawl, verdict)}
    if is_part:
        return render(request, "crawls/_live.html", context)
    context |= {
        "n_lines": n_addresses(crawl.queries) if context["is_list"] else 0,
        "siblings": dataset.crawls.filter(plan=crawl.plan).count() - 1 if crawl.plan else 0,
    }
    return render(request, "crawls/detail.html", context)


def _items(request: HttpRequest, crawl: Crawl, verdict: str) -> dict[str, Any]:
    """The page of candidates that is shown."""
    after = whole_number(request.GET.get("after"))
    page = selectors.items_page(crawl, verdict=verdict, after=after, size=ITEMS)
    return {"items": item_rows(page.items, crawl), "next_after": page.next_after}


def _live(crawl: Crawl) -> dict[str, Any]:
    """What changes while a crawl works."""
    counts = selectors.crawl_counts([crawl])[crawl.pk]
    is_tried = crawl.state == CrawlState.TRIED
    has_photos = bool(counts.tried or counts.saved)
    home = home_of(crawl)
    ranking = selectors.unfinished_rank(home) if is_tried and home and counts.tried else None
    return {
        "counts": counts,
        "chips": verdict_chips(counts),
        # What the list of candidates stands by.
        "seen": f"{crawl.state}.{counts.total}.{counts.pending}",
        "row": job_row(crawl.job) if crawl.job and crawl.job.is_unfinished else None,
        "ranking": ranking,
        "polls": crawl.is_working or ranking is not None,
        "brought_nothing": crawl.state in (CrawlState.TRIED, CrawlState.FINISHED) and not has_photos,
        "sheet": item_rows(selectors.trial_sheet(crawl), crawl) if is_tried else [],
        "shares": selectors.query_shares(crawl) if is_tried else [],
        "strip": item_rows(selectors.newest_good(crawl), crawl) if not is_tried else [],
        "home": home,
        "to_review": selectors.to_review_of(crawl) if counts.saved else 0,
    }


@allow(Role.CURATOR)
@require_POST
def go_on(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """After a look at the trial the rest is fetched; after a stop it goes on from where it was."""
    user = person(request)
    crawl = selectors.crawl_for(dataset_for(user, slug), number)
    try:
        services.crawl_go_on(crawl=crawl, actor=user)
    except CrawlError as error:
        messages.error(request, str(error))
    return redirect("crawls:detail", slug, number)


@allow(Role.CURATOR)
@require_POST
def discard(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    crawl = selectors.crawl_for(dataset_for(person(request), slug), number)
    try:
        services.crawl_discard(crawl=crawl)
    except CrawlError as error:
        messages.error(request, str(error))
        return redirect("crawls:detail", slug, number)
    messages.success(request, _("Crawl %(n)s is gone.") % {"n": number})
    return redirect("crawls:list", slug)


@allow(Role.VIEWER)
@require_safe
def thumb(request: HttpRequest, slug: str, pk: int) -> FileResponse:
    """The thumbnail of a trial's candidate, which has no photo row yet. One query: sheets ask by the hundred."""
    mine = datasets_for(person(request)).filter(slug=slug).order_by().values("pk")
    item = CrawlItem.objects.filter(pk=pk, crawl__dataset__in=mine, verdict=CrawlVerdict.CANDIDATE)
    sha256 = item.values_list("sha256", flat=True).first()
    if not sha256:
        raise Http404
    return jpeg(site_store().thumb_path(sha256))
