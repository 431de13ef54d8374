"""Exports: a data set or a snapshot of it as one ZIP to take away."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.datasets.models import Dataset


class ExportFormat(models.TextChoices):
    IMAGEFOLDER = "imagefolder", _("A folder per class")
    CSV = "csv", _("A table (CSV) and the photos")
    COCO = "coco", _("COCO")
    CROISSANT = "croissant", _("Croissant")


class Export(models.Model):
    """The row and its page stay; the file goes after some days (see `services.exports_clean`)."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="exports")
    snapshot = models.ForeignKey(
        "snapshots.Snapshot", null=True, blank=True, on_delete=models.CASCADE, related_name="exports"
    )
    format = models.CharField(max_length=16, choices=ExportFormat.choices, default=ExportFormat.IMAGEFOLDER)
    job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    digest = models.CharField(max_length=64, blank=True, default="", help_text="sha256 of the ZIP")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes of the ZIP")
    images = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True, help_text="when its file was cleaned up")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(format__in=ExportFormat.values), name="export_format_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(made_at=None) | models.Q(digest__regex=r"^[0-9a-f]{64}$"),
                name="made_export_has_a_digest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} · {self.format} {self.pk}"

    @property
    def is_there(self) -> bool:
        """Whether its file can be downloaded."""
        return self.made_at is not None and self.removed_at is None
