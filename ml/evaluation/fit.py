"""How well the pictures of a crawl fit the class they were looked for, so that a person meets the right ones first.

Two opinions on the multi-level features of `ml.backbones.embed`, their signed roots scaled number by number:

- From the class and the candidates alone: likeness to the nearest references, likeness to the nearest tenth of the
  other candidates (most of a crawl is right, and right ones resemble each other), and how far a picture lies in the
  direction that leads from the mean candidate to the mean of references and likely candidates (the difference of means,
  as in Fisher's discriminant with an identity for the covariance).
- With photos of other classes: kernel ridge regression (see `ml.training.kernel`) of references against the others,
  candidates being among the rows with a small weight and the share that a crawl gets right as their target. What it
  says of a row of its own is said without that row, in closed form (Rasmussen and Williams 2006, 5.4.2).

A picture must pass with both, since what is wrong in a crawl may be of a class that is known or of none: the ridge
tells the former far better, and may take the latter for right, being like none of the others. The lower one counts.

NumPy only; the same input gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.mixture import two_normals
from ml.training.kernel import GAMMA
from ml.training.logistic import Matrix
from ml.training.probe import Scaling, signed_root

REFERENCES, AGREEMENT, NONE = "references", "agreement", "none"
# Photos of each role that the scores are worked out from: 2,400 rows take the ridge a second. More references than
# these tell little more, and the whole pool is still searched for copies.
MOST = 800
# Of the pool the first ones always count: the pictures that a person chose to show what is meant.
CHOSEN = 100
# So many photos weigh as much as what the candidates say themselves. From 5 to 20 the figures hardly move.
_PRIOR = 10.0
_NEAREST = 3
_AGREEING = 0.1
_LIKELY = 0.5
_CONTRAST = 0.7
# Of a crawl, before anything is known: what the candidates are worth as rows of the ridge.
RIGHT = 0.7
_CANDIDATES = 0.3
_RIDGE = 0.3
_DOUBT = 0.6
# How sharply the lower of two opinions counts; from 1 to 3 the figures hardly move.
_SHARP = 2.0
# Fewer candidates have nothing to agree about.
FEWEST = 3
_FLAT = 1e-6
_CHUNK = 2_048

Index = NDArray[np.int64]
Check = Callable[[], None]


@dataclass(frozen=True)
class Fit:
    """`values` (n,) from 0 to 1, higher for what is more surely of the class, None where nothing can be said; `method`:
    what they rest on.

    With references a value is roughly the probability that the picture is right. Without, the order is meant and the
    value is a guess, since nothing says what the class is but the candidates.
    """

    values: NDArray[np.float64] | None
    method: str


def fit_candidates(
    candidates: Matrix, references: Matrix, others: Matrix, check: Check = lambda: None
) -> Fit:
    """The fit of candidates (n, d) to the class of `references` (r, d), told from `others` (o, d); both may be empty.

    The caller keeps r and o within MOST (`spread`). `check` may raise to give up.
    """
    n, r, o = len(candidates), len(references), len(others)
    if not n or (not r and n < FEWEST):
        return Fit(None, NONE)
    rows = signed_root(np.concatenate([candidates, references, others]))
    scores = _standard(_scores_alone(rows[: n + r], n, check))
    if o:
        ridge = _standard(_scores_beside(rows, n, r, check))
        # Few others say little: their opinion begins as the first one.
        second = scores + np.float32(o / (o + _PRIOR)) * (ridge - scores)
        scores = np.asarray(-np.logaddexp(-_SHARP * scores, -_SHARP * second) / _SHARP, np.float32)
    known = scores[n:] if r >= FEWEST else scores[:0]
    # Candidates that agree may agree about the wrong thing.
    trust = 1 - _DOUBT * _PRIOR / (_PRIOR + r + o)
    return Fit(two_normals(scores[:n], known, RIGHT, trust), REFERENCES if r else AGREEMENT)


def spread(n: int, most: int = MOST, first: int = 0) -> Index:
    """At most `most` places of n: the `first` ones, the others evenly from what follows."""
    if n <= most:
        return np.arange(n)
    first = min(first, most)
    rest = first + (np.arange(most - first) * (n - first)) // (most - first)
    return np.concatenate([np.arange(first), rest])


def _scores_alone(rows: Matrix, n: int, check: Check) -> Matrix:
    """(n + r,) for n candidates and then r references, each without its own help."""
    r = len(rows) - n
    scaled = rows / (rows[:n].std(0) + np.float32(1e-3))
    units = scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), np.float32(1e-12))
    among = spread(n)
    check()
    agreement = _standard(_likeness(units, among, max(1, round(_AGREEING * len(among)))))
    check()
    scores = agreement
    if r:
        near = _standard(_likeness(units, np.arange(n, n + r), _NEAREST))
        share = np.float32(r / (r + _PRIOR))
        scores = _standard(share * near + (1 - share) * agreement)
    check()
    centred = scaled - scaled[:n].mean(0)
    return np.asarray(scores + _CONTRAST * _standard(_contrast(centred, scores, n)), np.float32)


def _likeness(units: Matrix, among: Index, count: int) -> Matrix:
    """Mean cosine (m,) of each row of `units` (m, d) to the `count` nearest of the rows `among`, itself apart."""
    found = np.zeros(len(units), np.float32)
    place = np.full(len(units), -1)
    place[among] = np.arange(len(among))
    there = units[among].T
    for start in range(0, len(units), _CHUNK):
        part = np.arange(start, min(start + _CHUNK, len(units)))
        cosines = units[part] @ there
        own = np.flatnonzero(place[part] >= 0)
        cosines[own, place[part][own]] = -np.inf
        cosines.sort(axis=1)
        # A row that is its own only neighbour has none.
        best = np.maximum(cosines[:, -count:], -1)
        kept = best[:, max(0, best.shape[1] - max(1, len(among) - 1)) :]
        found[part] = kept.mean(1)
    return found


def _contrast(centred: Matrix, scores: Matrix, n: int) -> Matrix:
    """(n + r,): each row along the mean of the references and, worth _PRIOR of them, of the likely candidates.

    `centred`: rows from which the mean candidate was taken.
    """
    r = len(centred) - n
    likely = np.argsort(-scores[:n], kind="stable")[: max(1, round(_LIKELY * n))]
    share = np.full(len(centred), 1 / (r + _PRIOR), np.float32)
    share[:n] = 0
    share[likely] = _PRIOR / (r + _PRIOR) / len(likely)
    # A row that helped to make the direction would lie along it, whatever it shows.
    return np.asarray(centred @ (share @ centred) - share * (centred**2).sum(1), np.float32)


def _scores_beside(rows: Matrix, n: int, r: int, check: Check) -> Matrix:
    """(n + r,) for n candidates and then r references out of `rows` (n + r + o, d), the last ones being the others."""
    among = spread(n)
    used = np.r_[among, np.arange(n, len(rows))]
    points = Scaling.of(rows[used]).apply(rows)
    sizes = (len(among), r, len(rows) - n - r)
    targets = np.repeat([RIGHT, 1.0, 0.0], sizes) - 0.5
    weights = np.repeat([_CANDIDATES / sizes[0], 1 / max(r, 1), 1 / sizes[2]], sizes)
    weights /= weights.mean()
    check()
    centres = points[used]
    system = _kernel(centres, centres).astype(np.float64)
    system[np.diag_indices(len(system))] += _RIDGE / weights
    inverse = np.linalg.inv(system)
    check()
    coefficients = inverse @ targets
    # What the fit on all other rows says of this one.
    alone = targets - coefficients / np.diag(inverse)
    scores = np.zeros(n + r, np.float32)
    scores[used[: sizes[0] + r]] = alone[: sizes[0] + r]
    for start in range(0, n, _CHUNK):
        part = np.setdiff1d(np.arange(start, min(start + _CHUNK, n)), among)
        if len(part):
            scores[part] = _kernel(points[part], centres) @ coefficients
        check()
    return scores


def _kernel(here: Matrix, there: Matrix) -> Matrix:
    """(m, d) and (k, d) -> (m, k), the Gaussian kernel of `ml.training.kernel` before components are taken."""
    squares = (here**2).sum(1)[:, None] + (there**2).sum(1) - 2 * here @ there.T
    return np.asarray(np.exp(-GAMMA / here.shape[1] * np.maximum(squares, 0)), np.float32)


def _standard(scores: Matrix) -> Matrix:
    """Mean 0 and deviation 1; zeros where all are the same."""
    away = scores - scores.mean()
    deviation = float(away.std())
    return np.zeros_like(away) if deviation < _FLAT else np.asarray(away / deviation, np.float32)
