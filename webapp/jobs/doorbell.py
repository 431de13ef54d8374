"""Tells a worker that a job waits. The message carries the job's id and nothing else."""

from __future__ import annotations

import logging

from kombu.exceptions import OperationalError

from webapp.config.celery_app import app
from webapp.jobs.models import Job

logger = logging.getLogger(__name__)

RUN_JOB = "sortyard.run_job"


def ring(job: Job) -> bool:
    """Sends `{job_id}` to the job's queue; False where no broker answers (the reaper rings later)."""
    if not app.conf.broker_url or app.conf.broker_url == "memory://":
        return False
    try:
        app.send_task(RUN_JOB, kwargs={"job_id": job.pk}, queue=job.queue, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        logger.warning("No broker to ring for job %s: %s", job.pk, type(error).__name__)
        return False
    return True
