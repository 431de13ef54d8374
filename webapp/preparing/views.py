"""The page “Prepare”: the steps in their order, and a page for each run of one that stays."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.accounts.views import person
from webapp.core.pagination import page_by_id, whole_number
from webapp.datasets.filters import ImageFilter, images_matching
from webapp.datasets.models import Dataset
from webapp.datasets.selectors import dataset_for
from webapp.jobs.listing import job_row
from webapp.preparing import presenting, selectors, services
from webapp.preparing.cards import cards, said
from webapp.preparing.forms import BalanceForm, RulesForm
from webapp.preparing.models import Preparation, Step
from webapp.preparing.services import PreparationError

PAGE = 20
STRIP = 12


@allow(Role.VIEWER)
@require_GET
def home(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    latest = selectors.latest_of_steps(dataset)
    page = page_by_id(selectors.runs_of(dataset), before=whole_number(request.GET.get("before")), size=PAGE)
    context = {
        **_frame(dataset),
        "cards": cards(latest),
        "balance": BalanceForm(),
        "snapshot": selectors.enhanced_snapshots(dataset).first(),
        "rows": [(one, said(one)) for one in page.rows],
        "page": page,
    }
    return render(request, "preparing/home.html", context)


@allow(Role.CURATOR)
@require_POST
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """`step` names what to start; its settings stand beside it."""
    user = person(request)
    dataset = dataset_for(user, slug)
    try:
        made = _start(request, dataset, user)
    except PreparationError as error:
        messages.error(request, str(error))
        return redirect("preparing:home", slug)
    return redirect("preparing:detail", slug, made.pk)


def _start(request: HttpRequest, dataset: Dataset, user: User) -> Preparation:
    step = request.POST.get("step", "")
    if step == Step.SIZES:
        return services.sizes_start(dataset=dataset, created_by=user)
    if step == Step.FLIPS:
        return services.flips_start(dataset=dataset, created_by=user)
    if step == Step.STATISTICS:
        return services.statistics_start(dataset=dataset, created_by=user)
    if step == Step.BALANCE:
        balance = BalanceForm(request.POST)
        if not balance.is_valid():
            raise PreparationError(services.balance_limits())
        return services.balance_start(dataset=dataset, created_by=user, **balance.cleaned_data)
    if step == Step.RULES:
        rules = RulesForm(request.POST)
        if not rules.is_valid():
            raise PreparationError(_("A limit is not a number in its range. Nothing was changed."))
        return services.rules_start(dataset=dataset, limits=rules.limits(), created_by=user)
    raise PreparationError(_("There is no such step."))


@allow(Role.VIEWER)
@require_GET
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    """The limits with what they would catch now; a limit in the address goes before the usual one."""
    dataset = dataset_for(person(request), slug)
    form = RulesForm(request.GET or None)
    context = {**_frame(dataset), "form": form, **_counted(dataset, form)}
    return render(request, "preparing/rules.html", context)


@allow(Role.VIEWER)
@require_GET
def counts(request: HttpRequest, slug: str) -> HttpResponse:
    """The part that follows the limits while they are typed."""
    dataset = dataset_for(person(request), slug)
    form = RulesForm(request.GET)
    return render(
        request, "preparing/_counts.html", {**_frame(dataset), "form": form, **_counted(dataset, form)}
    )


@allow(Role.VIEWER)
@require_GET
def samples(request: HttpRequest, slug: str) -> HttpResponse:
    """A few photos that each rule would catch; asked for once the counts stand."""
    dataset = dataset_for(person(request), slug)
    form = RulesForm(request.GET)
    found = selectors.rule_samples(dataset, form.limits()) if form.is_valid() else []
    return render(request, "preparing/_samples.html", {"dataset": dataset, "rules": found})


def _counted(dataset: Dataset, form: RulesForm) -> dict[str, Any]:
    if not form.is_bound:
        form = RulesForm({name: field.initial for name, field in form.fields.items()})
    if not form.is_valid():
        return {"counted": None, "problems": form.errors}
    return {"counted": selectors.rule_counts(dataset, form.limits())}


@allow(Role.VIEWER)
@require_GET
def within(request: HttpRequest, slug: str) -> HttpResponse:
    """The photos of a region of the scatter: how many, the first of them, and the way into the gallery."""
    dataset = dataset_for(person(request), slug)
    chosen = ImageFilter.from_query(request.GET)
    rows = images_matching(dataset, chosen)
    context = {
        "dataset": dataset,
        "n": rows.count() if chosen.sides else None,
        "photos": rows.order_by("-id").only("sha256", "original_name")[:STRIP] if chosen.sides else [],
        "query": chosen.to_query(),
    }
    return render(request, "preparing/_within.html", context)


@allow(Role.VIEWER)
@require_GET
def detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_for(person(request), slug)
    one = _preparation(dataset, pk)
    context = {
        **_frame(dataset),
        **_job(one),
        "others": selectors.runs_of(dataset).filter(step=one.step).exclude(pk=pk)[:10],
        **presenting.of(one, request.GET),
    }
    return render(request, "preparing/detail.html", context)


@allow(Role.VIEWER)
@require_GET
def live(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The progress of a run; when it ends the page loads itself anew, once."""
    dataset = dataset_for(person(request), slug)
    one = _preparation(dataset, pk)
    response = render(request, "preparing/_live.html", {**_frame(dataset), **_job(one)})
    if not (one.job and one.job.is_unfinished):
        response["HX-Refresh"] = "true"
    return response


@allow(Role.CURATOR)
@require_POST
def undo(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Photos that a run of the rules moved come back."""
    user = person(request)
    one = _preparation(dataset_for(user, slug), pk)
    try:
        outcome = services.preparation_undo(preparation=one, actor=user)
    except PreparationError as error:
        messages.warning(request, str(error))
        return redirect("preparing:detail", slug, pk)
    text = ngettext(
        "%(n)s photo is back where it was.", "%(n)s photos are back where they were.", len(outcome.changed)
    )
    messages.success(request, text % {"n": f"{len(outcome.changed):,}"})
    if outcome.stale:
        text = ngettext(
            "%(n)d photo was changed since and left as it is.",
            "%(n)d photos were changed since and left as they are.",
            len(outcome.stale),
        )
        messages.warning(request, text % {"n": len(outcome.stale)})
    return redirect("preparing:detail", slug, pk)


def _preparation(dataset: Dataset, pk: int) -> Preparation:
    rows = dataset.preparations.select_related("job__dataset", "job__after", "created_by", "dataset")
    try:
        return get_object_or_404(rows, pk=pk)
    except OverflowError:  # SQLite has no number so large
        raise Http404 from None


def _job(one: Preparation) -> dict[str, Any]:
    return {"one": one, "job": one.job, "row": job_row(one.job) if one.job else None}


def _frame(dataset: Dataset) -> dict[str, Any]:
    return {"dataset": dataset, "section": "prepare"}
