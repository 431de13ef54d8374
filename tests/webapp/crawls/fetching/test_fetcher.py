"""What comes back, what is sent, and where a transfer is cut."""

from __future__ import annotations

import gzip
import io
import itertools
import socket
import ssl
import threading
import time
import tracemalloc
import zlib

import httpx2
import pytest

from tests.support.webserver import Response, WebServer
from webapp.crawls.fetching.addresses import AddressRules
from webapp.crawls.fetching.fetcher import Fetched, FetchError
from webapp.crawls.fetching.politeness import Politeness


def fails(fetch, *arguments, **options) -> FetchError:
    with pytest.raises(FetchError) as error:
        fetch(*arguments, **options)
    return error.value


def test_a_page_comes_with_its_url_status_headers_and_bytes(server, fetcher_for):
    server.pages["/a b"] = lambda request: Response(b"bytes", 203, "image/jpeg", {"X-One": "1"})
    fetched = fetcher_for(server).get(f"{server.url}/a b")
    assert isinstance(fetched, Fetched)
    assert (fetched.url, fetched.status, fetched.content) == (f"{server.url}/a%20b", 203, b"bytes")
    assert (fetched.headers["content-type"], fetched.headers["x-one"]) == ("image/jpeg", "1")


def test_it_says_who_it_is_and_whom_it_asks(server, fetcher_for):
    server.any_page = lambda request: Response(b"x")
    fetcher_for(server).get(
        f"{server.url}/", headers={"Accept": "image/*", "user-agent": "x", "Host": "evil.test"}
    )
    headers = server.seen[0].headers
    assert headers["user-agent"] == "Sortyard tests (nobody@example.org)"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["accept"] == "image/*"
    assert headers["accept-encoding"] == "gzip"
    assert "cookie" not in headers


def test_parameters_are_added_to_those_of_the_url(server, fetcher_for):
    server.any_page = lambda request: Response(b"x")
    fetcher_for(server).get(f"{server.url}/?a=1", params={"q": "玻璃 & x"})
    assert server.seen[0].query == {"a": "1", "q": "玻璃 & x"}


def test_a_download_goes_into_the_file_from_where_it_stands(server, fetcher_for):
    server.any_page = lambda request: Response(b"photo")
    target = io.BytesIO(b"before")
    target.seek(6)
    fetched = fetcher_for(server).download(f"{server.url}/", target, max_bytes=5)
    assert (target.getvalue(), fetched.content, fetched.status) == (b"beforephoto", b"", 200)
    assert server.seen[0].headers["accept-encoding"] == "identity"


def test_a_connection_is_kept_for_the_next_request(raw, fetcher_for):
    def talk(connection):
        while connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")

    server = raw(talk)
    fetcher = fetcher_for(server)
    for _ in range(3):
        assert fetcher.get(f"{server.url}/").content == b"x"
    assert server.count == 1


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(server, fetcher_for, status):
    server.pages["/a/"] = lambda request: Response(b"ignored", status, headers={"Location": "../b?c=1#d"})
    server.pages["/b"] = lambda request: Response(b"there")
    fetched = fetcher_for(server).get(f"{server.url}/a/")
    assert (fetched.content, fetched.url) == (b"there", f"{server.url}/b?c=1#d")


def test_five_redirects_are_followed_and_no_more(server, fetcher_for):
    server.any_page = lambda request: (
        Response(b"end")
        if request.path == "/0"
        else Response(status=302, headers={"Location": f"/{int(request.path[1:]) - 1}"})
    )
    fetcher = fetcher_for(server)
    assert fetcher.get(f"{server.url}/5").content == b"end"
    server.seen.clear()
    error = fails(fetcher.get, f"{server.url}/6")
    assert (error.code, error.transient) == ("redirects", False)
    assert len(server.seen) == 6


@pytest.mark.parametrize(
    "location",
    [
        "ftp://example.org/",
        "//user@example.org/",
        "http://example.org:22/",
        "/a\\b",
        "/a\tb",
        "http:///",
        "http://a b/",
    ],
)
def test_a_redirect_to_what_is_no_url_is_refused(raw, fetcher_for, location):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(
            f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        )

    server = raw(talk)
    assert fails(fetcher_for(server).get, f"{server.url}/").code == "refused_url"


@pytest.mark.parametrize("status", [300, 302, 304])
def test_a_redirect_to_nowhere_is_an_error(server, fetcher_for, status):
    server.any_page = lambda request: Response(status=status)
    error = fails(fetcher_for(server).get, f"{server.url}/")
    assert (error.code, error.status, error.transient) == ("http_error", status, False)


