"""Turns, back-off and aborts, with real threads and short waits."""

from __future__ import annotations

import email.utils
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.webserver import Response
from webapp.crawls.fetching.errors import FetchError
from webapp.crawls.fetching.politeness import Pace, Politeness, retry_after


class Stop(Exception):
    pass


def pace(check=lambda: None, **values) -> Pace:
    return Pace(Politeness(**({"seconds_between": 0.0, "jitter": 0.0} | values)), check)


def in_threads(count, function):
    with ThreadPoolExecutor(count) as pool:
        return [one.result() for one in [pool.submit(function, n) for n in range(count)]]


def test_requests_to_one_host_begin_apart_whoever_sends_them():
    turns, began = pace(seconds_between=0.15, at_once=4), []

    def ask(n):
        with turns.turn("a.test"):
            began.append(time.monotonic())

    in_threads(4, ask)
    gaps = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert len(gaps) == 3
    assert min(gaps) >= 0.149


def test_hosts_do_not_wait_for_each_other():
    turns = pace(seconds_between=5.0, at_once=4)
    start = time.monotonic()

    def ask(n):
        with turns.turn(f"{n}.test"):
            pass

    in_threads(4, ask)
    assert time.monotonic() - start < 1


def test_jitter_stretches_the_wait_and_never_shortens_it():
    turns, began = pace(seconds_between=0.05, jitter=1.0), []
    for _ in range(8):
        with turns.turn("a.test"):
            began.append(time.monotonic())
    gaps = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert min(gaps) >= 0.049
    assert max(gaps) - min(gaps) > 0.005


def test_a_host_may_have_an_interval_of_its_own_which_it_keeps():
    turns, start = pace(seconds_between=0.0), time.monotonic()
    with turns.turn("slow.test", 0.2):
        pass
    with turns.turn("quick.test"):
        pass
    assert time.monotonic() - start < 0.15
    with turns.turn("slow.test"):
        assert time.monotonic() - start >= 0.199


def test_no_more_than_at_once_are_in_flight():
    turns, lock, now, most = pace(at_once=2), threading.Lock(), [0], [0]

    def ask(n):
        with turns.turn(f"{n}.test"):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.05)
            with lock:
                now[0] -= 1

    in_threads(6, ask)
    assert most[0] == 2


def test_a_full_house_does_not_let_a_host_be_asked_in_a_burst():
    """Threads that wait for a place must not have used up their host's turn already."""
    turns, began = pace(seconds_between=0.1, at_once=3), []

    def hog(n):
        with turns.turn(f"hog{n}.test"):
            time.sleep(0.4)

    def ask(n):
        time.sleep(0.05)
        with turns.turn("a.test"):
            began.append(time.monotonic())

    in_threads(6, lambda n: hog(n) if n < 3 else ask(n))
    gaps = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert min(gaps) >= 0.099


def test_a_place_is_given_back_after_an_error():
    turns = pace(at_once=1)
    for _ in range(3):
        with pytest.raises(Stop), turns.turn("a.test"):
            raise Stop


def test_a_held_host_is_left_alone_and_the_others_are_not():
    turns, start = pace(), time.monotonic()
    turns.hold("a.test", 0.25)
    turns.hold("a.test", 0.05)  # a shorter wish does not end the longer one
    with turns.turn("b.test"):
        assert time.monotonic() - start < 0.2
    with turns.turn("a.test"):
        assert time.monotonic() - start >= 0.249


def test_a_host_held_for_too_long_is_not_waited_for():
    turns = pace(longest_wait=1.0)
    turns.hold("a.test", 30)
    with pytest.raises(FetchError, match="30 seconds") as error, turns.turn("a.test"):
        pass
    assert error.value.code == "http_error"
    assert error.value.transient
    assert 29 < error.value.wait <= 30


def test_an_abort_ends_every_wait_at_once_in_every_thread():
    stopped, ended = threading.Event(), []

    def check():
        if stopped.is_set():
            raise Stop

    turns = pace(check, seconds_between=60.0, at_once=1)
    with turns.turn("a.test"):  # takes the only place, and the host's turn

        def wait(n):
            try:
                if n == 0:
                    turns.pause(60)
                with turns.turn("a.test" if n == 1 else "b.test"):
                    return
            except Stop:
                pass
            ended.append(time.monotonic())

        threads = [threading.Thread(target=wait, args=(n,)) for n in range(4)]
        for one in threads:
            one.start()
        time.sleep(0.15)
        assert not ended
        moment = time.monotonic()
        stopped.set()
        for one in threads:
            one.join(2)
    assert len(ended) == 4
    assert max(ended) - moment < 0.2 + 0.1  # a tenth for a busy machine


