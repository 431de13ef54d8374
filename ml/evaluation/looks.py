"""Colour and texture of small pictures as histograms, and how alike two of them are. NumPy, OpenCV, SciPy."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from ml.training.transforms import Pixels

SIDE = 64

Histogram = NDArray[np.float64]

_HSV_BINS = (8, 4, 4)
# The eight neighbours of a pixel, once around: (down, right).
_AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))


def colour_histogram(picture: Pixels) -> Histogram:
    """Shares (128,) of an RGB picture's pixels over 8 hues, 4 saturations and 4 brightnesses."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, list(_HSV_BINS), [0, 180, 0, 256, 0, 256])
    return np.asarray(counts.ravel() / counts.sum(), np.float64)


def texture_histogram(picture: Pixels) -> Histogram:
    """Shares (59,) of an RGB picture's uniform local binary patterns: 8 neighbours at distance 1 (Ojala et al. 2002).

    A pattern is uniform if it changes at most twice once around; all others share the last place.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    centre = grey[1:-1, 1:-1]
    codes = np.zeros(centre.shape, np.uint8)
    for bit, (down, right) in enumerate(_AROUND):
        neighbour = grey[down : down + height - 2, right : right + width - 2]
        codes |= (neighbour >= centre).astype(np.uint8) << np.uint8(bit)
    counts = np.bincount(_PLACE_OF_CODE[codes].ravel(), minlength=_PLACE_OF_CODE.max() + 1)
    return np.asarray(counts / counts.sum(), np.float64)


def distance(one: Histogram, other: Histogram) -> float:
    """Jensen-Shannon distance of two histograms: 0 for equal ones, 1 where they share nothing."""
    # Rounding can leave the root of a tiny negative number.
    return float(np.nan_to_num(jensenshannon(one, other, base=2)))


def _places() -> NDArray[np.int64]:
    """Histogram place of each of the 256 codes."""
    codes = np.arange(256)
    bits = (codes[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(1)
    places = np.full(256, int((changes <= 2).sum()), np.int64)
    places[changes <= 2] = np.arange((changes <= 2).sum())
    return places


_PLACE_OF_CODE = _places()
