"""Reads of the queue."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.datasets.models import Dataset
from webapp.jobs.models import UNFINISHED, Job, JobKind, JobState, WorkerProcess
from webapp.jobs.titles import job_title


@dataclass(frozen=True)
class QueueSummary:
    running: int
    waiting: int
    first: Job | None
    """The job to show in the top bar: the running one that started first, else the next that waits."""

    @property
    def is_busy(self) -> bool:
        return bool(self.running or self.waiting)


# What no list shows: logs, step series and specs may be long.
HEAVY = ("log_tail", "run__steps", "run__spec")


def _unfinished() -> QuerySet[Job]:
    return Job.objects.filter(state__in=UNFINISHED)


def queue_summary() -> QueueSummary:
    jobs = list(_unfinished().select_related("dataset", "run").defer(*HEAVY).order_by("id")[:200])
    running = [job for job in jobs if job.state == JobState.RUNNING]
    return QueueSummary(len(running), len(jobs) - len(running), next(iter(running or jobs), None))


def jobs_for(user: User, dataset: Dataset | None = None) -> QuerySet[Job]:  # noqa: ARG001 — everyone sees all
    """All jobs that `user` may see, newest first."""
    jobs = Job.objects.select_related("dataset", "created_by", "after", "run")
    return jobs.filter(dataset=dataset) if dataset else jobs


def live_workers() -> QuerySet[WorkerProcess]:
    return WorkerProcess.objects.filter(
        seen_at__gte=timezone.now() - timedelta(seconds=worker_silence_seconds())
    )


def worker_silence_seconds() -> float:
    """After so many seconds without a sign a worker counts as gone."""
    return max(5.0, 3 * float(settings.JOB_HEARTBEAT_SECONDS))


def has_worker(queue: str) -> bool:
    return queue in live_queues()


def live_queues() -> set[str]:
    """The queues that some living worker takes jobs from."""
    return {queue for worker in live_workers() for queue in worker.queues.split(",") if queue}


@dataclass(frozen=True)
class QueueState:
    """What the reasons for waiting depend on, read once for any number of jobs."""

    live: set[str]
    unfinished: dict[str, list[int]]
    """Ids by queue, in the order they are taken."""

    def ahead_of(self, job: Job) -> int:
        return bisect_left(self.unfinished.get(job.queue, []), job.pk)


def queue_state() -> QueueState:
    unfinished: dict[str, list[int]] = {}
    for queue, pk in _unfinished().order_by("id").values_list("queue", "pk"):
        unfinished.setdefault(queue, []).append(pk)
    return QueueState(live_queues(), unfinished)


def why_waiting(job: Job, state: QueueState | None = None) -> str:
    """Why a queued job does not run yet, as a sentence; "" for any other job.

    For many jobs at once pass one `queue_state()`.
    """
    if job.state != JobState.QUEUED:
        return ""
    if job.after is not None and job.after.is_unfinished:
        if job.after.kind == JobKind.SNAPSHOT:
            return _("Waits for the snapshot to finish.")
        return _("Waits for %(job)s to finish.") % {"job": job_title(job.after)}
    state = state or queue_state()
    if job.queue not in state.live:
        return _(
            "No worker takes this queue now. "
            "Start one with “make up” or “celery -A worker.app worker -Q %(queue)s”."
        ) % {"queue": job.queue}
    ahead = state.ahead_of(job)
    if ahead:
        return _("%(n)d before it in this queue.") % {"n": ahead}
    return _("Starts in a moment.")
