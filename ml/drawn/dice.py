"""Seeded choices: every random decision of a drawing goes through one `Dice`."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Colour = tuple[float, float, float]  # sRGB, each 0 to 1
Plane = npt.NDArray[Any]  # float32, (rows, columns)


class Dice:
    """A generator whose answers are plain Python numbers, so that float32 planes stay float32."""

    def __init__(self, *seed: int) -> None:
        self._rng = np.random.default_rng(list(seed))

    def between(self, low: float, high: float) -> float:
        return float(self._rng.uniform(low, high))

    def normal(self, mean: float, deviation: float) -> float:
        return float(self._rng.normal(mean, deviation))

    def count(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(self._rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return bool(self._rng.random() < probability)

    def pick(self, choices: Sequence[T], weights: Sequence[float] | None = None) -> T:
        if weights is None:
            return choices[int(self._rng.integers(len(choices)))]
        total = sum(weights)
        return choices[int(self._rng.choice(len(choices), p=[w / total for w in weights]))]

    def angle(self) -> float:
        return self.between(-math.pi, math.pi)

    def order(self, n: int) -> list[int]:
        """The numbers below `n` in random order."""
        return [int(i) for i in self._rng.permutation(n)]

    def noise(self, shape: tuple[int, ...]) -> Plane:
        """Independent normal values, float32, of the given shape."""
        return self._rng.standard_normal(shape, dtype=np.float32)

    def near(self, colour: Colour, spread: float = 0.06) -> Colour:
        """A colour close to the given one: hue moves half as much as saturation and value."""
        hue, saturation, value = colorsys.rgb_to_hsv(*colour)
        return colorsys.hsv_to_rgb(
            (hue + self.between(-spread, spread) * 0.35) % 1.0,
            min(1.0, max(0.0, saturation + self.between(-spread, spread))),
            min(1.0, max(0.0, value + self.between(-spread, spread))),
        )

    def hsv(
        self, hue: tuple[float, float], saturation: tuple[float, float], value: tuple[float, float]
    ) -> Colour:
        """A colour whose hue, saturation and value lie in the given ranges (hue may wrap past 1)."""
        return colorsys.hsv_to_rgb(self.between(*hue) % 1.0, self.between(*saturation), self.between(*value))
