"""A provider and a fetcher ready for work: with this site's settings, the day's quota counted, cookies kept apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from django.conf import settings
from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from webapp.crawls.fetching.errors import FetchError
from webapp.crawls.fetching.fetcher import Fetched, Fetcher
from webapp.crawls.fetching.politeness import Politeness
from webapp.crawls.providers.base import (
    Provider,
    ProviderError,
    ProviderRefused,
    ResultPage,
    Search,
    Traits,
    page_patiently,
)
from webapp.crawls.sources import address_rules, provider_here, request_counted, user_agent
from worker.context import JobError

NOT_REACHED = _("%(name)s could not be asked: %(error)s")
QUOTA_USED = _("Today's requests to %(name)s are used up. What was saved stays; go on tomorrow.")


@dataclass(frozen=True)
class Session:
    """What a crawl works with."""

    provider: Provider
    fetcher: Fetcher
    check: Callable[[], None]

    @property
    def traits(self) -> Traits:
        return self.provider.traits


@contextmanager
def open_session(key: str, check: Callable[[], None]) -> Iterator[Session]:
    """`check` raises to break off any wait or transfer."""
    between = settings.CRAWL_SECONDS_BETWEEN
    politeness = Politeness(
        seconds_between=between,
        at_once=settings.CRAWL_AT_ONCE,
        # Who need not be spared need not be waited for, either.
        backoff=1.0 if between else 0.1,
    )
    with Fetcher(
        user_agent=user_agent(),
        rules=address_rules(),
        politeness=politeness,
        proxy=settings.CRAWL_PROXY,
        check=check,
    ) as fetcher:
        yield Session(provider_here(key), fetcher, check)


class Asking:
    """Asks a provider for pages. It is itself the `Get` that providers are handed: it counts the day's requests, and
    keeps cookies for the crawl.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cookies = httpx2.Cookies()

    def page(self, search: Search, cursor: Mapping[str, Any]) -> ResultPage:
        """JobError with a sentence where the source does not answer; what was saved stays."""
        try:
            return page_patiently(self._session.provider, self, search, cursor, self._wait)
        except (ProviderRefused, ProviderError) as error:
            raise JobError(str(error)) from error
        except FetchError as error:
            raise JobError(NOT_REACHED % {"name": self._session.traits.name, "error": error}) from error

    def _interval(self) -> float:
        """What the source asks for; only a server of one's own, asked without a pause, is asked without one."""
        is_own = self._session.traits.key in settings.CRAWL_BASE_URLS
        if is_own and not settings.CRAWL_SECONDS_BETWEEN:
            return 0.0
        return max(self._session.traits.min_interval, settings.CRAWL_SECONDS_BETWEEN)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._session.check()
            time.sleep(min(left, 0.1))

    def __call__(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Fetched:
        """JobError where the day's quota is used up; FetchError as the fetcher says."""
        traits = self._session.traits
        if not request_counted(traits):
            raise JobError(QUOTA_USED % {"name": traits.name})
        return self._session.fetcher.get(
            url,
            params=params,
            headers=headers,
            data=data,
            cookies=self._cookies,
            min_interval=self._interval(),
        )
