"""Looks at a whole data set give way, while they embed, to what people wait for in the same queue."""

from __future__ import annotations

import json
import time
from pathlib import Path

from django.db.models import Q

from webapp.jobs.models import UNFINISHED, Job, JobKind, JobState
from worker.context import GaveWay, JobContext
from worker.supervisor import relay_progress

# Between two looks at whether others wait.
LOOK_SECONDS = 3.0
# Of two one gives way to the other and not the other way round: else they would change places until one has nothing
# left to do that is kept.
GIVES_WAY_TO_ALL_BUT = {
    JobKind.DUPLICATES: (JobKind.DUPLICATES, JobKind.ORDER, JobKind.PROJECTION),
    JobKind.ORDER: (JobKind.ORDER, JobKind.PROJECTION),
    JobKind.PROJECTION: (JobKind.PROJECTION,),
}
# What is done in these phases is kept, so that little is lost by going back to the queue.
_KEPT = ("features", "answers")


class Watch:
    """Relays progress, and gives way to imports and snapshots, which people wait for, while photos are embedded or a
    model is asked about them. What follows takes a minute or two at most.

    `share`: of the job, what the process that is watched does.
    """

    def __init__(self, context: JobContext, progress: Path, *, share: float = 0.95) -> None:
        self._context, self._progress, self._share = context, progress, share
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
        job = self._context.job
        waiting = Job.objects.filter(queue=job.queue, state=JobState.QUEUED)
        could_start = Q(after__isnull=True) | ~Q(after__state__in=UNFINISHED)
        return waiting.filter(could_start).exclude(kind__in=GIVES_WAY_TO_ALL_BUT[JobKind(job.kind)]).exists()
