"""Mean and std of a data set's channels from per-photo sums. Standard library only.

Sums add up, so what was kept when a photo was prepared gives the exact figures of any set of photos without
reading one again. Two estimators: the exact one over all pixels, and the usual loop's (the mean of per-photo
values), which weighs a small photo like a large one and leaves the spread between photos out of the std.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml.durable import write_atomic

FORMAT = "sortyard-statistics"
VERSION = 1
CHANNELS = 3

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Moments:
    """Per channel (r, g, b) in 0..1. `seed_mean`, `seed_std`: means of the per-photo means and stds."""

    images: int
    mean: Triple
    std: Triple
    seed_mean: Triple
    seed_std: Triple

    def as_json(self) -> dict[str, Any]:
        """As `ml stats` prints it, and as it stands in a statistics file."""
        return {
            "images": self.images,
            "mean": list(self.mean),
            "std": list(self.std),
            "seed_estimator": {"mean": list(self.seed_mean), "std": list(self.seed_std)},
        }

    def write(self, path: Path) -> None:
        """Write a statistics file durably. StoreFull on a full disk."""
        content = {"format": FORMAT, "version": VERSION, **self.as_json()}
        write_atomic(path, json.dumps(content, sort_keys=True).encode())

    @classmethod
    def read(cls, path: Path) -> Moments:
        """Read a statistics file. FileNotFoundError, or ValueError where it is no such file."""
        try:
            content = json.loads(path.read_bytes())
            if (content["format"], content["version"]) != (FORMAT, VERSION):
                raise ValueError("another format or version")
            seed = content["seed_estimator"]
            pairs = (content["mean"], content["std"], seed["mean"], seed["std"])
            return cls(int(content["images"]), *(_triple(values) for values in pairs))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no statistics file that this program reads: {error}") from error


@dataclass(slots=True)
class Tally:
    """Running sums over photos; those of several threads or processes can be added."""

    images: int = 0
    pixels: int = 0
    total: list[float] = field(default_factory=lambda: [0.0] * CHANNELS)
    squares: list[float] = field(default_factory=lambda: [0.0] * CHANNELS)
    means: list[float] = field(default_factory=lambda: [0.0] * CHANNELS)
    stds: list[float] = field(default_factory=lambda: [0.0] * CHANNELS)

    def add(self, n: int, total: Sequence[float], squares: Sequence[float]) -> None:
        """A photo of `n` pixels with the sums and the sums of squares of its channels in 0..1."""
        self.images += 1
        self.pixels += n
        for channel in range(CHANNELS):
            mean = total[channel] / n
            # torch's std, which the usual loop calls, divides by n - 1.
            variance = max(0.0, squares[channel] / n - mean * mean) * n / max(1, n - 1)
            self.total[channel] += total[channel]
            self.squares[channel] += squares[channel]
            self.means[channel] += mean
            self.stds[channel] += math.sqrt(variance)

    def merge(self, other: Tally) -> None:
        """Add the photos of another tally."""
        self.images += other.images
        self.pixels += other.pixels
        for mine, theirs in (
            (self.total, other.total),
            (self.squares, other.squares),
            (self.means, other.means),
            (self.stds, other.stds),
        ):
            for channel in range(CHANNELS):
                mine[channel] += theirs[channel]

    def moments(self) -> Moments:
        """The figures of everything added; ValueError where that is nothing."""
        if not self.images:
            raise ValueError("there are no photos to take the mean of")
        mean = [value / self.pixels for value in self.total]
        std = [
            math.sqrt(max(0.0, square / self.pixels - centre * centre))
            for square, centre in zip(self.squares, mean, strict=True)
        ]
        return Moments(
            images=self.images,
            mean=_triple(mean),
            std=_triple(std),
            seed_mean=_triple([value / self.images for value in self.means]),
            seed_std=_triple([value / self.images for value in self.stds]),
        )


def _triple(values: Sequence[float]) -> Triple:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
