"""Jobs as the queue page shows them: title, what they made, why they wait; and the workers that live."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.core.spoken import spoken
from webapp.core.templatetags.sortyard import duration, percent
from webapp.crawls.models import CrawlVerdict
from webapp.ingest.models import Verdict
from webapp.jobs.models import Job, JobKind, JobState, Queue, WorkerProcess
from webapp.jobs.selectors import HEAVY, QueueState, live_workers, queue_state, why_waiting
from webapp.jobs.titles import Target, job_target, job_title, retry_target
from webapp.snapshots.models import Snapshot


@dataclass(frozen=True)
class Filter:
    """A chip over the list; no states stands for all that ended, under those that have not."""

    label: Any
    states: tuple[str, ...] = ()


FILTERS = {
    "all": Filter(_("All")),
    "running": Filter(_("Running"), (JobState.RUNNING,)),
    "queued": Filter(_("Waiting"), (JobState.QUEUED,)),
    "succeeded": Filter(_("Done"), (JobState.SUCCEEDED,)),
    "failed": Filter(_("Failed"), (JobState.FAILED,)),
    "cancelled": Filter(_("Cancelled"), (JobState.CANCELLED,)),
}


RESULT_LABELS = {
    "seconds": _("Time"),
    "snapshot": _("Snapshot"),
    "digest": _("Digest"),
    "train": _("Train"),
    "val": _("Validation"),
    "test": _("Test"),
    "held_out": _("Held out"),
    "groups": _("Groups"),
    "conflicts": _("With different labels"),
    "note": _("Note"),
    "compared": _("Newly compared"),
    "photos": _("Photos"),
    "images": _("Photos"),
    "bytes": _("Size"),
    "run": _("Run"),
    "state": _("State"),
    "recipe": _("Recipe"),
    "seed": _("Seed"),
    "candidates": _("Candidates"),
    "references": _("Compared with"),
    "method": _("Ranked by"),
    "missing": _("Not looked at"),
    "words": _("Search words"),
    "total": _("Results"),
    "licensed": _("With a licence"),
    "first": _("First result"),
    "by": _("Uncertainty by"),
    "suspects": _("Labels in doubt"),
    "odd": _("Unlike the others"),
    "classes": _("Classes"),
    "labels": _("Learnt from"),
    "asked": _("Waiting in the inbox"),
    "accuracy": _("Right of those known"),
    "offered": _("Offered"),
    "found": _("Alike"),
    "bundle": _("Bundle"),
}
BY = {
    "model": _("the model"),
    "labels": _("a probe on the labels"),
    "nothing": _("nothing: no labels yet"),
}
# What programs compare, and nobody reads.
NOT_SHOWN = ("seen", "fingerprint")
METHODS = {
    "references": _("likeness to accepted photos"),
    "agreement": _("agreement among themselves"),
    "none": _("nothing: too few photos"),
}


SHORT = 24


def _verdict_lines(verdicts: dict[str, int], is_crawl: bool) -> list[tuple[str, str]]:
    """What became of the files of an import, or of the candidates of a crawl; the most frequent first."""
    labels = {**dict(Verdict.choices), **dict(CrawlVerdict.choices)} if is_crawl else dict(Verdict.choices)
    ordered = sorted(verdicts.items(), key=lambda pair: -pair[1])
    return [(str(labels.get(verdict, verdict)), f"{n:,}") for verdict, n in ordered]


def _said(key: str, value: object) -> str:
    if key == "seconds" and isinstance(value, int | float):
        return duration(float(value))
    if key == "accuracy" and isinstance(value, int | float):
        return percent(float(value))
    if key == "bytes" and isinstance(value, int):
        return str(filesizeformat(value))
    if key == "note":
        return spoken(str(value))
    if key == "method":
        return str(METHODS.get(str(value), value))
    if key == "by":
        return str(BY.get(str(value), value))
    return f"{value:,}" if isinstance(value, int) else str(value)


@dataclass(frozen=True)
class JobRow:
    job: Job
    title: str
    target: Target | None
    waiting: str
    seconds: float | None
    """How long it has run, or ran; None before it starts."""

    @property
    def key(self) -> str:
        return str(self.job.pk)

    @property
    def result(self) -> list[tuple[str, str]]:
        """What the job answered, as lines to read: nested parts are left to the page of what it made."""
        return self._lines()

    @property
    def summary(self) -> str:
        """One line for a list: the result of a job that is done, else its last message."""
        if self.job.state != JobState.SUCCEEDED:
            return spoken(self.job.message)
        # By key, since two labels may be one word in another language. The title says these already.
        short = [(label, value) for label, value in self._lines("snapshot", "run") if len(value) <= SHORT]
        return " · ".join(f"{label} {value}" for label, value in short)

    def _lines(self, *without: str) -> list[tuple[str, str]]:
        verdicts = self.job.result.get("verdicts")
        is_crawl = self.job.kind == JobKind.CRAWL
        lines = _verdict_lines(verdicts, is_crawl) if isinstance(verdicts, dict) else []
        for key, value in self.job.result.items():
            if key in (*without, *NOT_SHOWN) or isinstance(value, bool | dict | list) or value is None:
                continue
            label = RESULT_LABELS.get(key, key.replace("_", " "))
            lines.append((str(label), _said(key, value)))
        return lines

    @property
    def retry(self) -> Target | None:
        """Where to go after a failure."""
        if self.job.dataset is None:
            return None
        return retry_target(self.job)


def with_predecessor(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Each job with the one it waits for and that one's run, which the reason for waiting names."""
    after = ("after__log_tail", "after__run__steps", "after__run__spec")
    return jobs.select_related("after", "after__run").defer(*after)


