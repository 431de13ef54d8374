"""A real HTTP server on loopback whose pages are functions: what crawls fetch from in tests."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """What a client asked. `path` is decoded; `query` holds the first value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    raw_path: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    """The first value of each field of a POSTed form."""


@dataclass(frozen=True)
class Response:
    """`body` may be an iterable of chunks, sent as they come and without a Content-Length: slow or endless answers."""

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


Page = Callable[[Request], Response]


def _first_values(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


class _Server6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


class WebServer:
    """Serves `pages` (path to function); `any_page` answers the rest. `seen` lists every request in its order.

    `host` may be an IPv6 address; with `tls` it speaks https; `port` 0 is any that is free.
    """

    def __init__(
        self,
        pages: Mapping[str, Page] | None = None,
        any_page: Page | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.pages: dict[str, Page] = dict(pages or {})
        self.any_page = any_page
        self.seen: list[Request] = []
        self._server = (_Server6 if ":" in host else ThreadingHTTPServer)((host, port), self._handler())
        self._server.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.host, self.port = host, self._server.server_address[1]

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self._scheme}://{host}:{self.port}"

    @property
    def allowed(self) -> frozenset[tuple[str, int]]:
        """What `AddressRules(allowed=…)` takes."""
        return frozenset({(self.host, self.port)})

    def asked(self, path: str) -> list[Request]:
        return [one for one in self.seen if one.path == path]

    def answer(self, request: Request) -> Response:
        self.seen.append(request)
        page = self.pages.get(request.path, self.any_page)
        return page(request) if page else Response(b"not here", 404, "text/plain")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are two packets: without this the second waits 40 ms for the first.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                self._answer(_first_values(self.rfile.read(length).decode()))

            def _answer(self, form: Mapping[str, str] | None = None) -> None:
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = _first_values(parts.query)
                response = server.answer(
                    Request(self.command, unquote(parts.path), query, headers, self.path, form or {})
                )
                try:
                    self._send(response)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def _send(self, response: Response) -> None:
                self.send_response(response.status)
                self.send_header("Content-Type", response.type)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                if isinstance(response.body, bytes):
                    self.send_header("Content-Length", str(len(response.body)))
                    self.end_headers()
                    self.wfile.write(response.body)
                    return
                self.send_header("Connection", "close")
                self.end_headers()
                for chunk in response.body:
                    self.wfile.write(chunk)
                    self.wfile.flush()
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """A test's output is not a server's log."""

        return Handler
