"""What a kernel probe sees of the photos. Never imports torch."""

from __future__ import annotations

from collections.abc import Sequence

from ml.backbones.embed import Matrix, pooled_features
from ml.backbones.pipeline import Photo, Progress
from ml.training.context import Context

TEXTURED = "textured"
LOOKING = "Looking at the photos"


def view_of(context: Context, photos: Sequence[Photo], view: int, report: Progress | None = None) -> Matrix:
    """Features (n, d), with textures where the spec says so, of photos as they are (0), mirrored (1) or of their random
    crop number `view` - 1.
    """
    spec = context.spec
    return pooled_features(
        context.store, photos, report or context.count(LOOKING), spec.backbone, spec.size,
        mirrored=view == 1, crop=max(view - 1, 0), framing=spec.framing, textured=spec.features == TEXTURED,
    )  # fmt: skip
