"""What a plan would give, before anything is frozen: at once by counting, exactly by a job that deals it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ml.balance import balanced_weights
from webapp.core.templatetags.sortyard import display_name, grouped, per_cent, percent
from webapp.datasets.models import Dataset, Image, LabelClass
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.selectors import why_waiting
from webapp.snapshots.models import Split, SplitRule, Transform
from webapp.snapshots.plans import PhotoFilter, SnapshotPlan
from webapp.snapshots.selectors import SplitPart, split_parts
from webapp.snapshots.services import MIN_PHOTOS_A_CLASS, labels_fingerprint

FEW = 10
"""As the overview marks them: below that a figure of a class says little."""


@dataclass(frozen=True)
class ClassForecast:
    """A class before and after filter and cap. `splits`: train, val, test, held out; `parts` draws them."""

    label: LabelClass
    before: int
    passing: int
    after: int
    splits: tuple[int, int, int, int]
    weight: float
    parts: list[SplitPart]
    lost: float
    """The share of the largest class's bar that filter and cap take away."""

    @property
    def is_small(self) -> bool:
        return self.after < MIN_PHOTOS_A_CLASS

    @property
    def is_few(self) -> bool:
        return self.after < FEW


@dataclass(frozen=True)
class Forecast:
    classes: list[ClassForecast]
    parts: list[SplitPart]
    is_exact: bool
    """Whether the splits are those of a finished look, and not what the shares alone say."""

    @property
    def small(self) -> list[ClassForecast]:
        return [one for one in self.classes if one.is_small]


def forecast(dataset: Dataset, plan: SnapshotPlan, found: dict[str, Any] | None = None) -> Forecast:
    """Three queries whatever the number of photos. `found`: the result of a look with the same plan."""
    before = _by_class(PhotoFilter().eligible(dataset))
    passing = _by_class(plan.filter.eligible(dataset))
    labels = list(dataset.classes.filter(pk__in=before).select_related("category"))
    exact = {row["id"]: row for row in found["classes"]} if found else {}
    after = {label.pk: _after(passing.get(label.pk, 0), plan) for label in labels}
    splits = {
        label.pk: _exact(exact.get(label.pk)) if found else _expected(after[label.pk], plan)
        for label in labels
    }
    # Only classes with photos have a place in the loss.
    weighed = [label.pk for label in labels if after[label.pk]]
    weights = dict(zip(weighed, balanced_weights([splits[pk][0] for pk in weighed]), strict=True))
    most = max([*before.values(), *after.values()], default=1)
    rows = [
        ClassForecast(
            label=label,
            before=before[label.pk],
            passing=passing.get(label.pk, 0),
            after=after[label.pk],
            splits=splits[label.pk],
            weight=weights.get(label.pk, 0.0),
            parts=split_parts(*splits[label.pk], of=most),
            lost=max(0, before[label.pk] - after[label.pk]) / most,
        )
        for label in labels
    ]
    totals = [sum(row.splits[place] for row in rows) for place in range(4)]
    return Forecast(rows, split_parts(*totals), found is not None)


def _by_class(images: QuerySet[Image]) -> dict[int, int]:
    return dict(images.order_by().values_list("label").annotate(n=Count("id")))


def _after(photos: int, plan: SnapshotPlan) -> int:
    items = photos * len(Transform) if plan.enhanced else photos
    return items if plan.cap is None else min(items, plan.cap)


def _exact(row: dict[str, Any] | None) -> tuple[int, int, int, int]:
    train, val, test, held_out = row["splits"] if row else (0, 0, 0, 0)
    return train, val, test, held_out


def _expected(n: int, plan: SnapshotPlan) -> tuple[int, int, int, int]:
    """What the shares say; near-duplicates that stay together shift it by a few."""
    if n < MIN_PHOTOS_A_CLASS and plan.rule != SplitRule.PAPER:
        return n, 0, 0, 0
    test = (
        n - int(n * (1 - plan.test) + 1e-9) if plan.rule == SplitRule.PAPER else max(1, round(n * plan.test))
    )
    val = round(n * plan.val) if plan.rule == SplitRule.PAPER else max(1, round(n * plan.val))
    return max(0, n - val - test), val, test, 0


