"""Runs one job: claim, hand to its handler under a lease, write how it ended."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from ml.durable import StoreFull
from webapp.jobs import services
from webapp.jobs.models import JobKind
from worker.context import GaveWay, JobCancelled, JobContext, JobError, JobLost, ProcessDied, WorkerStopping
from worker.handlers import (
    crawl,
    crawl_check,
    duplicates,
    export,
    guesses,
    import_photos,
    likeness,
    order,
    prepare,
    preview,
    projection,
    rank,
    snapshot,
    suspicion,
    train,
)
from worker.identity import own_identity

logger = logging.getLogger(__name__)

Handler = Callable[[JobContext], dict[str, Any]]
HANDLERS: dict[str, Handler] = {
    JobKind.IMPORT: import_photos.handle,
    JobKind.SNAPSHOT: snapshot.handle,
    JobKind.TRAIN: train.handle,
    JobKind.DUPLICATES: duplicates.handle,
    JobKind.SUSPICION: suspicion.handle,
    JobKind.GUESSES: guesses.handle,
    JobKind.LIKENESS: likeness.handle,
    JobKind.PROJECTION: projection.handle,
    JobKind.EXPORT: export.handle,
    JobKind.PREVIEW: preview.handle,
    JobKind.PREPARE: prepare.handle,
    JobKind.CRAWL: crawl.handle,
    JobKind.CRAWL_CHECK: crawl_check.handle,
    JobKind.RANK: rank.handle,
    JobKind.ORDER: order.handle,
}


def run_job(job_id: int, *, is_stopping: Callable[[], bool] = lambda: False) -> bool:
    """Runs the job if it can be claimed. True if this process ran it, however it ended."""
    job = services.job_claim(job_id=job_id, owner=own_identity())
    if job is None:
        return False
    context = JobContext(job, is_stopping=is_stopping)
    owned = {"job_id": job.pk, "attempt": job.attempt}
    try:
        with context.lease():
            result = HANDLERS[job.kind](context)
            context.check()
    except JobLost:
        logger.warning("Job %s was taken over by another worker", job.pk)
    except JobCancelled:
        services.job_end_cancelled(**owned)
    except (WorkerStopping, GaveWay):
        services.job_requeue(**owned, lost=False)
    except ProcessDied as death:
        logger.warning("Job %s: %s", job.pk, death)
        services.job_requeue(**owned, lost=True)
    except JobError as error:
        services.job_fail(**owned, error=str(error))
    except Exception as error:
        logger.exception("Job %s failed", job.pk)
        services.job_fail(**owned, error=_sentence(error))
    else:
        services.job_succeed(**owned, result=result)
    return True


def _sentence(error: Exception) -> str:
    if isinstance(error, StoreFull) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        return _(
            "The disk is full. Free some space, then start this again: nothing that was stored is damaged."
        )
    return _(
        "Something went wrong that should not: %(kind)s: %(error)s. The worker's log has the details."
    ) % {
        "kind": type(error).__name__,
        "error": error,
    }
