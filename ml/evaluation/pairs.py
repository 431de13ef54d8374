"""Which classes are mixed up, and what was measured that may explain it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.bundle.familiarity import Matrix, unit
from ml.evaluation.looks import Histogram, distance
from ml.evaluation.metrics import Labels, Probabilities
from ml.evaluation.suspects import Suspect

PAIRS_FILE = "pairs.json"
PAIRS_VERSION = 1
MOST_PAIRS = 50

# A cause is named only past its bound. Percentiles: the share of all other pairs that are less alike.
ALIKE_PERCENTILE = 90.0
# With fewer pairs "more alike than 90 % of the others" is said of one of them by chance.
FEWEST_PAIRS = 10
SUSPECT_SHARE = 0.02
# One such group may be two things that merely look alike.
FEWEST_TWINS = 2
FEW_PHOTOS_OF_MEDIAN = 0.5
_NEIGHBOURS = 5
_QUERIES = 512

CAUSES: Mapping[str, str] = {
    "few_photos": "{small} has {few:,} photos to train with, at most half of the usual {median:,.0f}",
    "suspect_labels": "{share:.1%} of their labels are suspected to belong to the other",
    "labels_of_twins_differ": "{count} groups of near-duplicates carry both labels",
    "similar_colour": "their colours are more alike than those of {percentile:.0f} % of the other pairs",
    "similar_texture": "their textures are more alike than those of {percentile:.0f} % of the other pairs",
    "overlapping_embeddings": "their embeddings overlap more than those of {percentile:.0f} % of the other pairs",
    "twins_across_split": "{count} groups of near-duplicates lie on both sides of the split, so that the figures "
    "flatter",
}
NO_CAUSE = "no cause found"

Pair = tuple[int, int]


@dataclass(frozen=True)
class Evidence:
    """What is known of the classes.

    Answers on photos their model was not trained on, `answers` (n, c) with `truth` (n,); of the training photos
    `labels` (m,), `groups` (m,) and, for a sample of them, `sample_labels` and `sample_groups` with `embeddings`;
    `held_groups` and `held_labels` of val and test; mean `colours` and `textures` by class (None: no photo).
    """

    keys: Sequence[str]
    answers: Probabilities
    truth: Labels
    labels: Labels
    groups: Labels
    held_labels: Labels
    held_groups: Labels
    sample_labels: Labels
    sample_groups: Labels
    embeddings: Matrix
    colours: Sequence[Histogram | None]
    textures: Sequence[Histogram | None]
    # None: nothing was measured.
    suspects: Sequence[Suspect] | None = None


@dataclass
class _Cause:
    code: str
    values: dict[str, Any] = field(default_factory=dict)


def confused_pairs(evidence: Evidence) -> dict[str, Any]:
    """The content of pairs.json: pairs by how often they are mixed up, the most confused first."""
    everything = list(combinations(range(len(evidence.keys)), 2))
    confusion = np.zeros((len(evidence.keys), len(evidence.keys)), np.int64)
    np.add.at(confusion, (evidence.truth, evidence.answers.argmax(1)), 1)
    measured = _measured(evidence, everything)
    shown = sorted(
        (pair for pair in everything if confusion[pair] + confusion[pair[::-1]]),
        key=lambda pair: (-_rate(confusion, pair), pair),
    )
    rows = [_row(evidence, confusion, pair, measured, len(everything)) for pair in shown[:MOST_PAIRS]]
    return {
        "version": PAIRS_VERSION,
        "classes": list(evidence.keys),
        "answers": len(evidence.truth),
        "bounds": {
            "alike_percentile": ALIKE_PERCENTILE,
            "fewest_pairs": FEWEST_PAIRS,
            "suspect_share": SUSPECT_SHARE,
            "fewest_twins": FEWEST_TWINS,
            "few_photos_of_median": FEW_PHOTOS_OF_MEDIAN,
        },
        "pairs": rows,
    }


def mean_looks(labels: Labels, classes: int, histograms: Sequence[Histogram]) -> list[Histogram | None]:
    """Mean histogram of each class over its sampled photos; None for a class without any."""
    stacked = np.asarray(histograms)
    return [stacked[labels == label].mean(0) if (labels == label).any() else None for label in range(classes)]


def _rate(confusion: NDArray[np.int64], pair: Pair) -> float:
    one, other = pair
    return float(
        (confusion[one, other] + confusion[other, one]) / (confusion[one].sum() + confusion[other].sum())
    )


def _measured(evidence: Evidence, pairs: Sequence[Pair]) -> dict[str, dict[Pair, dict[str, Any]]]:
    """Each measure of each pair: {"value", "percentile"}; percentile None where a class has no photo to measure."""
    overlap = _overlap(evidence)
    colour = _distances(evidence.colours)
    texture = _distances(evidence.textures)
    return {
        # The percentile is of likeness in every case: small distances and large overlaps.
        "colour": _with_percentiles(pairs, colour, smaller_is_alike=True),
        "texture": _with_percentiles(pairs, texture, smaller_is_alike=True),
        "overlap": _with_percentiles(pairs, lambda pair: overlap[pair], smaller_is_alike=False),
        "suspects": _with_percentiles(
            pairs, lambda pair: _suspect_share(evidence, pair), smaller_is_alike=False
        ),
        "fewest_photos": _with_percentiles(
            pairs,
            lambda pair: min(int((evidence.labels == label).sum()) for label in pair),
            smaller_is_alike=True,
        ),
    }


def _with_percentiles(
    pairs: Sequence[Pair], measure: Callable[[Pair], float | None], *, smaller_is_alike: bool
) -> dict[Pair, dict[str, Any]]:
    values = {pair: measure(pair) for pair in pairs}
    known = np.array([value for value in values.values() if value is not None], np.float64)
    found = {}
    for pair, value in values.items():
        percentile = None
        if value is not None and len(known) > 1:
            less_alike = (known > value) if smaller_is_alike else (known < value)
            percentile = round(100 * float(less_alike.sum()) / (len(known) - 1), 1)
        found[pair] = {"value": None if value is None else round(value, 4), "percentile": percentile}
    return found


def _distances(histograms: Sequence[Histogram | None]) -> Callable[[Pair], float | None]:
    def between(pair: Pair) -> float | None:
        one, other = histograms[pair[0]], histograms[pair[1]]
        return None if one is None or other is None else distance(one, other)

    return between


def _overlap(evidence: Evidence) -> dict[Pair, float | None]:
    """Mean over both directions of the share of a class's nearest neighbours that are of the other class.

    Five neighbours by cosine among the sampled photos; a photo's own near-duplicates are none.
    """
    labels, groups = evidence.sample_labels, evidence.sample_groups
    points = unit(evidence.embeddings)
    classes = len(evidence.keys)
    counts = np.zeros((classes, classes))
    for start in range(0, len(points), _QUERIES):
        part = slice(start, start + _QUERIES)
        cosines = points[part] @ points.T
        cosines[groups[part, None] == groups[None]] = -np.inf
        k = min(_NEIGHBOURS, cosines.shape[1])
        rows = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        real = np.isfinite(np.take_along_axis(cosines, rows, 1))
        np.add.at(counts, (np.broadcast_to(labels[part, None], rows.shape)[real], labels[rows][real]), 1)
    totals = counts.sum(1)
    shares = counts / np.maximum(totals, 1)[:, None]
    return {
        (one, other): float((shares[one, other] + shares[other, one]) / 2)
        if totals[one] and totals[other]
        else None
        for one, other in combinations(range(classes), 2)
    }


def _suspect_share(evidence: Evidence, pair: Pair) -> float | None:
    """Share of the photos of both classes whose label is suspected to be the other one."""
    if evidence.suspects is None:
        return None
    count = sum({one.given, one.suggested} == set(pair) for one in evidence.suspects)
    total = int(np.isin(evidence.truth, pair).sum())
    return count / total if total else None


def _row(
    evidence: Evidence,
    confusion: NDArray[np.int64],
    pair: Pair,
    measured: Mapping[str, Mapping[Pair, dict[str, Any]]],
    pairs: int,
) -> dict[str, Any]:
    one, other = pair
    names = {label: evidence.keys[label] for label in pair}
    facts = {name: values[pair] for name, values in measured.items()}
    twins = {"differ": _twins_of_both(evidence, pair), "across_split": _twins_across(evidence, pair)}
    causes = _causes(evidence, pair, facts, twins, pairs)
    return {
        "a": names[one],
        "b": names[other],
        "rate": round(_rate(confusion, pair), 4),
        "a_as_b": int(confusion[one, other]),
        "b_as_a": int(confusion[other, one]),
        "answers": {names[label]: int(confusion[label].sum()) for label in pair},
        "photos": {names[label]: int((evidence.labels == label).sum()) for label in pair},
        **facts,
        "twins": twins,
        "causes": [cause.code for cause in causes],
        "sentence": _sentence(names[one], names[other], causes),
    }


def _causes(
    evidence: Evidence, pair: Pair, facts: Mapping[str, dict[str, Any]], twins: Mapping[str, int], pairs: int
) -> list[_Cause]:
    """Those causes whose measure is past its bound."""
    found = []
    counts = np.bincount(evidence.labels, minlength=len(evidence.keys))
    small = min(pair, key=lambda label: (counts[label], label))
    median = float(np.median(counts))
    if counts[small] <= FEW_PHOTOS_OF_MEDIAN * median:
        values = {"small": evidence.keys[small], "few": int(counts[small]), "median": median}
        found.append(_Cause("few_photos", values))
    share = facts["suspects"]["value"]
    if share is not None and share >= SUSPECT_SHARE:
        found.append(_Cause("suspect_labels", {"share": share}))
    if twins["differ"] >= FEWEST_TWINS:
        found.append(_Cause("labels_of_twins_differ", {"count": twins["differ"]}))
    for code, name in (
        ("similar_colour", "colour"),
        ("similar_texture", "texture"),
        ("overlapping_embeddings", "overlap"),
    ):
        percentile = facts[name]["percentile"]
        if pairs >= FEWEST_PAIRS and percentile is not None and percentile >= ALIKE_PERCENTILE:
            found.append(_Cause(code, {"percentile": percentile}))
    if twins["across_split"] >= FEWEST_TWINS:
        found.append(_Cause("twins_across_split", {"count": twins["across_split"]}))
    return found


def _sentence(one: str, other: str, causes: Sequence[_Cause]) -> str:
    told = [CAUSES[cause.code].format(**cause.values) for cause in causes]
    return f"{one} and {other}: {'; '.join(told) or NO_CAUSE}."


def _twins_of_both(evidence: Evidence, pair: Pair) -> int:
    """Groups of near-duplicates, over all splits, that have photos of both classes."""
    labels = np.concatenate([evidence.labels, evidence.held_labels])
    groups = np.concatenate([evidence.groups, evidence.held_groups])
    one, other = (groups[labels == label] for label in pair)
    return len(np.intersect1d(one, other))


def _twins_across(evidence: Evidence, pair: Pair) -> int:
    """Groups of near-duplicates of these classes that lie in train and in val or test."""
    trained = evidence.groups[np.isin(evidence.labels, pair)]
    held = evidence.held_groups[np.isin(evidence.held_labels, pair)]
    return len(np.intersect1d(trained, held))
