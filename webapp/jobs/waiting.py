"""Waits for jobs from a command: a worker does them, or, where none lives, a process of our own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from django.conf import settings

from webapp.jobs.models import Job, JobState
from webapp.jobs.selectors import has_worker

PATIENCE_SECONDS = 2.0


def wait_for(job: Job, *, on_progress: Callable[[Job], None] = lambda _job: None, poll: float = 0.3) -> Job:
    """Returns the job when it has ended. Runs it (and what it waits for) here when no worker takes its queue."""
    drain: subprocess.Popen[bytes] | None = None
    begun = time.monotonic()
    try:
        while True:
            job.refresh_from_db()
            on_progress(job)
            if not job.is_unfinished:
                return job
            waited = time.monotonic() - begun > PATIENCE_SECONDS
            if drain is None and waited and job.state == JobState.QUEUED and not _worker_for(job):
                # Ctrl-C in a terminal goes to a whole group of processes: that one is asked to end in good order below.
                drain = subprocess.Popen(
                    [sys.executable, "-m", "worker", "drain", "--job", str(job.pk)],
                    cwd=settings.BASE_DIR,
                    process_group=0,
                )
            elif drain is not None and drain.poll() is not None:
                drain, begun = None, time.monotonic()
            time.sleep(poll)
    finally:
        if drain is not None and drain.poll() is None:
            drain.terminate()
            drain.wait()


def _worker_for(job: Job) -> bool:
    """Whether workers live for this job's queue and for that of the job it still waits for."""
    needed = {job.queue}
    if job.after is not None and job.after.is_unfinished:
        needed.add(job.after.queue)
    return all(has_worker(queue) for queue in needed)
