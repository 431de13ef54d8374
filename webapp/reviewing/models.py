"""Who looks through which photos of an inbox."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from webapp.datasets.models import Dataset


class Share(models.Model):
    """Photos of an inbox that one person was given in one act, to be labelled in the order they were given.

    A photo names its share (`Image.share`), so it can have one only: two people who give at the same moment cannot
    give it twice. It goes on naming it once it has a label: that is the share's progress. What was taken back or given
    to somebody else names another share or none.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="shares")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shares")
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # All shares of one act have it: the act is taken back as a whole.
    operation = models.UUIDField()
    sort = models.CharField(max_length=16, help_text="the order of the gallery in which they were given")
    # Picked out of more by a model's doubt or by how they look: like accepted guesses they train, but do not test.
    model_chose = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "annotator"], name="share_once_per_act"),
        ]

    def __str__(self) -> str:
        return f"share {self.pk}"
