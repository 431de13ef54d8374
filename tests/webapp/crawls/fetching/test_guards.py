"""Whatever the spelling and the detour, a server on loopback never sees a request that was not allowed."""

from __future__ import annotations

import socket

import httpcore2
import pytest

from tests.support.webserver import Request, Response, WebServer
from webapp.crawls.fetching.addresses import AddressRules
from webapp.crawls.fetching.errors import FetchError

LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.0.3",
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0x0.0x0.0x1",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "00000177.0.0.1",
    "127.0.0.0x1",
    "0",
    "0.0.0.0",
    "0x0",
    "１２７.０.０.１",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "%31%32%37.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ⓛocalhost",
    "x@127.0.0.1",
    "example.org:80@127.0.0.1",
    "example.org\\@127.0.0.1",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::1]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[::1%25lo]",
    "[::1%lo]",
]
ELSEWHERE = [
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "10.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.168.0.1",
    "[fe80::1]",
    "[fec0::1]",
    "224.0.0.1",
]


@pytest.fixture(scope="module")
def secrets():
    with (
        WebServer(any_page=lambda request: Response(b"secret")) as four,
        WebServer(any_page=lambda request: Response(b"secret"), host="::1", port=four.port) as six,
    ):
        yield four, six


@pytest.fixture
def secret(secrets):
    """A server on both loopback addresses and one port. Nothing may ever ask it."""
    yield secrets[0]
    assert not secrets[0].seen
    assert not secrets[1].seen


def refused(fetch, url: str) -> FetchError:
    with pytest.raises(FetchError) as error:
        fetch(url)
    assert error.value.code in ("refused_url", "refused_address")
    assert not error.value.transient
    return error.value


@pytest.mark.parametrize("host", LOOPBACK + ELSEWHERE)
def test_no_spelling_reaches_a_private_server(secret, fetcher_for, host):
    fetcher = fetcher_for(rules=AddressRules(ports=frozenset({80, 443, secret.port})))
    refused(fetcher.get, f"http://{host}:{secret.port}/")


@pytest.mark.parametrize("host", LOOPBACK + ELSEWHERE)
def test_no_redirect_reaches_a_private_server(secret, server, fetcher_for, host):
    there = f"http://{host}:{secret.port}/".encode()
    server.pages["/"] = lambda request: Response(status=302, headers={"Location": there.decode("latin-1")})
    allowed, ports = server.allowed, frozenset({80, 443, secret.port})
    fetcher = fetcher_for(rules=AddressRules(allowed=allowed, ports=ports))
    refused(fetcher.get, server.url + "/")
    assert len(server.asked("/")) == 1


def test_the_table_would_be_seen_if_it_were_let_through(server, fetcher_for):
    """The measure measures: allowed, the plain spelling arrives."""
    server.any_page = lambda request: Response(b"here")
    assert fetcher_for(server).get(f"http://127.0.0.1:{server.port}/").content == b"here"
    assert len(server.seen) == 1


def resolver(*answers):
    """Answers with the next list of addresses each time, and with the last one from then on. Counts in `asked`."""

    def resolve(host, port, **options):
        addresses = answers[min(len(resolve.asked), len(answers) - 1)]
        resolve.asked.append(host)
        rows = []
        for one in addresses:
            family, sockaddr = socket.AF_INET, (one, port)
            if ":" in one:
                family, sockaddr = socket.AF_INET6, (one.partition("%")[0], port, 0, 3 if "%" in one else 0)
            rows.append((family, socket.SOCK_STREAM, 6, "", sockaddr))
        return rows

    resolve.asked = []
    return resolve


def named_rules(*servers) -> AddressRules:
    return AddressRules(
        allowed=frozenset((one.host, one.port) for one in servers),
        ports=frozenset({80, 443} | {one.port for one in servers}),
    )


def test_a_name_is_resolved_once_and_connected_to_what_was_vetted(server, fetcher_for):
    """Rebinding: the second answer would be the private server's, and there is no second question."""
    server.any_page = lambda request: Response(request.headers["host"].encode())
    with WebServer(
        any_page=lambda request: Response(b"secret"), host="127.0.0.2", port=server.port
    ) as secret:
        resolve = resolver(["127.0.0.1"], ["127.0.0.2"])
        fetcher = fetcher_for(rules=named_rules(server), resolve=resolve)
        fetched = fetcher.get(f"http://photos.test:{server.port}/")
        assert fetched.content == f"photos.test:{server.port}".encode()
        assert resolve.asked == ["photos.test"]
        assert not secret.seen


def test_each_new_connection_is_vetted_anew(server, fetcher_for):
    server.any_page = lambda request: Response(b"here", headers={"Connection": "close"})
    with WebServer(
        any_page=lambda request: Response(b"secret"), host="127.0.0.2", port=server.port
    ) as secret:
        fetcher = fetcher_for(rules=named_rules(server), resolve=resolver(["127.0.0.1"], ["127.0.0.2"]))
        url = f"http://photos.test:{server.port}/"
        assert fetcher.get(url).content == b"here"
        assert refused(fetcher.get, url).code == "refused_address"
        assert not secret.seen


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["127.0.0.1", "::1"],
        ["127.0.0.1", "8.8.8.8", "64:ff9b::8.8.8.8"],
        ["fe80::1%3"],
        ["2606:4700::1111%3"],
    ],
)
def test_one_bad_address_refuses_the_host(server, fetcher_for, addresses):
    fetcher = fetcher_for(rules=named_rules(server), resolve=resolver(addresses))
    error = refused(fetcher.get, f"http://photos.test:{server.port}/")
    assert error.code == "refused_address"
    assert "photos.test" in str(error)
    assert not server.seen


def test_a_host_is_reached_at_the_address_that_answers(server, fetcher_for):
    """The first of its addresses is dead."""
    server.any_page = lambda request: Response(b"here")
    rules = AddressRules(
        allowed=frozenset({("127.0.0.9", server.port), ("127.0.0.1", server.port)}),
        ports=frozenset({server.port}),
    )
    fetcher = fetcher_for(rules=rules, resolve=resolver(["127.0.0.9", "127.0.0.1"]))
    assert fetcher.get(f"http://photos.test:{server.port}/").content == b"here"


def test_should_the_backend_be_bypassed_the_answer_is_refused(server, fetcher_for):
    """A library that no longer asks our backend would connect: the peer it names is vetted once more."""
    server.any_page = lambda request: Response(b"secret")
    fetcher = fetcher_for(rules=AddressRules(ports=frozenset({server.port})))
    fetcher._network._pool = httpcore2.ConnectionPool()
    assert refused(fetcher.get, f"{server.url}/").code == "refused_address"
    assert len(server.seen) == 1  # it did get through, so it was the second line that refused


def test_an_answer_that_does_not_say_where_it_came_from_is_refused(server, fetcher_for, monkeypatch):
    server.any_page = lambda request: Response(b"here")
    fetcher = fetcher_for(server)
    monkeypatch.setattr(
        "webapp.crawls.fetching.streams.GuardedStream.get_extra_info", lambda self, info: None
    )
    assert refused(fetcher.get, f"{server.url}/").code == "refused_address"


def test_variables_of_the_environment_change_nothing(server, fetcher_for, monkeypatch, secret):
    """No proxy, no credentials of a .netrc."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, secret.url)
    seen: list[Request] = []
    server.any_page = lambda request: Response(b"here") if seen.append(request) is None else Response()
    assert fetcher_for(server).get(f"{server.url}/").content == b"here"
    assert "authorization" not in seen[0].headers
