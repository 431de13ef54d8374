"""A plain way of asking, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.providers.asking import PlainGet


@pytest.fixture
def get() -> Iterator[PlainGet]:
    with PlainGet() as asking:
        yield asking
