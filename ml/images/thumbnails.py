"""What pages show instead of originals: a thumbnail (at most 384 px) and a view (1,280 px), as JPEG.

Encoded from bare pixels, so nothing of the original's metadata (place, camera, comments) can be in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

THUMB_SIDE, VIEW_SIDE = 384, 1280
_THUMB_QUALITY, _VIEW_QUALITY = 82, 86


@dataclass(frozen=True, slots=True)
class Pictures:
    """Encoded JPEG files; `view` is None where the photo is no larger than its thumbnail."""

    thumb: bytes
    view: bytes | None


def make_pictures(pixels: NDArray[np.uint8]) -> Pictures:
    """Thumbnail and view of an upright (h, w, 3) uint8 RGB picture."""
    view = shrink(pixels, VIEW_SIDE)
    has_view = max(pixels.shape[:2]) > THUMB_SIDE
    return Pictures(
        thumb=encode_jpeg(shrink(view, THUMB_SIDE), _THUMB_QUALITY),
        view=encode_jpeg(view, _VIEW_QUALITY) if has_view else None,
    )


def shrink(pixels: NDArray[np.uint8], long_side: int) -> NDArray[np.uint8]:
    """The picture with a long side of at most `long_side`; the same array where it is small enough."""
    height, width = pixels.shape[:2]
    if max(height, width) <= long_side:
        return pixels
    scale = long_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Encode (h, w, 3) uint8 RGB as a JPEG of the given quality (1 to 100)."""
    written, data = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not written:
        raise RuntimeError("the JPEG encoder refused a picture")
    return data.tobytes()
