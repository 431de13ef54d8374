"""How often hosts are asked: one request each so many seconds, few at a time, longer waits where they are asked for."""

from __future__ import annotations

import contextlib
import email.utils
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

from webapp.crawls.fetching import errors
from webapp.crawls.fetching.errors import FetchError

# Longest sleep between two looks at `check`, in seconds: an abort is noticed within twice that.
STEP = 0.1
_MOST_HOSTS = 1024


@dataclass(frozen=True)
class Politeness:
    """All times in seconds. Waits are drawn from [t, t × (1 + `jitter`)], so that clients don't march in step."""

    seconds_between: float = 1.0
    """Between the starts of two requests to one host."""
    jitter: float = 0.5
    at_once: int = 3
    """Requests in flight, over all hosts."""
    retries: int = 3
    backoff: float = 1.0
    """Before the first retry; doubles with each."""
    longest_wait: float = 120.0
    """A server that asks for more is not waited for: the fetch ends with an error that says so."""

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) < (1 if one.name == "at_once" else 0):
                raise ValueError(f"{one.name} is too small: {getattr(self, one.name)}")


@dataclass
class _Host:
    interval: float
    """What is asked for between two requests."""
    stretch: float = 1.0
    """The jitter drawn for the gap after the last request."""
    asked: float = float("-inf")
    """When the last request began."""
    held_until: float = float("-inf")
    """Until when the host does not want to be asked."""

    @property
    def free_at(self) -> float:
        return max(self.asked + self.interval * self.stretch, self.held_until)


class Pace:
    """Gives out turns to several threads. `check` is called in the waiting one at least every 0.2 s, and may raise."""

    def __init__(self, politeness: Politeness, check: Callable[[], None]) -> None:
        self._politeness = politeness
        self._check = check
        self._hosts: dict[str, _Host] = {}
        self._in_flight = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def turn(self, host: str, interval: float | None = None) -> Iterator[None]:
        """Waits until `host` may be asked and a place is free, and keeps the place while the block runs.

        `interval` is this host's own from now on. FetchError where the host asked to be left alone for too long.
        """
        self._wait_for_turn(host, interval)
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def hold(self, host: str, seconds: float) -> None:
        """Nobody asks `host` for so many seconds."""
        with self._changed:
            one = self._host(host)
            one.held_until = max(one.held_until, time.monotonic() + seconds)

    def pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            self._check()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, STEP))

    def backoff(self, attempt: int) -> float:
        """Seconds before the retry after attempt number `attempt` (from 0)."""
        limits = self._politeness
        return min(limits.backoff * 2.0**attempt * self._stretch(), limits.longest_wait)

    def _wait_for_turn(self, host: str, interval: float | None) -> None:
        while True:
            self._check()
            # Host and place are taken together: threads that had their host's turn and then queued for a place
            # would ask the host all at once when places come free.
            with self._changed:
                wait = self._take(host, interval)
                if wait <= 0:
                    return
                self._changed.wait(min(wait, STEP))

    def _take(self, host: str, interval: float | None) -> float:
        """Takes the turn and answers 0, or answers how many seconds to wait at most before asking again."""
        one, now = self._host(host), time.monotonic()
        if interval is not None:
            one.interval = interval
        if one.held_until - now > self._politeness.longest_wait:
            raise wait_too_long(host, one.held_until - now)
        if one.free_at > now:
            return one.free_at - now
        if self._in_flight >= self._politeness.at_once:
            return STEP
        self._in_flight += 1
        one.asked, one.stretch = now, self._stretch()
        return 0.0

    def _host(self, name: str) -> _Host:
        if len(self._hosts) >= _MOST_HOSTS and name not in self._hosts:
            now, usual = time.monotonic(), self._politeness.seconds_between
            self._hosts = {
                key: one for key, one in self._hosts.items() if one.free_at > now or one.interval != usual
            }
        return self._hosts.setdefault(name, _Host(self._politeness.seconds_between))

    def _stretch(self) -> float:
        return 1 + self._politeness.jitter * random.random()


def wait_too_long(host: str, seconds: float, status: int | None = None) -> FetchError:
    sentence = errors.WAIT_TOO_LONG % {"host": host, "seconds": f"{seconds:.0f}"}
    return FetchError("http_error", sentence, status=status, transient=True, wait=seconds)


def retry_after(value: str, now: float) -> float | None:
    """Seconds that a `Retry-After` asks for: their number, or a date (`now`: seconds since 1970). None if neither."""
    value = value.strip()
    if re.fullmatch(r"[0-9]+", value):
        # As many digits as a header holds would be too many for `int`.
        return float(value[:12]) if len(value) <= 12 else float("1e12")
    try:
        date = email.utils.parsedate_to_datetime(value)
        return max(0.0, date.timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
