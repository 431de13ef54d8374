"""What random changes make of a photo, to be looked at before training with them. NumPy and OpenCV only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ml.durable import write_atomic
from ml.training.transforms import Pixels, train_picture

# Formats that OpenCV writes, by the file's suffix.
FORMATS = (".jpg", ".jpeg", ".png", ".webp")
_GAP = 4
_BACKGROUND = 255


def preview(pixels: Pixels, size: int, augment: str, seed: int, count: int) -> list[Pixels]:
    """`count` random variants (size, size, 3) of an upright picture (h, w, 3), as training would draw them.

    `augment` is one of the setting's choices; the same seed draws the same pictures.
    """
    return [
        train_picture(pixels, size, np.random.default_rng([seed, place]), augment) for place in range(count)
    ]


def contact_sheet(pictures: Sequence[Pixels], columns: int = 0) -> Pixels:
    """Pictures of one size (s, s, 3) side by side on white, 4 px apart, in rows of `columns` (0: nearly square).

    ValueError without pictures.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    columns = min(columns or int(np.ceil(np.sqrt(len(pictures)))), len(pictures))
    rows = -(-len(pictures) // columns)
    side = pictures[0].shape[0]
    step = side + _GAP
    sheet = np.full((rows * step - _GAP, columns * step - _GAP, 3), _BACKGROUND, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = step * (place // columns), step * (place % columns)
        sheet[top : top + side, left : left + side] = picture
    return sheet


def write_picture(picture: Pixels, path: Path) -> None:
    """Write an RGB picture durably in the format of the suffix; ValueError for one that is not in FORMATS."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f"{path} must end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    _, data = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_atomic(path, data.tobytes())
