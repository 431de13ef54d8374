"""Data sets: the list, a new one, its overview, and the one click that trains."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.datasets import services
from webapp.datasets.cards import dataset_cards
from webapp.datasets.errors import DatasetError
from webapp.datasets.forms_datasets import DatasetForm
from webapp.datasets.overview import overview, work_of
from webapp.datasets.selectors import dataset_for
from webapp.runs.services import run_default
from webapp.snapshots.services import SnapshotError


@allow(Role.VIEWER)
@require_GET
def dataset_list(request: HttpRequest) -> HttpResponse:
    context = {"cards": dataset_cards(person(request)), "section": "datasets"}
    return render(request, "datasets/list.html", context)


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def dataset_create(request: HttpRequest) -> HttpResponse:
    form = DatasetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            dataset = services.dataset_create(name=form.cleaned_data["name"], created_by=person(request))
        except DatasetError as error:
            form.add_error("name", str(error))
        else:
            if form.cleaned_data["start"] == DatasetForm.PRESET55:
                services.dataset_use_preset55(dataset=dataset)
            return redirect("datasets:overview", dataset.slug)
    status = 422 if form.is_bound else 200
    return render(request, "datasets/create.html", {"form": form, "section": "datasets"}, status=status)


@allow(Role.VIEWER)
@require_GET
def dataset_overview(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    dataset = dataset_for(user, slug)
    found = overview(dataset, user)
    context = {
        "dataset": dataset,
        "section": "overview",
        "overview": found,
        "rail_counted": found.rail,
    }
    return render(request, "datasets/overview.html", context)


@allow(Role.VIEWER)
@require_GET
def dataset_work(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the overview that changes while jobs run. Only a page that showed some asks for it."""
    dataset = dataset_for(person(request), slug)
    return render(
        request, "datasets/_work.html", {"dataset": dataset, "jobs": work_of(dataset), "ended": True}
    )


@allow(Role.CURATOR)
@require_POST
def dataset_train(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    dataset = dataset_for(user, slug)
    try:
        run = run_default(dataset=dataset, created_by=user)
    except SnapshotError as error:
        messages.error(request, str(error))
        return redirect("datasets:overview", slug)
    return redirect("runs:detail", slug, run.number)
