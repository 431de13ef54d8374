"""The sources that a crawl can use, in the order in which they are shown."""

from __future__ import annotations

from webapp.crawls.providers.baidu import Baidu
from webapp.crawls.providers.base import Provider
from webapp.crawls.providers.bing import Bing
from webapp.crawls.providers.commons import Commons
from webapp.crawls.providers.openverse import Openverse
from webapp.crawls.providers.urllist import UrlList

PROVIDERS: dict[str, type[Provider]] = {
    kind.traits.key: kind for kind in (Openverse, Commons, Baidu, Bing, UrlList)
}

DEFAULT_BASE_URLS = {
    "openverse": "https://api.openverse.org",
    "commons": "https://commons.wikimedia.org",
    "baidu": "https://image.baidu.com",
    "bing": "https://www.bing.com",
    "urls": "",
}


def provider(key: str, *, base_url: str = "", **options: str) -> Provider:
    """A source for one crawl. KeyError: there is none of that key. `base_url`: instead of the source's own."""
    return PROVIDERS[key](base_url or DEFAULT_BASE_URLS[key], **options)
