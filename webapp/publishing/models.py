"""Finished models, which of them the public page uses, and what it answered."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from webapp.datasets.models import Dataset
from webapp.runs.models import Run


class Bundle(models.Model):
    """A finished model in `bundles/<digest>/`, readable with onnxruntime alone."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="bundle")
    digest = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(help_text="bytes")
    labels = models.JSONField(help_text="labels.json: classes in the order of the output")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(digest__regex=r"^[0-9a-f]{64}$"), name="bundle_digest_is_hex"
            ),
        ]


class PublishedModel(models.Model):
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="published_models")
    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="publications")
    is_current = models.BooleanField(default=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-published_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"], condition=models.Q(is_current=True), name="one_current_model_per_dataset"
            ),
        ]


class ClassifyRequest(models.Model):
    """An answer that the public page gave. The photo itself is not kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(PublishedModel, on_delete=models.CASCADE, related_name="requests")
    answer = models.JSONField()
    milliseconds = models.FloatField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
