"""Plain measures of one photo: brightness, sharpness, entropy, and the sums behind mean and std."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_LONG_SIDE = 256


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of the grey picture at a long side of 256 px.

    `brightness`: mean, 0 to 1. `sharpness`: variance of the Laplacian, from 0, in squared grey levels.
    `entropy`: of the histogram, 0 to 8 bits.
    """

    brightness: float
    sharpness: float
    entropy: float


@dataclass(frozen=True, slots=True)
class ChannelSums:
    """Number of pixels, and per channel (r, g, b) the sum and the sum of squares of values in 0..1.

    Sums add up: the mean and std over all pixels of a snapshot are an aggregate of these.
    """

    n: int
    sum: tuple[float, float, float]
    sumsq: tuple[float, float, float]


def measure_quality(grey: NDArray[np.uint8]) -> Quality:
    """Measure an (h, w) uint8 grey picture at one fixed size, so that photos of all sizes compare."""
    small = _at_fixed_size(grey)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(small, cv2.CV_16S))
    counts = cv2.calcHist([small], [0], None, [256], [0, 256]).ravel()
    shares = counts[counts > 0] / small.size
    return Quality(
        brightness=float(cv2.mean(small)[0]) / 255,
        sharpness=float(deviation[0, 0]) ** 2,
        entropy=max(0.0, float(-(shares * np.log2(shares)).sum())),
    )


class ChannelSummer:
    """Sums the channels of one picture after the other, in buffers that are kept for the next."""

    def __init__(self) -> None:
        self._planes: Sequence[cv2.typing.MatLike] | None = None

    def __call__(self, pixels: NDArray[np.uint8]) -> ChannelSums:
        """Exact (to double precision) sums over an (h, w, 3) uint8 RGB picture at full size.

        Both are whole numbers until the division, so nothing is rounded on the way.
        """
        # Plane by plane: OpenCV's loops over interleaved channels are several times slower. Fresh buffers for
        # each photo would double the cost; of another shape, split() makes new ones by itself.
        self._planes = planes = cv2.split(pixels, self._planes)
        red, green, blue = (cv2.sumElems(plane)[0] / 255 for plane in planes)
        squares = [cv2.norm(plane, cv2.NORM_L2SQR) / 255**2 for plane in planes]
        return ChannelSums(
            pixels.shape[0] * pixels.shape[1], (red, green, blue), (squares[0], squares[1], squares[2])
        )


def sum_channels(pixels: NDArray[np.uint8]) -> ChannelSums:
    """The sums of one (h, w, 3) uint8 RGB picture; see ChannelSummer."""
    return ChannelSummer()(pixels)


def _at_fixed_size(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Long side 256 px: a whole factor by area averages (quick, no aliasing), the rest bilinear."""
    height, width = grey.shape
    factor = max(height, width) // _LONG_SIDE
    if factor > 1:
        size = (max(1, width // factor), max(1, height // factor))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    scale = _LONG_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), np.uint8)
