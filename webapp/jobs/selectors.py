"""Reads of the queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.datasets.models import Dataset
from webapp.jobs.models import UNFINISHED, Job, JobState, WorkerProcess


@dataclass(frozen=True)
class QueueSummary:
    running: int
    waiting: int
    first: Job | None
    """The job to show in the top bar: the running one that started first, else the next that waits."""

    @property
    def is_busy(self) -> bool:
        return bool(self.running or self.waiting)


def queue_summary() -> QueueSummary:
    jobs = list(Job.objects.filter(state__in=UNFINISHED).select_related("dataset", "run").order_by("id")[:200])
    running = [job for job in jobs if job.state == JobState.RUNNING]
    return QueueSummary(len(running), len(jobs) - len(running), next(iter(running or jobs), None))


def jobs_for(user: User, dataset: Dataset | None = None) -> QuerySet[Job]:
    """All jobs that `user` may see, newest first."""
    jobs = Job.objects.select_related("dataset", "created_by", "after", "run")
    return jobs.filter(dataset=dataset) if dataset else jobs


def live_workers() -> QuerySet[WorkerProcess]:
    return WorkerProcess.objects.filter(seen_at__gte=timezone.now() - timedelta(seconds=worker_silence_seconds()))


def worker_silence_seconds() -> float:
    """After so many seconds without a sign a worker counts as gone."""
    return max(5.0, 3 * float(settings.JOB_HEARTBEAT_SECONDS))


def has_worker(queue: str) -> bool:
    return any(queue in worker.queues.split(",") for worker in live_workers())


def why_waiting(job: Job) -> str:
    """Why a queued job does not run yet, as a sentence; "" for any other job."""
    if job.state != JobState.QUEUED:
        return ""
    if job.after is not None and job.after.is_unfinished:
        return _("Waits for %(job)s to finish.") % {"job": _job_name(job.after)}
    if not has_worker(job.queue):
        return _("No worker takes this queue now. Start one with “make up” or “celery -A worker.app worker -Q %(queue)s”.") % {
            "queue": job.queue
        }
    ahead = Job.objects.filter(queue=job.queue, state__in=UNFINISHED, pk__lt=job.pk).count()
    if ahead:
        return _("%(n)d before it in this queue.") % {"n": ahead}
    return _("Starts in a moment.")


def _job_name(job: Job) -> str:
    return f"{job.get_kind_display()} {job.pk}"
