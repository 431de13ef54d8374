"""Crawls made of TrashNet: photos of one class, 30 % of the other classes mixed in, and how well they are ranked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones.embed import pooled_features
from ml.backbones.pipeline import Photo
from ml.evaluation.fit import fit_candidates
from ml.store import Store

RIGHT = 0.7
"""Share of a crawl's pictures that show its class: what an order by chance has in its first half as well."""
MOST_RIGHT = 140

Matrix = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Photos:
    """`features` (n, d) as the site keeps them, `labels` (n,)."""

    features: Matrix
    labels: NDArray[np.str_]

    @classmethod
    def of(cls, folder: Path, store: Store, per_class: int | None = None) -> Photos:
        """Those of a folder of classes; the first `per_class` of each, all of them where it is None."""
        classes = [sorted(one.glob("*.jpg")) for one in sorted(folder.iterdir()) if one.is_dir()]
        paths = [path for of_class in classes for path in of_class[:per_class]]
        photos = [Photo(hashlib.sha256(path.read_bytes()).hexdigest(), str(path)) for path in paths]
        return cls(pooled_features(store, photos, None), np.array([path.parent.name for path in paths]))


@dataclass(frozen=True)
class Mixture:
    """Places of a crawl's candidates, whether each is right, and of what is known beside them."""

    label: str
    candidates: Places
    is_right: NDArray[np.bool_]
    references: Places
    others: Places

    @property
    def by_chance(self) -> float:
        """Share of right pictures in the first half as they lie, which is in random order."""
        return float(self.is_right[: len(self.is_right) // 2].mean())

    def ranked(self, photos: Photos) -> float:
        """Share of right pictures in the half that fits best."""
        rows = photos.features
        fit = fit_candidates(rows[self.candidates], rows[self.references], rows[self.others]).values
        assert fit is not None
        half = np.argsort(-fit, kind="stable")[: len(fit) // 2]
        return float(self.is_right[half].mean())


def mixtures(
    photos: Photos, *, references: int, others: int, seeds: Sequence[int], known: int | None = None
) -> Iterator[Mixture]:
    """For each class and seed; `others` photos of each other class are known. No photo stands in two roles.

    With `known` only so many other classes are, drawn by the seed, and what is mixed in is of the rest: of classes that
    nobody has seen. A class with too few photos for a crawl beside its references (`trash` has 108) is left out there.
    """
    names = sorted(set(photos.labels.tolist()))
    for place, label in enumerate(names):
        for seed in seeds:
            rng = np.random.default_rng([seed, place, references])
            of_class = {one: rng.permutation(np.flatnonzero(photos.labels == one)) for one in names}
            own = of_class[label]
            right = own[references : references + MOST_RIGHT]
            if len(right) < 60:
                continue
            beside = [one for one in names if one != label]
            seen, mixed_in = beside, beside
            if known is not None:
                drawn = rng.permutation(beside).tolist()
                seen, mixed_in = drawn[:known], drawn[known:]
            pool = rng.permutation(np.concatenate([of_class[one] for one in mixed_in]))
            wrong = pool[: round(len(right) * (1 - RIGHT) / RIGHT)]
            rest = [np.setdiff1d(of_class[one], wrong, assume_unique=True)[:others] for one in seen]
            both = rng.permutation(np.r_[right, wrong])
            yield Mixture(label, both, photos.labels[both] == label, own[:references], np.concatenate(rest))
