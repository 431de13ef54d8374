"""A data set, its two levels of classes, its images, and every change of a label."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

SHA256_PATTERN = r"^[0-9a-f]{64}$"


class Bin(models.TextChoices):
    """The four bins of the Chinese standard GB/T 19095: each has its own colour everywhere."""

    RECYCLABLE = "recyclable", _("Recyclable")
    KITCHEN = "kitchen", _("Kitchen waste")
    HAZARDOUS = "hazardous", _("Hazardous waste")
    OTHER = "other", _("Other waste")


class Dataset(models.Model):
    slug = models.SlugField(max_length=80, unique=True, allow_unicode=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, default="")
    # A demo's figures say "drawn, not photographed" wherever they are shown.
    is_drawn = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~models.Q(name=""), name="dataset_has_a_name")]

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """The upper level: a bin, or whatever the data set groups its classes by."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="categories")
    key = models.CharField(max_length=120)
    name_en = models.CharField(max_length=120, blank=True, default="")
    name_zh = models.CharField(max_length=120, blank=True, default="")
    bin = models.CharField(max_length=16, choices=Bin.choices, blank=True, default="")
    colour = models.CharField(max_length=7, blank=True, default="")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        verbose_name_plural = "categories"
        constraints = [
            models.UniqueConstraint(fields=["dataset", "key"], name="category_key_once_per_dataset"),
            models.CheckConstraint(condition=~models.Q(key=""), name="category_has_a_key"),
        ]

    def __str__(self) -> str:
        return self.key


class LabelClass(models.Model):
    """The lower level. `key` never changes: it is the label in every JSON and every bundle."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="classes")
    key = models.CharField(max_length=120)
    name_en = models.CharField(max_length=120, blank=True, default="")
    name_zh = models.CharField(max_length=120, blank=True, default="")
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="classes"
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged_from"
    )
    # Closed: merged into another or deleted. The row stays, because events, snapshots and undo name it.
    is_retired = models.BooleanField(default=False)
    colour = models.CharField(max_length=7, blank=True, default="")
    advice_en = models.TextField(blank=True, default="")
    advice_zh = models.TextField(blank=True, default="")
    pinyin = models.CharField(max_length=240, blank=True, default="")
    initials = models.CharField(max_length=60, blank=True, default="")
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["position", "id"]
        verbose_name_plural = "label classes"
        constraints = [
            models.UniqueConstraint(fields=["dataset", "key"], name="class_key_once_per_dataset"),
            models.CheckConstraint(condition=~models.Q(key=""), name="class_has_a_key"),
            models.CheckConstraint(
                condition=~models.Q(merged_into=models.F("id")), name="class_not_merged_into_itself"
            ),
            models.CheckConstraint(
                condition=models.Q(merged_into=None) | models.Q(is_retired=True),
                name="merged_class_is_retired",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class ImageState(models.TextChoices):
    INBOX = "inbox", _("Inbox")
    ACCEPTED = "accepted", _("Accepted")
    QUARANTINED = "quarantined", _("Quarantined")


class Source(models.TextChoices):
    UPLOAD = "upload", _("Upload")
    COMMAND = "command", _("Command line")
    CRAWL = "crawl", _("Crawl")
    FEEDBACK = "feedback", _("Feedback")
    DRAWN = "drawn", _("Drawn for the demo")


class LabelOrigin(models.TextChoices):
    FOLDER = "folder", _("Folder name")
    PERSON = "person", _("Person")
    MODEL = "model", _("Model's guess, accepted")


class Image(models.Model):
    """One photo in one data set. The bytes live in the blob store under `sha256`."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="images")
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    format = models.CharField(max_length=8)
    size = models.PositiveBigIntegerField(help_text="bytes of the original")
    phash = models.CharField(max_length=16)
    phash_mirror = models.CharField(max_length=16)
    brightness = models.FloatField()
    sharpness = models.FloatField()
    entropy = models.FloatField()
    channel_sums = models.JSONField(
        help_text='{"n", "sum": [r, g, b], "sumsq": [r, g, b]} over all pixels, 0 to 1'
    )
    taken_at = models.CharField(
        max_length=32, blank=True, default="", help_text="EXIF date as written by the camera"
    )

    state = models.CharField(max_length=16, choices=ImageState.choices, default=ImageState.INBOX)
    state_reason = models.CharField(max_length=200, blank=True, default="")
    label = models.ForeignKey(
        LabelClass, null=True, blank=True, on_delete=models.PROTECT, related_name="images"
    )
    label_origin = models.CharField(max_length=16, choices=LabelOrigin.choices, blank=True, default="")
    labelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    labelled_at = models.DateTimeField(null=True, blank=True)
    # How little the label fits, 0 to 1, by the last check of labels; 0 also where nothing was checked.
    suspicion = models.FloatField(default=0.0)
    # How soon it is worth a look, as the last order of the inbox found; 0 where it was not asked. See webapp.reviewing.
    uncertainty = models.FloatField(default=0.0, help_text="doubt between two classes, 0 to 1")
    variety = models.FloatField(default=0.0, help_text="how unlike what is known and what stands before it")
    # Who was given it to label, and as the how-manieth of theirs.
    share = models.ForeignKey(
        "reviewing.Share",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="images",
        db_index=False,
    )
    share_place = models.PositiveIntegerField(default=0)
    # One of the pictures that show what its class looks like.
    is_reference = models.BooleanField(default=False)
    # Grows by one with each change of label or state; a writer names the version it saw.
    version = models.PositiveIntegerField(default=1)

    source = models.CharField(max_length=16, choices=Source.choices, default=Source.UPLOAD)
    original_name = models.CharField(max_length=500, blank=True, default="")
    author = models.CharField(max_length=200, blank=True, default="")
    licence = models.CharField(max_length=120, blank=True, default="")
    page_url = models.URLField(max_length=1000, blank=True, default="")
    # What a crawl knew besides: provider, query, url, title, licence_url, fetched_at.
    provenance = models.JSONField(default=dict, blank=True)
    batch = models.ForeignKey(
        "ingest.UploadBatch", null=True, blank=True, on_delete=models.SET_NULL, related_name="images"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "sha256"], name="image_once_per_dataset"),
            models.CheckConstraint(
                condition=models.Q(sha256__regex=SHA256_PATTERN), name="image_sha256_is_hex"
            ),
            models.CheckConstraint(condition=models.Q(width__gt=0, height__gt=0), name="image_has_a_size"),
            models.CheckConstraint(
                condition=models.Q(state__in=ImageState.values), name="image_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["dataset", "state", "-id"], name="image_by_state"),
            # With `version` it answers labels_fingerprint, which every overview asks, without touching the rows.
            models.Index(fields=["dataset", "state", "label", "-id", "version"], name="image_by_label"),
            models.Index(fields=["dataset", "state", "sharpness", "id"], name="image_by_sharpness"),
            models.Index(fields=["dataset", "state", "-suspicion", "-id"], name="image_by_suspicion"),
            models.Index(
                "dataset", "state", models.F("width") * models.F("height"), "id", name="image_by_pixels"
            ),
            # Of the inbox only: of photos that have left it nobody asks these.
            models.Index(
                fields=["dataset", "state", "-uncertainty", "-id"],
                condition=models.Q(state="inbox"),
                name="inbox_by_uncertainty",
            ),
            models.Index(
                fields=["dataset", "state", "-variety", "-id"],
                condition=models.Q(state="inbox"),
                name="inbox_by_variety",
            ),
            models.Index(
                fields=["dataset", "state", "source", "batch"],
                condition=models.Q(state="inbox"),
                name="inbox_by_source",
            ),
            models.Index(
                fields=["dataset", "state", "share", "share_place", "id"],
                condition=models.Q(share__isnull=False),
                name="image_by_share",
            ),
            # What crawls brought: how many wait for a review, and who is to be credited. `source` stands in it, though
            # it is the same in all of it: SQLite takes this index only where it answers that question as well.
            models.Index(
                fields=["dataset", "state", "source", "-id", "label", "licence"],
                condition=models.Q(source="crawl"),
                name="image_of_crawl",
            ),
            models.Index(
                fields=["dataset", "label", "id"],
                condition=models.Q(is_reference=True),
                name="reference_by_label",
            ),
        ]

    def __str__(self) -> str:
        return self.original_name or self.sha256[:12]


