"""Pictures of quite another kind than any data set of photos: noise, drawn screens, clothes at 28 pixels."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ml.training.transforms import Pixels

# Where Debian's package dataset-fashion-mnist puts them (Xiao et al. 2017).
FASHION_FILE = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
FASHION_MISSING = "the Debian package dataset-fashion-mnist is not installed"

_SIDE = 224
_IDX_HEADER = 16
_IDX_MAGIC = b"\0\0\x08\x03"  # unsigned bytes in three dimensions
_WORDS = [
    "file",
    "edit",
    "view",
    "run",
    "model",
    "photo",
    "label",
    "class",
    "help",
    "window",
    "search",
    "settings",
    "total",
    "report",
    "error",
    "status",
    "done",
    "next",
    "save",
    "open",
    "image",
    "train",
    "folder",
    "inbox",
    "review",
    "export",
    "publish",
]

Colour = tuple[int, int, int]


def far_pictures(count: int, seed: int) -> tuple[dict[str, list[Pixels]], dict[str, str]]:
    """`count` pictures (h, w, 3) of each kind, and the kinds left out with the reason."""
    rng = np.random.default_rng([seed, count])
    found = {
        "uniform_noise": [rng.integers(0, 256, (_SIDE, _SIDE, 3), np.uint8) for _ in range(count)],
        "gaussian_noise": [_gaussian(rng) for _ in range(count)],
        "screenshots": [screenshot(rng) for _ in range(count)],
    }
    if not FASHION_FILE.is_file():
        return found, {"fashion_mnist": FASHION_MISSING}
    found["fashion_mnist"] = _fashion(count, rng)
    return found, {}


def _gaussian(rng: np.random.Generator) -> Pixels:
    """Independent pixels about a mean colour."""
    mean, spread = rng.uniform(60, 200, 3), rng.uniform(20, 80)
    return np.asarray(np.clip(rng.normal(mean, spread, (_SIDE, _SIDE, 3)), 0, 255), np.uint8)


def _fashion(count: int, rng: np.random.Generator) -> list[Pixels]:
    with gzip.open(FASHION_FILE) as file:
        data = file.read()
    if data[:4] != _IDX_MAGIC:
        raise ValueError(f"{FASHION_FILE} is no idx file of pictures")
    pictures = np.frombuffer(data[_IDX_HEADER:], np.uint8).reshape(-1, 28, 28)
    rows = rng.choice(len(pictures), count, replace=False)
    return [np.repeat(pictures[row][:, :, None], 3, axis=2) for row in rows]


def screenshot(rng: np.random.Generator) -> Pixels:
    """A drawn window: a bar, perhaps a side panel, lines of words, buttons and boxes; wide or tall, light or dark."""
    width, height = ((512, 384), (384, 640))[int(rng.integers(2))]
    is_dark = rng.random() < 0.3
    ground = _colour(rng, 15, 50) if is_dark else _colour(rng, 235, 256)
    ink: Colour = (225, 225, 225) if is_dark else (35, 35, 40)
    accent = _colour(rng, 0, 256)
    image = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=int(rng.integers(10, 17)))
    draw.rectangle((0, 0, width, 28), fill=accent)
    panel = int(rng.integers(0, 140))
    if panel > 60:
        draw.rectangle((0, 28, panel, height), fill=tuple(max(0, part - 15) for part in ground))
    top = 40
    while top < height - 20:
        kind, left = rng.random(), panel + 12
        if kind < 0.65:
            draw.text((left, top), " ".join(_words(rng, int(rng.integers(3, 12)))), fill=ink, font=font)
            top += 18
        elif kind < 0.8:
            for place in range(int(rng.integers(1, 4))):
                box = (left + 95 * place, top, left + 95 * place + 85, top + 24)
                draw.rounded_rectangle(box, 5, fill=accent if rng.random() < 0.5 else None, outline=ink)
                draw.text((box[0] + 8, top + 5), _words(rng, 1)[0], fill=ink, font=font)
            top += 34
        else:
            tall = int(rng.integers(30, 90))
            draw.rectangle((left, top, left + int(rng.integers(80, 300)), top + tall), outline=ink)
            top += tall + 10
    return np.asarray(image)


def _colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    red, green, blue = (int(part) for part in rng.integers(low, high, 3))
    return red, green, blue


def _words(rng: np.random.Generator, count: int) -> list[str]:
    return [_WORDS[place] for place in rng.integers(0, len(_WORDS), count)]
