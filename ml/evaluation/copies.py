"""Pictures of a crawl that are near-duplicates of each other, or of photos that are there already.

Near as in `ml.images.groups`, the protocol of splits: two photos that are near may not stand on two sides of one
anyway, so a crawl that brings the second of them brings little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.images.groups import find_groups
from ml.images.nearness import Nearness
from ml.training.logistic import Matrix

_CANDIDATES, _PHOTOS = 1_024, 4_096

Progress = Callable[[int, int], None]
Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Looks:
    """What nearness is told from: hashes and hashes of the mirror images (n,), and embeddings of some of the photos.

    `embed(places)` gives embeddings (len(places), d), zeros for a photo that has none; None: there are none at all.
    """

    hashes: Hashes
    mirrored: Hashes
    embed: Callable[[Places], Matrix] | None = None

    def nearness(self, places: Places, embeddings: Matrix | None) -> Nearness:
        return Nearness(self.hashes[places], self.mirrored[places], embeddings)


def near_groups(looks: Looks, places: Places) -> list[int | None]:
    """The number, from 0, of the group that each of `places` stands in; None for a picture like no other of them."""
    embeddings = looks.embed(places) if looks.embed else None
    ids = find_groups(looks.hashes[places], looks.mirrored[places], embeddings).ids
    shared = np.bincount(ids, minlength=1)[ids] > 1
    numbers = {int(one): number for number, one in enumerate(dict.fromkeys(ids[shared].tolist()))}
    return [numbers[int(one)] if together else None for one, together in zip(ids, shared, strict=True)]


def copied(
    looks: Looks, candidates: Places, photos: Places, progress: Progress | None = None
) -> list[int | None]:
    """For each of `candidates` the place, one of `photos`, of the nearest photo that it is near to; None without one.

    Nearest: the highest cosine, then the fewest differing bits, then the earliest. Works in blocks of 1,024 x 4,096 and
    reads the photos' embeddings as they come: beside the candidates' it needs some 100 MB, however many there are.
    `progress(done, total)` counts photos.
    """
    ours = looks.embed(candidates) if looks.embed and len(candidates) else None
    best: list[tuple[float, int, int] | None] = [None] * len(candidates)
    for start in range(0, len(photos), _PHOTOS):
        part = photos[start : start + _PHOTOS]
        theirs = looks.embed(part) if ours is not None and looks.embed else None
        for first in range(0, len(candidates), _CANDIDATES):
            rows = np.arange(first, min(first + _CANDIDATES, len(candidates)))
            both = None if ours is None or theirs is None else np.concatenate([ours[rows], theirs])
            nearness = looks.nearness(np.r_[candidates[rows], part], both)
            _keep_nearest(nearness, rows, part, best)
        if progress is not None:
            progress(min(start + _PHOTOS, len(photos)), len(photos))
    return [None if one is None else one[2] for one in best]


def _keep_nearest(
    nearness: Nearness, rows: Places, part: Places, best: list[tuple[float, int, int] | None]
) -> None:
    """Put the near photos of one block into `best` where they are nearer; its first len(rows) photos are candidates."""
    count = len(rows)
    here, there = np.nonzero(nearness.near(slice(0, count), slice(count, count + len(part))))
    measured = nearness.between(here, there + count)
    cosines = np.zeros(len(here)) if measured.cosines is None else measured.cosines
    found = zip(here.tolist(), there.tolist(), cosines.tolist(), measured.bits.tolist(), strict=True)
    for row, column, cosine, bits in found:
        one = (-cosine, bits, int(part[column]))
        known = best[rows[row]]
        best[rows[row]] = one if known is None else min(known, one)
