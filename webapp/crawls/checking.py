"""What a crawl may be asked for: words, addresses and figures, checked alike for forms, commands and services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.crawls.errors import CrawlError
from webapp.crawls.models import Crawl, LicenceFilter
from webapp.crawls.providers.base import Traits
from webapp.crawls.providers.urllist import addressed

MAX_QUERIES = 20
MAX_WORDS = 200
MAX_LINES = 20_000
# Blank lines and notes are kept, so that a line's number is the one that its writer sees.
MAX_LINES_IN_ALL = 2 * MAX_LINES
MAX_LINE = 4_000
MAX_ASKED = 100_000
"""Candidates of one crawl: beyond that a source should give a dump, not its search."""


@dataclass(frozen=True)
class Figure:
    """A whole number of a form, with the least and the most that it may be."""

    label: Promise
    low: int
    high: int

    @property
    def sentence(self) -> str:
        """What to say of a value that is none of these."""
        said = _("“%(name)s” is a whole number from %(low)s to %(high)s.")
        return said % {"name": self.label, "low": f"{self.low:,}", "high": f"{self.high:,}"}

    def check(self, value: int | None) -> None:
        """CrawlError where it is none of these; None stands for “not asked”."""
        if value is not None and not self.low <= value <= self.high:
            raise CrawlError(self.sentence)


FIGURES = {
    "start_page": Figure(gettext_lazy("Start page"), 1, MAX_ASKED),
    "total_page": Figure(gettext_lazy("Total pages"), 1, MAX_ASKED),
    "per_page": Figure(gettext_lazy("Per page"), 1, MAX_ASKED),
    "min_side": Figure(gettext_lazy("Shorter side at least, px"), 0, 20_000),
    "target": Figure(gettext_lazy("Stop at so many saved"), 1, MAX_ASKED),
}
ENOUGH = Figure(gettext_lazy("Photos per class"), 1, 10_000)


def check_figures(**values: int | None) -> None:
    """CrawlError for the first that is out of its bounds, whatever the source: no column of the table holds it."""
    for name, value in values.items():
        FIGURES[name].check(value)


def cleaned_words(text: str) -> str:
    """One search in one line. CrawlError where it is longer than a search can be: cut, it would be another one."""
    words = " ".join(text.replace("\0", "").split())
    if len(words) > MAX_WORDS:
        raise CrawlError(
            _("A search has at most %(n)s characters; this one has %(have)s: “%(begin)s…” Shorten it.")
            % {"n": MAX_WORDS, "have": f"{len(words):,}", "begin": words[:40].rstrip()}
        )
    return words


def cleaned_searches(queries: Sequence[str]) -> list[str]:
    """Each once, in their order; empty ones are left out. CrawlError where there are too many."""
    words = list(dict.fromkeys(filter(None, map(cleaned_words, queries))))
    if len(words) > MAX_QUERIES:
        raise CrawlError(_("At most %(n)s searches in one crawl.") % {"n": MAX_QUERIES})
    return words


def cleaned_list(lines: Sequence[str]) -> list[str]:
    """The lines of a list of addresses, with blank ones and notes between them. CrawlError where there are too many."""
    cleaned = [line.replace("\0", "").strip()[:MAX_LINE] for line in lines]
    places = [place for place, _line in addressed(cleaned)]
    if not places:
        raise CrawlError(_("Paste at least one address, one on each line."))
    if len(places) > MAX_LINES:
        raise CrawlError(_("At most %(n)s addresses at once.") % {"n": f"{MAX_LINES:,}"})
    if len(cleaned) > MAX_LINES_IN_ALL:
        raise CrawlError(
            _("At most %(n)s lines at once, blank ones counted. Take some out.")
            % {"n": f"{MAX_LINES_IN_ALL:,}"}
        )
    return cleaned[: places[-1] + 1]


def check_source(crawl: Crawl, traits: Traits) -> None:
    """CrawlError where a crawl asks for more than its source gives."""
    if crawl.per_page > traits.max_per_page:
        raise CrawlError(
            _("%(name)s gives at most %(n)s photos a page.")
            % {"name": _(traits.name), "n": traits.max_per_page}
        )
    if traits.takes_query and traits.max_pages is not None and crawl.last_page > traits.max_pages:
        raise CrawlError(
            _("%(name)s shows %(n)s pages; this would read up to page %(last)s.")
            % {"name": _(traits.name), "n": traits.max_pages, "last": crawl.last_page}
        )
    if traits.takes_query and crawl.asked > MAX_ASKED:
        raise CrawlError(_("At most %(n)s candidates in one crawl.") % {"n": f"{MAX_ASKED:,}"})
    if crawl.licence not in LicenceFilter.values:
        raise CrawlError(_("The licence is one of %(names)s.") % {"names": ", ".join(LicenceFilter.values)})
    if crawl.licence != LicenceFilter.ANY and not traits.states_licence:
        raise CrawlError(
            _("%(name)s states no licences, so nothing would pass. Choose “any”, or another source.")
            % {"name": _(traits.name)}
        )
