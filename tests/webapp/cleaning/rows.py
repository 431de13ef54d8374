"""Groups of near-duplicates as rows, without any look."""

from __future__ import annotations

from itertools import combinations

from tests.support.rows import image_row
from webapp.cleaning.arranging import Found, groups_arrange, images_compared
from webapp.cleaning.models import DuplicateGroup
from webapp.cleaning.selectors import GroupRow, group_row
from webapp.datasets.models import Dataset, Image, ImageState, LabelClass


def photos(dataset: Dataset, *labels: LabelClass | None, name: str = "photo") -> list[Image]:
    """One photo a label, each smaller than the one before it."""
    start = Image.objects.count()
    return Image.objects.bulk_create(
        image_row(
            dataset,
            f"{name}-{start + place}",
            label=label,
            state=ImageState.ACCEPTED,
            width=640 - 10 * place,
            height=480,
            original_name=f"{name}-{start + place}.jpg",
        )
        for place, label in enumerate(labels)
    )


def found(images: list[Image], cosine: float | None = 0.98) -> Found:
    ids = [image.pk for image in images]
    return Found(tuple(ids), tuple((a, b, cosine, 2, False) for a, b in combinations(ids, 2)))


def add_group(dataset: Dataset, *labels: LabelClass | None, name: str = "photo") -> DuplicateGroup:
    """An open group of new photos, one a label; the first is the best."""
    images = photos(dataset, *labels, name=name)
    assert groups_arrange(dataset=dataset, found=[found(images)], replaced={}).written == 1
    images_compared(dataset=dataset, ids=[image.pk for image in images], again=())
    return DuplicateGroup.objects.latest("id")


def row(group: DuplicateGroup) -> GroupRow:
    shown = group_row(DuplicateGroup.objects.select_related("dataset").get(pk=group.pk))
    assert shown is not None
    return shown


def images(group: DuplicateGroup) -> list[Image]:
    """The best first, as the page shows them."""
    return [member.image for member in row(group).members]
