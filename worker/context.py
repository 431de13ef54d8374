"""What a handler may do with its job: report, ask whether to stop, and find out that the job is no longer its own."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from ml.store import Store
from webapp.core.store import site_store
from webapp.jobs import services
from webapp.jobs.models import Job

logger = logging.getLogger(__name__)


class JobError(Exception):
    """The job can't succeed; the message is a sentence for the person who started it."""


class JobCancelled(Exception):
    """Somebody asked for the job to stop."""


class JobLost(Exception):
    """The lease went to another: leave everything as it is."""


class WorkerStopping(Exception):
    """This worker is asked to end: the job goes back to the queue."""


class GaveWay(Exception):
    """Work that a person waits for is behind this job in its queue: it goes back and goes on later."""


class ProcessDied(Exception):
    """A process that worked for the job was killed: try again from its last checkpoint."""


class JobContext:
    """One attempt at one job. `store` is where files lie; `check()` raises when the handler has to stop."""

    def __init__(self, job: Job, *, is_stopping: Callable[[], bool] = lambda: False) -> None:
        self.job = job
        self.attempt = job.attempt
        self.store: Store = site_store()
        self._is_stopping = is_stopping
        self._lost = threading.Event()
        self._cancel = threading.Event()
        self._reported_at = 0.0

    def check(self) -> None:
        if self._lost.is_set():
            raise JobLost
        if self._cancel.is_set():
            raise JobCancelled
        if self._is_stopping():
            raise WorkerStopping

    def report(
        self, fraction: float, message: str = "", *, phase: str = "", eta_seconds: float | None = None
    ) -> None:
        """Writes progress (0 to 1) at most twice a second, then `check`s."""
        now = time.monotonic()
        if now - self._reported_at >= 0.5:
            self._reported_at = now
            self.write(progress=fraction, message=message, phase=phase, eta_seconds=eta_seconds)
        self.check()

    def write(self, **fields: Any) -> None:
        if not services.job_progress(job_id=self.job.pk, attempt=self.attempt, **fields):
            self._lost.set()

    def checkpointed(self) -> None:
        services.job_checkpointed(job_id=self.job.pk, attempt=self.attempt)

    @contextlib.contextmanager
    def lease(self) -> Iterator[None]:
        """Renews the lease from a thread of its own, however long the handler is busy."""
        done = threading.Event()
        thread = threading.Thread(target=self._keep, args=(done,), name=f"lease-{self.job.pk}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(timeout=5)

    def _keep(self, done: threading.Event) -> None:
        renewed_at = time.monotonic()
        look = min(1.0, settings.JOB_HEARTBEAT_SECONDS)
        try:
            while not done.wait(look):
                try:
                    if time.monotonic() - renewed_at >= settings.JOB_HEARTBEAT_SECONDS:
                        self._renew()
                        renewed_at = time.monotonic()
                    self._look_for_cancel()
                except DatabaseError:
                    # One missed renewal is survivable: the lease is several heartbeats long.
                    logger.exception("Could not renew the lease of job %s", self.job.pk)
                    connection.close()
        finally:
            connection.close()

    def _renew(self) -> None:
        if not services.job_renew(job_id=self.job.pk, attempt=self.attempt):
            self._lost.set()

    def _look_for_cancel(self) -> None:
        if Job.objects.filter(pk=self.job.pk, attempt=self.attempt, cancel_requested=True).exists():
            self._cancel.set()
