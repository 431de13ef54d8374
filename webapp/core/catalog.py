"""The JavaScript catalogue's address.

One for each language and each state of the translations, so that browsers may keep the answer for good.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language

CATALOG_DOMAINS = ["django", "djangojs"]


def catalog_url() -> str:
    language = get_language() or settings.LANGUAGE_CODE
    return f"{reverse('javascript_catalog')}?language={language}&v={catalog_version()}"


@lru_cache(maxsize=1)
def catalog_version() -> str:
    """Changes with any compiled translation; read once a process."""
    digest = hashlib.sha256()
    for root in settings.LOCALE_PATHS:
        for compiled in sorted(Path(root).glob("*/LC_MESSAGES/*.mo")):
            digest.update(compiled.read_bytes())
    return digest.hexdigest()[:12]
