from collections.abc import Iterator

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """A request in Chinese, of this test or one before it, leaves its language active in the thread."""
    with translation.override("en"):
        yield
