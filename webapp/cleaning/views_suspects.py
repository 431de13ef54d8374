"""“Clean”, its other side: photos whose label is in doubt or that are unlike all others, one decision each.

Each form works without scripts: it answers with a redirect to the page. A request of htmx gets the photo's own part.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.accounts.views import person
from webapp.cleaning import selectors
from webapp.cleaning import selectors_suspects as reads
from webapp.cleaning import suspects as services
from webapp.cleaning.models import Suspect, SuspectKind, Verdict
from webapp.cleaning.suspects import SuspectTaken
from webapp.cleaning.views import say_undone
from webapp.core.pagination import whole_number
from webapp.datasets.labelling import LabelError, class_to_give
from webapp.datasets.models import Dataset
from webapp.datasets.selectors import classes_of, dataset_for
from webapp.jobs.listing import job_row
from webapp.jobs.models import JobKind
from webapp.jobs.services import look_request

SHOWS = (SuspectKind.LABEL.value, SuspectKind.ODD.value, "decided")


@allow(Role.VIEWER)
@require_GET
def suspects(request: HttpRequest, slug: str) -> HttpResponse:
    """`show` is label, odd or decided."""
    dataset = dataset_for(person(request), slug)
    show = request.GET.get("show", "")
    show = show if show in SHOWS else SuspectKind.LABEL.value
    page = reads.suspect_page(
        dataset, kind=show, decided=show == "decided", after=request.GET.get("after", "")
    )
    context = {
        **_frame(dataset),
        "checking": _checking(dataset),
        "show": show,
        "page": page,
        "doubts": reads.suspect_counts(dataset),
        "groups": selectors.group_counts(dataset),
        "latest": reads.latest_check(dataset),
    }
    return render(request, "cleaning/suspects.html", context)


@allow(Role.VIEWER)
@require_GET
def work(request: HttpRequest, slug: str) -> HttpResponse:
    """The part that changes while a check is under way. Only a page that showed one asks for it."""
    dataset = dataset_for(person(request), slug)
    context = {"dataset": dataset, "checking": _checking(dataset), "ended": True}
    return render(request, "cleaning/_check_work.html", context)


@allow(Role.ANNOTATOR)
@require_POST
def check(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    dataset = dataset_for(user, slug)
    look_request(kind=JobKind.SUSPICION, dataset=dataset, created_by=user)
    return redirect(_address(dataset, request.POST.get("show", "")))


@allow(Role.ANNOTATOR)
@require_POST
def decide(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """`act`: accept, keep, out, or label (with `label`, a class's key); `seen`: the photo's version on the page."""
    user = person(request)
    dataset = dataset_for(user, slug)
    suspect = get_object_or_404(reads.with_all(dataset.suspects.all()), pk=pk)
    try:
        _decide(request, suspect, user)
    except (SuspectTaken, LabelError) as refused:
        return _answer(request, dataset, pk, refused=str(refused))
    return _answer(request, dataset, pk, said=_said(suspect))


@allow(Role.ANNOTATOR)
@require_POST
def undo(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    user = person(request)
    dataset = dataset_for(user, slug)
    suspect = get_object_or_404(dataset.suspects.select_related("dataset"), pk=pk)
    try:
        services.suspect_undo(suspect=suspect, actor=user)
    except SuspectTaken as taken:
        return say_undone(_answer(request, dataset, pk, refused=str(taken)), pk, "")
    return say_undone(_answer(request, dataset, pk), pk, _("Undone: the photo asks again."))


def _decide(request: HttpRequest, suspect: Suspect, user: User) -> None:
    act, seen = request.POST.get("act", ""), whole_number(request.POST.get("seen")) or 0
    if act == "accept":
        services.suspect_accept(suspect=suspect, seen=seen, actor=user)
    elif act == "keep":
        services.suspect_keep(suspect=suspect, seen=seen, actor=user)
    elif act == "out":
        services.suspect_quarantine(suspect=suspect, seen=seen, actor=user)
    else:
        if act != "label":
            raise Http404
        label = class_to_give(dataset=suspect.dataset, key=request.POST.get("label", ""))
        services.suspect_accept(suspect=suspect, seen=seen, actor=user, label=label)


def _said(suspect: Suspect) -> str:
    suspect.refresh_from_db(fields=["verdict"])
    if suspect.verdict == Verdict.ACCEPTED:
        return _("The photo has its new class.")
    if suspect.verdict == Verdict.OUT:
        return _("The photo is in quarantine.")
    return _("Confirmed: you will not be asked about this photo again.")


def _answer(
    request: HttpRequest, dataset: Dataset, pk: int, *, said: str = "", refused: str = ""
) -> HttpResponse:
    """The photo as it is now, for htmx; else the page it came from."""
    show = request.POST.get("show", "")
    if not request.headers.get("HX-Request"):
        if refused:
            messages.warning(request, refused)
        elif said:
            messages.success(request, said)
        return redirect(f"{_address(dataset, show)}#group-{pk}")
    row = next(iter(reads.suggested_now(dataset, reads.with_all(dataset.suspects.filter(pk=pk)))), None)
    context = {**_frame(dataset), "row": row, "pk": pk, "refused": refused, "show": show}
    response = render(request, "cleaning/_suspect.html", context)
    if said:
        told = {
            "message": said,
            "group": pk,
            "undo": reverse("cleaning:suspect_undo", args=[dataset.slug, pk]),
        }
        response["HX-Trigger-After-Settle"] = json.dumps({"cleaned": told})
    return response


def _frame(dataset: Dataset) -> dict[str, Any]:
    return {"dataset": dataset, "section": "clean", "choices": list(classes_of(dataset))}


def _checking(dataset: Dataset) -> Any:
    job = reads.unfinished_check(dataset)
    return job_row(job) if job else None


def _address(dataset: Dataset, show: str) -> str:
    address = reverse("cleaning:suspects", args=[dataset.slug])
    return f"{address}?show={show}" if show in SHOWS[1:] else address