@dataclass(frozen=True)
class Look:
    """A job that dealt a plan out, and what it found once it is done."""

    job: Job
    plan: SnapshotPlan
    is_current: bool
    """False where labels changed since: freezing now may give other figures."""

    @property
    def found(self) -> dict[str, Any] | None:
        return self.job.result if self.job.state == JobState.SUCCEEDED else None

    @property
    def waiting(self) -> str:
        """Why it has not begun yet; "" once it has."""
        return why_waiting(self.job)

    @property
    def has_failed(self) -> bool:
        return self.job.state in (JobState.FAILED, JobState.CANCELLED)

    @property
    def parts(self) -> list[SplitPart]:
        found = self.job.result
        return split_parts(*(found[split.value] for split in Split))

    @property
    def settings(self) -> list[str]:
        """The plan in words."""
        plan = self.plan
        said = [
            str(SplitRule(plan.rule).label),
            _("validation %(val)s, test %(test)s")
            % {"val": per_cent(f"{plan.val * 100:.4g}"), "test": per_cent(f"{plan.test * 100:.4g}")},
            _("seed %(n)s") % {"n": plan.seed},
        ]
        if plan.cap is not None:
            said.append(_("at most %(n)s a class") % {"n": grouped(plan.cap)})
        if plan.enhanced:
            said.append(_("with mirrored copies"))
        return said + plan.filter.sentences()

    @property
    def sentences(self) -> list[str]:
        """What would leak and what is held out, for people."""
        return leak_sentences(self.job.result, self.plan)


def look_for(dataset: Dataset, pk: int) -> Look:
    job = dataset.jobs.filter(pk=pk, kind=JobKind.PREVIEW).defer("log_tail").first()
    if job is None:
        raise Http404
    found = job.result.get("fingerprint")
    is_current = not found or found == labels_fingerprint(dataset)
    return Look(job, SnapshotPlan.from_json(job.payload["plan"]), is_current)


def leak_sentences(found: dict[str, Any], plan: SnapshotPlan) -> list[str]:
    leak = found["leak"]
    said = [_pairs(leak)]
    if plan.enhanced and plan.rule == SplitRule.PAPER:
        said.append(
            ngettext(
                "%(n)s photo has copies of itself in two splits.",
                "%(n)s photos have copies of themselves in two splits.",
                leak["twins"],
            )
            % {"n": grouped(leak["twins"])}
        )
    if leak["known_test"]:
        said.append(
            _("%(n)s of %(all)s test photos (%(share)s) are known from training: the test flatters.")
            % {
                "n": grouped(leak["known_test"]),
                "all": grouped(leak["test_photos"]),
                "share": percent(leak["known_test"] / max(1, leak["test_photos"]), 0),
            }
        )
    else:
        said.append(_("No test photo is known from training."))
    said.append(
        _("%(groups)s groups of photos that look alike, from %(photos)s photos.")
        % {"groups": grouped(found["groups"]), "photos": grouped(found["photos"])}
    )
    if held := found[Split.HELD_OUT]:
        said.append(
            ngettext(
                "%(n)s photo is like both a train and a test photo and is held out of both.",
                "%(n)s photos are like both a train and a test photo and are held out of both.",
                held,
            )
            % {"n": grouped(held)}
        )
    for key, n in found["too_small"].items():
        said.append(
            _("“%(name)s” has only %(n)s photos, too few for all splits: they train the model.")
            % {"name": key, "n": n}
        )
    names = {split.value: str(split.label) for split in Split}
    for key, splits in found["missing"].items():
        where = _(", ").join(names.get(split, split) for split in splits)
        said.append(_("“%(name)s” has no photo in: %(where)s.") % {"name": key, "where": where})
    return said


def _pairs(leak: dict[str, Any]) -> str:
    if not leak["near_pairs"]:
        return _("No near-duplicates were found.")
    words = (
        ngettext(
            "%(crossing)s of at least %(all)s near-duplicate pair would cross the split.",
            "%(crossing)s of at least %(all)s near-duplicate pairs would cross the split.",
            leak["near_pairs"],
        )
        if leak["more"]
        else ngettext(
            "%(crossing)s of %(all)s near-duplicate pair would cross the split.",
            "%(crossing)s of %(all)s near-duplicate pairs would cross the split.",
            leak["near_pairs"],
        )
    )
    return words % {"crossing": grouped(leak["crossing_pairs"]), "all": grouped(leak["near_pairs"])}


def small_names(found: Forecast) -> str:
    """The classes that are too small, in the reader's language."""
    return _(", ").join(display_name(one.label) for one in found.small)
