"""The matrix as a value: folding, order, figures and pairs."""

from __future__ import annotations

import pytest

from webapp.evaluations.matrix import (
    OWN,
    Axis,
    Matrix,
    category_axes,
    class_axes,
    confused_pairs,
    confusion_order,
    figures_by_class,
    folded,
    macro_f1,
    reordered,
)
from webapp.snapshots.models import SnapshotClass

KEYS = ["bottle", "can", "peel", "stone"]
CLASSES = [
    SnapshotClass(key="bottle", name_en="Bottle", category="r", category_en="Recyclable", bin="recyclable"),
    SnapshotClass(key="can", category="r", category_en="Recyclable", bin="recyclable"),
    SnapshotClass(key="peel", category="k", category_en="Kitchen", bin="kitchen"),
    SnapshotClass(key="stone"),
]
COUNTS = [
    [8, 2, 0, 0],
    [1, 5, 0, 0],
    [0, 0, 4, 3],
    [0, 0, 0, 0],
]


def axes(n: int) -> tuple[Axis, ...]:
    return tuple(Axis(str(i), "", "", "", (i,)) for i in range(n))


@pytest.fixture
def matrix() -> Matrix:
    return folded(COUNTS, class_axes(KEYS, CLASSES))


def test_a_class_that_the_snapshot_does_not_know_keeps_its_key():
    assert class_axes(["gone"], CLASSES)[0] == Axis("gone", "", "", "", (0,))


def test_folding_to_categories_sums_their_classes_and_leaves_the_rest_as_they_are():
    bins = folded(COUNTS, category_axes(KEYS, CLASSES))
    assert [axis.key for axis in bins.axes] == ["r", "k", f"{OWN}stone"]
    assert bins.counts == [[16, 0, 0], [0, 4, 3], [0, 0, 0]]
    assert (bins.n, bins.right) == (23, 20)


def test_accuracy_of_nothing_is_nothing():
    assert folded([[0, 0], [0, 0]], axes(2)).accuracy is None


def test_figures_follow_from_the_counts(matrix):
    rows = figures_by_class(matrix)
    bottle, stone = rows[0], rows[3]
    assert (bottle.n, bottle.recall) == (10, 0.8)
    assert bottle.precision == pytest.approx(8 / 9)
    assert bottle.f1 == pytest.approx(2 * 0.8 * (8 / 9) / (0.8 + 8 / 9))
    # Answered three times, all wrong, and no photo of its own.
    assert (stone.n, stone.precision, stone.recall, stone.f1) == (0, 0.0, None, None)


def test_macro_f1_leaves_out_classes_without_photos(matrix):
    rows = figures_by_class(matrix)
    assert macro_f1(rows) == pytest.approx(sum(row.f1 for row in rows[:3]) / 3)
    assert macro_f1([]) is None


def test_pairs_are_ranked_by_both_directions_together_the_greater_one_first(matrix):
    pairs = [
        (p.first.key, p.second.key, p.first_as_second, p.second_as_first) for p in confused_pairs(matrix)
    ]
    assert pairs == [("bottle", "can", 2, 1), ("peel", "stone", 3, 0)]


def test_order_by_confusion_puts_mixed_up_classes_side_by_side():
    counts = [[9, 0, 0, 5], [0, 9, 1, 0], [0, 2, 9, 0], [4, 0, 0, 9]]
    assert confusion_order(Matrix(axes(4), counts)) == [0, 3, 1, 2]


def test_order_by_confusion_loses_no_class_when_nothing_is_confused():
    assert sorted(confusion_order(Matrix(axes(3), [[1, 0, 0], [0, 1, 0], [0, 0, 1]]))) == [0, 1, 2]


def test_reordering_moves_rows_and_columns_alike(matrix):
    turned = reordered(matrix, [2, 0, 1, 3])
    assert [axis.key for axis in turned.axes] == ["peel", "bottle", "can", "stone"]
    assert turned.counts[1] == [0, 8, 2, 0]
    assert turned.right == matrix.right
