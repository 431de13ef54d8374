"""What a job is called, and where what it made can be seen."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from webapp.jobs.models import Job, JobKind


@dataclass(frozen=True)
class Target:
    label: str
    url: str


def job_title(job: Job) -> str:
    """“Run 12”, “Import”. Load a training job with its run: `select_related("run")`."""
    if job.kind == JobKind.TRAIN and hasattr(job, "run"):
        return _("Run %(number)d") % {"number": job.run.number}
    if job.kind == JobKind.CRAWL and "number" in job.payload:
        return _("Crawl %(number)d") % {"number": job.payload["number"]}
    return str(job.get_kind_display())


# Kinds whose page belongs to the data set as a whole.
DATASET_PAGES = {
    JobKind.DUPLICATES: (gettext_noop("Clean"), "cleaning:groups"),
    JobKind.SUSPICION: (gettext_noop("Clean"), "cleaning:suspects"),
    JobKind.GUESSES: (gettext_noop("Sorted inbox"), "guessing:page"),
    JobKind.PROJECTION: (gettext_noop("Map"), "mapping:page"),
    JobKind.CRAWL_CHECK: (gettext_noop("Sources"), "crawls:sources"),
    JobKind.ORDER: (gettext_noop("Inbox"), "datasets:inbox"),
}
# Kinds with a page of their own: its name, its address, and what of the payload the address ends with.
OWN_PAGES = {
    JobKind.IMPORT: (gettext_noop("Upload"), "ingest:batch", "batch"),
    JobKind.EXPORT: (gettext_noop("Export"), "exports:detail", "export"),
    JobKind.PREPARE: (gettext_noop("Prepare"), "preparing:detail", "preparation"),
    JobKind.CRAWL: (gettext_noop("Crawl"), "crawls:detail", "number"),
    JobKind.RANK: (gettext_noop("Review"), "crawls:review", "class"),
}
RETRY_PAGES = {
    JobKind.IMPORT: (gettext_noop("Add photos again"), "ingest:upload"),
    JobKind.SNAPSHOT: (gettext_noop("Make another snapshot"), "snapshots:create"),
    JobKind.DUPLICATES: (gettext_noop("Look again"), "cleaning:groups"),
    JobKind.SUSPICION: (gettext_noop("Check again"), "cleaning:suspects"),
    JobKind.PROJECTION: (gettext_noop("Draw the map again"), "mapping:page"),
    JobKind.PREPARE: (gettext_noop("Prepare again"), "preparing:home"),
}


def job_target(job: Job, snapshot_number: int | None = None) -> Target | None:
    """The page of what the job makes. `snapshot_number` where the caller has looked it up."""
    if job.dataset is None:
        return None
    try:
        return _target(job, job.dataset.slug, snapshot_number)
    except NoReverseMatch:
        return None


def _target(job: Job, slug: str, snapshot_number: int | None) -> Target | None:
    kind = JobKind(job.kind)
    if kind in DATASET_PAGES:
        label, name = DATASET_PAGES[kind]
        return Target(_(label), reverse(name, args=[slug]))
    if kind in OWN_PAGES:
        label, name, key = OWN_PAGES[kind]
        return (
            Target(_(label), reverse(name, args=[slug, int(job.payload[key])]))
            if key in job.payload
            else None
        )
    if kind == JobKind.TRAIN and hasattr(job, "run"):
        return Target(job_title(job), reverse("runs:detail", args=[slug, job.run.number]))
    if kind == JobKind.SNAPSHOT and snapshot_number is not None:
        label = _("Snapshot %(number)d") % {"number": snapshot_number}
        return Target(label, reverse("snapshots:detail", args=[slug, snapshot_number]))
    if kind == JobKind.PREVIEW:
        return Target(_("Snapshot preview"), reverse("snapshots:report", args=[slug, job.pk]))
    if kind == JobKind.LIKENESS and "image" in job.payload:
        query = f"?state=any&like={int(job.payload['image'])}"
        return Target(_("Photos alike"), reverse("datasets:images", args=[slug]) + query)
    return None


def retry_target(job: Job) -> Target | None:
    """Where a person goes after a job failed, to try it again or to do something about the reason."""
    if job.dataset is None:
        return None
    if page := RETRY_PAGES.get(JobKind(job.kind)):
        return Target(_(page[0]), reverse(page[1], args=[job.dataset.slug]))
    return job_target(job)
