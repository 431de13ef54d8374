"""The Celery application with its tasks: `celery -A worker.app worker -Q train --pool solo`.

Solo, because a job is one long task that supervises processes of its own: a pool of children would only stand between
a signal and the process that has to answer it.
"""

from __future__ import annotations

from typing import Any

import django

from webapp.config.celery_app import app

django.setup()

from celery import signals  # noqa: E402 — after the settings are ready
from celery.worker import state as worker_state  # noqa: E402
from django.db import close_old_connections  # noqa: E402

from webapp.jobs.doorbell import RUN_JOB  # noqa: E402
from worker.presence import Presence  # noqa: E402
from worker.reaper import reap  # noqa: E402
from worker.runner import run_job  # noqa: E402

_presence: list[Presence] = []


def is_stopping() -> bool:
    """True once this worker was told to end: a solo worker itself looks at the flag only between tasks."""
    # An orderly end is asked for with exit code 0, which equals False: only `is` tells them apart.
    return any(
        flag is not None and flag is not False
        for flag in (worker_state.should_stop, worker_state.should_terminate)
    )


@app.task(name=RUN_JOB)
def run_job_task(job_id: int) -> None:
    close_old_connections()
    run_job(job_id, is_stopping=is_stopping)


@signals.worker_ready.connect
def _begin(sender: Any, **_kwargs: Any) -> None:
    presence = Presence([queue.name for queue in sender.task_consumer.queues])
    presence.begin()
    _presence.append(presence)
    # A job that died with the worker before us need not wait for the next round.
    reap()


@signals.worker_shutdown.connect
def _end(**_kwargs: Any) -> None:
    while _presence:
        _presence.pop().end()
