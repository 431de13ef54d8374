"""Perceptual hashes of 64 bits: imagehash's `phash` of a picture and of its mirror image.

The value is that of `imagehash.phash(image)` where the short side is below 1,024 px, but for a bit that
rounding turns in one photo of two hundred; larger pictures are first shrunk by whole factors for speed, which
moves a bit or two.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE, _LOW = 32, 8
_ENOUGH = 512
_LOBES = 3
# The 2-D cosine transform (type II) of the 8 lowest frequencies as a matrix; its scale drops out, since a bit
# only says whether a coefficient lies above the median of all 64.
_COSINES = np.cos(np.pi * np.arange(_LOW)[:, None] * (2 * np.arange(_SIDE)[None, :] + 1) / (2 * _SIDE))
# Below this a coefficient of 8-bit pixels is rounding noise: flat pictures must hash alike every time.
_NOISE_DIGITS = 6


def grey_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 RGB to (h, w) uint8 luma (ITU-R 601, as Pillow's `L` but for rounding)."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def perceptual_hashes(grey: NDArray[np.uint8]) -> tuple[str, str]:
    """(phash, phash of the mirrored picture), 16 hex digits each, of an (h, w) uint8 grey picture."""
    factor = min(grey.shape) // _ENOUGH
    if factor > 1:
        size = (max(1, grey.shape[1] // factor), max(1, grey.shape[0] // factor))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    waves = _COSINES @ _thumbnail(grey) @ _COSINES.T
    # Mirroring a picture turns the sign of its odd horizontal frequencies and changes nothing else.
    mirrored = waves * np.where(np.arange(_LOW) % 2, -1.0, 1.0)
    return _hex_of(waves), _hex_of(mirrored)


def _thumbnail(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """32 x 32 by Pillow's Lanczos filter: across, then down, rounded to whole greys after each.

    Two matrix products; the same numbers as `Image.resize` in half the time.
    """
    height, width = grey.shape
    across = _whole(grey.astype(np.float32) @ _lanczos(width).T)
    return _whole(_lanczos(height) @ across).astype(np.float64)


def _whole(values: NDArray[np.float32]) -> NDArray[np.float32]:
    rounded: NDArray[np.float32] = np.clip(np.floor(values + np.float32(0.5)), 0, 255)
    return rounded


@lru_cache(maxsize=64)
def _lanczos(length: int) -> NDArray[np.float32]:
    """(32, length) float32: the weights with which Pillow's Lanczos filter makes 32 samples of `length`."""
    scale = length / _SIDE
    stretch = max(scale, 1.0)
    centres = (np.arange(_SIDE)[:, None] + 0.5) * scale
    reach = _LOBES * stretch
    places = np.arange(length)[None, :]
    first = np.maximum(np.floor(centres - reach + 0.5), 0)
    last = np.minimum(np.floor(centres + reach + 0.5), length)
    x = (places - centres + 0.5) / stretch
    weights = np.where(np.abs(x) < _LOBES, np.sinc(x) * np.sinc(x / _LOBES), 0.0)
    weights = np.where((places >= first) & (places < last), weights, 0.0)
    normal: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normal


def _hex_of(waves: NDArray[np.float64]) -> str:
    rounded = waves.round(_NOISE_DIGITS)
    ordered = np.sort(rounded, axis=None)
    # np.median does the same at ten times the cost for so few numbers.
    median = (ordered[ordered.size // 2 - 1] + ordered[ordered.size // 2]) / 2
    return np.packbits(rounded > median).tobytes().hex()


def pack_hashes(hashes: Sequence[str]) -> NDArray[np.uint64]:
    """16 hex digits each to an (n,) uint64 array; ValueError for anything else."""
    if any(len(one) != 16 for one in hashes):
        raise ValueError("a perceptual hash is 16 hex digits")
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=">u8").astype(np.uint64)


def hamming(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Number of differing bits, elementwise with broadcasting: 0 to 64."""
    distance: NDArray[np.uint8] = np.bitwise_count(first ^ second)
    return distance
