from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A running site of the test's own, ended afterwards however the test went."""
    site = Site(tmp_path).start()
    yield site
    site.stop()
