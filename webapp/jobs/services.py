"""Writers of the queue. Every write after a claim carries the attempt, so a late duplicate can change nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from webapp.accounts.models import User
from webapp.datasets.models import Dataset
from webapp.jobs.doorbell import ring
from webapp.jobs.endings import tell_unsuccessful_end
from webapp.jobs.models import QUEUE_OF_KIND, STARTS_REGARDLESS, UNFINISHED, Job, JobKind, JobState


def job_create(
    *,
    kind: JobKind,
    dataset: Dataset | None,
    payload: dict[str, Any],
    created_by: User | None,
    after: Job | None = None,
) -> Job:
    """Puts a job in the queue; call it in the transaction that writes what the job serves."""
    job = Job.objects.create(
        kind=kind,
        dataset=dataset,
        payload=payload,
        created_by=created_by,
        after=after if after is not None and after.is_unfinished else None,
        queue=QUEUE_OF_KIND[kind],
    )
    transaction.on_commit(lambda: job_ring(job=job))
    return job


def look_request(
    *, kind: JobKind, dataset: Dataset, created_by: User | None, payload: dict[str, Any] | None = None
) -> Job:
    """Queues a look at the whole data set. One that waits already answers instead; one that runs is waited for."""
    looks = Job.objects.filter(dataset=dataset, kind=kind)
    try:
        with transaction.atomic():
            waiting = looks.filter(state=JobState.QUEUED).first()
            if waiting is not None:
                return waiting
            running = looks.filter(state=JobState.RUNNING).first()
            return job_create(
                kind=kind, dataset=dataset, payload=payload or {}, created_by=created_by, after=running
            )
    except IntegrityError:  # another asked at the same moment
        return looks.latest("id")


def looks_again(*, dataset: Dataset, created_by: User | None) -> None:
    """Asks for the looks at labels that were made here before: what they found is of classes that are others now."""
    looks = (JobKind.SUSPICION, JobKind.GUESSES)
    made = set(Job.objects.filter(dataset=dataset, kind__in=looks).values_list("kind", flat=True))
    for kind in looks:
        if kind in made:
            look_request(kind=kind, dataset=dataset, created_by=created_by)


def job_ring(*, job: Job) -> bool:
    """Sends the message for a queued job. A broker that is away loses nothing: the reaper rings again."""
    if not ring(job):
        return False
    Job.objects.filter(pk=job.pk).update(rung_at=timezone.now())
    return True


def job_claim(*, job_id: int, owner: str) -> Job | None:
    """Takes a queued job for `owner`; None where another was quicker, or it still waits for the job before it."""
    now = timezone.now()
    job = Job.objects.select_related("after").filter(pk=job_id).first()
    if job is None or not _may_start(job):
        return None
    try:
        with transaction.atomic():
            claimed = Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(
                state=JobState.RUNNING,
                attempt=F("attempt") + 1,
                lease_owner=owner,
                lease_until=now + timedelta(seconds=settings.JOB_LEASE_SECONDS),
                heartbeat_at=now,
                started_at=now,
                message="",
                error="",
            )
    except IntegrityError:
        return None  # of its kind one may run for a data set, and one does: the reaper rings for it again
    return Job.objects.select_related("dataset").get(pk=job_id) if claimed == 1 else None


def _may_start(job: Job) -> bool:
    """False while the job before it is unfinished; a job that needs one which did not succeed fails at once."""
    if job.after is None or job.after.state == JobState.SUCCEEDED:
        return True
    if not job.after.is_unfinished:
        if job.kind in STARTS_REGARDLESS:
            return True
        reason = _("The job before it (%(id)d) did not succeed: %(error)s") % {
            "id": job.after.pk,
            "error": job.after.error or _("Cancelled"),
        }
        failed = Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(
            state=JobState.FAILED, error=reason, finished_at=timezone.now()
        )
        if failed:
            _after_end(job.pk)
    return False


def job_renew(*, job_id: int, attempt: int) -> bool:
    """Renews the lease; False where the job is no longer this attempt's."""
    now = timezone.now()
    return (
        _own(job_id, attempt).update(
            heartbeat_at=now, lease_until=now + timedelta(seconds=settings.JOB_LEASE_SECONDS)
        )
        == 1
    )


