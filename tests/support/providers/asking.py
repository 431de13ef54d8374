"""A plain `Get`: real requests without the fetcher's guards, politeness and retries; and a walk through all pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from webapp.crawls.providers.base import Get, Provider, ResultPage, Search

USER_AGENT = "Sortyard-tests/1.0 (mailto:tests@example.org)"


class BadStatus(Exception):
    """As the fetcher's error for a status from 400 on."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass(frozen=True)
class Answer:
    url: str
    status: int
    headers: httpx2.Headers
    content: bytes


class PlainGet:
    """Keeps cookies from request to request. `raises`: whether a bad status is an exception or an answer."""

    def __init__(self, *, user_agent: str = USER_AGENT, raises: bool = True) -> None:
        self._client = httpx2.Client(headers={"User-Agent": user_agent}, timeout=10, trust_env=False)
        self._raises = raises

    def __enter__(self) -> PlainGet:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def __call__(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Any:
        method = "GET" if data is None else "POST"
        answer = self._client.request(
            method, url, params=params, headers=headers, data=None if data is None else dict(data)
        )
        if self._raises and answer.status_code >= 400:
            raise BadStatus(answer.status_code)
        return Answer(str(answer.url), answer.status_code, answer.headers, answer.content)


def walk(provider: Provider, get: Get, search: Search, page: int = 1) -> list[ResultPage]:
    """All pages from `page` on, each asked with its cursor as the database gives it back."""
    cursor: dict[str, Any] | None = provider.cursor(page, search)
    pages: list[ResultPage] = []
    while cursor is not None:
        assert len(pages) < 100, "it does not end"
        pages.append(provider.page(get, search, json.loads(json.dumps(cursor))))
        cursor = pages[-1].next
    return pages


def names(pages: list[ResultPage]) -> list[str]:
    """File names of the first URLs."""
    return [one.urls[0].rpartition("/")[2] for page in pages for one in page.candidates]
