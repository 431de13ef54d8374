"""Writers of maps: one is asked for, and what was found takes the place of the map before."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping

from django.db import transaction

from webapp.accounts.models import User
from webapp.core.pagination import chunks
from webapp.datasets.acts import CHUNK, PAUSE_SECONDS
from webapp.datasets.models import Dataset, Image
from webapp.jobs.models import Job, JobKind
from webapp.jobs.services import look_request
from webapp.mapping.models import ImageMap, MapPoint
from webapp.mapping.selectors import unfinished_drawing

# Deleting takes no reading and a fifth of the time of writing.
DELETED_AT_ONCE = 1000
Place = tuple[float, float]


def map_request(*, dataset: Dataset, created_by: User | None) -> Job:
    """Asks for a map of all photos; one that is under way answers instead."""
    under_way = unfinished_drawing(dataset)
    return under_way or look_request(kind=JobKind.PROJECTION, dataset=dataset, created_by=created_by)


def map_save(
    *,
    dataset: Dataset,
    places: Mapping[int, Place],
    missing: int = 0,
    why: str = "",
    check: Callable[[float], None] = lambda share: None,
) -> ImageMap:
    """Write the place of each photo (image id to x, y in the unit square), then show them instead of the map before.

    `check` is told the share that is written and may raise to end it: what an attempt that was killed or ended left
    behind goes with the next one. Photos that are gone meanwhile are left out.
    """
    for left in dataset.maps.filter(is_current=False):
        _delete(left)
    width, height = (_reach(place[side] for place in places.values()) for side in (0, 1))
    drawn = ImageMap.objects.create(
        dataset=dataset, width=width, height=height, missing=missing, why=why[:500]
    )
    ids = sorted(places)
    random.Random(0).shuffle(ids)
    written = 0
    for part in chunks(ids, CHUNK):
        with transaction.atomic():
            # Locked where the database can: a photo that is deleted in this moment takes its place along.
            here = Image.objects.select_for_update(no_key=True).filter(dataset=dataset, pk__in=part)
            known = set(here.order_by().values_list("pk", flat=True))
            MapPoint.objects.bulk_create(
                MapPoint(map=drawn, image_id=pk, x=places[pk][0], y=places[pk][1])
                for pk in part
                if pk in known
            )
        written += len(part)
        check(written / len(ids))
        time.sleep(PAUSE_SECONDS)
    with transaction.atomic():
        dataset.maps.filter(is_current=True).update(is_current=False)
        ImageMap.objects.filter(pk=drawn.pk).update(is_current=True)
    for old in dataset.maps.filter(is_current=False):
        _delete(old)
    drawn.is_current = True
    return drawn


def _reach(values: Iterable[float]) -> float:
    """The width around the middle of the square that holds all of `values`."""
    return max(0.01, 2 * max((abs(value - 0.5) for value in values), default=0.5))


def _delete(old: ImageMap) -> None:
    """In parts: with 100,000 places one DELETE would keep a person's click waiting."""
    while ids := list(old.points.order_by("pk").values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        MapPoint.objects.filter(pk__in=ids).delete()
        time.sleep(PAUSE_SECONDS)
    old.delete()
