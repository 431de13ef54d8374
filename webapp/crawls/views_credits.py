"""Credits: who made the photos that crawls brought, and under which licence."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import page_by_id, whole_number
from webapp.crawls.credits import credited, credits_table, licence_counts
from webapp.datasets.selectors import dataset_for

PAGE = 100
CHIPS = 24


@allow(Role.VIEWER)
@require_GET
def credit_list(request: HttpRequest, slug: str) -> HttpResponse:
    """`licence`: photos of that one alone; empty: of those that state none."""
    dataset = dataset_for(person(request), slug)
    licence = request.GET.get("licence")
    page = page_by_id(
        credited(dataset, licence=licence).select_related("label__category").defer("channel_sums"),
        before=whole_number(request.GET.get("before")),
        size=PAGE,
    )
    counts = licence_counts(dataset)
    context = {
        "dataset": dataset,
        "section": "crawls",
        "licence": licence,
        "page": page,
        "counts": counts[:CHIPS],
        "more": max(0, len(counts) - CHIPS),
        "total": sum(one.n for one in counts),
        "unstated": sum(one.n for one in counts if not one.licence),
    }
    return render(request, "crawls/credits.html", context)


@allow(Role.VIEWER)
@require_GET
def credits_csv(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """What the page shows, all pages of it; with `all` every photo of a crawl, whatever was decided about it."""
    dataset = dataset_for(person(request), slug)
    rows = credited(dataset, licence=request.GET.get("licence"), everything="all" in request.GET)
    response = StreamingHttpResponse(credits_table(rows), content_type="text/csv; charset=utf-8")
    name = f"{dataset.slug}-credits.csv"
    response["Content-Disposition"] = str(content_disposition_header(True, name))
    response["Cache-Control"] = "private, no-store"
    return response