def test_the_backoff_doubles_with_jitter_up_to_the_longest_wait():
    turns = pace(backoff=1.0, jitter=0.5, longest_wait=6.0)
    for attempt, least in enumerate((1, 2, 4)):
        for _ in range(50):
            assert least <= turns.backoff(attempt) <= least * 1.5
    assert len({turns.backoff(0) for _ in range(10)}) > 1
    assert turns.backoff(10) == 6.0


def test_the_table_of_hosts_does_not_grow_without_end():
    turns = pace()
    with turns.turn("own.test", 0.001):
        pass
    for n in range(3000):
        with turns.turn(f"{n}.test"):
            pass
    assert len(turns._hosts) <= 1025
    assert turns._hosts["own.test"].interval == 0.001


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("9" * 5000, 1e12),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 50.0),
        ("Thursday, 01-Jan-70 00:01:00 GMT", 50.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("１２", None),
        ("Thu, 99 Foo 1970 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(value, seconds):
    assert retry_after(value, 10.0) == seconds


@pytest.mark.parametrize(
    "name", ["seconds_between", "jitter", "at_once", "retries", "backoff", "longest_wait"]
)
def test_a_limit_that_makes_no_sense_is_named(name):
    with pytest.raises(ValueError, match=name):
        Politeness(**{name: -1})


# Through the fetcher, against a real server.


def failing(times, status=503, headers=None):
    """A page that fails so many times and is well then."""
    left = [times]

    def page(request):
        left[0] -= 1
        if left[0] >= 0:
            return Response(b"no", status, headers=headers or {})
        return Response(b"yes")

    return page


QUICK = {"seconds_between": 0.0, "backoff": 0.02, "jitter": 0.0}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_tried_again(server, fetcher_for, status):
    server.pages["/"] = failing(2, status)
    fetcher = fetcher_for(server, politeness=Politeness(**QUICK, retries=2))
    assert fetcher.get(f"{server.url}/").content == b"yes"
    assert len(server.seen) == 3


def test_retries_end(server, fetcher_for):
    server.pages["/"] = failing(9)
    fetcher = fetcher_for(server, politeness=Politeness(**QUICK, retries=2))
    with pytest.raises(FetchError, match="status 503") as error:
        fetcher.get(f"{server.url}/")
    assert (error.value.code, error.value.status, error.value.transient) == ("http_error", 503, True)
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 451])
def test_a_refusal_is_not_tried_again(server, fetcher_for, status):
    server.pages["/"] = failing(1, status)
    fetcher = fetcher_for(server, politeness=Politeness(**QUICK, retries=5))
    with pytest.raises(FetchError, match=str(status)) as error:
        fetcher.get(f"{server.url}/")
    assert (error.value.status, error.value.transient) == (status, False)
    assert len(server.seen) == 1


def test_retry_after_in_seconds_is_waited_for(server, fetcher_for):
    server.pages["/"] = failing(1, 429, {"Retry-After": "1"})
    start = time.monotonic()
    assert (
        fetcher_for(server, politeness=Politeness(**QUICK, retries=1)).get(f"{server.url}/").content == b"yes"
    )
    assert 1.0 <= time.monotonic() - start < 2.5


def test_retry_after_as_a_date_is_waited_for(server, fetcher_for):
    # Dates have whole seconds: this one is between one and two away.
    server.pages["/"] = failing(
        1, 503, {"Retry-After": email.utils.formatdate(int(time.time()) + 2, usegmt=True)}
    )
    start = time.monotonic()
    assert (
        fetcher_for(server, politeness=Politeness(**QUICK, retries=1)).get(f"{server.url}/").content == b"yes"
    )
    assert 0.9 <= time.monotonic() - start < 3.5


