"""Image rows without pictures, for tests that need none."""

from __future__ import annotations

from tests.support.rows import image_row
from webapp.datasets.models import Dataset, Image, ImageState, LabelClass, LabelOrigin


def make_images(
    dataset: Dataset,
    count: int,
    *,
    label: LabelClass | None = None,
    state: str = ImageState.ACCEPTED,
    start: int = 0,
) -> list[Image]:
    """`count` rows named `<start>.jpg` and on, oldest first."""
    return Image.objects.bulk_create(
        image_row(
            dataset,
            start + n,
            label=label,
            label_origin=LabelOrigin.FOLDER if label else "",
            state=state,
            original_name=f"{start + n}.jpg",
        )
        for n in range(count)
    )
