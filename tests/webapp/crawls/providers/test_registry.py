"""Which sources there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from webapp.crawls.providers.registry import DEFAULT_BASE_URLS, PROVIDERS, provider


def test_the_open_sources_come_first_and_the_others_need_consent():
    assert list(PROVIDERS) == ["openverse", "commons", "baidu", "bing", "urls"]
    assert {key for key, kind in PROVIDERS.items() if kind.traits.needs_consent} == {"baidu", "bing"}
    assert {key for key, kind in PROVIDERS.items() if kind.traits.states_licence} == {"openverse", "commons"}
    assert set(DEFAULT_BASE_URLS) == set(PROVIDERS)


@pytest.mark.parametrize("key", PROVIDERS)
def test_a_source_is_made_with_its_own_address_or_another(key):
    assert provider(key).traits.key == key
    assert provider(key).base_url == DEFAULT_BASE_URLS[key]
    assert provider(key, base_url="http://127.0.0.1:8/x/").base_url == "http://127.0.0.1:8/x"


def test_an_unknown_source_is_a_key_error():
    with pytest.raises(KeyError):
        provider("altavista")


def test_half_an_account_is_none():
    assert provider("openverse", client_id="a", client_secret="").traits.max_per_page == 20
    assert provider("openverse", client_id="a", client_secret="b").traits.max_per_page == 500


def test_the_sources_need_neither_settings_nor_an_http_client():
    code = (
        "import sys; import webapp.crawls.providers.registry;"
        "print([name for name in ('httpx2', 'django.db', 'webapp.crawls.fetching.fetcher') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
