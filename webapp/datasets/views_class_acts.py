"""Acts on classes as a whole: merge, delete, order, split, the preset, and taking each back."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import whole_number
from webapp.core.templatetags.sortyard import display_name
from webapp.crawls.selectors import under_way
from webapp.datasets import class_services, services
from webapp.datasets.class_selectors import merge_targets, operation_rows
from webapp.datasets.errors import DatasetError
from webapp.datasets.forms_datasets import NamesForm
from webapp.datasets.models import Dataset, LabelClass
from webapp.datasets.operations import class_operation_undo
from webapp.datasets.selectors import class_choices, classes_of, dataset_for, photos_of_classes
from webapp.datasets.views_classes import classes_page

PHOTOS_OF_SOURCE = 8
HISTORY_PAGE = 50


def _chosen(dataset: Dataset, values: list[str]) -> list[LabelClass]:
    """The open classes with these ids, in the data set's order."""
    wanted = {whole_number(value) for value in values}
    return [row for row in classes_of(dataset) if row.pk in wanted]


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def merge(request: HttpRequest, slug: str) -> HttpResponse:
    """GET `from` (class ids) asks where to; POST with `into` does it."""
    dataset = dataset_for(person(request), slug)
    given = request.POST if request.method == "POST" else request.GET
    sources = _chosen(dataset, given.getlist("from"))
    if not sources:
        messages.error(request, _("Tick the classes to merge first."))
        return redirect("datasets:classes", slug)
    if request.method == "GET":
        return _ask_where(request, dataset, sources, "datasets/class_merge.html")
    into = next(iter(_chosen(dataset, given.getlist("into")[:1])), None)
    try:
        if into is None:
            raise DatasetError(_("Choose the class that the others are merged into."))
        made = class_services.classes_merge(sources=sources, into=into, actor=person(request))
    except DatasetError as error:
        messages.error(request, str(error))
        return _ask_where(request, dataset, sources, "datasets/class_merge.html", status=422)
    text = ngettext(
        "Merged into “%(name)s”: %(n)s photo moved.",
        "Merged into “%(name)s”: %(n)s photos moved.",
        made.photos,
    )
    messages.success(request, text % {"name": display_name(into), "n": f"{made.photos:,}"})
    return redirect("datasets:classes", slug)


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def class_delete(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """GET asks where the photos go; POST `into` (a class id, or "" for the inbox) does it."""
    dataset = dataset_for(person(request), slug)
    row = get_object_or_404(classes_of(dataset), pk=pk)
    if request.method == "GET":
        return _ask_where(request, dataset, [row], "datasets/class_delete.html")
    asked = request.POST.get("into", "")
    to = next(iter(_chosen(dataset, [asked])), None)
    try:
        if asked and to is None:
            raise DatasetError(_("That class is not here any more. Load the page again."))
        made = class_services.class_delete(label_class=row, to=to, actor=person(request))
    except DatasetError as error:
        messages.error(request, str(error))
        return _ask_where(request, dataset, [row], "datasets/class_delete.html", status=422)
    text = ngettext(
        "“%(name)s” deleted; %(n)s photo moved.", "“%(name)s” deleted; %(n)s photos moved.", made.photos
    )
    messages.success(request, text % {"name": display_name(row), "n": f"{made.photos:,}"})
    return redirect("datasets:classes", slug)


def _ask_where(
    request: HttpRequest, dataset: Dataset, sources: list[LabelClass], template: str, status: int = 200
) -> HttpResponse:
    counts = {one.pk: one.n for one in class_choices(dataset)}
    photos = photos_of_classes([row.pk for row in sources], dataset, PHOTOS_OF_SOURCE)
    context = {
        "dataset": dataset,
        "section": "classes",
        "sources": [(row, counts.get(row.pk, 0), photos.get(row.pk, [])) for row in sources],
        "under_way": under_way(sources),
        "targets": [(row, counts.get(row.pk, 0)) for row in merge_targets(dataset, sources)],
    }
    return render(request, template, context, status=status)


@allow(Role.CURATOR)
@require_POST
def class_move(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """`step` -1 or 1: up or down among the classes of its category."""
    dataset = dataset_for(person(request), slug)
    row = get_object_or_404(classes_of(dataset), pk=pk)
    step = -1 if request.POST.get("step") == "-1" else 1
    class_services.class_move(label_class=row, step=step, actor=person(request))
    return redirect("datasets:class_edit", slug, pk)


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def category_edit(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    category = get_object_or_404(dataset.categories, pk=pk)
    if request.method == "GET":
        return classes_page(request, dataset, category=category)
    form = NamesForm(request.POST)
    try:
        if not form.is_valid():
            raise DatasetError(_("A name has at most 120 characters."))
        class_services.category_edit(category=category, actor=person(request), **form.shown())
    except DatasetError as error:
        messages.error(request, str(error))
        return redirect("datasets:category_edit", slug, pk)
    messages.success(request, _("Saved."))
    return redirect("datasets:classes", slug)


@allow(Role.CURATOR)
@require_POST
def preset(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    made = services.dataset_use_preset55(dataset=dataset, actor=person(request))
    messages.success(
        request,
        _("The 55 classes are there, with their bins and advice.")
        if made
        else _("All of them were there already."),
    )
    return redirect("datasets:classes", slug)


@allow(Role.VIEWER)
@require_GET
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything that was done to the classes, newest first."""
    dataset = dataset_for(person(request), slug)
    before = whole_number(request.GET.get("before"))
    rows = operation_rows(dataset, limit=HISTORY_PAGE + 1, before=before)
    more, rows = len(rows) > HISTORY_PAGE, rows[:HISTORY_PAGE]
    context = {
        "dataset": dataset,
        "section": "classes",
        "operations": rows,
        "page": {"next_before": rows[-1].operation.pk if more else None},
    }
    return render(request, "datasets/class_history.html", context)


@allow(Role.CURATOR)
@require_POST
def class_undo(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    operation = get_object_or_404(dataset.class_operations, pk=pk)
    try:
        made, kept = class_operation_undo(operation=operation, actor=person(request))
    except DatasetError as error:
        messages.error(request, str(error))
        return redirect("datasets:classes", slug)
    text = ngettext("Undone; %(n)s photo put back.", "Undone; %(n)s photos put back.", made.photos)
    messages.success(request, text % {"n": f"{made.photos:,}"})
    for row in kept:
        messages.warning(
            request,
            _("“%(name)s” stays: photos were labelled with it since. Merge or delete it if it should go.")
            % {"name": display_name(row)},
        )
    return redirect("datasets:classes", slug)
