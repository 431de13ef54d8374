"""A fetcher that waits for nothing, and servers that break HTTP on purpose."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.webserver import WebServer
from webapp.crawls.fetching.addresses import AddressRules
from webapp.crawls.fetching.fetcher import Fetcher
from webapp.crawls.fetching.politeness import Politeness

# Reading the system's certificates takes a tenth of a second: once is enough.
TLS = httpx2.create_ssl_context(trust_env=False)
HURRIED = Politeness(seconds_between=0.0, retries=0, backoff=0.01, jitter=0.0)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as one:
        yield one


@pytest.fixture
def fetcher_for() -> Iterator[Callable[..., Fetcher]]:
    """Makes fetchers that may reach exactly the servers given, and don't wait or retry unless told to."""
    made: list[Fetcher] = []

    def make(*servers, **options) -> Fetcher:
        allowed = frozenset((one.host, one.port) for one in servers)
        ports = frozenset({80, 443} | {one.port for one in servers})
        options.setdefault("rules", AddressRules(allowed=allowed, ports=ports))
        options.setdefault("tls", TLS)
        options.setdefault("politeness", HURRIED)
        made.append(Fetcher(user_agent="Sortyard tests (nobody@example.org)", **options))
        return made[-1]

    yield make
    for one in made:
        one.__exit__(None, None, None)


class RawServer:
    """Accepts connections and hands each to a function, in a thread of its own. `count` says how many there were."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._talk = talk
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._socket.getsockname()
        self.url = f"http://{self.host}:{self.port}"
        self.count = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._talk(connection)
            except OSError:
                return

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def raw() -> Iterator[Callable[..., RawServer]]:
    made: list[RawServer] = []

    def make(talk: Callable[[socket.socket], None]) -> RawServer:
        made.append(RawServer(talk))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key with a certificate for photos.test, in one file."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=photos.test"
    names = ["-addext", "subjectAltName=DNS:photos.test", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    """Notes in `names` (a list) by which name each client asked for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.names = []
    context.sni_callback = lambda sock, name, ctx: context.names.append(name)
    return context
