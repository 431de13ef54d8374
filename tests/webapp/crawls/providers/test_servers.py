"""The servers themselves: pictures in trouble, the log, and the command line."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from tests.support.providers import Catalogue, ProviderSite
from tests.support.providers.images import INSIDE, TROUBLES
from tests.support.site import wait_until
from tests.support.webserver import Response, WebServer

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def troubled():
    catalogue = Catalogue.drawn(len(TROUBLES)).troubled(1, TROUBLES)
    names = {one.trouble: one for one in catalogue.pictures}
    with (
        ProviderSite(catalogue, pace=0.001) as site,
        httpx2.Client(base_url=site.url, trust_env=False) as client,
    ):
        yield client, names


def test_pictures_fail_in_the_ways_that_are_listed(troubled):
    client, names = troubled
    ask = {trouble: f"/pictures/{one.name}" for trouble, one in names.items()}
    assert client.get(ask["missing"]).status_code == 404
    assert [client.get(ask["once"]).status_code for _ in range(2)] == [500, 200]
    assert client.get(ask["slow"]).content == names["slow"].data()
    assert client.get(ask["html"]).content.startswith(b"<!doctype")
    assert client.get(ask["cut"]).content == names["cut"].data()[: len(names["cut"].data()) // 2]
    assert client.get(ask["inside"]).headers["Location"] == INSIDE
    redirected = client.get(ask["redirect"], follow_redirects=True)
    assert redirected.content == names["redirect"].data()
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get(ask["length"])
    with client.stream("GET", ask["endless"]) as endless:
        got = 0
        for chunk in endless.iter_raw():
            got += len(chunk)
            if got > 2**20:
                break
    huge = client.get(ask["huge"]).content
    assert len(huge) < 2**20
    assert int.from_bytes(huge[16:20], "big") == 30_000


def test_a_rate_is_held_with_the_wait_named():
    with ProviderSite(Catalogue.drawn(1), openverse={"rate": 60}) as site:
        url = f"{site.url}/openverse/v1/images/?q=cup"
        answers = [httpx2.get(url, trust_env=False) for _ in range(2)]
        assert [one.status_code for one in answers] == [200, 429]
        assert 55 <= int(answers[1].headers["Retry-After"]) <= 61
        assert httpx2.get(f"{site.url}/_log", trust_env=False).json()[1]["status"] == 429


def test_a_folder_of_photos_becomes_a_catalogue(trashnet):
    catalogue = Catalogue.of_folder(trashnet, per_class=3, also={"glass": ["玻璃瓶"]})
    assert [one.id for one in catalogue.find("玻璃瓶")] == ["glass-0000", "glass-0001", "glass-0002"]
    assert len(catalogue.pictures) == 18
    with ProviderSite(catalogue) as site:
        answer = httpx2.get(f"{site.url}/pictures/glass-0001.jpg", trust_env=False)
    assert answer.content == catalogue.find("glass")[1].data()


def test_a_folder_of_the_tests_own_becomes_one_too(tmp_path):
    (tmp_path / "Tea cups").mkdir()
    Image.new("RGB", (1000, 500), "red").save(tmp_path / "Tea cups" / "one.jpg")
    (picture,) = Catalogue.of_folder(tmp_path).pictures
    assert (picture.name, picture.dimensions(), picture.rendered()) == (
        "tea-cups-0000.jpg",
        (1000, 500),
        (640, 320),
    )


def test_forms_that_are_posted_reach_the_page():
    with WebServer(
        {"/form": lambda request: Response(f"{request.method} {request.form['a']}".encode())}
    ) as server:
        answer = httpx2.post(f"{server.url}/form", data={"a": "1 & 2"}, trust_env=False)
    assert answer.text == "POST 1 & 2"


def test_killed_and_started_again_it_serves_the_same_on_the_same_port(tmp_path):
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "tests.support.providers", "--port-file", str(port_file), "--drawn", "3"]

    def serve():
        process = subprocess.Popen(command, cwd=ROOT)
        url = wait_until(
            lambda: port_file.exists() and f"http://127.0.0.1:{port_file.read_text()}", seconds=30
        )
        return process, url, wait_until(lambda: answer(url), seconds=30)

    def answer(url):
        try:
            return httpx2.get(f"{url}/openverse/v1/images/?q=cup", trust_env=False).json()
        except httpx2.TransportError:
            return None

    process, url, first = serve()
    process.kill()
    process.wait()
    process, again, second = serve()
    try:
        assert (again, second) == (url, first)
        assert first["result_count"] == 3
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
