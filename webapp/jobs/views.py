"""The queue, and the page of each job that stays."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import page_by_id, whole_number
from webapp.core.templatetags.shell import indicator
from webapp.jobs.listing import FILTERS, job_row, job_rows, state_counts, with_predecessor, worker_rows
from webapp.jobs.models import UNFINISHED, Job, JobState
from webapp.jobs.selectors import HEAVY, jobs_for
from webapp.jobs.services import job_cancel

PAGE = 30


def _jobs(request: HttpRequest) -> QuerySet[Job]:
    """Without the log, which may be long and which no list shows."""
    return with_predecessor(jobs_for(person(request))).defer(*HEAVY)


@allow(Role.VIEWER)
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    jobs = _jobs(request)
    shown = request.GET.get("state", "")
    shown = shown if shown in FILTERS else "all"
    before = request.GET.get("before", "")
    states = FILTERS[shown].states
    page = page_by_id(
        jobs.filter(state__in=states) if states else jobs.exclude(state__in=UNFINISHED),
        before=whole_number(before),
        size=PAGE,
    )
    # Unfinished jobs stand first and whole on the page of all; the keyset pages are those that ended.
    unfinished = (
        list(jobs.filter(state__in=UNFINISHED).order_by("id")[:100]) if shown == "all" and not before else []
    )
    counts = state_counts()
    context = {
        "section": "queue",
        "shown": shown,
        "filters": [(key, one, counts.get(key, 0)) for key, one in FILTERS.items()],
        "unfinished": job_rows(unfinished),
        "rows": job_rows(page.rows),
        "page": page,
        "workers": worker_rows(),
    }
    return render(request, "jobs/queue.html", context)


@allow(Role.VIEWER)
@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    job = get_object_or_404(with_predecessor(jobs_for(person(request))), pk=pk)
    return render(request, "jobs/detail.html", {"section": "queue", **_job_context(job)})


def _job_context(job: Job) -> dict[str, Any]:
    return {"row": job_row(job), "job": job}


@allow(Role.VIEWER)
@require_GET
def row(request: HttpRequest, pk: int) -> HttpResponse:
    """One line of the queue; it asks for itself again while the job is unfinished."""
    job = get_object_or_404(_jobs(request), pk=pk)
    return render(request, "jobs/_row.html", _job_context(job))


@allow(Role.VIEWER)
@require_GET
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """The changing part of a job's page."""
    job = get_object_or_404(with_predecessor(jobs_for(person(request))), pk=pk)
    return render(request, "jobs/_live.html", _job_context(job))


@allow(Role.VIEWER)
@require_GET
def queue_indicator(request: HttpRequest) -> HttpResponse:
    return render(request, "components/queue_indicator.html", indicator())


@allow(Role.CURATOR)
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """`back`: the page to return to, of this site; else the job's own."""
    job = get_object_or_404(jobs_for(person(request)), pk=pk)
    if not job_cancel(job=job):
        messages.info(request, _("It had ended already."))
    elif job.state == JobState.QUEUED:
        messages.success(request, _("Cancelled."))
    else:
        messages.success(request, _("Asked to stop. It ends after the step it is in."))
    back = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return redirect(back)
    return redirect("jobs:detail", pk)
