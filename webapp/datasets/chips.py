"""The gallery's filter bar: which chips it shows, what each is called and where it leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from webapp.core.templatetags.sortyard import localised
from webapp.datasets.filters import ANY_STATE, SORTS, SPLITS, ImageFilter
from webapp.datasets.models import Dataset, ImageState, Source
from webapp.datasets.selectors import ClassChoice
from webapp.datasets.selectors_gallery import GalleryCounts

# One chip for each of the keys 1 to 9; with more classes the rest stand in a list that can be searched.
MAX_CHIPS = 9


@dataclass(frozen=True)
class ClassChip:
    choice: ClassChoice
    url: str
    on: bool
    count: int
    digit: int | None


@dataclass(frozen=True)
class Link:
    label: Any
    url: str
    on: bool = False
    count: int | None = None
    value: str = ""


class FilterBar:
    """Everything the filter bar shows for one filter."""

    def __init__(
        self,
        dataset: Dataset,
        chosen: ImageFilter,
        home: ImageState,
        counts: GalleryCounts,
        classes: Sequence[ClassChoice],
    ) -> None:
        self.dataset, self.chosen, self.home, self.counts = dataset, chosen, home, counts
        self.classes = classes
        self.keys = {one.pk: one.key for one in classes}
        self.action = reverse(
            "datasets:inbox" if home == ImageState.INBOX else "datasets:images", args=[dataset.slug]
        )

    def url(self, image_filter: ImageFilter, *, after: int | None = None) -> str:
        query = QueryDict(image_filter.to_query(state=self.home), mutable=True)
        if after is not None:
            query["after"] = str(after)
        return f"{self.action}?{query.urlencode()}" if query else self.action

    @cached_property
    def total(self) -> int:
        """How many photos the filter lets pass."""
        return self.counts.matching(self.chosen, {key: pk for pk, key in self.keys.items()})

    @cached_property
    def digits(self) -> dict[str, int]:
        """Class key → the key (1 to 9) that assigns it: the most used ones, in the data set's own order."""
        most_used = sorted(self.classes, key=lambda one: -one.n)[:MAX_CHIPS]
        chosen = {one.pk for one in most_used}
        return {one.key: n for n, one in enumerate((c for c in self.classes if c.pk in chosen), start=1)}

    @cached_property
    def all_chips(self) -> list[ClassChip]:
        return [
            ClassChip(
                one,
                self.url(self.chosen.with_class_toggled(one.key)),
                one.key in self.chosen.classes,
                self.counts.by_label.get(one.pk, 0),
                self.digits.get(one.key),
            )
            for one in self.classes
        ]

    @property
    def chips(self) -> list[ClassChip]:
        """Those on screen: classes with a digit, and whatever is chosen."""
        return [chip for chip in self.all_chips if chip.digit or chip.on]

    @property
    def has_more_classes(self) -> bool:
        return len(self.classes) > len(self.digits)

    @property
    def hidden_classes(self) -> int:
        return len(self.classes) - len(self.chips)

    @property
    def all_classes(self) -> Link:
        url = self.url(self.chosen.changed(classes=(), unlabelled=False))
        return Link(_("All classes"), url, not self.chosen.classes and not self.chosen.unlabelled)

    @property
    def unlabelled(self) -> Link | None:
        """Shown only where it would show something."""
        if not self.counts.unlabelled and not self.chosen.unlabelled:
            return None
        url = self.url(self.chosen.changed(classes=(), unlabelled=not self.chosen.unlabelled))
        return Link(_("No label"), url, self.chosen.unlabelled, self.counts.unlabelled)

    @property
    def states(self) -> list[Link]:
        """Switches between the states; the inbox has a page of its own."""
        by_state = self.counts.by_state
        links = []
        for value, label in (*ImageState.choices, (ANY_STATE, _("All"))):
            count = sum(by_state.values()) if value == ANY_STATE else by_state[value]
            url = self.url(self.chosen.changed(state=value))
            links.append(Link(label, url, value == self.chosen.state, count, value))
        order = {ImageState.ACCEPTED.value: 0, ImageState.INBOX.value: 1, ImageState.QUARANTINED.value: 2}
        return sorted(links, key=lambda link: order.get(link.value, 3))

    @property
    def sorts(self) -> list[Link]:
        return [
            Link(label, self.url(self.chosen.changed(sort=value)), value == self.chosen.sort, value=value)
            for value, (_field, label) in SORTS.items()
        ]

    @property
    def sources(self) -> list[tuple[str, Any]]:
        return [(str(value), label) for value, label in Source.choices]

    @property
    def splits(self) -> list[tuple[str, str]]:
        names = (_("Train"), _("Validation"), _("Test"), _("Held out"))
        return list(zip(SPLITS, names, strict=True))

    @cached_property
    def categories(self) -> list[tuple[str, str]]:
        """(key, name in the reader's language) of each category that has a class."""
        return list(
            {
                c.category: localised(c.category_en, c.category_zh, c.category)
                for c in self.classes
                if c.category
            }.items()
        )

    @property
    def clear_url(self) -> str:
        return self.url(ImageFilter(state=self.chosen.state, sort=self.chosen.sort))

    @property
    def without_batch(self) -> str:
        return self.url(self.chosen.changed(batch=None))

    @property
    def without_text(self) -> str:
        return self.url(self.chosen.changed(text=""))

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        """What a form of the bar carries along: the filter's fields that the form does not ask."""
        fields = [("class", key) for key in self.chosen.classes]
        if self.chosen.state != self.home:
            fields.append(("state", self.chosen.state))
        if self.chosen.batch is not None:
            fields.append(("batch", str(self.chosen.batch)))
        return [*fields, *((name, str(bound)) for name, bound in self.chosen.sides.items())]

    @property
    def without_sides(self) -> str:
        return self.url(self.chosen.changed(**dict.fromkeys(self.chosen.sides)))

    @property
    def sides(self) -> str:
        """Bounds of width and height as one line: “100–200 × …–400 px”."""
        width = self._bounds(self.chosen.min_width, self.chosen.max_width)
        return f"{width} × {self._bounds(self.chosen.min_height, self.chosen.max_height)} px"

    @staticmethod
    def _bounds(low: int | None, high: int | None) -> str:
        return f"{'…' if low is None else low}–{'…' if high is None else high}"
