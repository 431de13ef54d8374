"""Watches a process that embeds photos or asks a model about them: relays its progress, gives way to what people wait
for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from pathlib import Path

from django.db.models import Q

from webapp.jobs.models import UNFINISHED, Job, JobState
from worker.context import GaveWay, JobContext
from worker.supervisor import relay_progress

# Between two looks at whether others wait.
LOOK_SECONDS = 3.0
# What is done in these phases is kept, so that little is lost by going back to the queue.
_KEPT = ("features", "answers")


class Watch:
    """`poll` is for `supervise`. Raises GaveWay while a job waits that is of none of the kinds `not_for`."""

    def __init__(
        self, context: JobContext, progress: Path, *, not_for: Collection[str], share: float
    ) -> None:
        self._context, self._progress = context, progress
        self._not_for, self._share = not_for, share
        self._looked_at = time.monotonic()

    def poll(self) -> None:
        relay_progress(self._context, self._progress, share=self._share)
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        if self._is_kept() and self._others_wait():
            raise GaveWay

    def _is_kept(self) -> bool:
        try:
            state = json.loads(self._progress.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return False  # still loading: an end now would only have it load again
        return state["phase"] in _KEPT

    def _others_wait(self) -> bool:
        """Whether a job waits in the same queue that could start at once."""
        waiting = Job.objects.filter(queue=self._context.job.queue, state=JobState.QUEUED)
        could_start = Q(after__isnull=True) | ~Q(after__state__in=UNFINISHED)
        return waiting.filter(could_start).exclude(kind__in=self._not_for).exists()
