"""What was done to get a data set ready, step by step: each run of a step is a row that stays."""

from __future__ import annotations

from django.conf import settings as site
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.datasets.models import Dataset


class Step(models.TextChoices):
    """In the order of the paper on waste sorting."""

    SIZES = "sizes", _("Sizes and classes")
    RULES = "rules", _("Filter rules")
    FLIPS = "flips", _("Mirrored copies")
    BALANCE = "balance", _("Balance")
    STATISTICS = "statistics", _("Mean and deviation")
    ENHANCE = "enhance", _("Enhanced snapshot")


class Preparation(models.Model):
    """One run of a step. Whether it is done is its job's to say."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="preparations")
    step = models.CharField(max_length=16, choices=Step.choices)
    settings = models.JSONField(default=dict)
    job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    result = models.JSONField(default=dict, blank=True)
    # Long lists (points of a figure, what was left out): no list of runs reads them.
    details = models.JSONField(default=dict, blank=True)
    # The act on photos that it stands for, given before the first of them changes.
    operation = models.UUIDField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        site.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["dataset", "step", "-id"], name="preparation_by_step")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(step__in=Step.values), name="preparation_step_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(undone_at__isnull=True) | models.Q(operation__isnull=False),
                name="undone_preparation_had_an_act",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.pk}"
