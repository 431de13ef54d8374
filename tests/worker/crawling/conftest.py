from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.providers import Catalogue, ProviderSite
from webapp.crawls.models import Crawl, CrawlVerdict
from webapp.crawls.services import crawl_go_on, crawl_start, source_turn
from webapp.datasets.services import class_create
from worker.runner import run_job


@pytest.fixture
def cup(dataset, curator):
    return class_create(dataset=dataset, name="cup", actor=curator)


@pytest.fixture
def serve(settings) -> Iterator[Callable[..., ProviderSite]]:
    """`serve(catalogue, baidu={…})` starts the sources on loopback and leads the site to them, without politeness."""
    with ExitStack() as servers:

        def start(catalogue: Catalogue, **options: Any) -> ProviderSite:
            site = servers.enter_context(ProviderSite(catalogue, **options))
            settings.CRAWL_TEST_ADDRESSES = site.allowed
            settings.CRAWL_BASE_URLS = site.base_urls
            settings.CRAWL_SECONDS_BETWEEN = 0
            settings.CRAWL_CONTACT = "curator@example.org"
            settings.CRAWL_PHOTO_SECONDS = 3
            return site

        yield start


@pytest.fixture
def crawl(dataset, cup, curator, admin) -> Callable[..., Crawl]:
    """`crawl("openverse", total_page=2)` runs a crawl for cups to its end; without a trial unless asked for."""

    def do(provider: str = "openverse", **options: Any) -> Crawl:
        source_turn(key=provider, on=True, actor=admin)
        made = crawl_start(
            dataset=dataset,
            label_class=options.pop("label_class", cup),
            provider=provider,
            created_by=curator,
            trial=options.pop("trial", False),
            **options,
        )
        return ended(made)

    return do


def ended(crawl: Crawl) -> Crawl:
    """The crawl after its job was run here."""
    crawl.refresh_from_db()
    assert run_job(crawl.job.pk)
    crawl.refresh_from_db()
    crawl.job.refresh_from_db()
    return crawl


def gone_on(crawl: Crawl) -> Crawl:
    crawl_go_on(crawl=crawl, actor=None)
    return ended(crawl)


def verdicts(crawl: Crawl) -> dict[str, int]:
    found: dict[str, int] = {}
    for verdict in crawl.items.values_list("verdict", flat=True):
        found[verdict] = found.get(verdict, 0) + 1
    return found


def titles(crawl: Crawl, verdict: str = CrawlVerdict.SAVED) -> list[str]:
    return list(crawl.items.filter(verdict=verdict).values_list("title", flat=True))
