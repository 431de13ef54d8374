"""The map: every photo of a data set in its place among those that look like it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.accounts.views import person
from webapp.datasets.chips import FilterBar
from webapp.datasets.filters import ANY_STATE
from webapp.datasets.models import Dataset, ImageState
from webapp.datasets.selectors import StateCounts, class_choices, dataset_for, state_label_counts
from webapp.datasets.views_gallery import browser_data
from webapp.jobs.listing import job_row
from webapp.mapping import presenting, selectors, services
from webapp.mapping.geometry import MOST_CORNERS, Area, AreaError, Box
from webapp.mapping.models import ImageMap
from webapp.mapping.query import CLASS, VERDICT, WRONG, MapQuery

# Behind those that a filter lets pass, the others are shown in grey.
MOST_BEHIND = 2000
# Shares of the part on screen, around it: a small move shows no empty edge.
BEYOND = 0.25


@allow(Role.VIEWER)
@require_GET
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Filters as in the gallery, `colour` (class, category, state, verdict), `run` and `verdict`."""
    user = person(request)
    dataset = dataset_for(user, slug)
    counted = state_label_counts(dataset)
    drawn = selectors.current_map(dataset)
    photos = sum(counted.total(state) for state in counted.by_state)
    drawing = selectors.unfinished_drawing(dataset)
    context = {
        "dataset": dataset,
        "section": "map",
        "photos_counted": counted,
        "photos": photos,
        "drawn": drawn,
        "drawing": job_row(drawing) if drawing else None,
        "latest": selectors.latest_drawing(dataset),
        "ended": False,
    }
    if drawn is not None:
        placed = drawn.points.count()
        # A photo that could not be placed is told of by itself.
        context |= {"placed": placed, "fresh": max(0, photos - placed - drawn.missing)}
        # With every photo on the map, what the index has counted is what the map has.
        on_map = counted if placed == photos else selectors.counted_on(drawn)
        context |= _shown(user, dataset, MapQuery.from_query(request.GET), counted, drawn, on_map)
    return render(request, "mapping/page.html", context)


def _shown(
    user: User,
    dataset: Dataset,
    query: MapQuery,
    counted: StateCounts,
    drawn: ImageMap,
    on_map: StateCounts,
) -> dict[str, Any]:
    """What a page with a map needs: filters, legend, and the data its scripts start with.

    Figures are of the photos `on_map`; a class has the key that it has in the gallery, by `counted`.
    """
    counts = selectors.counts_on(drawn, query.images, on_map)
    classes = class_choices(dataset, counted)
    here = reverse("mapping:page", args=[dataset.slug])
    bar = FilterBar(dataset, query.images, ANY_STATE, counts, classes, action=here, extra=query.extra())
    evaluations = selectors.evaluated_runs(dataset)
    evaluation = selectors.evaluation_for(dataset, query)
    verdicts = selectors.verdict_counts(drawn, evaluation) if query.colour == VERDICT else {}
    digits = bar.digits if user.may(Role.ANNOTATOR) else {}
    lines = presenting.legend(query, classes, counts, verdicts, digits)
    data = browser_data(user, dataset, query.images, bar, [])
    data["urls"]["counts"] = reverse("mapping:counts", args=[dataset.slug])
    data["map"] = {
        "id": drawn.pk,
        "grid": selectors.GRID,
        "width": drawn.width,
        "height": drawn.height,
        "query": query.to_query(),
        "narrowed": query.is_narrowed,
        "behind": MOST_BEHIND,
        "corners": MOST_CORNERS,
        "colours": {line.key: line.colour for line in lines},
        "isByClass": query.colour == CLASS,
        "last": WRONG if query.colour == VERDICT else "",
        "points": reverse("mapping:points", args=[dataset.slug]),
        "within": reverse("mapping:within", args=[dataset.slug]),
    }
    return {
        "filter": query.images,
        "query": query,
        "bar": bar,
        "classes": classes,
        "here": here,
        "legend": lines,
        "colourings": presenting.colourings(query, classes, has_runs=bool(evaluations)),
        "evaluations": evaluations if query.colour == VERDICT else [],
        "evaluation": evaluation,
        "hidden_fields": [pair for pair in bar.hidden_fields if pair[0] not in ("run", "colour")],
        "may_label": user.may(Role.ANNOTATOR),
        "data": data,
    }


