"""Files on their way in: a batch, and a verdict for every file of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.datasets.models import Dataset, Image, Source


class BatchState(models.TextChoices):
    RECEIVING = "receiving", _("Receiving files")
    PROCESSING = "processing", _("Checking photos")
    FINISHED = "finished", _("Finished")
    # Its rows are being removed; nothing of it is shown any more.
    DISCARDED = "discarded", _("Discarded")


class Verdict(models.TextChoices):
    """What became of a file. Everything but `pending` is final and has a sentence in `ingest.verdicts`."""

    PENDING = "pending", _("Waiting")
    SAVED = "saved", _("Saved")
    DUPLICATE = "duplicate", _("Already here")
    EMPTY = "empty", _("Empty file")
    TRUNCATED = "truncated", _("Cut short")
    NOT_AN_IMAGE = "not_an_image", _("Not a photo")
    UNSUPPORTED_FORMAT = "unsupported_format", _("Format not taken")
    TOO_MANY_PIXELS = "too_many_pixels", _("Too many pixels")
    TOO_LARGE = "too_large", _("File too large")
    BROKEN = "broken", _("Broken file")
    TIMEOUT = "timeout", _("Took too long")
    OUT_OF_MEMORY = "out_of_memory", _("Too much memory")
    BAD_ARCHIVE = "bad_archive", _("Archive can't be read")
    UNSAFE_NAME = "unsafe_name", _("Unsafe name in archive")
    NESTED_ARCHIVE = "nested_archive", _("Archive inside an archive")
    ENCRYPTED = "encrypted", _("Locked with a password")
    EXPANDED = "expanded", _("Unpacked")
    IGNORED = "ignored", _("Not a photo file, passed over")
    INCOMPLETE = "incomplete", _("Arrived in part")
    LABELS = "labels", _("List of labels")
    BAD_LIST = "bad_list", _("List can't be read")
    ROW_NOT_USED = "row_not_used", _("Row not used")
    LABELLED = "labelled", _("Labelled")


class UploadBatch(models.Model):
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="batches")
    state = models.CharField(max_length=16, choices=BatchState.choices, default=BatchState.RECEIVING)
    source = models.CharField(max_length=16, choices=Source.choices, default=Source.UPLOAD)
    author = models.CharField(max_length=200, blank=True, default="")
    licence = models.CharField(max_length=120, blank=True, default="")
    use_folders = models.BooleanField(default=True, help_text="whether the folder above a photo is its class")
    expected_files = models.PositiveIntegerField(
        default=0, help_text="how many the sender means to send; 0: unknown"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    # When the last file or part of one arrived.
    touched_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "upload batches"


class UploadItem(models.Model):
    batch = models.ForeignKey(UploadBatch, on_delete=models.CASCADE, related_name="items")
    # The path as the sender named it: a label to show, never a path that is opened.
    name = models.CharField(max_length=1000)
    folder = models.CharField(max_length=255, blank=True, default="", help_text="class folder, NFC")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0)
    is_archive = models.BooleanField(default=False)
    verdict = models.CharField(max_length=24, choices=Verdict.choices, default=Verdict.PENDING)
    detail = models.CharField(max_length=500, blank=True, default="")
    image = models.ForeignKey(
        Image, null=True, blank=True, on_delete=models.SET_NULL, related_name="upload_items"
    )

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["batch", "verdict"], name="item_by_verdict"),
            # A file that is sent again is recognised by its content; names are too long for an index.
            models.Index(fields=["batch", "sha256"], name="item_by_content"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(verdict__in=Verdict.values), name="item_verdict_is_known"
            ),
        ]


class UploadPart(models.Model):
    """A large file that has arrived as far as `received` bytes. They lie in the spool until the file is whole."""

    batch = models.ForeignKey(UploadBatch, on_delete=models.CASCADE, related_name="parts")
    # Digest of path, size and time of change: a file that was changed meanwhile is another one.
    key = models.CharField(max_length=64)
    name = models.CharField(max_length=1000)
    size = models.PositiveBigIntegerField(help_text="bytes of the whole file")
    modified = models.BigIntegerField(default=0, help_text="ms since 1970, as the browser tells it")
    received = models.PositiveBigIntegerField(default=0)
    spool_name = models.CharField(max_length=80)
    touched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "key"], name="part_once_per_batch"),
            models.CheckConstraint(
                condition=models.Q(received__lte=models.F("size")), name="part_is_no_longer_than_its_file"
            ),
        ]
