"""Photos whose features are drawn: classes about centres, as far apart as told."""

from __future__ import annotations

import numpy as np

from ml.evaluation.trials import Photos

WIDTH, MORE = 48, 16


def drawn_photos(n: int, seed: int = 0, classes: int = 4, apart: float = 1.0, group_size: int = 1) -> Photos:
    """`n` photos with an embedding of 48 and 16 features more; the mirrored ones differ by a little noise."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) // group_size) % classes
    features = centres(classes, apart)[labels] + rng.standard_normal((n, WIDTH + MORE))
    mirrored = features + 0.2 * rng.standard_normal(features.shape)
    return Photos(
        keys=[f"class-{number}" for number in range(classes)],
        ids=[f"{number:04}" for number in range(n)],
        labels=labels.astype(np.int64),
        groups=np.arange(n) // group_size,
        features=features.astype(np.float32),
        mirrored=mirrored.astype(np.float32),
        embedding=WIDTH,
    )


def centres(classes: int, apart: float) -> np.ndarray:
    """(classes, 64), the same for every seed."""
    return apart * np.random.default_rng(99).standard_normal((classes, WIDTH + MORE))
