"""Reads of evaluations: the matrix in the wanted form, the photos behind a cell, what was fixed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.http import Http404, QueryDict

from webapp.datasets.models import ImageState, LabelClass
from webapp.evaluations.matrix import (
    Axis,
    ClassFigures,
    Counts,
    Matrix,
    category_axes,
    class_axes,
    confusion_order,
    figures_by_class,
    folded,
    macro_f1,
    reordered,
)
from webapp.evaluations.models import Evaluation, Prediction
from webapp.runs.models import Run
from webapp.runs.selectors import wilson
from webapp.snapshots.models import Snapshot, SnapshotItem, Split, Transform

SPLITS = (Split.TEST.value, Split.VAL.value, Split.TRAIN.value)
LEVELS = ("class", "bin")
SHOWS = ("counts", "rates")
SORTS = ("confusion", "position", "name")
CELL_PAGE = 12
MISTAKES_PAGE = 24
TRAINING_PHOTOS = 8
TOP_SHOWN = 3


@dataclass(frozen=True)
class MatrixQuery:
    """How the matrix is looked at, and which cell is open, as the address says it."""

    split: str = Split.TEST.value
    level: str = "class"
    show: str = "counts"
    sort: str = ""
    truth: str = ""
    answer: str = ""
    # The same cell said shortly, "3.5": positions among the level's axes. 55 classes make 3,025 links.
    cell: str = ""

    @classmethod
    def from_query(cls, query: QueryDict) -> MatrixQuery:
        """Unknown values count as absent."""

        def one_of(name: str, allowed: Sequence[str], default: str) -> str:
            value = query.get(name, default)
            return value if value in allowed else default

        return cls(
            split=one_of("split", SPLITS, Split.TEST.value),
            level=one_of("level", LEVELS, "class"),
            show=one_of("show", SHOWS, "counts"),
            sort=one_of("sort", SORTS, ""),
            truth=query.get("truth", ""),
            answer=query.get("answer", ""),
            cell=query.get("cell", ""),
        )


@dataclass(frozen=True)
class SplitFigures:
    """What a split says as a whole: shares of 1, None where nothing was counted."""

    split: str
    n: int
    accuracy: float | None
    interval: tuple[float, float] | None
    bin_accuracy: float | None
    bin_wrong: int
    macro_f1: float | None
    worst: ClassFigures | None


def evaluation_of(run: Run) -> Evaluation | None:
    """The run's evaluation on its own snapshot; None before there is one."""
    return run.evaluations.filter(snapshot=run.snapshot_id).select_related("snapshot").first()


def confusion(evaluation: Evaluation, split: str) -> Counts:
    """Photos by truth and answer. Train is counted from out-of-fold predictions, the others are stored."""
    stored = (evaluation.splits.get(split) or {}).get("confusion")  # an empty split has none
    if stored:
        return [list(row) for row in stored]
    size = len(evaluation.classes)
    counts = [[0] * size for _ in range(size)]
    rows = evaluation.predictions.filter(split=split).order_by().values_list("truth", "answer")
    for truth, answer, n in rows.annotate(n=Count("id")):
        counts[truth][answer] = n
    return counts


