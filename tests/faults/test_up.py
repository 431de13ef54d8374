"""`manage.py up` is one tree: it starts whole, mends itself, and leaves nothing behind."""

import os
import signal
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.site import Site, descendants, is_alive, wait_until

pytestmark = pytest.mark.faults

SERVICES = {"broker", "web", "worker-prep", "worker-crawl", "worker-train", "worker-reap", "worker-predict"}


@pytest.fixture(scope="module")
def lasting(tmp_path_factory) -> Iterator[Site]:
    """One site for the tests that leave it running as they found it."""
    site = Site(tmp_path_factory.mktemp("lasting")).start()
    yield site
    site.stop()


def answers(site: Site) -> bool:
    try:
        with urllib.request.urlopen(f"{site.url}/sign-in/", timeout=2) as page:
            return page.status == 200
    except OSError:
        return False


def test_it_starts_every_service_and_one_ctrl_c_ends_them_all(site):
    assert set(site.processes()) >= SERVICES
    tree = descendants(site.process.pid)
    assert site.stop(signal.SIGINT) == 0
    assert [pid for pid in tree if is_alive(pid)] == []
    assert "Stopped." in site.output.read_text()


def test_killing_up_itself_leaves_no_orphan(site):
    tree = descendants(site.process.pid)
    site.stop(signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in tree), seconds=15, what="the end of every service")


def test_a_second_start_on_a_taken_port_says_so_and_names_another(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site = Site(tmp_path)
        done = site.manage("up", "--port", str(port), check=False)
    assert done.returncode == 2
    assert f"Port {port} is taken by another program." in done.stderr
    assert f"PORT={port + 1}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_start_on_the_same_data_says_who_has_it(lasting):
    done = lasting.manage("up", "--port", str(lasting.port), check=False)
    assert done.returncode == 2
    assert f"process {lasting.process.pid}" in done.stderr
    assert answers(lasting)


@pytest.mark.parametrize("name", ["web", "broker", "worker-prep", "worker-reap", "worker-predict"])
def test_a_service_that_is_killed_comes_back(lasting, name):
    before = wait_until(lambda: lasting.processes().get(name), what=name)
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        now = lasting.processes().get(name, [])
        return bool(now) and not set(now) & set(before)

    wait_until(back, seconds=20, what=f"the return of {name}")
    wait_until(lambda: answers(lasting), seconds=20, what="the page")


def test_a_new_sign_in_link_names_the_address_of_the_running_site(lasting):
    link = lasting.manage("sign_in_link").stdout.strip()
    assert link.startswith(f"{lasting.url}/sign-in/link/")
    with urllib.request.urlopen(link, timeout=5) as page:
        assert page.status == 200


def test_a_site_for_the_whole_network_answers_to_this_machines_own_address(tmp_path):
    from webapp.core.up.network import own_address

    site = Site(tmp_path).start("--host", "0.0.0.0")
    try:
        assert own_address() in site.link
        # As a phone in the house would ask, without leaving this machine.
        request = urllib.request.Request(
            f"http://127.0.0.1:{site.port}/sign-in/", headers={"Host": f"{own_address()}:{site.port}"}
        )
        with urllib.request.urlopen(request, timeout=5) as page:
            assert page.status == 200
    finally:
        site.stop()
