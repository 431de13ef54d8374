"""What a snapshot would be: a preview that follows the form, and the report of a job that dealt it out."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import whole_number
from webapp.datasets.models import Dataset
from webapp.datasets.selectors import dataset_for
from webapp.snapshots.forms import SnapshotForm
from webapp.snapshots.plans import SnapshotPlan
from webapp.snapshots.previews import Look, forecast, look_for, small_names
from webapp.snapshots.services import SnapshotError, preview_request, why_not_trainable


def preview_context(dataset: Dataset, plan: SnapshotPlan | None, look: Look | None) -> dict[str, Any]:
    """For `_preview.html`. No plan: the form can't be read yet."""
    if plan is None:
        return {"dataset": dataset, "look": look}
    matches = look is not None and look.plan.as_json() == plan.as_json()
    found = look.found if look is not None and matches and look.is_current else None
    expected = forecast(dataset, plan, found)
    return {
        "dataset": dataset,
        "forecast": expected,
        "small": small_names(expected),
        "cannot_freeze": why_not_trainable(dataset, plan.filter),
        "look": look,
        "look_matches": matches,
    }


def asked_look(request: HttpRequest, dataset: Dataset) -> Look | None:
    """The look whose report the form shows, by `?preview=`."""
    pk = whole_number(request.GET.get("preview"))
    return look_for(dataset, pk) if pk is not None else None


@allow(Role.CURATOR)
@require_GET
def snapshot_preview(request: HttpRequest, slug: str) -> HttpResponse:
    """The preview for the form's values of this moment."""
    dataset = dataset_for(person(request), slug)
    form = SnapshotForm(request.GET)
    plan = form.plan() if form.is_valid() else None
    context = preview_context(dataset, plan, asked_look(request, dataset))
    return render(request, "snapshots/_preview.html", context)


@allow(Role.CURATOR)
@require_POST
def snapshot_look(request: HttpRequest, slug: str) -> HttpResponse:
    """Deal it out without freezing: a job, whose report comes up beside the form."""
    user = person(request)
    dataset = dataset_for(user, slug)
    form = SnapshotForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return redirect("snapshots:create", slug)
    try:
        job = preview_request(dataset=dataset, created_by=user, plan=form.plan())
    except SnapshotError as error:
        messages.error(request, str(error))
        return redirect("snapshots:create", slug)
    return redirect(f"{reverse('snapshots:create', args=[slug])}?preview={job.pk}#preview")


@allow(Role.VIEWER)
@require_GET
def snapshot_report(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The page of such a look, which stays; asked by htmx it answers the report alone, and says when it is done."""
    dataset = dataset_for(person(request), slug)
    look = look_for(dataset, pk)
    context = {"dataset": dataset, "section": "snapshots", "look": look, "look_matches": True}
    if not getattr(request, "htmx", False):
        return render(request, "snapshots/report.html", context)
    response = render(request, "snapshots/_report.html", context)
    if not look.job.is_unfinished:
        response["HX-Trigger"] = "previewDone"
    return response