def job_progress(*, job_id: int, attempt: int, **fields: Any) -> bool:
    """Writes `progress, phase, message, eta_seconds, log_tail`; False where the job is no longer this attempt's."""
    if "progress" in fields:
        fields["progress"] = min(1.0, max(0.0, float(fields["progress"])))
    if "message" in fields:
        fields["message"] = str(fields["message"])[:300]
    return _own(job_id, attempt).update(**fields) == 1


def job_checkpointed(*, job_id: int, attempt: int) -> None:
    """New work is safe on disk: earlier losses no longer count."""
    _own(job_id, attempt).filter(losses__gt=0).update(losses=0)


def job_succeed(*, job_id: int, attempt: int, result: dict[str, Any]) -> bool:
    return _finish(job_id, attempt, state=JobState.SUCCEEDED, progress=1.0, result=result, eta_seconds=None)


def job_fail(*, job_id: int, attempt: int, error: str) -> bool:
    return _finish(job_id, attempt, state=JobState.FAILED, error=error, eta_seconds=None)


def job_end_cancelled(*, job_id: int, attempt: int) -> bool:
    return _finish(job_id, attempt, state=JobState.CANCELLED, eta_seconds=None)


def _own(job_id: int, attempt: int) -> QuerySet[Job]:
    return Job.objects.filter(pk=job_id, attempt=attempt, state=JobState.RUNNING)


def _finish(job_id: int, attempt: int, **fields: Any) -> bool:
    done = (
        _own(job_id, attempt).update(lease_owner="", lease_until=None, finished_at=timezone.now(), **fields)
        == 1
    )
    if done:
        _after_end(job_id)
    return done


def _after_end(job_id: int) -> None:
    """Tells the room that the job served, and the jobs that waited for it."""
    job = Job.objects.get(pk=job_id)
    if job.state != JobState.SUCCEEDED:
        tell_unsuccessful_end(job)
    for follower in Job.objects.select_related("after").filter(after_id=job_id, state=JobState.QUEUED):
        if _may_start(follower):
            job_ring(job=follower)


def job_requeue(*, job_id: int, attempt: int, lost: bool) -> bool:
    """Gives a running job back to the queue. `lost`: its owner died, which counts towards giving up."""
    job = Job.objects.get(pk=job_id)
    losses = job.losses + 1 if lost else job.losses
    if job.cancel_requested:
        return job_end_cancelled(job_id=job_id, attempt=attempt)
    if losses >= settings.JOB_MAX_LOSSES:
        return job_fail(
            job_id=job_id,
            attempt=attempt,
            error=_(
                "The worker was lost %(n)d times without getting further, so it is not tried again. "
                "Look at the log: running out of memory is the usual reason."
            )
            % {"n": losses},
        )
    requeued = (
        _own(job_id, attempt).update(
            state=JobState.QUEUED,
            lease_owner="",
            lease_until=None,
            losses=losses,
            rung_at=None,
            eta_seconds=None,
        )
        == 1
    )
    if requeued:
        job_ring(job=job)
    return requeued


def job_cancel(*, job: Job) -> bool:
    """Cancels a waiting job at once and asks a running one to stop. False where it had finished already."""
    waiting = Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(
        state=JobState.CANCELLED, cancel_requested=True, finished_at=timezone.now()
    )
    if waiting:
        _after_end(job.pk)
        return True
    return Job.objects.filter(pk=job.pk, state__in=UNFINISHED).update(cancel_requested=True) == 1


def job_retry(*, job: Job) -> bool:
    """Puts a failed or cancelled job back into the queue; a run goes on from its last checkpoint."""
    retried = Job.objects.filter(pk=job.pk, state__in=(JobState.FAILED, JobState.CANCELLED)).update(
        state=JobState.QUEUED,
        losses=0,
        error="",
        cancel_requested=False,
        finished_at=None,
        rung_at=None,
        progress=0.0,
    )
    if retried:
        job.refresh_from_db()
        transaction.on_commit(lambda: job_ring(job=job))
    return retried == 1
