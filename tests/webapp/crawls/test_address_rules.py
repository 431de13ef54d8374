"""The tests' own door to loopback can't be opened in production, and no variable opens it anywhere."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from webapp.crawls.fetching.errors import RefusedAddress
from webapp.crawls.fetching.fetcher import Fetcher
from webapp.crawls.sources import address_rules

ROOT = Path(__file__).resolve().parents[3]


def test_the_site_as_it_is_may_connect_to_the_public_internet_alone():
    rules = address_rules()
    assert rules.allowed == frozenset()
    assert rules.ports == {80, 443}
    with (
        Fetcher(user_agent="test", rules=rules) as fetcher,
        pytest.raises(RefusedAddress),
    ):
        fetcher.get("http://127.0.0.1/")


def test_settings_take_the_door_from_no_variable():
    tree = ast.parse((ROOT / "webapp/config/settings.py").read_text())
    values = [
        ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign | ast.Assign)
        and "CRAWL_TEST_ADDRESSES" in ast.unparse(node).split("=")[0]
        and node.value is not None
    ]
    assert values == ["frozenset()"]


def test_in_production_an_open_door_stops_the_use(settings):
    settings.CRAWL_TEST_ADDRESSES = frozenset({("127.0.0.1", 8080)})
    assert ("127.0.0.1", 8080) in address_rules().allowed
    settings.PRODUCTION = True
    with pytest.raises(ImproperlyConfigured, match="CRAWL_TEST_ADDRESSES"):
        address_rules()


@pytest.mark.parametrize("production", ["0", "1"])
def test_in_production_an_open_door_stops_the_start(tmp_path, production):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.support.crawl_settings",
        "SORTYARD_TEST_CRAWL_PORT": "8080",
        "SORTYARD_PRODUCTION": production,
        "SORTYARD_ALLOWED_HOSTS": "sort.example.org",
        "SORTYARD_DATA": str(tmp_path),
    }
    command = [sys.executable, "manage.py", "check"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    if production == "0":
        assert ended.returncode == 0, ended.stderr
    else:
        assert ended.returncode == 2
        assert "CRAWL_TEST_ADDRESSES is for tests" in ended.stderr


def test_nothing_outside_the_tests_names_their_settings():
    for folder in ("webapp", "worker", "ml", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            assert "crawl_settings" not in path.read_text(), path
    assert "crawl_settings" not in (ROOT / "docker-compose.yml").read_text()
