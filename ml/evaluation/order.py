"""In which order photos without a label are best looked at: the most doubtful first, or the most varied. NumPy only.

Doubt is the smallest margin between the two likeliest classes (Scheffer et al. 2001, Active Hidden Markov Models for
Information Extraction; Settles 2009, Active Learning Literature Survey). Variety is farthest-first traversal (Gonzalez
1985), the greedy answer to the k-center problem, begun from the photos that have a label (Sener and Savarese 2018,
Active Learning for Convolutional Neural Networks: A Core-Set Approach).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml.bundle.familiarity import unit
from ml.evaluation.guesses import choose_rows, fit_guesser
from ml.evaluation.metrics import Labels
from ml.evaluation.sample import even_sample

# Photos that are picked one by one. The others follow by how far they are from all of these, which costs nothing more.
PICKS = 4_000
# Labelled photos that count as seen already, evenly of all classes.
MOST_KNOWN = 5_000
# Directions that distances are measured in, and the photos that these are found on.
WIDTH = 64
SAMPLE = 5_000
_CHUNK = 8_192

Matrix = NDArray[np.float32]
Places = NDArray[np.int64]
Progress = Callable[[int, int], None]


class Cache(Protocol):
    """Embeddings by content hash, as `ml.backbones.shards.ShardCache` keeps them."""

    def read(self, keys: Sequence[bytes], columns: slice) -> Matrix:
        """(n, width of the columns); KeyError where one is missing."""


@dataclass(frozen=True)
class Photos:
    """Content hashes of photos, and which of them have a label: `labels` (n,), -1 where there is none."""

    keys: list[bytes]
    labels: Labels

    @classmethod
    def of(cls, photos: Sequence[dict[str, Any]]) -> Photos:
        """From lines of `python -m ml order`."""
        labels = [-1 if one["label"] is None else one["label"] for one in photos]
        return cls([bytes.fromhex(one["sha256"]) for one in photos], np.array(labels, np.int64))

    @property
    def asked(self) -> Places:
        return np.flatnonzero(self.labels < 0)

    @property
    def known(self) -> Places:
        return np.flatnonzero(self.labels >= 0)

    def keys_at(self, places: Places) -> list[bytes]:
        return [self.keys[place] for place in places]


def doubt(probabilities: Matrix) -> Matrix:
    """1 minus the margin of the likeliest class over the second one: (n, c) -> (n,), 0 for sure to 1 for a tie.

    With fewer than two classes nothing is in doubt.
    """
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities), np.float32)
    best = np.partition(probabilities, -2, axis=1)
    return np.asarray(1 - (best[:, -1] - best[:, -2]), np.float32)


@dataclass(frozen=True)
class ProbeDoubt:
    """Doubt (n,) of the photos asked about, by a probe on the labels given so far; `accuracy` as in `fit_guesser`."""

    values: Matrix
    labels: int
    accuracy: float


def probe_doubt(photos: Photos, cache: Cache, columns: slice) -> ProbeDoubt | None:
    """Fits the probe that sorts the inbox, and asks it; None with labels of fewer than two classes."""
    known, asked = photos.known, photos.asked
    classes, given = np.unique(photos.labels[known], return_inverse=True)
    if len(classes) < 2:
        return None
    rows = choose_rows(given, len(classes))
    embeddings = cache.read(photos.keys_at(known[rows]), columns)
    guesser = fit_guesser(embeddings, given[rows], len(classes))
    values = np.empty(len(asked), np.float32)
    for start in range(0, len(asked), _CHUNK):
        part = slice(start, start + _CHUNK)
        values[part] = doubt(guesser.probabilities(cache.read(photos.keys_at(asked[part]), columns)))
    return ProbeDoubt(values, len(rows), guesser.accuracy)


def variety(
    photos: Photos, cache: Cache, columns: slice, progress: Progress = lambda _done, _all: None
) -> Matrix:
    """(n,) of the photos asked about, above 0 and at most 1: the larger, the sooner to be looked at."""
    known, asked = photos.known, photos.asked
    known = known[even_sample(np.unique(photos.labels[known], return_inverse=True)[1], MOST_KNOWN, 0)]
    centre, basis = directions(photos, cache, columns)

    def points(places: Places) -> Matrix:
        out = np.empty((len(places), basis.shape[1]), np.float32)
        for start in range(0, len(places), _CHUNK):
            part = slice(start, start + _CHUNK)
            out[part] = (unit(cache.read(photos.keys_at(places[part]), columns)) - centre) @ basis
        return out

    order, reach, picked = farthest_first(points(asked), points(known), PICKS, progress)
    return _as_values(order, reach, picked)


def directions(photos: Photos, cache: Cache, columns: slice) -> tuple[Matrix, Matrix]:
    """Mean (d,) and the WIDTH main directions (d, k) of unit embeddings, found on SAMPLE photos: among 100,000 photos
    a pick takes a few milliseconds instead of fifty.
    """
    rng = np.random.default_rng([SAMPLE, len(photos.keys)])
    places = np.sort(rng.permutation(len(photos.keys))[:SAMPLE])
    rows = unit(cache.read(photos.keys_at(places), columns))
    centre = rows.mean(0)
    rows -= centre
    _values, vectors = np.linalg.eigh(rows.T @ rows)
    return centre, np.ascontiguousarray(vectors[:, ::-1][:, :WIDTH])


def farthest_first(
    points: Matrix, known: Matrix, picks: int, progress: Progress = lambda _done, _all: None
) -> tuple[Places, Matrix, int]:
    """An order of points (n, d) in which each next one is the farthest from all before it and from `known` (m, d).

    Returns the order (n,), how far each was when its turn came (n,), and how many were picked one by one: `picks` at
    most, those after them are ordered by how far they are from all picked. With nothing known the point nearest to
    the mean begins. Points that lie on one picked already are not picked: copies stand at the end.
    """
    if not len(points):
        return np.zeros(0, np.int64), np.zeros(0, np.float32), 0
    squares = (points**2).sum(1)
    far = np.full(len(points), np.inf, np.float32)
    for start in range(0, len(points), _CHUNK):
        part = slice(start, start + _CHUNK)
        for first in range(0, len(known), _CHUNK):
            near = known[first : first + _CHUNK]
            distances = squares[part, None] + (near**2).sum(1) - 2 * points[part] @ near.T
            far[part] = np.minimum(far[part], distances.min(1))
    here = int(far.argmax() if len(known) else ((points - points.mean(0)) ** 2).sum(1).argmin())
    order = np.empty(len(points), np.int64)
    reach = np.empty(len(points), np.float32)
    taken = np.zeros(len(points), bool)
    count = 0
    tiny = 1e-6 * float(squares.max(initial=0)) + 1e-12
    while count < min(picks, len(points)) and far[here] > tiny:
        order[count], reach[count], taken[here] = here, far[here], True
        count += 1
        np.minimum(far, squares + (squares[here] - 2 * (points @ points[here])), out=far)
        far[here] = 0
        here = int(far.argmax())
        progress(count, min(picks, len(points)))
    rest = np.flatnonzero(~taken)
    rest = rest[np.argsort(-far[rest], kind="stable")]
    order[count:], reach[count:] = rest, far[rest]
    return order, np.sqrt(np.maximum(reach, 0)), count


def _as_values(order: Places, reach: Matrix, picked: int) -> Matrix:
    """Values (n,) to sort by: picked ones from 1 down to above 0.5 by their place, the others below by their reach."""
    values = np.empty(len(order), np.float32)
    values[order[:picked]] = 1 - np.arange(picked, dtype=np.float32) / (2 * max(picked, 1))
    rest = reach[picked:]
    most = float(rest.max(initial=0))
    share = rest / most if most > 0 else np.zeros_like(rest)
    values[order[picked:]] = 0.001 + 0.498 * share
    return values
