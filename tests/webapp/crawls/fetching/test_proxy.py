"""Through a proxy: what it is handed, and what not."""

from __future__ import annotations

import socket

import httpcore2
import pytest

from tests.support.webserver import WebServer
from webapp.crawls.fetching.addresses import AddressRules
from webapp.crawls.fetching.errors import FetchError


@pytest.fixture
def proxy(raw):
    """Answers every request itself, and notes its first line and headers. CONNECT is refused."""
    heads: list[str] = []

    def talk(connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(4096)
            if not piece:
                return
            head += piece
        heads.append(head.decode())
        if head.startswith(b"CONNECT"):
            connection.sendall(b"HTTP/1.1 403 Not this way\r\nContent-Length: 0\r\n\r\n")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nby proxy!")

    server = raw(talk)
    server.heads = heads
    return server


def unknown(host, port, **options):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_a_name_unknown_here_is_handed_to_the_proxy(proxy, fetcher_for):
    fetched = fetcher_for(proxy=proxy.url, resolve=unknown).get("http://photos.test/a?b=1")
    assert fetched.content == b"by proxy!"
    assert proxy.heads[0].startswith("GET http://photos.test/a?b=1 HTTP/1.1\r\n")
    assert "\r\nHost: photos.test\r\n" in proxy.heads[0]


def test_a_public_address_is_handed_over_and_https_asks_for_a_tunnel(proxy, fetcher_for):
    fetcher = fetcher_for(proxy=proxy.url)
    assert fetcher.get("http://93.184.216.34/").content == b"by proxy!"
    with pytest.raises(FetchError, match="403 Not this way") as error:
        fetcher.get("https://93.184.216.34/")
    assert error.value.code == "network"
    assert proxy.heads[1].startswith("CONNECT 93.184.216.34:443 HTTP/1.1\r\n")


def test_credentials_for_the_proxy_are_sent_to_it(proxy, fetcher_for):
    url = proxy.url.replace("http://", "http://me:secret@")
    fetcher_for(proxy=url, resolve=unknown).get("http://photos.test/")
    assert "\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n" in proxy.heads[0]


NOT_HANDED_OVER = """
127.0.0.1 10.0.0.1 169.254.169.254 [::1] 0x7f.1 2130706433 localhost a.localhost printer.local metadata.google.internal
nas.home.arpa
""".split()  # noqa: SIM905


@pytest.mark.parametrize("host", NOT_HANDED_OVER)
def test_private_addresses_and_names_are_not_handed_over(proxy, fetcher_for, host):
    with pytest.raises(FetchError) as error:
        fetcher_for(proxy=proxy.url, resolve=unknown).get(f"http://{host}/")
    assert error.value.code in ("refused_url", "refused_address")
    assert not proxy.count


def test_a_name_that_resolves_here_to_a_private_address_is_not_handed_over(proxy, fetcher_for):
    def resolve(host, port, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    with pytest.raises(FetchError) as error:
        fetcher_for(proxy=proxy.url, resolve=resolve).get("http://photos.test/")
    assert error.value.code == "refused_address"
    assert not proxy.count


def test_the_proxy_itself_is_not_a_place_to_fetch_from(proxy, fetcher_for):
    rules = AddressRules(ports=frozenset({80, proxy.port}))
    with pytest.raises(FetchError) as error:
        fetcher_for(proxy=proxy.url, rules=rules).get(f"{proxy.url}/")
    assert error.value.code == "refused_address"
    assert not proxy.count


def test_should_the_library_go_round_the_proxy_the_answer_is_refused(proxy, fetcher_for):
    with WebServer() as server:
        fetcher = fetcher_for(server, proxy=proxy.url)
        fetcher._network._pool = httpcore2.ConnectionPool()
        with pytest.raises(FetchError) as error:
            fetcher.get(f"{server.url}/")
        assert error.value.code == "refused_address"


def test_a_proxy_that_is_not_there_is_named_as_the_trouble(fetcher_for):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(FetchError, match="Check the proxy"):
        fetcher_for(proxy=f"http://127.0.0.1:{port}", resolve=unknown).get("http://photos.test/")


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "127.0.0.1:3128", "http://"]
)
def test_other_kinds_of_proxy_are_refused_at_the_start(fetcher_for, proxy):
    with pytest.raises(ValueError, match="http://host:port"):
        fetcher_for(proxy=proxy)
