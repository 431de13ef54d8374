"""A map of a data set: the place of every photo, alike ones together."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from webapp.datasets.models import Dataset, Image


class ImageMap(models.Model):
    """One drawing. It is shown once all its places are written, and then takes the place of the one before."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="maps")
    is_current = models.BooleanField(default=False)
    # How much of the unit square it takes, in the middle of it.
    width = models.FloatField(default=1.0)
    height = models.FloatField(default=1.0)
    missing = models.PositiveIntegerField(default=0, help_text="photos that could not be embedded")
    why = models.CharField(max_length=500, blank=True, default="", help_text="what stood in their way")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"], condition=models.Q(is_current=True), name="one_current_map"
            ),
        ]

    def __str__(self) -> str:
        return f"map {self.pk}"


class MapPoint(models.Model):
    """The place of one photo, in the unit square.

    Rows are written in a drawn order: the first so many of any part of the map are an even sample of that part.
    """

    map = models.ForeignKey(ImageMap, on_delete=models.CASCADE, related_name="points")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="map_points")
    x = models.FloatField()
    y = models.FloatField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(x__gte=0, x__lte=1, y__gte=0, y__lte=1), name="map_point_in_the_square"
            ),
        ]

    def __str__(self) -> str:
        return f"point {self.pk}"
