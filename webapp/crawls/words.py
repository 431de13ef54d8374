"""A sentence for every verdict: what became of a candidate, and what to do where something can be done."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from webapp.core.spoken import spoken
from webapp.crawls.models import CrawlVerdict


@dataclass(frozen=True)
class _Wording:
    what: Promise
    todo: Promise | None = None


_WORDS = {
    CrawlVerdict.PENDING: _Wording(gettext_lazy("It waits to be fetched.")),
    CrawlVerdict.CANDIDATE: _Wording(gettext_lazy("Fetched for the trial; it comes in with the rest.")),
    CrawlVerdict.SAVED: _Wording(gettext_lazy("Saved. It waits in the inbox for a review.")),
    CrawlVerdict.DUPLICATE: _Wording(
        gettext_lazy("The data set has this very photo already, so it was not saved again.")
    ),
    CrawlVerdict.NOT_NEEDED: _Wording(
        gettext_lazy("The crawl had as many photos as it was asked for."),
        gettext_lazy("Start another crawl to fetch it."),
    ),
    CrawlVerdict.TOO_SMALL: _Wording(
        gettext_lazy("It is smaller than the crawl asks for."),
        gettext_lazy("Ask for a smaller minimum size to take such photos."),
    ),
    CrawlVerdict.LICENCE: _Wording(
        gettext_lazy("Its licence is not one that the crawl asks for."),
        gettext_lazy("Choose another licence filter to take such photos."),
    ),
    CrawlVerdict.REFUSED_URL: _Wording(gettext_lazy("Its address is none that is fetched from.")),
    CrawlVerdict.REFUSED_ADDRESS: _Wording(
        gettext_lazy("Its host lies in an inner network; only the public internet is fetched.")
    ),
    CrawlVerdict.HTTP_ERROR: _Wording(gettext_lazy("The host answered with an error instead of the photo.")),
    CrawlVerdict.REDIRECTS: _Wording(gettext_lazy("The host led on from address to address.")),
    CrawlVerdict.NETWORK: _Wording(gettext_lazy("The host could not be reached.")),
    CrawlVerdict.TOO_SLOW: _Wording(gettext_lazy("The photo came too slowly, so it was given up.")),
    CrawlVerdict.TOO_LARGE: _Wording(gettext_lazy("The file is larger than is fetched.")),
    CrawlVerdict.EMPTY: _Wording(gettext_lazy("The host sent a file without content.")),
    CrawlVerdict.TRUNCATED: _Wording(gettext_lazy("The photo breaks off before its end.")),
    CrawlVerdict.NOT_AN_IMAGE: _Wording(
        gettext_lazy("What came is no photo: often a page that says the photo is gone.")
    ),
    CrawlVerdict.UNSUPPORTED_FORMAT: _Wording(
        gettext_lazy("This image format is not taken."),
        gettext_lazy("To have it, save it as JPEG from its page and add it by hand."),
    ),
    CrawlVerdict.TOO_MANY_PIXELS: _Wording(
        gettext_lazy("The picture has more pixels than can be opened safely (50 megapixels)."),
        gettext_lazy("To have it, save a smaller copy from its page and add it by hand."),
    ),
    CrawlVerdict.BROKEN: _Wording(gettext_lazy("The file is damaged and can't be opened.")),
    CrawlVerdict.TIMEOUT: _Wording(gettext_lazy("Opening the picture took too long, so it was given up.")),
    CrawlVerdict.OUT_OF_MEMORY: _Wording(
        gettext_lazy("Opening the picture needs more memory than is allowed.")
    ),
}

# Their detail is a sentence that says it more exactly than the verdict can. Of others it is for the log.
_TOLD_BY_DETAIL = (
    CrawlVerdict.REFUSED_URL,
    CrawlVerdict.REFUSED_ADDRESS,
    CrawlVerdict.HTTP_ERROR,
    CrawlVerdict.REDIRECTS,
    CrawlVerdict.NETWORK,
    CrawlVerdict.TOO_SLOW,
    CrawlVerdict.TOO_LARGE,
    CrawlVerdict.TOO_SMALL,
    CrawlVerdict.DUPLICATE,
)


def sentence(verdict: str, detail: str = "") -> str:
    """What happened to a candidate, and what to do about it, in the reader's language."""
    return " ".join(filter(None, (what_happened(verdict, detail), what_to_do(verdict))))


def what_happened(verdict: str, detail: str = "") -> str:
    """The first half of the sentence."""
    if detail and verdict in _TOLD_BY_DETAIL:
        return spoken(detail)
    return str(_WORDS[CrawlVerdict(verdict)].what)


def what_to_do(verdict: str) -> str:
    """The second half; "" where nothing can be done."""
    return str(_WORDS[CrawlVerdict(verdict)].todo or "")
