"""From pixels to the network's input, for training and for prediction side by side. NumPy and OpenCV only.

Prediction uses the evaluation transform of this file, so what is measured is what is served.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

# Part of every cache key: raise it when a transform gives other numbers than before.
PREPROCESS_VERSION = 1
# How a picture is made square: its centred square alone, or the whole of it, pressed together. A bundle names the rule.
CENTRE, WHOLE = "centre", "whole"
RULES = {CENTRE: "centre_square_area", WHOLE: "whole_area"}

# The smallest random crop's share of the largest square's area.
_SMALLEST_CROP = 0.7
# Luma of ITU-R BT.601, the first row of YIQ.
_LUMA = (0.299, 0.587, 0.114)
_TO_YIQ = np.array([_LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)
# How far colours are moved: factors around 1, and a part of a whole turn of the hue.
_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE_TURN = 0.25, 0.25, 0.3, 0.02


@dataclass(frozen=True)
class Preprocess:
    """How a picture becomes input: made square (see `RULES`), resized, then (x / 255 - mean) / std per channel."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    framing: str = CENTRE

    def to_json(self) -> dict[str, Any]:
        """The content of a bundle's preprocess.json."""
        return {
            "version": PREPROCESS_VERSION,
            "size": self.size,
            "resize": RULES[self.framing],
            "channels": "RGB",
            "mean": list(self.mean),
            "std": list(self.std),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preprocess:
        """Read preprocess.json. ValueError where this program would prepare pictures otherwise."""
        framings = {rule: framing for framing, rule in RULES.items()}
        framing = framings.get(str(data.get("resize")))
        if data.get("version") != PREPROCESS_VERSION or framing is None or data.get("channels") != "RGB":
            raise ValueError("the pictures would have to be prepared in a way this program does not know")
        mean, std = (tuple(float(value) for value in data[name]) for name in ("mean", "std"))
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError("mean and std must have three numbers each, std above 0")
        return cls(int(data["size"]), _triple(mean), _triple(std), framing)

    def picture(self, pixels: Pixels) -> Pixels:
        """An upright picture (h, w, 3) as the network is to see it, (size, size, 3), before normalisation."""
        return eval_picture(pixels, self.size, self.framing)

    def fill(self, picture: Pixels, out: NDArray[np.float32]) -> None:
        """Write one (size, size, 3) picture into `out` (3, size, size), normalised."""
        for channel in range(3):
            scale = 1 / (255 * self.std[channel])
            np.multiply(picture[:, :, channel], scale, out=out[channel], dtype=np.float32)
            out[channel] -= self.mean[channel] / self.std[channel]

    def batch(self, pictures: list[Pixels]) -> NDArray[np.float32]:
        """Pictures (size, size, 3) -> (n, 3, size, size) float32."""
        out = np.empty((len(pictures), 3, self.size, self.size), np.float32)
        for picture, place in zip(pictures, out, strict=True):
            self.fill(picture, place)
        return out


def eval_picture(pixels: Pixels, size: int, framing: str = CENTRE) -> Pixels:
    """The centred square of an upright picture (h, w, 3), or the whole of it, resized to (size, size, 3)."""
    if framing == WHOLE:
        return resize(pixels, size)
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(pixels[top : top + side, left : left + side], size)


def kept_picture(pixels: Pixels, size: int, augment: str, framing: str = CENTRE) -> Pixels:
    """What `train_picture` needs of a photo again and again: without crops the evaluation picture itself, else the
    whole photo, shrunk as far as its smallest crop keeps `size` pixels a side.
    """
    if not crops(augment):
        return eval_picture(pixels, size, framing)
    height, width = pixels.shape[:2]
    share = roomy_side(size) / min(height, width)
    if share >= 1:
        return pixels
    shape = (round(width * share), round(height * share))
    return cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def crops(augment: str) -> bool:
    """Whether this augmentation cuts random squares out of the whole photo."""
    return augment.startswith("crops")


def roomy_side(size: int) -> int:
    """The shorter side in pixels of a photo whose smallest random crop has `size` pixels a side."""
    return math.ceil(size / math.sqrt(_SMALLEST_CROP))


def train_picture(
    pixels: Pixels,
    size: int,
    rng: np.random.Generator,
    augment: str,
    framing: str = CENTRE,
    *,
    quick: bool = False,
) -> Pixels:
    """A random variant of an upright picture as (size, size, 3).

    `crops_flips`: a square of 70 to 100 % of the largest square's area, anywhere, mirrored by chance both ways (a
    crop of that share and of the photo's own shape with the framing `whole`); `crops_flips_colour`: the same, its
    light and colours moved a little; `flips`: the evaluation picture mirrored by chance both ways; `none`: the
    evaluation picture.

    With `quick` crops are resized bilinearly, in a fifth of the time: meant for a `kept_picture`, whose crops are at
    most a fifth larger than `size`, so that every pixel still counts.
    """
    if augment == "none":
        return eval_picture(pixels, size, framing)
    if augment == "flips":
        return random_flips(eval_picture(pixels, size, framing), rng)
    picture = random_crop(pixels, size, rng, framing, quick=quick)
    # Colours last: what `crops_flips` draws stays what it was, and so do the caches filled with it.
    return random_colours(picture, rng) if augment == "crops_flips_colour" else picture


def random_crop(
    pixels: Pixels, size: int, rng: np.random.Generator, framing: str = CENTRE, *, quick: bool = False
) -> Pixels:
    """70 to 100 % of the area of the largest square (or of the whole), anywhere, flipped by chance, (size, size, 3)."""
    height, width = pixels.shape[:2]
    share = float(np.sqrt(rng.uniform(_SMALLEST_CROP, 1.0)))
    shape = (height, width) if framing == WHOLE else (min(height, width),) * 2
    rows, columns = (max(1, round(side * share)) for side in shape)
    top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
    return random_flips(resize(pixels[top : top + rows, left : left + columns], size, quick=quick), rng)


def random_colours(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Brightness, contrast, saturation and hue of an RGB picture moved by chance, (h, w, 3) uint8.

    All four are linear, so one matrix does them in one pass: contrast pulls to the mean grey of the picture,
    saturation to each pixel's own grey, hue turns the plane of colours in YIQ.
    """
    brightness, contrast, saturation = (
        float(rng.uniform(1 - reach, 1 + reach)) for reach in (_BRIGHTNESS, _CONTRAST, _SATURATION)
    )
    angle = 2 * np.pi * float(rng.uniform(-_HUE_TURN, _HUE_TURN))
    cosine, sine = saturation * np.cos(angle), saturation * np.sin(angle)
    turn = np.array([(1, 0, 0), (0, cosine, -sine), (0, sine, cosine)])
    matrix = brightness * contrast * (_FROM_YIQ @ turn @ _TO_YIQ)
    grey = float(np.dot(cv2.mean(picture)[:3], _LUMA))
    offset = np.full((3, 1), brightness * (1 - contrast) * grey)
    return np.asarray(cv2.transform(picture, np.hstack([matrix, offset])), np.uint8)


def random_flips(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Mirrored left to right with chance one half, upside down with chance one half."""
    horizontal, vertical = rng.random(2) < 0.5
    return flip(picture, bool(horizontal), bool(vertical))


def flip(picture: Pixels, horizontal: bool, vertical: bool) -> Pixels:
    """The picture mirrored left to right and/or upside down; itself without either."""
    if not (horizontal or vertical):
        return picture
    # Of OpenCV rather than a view: what reads the picture next reads it forwards, several times as fast.
    code = -1 if horizontal and vertical else int(horizontal)
    return cv2.flip(picture, code).astype(np.uint8, copy=False)


def resize(picture: Pixels, size: int, *, quick: bool = False) -> Pixels:
    """To (size, size, 3): by area when both sides shrink, bilinear when one grows or with `quick`."""
    if picture.shape[:2] == (size, size):
        return picture
    method = cv2.INTER_AREA if min(picture.shape[:2]) >= size and not quick else cv2.INTER_LINEAR
    return cv2.resize(picture, (size, size), interpolation=method).astype(np.uint8, copy=False)


def _triple(values: tuple[float, ...]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue
