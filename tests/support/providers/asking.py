"""A plain `Get`: real requests without the fetcher's guards, politeness and retries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

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