class LabelEvent(models.Model):
    """One change of one image's label or state: the audit, the undo and the per-person statistics."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="events")
    # All events of one act share it, so that the act is undone as a whole.
    operation = models.UUIDField(default=uuid.uuid4)
    undoes = models.UUIDField(null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    origin = models.CharField(max_length=16, choices=LabelOrigin.choices)
    old_label = models.ForeignKey(
        LabelClass, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    new_label = models.ForeignKey(
        LabelClass, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    old_state = models.CharField(max_length=16, choices=ImageState.choices, blank=True)
    new_state = models.CharField(max_length=16, choices=ImageState.choices)
    reason = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["operation"], name="event_by_operation"),
            models.Index(fields=["image", "-id"], name="event_by_image"),
        ]


class ClassAct(models.TextChoices):
    CREATE = "create", _("Class added")
    EDIT = "edit", _("Class changed")
    ORDER = "order", _("Order changed")
    BINS = "bins", _("Bins chosen")
    CATEGORY = "category", _("Category changed")
    MERGE = "merge", _("Classes merged")
    DELETE = "delete", _("Class deleted")
    SPLIT = "split", _("Class split off")
    PRESET = "preset", _("The 55 classes added")
    RESTORE = "restore", _("Labels restored")
    UNDO = "undo", _("Undone")


class ClassOperation(models.Model):
    """One act on the classes themselves, with all that is needed to take it back as a whole.

    `changes` maps "class:12" or "category:3" to {"before": {field: value}, "after": {field: value}}. Photos
    that change their label on the way have LabelEvents of the same `operation`.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="class_operations")
    operation = models.UUIDField(unique=True, default=uuid.uuid4)
    undoes = models.UUIDField(null=True, blank=True)
    kind = models.CharField(max_length=16, choices=ClassAct.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    changes = models.JSONField(default=dict)
    moves = models.JSONField(default=list, help_text="[[class, class its photos go to, or null], …]")
    photos = models.PositiveIntegerField(default=0, help_text="photos whose label changed with it")
    created_at = models.DateTimeField(default=timezone.now)
    # Empty until the photos have moved: an act that was cut off is gone on with.
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["undoes"],
                condition=models.Q(undoes__isnull=False),
                name="class_operation_undone_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(finished_at=None), name="class_operation_unfinished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
