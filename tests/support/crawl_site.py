"""A Sortyard whose sources are servers of the test's own on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.photos import jpeg
from tests.support.providers import ProviderSite
from tests.support.site import Site


def crawling_site(folder: Path, sources: ProviderSite, **environment: str) -> Site:
    """Not started yet. It asks `sources` without politeness, so that a test does not wait for good manners."""
    urls = {f"SORTYARD_{key.upper()}_URL": url for key, url in sources.base_urls.items()}
    return Site(
        folder,
        DJANGO_SETTINGS_MODULE="tests.support.crawl_settings",
        SORTYARD_TEST_CRAWL_PORT=str(sources.port),
        SORTYARD_CRAWL_SECONDS_BETWEEN="0",
        SORTYARD_CRAWL_CONTACT="curator@example.org",
        SORTYARD_CRAWL_PHOTO_SECONDS="5",
        **urls,
        **environment,
    )


def dataset_with_class(site: Site, folder: Path, name: str, label: str, seed: int = 1) -> str:
    """Slug of a new data set that has a class `label` with one photo."""
    (folder / name / label).mkdir(parents=True)
    (folder / name / label / "1.jpg").write_bytes(jpeg(seed))
    return str(site.answer("import_images", name, str(folder / name))["dataset"])


def crawled(site: Site, slug: str) -> list[tuple[Any, ...]]:
    """Every candidate of the crawls of a data set with what became of it, in its order."""
    return site.rows(
        """
        SELECT i.title, i.page, i.verdict, i.sha256, i.image_id IS NOT NULL FROM crawls_crawlitem i
        JOIN crawls_crawl c ON c.id = i.crawl_id JOIN datasets_dataset d ON d.id = c.dataset_id
        WHERE d.slug = ? ORDER BY i.id
        """,
        slug,
    )


def photos_of(site: Site, slug: str) -> list[tuple[Any, ...]]:
    """Photos of crawls in a data set, in the order they were saved."""
    return site.rows(
        """
        SELECT p.sha256, p.original_name, p.author, p.licence, p.state FROM datasets_image p
        JOIN datasets_dataset d ON d.id = p.dataset_id WHERE d.slug = ? AND p.source = 'crawl' ORDER BY p.id
        """,
        slug,
    )
