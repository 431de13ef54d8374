"""What embeddings say of photos: guesses at the class of those without a label, and which photos are alike."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from webapp.datasets.models import Dataset, Image, LabelClass


class GuessGroup(models.Model):
    """The photos of an inbox that look like one class, the surest first, as the last fit saw them.

    A few rows a data set, replaced by each fit: what happened to a photo since is read from the photo itself.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="guess_groups")
    label_class = models.ForeignKey(LabelClass, on_delete=models.CASCADE, related_name="+")
    photos = models.JSONField(help_text="[[image, probability], …], the surest 500")
    total = models.PositiveIntegerField(help_text="how many looked like the class, those not listed too")
    fitted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-total", "id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "label_class"], name="guess_group_once_per_class"),
        ]

    def __str__(self) -> str:
        return f"guesses {self.pk}"


class RefusedGuess(models.Model):
    """A person took the photo out of a group: it is not offered as this class again."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="refused_guesses")
    label_class = models.ForeignKey(LabelClass, on_delete=models.CASCADE, related_name="+")
    refused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Of the act that accepted the others of the group: undone with it.
    operation = models.UUIDField(null=True, blank=True, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "label_class"], name="guess_refused_once"),
        ]

    def __str__(self) -> str:
        return f"refused {self.pk}"


class Likeness(models.Model):
    """The photos most like one, as they were when somebody asked."""

    image = models.OneToOneField(Image, primary_key=True, on_delete=models.CASCADE, related_name="likeness")
    photos = models.JSONField(help_text="[[image, cosine], …], the photo itself first, at most 300")
    seen = models.PositiveBigIntegerField(help_text="the newest image of the data set at that time")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "likenesses"

    def __str__(self) -> str:
        return f"like {self.image_id}"
