"""Downloads of candidates: a few at once, handed on in the order of the candidates."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import BinaryIO, cast

from django.conf import settings

from ml.images.sniff import accepted_format
from webapp.crawls.fetching.errors import FetchError
from webapp.crawls.models import CrawlItem, CrawlVerdict
from worker.crawling.session import Session

# Photos of the web are rarely larger: what fits stays in memory, the rest goes to a file without a name.
_IN_MEMORY = 1 << 20
# A page that is watched shows what came this soon, though a slow photo is still under way.
PATIENCE_SECONDS = 1.0
# Enough of a file to tell what it is.
_HEAD = 64


@dataclass(frozen=True)
class Download:
    """`file` holds the bytes, or is None and `verdict` and `detail` say why."""

    item: CrawlItem
    file: BinaryIO | None
    url: str = ""
    verdict: str = ""
    detail: str = ""
    is_photo: bool = False
    """By its first bytes, which say nothing about the rest."""


@dataclass(frozen=True)
class Arrived:
    """`downloads` are next in their order; `held` more are there, but wait for one before them."""

    downloads: list[Download]
    held: int


class Downloader:
    """A pool of threads for one crawl. Threads touch no database."""

    def __init__(self, session: Session, *, at_once: int) -> None:
        self._session = session
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="download")

    def __enter__(self) -> Downloader:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def in_turn(self, items: Iterable[CrawlItem], *, ahead: int) -> Iterator[Iterator[Arrived]]:
        """Downloads in the order of `items`, handed on as they finish, at the latest every PATIENCE_SECONDS.

        `ahead`: so many are under way or wait behind a slow one at most, which bounds what is held. The files of a part
        are closed when the next one is asked for, all at the end of the block.
        """
        window: deque[Future[Download]] = deque()
        try:
            yield self._parts(iter(items), window, ahead)
        finally:
            _close_all(window)

    def _parts(
        self, items: Iterator[CrawlItem], window: deque[Future[Download]], ahead: int
    ) -> Iterator[Arrived]:
        while True:
            window.extend(self._pool.submit(self._one, item) for item in islice(items, ahead - len(window)))
            if not window:
                return
            wait(window, timeout=PATIENCE_SECONDS)
            ready = [one.result() for one in takewhile(Future.done, window)]
            yield Arrived(ready, sum(map(Future.done, window)) - len(ready))
            for _one in ready:
                _close_all([window.popleft()])

    def _one(self, item: CrawlItem) -> Download:
        """The first address that delivers a photo; else what became of the first one, which is the picture itself."""
        failed: Download | None = None
        for url in item.urls:
            one = self._from(item, url)
            if one.is_photo:
                if failed is not None and failed.file is not None:
                    failed.file.close()
                return one
            if failed is None:
                failed = one
            elif one.file is not None:
                one.file.close()
        return failed or Download(item, None, verdict=CrawlVerdict.REFUSED_URL)

    def _from(self, item: CrawlItem, url: str) -> Download:
        # Whoever takes the download closes it.
        file = cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=_spool()))  # noqa: SIM115
        try:
            fetched = self._session.fetcher.download(
                url, file, max_bytes=settings.MAX_FILE_BYTES, deadline=settings.CRAWL_PHOTO_SECONDS
            )
            file.seek(0)
            head = file.read(_HEAD)
            file.seek(0)
        except FetchError as error:
            file.close()
            return Download(item, None, verdict=error.code, detail=str(error)[:500])
        except BaseException:
            file.close()
            raise
        # Hosts that want their pages visited send a page, or a sign, where the photo was.
        return Download(item, file, fetched.url, is_photo=bool(accepted_format(head)))


def _spool() -> str:
    return str(settings.FILE_UPLOAD_TEMP_DIR)


def _close_all(futures: Iterable[Future[Download]]) -> None:
    for future in futures:
        if future.cancel() or future.exception() is not None:
            continue
        if (file := future.result().file) is not None:
            file.close()
