"""From downloads to verdicts: bytes to the store, photos prepared in children, rows with where they come from."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from ml.durable import StoreFull
from ml.images.pool import PreparedSums, PreparePool, PrepareRequest, PrepareResult
from ml.store import BlobTooLarge
from webapp.crawls.homes import home_of
from webapp.crawls.models import Crawl, CrawlItem, CrawlVerdict
from webapp.crawls.reviewing import refused_for_others
from webapp.datasets.labelling import images_set_state
from webapp.datasets.models import Image, ImageState, LabelEvent, LabelOrigin, Source
from worker.context import JobContext
from worker.crawling.downloads import Download
from worker.importing.rows import photo_row, take_turns

SMALL = _("Its shorter side has %(n)s px, the crawl asks for %(least)s.")
COPY_IN_TRIAL = _("The trial has this very photo already.")
# Columns that a verdict writes.
_FIELDS = (
    "verdict", "detail", "url", "fetched_at", "sha256", "size", "facts", "width", "height", "image",
)  # fmt: skip


@dataclass
class Settled:
    """A candidate with what was found: `facts` where it is a photo, else its verdict stands in the item."""

    item: CrawlItem
    facts: PrepareResult | None = None


class Saver:
    """Settles candidates in their order, so that a crawl that is begun again ends with the same photos."""

    def __init__(self, context: JobContext, crawl: Crawl, pool: PreparePool) -> None:
        self._context, self._crawl, self._pool = context, crawl, pool
        # One act for the whole crawl, the same when the job is begun again.
        self._operation = uuid.uuid5(uuid.NAMESPACE_OID, f"sortyard-crawl-{crawl.pk}")
        self.saved = crawl.items.filter(verdict=CrawlVerdict.SAVED).count()

    @property
    def is_enough(self) -> bool:
        return (
            self._crawl.target is not None and not self._crawl.is_trial and self.saved >= self._crawl.target
        )

    def settle(self, downloads: Sequence[Download]) -> None:
        """Verdicts for downloads, in the order they come in."""
        stored = self._store([one for one in downloads if one.file is not None])
        prepared = self._prepare([item for item in stored if item.verdict == CrawlVerdict.PENDING])
        settled = []
        for one in downloads:
            if one.file is None:
                one.item.verdict, one.item.detail = CrawlVerdict(one.verdict), one.detail
            one.item.fetched_at = timezone.now()
            settled.append(Settled(one.item, prepared.get(one.item.pk)))
        self.write(settled)

    def promote(self, items: Sequence[CrawlItem]) -> None:
        """Photos of the trial become photos of the data set; nothing is fetched again."""
        self.write([Settled(item, facts_of(item)) for item in items])

    def write(self, settled: Sequence[Settled]) -> None:
        """Rows, first events and verdicts in one short transaction."""
        self._context.check()
        with transaction.atomic():
            take_turns(self._crawl.dataset)
            there = self._already_here([one.facts.sha256 for one in settled if one.facts])
            again = self._offered_again(there)
            saved: list[tuple[CrawlItem, Image]] = []
            for one in settled:
                self._decide(one, there, again, saved)
            known = [image.pk for _item, image in saved if image.pk is not None]
            self._add([image for _item, image in saved if image.pk is None])
            self._put_back(known)
            for item, image in saved:
                item.image = image
            CrawlItem.objects.bulk_update([one.item for one in settled], _FIELDS)
        self.saved += len(saved)

    def _decide(
        self,
        one: Settled,
        there: dict[str, Image | None],
        again: dict[str, Image],
        saved: list[tuple[CrawlItem, Image]],
    ) -> None:
        item, facts = one.item, one.facts
        if facts is None:
            return
        item.width, item.height = facts.width, facts.height
        short = min(facts.width, facts.height)
        crawl = self._crawl
        if short < crawl.min_side:
            item.verdict = CrawlVerdict.TOO_SMALL
            item.detail = SMALL % {"n": short, "least": crawl.min_side}
        elif facts.sha256 in there:
            item.verdict, item.image = CrawlVerdict.DUPLICATE, there[facts.sha256]
            item.detail = COPY_IN_TRIAL if item.image is None else ""
        elif crawl.is_trial:
            item.verdict, item.facts = CrawlVerdict.CANDIDATE, asdict(facts)
            there[facts.sha256] = None
        elif crawl.target is not None and self.saved + len(saved) >= crawl.target:
            item.verdict = CrawlVerdict.NOT_NEEDED
        else:
            item.verdict, item.facts = CrawlVerdict.SAVED, {}
            image = again.get(facts.sha256)
            if image is None:
                image = photo_row(crawl.dataset, facts, size=item.size, **provenance(crawl, item))
            saved.append((item, image))
            there[facts.sha256] = image

    def _already_here(self, hashes: list[str]) -> dict[str, Image | None]:
        rows = Image.objects.filter(dataset=self._crawl.dataset, sha256__in=hashes)
        found: dict[str, Image | None] = {image.sha256: image for image in rows}
        if self._crawl.is_trial:
            tried = self._crawl.items.filter(verdict=CrawlVerdict.CANDIDATE, sha256__in=hashes)
            for sha256 in tried.values_list("sha256", flat=True):
                found.setdefault(sha256, None)
        return found

    def _offered_again(self, there: dict[str, Image | None]) -> dict[str, Image]:
        """Photos that are here, but were refused for another class: they leave `there` and are offered for this."""
        home = home_of(self._crawl)
        if home is None:
            return {}
        here = {sha: image for sha, image in there.items() if image is not None}
        refused = refused_for_others(home, [image.pk for image in here.values()])
        again = {sha: image for sha, image in here.items() if image.pk in refused}
        for sha in again:
            del there[sha]
        return again

    def _add(self, images: list[Image]) -> None:
        made = Image.objects.bulk_create(images)
        LabelEvent.objects.bulk_create(self._event(image) for image in made)

    def _put_back(self, images: list[int]) -> None:
        if images:
            images_set_state(
                dataset=self._crawl.dataset, ids=images, state=ImageState.INBOX, actor=self._crawl.created_by,
                reason="crawl", operation=self._operation,
            )  # fmt: skip

    def _event(self, image: Image) -> LabelEvent:
        return LabelEvent(
            image=image,
            operation=self._operation,
            actor=self._crawl.created_by,
            origin=LabelOrigin.PERSON,
            new_state=image.state,
            reason="crawl",
        )

    def _store(self, downloads: list[Download]) -> list[CrawlItem]:
        """Bytes into the blob store, with two disk syncs in all; StoreFull on a full disk."""
        files = [one.file for one in downloads if one.file is not None]
        results = self._context.store.put_blobs(files, max_bytes=settings.MAX_FILE_BYTES)
        for one, result in zip(downloads, results, strict=True):
            item = one.item
            item.url = one.url[:2000]
            if isinstance(result, BlobTooLarge):
                item.verdict = CrawlVerdict.TOO_LARGE
            elif not result.size:
                item.verdict = CrawlVerdict.EMPTY
            else:
                item.sha256, item.size = result.sha256, result.size
        return [one.item for one in downloads]

    def _prepare(self, items: list[CrawlItem]) -> dict[int, PrepareResult]:
        """Facts by item; items that are no photo get their verdict here. Equal bytes are prepared once."""
        first = {item.sha256: item for item in reversed(items)}
        results = {}
        for result in self._pool.prepare(PrepareRequest(id=one.pk, sha256=sha) for sha, one in first.items()):
            if result.code == "store_full":
                raise StoreFull(self._context.store.root)
            results[result.sha256] = result
        facts = {}
        for item in items:
            result = results[item.sha256]
            if result.ok:
                facts[item.pk] = result
            else:
                item.verdict, item.detail = CrawlVerdict(result.code), result.detail[:500]
        return facts


def provenance(crawl: Crawl, item: CrawlItem) -> dict[str, Any]:
    """What the photo's row keeps of where it comes from."""
    page = item.page_url if len(item.page_url) <= 1000 else ""
    query = "" if crawl.provider == "urls" else crawl.queries[item.query]
    known = {
        "provider": crawl.provider,
        "query": query,
        "url": item.url,
        "title": item.title,
        "licence_url": item.licence_url,
        "fetched_at": item.fetched_at.isoformat(timespec="seconds") if item.fetched_at else "",
    }
    return {
        "state": ImageState.INBOX,
        "source": Source.CRAWL,
        "original_name": (item.title or item.url.rsplit("/", 1)[-1])[:500],
        "author": item.author,
        "licence": item.licence,
        "page_url": page,
        "provenance": {key: value for key, value in known.items() if value},
    }


def facts_of(item: CrawlItem) -> PrepareResult:
    """What preparing found when the trial fetched it."""
    kept = dict(item.facts)
    sums = kept.pop("channel_sums")
    return PrepareResult(
        **kept,
        channel_sums=PreparedSums(sums["n"], tuple(sums["sum"]), tuple(sums["sumsq"])),
    )
