"""What a snapshot is asked for with: a filter that lets photos in, and how they are capped and dealt out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from webapp.core.templatetags.sortyard import grouped
from webapp.datasets.models import Dataset, Image, ImageState, Source
from webapp.snapshots.models import Snapshot, SplitRule

MAX_SIDE = 100_000


class PlanError(ValueError):
    """A plan makes no sense; the message says what is allowed."""


@dataclass(frozen=True)
class PhotoFilter:
    """Which of the accepted, labelled photos are let in. The one without conditions lets all of them in.

    `sources`: only those that came by these ways. `licensed`: only those whose licence is known. `min_side`: pixels
    of the shorter side at least. `min_sharpness`: variance of the Laplacian at least, as the gallery sorts by.
    """

    sources: tuple[str, ...] = ()
    licensed: bool = False
    min_side: int | None = None
    min_sharpness: float | None = None

    def __post_init__(self) -> None:
        if odd := sorted(set(self.sources) - set(Source.values)):
            raise PlanError(_("“%(name)s” is no source of photos.") % {"name": odd[0]})
        if self.min_side is not None and not 1 <= self.min_side <= MAX_SIDE:
            raise PlanError(_("A shortest side is from 1 to %(n)d pixels.") % {"n": MAX_SIDE})
        if self.min_sharpness is not None and not 0 <= self.min_sharpness < float("inf"):
            raise PlanError(_("A sharpness is 0 or more."))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> PhotoFilter:
        return cls(
            sources=tuple(content.get("sources", ())),
            licensed=bool(content.get("licensed", False)),
            min_side=content.get("min_side"),
            min_sharpness=content.get("min_sharpness"),
        )

    def as_json(self) -> dict[str, Any]:
        """Only the conditions that there are: {} lets everything in."""
        content: dict[str, Any] = {}
        if self.sources:
            content["sources"] = sorted(self.sources)
        if self.licensed:
            content["licensed"] = True
        if self.min_side is not None:
            content["min_side"] = self.min_side
        if self.min_sharpness is not None:
            content["min_sharpness"] = float(self.min_sharpness)
        return content

    def eligible(self, dataset: Dataset) -> QuerySet[Image]:
        """The accepted, labelled photos that pass."""
        rows = Image.objects.filter(dataset=dataset, state=ImageState.ACCEPTED, label__isnull=False)
        if self.sources:
            rows = rows.filter(source__in=self.sources)
        if self.licensed:
            rows = rows.exclude(licence="")
        if self.min_side is not None:
            rows = rows.filter(width__gte=self.min_side, height__gte=self.min_side)
        if self.min_sharpness is not None:
            rows = rows.filter(sharpness__gte=self.min_sharpness)
        return rows

    def sentences(self) -> list[str]:
        """The conditions for people, in the reader's language."""
        found = []
        if self.sources:
            names = dict(Source.choices)
            ways = _(", ").join(str(names[source]) for source in sorted(self.sources))
            found.append(_("only from: %(sources)s") % {"sources": ways})
        if self.licensed:
            found.append(_("licence known"))
        if self.min_side is not None:
            found.append(_("shorter side at least %(n)s px") % {"n": grouped(self.min_side)})
        if self.min_sharpness is not None:
            found.append(_("sharpness at least %(n)s") % {"n": f"{self.min_sharpness:g}"})
        return found


@dataclass(frozen=True)
class SnapshotPlan:
    """All that decides which photos get which split. Fractions of each class, not percents."""

    rule: str = SplitRule.GROUPED
    val: float = 0.1
    test: float = 0.1
    seed: int = 0
    cap: int | None = None
    enhanced: bool = False
    filter: PhotoFilter = field(default_factory=PhotoFilter)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> SnapshotPlan:
        return cls(**{**content, "filter": PhotoFilter.from_json(content.get("filter", {}))})

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": str(self.rule), "val": self.val, "test": self.test, "seed": self.seed, "cap": self.cap,
            "enhanced": self.enhanced, "filter": self.filter.as_json(),
        }  # fmt: skip

    def unsaved(self, dataset: Dataset) -> Snapshot:
        """A snapshot with these settings that is no row (yet)."""
        return Snapshot(
            dataset=dataset,
            rule=self.rule,
            val_fraction=self.val,
            test_fraction=self.test,
            seed=self.seed,
            cap=self.cap,
            enhanced=self.enhanced,
            filter=self.filter.as_json(),
        )
