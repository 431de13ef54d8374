"""Pages of runs: the list, recipe cards, one run with its live curves, its log."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ml.specs import RECIPES, SpecError
from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.core.spoken import spoken
from webapp.datasets.models import Dataset
from webapp.datasets.selectors import dataset_for
from webapp.jobs.models import JobState
from webapp.jobs.services import job_cancel
from webapp.publishing.selectors import standing
from webapp.runs import selectors
from webapp.runs.charts import curve_data
from webapp.runs.forms import RunForm, cards, preset_values
from webapp.runs.models import Run
from webapp.runs.services import run_start
from webapp.snapshots.models import SnapshotState
from webapp.snapshots.services import (
    SnapshotError,
    current_or_new_snapshot,
    labels_fingerprint,
    why_not_trainable,
)


def reader(request: HttpRequest) -> User:
    """The person signed in; the access middleware lets nobody else through."""
    if not isinstance(request.user, User):
        raise TypeError("a view behind the access middleware was reached without a user")
    return request.user


@require_GET
@allow(Role.VIEWER)
def run_list(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(reader(request), slug)
    chosen = selectors.RunFilter.from_query(request.GET)
    page = selectors.run_page(dataset, chosen)
    compared = selectors.runs_to_compare(dataset, chosen.compare) if chosen.compare else []
    context = {
        "dataset": dataset,
        "section": "runs",
        "chosen": chosen,
        "page": page,
        "any_unfinished": any(run.job.is_unfinished for run in page.rows),
        "states": [("", _("All")), ("unfinished", _("Running")), *_final_states()],
        "recipes": RECIPES.values(),
        "compared": compared,
        "intervals": selectors.intervals([*page.rows, *compared]),
        "differences": selectors.differences(compared) if len(compared) > 1 else [],
        "curves": [curve_data(run, run.epochs.all()) for run in compared],
    }
    return render(request, "runs/list.html", context)


def _final_states() -> list[tuple[str, str]]:
    final = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
    return [(state.value, str(state.label)) for state in final]


@require_http_methods(["GET", "POST"])
@allow(Role.CURATOR)
def run_new(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(reader(request), slug)
    if request.method == "POST":
        form = RunForm(dataset, request.POST.dict())
        if form.is_valid() and (run := _start(request, dataset, form)) is not None:
            return redirect("runs:detail", slug, run.number)
        return _recipe_page(request, dataset, cards(form), status=422)
    like = _run_to_repeat(dataset, request.GET.get("like", ""))
    if like is None:
        recipe, preset = request.GET.get("recipe", ""), request.GET.get("preset", "")
        return _recipe_page(request, dataset, cards(like=preset_values(recipe, preset), recipe=recipe))
    # The labels are what people change between two runs: the old ones are used again only where they are the same.
    same = like.snapshot.fingerprint == labels_fingerprint(dataset)
    snapshot = str(like.snapshot.number) if same else ""
    typed = {**selectors.overrides_of(like), "seed": str(like.seed), "snapshot": snapshot}
    return _recipe_page(request, dataset, cards(like=typed, recipe=like.recipe), like=like)


def _start(request: HttpRequest, dataset: Dataset, form: RunForm) -> Run | None:
    """The run that was asked for, or None with the reason in the form's errors."""
    user = reader(request)
    try:
        return run_start(
            dataset=dataset,
            recipe=form.recipe,
            overrides=form.overrides,
            seed=form.seed,
            snapshot=form.snapshot or current_or_new_snapshot(dataset=dataset, created_by=user),
            created_by=user,
        )
    except SpecError as error:
        form.errors[error.field] = spoken(error.message)
    except SnapshotError as error:
        form.errors["snapshot"] = str(error)
    return None


def _run_to_repeat(dataset: Dataset, number: str) -> Run | None:
    if not (number.isascii() and number.isdigit()):
        return None
    return selectors.runs_of(dataset).filter(number=int(number)).first()


def _recipe_page(
    request: HttpRequest, dataset: Dataset, shown: list[Any], status: int = 200, like: Run | None = None
) -> HttpResponse:
    snapshots = list(dataset.snapshots.exclude(state=SnapshotState.FAILED)[:50])
    if like is not None and like.snapshot not in snapshots and like.snapshot.state != SnapshotState.FAILED:
        snapshots.append(like.snapshot)
    context = {
        "dataset": dataset,
        "section": "runs",
        "cards": shown,
        "snapshots": snapshots,
        "like": like,
        "cannot_train": why_not_trainable(dataset),
    }
    return render(request, "runs/new.html", context, status=status)


