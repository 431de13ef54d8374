"""A confusion matrix as a value: folded to categories, sorted, with the figures and pairs in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from webapp.snapshots.models import SnapshotClass

Counts = list[list[int]]

# Before the key of a class that has no category, where categories are expected.
OWN = "~"


@dataclass(frozen=True)
class Axis:
    """A class, or at the level of bins a category; `positions` are those of its classes in the evaluation."""

    key: str
    name_en: str
    name_zh: str
    bin: str
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Matrix:
    """counts[i][j]: photos of axes[i] (truth) that were answered as axes[j]."""

    axes: tuple[Axis, ...]
    counts: Counts

    @property
    def n(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def right(self) -> int:
        return sum(row[i] for i, row in enumerate(self.counts))

    @property
    def accuracy(self) -> float | None:
        return self.right / self.n if self.n else None

    def find(self, key: str) -> Axis | None:
        return next((axis for axis in self.axes if axis.key == key), None)


@dataclass(frozen=True)
class ClassFigures:
    """Shares of 1; None where nothing was counted."""

    axis: Axis
    n: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Pair:
    """Two classes and how often each was taken for the other."""

    first: Axis
    second: Axis
    first_as_second: int
    second_as_first: int

    @property
    def total(self) -> int:
        return self.first_as_second + self.second_as_first


def class_axes(keys: Sequence[str], classes: Iterable[SnapshotClass]) -> tuple[Axis, ...]:
    """An axis per key, in the evaluation's order, with the names the classes had in the snapshot."""
    known = {one.key: one for one in classes}
    axes = []
    for position, key in enumerate(keys):
        one = known.get(key)
        names = (one.name_en, one.name_zh, one.bin) if one else ("", "", "")
        axes.append(Axis(key, *names, (position,)))
    return tuple(axes)


def category_axes(keys: Sequence[str], classes: Iterable[SnapshotClass]) -> tuple[Axis, ...]:
    """An axis per category of the snapshot; a class without one stands for itself, as in `ml`."""
    known = {one.key: one for one in classes}
    positions: dict[str, list[int]] = {}
    names: dict[str, tuple[str, str, str]] = {}
    for position, key in enumerate(keys):
        one = known.get(key)
        if one and one.category:
            place, shown = one.category, (one.category_en, one.category_zh, one.bin)
        else:
            place, shown = f"{OWN}{key}", (one.name_en, one.name_zh or key, "") if one else (key, "", "")
        positions.setdefault(place, []).append(position)
        names.setdefault(place, shown)
    ordered = sorted(positions, key=lambda place: (place.startswith(OWN), positions[place][0]))
    return tuple(Axis(place, *names[place], tuple(positions[place])) for place in ordered)


def folded(counts: Counts, axes: tuple[Axis, ...]) -> Matrix:
    """The confusion of single classes summed up to `axes`."""
    rows = [[sum(counts[i][j] for i in a.positions for j in b.positions) for b in axes] for a in axes]
    return Matrix(axes, rows)


def reordered(matrix: Matrix, order: Sequence[int]) -> Matrix:
    return Matrix(tuple(matrix.axes[i] for i in order), [[matrix.counts[i][j] for j in order] for i in order])


def confusion_order(matrix: Matrix) -> list[int]:
    """Most confused first, each followed by what it is confused with most: mix-ups gather at the diagonal."""
    size = len(matrix.axes)
    mixed = [[matrix.counts[i][j] + matrix.counts[j][i] for j in range(size)] for i in range(size)]
    errors = [sum(mixed[i]) - mixed[i][i] for i in range(size)]
    left = sorted(range(size), key=lambda i: (-errors[i], i))
    order: list[int] = []
    while left:
        nearest = max(left, key=lambda i: (mixed[order[-1]][i], errors[i])) if order else left[0]
        chosen = nearest if order and mixed[order[-1]][nearest] else left[0]
        left.remove(chosen)
        order.append(chosen)
    return order


def figures_by_class(matrix: Matrix) -> list[ClassFigures]:
    """Precision, recall and F1 of each axis, in the matrix's order."""
    answered = [sum(row[j] for row in matrix.counts) for j in range(len(matrix.axes))]
    rows = []
    for i, axis in enumerate(matrix.axes):
        n, right = sum(matrix.counts[i]), matrix.counts[i][i]
        precision = right / answered[i] if answered[i] else None
        recall = right / n if n else None
        f1 = 2 * right / (n + answered[i]) if n else None
        rows.append(ClassFigures(axis, n, precision, recall, f1))
    return rows


def macro_f1(rows: Iterable[ClassFigures]) -> float | None:
    """Mean F1 over the classes that have photos here."""
    values = [row.f1 for row in rows if row.f1 is not None]
    return sum(values) / len(values) if values else None


def confused_pairs(matrix: Matrix) -> list[Pair]:
    """Pairs with at least one mix-up, most first; the direction with more photos comes first in each."""
    pairs = []
    for i, first in enumerate(matrix.axes):
        for j in range(i + 1, len(matrix.axes)):
            there, back = matrix.counts[i][j], matrix.counts[j][i]
            if there + back:
                second = matrix.axes[j]
                one_way = Pair(first, second, there, back)
                pairs.append(one_way if there >= back else Pair(second, first, back, there))
    return sorted(pairs, key=lambda pair: -pair.total)
