"""One small drawn data set for all tests that only look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.drawn.dataset import Planted, draw_dataset


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    """The folder and what was planted in it: 12 classes of 12 photos, long side 160 px."""
    folder = tmp_path_factory.mktemp("drawn") / "photos"
    return folder, draw_dataset(folder, per_class=12, seed=3, size=160)
