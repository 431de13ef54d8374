"""The gallery: a first page of tiles from the server, then ids and rows as the browser scrolls to them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.core.pagination import whole_number
from webapp.datasets import selectors_gallery as reads
from webapp.datasets.chips import FilterBar
from webapp.datasets.filters import ImageFilter
from webapp.datasets.models import Dataset, ImageState
from webapp.datasets.other_rooms import NOBODY
from webapp.datasets.selectors import StateCounts, class_choices, dataset_for, state_label_counts
from webapp.ingest.selectors import batch_number
from webapp.reviewing.selectors import queue_progress

# Fills a screen of 1440 × 900 (7 columns) with whole rows; also the page of those without JavaScript.
FIRST_PAGE = 42
MAX_ROWS = 200
NO_SHA = "0" * 64
NO_COUNTS = StateCounts(defaultdict(dict))


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


@allow(Role.VIEWER)
@require_GET
def images(request: HttpRequest, slug: str) -> HttpResponse:
    """All photos of a data set, the accepted ones unless the URL says otherwise."""
    return _gallery(request, slug, ImageState.ACCEPTED)


@allow(Role.VIEWER)
@require_GET
def inbox(request: HttpRequest, slug: str) -> HttpResponse:
    """Photos that nobody has looked at yet."""
    return _gallery(request, slug, ImageState.INBOX)


def _gallery(request: HttpRequest, slug: str, home: ImageState) -> HttpResponse:
    user = _user(request)
    dataset = dataset_for(user, slug)
    chosen = ImageFilter.from_query(request.GET, state=home)
    counted = state_label_counts(dataset)
    counts = reads.gallery_counts(dataset, chosen, counted)
    classes = class_choices(dataset, counted)
    bar = FilterBar(dataset, chosen, home, counts, classes)
    rows, next_after = reads.first_rows(
        dataset, chosen, after=whole_number(request.GET.get("after")), size=FIRST_PAGE
    )
    by_pk = {one.pk: one for one in classes}
    context = {
        "dataset": dataset,
        "section": _section(user, chosen, home),
        "home": home,
        "queue_of": chosen.assigned if home == ImageState.INBOX and chosen.assigned != NOBODY else "",
        "filter": chosen,
        "bar": bar,
        "counts": counts,
        "photos_counted": counted,
        "tiles": [(row, by_pk.get(row.label_id or 0)) for row in rows],
        "classes": classes,
        # Around the hash and around the id: to work out each tile's addresses anew would cost a tenth of the page.
        "thumb": reverse("datasets:thumb", args=[slug, NO_SHA]).split(NO_SHA),
        "photo": reverse("datasets:image", args=[slug, 0]).rsplit("0", 1),
        "next_url": bar.url(chosen, after=next_after) if next_after else "",
        "after": request.GET.get("after"),
        "total": bar.total,
        "may_label": user.may(Role.ANNOTATOR),
        "may_upload": user.may(Role.CURATOR),
        "data": browser_data(user, dataset, chosen, bar, [reads.tile_json(r, bar.keys) for r in rows]),
    }
    return render(request, "datasets/gallery.html", context)


def _section(user: User, chosen: ImageFilter, home: ImageState) -> str:
    """The entry of the rail: what the reader was given is a page of its own."""
    if home != ImageState.INBOX:
        return "images"
    return "mine" if chosen.assigned == user.username else "inbox"


def browser_data(
    user: User, dataset: Dataset, chosen: ImageFilter, bar: FilterBar, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the scripts start with: the first rows, the classes, the addresses."""
    slug = dataset.slug
    return {
        "total": bar.total,
        "rows": rows,
        "classes": [reads.class_json(one, bar.digits) for one in bar.classes],
        "query": chosen.to_query(state=""),
        "state": chosen.state,
        "mayLabel": user.may(Role.ANNOTATOR),
        "mayCurate": user.may(Role.CURATOR),
        "giveUrls": {
            name: reverse(f"reviewing:{name}", args=[slug])
            for name in ("give", "take_back")
            if user.may(Role.CURATOR)
        },
        "urls": {
            **{
                name: reverse(f"datasets:{name}", args=[slug])
                for name in ("ids", "page", "counts", "label", "state", "split", "reference", "undo")
            },
            "image": reverse("datasets:image", args=[slug, 0]),
            "thumb": reverse("datasets:thumb", args=[slug, NO_SHA]),
        },
    }


@allow(Role.VIEWER)
@require_GET
@gzip_page
def ids(request: HttpRequest, slug: str) -> JsonResponse:
    """The ids of a filter's photos in order, as differences from the one before (gzip makes those tiny)."""
    dataset = dataset_for(_user(request), slug)
    found, next_after = reads.image_ids(
        dataset, ImageFilter.from_query(request.GET), after=whole_number(request.GET.get("after"))
    )
    steps = [pk - before for before, pk in zip([0, *found], found, strict=False)]
    return JsonResponse({"steps": steps, "after": next_after})


@allow(Role.VIEWER)
@require_GET
def page(request: HttpRequest, slug: str) -> JsonResponse:
    """The tiles of `ids`, a comma-separated list of at most MAX_ROWS."""
    dataset = dataset_for(_user(request), slug)
    wanted = [n for text in request.GET.get("ids", "").split(",") if (n := whole_number(text)) is not None]
    class_keys = dict(dataset.classes.values_list("pk", "key"))
    rows = reads.rows_by_id(dataset, wanted[:MAX_ROWS])
    return JsonResponse({"rows": [reads.tile_json(row, class_keys) for row in rows]})


@allow(Role.VIEWER)
@require_GET
def counts(request: HttpRequest, slug: str) -> JsonResponse:
    """The figures on the chips, for a page that stays open while labels change."""
    dataset = dataset_for(_user(request), slug)
    chosen = ImageFilter.from_query(request.GET)
    found = reads.gallery_counts(dataset, chosen)
    class_keys = dict(dataset.classes.values_list("pk", "key"))
    by_class = {class_keys[pk]: n for pk, n in found.by_label.items() if pk in class_keys}
    answer: dict[str, Any] = {
        "states": found.by_state,
        "classes": by_class,
        "unlabelled": found.unlabelled,
    }
    if chosen.assigned not in ("", NOBODY):
        progress = queue_progress(dataset, chosen.assigned)
        answer["queue"] = {"done": progress.done, "total": progress.total, "held": progress.held}
    return JsonResponse(answer)


@allow(Role.VIEWER)
@require_GET
def image(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One photo with all that is known of it: a page, or (for the gallery's drawer) its inner part."""
    user = _user(request)
    dataset = dataset_for(user, slug)
    rows = dataset.images.select_related("label__category", "labelled_by", "batch", "share__annotator")
    found = get_object_or_404(rows, pk=pk)
    context = {
        "dataset": dataset,
        "section": "inbox" if found.state == ImageState.INBOX else "images",
        "image": found,
        "batch_number": batch_number(found.batch) if found.batch else None,
        "history": reads.image_history(found),
        "splits": reads.image_splits(found),
        "predictions": reads.image_predictions(found),
        # Names to choose from: nothing here shows how many photos each has.
        "classes": class_choices(dataset, NO_COUNTS) if user.may(Role.ANNOTATOR) else [],
        "may_label": user.may(Role.ANNOTATOR),
        "may_download": user.may(Role.CURATOR),
    }
    is_drawer = request.headers.get("X-Fragment") == "drawer"
    response = render(
        request, "datasets/gallery_image_inner.html" if is_drawer else "datasets/gallery_image.html", context
    )
    response["Vary"] = "X-Fragment, Cookie"
    return response
