"""Which places lie inside an area that a person drew."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

Corner = tuple[float, float]

MOST_CORNERS = 500
# 100,000 places against a lasso of 100 corners are ten million comparisons: of each place only the edges at its height
# are asked, and most heights have two.
_BANDS = 256


class Box(NamedTuple):
    """Bounds of a part of the map, all included."""

    left: float
    top: float
    right: float
    bottom: float

    def widened(self, share: float) -> Box:
        """By a share of its width and height on each side."""
        dx, dy = share * (self.right - self.left), share * (self.bottom - self.top)
        return Box(self.left - dx, self.top - dy, self.right + dx, self.bottom + dy)

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom


class AreaError(ValueError):
    """These corners make no area."""


class Area:
    """A polygon, closed by itself; where its edges cross, what is inside an odd number of times is inside."""

    def __init__(self, corners: Sequence[Corner]) -> None:
        """AreaError for fewer than three corners, or too many."""
        if not 3 <= len(corners) <= MOST_CORNERS:
            raise AreaError(f"{len(corners)} corners")
        if not all(isfinite(number) for corner in corners for number in corner):
            raise AreaError("a corner that is nowhere")
        xs, ys = [x for x, _y in corners], [y for _x, y in corners]
        self.box = Box(min(xs), min(ys), max(xs), max(ys))
        self._is_box = set(corners) == {(x, y) for x in (min(xs), max(xs)) for y in (min(ys), max(ys))}
        self._height = (self.box.bottom - self.box.top) or 1.0
        self._bands: list[list[tuple[float, float, float, float]]] = [[] for _ in range(_BANDS)]
        for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if y1 != y2:
                edge = (x1, y1, x2, y2) if y1 < y2 else (x2, y2, x1, y1)
                for band in range(self._band(edge[1]), self._band(edge[3]) + 1):
                    self._bands[band].append(edge)

    def _band(self, y: float) -> int:
        return min(_BANDS - 1, max(0, int((y - self.box.top) / self._height * _BANDS)))

    def contains(self, x: float, y: float) -> bool:
        """Of a place within the bounds, by the crossings of a ray to the left; a rectangle's edges belong to it."""
        if self._is_box:
            return True
        inside = False
        for x1, y1, x2, y2 in self._bands[self._band(y)]:
            if y1 <= y < y2 and x1 + (y - y1) * (x2 - x1) / (y2 - y1) < x:
                inside = not inside
        return inside
