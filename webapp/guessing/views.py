"""“Sorted”: the inbox in groups of what photos look like, to be accepted group by group."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.accounts.views import person
from webapp.core.pagination import whole_number
from webapp.core.templatetags.sortyard import display_name
from webapp.datasets.answers import decided, versions_seen, wants_part
from webapp.datasets.labelling import LabelError
from webapp.datasets.models import Dataset, ImageState
from webapp.datasets.selectors import dataset_for
from webapp.guessing import selectors, services


@allow(Role.VIEWER)
@require_GET
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """`class` is the key of the group to show; the largest without it."""
    user = person(request)
    dataset = dataset_for(user, slug)
    template = "guessing/_main.html" if wants_part(request) else "guessing/page.html"
    return render(request, template, _context(dataset, user, request.GET.get("class", "")))


@allow(Role.VIEWER)
@require_GET
def work(request: HttpRequest, slug: str) -> HttpResponse:
    """The line about the fit that is under way. Only a page that showed one asks for it."""
    dataset = dataset_for(person(request), slug)
    context = {"dataset": dataset, "fitting": selectors.unfinished_fit(dataset), "ended": True}
    return render(request, "guessing/_work.html", context)


@allow(Role.ANNOTATOR)
@require_POST
def fit(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    dataset = dataset_for(user, slug)
    services.fit_request(dataset=dataset, created_by=user)
    return _answer(request, dataset, request.POST.get("class", ""))


@allow(Role.ANNOTATOR)
@require_POST
def accept(request: HttpRequest, slug: str) -> HttpResponse:
    """`class`: its key; `shown`: ids of all photos on the page; `take`: “id:version seen” of those to be labelled."""
    user = person(request)
    dataset = dataset_for(user, slug)
    label_class = get_object_or_404(dataset.classes, key=request.POST.get("class", ""))
    taken = versions_seen(request.POST.getlist("take")[: selectors.SHOWN])
    shown = {n for one in request.POST.getlist("shown") if (n := whole_number(one)) is not None}
    try:
        outcome = services.group_accept(
            dataset=dataset, label_class=label_class, taken=taken, refused=shown - set(taken), actor=user
        )
    except LabelError:
        said = _("This class was closed meanwhile. Nothing was labelled.")
        return _answer(request, dataset, "", said=said, kind="warning")
    n, stale = len(outcome.changed), len(outcome.stale)
    name = display_name(label_class)
    said = ngettext("%(n)s photo accepted as %(name)s.", "%(n)s photos accepted as %(name)s.", n)
    said = said % {"n": f"{n:,}", "name": name}
    if stale:
        said += " " + ngettext(
            "%(n)s was changed by someone else meanwhile.",
            "%(n)s were changed by someone else meanwhile.",
            stale,
        ) % {"n": f"{stale:,}"}
    return _answer(request, dataset, "", said=said, operation=outcome.operation)


@allow(Role.ANNOTATOR)
@require_POST
def undo(request: HttpRequest, slug: str) -> HttpResponse:
    """`operation`: the id that an answer to `accept` named."""
    user = person(request)
    dataset = dataset_for(user, slug)
    try:
        operation = uuid.UUID(request.POST.get("operation", ""))
    except ValueError:
        return _answer(request, dataset, "")
    outcome = services.accept_undo(dataset=dataset, operation=operation, actor=user)
    n = len(outcome.changed)
    said = ngettext("%(n)s photo is back in the inbox.", "%(n)s photos are back in the inbox.", n)
    key = request.POST.get("class", "")
    return _answer(request, dataset, key, said=said % {"n": f"{n:,}"}, undone=operation)


@allow(Role.ANNOTATOR)
@require_POST
def alike(request: HttpRequest, slug: str) -> HttpResponse:
    """`image`: the id of the photo that others are to be like. Leads to the gallery of those."""
    user = person(request)
    dataset = dataset_for(user, slug)
    image = get_object_or_404(dataset.images, pk=whole_number(request.POST.get("image")) or 0)
    services.likeness_request(image=image, created_by=user)
    return redirect(f"{reverse('datasets:images', args=[dataset.slug])}?state=any&like={image.pk}")


@allow(Role.VIEWER)
@require_GET
def alike_work(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The line above a gallery of photos alike, while they are looked for."""
    dataset = dataset_for(person(request), slug)
    return render(request, "guessing/_alike.html", selectors.likeness_note(dataset, pk))


def _answer(
    request: HttpRequest,
    dataset: Dataset,
    key: str,
    *,
    said: str = "",
    kind: str = "success",
    operation: uuid.UUID | None = None,
    undone: uuid.UUID | None = None,
) -> HttpResponse:
    return decided(
        request,
        event="guessed",
        there=reverse("guessing:page", args=[dataset.slug]),
        part=lambda: render(request, "guessing/_main.html", _context(dataset, person(request), key)),
        said=said,
        kind=kind,
        operation=operation,
        undone=undone,
    )


def _context(dataset: Dataset, user: User, key: str) -> dict[str, Any]:
    found = selectors.offers(dataset, user)
    chosen = next((one for one in found if one.label_class.key == key), found[0] if found else None)
    latest, running = selectors.latest_fit(dataset), selectors.unfinished_fit(dataset)
    labels, classes = selectors.labels_given(dataset)
    return {
        "dataset": dataset,
        "section": "inbox",
        "offers": found,
        "offer": chosen,
        "ghosts": selectors.ghosts(chosen) if chosen else [],
        "offered": sum(one.total for one in found),
        "latest": latest,
        "fitting": running,
        "is_stale": running is None and selectors.is_stale(dataset, latest),
        "is_ready": labels >= selectors.LEAST_LABELS and classes > 1,
        "labels": labels,
        "least": selectors.LEAST_LABELS,
        "inbox": dataset.images.filter(state=ImageState.INBOX, label=None).order_by().count(),
    }
