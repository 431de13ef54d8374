"""The queue is this table. Celery moves work to machines but never remembers it.

queued → running → succeeded
   ↑        ├────→ failed        (an error, or 3 losses without a new checkpoint)
   └────────┤      cancelled     (asked by a person)
   lease expired: queued again, attempt + 1
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class JobState(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)


class JobKind(models.TextChoices):
    IMPORT = "import", _("Import")
    SNAPSHOT = "snapshot", _("Snapshot")
    TRAIN = "train", _("Training")
    DUPLICATES = "duplicates", _("Near-duplicates")
    SUSPICION = "suspicion", _("Label check")
    GUESSES = "guesses", _("Guesses")
    LIKENESS = "likeness", _("Photos alike")
    PROJECTION = "projection", _("Map")
    PREPARE = "prepare", _("Preparation step")
    PREVIEW = "preview", _("Snapshot preview")
    EXPORT = "export", _("Export")
    CRAWL = "crawl", _("Crawl")
    CRAWL_CHECK = "crawl_check", _("Check of a source")
    RANK = "rank", _("Ranking of found photos")
    ORDER = "order", _("Order of the inbox")


class Queue(models.TextChoices):
    TRAIN = "train", _("Training")
    PREP = "prep", _("Preparation")
    CRAWL = "crawl", _("Crawling")


QUEUE_OF_KIND = {
    JobKind.IMPORT: Queue.PREP,
    JobKind.SNAPSHOT: Queue.PREP,
    JobKind.TRAIN: Queue.TRAIN,
    JobKind.DUPLICATES: Queue.PREP,
    JobKind.SUSPICION: Queue.PREP,
    JobKind.GUESSES: Queue.PREP,
    JobKind.LIKENESS: Queue.PREP,
    JobKind.PROJECTION: Queue.PREP,
    JobKind.PREPARE: Queue.PREP,
    JobKind.PREVIEW: Queue.PREP,
    JobKind.EXPORT: Queue.PREP,
    # Slow by politeness, so apart from what people wait for.
    JobKind.CRAWL: Queue.CRAWL,
    JobKind.CRAWL_CHECK: Queue.CRAWL,
    JobKind.RANK: Queue.PREP,
    JobKind.ORDER: Queue.PREP,
}
# They look at a whole data set: one of a kind runs at a time, and one more may wait for what changed meanwhile.
ONE_AT_A_TIME = (
    JobKind.DUPLICATES, JobKind.SUSPICION, JobKind.GUESSES, JobKind.ORDER, JobKind.PROJECTION,
)  # fmt: skip
# For these `after` is an order only: they start however the job before them ended.
STARTS_REGARDLESS = frozenset((*ONE_AT_A_TIME, JobKind.RANK))


class Job(models.Model):
    kind = models.CharField(max_length=16, choices=JobKind.choices)
    dataset = models.ForeignKey(
        "datasets.Dataset", null=True, blank=True, on_delete=models.CASCADE, related_name="jobs"
    )
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.QUEUED)
    queue = models.CharField(max_length=16, choices=Queue.choices)
    # A job waits until the one it needs has succeeded, and fails with it.
    after = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="followers"
    )
    attempt = models.PositiveIntegerField(default=0)
    losses = models.PositiveIntegerField(default=0, help_text="times lost since the last checkpoint")
    # "host/pid/start time" of the supervising process: a pid alone may be another's by now.
    lease_owner = models.CharField(max_length=200, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True, help_text="when a message was last sent for it")
    progress = models.FloatField(default=0.0, help_text="0 to 1")
    phase = models.CharField(max_length=32, blank=True, default="")
    message = models.CharField(max_length=300, blank=True, default="")
    eta_seconds = models.FloatField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    error = models.TextField(blank=True, default="")
    result = models.JSONField(default=dict, blank=True)
    log_tail = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "queue", "id"], name="job_by_state")]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=JobState.values), name="job_state_is_known"),
            models.CheckConstraint(
                condition=~models.Q(state="running")
                | (~models.Q(lease_owner="") & models.Q(lease_until__isnull=False)),
                name="running_job_has_a_lease",
            ),
            models.UniqueConstraint(
                fields=["dataset", "kind"],
                condition=models.Q(kind__in=ONE_AT_A_TIME, state="running"),
                name="one_running_look",
            ),
            # One that was given back to the queue has an attempt behind it: another may wait for it.
            models.UniqueConstraint(
                fields=["dataset", "kind"],
                condition=models.Q(kind__in=ONE_AT_A_TIME, state="queued", attempt=0),
                name="one_waiting_look",
            ),
            models.CheckConstraint(
                condition=models.Q(progress__gte=0.0, progress__lte=1.0), name="job_progress_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_unfinished(self) -> bool:
        return self.state in UNFINISHED


class WorkerProcess(models.Model):
    """A worker that says it lives: the queue page shows why a job waits."""

    name = models.CharField(max_length=200, unique=True, help_text="host/pid/start time")
    queues = models.CharField(max_length=200)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "worker processes"
