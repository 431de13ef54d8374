"""All sources on one port: /openverse, /commons, /baidu and /bing are their base URLs, /pictures holds the photos."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.support.providers.baidu import BaiduServer
from tests.support.providers.bing import BingServer
from tests.support.providers.catalogue import Catalogue
from tests.support.providers.commons import CommonsServer
from tests.support.providers.images import Images
from tests.support.providers.openverse import OpenverseServer
from tests.support.providers.rates import as_json
from tests.support.webserver import Request, Response, WebServer

MOST_LOGGED = 100_000


class ProviderSite(WebServer):
    """Give a source options by its name: `ProviderSite(catalogue, baidu={"refuse_after": 2}, commons={"rate": 1})`.

    What each is can be changed while it runs (`site.baidu.refuse_after = None`).
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        openverse: dict[str, Any] | None = None,
        commons: dict[str, Any] | None = None,
        baidu: dict[str, Any] | None = None,
        bing: dict[str, Any] | None = None,
        pace: float = 0.2,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(any_page=self._route, host=host, port=port)
        self.catalogue = catalogue
        self.openverse = OpenverseServer(catalogue, **(openverse or {}))
        self.commons = CommonsServer(catalogue, **(commons or {}))
        self.baidu = BaiduServer(catalogue, **(baidu or {}))
        self.bing = BingServer(catalogue, **(bing or {}))
        self.images = Images(catalogue, pace=pace)
        self.log: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    @property
    def base_urls(self) -> dict[str, str]:
        """By key of the provider, as `registry.provider` takes them."""
        return {key: f"{self.url}/{key}" for key in ("openverse", "commons", "baidu", "bing")}

    def __enter__(self) -> ProviderSite:
        super().__enter__()
        return self

    def _route(self, request: Request) -> Response:
        if request.path == "/_log":
            return as_json(self.log[int(request.query.get("after", "0")) :])
        began = time.time()
        response = self._answer(request)
        with self._lock:
            if len(self.log) < MOST_LOGGED:
                self.log.append(
                    {
                        "method": request.method,
                        "path": request.path,
                        "query": dict(request.query),
                        "time": began,
                        "user_agent": request.headers.get("user-agent", ""),
                        "status": response.status,
                    }
                )
        return response

    def _answer(self, request: Request) -> Response:
        _, _, rest = request.path.partition("/")
        source, slash, path = rest.partition("/")
        if source == "pictures":
            return self.images.answer(path, request)
        servers: dict[str, OpenverseServer | CommonsServer | BaiduServer | BingServer] = {
            "openverse": self.openverse,
            "commons": self.commons,
            "baidu": self.baidu,
            "bing": self.bing,
        }
        server = servers.get(source)
        if server is None:
            return Response(b"no such page", 404, "text/plain")
        return server.answer(slash + path, request, self.url)
