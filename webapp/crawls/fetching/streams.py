"""Sockets that block in slices: every wait ends at the deadline, and is broken off when `check` says so."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpcore2

from webapp.crawls.fetching import errors
from webapp.crawls.fetching.errors import FetchError
from webapp.crawls.fetching.politeness import STEP


class Watch(threading.local):
    """What each thread looks at while it waits: `check`, and the moment at which its transfer has to be finished."""

    def __init__(self, check: Callable[[], None]) -> None:
        self.check = check
        self._until = math.inf
        self._seconds = math.inf

    @contextlib.contextmanager
    def limit(self, seconds: float, said: float) -> Iterator[None]:
        """What runs inside is cut after `seconds`; `said` is what the sentence names as the limit."""
        self._until, self._seconds = time.monotonic() + seconds, said
        try:
            yield
        finally:
            self._until = math.inf

    def slices(self, timeout: float | None) -> Iterator[float]:
        """Seconds to block for, again and again until `timeout` is over: at least one, each after a look at both.

        FetchError at the deadline, and whatever `check` raises.
        """
        end = time.monotonic() + (math.inf if timeout is None else timeout)
        first = True
        while True:
            self.check()
            now = time.monotonic()
            if now >= self._until:
                raise FetchError(
                    "too_slow", errors.TOO_SLOW % {"seconds": f"{self._seconds:g}"}, transient=True
                )
            if now >= end and not first:
                return
            first = False
            yield max(0.001, min(STEP, end - now, self._until - now))


class GuardedStream(httpcore2.NetworkStream):
    """A connected socket. It blocks in slices, so a silent or slow server holds nobody up."""

    def __init__(self, sock: socket.socket, watch: Watch, peer: tuple[Any, ...]) -> None:
        self._socket = sock
        self._watch = watch
        self._peer = peer

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        for seconds in self._watch.slices(timeout):
            self._socket.settimeout(seconds)
            try:
                return self._socket.recv(max_bytes)
            except TimeoutError:
                continue  # OpenSSL keeps half a record for the next call
            except OSError as error:
                raise httpcore2.ReadError(error) from error
        raise httpcore2.ReadTimeout

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = memoryview(buffer)
        for seconds in self._watch.slices(timeout):
            self._socket.settimeout(seconds)
            try:
                while left:
                    left = left[self._socket.send(left) :]
                return
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore2.WriteError(error) from error
        raise httpcore2.WriteTimeout

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        host = server_hostname or ""
        try:
            secured = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
            )
        except (OSError, ValueError) as error:
            self.close()
            raise httpcore2.ConnectError(error) from error
        try:
            for seconds in self._watch.slices(timeout):
                secured.settimeout(seconds)
                with contextlib.suppress(TimeoutError):
                    secured.do_handshake()
                    return GuardedStream(secured, self._watch, self._peer)
            raise httpcore2.ConnectTimeout
        except ssl.SSLCertVerificationError as error:
            secured.close()
            sentence = errors.CERTIFICATE % {"host": host, "reason": error.verify_message}
            raise FetchError("network", sentence) from error
        except OSError as error:
            secured.close()
            raise httpcore2.ConnectError(error) from error
        except BaseException:
            secured.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        if info == "server_addr":
            return self._peer
        if info == "client_addr":
            return self._socket.getsockname()
        if info == "socket":
            return self._socket
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        if info == "is_readable":
            # Asked of an idle connection: one that says something, or is gone, is not used again.
            return self._socket.fileno() < 0 or bool(ready(self._socket, select.POLLIN, 0))
        return None


def ready(sock: socket.socket, event: int, seconds: float) -> list[tuple[int, int]]:
    """What of `event` (select.POLLIN, select.POLLOUT) a socket is ready for within so many seconds."""
    poll = select.poll()
    poll.register(sock, event)
    return poll.poll(math.ceil(seconds * 1000))
