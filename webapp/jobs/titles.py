"""What a job is called, and where what it made can be seen."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from webapp.jobs.models import Job, JobKind


@dataclass(frozen=True)
class Target:
    label: str
    url: str


def job_title(job: Job) -> str:
    """“Run 12”, “Import”. Load a training job with its run: `select_related("run")`."""
    if job.kind == JobKind.TRAIN and hasattr(job, "run"):
        return _("Run %(number)d") % {"number": job.run.number}
    return str(job.get_kind_display())


def job_target(job: Job, snapshot_number: int | None = None) -> Target | None:
    """The page of what the job makes. `snapshot_number` where the caller has looked it up."""
    if job.dataset is None:
        return None
    slug = job.dataset.slug
    try:
        if job.kind == JobKind.TRAIN and hasattr(job, "run"):
            return Target(job_title(job), reverse("runs:detail", args=[slug, job.run.number]))
        if job.kind == JobKind.SNAPSHOT and snapshot_number is not None:
            label = _("Snapshot %(number)d") % {"number": snapshot_number}
            return Target(label, reverse("snapshots:detail", args=[slug, snapshot_number]))
        if job.kind == JobKind.IMPORT and "batch" in job.payload:
            return Target(_("Upload"), reverse("ingest:batch", args=[slug, int(job.payload["batch"])]))
        if job.kind == JobKind.DUPLICATES:
            return Target(_("Clean"), reverse("cleaning:groups", args=[slug]))
        if job.kind == JobKind.PREPARE and "preparation" in job.payload:
            page = reverse("preparing:detail", args=[slug, int(job.payload["preparation"])])
            return Target(_("Prepare"), page)
    except NoReverseMatch:
        return None
    return None


def retry_target(job: Job) -> Target | None:
    """Where a person goes after a job failed, to try it again or to do something about the reason."""
    if job.dataset is None:
        return None
    slug = job.dataset.slug
    if job.kind == JobKind.IMPORT:
        return Target(_("Add photos again"), reverse("ingest:upload", args=[slug]))
    if job.kind == JobKind.SNAPSHOT:
        return Target(_("Make another snapshot"), reverse("snapshots:create", args=[slug]))
    if job.kind == JobKind.DUPLICATES:
        return Target(_("Look again"), reverse("cleaning:groups", args=[slug]))
    if job.kind == JobKind.PREPARE:
        return Target(_("Prepare again"), reverse("preparing:home", args=[slug]))
    return job_target(job)
