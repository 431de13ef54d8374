"""Image rows without pictures, for tests that need none."""

from __future__ import annotations

import hashlib

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
        Image(
            dataset=dataset,
            sha256=hashlib.sha256(f"{dataset.pk}-{start + n}".encode()).hexdigest(),
            width=4,
            height=3,
            format="JPEG",
            size=100,
            phash="0" * 16,
            phash_mirror="0" * 16,
            brightness=0.5,
            sharpness=1.0,
            entropy=1.0,
            channel_sums={},
            label=label,
            label_origin=LabelOrigin.FOLDER if label else "",
            state=state,
            original_name=f"{start + n}.jpg",
        )
        for n in range(count)
    )
