"""Frozen versions of a data set."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.datasets.models import Bin, Dataset, Image


class SnapshotState(models.TextChoices):
    BUILDING = "building", _("Being made")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


class SplitRule(models.TextChoices):
    GROUPED = "grouped", _("Near-duplicates kept together")
    RANDOM = "random", _("Random")
    PAPER = "paper", _("As in the paper on waste sorting (leaks)")


class Split(models.TextChoices):
    TRAIN = "train", _("Train")
    VAL = "val", _("Validation")
    TEST = "test", _("Test")
    HELD_OUT = "held_out", _("Held out")


class Transform(models.TextChoices):
    ORIGINAL = "original", _("Original")
    HFLIP = "hflip", _("Mirrored")
    VFLIP = "vflip", _("Upside down")


class Snapshot(models.Model):
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="snapshots")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=SnapshotState.choices, default=SnapshotState.BUILDING)
    rule = models.CharField(max_length=16, choices=SplitRule.choices, default=SplitRule.GROUPED)
    val_fraction = models.FloatField(default=0.1)
    test_fraction = models.FloatField(default=0.1)
    seed = models.PositiveIntegerField(default=0)
    cap = models.PositiveIntegerField(null=True, blank=True, help_text="photos per class at most")
    enhanced = models.BooleanField(
        default=False, help_text="each photo also mirrored and upside down, before the cap and the split"
    )
    filter = models.JSONField(
        default=dict,
        blank=True,
        help_text="conditions that photos had to meet, see plans.PhotoFilter; {} for none",
    )
    digest = models.CharField(max_length=64, blank=True, default="")
    # What the labels were when it was asked for: equal to the data set's own fingerprint while nothing changed.
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    n_train = models.PositiveIntegerField(default=0)
    n_val = models.PositiveIntegerField(default=0)
    n_test = models.PositiveIntegerField(default=0)
    n_held_out = models.PositiveIntegerField(default=0)
    n_groups = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict, blank=True)
    statistics = models.JSONField(
        default=dict, blank=True, help_text="mean and std of the training photos, as `ml stats` prints them"
    )
    note = models.CharField(max_length=500, blank=True, default="")
    job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="snapshot_number_once_per_dataset"),
            models.CheckConstraint(
                condition=~models.Q(state="ready") | models.Q(digest__regex=r"^[0-9a-f]{64}$"),
                name="ready_snapshot_has_a_digest",
            ),
            models.CheckConstraint(
                condition=models.Q(val_fraction__gte=0, test_fraction__gte=0)
                & models.Q(val_fraction__lt=1, test_fraction__lt=1),
                name="snapshot_fractions_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} · {self.number}"

    @property
    def n_images(self) -> int:
        return self.n_train + self.n_val + self.n_test


class SnapshotContent(models.Model):
    """What a snapshot that is being made will hold, as it was when it was asked for; gone once that is frozen.

    A row of its own, written in the same transaction as the snapshot: no list of snapshots reads it.
    """

    snapshot = models.OneToOneField(
        Snapshot, primary_key=True, on_delete=models.CASCADE, related_name="content"
    )
    packed = models.BinaryField(help_text="compressed JSON, see contents.py")

    def __str__(self) -> str:
        return f"content of {self.snapshot_id}"


class SnapshotClass(models.Model):
    """A class with the names it had when the snapshot was frozen. `position` is its index in the model's output."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="classes")
    key = models.CharField(max_length=120)
    position = models.PositiveIntegerField()
    name_en = models.CharField(max_length=120, blank=True, default="")
    name_zh = models.CharField(max_length=120, blank=True, default="")
    category = models.CharField(max_length=120, blank=True, default="")
    category_en = models.CharField(max_length=120, blank=True, default="")
    category_zh = models.CharField(max_length=120, blank=True, default="")
    bin = models.CharField(max_length=16, choices=Bin.choices, blank=True, default="")
    colour = models.CharField(max_length=7, blank=True, default="")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "key"], name="snapshot_class_once"),
            models.UniqueConstraint(fields=["snapshot", "position"], name="snapshot_position_once"),
        ]

    def __str__(self) -> str:
        return self.key


class SnapshotItem(models.Model):
    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="items")
    image = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="snapshot_items")
    sha256 = models.CharField(max_length=64)
    label = models.ForeignKey(SnapshotClass, on_delete=models.CASCADE, related_name="items")
    split = models.CharField(max_length=16, choices=Split.choices)
    group = models.PositiveIntegerField()
    transform = models.CharField(max_length=16, choices=Transform.choices, default=Transform.ORIGINAL)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "sha256", "transform"], name="snapshot_item_once"),
            models.CheckConstraint(
                condition=models.Q(split__in=Split.values), name="snapshot_split_is_known"
            ),
        ]


class SplitAssignment(models.Model):
    """Which split a photo got under a plan (rule, fractions, seed): given once, kept by every later snapshot."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="+")
    plan = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64)
    # Mirrored copies have a split of their own only under the paper's rule; else they follow their photo.
    transform = models.CharField(max_length=16, choices=Transform.choices, default=Transform.ORIGINAL)
    split = models.CharField(max_length=16, choices=Split.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "plan", "sha256", "transform"], name="split_given_once"
            ),
        ]
