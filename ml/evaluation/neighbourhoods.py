"""UMAP (McInnes, Healy and Melville 2018, https://arxiv.org/abs/1802.03426): neighbours stay neighbours in the plane.

The graph of neighbours is made here, of exact distances and in NumPy; the descent that moves the places is that of
umap-learn. Its own graph is approximate, and costs fifteen seconds of compiling in every new process, which is more
than a map of some thousand photos takes.

Places start from the first two coordinates and not from a spectral layout, so that large distances keep a meaning and a
map made again after a few more photos looks like the one before (Kobak and Linderman 2021,
https://doi.org/10.1038/s41587-020-00809-z). One seed, one thread: the same points give the same map.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from ml.bundle.familiarity import Matrix

NEIGHBOURS = 15
# Smallest distance of places: how tightly neighbours may lie.
MIN_DISTANCE = 0.1
# Few points need more rounds to settle.
_FEW, _ROUNDS_OF_FEW, _ROUNDS = 10_000, 500, 200
_PLACING_ROUNDS = 30
_NEGATIVE_SAMPLES = 5
_SIDE = 10.0
_STEPS = 64
_LEAST_SCALE = 1e-3

Indices = NDArray[np.int64]


class Engine(NamedTuple):
    """What is taken from umap-learn: the descent, and the two parameters of its curve that MIN_DISTANCE asks for."""

    descend: Callable[..., Matrix]
    a: float
    b: float


class Neighbourhood:
    """Points (n, k), all different, n > 2, and the places they get."""

    def __init__(self, points: Matrix, seed: int = 0) -> None:
        self._points, self._seed = points, seed
        self._count = min(NEIGHBOURS, len(points)) - 1

    def lay_out(self, progress: Callable[[float], None] | None = None) -> Matrix:
        """Places (n, 2) of the points; `progress` gets the share of the rounds that are done."""
        tell = progress or (lambda share: None)
        tell(0.0)
        # Each point is its own nearest neighbour.
        distances, indices = self._nearest(self._points, self._count + 1)
        weights = memberships(distances[:, 1:], nearest_is_sure=True)
        rows = np.repeat(np.arange(len(self._points)), self._count)
        shape = (len(self._points), len(self._points))
        one_way = coo_matrix((weights.ravel(), (rows, indices[:, 1:].ravel())), shape).tocsr()
        # Fuzzy union: neighbours where either says so.
        graph = one_way + one_way.T - one_way.multiply(one_way.T)
        rounds = _ROUNDS_OF_FEW if len(self._points) <= _FEW else _ROUNDS
        places = self._start()
        return self._descend(places, places, graph.tocoo(), rounds, 1.0, tell, move_other=True)

    def place(self, points: Matrix, places: Matrix) -> Matrix:
        """Where other points (m, k) belong, (m, 2), when the first ones have `places` (n, 2), which stay."""
        distances, indices = self._nearest(points, self._count)
        weights = memberships(distances, nearest_is_sure=False)
        start = (places[indices] * (weights / weights.sum(1, keepdims=True))[:, :, None]).sum(1)
        rows = np.repeat(np.arange(len(points)), self._count)
        graph = coo_matrix((weights.ravel(), (rows, indices.ravel())), (len(points), len(places)))
        # A quarter of the first descent's step, as umap-learn's `transform` does.
        return self._descend(
            np.ascontiguousarray(start, np.float32), places.copy(), graph, _PLACING_ROUNDS, 0.25
        )

    @cached_property
    def _searcher(self) -> Any:
        from sklearn.neighbors import NearestNeighbors

        return NearestNeighbors(algorithm="brute").fit(self._points)

    def _nearest(self, points: Matrix, count: int) -> tuple[Matrix, Indices]:
        """Distances (m, count) and rows of the nearest points, nearest first; exact."""
        distances, indices = self._searcher.kneighbors(points, count)
        return np.asarray(distances, np.float32), np.asarray(indices, np.int64)

    def _start(self) -> Matrix:
        """The first two coordinates, from 0 to _SIDE, with a tremble: the descent can't part what lies in one place."""
        flat = self._points[:, :2].astype(np.float64)
        flat = _SIDE * (flat - flat.min(0)) / np.maximum(np.ptp(flat, axis=0), 1e-9)
        tremble = np.random.default_rng(self._seed).normal(scale=1e-3 * _SIDE, size=flat.shape)
        return np.ascontiguousarray(flat + tremble, np.float32)

    def _descend(
        self,
        places: Matrix,
        others: Matrix,
        graph: coo_matrix,
        rounds: int,
        step: float,
        progress: Callable[[float], None] | None = None,
        *,
        move_other: bool = False,
    ) -> Matrix:
        engine = _engine()
        # An edge so light that no round would draw it.
        kept = graph.data >= graph.data.max() / rounds
        weights = graph.data[kept]
        bar = {"disable": progress is None, "file": Rounds(progress), "bar_format": "{n_fmt}/{total_fmt}"}
        return engine.descend(
            places,
            others,
            graph.row[kept].astype(np.int32),
            graph.col[kept].astype(np.int32),
            rounds,
            graph.shape[1],
            # Rounds from one draw of an edge to its next: the heaviest is drawn in each.
            (weights.max() / weights).astype(np.float64),
            engine.a,
            engine.b,
            np.random.default_rng(self._seed).integers(-(2**31), 2**31, 3),
            1.0,
            step,
            _NEGATIVE_SAMPLES,
            tqdm_kwds=bar,
            move_other=move_other,
        )


def memberships(distances: Matrix, *, nearest_is_sure: bool) -> Matrix:
    """How much each of k neighbours at `distances` (n, k) counts as one, 0 to 1, float32.

    exp(-(distance - least) / scale), the scale such that they add up to the binary logarithm of k + 1 (section 3.1 of
    the paper). `nearest_is_sure` sets `least` to the nearest neighbour's distance, which makes its membership 1;
    without it `least` is 0.
    """
    far = distances.astype(np.float64)
    least = far[:, :1] if nearest_is_sure else np.zeros((len(far), 1))
    beyond = np.maximum(far - least, 0)
    target = np.log2(far.shape[1] + 1)
    low, high = np.zeros((len(far), 1)), np.full((len(far), 1), np.inf)
    scale = np.ones((len(far), 1))
    for _step in range(_STEPS):
        is_wide = np.exp(-beyond / scale).sum(1, keepdims=True) > target
        high, low = np.where(is_wide, scale, high), np.where(is_wide, low, scale)
        scale = np.where(np.isinf(high), scale * 2, (low + high) / 2)
    # Where nearly all neighbours are as near as the nearest, no scale adds up.
    scale = np.maximum(scale, np.maximum(_LEAST_SCALE * far.mean(1, keepdims=True), 1e-12))
    return np.asarray(np.exp(-beyond / scale), np.float32)


class Rounds:
    """The file that the descent's progress bar writes “12/200” to: all that can be followed of it from outside."""

    def __init__(self, tell: Callable[[float], None] | None) -> None:
        self._tell = tell

    def write(self, text: str) -> None:
        done, _slash, total = text.strip().partition("/")
        if self._tell and done.isdigit() and total.isdigit() and int(total):
            self._tell(int(done) / int(total))

    def flush(self) -> None:
        pass


def _engine() -> Engine:
    """umap-learn is imported where it is used: that takes two seconds, and fifteen on a machine's first time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that tensorflow, which nothing here needs, is not installed
        from umap.layouts import optimize_layout_euclidean
        from umap.umap_ import find_ab_params
    a, b = find_ab_params(1.0, MIN_DISTANCE)
    return Engine(optimize_layout_euclidean, float(a), float(b))
