"""Frozen versions of a data set: the list, a new one, and one with what is in it."""

from __future__ import annotations

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import page_by_id, whole_number
from webapp.core.store import site_store
from webapp.datasets.selectors import dataset_for
from webapp.snapshots import selectors
from webapp.snapshots.diff import KINDS, diff_of, side_of_dataset, side_of_snapshot
from webapp.snapshots.forms import SnapshotForm, initial_of
from webapp.snapshots.models import SnapshotState, Split, SplitRule
from webapp.snapshots.plans import PhotoFilter, SnapshotPlan
from webapp.snapshots.previews import Look
from webapp.snapshots.services import (
    SnapshotError,
    snapshot_request,
    snapshot_restore_labels,
    snapshot_set_note,
    why_not_trainable,
)
from webapp.snapshots.views_preview import asked_look, preview_context

PAGE = 30


@allow(Role.VIEWER)
@require_GET
def snapshot_list(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    page = page_by_id(
        selectors.snapshots_of(dataset),
        before=whole_number(request.GET.get("before")),
        size=PAGE,
    )
    context = {
        "dataset": dataset,
        "section": "snapshots",
        "page": page,
        "lines": [selectors.SnapshotLine(one, selectors.parts_of(one)) for one in page.rows],
        "cannot_train": why_not_trainable(dataset),
    }
    return render(request, "snapshots/list.html", context)


@allow(Role.VIEWER)
@require_GET
def snapshot_row(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One line of the list, for as long as the snapshot is being made."""
    dataset = dataset_for(person(request), slug)
    one = selectors.snapshots_of(dataset).filter(number=number).first()
    if one is None:
        raise Http404
    line = selectors.SnapshotLine(one, selectors.parts_of(one))
    return render(request, "snapshots/_row.html", {"dataset": dataset, "line": line})


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def snapshot_create(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    dataset = dataset_for(user, slug)
    look = asked_look(request, dataset)
    # A link may fill the form in: ?enhanced=1&cap=300&rule=paper. The form checks it like what is typed.
    asked = {name: request.GET[name] for name in SnapshotForm.base_fields if name in request.GET}
    initial = initial_of(look.plan if look else SnapshotPlan())
    form = SnapshotForm(request.POST or None, initial=initial | asked)
    if request.method == "POST" and form.is_valid():
        try:
            made = snapshot_request(dataset=dataset, created_by=user, **form.request())
        except SnapshotError as error:
            form.add_error(None, str(error))
        else:
            return redirect("snapshots:detail", slug, made.number)
    context = {
        "dataset": dataset,
        "section": "snapshots",
        "form": form,
        "rules": SplitRule.choices,
        "cannot_train": why_not_trainable(dataset),
        "filtered": look is not None and bool(look.plan.filter.as_json()),
        **preview_context(dataset, _plan_of(form, look), look),
    }
    return render(request, "snapshots/create.html", context, status=422 if form.is_bound else 200)


def _plan_of(form: SnapshotForm, look: Look | None) -> SnapshotPlan | None:
    """What the form as it is shown asks for; None while it holds what can't be read."""
    if form.is_bound:
        return form.plan() if form.is_valid() else None
    return look.plan if look else SnapshotPlan()


@allow(Role.VIEWER)
@require_GET
def snapshot_detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    snapshot = selectors.snapshot_for(dataset, number)
    context = {
        "dataset": dataset,
        "section": "snapshots",
        "snapshot": snapshot,
        "parts": selectors.parts_of(snapshot),
        "classes": selectors.class_splits(snapshot),
        "sentences": selectors.report_sentences(snapshot),
        "channels": selectors.channel_tables(snapshot),
        "runs": selectors.runs_on(snapshot),
        "others": selectors.ready_numbers(dataset, but=snapshot),
        "filter_sentences": PhotoFilter.from_json(snapshot.filter).sentences(),
    }
    return render(request, "snapshots/detail.html", context)


@allow(Role.VIEWER)
@require_GET
def snapshot_live(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The progress of a snapshot that is being made; when it ends the page loads itself anew, once."""
    dataset = dataset_for(person(request), slug)
    snapshot = selectors.snapshot_for(dataset, number)
    response = render(request, "snapshots/_live.html", {"dataset": dataset, "snapshot": snapshot})
    if snapshot.state != SnapshotState.BUILDING:
        response["HX-Refresh"] = "true"
    return response


@allow(Role.VIEWER)
@require_GET
def snapshot_manifest(request: HttpRequest, slug: str, number: int) -> HttpResponseBase:
    """The manifest file itself: the bytes that the digest is of."""
    dataset = dataset_for(person(request), slug)
    snapshot = selectors.snapshot_for(dataset, number)
    path = site_store().manifest_path(snapshot.digest) if snapshot.state == SnapshotState.READY else None
    if path is None or not path.is_file():
        raise Http404
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=f"{dataset.slug}-snapshot-{number}.json",
        content_type="application/json",
    )


@allow(Role.VIEWER)
@require_GET
def snapshot_compare(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """What changed from this snapshot to `with`: another one's number, or "" for the data set as it is now."""
    dataset = dataset_for(person(request), slug)
    old = selectors.snapshot_for(dataset, number)
    asked = request.GET.get("with", "")
    number_asked = whole_number(asked)
    if asked and number_asked is None:
        raise Http404
    new = selectors.snapshot_for(dataset, number_asked) if number_asked is not None else None
    if any(one is not None and one.state != SnapshotState.READY for one in (old, new)):
        raise Http404
    found = diff_of(side_of_snapshot(old), side_of_snapshot(new) if new else side_of_dataset(dataset))
    context = {
        "dataset": dataset,
        "section": "snapshots",
        "old": old,
        "new": new,
        "others": selectors.ready_numbers(dataset, but=old),
        "diff": found,
        "kinds": [(kind, found.counts[kind], found.photos[kind]) for kind in KINDS if found.counts[kind]],
        "splits": {split.value: str(split.label) for split in Split},
    }
    return render(request, "snapshots/compare.html", context)


@allow(Role.CURATOR)
@require_POST
def snapshot_restore(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Labels as they were in the snapshot; the act can be taken back among the changes of classes."""
    user = person(request)
    snapshot = selectors.snapshot_for(dataset_for(user, slug), number)
    if snapshot.state != SnapshotState.READY:
        raise Http404
    made = snapshot_restore_labels(snapshot=snapshot, actor=user)
    words = ngettext(
        "%(n)s photo has its label of then again.",
        "%(n)s photos have their labels of then again.",
        made.photos,
    )
    messages.success(request, words % {"n": f"{made.photos:,}"})
    return redirect("datasets:class_history", slug)


@allow(Role.CURATOR)
@require_POST
def snapshot_note(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    snapshot = selectors.snapshot_for(dataset_for(person(request), slug), number)
    snapshot_set_note(snapshot=snapshot, note=request.POST.get("note", ""))
    return redirect("snapshots:detail", slug, number)
