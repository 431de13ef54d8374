"""What a run answered, image by image, and the figures that follow from it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from webapp.datasets.models import Image
from webapp.runs.models import Run
from webapp.snapshots.models import Snapshot, Split, Transform


class Evaluation(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="evaluations")
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="evaluations")
    classes = models.JSONField(help_text="class keys in the order of every confusion matrix")
    splits = models.JSONField(help_text='{"val": metrics, "test": metrics}')
    calibration = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "snapshot"], name="evaluation_once_per_snapshot")
        ]


class Prediction(models.Model):
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="predictions")
    image = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="predictions")
    sha256 = models.CharField(max_length=64)
    transform = models.CharField(max_length=16, choices=Transform.choices, default=Transform.ORIGINAL)
    split = models.CharField(max_length=16, choices=Split.choices)
    # Positions in `Evaluation.classes`.
    truth = models.PositiveIntegerField()
    answer = models.PositiveIntegerField()
    probability = models.FloatField(help_text="of the answer")
    truth_probability = models.FloatField()
    top = models.JSONField(help_text="[[position, probability], …], best five first")

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["evaluation", "split", "truth", "answer"], name="prediction_by_cell")]
        constraints = [
            models.UniqueConstraint(
                fields=["evaluation", "sha256", "split", "transform"], name="prediction_once"
            ),
            models.CheckConstraint(
                condition=models.Q(probability__gte=0, probability__lte=1),
                name="prediction_probability_in_range",
            ),
        ]

    @property
    def is_right(self) -> bool:
        return self.truth == self.answer
