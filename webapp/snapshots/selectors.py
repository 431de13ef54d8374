"""Reads of snapshots: the list, and one with its classes by split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.datasets.models import Dataset
from webapp.runs.models import Run
from webapp.snapshots.models import Snapshot, SnapshotClass, SnapshotItem, SnapshotState, Split, SplitRule


def snapshots_of(dataset: Dataset) -> QuerySet[Snapshot]:
    """Newest first, each with its job and how many runs stand on it."""
    return dataset.snapshots.select_related("job", "created_by").annotate(n_runs=Count("runs"))


def snapshot_for(dataset: Dataset, number: int) -> Snapshot:
    found = dataset.snapshots.select_related("job", "created_by", "dataset").filter(number=number).first()
    if found is None:
        raise Http404
    return found


def ready_numbers(dataset: Dataset, *, but: Snapshot) -> list[tuple[int, str]]:
    """(number, note) of the snapshots that one can be compared with, newest first."""
    rows = dataset.snapshots.filter(state=SnapshotState.READY).exclude(pk=but.pk)
    return list(rows.values_list("number", "note")[:200])


@dataclass(frozen=True)
class SplitPart:
    """A piece of the bar that draws how the photos were dealt out."""

    split: str
    label: str
    n: int
    share: float


def split_parts(
    n_train: int, n_val: int, n_test: int, n_held_out: int, *, of: int | None = None
) -> list[SplitPart]:
    """The four parts in their order; shares of `of` photos, by default of their own sum."""
    counts = zip(Split, (n_train, n_val, n_test, n_held_out), strict=True)
    total = of or n_train + n_val + n_test + n_held_out or 1
    return [SplitPart(split.value, str(split.label), n, n / total) for split, n in counts]


def parts_of(snapshot: Snapshot) -> list[SplitPart]:
    return split_parts(snapshot.n_train, snapshot.n_val, snapshot.n_test, snapshot.n_held_out)


@dataclass(frozen=True)
class SnapshotLine:
    snapshot: Snapshot
    parts: list[SplitPart]


@dataclass(frozen=True)
class ClassSplits:
    label: SnapshotClass
    counts: dict[str, int]
    n: int
    parts: list[SplitPart]
    """Drawn to the scale of the largest class."""


def class_splits(snapshot: Snapshot) -> list[ClassSplits]:
    """Every class with its photos in each split, in two queries."""
    counted: dict[int, dict[str, int]] = {}
    rows = SnapshotItem.objects.filter(snapshot=snapshot).order_by()
    for label, split, n in rows.values_list("label", "split").annotate(n=Count("id")):
        counted.setdefault(label, {})[split] = n
    most = max((sum(counts.values()) for counts in counted.values()), default=1)
    return [_class_splits(label, counted.get(label.pk, {}), most) for label in snapshot.classes.all()]


def _class_splits(label: SnapshotClass, counted: dict[str, int], most: int) -> ClassSplits:
    counts = {split.value: counted.get(split.value, 0) for split in Split}
    return ClassSplits(label, counts, sum(counts.values()), split_parts(*counts.values(), of=most))


def runs_on(snapshot: Snapshot) -> QuerySet[Run]:
    return snapshot.runs.select_related("job").defer("steps", "spec", "job__log_tail")


def report_sentences(snapshot: Snapshot) -> list[str]:
    """What happened while the photos were dealt out, as far as somebody should know it."""
    report: dict[str, Any] = snapshot.report or {}
    sentences = []
    photos = report.get("photos", snapshot.n_images + snapshot.n_held_out)
    if snapshot.enhanced:
        sentences += _enhanced_sentences(snapshot, photos)
    if snapshot.n_groups:
        together = photos - snapshot.n_groups
        sentences.append(
            ngettext(
                "%(groups)s groups: %(together)s photo is a near-duplicate of another and stays with it.",
                "%(groups)s groups: %(together)s photos are near-duplicates of others and stay with them.",
                together,
            )
            % {"groups": f"{snapshot.n_groups:,}", "together": f"{together:,}"}
        )
    if snapshot.n_held_out:
        sentences.append(
            ngettext(
                "%(n)s photo is like both a train and a test photo and is held out of both.",
                "%(n)s photos are like both a train and a test photo and are held out of both.",
                snapshot.n_held_out,
            )
            % {"n": f"{snapshot.n_held_out:,}"}
        )
    for key, n in dict(report.get("too_small", {})).items():
        sentences.append(
            _("“%(name)s” has only %(n)s photos, too few for all splits: they train the model.")
            % {"name": key, "n": n}
        )
    names = {split.value: str(split.label) for split in Split}
    for key, splits in dict(report.get("missing", {})).items():
        where = _(", ").join(names.get(split, split) for split in splits)
        sentences.append(_("“%(name)s” has no photo in: %(where)s.") % {"name": key, "where": where})
    return sentences


def _enhanced_sentences(snapshot: Snapshot, photos: int) -> list[str]:
    items = snapshot.n_images + snapshot.n_held_out
    sentences = [
        _("%(photos)s photos stand here as %(items)s: as they are, mirrored and upside down.")
        % {"photos": f"{photos:,}", "items": f"{items:,}"}
    ]
    judges = snapshot.report.get("judges", {})
    if snapshot.rule == SplitRule.PAPER:
        sentences.append(
            _("Copies were dealt out and are scored like photos, so the test is partly known: it leaks.")
        )
    else:
        sentences.append(
            _(
                "Copies stay with their photo and are not scored: validation counts %(val)s photos, the test %(test)s."
            )
            % {"val": f"{judges.get('val', 0):,}", "test": f"{judges.get('test', 0):,}"}
        )
    return sentences


@dataclass(frozen=True)
class ChannelTable:
    """Mean and std of red, green and blue by one estimator, in 0 to 1."""

    title: str
    help: str
    rows: list[tuple[str, list[float]]]


def channel_tables(snapshot: Snapshot) -> list[ChannelTable]:
    """Both estimators over the training photos; none for a snapshot from before they were kept."""
    found: dict[str, Any] = snapshot.statistics
    if not found:
        return []
    exact = _("Over all pixels of all photos: what normalising uses.")
    loop = _(
        "The mean of each photo’s own values, as the paper on waste sorting has it: a small photo counts like a large "
        "one, and the spread between photos is left out."
    )
    return [
        _channel_table(_("Exact"), exact, found),
        _channel_table(_("As the paper’s loop"), loop, found["seed_estimator"]),
    ]


def _channel_table(title: str, help: str, found: dict[str, Any]) -> ChannelTable:
    return ChannelTable(title, help, [(_("Mean"), found["mean"]), (_("Deviation"), found["std"])])