SECRETS = {
    "Authorization": "Bearer secret",
    "X-Api-Key": "secret",
    "Referer": "https://example.org/",
    "Accept": "image/*",
}


def test_headers_and_cookies_stay_with_the_host_that_was_asked(server, fetcher_for):
    """They follow a redirect on the host, not one away from it, nor one that comes back."""
    with WebServer() as other:
        server.pages["/start"] = lambda request: Response(
            status=302, headers={"Location": "/same", "Set-Cookie": "mine=1; Path=/"}
        )
        server.pages["/same"] = lambda request: Response(
            status=302, headers={"Location": f"{other.url}/away"}
        )
        other.pages["/away"] = lambda request: Response(
            status=302, headers={"Location": f"{server.url}/back", "Set-Cookie": "theirs=1; Path=/"}
        )
        server.pages["/back"] = lambda request: Response(b"end", headers={"Set-Cookie": "late=1"})
        jar = httpx2.Cookies({"given": "1"})
        fetcher = fetcher_for(server, other)
        assert fetcher.get(f"{server.url}/start", headers=SECRETS, cookies=jar).content == b"end"
    start, same, back = (server.asked(path)[0].headers for path in ("/start", "/same", "/back"))
    away = other.asked("/away")[0].headers
    assert (start["authorization"], start["x-api-key"], start["cookie"]) == (
        "Bearer secret",
        "secret",
        "given=1",
    )
    assert same["authorization"] == "Bearer secret"
    assert sorted(same["cookie"].split("; ")) == ["given=1", "mine=1"]
    for headers in (away, back):
        assert not {"authorization", "x-api-key", "cookie"} & set(headers)
        assert (headers["referer"], headers["accept"]) == ("https://example.org/", "image/*")
        assert headers["user-agent"] == start["user-agent"]
    assert dict(jar) == {"given": "1", "mine": "1"}


def test_without_a_jar_no_cookie_is_kept(server, fetcher_for):
    server.any_page = lambda request: Response(b"x", headers={"Set-Cookie": "a=1; Path=/"})
    fetcher = fetcher_for(server)
    for _ in range(2):
        fetcher.get(f"{server.url}/")
    assert all("cookie" not in request.headers for request in server.seen)


# Sizes.


def test_a_length_that_claims_too_much_is_believed_at_once(raw, fetcher_for):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        time.sleep(5)

    server = raw(talk)
    start = time.monotonic()
    error = fails(fetcher_for(server).get, f"{server.url}/", max_bytes=1000)
    assert (error.code, error.transient) == ("too_large", False)
    assert "1000 B" in str(error)
    assert time.monotonic() - start < 1


def test_an_absurd_length_is_no_number_to_choke_on(raw, fetcher_for):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 19 + b"\r\n\r\n")

    server = raw(talk)
    assert fails(fetcher_for(server).get, f"{server.url}/").code == "too_large"


def test_a_body_without_a_length_is_counted(server, fetcher_for):
    server.any_page = lambda request: Response(itertools.repeat(b"x" * 1000))
    target = io.BytesIO()
    error = fails(fetcher_for(server).download, f"{server.url}/", target, max_bytes=100_000)
    assert error.code == "too_large"
    assert target.getvalue() == b""


def test_exactly_the_most_is_taken(server, fetcher_for):
    server.pages["/known"] = lambda request: Response(b"x" * 1000)
    server.pages["/counted"] = lambda request: Response([b"x" * 500, b"x" * 500])
    for path in ("/known", "/counted"):
        assert len(fetcher_for(server).get(server.url + path, max_bytes=1000).content) == 1000


def packed_page(body: bytes, encoding: str = "gzip"):
    return lambda request: Response(body, headers={"Content-Encoding": encoding})


@pytest.mark.parametrize(
    ("pack", "encoding"), [(gzip.compress, "gzip"), (zlib.compress, "Deflate"), (bytes, "identity")]
)
def test_a_packed_answer_is_unpacked_even_if_nobody_asked_for_packing(server, fetcher_for, pack, encoding):
    server.any_page = packed_page(pack(b"bytes" * 50_000), encoding)
    assert fetcher_for(server).get(f"{server.url}/").content == b"bytes" * 50_000
    target = io.BytesIO()
    fetcher_for(server).download(f"{server.url}/", target, max_bytes=1 << 20)
    assert target.getvalue() == b"bytes" * 50_000


