"""Finds what was lost: leases that ran out, owners that died, jobs whose message never arrived."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from webapp.datasets.operations import operations_settle
from webapp.exports.services import exports_clean
from webapp.jobs import services
from webapp.jobs.models import Job, JobState, WorkerProcess
from worker.identity import is_gone


def reap() -> dict[str, int]:
    """Requeues lost jobs, rings again for waiting ones, forgets dead workers; says how many of each.

    Acts on classes whose process died before all photos had moved are gone on with, too.
    """
    return {
        "requeued": _requeue_lost(),
        "rung": _ring_waiting(),
        "forgotten": _forget_workers(),
        "settled": operations_settle(),
        "cleaned": exports_clean(),
    }


def _requeue_lost() -> int:
    now = timezone.now()
    count = 0
    for job in Job.objects.filter(state=JobState.RUNNING):
        expired = job.lease_until is not None and job.lease_until < now
        if expired or is_gone(job.lease_owner):
            count += services.job_requeue(job_id=job.pk, attempt=job.attempt, lost=True)
    return count


def _ring_waiting() -> int:
    # A message may still be on its way or behind others, so not at every round; a second one does no harm.
    patience = timedelta(seconds=max(2.0, 2 * settings.JOB_REAPER_SECONDS))
    unheard = Q(rung_at__isnull=True) | Q(rung_at__lt=timezone.now() - patience)
    waiting = Job.objects.filter(unheard, state=JobState.QUEUED).filter(
        Q(after__isnull=True) | ~Q(after__state__in=[JobState.QUEUED, JobState.RUNNING])
    )
    return sum(services.job_ring(job=job) for job in waiting[:500])


def _forget_workers() -> int:
    dead = [worker.pk for worker in WorkerProcess.objects.all() if is_gone(worker.name)]
    old = timezone.now() - timedelta(days=1)
    return WorkerProcess.objects.filter(Q(pk__in=dead) | Q(seen_at__lt=old)).delete()[0]