class Reading:
    """An evaluation with the classes of its snapshot: whatever the page asks is answered from one load."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.classes = list(evaluation.snapshot.classes.all())
        self.class_axes = class_axes(evaluation.classes, self.classes)
        self.category_axes = category_axes(evaluation.classes, self.classes)
        self.counts = {split: confusion(evaluation, split) for split in SPLITS}

    @property
    def has_categories(self) -> bool:
        return any(one.category for one in self.classes)

    @property
    def splits(self) -> list[str]:
        """The splits that have predictions."""
        return [split for split in SPLITS if any(map(any, self.counts[split]))]

    def axes(self, level: str) -> tuple[Axis, ...]:
        return self.category_axes if level == "bin" else self.class_axes

    def open_cell(self, query: MatrixQuery) -> tuple[Axis, Axis] | None:
        """Truth and answer of the cell that is asked for; None where there is no such cell."""
        axes = self.axes(query.level)
        names = query.cell.split(".")
        if len(names) == 2 and all(name.isascii() and name.isdigit() and len(name) < 6 for name in names):
            i, j = map(int, names)
            return (axes[i], axes[j]) if max(i, j) < len(axes) else None
        known = {axis.key: axis for axis in axes}
        truth, answer = known.get(query.truth), known.get(query.answer)
        return (truth, answer) if truth is not None and answer is not None else None

    def matrix(self, query: MatrixQuery) -> Matrix:
        """The matrix of a split at a level, in the asked order (the classes' own where none was asked)."""
        axes = self.axes(query.level)
        matrix = folded(self.counts[query.split], axes)
        if query.sort == "confusion":
            return reordered(matrix, confusion_order(matrix))
        if query.sort == "name":
            names = [display(axis).casefold() for axis in axes]
            return reordered(matrix, sorted(range(len(axes)), key=names.__getitem__))
        return matrix

    def figures(self, split: str) -> SplitFigures:
        stored: dict[str, Any] = self.evaluation.splits.get(split) or {}
        matrix = folded(self.counts[split], self.class_axes)
        bins = folded(self.counts[split], self.category_axes)
        rows = figures_by_class(matrix)
        counted = [row for row in rows if row.f1 is not None]
        interval = stored.get("interval") or wilson(matrix.accuracy, matrix.n)
        return SplitFigures(
            split=split,
            n=matrix.n,
            accuracy=matrix.accuracy,
            interval=(interval[0], interval[1]) if interval else None,
            bin_accuracy=bins.accuracy,
            bin_wrong=bins.n - bins.right,
            macro_f1=stored.get("macro_f1") or macro_f1(rows),
            worst=min(counted, key=lambda row: row.f1 or 0.0) if len(counted) > 1 else None,
        )


def display(axis: Axis) -> str:
    """The name of a class or category in the reader's language."""
    from webapp.core.templatetags.sortyard import localised

    return localised(axis.name_en, axis.name_zh, axis.key)


@dataclass(frozen=True)
class Photo:
    """A prediction as a card shows it. `now` is the label that its image has today."""

    prediction: Prediction
    truth: Axis
    answer: Axis
    top: tuple[tuple[Axis, float], ...]
    now: LabelClass | None

    @property
    def name(self) -> str:
        image = self.prediction.image
        return str(image) if image else self.prediction.sha256[:12]

    @property
    def is_relabelled(self) -> bool:
        return self.prediction.image is not None and (self.now is None or self.now.key != self.truth.key)

    @property
    def is_out(self) -> bool:
        """True where the photo is in the data set no longer, or not accepted."""
        image = self.prediction.image
        return image is None or image.state != ImageState.ACCEPTED


@dataclass(frozen=True)
class PhotoPage:
    photos: list[Photo]
    next_before: str


def cell_predictions(
    evaluation: Evaluation, split: str, truth: Sequence[int], answer: Sequence[int]
) -> QuerySet[Prediction]:
    """Predictions whose truth and answer are among these positions."""
    return evaluation.predictions.filter(split=split, truth__in=truth, answer__in=answer)


def mistakes(evaluation: Evaluation, split: str) -> QuerySet[Prediction]:
    return evaluation.predictions.filter(split=split).exclude(truth=F("answer"))


def photo_page(reading: Reading, rows: QuerySet[Prediction], before: str, size: int) -> PhotoPage:
    """Most confident first. `before` is the `next_before` of the page above; nonsense counts as absent."""
    rows = rows.select_related("image__label").order_by("-probability", "-id")
    if (place := _place(before)) is not None:
        probability, pk = place
        rows = rows.filter(Q(probability__lt=probability) | Q(probability=probability, pk__lt=pk))
    found = list(rows[: size + 1])
    shown = found[:size]
    last = shown[-1] if len(found) > size else None
    return PhotoPage(
        [photo_of(reading, row) for row in shown], f"{last.probability!r}_{last.pk}" if last else ""
    )


def _place(before: str) -> tuple[float, int] | None:
    probability, _, pk = before.partition("_")
    try:
        return float(probability), int(pk)
    except ValueError:
        return None


def photo_of(reading: Reading, prediction: Prediction) -> Photo:
    axes = reading.class_axes
    return Photo(
        prediction=prediction,
        truth=axes[prediction.truth],
        answer=axes[prediction.answer],
        top=tuple((axes[position], share) for position, share in prediction.top[:TOP_SHOWN]),
        now=prediction.image.label if prediction.image else None,
    )


def prediction_for(reading: Reading, pk: int) -> Prediction:
    """Raises Http404 where the evaluation has no such prediction."""
    found = reading.evaluation.predictions.select_related("image__label").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def training_photos(snapshot: Snapshot, evaluation: Evaluation, axis: Axis) -> list[SnapshotItem]:
    """Some photos of a class (or category) that the run was trained on."""
    keys = [evaluation.classes[position] for position in axis.positions]
    items = snapshot.items.filter(
        split=Split.TRAIN, transform=Transform.ORIGINAL, label__key__in=keys, image__isnull=False
    )
    return list(items.select_related("image")[:TRAINING_PHOTOS])


def fixes_since(snapshot: Snapshot) -> int:
    """Photos of the snapshot whose label is another today, or that were taken out of the data set's use."""
    changed = snapshot.items.filter(image__isnull=False).filter(
        ~Q(image__state=ImageState.ACCEPTED)
        | Q(image__label__isnull=True)
        | ~Q(image__label__key=F("label__key"))
    )
    # A photo of an enhanced snapshot may stand there up to three times, or as a mirrored copy alone.
    return changed.order_by().values("image").distinct().count()