def test_a_bomb_goes_off_at_the_cap_and_in_little_memory(server, fetcher_for):
    pack = zlib.compressobj(9, wbits=31)
    bomb = b"".join(pack.compress(bytes(1 << 20)) for _ in range(50)) + pack.flush()
    assert len(bomb) < 60_000
    server.any_page = packed_page(bomb)
    fetcher, target = fetcher_for(server), io.BytesIO()
    tracemalloc.start()
    try:
        error = fails(fetcher.get, f"{server.url}/", max_bytes=1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()
    assert error.code == "too_large"
    assert fails(fetcher.download, f"{server.url}/", target, max_bytes=1 << 20).code == "too_large"


def test_a_packed_stream_that_unpacks_to_nothing_ends_at_the_cap(server, fetcher_for):
    """Empty blocks without end: the count of what comes out would stay at nought."""
    empty = zlib.compressobj(wbits=31)
    head = empty.flush(zlib.Z_SYNC_FLUSH)
    blocks = b"\0\0\0\xff\xff" * 1000
    server.any_page = lambda request: Response(
        itertools.chain([head], itertools.repeat(blocks)), headers={"Content-Encoding": "gzip"}
    )
    assert fails(fetcher_for(server).get, f"{server.url}/", max_bytes=200_000, deadline=5).code == "too_large"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"no gzip", "gzip"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "gzip"),
        (b"x", "br"),
        (b"x", "gzip, gzip"),
        (b"", "gzip"),
    ],
)
def test_packing_that_is_damaged_or_unknown_is_an_error(server, fetcher_for, body, encoding):
    server.any_page = packed_page(body, encoding)
    error = fails(fetcher_for(server).get, f"{server.url}/")
    assert (error.code, error.transient) == ("network", False)


def test_a_download_holds_no_more_than_chunks_in_memory(server, fetcher_for, tmp_path):
    server.any_page = lambda request: Response(itertools.repeat(bytes(1 << 16), 320))
    fetcher, path = fetcher_for(server), tmp_path / "photo"
    fetcher.download(f"{server.url}/", io.BytesIO(), max_bytes=1 << 30)  # what is made once
    with path.open("w+b") as target:
        tracemalloc.start()
        try:
            fetcher.download(f"{server.url}/", target, max_bytes=1 << 30)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()
    assert path.stat().st_size == 320 << 16


