"""How often a server lets itself be asked."""

from __future__ import annotations

import json
import threading
import time

from tests.support.webserver import Response


class Rate:
    """429 with Retry-After for what comes within `seconds` of what was let in, and for all after `quota` requests."""

    def __init__(self, seconds: float = 0.0, quota: int | None = None) -> None:
        self.seconds, self.quota = seconds, quota
        self.refused = 0
        self._last, self._count = float("-inf"), 0
        self._lock = threading.Lock()

    def refusal(self) -> Response | None:
        with self._lock:
            now = time.monotonic()
            wait = 86_400.0 if self.quota is not None and self._count >= self.quota else 0.0
            wait = max(wait, self._last + self.seconds - now)
            if wait <= 0:
                self._last, self._count = now, self._count + 1
                return None
            self.refused += 1
        whole = max(1, round(wait + 0.499))
        detail = f"Request was throttled. Expected available in {whole} seconds."
        return as_json({"detail": detail}, 429, {"Retry-After": str(whole)})


def as_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(value, ensure_ascii=False).encode(), status, "application/json", headers or {})
