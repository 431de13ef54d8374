"""The blob store of this installation."""

from __future__ import annotations

from django.conf import settings

from ml.store import Store


def site_store() -> Store:
    return Store(root=settings.DATA_DIR, cache_root=settings.CACHE_DIR)