def test_a_flood_of_headers_is_cut(raw, fetcher_for):
    sent = [0]

    def talk(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for n in itertools.count():
            sent[0] += connection.send(b"X-%d: %s\r\n" % (n, b"x" * 1000))

    server = raw(talk)
    assert fails(fetcher_for(server).get, f"{server.url}/", deadline=10).code == "network"
    assert sent[0] < 16 << 20  # what the sockets buffer beyond the library's 100 KB


# Time.


def test_a_trickle_is_cut_at_the_deadline(server, fetcher_for):
    def drip():
        for _ in range(60):  # three seconds
            yield b"x"
            time.sleep(0.05)

    server.any_page = lambda request: Response(drip())
    target, start = io.BytesIO(), time.monotonic()
    fetcher = fetcher_for(server, politeness=Politeness(seconds_between=0, retries=3, backoff=0.01))
    error = fails(fetcher.download, f"{server.url}/", target, max_bytes=1 << 20, deadline=0.5)
    assert (error.code, error.transient) == ("too_slow", True)
    assert "0.5 seconds" in str(error)
    assert 0.5 <= time.monotonic() - start < 1
    assert target.getvalue() == b""
    assert len(server.seen) == 1  # no time is left for another try


@pytest.mark.parametrize("lines", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X: 1\r\n"])
def test_endless_beginnings_are_cut_at_the_deadline(raw, fetcher_for, lines):
    def talk(connection):
        connection.recv(65536)
        if lines.startswith(b"X"):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(300):  # three seconds
            connection.sendall(lines)
            time.sleep(0.01)

    server = raw(talk)
    start = time.monotonic()
    assert fails(fetcher_for(server).get, f"{server.url}/", deadline=0.5).code == "too_slow"
    assert time.monotonic() - start < 1


def test_the_deadline_is_for_all_redirects_and_retries_together(server, fetcher_for):
    def slow(request):
        time.sleep(0.2)
        return Response(status=302, headers={"Location": "/next" + request.path})

    server.any_page = slow
    start = time.monotonic()
    error = fails(fetcher_for(server).get, f"{server.url}/", deadline=0.5)
    assert error.code == "too_slow"
    assert time.monotonic() - start < 1
    server.any_page = lambda request: (time.sleep(0.2), Response(status=500))[1]
    start = time.monotonic()
    politeness = Politeness(seconds_between=0, retries=50, backoff=0.01)
    assert fails(fetcher_for(server, politeness=politeness).get, f"{server.url}/", deadline=0.5).transient
    assert time.monotonic() - start < 2


def test_waiting_for_a_turn_does_not_eat_the_deadline(server, fetcher_for):
    server.any_page = lambda request: Response(b"x")
    fetcher = fetcher_for(server, politeness=Politeness(seconds_between=0.6, jitter=0))
    for _ in range(2):
        assert fetcher.get(f"{server.url}/", deadline=0.4).content == b"x"


def test_silence_is_cut_at_the_timeout_and_tried_again(raw, fetcher_for):
    done = threading.Event()
    server = raw(lambda connection: done.wait(5))
    politeness = Politeness(seconds_between=0, retries=1, backoff=0.01)
    start = time.monotonic()
    error = fails(fetcher_for(server, timeout=0.3, politeness=politeness).get, f"{server.url}/")
    done.set()
    assert (error.code, error.transient, server.count) == ("too_slow", True, 2)
    assert "0.3 seconds" in str(error)
    assert 0.6 <= time.monotonic() - start < 1.5


def test_a_host_that_swallows_connections_is_given_up(fetcher_for):
    """A listening socket whose queue is full answers no handshake."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        host, port = listening.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex((host, port))
        rules = AddressRules(allowed=frozenset({(host, port)}))
        start = time.monotonic()
        error = fails(fetcher_for(rules=rules, timeout=0.3).get, f"http://{host}:{port}/")
        for one in fillers:
            one.close()
    assert (error.code, error.transient) == ("too_slow", True)
    assert time.monotonic() - start < 1


# Broken servers.


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x16\x03\x01\x02\x00",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_is_tried_again_and_then_an_error(raw, fetcher_for, answer):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(answer)

    server, target = raw(talk), io.BytesIO()
    fetcher = fetcher_for(server, politeness=Politeness(seconds_between=0, retries=2, backoff=0.01))
    error = fails(fetcher.download, f"{server.url}/", target, max_bytes=1000)
    assert (error.code, error.transient, server.count) == ("network", True, 3)
    assert target.getvalue() == b""


def test_a_retry_begins_the_file_anew(raw, fetcher_for):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        connection.sendall(b"01234" if server.count == 1 else b"abcdefghij")

    server, target = raw(talk), io.BytesIO()
    fetcher = fetcher_for(server, politeness=Politeness(seconds_between=0, retries=1, backoff=0.01))
    fetcher.download(f"{server.url}/", target, max_bytes=1000)
    assert target.getvalue() == b"abcdefghij"


def test_a_closed_port_and_an_unknown_name_say_so(fetcher_for):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
    error = fails(
        fetcher_for(rules=AddressRules(allowed=frozenset({(host, port)}))).get, f"http://{host}:{port}/"
    )
    assert (error.code, error.transient) == ("network", True)
    assert "Connection refused" in str(error)

    def resolve(code):
        def ask(*arguments, **options):
            raise socket.gaierror(code, "…")

        return ask

    unknown = fails(fetcher_for(resolve=resolve(socket.EAI_NONAME)).get, "http://nowhere.test/")
    assert (unknown.code, unknown.transient) == ("network", False)
    assert "nowhere.test is not known" in str(unknown)
    again = fails(fetcher_for(resolve=resolve(socket.EAI_AGAIN)).get, "http://nowhere.test/")
    assert (again.code, again.transient) == ("network", True)
    assert fails(fetcher_for(resolve=lambda *a, **k: []).get, "http://nowhere.test/").code == "network"


def test_an_error_of_the_file_is_the_callers(server, fetcher_for):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    server.any_page = lambda request: Response(b"x")
    with pytest.raises(OSError, match="No space left"):
        fetcher_for(server).download(f"{server.url}/", Full(), max_bytes=10)


def test_check_is_asked_before_requests_and_between_chunks(server, fetcher_for):
    class Stop(Exception):
        pass

    asked = [0]

    def check():
        asked[0] += 1
        if stop_at and asked[0] >= stop_at:
            raise Stop

    stop_at = 1
    server.any_page = lambda request: Response(itertools.repeat(b"x" * 65536, 100))
    with pytest.raises(Stop):
        fetcher_for(server, check=check).get(f"{server.url}/")
    assert not server.seen
    stop_at, asked[0], target = 10, 0, io.BytesIO()
    with pytest.raises(Stop):
        fetcher_for(server, check=check).download(f"{server.url}/", target, max_bytes=1 << 30)
    assert asked[0] == 10
    assert target.getvalue() == b""


# TLS.


def trusting(certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def loopback(host, port, **options):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_https_goes_to_the_vetted_address_with_the_name_of_the_url(certificate, server_tls, fetcher_for):
    with WebServer(any_page=lambda request: Response(b"x" * 200_000), tls=server_tls) as server:
        fetcher = fetcher_for(server, tls=trusting(certificate), resolve=loopback)
        fetched = fetcher.get(f"https://photos.test:{server.port}/")
        assert len(fetched.content) == 200_000
        assert server.seen[0].headers["host"] == f"photos.test:{server.port}"
        assert server_tls.names == ["photos.test"]


@pytest.mark.parametrize("why", ["another name", "unknown authority"])
def test_a_certificate_that_proves_nothing_is_refused(certificate, server_tls, fetcher_for, why):
    with WebServer(any_page=lambda request: Response(b"x"), tls=server_tls) as server:
        tls = trusting(certificate) if why == "another name" else None
        name = "other.test" if why == "another name" else "photos.test"
        error = fails(fetcher_for(server, tls=tls, resolve=loopback).get, f"https://{name}:{server.port}/")
        assert (error.code, error.transient) == ("network", False)
        assert "does not prove who it is" in str(error)
        assert not server.seen


def test_a_silent_handshake_is_cut(raw, fetcher_for):
    done = threading.Event()
    server = raw(lambda connection: done.wait(5))
    start = time.monotonic()
    error = fails(fetcher_for(server, timeout=0.3).get, f"https://127.0.0.1:{server.port}/")
    done.set()
    assert error.code == "too_slow"
    assert time.monotonic() - start < 1


def test_plain_http_behind_https_is_an_error(server, fetcher_for):
    error = fails(fetcher_for(server).get, f"https://127.0.0.1:{server.port}/")
    assert error.code == "network"


def test_from_https_to_http_a_redirect_leads_but_nothing_of_the_callers_goes_along(
    certificate, server_tls, fetcher_for
):
    with WebServer(any_page=lambda request: Response(b"plain")) as plain, WebServer(tls=server_tls) as secure:
        where = f"http://photos.test:{plain.port}/"
        secure.any_page = lambda request: Response(status=302, headers={"Location": where})
        fetcher = fetcher_for(plain, secure, tls=trusting(certificate), resolve=loopback)
        jar = httpx2.Cookies({"given": "1"})
        url = f"https://photos.test:{secure.port}/"
        assert fetcher.get(url, headers=SECRETS, cookies=jar).content == b"plain"
        assert secure.seen[0].headers["cookie"] == "given=1"
        assert not {"authorization", "x-api-key", "cookie"} & set(plain.seen[0].headers)


def test_a_form_is_posted_to_where_it_was_meant_for_and_carried_no_further(fetcher_for):
    got: list[tuple[str, dict[str, str]]] = []

    def moved(request):
        got.append((request.method, dict(request.form)))
        return Response(status=307, headers={"Location": f"{other.url}/token"})

    def here(request):
        got.append((request.method, dict(request.form)))
        return Response(b"{}")

    with WebServer({"/token": here}) as other, WebServer({"/token": here, "/moved": moved}) as server:
        fetcher = fetcher_for(server, other)
        fetcher.get(f"{server.url}/token", data={"grant_type": "client_credentials", "secret": "a&b=c"})
        fetcher.get(f"{server.url}/moved", data={"secret": "kept"})
    assert got == [
        ("POST", {"grant_type": "client_credentials", "secret": "a&b=c"}),
        ("POST", {"secret": "kept"}),
        ("GET", {}),
    ]


def test_a_form_is_posted_once_even_where_a_redirect_leads_back_to_its_own_address(server, fetcher_for):
    methods = []

    def page(request):
        methods.append((request.method, dict(request.form)))
        return Response(b"end") if len(methods) > 1 else Response(status=302, headers={"Location": "/token"})

    server.pages["/token"] = page
    assert fetcher_for(server).get(f"{server.url}/token", data={"secret": "1"}).content == b"end"
    assert methods == [("POST", {"secret": "1"}), ("GET", {})]
