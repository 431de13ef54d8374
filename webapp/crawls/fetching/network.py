"""Connections that lead only to vetted addresses, and that never wait longer than they may.

A host is resolved once, every address it has is judged, and the connection goes to one of these very addresses: no name
is looked up again in between. The request keeps its Host header and its name for TLS, which come from the URL.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2
import httpx2

from webapp.crawls.fetching import errors
from webapp.crawls.fetching.addresses import AddressRules, is_literal, port_of, vet_address
from webapp.crawls.fetching.errors import FetchError, RefusedAddress
from webapp.crawls.fetching.streams import GuardedStream, Watch, ready

Resolve = Callable[..., Any]
"""Called and answering as `socket.getaddrinfo`."""

_MOST_TRIED = 4
# Names that no public server has (RFC 6761, 6762, 8375, ICANN's .internal): a proxy is not asked for them.
_PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa")


class GuardedBackend(httpcore2.NetworkBackend):
    """Resolves, judges and connects. `proxy`: a (host, port) that is connected to unjudged, and then alone."""

    def __init__(
        self, rules: AddressRules, resolve: Resolve, watch: Watch, proxy: tuple[str, int] | None
    ) -> None:
        self._rules = rules
        self._resolve = resolve
        self._watch = watch
        self._proxy = proxy
        self.proxy_peers: set[tuple[str, int]] = set()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        if self._proxy is None:
            addresses = self.vetted(host, port, timeout)
        elif (host, port) == self._proxy:
            addresses = self.addresses(host, port, timeout)
            self.proxy_peers.update((address, port) for address in addresses)
        else:
            raise RefusedAddress(errors.OTHER_PEER % {"address": host})
        return self._connect(addresses, port, timeout)

    def vetted(self, host: str, port: int, timeout: float | None) -> list[str]:
        """The addresses of a host, all of them allowed: one that is not refuses the host."""
        addresses = self.addresses(host, port, timeout)
        for address in addresses:
            vet_address(self._rules, address, port, host)
        return addresses

    def addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        """What a host resolves to, one or more, in the order in which to try them. FetchError where nothing."""
        if is_literal(host):
            return [host]
        try:
            rows = self._looked_up(host, port, timeout)
        except (socket.gaierror, UnicodeError) as error:
            if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
                raise FetchError("network", errors.NO_NAMES % {"host": host}, transient=True) from error
            raise FetchError("network", errors.UNKNOWN_HOST % {"host": host}) from error
        found = dict.fromkeys(_address(row[4]) for row in rows if row[0] in (socket.AF_INET, socket.AF_INET6))
        if not found:
            raise FetchError("network", errors.UNKNOWN_HOST % {"host": host})
        return list(found)

    def _looked_up(self, host: str, port: int, timeout: float | None) -> list[Any]:
        """The resolver blocks as long as it likes, so it does so in a thread that nobody has to wait for."""
        answer: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._resolve(host, port, type=socket.SOCK_STREAM))
            except Exception as error:  # handed to the thread that waits
                answer.put(error)

        threading.Thread(target=ask, daemon=True, name="resolve").start()
        for seconds in self._watch.slices(timeout):
            with contextlib.suppress(queue.Empty):
                found = answer.get(timeout=seconds)
                if isinstance(found, Exception):
                    raise found
                return found
        raise FetchError("network", errors.NO_NAMES % {"host": host}, transient=True)

    def _connect(self, addresses: list[str], port: int, timeout: float | None) -> GuardedStream:
        """To the first address that answers; each has its share of the time, so a dead one leaves some to the next."""
        tried = addresses[:_MOST_TRIED]
        failure: Exception = httpcore2.ConnectTimeout()
        for address in tried:
            try:
                sock = self._connected(address, port, None if timeout is None else timeout / len(tried))
                return GuardedStream(sock, self._watch, sock.getpeername())
            except TimeoutError:
                failure = httpcore2.ConnectTimeout()
            except OSError as error:
                failure = httpcore2.ConnectError(error)
        raise failure

    def _connected(self, address: str, port: int, timeout: float | None) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            code = sock.connect_ex((address, port))
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
            for seconds in self._watch.slices(timeout):
                if ready(sock, select.POLLOUT, seconds):
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code:
                        raise OSError(code, os.strerror(code))
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return sock
            raise TimeoutError
        except BaseException:
            sock.close()
            raise


class Network:
    """Opens requests over guarded connections, which are kept a while for the next one to the same host."""

    def __init__(
        self,
        rules: AddressRules,
        watch: Watch,
        *,
        resolve: Resolve,
        proxy: str = "",
        timeout: float = 10.0,
        kept: int = 3,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`proxy`: http://[user:password@]host:port. `kept`: idle connections. `timeout`: of each step, in seconds."""
        self._rules = rules
        self._timeout = timeout
        address, core_proxy = _proxy(proxy)
        self.is_proxied = core_proxy is not None
        self._backend = GuardedBackend(rules, resolve, watch, address)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls or httpx2.create_ssl_context(trust_env=False),
            proxy=core_proxy,
            # Without a cap of its own: the caller's is below it, and a wait in here could not be broken off.
            max_connections=None,
            max_keepalive_connections=kept,
            keepalive_expiry=15.0,
            network_backend=self._backend,
        )

    def open(self, request: httpx2.Request) -> httpcore2.Response:
        """Sends a request; its answer's body is still to be read, and the answer to be closed.

        RefusedAddress, other FetchErrors, and what httpcore2 raises.
        """
        url = request.url
        if self.is_proxied:
            self._vet_for_proxy(url.raw_host.decode("ascii"), port_of(url))
        steps = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        response = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.read(),
                extensions={"timeout": steps},
            )
        )
        try:
            self._vet_peer(response)
        except BaseException:
            response.close()
            raise
        return response

    def close(self) -> None:
        self._pool.close()

    def _vet_peer(self, response: httpcore2.Response) -> None:
        """The second line: should the pool ever connect by another way than our backend, its answers are dropped."""
        stream = response.extensions.get("network_stream")
        peer = None if stream is None else stream.get_extra_info("server_addr")
        if not isinstance(peer, tuple) or len(peer) < 2:
            raise RefusedAddress(errors.OTHER_PEER % {"address": "?"})
        address = _address(peer)
        if not self.is_proxied:
            vet_address(self._rules, address, peer[1])
        elif (address, peer[1]) not in self._backend.proxy_peers:
            raise RefusedAddress(errors.OTHER_PEER % {"address": address})

    def _vet_for_proxy(self, host: str, port: int) -> None:
        """A literal address is judged, and so is a name if it resolves here.

        One that does not is the proxy's business, as is where the proxy itself finds the name: a proxy for crawls has
        to keep away from private networks on its own.
        """
        if any(host == name or host.endswith(f".{name}") for name in _PRIVATE_NAMES):
            raise RefusedAddress(errors.NOT_PUBLIC_NAME % {"host": host})
        try:
            self._backend.vetted(host, port, self._timeout)
        except FetchError as error:
            if error.code != "network":
                raise


def _proxy(proxy: str) -> tuple[tuple[str, int] | None, httpcore2.Proxy | None]:
    if not proxy:
        return None, None
    url = httpx2.URL(proxy)
    if url.scheme != "http" or not url.raw_host:
        raise ValueError("a proxy is given as http://host:port")
    host, port = url.raw_host.decode("ascii"), port_of(url)
    auth = (url.username.encode(), url.password.encode()) if url.userinfo else None
    return (host, port), httpcore2.Proxy(
        httpcore2.URL(scheme=b"http", host=host, port=port, target=b"/"), auth=auth
    )


def _address(peer: tuple[Any, ...]) -> str:
    """The address of a socket's name. A scope, which only link-local addresses have, stays visible."""
    return f"{peer[0]}%{peer[3]}" if len(peer) > 3 and peer[3] else str(peer[0])
