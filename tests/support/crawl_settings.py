"""The site's settings for tests whose worker processes crawl from a server on loopback: the one door into it.

The site itself never reads this: tests name it as DJANGO_SETTINGS_MODULE of the processes they start.
"""

from __future__ import annotations

import os

from webapp.config.settings import *  # noqa: F403

CRAWL_TEST_ADDRESSES = frozenset({("127.0.0.1", int(os.environ["SORTYARD_TEST_CRAWL_PORT"]))})
