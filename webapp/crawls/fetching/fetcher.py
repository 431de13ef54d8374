"""Fetches what a URL leads to, though any URL may be hostile and any server slow, broken or tired of us.

Redirects are followed by hand, each vetted like the first address. From https to http they may lead: a photo is public,
judged by its bytes, and nothing of the caller's goes along; refusing would lose photos and protect nobody.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType
from typing import BinaryIO, NoReturn
from urllib.parse import urljoin

import httpcore2
import httpx2

from webapp.crawls.fetching import errors
from webapp.crawls.fetching.addresses import DEFAULT_PORTS, AddressRules, port_of, vet_text, vet_url
from webapp.crawls.fetching.bodies import limited, unpacked
from webapp.crawls.fetching.errors import FetchError, RefusedAddress, RefusedUrl
from webapp.crawls.fetching.network import Network, Resolve
from webapp.crawls.fetching.politeness import Pace, Politeness, retry_after, wait_too_long
from webapp.crawls.fetching.streams import Watch

__all__ = ["FetchError", "Fetched", "Fetcher", "Politeness", "RefusedAddress", "RefusedUrl"]

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# What another host than the one asked may see of the caller's headers; a referrer is how some picture hosts let one in.
_HARMLESS = frozenset({"accept", "accept-language", "referer"})


@dataclass(frozen=True)
class Fetched:
    """`url` is where the redirects ended. `content` is empty where the bytes went into a file."""

    url: str
    status: int
    headers: httpx2.Headers
    content: bytes


@dataclass(frozen=True)
class _Order:
    """One fetch as the caller asked for it; the rest of its life is in `_Course`."""

    url: httpx2.URL
    headers: httpx2.Headers
    cookies: httpx2.Cookies | None
    target: BinaryIO
    max_bytes: int
    deadline: float
    interval: float | None = None
    data: Mapping[str, str] | None = None
    """A form that is posted; None: a plain GET."""


@dataclass
class _Course:
    """Where a fetch has got to. `left`: seconds of connecting and transferring that it may still take."""

    url: httpx2.URL
    left: float
    is_start: bool = True
    """Whether no redirect was followed yet."""
    is_home: bool = True
    """Whether no redirect has led away from the host that the caller asked, ever."""

    @property
    def host(self) -> str:
        return self.url.raw_host.decode("ascii")


class Fetcher:
    """Usable from several threads, in a `with` block. Every call answers with what it fetched or raises FetchError.

    `check` raises to abort: it is called in the calling thread before requests, between chunks and at least every 0.2 s
    of any wait. `timeout`: seconds for each step (a lookup, a connection, silence). `proxy`: http://host:port; literal
    addresses and names that resolve here are vetted before they are handed over, other names are the proxy's business.
    `tls`: instead of the system's certificates. `deadline` of a call: seconds of connecting and transferring, over all
    its redirects and retries; waiting for a turn is not counted.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        rules: AddressRules = AddressRules(),  # noqa: B008 — frozen
        politeness: Politeness = Politeness(),  # noqa: B008 — frozen
        proxy: str = "",
        check: Callable[[], None] = lambda: None,
        resolve: Resolve = socket.getaddrinfo,
        timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._rules = rules
        self._politeness = politeness
        self._timeout = timeout
        self._watch = Watch(check)
        self._pace = Pace(politeness, check)
        self._network = Network(
            rules,
            self._watch,
            resolve=resolve,
            proxy=proxy,
            timeout=timeout,
            kept=politeness.at_once,
            tls=tls,
        )

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._network.close()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        cookies: httpx2.Cookies | None = None,
        max_bytes: int = 8 << 20,
        deadline: float = 30.0,
        min_interval: float | None = None,
    ) -> Fetched:
        """A page or an API's answer, unpacked, of at most `max_bytes`.

        `params` are added to the URL's own. `data` is posted as a form; where a redirect leads is asked for by a GET
        without it. `cookies` are sent to the host of `url` only, and take what it sets.
        `min_interval`: seconds between requests to that host, from now on.
        """
        start = vet_url(self._rules, url)
        if params:
            start = vet_url(self._rules, str(start.copy_merge_params(dict(params))))
        content = BytesIO()
        sent = self._headers(headers, "gzip")
        order = _Order(start, sent, cookies, content, max_bytes, deadline, min_interval, data)
        ended = self._fetch(order)
        return Fetched(ended.url, ended.status, ended.headers, content.getvalue())

    def download(
        self,
        url: str,
        target: BinaryIO,
        *,
        max_bytes: int,
        deadline: float = 60.0,
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        """Writes a file of at most `max_bytes` to `target` chunk by chunk, from where it stands.

        After an error what was written is taken back; `target` has to be seekable for that.
        """
        sent = self._headers(headers, "identity")
        return self._fetch(_Order(vet_url(self._rules, url), sent, None, target, max_bytes, deadline))

    def _headers(self, own: Mapping[str, str] | None, encoding: str) -> httpx2.Headers:
        sent = httpx2.Headers({"Accept": "*/*"})
        sent.update({name: value for name, value in (own or {}).items() if name.lower() != "host"})
        sent.update({"User-Agent": self._user_agent, "Accept-Encoding": encoding})
        return sent

    def _fetch(self, order: _Order) -> Fetched:
        start = order.target.tell()
        course = _Course(order.url, order.deadline)
        for attempt in itertools.count():
            try:
                return self._attempt(order, course)
            except BaseException as error:
                order.target.seek(start)
                order.target.truncate()
                if not isinstance(error, FetchError) or not error.transient:
                    raise
                if attempt >= self._politeness.retries or course.left <= 0:
                    raise
                wait = max(self._pace.backoff(attempt), error.wait or 0.0)
                if wait > self._politeness.longest_wait:
                    raise
            self._pace.pause(wait)
            course = _Course(order.url, course.left)
        raise AssertionError("counting has no end")

    def _attempt(self, order: _Order, course: _Course) -> Fetched:
        for _hop in range(MOST_REDIRECTS + 1):
            interval = order.interval if course.is_home else None
            with self._pace.turn(course.host, interval), self._limited(order, course):
                request = self._request(order, course)
                with contextlib.closing(self._network.open(request)) as response:
                    headers = httpx2.Headers(response.headers)
                    if order.cookies is not None and course.is_home:
                        order.cookies.extract_cookies(
                            httpx2.Response(response.status, headers=headers, request=request)
                        )
                    if response.status not in _REDIRECTS or "location" not in headers:
                        return self._taken(order, course, response, headers)
            self._follow(order, course, headers["location"])
        raise FetchError("redirects", errors.REDIRECTS % {"host": course.host, "n": MOST_REDIRECTS})

    def _request(self, order: _Order, course: _Course) -> httpx2.Request:
        headers = order.headers
        if not course.is_home:
            ours = {"user-agent", "accept-encoding"} | _HARMLESS
            headers = httpx2.Headers([(name, value) for name, value in headers.items() if name in ours])
        cookies = order.cookies if course.is_home else None
        if order.data is not None and course.is_start:
            return httpx2.Request("POST", course.url, headers=headers, cookies=cookies, data=dict(order.data))
        return httpx2.Request("GET", course.url, headers=headers, cookies=cookies)

    def _follow(self, order: _Order, course: _Course, location: str) -> None:
        # Before `urljoin`, which drops control characters in silence.
        vet_text(location)
        # `urljoin` also takes "http:///a" and "http:a" for relative: what has a scheme is judged as it stands.
        is_whole = _SCHEME.match(location) is not None
        course.url = vet_url(self._rules, location if is_whole else urljoin(str(course.url), location))
        course.is_start = False
        course.is_home = course.is_home and _is_home(order.url, course.url)

    def _taken(
        self, order: _Order, course: _Course, response: httpcore2.Response, headers: httpx2.Headers
    ) -> Fetched:
        if not 200 <= response.status < 300:
            self._refuse(course.host, response.status, headers.get("retry-after", ""))
        # Counted packed and unpacked: either may be the one without an end.
        packed = limited(response.iter_stream(), headers.get("content-length", ""), order.max_bytes)
        body = unpacked(packed, headers.get("content-encoding", ""), course.host)
        for chunk in limited(body, "", order.max_bytes):
            order.target.write(chunk)
        return Fetched(str(course.url), response.status, headers, b"")

    def _refuse(self, host: str, status: int, asked: str) -> NoReturn:
        if status != 429 and status < 500:
            sentence = errors.STATUS % {"host": host, "status": status}
            raise FetchError("http_error", sentence, status=status)
        wait = retry_after(asked, time.time())
        if status in (429, 503) or wait is not None:
            # Other threads leave the host alone as well. Other failures may be of this one file.
            self._pace.hold(host, self._pace.backoff(0) if wait is None else wait)
        if wait is not None and wait > self._politeness.longest_wait:
            raise wait_too_long(host, wait, status)
        sentence = errors.BUSY % {"host": host, "status": status}
        raise FetchError("http_error", sentence, status=status, transient=True, wait=wait)

    @contextlib.contextmanager
    def _limited(self, order: _Order, course: _Course) -> Iterator[None]:
        """The time of a hop is taken from the fetch's; what the library raises becomes FetchError."""
        began = time.monotonic()
        try:
            with self._watch.limit(course.left, order.deadline):
                yield
        except httpcore2.TimeoutException as error:
            sentence = errors.SILENT % {"host": course.host, "seconds": f"{self._timeout:g}"}
            raise FetchError("too_slow", sentence, transient=True) from error
        except httpcore2.ProxyError as error:
            sentence = errors.PROXY % {"host": course.host, "reason": _reason(error)}
            raise FetchError("network", sentence, transient=True) from error
        except httpcore2.ConnectError as error:
            words = errors.PROXY if self._network.is_proxied else errors.NO_CONNECTION
            sentence = words % {"host": course.host, "reason": _reason(error)}
            raise FetchError("network", sentence, transient=True) from error
        except httpcore2.NetworkError as error:
            sentence = errors.BROKEN_OFF % {"host": course.host, "reason": _reason(error)}
            raise FetchError("network", sentence, transient=True) from error
        except httpcore2.ProtocolError as error:
            raise FetchError("network", errors.NOT_HTTP % {"host": course.host}, transient=True) from error
        finally:
            course.left -= time.monotonic() - began


def _is_home(asked: httpx2.URL, now: httpx2.URL) -> bool:
    """Whether the caller's headers and cookies may go on: to the same host and port, or from plain http up to https."""
    if asked.raw_host != now.raw_host:
        return False
    if asked.scheme == now.scheme:
        return port_of(asked) == port_of(now)
    return (asked.scheme, port_of(asked), port_of(now)) == (
        "http",
        DEFAULT_PORTS["http"],
        DEFAULT_PORTS["https"],
    )


def _reason(error: Exception) -> str:
    """Of a failed connection in a few words: the system's own, never pages of what a server said."""
    cause = error.args[0] if error.args else None
    words = cause.strerror if isinstance(cause, OSError) else str(error)
    return "".join(one for one in (words or type(error).__name__) if one.isprintable())[:120]
