"""The gallery's filter bar: which chips it shows, what each is called and where it leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.core.templatetags.sortyard import localised
from webapp.datasets.filters import (
    ALIKE,
    ANY_STATE,
    DEFAULT_SORT,
    DOUBTS,
    GIVEN,
    ORIGINS,
    SORTS,
    SPLITS,
    WORKED_OUT,
    ImageFilter,
)
from webapp.datasets.models import Dataset, ImageState, Source
from webapp.datasets.other_rooms import NOBODY
from webapp.datasets.selectors import ClassChoice
from webapp.datasets.selectors_gallery import GalleryCounts

# One chip for each of the keys 1 to 9; with more classes the rest stand in a list that can be searched.
MAX_CHIPS = 9
MAX_PEOPLE = 100


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
    """Everything the filter bar shows for one filter.

    `home` is the state that an address without one means. `action` is the page, where it is none of the gallery's, and
    `extra` what its addresses carry besides the filter.
    """

    def __init__(
        self,
        dataset: Dataset,
        chosen: ImageFilter,
        home: str,
        counts: GalleryCounts,
        classes: Sequence[ClassChoice],
        *,
        action: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.dataset, self.chosen, self.home, self.counts = dataset, chosen, home, counts
        self.classes = classes
        self.keys = {one.pk: one.key for one in classes}
        self.extra = dict(extra or {})
        self.action = action or reverse(
            "datasets:inbox" if home == ImageState.INBOX else "datasets:images", args=[dataset.slug]
        )

    def url(self, image_filter: ImageFilter, *, after: int | None = None) -> str:
        query = QueryDict(image_filter.to_query(state=self.home), mutable=True)
        query.update(self.extra)
        if after is not None:
            query["after"] = str(after)
        return f"{self.action}?{query.urlencode()}" if query else self.action

    @property
    def is_narrowed_further(self) -> bool:
        """Whether more than whose the photos are restricts the view."""
        return self.chosen.changed(assigned="").is_narrowed

    @property
    def query(self) -> str:
        """The filter as the pages about the inbox read it."""
        return self.chosen.to_query(state=self.home)

    @cached_property
    def total(self) -> int:
        """How many photos the filter lets pass."""
        return self.counts.matching(self.chosen, {key: pk for pk, key in self.keys.items()})

    @cached_property
    def digits(self) -> dict[str, int]:
        """Class key → the key (1 to 9) that assigns it: the most used ones, in the data set's own order.

        Those without a category come last: a class made in passing takes no other one's number.
        """
        most_used = sorted(self.classes, key=lambda one: -one.n)[:MAX_CHIPS]
        chosen = {one.pk for one in most_used}
        in_order = sorted((c for c in self.classes if c.pk in chosen), key=lambda one: not one.category)
        return {one.key: n for n, one in enumerate(in_order, start=1)}

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
        """Another order than the most alike first ends the search for photos alike."""
        alike = self.chosen.like is not None
        found = [
            Link(
                one.label,
                self.url(self.chosen.changed(sort=value, like=None)),
                value == self.chosen.sort and not alike,
                value=value,
            )
            for value, one in SORTS.items()
            if value in self._usable_sorts
        ]
        return [Link(ALIKE, self.url(self.chosen), on=True), *found] if alike else found

    @property
    def _usable_sorts(self) -> set[str]:
        """Only the inbox is put in order by a job, and only what one person was given has an order of its own."""
        usable = set(SORTS)
        if self.chosen.state != ImageState.INBOX:
            usable -= set(WORKED_OUT)
        if self.chosen.assigned in ("", NOBODY):
            usable.discard(GIVEN)
        return usable | {self.chosen.sort}

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
        sort = DEFAULT_SORT if self.chosen.sort == GIVEN else self.chosen.sort
        return self.url(ImageFilter(state=self.chosen.state, sort=sort))

    @cached_property
    def labellers(self) -> list[tuple[str, Any]]:
        """Who or what gives labels; the names of all members, few as they are."""
        return [*((name, origin.label) for name, origin in ORIGINS.items()), *self._people]

    @property
    def holders(self) -> list[tuple[str, Any]]:
        """Who may have been given photos."""
        return [(NOBODY, _("nobody")), *self._people]

    @cached_property
    def _people(self) -> list[tuple[str, Any]]:
        people = User.objects.filter(is_active=True).order_by("username").values_list("username", flat=True)
        return [(name, name) for name in people[:MAX_PEOPLE]]

    @property
    def doubts(self) -> list[tuple[str, Any]]:
        return list(zip(DOUBTS, (_("Label in doubt"), _("Unlike the others")), strict=True))

    @property
    def _upload(self) -> int | None:
        """The number that people know the upload by, which is not its id."""
        if self.chosen.batch is None:
            return None
        from webapp.ingest.selectors import batch_number

        batch = self.dataset.batches.filter(pk=self.chosen.batch).first()
        return batch_number(batch) if batch else self.chosen.batch

    @property
    def active(self) -> list[Link]:
        """What restricts the view besides classes, each with the address of the view without it."""
        chosen, found = self.chosen, []
        words: tuple[tuple[str, str], ...] = (
            ("batch", _("Upload %(name)s") % {"name": self._upload}),
            ("crawl", _("Crawl %(number)d") % {"number": chosen.crawl or 0}),
            (
                "assigned",
                _("given to %(name)s") % {"name": dict(self.holders).get(chosen.assigned, chosen.assigned)},
            ),
            ("like", _("alike")),
            ("text", f"“{chosen.text}”"),
            ("source", str(dict(self.sources).get(chosen.source, ""))),
            ("split", str(dict(self.splits).get(chosen.split, ""))),
            ("since", _("from %(day)s") % {"day": chosen.since}),
            ("until", _("until %(day)s") % {"day": chosen.until}),
            (
                "labeller",
                _("by %(name)s") % {"name": dict(self.labellers).get(chosen.labeller, chosen.labeller)},
            ),
            ("doubt", str(dict(self.doubts).get(chosen.doubt, ""))),
        )
        nothing = ImageFilter()
        for field, label in words:
            if getattr(chosen, field):
                url = self.url(chosen.changed(**{field: getattr(nothing, field)}))
                found.append(Link(label, url, on=True))
        if chosen.sides:
            url = self.url(chosen.changed(**dict.fromkeys(chosen.sides)))
            found.append(Link(self.sides, url, on=True))
        names = dict(self.categories)
        for key in chosen.categories:
            rest = tuple(one for one in chosen.categories if one != key)
            found.append(Link(names.get(key, key), self.url(chosen.changed(categories=rest)), on=True))
        return found

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        """What a form of the bar carries along: the filter's fields that the form does not ask."""
        fields = [("class", key) for key in self.chosen.classes]
        if self.chosen.state != self.home:
            fields.append(("state", self.chosen.state))
        numbers = {name: getattr(self.chosen, name) for name in ("batch", "like", "crawl")}
        fields += [(name, str(number)) for name, number in numbers.items() if number is not None]
        return [
            *fields,
            *((name, str(bound)) for name, bound in self.chosen.sides.items()),
            *self.extra.items(),
        ]

    @property
    def sides(self) -> str:
        """Bounds of width and height as one line: “100–200 × …–400 px”."""
        width = self._bounds(self.chosen.min_width, self.chosen.max_width)
        return f"{width} × {self._bounds(self.chosen.min_height, self.chosen.max_height)} px"

    @staticmethod
    def _bounds(low: int | None, high: int | None) -> str:
        return f"{'…' if low is None else low}–{'…' if high is None else high}"