def job_rows(jobs: Iterable[Job]) -> list[JobRow]:
    """Rows for a list, in at most three queries: numbers of snapshots, and the state of the queue."""
    jobs = list(jobs)
    wanted = [job.payload.get("snapshot") for job in jobs if job.kind == JobKind.SNAPSHOT]
    numbers = dict(Snapshot.objects.filter(pk__in=wanted).values_list("pk", "number")) if wanted else {}
    state = queue_state() if any(job.state == JobState.QUEUED for job in jobs) else None
    return [_row(job, numbers.get(job.payload.get("snapshot")), state) for job in jobs]


def job_row(job: Job) -> JobRow:
    return job_rows([job])[0]


def _row(job: Job, snapshot_number: int | None, state: QueueState | None) -> JobRow:
    target = job_target(job, snapshot_number)
    title = target.label if target and job.kind == JobKind.SNAPSHOT else job_title(job)
    return JobRow(job, title, target, why_waiting(job, state), _seconds(job))


def _seconds(job: Job) -> float | None:
    if job.started_at is None or job.state == JobState.QUEUED:
        return None
    return ((job.finished_at or timezone.now()) - job.started_at).total_seconds()


def state_counts() -> dict[str, int]:
    counted = dict(Job.objects.order_by().values_list("state").annotate(n=Count("id")))
    return {"all": sum(counted.values()), **counted}


@dataclass(frozen=True)
class WorkerRow:
    host: str
    pid: str
    queues: list[str]
    started_at: datetime
    jobs: list[JobRow]


def worker_rows() -> list[WorkerRow]:
    """Workers that gave a sign of life lately, and what each does now."""
    running: dict[str, list[Job]] = defaultdict(list)
    for job in Job.objects.filter(state=JobState.RUNNING).select_related("dataset", "run").defer(*HEAVY):
        running[job.lease_owner].append(job)
    return [_worker_row(worker, running[worker.name]) for worker in live_workers().order_by("name")]


def _worker_row(worker: WorkerProcess, jobs: list[Job]) -> WorkerRow:
    host, _slash, rest = worker.name.partition("/")
    names = dict(Queue.choices)
    queues = [str(names.get(queue, queue)) for queue in worker.queues.split(",") if queue]
    return WorkerRow(host, rest.split("/")[0], queues, worker.started_at, job_rows(jobs))
