"""The review: what crawls brought for a class, what fits best first, taken and refused many at a time."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import whole_number
from webapp.core.templatetags.sortyard import display_name
from webapp.crawls import selectors_review as reads
from webapp.crawls.reviewing import Review, review_decide, review_undo
from webapp.crawls.selectors import unfinished_rank
from webapp.crawls.services import rank_request
from webapp.datasets.answers import decided, versions_seen, wants_part
from webapp.datasets.labelling import LabelError
from webapp.datasets.models import Dataset, LabelClass
from webapp.datasets.selectors import dataset_for

ACTS = "last-acts-of-reviews"
"""In the session: id of a class to the operation that was done last in its review."""

View = Callable[..., HttpResponse]


def follows_merges(view: View) -> View:
    """A page of a class that was closed leads to the class that took it over, else to all crawls, and says so."""

    @wraps(view)
    def answer(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
        try:
            return view(request, slug, pk)
        except reads.ClassClosed as closed:
            into = closed.into
        if request.method == "POST":
            messages.warning(request, _("This class was closed meanwhile. Nothing was decided."))
        elif into is None:
            messages.warning(request, _("This class was deleted. What was found for it waits in the inbox."))
        there = reverse("crawls:review", args=[slug, into]) if into else reverse("crawls:list", args=[slug])
        return HttpResponse(headers={"HX-Redirect": there}) if wants_part(request) else redirect(there)

    return answer


@allow(Role.VIEWER)
@require_GET
@follows_merges
def review(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The last act here may be taken back, also by a browser without scripts, or after a look at another page."""
    dataset, label_class = _found(request, slug, pk)
    template = "crawls/_review.html" if wants_part(request) else "crawls/review.html"
    return render(request, template, _context(dataset, label_class, did=_last_act(request, label_class)))


@allow(Role.VIEWER)
@require_GET
@follows_merges
def work(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The line about the ranking that is under way. Only a page that showed one asks for it."""
    dataset, label_class = _found(request, slug, pk)
    context = {
        "dataset": dataset,
        "label_class": label_class,
        "ranking": unfinished_rank(label_class),
        "ended": True,
    }
    return render(request, "crawls/_review_work.html", context)


@allow(Role.ANNOTATOR)
@require_POST
@follows_merges
def decide(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """`shown`: “id:version seen” of the photos on the page; `refuse`: ids of those marked as not of the class.

    `act`: "decide" takes the others, "all" refuses every one shown, "below" refuses what waits besides them, as far as
    the page's ranking (`rank`) and its last candidate (`newest`) reached.
    """
    dataset, label_class = _found(request, slug, pk)
    act = request.POST.get("act", "decide")
    shown = versions_seen(request.POST.getlist("shown")[: reads.SHOWN])
    if act == "below":
        latest = reads.latest_rank(label_class)
        if str(latest.pk if latest else "") != request.POST.get("rank", ""):
            said = _("A newer ranking came meanwhile. Look at it, then decide about what stands below.")
            return _answer(request, dataset, label_class, said=said, kind="warning")
        newest = whole_number(request.POST.get("newest")) or 0
        take: dict[int, int] = {}
        refuse = reads.below(label_class, shown=set(shown), newest=newest)
    else:
        known = reads.of_class(label_class, set(shown))
        shown = {image: version for image, version in shown.items() if image in known}
        marked = {whole_number(one) for one in request.POST.getlist("refuse")}
        refuse = {image: v for image, v in shown.items() if act == "all" or image in marked}
        take = {image: v for image, v in shown.items() if image not in refuse}
    try:
        done = review_decide(label_class=label_class, take=take, refuse=refuse, actor=person(request))
    except LabelError as error:
        label_class.refresh_from_db()
        raise reads.ClassClosed(label_class.merged_into_id) from error
    operation = done.operation if done.taken or done.refused else None
    return _answer(request, dataset, label_class, said=_told(done, label_class), operation=operation)


@allow(Role.ANNOTATOR)
@require_POST
@follows_merges
def undo(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """`operation`: the id that an answer to `decide` named."""
    dataset, label_class = _found(request, slug, pk)
    operation = _uuid(request.POST.get("operation", ""))
    if operation is None:
        return _answer(request, dataset, label_class)
    n = len(review_undo(label_class=label_class, operation=operation, actor=person(request)))
    said = ngettext("%(n)s photo waits again.", "%(n)s photos wait again.", n) % {"n": f"{n:,}"}
    return _answer(request, dataset, label_class, said=said, undone=operation)


@allow(Role.ANNOTATOR)
@require_POST
@follows_merges
def rank(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset, label_class = _found(request, slug, pk)
    rank_request(label_class=label_class, created_by=person(request))
    return _answer(request, dataset, label_class)


def _found(request: HttpRequest, slug: str, pk: int) -> tuple[Dataset, LabelClass]:
    dataset = dataset_for(person(request), slug)
    return dataset, reads.class_for(dataset, pk)


def _told(done: Review, label_class: LabelClass) -> str:
    parts = []
    if n := len(done.taken):
        said = ngettext("%(n)s taken as %(name)s.", "%(n)s taken as %(name)s.", n)
        parts.append(said % {"n": f"{n:,}", "name": display_name(label_class)})
    if n := len(done.refused):
        parts.append(ngettext("%(n)s refused.", "%(n)s refused.", n) % {"n": f"{n:,}"})
    if n := len(done.copies):
        said = ngettext("%(n)s copy put aside with them.", "%(n)s copies put aside with them.", n)
        parts.append(said % {"n": f"{n:,}"})
    if n := len(done.stale):
        said = ngettext(
            "%(n)s was changed by someone else meanwhile.", "%(n)s were changed by someone else meanwhile.", n
        )
        parts.append(said % {"n": f"{n:,}"})
    return " ".join(parts) or _("Nothing was left to decide.")


def _answer(
    request: HttpRequest,
    dataset: Dataset,
    label_class: LabelClass,
    *,
    said: str = "",
    kind: str = "success",
    operation: uuid.UUID | None = None,
    undone: uuid.UUID | None = None,
) -> HttpResponse:
    if operation or undone:
        acts = {**request.session.get(ACTS, {}), str(label_class.pk): str(operation or "")}
        request.session[ACTS] = acts
    return decided(
        request,
        event="reviewed",
        there=reverse("crawls:review", args=[dataset.slug, label_class.pk]),
        part=lambda: render(request, "crawls/_review.html", _context(dataset, label_class)),
        said=said,
        kind=kind,
        operation=operation,
        undone=undone,
    )


def _last_act(request: HttpRequest, label_class: LabelClass) -> uuid.UUID | None:
    return _uuid(request.session.get(ACTS, {}).get(str(label_class.pk), ""))


def _context(dataset: Dataset, label_class: LabelClass, *, did: uuid.UUID | None = None) -> dict[str, Any]:
    inbox = reads.inbox_of(label_class)
    return {
        "dataset": dataset,
        "section": "crawls",
        "label_class": label_class,
        "inbox": inbox,
        "waiting": reads.waiting_classes(dataset).classes,
        "ranking": unfinished_rank(label_class),
        "latest": reads.latest_rank(label_class),
        "did": did,
    }


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None