@require_GET
@allow(Role.VIEWER)
def run_detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    dataset = dataset_for(reader(request), slug)
    run = selectors.run_for(dataset, number)
    before = selectors.run_before(run)
    epochs = list(run.epochs.all())
    context = {
        **_run_context(run),
        "section": "runs",
        "epochs": epochs,
        "curves": curve_data(run, epochs),
        "spec": selectors.spec_lines(run),
        "before": before,
        "differences": selectors.differences([before, run]) if before else [],
    }
    return render(request, "runs/detail.html", context)


def _run_context(run: Run) -> dict[str, Any]:
    """What the page and its live parts show of a run."""
    return {
        "dataset": run.dataset,
        "run": run,
        "job": run.job,
        "title": selectors.recipe_title(run.recipe),
        "waiting": selectors.waiting(run),
        "intervals": selectors.intervals([run]),
        "standing": standing(run) if run.job.state == JobState.SUCCEEDED else None,
        "live_url": reverse("runs:live", args=[run.dataset.slug, run.number]),
    }


@require_GET
@allow(Role.VIEWER)
def run_live(request: HttpRequest, slug: str, number: int) -> JsonResponse:
    """State, progress and curves of a run; the page asks for it again only while the run is unfinished."""
    run = selectors.run_for(dataset_for(reader(request), slug), number)
    job, context = run.job, _run_context(run)
    curves = curve_data(run, run.epochs.all())
    return JsonResponse(
        {
            "state": job.state,
            "state_name": job.get_state_display(),
            "unfinished": job.is_unfinished,
            "phase": job.phase,
            "message": spoken(job.message),
            "progress": job.progress,
            "eta_seconds": job.eta_seconds,
            "epochs": curves["epochs"],
            "steps": curves["steps"],
            "best_epoch": run.best_epoch,
            "error": spoken(job.error),
            "log_tail": job.log_tail[-4000:],
            "status_html": render_to_string("runs/_status.html", context, request),
            "finished_html": ""
            if job.is_unfinished
            else render_to_string("runs/_finished.html", context, request),
        }
    )


@require_POST
@allow(Role.CURATOR)
def run_cancel(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    run = selectors.run_for(dataset_for(reader(request), slug), number)
    if not job_cancel(job=run.job):
        messages.info(request, _("Run %(number)d had ended already.") % {"number": number})
    return redirect("runs:detail", slug, number)


@require_POST
@allow(Role.CURATOR)
def run_again(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Queues the same snapshot, recipe, settings and seed once more."""
    user = reader(request)
    dataset = dataset_for(user, slug)
    run = selectors.run_for(dataset, number)
    try:
        # A snapshot that failed can't be waited for: a fresh one takes its place.
        failed = run.snapshot.state == SnapshotState.FAILED
        snapshot = current_or_new_snapshot(dataset=dataset, created_by=user) if failed else run.snapshot
        again = run_start(
            dataset=dataset,
            recipe=run.recipe,
            overrides=selectors.overrides_of(run),
            seed=run.seed,
            snapshot=snapshot,
            created_by=user,
        )
    except (SpecError, SnapshotError) as error:
        messages.error(request, str(error))
        return redirect("runs:detail", slug, number)
    return redirect("runs:detail", slug, again.number)


@require_GET
@allow(Role.VIEWER)
def run_log(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The log, whole or the lines that contain `q`; `download` sends it as a text file."""
    dataset = dataset_for(reader(request), slug)
    run = selectors.run_for(dataset, number)
    if "download" in request.GET:
        log = selectors.run_log(run, whole=True)
        response = HttpResponse(log.text, content_type="text/plain; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="run-{number}-log.txt"'
        return response
    log = selectors.run_log(run)
    query = request.GET.get("q", "").strip()
    lines = selectors.matching_lines(log.text, query)
    context = {**_run_context(run), "section": "runs", "log": log, "query": query, "lines": lines}
    return render(request, "runs/log.html", context)
