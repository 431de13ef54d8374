"""Perceptual hashes of 64 bits: imagehash's `phash` of a picture and of its mirror image.

The value equals `imagehash.phash(image)` where the short side is below 1,024 px; larger pictures are first
shrunk by whole factors for speed, which moves a bit or two at most.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE, _LOW = 32, 8
_ENOUGH = 512
# The 2-D cosine transform (type II) of the 8 lowest frequencies as a matrix; its scale drops out, since a bit
# only says whether a coefficient lies above the median of all 64.
_COSINES = np.cos(np.pi * np.arange(_LOW)[:, None] * (2 * np.arange(_SIDE)[None, :] + 1) / (2 * _SIDE))
# Below this a coefficient of 8-bit pixels is rounding noise: flat pictures must hash alike every time.
_NOISE_DIGITS = 6


def grey_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 RGB to (h, w) uint8 by Pillow's own rounding, as imagehash sees it."""
    return np.asarray(Image.fromarray(pixels).convert("L"))


def perceptual_hashes(grey: NDArray[np.uint8]) -> tuple[str, str]:
    """(phash, phash of the mirrored picture), 16 hex digits each, of an (h, w) uint8 grey picture."""
    factor = min(grey.shape) // _ENOUGH
    if factor > 1:
        size = (max(1, grey.shape[1] // factor), max(1, grey.shape[0] // factor))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    small = Image.fromarray(grey).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    waves = _COSINES @ np.asarray(small, np.float64) @ _COSINES.T
    # Mirroring a picture turns the sign of its odd horizontal frequencies and changes nothing else.
    mirrored = waves * np.where(np.arange(_LOW) % 2, -1.0, 1.0)
    return _hex_of(waves), _hex_of(mirrored)


def _hex_of(waves: NDArray[np.float64]) -> str:
    rounded = waves.round(_NOISE_DIGITS)
    return np.packbits(rounded > np.median(rounded)).tobytes().hex()


def pack_hashes(hashes: Sequence[str]) -> NDArray[np.uint64]:
    """16 hex digits each to an (n,) uint64 array; ValueError for anything else."""
    if any(len(one) != 16 for one in hashes):
        raise ValueError("a perceptual hash is 16 hex digits")
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=">u8").astype(np.uint64)


def hamming(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Number of differing bits, elementwise with broadcasting: 0 to 64."""
    distance: NDArray[np.uint8] = np.bitwise_count(first ^ second)
    return distance