def test_a_retry_after_past_the_longest_wait_ends_the_fetch_and_is_kept_to(server, fetcher_for):
    server.pages["/"] = failing(1, 429, {"Retry-After": "3600"})
    fetcher = fetcher_for(server, politeness=Politeness(**QUICK, retries=3, longest_wait=5))
    for _ in range(2):
        with pytest.raises(FetchError, match=r"3[56]\d\d seconds") as error:
            fetcher.get(f"{server.url}/")
        assert error.value.transient
    assert len(server.seen) == 1  # the second one did not even ask


def test_a_host_that_asks_for_patience_is_left_alone_by_all_threads(server, fetcher_for):
    times, lock = [], threading.Lock()

    def page(request):
        with lock:
            times.append(time.monotonic())
            first = len(times) == 1
        return Response(b"no", 429, headers={"Retry-After": "1"}) if first else Response(b"yes")

    server.any_page = page
    politeness = Politeness(seconds_between=0.05, backoff=0.02, jitter=0.0, retries=1, at_once=3)
    fetcher = fetcher_for(server, politeness=politeness)
    assert {one.content for one in in_threads(3, lambda n: fetcher.get(f"{server.url}/{n}"))} == {b"yes"}
    late = [one for one in times[1:] if one - times[0] > 0.5]
    assert len(late) >= 2
    assert min(late) - times[0] >= 0.95


def test_one_failing_file_does_not_hold_up_its_host(server, fetcher_for):
    server.pages["/bad"] = lambda request: Response(b"no", 500)
    server.pages["/good"] = lambda request: Response(b"yes")
    politeness = Politeness(seconds_between=0.0, backoff=0.6, jitter=0.0, retries=1)
    fetcher = fetcher_for(server, politeness=politeness)

    def good(n):
        start = time.monotonic()
        fetcher.get(f"{server.url}/good")
        return time.monotonic() - start

    def bad(n):
        with pytest.raises(FetchError):
            fetcher.get(f"{server.url}/bad")
        return 0.0

    assert max(in_threads(2, lambda n: bad(n) if n == 0 else (time.sleep(0.1), good(n))[1])) < 0.5


def test_the_fetcher_keeps_the_pace_with_real_threads(server, fetcher_for):
    times, now, most, lock = [], [0], [0], threading.Lock()

    def page(request):
        with lock:
            times.append(time.monotonic())
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.25)
        with lock:
            now[0] -= 1
        return Response(b"x")

    server.any_page = page
    fetcher = fetcher_for(server, politeness=Politeness(seconds_between=0.1, jitter=0.0, at_once=2))
    in_threads(6, lambda n: fetcher.get(f"{server.url}/{n}"))
    times.sort()
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert min(gaps) >= 0.08  # measured at the server: the way there may take a little longer or less
    assert most[0] == 2


@pytest.mark.parametrize("where", ["silence", "trickle", "lookup", "backoff", "turn"])
def test_an_abort_breaks_off_whatever_a_fetch_waits_for(server, raw, fetcher_for, where):
    stopped = threading.Event()

    def check():
        if stopped.is_set():
            raise Stop

    def drip():
        for _ in range(200):
            yield b"x"
            time.sleep(0.02)

    server.pages["/trickle"] = lambda request: Response(drip())
    server.pages["/backoff"] = lambda request: Response(b"", 500)
    server.pages["/turn"] = lambda request: Response(b"")
    silent = raw(lambda connection: stopped.wait(5))
    politeness = Politeness(seconds_between=60.0 if where == "turn" else 0.0, backoff=60.0, jitter=0.0)

    def resolve(host, port, **options):
        time.sleep(1.5)  # as deaf to an abort as the system's own
        return []

    fetcher = fetcher_for(server, silent, politeness=politeness, check=check, resolve=resolve)
    url = {"silence": f"{silent.url}/", "lookup": "http://photos.test/"}.get(where, f"{server.url}/{where}")
    if where == "turn":
        fetcher.get(url)
    ended = []

    def fetch():
        with pytest.raises(Stop):
            fetcher.get(url)
        ended.append(time.monotonic())

    thread = threading.Thread(target=fetch)
    thread.start()
    time.sleep(0.3)
    assert not ended
    moment = time.monotonic()
    stopped.set()
    thread.join(3)
    assert ended[0] - moment < 0.2 + 0.1