@allow(Role.VIEWER)
@require_GET
def work(request: HttpRequest, slug: str) -> HttpResponse:
    """The part about the drawing that is under way. Only a page that showed one asks for it."""
    dataset = dataset_for(person(request), slug)
    drawing = selectors.unfinished_drawing(dataset)
    context = {
        "dataset": dataset,
        "drawing": job_row(drawing) if drawing else None,
        "latest": selectors.latest_drawing(dataset),
        "ended": True,
    }
    return render(request, "mapping/_work.html", context)


@allow(Role.ANNOTATOR)
@require_POST
def draw(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    dataset = dataset_for(user, slug)
    services.map_request(dataset=dataset, created_by=user)
    return redirect("mapping:page", slug=dataset.slug)


@allow(Role.VIEWER)
@require_GET
@gzip_page
def points(request: HttpRequest, slug: str) -> JsonResponse:
    """A sample of what the query lets pass between `x0`, `x1`, `y0` and `y1` (shares of the map; all of it without).

    `beyond` asks for what lies around that part too, left out of `inside` and `inside_total`. `behind` asks for
    fewer of all photos, to lie in grey behind those. Empty where there is no map any more.
    """
    dataset = dataset_for(person(request), slug)
    drawn = selectors.current_map(dataset)
    if drawn is None:
        return JsonResponse({"map": None, **asdict(selectors.Shown())})
    query = MapQuery.from_query(request.GET)
    most = MOST_BEHIND if request.GET.get("behind") else selectors.MOST_POINTS
    beyond = BEYOND if request.GET.get("beyond") else 0.0
    shown = selectors.shown_points(drawn, query, _box(request), most, beyond=beyond)
    return JsonResponse({"map": drawn.pk, **asdict(shown)})


def _box(request: HttpRequest) -> Box | None:
    try:
        return Box(*(float(request.GET[name]) for name in ("x0", "y0", "x1", "y1")))
    except (KeyError, ValueError):
        return None


@allow(Role.VIEWER)
@require_GET
def counts(request: HttpRequest, slug: str) -> JsonResponse:
    """The figures on the switches between states, for a page that stays open while labels change."""
    dataset = dataset_for(person(request), slug)
    drawn = selectors.current_map(dataset)
    counted = selectors.counted_on(drawn) if drawn else state_label_counts(dataset)
    return JsonResponse(
        {"states": {state: counted.total(state) for state in ImageState.values}, "classes": {}}
    )


@allow(Role.VIEWER)
@require_POST
@gzip_page
def within(request: HttpRequest, slug: str) -> JsonResponse:
    """All photos that the address's query lets pass inside a JSON body's `area`, a list of corners [x, y] on `map`.

    A question and no change; it comes as a POST because a lasso is too long for an address. Answers `steps`, ids as
    differences from the one before, the `versions` that were seen and the `labels`.
    """
    dataset = dataset_for(person(request), slug)
    drawn = selectors.current_map(dataset)
    try:
        asked = json.loads(request.body)
        area = Area([(float(x), float(y)) for x, y in asked["area"]])
        seen = asked["map"]
    except (ValueError, TypeError, KeyError, AreaError):
        return JsonResponse({"error": _("That is no area of the map.")}, status=400)
    # On another map other photos lie there.
    if drawn is None or drawn.pk != seen:
        return JsonResponse({"error": _("The map was drawn anew. Load the page again.")}, status=409)
    found = selectors.photos_within(drawn, MapQuery.from_query(request.GET), area)
    steps = [pk - before for before, pk in zip([0, *found.ids], found.ids, strict=False)]
    return JsonResponse({"map": drawn.pk, "steps": steps, "versions": found.versions, "labels": found.labels})
