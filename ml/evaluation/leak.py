"""What a leak is worth: the same test photos, answered with and without their twins in train.

Two probes are trained on equally many items of each class and asked about the same test originals. One has the
twins of these originals in train (near-duplicates, or the mirrored copies that the paper's order of flips first
and split after puts there), the other has as many unrelated items in their place. So the difference is what
the twins were worth, not what a larger training set is. NumPy only; features come from the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.manifest import TRANSFORMS
from ml.splits import TEST, TRAIN, SplitItem, cap_per_class, plan_splits, with_flips
from ml.training.logistic import Fitter, Matrix, Problems, probabilities
from ml.training.probe import Scaling, cross_validate

TEST_SHARE = 0.1  # the paper's: nine tenths train, one tenth tests, no validation
_ITERATIONS = 40
_RESAMPLES = 4000
_COPIES = len(TRANSFORMS)

Rows = NDArray[np.int64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Photos:
    """n photos: ids, class numbers (n,), groups (n,) and features (n, 3, d), one row a transform."""

    ids: Sequence[str]
    labels: Labels
    groups: Labels
    features: Matrix
    classes: int

    def items(self) -> list[SplitItem]:
        """The originals, ready to be dealt out."""
        facts = zip(self.ids, self.labels, self.groups, strict=True)
        return [SplitItem(name, str(label), int(group)) for name, label, group in facts]


@dataclass(frozen=True)
class Comparison:
    """One leak, measured on pairs: per test original and seed, right with its twins less right without.

    Shares of 1. `twins`: mean number of twins in train of a test photo. `interval`: 95 %, by resampling groups
    and seeds. `per_seed`: the difference of each seed, `sd` their deviation (0 for a single seed).
    """

    leak: str
    description: str
    tested: int
    trained_on: float
    twins: float
    accuracy_with: float
    accuracy_without: float
    difference: float
    interval: tuple[float, float]
    sd: float
    per_seed: tuple[float, ...]

    @property
    def is_measurable(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.interval[0] > 0 or self.interval[1] < 0

    @property
    def verdict(self) -> str:
        """One sentence."""
        low, high = (f"{100 * bound:+.1f}" for bound in self.interval)
        if not self.is_measurable:
            return f"not measurable: the interval from {low} to {high} points spans 0"
        return f"worth {100 * self.difference:+.1f} points, from {low} to {high}"

    def as_json(self) -> dict[str, Any]:
        """Plain values, the verdict with them."""
        return {**asdict(self), "measurable": self.is_measurable, "verdict": self.verdict}


@dataclass(frozen=True)
class Reported:
    """Accuracy as one protocol would report it: over all it tests, mean and deviation over seeds."""

    protocol: str
    description: str
    tested: float
    accuracy: float
    sd: float
    per_seed: tuple[float, ...]


@dataclass(frozen=True)
class Leak:
    """All comparisons, and what the two protocols would have reported."""

    comparisons: tuple[Comparison, ...]
    reported: tuple[Reported, ...]
    strengths: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "comparisons": [one.as_json() for one in self.comparisons],
            "reported": [asdict(one) for one in self.reported],
            "strengths": list(self.strengths),
        }


@dataclass(frozen=True)
class Arms:
    """Rows to train on with and without twins, equally many of each class, and the test originals."""

    test: Rows
    with_twins: Rows
    without: Rows
    twins: int


_LEAKS = {
    "near_duplicates": "a random split of the photos: near-duplicates of a test photo in train or not",
    "mirrored_twins": "the paper's order: mirrored copies of a test photo in train or not",
    "paper_order": "the paper's order: mirrored copies and near-duplicates of a test photo in train or not",
}
_PROTOCOLS = {
    "paper": "flips first, then the split: copies are tested too, twins on both sides",
    "grouped": "flips train only: near-duplicates and copies on one side, originals are tested",
}


def measure_leak(
    photos: Photos,
    seeds: Sequence[int],
    cap: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Leak:
    """Both arms of every leak, and both protocols, for each seed; `progress(done, total)` counts probes.

    `cap`: the most items of a class in the paper's order, flips counted (the paper: 300). ValueError where a
    split leaves a class untrained or nothing to test.
    """
    bench = _Bench(photos, progress, len(seeds) * (2 * len(_LEAKS) + len(_PROTOCOLS) + 1))
    pairs: dict[str, list[_Pairs]] = {name: [] for name in _LEAKS}
    reported: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in _PROTOCOLS}
    strengths = []
    for seed in seeds:
        dealt = dict(_dealt(photos, seed, cap))
        strengths.append(bench.strength(dealt["near_duplicates"].without, seed))
        for name, arms in dealt.items():
            right = [bench.right(rows, arms.test, strengths[-1]) for rows in (arms.with_twins, arms.without)]
            pairs[name].append(_Pairs(arms, *right))
        for name, (train, test) in _protocols(photos, seed, cap).items():
            reported[name].append(bench.right(train, test, strengths[-1]))
    return Leak(
        tuple(_compared(photos, name, found) for name, found in pairs.items()),
        tuple(_as_reported(name, found) for name, found in reported.items()),
        tuple(strengths),
    )


def _dealt(photos: Photos, seed: int, cap: int | None) -> Iterator[tuple[str, Arms]]:
    """The arms of each leak under one seed."""
    rng = np.random.default_rng([seed, 0])
    train, test = _split(photos, photos.items(), "random", seed)
    yield "near_duplicates", make_arms(photos, train, test, _of_groups(photos, train, test), rng)
    train, test = _split(photos, _enhanced(photos, seed, cap), "paper", seed)
    test = test[test % _COPIES == 0]
    copies = np.isin(train // _COPIES, test // _COPIES)
    yield "mirrored_twins", make_arms(photos, train, test, copies, rng)
    yield "paper_order", make_arms(photos, train, test, _of_groups(photos, train, test), rng)


def _protocols(photos: Photos, seed: int, cap: int | None) -> Mapping[str, tuple[Rows, Rows]]:
    """(rows to train on, rows to test) as each protocol has them."""
    items = _enhanced(photos, seed, cap)
    grouped_train, grouped_test = _split(photos, items, "grouped", seed)
    return {
        "paper": _split(photos, items, "paper", seed),
        "grouped": (grouped_train, grouped_test[grouped_test % _COPIES == 0]),
    }


def _enhanced(photos: Photos, seed: int, cap: int | None) -> list[SplitItem]:
    items = with_flips(photos.items())
    return items if cap is None else cap_per_class(items, cap, seed)


def _split(photos: Photos, items: Sequence[SplitItem], rule: str, seed: int) -> tuple[Rows, Rows]:
    """Rows of the items that train and of those that test; a row is 3 times the photo plus the transform."""
    place = {name: number for number, name in enumerate(photos.ids)}
    parts = plan_splits(items, val=0.0, test=TEST_SHARE, seed=seed, rule=rule).assignments
    rows: dict[str, list[int]] = {TRAIN: [], TEST: []}
    for item in items:
        rows[parts[item.key]].append(_COPIES * place[item.id] + TRANSFORMS.index(item.transform))
    return np.array(rows[TRAIN], np.int64), np.array(rows[TEST], np.int64)


def _of_groups(photos: Photos, train: Rows, test: Rows) -> NDArray[np.bool_]:
    """Which training rows belong to a group that has a photo among the test rows."""
    return np.isin(photos.groups[train // _COPIES], photos.groups[test // _COPIES])


def make_arms(
    photos: Photos, train: Rows, test: Rows, is_twin: NDArray[np.bool_], rng: np.random.Generator
) -> Arms:
    """Both arms from the rows that train and which of them are twins of `test`.

    `without` is all that is no twin. `with_twins` has every twin, and in their favour as many unrelated rows of
    the same class are left out, drawn by `rng`; where a class has more twins than others, twins are left out.
    """
    labels = photos.labels[train // _COPIES]
    with_twins: list[Rows] = []
    for label in range(photos.classes):
        mine = labels == label
        twins, others = train[mine & is_twin], train[mine & ~is_twin]
        kept = rng.permutation(twins)[: len(others)]
        with_twins += [kept, rng.permutation(others)[: len(others) - len(kept)]]
    return Arms(test, np.sort(np.concatenate(with_twins)), train[~is_twin], int(is_twin.sum()))


class _Bench:
    """Trains probes on rows of the photos' features."""

    def __init__(self, photos: Photos, progress: Callable[[int, int], None] | None, total: int) -> None:
        self._photos = photos
        self._features = photos.features.reshape(len(photos.ids) * _COPIES, -1)
        self._progress, self._done, self._total = progress, 0, total

    def strength(self, rows: Rows, seed: int) -> float:
        """The regularisation that does best in cross-validation over groups of these rows."""
        features = self._features[rows]
        photo = rows // _COPIES
        weights = np.ones(self._photos.classes, np.float32)
        scaled = Scaling.of(features).apply(features)
        crossed = cross_validate(
            scaled, self._photos.labels[photo], self._photos.groups[photo], weights, seed
        )
        self._count()
        return crossed.l2

    def right(self, train: Rows, test: Rows, l2: float) -> NDArray[np.bool_]:
        """(len(test),) whether a probe trained on `train` answers each test row rightly."""
        labels = self._photos.labels
        y = labels[train // _COPIES]
        if not len(test) or len(np.unique(y)) < self._photos.classes:
            raise ValueError(
                "there are too few photos: each class needs some to train with, and some must test; "
                "add photos to the smallest class"
            )
        features = self._features[train]
        scaling = Scaling.of(features)
        weights = np.full((1, len(train)), 1 / len(train), np.float32)
        problems = Problems(
            scaling.apply(features), y, weights, np.array([l2], np.float32), self._photos.classes
        )
        fitter = Fitter(problems)
        fitter.run(_ITERATIONS)
        answers = probabilities(scaling.apply(self._features[test]), np.asarray(fitter.theta[0])).argmax(1)
        self._count()
        return np.asarray(answers == labels[test // _COPIES])

    def _count(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total)


@dataclass(frozen=True)
class _Pairs:
    """The answers of both arms of one seed, (t,) each."""

    arms: Arms
    with_twins: NDArray[np.bool_]
    without: NDArray[np.bool_]

    @property
    def difference(self) -> NDArray[np.float64]:
        """(t,) 1: right only with twins, -1: right only without, else 0."""
        return self.with_twins.astype(np.float64) - self.without


def _compared(photos: Photos, name: str, found: Sequence[_Pairs]) -> Comparison:
    per_seed = [float(one.difference.mean()) for one in found]
    tested = sum(len(one.arms.test) for one in found)
    groups = [photos.groups[one.arms.test // _COPIES] for one in found]
    return Comparison(
        leak=name,
        description=_LEAKS[name],
        tested=tested,
        trained_on=float(np.mean([len(one.arms.without) for one in found])),
        twins=sum(one.arms.twins for one in found) / tested,
        accuracy_with=float(np.concatenate([one.with_twins for one in found]).mean()),
        accuracy_without=float(np.concatenate([one.without for one in found]).mean()),
        difference=float(np.concatenate([one.difference for one in found]).mean()),
        interval=paired_interval([one.difference for one in found], groups),
        sd=_sd(per_seed),
        per_seed=tuple(per_seed),
    )


def _as_reported(name: str, found: Sequence[NDArray[np.bool_]]) -> Reported:
    per_seed = [float(right.mean()) for right in found]
    tested = float(np.mean([len(right) for right in found]))
    return Reported(name, _PROTOCOLS[name], tested, float(np.mean(per_seed)), _sd(per_seed), tuple(per_seed))


def paired_interval(
    differences: Sequence[NDArray[np.float64]], groups: Sequence[Labels], seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the mean difference, from (t,) differences and (t,) groups of each seed.

    Groups and seeds are both drawn with replacement and a pair counts as often as its group times its seed was
    drawn: the pigeonhole bootstrap (Owen 2007, doi 10.1214/07-AOAS122), which is a little too wide rather than
    too narrow where the same photos come again under another seed.
    """
    names = np.unique(np.concatenate(groups))
    sums, counts = (np.zeros((len(differences), len(names))) for _ in range(2))
    for row, (values, mine) in enumerate(zip(differences, groups, strict=True)):
        place = np.searchsorted(names, mine)
        sums[row] = np.bincount(place, values, minlength=len(names))
        counts[row] = np.bincount(place, minlength=len(names))
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(_RESAMPLES):
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))
        drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)))
        pairs = drawn @ counts @ times
        if pairs:
            means.append(drawn @ sums @ times / pairs)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
