"""The classes of a data set, and the one-minute step that gives each its bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.datasets import class_services, services
from webapp.datasets.class_selectors import lacks_preset, operation_rows
from webapp.datasets.errors import DatasetError
from webapp.datasets.forms_datasets import ClassForm, ClassNamesForm
from webapp.datasets.guesses import guess_for
from webapp.datasets.models import Bin, Category, Dataset, LabelClass
from webapp.datasets.overview import bar_groups
from webapp.datasets.selectors import (
    class_choices,
    classes_of,
    dataset_for,
    photos_of_classes,
    state_label_counts,
)

PHOTOS_A_CLASS = 4
# A page of this step never grows past what can be looked through; the next page follows when it is saved.
CLASSES_A_PAGE = 60


@allow(Role.VIEWER)
@require_GET
def classes(request: HttpRequest, slug: str) -> HttpResponse:
    return classes_page(request, dataset_for(person(request), slug))


def classes_page(
    request: HttpRequest,
    dataset: Dataset,
    edited: int | None = None,
    category: Category | None = None,
) -> HttpResponse:
    """The page of classes, with one class or one category as a form."""
    counted = state_label_counts(dataset)
    choices = class_choices(dataset, counted)
    context = {
        "section": "classes",
        "photos_counted": counted,
        "groups": bar_groups(choices, by_size=False),
        "total": len(choices),
        "without_bin": sum(1 for one in choices if not one.category),
        "photos": photos_of_classes([one.pk for one in choices], dataset, PHOTOS_A_CLASS),
        "edited": next((row for row in classes_of(dataset) if row.pk == edited), None) if edited else None,
        "edited_category": category,
        "operations": operation_rows(dataset, limit=1),
        "lacks_preset": lacks_preset(choices),
        **category_choices(dataset),
    }
    return render(request, "datasets/classes.html", context)


def category_choices(dataset: Dataset) -> dict[str, Any]:
    """What a form offers: the data set's categories, and the bins that none of them stands for yet."""
    categories = list(dataset.categories.all())
    taken = {category.bin for category in categories}
    free = [(value, label) for value, label in Bin.choices if value not in taken]
    return {"dataset": dataset, "categories": categories, "free_bins": free}


@allow(Role.CURATOR)
@require_POST
def class_add(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    form = ClassForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the class a name."))
        return redirect("datasets:classes", slug)
    try:
        category = _category_asked(dataset, request.POST.get("category", ""))
        made = services.class_create(
            dataset=dataset, name=form.cleaned_data["name"], category=category, actor=person(request)
        )
    except DatasetError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Class “%(name)s” added.") % {"name": made.key})
    return redirect("datasets:classes", slug)


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def class_edit(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """GET shows the row as a form: the row alone to htmx, else the whole page."""
    dataset = dataset_for(person(request), slug)
    label_class = get_object_or_404(classes_of(dataset), pk=pk)
    if request.method == "POST":
        return _save_class(request, dataset, label_class)
    if request.headers.get("HX-Request") != "true":
        return classes_page(request, dataset, edited=pk)
    context = {"row": label_class, **category_choices(dataset)}
    return render(request, "datasets/_class_form.html", context)


def _save_class(request: HttpRequest, dataset: Dataset, label_class: LabelClass) -> HttpResponse:
    form = ClassNamesForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A name has at most 120 characters, advice at most 500."))
        return redirect("datasets:class_edit", dataset.slug, label_class.pk)
    category = _category_asked(dataset, request.POST.get("category", ""))
    try:
        class_services.class_edit(
            label_class=label_class, actor=person(request), category=category, **form.shown()
        )
    except DatasetError as error:
        messages.error(request, str(error))
        return redirect("datasets:class_edit", dataset.slug, label_class.pk)
    messages.success(request, _("Saved. The key “%(key)s” stays as it is.") % {"key": label_class.key})
    return redirect(f"{reverse('datasets:classes', args=[dataset.slug])}#class-{label_class.pk}")


def _category_asked(dataset: Dataset, value: str) -> Category | None:
    """The category that a form names: a bin ("bin:kitchen"), an existing one by its number, or none."""
    if value.startswith("bin:") and value[4:] in Bin.values:
        return services.category_for_bin(dataset=dataset, bin=value[4:])
    if value.isascii() and value.isdigit():
        return get_object_or_404(dataset.categories, pk=int(value))
    return None


@dataclass(frozen=True)
class BinRow:
    """A class that waits for its bin, as the step shows it."""

    label_class: LabelClass
    field: str
    photos: list[str]
    chosen: str
    is_guess: bool


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def bins(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    waiting = [row for row in classes_of(dataset)[:2000] if row.category_id is None]
    if request.method == "POST":
        return _save_bins(request, dataset, waiting)
    shown = waiting[:CLASSES_A_PAGE]
    photos = photos_of_classes([row.pk for row in shown], dataset, PHOTOS_A_CLASS)
    context = {
        "dataset": dataset,
        "section": "classes",
        "rows": [_bin_row(row, photos.get(row.pk, [])) for row in shown],
        "later": len(waiting) - len(shown),
        "bins": Bin.choices,
    }
    return render(request, "datasets/bins.html", context)


def _bin_row(row: LabelClass, photos: list[str]) -> BinRow:
    guess = guess_for(row)
    return BinRow(
        row, f"bin-{row.pk}", photos, chosen=guess.value if guess else "", is_guess=guess is not None
    )


def _save_bins(request: HttpRequest, dataset: Dataset, waiting: list[LabelClass]) -> HttpResponse:
    """All choices are one act. A class that got its bin from someone else meanwhile is left alone."""
    chosen = {
        row: services.category_for_bin(dataset=dataset, bin=bin_)
        for row in waiting
        if (bin_ := request.POST.get(f"bin-{row.pk}", "")) in Bin.values
    }
    class_services.classes_choose_bins(dataset=dataset, chosen=chosen, actor=person(request))
    saved = len(chosen)
    text = ngettext("%(n)d class has its bin.", "%(n)d classes have their bins.", saved) % {"n": saved}
    messages.success(request, text)
    passed_over = "none" in request.POST.values()
    if saved and saved < len(waiting) and not passed_over:
        return redirect("datasets:bins", dataset.slug)
    return redirect("datasets:overview", dataset.slug)
