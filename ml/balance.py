"""How much the classes of a training set weigh. Standard library only: the site shows it before anything trains."""

from __future__ import annotations

from collections.abc import Sequence


def balanced_weights(counts: Sequence[int]) -> list[float]:
    """Weight of each class in the loss, inverse to its number of training photos, with mean one over the photos.

    weight = photos / (classes × photos of the class); a class without photos counts as one with one.
    """
    photos = sum(counts)
    return [photos / (len(counts) * max(n, 1)) for n in counts]
