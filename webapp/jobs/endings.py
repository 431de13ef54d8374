"""What else has to be told when a job ends without success. Rooms register here; jobs know nothing of them."""

from __future__ import annotations

from collections.abc import Callable

from webapp.jobs.models import Job, JobKind

Ending = Callable[[Job], None]
_endings: dict[str, Ending] = {}


def on_unsuccessful_end(kind: JobKind, ending: Ending) -> None:
    """`ending(job)` is called once a job of that kind has failed or was cancelled. It must be safe to repeat."""
    _endings[kind] = ending


def tell_unsuccessful_end(job: Job) -> None:
    if ending := _endings.get(job.kind):
        ending(job)
