"""A map of photos: embeddings of length one, their 50 principal components, and UMAP of those in the plane.

The same photos in the same order give the same map. A large set is learnt from a sample, among which the
others are put.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ml.bundle.familiarity import Matrix, unit
from ml.evaluation.metrics import Labels
from ml.evaluation.neighbourhoods import Neighbourhood

# Rows from one place to another of the embeddings (n, d): 100,000 of them at once are half a gigabyte.
Reader = Callable[[int, int], Matrix]
# (what is done, share of it from 0 to 1)
Progress = Callable[[str, float], None]

COMPONENTS = 50
# UMAP's memory and time grow with what it learns from: beyond so many photos it learns from a sample and is asked where
# the others belong.
MOST_LEARNT = 20_000
# With fewer different photos there are no neighbourhoods to speak of: the first two components are the map.
LEAST_LEARNT = 12
COMPARE, LAY_OUT, PLACE = "compare", "lay_out", "place"
_CHUNK = 4096
_PLACED_AT_ONCE = 8192


def project(read: Reader, labels: Labels, *, seed: int = 0, progress: Progress | None = None) -> Matrix:
    """Places (n, 2) float32 of n photos in the unit square, with one scale for both directions.

    `labels` (n,) are class numbers from 0, -1 without one: only the sample of a large set is drawn by them, the map
    knows nothing of them. Photos with equal embeddings lie in one place.
    """
    tell = progress or _silent
    if not len(labels):
        return np.zeros((0, 2), np.float32)
    points = principal_components(read, len(labels), COMPONENTS, lambda share: tell(COMPARE, share))
    different, first, place = np.unique(points.round(5), axis=0, return_index=True, return_inverse=True)
    if len(different) < LEAST_LEARNT:
        return into_square(points[:, :2])
    return into_square(_layout(different, labels[first], seed, tell)[place.reshape(-1)])


def principal_components(
    read: Reader, n: int, count: int, progress: Callable[[float], None] | None = None
) -> Matrix:
    """The first principal components (n, k) float32, k ≥ 2, of n embeddings that are first brought to length one.

    By the covariance matrix, added up in double precision as chunks are read: exact, in two passes, and the memory does
    not grow with n. Each component's direction is that in which its largest weight is positive.
    """
    tell = progress or (lambda share: None)
    chunks = [(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
    total: Any = 0.0
    squares: Any = 0.0
    for done, (start, stop) in enumerate(chunks, start=1):
        rows = unit(read(start, stop)).astype(np.float64)
        total = total + rows.sum(0)
        squares = squares + rows.T @ rows
        tell(0.7 * done / len(chunks))
    mean = total / n
    _variances, directions = np.linalg.eigh(squares / n - np.outer(mean, mean))
    basis = directions[:, ::-1][:, :count]
    basis = basis * np.sign(basis[np.abs(basis).argmax(0), np.arange(basis.shape[1])])
    out = np.zeros((n, max(2, basis.shape[1])), np.float32)
    for done, (start, stop) in enumerate(chunks, start=1):
        out[start:stop, : basis.shape[1]] = (unit(read(start, stop)) - mean) @ basis
        tell(0.7 + 0.3 * done / len(chunks))
    return out


def stratified_sample(labels: Labels, most: int, seed: int) -> Labels:
    """Rows (at most `most`, ascending) of `labels` (n,): of each class in proportion, but of the small ones at least
    as many as half of an equal share, or all they have.
    """
    if len(labels) <= most:
        return np.arange(len(labels), dtype=np.int64)
    _classes, of_class, counts = np.unique(labels, return_inverse=True, return_counts=True)
    floor = most // (2 * len(counts))
    kept = np.minimum(counts, floor)
    rest = counts - kept
    kept = kept + (rest * ((most - kept.sum()) / rest.sum())).astype(np.int64)
    order = np.random.default_rng([seed, most]).permutation(len(labels))
    by_class = order[np.argsort(of_class.reshape(-1)[order], kind="stable")]
    turn = np.concatenate([np.arange(count) for count in counts])
    return np.sort(by_class[turn < np.repeat(kept, counts)])


def into_square(places: Matrix) -> Matrix:
    """Places (n, 2) turned, moved and scaled into the unit square, its longer side from edge to edge and horizontal.

    A screen is wider than high. Neither direction is turned over, so that like maps stay alike. One place alone is the
    centre.
    """
    flat = places.astype(np.float64) - places.mean(0, dtype=np.float64)
    _variances, axes = np.linalg.eigh(flat.T @ flat)
    axes = axes[:, ::-1]
    turned = flat @ (axes * np.where(axes[[0, 1], [0, 1]] < 0, -1, 1))
    low, high = turned.min(0), turned.max(0)
    side = float((high - low).max())
    if side < 1e-9:
        return np.full(places.shape, 0.5, np.float32)
    return np.asarray(np.clip((turned - (low + high) / 2) / side + 0.5, 0, 1), np.float32)


def _layout(points: Matrix, labels: Labels, seed: int, tell: Progress) -> Matrix:
    """Places (n, 2) of different points (n, k): learnt from a sample where they are many, the others put among it."""
    learnt = stratified_sample(labels, MOST_LEARNT, seed)
    others = np.setdiff1d(np.arange(len(points)), learnt, assume_unique=True)
    neighbourhood = Neighbourhood(points[learnt], seed)
    places = np.zeros((len(points), 2), np.float32)
    places[learnt] = neighbourhood.lay_out(lambda share: tell(LAY_OUT, share))
    for done in range(0, len(others), _PLACED_AT_ONCE):
        part = others[done : done + _PLACED_AT_ONCE]
        places[part] = neighbourhood.place(points[part], places[learnt])
        tell(PLACE, (done + len(part)) / len(others))
    return places


def _silent(_what: str, _share: float) -> None:
    pass
