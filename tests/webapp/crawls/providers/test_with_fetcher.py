"""Sources asked through the real fetcher, as a crawl asks them."""

from __future__ import annotations

from functools import partial
from io import BytesIO

import httpx2
import pytest

from tests.support.providers import Catalogue, ProviderSite
from tests.support.providers.asking import USER_AGENT
from webapp.crawls.fetching.addresses import AddressRules
from webapp.crawls.fetching.fetcher import Fetcher, FetchError, Politeness
from webapp.crawls.providers.base import ProviderRefused, Search
from webapp.crawls.providers.registry import provider
from webapp.crawls.providers.urllist import UrlList

QUICK = Politeness(seconds_between=0.0, jitter=0.0, retries=0)


def fetcher(site, user_agent=USER_AGENT):
    return Fetcher(user_agent=user_agent, rules=AddressRules(allowed=site.allowed), politeness=QUICK)


@pytest.mark.parametrize("key", ["openverse", "commons", "baidu", "bing"])
def test_a_source_gives_photos_that_can_be_fetched(key):
    catalogue = Catalogue.drawn(3)
    with ProviderSite(catalogue) as site, fetcher(site) as fetching:
        get = partial(fetching.get, cookies=httpx2.Cookies())
        source, search = provider(key, base_url=site.base_urls[key]), Search("cup", 20)
        found = source.page(get, search, source.cursor(1, search)).candidates
        for candidate, picture in zip(found, catalogue.pictures, strict=True):
            target = BytesIO()
            fetching.download(candidate.urls[0], target, max_bytes=2**20)
            assert target.getvalue() == picture.data()


def test_a_status_that_refuses_is_a_refusal():
    with ProviderSite(Catalogue.drawn(1)) as site, fetcher(site, "nobody") as fetching:
        source = provider("commons", base_url=site.base_urls["commons"])
        with pytest.raises(ProviderRefused):
            source.page(fetching.get, Search("cup", 20), {"offset": 0})


def test_a_rate_that_is_passed_is_the_fetchers_error():
    with ProviderSite(Catalogue.drawn(1), openverse={"day_quota": 0}) as site, fetcher(site) as fetching:
        source = provider("openverse", base_url=site.base_urls["openverse"])
        with pytest.raises(FetchError) as refused:
            source.page(fetching.get, Search("cup", 20), {"page": 1})
    assert refused.value.status == 429


@pytest.mark.parametrize(
    "line",
    [
        "not an address",
        "ftp://example.org/a.jpg",
        "example.org/a.jpg",
        "http:///a.jpg",
        "https://example.org/\x00a.jpg",
        "https://example.org/" + "x" * 100_000,
        "HTTPS://example.org:port/a.jpg",
        "\x00",
        "?",
    ],
)
def test_each_bad_line_of_a_list_is_refused_as_an_address(line):
    (candidate,) = UrlList("").page(None, Search("", 10, lines=(line,)), {"page": 1}).candidates
    with Fetcher(user_agent=USER_AGENT) as fetching, pytest.raises(FetchError) as refused:
        fetching.download(candidate.urls[0], BytesIO(), max_bytes=1)
    assert refused.value.code == "refused_url"
